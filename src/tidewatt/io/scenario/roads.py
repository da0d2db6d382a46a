"""From tables to roads, zones, demand, charging stations with their prices, and vehicle types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pyarrow as pa

from tidewatt.domain.arrays import Array, offsets
from tidewatt.domain.fleet import OFF_GRID
from tidewatt.domain.roads import ROAD_CLASSES, Demand, FleetTypes, Roads
from tidewatt.domain.stations import Stations
from tidewatt.io.scenario.config import Config
from tidewatt.io.scenario.itineraries import as_given, attributes, known_ids, located
from tidewatt.io.scenario.tables import IdColumn, ScenarioTable
from tidewatt.options.spelling import did_you_mean

__all__ = [
    "RoadTables",
    "build_demand",
    "build_roads",
    "build_stations",
    "build_types",
    "default_classes",
    "supplying_feeder",
]

_EXPRESSWAY_KMH, _ARTERIAL_KMH = 80.0, 45.0
_AGREE = 0.01
"""Free speed and free time of a row may disagree by this share, because printed figures are rounded."""


@dataclass(frozen=True, slots=True)
class RoadTables:
    """Tables that describe the roads; empty where the scenario lacks them."""

    nodes: ScenarioTable
    links: ScenarioTable
    zones: ScenarioTable


def default_classes(length_km: Array, free_time_min: Array, at_centroid: Array) -> Array:
    """Return the class of links that have none, as positions in `ROAD_CLASSES`.

    Links at a zone's centroid are connectors; of the others, those with a free speed of 80 km/h or more are
    expressways, of 45 km/h or more arterials, and the rest branches.

    Parameters
    ----------
    length_km, free_time_min : array, shape (links,)
    at_centroid : array of bool, shape (links,)
        Whether the link begins or ends at a node that is not driven through.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        speed = 60.0 * length_km / free_time_min
    kind = np.where(speed >= _EXPRESSWAY_KMH, 0, np.where(speed >= _ARTERIAL_KMH, 1, 2))
    return np.asarray(np.where(at_centroid, 3, kind), np.int8)


def build_roads(
    tables: RoadTables, feeders: pa.Array, config: Config, carry: bool
) -> tuple[Roads, pa.Array, pa.Array]:
    """Return the roads made from valid rows, and the ids of their nodes and zones."""
    node_ids, rows = known_ids(tables.nodes, "node_id")
    through = tables.nodes.flags("through")[rows]
    links = _links(tables.links, node_ids, through, carry)
    own = _zones(tables.zones, node_ids, feeders) if tables.zones.source.names else None
    zone_ids, zones = own or _zones_of_nodes(tables.nodes, rows)
    roads = Roads(
        node_id=as_given(node_ids),
        x=tables.nodes.numbers("x")[rows],
        y=tables.nodes.numbers("y")[rows],
        through=through,
        zone_id=as_given(zone_ids),
        **links,
        **zones,
        crs=config.crs,
        **cast(dict[str, Any], config.roads),
    )
    return roads, node_ids, zone_ids


def _links(table: ScenarioTable, nodes: pa.Array, through: Array, carry: bool) -> dict[str, Any]:
    """Return columns of links between known nodes, by attribute of `Roads`."""
    ids, rows = known_ids(table, "link_id")
    ends = [_end(table, name, nodes) for name in ("from_node_id", "to_node_id")]
    length = table.numbers("length_km")
    free = _free_time(table, length)
    names = ("capacity_veh_h", "lanes", "bpr_alpha", "bpr_beta", "toll")
    columns = {name: table.numbers(name) for name in names}
    touches = np.zeros(table.rows, bool)
    for end in ends:
        touches |= ~np.append(through, True)[np.where(end >= 0, end, len(through))]
    columns |= {"length_km": length, "free_time_min": free}
    columns["road_class"] = _classes(table, default_classes(length, free, touches))
    columns |= {"tail": ends[0], "head": ends[1]}
    extras = attributes(table, ("geometry",)) if carry else {}
    good = (ends[0][rows] >= 0) & (ends[1][rows] >= 0)
    rows = rows[good]
    taken: dict[str, Any] = {name: column[rows] for name, column in columns.items()}
    taken["link_id"] = as_given(ids.filter(pa.array(good)))
    return taken | {"link_attributes": {name: values[rows] for name, values in extras.items()}}


