"""From tables to the distribution grid: buses, lines, what is injected there, past forecasts, provenance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tidewatt.domain.arrays import Array
from tidewatt.domain.distribution import INJECTION_KINDS, Distribution, Forecasts, Injections
from tidewatt.domain.horizon import Horizon
from tidewatt.io.scenario.itineraries import as_given, known_ids, located
from tidewatt.io.scenario.profiles import laid_out, report_gaps, step_numbers, whole_numbers
from tidewatt.io.scenario.tables import IdColumn, ScenarioTable
from tidewatt.options.spelling import did_you_mean

__all__ = ["STATUSES", "build_distribution", "build_forecasts", "build_injections", "build_provenance"]

STATUSES = ("published", "chosen")
"""Statuses that a row of provenance can give a figure."""


@dataclass(frozen=True, slots=True)
class _Owners:
    """Injections under construction: their ids, each one's first row, and the owner of each row."""

    ids: pa.Array
    first: Array
    owner: Array

    @property
    def names(self) -> list[str]:
        return [str(name) for name in self.ids.to_pylist()]


def build_distribution(buses: ScenarioTable, lines: ScenarioTable) -> tuple[Distribution, pa.Array]:
    """Return the grid of lines between known buses, and the ids of its buses."""
    bus_ids, rows = known_ids(buses, "bus_id")
    slack = buses.flags("slack")[rows]
    figures = {name: buses.numbers(name)[rows] for name in ("voltage_min_pu", "voltage_max_pu", "base_kv")}
    ids, line_rows = known_ids(lines, "line_id")
    ends = []
    for column in ("from_bus_id", "to_bus_id"):
        end = lines.ids(column)
        lines.filled(column, end)
        ends.append(located(lines, column, bus_ids, "buses", ids=end, optional=True))
    columns = {name: lines.numbers(name) for name in ("r_ohm", "x_ohm", "limit_kw")}
    good = (ends[0][line_rows] >= 0) & (ends[1][line_rows] >= 0)
    line_rows = line_rows[good]
    grid = Distribution(
        bus_id=as_given(bus_ids),
        slack=slack,
        **figures,
        line_id=as_given(ids.filter(pa.array(good))),
        tail=ends[0][line_rows],
        head=ends[1][line_rows],
        **{name: column[line_rows] for name, column in columns.items()},
    )
    return grid, bus_ids


def build_injections(table: ScenarioTable, buses: pa.Array, horizon: Horizon) -> tuple[Injections, pa.Array]:
    """Return injections at known buses in the order in which the table names them, and their ids."""
    owners = _owners(table, "injection_id", none=not len(buses))  # that there are no buses is reported
    bus_column = table.ids("bus_id")
    table.filled("bus_id", bus_column)
    bus = located(table, "bus_id", buses, "buses", ids=bus_column, optional=True)
    kind = _kinds(table)
    gamma = table.numbers("gamma")
    for name, values, words in (
        ("bus_id", bus, "buses"),
        ("kind", kind, "kinds"),
        ("gamma", np.where(np.isnan(gamma), -1.0, gamma), "values of gamma"),
    ):
        _one_value(table, name, values, owners, words)
    steps = horizon.steps
    step = step_numbers(table, table.numbers("step", default=np.nan), steps)
    names = ("power_kw", "reactive_kvar", "half_width_kw")
    columns, seen = laid_out(table, names, owners.owner, owners.names, step, steps)
    report_gaps(table, owners.names, seen)
    # Steps that are missing are reported; zeros stand in.
    columns = {name: np.where(seen, values, 0.0) for name, values in columns.items()}
    injections = Injections(
        injection_id=as_given(owners.ids),
        bus=np.maximum(bus, 0)[owners.first],
        kind=np.maximum(kind, 0)[owners.first],
        **columns,
        gamma=gamma[owners.first],
    )
    return injections, owners.ids


