"""Plans judged on replayed days: objective, limits, memory, traffic."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.configuration.small_searches import crowd, evaluator_of, limits_for
from tidewatt.configuration import costs
from tidewatt.configuration.evaluation import INFEASIBLE, Evaluator, TrafficEffect
from tidewatt.configuration.limits import limits_of
from tidewatt.configuration.traffic import congestion_of_day, marginal_congestion, traffic_of_days
from tidewatt.execution.threads import Threads
from tidewatt.options.configuration import CONFIGURATION
from tidewatt.options.simulation import SIMULATION
from tidewatt.routing.routers import make_router
from tidewatt.simulation.preparation import world_of
from tidewatt.simulation.queueing.replay import replay
from tidewatt.simulation.replications import workers_of
from tidewatt.synthesis.city import city


def plans_of(evaluator: Evaluator, count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Random plans that sites hold."""
    rng, limits = np.random.default_rng(seed), evaluator.limits
    fast = rng.integers(0, limits.total_high + 1, (count, limits.stations))
    return fast, rng.integers(0, limits.total_high - fast + 1)


def test_the_installed_plan_changes_nothing():
    """Fails if costs before and after are of different days: every plan would look better or worse."""
    evaluator = evaluator_of(1)
    before = evaluator.judge(evaluator.stations.fast, evaluator.stations.normal)
    assert before.objective[0] == 0.0
    assert before.feasible[0]
    assert before.score[0] == 0.0
    assert evaluator.evaluations == 0


def test_costs_are_means_of_single_replays():
    """Fails if days, plans or stations are mixed up between the replays and the costs."""
    evaluator = evaluator_of(2, weights=[1.0, 2.0, 0.5, 0.0])
    fast, normal = plans_of(evaluator, 3)
    found = evaluator.judge(fast, normal)
    p, plan = evaluator.parameters, 1
    days = [crowd(2000 + day, 12, 80) for day in range(2)]
    changed = type(evaluator.stations.plan)(fast[plan], normal[plan])
    done = [replay(d, evaluator.stations, changed, SIMULATION.resolve(taste_min=0.5)) for d in days]
    minutes = [sum(d.by_station[k].sum() for k in ("detour_min", "wait_min", "charge_min")) for d in done]
    time = np.mean(minutes) * costs.money_per_min(p["income_per_month"], p["money_unit"], p["mode"])
    np.testing.assert_allclose(found.costs.f2_1[plan], time, rtol=1e-12)
    earned = np.mean([d.figures["revenue"] for d in done]) / p["money_unit"]
    np.testing.assert_allclose(found.costs.f1_2[plan], earned, rtol=1e-12)
    totals, before = list(found.costs.totals()), list(evaluator.before.costs.totals())
    change = sum(w * (a[plan] - b[0]) for w, a, b in zip(p["weights"], totals, before, strict=True))
    np.testing.assert_allclose(found.objective[plan], change, rtol=1e-9)
    charges = np.array([d.figures["charges"] for d in done])
    waits = np.array([d.figures["mean_wait_min"] for d in done])
    expected = (waits * charges).sum() / charges.sum()
    np.testing.assert_allclose(found.figures["mean_wait_min"][plan], expected, rtol=1e-12)


def test_a_plan_is_replayed_once():
    """Fails if plans that were judged before are replayed again, or count against the budget again."""
    evaluator = evaluator_of(3)
    fast, normal = plans_of(evaluator, 4)
    twice = evaluator.judge(np.vstack([fast, fast[::-1]]), np.vstack([normal, normal[::-1]]))
    assert (evaluator.evaluations, evaluator.asked, evaluator.replays) == (4, 8, 8)
    np.testing.assert_array_equal(twice.score[:4], twice.score[4:][::-1])
    again = evaluator.judge(fast, normal)
    assert (evaluator.evaluations, evaluator.asked, evaluator.replays) == (4, 12, 8)
    np.testing.assert_array_equal(again.objective, twice.objective[:4])


def test_number_of_threads_changes_nothing():
    """Fails if a plan's costs depend on what is judged beside it."""
    fast, normal = plans_of(evaluator_of(4), 20)
    alone = evaluator_of(4).judge(fast, normal)
    with Threads(2) as threads:
        together = evaluator_of(4, threads=threads).judge(fast, normal)
    np.testing.assert_array_equal(alone.score, together.score)
    np.testing.assert_array_equal(alone.figures["mean_wait_min"], together.figures["mean_wait_min"])


def test_any_plan_within_the_limits_beats_one_outside():
    """Fails if a cheap plan that breaks a limit can win the search."""
    evaluator = evaluator_of(5, station_cost_must_not_rise=False, fast_cost=0.0)
    stations = evaluator.stations
    many = evaluator.judge(stations.fast + 5, stations.normal)
    assert not many.feasible[0]
    assert many.objective[0] < 0.0 < INFEASIBLE <= many.score[0]
    none = evaluator.judge(np.zeros(12), np.zeros(12))
    assert none.figures["unserved"][0] == 80.0
    assert not none.feasible[0]
    assert none.score[0] >= INFEASIBLE


def test_stations_cost_may_not_rise_where_that_is_asked():
    """Fails if (18) is not applied, or is applied where it was switched off."""
    free, bound = (evaluator_of(6, station_cost_must_not_rise=asked) for asked in (False, True))
    fast, normal = plans_of(free, 40)
    rises = free.judge(fast, normal).costs.f1 > free.before.costs.f1 + 1e-9
    served = free.judge(fast, normal).figures["unserved"] == 0.0
    assert rises.any()
    np.testing.assert_array_equal(free.judge(fast, normal).feasible, served)
    np.testing.assert_array_equal(bound.judge(fast, normal).feasible, served & ~rises)


