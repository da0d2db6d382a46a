"""Made-up roads and the city that stands on them."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from tidewatt.domain.checks.scenario import check
from tidewatt.domain.roads import ROAD_CLASSES
from tidewatt.errors import ScenarioError
from tidewatt.routing.network import network_of
from tidewatt.synthesis.city import city, streets
from tidewatt.synthesis.demand import trips_matrix
from tidewatt.synthesis.examples import EXAMPLES, example


@pytest.fixture(scope="module")
def made():
    return city()


@pytest.mark.parametrize(("links", "zones"), [(500, 8), (3000, 60), (12_000, 150), (80_000, 400)])
def test_every_zone_can_be_reached_from_every_other(links, zones):
    """Trips to a place that no road leads to would never start."""
    roads = streets(links, zones, seed=3)
    assert abs(roads.links - links) < 0.12 * links
    assert roads.zones == zones
    # Centroids are not passes through: between their streets there has to be another way.
    network = network_of(roads)
    access = np.isin(roads.tail, roads.zone_node) | np.isin(roads.head, roads.zone_node)
    kept = ~access
    graph = csr_matrix((np.ones(kept.sum()), (roads.tail[kept], roads.head[kept])), (roads.nodes,) * 2)
    parts, label = connected_components(graph, connection="strong")
    assert len(np.unique(label[roads.through])) == 1, parts
    assert np.isin(roads.zone_node, roads.tail).all() and np.isin(roads.zone_node, roads.head).all()
    assert network.nodes == roads.nodes + zones


def test_streets_have_sensible_lengths_speeds_and_capacities():
    """Absurd streets would make absurd speeds, and nothing else would notice."""
    roads = streets()
    speed = 60.0 * roads.length_km / roads.free_time_min
    for kind, (low, high) in zip(range(4), ((45, 96), (44, 66), (24, 51), (24, 31))):
        rows = roads.road_class == kind
        assert rows.any(), ROAD_CLASSES[kind]
        assert speed[rows].min() > low - 0.5 and speed[rows].max() < high + 0.5, ROAD_CLASSES[kind]
    assert roads.length_km.min() >= 0.02 and roads.length_km.max() < 6
    assert (roads.capacity_veh_h / roads.lanes).min() >= 400
    x, y = roads.xy_km()
    line = np.hypot(x[roads.tail] - x[roads.head], y[roads.tail] - y[roads.head])
    assert (roads.length_km >= np.minimum(line, 10) - 1e-3).all()
    # Jobs gather in the middle more than homes do.
    far = np.hypot(x[roads.zone_node], y[roads.zone_node])
    assert (far * roads.jobs).sum() / roads.jobs.sum() < 0.8 * (far * roads.homes).sum() / roads.homes.sum()


def test_same_seed_same_streets():
    """Benchmarks on two machines would run on two cities."""
    one, two, other = streets(seed=1), streets(seed=1), streets(seed=2)
    for name in ("x", "tail", "length_km", "homes"):
        assert getattr(one, name).tobytes() == getattr(two, name).tobytes()
    assert one.x.tobytes() != other.x.tobytes()


def test_impossible_sizes_are_refused():
    """A city without streets would fail deep inside numpy."""
    with pytest.raises(ScenarioError) as error:
        streets(links=10, zones=1)
    assert [issue.field for issue in error.value.issues] == ["links", "zones"]
    with pytest.raises(ScenarioError, match="stations"):
        city(stations=0)


def test_city_is_sound(made):
    """An example with errors teaches the wrong thing."""
    assert not check(made)
    assert made.sha256() == example("city").sha256()
    assert "city" in EXAMPLES
    assert len(made.stations) == len(np.unique(made.stations.node)) == 40
    assert made.roads.through[made.stations.node].all()
    assert (made.stations.fast + made.stations.normal <= made.stations.max_total).all()
    assert made.grid.headroom_kw.shape == (60, 672)
    assert set(np.unique(made.roads.zone_feeder)) == set(range(60))


def test_city_is_cheaper_at_night(made):
    """Without a price that depends on the hour no study of prices has anything to show."""
    fast, normal = made.stations.prices_by_minute()
    for prices in (fast, normal):
        assert (prices[:, 0] < prices[:, 720]).all() and (prices[:, 1400] < prices[:, 720]).all()


def test_demand_of_the_city_meets_its_homes(made):
    """Trips that nobody lives to make, or homes without trips, would be no gravity demand."""
    trips = trips_matrix(made)
    roads = made.roads
    share = trips.sum(axis=1) / trips.sum()
    ends = (roads.jobs + roads.other) / (roads.jobs + roads.other).sum()
    np.testing.assert_allclose(share, 0.5 * (roads.homes / roads.homes.sum() + ends), atol=1e-4)
    np.testing.assert_allclose(trips, trips.T, atol=0.011)
    assert 0.3 < trips.sum() / roads.homes.sum() < 0.5  # of 4.6 a day, in the busiest hour
