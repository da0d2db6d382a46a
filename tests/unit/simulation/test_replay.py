"""Replayed days: figures, many plans, threads, depth of the sorted stations."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.unit.simulation.charging_days import random_day, requests_of, same, stations_of
from tidewatt.domain.stations import StationPlan
from tidewatt.execution.threads import Threads
from tidewatt.options.simulation import SIMULATION
from tidewatt.simulation.queueing.replay import Patience, prepare, replay, replay_many

COMBINATIONS = [
    (c, i) for c in SIMULATION.every["choice"].words for i in SIMULATION.every["information"].words
]


def plans_of(seed: int, plans: int, stations: int) -> tuple[np.ndarray, np.ndarray]:
    """Random plans, some stations empty."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 4, (plans, stations)), rng.integers(0, 4, (plans, stations))


@pytest.mark.parametrize(("choice", "information"), COMBINATIONS)
def test_sorted_scan_finds_what_the_full_scan_finds(choice: str, information: str) -> None:
    """Without it stopping early could miss a cheaper station behind, most of all when queues are long."""
    for seed in range(3):
        made, asked = random_day(seed, 200, 30)
        p = SIMULATION.resolve(choice=choice, information=information)
        fast, normal = plans_of(seed, 3, 30)
        found = [
            replay_many([prepare(asked, made, p, depth=depth)], made, fast, normal, p)
            for depth in (1, 4, 12, 30)
        ]
        for other in found[1:]:
            for name, values in found[0].figures.items():
                assert np.array_equal(values, other.figures[name]), name
        single = replay(asked, made, StationPlan(fast[1], normal[1]), p)
        for name, value in single.figures.items():
            assert found[0].figures[name][1, 0] == value


