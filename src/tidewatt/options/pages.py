"""Tables in the documentation pages that are generated from declarations.

Such a text stands between ``<!-- WORD: NAME -->`` and ``<!-- end of WORD -->``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

__all__ = ["rewrite", "with_texts"]


def with_texts(page: str, word: str, text: Callable[[str], str]) -> str:
    """Return a page with its marked texts regenerated.

    Parameters
    ----------
    page : str
    word : str
        What the marks are of, such as ``options``.
    text : callable
        From the name in a mark to its text.
    """
    block = re.compile(rf"(<!-- {word}: (\w+) -->\n).*?(<!-- end of {word} -->)", re.S)
    return block.sub(lambda found: f"{found[1]}{text(found[2])}{found[3]}", page)


def rewrite(folder: Path, written: Callable[[str], str]) -> None:
    """Regenerate the pages of a folder where they change, and print their names."""
    for path in sorted(folder.glob("*.md")):
        now = path.read_text("utf-8")
        if (then := written(now)) != now:
            path.write_text(then, "utf-8")
            print(path)
