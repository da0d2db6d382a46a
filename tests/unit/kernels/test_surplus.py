"""Cheapest plans over time, node and surplus of charge, against a recursion over all plans."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tidewatt.kernels.arcs.surplus import UNREACHED, Expanded, cheapest, follow

STEPS, NODES, LEVELS = 6, 4, 7


def drawn(seed: int, fills: bool) -> tuple[Expanded, float, np.ndarray, np.ndarray]:
    """Roads, charger options and costs at random, some of them negative; one node may be unusable."""
    rng = np.random.default_rng(seed)
    tail = np.sort(rng.integers(0, NODES, 7))
    head = (tail + rng.integers(1, NODES, 7)) % NODES
    order = rng.permutation(7)
    at = np.sort(rng.integers(0, NODES, 4))
    low = rng.integers(0, 3, NODES)
    high = np.minimum(low + rng.integers(1, 5, NODES), LEVELS - 1)
    if seed % 4 == 0:
        high[1] = -1
    x = Expanded(
        3,
        int(rng.integers(0, 3)),
        low,
        high,
        np.searchsorted(tail, np.arange(NODES + 1)),
        np.argsort(order).astype(np.int32)[np.arange(7)],
        head[order],
        rng.integers(1, 4, 7),
        rng.integers(0, 3, 7),
        np.searchsorted(at, np.arange(NODES + 1)),
        np.arange(4, dtype=np.int32),
        rng.integers(-2, 4, 4),
        fills,
    )
    # `links` are positions in `head`: link e of the CSR is `links[e]`.
    return x, float(rng.uniform(0, 1)), rng.uniform(-1, 2, (STEPS, 7)), rng.uniform(-2, 2, (STEPS, 4))


def moves(x: Expanded, wait: float, by_link, by_option, t: int, n: int, q: int):
    """Action, cost and state of everything that can be done in a state."""
    if t < STEPS:
        yield 0, wait, (t + 1, n, q)
    for e in range(x.first_link[n], x.first_link[n + 1]):
        a = int(x.links[e])
        j, then = int(x.head[a]), t + int(x.steps[a])
        # Charge beyond what the next node can tell apart is lost.
        if t < STEPS and then <= STEPS:
            yield 1 + a, by_link[t, a], (then, j, min(q - int(x.used[a]), int(x.high[j])))
    for e in range(x.first_option[n], x.first_option[n + 1]):
        o = int(x.options[e])
        after = q + int(x.gain[o])
        if t < STEPS and (x.fills or after <= x.high[n]):
            yield 1 + len(x.head) + o, by_option[t, o], (t + 1, n, min(after, int(x.high[n])))


def least(x: Expanded, wait: float, by_link, by_option, t: int, n: int, q: int) -> float:
    """Least cost to the destination; inf: none."""
    if not x.low[n] <= q <= x.high[n]:
        return np.inf
    if n == x.destination:
        return 0.0 if q >= x.level_end else np.inf
    found = np.inf
    for _, paid, then in moves(x, wait, by_link, by_option, t, n, q):
        found = min(found, paid + least(x, wait, by_link, by_option, *then))
    return found


@pytest.mark.parametrize("fills", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_costs_and_plans_are_those_of_all_plans(seed: int, fills: bool) -> None:
    """A state that is too cheap makes a bound that is too high; a plan that costs more never proves it."""
    x, wait, by_link, by_option = drawn(seed, fills)
    shape = (STEPS + 1, NODES, LEVELS)
    cost, action = np.empty(shape), np.empty(shape, np.int32)
    cheapest(x, wait, by_link, by_option, cost, action)
    seen, keys = np.zeros(cost.size, np.int64), np.empty(cost.size, np.int64)
    actions = 1 + len(x.head) + len(x.gain)
    reached = 0
    for t, n, q in np.ndindex(shape):
        expected = least(x, wait, by_link, by_option, t, n, q)
        if not np.isfinite(expected):
            assert cost[t, n, q] == UNREACHED and action[t, n, q] == -1
            continue
        assert cost[t, n, q] == pytest.approx(expected, abs=1e-12)
        reached += 1
        start = (t * NODES + n) * LEVELS + q
        count = follow(x, np.array([start]), action, seen, reached, keys)
        state, paid = (t, n, q), 0.0
        for key in keys[:count].tolist():
            assert key // actions == (state[0] * NODES + state[1]) * LEVELS + state[2]
            step = {a: (c, then) for a, c, then in moves(x, wait, by_link, by_option, *state)}
            paid, state = paid + step[key % actions][0], step[key % actions][1]
        assert state[1] == x.destination and state[2] >= x.level_end
        assert paid == pytest.approx(expected, abs=1e-12)
    assert reached > 5


def test_plans_that_meet_are_written_once() -> None:
    """An arc that is listed twice would be two columns of the program for one thing."""
    x, wait, by_link, by_option = drawn(1, False)
    cost, action = np.empty((STEPS + 1, NODES, LEVELS)), np.empty((STEPS + 1, NODES, LEVELS), np.int32)
    cheapest(x, wait, by_link, by_option, cost, action)
    starts = np.flatnonzero(cost.ravel() < UNREACHED)
    seen, keys = np.zeros(cost.size, np.int64), np.empty(cost.size, np.int64)
    count = follow(x, starts, action, seen, 1, keys)
    assert len(np.unique(keys[:count])) == count == (action.ravel()[starts] >= 0).sum()


def test_without_compiling_it_is_the_same() -> None:
    """Compiled code does not notice indices out of bounds, and could differ from what its lines say."""
    root = Path(__file__).parents[3]
    code = """
import sys, numpy as np
from tests.unit.kernels.test_surplus import test_costs_and_plans_are_those_of_all_plans as a
from tests.unit.kernels.test_segments import test_segments_are_the_ways_between_choices as b
from numba import config
assert config.DISABLE_JIT
a(2, False), a(4, True), b(3)
print("the same")
"""
    env = dict(os.environ, NUMBA_DISABLE_JIT="1", PYTHONPATH=str(root))
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, cwd=root)
    assert done.stdout.strip() == "the same", done.stderr
