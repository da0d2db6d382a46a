"""From tables to a scenario: vehicles, dwells and trips.

Everything is built from the rows that make sense, so that one bad row hides no other problem.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidewatt.domain.arrays import Array, offsets
from tidewatt.domain.fleet import Dwells, Fleet, Trips
from tidewatt.io.scenario.tables import SHOWN, IdColumn, ScenarioTable
from tidewatt.options.spelling import nearest

__all__ = ["as_given", "attributes", "build_dwells", "build_fleet", "build_trips", "known_ids", "located"]

_MAY_BE_EMPTY = (
    ("dwells", "feeder_id"),
    ("feeders", "bank_id"),
    ("zones", "feeder_id"),
    ("stations", "feeder_id"),
    ("energy_prices", "site_id"),
)
_VOID = ("nan", "none", "null", "<na>", "na", "n/a", "#n/a")


def known_ids(table: ScenarioTable, column: str) -> tuple[pa.Array, Array]:
    """Return the distinct ids of the table that defines them, and each one's row; report duplicates."""
    ids = table.ids(column)
    table.label_rows(ids, unique=True)
    table.filled(column, ids)
    filled = np.flatnonzero(ids.codes >= 0)
    rows = np.full(len(ids.values), -1, np.int64)
    rows[ids.codes[filled[::-1]]] = filled[::-1]  # the first row of each id stays
    used = rows >= 0
    if used.sum() < len(filled):
        again = np.setdiff1d(filled, rows[used])
        table.issue(column, "the id occurs more than once", "Keep one row for each id", again)
    order = np.argsort(rows[used], kind="stable")
    values = ids.values.filter(pa.array(used)).take(pa.array(order))
    if pa.types.is_string(values.type) and len(values):
        void = pc.is_in(pc.utf8_lower(values), value_set=pa.array(_VOID)).to_numpy(zero_copy_only=False)
        if void.any():
            suspect = rows[used][order][void]
            table.issue(
                column, "the id reads like a missing value", "Give it an id, or remove the row", suspect
            )
    return values, rows[used][order]


def located(
    table: ScenarioTable,
    column: str,
    known: pa.Array,
    home: str,
    *,
    ids: IdColumn | None = None,
    optional: bool = False,
) -> Array:
    """Return the position of each row's id in `known`: -1 where empty, -2 where unknown (reported).

    Unless they are `optional`, empty ids are reported, and rows are named by their ids from now on.
    """
    if ids is None:
        ids = table.ids(column)
    if not optional:
        table.label_rows(ids, unique=False)
        table.filled(column, ids)
    positions = ids.positions(known)
    unknown = np.flatnonzero(positions == -2)
    if len(unknown) and (len(known) or home == "banks"):  # a table without ids has been reported
        names = [str(value) for value in known[:20_000].to_pylist()]
        wrong = list(dict.fromkeys(ids.text(int(row)) for row in unknown[:1000]))[:SHOWN]
        hint = ""
        best = next((n for n in names if n.lstrip("0") == wrong[0].lstrip("0")), None)
        best = best or nearest(wrong[0], names)
        if best is not None:
            zeros = best.lstrip("0") == wrong[0].lstrip("0")
            hint = f" (did you mean {best!r}?{' Leading zeros count' if zeros else ''})"
        may_be_empty = optional and (table.name, column) in _MAY_BE_EMPTY
        empty = ", or leave the cell empty" if may_be_empty else ""
        table.issue(
            column,
            f"{', '.join(repr(w) for w in wrong)} is not in the {home} table",
            f"Add it to {home} or correct it{hint}{empty}",
            unknown,
        )
    return positions