def _owners(table: ScenarioTable, column: str, *, none: bool) -> _Owners:
    """Return injections in the order in which a table names them; none at all if `none`."""
    ids: IdColumn = table.ids(column)
    table.label_rows(ids, unique=False)
    table.filled(column, ids)
    filled = np.flatnonzero(ids.codes >= 0)
    first = np.full(len(ids.values), -1, np.int64)
    first[ids.codes[filled[::-1]]] = filled[::-1]
    used = np.flatnonzero((first >= 0) & (not none))
    used = used[np.argsort(first[used], kind="stable")]
    place = np.full(len(ids.values) + 1, -1, np.int64)
    place[used] = np.arange(len(used))
    return _Owners(ids.values.take(pa.array(used)), first[used], place[ids.codes])


def _one_value(table: ScenarioTable, name: str, values: Array, owners: _Owners, words: str) -> None:
    """Report rows that differ from the first row of their injection."""
    first = values[owners.first][owners.owner] if len(owners.first) else values
    bad = np.flatnonzero((owners.owner >= 0) & (values != first) & (values != -2) & (first != -2))
    if len(bad):
        problem = f"rows of one injection name several {words}"
        table.issue(name, problem, "Give the same in every row, or name two injections", bad)


def _kinds(table: ScenarioTable) -> Array:
    """Return the position of each row's kind in `INJECTION_KINDS`; -2 where it is unknown (reported)."""
    given = table.values("kind")
    if given is None:
        return np.zeros(table.rows, np.int64)
    words = np.asarray([str(word).strip().lower() for word in given], object)
    kind = np.full(table.rows, -2, np.int64)
    for position, name in enumerate(INJECTION_KINDS):
        kind[words == name] = position
    wrong = np.flatnonzero(kind == -2)
    if len(wrong):
        word = str(given[wrong[0]])
        hint = did_you_mean(word, INJECTION_KINDS)
        problem = f"{word!r} is no kind of injection" if word else "the cell is empty"
        fix = f"Use one of {', '.join(INJECTION_KINDS)}"
        table.issue("kind", problem + (f" ({hint})" if hint.startswith("did") else ""), fix, wrong)
    return kind


def build_forecasts(table: ScenarioTable, injections: pa.Array, horizon: Horizon) -> Forecasts:
    """Return past forecasts and outcomes by day, injection and step; nan where there is no row."""
    injection = located(table, "injection_id", injections, "injections")
    numbers = whole_numbers(table, "day", "a whole number", stand_in=0)
    days, day = np.unique(numbers, return_inverse=True)
    steps, count = horizon.steps, len(injections)
    step = step_numbers(table, table.numbers("step", default=np.nan), steps)
    owner = np.where(injection >= 0, day.reshape(-1) * count + injection, -1)
    names = [f"{name} on day {number}" for number in days for name in injections.to_pylist()]
    columns, _ = laid_out(table, ("forecast_kw", "outcome_kw"), owner, names, step, steps)
    shape = (len(days), count, steps)
    return Forecasts(days, *(columns[name].reshape(shape) for name in ("forecast_kw", "outcome_kw")))


def build_provenance(table: ScenarioTable) -> tuple[tuple[str, ...], ...]:
    """Return rows that say where figures come from."""
    columns = []
    for name in ("table", "field", "value", "status", "source"):
        given = table.values(name)
        words = [""] * table.rows if given is None else [str(word).strip() for word in given]
        blank = np.flatnonzero(np.array([word == "" for word in words], bool))
        if len(blank) and given is not None and table.columns[name].required:
            table.issue(name, "the cell is empty", f"Fill it: {table.columns[name].meaning}", blank)
        columns.append(words)
    wrong = np.array([word not in ("", *STATUSES) for word in columns[3]], bool)
    if wrong.any():
        word = columns[3][int(np.flatnonzero(wrong)[0])]
        hint = did_you_mean(word, STATUSES)
        problem = f"{word!r} is no status" + (f" ({hint})" if hint.startswith("did") else "")
        table.issue("status", problem, f"Use one of {', '.join(STATUSES)}", np.flatnonzero(wrong))
    return tuple(zip(*columns))
