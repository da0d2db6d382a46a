"""The least relaxation of limits that makes the problem feasible (tariff-21)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.tariffs.central import Case
from tidewatt.tariffs.problem import Solution

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "diagnosis_table", "diagnosis_words"]

COLUMNS = ("limit", "element_id", "step", "amount", "unit", "remedy")
_KINDS = ("demand", "line", "voltage", "road", "chargers")

_LEAST = 1e-4
"""Vehicles and kW below are what the solver leaves of 0; voltages are told from a thousandth of it on."""

Entry = tuple[str, Any, int, float, str, str]


def diagnosis_table(case: Case, elastic: Solution | None) -> pd.DataFrame:
    """Return one row per limit and step that the cheapest relaxation exceeds, in order of steps.

    Parameters
    ----------
    case : Case
    elastic : Solution or None
        Of the elastic problem; None: nothing to say, an empty table.
    """
    import pandas as pd

    found: list[Entry] = []
    if elastic is not None:
        found = [*_grid(case, elastic), *_places(case, elastic), *_demand(case, elastic)]
    found.sort(key=lambda entry: entry[2])
    table = pd.DataFrame(found, columns=pd.Index(COLUMNS))
    return table.astype({"step": "int64", "amount": "float64"})


def diagnosis_words(case: Case, table: pd.DataFrame) -> str:
    """Return in a sentence each kind of limit's largest excess, vehicles that nothing serves first."""
    if not len(table):
        return "The elastic problem names no limit: check that vehicles can reach their destinations in time."
    largest = table.sort_values("amount", ascending=False, kind="stable").drop_duplicates("limit")
    rows = sorted(largest.to_dict("records"), key=lambda row: _KINDS.index(row["limit"]))
    parts = [
        f"{row['limit']} {row['element_id']} at {_clock(case, row['step'])}: "
        f"{row['amount']:.4g} {row['unit']}"
        for row in rows
    ]
    more = f", and {len(table) - len(parts)} more in the diagnosis" if len(table) > len(parts) else ""
    return f"Least relaxation: {'; '.join(parts)}{more}."


def _cells(amount: Array, least: float = _LEAST) -> Iterator[tuple[int, int, float]]:
    for place, step in np.argwhere(amount > least).tolist():
        yield place, step, float(amount[place, step])


def _clock(case: Case, step: int) -> str:
    return case.scenario.horizon.at(step * case.scenario.horizon.step_min).strftime("%Y-%m-%d %H:%M")


def _grid(case: Case, elastic: Solution) -> Iterator[Entry]:
    """Yield line excess in kW, and voltage excess as magnitudes."""
    rows, index, d = case.rows, case.reachable, case.distribution
    for name, limit, sign in (("rows_high", rows.high, 1.0), ("rows_low", rows.low, -1.0)):
        if name not in elastic.relaxed:
            continue
        for position, step, amount in _cells(elastic.relaxed[name], _LEAST * 1e-3):
            row = int(index[position])
            element, at = int(rows.element[row]), _clock(case, step)
            if rows.kind[row] == 0:
                if amount > _LEAST:
                    way = "" if sign > 0 else " for flow towards the slack"
                    remedy = f"At {at} raise limit_kw of the line{way} by {amount:.4g} kW"
                    yield "line", d.line_id[element], step, amount, "kW", remedy
                continue
            allowed = math.sqrt(limit[row, step])
            relaxed = math.sqrt(max(limit[row, step] + sign * amount, 0.0))
            column, verb = ("voltage_max_pu", "raise") if sign > 0 else ("voltage_min_pu", "lower")
            by = abs(relaxed - allowed)
            remedy = f"At {at} {verb} {column} of the bus by {by:.4g} pu, to {relaxed:.5g}"
            yield "voltage", d.bus_id[element], step, by, "pu", remedy


def _places(case: Case, elastic: Solution) -> Iterator[Entry]:
    """Yield road excess in vehicles per step, and charger excess in numbers."""
    if "roads" in elastic.relaxed:
        for link, step, amount in _cells(elastic.relaxed["roads"]):
            remedy = f"At {_clock(case, step)} let {amount:.4g} more vehicles leave the link per step"
            yield "road", case.roads.link_id[link], step, amount, "vehicles", remedy
    if "chargers" in elastic.relaxed:
        for site, step, amount in _cells(elastic.relaxed["chargers"]):
            remedy = f"At {_clock(case, step)} {math.ceil(amount - _LEAST)} more chargers are needed"
            yield "chargers", case.sites.site_id[site], step, amount, "chargers", remedy


def _demand(case: Case, elastic: Solution) -> Iterator[Entry]:
    """Yield vehicles that cannot be served however limits are relaxed."""
    travel, nodes = case.travel, case.roads.node_id
    for group in np.flatnonzero(elastic.unserved > _LEAST).tolist():
        amount, step = float(elastic.unserved[group]), int(travel.depart_step[group])
        aggregator = case.aggregators.aggregator_id[travel.aggregator[group]]
        origin, destination = nodes[travel.origin[group]], nodes[travel.destination[group]]
        remedy = (
            f"{amount:.4g} vehicles of {aggregator} that leave {origin} at {_clock(case, step)} with a state "
            f"of charge of {travel.soc_initial[group]:.4g} do not reach {destination} in time: let them "
            "leave earlier or with more charge, lower soc_final_min, or lengthen the horizon"
        )
        yield "demand", f"{aggregator}: {origin} to {destination}", step, amount, "vehicles", remedy