def test_threads_do_not_matter() -> None:
    """Without it a plan's worth would depend on the machine."""
    made, asked = random_day(1, 150, 8)
    days = [asked, dataclasses.replace(asked, taste_seed=9)]
    fast, normal = plans_of(2, 21, 8)
    alone = replay_many(days, made, fast, normal)
    with Threads(2) as threads:
        together = replay_many(days, made, fast, normal, threads=threads)
    assert alone.figures["energy_kwh"].shape == (21, 2)
    assert alone.by_station["peak_load_kw"].shape == (21, 2, 8)
    for a, b in ((alone.figures, together.figures), (alone.by_station, together.by_station)):
        assert all(np.array_equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("taper", [1.0, 0.4])
@pytest.mark.parametrize("minutes", [1440, 700])
def test_figures_are_those_of_the_sessions(taper: float, minutes: int) -> None:
    """Without it plans would be compared by sums that their own event logs contradict."""
    made, asked = random_day(7, 180, 7)
    p = SIMULATION.resolve(taper_soc=taper)
    day = replay(asked, made, None, p, minutes=minutes, patience=Patience(10.0, 0.5))
    done, series = day.sessions, day.series()
    load, queue = series["power_kw"], series["queue_vehicles"].sum(axis=0)
    dissatisfied = 1.0 / (1.0 + np.exp(0.5 * (10.0 - done.wait_min)))
    expected = {
        "charges": len(done),
        "charges_fast": np.count_nonzero(done.kind == 0),
        "charges_normal": np.count_nonzero(done.kind == 1),
        "unserved": np.count_nonzero(day.station < 0),
        "energy_kwh": done.energy_kwh.sum(),
        "revenue": done.revenue.sum(),
        "mean_detour_min": done.detour_min.mean(),
        "mean_wait_min": done.wait_min.mean(),
        "mean_charge_min": done.charge_min.mean(),
        "peak_load_kw": load.sum(axis=0).max(),
        "peak_valley_kw": np.ptp(load.sum(axis=0)),
        "queue_peak": queue.max(),
        "dissatisfaction": dissatisfied.sum(),
    }
    assert day.figures == pytest.approx(expected, rel=1e-9, abs=1e-7)

    def by_station(weights: np.ndarray) -> np.ndarray:
        return np.bincount(done.station, weights, minlength=7)

    stations = {
        "charges": by_station(np.ones(len(done))),
        "energy_kwh": by_station(done.energy_kwh),
        "revenue": by_station(done.revenue),
        "detour_min": by_station(done.detour_min),
        "wait_min": by_station(done.wait_min),
        "charge_min": by_station(done.charge_min),
        "dissatisfaction": by_station(dissatisfied),
        "peak_load_kw": load.max(axis=1),
        "valley_load_kw": load.min(axis=1),
        "load_variance_kw2": load.var(axis=1),
    }
    assert day.by_station.keys() == stations.keys()
    for name, values in stations.items():
        np.testing.assert_allclose(day.by_station[name], values, rtol=1e-9, atol=1e-6, err_msg=name)


def test_effects_are_summed_over_the_stations_chosen() -> None:
    """Without it what charges bring about elsewhere could be booked for stations that nobody went to."""
    made, asked = random_day(4, 120, 6)
    table = np.random.default_rng(0).random((120, 6)).astype(np.float32)
    fast, normal = plans_of(3, 5, 6)
    found = replay_many([asked, asked], made, fast, normal, effects=[table, 2 * table]).effects
    for p in range(5):
        station = replay(asked, made, StationPlan(fast[p], normal[p])).station
        sent = np.flatnonzero(station >= 0)
        expected = float(table[sent, station[sent]].sum(dtype=float))
        assert found[p] == pytest.approx([expected, 2 * expected])
    assert not replay_many([asked], made, fast, normal).effects.any()
    with pytest.raises(ValueError, match="effects have shape"):
        replay_many([asked], made, fast, normal, effects=[table[:5]])


def test_sessions_at_midnight_run_out() -> None:
    """Without it charges at the end of the day would be cut off or carried into nothing."""
    asked = requests_of([1430.0], [[0]])
    day = replay(asked, stations_of([1], [0]), None, SIMULATION.resolve(taste_min=0.0))
    power = day.series()["power_kw"][0]
    assert power[1430:].tolist() == [120.0] * 10
    assert power[:5].tolist() == [120.0] * 5
    assert power[5:1430].sum() == 0.0
    assert day.by_station["load_variance_kw2"][0] == pytest.approx(power.var())


def test_a_rule_from_outside_can_be_replayed() -> None:
    """Without it a researcher's own rule would end where plans are compared."""

    class Nearest:
        def costs(self, detour_min, wait_min, charge_min, payment, taste):
            return detour_min

    made, asked = random_day(3)
    day = replay(asked, made, None, choice=Nearest())
    assert len(day.sessions) == day.figures["charges"] > 0
    assert day.figures["mean_detour_min"] == pytest.approx(day.sessions.detour_min.mean())
    assert day.figures["mean_detour_min"] < replay(asked, made).figures["mean_detour_min"]
    with pytest.raises(ValueError, match="use replay"):
        prepare(asked, made, SIMULATION.resolve(), choice=Nearest())


def test_days_stay_as_they_are() -> None:
    """Without it what one plan leaves behind would meet the next plan's drivers."""
    made, asked = random_day(11, 150, 6)
    fast, normal = plans_of(5, 9, 6)
    day = prepare(asked, made, SIMULATION.resolve())
    first = replay_many([day], made, fast, normal)
    again = replay_many([day, day], made, fast[::-1], normal[::-1])
    for name in first.figures:
        assert np.array_equal(first.figures[name][:, 0], again.figures[name][::-1, 1])
    assert same(replay(asked, made).sessions, replay(asked, made).sessions)


def test_wrong_shapes_are_refused() -> None:
    """Without it plans of other stations would read foreign memory."""
    made, asked = random_day(1, 20, 4)
    with pytest.raises(ValueError, match="want 4 columns"):
        replay_many([asked], made, np.ones((2, 3)), np.ones((2, 3)))
    with pytest.raises(ValueError, match="travel times to 4 stations, but there are 2"):
        replay(asked, stations_of([1, 1], [1, 1]))


def test_an_empty_day() -> None:
    """Without it a day without requests would divide by nothing."""
    day = replay(requests_of([], np.zeros((0, 2))), stations_of([1, 1], [1, 0]))
    assert set(day.figures.values()) == {0.0}
