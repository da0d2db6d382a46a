"""Columns of a scenario's tables of travel in steps and of the distribution grid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from tidewatt.domain.arrays import Array
from tidewatt.domain.distribution import INJECTION_KINDS, Distribution, Forecasts, Injections
from tidewatt.domain.scenario import Scenario
from tidewatt.domain.travel import Aggregators, ChargingSites, StepRoads, Travel
from tidewatt.io.roadwriting import ids_column, nullable, taken

__all__ = ["network_tables", "step_columns"]

_Tables = Iterator[tuple[str, Mapping[str, Any]]]


def network_tables(scenario: Scenario) -> _Tables:
    """Names and columns of the tables to write; nodes and links only where there are no other roads."""
    roads, sites, grid = scenario.step_roads, scenario.sites, scenario.distribution
    if roads is not None and scenario.roads is None:
        yield from _roads(roads)
    if grid is not None:
        yield from _distribution(grid)
        if scenario.injections is not None and (len(scenario.injections) or scenario.forecasts is not None):
            yield "injections", _injections(scenario.injections, grid)
            if scenario.forecasts is not None:
                yield "forecasts", _forecasts(scenario.forecasts, scenario.injections)
    if roads is not None and sites is not None and grid is not None:
        yield from _sites(sites, roads, grid)
    if scenario.aggregators is not None:
        yield "aggregators", _aggregators(scenario.aggregators)
        if scenario.travel is not None and roads is not None:
            yield "travel", _travel(scenario.travel, scenario.aggregators, roads)
    if scenario.provenance:
        columns = zip(*scenario.provenance)
        names = ("table", "field", "value", "status", "source")
        yield "provenance", {name: pa.array(list(c), pa.string()) for name, c in zip(names, columns)}


def step_columns(roads: StepRoads) -> Mapping[str, Any]:
    """Columns of links that describe roads in steps."""
    return {name: getattr(roads, name) for name in ("capacity_per_step", "free_flow_steps", "energy_kwh")}


def _roads(roads: StepRoads) -> _Tables:
    nodes = ids_column(roads.node_id)
    yield "nodes", {"node_id": nodes}
    links = {
        "link_id": ids_column(roads.link_id),
        "from_node_id": taken(nodes, roads.tail),
        "to_node_id": taken(nodes, roads.head),
    }
    yield "links", links | dict(step_columns(roads))


def _sites(sites: ChargingSites, roads: StepRoads, grid: Distribution) -> _Tables:
    ids = ids_column(sites.site_id)
    yield (
        "charging_sites",
        {
            "site_id": ids,
            "node_id": taken(ids_column(roads.node_id), sites.node),
            "bus_id": taken(ids_column(grid.bus_id), sites.bus),
            "chargers": sites.chargers,
        },
    )
    owner = np.repeat(np.arange(len(sites)), np.diff(sites.level_first))
    yield (
        "charger_levels",
        {"site_id": taken(ids, owner), "level_id": ids_column(sites.level_id), "power_kw": sites.level_kw},
    )
    price = sites.price_per_kwh
    same = len(price) > 0 and bool((price == price[:1]).all())
    rows = price[:1] if same else price
    columns: dict[str, Any] = {} if same else {"site_id": taken(ids, _repeated(rows))}
    yield "energy_prices", columns | {"step": _steps(rows), "price_per_kwh": rows.ravel()}


def _repeated(rows: Array) -> Array:
    """Row of each cell, in order of rows."""
    return np.repeat(np.arange(len(rows)), rows.shape[1])


def _steps(rows: Array) -> Array:
    """Step of each cell, in order of rows."""
    return np.tile(np.arange(rows.shape[1], dtype=np.int32), len(rows))


def _aggregators(aggregators: Aggregators) -> Mapping[str, Any]:
    columns = {name: getattr(aggregators, name) for name in aggregators.__slots__}
    return columns | {"aggregator_id": ids_column(aggregators.aggregator_id)}


def _travel(travel: Travel, aggregators: Aggregators, roads: StepRoads) -> Mapping[str, Any]:
    nodes = ids_column(roads.node_id)
    return {
        "aggregator_id": taken(ids_column(aggregators.aggregator_id), travel.aggregator),
        "origin_node_id": taken(nodes, travel.origin),
        "destination_node_id": taken(nodes, travel.destination),
        **{n: getattr(travel, n) for n in ("depart_step", "soc_initial", "soc_final_min", "vehicles")},
    }


def _distribution(grid: Distribution) -> _Tables:
    buses = ids_column(grid.bus_id)
    figures = ("slack", "voltage_min_pu", "voltage_max_pu", "base_kv")
    yield "buses", {"bus_id": buses, **{name: getattr(grid, name) for name in figures}}
    yield (
        "lines",
        {
            "line_id": ids_column(grid.line_id),
            "from_bus_id": taken(buses, grid.tail),
            "to_bus_id": taken(buses, grid.head),
            **{name: getattr(grid, name) for name in ("r_ohm", "x_ohm", "limit_kw")},
        },
    )


def _injections(injections: Injections, grid: Distribution) -> Mapping[str, Any]:
    power = injections.power_kw
    row = _repeated(power)
    columns: dict[str, Any] = {
        "injection_id": taken(ids_column(injections.injection_id), row),
        "bus_id": taken(ids_column(grid.bus_id), injections.bus[row]),
        "kind": taken(pa.array(INJECTION_KINDS), injections.kind[row]),
        "step": _steps(power),
        **{n: getattr(injections, n).ravel() for n in ("power_kw", "reactive_kvar", "half_width_kw")},
    }
    if not np.isnan(injections.gamma).all():
        columns["gamma"] = nullable(injections.gamma[row])
    return columns


def _forecasts(forecasts: Forecasts, injections: Injections) -> Mapping[str, Any]:
    known = ~(np.isnan(forecasts.forecast_kw) & np.isnan(forecasts.outcome_kw))
    day, injection, step = np.nonzero(known)
    return {
        "injection_id": taken(ids_column(injections.injection_id), injection),
        "day": forecasts.day[day],
        "step": step.astype(np.int32),
        "forecast_kw": forecasts.forecast_kw[known],
        "outcome_kw": forecasts.outcome_kw[known],
    }
