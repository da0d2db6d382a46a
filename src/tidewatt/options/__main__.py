"""Write the tables of options into the documentation pages: ``python -m tidewatt.options docs``.

A table stands between ``<!-- options: SECTION -->`` and ``<!-- end of options -->``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tidewatt.options.declaration import Declared, OptionSet
from tidewatt.options.pages import rewrite, with_texts
from tidewatt.options.studies import STUDIES

__all__ = ["table", "written"]


def table(options: OptionSet[Any]) -> str:
    """Return the table of a study's options."""
    head = ["| option | default | range | flag | meaning |", "|---|---|---|---|---|"]
    return "\n".join(head + [_row(one) for one in options.every.values()]) + "\n"


def written(page: str) -> str:
    """Return a page with its tables regenerated."""
    return with_texts(page, "options", lambda study: table(STUDIES[study]))


def _row(one: Declared) -> str:
    flag = "none" if one.option.scenario_only else f"`{one.flag}`"
    if one.type is bool:
        flag += f", `--no-{one.flag[2:]}`"
    allowed = one.allowed
    if one.number is None:
        allowed = ", ".join(f"`{word}`" for word in one.words or ("true", "false"))
    if one.option.plugins:
        allowed += ", or the name of a [plugin](plugins.md)"
    source = f" ({one.option.source})" if one.option.source else ""
    meaning = f"{one.option.help[:-1]}{source}."
    return f"| `{one.name}` | {one.default} | {allowed} | {flag} | {meaning} |"


if __name__ == "__main__":
    rewrite(Path(sys.argv[1]), written)
