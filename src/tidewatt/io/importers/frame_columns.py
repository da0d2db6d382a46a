"""Columns of a table that may go by several names, checked cell by cell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tidewatt.domain.arrays import Array
from tidewatt.errors import Issue

__all__ = ["FrameColumns"]

_SHOWN = 5
_TRUE, _FALSE = ("true", "1", "1.0", "yes", "t"), ("false", "0", "0.0", "no", "f")


class FrameColumns:
    """A table with its column names in lower case; problems go to the list of issues."""

    def __init__(self, name: str, frame: pd.DataFrame, issues: list[Issue]) -> None:
        self.name, self.issues = name, issues
        self.frame = frame
        self._places = {
            str(column).strip().lower(): k for k, column in reversed(list(enumerate(frame.columns)))
        }
        self.label: Sequence[object] = [f"row {k + 1}" for k in range(len(frame))]

    def __len__(self) -> int:
        return len(self.frame)

    def find(self, *words: str) -> str | None:
        """The first of these names that the table has."""
        return next((word for word in words if word in self._places), None)

    def need(self, meaning: str, *words: str) -> str | None:
        """The same, reported where the table has none of them."""
        found = self.find(*words)
        if found is None:
            there = ", ".join(map(str, self.frame.columns[:8]))
            problem = f"the column is missing (found {there})"
            self.issues.append(Issue(self.name, words[0], problem, f"Add it: {meaning}"))
        return found

    def cells(self, column: str) -> pd.Series:
        """A column as it is."""
        return self.frame.iloc[:, self._places[column]]

    def report(self, column: str, problem: str, fix: str, rows: Array) -> None:
        """Report rows, if there are any."""
        if len(rows):
            shown = tuple(str(self.label[int(row)]) for row in rows[:_SHOWN])
            self.issues.append(Issue(self.name, column, problem, fix, shown, len(rows)))

    def numbers(self, column: str | None) -> Array:
        """A column as float64, nan where empty or absent; cells that are no numbers are reported."""
        if column is None:
            return np.full(len(self), np.nan)
        cells = self.cells(column)
        values = pd.to_numeric(cells, errors="coerce").to_numpy(np.float64)
        wrong = np.flatnonzero((np.isnan(values) & cells.notna().to_numpy()) | np.isinf(values))
        if len(wrong):
            fix = "Write numbers with decimal points and without units"
            self.report(column, f"{str(cells.iloc[wrong[0]])!r} is no number", fix, wrong)
        return np.where(np.isinf(values), np.nan, values)

    def flags(self, column: str | None, default: bool) -> Array:
        """A column of true and false."""
        if column is None:
            return np.full(len(self), default)
        words = self.cells(column).fillna("").astype(str).str.strip().str.lower().to_numpy(object)
        known = np.isin(words.astype(str), (*_TRUE, *_FALSE, ""))
        wrong = np.flatnonzero(~known)
        if len(wrong):
            problem = f"{words[wrong[0]]!r} is neither true nor false"
            self.report(column, problem, "Write true or false", wrong)
        return np.where(words == "", default, np.isin(words.astype(str), _TRUE))

    def ids(self, column: str | None) -> Array:
        """A column of ids as texts, whole numbers without a point; empty where the cell is."""
        if column is None:
            return np.full(len(self), "", object)
        cells = self.cells(column)
        if pd.api.types.is_numeric_dtype(cells):
            values = cells.to_numpy(np.float64)
            texts = [
                "" if np.isnan(v) else str(int(v)) if float(v).is_integer() else str(v)
                for v in values.tolist()
            ]
            return np.asarray(texts, object)
        return np.asarray([str(v).strip() for v in cells.fillna("")], object)

    def own_ids(self, column: str | None) -> Array:
        """Ids that name the rows from now on: empty and repeated ones are reported."""
        ids = self.ids(column)
        if column is None:
            return ids
        self.report(column, "the id is empty", "Fill it, or remove the row", np.flatnonzero(ids == ""))
        self.label = [name or f"row {k + 1}" for k, name in enumerate(ids)]
        again = np.flatnonzero(pd.Series(ids).duplicated().to_numpy() & (ids != ""))
        self.report(column, "the id occurs more than once", "Keep one row for each id", again)
        return ids
