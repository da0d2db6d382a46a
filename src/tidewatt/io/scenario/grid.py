"""From tables to the grid: feeders, banks, their headroom and costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tidewatt.domain.arrays import Array
from tidewatt.domain.grid import CostPieces, Grid
from tidewatt.domain.horizon import Horizon
from tidewatt.errors import Issue
from tidewatt.io.scenario.itineraries import as_given, attributes, known_ids, located
from tidewatt.io.scenario.profiles import step_numbers
from tidewatt.io.scenario.tables import SHOWN, IdColumn, ScenarioTable

__all__ = ["GridTables", "build_grid"]


@dataclass(frozen=True, slots=True)
class GridTables:
    """Tables that describe the grid; empty where the scenario lacks them."""

    feeders: ScenarioTable
    banks: ScenarioTable
    headroom: ScenarioTable
    base_load: ScenarioTable
    upgrade_costs: ScenarioTable


@dataclass(frozen=True, slots=True)
class _Level:
    """Feeders or banks under construction."""

    table: ScenarioTable
    kind: str
    ids: pa.Array
    rating_kw: Array
    cost_per_kw: Array


def build_grid(tables: GridTables, horizon: Horizon, carry: bool) -> tuple[Grid, pa.Array]:
    """Return the grid, and the ids of feeders for the other tables."""
    ids, rows = known_ids(tables.feeders, "feeder_id")
    feeders = _level(tables.feeders, "feeder", ids, rows)
    bank_ids, bank_rows = known_ids(tables.banks, "bank_id")
    banks = _level(tables.banks, "bank", bank_ids, bank_rows)
    bank = located(tables.feeders, "bank_id", bank_ids, "banks", optional=True)[rows]
    bank = np.maximum(bank, -1)

    steps = horizon.steps
    given = _placed(tables.headroom, "headroom_kw", (feeders, banks), steps)
    base = _placed(tables.base_load, "load_kw", (feeders,), steps)[0]
    usable = tables.headroom.usable or tables.base_load.usable
    headroom = _headroom(feeders, given[0], base, usable)
    bank_headroom = _bank_headroom(banks, feeders, bank, given[1], given[0], headroom, base, usable)
    known = np.where(base.complete[:, None], base.values, np.nan)
    cost, bank_cost = _costs(tables.upgrade_costs, feeders, banks)
    extras = attributes(tables.feeders, ("customers", "longitude", "latitude", "name")) if carry else {}
    bank_extras = attributes(tables.banks, ("name",)) if carry else {}
    grid = Grid(
        feeder_id=as_given(ids),
        bank_id=as_given(bank_ids),
        bank=bank,
        headroom_kw=headroom,
        bank_headroom_kw=bank_headroom,
        cost=cost,
        bank_cost=bank_cost,
        rating_kw=feeders.rating_kw,
        bank_rating_kw=banks.rating_kw,
        base_load_kw=known if base.complete.any() else None,
        attributes={name: values[rows] for name, values in extras.items()},
        bank_attributes={name: values[bank_rows] for name, values in bank_extras.items()},
    )
    return grid, ids


def _level(table: ScenarioTable, kind: str, ids: pa.Array, rows: Array) -> _Level:
    return _Level(
        table, kind, ids, table.numbers("rating_kw")[rows], table.numbers("upgrade_cost_per_kw")[rows]
    )


@dataclass(frozen=True, slots=True)
class _Profiles:
    """Rows of a table laid out by element and step: value (nan: none) and whether there was a row."""

    values: Array
    seen: Array

    @property
    def complete(self) -> Array:
        """Elements with a row for every step."""
        return np.asarray(self.seen.all(axis=1))

    @property
    def partial(self) -> Array:
        """Elements with rows for some steps only."""
        return _any(self) & ~self.complete


def _any(profiles: _Profiles) -> Array:
    """Return the elements with at least one row."""
    return np.asarray(profiles.seen.any(axis=1))


def _placed(table: ScenarioTable, column: str, levels: tuple[_Level, ...], steps: int) -> list[_Profiles]:
    """Arrange a table of (element, step, value) by level, and report rows that have no place."""
    empty = [
        _Profiles(np.full((len(level.ids), steps), np.nan), np.zeros((len(level.ids), steps), bool))
        for level in levels
    ]
    if not table.rows:
        return empty
    ids = _labelled(table, levels)
    value = table.numbers(column)
    step = step_numbers(table, table.numbers("step", default=np.nan), steps)
    owner = np.zeros(table.rows, np.int8)
    for number, level in enumerate(levels):
        name = f"{level.kind}_id"
        position = located(table, name, level.ids, level.table.name, ids=ids[number], optional=True)
        if number:
            _either(table, position, owner)
        owner[position != -1] = number + 1
        here = np.flatnonzero((position >= 0) & (step >= 0) & (owner == number + 1))
        flat = position[here].astype(np.int64) * steps + step[here]
        count = np.bincount(flat, minlength=len(level.ids) * steps)
        if count.size and count.max(initial=0) > 1:
            again = here[count[flat] > 1]
            problem = f"step {step[again[0]]} of {_named(level, position[again[0]])} has several rows"
            table.issue("step", problem, "Keep one row for each step", again)
        empty[number].values.reshape(-1)[flat] = value[here]
        empty[number].seen.reshape(-1)[flat] = True
    return empty


def _labelled(table: ScenarioTable, levels: tuple[_Level, ...]) -> list[IdColumn]:
    """Return the table's id of each level; rows are named by them from now on."""
    ids = [table.ids(f"{level.kind}_id") for level in levels]
    table.label_rows(*ids, unique=False)
    if len(levels) == 1:
        table.filled(f"{levels[0].kind}_id", ids[0])
    return ids


