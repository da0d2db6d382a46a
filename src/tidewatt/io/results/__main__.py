"""Write the tables of results into the pages of the documentation: ``python -m tidewatt.io.results docs``.

What results of a study consist of stands between ``<!-- results: STUDY -->`` and ``<!-- end of results -->``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tidewatt.io.results.folder import KINDS, specification
from tidewatt.io.results.specification import ResultColumn, ResultSpecification
from tidewatt.options.pages import rewrite, with_texts

__all__ = ["described", "written"]

_ROWS = {"json": "key", "nc": "variable"}


def described(spec: ResultSpecification) -> str:
    """Return what the data dictionary says of a study's results."""
    parts = [f"## Results of `{spec.study}`", spec.about]
    for file in spec.files:
        parts += [f"### {file.heading or f'`{file.name}`'}", file.about]
        parts += _table(_ROWS.get(file.format, "column"), file.columns)
        for about, row, columns in file.parts:
            parts += [about, *_table(row, columns)]
        parts.append(file.after)
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(first: str, columns: Sequence[ResultColumn]) -> Iterator[str]:
    """Yield a table without its empty columns."""
    if not columns:
        return
    cells = {
        first: [f"`{column.name}`" for column in columns],
        "dimensions": [column.dims for column in columns],
        "unit": [column.unit_or_type for column in columns],
        "range": [column.allowed for column in columns],
        "meaning": [column.meaning for column in columns],
    }
    shown = {head: column for head, column in cells.items() if head == "meaning" or any(column)}
    lines = [list(shown), *map(list, zip(*shown.values(), strict=True))]
    rows = ["|" + "|".join(f" {cell} " if cell else " " for cell in line) + "|" for line in lines]
    yield "\n".join([rows[0], "|" + "---|" * len(shown), *rows[1:]])


def written(page: str) -> str:
    """Return a page with its text about results regenerated."""
    texts = {spec.study: described(spec) for spec in map(specification, KINDS)}
    return with_texts(page, "results", texts.__getitem__)


if __name__ == "__main__":
    rewrite(Path(sys.argv[1]), written)
