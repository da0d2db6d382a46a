"""Shortest paths in a customised contraction hierarchy, by labels along the elimination tree.

The label of a node holds what it costs to reach each of its ancestors (or to be reached from it) by arcs
that only lead up, the root first. A shortest path turns at a common ancestor of both ends, and these stand at
the front of both labels: its time is the least sum of the two. Labels are made when first asked for, a
node's from those of the nodes its arcs lead to, and serve until link times change.

Sources: J. Dibbelt, B. Strasser and D. Wagner, "Customizable contraction hierarchies", ACM Journal of
Experimental Algorithmics 21 (2016) (queries along the elimination tree); D. Ouyang, L. Qin, L. Chang, X. Lin,
Y. Zhang and Q. Zhu, "When hierarchy meets 2-hop-labeling", SIGMOD 2018 (labels over a tree decomposition).
"""

from __future__ import annotations

import numpy as np

from tidewatt.compilation.kernel import kernel
from tidewatt.kernels.roads.contraction import UNREACHED

__all__ = ["label", "lower", "routes", "times_of_few"]


@kernel
def _reduce(own, other, extra):
    """Lower `own` to `other` plus `extra` where that is less."""
    for d in range(len(other)):
        total = np.int32(other[d] + extra)
        own[d] = total if total < own[d] else own[d]


@kernel
def label(hierarchy, cost, down, ranks, start, used, pool):
    """Compute the labels of nodes and all their ancestors, except those already made.

    Parameters
    ----------
    hierarchy : Hierarchy
    cost : array of int32, shape (arcs, 2)
        From `customise`.
    down : int
        0: from the nodes up to their ancestors; 1: from the ancestors down to the nodes.
    ranks : array of int32
        Nodes, by rank.
    start : array of int64, shape (nodes,)
        Where each label stands in `pool`, -1 where there is none. Changed.
    used : int
        Entries of `pool` in use.
    pool : array of int32
        Labels, of ``depth + 1`` entries each. Changed.

    Returns
    -------
    int
        Entries now in use.
    """
    way = np.empty(hierarchy.height, np.int32)
    for r in ranks:
        n = 0
        while r >= 0 and start[r] < 0:
            way[n] = r
            n += 1
            r = hierarchy.parent[r]
        while n > 0:
            n -= 1
            v = way[n]
            depth = hierarchy.depth[v]
            own = pool[used : used + depth + 1]
            own[:] = UNREACHED
            own[depth] = 0
            for e in range(hierarchy.first[v], hierarchy.first[v + 1]):
                extra = cost[e, down]
                u = hierarchy.head[e]
                front = hierarchy.depth[u]
                # An arc no shorter than what led there by lower ancestors leads on no shorter either.
                if extra < own[front]:
                    _reduce(own, pool[start[u] : start[u] + front + 1], extra)
            start[v] = used
            used += depth + 1
    return used


@kernel
def _least(one, two):
    """Return the least sum of two labels over their common ancestors."""
    least = UNREACHED
    for d in range(len(one)):
        total = np.int32(one[d] + two[d])
        least = total if total < least else least
    return least


@kernel
def times_of_few(hierarchy, ranks, start, pool, few, few_start, few_pool, column, below, out):
    """Find times between each of many nodes and each of few.

    Parameters
    ----------
    hierarchy : Hierarchy
    ranks : array of int32, shape (many,)
        Nodes, by rank; labels in `pool` from `start`.
    few : array of int32
        Ranks, ascending; labels of the other direction in `few_pool` from `few_start`.
    column : array of int64, shape (few,)
        Where each of `few` stands in `out`.
    below : array of int32, shape (nodes + 1,)
        How many of `few` are of lower rank.
    out : array of int32, shape (many, few)
        Out [ms]; -1 where there is no way.
    """
    out[:] = -1
    for i in range(len(ranks)):
        v = ranks[i]
        own = pool[start[v] :]
        row = out[i]
        low = below[hierarchy.lowest[v]]
        high = low
        h = v
        # Climbing, the subtree grows at both ends: those of `few` it takes in turn at h or above.
        while h >= 0:
            front = hierarchy.depth[h] + 1
            begin = below[hierarchy.lowest[h]]
            end = below[h + 1]
            for k in range(begin, end):
                if low <= k < high:
                    continue
                u = few_start[few[k]]
                least = _least(own[:front], few_pool[u : u + front])
                if least < UNREACHED:
                    row[column[k]] = least
            low = begin
            high = end
            h = hierarchy.parent[h]


@kernel
def _climb(hierarchy, cost, down, v, goal, start, pool, arcs):
    """Collect arcs from `v` up to its ancestor at depth `goal` in `arcs`; return their number."""
    n = 0
    while hierarchy.depth[v] > goal:
        left = pool[start[v] + goal]
        e = hierarchy.first[v]
        while True:
            u = hierarchy.head[e]
            if cost[e, down] + pool[start[u] + goal] == left:
                break
            e += 1
        arcs[n] = 2 * e + down
        n += 1
        v = u
    return n


