"""Check travel in steps: roads, charging sites, aggregators and groups of vehicles."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.checks.arrival import check_arrivals
from tidewatt.domain.checks.findings import Findings, lengths_differ, named, out_of_range, unique
from tidewatt.domain.distribution import INJECTION_KINDS, Distribution, Injections
from tidewatt.domain.roads import Roads
from tidewatt.domain.scenario import Scenario
from tidewatt.domain.travel import Aggregators, ChargingSites, StepRoads, Travel

__all__ = ["check_travel", "misshapen_network"]


def misshapen_network(scenario: Scenario, report: Findings) -> None:
    """Report arrays of wrong shape, indices that refer to nothing, and parts that lack what they refer to."""
    grid = scenario.distribution
    _roads_fit(scenario, report)
    if grid is not None:
        lengths_differ(
            report, "buses", grid, ("slack", "voltage_min_pu", "voltage_max_pu", "base_kv"), grid.buses
        )
        lengths_differ(report, "lines", grid, ("tail", "head", "r_ohm", "x_ohm", "limit_kw"), grid.lines)
        out_of_range(report, "lines", "from_bus_id", grid.tail, grid.buses)
        out_of_range(report, "lines", "to_bus_id", grid.head, grid.buses)
    if scenario.injections is not None:
        _injections(scenario.injections, grid, scenario, report)
    _travel_fits(scenario, report)


def _shape(report: Findings, table: str, part: Any, name: str, shape: tuple[int, ...]) -> None:
    found = getattr(part, name).shape
    if found != shape:
        report.add(
            table, name, f"the array has the shape {found}", f"Give {shape}: the last axis is the steps"
        )


def _lacks(report: Findings, table: str, **parts: Any) -> bool:
    """Return whether a part lacks what it refers to, and report it."""
    missing = [name.replace("_", " ") for name, part in parts.items() if part is None]
    if missing:
        report.add(
            table, "", f"the scenario has no {' and no '.join(missing)}", "Add them, or remove the table"
        )
    return bool(missing)


def _roads_fit(scenario: Scenario, report: Findings) -> None:
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
        problem = "the roads in steps have other nodes or links than the roads"
        report.add("links", "link_id", problem, "Give both the same nodes and links in the same order")


def _injections(
    injections: Injections, grid: Distribution | None, scenario: Scenario, report: Findings
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


def _travel_fits(scenario: Scenario, report: Findings) -> None:
    roads, grid, sites = scenario.step_roads, scenario.distribution, scenario.sites
    aggregators, travel = scenario.aggregators, scenario.travel
    if sites is not None:
        _sites_fit(sites, scenario.horizon.steps, report)
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


def _sites_fit(sites: ChargingSites, steps: int, report: Findings) -> None:
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


_INF = math.inf
_SOC = "Give a fraction of the battery, 0.8 for 80 %"


def check_travel(scenario: Scenario, report: Findings, *, whole: bool = True) -> None:
    """Check roads in steps, charging sites, aggregators and groups of vehicles.

    Parameters
    ----------
    scenario : Scenario
        With arrays that belong together.
    report : Findings
    whole : bool
        False where rows were left out already: then who can get where is not judged.
    """
    roads, sites, travel = scenario.step_roads, scenario.sites, scenario.travel
    before = len(report.issues)
    if roads is not None:
        _roads(roads, scenario, report)
    if sites is not None:
        _sites(sites, report)
    if scenario.aggregators is not None:
        _aggregators(scenario.aggregators, report)
    if travel is not None and scenario.aggregators is not None and roads is not None:
        _travel(travel, scenario.aggregators, roads, scenario.horizon.steps, report)
        if whole and sites is not None and len(report.issues) == before:
            check_arrivals(scenario, report)


def group_names(travel: Travel, aggregators: Aggregators, roads: StepRoads) -> Callable[[int], str]:
    """Return a function that names groups of vehicles in messages."""

    def who(row: int) -> str:
        origin, destination = (roads.node_id[end[row]] for end in (travel.origin, travel.destination))
        owner = aggregators.aggregator_id[travel.aggregator[row]]
        return f"{owner}: {origin} to {destination} at step {travel.depart_step[row]}"

    return who


def _roads(roads: StepRoads, scenario: Scenario, report: Findings) -> None:
    who = named(roads.link_id)
    if scenario.roads is None:  # else reported with them
        unique(report, "nodes", "node_id", roads.node_id)
        unique(report, "links", "link_id", roads.link_id)
        loops = np.flatnonzero(roads.tail == roads.head)
        fix = "Remove the link, or correct one of its nodes"
        report.rows("links", "to_node_id", "the link ends where it starts", fix, loops, who)
    elif scenario.travel is not None:
        _centroids(roads, scenario.roads, report)
    fix = "Give vehicles per step; close a road by removing the link"
    capacity, open_end = roads.capacity_per_step, {"low_open": True, "inf_allowed": True}
    report.within("links", "capacity_per_step", capacity, 0, _INF, "above 0", fix, who, **open_end)
    fix = "Give whole steps of the horizon"
    steps = roads.free_flow_steps
    report.within("links", "free_flow_steps", steps, 1, _INF, "1 or more", fix, who)
    fix = "Give kWh of one vehicle; energy recovered downhill is not modelled"
    report.within("links", "energy_kwh", roads.energy_kwh, 0, _INF, "0 or more", fix, who)


def _centroids(steps: StepRoads, roads: Roads, report: Findings) -> None:
    """Check that no node is barred: travel in steps drives through every node."""
    entered, left = np.zeros(roads.nodes, bool), np.zeros(roads.nodes, bool)
    entered[steps.head] = left[steps.tail] = True
    barred = np.flatnonzero(~roads.through & entered & left)
    fix = "Set through = true, or split it into a node where trips start and one where they end"
    problem = "vehicles would have to pass through a node with through = false"
    report.rows("nodes", "through", problem, fix, barred, named(roads.node_id))


def _sites(sites: ChargingSites, report: Findings) -> None:
    who = named(sites.site_id)
    unique(report, "charging_sites", "site_id", sites.site_id)
    fix = "Give how many chargers the site has"
    report.within("charging_sites", "chargers", sites.chargers, 0, _INF, "0 or more", fix, who)
    owner = np.repeat(np.arange(len(sites)), np.diff(sites.level_first))

    def level(row: int) -> str:
        return f"{sites.site_id[owner[row]]} level {sites.level_id[row]}"

    power = sites.level_kw
    bad = np.flatnonzero(~np.isfinite(power) | (power == 0))
    fix = "Give kW of one charger, below 0 where the vehicle discharges; waiting needs no level"
    report.values("charger_levels", "power_kw", power, bad, "a finite number other than 0", fix, level)
    pairs = list(zip(owner.tolist(), sites.level_id.tolist()))
    first = {pair: row for row, pair in reversed(list(enumerate(pairs)))}
    again = [row for row, pair in enumerate(pairs) if first[pair] != row]
    report.rows(
        "charger_levels",
        "level_id",
        "the site has the level more than once",
        "Keep one row of each",
        again,
        level,
    )
    # Where there are no levels at all, the table is missing, which is reported.
    bare = np.flatnonzero((np.diff(sites.level_first) == 0) & (sites.chargers > 0) & (len(power) > 0))
    fix = "Add its rows to charger_levels (site_id, level_id, power_kw), or give it 0 chargers"
    report.rows("charger_levels", "site_id", "the site has chargers, but no charger level", fix, bare, who)
    price = sites.price_per_kwh
    steps = price.shape[1]
    wrong = np.flatnonzero(~np.isfinite(price.ravel()))
    where = "Give a price for every site and step"
    report.values(
        "energy_prices",
        "price_per_kwh",
        price.ravel(),
        wrong,
        "a finite number",
        where,
        lambda cell: f"{sites.site_id[cell // steps]} step {cell % steps}",
    )


def _aggregators(aggregators: Aggregators, report: Findings) -> None:
    who = named(aggregators.aggregator_id)
    unique(report, "aggregators", "aggregator_id", aggregators.aggregator_id)

    def within(name: str, low: float, high: float, allowed: str, fix: str, low_open: bool = False) -> None:
        values = getattr(aggregators, name)
        report.within("aggregators", name, values, low, high, allowed, fix, who, low_open=low_open)

    within("battery_kwh", 0, _INF, "above 0", "Give the usable capacity of one vehicle in kWh", True)
    for name in ("charge_efficiency", "discharge_efficiency"):
        within(name, 0, 1, "above 0, at most 1", "Give a fraction, 0.9 for 90 %", True)
    for name in ("soc_min", "soc_max"):
        within(name, 0, 1, "0 to 1", _SOC)
    within("time_value_per_h", 0, _INF, "0 or more", "Give the cost of an hour on the road, or 0 for none")
    fix = (
        "Give how much each extra kW raises the price per kWh: without it, aggregators may choose among "
        "plans of equal cost, and no published price makes them choose the one that the grid can carry"
    )
    within("price_sensitivity_per_kwh_kw", 0, _INF, "above 0", fix, True)
    low, high = aggregators.soc_min, aggregators.soc_max
    bad = np.flatnonzero((low >= high) & (low <= 1) & (high >= 0))
    if len(bad):
        problem = f"{low[bad[0]]:g} is not below soc_max {high[bad[0]]:g}"
        report.rows("aggregators", "soc_min", problem, "Lower soc_min or raise soc_max", bad, who)


def _travel(travel: Travel, aggregators: Aggregators, roads: StepRoads, steps: int, report: Findings) -> None:
    who = group_names(travel, aggregators, roads)

    def within(name: str, low: float, high: float, allowed: str, fix: str, low_open: bool = False) -> None:
        report.within("travel", name, getattr(travel, name), low, high, allowed, fix, who, low_open=low_open)

    within("vehicles", 0, _INF, "above 0", "Give how many vehicles depart, or remove the row", True)
    fix = "Give a step of the horizon; the first is 0"
    within("depart_step", 0, steps - 1, f"0 to {steps - 1}", fix)
    for name in ("soc_initial", "soc_final_min"):
        within(name, 0, 1, "0 to 1", _SOC)
    low, high = (column[travel.aggregator] for column in (aggregators.soc_min, aggregators.soc_max))
    sound = (low >= 0) & (low < high) & (high <= 1)  # others are reported with the aggregators
    for name in ("soc_initial", "soc_final_min"):
        soc: Array = getattr(travel, name)
        for words, bound, out in (("below soc_min", low, soc < low), ("above soc_max", high, soc > high)):
            bad = np.flatnonzero(out & sound & (soc >= 0) & (soc <= 1))
            if len(bad):
                problem = f"{soc[bad[0]]:g} is {words} {bound[bad[0]]:g} of the aggregator"
                report.rows("travel", name, problem, f"Correct it, or the aggregator's {words[6:]}", bad, who)
    still = np.flatnonzero(travel.origin == travel.destination)
    fix = "Remove the row: vehicles that stay where they are do not travel"
    report.rows("travel", "destination_node_id", "the trip ends where it starts", fix, still, who)
