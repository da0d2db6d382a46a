"""Roads, demand, vehicle types and stations of a scenario folder, read a second time from the contract."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.fleet import OFF_GRID
from tidewatt.domain.roads import ROAD_CLASSES, Demand, FleetTypes, Roads
from tidewatt.domain.stations import Stations
from tidewatt.verification.table import Table
from tidewatt.verification.tariff_tables import in_steps

__all__ = ["read_road_parts"]

_UNITS = {"period_h": 1.0, "toll_weight_min": 0.0, "distance_weight_min_per_km": 0.0, "time_unit_min": 1.0}
_YES = ("true", "1", "yes", "y", "t")


def read_road_parts(folder: Path, settings: Mapping[str, Any], feeder_id: Array) -> dict[str, Any]:
    """The parts of a scenario that are about roads, by attribute of `Scenario`; absent ones are left out.

    Raises
    ------
    ValueError
        What is wrong with the files; the scenario's own checks are not repeated here.
    """
    parts: dict[str, Any] = {}
    types = Table(folder, "fleet")
    if types.exists:
        names = ("share", "battery_kwh", "kwh_per_km", "max_fast_kw", "max_normal_kw")
        parts["types"] = FleetTypes(types.text("type"), *(types.numbers(name) for name in names))
    nodes, links = Table(folder, "nodes"), Table(folder, "links")
    if not (nodes.exists and links.exists and in_steps(folder)[1]):
        return parts
    roads = _roads(nodes, links, Table(folder, "zones"), settings, feeder_id)
    demand, stations = Table(folder, "demand"), Table(folder, "stations")
    parts["roads"] = roads
    if demand.exists:
        ends = (demand.places(f"{end}_zone_id", roads.zone_id, -1) for end in ("origin", "destination"))
        figures = (demand.numbers(name) for name in ("trips", "start_min", "end_min"))
        parts["demand"] = Demand(*ends, *figures)
    if stations.exists:
        parts["stations"] = _stations(stations, Table(folder, "station_prices"), roads.node_id, feeder_id)
    return parts


def _flags(table: Table, column: str, default: bool) -> Array:
    if not table.has(column):
        return np.full(len(table), default)
    words = np.char.lower(table.text(column).astype(str))
    return np.where(words == "", default, np.isin(words, _YES))


def _roads(nodes: Table, links: Table, zones: Table, settings: Mapping[str, Any], feeder_id: Array) -> Roads:
    node_id, through = nodes.text("node_id"), _flags(nodes, "through", True)
    tail, head = (links.places(f"{end}_node_id", node_id, -1) for end in ("from", "to"))
    if np.any(tail < 0) or np.any(head < 0):
        raise ValueError("links: a link begins or ends at no node")
    length, free = links.numbers("length_km"), links.numbers("free_time_min")
    with np.errstate(divide="ignore", invalid="ignore"):
        free = np.where(np.isnan(free), 60.0 * length / links.numbers("free_speed_kmh"), free)
        speed = 60.0 * length / free
    # The contract's classes of links that name none.
    grade = np.select([speed >= 80.0, speed >= 45.0], [0, 1], 2)
    grade[~(free > 0) | ~through[tail] | ~through[head]] = 3
    said = np.char.lower(links.text("road_class").astype(str))
    for position, name in enumerate(ROAD_CLASSES):
        grade[said == name] = position
    if zones.exists:
        node = zones.places("node_id", node_id, 0)
        feeder = zones.places("feeder_id", feeder_id, OFF_GRID)
        places: dict[str, Any] = {name: zones.numbers(name) for name in ("homes", "jobs", "other")}
        zone_id = zones.text("zone_id")
    else:
        named = nodes.text("zone_id")
        node = np.flatnonzero(named != "")
        zone_id, feeder = named[node], np.full(len(node), OFF_GRID)
        places = dict.fromkeys(("homes", "jobs", "other"), np.full(len(node), np.nan))
    said_units = settings.get("roads", {})
    units: dict[str, Any] = {name: float(said_units.get(name, default)) for name, default in _UNITS.items()}
    return Roads(
        node_id=node_id,
        x=nodes.numbers("x"),
        y=nodes.numbers("y"),
        through=through,
        link_id=links.text("link_id"),
        tail=tail,
        head=head,
        length_km=length,
        capacity_veh_h=links.numbers("capacity_veh_h"),
        free_time_min=free,
        road_class=grade,
        bpr_alpha=links.numbers("bpr_alpha", 0.15),
        bpr_beta=links.numbers("bpr_beta", 4.0),
        toll=links.numbers("toll", 0.0),
        lanes=links.numbers("lanes"),
        zone_id=zone_id,
        zone_node=node,
        zone_feeder=feeder,
        crs=str(settings.get("crs", "") or "").strip(),
        **places,
        **units,
    )


def _stations(table: Table, prices: Table, node_id: Array, feeder_id: Array) -> Stations:
    ids = table.text("station_id")
    zero = ("price_fast_per_kwh", "price_normal_per_kwh", "fast_min", "normal_min")
    figures: dict[str, Any] = {name: table.numbers(name, 0.0) for name in (*zero, "fast", "normal")}
    plain = ("fast_kw", "normal_kw", "max_total", "age_years", "life_years", "snap_km")
    figures |= {name: table.numbers(name) for name in plain}
    owner = prices.places("station_id", ids, -1) if prices.exists else np.zeros(0, np.int64)
    start = prices.numbers("start_min") if prices.exists else np.zeros(0)
    order = np.lexsort((start, owner))
    order = order[owner[order] >= 0]
    windows: dict[str, Any] = {
        name: prices.numbers(column)[order] if prices.exists else np.zeros(0)
        for name, column in (
            ("price_start_min", "start_min"),
            ("price_end_min", "end_min"),
            ("window_price_fast_per_kwh", "price_fast_per_kwh"),
            ("window_price_normal_per_kwh", "price_normal_per_kwh"),
        )
    }
    first = np.concatenate([[0], np.cumsum(np.bincount(owner[order], minlength=len(ids)))])
    return Stations(
        station_id=ids,
        node=table.places("node_id", node_id, 0),
        feeder=table.places("feeder_id", feeder_id, OFF_GRID),
        fixed=_flags(table, "fixed", False),
        closed=_flags(table, "closed", False),
        price_first=first,
        **figures,
        **windows,
    )
