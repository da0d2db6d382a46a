"""Flows on paths: which paths, what is kept, and what comes of a problem that has no plan."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.verification.tariff_models import own_problem, tiny
from tidewatt.domain.travel import ChargingSites, StepRoads
from tidewatt.tariffs.paths.model import PathChoice
from tidewatt.tariffs.paths.solution import solve_paths
from tidewatt.tariffs.problem import Progressed


def _grid_roads(side: int, rng: np.random.Generator) -> StepRoads:
    """A square grid, both directions, with a few parallel links."""
    ends = []
    for row in range(side):
        for column in range(side):
            node = row * side + column
            ends += [(node, node + 1)] * (column + 1 < side) + [(node, node + side)] * (row + 1 < side)
    ends += [(b, a) for a, b in ends] + ends[:2]
    tail, head = np.array(ends).T
    n = len(tail)
    steps = rng.integers(1, 4, n)
    return StepRoads(np.arange(side * side), np.arange(n), tail, head, np.full(n, 5.0), steps, 0.5 * steps)


def _all_lengths(roads: StepRoads, origin: int, destination: int) -> list[int]:
    """Steps of every simple path, in order."""
    found = []

    def go(node: int, steps: int, seen: frozenset[int]) -> None:
        if node == destination:
            found.append(steps)
            return
        for a in np.flatnonzero(roads.tail == node):
            if int(roads.head[a]) not in seen:
                go(int(roads.head[a]), steps + int(roads.free_flow_steps[a]), seen | {int(roads.head[a])})

    go(origin, 0, frozenset((origin,)))
    return sorted(found)


@pytest.mark.parametrize("seed", range(4))
def test_paths_are_the_shortest_simple_ones(seed: int) -> None:
    """A path missed, or taken twice, would change the source's formulation silently."""
    roads = _grid_roads(3, np.random.default_rng(seed))
    every = _all_lengths(roads, 0, 8)
    for count in (1, 4, 10_000):
        paths = PathChoice.of(roads).paths(0, 8, count, 1000)
        lengths = [int(roads.free_flow_steps[p].sum()) for p in paths]
        assert lengths == every[:count]
        assert len({tuple(p.tolist()) for p in paths}) == len(paths)
        for path in paths:
            nodes = [*roads.tail[path].tolist(), int(roads.head[path[-1]])]
            assert nodes[0] == 0 and nodes[-1] == 8 and len(set(nodes)) == len(nodes)
            assert (roads.head[path[:-1]] == roads.tail[path[1:]]).all()
    limit = every[3]
    assert len(PathChoice.of(roads).paths(0, 8, 10_000, limit)) == sum(length <= limit for length in every)


def test_no_way_gives_no_path() -> None:
    """An origin without a way out would otherwise loop, or raise deep inside."""
    roads = StepRoads(
        np.arange(3), np.arange(1), np.array([0]), np.array([1]), np.ones(1), np.ones(1), np.ones(1)
    )
    assert PathChoice.of(roads).paths(0, 2, 4, 10) == []


def test_traffic_adds_up() -> None:
    """Figures of sites and roads come from it; a vehicle counted twice or nowhere would show."""
    problem = tiny(v2g=True, road_capacity=0.6)
    found = solve_paths(problem, paths_per_od=10)
    traffic, roads, sites = found.traffic, problem.roads, problem.sites
    assert traffic is not None and traffic.arcs == {}
    assert (traffic.link_flow <= roads.capacity_per_step[:, None] + 1e-6).all()
    assert (traffic.charging + traffic.discharging <= sites.chargers[:, None] + 1e-6).all()
    for node in range(roads.nodes):
        departs = problem.travel.vehicles[problem.travel.origin == node].sum()
        arrives = problem.travel.vehicles[problem.travel.destination == node].sum()
        comes = traffic.link_flow[roads.head == node].sum()
        goes = traffic.link_flow[roads.tail == node].sum()
        assert comes + departs == pytest.approx(goes + arrives, abs=1e-5)
    for site, node in enumerate(sites.node.tolist()):
        stays = problem.travel.origin == node
        through = traffic.link_flow[roads.head == node].sum() + problem.travel.vehicles[stays].sum()
        ends = problem.travel.vehicles[problem.travel.destination == node].sum()
        passed = traffic.entering[site].sum() + traffic.bypassing[site].sum()
        assert passed == pytest.approx(through - ends, abs=1e-5)
    assert np.nanmin(traffic.soc_mean) >= 0.2 - 1e-6
    assert np.nanmax(traffic.soc_mean) <= 1.0 + 1e-6
    here = traffic.queue + traffic.charging + traffic.discharging
    assert (np.isfinite(traffic.soc_mean) == (here > 1e-6)).all()


