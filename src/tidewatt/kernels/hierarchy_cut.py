"""A small set of nodes that divides a network: inertial flow.

The set is a smallest one between the first and the last quarter of the nodes along a line, and of several
lines the best is taken. A maximum flow of paths that share no node finds it (Menger's theorem).

Source: A. Schild and C. Sommer, "On balanced separators in road networks", Symposium on Experimental
Algorithms 2015; here with sets of nodes instead of links.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["divide"]

ENDS = 0.25
"""Share of a piece's nodes at either end of a line between which it may be divided."""
FREE = -2  # no path through this node
END = -1  # the path through this node starts, or ends, here


@njit(cache=True, nogil=True)
def _search(first, node, seeds, goal, before, after, seen, stamp, parent, queue):
    """Reach a node of `goal` from `seeds` beside the paths there are, which may be rerouted.

    Every node v has two states, entered (2 v) and left (2 v + 1). A node on no path may be passed; one on
    a path may only be left backwards, along that path. `seen` becomes `stamp` for all states reached.

    Returns
    -------
    int
        State at which a goal was reached; -1: none can be.
    """
    size = 0
    for v in seeds:
        seen[2 * v] = stamp
        parent[2 * v] = -1
        queue[size] = 2 * v
        size += 1
    at = 0
    while at < size:
        state = queue[at]
        at += 1
        v = state >> 1
        if state & 1 == 0:
            to = 2 * v + 1
            if after[v] != FREE:
                if before[v] < 0:
                    continue
                to = 2 * before[v] + 1
            if seen[to] != stamp:
                seen[to] = stamp
                parent[to] = state
                if goal[to >> 1]:
                    return to
                queue[size] = to
                size += 1
            continue
        if after[v] != FREE and seen[2 * v] != stamp:
            seen[2 * v] = stamp
            parent[2 * v] = state
            queue[size] = 2 * v
            size += 1
        for k in range(first[v], first[v + 1]):
            to = 2 * node[k]
            if seen[to] != stamp:
                seen[to] = stamp
                parent[to] = state
                queue[size] = to
                size += 1
    return -1


@njit(cache=True, nogil=True)
def _augment(state, before, after, parent):
    """Add the path that a search found to those there are."""
    after[state >> 1] = END
    while True:
        v = state >> 1
        back = parent[state]
        if state & 1 == 0:
            if back < 0:
                before[v] = END
                return
            u = back >> 1
            if u == v:
                before[v] = FREE
                after[v] = FREE
            else:
                before[v] = u
                after[u] = v
        state = back


@njit(cache=True, nogil=True)
def _smallest(values, count):
    """The `count`-th smallest of `values`, which are all different; puts them in another order."""
    low = 0
    high = len(values) - 1
    while low < high:
        pivot = values[(low + high) >> 1]
        i = low
        j = high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if count - 1 <= j:
            high = j
        elif count - 1 >= i:
            low = i
        else:
            break
    return values[count - 1]


@njit(cache=True, nogil=True)
def _rim(first, node, inside, out):
    """Nodes `inside` with a neighbour outside; returns how many."""
    size = 0
    for v in range(len(inside)):
        if inside[v]:
            for k in range(first[v], first[v + 1]):
                if not inside[node[k]]:
                    out[size] = v
                    size += 1
                    break
    return size


@njit(cache=True, nogil=True)
def divide(first, node, along, side, work):
    """Divide a connected piece: `side` becomes 0 for the nodes that divide it, 1 and 2 for its parts.

    Returns the line along which.

    Parameters
    ----------
    first, node
        Neighbours within the piece.
    along : array of int32, shape (lines, nodes)
        See `sorted_along`.
    side : array of int8, shape (nodes,)
        Out.
    work : array of int32, shape (6, 2 * nodes or more)
        Room to work.
    """
    n = len(first) - 1
    ends = max(1, int(n * ENDS))
    before = work[0]
    after = work[1]
    seen = work[2]
    parent = work[3]
    queue = work[4]
    room = work[5]
    stamp = 0
    for v in range(2 * n):
        seen[v] = stamp
    low = np.empty(n, np.bool_)
    high = np.empty(n, np.bool_)
    none = np.zeros(n, np.bool_)
    best = np.inf
    chosen = 0
    for line in range(len(along)):
        for v in range(n):
            room[v] = along[line, v]
        bottom = _smallest(room[:n], ends)
        top = _smallest(room[:n], n - ends + 1)
        for v in range(n):
            low[v] = along[line, v] <= bottom
            high[v] = along[line, v] >= top
            before[v] = FREE
            after[v] = FREE
        m = _rim(first, node, low, room)
        paths = 0
        while True:
            stamp += 1
            state = _search(first, node, room[:m], high, before, after, seen, stamp, parent, queue)
            if state < 0:
                break
            paths += 1
            _augment(state, before, after, parent)
        # Of all smallest sets those next to either end: the one that divides more evenly is taken.
        for end in range(2):
            near = low
            if end == 1:
                near = high
                stamp += 1
                m = _rim(first, node, high, room)
                _search(first, node, room[:m], none, after, before, seen, stamp, parent, queue)
            part = 0
            for v in range(n):
                if seen[2 * v + 1] == stamp or (near[v] and seen[2 * v] != stamp):
                    part += 1
            score = paths / max(min(part, n - part - paths), 0.5)
            if score < best:
                best = score
                chosen = line
                for v in range(n):
                    if seen[2 * v + 1] == stamp or (near[v] and seen[2 * v] != stamp):
                        side[v] = 1
                    elif seen[2 * v] == stamp:
                        side[v] = 0
                    else:
                        side[v] = 2
    return chosen
