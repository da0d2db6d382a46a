"""Habits and places: what they accept and refuse."""

import numpy as np
import pytest

from tidewatt.errors import ScenarioError
from tidewatt.synthesis import statistics as st
from tidewatt.synthesis.habits import Habits, pick
from tidewatt.synthesis.places import FeederPlaces


def test_shares_out_of_range_are_all_named_at_once():
    """A percentage given as 75 would put a charger everywhere without a word."""
    with pytest.raises(ScenarioError) as error:
        Habits(home_charging=75, still_weekend=-0.1, home_kw=((7.2, 0.5), (11.0, 0.4)))
    assert [issue.field for issue in error.value.issues] == ["home_charging", "home_kw", "still_weekend"]


def test_pick_follows_shares():
    """Classes drawn with wrong shares would change every battery and charger."""
    rows = ((1.0, 0.2), (2.0, 0.0), (3.0, 0.8))
    drawn = pick(rows, np.linspace(0, 1, 1000, endpoint=False))
    assert np.bincount(drawn, minlength=3).tolist() == [200, 0, 800]
    assert pick(rows, np.array([1.0])) == 2


@pytest.mark.parametrize(
    "weights",
    [
        {"homes": [1.0, -1.0]},
        {"homes": [0.0, 0.0]},
        {"public": [1.0, np.nan]},
        {"workplaces": [1.0, 1.0, 1.0]},
        {"off_grid_work": 1.5},
        {"workplaces": [0.0, 0.0]},
    ],
)
def test_unusable_places_are_refused(weights):
    """Negative, missing or all-zero weights would draw feeders that are not there."""
    good = {"homes": [1.0, 1.0], "workplaces": [1.0, 1.0], "public": [1.0, 1.0]}
    with pytest.raises(ScenarioError):
        FeederPlaces(**(good | weights))


def test_no_workplace_is_needed_where_all_lie_outside():
    """A village whose people all work elsewhere is a legitimate scenario."""
    assert FeederPlaces([1.0], [0.0], [1.0], off_grid_work=1.0).feeders == 1


def test_choice_is_a_distribution_that_prefers_what_is_near():
    """Cumulative rows that do not end at 1 draw the last feeder too often; empty feeders must stay empty."""
    places = FeederPlaces(
        np.ones(3), [1.0, 0.0, 1.0], np.ones(3), x_km=[0.0, 1.0, 10.0], y_km=[0.0, 0.0, 0.0]
    )
    table = places.choice(places.workplaces, 5.0)
    assert table.shape == (3, 3)
    np.testing.assert_allclose(table[:, -1], 1.0)
    np.testing.assert_allclose(np.diff(table, axis=1)[:, 0], 0.0)
    near = np.exp(-0.0)
    np.testing.assert_allclose(table[0, 0], near / (near + np.exp(-2.0)))


def test_choice_survives_a_map_much_wider_than_the_decay():
    """Weights that underflow to 0 everywhere would leave far homes without any workplace."""
    places = FeederPlaces(np.ones(2), [1.0, 0.0], np.ones(2), x_km=[0.0, 1e6], y_km=[0.0, 0.0])
    np.testing.assert_allclose(places.choice(places.workplaces, 5.0), [[1.0, 1.0], [1.0, 1.0]])


def test_embedded_tables_are_complete():
    """A row or hour missing in a table would be drawn as a wrong class rather than fail."""
    assert st.DEPARTURES_BY_HOUR.shape == (2, 6, 24)
    assert st.DAY_SHAPES.shape == (2, 2, 24)
    for table in (st.FEEDER_HEADROOM, st.BANK_HEADROOM, st.FEEDER_RATING_MW):
        assert table.shape == st.QUANTILES.shape
        assert (np.diff(table) >= 0).all()
    np.testing.assert_allclose(st.TRIPS_PER_DAY.sum(axis=1), 1.0, atol=0.01)
