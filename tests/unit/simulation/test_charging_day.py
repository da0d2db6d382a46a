"""The day of charging, on cases small enough to do by hand."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.unit.simulation.charging_days import events_of, requests_of, run_day, same, stations_of
from tidewatt.domain.stations import StationPlan
from tidewatt.options.simulation import SIMULATION
from tidewatt.simulation.queueing.charges import Requests, joined
from tidewatt.simulation.queueing.charging import ChargingDay
from tidewatt.simulation.queueing.packing import price_bands

PLAIN = SIMULATION.resolve(taste_min=0.0)
NEAR, FAR = 60_000, 600_000


def test_second_driver_waits_for_the_first() -> None:
    """Without it a charger could serve two, or start late."""
    asked = requests_of([10.0, 12.0], np.full((2, 1), 5 * NEAR))
    done = run_day(stations_of([1], [0]), asked, PLAIN)
    # 30 kWh at 120 kW: a quarter of an hour.
    assert done.arrive_min.tolist() == [15.0, 17.0]
    assert done.start_min.tolist() == [15.0, 30.0]
    assert done.end_min.tolist() == [30.0, 45.0]
    assert done.detour_min.tolist() == [10.0, 10.0]
    assert done.power_kw.tolist() == [120.0, 120.0]


def test_arrivals_not_decisions_make_the_order() -> None:
    """Without it who decides first would be served first, however far away."""
    asked = requests_of([10.0, 11.0], [[FAR], [NEAR]])
    done = run_day(stations_of([1], [0]), asked, PLAIN)
    assert done.request.tolist() == [1, 0]
    assert done.start_min.tolist() == [12.0, 27.0]


@pytest.mark.parametrize(("information", "chosen"), [("none", 0), ("arrived", 0), ("reserved", 1)])
def test_what_drivers_know(information: str, chosen: int) -> None:
    """Without it `reserved` would not see who is on the way, or `arrived` would (sim-9)."""
    # The first driver is on the way to station 0 when the second decides between 0 and, slightly further, 1.
    asked = requests_of([10.0, 11.0], [[5 * NEAR, 9 * NEAR], [5 * NEAR, 6 * NEAR]])
    done = run_day(stations_of([1, 1], [0, 0]), asked, {**PLAIN, "information": information})
    assert events_of(done)[1][0] == chosen


@pytest.mark.parametrize(("information", "chosen"), [("none", 0), ("arrived", 1)])
def test_queues_that_stand_there_are_seen_or_not(information: str, chosen: int) -> None:
    """Without it drivers without information would still avoid queues."""
    asked = requests_of([10.0, 12.0], [[NEAR, 3 * NEAR]] * 2)
    done = run_day(stations_of([1, 1], [0, 0]), asked, {**PLAIN, "information": information})
    assert events_of(done)[1][0] == chosen


def test_kind_of_charger_is_chosen_on_arrival() -> None:
    """Without it all would queue at fast chargers while normal ones stand idle."""
    asked = requests_of([10.0] * 4, np.full((4, 1), NEAR))
    stations = stations_of([1], [1], normal_kw=[60.0], price_normal_per_kwh=[1.5])
    done = run_day(stations, asked, PLAIN)
    # 15 min at the fast charger, 45 at the normal one (40 kW): the fourth takes the normal one at 11 min.
    assert done.kind.tolist() == [0, 0, 0, 1]
    assert done.wait_min.tolist() == [0.0, 15.0, 30.0, 0.0]


def test_limits_of_vehicles_hold() -> None:
    """Without it a vehicle could charge faster than it can, or at a charger it has no plug for."""
    asked = requests_of(
        [10.0, 400.0], np.full((2, 1), NEAR), fast_kw=np.array([50.0, 0.0]), normal_kw=np.array([0.0, 7.0])
    )
    done = run_day(stations_of([2], [2]), asked, PLAIN)
    assert done.kind.tolist() == [0, 1]
    assert done.power_kw.tolist() == [50.0, 7.0]
    assert done.charge_min == pytest.approx([36.0, 60.0 * 30.0 / 7.0])


def test_bills_use_the_price_at_the_start() -> None:
    """Without it energy would be billed at the price of the decision."""
    window = {
        "price_first": [0, 1],
        "price_start_min": [12.0],
        "price_end_min": [30.0],
        "window_price_fast_per_kwh": [9.0],
        "window_price_normal_per_kwh": [math.nan],
    }
    asked = requests_of([10.0, 11.0], np.full((2, 1), NEAR))
    done = run_day(stations_of([1], [0], **window), asked, PLAIN)
    assert done.start_min.tolist() == [11.0, 26.0]
    assert done.price_per_kwh.tolist() == [1.5, 9.0]
    assert done.revenue.tolist() == [45.0, 270.0]


def test_price_bands_keep_every_minute() -> None:
    """Without it squeezing prices into bands could shift a window by a minute."""
    window = {
        "price_first": [0, 2, 3],
        "price_start_min": [0.0, 700.0, 699.5],
        "price_end_min": [60.0, 1440.0, 701.0],
        "window_price_fast_per_kwh": [2.0, 3.0, 4.0],
        "window_price_normal_per_kwh": [math.nan, 0.5, 0.6],
    }
    stations = stations_of([1, 1], [1, 1], **window)
    band, price = price_bands(*stations.prices_by_minute())
    fast, normal = stations.prices_by_minute()
    assert np.array_equal(price[band][:, 0::2].T, fast)
    assert np.array_equal(price[band][:, 1::2].T, normal)
    assert len(price) < 8


def test_nothing_to_choose() -> None:
    """Without it the station has no chargers, or out of reach, would take somebody in."""
    out_of_reach = np.array([[-1, NEAR, NEAR], [NEAR, -1, NEAR]])
    asked = requests_of([10.0, 11.0], out_of_reach, np.array([[NEAR, -1, NEAR], [-1, NEAR, NEAR]]))
    day = ChargingDay(stations_of([1, 1, 0], [1, 1, 0]), parameters=PLAIN)
    station, arrive = day.decide(asked)
    assert station.tolist() == [-1, -1]
    assert np.isnan(arrive).all()
    assert len(day.finish()) == 0
    assert day.series(1440)["power_kw"].sum() == 0.0
    assert len(run_day(stations_of([], []), requests_of([10.0], np.zeros((1, 0))), PLAIN)) == 0


def test_plan_takes_the_place_of_what_is_installed() -> None:
    """Without it every plan would be judged as what stands there today."""
    asked = requests_of([10.0, 10.0], np.full((2, 2), NEAR))
    plan = StationPlan(np.array([0, 2]), np.array([0, 0]))
    assert run_day(stations_of([2, 0], [0, 0]), asked, PLAIN, plan).station.tolist() == [1, 1]


def test_sessions_are_told_once_and_early() -> None:
    """Without it the minute loop would miss a start, or see it twice."""
    day = ChargingDay(stations_of([1], [0]), parameters=PLAIN, capacity=1)
    day.decide(requests_of([10.0, 12.0], np.full((2, 1), 5 * NEAR)))
    assert len(day.advance(14.9)) == 0
    assert day.on_the_way == 2
    first = day.advance(15.0)
    assert first.request.tolist() == [0]
    assert first.end_min.tolist() == [30.0]
    assert len(day.advance(16.0)) == 0
    assert day.advance(17.0).request.tolist() == [1]
    assert (day.queue_now(17.0), day.occupied_now(17.0)) == (1, 1)
    assert (day.queue_now(30.0), day.occupied_now(30.0)) == (0, 1)
    assert (day.queue_now(17.0), day.occupied_now(17.0)) == (1, 1), "asked again for an earlier minute"
    assert (day.queue_now(45.0), day.occupied_now(45.0)) == (0, 0)
    assert day.sessions().wait_min.tolist() == [0.0, 13.0]


def test_time_does_not_run_backwards() -> None:
    """Without it a late request would silently join queues as they will be."""
    day = ChargingDay(stations_of([1], [0]), parameters=PLAIN)
    day.advance(20.0)
    with pytest.raises(ValueError, match="after minute 20"):
        day.decide(requests_of([19.0], [[NEAR]]))
    with pytest.raises(ValueError, match="to 2 stations, but there are 1"):
        day.decide(requests_of([21.0], [[NEAR, NEAR]]))


def test_requests_say_what_is_wrong_with_them() -> None:
    """Without it rows out of order or of another length would be charged as they come."""
    with pytest.raises(ValueError, match="sorted by minute"):
        requests_of([10.0, 9.0], np.zeros((2, 1)))
    with pytest.raises(ValueError, match="2 requests but 1 rows"):
        requests_of([10.0, 11.0], np.zeros((1, 1)))
    with pytest.raises(ValueError, match="one column per station"):
        requests_of([10.0], np.zeros((1, 1)), np.zeros((1, 2)))


def test_joining_nothing_keeps_the_stations() -> None:
    """Without it a day on which nobody asked could not be replayed."""
    none = joined([], 3, 5)
    assert isinstance(none, Requests)
    assert (len(none), none.stations, none.taste_seed) == (0, 3, 5)
    assert len(run_day(stations_of([1] * 3, [1] * 3), none, PLAIN)) == 0


def test_kernels_agree_without_compilation() -> None:
    """Without it what numba reorders or skips could hide an error that plain Python would show."""
    root = Path(__file__).parents[3]
    code = (
        "import sys, pickle\n"
        "from tests.unit.simulation.charging_days import random_day, run_day\n"
        "from tidewatt.options.simulation import SIMULATION, SimulationOptions\n"
        "from tidewatt.simulation.queueing.replay import replay\n"
        "out = []\n"
        "for choice in ('cost', 'logit', 'regret'):\n"
        "    for information in ('none', 'arrived', 'reserved'):\n"
        "        made, asked = random_day(5, 40, 4)\n"
        "        p = SIMULATION.resolve(choice=choice, information=information, taper_soc=0.4)\n"
        "        day = replay(asked, made, None, p)\n"
        "        out.append((run_day(made, asked, p), day.sessions, day.figures, day.series()['power_kw']))\n"
        "sys.stdout.buffer.write(pickle.dumps(out))\n"
    )
    found = []
    for disable in ("0", "1"):
        env = dict(os.environ, NUMBA_DISABLE_JIT=disable, PYTHONPATH=str(root), PYTHONWARNINGS="ignore")
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=root, env=env, capture_output=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
        found.append(pickle_loads(done.stdout))
    for (a, b, figures, power), (c, d, others, plain) in zip(*found, strict=True):
        assert same(a, b)
        assert same(c, d)
        assert events_of(a).keys() == events_of(c).keys()
        np.testing.assert_array_equal(a.station, c.station)
        np.testing.assert_allclose(a.end_min, c.end_min, rtol=1e-12)
        assert figures == pytest.approx(others, rel=1e-9, abs=1e-9)
        np.testing.assert_allclose(power, plain, rtol=1e-9, atol=1e-9)


def pickle_loads(data: bytes) -> list:
    """What our own child process wrote."""
    import pickle

    return pickle.loads(data)
