"""What holds of every synthesised week, whatever the horizon, the places and the seed."""

from datetime import datetime, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tidewatt.domain.horizon import Horizon
from tidewatt.domain.scenario import Scenario
from tidewatt.synthesis.habits import Habits
from tidewatt.synthesis.places import FeederPlaces
from tidewatt.synthesis.region import region
from tidewatt.synthesis.thinning import thin
from tidewatt.synthesis.week import synthesise

horizons = st.builds(
    lambda hours, step, steps: Horizon(datetime(2027, 1, 11) + timedelta(hours=hours), step, steps),
    st.integers(0, 24 * 8),
    st.sampled_from([5.0, 15.0, 30.0, 60.0, 120.0]),
    st.integers(1, 200),
)
seeds = st.integers(0, 2**32 - 1)


@st.composite
def places(draw):
    n = draw(st.integers(1, 6))
    weights = st.lists(st.floats(0, 10), min_size=n, max_size=n).map(lambda w: np.array(w) + 0.01)
    off = st.floats(0, 1)
    where = draw(st.booleans())
    xy = (np.linspace(0, 30, n), np.zeros(n)) if where else (None, None)
    return FeederPlaces(draw(weights), draw(weights), draw(weights), draw(off), draw(off), *xy)


@settings(max_examples=50, deadline=None)
@given(places(), st.integers(1, 30), horizons, seeds, st.floats(0, 1))
def test_dwells_and_trips_tile_the_horizon(where, vehicles, horizon, seed, habit):
    """Gaps or overlaps would be vehicles in two places at once, refused by every study."""
    habits = Habits(habit_strength=habit)
    fleet, dwells, trips = synthesise(where, vehicles, horizon, seed=seed, habits=habits)
    assert len(fleet) == vehicles
    assert dwells.first[0] == trips.first[0] == 0
    assert dwells.first[-1] == len(dwells)
    assert trips.first[-1] == len(trips)
    np.testing.assert_array_equal(np.diff(dwells.first), np.diff(trips.first) + 1)
    np.testing.assert_array_equal(dwells.arrive_min[dwells.first[:-1]], 0.0)
    np.testing.assert_array_equal(dwells.depart_min[dwells.first[1:] - 1], horizon.minutes)
    later = np.delete(np.arange(len(dwells)), dwells.first[:-1])
    earlier = np.delete(np.arange(len(dwells)), dwells.first[1:] - 1)
    np.testing.assert_array_equal(dwells.arrive_min[later], trips.arrive_min)
    np.testing.assert_array_equal(dwells.depart_min[earlier], trips.depart_min)
    assert (dwells.depart_min > dwells.arrive_min).all()
    assert (trips.arrive_min - trips.depart_min >= 1).all()
    assert (trips.energy_kwh >= 0).all()
    assert ((dwells.feeder >= -1) & (dwells.feeder < where.feeders)).all()
    assert (dwells.charger_kw >= 0).all()
    for soc in (fleet.soc_initial, fleet.soc_final_min):
        assert ((soc >= fleet.soc_min) & (soc <= fleet.soc_max)).all()


@settings(max_examples=25, deadline=None)
@given(places(), st.integers(1, 20), horizons, seeds)
def test_a_vehicle_does_not_depend_on_the_call(where, vehicles, horizon, seed):
    """Same seed, same weeks, to the last bit."""
    one, two = (synthesise(where, vehicles, horizon, seed=seed) for _ in range(2))
    for a, b in zip(one, two):
        for name in a.__slots__:
            if name != "attributes":
                np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


@settings(max_examples=10, deadline=None)
@given(seeds, st.floats(0.01, 1.0), st.floats(0.01, 1.0))
def test_thinning_is_nested(seed, one, two):
    """A vehicle that is there at a lower adoption is there at every higher one."""
    low, high = min(one, two), max(one, two)
    day = Horizon(datetime(2027, 1, 11), 60.0, 24)
    scenario: Scenario = region(feeders=3, vehicles=60, horizon=day, seed=seed)
    few, many = (thin(scenario, adoption, seed=seed) for adoption in (low, high))
    assert set(few.fleet.vehicle_id) <= set(many.fleet.vehicle_id)
    assert few.fleet.weight.sum() <= many.fleet.weight.sum() * (1 + 1e-9)