def test_shares_of_stations_add_up():
    """Fails if a part of the costs belongs to no station, or to two: moves would be chosen by wrong gains."""
    evaluator = evaluator_of(7, weights=[1.0, 0.7, 2.0, 1.0])
    installed = evaluator.stations
    fast, normal = plans_of(evaluator, 6)
    fast, normal = np.vstack([installed.fast, fast]), np.vstack([installed.normal, normal])
    found, shares = evaluator.judge_by_station(fast, normal)
    whole = shares.sum(axis=2)
    served = found.figures["unserved"] == 0.0
    assert served.sum() > 3
    change = (whole - whole[:, :1])[:, served]
    np.testing.assert_allclose(change[0], found.objective[served], atol=1e-9)
    np.testing.assert_allclose(change[1], (found.costs.f1 - found.costs.f1[0])[served], atol=1e-9)


def test_memory_is_kept_and_put_back():
    """Fails if a search that goes on from a checkpoint counts or judges differently."""
    evaluator, other = evaluator_of(8), evaluator_of(8)
    fast, normal = plans_of(evaluator, 5)
    found = evaluator.judge(fast, normal)
    other.restore(evaluator.state())
    np.testing.assert_array_equal(other.judge(fast, normal).score, found.score)
    assert (other.evaluations, other.replays) == (5, 10)


def test_traffic_enters_by_the_stations_chosen():
    """Fails if the cost of traffic does not follow drivers, or counts the installed plan twice."""
    evaluator = evaluator_of(9)
    stations, p = evaluator.stations, evaluator.parameters
    days = [crowd(9000 + day, 12, 80) for day in range(2)]
    effect = [np.arange(12) + 0.01 * np.arange(80)[:, None] for _ in days]
    with_traffic = Evaluator.of_requests(
        days,
        stations,
        p,
        limits_for(stations, p),
        simulation=SIMULATION.resolve(taste_min=0.5),
        traffic=[TrafficEffect(7.0, table) for table in effect],
    )
    assert with_traffic.before.costs.f4[0] == pytest.approx(7.0)
    fast, normal = plans_of(evaluator, 3)
    found = with_traffic.judge(fast, normal)
    for plan in range(3):
        change = []
        for day, table in zip(days, effect, strict=True):
            sums = []
            for f, n in ((fast[plan], normal[plan]), (stations.fast, stations.normal)):
                built = type(stations.plan)(f, n)
                sent = replay(day, stations, built, SIMULATION.resolve(taste_min=0.5)).station
                sums.append(table[np.flatnonzero(sent >= 0), sent[sent >= 0]].sum())
            change.append(sums[0] - sums[1])
        assert found.costs.f4[plan] == pytest.approx(7.0 + np.mean(change), rel=1e-5)
    same = evaluator.judge(fast, normal)
    np.testing.assert_array_equal(same.costs.f2, found.costs.f2)


def test_drives_to_stations_slow_the_links_they_pass():
    """Fails if a request's drive is charged to wrong links, a wrong interval, or not less the direct way."""
    scenario, threads = city(0, stations=8, links=600, zones=12), Threads(1)
    world = world_of(scenario, SIMULATION.resolve(vehicles=1500, replications=1), threads)
    _, _, day = workers_of(world, threads)[0].run(0)
    p = CONFIGURATION.resolve(congestion_cost=10.0)
    (table,) = traffic_of_days(world, p, [day], exact=8)
    assert table.shape == day.requests.to_ms.shape
    added = marginal_congestion(world.roads, day.ledger.flow_veh_h, world.speed_flow, 10.0, 15.0)
    router = make_router(world.network, world.stations.node, kind="dijkstra")
    for r in range(0, len(day.requests), 7):
        interval = int(day.requests.minute[r] // 15.0)
        time_ms = np.rint(day.ledger.time_min[interval] * 60000.0).astype(np.int32)
        router.renew(time_ms)
        begin, end = day.ends[r]
        node = world.stations.node[3]
        pairs = np.array([[begin, node], [node, end], [begin, end]], np.int32)
        routes = router.routes(pairs[:, 0].copy(), pairs[:, 1].copy())
        assert abs(int(routes.time_ms[0]) - int(day.requests.to_ms[r, 3])) <= 500
        sums = [added[interval][routes.links[a:b]].sum() for a, b in zip(routes.first, routes.first[1:])]
        assert table[r, 3] == pytest.approx(sums[0] + sums[1] - sums[2], rel=1e-4, abs=1e-9)
    (rough,) = traffic_of_days(world, p, [day], exact=2)
    assert np.corrcoef(rough.ravel(), table.ravel())[0, 1] > 0.5
    evaluator = Evaluator(world, [day], p, limits_of(scenario, p))
    assert evaluator.before.costs.f4[0] == pytest.approx(congestion_of_day(world, p, day))


def test_without_feedback_drives_change_no_traffic():
    """Fails if plans are charged for congestion that the simulation does not know."""
    scenario, threads = city(0, stations=8, links=600, zones=12), Threads(1)
    given = SIMULATION.resolve(vehicles=800, replications=1, feedback=False)
    world = world_of(scenario, given, threads)
    _, _, day = workers_of(world, threads)[0].run(0)
    (table,) = traffic_of_days(world, CONFIGURATION.resolve(), [day])
    assert not table.any()
