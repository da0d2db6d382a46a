"""What is wrong with travel in steps: roads, charging sites, aggregators and groups of vehicles."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.reporting import Report, named, unique
from tidewatt.domain.roads import Roads
from tidewatt.domain.scenario import Scenario
from tidewatt.domain.travel import Aggregators, ChargingSites, StepRoads, Travel
from tidewatt.domain.travel_reach import check_arrivals

__all__ = ["check_travel"]

_INF = math.inf
_SOC = "Give a fraction of the battery, 0.8 for 80 %"


def check_travel(scenario: Scenario, report: Report, *, whole: bool = True) -> None:
    """Roads in steps, charging sites, aggregators and their vehicles' trips.

    Parameters
    ----------
    scenario : Scenario
        With arrays that belong together.
    report : Report
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
    """How messages name groups of vehicles."""

    def who(row: int) -> str:
        origin, destination = (roads.node_id[end[row]] for end in (travel.origin, travel.destination))
        owner = aggregators.aggregator_id[travel.aggregator[row]]
        return f"{owner}: {origin} to {destination} at step {travel.depart_step[row]}"

    return who


def _roads(roads: StepRoads, scenario: Scenario, report: Report) -> None:
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
    fix = "Give kWh of one vehicle; energy won back downhill is not modelled"
    report.within("links", "energy_kwh", roads.energy_kwh, 0, _INF, "0 or more", fix, who)


def _centroids(steps: StepRoads, roads: Roads, report: Report) -> None:
    """Travel in steps drives through every node, so that none may be barred."""
    entered, left = np.zeros(roads.nodes, bool), np.zeros(roads.nodes, bool)
    entered[steps.head] = left[steps.tail] = True
    barred = np.flatnonzero(~roads.through & entered & left)
    fix = "Set through = true, or divide it into a node where trips start and one where they end"
    problem = "travel in steps would drive through a node with through = false"
    report.rows("nodes", "through", problem, fix, barred, named(roads.node_id))


def _sites(sites: ChargingSites, report: Report) -> None:
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
        "a site has the level more than once",
        "Keep one row of each",
        again,
        level,
    )
    # Where there are no levels at all, the table is missing, which is reported.
    bare = np.flatnonzero((np.diff(sites.level_first) == 0) & (sites.chargers > 0) & (len(power) > 0))
    fix = "Add its rows to charger_levels (site_id, level_id, power_kw), or give it 0 chargers"
    report.rows("charger_levels", "site_id", "a site has chargers, but no level", fix, bare, who)
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


def _aggregators(aggregators: Aggregators, report: Report) -> None:
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
    within("time_value_per_h", 0, _INF, "0 or more", "Give what an hour on the way costs, 0 for nothing")
    fix = (
        "Give by how much a kW more raises the price per kWh: without that, aggregators may choose among "
        "plans of equal cost, and no published price makes them choose the one that the grid can carry"
    )
    within("price_sensitivity_per_kwh_kw", 0, _INF, "above 0", fix, True)
    low, high = aggregators.soc_min, aggregators.soc_max
    bad = np.flatnonzero((low >= high) & (low <= 1) & (high >= 0))
    if len(bad):
        problem = f"{low[bad[0]]:g} is not below soc_max {high[bad[0]]:g}"
        report.rows("aggregators", "soc_min", problem, "Lower soc_min or raise soc_max", bad, who)


def _travel(travel: Travel, aggregators: Aggregators, roads: StepRoads, steps: int, report: Report) -> None:
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
