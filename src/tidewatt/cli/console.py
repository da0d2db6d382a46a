"""Where messages go: results to standard output, everything else to standard error."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tidewatt.errors import Issue

__all__ = [
    "issue_record",
    "print_files",
    "print_issues",
    "print_json",
    "print_table",
    "say",
    "width",
    "wrapped",
]

_QUANTITY = re.compile(r"(\d) (?=%|[kMG]Wh?\b)")
_NARROW = 72  # columns below which tables do not fit
_SHOWN = 50  # issues listed one by one before the rest is only counted


def width() -> int:
    """Return the width to write in: that of the terminal or of ``COLUMNS``, else 80; at most 120."""
    return max(min(shutil.get_terminal_size((80, 24)).columns, 120), 20)


def wrapped(text: str, indent: str = "") -> str:
    """Wrap text into lines of `width`, keeping numbers with their units and long words whole."""
    held = _QUANTITY.sub("\\1\0", text)
    lines = textwrap.fill(
        held, width(), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return lines.replace("\0", " ")


def say(text: str, *, indent: str = "") -> None:
    """Print a message to standard error: wrapped on a terminal, on one line elsewhere."""
    if sys.stderr.isatty():
        text = wrapped(text, indent)
    print(text, file=sys.stderr, flush=True)


def print_json(figures: Mapping[str, Any]) -> None:
    """Print one JSON object on standard output; numbers that are not finite become null."""
    print(json.dumps(_plain(figures), allow_nan=False, ensure_ascii=False, indent=1), flush=True)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if hasattr(value, "item"):  # a numpy scalar
        value = value.item()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def print_issues(issues: Iterable[Issue], headline: str) -> None:
    """Print every issue, one paragraph each: table, column, ids, value and remedy."""
    listed = list(issues)
    say(headline)
    for issue in listed[:_SHOWN]:
        say(f"  - {issue}", indent="    ")
    if len(listed) > _SHOWN:
        say(f"  ... and {len(listed) - _SHOWN} more: fix these first, then check again.")


def issue_record(issue: Issue) -> dict[str, Any]:
    """Return an issue as a JSON object."""
    return {
        "table": issue.table,
        "field": issue.field,
        "ids": list(issue.ids),
        "count": issue.count,
        "problem": issue.problem,
        "fix": issue.fix,
    }


def print_files(files: Mapping[str, Path | Iterable[Path]]) -> None:
    """Print where files are: one line each, pictures by name."""
    print()
    for label, where in files.items():
        paths: list[Any] = [where] if isinstance(where, Path) else list(where)
        if len(paths) == 1:
            print(f"{label}: {paths[0]}")
        elif paths:
            print(f"{label}:")
            for path in paths:
                print(f"  {path}")


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    title: str = "",
    left: Collection[int] = (0,),
    narrow: int = _NARROW,
) -> None:
    """Print a table, or row by row where the terminal is narrow.

    Parameters
    ----------
    columns : sequence of str
        Heads.
    rows : sequence of sequence of str
        Cells; the first one names the row.
    title : str
        Above the table.
    left : collection of int
        Columns whose cells stand on the left.
    narrow : int
        Columns of the terminal below which the table does not fit.
    """
    if title:
        print()
    if width() < narrow:
        if title:
            print(textwrap.fill(title, width()))
        for label, *cells in rows:
            said = "; ".join(f"{name} {cell}" for name, cell in zip(columns[1:], cells, strict=True) if cell)
            print(textwrap.fill(f"{label.strip()}: {said}", width(), subsequent_indent="    "))
        print()
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(title) if title else None, title_justify="left", box=box.SIMPLE_HEAVY, title_style="bold"
    )
    for number, name in enumerate(columns):
        table.add_column(Text(name), justify="left" if number in left else "right", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console(width=width(), highlight=False).print(table)
