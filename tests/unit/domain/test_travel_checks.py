"""Checks of travel in steps: what is named, and that no plan is refused that could be driven."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.unit.io.small_tariffs import SmallTariffs
from tidewatt.domain.checks.arrival import least_to
from tidewatt.domain.checks.findings import Findings
from tidewatt.domain.checks.scenario import check
from tidewatt.domain.checks.travel import check_travel
from tidewatt.domain.scenario import Scenario
from tidewatt.domain.travel import Aggregators, ChargingSites, StepRoads, Travel
from tidewatt.errors import Issue
from tidewatt.io.scenario.reading import scenario_from_tables


@pytest.fixture(scope="module")
def sound() -> Scenario:
    small = SmallTariffs()
    return scenario_from_tables(small.tables, small.config)


def changed(scenario: Scenario, part: str, **columns: Any) -> Scenario:
    return replace(scenario, **{part: replace(getattr(scenario, part), **columns)})


def issues_of(scenario: Scenario) -> list[Issue]:
    report = Findings()
    check_travel(scenario, report)
    return report.issues


def test_a_sound_scenario_has_no_issue(sound: Scenario) -> None:
    """Every scenario would be refused."""
    assert check(sound) == []


@pytest.mark.parametrize(
    ("part", "columns", "where"),
    [
        ("step_roads", {"energy_kwh": np.ones(5)}, "links.energy_kwh"),
        ("step_roads", {"head": np.full(6, 4)}, "links.to_node_id"),
        ("sites", {"node": [1, 4]}, "charging_sites.node_id"),
        ("sites", {"bus": [1, -1]}, "charging_sites.bus_id"),
        ("sites", {"level_first": [0, 2, 2]}, "charger_levels.level_first"),
        ("sites", {"price_per_kwh": np.ones((2, 7))}, "energy_prices.price_per_kwh"),
        ("aggregators", {"soc_max": np.ones(3)}, "aggregators.soc_max"),
        ("travel", {"soc_initial": np.ones(2)}, "travel.soc_initial"),
        ("travel", {"aggregator": [0, 1, 2]}, "travel.aggregator_id"),
        ("travel", {"destination": [3, 0, 9]}, "travel.destination_node_id"),
        ("injections", {"power_kw": np.ones((2, 7))}, "injections.power_kw"),
        ("injections", {"bus": [1, 3]}, "injections.bus_id"),
        ("forecasts", {"outcome_kw": np.ones((2, 8))}, "forecasts.outcome_kw"),
        ("distribution", {"head": [1, 3]}, "lines.to_bus_id"),
    ],
)
def test_misshapen_arrays_are_named(part: str, columns: dict[str, Any], where: str, sound: Scenario) -> None:
    """Who makes a scenario in memory would get an IndexError from deep inside a study."""
    found = check(changed(sound, part, **columns))
    assert [f"{issue.table}.{issue.field}" for issue in found] == [where]


@pytest.mark.parametrize("part", ["step_roads", "distribution", "aggregators"])
def test_parts_that_are_missing_are_named(part: str, sound: Scenario) -> None:
    """A scenario without the roads or the grid that it refers to would end in a traceback."""
    found = check(replace(sound, **{part: None}))
    assert found and all("scenario has no" in issue.problem for issue in found)


def test_arrival_at_the_end_of_the_horizon_is_in_time(sound: Scenario) -> None:
    """The last step would be lost, or one too many be promised: a to d takes 4 of 8 steps."""
    assert issues_of(changed(sound, "travel", depart_step=[4, 4, 2])) == []
    (issue,) = issues_of(changed(sound, "travel", depart_step=[5, 4, 7]))
    assert (issue.table, issue.field, issue.count) == ("travel", "depart_step", 2)
    assert "14 of 26.5 vehicles" in issue.problem and "last arrives 2 steps (60 min) late" in issue.problem
    assert issue.ids == (
        "10 of east from a to d at step 5 (08:30): 1 step late",
        "4 of east from a to c at step 7 (09:30): 2 steps late",
    )


def test_charge_that_just_suffices_is_enough(sound: Scenario) -> None:
    """Rounding would refuse a vehicle that reaches a charger with exactly its least charge."""
    # East: 40 kWh, least charge 0.2; the first charger is 2 kWh away.
    assert issues_of(changed(sound, "travel", soc_initial=[0.25, 0.6, 0.25])) == []
    (issue,) = issues_of(changed(sound, "travel", soc_initial=[0.24, 0.6, 0.25]))
    assert issue.field == "soc_initial" and issue.ids[0].endswith("0.4 kWh missing")


def test_sites_without_chargers_or_with_discharging_alone_do_not_help(sound: Scenario) -> None:
    """Vehicles would be sent to places where nothing charges them."""
    low = changed(sound, "travel", soc_initial=[0.3, 0.6, 0.4])
    assert issues_of(low) == []
    assert issues_of(changed(low, "sites", chargers=[0, 0]))
    assert issues_of(changed(low, "sites", level_kw=[-20.0, -7.0, -20.0]))
    assert issues_of(changed(low, "sites", chargers=[0, 1]))  # S2 is 6 kWh away, 4 kWh are there


def test_chargers_at_the_destination_do_not_help(sound: Scenario) -> None:
    """A vehicle that has arrived has left the roads: it would be promised a charge that no plan gives it."""
    at_c = changed(sound, "travel", soc_final_min=[0.5, 0.3, 0.8], soc_initial=[0.5, 0.6, 0.9])
    assert issues_of(at_c) == []  # charged at b, on the way
    (issue,) = issues_of(changed(at_c, "sites", chargers=[0, 12]))
    assert issue.ids == ("4 of east from a to c at step 2 (07:00): 2 kWh missing",)


def brute_force(
    roads: StepRoads, sites: ChargingSites, aggregators: Aggregators, travel: Travel, row: int
) -> bool:
    """Whether a vehicle gets through, by all its reachable (node, best charge), one link at a time."""
    m, end = int(travel.aggregator[row]), int(travel.destination[row])
    battery, low, high = (
        float(getattr(aggregators, name)[m]) for name in ("battery_kwh", "soc_min", "soc_max")
    )
    best = np.full(roads.nodes, -1.0)
    best[travel.origin[row]] = travel.soc_initial[row]
    for _ in range(2 * roads.nodes * roads.links):
        before = best.copy()
        for site in range(len(sites)):
            node = int(sites.node[site])
            levels = sites.level_kw[sites.level_first[site] : sites.level_first[site + 1]]
            if node != end and best[node] >= 0 and sites.chargers[site] and (levels > 0).any():
                best[node] = high
        for link in range(roads.links):
            i, j = int(roads.tail[link]), int(roads.head[link])
            after = best[i] - roads.energy_kwh[link] / battery
            if i != end and best[i] >= 0 and after >= low - 1e-9:
                best[j] = max(best[j], after)
        if (best == before).all():
            break
    return bool(best[end] >= travel.soc_final_min[row] - 1e-9)


def random_case(sound: Scenario, seed: int) -> Scenario:
    """A random network of 7 nodes with parallel links, free links and three sites, one of them idle."""
    rng = np.random.default_rng(seed)
    pairs = np.array(list(itertools.permutations(range(7), 2)))
    ends = pairs[rng.choice(len(pairs), 16)]
    roads = StepRoads(
        node_id=list("abcdefg"),
        link_id=np.arange(16),
        tail=ends[:, 0],
        head=ends[:, 1],
        capacity_per_step=np.full(16, 9.0),
        free_flow_steps=rng.integers(1, 4, 16),
        energy_kwh=np.where(rng.random(16) < 0.15, 0.0, np.round(rng.uniform(1, 12, 16), 1)),
    )
    sites = ChargingSites(
        site_id=[1, 2, 3],
        node=rng.choice(7, 3, replace=False),
        bus=[0, 1, 2],
        chargers=[3, 3, 0],
        level_first=[0, 1, 2, 3],
        level_id=[0, 0, 0],
        level_kw=[7.0, 11.0, 11.0],
        price_per_kwh=np.full((3, 8), 0.1),
    )
    groups = pairs[rng.choice(len(pairs), 12)]
    travel = Travel(
        aggregator=rng.integers(0, 2, 12),
        origin=groups[:, 0],
        destination=groups[:, 1],
        depart_step=np.zeros(12),
        soc_initial=np.round(rng.uniform(0.2, 1, 12), 2),
        soc_final_min=rng.choice([0.2, 0.5, 0.8], 12),
        vehicles=np.ones(12),
    )
    sized = replace(sound.aggregators, battery_kwh=[20.0, 14.0], soc_min=[0.2, 0.1])  # type: ignore[type-var]
    horizon = replace(sound.horizon, steps=100)
    case = replace(sound, horizon=horizon, step_roads=roads, sites=sites, travel=travel, aggregators=sized)
    return changed(case, "sites", price_per_kwh=np.full((3, 100), 0.1))


@pytest.mark.parametrize("seed", range(40))
def test_groups_named_are_those_that_cannot_get_through(seed: int, sound: Scenario) -> None:
    """A group would be refused that could drive, or a hopeless one reach the solver."""
    case = random_case(sound, seed)
    roads, sites, aggregators, travel = case.step_roads, case.sites, case.aggregators, case.travel
    assert roads is not None and sites is not None and aggregators is not None and travel is not None
    found = issues_of(case)
    assert {issue.field for issue in found} <= {"destination_node_id", "soc_initial"}
    stuck = sum(not brute_force(roads, sites, aggregators, travel, row) for row in range(len(travel)))
    assert sum(issue.count for issue in found) == stuck


def test_some_random_groups_get_through_and_some_do_not(sound: Scenario) -> None:
    """The comparison above would be of nothing but one kind."""
    counts = [sum(i.count for i in issues_of(random_case(sound, seed))) for seed in range(40)]
    assert min(counts) < 6 < max(counts)


@pytest.mark.parametrize("seed", range(12))
def test_the_kwh_missing_are_those_that_help(seed: int, sound: Scenario) -> None:
    """A user who adds what is said to be missing would be told of more, or have added too much."""
    case = random_case(sound, seed)
    roads, sites, travel, aggregators = case.step_roads, case.sites, case.travel, case.aggregators
    assert roads is not None and sites is not None and travel is not None and aggregators is not None
    short = [i for i in issues_of(case) if i.field == "soc_initial"]
    for issue in short:
        for name in issue.ids:
            kwh = float(name.rsplit(":", 1)[1].split()[0])
            assert kwh > 0
    for row in range(len(travel)):
        battery = float(aggregators.battery_kwh[travel.aggregator[row]])
        one = Travel(*(getattr(travel, name)[row : row + 1] for name in travel.__slots__))
        (alone,) = issues_of(replace(case, travel=one)) or (None,)
        if alone is None or alone.field != "soc_initial":
            continue
        kwh = float(alone.ids[0].rsplit(":", 1)[1].split()[0])
        raised = float(one.soc_initial[0]) + kwh / battery
        if raised > 1 + 1e-9:
            continue  # the battery itself is too small
        helped = replace(one, soc_initial=[min(1.0, raised + 1e-3)])
        useless = replace(one, soc_initial=[raised - 1e-2])
        if brute_force(roads, sites, aggregators, helped, 0):
            assert not brute_force(roads, sites, aggregators, useless, 0)


def test_least_of_parallel_and_free_links() -> None:
    """A sparse matrix would add parallel links up and drop links that take nothing."""
    roads = StepRoads([0, 1, 2], [0, 1, 2, 3], [0, 0, 1, 2], [1, 1, 2, 0], np.ones(4), np.ones(4), np.ones(4))
    least = least_to(roads, np.array([5.0, 3.0, 0.0, 1.0]), np.array([2, 0]))
    assert least.tolist() == [[3.0, 0.0, 0.0], [0.0, 1.0, 1.0]]


def test_issues_elsewhere_do_not_bring_unreachable_destinations(sound: Scenario) -> None:
    """A wrong battery would also be told as a hundred trips that cannot be driven."""
    (issue,) = issues_of(changed(sound, "aggregators", battery_kwh=[40.0, -1.0]))
    assert issue.field == "battery_kwh"
