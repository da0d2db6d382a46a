"""Whether the arrays of travel in steps and of the distribution grid belong together."""

from __future__ import annotations

from typing import Any

import numpy as np

from tidewatt.domain.distribution import INJECTION_KINDS, Distribution, Injections
from tidewatt.domain.reporting import Report, lengths_differ, out_of_range
from tidewatt.domain.scenario import Scenario
from tidewatt.domain.travel import ChargingSites

__all__ = ["misshapen_network"]


def misshapen_network(scenario: Scenario, report: Report) -> None:
    """Report arrays of the wrong shape, indices of nothing, and parts that lack what they refer to."""
    grid = scenario.distribution
    _roads(scenario, report)
    if grid is not None:
        lengths_differ(
            report, "buses", grid, ("slack", "voltage_min_pu", "voltage_max_pu", "base_kv"), grid.buses
        )
        lengths_differ(report, "lines", grid, ("tail", "head", "r_ohm", "x_ohm", "limit_kw"), grid.lines)
        out_of_range(report, "lines", "from_bus_id", grid.tail, grid.buses)
        out_of_range(report, "lines", "to_bus_id", grid.head, grid.buses)
    if scenario.injections is not None:
        _injections(scenario.injections, grid, scenario, report)
    _travel(scenario, report)


def _shape(report: Report, table: str, part: Any, name: str, shape: tuple[int, ...]) -> None:
    found = getattr(part, name).shape
    if found != shape:
        report.add(table, name, f"the array has the shape {found}", f"Give {shape}: the last axis are steps")


def _lacks(report: Report, table: str, **parts: Any) -> bool:
    """Whether a part lacks what it refers to (reported)."""
    missing = [name.replace("_", " ") for name, part in parts.items() if part is None]
    if missing:
        report.add(
            table, "", f"the scenario has no {' and no '.join(missing)}", "Add them, or remove the table"
        )
    return bool(missing)


def _roads(scenario: Scenario, report: Report) -> None:
    steps, roads = scenario.step_roads, scenario.roads
    if steps is None:
        return
    names = ("tail", "head", "capacity_per_step", "free_flow_steps", "energy_kwh")
    lengths_differ(report, "links", steps, names, steps.links)
    out_of_range(report, "links", "from_node_id", steps.tail, steps.nodes)
    out_of_range(report, "links", "to_node_id", steps.head, steps.nodes)
    if roads is not None and not (
        np.array_equal(roads.node_id, steps.node_id) and np.array_equal(roads.link_id, steps.link_id)
    ):
        problem = "roads in steps are of other nodes or links than the roads"
        report.add("links", "link_id", problem, "Give both the same nodes and links in the same order")


def _injections(
    injections: Injections, grid: Distribution | None, scenario: Scenario, report: Report
) -> None:
    count, steps = len(injections), scenario.horizon.steps
    lengths_differ(report, "injections", injections, ("bus", "kind", "gamma"), count)
    for name in ("power_kw", "reactive_kvar", "half_width_kw"):
        _shape(report, "injections", injections, name, (count, steps))
    out_of_range(report, "injections", "kind", injections.kind, len(INJECTION_KINDS))
    if not _lacks(report, "injections", buses=grid) and grid is not None:
        out_of_range(report, "injections", "bus_id", injections.bus, grid.buses)
    forecasts = scenario.forecasts
    if forecasts is not None:
        for name in ("forecast_kw", "outcome_kw"):
            _shape(report, "forecasts", forecasts, name, (len(forecasts.day), count, steps))


def _travel(scenario: Scenario, report: Report) -> None:
    roads, grid, sites = scenario.step_roads, scenario.distribution, scenario.sites
    aggregators, travel = scenario.aggregators, scenario.travel
    if sites is not None:
        _sites(sites, scenario.horizon.steps, report)
        if not _lacks(report, "charging_sites", roads_in_steps=roads, buses=grid):
            assert roads is not None and grid is not None
            out_of_range(report, "charging_sites", "node_id", sites.node, roads.nodes)
            out_of_range(report, "charging_sites", "bus_id", sites.bus, grid.buses)
    if aggregators is not None:
        names = tuple(name for name in aggregators.__slots__ if name != "aggregator_id")
        lengths_differ(report, "aggregators", aggregators, names, len(aggregators))
    if travel is not None:
        lengths_differ(report, "travel", travel, tuple(travel.__slots__), len(travel))
        if not _lacks(report, "travel", roads_in_steps=roads, aggregators=aggregators):
            assert roads is not None and aggregators is not None
            out_of_range(report, "travel", "aggregator_id", travel.aggregator, len(aggregators))
            out_of_range(report, "travel", "origin_node_id", travel.origin, roads.nodes)
            out_of_range(report, "travel", "destination_node_id", travel.destination, roads.nodes)


def _sites(sites: ChargingSites, steps: int, report: Report) -> None:
    count, levels = len(sites), len(sites.level_kw)
    lengths_differ(report, "charging_sites", sites, ("node", "bus", "chargers"), count)
    _shape(report, "energy_prices", sites, "price_per_kwh", (count, steps))
    first = sites.level_first
    good = (
        len(first) == count + 1 and first[0] == 0 and first[-1] == levels and not (np.diff(first) < 0).any()
    )
    if not good or len(sites.level_id) != levels:
        problem = "the offsets do not divide the levels among the sites"
        report.add("charger_levels", "level_first", problem, f"Give {count + 1} rising offsets to {levels}")
