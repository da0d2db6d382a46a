"""Gravity, demand tables and the day's profile."""

from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidewatt.domain.roads import Demand, Roads
from tidewatt.errors import ScenarioError
from tidewatt.synthesis.day_shapes import (
    busiest_share,
    covered_share,
    daily_trips,
    period_factor,
    time_of_day,
)
from tidewatt.synthesis.demand import gravity, trips_matrix
from tidewatt.synthesis.places import FeederPlaces
from tidewatt.synthesis.plans import plan_days


def test_gravity_of_two_zones_is_that_of_the_quadratic():
    """Two zones have a closed solution: x11 x22 / (x12 x21) stays that of the deterrence."""
    cost, starts, ends = np.array([[2.0, 8.0], [5.0, 1.0]]), np.array([30.0, 70.0]), np.array([45.0, 55.0])
    trips = gravity(starts, ends, cost, 0.1)
    odds = np.exp(-0.1 * (2 + 1 - 8 - 5))
    # x = trips[0, 0] solves x (70 - 45 + x) = odds (30 - x) (45 - x).
    roots = np.roots([1 - odds, 25 + 75 * odds, -odds * 30 * 45])
    x = roots[(roots > 0) & (roots < 30)].real
    assert trips[0, 0] == pytest.approx(x[0], rel=1e-5)


