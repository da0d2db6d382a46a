"""What must hold whatever the scenario: order, shards, threads, weights, headroom, the ladder."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.verification.small_scenarios import KINDS, small_scenario
from tidewatt.coordination.result import Coordination
from tidewatt.coordination.study import coordinate
from tidewatt.domain.fleet import Dwells, Fleet, Trips
from tidewatt.domain.scenario import Scenario

GAP = 1e-4
few = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
kinds = st.sampled_from(KINDS)
seeds = st.integers(100, 10_000)
solvers = st.sampled_from(["newton", "newton", "admm"])


def solved(scenario: Scenario, **given) -> Coordination:
    """A study on one thread, without the session rung unless asked."""
    options = {
        "relative_gap": GAP,
        "threads": 1,
        "session": False,
        "max_passes": 20_000,
        "time_limit_s": 60.0,
    }
    return coordinate(scenario, **{**options, **given})


def room(result: Coordination) -> float:
    """How far an upgrade cost may lie above the optimum that was asked for."""
    unmanaged = result.certificates["unmanaged"].upgrade_cost
    return GAP * result.certificate.upgrade_cost + 1.1e-6 * unmanaged + 1e-9


def picked(scenario: Scenario, order: np.ndarray) -> Scenario:
    """Vehicles in another order (or some of them, or some twice)."""
    arrays = {k: v for k in Fleet.__slots__ if isinstance(v := getattr(scenario.fleet, k), np.ndarray)}
    fleet = replace(scenario.fleet, **{k: v[order] for k, v in arrays.items()})
    fleet = replace(fleet, vehicle_id=np.arange(len(order)))

    def rows(first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        taken = [np.arange(first[i], first[i + 1]) for i in order]
        return np.concatenate([[0], np.cumsum([len(t) for t in taken])]), np.concatenate(taken)

    d, t = scenario.dwells, scenario.trips
    first_d, at_d = rows(d.first)
    first_t, at_t = rows(t.first)
    dwells = Dwells(first_d, d.arrive_min[at_d], d.depart_min[at_d], d.feeder[at_d], d.charger_kw[at_d])
    trips = Trips(first_t, t.depart_min[at_t], t.arrive_min[at_t], t.energy_kwh[at_t])
    return replace(scenario, fleet=fleet, dwells=dwells, trips=trips)


def same_within_gap(a: Coordination, b: Coordination) -> None:
    """Two brackets of one optimum overlap, and unmanaged charging costs the same."""
    assert a.certificates["unmanaged"].upgrade_cost == pytest.approx(
        b.certificates["unmanaged"].upgrade_cost, rel=1e-9, abs=1e-9
    )
    tiny = 1e-9 * (1.0 + a.certificates["unmanaged"].upgrade_cost)
    assert a.certificate.lower_bound_cost <= b.certificate.upgrade_cost + tiny
    assert b.certificate.lower_bound_cost <= a.certificate.upgrade_cost + tiny


@few
@given(kinds, seeds, solvers)
def test_order_of_vehicles_does_not_matter(kind: str, seed: int, solver: str) -> None:
    """Without it something may be left over from the vehicle before."""
    scenario = small_scenario(kind, seed)
    order = np.random.default_rng(seed).permutation(len(scenario.fleet))
    same_within_gap(solved(scenario, solver=solver), solved(picked(scenario, order), solver=solver))


@few
@given(kinds, seeds, st.integers(2, 5))
def test_shards_change_rounding_only(kind: str, seed: int, shards: int) -> None:
    """Without it a shard could lose or double its vehicles' load."""
    scenario = small_scenario(kind, seed)
    same_within_gap(solved(scenario, shards=1), solved(scenario, shards=shards))


@few
@given(kinds, seeds, solvers)
def test_threads_do_not_change_the_result(kind: str, seed: int, solver: str) -> None:
    """Without it a figure could not be reproduced on another machine."""
    scenario = small_scenario(kind, seed)
    one, three = (solved(scenario, solver=solver, threads=n, shards=3) for n in (1, 3))
    assert one.certificate == three.certificate
    np.testing.assert_array_equal(
        one.schedules["coordinated"].power_kw, three.schedules["coordinated"].power_kw
    )


