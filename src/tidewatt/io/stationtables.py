"""From tables to charging stations, their prices by time of day, and types of vehicles."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from tidewatt.domain.arrays import Array, offsets
from tidewatt.domain.roads import FleetTypes
from tidewatt.domain.stations import Stations
from tidewatt.io.assembly import as_given, attributes, known_ids, located
from tidewatt.io.roadtables import supplying_feeder
from tidewatt.io.tables import Table

__all__ = ["build_stations", "build_types"]

_FIGURES = (
    *("fast_kw", "normal_kw", "price_fast_per_kwh", "price_normal_per_kwh", "max_total"),
    *("age_years", "life_years", "fast_min", "normal_min", "snap_km"),
)
_MOST_CHARGERS = 1e9


def build_types(table: Table) -> FleetTypes:
    """Types of electric vehicles."""
    ids, rows = known_ids(table, "type")
    names = ("share", "battery_kwh", "kwh_per_km", "max_fast_kw", "max_normal_kw")
    return FleetTypes(as_given(ids), *(table.numbers(name)[rows] for name in names))


def build_stations(table: Table, prices: Table, nodes: pa.Array, feeders: pa.Array, carry: bool) -> Stations:
    """Stations at known nodes, with their windows of prices in order of time."""
    ids, rows = known_ids(table, "station_id")
    node_ids = table.ids("node_id")
    table.filled("node_id", node_ids)
    node = located(table, "node_id", nodes, "nodes", ids=node_ids, optional=True)
    columns = {name: table.numbers(name) for name in _FIGURES}
    columns |= {name: _counts(table, name) for name in ("fast", "normal")}
    columns |= {name: table.flags(name) for name in ("fixed", "closed")}
    columns |= {"node": node, "feeder": supplying_feeder(table, feeders)}
    extras = attributes(table, ("bus_id", "budget_group")) if carry else {}
    if not len(nodes):  # reported already
        ids, rows = ids.slice(0, 0), rows[:0]
    columns["node"] = np.maximum(node, 0)  # unknown ones are reported; the stations' ids stay known
    windows = _windows(prices, ids)
    return Stations(
        station_id=as_given(ids),
        **{name: values[rows] for name, values in columns.items()},
        price_first=offsets(windows.pop("station"), len(ids)),
        **windows,
        attributes={name: values[rows] for name, values in extras.items()},
    )


def _counts(table: Table, name: str) -> Array:
    """Numbers of chargers as int64; those that are not whole are reported."""
    values = table.numbers(name)
    whole = np.isfinite(values) & (np.abs(values) <= _MOST_CHARGERS)
    whole &= values == np.round(np.where(whole, values, 0.0))
    bad = np.flatnonzero(~whole)
    if len(bad):
        fix = "Give a whole number of chargers, 0 where there are none of the kind"
        table.issue(name, f"found {values[bad[0]]:g}, not a number of chargers", fix, bad)
    return np.where(whole, values, 1.0).astype(np.int64)


def _windows(table: Table, stations: pa.Array) -> dict[str, Array]:
    """Windows of prices in order of station and time, by attribute of `Stations`; and their ``station``."""
    station = located(table, "station_id", stations, "stations")
    start, end = table.numbers("start_min"), table.numbers("end_min")
    fast, normal = table.numbers("price_fast_per_kwh"), table.numbers("price_normal_per_kwh")
    neither = np.flatnonzero(np.isnan(fast) & np.isnan(normal))
    if len(neither):
        fix = "Give one of them at least, or remove the row"
        problem = "price_fast_per_kwh and price_normal_per_kwh are both empty"
        table.issue("price_fast_per_kwh", problem, fix, neither)
    order = np.lexsort((start, station))
    order = order[(station[order] >= 0) & ~table.rejected[order]]
    return {
        "station": station[order],
        "price_start_min": start[order],
        "price_end_min": end[order],
        "window_price_fast_per_kwh": fast[order],
        "window_price_normal_per_kwh": normal[order],
    }