def _end(table: ScenarioTable, column: str, nodes: pa.Array) -> Array:
    """Return the node at each link's end; messages still name links by their own ids."""
    ids = table.ids(column)
    table.filled(column, ids)
    return located(table, column, nodes, "nodes", ids=ids, optional=True)


def _free_time(table: ScenarioTable, length_km: Array) -> Array:
    """Return free-flow times [min]: given, or from the free speed; a placeholder where neither is usable."""
    time, speed = table.numbers("free_time_min"), table.numbers("free_speed_kmh")
    slow = np.flatnonzero(~(speed > 0) & ~np.isnan(speed))
    if len(slow):
        table.issue("free_speed_kmh", f"found {speed[slow[0]]:g} (allowed: above 0)", "Give km/h", slow)
    with np.errstate(divide="ignore", invalid="ignore"):
        derived = 60.0 * length_km / speed
    lacking = np.flatnonzero(np.isnan(time) & np.isnan(speed))
    if len(lacking) and (table.has("free_time_min") or table.has("free_speed_kmh")):
        fix = "Fill one of the two"
        table.issue("free_time_min", "free_time_min and free_speed_kmh are both empty", fix, lacking)
    elif len(lacking):
        fix = "Add the column free_time_min, or free_speed_kmh"
        table.issue("free_time_min", "neither free_time_min nor free_speed_kmh is there", fix)
    both = (speed > 0) & (time > 0) & (length_km > 0)
    apart = np.flatnonzero(both & (np.abs(derived - time) > _AGREE * np.where(both, time, 1.0)))
    if len(apart):
        row = int(apart[0])
        problem = f"{time[row]:g} min for {length_km[row]:g} km is not {speed[row]:g} km/h"
        table.issue("free_time_min", problem, "Leave free_time_min or free_speed_kmh empty", apart)
    usable = np.isnan(time) & (speed > 0) & (length_km >= 0)
    filled = np.where(usable, derived, time)
    return np.asarray(np.where(np.isnan(filled), 1.0, filled))


def _classes(table: ScenarioTable, default: Array) -> Array:
    """Return the position of each link's class in `ROAD_CLASSES`."""
    given = table.values("road_class")
    if given is None:
        return default
    words = np.asarray([str(word).strip().lower() for word in given], object)
    result = default.copy()
    known = words == ""
    for position, name in enumerate(ROAD_CLASSES):
        same = words == name
        result[same] = position
        known |= same
    wrong = np.flatnonzero(~known)
    if len(wrong):
        word = str(given[wrong[0]])
        fix = f"Use one of {', '.join(ROAD_CLASSES)}, or leave the cell empty"
        hint = did_you_mean(word, ROAD_CLASSES)
        problem = f"{word!r} is no class of roads" + (f" ({hint})" if hint.startswith("did") else "")
        table.issue("road_class", problem, fix, wrong)
    return result


def _zones(table: ScenarioTable, nodes: pa.Array, feeders: pa.Array) -> tuple[pa.Array, dict[str, Any]]:
    ids, rows = known_ids(table, "zone_id")
    node_ids = table.ids("node_id")
    table.filled("node_id", node_ids)
    node = located(table, "node_id", nodes, "nodes", ids=node_ids, optional=True)
    columns = {name: table.numbers(name) for name in ("homes", "jobs", "other")}
    columns |= {"zone_node": node, "zone_feeder": supplying_feeder(table, feeders)}
    if not len(nodes):
        return ids.slice(0, 0), {name: column[:0] for name, column in columns.items()}
    columns["zone_node"] = np.maximum(node, 0)  # unknown ones are reported; the zones' ids stay known
    return ids, {name: column[rows] for name, column in columns.items()}


