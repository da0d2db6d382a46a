"""How findings on arrays become issues."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.errors import Issue

__all__ = ["Findings", "lengths_differ", "named", "out_of_range", "unique"]

_SHOWN = 5


class Findings:
    """Issues found so far."""

    def __init__(self) -> None:
        self.issues: list[Issue] = []

    def add(
        self, table: str, field: str, problem: str, fix: str, ids: Sequence[str] = (), count: int = 1
    ) -> None:
        """Report one problem."""
        self.issues.append(Issue(table, field, problem, fix, tuple(ids), count))

    def rows(
        self,
        table: str,
        field: str,
        problem: str,
        fix: str,
        rows: Sequence[int] | Array,
        who: Callable[[int], str],
    ) -> None:
        """Report rows, if any, under the names that `who` gives them."""
        if len(rows):
            self.add(table, field, problem, fix, [who(int(row)) for row in rows[:_SHOWN]], len(rows))

    def values(
        self,
        table: str,
        field: str,
        values: Array,
        rows: Array,
        allowed: str,
        fix: str,
        who: Callable[[int], str],
    ) -> None:
        """Report rows with the values found there and what is allowed."""
        found = list(dict.fromkeys(f"{values[row]:g}" for row in rows[:_SHOWN]))
        self.rows(table, field, f"found {', '.join(found)} (allowed: {allowed})", fix, rows, who)

    def within(
        self,
        table: str,
        field: str,
        values: Array,
        low: float,
        high: float,
        allowed: str,
        fix: str,
        who: Callable[[int], str],
        *,
        low_open: bool = False,
        inf_allowed: bool = False,
    ) -> None:
        """Report values that are not finite or not within bounds."""
        if not len(values):
            return
        # Two reductions, without a temporary, settle the usual case; nan makes them nan.
        least, most = float(values.min()), float(values.max())
        top = high if inf_allowed else min(high, math.nextafter(math.inf, 0))
        if (least > low if low_open else least >= low) and most <= top:
            return
        if math.isinf(high) and not inf_allowed:
            allowed += " and finite"
        good = (values > low if low_open else values >= low) & (values <= top)
        self.values(table, field, values, np.flatnonzero(~good), allowed, fix, who)


def named(ids: Array) -> Callable[[int], str]:
    """Return a function that names rows that have ids of their own."""
    return lambda row: str(ids[row])


def unique(report: Findings, table: str, column: str, ids: Array) -> None:
    """Report ids that occur more than once."""
    if len(set(ids.tolist())) == len(ids):
        return
    seen: set[object] = set()
    again = []
    for row, name in enumerate(ids.tolist()):
        if name in seen:
            again.append(row)
        seen.add(name)
    report.rows(table, column, "the id occurs more than once", "Keep one row for each id", again, named(ids))


def lengths_differ(report: Findings, table: str, part: object, names: Iterable[str], rows: int) -> None:
    """Report arrays of a part that do not have one value per row."""
    for name in names:
        shape = getattr(part, name).shape
        if shape != (rows,):
            report.add(table, name, f"the array has the shape {shape}", f"Give one value per row: ({rows},)")


def out_of_range(
    report: Findings, table: str, name: str, index: Array, elements: int, *, none: bool = False
) -> None:
    """Report indices that refer to nothing; `none` allows -1."""
    bad = np.flatnonzero((index < -int(none)) | (index >= elements))
    if len(bad):
        fix = "Give an index of an element" + (", or -1 for none" if none else "")
        rows = [f"row {row}" for row in bad[:_SHOWN]]
        report.add(
            table, name, f"index {index[bad[0]]} is outside the {elements} elements", fix, rows, len(bad)
        )
