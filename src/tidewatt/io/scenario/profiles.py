"""Tables with one row per step, arranged by owner and step; gaps and repetitions are reported."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.errors import Issue
from tidewatt.io.scenario.tables import SHOWN, ScenarioTable

__all__ = ["laid_out", "report_gaps", "step_numbers", "whole_numbers"]

_MOST = 1e15


def whole_numbers(table: ScenarioTable, name: str, allowed: str, *, stand_in: int = 1) -> Array:
    """Return a column as int64; cells without an integer are reported and get a placeholder."""
    values = table.numbers(name)
    whole = np.isfinite(values) & (np.abs(values) <= _MOST)
    whole &= values == np.round(np.where(whole, values, 0.0))
    bad = np.flatnonzero(~whole)
    if len(bad) and table.has(name):
        problem = f"found {values[bad[0]]:g} (allowed: {allowed})"
        table.issue(name, problem, f"Give {allowed}", bad)
    return np.where(whole, values, stand_in).astype(np.int64)


def step_numbers(table: ScenarioTable, step: Array, steps: int) -> Array:
    """Return step numbers as int64, -1 where unusable (reported)."""
    usable = np.isfinite(step)
    whole = usable & (step == np.round(np.where(usable, step, 0.0)))
    inside = whole & (step >= 0) & (step < steps)
    bad = np.flatnonzero(~inside & ~np.isnan(step))
    if len(bad):
        known = step[whole]
        fix = f"Give whole numbers from 0 to {steps - 1}"
        if known.min(initial=np.inf) == 1 and known.max(initial=0) == steps:
            fix += "; the first step is 0, not 1"
        shown = ", ".join(f"{v:g}" for v in step[bad[:3]])
        table.issue("step", f"step {shown} is not in the horizon of {steps} steps", fix, bad)
    return np.where(inside, step, -1).astype(np.int64)


def laid_out(
    table: ScenarioTable, names: Sequence[str], owner: Array, owners: Sequence[str], step: Array, steps: int
) -> tuple[dict[str, Array], Array]:
    """Return columns by owner and step, each of shape (owners, steps), and whether there was a row.

    Parameters
    ----------
    table : ScenarioTable
    names : sequence of str
        Columns of numbers.
    owner : array of int, shape (rows,)
        Whose row it is; negative: nobody's.
    owners : sequence of str
        What messages call them.
    step : array of int, shape (rows,)
        Of `step_numbers`.
    steps : int
    """
    size = len(owners) * steps
    here = np.flatnonzero((owner >= 0) & (step >= 0))
    flat = owner[here].astype(np.int64) * steps + step[here]
    count = np.bincount(flat, minlength=size)
    again = here[count[flat] > 1] if size else here[:0]
    if len(again):
        problem = f"step {step[again[0]]} of {owners[int(owner[again[0]])]} has several rows"
        table.issue("step", problem, "Keep one row for each step", again)
    columns = {}
    for name in names:
        values = np.full(size, np.nan)
        values[flat] = table.numbers(name)[here]
        columns[name] = values.reshape(len(owners), steps)
    seen: Array = count.reshape(len(owners), steps) > 0
    return columns, seen


def report_gaps(table: ScenarioTable, owners: Sequence[str], seen: Array) -> None:
    """Report owners that have rows, but not for every step."""
    lacking = np.flatnonzero(seen.any(axis=1) & ~seen.all(axis=1))
    if not len(lacking):
        return
    gaps = np.flatnonzero(~seen[lacking[0]])
    shown = ", ".join(map(str, gaps[:3])) + (" ..." if len(gaps) > 3 else "")
    problem = f"{owners[int(lacking[0])]} lacks {len(gaps)} of {seen.shape[1]} steps ({shown})"
    fix = "Give a row for every step of the horizon, from 0"
    if seen[lacking].sum(axis=1).max() == 1:
        fix += ": a single row is no constant"
    names = tuple(owners[int(row)] for row in lacking[:SHOWN])
    table.issues.append(Issue(table.name, "step", problem, fix, names, len(lacking)))
