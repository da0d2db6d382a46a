"""What `assign` takes, refuses and reports, on networks small enough to see through."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from tests.verification.road_scenarios import at_random, roads_of, scenario_of
from tidewatt.assignment.problem import lost_pairs, pack, unreachable
from tidewatt.assignment.study import assign
from tidewatt.errors import ScenarioError, SolveWarning
from tidewatt.kernels.roads.equilibrium import LinkCosts, beckmann, descend, price_links
from tidewatt.options.assignment import ASSIGNMENT
from tidewatt.result import Status

METHODS = ASSIGNMENT.every["method"].words

BOTH_WAYS = [(0, 1), (1, 0)]


def street(**figures):
    """Two zones with a road each way; 10 + x / 10 minutes for x vehicles an hour."""
    given = {"free_time_min": 10.0, "bpr_alpha": 0.1, "bpr_beta": 1.0, "capacity_veh_h": 10.0}
    return roads_of(2, BOTH_WAYS, zones=(0, 1), **(given | figures))


def test_trips_within_a_zone_are_counted_but_not_driven():
    """Without it: intrazonal trips load links that they never use, or vanish without a word."""
    result = assign(scenario_of(street(), [(0, 1, 30.0), (0, 0, 12.0), (1, 1, 8.0)]))
    np.testing.assert_allclose(result.links["flow_veh"], [30.0, 0.0])
    assert result.figures["intrazonal_trips"] == result.figures["unassigned_trips"] == 20.0
    assert result.figures["demand_trips"] == 50.0
    assert result.figures["pairs"] == 1


def test_rows_of_one_pair_add_up():
    """Without it: of several rows for one pair only the last one counts."""
    result = assign(scenario_of(street(), [(0, 1, 30.0), (0, 1, 5.0), (1, 0, 1.0)]))
    np.testing.assert_allclose(result.links["flow_veh"], [35.0, 1.0])


def test_capacity_is_that_of_the_period():
    """Without it: trips of a day meet the capacity of an hour, or the other way round."""
    day = assign(scenario_of(street(period_h=24.0), [(0, 1, 240.0)]))
    hour = assign(scenario_of(street(), [(0, 1, 10.0)]))
    assert day.links["travel_time_min"][0] == pytest.approx(hour.links["travel_time_min"][0])
    assert hour.links["travel_time_min"][0] == pytest.approx(11.0)


def test_one_period_of_several_is_asked_for_by_its_start():
    """Without it: morning and evening trips meet on the road, or one of them silently goes missing."""
    rows = [(0, 1, 20.0, 420.0, 540.0), (0, 1, 40.0, 960.0, 1080.0)]
    several = scenario_of(street(), rows)
    with pytest.raises(ScenarioError, match="Periods start at minute: 420, 960"):
        assign(several)
    with pytest.raises(ScenarioError, match="no trips that start at minute 1"):
        assign(several, start_min=1.0)
    with pytest.warns(SolveWarning, match="20 trips in other periods"):
        evening = assign(several, start_min=960.0)
    assert evening.figures["period_h"] == 2.0
    assert evening.figures["start_min"] == 960.0
    assert evening.links["travel_time_min"][0] == pytest.approx(10 + 40 / 2 / 10)
    only = assign(scenario_of(street(), rows[:1]))
    assert only.figures["start_min"] == 420.0
    mixed = scenario_of(street(), [*rows, (0, 1, 7.0)])
    with pytest.warns(SolveWarning, match="60 trips in other periods"):
        assert assign(mixed).links["flow_veh"][0] == pytest.approx(7.0)


def test_nobody_drives_through_a_centroid():
    """Without it: a zone's centroid becomes a short cut, and flows differ from every other program's."""
    # The way from 0 to 1 is quicker over the centroid 2, but it is closed; 3 is an ordinary node.
    ends = [(0, 2), (2, 1), (0, 3), (3, 1), (1, 0), (1, 2), (2, 0)]
    free = np.array([1.0, 1, 5, 5, 1, 1, 1])
    roads = roads_of(4, ends, zones=(0, 1, 2), closed=(2,), free_time_min=free, capacity_veh_h=1e6)
    rows = [(0, 1, 10.0), (0, 2, 3.0), (2, 1, 4.0)]
    closed = assign(scenario_of(roads, rows))
    np.testing.assert_allclose(closed.links["flow_veh"], [3, 4, 10, 10, 0, 0, 0])
    opened = assign(scenario_of(dataclasses.replace(roads, through=np.ones(4, bool)), rows))
    np.testing.assert_allclose(opened.links["flow_veh"], [13, 14, 0, 0, 0, 0, 0])


@pytest.mark.parametrize("method", METHODS)
def test_trips_to_nowhere_are_named(method):
    """Without it: a missing link ends in an endless or meaningless run instead of the zones it cuts off."""
    roads = roads_of(4, [(0, 1), (1, 0), (2, 3), (3, 2)], zones=(0, 1, 2, 3))
    scenario = scenario_of(roads, [(0, 1, 5.0), (0, 2, 7.5), (3, 1, 2.0)])
    with pytest.raises(ScenarioError) as caught:
        assign(scenario, method=method)
    assert "z0" in str(caught.value) and "z2" in str(caught.value)
    # The solver's own message, should the check of the scenario ever let such trips pass.
    problem = pack(roads, scenario.demand)
    assert lost_pairs(problem.star, problem.tail, problem.pairs).tolist() == [1, 2]
    text = str(unreachable(problem, roads))
    assert "z0 to z2 (7.5 trips)" in text and "z3 to z1 (2 trips)" in text and "9.5 trips" in text


@pytest.mark.parametrize(
    "given",
    [
        {"relative_gap": -1.0},
        {"relative_gap": math.nan},
        {"max_iterations": 0},
        {"time_limit_s": -1.0},
        {"method": "all-or-nothing"},
        {"threads": -1},
    ],
)
def test_impossible_arguments_are_refused(given):
    """Without it: a mistyped argument runs for hours or ends in a traceback."""
    with pytest.raises(ScenarioError, match=next(iter(given))):
        assign(scenario_of(street(), [(0, 1, 1.0)]), **given)


def test_a_scenario_without_roads_or_trips_is_refused_with_what_to_do():
    """Without it: the user sees an attribute error."""
    whole = scenario_of(street(), [(0, 1, 1.0)])
    with pytest.raises(ScenarioError, match="links: the scenario has none"):
        assign(dataclasses.replace(whole, roads=None, demand=None))
    with pytest.raises(ScenarioError, match="demand: the scenario has none"):
        assign(dataclasses.replace(whole, demand=None))
    with pytest.raises(ScenarioError, match="no trips between different nodes"):
        assign(scenario_of(street(), [(0, 0, 1.0)]))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("limit", "status"),
    [({"max_iterations": 1}, Status.ITERATION_LIMIT), ({"time_limit_s": 0.0}, Status.TIME_LIMIT)],
)
def test_a_limit_ends_the_run_with_its_status(method, limit, status):
    """Without it: a limit is overrun, or an unfinished run passes for an equilibrium."""
    with pytest.warns(SolveWarning, match="gap"):
        result = assign(at_random(3), relative_gap=0.0, method=method, **limit)
    assert result.status is status
    assert not result.status.reached
    assert len(result.history) == result.figures["iterations"] + 1 <= 2
    assert result.figures["relative_gap"] > 0


def test_rounding_ends_an_impossible_demand_for_accuracy():
    """Without it: a gap below rounding runs for ever."""
    with pytest.warns(SolveWarning, match="double precision"):
        for seed in range(12):
            result = assign(at_random(seed, nodes=60), relative_gap=0.0)
            assert result.status in (Status.CERTIFIED, Status.STALLED)
            assert result.figures["relative_gap"] < 1e-13


def test_progress_tells_objective_bound_and_gap():
    """Without it: progress shows nothing, or a bound above the objective."""
    told = []
    result = assign(at_random(1), relative_gap=1e-9, progress=told.append)
    assert [each.iteration for each in told] == result.history["iteration"].tolist()
    assert all(each.bound <= each.primal for each in told)
    assert told[-1].bound == pytest.approx(told[-1].primal, rel=1e-8)
    assert told[-1].gap <= 1e-9


def costs_of(alpha, beta, free=2.0, fixed=0.5):
    """One link of 3 vehicles capacity."""
    arrays = (np.array([each], float) for each in (free, alpha, beta, 3.0, fixed))
    return LinkCosts(*arrays)


@pytest.mark.parametrize(("alpha", "beta"), [(0, 4), (0.15, 0), (0.3, 1), (0.2, 4), (0.7, 2.7), (1, 16.83)])
def test_cost_slope_and_objective_of_a_link_fit(alpha, beta):
    """Without it: the solvers descend along wrong slopes, or report an objective of other costs."""
    costs, cost, slope = costs_of(alpha, beta), np.zeros(1), np.zeros(1)
    for x in (0.0, 0.4, 3.0, 5.5):
        price_links(costs, np.array([x]), cost, slope)
        assert cost[0] == pytest.approx(0.5 + 2 * (1 + alpha * (x / 3) ** beta))
        if x > 0:
            h = 1e-5
            up, down = (beckmann(costs, np.array([x + s]))[0] for s in (h, -h))
            assert (up - down) / (2 * h) == pytest.approx(cost[0], rel=1e-8)
            here = slope[0]
            ends = []
            for s in (h, -h):
                price_links(costs, np.array([x + s]), cost, slope)
                ends.append(cost[0])
            assert (ends[0] - ends[1]) / (2 * h) == pytest.approx(here, rel=1e-6, abs=1e-9)
    assert beckmann(costs, np.zeros(1))[0] == 0.0


def test_a_line_search_ends_where_costs_meet():
    """Without it: Frank-Wolfe takes steps that are too long or too short and creeps."""
    two = LinkCosts(*(np.array(pair, float) for pair in ((1, 2), (1, 1), (4, 1), (1, 1), (0, 0))))
    flow, cost, slope = np.array([2.0, 0.0]), np.zeros(2), np.zeros(2)
    at = descend(two, flow, np.array([-2.0, 2.0]), 1e-12)
    price_links(two, flow + at * np.array([-2.0, 2.0]), cost, slope)
    assert cost[0] == pytest.approx(cost[1], rel=1e-10)
    assert descend(two, flow, np.array([2.0, 0.0]), 1e-9) == 0.0
    assert descend(two, np.array([9.0, 0.0]), np.array([-1.0, 1.0]), 1e-9) == 1.0
