"""Tables of a network that pandapower wrote as JSON.

pandapower writes data frames as text within the text, in one of several layouts; everything here reads them
without pandapower or pandas.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tidewatt.errors import Issue

__all__ = ["Row", "Tables", "read_tables"]

_REMEDY = "Write the network with pandapower.to_json(net, FILE), of pandapower 2 or newer"
_SHOWN = 5


class Row(Mapping[str, Any]):
    """One element: cells by column, null and missing ones alike."""

    __slots__ = ("cells", "index")

    def __init__(self, index: int, cells: Mapping[str, Any]) -> None:
        self.index, self.cells = index, cells

    def __getitem__(self, name: str) -> Any:
        return self.cells[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.cells)

    def __len__(self) -> int:
        return len(self.cells)

    def number(self, name: str, default: float = math.nan) -> float:
        """A number; the default where the cell is empty or none."""
        value = self.cells.get(name)
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                return default
        return default if value is None or math.isnan(value) else float(value)

    def whole(self, name: str) -> int:
        """A whole number such as a bus; -1 where there is none."""
        value = self.number(name)
        return int(value) if value == value and value % 1 == 0 else -1

    def says(self, name: str, default: bool) -> bool:
        """A flag."""
        value = self.cells.get(name)
        return default if value is None else bool(value)

    def text(self, name: str) -> str:
        """A text in lower case, empty where there is none."""
        value = self.cells.get(name)
        return value.lower() if isinstance(value, str) else ""


class Tables:
    """Tables by name, with the issues found in their cells.

    Attributes
    ----------
    file : str
        Name of the file.
    issues : list of Issue
    """

    def __init__(self, file: str, issues: list[Issue]) -> None:
        self.file, self.issues = file, issues
        self.content: dict[str, Any] = {}
        self._read: dict[str, list[Row]] = {}
        self._bad: dict[tuple[str, str, str], list[tuple[int, object]]] = {}

    def rows(self, table: str) -> list[Row]:
        """Elements of a table; none where it is not there."""
        if table not in self._read:
            self._read[table] = [] if table not in self.content else self._rows(table)
        return self._read[table]

    def in_service(self, table: str) -> list[Row]:
        """Elements that are in service."""
        return [row for row in self.rows(table) if row.says("in_service", True)]

    def number(self, table: str, row: Row, name: str, wanted: str, least: float = -math.inf) -> float:
        """A number that must be there; an issue where it is none or below `least`."""
        value = row.number(name)
        if not (math.isfinite(value) and value >= least):
            self.bad(table, row, name, wanted)
            return 1.0
        return value

    def bad(self, table: str, row: Row, name: str, wanted: str) -> None:
        """Note a cell that cannot be used; those of a column become one issue."""
        self._bad.setdefault((table, name, wanted), []).append((row.index, row.cells.get(name)))

    def close(self) -> None:
        """Report the cells noted."""
        for (table, name, wanted), cells in self._bad.items():
            first = cells[0][1]
            problem = "the cell is empty" if first is None else f"found {first!r}"
            shown = tuple(str(index) for index, _ in cells[:_SHOWN])
            self.issues.append(
                Issue(self.file, f"{table}.{name}", problem, f"Give {wanted}", shown, len(cells))
            )
        self._bad.clear()

    def _rows(self, table: str) -> list[Row]:
        try:
            return _frame(self.content[table])
        except (ValueError, TypeError, KeyError, AttributeError):
            self.issues.append(Issue(self.file, table, "the table cannot be read", _REMEDY))
            return []


def read_tables(path: Path, issues: list[Issue]) -> Tables:
    """The tables of a file; issues where it is no network of pandapower."""
    tables = Tables(path.name, issues)
    try:
        raw = path.read_bytes()
    except OSError as error:
        problem = f"the file cannot be read ({error.strerror})"
        issues.append(Issue(path.name, "", problem, "Check its name and permissions"))
        return tables
    try:
        content = json.loads(raw.decode("utf-8-sig"))
        while isinstance(content, dict) and "_object" in content:
            content = content["_object"]
            content = json.loads(content) if isinstance(content, str) else content
    except (ValueError, RecursionError):
        issues.append(Issue(path.name, "", "the file is no JSON", _REMEDY))
        return tables
    if not isinstance(content, dict) or "bus" not in content:
        issues.append(Issue(path.name, "", "the file holds no network of pandapower", _REMEDY))
        return tables
    tables.content = content
    if not tables.rows("bus") and not issues:
        issues.append(Issue(path.name, "bus", "the network has no buses", "Give a network with buses"))
    return tables


def _frame(frame: Any) -> list[Row]:
    """Rows of a data frame, whichever layout its text has."""
    if isinstance(frame, Mapping) and "_object" in frame:
        frame = frame["_object"]
    if isinstance(frame, str):
        frame = json.loads(frame)
    if isinstance(frame, list):  # records
        return [Row(k, dict(cells)) for k, cells in enumerate(frame)]
    if {"columns", "index", "data"} <= frame.keys():  # split
        names = frame["columns"]
        return [
            Row(int(index), dict(zip(names, cells, strict=True)))
            for index, cells in zip(frame["index"], frame["data"], strict=True)
        ]
    by_index: dict[int, dict[str, Any]] = {}  # columns
    for name, cells in frame.items():
        for index, cell in cells.items():
            by_index.setdefault(int(index), {})[name] = cell
    return [Row(index, by_index[index]) for index in sorted(by_index)]
