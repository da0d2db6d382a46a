"""Scenarios at other adoptions."""

from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from tidewatt.domain.horizon import Horizon
from tidewatt.errors import ScenarioError
from tidewatt.synthesis.region import region
from tidewatt.synthesis.thinning import thin

DAY = Horizon(datetime(2027, 1, 11), 60.0, 24)


@pytest.fixture(scope="module")
def scenario():
    return region(feeders=6, vehicles=800, horizon=DAY, seed=1)


def test_vehicles_are_nested_and_weights_in_proportion(scenario):
    """A sweep over adoptions compares like with like only if early owners stay."""
    known = set()
    for adoption in (0.05, 0.1, 0.2, 0.3):
        thinned = thin(scenario, adoption, seed=2)
        ids = set(thinned.fleet.vehicle_id)
        assert known <= ids
        known = ids
        np.testing.assert_allclose(
            thinned.fleet.weight.sum() / scenario.fleet.weight.sum(), adoption / 0.3, rtol=1e-9
        )
        assert thinned.sampling["adoption"] == adoption
    assert len(known) == 800


def test_rows_follow_their_vehicle(scenario):
    """CSR rows cut at the wrong place would give a vehicle its neighbour's week."""
    thinned = thin(scenario, 0.1, seed=2)
    for new, vehicle in enumerate(thinned.fleet.vehicle_id):
        old = int(vehicle) - 1
        for rows, source, column in (
            (thinned.dwells, scenario.dwells, "arrive_min"),
            (thinned.trips, scenario.trips, "energy_kwh"),
        ):
            here = getattr(rows, column)[rows.first[new] : rows.first[new + 1]]
            there = getattr(source, column)[source.first[old] : source.first[old + 1]]
            np.testing.assert_array_equal(here, there)
    assert len(thinned.dwells.attributes["place"]) == len(thinned.dwells)


def test_above_the_sampled_adoption_weights_grow(scenario):
    """No vehicles are known beyond those sampled: each has to stand for more."""
    thinned = thin(scenario, 0.9)
    np.testing.assert_allclose(thinned.fleet.weight, 3 * scenario.fleet.weight)


@pytest.mark.parametrize(
    ("sampling", "adoption"),
    [({}, 0.2), ({"adoption": 0}, 0.2), ({"adoption": 0.3}, 0.0), ({"adoption": 0.3}, 1.2)],
)
def test_unknown_sampling_and_bad_adoption_say_what_to_do(scenario, sampling, adoption):
    """Without the sampled adoption a sweep would be a guess: the message says where to state it."""
    with pytest.raises(ScenarioError, match=r"scenario\.toml|share above 0"):
        thin(replace(scenario, sampling=sampling), adoption)
