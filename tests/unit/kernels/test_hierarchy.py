"""The hierarchy's shape: what queries take for granted, and what makes them fast."""

import numpy as np
import pytest

from tests.unit.simulation.road_networks import made, towns
from tidewatt.kernels.roads import contraction
from tidewatt.kernels.roads.dissection import dissect, neighbours, place, sorted_along


def grid(side, known=True):
    """Streets in a square."""
    node = np.arange(side * side).reshape(side, side)
    tail = np.concatenate([node[:, :-1].ravel(), node[:-1].ravel()])
    head = np.concatenate([node[:, 1:].ravel(), node[1:].ravel()])
    xy = np.argwhere(node >= 0) if known else np.full((side * side, 2), np.nan)
    return made(side * side, np.r_[tail, head], np.r_[head, tail], xy.astype(float))


def shape_of(network):
    return contraction.build(network.nodes, network.tail, network.head, network.x_km, network.y_km)


@pytest.mark.parametrize("network", [towns(0), grid(9), grid(7, known=False)])
def test_shape(network):
    """Queries rely on all of it: arcs to ancestors only, subtrees that are ranges, triangles that close."""
    h = shape_of(network)
    assert sorted(h.rank) == list(range(network.nodes))
    runs = np.concatenate([np.arange(g, g + n) for g, n in h.triangle])
    at = 0
    below = [{v} for v in range(network.nodes)]
    for v in range(network.nodes):
        heads = h.head[h.first[v] : h.first[v + 1]].tolist()
        above = []
        while (above or [v])[-1] >= 0:
            above.append(int(h.parent[(above or [v])[-1]]))
        assert set(heads) <= set(above) and heads == sorted(set(heads))
        assert h.depth[v] == len(above) - 1
        assert (heads or [-1])[0] == h.parent[v]
        for i, one in enumerate(heads):
            for other in heads[i + 1 :]:
                assert h.first[one] <= runs[at] < h.first[one + 1] and h.head[runs[at]] == other
                at += 1
        assert below[v] == set(range(h.lowest[v], v + 1))
        if h.parent[v] >= 0:
            below[h.parent[v]] |= below[v]
    assert at == len(runs) and h.height == h.depth.max() + 1
    assert (h.tail == np.repeat(np.arange(network.nodes), np.diff(h.first))).all()
    for v in range(network.nodes):
        here = slice(h.below_first[v], h.below_first[v + 1])
        assert (h.below[here] == np.flatnonzero(h.head == v)).all()
        assert (h.below_tail[here] == h.tail[h.below[here]]).all()
    for k in range(len(network.tail)):
        ends = sorted([h.rank[network.tail[k]], h.rank[network.head[k]]])
        assert h.head[h.link_arc[k] >> 1] == ends[1]
        assert h.first[ends[0]] <= h.link_arc[k] >> 1 < h.first[ends[0] + 1]


@pytest.mark.parametrize("known", [True, False])
def test_cuts_are_small(known):
    """Exact times need no good order, but with a bad one a region takes minutes instead of milliseconds."""
    h = shape_of(grid(32, known))
    # Nested dissection of a square by straight lines: about 2 x 32 nodes at each halving of both sides.
    assert h.height <= 4 * 32
    assert len(h.head) <= 32 * 32 * 16


def test_same_order_every_time():
    """Ties between paths fall by the order: were it random, one seed would not give the same bytes."""
    one, other = (shape_of(towns(4)) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one, other))


def test_places_of_nodes_without_coordinates():
    """A node left without a place, or all in one place, would spoil every cut."""
    network = grid(5)
    near, node = neighbours(network.nodes, network.tail, network.head)
    x, y = network.x_km.copy(), network.y_km.copy()
    x[12] = np.nan
    placed = place(near, node, x, y)
    assert (placed[0][12], placed[1][12]) == (2.0, 2.0)
    assert np.isnan(x[12]), "the caller's array was changed"
    x, y = place(near, node, np.full(25, np.nan), np.full(25, np.nan))
    assert np.isfinite(x).all() and np.isfinite(y).all()
    corners = x[[0, 24]] if abs(x[0]) > abs(x[4]) else x[[4, 20]]
    assert abs(corners[0] - corners[1]) == 2 * 8  # opposite corners, eight links apart


def test_whole_order_without_links():
    """Isolated nodes are pieces of their own and must all be ordered."""
    near, node = neighbours(6, np.array([2, 3], np.int32), np.array([3, 3], np.int32))
    assert node.tolist() == [3, 2]
    order = dissect(near, node, sorted_along(np.zeros(6), np.zeros(6)))
    assert sorted(order) == list(range(6))