@settings(max_examples=60, deadline=None)
@given(zones=st.integers(1, 25), seed=st.integers(0, 10**6), decay=st.floats(0.0, 0.3))
def test_gravity_meets_both_margins(zones, seed, decay):
    """Zones would send or draw other numbers of trips than they were given."""
    rng = np.random.default_rng(seed)
    x, y = rng.random((2, zones)) * 30
    starts, ends = rng.gamma(1, 100, (2, zones)) * (rng.random((2, zones)) < 0.8)
    if not (starts.any() and ends.any()):
        return
    trips = gravity(starts, ends, np.hypot(x[:, None] - x, y[:, None] - y), decay)
    ends = ends * starts.sum() / ends.sum()
    np.testing.assert_allclose(trips.sum(axis=1), starts, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(trips.sum(axis=0), ends, rtol=1e-6, atol=1e-9)


def test_unreachable_pairs_have_no_trips():
    """Trips to where no road leads would wait for ever."""
    cost = np.array([[1.0, 5.0, np.inf], [5.0, 1.0, np.nan], [np.inf, np.inf, 1.0]])
    trips = gravity(np.array([10.0, 20.0, 5.0]), np.array([18.0, 12.0, 5.0]), cost, 0.1)
    assert trips[~np.isfinite(cost)].tolist() == [0.0] * 4
    np.testing.assert_allclose(trips.sum(axis=1), [10, 20, 5], rtol=1e-6)
    alone = np.where(np.eye(3) > 0, np.inf, cost)
    lonely = gravity(np.array([10.0, 20.0, 5.0]), np.array([20.0, 10.0, 7.0]), alone, 0.1)
    assert lonely[2].sum() == lonely[:, 2].sum() == 0  # zone 2 has nowhere to go, and nobody comes


def test_margins_that_cannot_be_met_are_refused():
    """Two towns without a road between, one with homes only for half of its jobs, have no balanced trips."""
    cost = np.where(np.kron(np.eye(2), np.ones((2, 2))) > 0, 5.0, np.inf)
    with pytest.raises(ScenarioError, match="cannot be balanced"):
        gravity(np.array([10.0, 10.0, 5.0, 5.0]), np.array([1.0, 1.0, 5.0, 5.0]), cost, 0.1)


def test_gravity_survives_a_map_much_wider_than_its_deterrence():
    """Weights that all underflow to 0 would leave far zones without trips."""
    cost = np.abs(np.subtract.outer(np.arange(3) * 1e5, np.arange(3) * 1e5))
    np.testing.assert_allclose(gravity(np.ones(3), np.ones(3), cost, 1.0), np.eye(3), atol=1e-12)


def test_stronger_deterrence_makes_shorter_trips():
    """The sign of the exponent decides whether people prefer what is near."""
    x = np.arange(10.0) * 5
    cost = np.abs(np.subtract.outer(x, x))
    means = [(gravity(np.ones(10), np.ones(10), cost, d) * cost).sum() for d in (0.0, 0.05, 0.2)]
    assert means[0] > 1.2 * means[1] > 1.44 * means[2]


def test_profile_is_that_of_the_plans():
    """Background traffic whose hours are not those of the vehicles would meet them at the wrong time."""
    here = FeederPlaces(np.ones(3), np.ones(3), np.ones(3), 0.0, 0.0)
    for day, weekday in ((datetime(2027, 1, 12), True), (datetime(2027, 1, 16), False)):
        plans = plan_days(here, 20_000, 1, day)
        by_hour = np.bincount((plans.depart_min // 60).astype(int), minlength=24) / plans.trips
        share = time_of_day(weekday=weekday)
        assert share.shape == (1440,) and share.sum() == pytest.approx(1.0)
        np.testing.assert_allclose(by_hour, share.reshape(24, 60).sum(axis=1), atol=0.012)


@pytest.mark.parametrize("period_h", [0.5, 1.0, 2.0, 24.0])
def test_a_period_is_the_busiest_of_its_length(period_h):
    """An hour's demand taken for the mean hour of a day would put twice its traffic on the roads."""
    factor = period_factor(period_h)
    n = round(60 * period_h)
    windows = np.convolve(np.concatenate([factor, factor[: n - 1]]), np.ones(n) / n, mode="valid")
    assert windows.max() == pytest.approx(1.0, rel=1e-9)
    # Trips of the day and the flows of all minutes are the same trips.
    assert daily_trips(100.0, period_h) == pytest.approx(100.0 / period_h * factor.sum() / 60, rel=1e-9)
    assert busiest_share(period_h) == pytest.approx(100.0 / daily_trips(100.0, period_h))


def test_weekends_are_quieter():
    """A weekend day with a weekday's traffic would wear out roads that are empty then."""
    assert 0.5 < period_factor(1.0, weekday=False).sum() / period_factor(1.0).sum() < 0.95


def test_covered_share_counts_each_minute_once():
    """Rows for several pairs in one hour are one hour of the day, not many."""
    hour = np.array([[480.0, 540.0]])
    assert covered_share(np.repeat(hour, 3, axis=0)) == covered_share(hour)
    assert covered_share(np.array([[0.0, 1440.0]])) == pytest.approx(1.0)
    assert covered_share(np.array([[1380.0, 1500.0]])) == pytest.approx(
        time_of_day()[1380:].sum() + time_of_day()[:60].sum()
    )


def made(homes, jobs, other, demand=None, period_h=1.0):
    """Three zones in a row, 5 km apart, with a road between each."""
    zones = len(homes)
    roads = Roads(
        node_id=np.arange(zones),
        x=5.0 * np.arange(zones),
        y=np.zeros(zones),
        through=np.ones(zones, bool),
        link_id=np.zeros(0, np.int64),
        **dict.fromkeys(("tail", "head", "length_km", "capacity_veh_h", "free_time_min"), np.zeros(0)),
        **dict.fromkeys(("road_class", "bpr_alpha", "bpr_beta", "toll", "lanes"), np.zeros(0)),
        zone_id=np.arange(zones),
        zone_node=np.arange(zones),
        homes=homes,
        jobs=jobs,
        other=other,
        zone_feeder=np.full(zones, -1),
        crs="km",
        period_h=period_h,
    )
    return SimpleNamespace(roads=roads, demand=demand)


def test_homes_that_are_counts_say_how_many_trips_there_are():
    """A city of 3,000 homes with the trips of three would have empty roads."""
    nan = np.full(3, np.nan)
    scenario = made([1000.0, 2000.0, 0.0], [500.0, 0.0, 1500.0], nan)
    trips = trips_matrix(scenario)
    assert daily_trips(trips.sum(), 1.0) == pytest.approx(4 * 3000)
    assert trips_matrix(scenario, trips_per_day=600.0).sum() == pytest.approx(600 * busiest_share(1.0))
    np.testing.assert_allclose(trips, trips.T)
    share = trips.sum(axis=1) / trips.sum()
    np.testing.assert_allclose(share, 0.5 * (np.array([1, 2, 0]) / 3 + np.array([1, 0, 3]) / 4), rtol=1e-5)


def test_weights_do_not_say_how_many_trips_there_are():
    """Weights taken for homes would make up a number of trips that nobody gave."""
    nodes = np.array([120.0, 80.0, 300.0])
    for homes, jobs in ((np.full(3, np.nan), nodes), (nodes, nodes), (nodes / 100, nodes)):
        with pytest.raises(ScenarioError, match="trips_per_day"):
            trips_matrix(made(homes, jobs, jobs))


def test_gravity_without_coordinates_needs_travel_times():
    """Distances between unknown places would be nan, and so would all trips."""
    scenario = made([1.0, 1.0], [1.0, 1.0], [1.0, 1.0])
    scenario.roads = replace(scenario.roads, x=np.array([0.0, np.nan]))
    with pytest.raises(ScenarioError, match="coordinates"):
        trips_matrix(scenario, trips_per_day=10.0)
    assert trips_matrix(scenario, trips_per_day=10.0, cost_min=np.full((2, 2), 5.0)).sum() > 0


def test_rows_with_hours_are_brought_to_the_period():
    """Trips of 24 hourly rows added up as one hour's would be a day's traffic in an hour."""
    none = np.array([np.nan])
    hours = np.arange(24.0) * 60
    day = time_of_day().reshape(24, 60).sum(axis=1)
    table = Demand(np.zeros(24), np.ones(24), 1000.0 * day, hours, hours + 60)
    ones = np.ones(2)
    trips = trips_matrix(made(ones, ones, ones, table))
    assert trips[0, 1] == pytest.approx(1000.0 * busiest_share(1.0))
    assert trips_matrix(made(ones, ones, ones, table, 24.0))[0, 1] == pytest.approx(1000.0)
    plain = Demand([0, 0], [1, 1], [3.0, 4.0], np.repeat(none, 2), np.repeat(none, 2))
    assert trips_matrix(made(ones, ones, ones, plain)).tolist() == [[0.0, 7.0], [0.0, 0.0]]
