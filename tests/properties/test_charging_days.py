"""What must hold of every day of charging, on days drawn at random."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.simulation.charging_days import PlainDay, events_of, random_day, run_day, same
from tidewatt.options.simulation import SIMULATION
from tidewatt.simulation.queueing.charges import Requests, joined
from tidewatt.simulation.queueing.charging import ChargingDay
from tidewatt.simulation.queueing.replay import replay

SEEDS = st.integers(0, 10_000)
INFORMATION = st.sampled_from(SIMULATION.every["information"].words)
CHOICE = st.sampled_from(SIMULATION.every["choice"].words)


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, information=INFORMATION, requests=st.integers(1, 120), stations=st.integers(1, 7))
def test_events_equal_those_of_a_plain_simulator(
    seed: int, information: str, requests: int, stations: int
) -> None:
    """Without it heaps, lists of who is on the way and shortcuts could lose or reorder somebody (sim-9)."""
    made, asked = random_day(seed, requests, stations)
    parameters = SIMULATION.resolve(information=information, choice="cost")
    assert events_of(run_day(made, asked, parameters)) == PlainDay(made, asked, parameters).run()


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, information=INFORMATION, choice=CHOICE, taper=st.sampled_from([1.0, 0.4]))
def test_replay_equals_the_day_step_by_step(seed: int, information: str, choice: str, taper: float) -> None:
    """Without it plans would be judged on other days than those that are simulated."""
    made, asked = random_day(seed)
    parameters = SIMULATION.resolve(information=information, choice=choice, taper_soc=taper)
    step_by_step = ChargingDay(made, parameters=parameters, seed=seed, capacity=1)
    told, where = [], []
    for minute in range(590, 810):
        begin, end = np.searchsorted(asked.minute, [minute, minute + 1])
        where.append(step_by_step.decide(asked.rows(begin, end))[0])
        told.append(step_by_step.advance(minute + 1.0))
    told.append(step_by_step.finish())
    replayed = replay(asked, made, None, parameters)
    assert same(replayed.sessions, step_by_step.sessions())
    assert np.array_equal(replayed.station, np.concatenate(where))
    assert np.array_equal(np.concatenate([each.request for each in told]), replayed.sessions.request)


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, information=INFORMATION, choice=CHOICE)
def test_first_come_first_served_and_chargers_suffice(seed: int, information: str, choice: str) -> None:
    """Without it somebody could be overtaken, a charger serve two at once, or nobody while others wait."""
    made, asked = random_day(seed)
    done = run_day(made, asked, SIMULATION.resolve(information=information, choice=choice))
    assert np.all(done.start_min >= done.arrive_min)
    assert np.all(done.end_min > done.start_min)
    for s in range(len(made)):
        for kind, built in ((0, made.fast[s]), (1, made.normal[s])):
            mine = done.rows((done.station == s) & (done.kind == kind))
            order = np.lexsort((mine.request, mine.arrive_min))
            assert np.all(np.diff(mine.start_min[order]) >= 0)
            for i in range(len(mine)):
                at = mine.start_min[i]
                busy = np.count_nonzero((mine.start_min <= at) & (mine.end_min > at))
                assert busy <= built
                if mine.wait_min[i] > 0:
                    before = np.count_nonzero((mine.start_min < at) & (mine.end_min >= at))
                    assert before >= built, "waited beside a free charger"


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, information=INFORMATION)
def test_everyone_is_somewhere(seed: int, information: str) -> None:
    """Without it vehicles could vanish between the road, the queue and the charger."""
    made, asked = random_day(seed)
    day = ChargingDay(made, parameters=SIMULATION.resolve(information=information), seed=seed)
    sent = np.zeros(0, np.int32)
    left = 0
    for minute in range(590, 1200):
        begin, end = np.searchsorted(asked.minute, [minute, minute + 1])
        sent = np.concatenate([sent, day.decide(asked.rows(begin, end))[0]])
        day.advance(minute + 1.0)
        done = day.sessions()
        left = np.count_nonzero(done.end_min <= minute + 1.0)
        there = day.queue_now(minute + 1.0) + day.occupied_now(minute + 1.0)
        assert day.on_the_way + there + left == np.count_nonzero(sent >= 0)
        waiting, charging = day.now(minute + 1.0)
        assert np.all(charging <= made.fast + made.normal)
        assert np.array_equal(
            waiting,
            np.bincount(
                done.station[(done.arrive_min <= minute + 1.0) & (done.start_min > minute + 1.0)],
                minlength=len(made),
            ),
        )
    assert len(day) == len(asked)


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, information=INFORMATION, choice=CHOICE)
def test_batches_do_not_matter(seed: int, information: str, choice: str) -> None:
    """Without it the time step of the minute loop would change who charges where."""
    made, asked = random_day(seed)
    parameters = SIMULATION.resolve(information=information, choice=choice)
    whole = run_day(made, asked, parameters)
    cuts = [0, *sorted(np.random.default_rng(seed).integers(0, len(asked), 5).tolist()), len(asked)]
    parts = [asked.rows(a, b) for a, b in itertools.pairwise(cuts)]
    day = ChargingDay(made, parameters=parameters, seed=seed, capacity=1)
    for part in parts:
        day.decide(part)
    day.finish()
    assert same(whole, day.sessions())
    assert same(whole, run_day(made, joined(parts, len(made), seed), parameters))


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, information=INFORMATION)
def test_rows_of_vehicles_do_not_matter(seed: int, information: str) -> None:
    """Without it a fleet listed in another order would drive to other stations."""
    made, asked = random_day(seed)
    # At different minutes nothing is left to the order of rows.
    spread = dataclasses.replace(asked, minute=asked.minute + 1e-4 * np.arange(len(asked)))
    parameters = SIMULATION.resolve(information=information)
    before = run_day(made, spread, parameters)
    shuffled = np.random.default_rng(seed).permutation(len(spread))
    columns = {
        f.name: getattr(spread, f.name)[shuffled]
        for f in dataclasses.fields(Requests)
        if f.name != "taste_seed"
    }
    order = np.argsort(columns["minute"])
    again = Requests(**{name: values[order] for name, values in columns.items()}, taste_seed=seed)
    assert same(before, run_day(made, again, parameters))


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, taper=st.sampled_from([1.0, 0.8, 0.3, 0.0]), minutes=st.sampled_from([720, 1440]))
def test_series_hold_what_sessions_hold(seed: int, taper: float, minutes: int) -> None:
    """Without it loads and queues by minute would not add up to the charges, at midnight least of all."""
    made, asked = random_day(seed)
    parameters = SIMULATION.resolve(taper_soc=taper)
    day = ChargingDay(made, parameters=parameters, seed=seed)
    day.decide(asked)
    done, series, n = day.finish(), day.series(minutes), len(made)

    def total(weights: np.ndarray) -> np.ndarray:
        return np.bincount(done.station, weights, minlength=n)

    close = {"rtol": 1e-9, "atol": 1e-9}
    np.testing.assert_allclose(series["power_kw"].sum(axis=1) / 60, total(done.energy_kwh), **close)
    np.testing.assert_allclose(series["revenue_per_h"].sum(axis=1) / 60, total(done.revenue), **close)
    # Little's law, all time counted: time-average queue = arrivals per minute x mean wait.
    np.testing.assert_allclose(series["queue_vehicles"].mean(axis=1), total(done.wait_min) / minutes, **close)
    np.testing.assert_allclose(series["occupied_chargers"].sum(axis=1), total(done.charge_min), **close)
    assert all(values.min() >= 0 for values in series.values())


@pytest.mark.parametrize("choice", SIMULATION.every["choice"].words)
def test_seed_decides(choice: str) -> None:
    """Without it two runs of one seed could differ, or seeds could be ignored."""
    made, asked = random_day(3, 150, 6)
    parameters = SIMULATION.resolve(choice=choice, taste_min=20.0)
    assert same(run_day(made, asked, parameters), run_day(made, asked, parameters))
    other = dataclasses.replace(asked, taste_seed=4)
    assert not same(run_day(made, asked, parameters), run_day(made, other, parameters))