@few
@given(kinds, seeds, solvers)
def test_weight_two_is_two_of_a_kind(kind: str, seed: int, solver: str) -> None:
    """Without it sampled vehicles would not stand for the fleet they were drawn from."""
    scenario = small_scenario(kind, seed)
    n = len(scenario.fleet)
    heavy = replace(scenario, fleet=replace(scenario.fleet, weight=2.0 * scenario.fleet.weight))
    twice = picked(scenario, np.repeat(np.arange(n), 2))
    same_within_gap(solved(heavy, solver=solver), solved(twice, solver=solver))


@few
@given(kinds, seeds, st.floats(0.0, 5.0))
def test_more_headroom_never_costs_more(kind: str, seed: int, more_kw: float) -> None:
    """Without it a planner could be told that a stronger feeder needs the larger upgrade."""
    scenario = small_scenario(kind, seed)
    grid = scenario.grid
    wider = replace(
        scenario,
        grid=replace(
            grid, headroom_kw=grid.headroom_kw + more_kw, bank_headroom_kw=grid.bank_headroom_kw + more_kw
        ),
    )
    before, after = solved(scenario), solved(wider)
    tiny = 1e-9 * (1.0 + before.certificates["unmanaged"].upgrade_cost)
    assert after.certificate.lower_bound_cost <= before.certificate.upgrade_cost + tiny
    assert after.certificate.upgrade_cost <= before.certificate.upgrade_cost + room(after)


@few
@given(kinds, seeds, solvers)
def test_ladder_descends_and_gaps_are_not_negative(kind: str, seed: int, solver: str) -> None:
    """Without it more flexibility could be reported as costing more, or a bound as lying above its cost."""
    result = solved(small_scenario(kind, seed), solver=solver, session=True)
    unmanaged, session, coordinated = (
        result.certificates[r] for r in ("unmanaged", "session", "coordinated")
    )
    tiny = 1e-9 * (1.0 + unmanaged.upgrade_cost)
    assert unmanaged.upgrade_cost >= session.lower_bound_cost - tiny
    assert unmanaged.upgrade_cost >= session.upgrade_cost - tiny
    assert session.upgrade_cost >= coordinated.lower_bound_cost - tiny
    for proof in (session, coordinated):
        assert proof.lower_bound_cost <= proof.upgrade_cost + tiny
        assert proof.total_regret_cost >= -tiny
        assert proof.grid_slack_cost >= -tiny


@few
@given(kinds, seeds)
def test_energy_is_what_the_rules_ask(kind: str, seed: int) -> None:
    """Without it a vehicle could drive off without its energy, or with more than its battery holds."""
    scenario = small_scenario(kind, seed)
    result = solved(scenario)
    schedule = result.schedules["coordinated"]
    owner = np.repeat(np.arange(len(scenario.fleet)), np.diff(scenario.dwells.first))[schedule.dwell]
    drawn = (
        np.add.reduceat(np.append(schedule.power_kw, 0.0), schedule.first[:-1]) if len(owner) else np.zeros(0)
    )
    drawn = np.where(np.diff(schedule.first) > 0, drawn, 0.0) * scenario.horizon.step_h
    missing = result.vehicles["missing_energy_kwh"].to_numpy()
    fleet, trips = scenario.fleet, scenario.trips
    for i in range(len(fleet)):
        soc = fleet.soc_initial[i] * fleet.battery_kwh[i]
        mine = np.flatnonzero(owner == i)
        events = [
            (scenario.dwells.depart_min[schedule.dwell[q]], 0, drawn[q] * fleet.charge_efficiency[i])
            for q in mine
        ]
        events += [
            (trips.arrive_min[k], 1, -trips.energy_kwh[k]) for k in range(trips.first[i], trips.first[i + 1])
        ]
        slack = 1e-5 * fleet.battery_kwh[i]
        for _, _, change in sorted(events):
            soc += change
            assert soc <= fleet.soc_max[i] * fleet.battery_kwh[i] + slack
            if missing[i] == 0.0:
                assert soc >= fleet.soc_min[i] * fleet.battery_kwh[i] - slack
        assert soc + missing[i] >= fleet.soc_final_min[i] * fleet.battery_kwh[i] - slack