def _zones_of_nodes(nodes: ScenarioTable, rows: Array) -> tuple[pa.Array, dict[str, Any]]:
    """Return zones named by the nodes themselves, if there is no table of zones."""
    ids = nodes.ids("zone_id")
    codes = ids.codes[rows]
    filled = np.flatnonzero(codes >= 0)
    first = np.full(len(ids.values), -1, np.int64)
    first[codes[filled[::-1]]] = filled[::-1]
    again = filled[first[codes[filled]] != filled]
    if len(again):
        name = ids.text(int(rows[again[0]]))
        fix = "Name each zone at one node, where its trips start and end, or add the table zones"
        nodes.issue("zone_id", f"several nodes are of zone {name!r}", fix, rows[again])
    at = np.sort(first[first >= 0])
    none = np.full(len(at), np.nan)
    values = ids.values.take(pa.array(codes[at], pa.int64()))
    feeder = np.full(len(at), OFF_GRID, np.int32)
    zones = {"zone_node": at, "homes": none, "jobs": none, "other": none, "zone_feeder": feeder}
    return values, zones


def supplying_feeder(table: ScenarioTable, feeders: pa.Array) -> Array:
    """Return the feeder of each row, or `OFF_GRID`."""
    ids: IdColumn = table.ids("feeder_id")
    named = np.flatnonzero(ids.codes >= 0)
    if len(named) and not len(feeders):
        fix = "Add the feeders and headroom tables, or leave the cells empty"
        table.issue(
            "feeder_id",
            f"feeder {ids.text(int(named[0]))!r} is named, but the feeders table is missing",
            fix,
            named,
        )
    found = located(table, "feeder_id", feeders, "feeders", ids=ids, optional=True)
    return np.maximum(found, OFF_GRID).astype(np.int32)


def build_demand(table: ScenarioTable, zones: pa.Array) -> Demand:
    """Return demand of rows between known zones, in their order."""
    ends = []
    origins = table.ids("origin_zone_id")
    table.label_rows(origins, unique=False)
    for column in ("origin_zone_id", "destination_zone_id"):
        ids = table.ids(column)
        table.filled(column, ids)
        ends.append(located(table, column, zones, "zones", ids=ids, optional=True))
    columns = [table.numbers(name) for name in ("trips", "start_min", "end_min")]
    kept = (ends[0] >= 0) & (ends[1] >= 0)
    return Demand(*(column[kept] for column in (*ends, *columns)))


_FIGURES = (
    *("fast_kw", "normal_kw", "price_fast_per_kwh", "price_normal_per_kwh", "max_total"),
    *("age_years", "life_years", "fast_min", "normal_min", "snap_km"),
)
_MOST_CHARGERS = 1e9


def build_types(table: ScenarioTable) -> FleetTypes:
    """Return the types of electric vehicles."""
    ids, rows = known_ids(table, "type")
    names = ("share", "battery_kwh", "kwh_per_km", "max_fast_kw", "max_normal_kw")
    return FleetTypes(as_given(ids), *(table.numbers(name)[rows] for name in names))


def build_stations(
    table: ScenarioTable, prices: ScenarioTable, nodes: pa.Array, feeders: pa.Array, carry: bool
) -> Stations:
    """Return stations at known nodes, with their price windows in order of time."""
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


def _counts(table: ScenarioTable, name: str) -> Array:
    """Return numbers of chargers as int64; report those that are not integers."""
    values = table.numbers(name)
    whole = np.isfinite(values) & (np.abs(values) <= _MOST_CHARGERS)
    whole &= values == np.round(np.where(whole, values, 0.0))
    bad = np.flatnonzero(~whole)
    if len(bad):
        fix = "Give a whole number of chargers, 0 where there are none of the kind"
        table.issue(name, f"found {values[bad[0]]:g}, not a number of chargers", fix, bad)
    return np.where(whole, values, 1.0).astype(np.int64)


def _windows(table: ScenarioTable, stations: pa.Array) -> dict[str, Array]:
    """Return price windows by station and time, by attribute of `Stations`, and their ``station``."""
    station = located(table, "station_id", stations, "stations")
    start, end = table.numbers("start_min"), table.numbers("end_min")
    fast, normal = table.numbers("price_fast_per_kwh"), table.numbers("price_normal_per_kwh")
    neither = np.flatnonzero(np.isnan(fast) & np.isnan(normal))
    if len(neither):
        fix = "Give at least one of them, or remove the row"
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
