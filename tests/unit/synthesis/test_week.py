"""Weeks of vehicles: their structure, their plausibility, their energy."""

import os
import subprocess
import sys
from datetime import datetime

import numpy as np
import pytest

from tests.unit.synthesis.energy import charge_at_once
from tidewatt.domain.horizon import Horizon
from tidewatt.errors import ScenarioError
from tidewatt.synthesis.diary import Diary
from tidewatt.synthesis.habits import Habits
from tidewatt.synthesis.places import FeederPlaces
from tidewatt.synthesis.week import synthesise

WEEK = Horizon(datetime(2027, 1, 11), 15.0, 672)
PLACES = FeederPlaces(np.ones(8), np.arange(8.0), np.ones(8), x_km=np.arange(8.0), y_km=np.zeros(8))
N = 3000


@pytest.fixture(scope="module")
def week():
    return synthesise(PLACES, N, WEEK, seed=3)


def _weekday(minutes):
    return (minutes // 1440).astype(int) % 7


def test_distances_and_trips_are_those_of_real_driving(week):
    """Vehicles that drive too much or too little would need more or less charging than real ones."""
    _, _, trips = week
    owner = np.repeat(np.arange(N), np.diff(trips.first))
    driving_days = len(np.unique(owner * 100 + trips.depart_min // 1440))
    assert 2.5 < len(trips) / driving_days < 4
    assert 30 < trips.attributes["distance_km"].sum() / driving_days < 60
    speed = 60 * trips.attributes["distance_km"] / (trips.arrive_min - trips.depart_min)
    assert 20 < np.median(speed) < 45


def test_weekday_home_arrivals_peak_between_17_and_19(week):
    """The evening peak of arrivals makes the evening peak of unmanaged charging."""
    _, dwells, _ = week
    rows = (
        (dwells.attributes["place"] == "home") & (dwells.arrive_min > 0) & (_weekday(dwells.arrive_min) < 5)
    )
    by_hour = np.bincount((dwells.arrive_min[rows] % 1440 // 60).astype(int), minlength=24)
    assert np.argmax(by_hour) in (17, 18)
    assert by_hour[17:19].sum() > 8 * by_hour[3:5].sum()


def test_work_takes_a_working_day_on_weekdays(week):
    """Work dwells of the wrong length or on Sundays would misplace what workplaces can charge."""
    _, dwells, _ = week
    work = dwells.attributes["place"] == "work"
    hours = (dwells.depart_min - dwells.arrive_min)[work] / 60
    assert 7 < hours.mean() < 9
    # Night shifts of Friday end on Saturday.
    assert (_weekday(dwells.arrive_min[work]) >= 5).mean() < 0.02


def test_home_and_work_are_one_place_each(week):
    """A vehicle that sleeps on many feeders would spread its load over all of them."""
    _, dwells, _ = week
    owner = np.repeat(np.arange(N), np.diff(dwells.first))
    for place in ("home", "work"):
        rows = dwells.attributes["place"] == place
        pairs = np.unique(np.stack([owner[rows], dwells.feeder[rows]]), axis=1)
        assert len(np.unique(pairs[0])) == pairs.shape[1]


def test_no_vehicle_is_short_when_it_charges_at_once(week):
    """Short vehicles have their need lowered by the solver: the studied week would not be this one."""
    _, least, final = charge_at_once(*week)
    assert least.min() > -1e-6
    assert final.min() > -1e-6


def test_vehicles_do_not_all_plug_in_at_minute_0(week):
    """Fleets that start half empty make a peak at midnight that hides the evening's."""
    fleet, dwells, trips = week
    energy, _, _ = charge_at_once(fleet, dwells, trips)
    assert energy[dwells.first[:-1]].sum() < 0.05 * energy.sum()
    assert np.median(fleet.soc_initial) > 0.9


def test_stated_final_charge_allows_for_the_night_to_come(week):
    """A final need above what is there at first would charge more energy than the week takes."""
    fleet, _, trips = week
    assert (fleet.soc_final_min <= fleet.soc_initial).all()
    late = np.where(trips.depart_min >= 6 * 1440 + 240, trips.energy_kwh, 0.0)
    owner = np.repeat(np.arange(N), np.diff(trips.first))
    allowed = np.bincount(owner, late, minlength=N)
    left = (fleet.soc_initial - fleet.soc_final_min) * fleet.battery_kwh
    assert (left <= allowed + 1e-6).all()
    strict, _, _ = synthesise(PLACES, 200, WEEK, seed=3, habits=Habits(refill_before_end=True))
    np.testing.assert_allclose(strict.soc_final_min, strict.soc_initial)


def test_habit_strength_one_repeats_the_week():
    """Recurring activities that do not recur would make habits a name only."""
    two_weeks = Horizon(datetime(2027, 1, 11), 60.0, 336)
    habits = Habits(habit_strength=1.0, departure_spread_min=0.0)
    _, dwells, _ = synthesise(PLACES, 300, two_weeks, seed=1, habits=habits)
    same = 0
    for i in range(300):
        d = slice(dwells.first[i], dwells.first[i + 1])
        arrive, feeder = dwells.arrive_min[d][1:], dwells.feeder[d][1:]
        one, two = arrive < 10080, arrive >= 10080
        same += np.array_equal(arrive[one] + 10080, arrive[two]) and np.array_equal(feeder[one], feeder[two])
    assert same > 290  # a few drive across midnight between the weeks or at the end
    _, loose, _ = synthesise(PLACES, 300, two_weeks, seed=1, habits=Habits(habit_strength=0.0))
    assert not np.array_equal(loose.arrive_min, dwells.arrive_min)


def test_weekends_follow_the_calendar():
    """A horizon that starts on a Saturday must begin with a weekend."""
    saturday = Horizon(datetime(2027, 1, 16, 6, 30), 30.0, 96)
    _, dwells, _ = synthesise(PLACES, 500, saturday, seed=2)
    work = dwells.attributes["place"] == "work"
    noon, monday = 1440 / 2 - 390, 2 * 1440 - 390
    assert not (work & (dwells.arrive_min > noon) & (dwells.arrive_min < monday)).any()


def test_nearer_workplaces_are_likelier():
    """Commutes drawn regardless of distance would send the wrong energy to the wrong feeders."""
    n = 40
    line = FeederPlaces(np.ones(n), np.ones(n), np.ones(n), 0.0, 0.0, np.arange(n) * 2.0, np.zeros(n))
    _, dwells, trips = synthesise(line, 1500, WEEK, seed=5)
    owner = np.repeat(np.arange(1500), np.diff(dwells.first))
    home = dwells.feeder[dwells.first[:-1]]
    work = dwells.attributes["place"] == "work"
    distance = 2.0 * np.abs(dwells.feeder[work] - home[owner[work]])
    assert distance.mean() < 16  # uniformly drawn ends of an 80 km line are 27 km apart
    apart = distance > 10
    arriving = np.flatnonzero(work) - owner[work] - 1  # the trip that ends there
    straight = trips.attributes["distance_km"][arriving]
    assert np.corrcoef(straight[apart], distance[apart])[0, 1] > 0.5


def test_diary_chains_are_driven_as_recorded():
    """A diary's times, distances and purposes have to reach the week, not the embedded ones."""
    diary = Diary(
        person=np.array(["a", "a", "b", "b", "c"]),
        depart_min=np.array([480.0, 1020.0, 600.0, 700.0, 840.0]),
        arrive_min=np.array([500.0, 1040.0, 610.0, 710.0, 860.0]),
        distance_km=np.array([12.0, 12.0, 4.0, 4.0, 9.0]),
        purpose=np.array(["work", "home", "shop", "home", "leisure"]),
        weekend=np.array([False, False, False, False, True]),
        weight=np.ones(5),
    )
    habits = Habits(departure_spread_min=0.0)
    _, dwells, trips = synthesise(
        FeederPlaces([1.0], [1.0], [1.0]), 200, WEEK, seed=1, habits=habits, diary=diary
    )
    assert set(np.unique(trips.depart_min % 1440)) == {480.0, 600.0, 700.0, 840.0, 920.0, 1020.0}
    assert set(np.unique(trips.attributes["distance_km"]).round(6)) == {4.0, 9.0, 12.0}
    # The weekend chain is left open in the diary: the vehicle is driven home all the same.
    assert (dwells.attributes["place"][dwells.first[1:] - 1] == "home").all()


def test_asking_for_nothing_is_refused():
    """An empty fleet or diary would only fail later, in words that name neither."""
    with pytest.raises(ScenarioError, match="0 vehicles"):
        synthesise(PLACES, 0, WEEK)
    empty = Diary(*([],) * 7)
    with pytest.raises(ScenarioError, match="no trips"):
        synthesise(PLACES, 5, WEEK, diary=empty)


def test_interpreted_kernels_agree_with_compiled_ones():
    """Compiled arithmetic on 64-bit integers must wrap around as numpy's does, or weeks depend on numba."""
    code = (
        "import numpy as np; from datetime import datetime\n"
        "from tidewatt.domain.horizon import Horizon\n"
        "from tidewatt.synthesis.places import FeederPlaces\n"
        "from tidewatt.synthesis.week import synthesise\n"
        "f, d, t = synthesise(FeederPlaces(np.ones(3), np.ones(3), np.ones(3)), 6, "
        "Horizon(datetime(2027, 1, 11), 15.0, 672), seed=9)\n"
        "print(len(d), d.arrive_min.sum(), round(t.energy_kwh.sum(), 6), d.feeder.sum())"
    )
    outputs = []
    for disable in ("0", "1"):
        env = {**os.environ, "NUMBA_DISABLE_JIT": disable}
        run = subprocess.run(
            [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
        )
        outputs.append(run.stdout)
    assert outputs[0] == outputs[1]
