"""Plans of days: one synthesis with the weeks, steered by a matrix of trips."""

from datetime import datetime
from types import SimpleNamespace

import numpy as np
import pytest

from tidewatt.domain.horizon import Horizon
from tidewatt.domain.roads import FleetTypes
from tidewatt.errors import ScenarioError
from tidewatt.synthesis.habits import Habits
from tidewatt.synthesis.plans import INTRAZONAL_KM, plan_days, zone_places
from tidewatt.synthesis.statistics import PURPOSES, default_types
from tidewatt.synthesis.week import synthesise

MONDAY = datetime(2027, 1, 11)
MATRIX = np.array([[1.0, 6.0, 3.0, 0.0], [0.0, 0.0, 0.0, 0.0], [2.0, 2.0, 0.0, 0.0], [0.0, 5.0, 5.0, 0.0]])


def places(matrix=MATRIX, homes=None):
    zones = len(matrix)
    return zone_places(SimpleNamespace(homes=np.full(zones, np.nan) if homes is None else homes), matrix)


def test_plans_are_the_trips_of_the_synthesised_week():
    """A second implementation of day chains would give `simulate` other drivers than `coordinate`."""
    here = places()
    habits = Habits(habit_strength=1.0)
    plans = plan_days(here, 400, 7, MONDAY, seed=4, habits=habits)
    _, dwells, trips = synthesise(here, 400, Horizon(MONDAY, 60.0, 168), seed=4, habits=habits)
    alike = 0
    for i in range(400):
        mine = plans.depart_min[plans.first[i] : plans.first[i + 1]]
        theirs = trips.depart_min[trips.first[i] : trips.first[i + 1]]
        alike += np.array_equal(mine[: len(theirs)], theirs)
    # Overnight trips of the days before differ where fewer such days are driven.
    assert alike > 390
    for field, column in (("place", "place"),):
        names = np.array(PURPOSES, object)[getattr(plans, field)]
        assert (names[plans.first[:-1] + np.arange(400)] == "home").mean() > 0.95
        assert set(names) == set(dwells.attributes[column])


def test_rows_of_plans_fit_together():
    """Trips that start elsewhere than the last one ended would make vehicles jump."""
    plans = plan_days(places(), 500, 3, MONDAY, seed=1)
    owner = np.repeat(np.arange(500), np.diff(plans.first))
    assert len(plans.place) == len(plans.charger_kw) == plans.trips + plans.vehicles
    same = owner[1:] == owner[:-1]
    assert (plans.origin[1:][same] == plans.destination[:-1][same]).all()
    assert (np.diff(plans.depart_min)[same] > 0).all()
    begins = np.flatnonzero(np.diff(plans.first))
    assert (plans.origin[plans.first[begins]] == plans.start_zone[begins]).all()
    assert plans.depart_min.min() >= 0
    assert plans.depart_min.max() < 3 * 1440


def test_destinations_follow_the_rows_of_the_matrix():
    """Demand that steers nobody would put the traffic, and the charging, on the wrong roads."""
    plans = plan_days(places(), 20_000, 1, MONDAY, seed=2)
    dwell = plans.first[:-1] + np.arange(20_000)
    home = plans.start_zone[plans.place[dwell] == PURPOSES.index("home")]
    homes = np.bincount(home, minlength=4)
    np.testing.assert_allclose(homes / len(home), MATRIX.sum(axis=1) / 24.0, atol=0.02)
    assert homes[1] == 0
    driven = np.diff(plans.first) > 0
    out = plans.first[:-1][driven]
    from_home = plans.place[dwell[driven]] == PURPOSES.index("home")
    went = np.zeros((4, 4))
    np.add.at(went, (plans.origin[out][from_home], plans.destination[out][from_home]), 1)
    for row in (0, 2, 3):
        np.testing.assert_allclose(went[row] / went[row].sum(), MATRIX[row] / MATRIX[row].sum(), atol=0.04)


def test_homes_of_zones_win_over_row_sums():
    """Drivers would live where trips start at the hour of the matrix, not where homes are."""
    plans = plan_days(places(homes=np.array([0.0, 1.0, 0.0, 0.0])), 50, 1, MONDAY)
    at_home = plans.place[plans.first[:-1] + np.arange(50)] == PURPOSES.index("home")
    assert (plans.start_zone[at_home] == 1).all()
    # A home zone without trips of its own goes where all others go; nobody goes to zone 3.
    assert not (plans.destination == 3).any()


def test_days_that_end_late_keep_their_evening():
    """Trips cut off at midnight would leave the vehicles out and the evening's roads empty."""
    plans = plan_days(places(), 5000, 1, MONDAY, seed=3)
    late = (plans.depart_min >= 23 * 60).sum()
    assert late > 0.005 * plans.trips


def test_trips_within_a_zone_are_short():
    """A zone of 5 km on which 60 km are driven would take energy that no road explains."""
    plans = plan_days(places(np.ones((1, 1))), 2000, 1, MONDAY)
    assert plans.distance_km.max() == INTRAZONAL_KM


def test_types_are_drawn_by_share():
    """Wrong shares would give the fleet other batteries than the scenario says."""
    types = FleetTypes(["a", "b"], [1.0, 3.0], [40.0, 80.0], [0.15, 0.2], [50.0, 150.0], [7.0, 11.0])
    plans = plan_days(places(), 20_000, 1, MONDAY, types=types)
    np.testing.assert_allclose(np.bincount(plans.type) / 20_000, [0.25, 0.75], atol=0.02)
    assert len(default_types()) == len(Habits().battery)
    with pytest.raises(ScenarioError, match="share"):
        plan_days(places(), 5, 1, MONDAY, types=FleetTypes(["a"], [0.0], [40.0], [0.15], [50.0], [7.0]))


def test_same_seed_same_plans():
    """Station plans could not be compared on the same drivers otherwise."""
    one, two, other = (plan_days(places(), 300, 1, MONDAY, seed=s) for s in (5, 5, 6))
    for name in one.__slots__:
        assert getattr(one, name).tobytes() == getattr(two, name).tobytes(), name
    assert one.depart_min.tobytes() != other.depart_min.tobytes()


def test_nothing_to_plan_is_refused():
    """An empty matrix or no day at all would only fail later, in words that name neither."""
    with pytest.raises(ScenarioError, match="there are no trips at all"):
        places(np.zeros((3, 3)))
    with pytest.raises(ScenarioError, match="0 days"):
        plan_days(places(), 5, 0, MONDAY)


def test_standing_times_are_those_since_the_evening_before():
    """Vehicles taken to have just arrived at midnight would all plug in at once, a peak that no grid sees."""
    plans = plan_days(places(), 5000, 1, MONDAY, seed=8)
    home = plans.place[plans.first[:-1] + np.arange(5000)] == PURPOSES.index("home")
    hours = plans.standing_min[home] / 60
    assert hours.min() >= 0 and hours.max() <= 24
    assert 4 < np.median(hours) < 10
