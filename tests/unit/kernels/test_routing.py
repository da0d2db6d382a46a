"""Dijkstra's algorithm, from which the other routers' times are judged."""

import numpy as np
import pytest

from tests.unit.simulation.road_networks import all_times, towns
from tidewatt.kernels.roads import dijkstra


@pytest.fixture(scope="module")
def town():
    network = towns(0, count=2, nodes=100)
    time = np.random.default_rng(0).integers(0, 60_000, len(network.tail))
    return network._replace(depart_node=np.arange(network.nodes, dtype=np.int32)), time


@pytest.mark.parametrize("kind", [np.int64, np.float64])
def test_one_to_all_both_ways(town, kind):
    """A wrong distance for one type of costs or one direction would mislead assignment or stations."""
    network, time = town
    expected = all_times(network, time)
    cost = time.astype(kind)
    ahead = dijkstra.star_of(network.nodes, network.tail, network.head)
    back = dijkstra.star_of(network.nodes, network.head, network.tail)
    for node in (0, 5, 150, network.nodes - 1):
        distance, via = dijkstra.one_to_all(ahead, cost, node, kind(-1))
        assert distance.dtype == kind and (distance == expected[node]).all()
        # The tree's own links bear the distances out.
        reached = np.flatnonzero(via >= 0)
        assert set(np.flatnonzero(distance >= 0)) == {*reached, node}
        assert (network.head[via[reached]] == reached).all()
        assert (distance[network.tail[via[reached]]] + cost[via[reached]] == distance[reached]).all()
        distance, via = dijkstra.one_to_all(back, cost, node, kind(-1))
        assert (distance == expected[:, node]).all()
        reached = np.flatnonzero(via >= 0)
        assert (network.tail[via[reached]] == reached).all()


def test_many_to_few(town):
    """Stopping too early would leave stations unreached, twice-named ones among them."""
    network, time = town
    star = dijkstra.star_of(network.nodes, network.tail, network.head)
    sources, few = np.array([3, 3, 120, 199], np.int32), np.array([9, 150, 9, 120], np.int32)
    found = dijkstra.many_to_few(star, time, sources, few, np.int64(-1))
    assert (found == all_times(network, time)[sources][:, few]).all()


def test_paths_of_shared_origins(town):
    """Pairs that share a search must not see what another pair of the same origin left behind."""
    network, time = town
    star = dijkstra.star_of(network.nodes, network.tail, network.head)
    origin = np.array([4, 4, 4, 4, 150, 4], np.int32)
    destination = np.array([90, 4, 150, 90, 101, 17], np.int32)
    expected = all_times(network, time)[origin, destination]
    first, links, distance = dijkstra.paths(
        star, network.tail, time, origin, destination, np.int64(2**62), np.int64(-1)
    )
    assert (distance == expected).all()
    assert [time[links[first[i] : first[i + 1]]].sum() for i in range(6)] == np.maximum(expected, 0).tolist()
    assert (links[first[0] : first[1]] == links[first[3] : first[4]]).all()
