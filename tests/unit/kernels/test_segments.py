"""Segments of arcs between choices, against walking from arc to arc."""

from __future__ import annotations

import numpy as np
import pytest

from tidewatt.kernels.arcs.segments import leaving, segments, supplied, unfolded

STATES = 30


def drawn(seed: int):
    """A network in which arcs lead to later states, about half of which leave no choice."""
    rng = np.random.default_rng(seed)
    count = np.where(rng.random(STATES) < 0.5, 1, rng.integers(2, 4, STATES))
    first = np.concatenate([[0], np.cumsum(count)])
    tail = np.repeat(np.arange(STATES), count)
    head = tail + 1 + rng.integers(0, 6, len(tail))
    head = np.where((head >= STATES) | (rng.random(len(tail)) < 0.05), -1, head)
    row = np.where(rng.random((len(tail), 2)) < 0.4, rng.integers(0, 9, (len(tail), 2)), -1)
    return rng, first, tail, head, row, rng.uniform(-1, 1, row.shape), rng.uniform(0, 1, len(tail))


def walk(first, head, arc: int) -> tuple[list[int], int]:
    """Arcs from one on until the next choice, and the state of it; -1: the end."""
    arcs = [arc]
    while head[arcs[-1]] >= 0 and first[head[arcs[-1]] + 1] - first[head[arcs[-1]]] == 1:
        arcs.append(int(first[head[arcs[-1]]]))
    return arcs, int(head[arcs[-1]])


@pytest.mark.parametrize("seed", range(5))
def test_segments_are_the_ways_between_choices(seed: int) -> None:
    """A column that misses an arc, or takes one too many, misprices every plan that goes there."""
    _, first, tail, head, row, value, cost = drawn(seed)
    arc, after, paid, start, rows, values = segments(first, head, row, value, cost)
    several = np.diff(first) > 1
    assert arc.tolist() == np.flatnonzero(several[tail]).tolist()
    for i, a in enumerate(arc.tolist()):
        arcs, then = walk(first, head, a)
        assert then == after[i]
        assert paid[i] == pytest.approx(cost[arcs].sum())
        dense, expected = np.zeros(9), np.zeros(9)
        np.add.at(dense, rows[start[i] : start[i + 1]], values[start[i] : start[i + 1]])
        for e in arcs:
            for k in range(2):
                if row[e, k] >= 0:
                    expected[row[e, k]] += value[e, k]
        np.testing.assert_allclose(dense, expected, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_flow_is_kept_from_segments_to_arcs(seed: int) -> None:
    """Vehicles would vanish between what the program chooses and what is reported."""
    rng, first, tail, head, row, value, cost = drawn(seed)
    state, vehicles = np.array([0, 3, 3, 7]), rng.uniform(1, 5, 4)
    flow, supply = np.zeros(len(tail)), np.zeros(STATES)
    supplied(first, head, state, vehicles, flow, supply)
    arc = segments(first, head, row, value, cost)[0]
    # Whoever reaches a choice spreads over its ways; later choices take what comes there.
    chosen, order = np.zeros(len(arc)), {int(a): i for i, a in enumerate(arc)}
    at = supply.copy()
    for s in range(STATES):
        if first[s + 1] - first[s] > 1:
            share = rng.dirichlet(np.ones(first[s + 1] - first[s]))
            for a, part in zip(range(first[s], first[s + 1]), share, strict=True):
                chosen[order[a]] = part * at[s]
                then = walk(first, head, a)[1]
                if then >= 0:
                    at[then] += part * at[s]
    unfolded(first, head, arc, chosen, flow)
    net = np.bincount(tail, flow, STATES) - np.bincount(head[head >= 0], flow[head >= 0], STATES)
    np.testing.assert_allclose(net, np.bincount(state, vehicles, STATES), atol=1e-9)
    assert flow[head < 0].sum() == pytest.approx(vehicles.sum())


def test_who_waits_is_shared_out_by_what_they_do_next() -> None:
    """Waiting vehicles would stand in the queue of a site where they never charge."""
    # States 0, 1, 2 of one node in turn: wait, charge (1) or drive on (2); -1 is to wait.
    first = np.array([0, 2, 5, 7])
    head = np.array([1, -1, 2, -1, -1, -1, -1])
    way = np.array([-1, 2, -1, 1, 2, 1, 2])
    flow = np.array([8.0, 2.0, 4.0, 1.0, 3.0, 3.0, 1.0])
    share = np.zeros(3)
    leaving(np.array([0, 1, 2]), first, head, way, flow, 1, share)
    last, middle = 3 / 4, (1 + 4 * 3 / 4) / 8
    np.testing.assert_allclose(share, [8 * middle / 10, middle, last])
    leaving(np.array([0, 1, 2]), first, head, way, np.zeros(7), 1, share)
    assert not share.any()
