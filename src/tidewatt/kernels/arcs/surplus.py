"""Cheapest plans over time, node and surplus of charge, by dynamic programming (tariff-1, tariff-9).

A state is ``(step, node, level)``, numbered ``(step * nodes + node) * levels + level``. An action is 0 to
wait, ``1 + link`` to drive, ``1 + links + option`` to charge or discharge.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tidewatt.compilation.kernel import kernel

__all__ = ["Expanded", "cheapest", "follow"]

UNREACHED = 1e100


class Expanded(NamedTuple):
    """What one kind of vehicle can do on the way to one destination.

    Attributes
    ----------
    destination : int
        Node.
    level_end : int
        Least level there.
    low, high : array of int64, shape (nodes,)
        Levels within the bounds of the state of charge; high < low: the node is not used.
    first_link : array of int64, shape (nodes + 1,)
        CSR offsets of `links` by node.
    links : array of int32
        Outgoing links.
    head, steps, used : array of int64, shape (links,)
        Node where each link ends, its travel time, the levels that it uses up.
    first_option : array of int64, shape (nodes + 1,)
        CSR offsets of `options` by node.
    options : array of int32
        Ways to charge or discharge for a step.
    gain : array of int64, shape (options,)
        Levels gained by each in a step.
    fills : bool
        Whether a gain beyond the highest level ends there; otherwise such a gain cannot be used.
    """

    destination: int
    level_end: int
    low: np.ndarray
    high: np.ndarray
    first_link: np.ndarray
    links: np.ndarray
    head: np.ndarray
    steps: np.ndarray
    used: np.ndarray
    first_option: np.ndarray
    options: np.ndarray
    gain: np.ndarray
    fills: bool


@kernel
def cheapest(x, wait, link_cost, option_cost, cost, action):
    """Fill the least `cost` from every state to the destination, and the first `action` on the way.

    `wait` is the cost of a step, `link_cost` (steps, links) and `option_cost` (steps, options) those of an
    action by the step in which it starts; `cost` and `action` are of shape (steps + 1, nodes, levels).
    """
    steps, nodes, levels = cost.shape[0] - 1, cost.shape[1], cost.shape[2]
    links = len(x.head)
    for t in range(steps, -1, -1):
        for n in range(nodes):
            here = cost[t, n]
            what = action[t, n]
            for q in range(levels):
                here[q] = UNREACHED
                what[q] = -1
            low, high = x.low[n], x.high[n]
            if n == x.destination:
                for q in range(max(low, x.level_end), high + 1):
                    here[q] = 0.0
                continue
            if t == steps or high < low:
                continue
            for e in range(x.first_link[n], x.first_link[n + 1]):
                a = x.links[e]
                then = t + x.steps[a]
                if then > steps:
                    continue
                top = x.high[x.head[a]]
                if top < x.low[x.head[a]]:
                    continue
                paid = link_cost[t, a]
                used = x.used[a]
                later = cost[then, x.head[a]]
                for q in range(max(low, used), min(high, top + used) + 1):
                    v = later[q - used] + paid
                    if v < here[q]:
                        here[q] = v
                        what[q] = 1 + a
                for q in range(max(low, top + used + 1), high + 1):
                    v = later[top] + paid
                    if v < here[q]:
                        here[q] = v
                        what[q] = 1 + a
            later = cost[t + 1, n]
            for e in range(x.first_option[n], x.first_option[n + 1]):
                o = x.options[e]
                gain = x.gain[o]
                paid = option_cost[t, o]
                for q in range(max(low, low - gain), min(high, high - gain) + 1):
                    v = later[q + gain] + paid
                    if v < here[q]:
                        here[q] = v
                        what[q] = 1 + links + o
                if x.fills:
                    for q in range(max(low, high - gain + 1), high + 1):
                        v = later[high] + paid
                        if v < here[q]:
                            here[q] = v
                            what[q] = 1 + links + o
            for q in range(low, high + 1):
                v = later[q] + wait
                if v < here[q]:
                    here[q] = v
                    what[q] = 0
                if here[q] > 0.5 * UNREACHED:
                    here[q] = UNREACHED
                    what[q] = -1
    return


@kernel
def _after(x, nodes, levels, state, action):
    """Return the state that an action leads to."""
    links = len(x.head)
    q = state % levels
    n = (state // levels) % nodes
    t = state // (levels * nodes)
    if action == 0:
        return ((t + 1) * nodes + n) * levels + q
    if action <= links:
        a = action - 1
        j = x.head[a]
        return ((t + x.steps[a]) * nodes + j) * levels + min(q - x.used[a], x.high[j])
    return ((t + 1) * nodes + n) * levels + min(q + x.gain[action - 1 - links], x.high[n])


@kernel
def follow(x, starts, action, seen, mark, keys):
    """Write arcs of plans from `starts` as ``state * actions + action`` to `keys`; return their number.

    `seen` (one entry a state) is `mark` where a plan came by already.
    """
    nodes, levels = action.shape[1], action.shape[2]
    actions = 1 + len(x.head) + len(x.gain)
    flat = action.reshape(-1)
    count = 0
    for i in range(len(starts)):
        state = starts[i]
        while seen[state] != mark and flat[state] >= 0:
            seen[state] = mark
            keys[count] = state * actions + flat[state]
            count += 1
            state = _after(x, nodes, levels, state, flat[state])
    return count