@kernel
def lower(hierarchy, cost, arc, down):
    """Return the lower arc of the highest triangle below `arc` with the cost of `arc`; one always exists.

    The highest node that the way passes closes such a triangle with both ends, hence the search from above.
    """
    total = cost[arc, down]
    low = hierarchy.tail[arc]
    high = hierarchy.head[arc]
    i = hierarchy.below_first[low + 1] - 1
    j = hierarchy.below_first[high]
    end = hierarchy.below_first[high + 1]
    while j < end:  # to the first arc into `high` that comes from `low` or above
        middle = (j + end) >> 1
        if hierarchy.below_tail[middle] < low:
            j = middle + 1
        else:
            end = middle
    j -= 1
    while True:
        one = hierarchy.below_tail[i]
        other = hierarchy.below_tail[j]
        if one == other:
            e = hierarchy.below[i]
            if cost[e, 1 - down] + cost[hierarchy.below[j], down] == total:
                return e
        i -= one >= other
        j -= other >= one


@kernel
def _expand(hierarchy, time_ms, cost, via, arc, stack, links, size):
    """Write the links that an arc stands for to `links` from `size` on; return the new size, -1 if full.

    What is found out about arcs is kept in `via`: -2 less the lower of the two arcs below. All threads that
    look find the same.
    """
    stack[0] = arc
    n = 1
    while n > 0:
        n -= 1
        a = stack[n] >> 1
        down = stack[n] & 1
        by = via[a, down]
        if by >= 0 and time_ms[by] == cost[a, down]:
            if size == len(links):
                return -1
            links[size] = by
            size += 1
            continue
        if by < -1:
            e = -2 - by
        else:
            e = lower(hierarchy, cost, a, down)
            via[a, down] = -2 - e
        f = e + 1
        while hierarchy.head[f] != hierarchy.head[a]:
            f += 1
        if down == 0:
            stack[n] = 2 * f
            stack[n + 1] = 2 * e + 1
        else:
            stack[n] = 2 * e
            stack[n + 1] = 2 * f + 1
        n += 2
    return size


@kernel
def _more(links):
    out = np.empty(2 * len(links) + 1, np.int32)
    for k in range(len(links)):
        out[k] = links[k]
    return out


@kernel
def routes(hierarchy, time_ms, cost, via, origin, destination, up_start, up_pool, down_start, down_pool, out):
    """Return shortest paths of pairs of nodes, as links.

    Parameters
    ----------
    hierarchy : Hierarchy
    time_ms, cost, via
        As `customise` got and left them. `via` is changed, without changing what it says.
    origin, destination : array of int32, shape (pairs,)
        By rank; -1 for pairs that need no path, which get no links and take no time.
    up_start, up_pool
        Labels of the origins, from `label`.
    down_start, down_pool
        Labels of the destinations, of the other direction.
    out : array of int32, shape (pairs,)
        Out: times [ms]; -1 where there is no way.

    Returns
    -------
    count : array of int64, shape (pairs,)
        Links of each path.
    links : array of int32
        The paths, one after the other.
    """
    pairs = len(origin)
    count = np.zeros(pairs, np.int64)
    links = np.empty(64 * pairs + 64, np.int32)
    stack = np.empty(hierarchy.height + 1, np.int32)
    arcs = np.empty(hierarchy.height, np.int32)
    size = np.int64(0)
    for i in range(pairs):
        out[i] = 0
        s = origin[i]
        t = destination[i]
        if s < 0:
            continue
        out[i] = -1
        h = s
        while h >= 0 and not (hierarchy.lowest[h] <= t <= h):
            h = hierarchy.parent[h]
        if h < 0:
            continue
        front = hierarchy.depth[h] + 1
        one = up_pool[up_start[s] : up_start[s] + front]
        two = down_pool[down_start[t] : down_start[t] + front]
        least = _least(one, two)
        if least == UNREACHED:
            continue
        out[i] = least
        turn = 0
        while one[turn] + two[turn] != least:
            turn += 1
        begin = size
        # One call each, so that each is compiled once.
        for down in range(2):
            foot = t if down else s
            start = down_start if down else up_start
            n = _climb(hierarchy, cost, down, foot, turn, start, down_pool if down else up_pool, arcs)
            for k in range(n):
                arc = arcs[n - 1 - k] if down else arcs[k]
                to = np.int64(-1)
                while to < 0:
                    to = _expand(hierarchy, time_ms, cost, via, arc, stack, links, size)
                    if to < 0:
                        links = _more(links)
                size = to
        count[i] = size - begin
    return count, links[:size].copy()