def _named(level: _Level, position: int) -> str:
    """Return an element in words."""
    return f"{level.kind} {level.ids[int(position)].as_py()}"


def _either(table: ScenarioTable, bank: Array, owner: Array) -> None:
    """Check that each row belongs to either a feeder or a bank."""
    both = np.flatnonzero((bank != -1) & (owner != 0))
    if len(both):
        fix = "Leave one of the two cells empty: a row is of a feeder or of a bank"
        table.issue("bank_id", "feeder_id and bank_id are both given", fix, both)
    neither = np.flatnonzero((bank == -1) & (owner == 0))
    if len(neither):
        table.issue("feeder_id", "feeder_id and bank_id are both empty", "Fill one of them", neither)


def _headroom(level: _Level, given: _Profiles, base: _Profiles, usable: bool) -> Array:
    """Return headroom of feeders: given, or rating less base load; inf where neither is known."""
    derived = ~_any(given)
    headroom = np.where(derived[:, None], level.rating_kw[:, None] - base.values, given.values)
    _report_gaps(level, "headroom", given)
    _report_gaps(level, "base_load", base)
    lacking = np.flatnonzero(derived & (~_any(base) | np.isnan(level.rating_kw)))
    if len(lacking) and usable:
        fix = "Add its rows to headroom (one per step), or give its rating_kw and its rows in base_load"
        _report(level, "headroom", f"{level.kind}_id", lacking, "headroom is missing for the feeder", fix)
    seen = np.where(derived[:, None], base.seen & ~np.isnan(level.rating_kw)[:, None], given.seen)
    return np.where(seen, headroom, np.inf)


def _bank_headroom(
    banks: _Level,
    feeders: _Level,
    bank: Array,
    given: _Profiles,
    feeder_given: _Profiles,
    headroom: Array,
    base: _Profiles,
    usable: bool,
) -> Array:
    """Return headroom of banks: given, or rating less the base load of their feeders."""
    derived = ~_any(given)
    _report_gaps(banks, "headroom", given)
    if not derived.any():
        return np.where(given.seen, given.values, np.inf)
    load = np.where(base.complete[:, None], base.values, feeders.rating_kw[:, None] - headroom)
    total = np.zeros_like(given.values)
    np.add.at(total, bank[bank >= 0], load[bank >= 0])
    own = banks.rating_kw[:, None] - total
    lacking = np.flatnonzero(derived & ~np.isfinite(own).all(axis=1))
    own[lacking] = np.inf
    # Where the reason is a feeder without headroom, that one has been reported.
    sound = _complete_headroom(feeders, feeder_given, base)
    spoilt = np.zeros(len(banks.ids), bool)
    spoilt[bank[(bank >= 0) & ~sound]] = True
    lacking = lacking[~spoilt[lacking]]
    if len(lacking) and usable:
        fix = "Add its rows to headroom (one per step), or give its rating_kw and its feeders' base_load"
        _report(banks, "headroom", "bank_id", lacking, "headroom is missing for the bank", fix)
    return np.where(derived[:, None], own, np.where(given.seen, given.values, np.inf))


def _complete_headroom(feeders: _Level, given: _Profiles, base: _Profiles) -> Array:
    """Return the feeders with valid headroom in every step, given or derived: neither -inf nor nan."""
    derived = ~_any(given) & base.complete & ~np.isnan(feeders.rating_kw)
    return derived | (given.complete & (given.values > -np.inf).all(axis=1))


def _report_gaps(level: _Level, table: str, given: _Profiles) -> None:
    lacking = np.flatnonzero(given.partial)
    if len(lacking):
        first = int(lacking[0])
        gaps = np.flatnonzero(~given.seen[first])
        shown = ", ".join(map(str, gaps[:3])) + (" ..." if len(gaps) > 3 else "")
        problem = f"{_named(level, first)} lacks {len(gaps)} of {given.seen.shape[1]} steps ({shown})"
        _report(level, table, "step", lacking, problem, "Give a row for every step of the horizon, from 0")


def _report(level: _Level, table: str, field: str, elements: Array, problem: str, fix: str) -> None:
    shown = tuple(str(level.ids[int(i)].as_py()) for i in elements[:SHOWN])
    level.table.issues.append(Issue(table, field, problem, fix, shown, len(elements)))


def _costs(table: ScenarioTable, feeders: _Level, banks: _Level) -> tuple[CostPieces, CostPieces]:
    linear = [CostPieces.linear(level.cost_per_kw) for level in (feeders, banks)]
    if not table.rows:
        return linear[0], linear[1]
    ids = _labelled(table, (feeders, banks))
    above, cost = table.numbers("above_kw"), table.numbers("cost_per_kw")
    owner = np.zeros(table.rows, np.int8)
    result = []
    for number, level in enumerate((feeders, banks)):
        name = f"{level.kind}_id"
        position = located(table, name, level.ids, level.table.name, ids=ids[number], optional=True)
        if number:
            _either(table, position, owner)
        owner[position != -1] = number + 1
        here = np.flatnonzero((position >= 0) & (owner == number + 1))
        # Elements without rows keep their one linear piece.
        plain = np.setdiff1d(np.arange(len(level.ids)), position[here])
        element = np.concatenate([position[here], plain])
        start = np.concatenate([above[here], np.zeros(len(plain))])
        price = np.concatenate([cost[here], level.cost_per_kw[plain]])
        order = np.lexsort((start, element))
        first = np.zeros(len(level.ids) + 1, np.int64)
        np.cumsum(np.bincount(element, minlength=len(level.ids)), out=first[1:])
        result.append(CostPieces(first, start[order], price[order]))
    return result[0], result[1]
