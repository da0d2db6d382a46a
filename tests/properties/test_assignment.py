"""What holds of every user equilibrium: of whatever network, trips, units and number of threads."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import piqp
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.verification.road_scenarios import at_random
from tidewatt.assignment.convergence import GapMonitor
from tidewatt.assignment.problem import pack
from tidewatt.assignment.projection import project
from tidewatt.assignment.study import assign
from tidewatt.execution.threads import Threads
from tidewatt.kernels.roads.equilibrium import load_paths, price_links
from tidewatt.options.assignment import ASSIGNMENT

METHODS = ASSIGNMENT.every["method"].words

seeds = st.integers(0, 2**32 - 1)


def solved(problem, gap=1e-11):
    """Flows of gradient projection."""
    with Threads(1) as workers:
        goal = ASSIGNMENT.resolve(relative_gap=gap, max_iterations=1000, time_limit_s=60.0)
        return project(problem, GapMonitor(goal), workers)


def by_quadratic_program(scenario):
    """The objective by an interior-point method on flows by origin and link; costs must be linear."""
    problem = pack(scenario.roads, scenario.demand)
    costs, pairs = problem.costs, problem.pairs
    links, nodes = len(costs.beta), len(problem.star.first) - 1
    origins = len(pairs.source)
    rows = np.r_[problem.tail, scenario.roads.head]
    signs = np.r_[np.ones(links), -np.ones(links)]
    once = sp.csc_matrix((signs, (rows, np.r_[np.arange(links), np.arange(links)])), (nodes, links))
    needs = np.zeros((origins, nodes))
    for o in range(origins):
        for r in range(pairs.first[o], pairs.first[o + 1]):
            needs[o, pairs.source[o]] += pairs.demand[r]
            needs[o, pairs.target[r]] -= pairs.demand[r]
    # Variables: flow of each origin on each link. One balance of each origin follows from the others.
    balance = sp.block_diag([once[:-1]] * origins, format="csc")
    bend = np.where(costs.beta == 1.0, costs.free_min * costs.alpha / costs.capacity, 0.0)
    curve = sp.kron(np.ones((origins, origins)), sp.diags(bend), format="csc")
    slope = np.tile(costs.fixed_min + costs.free_min, origins)
    solver = piqp.SparseSolver()
    solver.settings.eps_abs = solver.settings.eps_rel = 1e-9
    solver.setup(curve, slope, balance, needs[:, :-1].ravel(), x_l=np.zeros(links * origins))
    solver.solve()
    flow = solver.result.x.reshape(origins, links).sum(axis=0)
    return float((costs.fixed_min + costs.free_min) @ flow + 0.5 * bend @ flow**2)


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_no_flows_do_better_with_linear_costs(seed):
    """Without it: gradient projection may stop at a point that is no minimum, with its own gap at nought."""
    scenario = at_random(seed, beta=1.0)
    mine = assign(scenario, relative_gap=1e-11, threads=1).figures["objective"]
    assert mine == pytest.approx(by_quadratic_program(scenario), rel=1e-6)


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_both_methods_find_the_same_equilibrium(seed):
    """Without it: one of the two may minimise another thing, on powers or constant costs."""
    scenario = at_random(seed)
    mine = assign(scenario, relative_gap=1e-10, threads=1)
    other = assign(scenario, relative_gap=1e-4, threads=1, method=METHODS[1])
    assert mine.figures["objective"] <= other.figures["objective"] * (1 + 1e-9)
    # The objective of a flow exceeds the least one by at most its excess cost.
    moved = mine.figures["demand_trips"] - mine.figures["intrazonal_trips"]
    toll = scenario.roads.toll_weight_min * scenario.roads.toll
    toll = toll + scenario.roads.distance_weight_min_per_km * scenario.roads.length_km
    cost = float(other.links["flow_veh"] @ (other.links["travel_time_min"] + toll))
    assert moved > 0
    assert other.figures["objective"] - mine.figures["objective"] <= 1.01e-4 * cost


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_every_path_used_is_a_cheapest_one(seed):
    """Without it: Wardrop's condition may hold on average only, with drivers left on dear paths."""
    scenario = at_random(seed)
    problem = pack(scenario.roads, scenario.demand)
    outcome = solved(problem)
    cost, slope = np.zeros_like(outcome.flow), np.zeros_like(outcome.flow)
    price_links(problem.costs, outcome.flow, cost, slope)
    paths = outcome.paths
    again = np.zeros_like(outcome.flow)
    load_paths(paths, again)
    np.testing.assert_allclose(again, outcome.flow, rtol=1e-12)
    source = np.repeat(problem.pairs.source, np.diff(problem.pairs.first))
    for r in range(len(problem.pairs.demand)):
        own = range(paths.first[r], paths.first[r + 1])
        assert math.isclose(sum(paths.flow[k] for k in own), problem.pairs.demand[r], rel_tol=1e-12)
        price = {k: cost[paths.links[paths.start[k] : paths.start[k + 1]]].sum() for k in own}
        used = [price[k] for k in own if paths.flow[k] > 1e-3 * problem.pairs.demand[r]]
        assert max(used) <= min(price.values()) * (1 + 1e-6)
        for k in own:  # a path leads from the pair's origin to its destination
            chain = paths.links[paths.start[k] : paths.start[k + 1]]
            assert problem.tail[chain[0]] == source[r]
            assert scenario.roads.head[chain[-1]] == problem.pairs.target[r]
            assert (scenario.roads.head[chain[:-1]] == problem.tail[chain[1:]]).all()


@settings(max_examples=20, deadline=None)
@given(seeds, st.floats(0.01, 100), st.floats(0.01, 100))
def test_units_do_not_matter(seed, size, slowness):
    """Without it: tolerances in vehicles or minutes would make results depend on units."""
    scenario = at_random(seed)
    roads, demand = scenario.roads, scenario.demand
    scaled = dataclasses.replace(
        scenario,
        roads=dataclasses.replace(
            roads,
            capacity_veh_h=roads.capacity_veh_h * size,
            free_time_min=roads.free_time_min * slowness,
            toll_weight_min=roads.toll_weight_min * slowness,
            distance_weight_min_per_km=roads.distance_weight_min_per_km * slowness,
        ),
        demand=dataclasses.replace(demand, trips=demand.trips * size),
    )
    one = assign(scenario, relative_gap=1e-10, threads=1).figures["objective"]
    other = assign(scaled, relative_gap=1e-10, threads=1).figures["objective"]
    assert other == pytest.approx(one * size * slowness, rel=1e-9)


@settings(max_examples=10, deadline=None)
@given(seeds, st.sampled_from(METHODS))
def test_threads_do_not_change_the_flows(seed, method):
    """Without it: results depend on the machine, and two runs cannot be compared."""
    scenario = at_random(seed)
    one, two = (assign(scenario, relative_gap=1e-4, threads=n, method=method) for n in (1, 2))
    assert one.links["flow_veh"].to_numpy().tobytes() == two.links["flow_veh"].to_numpy().tobytes()
