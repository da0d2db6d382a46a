"""What must hold of every simulated day, on small networks, stations and drivers drawn at random."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.simulation.charging_days import stations_of
from tests.verification.road_scenarios import at_random
from tidewatt.domain.arrays import Array
from tidewatt.domain.scenario import Scenario
from tidewatt.execution.threads import Threads
from tidewatt.options.simulation import SIMULATION
from tidewatt.simulation.driving.day import Day
from tidewatt.simulation.driving.models import ChargingDecision, speeds_kmh
from tidewatt.simulation.preparation import world_of
from tidewatt.simulation.queueing.replay import replay
from tidewatt.simulation.replications import outcome_of, workers_of
from tidewatt.simulation.world import World

VEHICLES = 150


class BelowHalf:
    """Charge whenever the battery is below half: also on the last link of a trip."""

    def wants(self, soc: Array, soc_at_destination: Array, threshold_soc: Array) -> Array:
        """Whether it is."""
        return soc < 0.5


class Always:
    """Charge whenever there is room in the battery: many charges are shorter than a step."""

    def wants(self, soc: Array, soc_at_destination: Array, threshold_soc: Array) -> Array:
        """Everyone does."""
        return np.ones(len(soc), bool)


DECISION = st.sampled_from([None, BelowHalf(), Always()])
STEPS = st.sampled_from([(1.0, 15.0), (0.5, 30.0), (2.0, 10.0), (5.0, 5.0), (30.0, 30.0)])


def scenario(seed: int) -> Scenario:
    """Roads with centroids and parallel links; stations at any node, centroids too, some at the same."""
    rng = np.random.default_rng(seed)
    made = at_random(seed)
    n = int(rng.integers(1, 5))
    # What takes no time has no length either: nobody's speed is without bounds.
    length = np.where(made.roads.free_time_min > 0, made.roads.length_km, 0.0)
    roads = dataclasses.replace(made.roads, length_km=length)
    fast = rng.integers(0, 3, n)
    stations = stations_of(
        fast,
        np.where(fast == 0, rng.integers(1, 3, n), rng.integers(0, 2, n)),
        node=rng.integers(0, roads.nodes, n),
        fast_kw=rng.choice([20.0, 60.0, 120.0], n),
    )
    return dataclasses.replace(made, roads=roads, stations=stations)


def simulated(
    seed: int, steps: tuple[float, float], decision: ChargingDecision | None, **asked: object
) -> tuple[World, Day]:
    """One replication: far too little in the batteries, so that many charge."""
    given = {"vehicles": VEHICLES, "soc_initial": [0.02, 0.4], "threshold_soc": [0.15, 0.6], "threads": 1}
    given |= {"step_min": steps[0], "renew_min": steps[1], "seed": seed}
    p = SIMULATION.resolve(**{**given, **asked})
    with Threads(1) as threads:
        world = world_of(scenario(seed), p, threads, decision)
        _, _, day = workers_of(world, threads)[0].run(0)
    return world, day


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), steps=STEPS, decision=DECISION, days=st.integers(1, 2))
def test_vehicles_and_energy_are_conserved(
    seed: int, steps: tuple[float, float], decision: ChargingDecision | None, days: int
) -> None:
    """Without it vehicles could be lost between driving, queues and stays, or batteries filled by nobody."""
    world, day = simulated(seed, steps, decision, days=days)
    assert day.ledger.conservation_error == 0
    assert day.ledger.energy_error_kwh() < 1e-9
    np.testing.assert_array_equal(day.ledger.states.sum(axis=0), VEHICLES)
    assert outcome_of(world, day, 0.0).figures["littles_law_max_error"] < 1e-9


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), steps=STEPS, decision=DECISION)
def test_one_charge_on_the_way_a_day_and_never_at_two_places(
    seed: int, steps: tuple[float, float], decision: ChargingDecision | None
) -> None:
    """Without it a vehicle could be at two stations at once, or at one before it can have come there."""
    _, day = simulated(seed, steps, decision, days=2)
    asked, done = day.requests, day.charging.sessions()
    who = np.stack([asked.vehicle, asked.minute // 1440.0])
    assert len(np.unique(who, axis=1).T) == len(asked)
    shortest = asked.to_ms[done.request, done.station] / 60000.0
    np.testing.assert_allclose(done.arrive_min - done.decide_min, shortest, atol=1e-9)
    assert (done.wait_min >= 0).all() and (done.end_min >= done.start_min).all()
    assert (done.energy_kwh > 0).all()
    order = np.lexsort((done.arrive_min, done.vehicle))
    same = np.diff(done.vehicle[order]) == 0
    assert (done.arrive_min[order][1:] >= done.end_min[order][:-1])[same].all()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), steps=STEPS)
def test_nobody_drives_faster_than_the_empty_road_allows(seed: int, steps: tuple[float, float]) -> None:
    """Without it times of links could fall below the free ones, or drives leave links out."""
    world, day = simulated(seed, steps, None)
    free = world.roads.free_time_min.astype(np.float32)
    assert (day.ledger.time_min >= free).all()
    legs = day.ledger.legs.table()
    took = (legs["arrive"] - legs["depart"]) / 60.0
    fastest = max(speeds_kmh(world.roads, world.roads.free_time_min).max(), 30.0)
    rounding_h = 1e-3 / 3600.0 * 100  # half a millisecond a link
    assert (legs["km"] <= fastest * (took + rounding_h)).all()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), steps=STEPS, decision=DECISION)
def test_replay_without_feedback_is_the_simulated_day(
    seed: int, steps: tuple[float, float], decision: ChargingDecision | None
) -> None:
    """Without it plans of stations would be compared on other days than those that are simulated."""
    world, day = simulated(seed, steps, decision, feedback=False)
    simulated_, again = day.charging.sessions(), replay(day.requests, world.stations, None, world.parameters)
    for name in simulated_.__slots__:
        np.testing.assert_array_equal(getattr(again.sessions, name), getattr(simulated_, name), err_msg=name)


@pytest.mark.parametrize("seed", range(3))
def test_who_grows_low_on_the_last_link_has_arrived(seed: int) -> None:
    """A driver for whom there was no further node would look for a station amid the next drive."""
    world, day = simulated(seed, (1.0, 1.0), BelowHalf(), soc_initial=[0.45, 0.6], vehicles=600)
    assert len(day.requests) > 30
    assert len(np.unique(day.requests.vehicle)) == len(day.requests)
    assert day.ledger.conservation_error == 0
    assert outcome_of(world, day, 0.0).figures["vehicle_conservation_error"] == 0


@pytest.mark.parametrize("information", ["none", "reserved"])
def test_queues_longer_than_the_day_run_out(information: str) -> None:
    """Drivers who still wait hours after midnight would be forgotten, and with them what they asked for."""
    made = scenario(1)
    one = stations_of([1], [0], node=np.array([0]), fast_kw=np.array([5.0]))
    p = SIMULATION.resolve(vehicles=VEHICLES, soc_initial=[0.02, 0.1], threads=1, information=information)
    with Threads(1) as threads:
        world = world_of(dataclasses.replace(made, stations=one), p, threads)
        _, _, day = workers_of(world, threads)[0].run(0)
    outcome = outcome_of(world, day, 0.0)
    assert len(day.charging.sessions()) == len(day.requests) > 10
    assert day.charging.sessions().end_min.max() > 1440.0 + 720.0
    assert outcome.figures["vehicle_conservation_error"] == 0
    assert outcome.figures["energy_balance_error_kwh"] < 1e-9
    assert outcome.figures["littles_law_max_error"] < 1e-9
