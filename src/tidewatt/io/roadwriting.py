"""Columns of a scenario's tables of roads, demand, vehicle types and stations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from tidewatt.domain.arrays import Array
from tidewatt.domain.grid import Grid
from tidewatt.domain.roads import ROAD_CLASSES, Demand, FleetTypes, Roads
from tidewatt.domain.scenario import Scenario
from tidewatt.domain.stations import Stations

__all__ = ["ids_column", "nullable", "road_section", "road_tables", "taken"]


def road_tables(scenario: Scenario) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Names and columns of the tables to write."""
    roads, grid = scenario.roads, scenario.grid
    if roads is not None:
        yield from _roads(roads, grid)
        if scenario.demand is not None:
            yield "demand", _demand(scenario.demand, roads)
        if scenario.stations is not None:
            yield from _stations(scenario.stations, roads, grid)
    if scenario.types is not None:
        yield "fleet", _types(scenario.types)


def road_section(roads: Roads) -> dict[str, float]:
    """Section ``[roads]`` of ``scenario.toml``."""
    names = ("period_h", "toll_weight_min", "distance_weight_min_per_km", "time_unit_min")
    return {name: float(getattr(roads, name)) for name in names}


def ids_column(ids: Array) -> pa.Array:
    """Ids as a column: integers, or texts."""
    return pa.array(ids) if ids.dtype.kind == "i" else pa.array([str(i) for i in ids], pa.string())


def nullable(values: Array) -> pa.Array:
    """Numbers as a column, null where nan."""
    return pa.array(values, from_pandas=True)


def taken(values: pa.Array, index: Array) -> pa.Array:
    """A column ``values[index]``, null where the index is negative."""
    return values.take(pa.array(index, mask=np.asarray(index) < 0))


def _roads(roads: Roads, grid: Grid) -> Iterator[tuple[str, Mapping[str, Any]]]:
    nodes, classes = ids_column(roads.node_id), pa.array(ROAD_CLASSES)
    yield (
        "nodes",
        {
            "node_id": nodes,
            "x": nullable(roads.x),
            "y": nullable(roads.y),
            "through": pa.array(roads.through),
        },
    )
    links: dict[str, Any] = {
        "link_id": ids_column(roads.link_id),
        "from_node_id": taken(nodes, roads.tail),
        "to_node_id": taken(nodes, roads.head),
        "length_km": roads.length_km,
        "capacity_veh_h": roads.capacity_veh_h,
        "free_time_min": roads.free_time_min,
        "lanes": nullable(roads.lanes),
        "road_class": taken(classes, roads.road_class),
        "bpr_alpha": roads.bpr_alpha,
        "bpr_beta": roads.bpr_beta,
        "toll": roads.toll,
    }
    yield "links", links | dict(roads.link_attributes)
    if roads.zones:
        zones: dict[str, Any] = {
            "zone_id": ids_column(roads.zone_id),
            "node_id": taken(nodes, roads.zone_node),
            **{name: nullable(getattr(roads, name)) for name in ("homes", "jobs", "other")},
        }
        if (roads.zone_feeder >= 0).any():
            zones["feeder_id"] = taken(ids_column(grid.feeder_id), roads.zone_feeder)
        yield "zones", zones


def _demand(demand: Demand, roads: Roads) -> Mapping[str, Any]:
    zones = ids_column(roads.zone_id)
    columns: dict[str, Any] = {
        "origin_zone_id": taken(zones, demand.origin),
        "destination_zone_id": taken(zones, demand.destination),
        "trips": demand.trips,
    }
    for name in ("start_min", "end_min"):
        if not np.isnan(getattr(demand, name)).all():
            columns[name] = nullable(getattr(demand, name))
    return columns


def _types(types: FleetTypes) -> Mapping[str, Any]:
    names = ("share", "battery_kwh", "kwh_per_km", "max_fast_kw", "max_normal_kw")
    return {"type": ids_column(types.type_id), **{name: getattr(types, name) for name in names}}


def _stations(stations: Stations, roads: Roads, grid: Grid) -> Iterator[tuple[str, Mapping[str, Any]]]:
    ids = ids_column(stations.station_id)
    columns: dict[str, Any] = {
        "station_id": ids,
        "node_id": taken(ids_column(roads.node_id), stations.node),
        **{name: getattr(stations, name) for name in ("fast", "normal", "fast_kw", "normal_kw")},
    }
    if (stations.feeder >= 0).any():
        columns["feeder_id"] = taken(ids_column(grid.feeder_id), stations.feeder)
    for name in ("price_fast_per_kwh", "price_normal_per_kwh", "fixed", "closed", "fast_min", "normal_min"):
        columns[name] = pa.array(getattr(stations, name))
    for name in ("max_total", "age_years", "life_years", "snap_km"):
        if not np.isnan(getattr(stations, name)).all():
            columns[name] = nullable(getattr(stations, name))
    yield "stations", columns | dict(stations.attributes)
    if len(stations.price_start_min):
        owner = np.repeat(np.arange(len(stations)), np.diff(stations.price_first))
        yield (
            "station_prices",
            {
                "station_id": taken(ids, owner),
                "start_min": stations.price_start_min,
                "end_min": stations.price_end_min,
                "price_fast_per_kwh": nullable(stations.window_price_fast_per_kwh),
                "price_normal_per_kwh": nullable(stations.window_price_normal_per_kwh),
            },
        )