def build_fleet(table: ScenarioTable, carry: bool) -> tuple[Fleet, pa.Array]:
    """Return vehicles, and their ids for the other tables."""
    ids, rows = known_ids(table, "vehicle_id")
    columns: dict[str, Array] = {}
    for name in ("battery_kwh", "soc_initial", "soc_min", "soc_max", "charge_efficiency", "max_charge_kw"):
        columns[name] = table.numbers(name)
    # Defaults taken from another column are clipped, so that its wrong cells are reported once.
    initial = np.fmax(0.0, np.fmin(columns["soc_initial"], np.fmin(columns["soc_max"], 1.0)))
    columns["soc_final_min"] = table.numbers("soc_final_min", default=initial)
    efficiency = columns["charge_efficiency"]
    efficiency = np.where((efficiency > 0) & (efficiency <= 1), efficiency, 0.9)
    columns["discharge_efficiency"] = table.numbers("discharge_efficiency", default=efficiency)
    for name in ("weight", "max_discharge_kw"):
        columns[name] = table.numbers(name)
    taken = {name: column[rows] for name, column in columns.items()}
    extras = attributes(table, ()) if carry else {}
    taken_extras = {name: values[rows] for name, values in extras.items()}
    return Fleet(vehicle_id=as_given(ids), **taken, attributes=taken_extras), ids


def as_given(ids: pa.Array) -> Array:
    """Return ids in the domain's form: int64 or str objects."""
    if pa.types.is_integer(ids.type):
        return np.asarray(ids.to_numpy(zero_copy_only=False), np.int64)
    return np.asarray(ids.to_pylist(), object)


def build_dwells(table: ScenarioTable, vehicles: pa.Array, feeders: pa.Array, carry: bool) -> Dwells:
    """Return dwells by vehicle and time, without rows of unknown vehicles or with unusable cells."""
    vehicle = located(table, "vehicle_id", vehicles, "vehicles")
    feeder = located(table, "feeder_id", feeders, "feeders", optional=True)
    feeder = np.maximum(feeder, -1, dtype=np.int32)
    arrive, depart = table.numbers("arrive_min"), table.numbers("depart_min")
    charger = table.numbers("charger_kw")
    extras = attributes(table, ("place", "station_id", "longitude", "latitude")) if carry else {}
    order = _order(np.where(table.rejected, -2, vehicle), arrive, depart)
    if order is not None:
        vehicle, arrive, depart = vehicle[order], arrive[order], depart[order]
        feeder, charger = feeder[order], charger[order]
        extras = {name: values[order] for name, values in extras.items()}
    return Dwells(offsets(vehicle, len(vehicles)), arrive, depart, feeder, charger, extras)


def build_trips(table: ScenarioTable, vehicles: pa.Array, carry: bool) -> Trips:
    """Return trips by vehicle and time, without rows of unknown vehicles or with unusable cells."""
    vehicle = located(table, "vehicle_id", vehicles, "vehicles")
    depart, arrive = table.numbers("depart_min"), table.numbers("arrive_min")
    energy = table.numbers("energy_kwh")
    extras = attributes(table, ("distance_km", "origin", "destination")) if carry else {}
    order = _order(np.where(table.rejected, -2, vehicle), depart, arrive)
    if order is not None:
        vehicle, depart, arrive, energy = vehicle[order], depart[order], arrive[order], energy[order]
        extras = {name: values[order] for name, values in extras.items()}
    return Trips(offsets(vehicle, len(vehicles)), depart, arrive, energy, extras)


def _order(vehicle: Array, start: Array, end: Array) -> Array | None:
    """Return rows sorted by vehicle, start and end, without those lacking a vehicle; None: already sorted."""
    if not len(vehicle) or (vehicle[0] >= 0 and _sorted(vehicle, start, end)):
        return None
    order = np.lexsort((end, start, vehicle))
    return order[np.searchsorted(vehicle[order], 0) :]


def _sorted(vehicle: Array, start: Array, end: Array) -> bool:
    same = vehicle[1:] == vehicle[:-1]
    if not np.all(same | (vehicle[1:] > vehicle[:-1])):
        return False
    later = start[1:] > start[:-1]
    tie = (start[1:] == start[:-1]) & (end[1:] >= end[:-1])
    return bool(np.all(~same | later | tie))


def attributes(table: ScenarioTable, names: tuple[str, ...]) -> Mapping[str, Array]:
    """Return the columns carried along: those given, and all whose names start with ``x_``."""
    given = {name: table.values(name) for name in (*names, *table.extras())}
    return {name: values for name, values in given.items() if values is not None}