def test_bound_and_cost_enclose_the_optimum() -> None:
    """The gap is the proof; a bound from unconverged duals must still be one."""
    problem = tiny(v2g=False)
    best = solve_paths(problem, paths_per_od=10)
    assert best.status == "solved"
    assert -1e-12 <= best.relative_gap <= 1e-9
    rough = solve_paths(problem, paths_per_od=10, relative_gap=1e-2)
    assert rough.status == "solved"
    assert rough.bound <= best.cost + 1e-9
    assert rough.relative_gap > best.relative_gap


def test_no_plan_is_said_and_who_is_left() -> None:
    """Vehicles that nothing serves must not be dropped quietly."""
    problem = tiny(v2g=False, road_capacity=0.1)
    found = solve_paths(problem, paths_per_od=10)
    assert found.status == "infeasible"
    assert found.bound == -math.inf
    assert 1.0 < found.unserved.sum() < problem.travel.vehicles.sum()


def test_elastic_serves_all_and_says_what_it_took() -> None:
    """A diagnosis names the limits to relax; relaxing them by as much must be enough."""
    problem = tiny(v2g=False, road_capacity=0.1)
    found = solve_paths(problem, paths_per_od=10, elastic=True)
    assert found.unserved.sum() < 1e-4
    roads = found.relaxed["roads"]
    assert roads.shape == problem.toll.shape
    assert roads.sum() > 1.0
    capacity = problem.roads.capacity_per_step + roads.max(axis=1) + 1e-6
    wider = replace(problem, roads=replace(problem.roads, capacity_per_step=capacity))
    rows = problem.rows
    assert rows is not None
    high = rows.high + found.relaxed["rows_high"].max() + 1e-6
    wider = replace(wider, rows=replace(rows, high=high))
    assert solve_paths(wider, paths_per_od=10).status == "solved"


def test_elastic_exceeds_nothing_where_there_is_a_plan() -> None:
    """Cost comes second: cheap limits must not be bought off."""
    problem = tiny(v2g=False)
    found, firm = (solve_paths(problem, paths_per_od=10, elastic=e) for e in (True, False))
    assert max(float(part.max(initial=0.0)) for part in found.relaxed.values()) < 1e-5
    assert found.cost == pytest.approx(firm.cost, rel=1e-6)
    assert firm.relaxed == {}


def test_prices_that_are_told_are_paid() -> None:
    """An aggregator's own problem: tolls and charger prices must enter its cost, and no grid its rows."""
    problem = tiny(v2g=False)
    free = solve_paths(own_problem(problem, 1), paths_per_od=10)
    told = own_problem(problem, 1, toll=np.full_like(problem.toll, 0.25))
    paid = solve_paths(told, paths_per_od=10)
    assert free.dual_high.shape == (0, problem.steps)
    assert np.abs(free.power_kw[0]).max() < 1e-9
    assert free.traffic is not None and paid.traffic is not None
    crossings = paid.traffic.link_flow.sum()
    assert free.cost < paid.cost <= free.cost + 0.25 * free.traffic.link_flow.sum() + 1e-6
    assert paid.cost >= free.cost + 0.25 * crossings - 1e-6 or crossings < free.traffic.link_flow.sum()
    plugged = own_problem(problem, 1, charger_price=np.full_like(problem.charger_price, 0.1))
    assert solve_paths(plugged, paths_per_od=10).cost > free.cost + 0.1


def test_two_sites_at_one_node_share_nothing_but_the_node() -> None:
    """Were only one of them seen, splitting a site in two would change the cost."""
    problem = tiny(v2g=False, line_kw=(50.0, 50.0))
    sites = problem.sites
    split = ChargingSites(
        np.array(["west", "east", "east 2"], dtype=object),
        np.array([1, 2, 2]),
        np.array([0, 1, 1]),
        np.array([6, 3, 2]),
        np.array([0, 1, 2, 3]),
        np.arange(3),
        sites.level_kw[[0, 1, 1]],
        sites.price_per_kwh[[0, 1, 1]],
    )
    free = replace(
        problem,
        rows=None,
        aggregators=replace(problem.aggregators, price_sensitivity_per_kwh_kw=np.zeros(2)),
    )
    apart = replace(
        free,
        sites=split,
        price_per_kwh=free.price_per_kwh[:, [0, 1, 1]],
        charger_price=np.zeros((3, free.steps)),
    )
    assert solve_paths(apart, paths_per_od=10).cost == pytest.approx(
        solve_paths(free, paths_per_od=10).cost, rel=1e-7
    )


def test_progress_is_reported() -> None:
    """The command line shows it; without calls a long solve looks dead."""
    seen: list[Progressed] = []
    solve_paths(tiny(v2g=False), on_progress=seen.append)
    assert seen and seen[-1].columns > 100 and seen[-1].relative_gap < 1e-6
