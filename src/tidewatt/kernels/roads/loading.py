"""Loading trips onto shortest paths in a customised hierarchy: one sweep over all arcs an origin.

From an origin, arcs lead up along the elimination tree; one pass over all nodes from the top then finds the
time to each of them, and a pass from the bottom gathers the trips of all destinations on the arcs. What the
arcs of all origins carry is handed down to links at the end, once.

Sources: D. Delling, A. Goldberg, A. Nowatzyk and R. Werneck, "PHAST: hardware-accelerated shortest path
trees", Journal of Parallel and Distributed Computing 73 (2013) (one sweep a tree); V. Buchhold, P. Sanders
and D. Wagner, "Real-time traffic assignment using engineered customizable contraction hierarchies", ACM
Journal of Experimental Algorithmics 24 (2019) (loading by hierarchies).
"""

from __future__ import annotations

import numpy as np

from tidewatt.compilation.kernel import kernel
from tidewatt.kernels.roads.contraction import UNREACHED
from tidewatt.kernels.roads.queries import lower

__all__ = ["hand_down", "load"]


LANES = 16
"""Origins that one sweep serves side by side: as many 32-bit numbers as two vector registers hold."""


@kernel
def _ancestors(hierarchy, nodes):
    """Return `nodes` and all their ancestors, by ascending rank."""
    above = np.zeros(len(hierarchy.parent), np.bool_)
    for v in nodes:
        while v >= 0 and not above[v]:
            above[v] = True
            v = hierarchy.parent[v]
    return np.flatnonzero(above)


@kernel
def _sweep(hierarchy, cost, needed, time, by):
    """Find times to all `needed` nodes from the top down, and the arc that reaches each, by lane.

    Flat arrays and slices of fixed length: the inner loop becomes vector instructions.
    """
    for at in range(len(needed) - 1, -1, -1):
        v = needed[at]
        own = time[v * LANES : v * LANES + LANES]
        arc = by[v * LANES : v * LANES + LANES]
        arc[:] = np.int32(-1)
        for e in range(hierarchy.first[v], hierarchy.first[v + 1]):
            u = hierarchy.head[e]
            other = time[u * LANES : u * LANES + LANES]
            extra = cost[e, 1]
            number = np.int32(e)
            for lane in range(LANES):
                total = np.int32(other[lane] + extra)
                less = total < own[lane]
                own[lane] = total if less else own[lane]
                arc[lane] = number if less else arc[lane]


@kernel
def load(hierarchy, cost, origins, source, first, target, demand, carried, least, lost):
    """Send the trips of some origins along shortest paths.

    Parameters
    ----------
    hierarchy : Hierarchy
    cost : array of int32, shape (arcs, 2)
        From `customise`.
    origins : array of int64
        Which origins.
    source : array of int32, shape (origins,)
        Where trips of each origin depart, by rank.
    first, target, demand : arrays
        Rows ``first[o]:first[o + 1]`` are origin o's destinations, by rank, and trips.
    carried : array, shape (arcs, 2)
        Trips on every arc, upwards and downwards; added to.
    least : array, shape (origins,)
        Out: sum of trips times travel time [vehicle milliseconds].
    lost : array, shape (origins,)
        Out: trips to where no path leads.
    """
    nodes = len(hierarchy.parent)
    time = np.empty(nodes * LANES, np.int32)
    by = np.empty(nodes * LANES, np.int32)
    climb = np.empty(nodes, np.int32)
    trips = np.zeros(nodes)
    risen = np.zeros(nodes)
    marks = np.zeros(nodes, np.bool_)
    for o in origins:
        for k in range(first[o], first[o + 1]):
            marks[target[k]] = True
    needed = _ancestors(hierarchy, np.flatnonzero(marks))
    for begin in range(0, len(origins), LANES):
        group = origins[begin : begin + LANES]
        time[:] = UNREACHED
        for lane in range(len(group)):
            _climb(hierarchy, cost, source[group[lane]], time, lane, climb)
        _sweep(hierarchy, cost, needed, time, by)
        for lane in range(len(group)):
            o = group[lane]
            total = 0.0
            gone = 0.0
            for k in range(first[o], first[o + 1]):
                t = target[k]
                if time[t * LANES + lane] < UNREACHED:
                    trips[t] += demand[k]
                    total += demand[k] * time[t * LANES + lane]
                else:
                    gone += demand[k]
            least[o] = total
            lost[o] = gone
            for v in needed:
                share = trips[v]
                if share > 0.0:
                    trips[v] = 0.0
                    arc = by[v * LANES + lane]
                    if arc >= 0:
                        carried[arc, 1] += share
                        trips[hierarchy.head[arc]] += share
                    else:
                        risen[v] = share
            _gather(hierarchy, cost, source[o], time, lane, climb, risen, carried)


@kernel
def _climb(hierarchy, cost, s, time, lane, climb):
    """Find times from `s` to its ancestors by arcs that only lead up, and the last arc of each."""
    time[s * LANES + lane] = 0
    v = s
    while v >= 0:
        begin = time[v * LANES + lane]
        if begin < UNREACHED:
            for e in range(hierarchy.first[v], hierarchy.first[v + 1]):
                total = np.int32(begin + cost[e, 0])
                u = hierarchy.head[e]
                if total < time[u * LANES + lane]:
                    time[u * LANES + lane] = total
                    climb[u] = e
        v = hierarchy.parent[v]


@kernel
def _gather(hierarchy, cost, s, time, lane, climb, risen, carried):
    """Gather the trips that arcs carry up to ancestors of `s`, from the top down to `s`."""
    way = np.empty(hierarchy.height, np.int32)
    n = 0
    v = s
    while v >= 0:
        way[n] = v
        n += 1
        time[v * LANES + lane] = UNREACHED
        v = hierarchy.parent[v]
    _climb(hierarchy, cost, s, time, lane, climb)
    for k in range(n - 1, 0, -1):
        v = way[k]
        share = risen[v]
        if share > 0.0:
            risen[v] = 0.0
            carried[climb[v], 0] += share
            risen[hierarchy.tail[climb[v]]] += share
    risen[s] = 0.0


@kernel
def hand_down(hierarchy, time_ms, cost, via, carried, flow):
    """Add what arcs carry to the links below them; this consumes `carried`.

    Parameters
    ----------
    hierarchy : Hierarchy
    time_ms, cost, via
        As `customise` got and left them.
    carried : array, shape (arcs, 2)
        From `load`.
    flow : array, shape (links,)
        Added to.
    """
    for a in range(len(carried) - 1, -1, -1):
        for down in range(2):
            load_ = carried[a, down]
            if load_ == 0.0:
                continue
            link = via[a, down]
            if link >= 0 and time_ms[link] == cost[a, down]:
                flow[link] += load_
                continue
            e = -2 - link if link < -1 else lower(hierarchy, cost, a, down)
            f = e + 1
            while hierarchy.head[f] != hierarchy.head[a]:
                f += 1
            # Up: from the arc's tail down to the middle and up to its head; the other way round downwards.
            carried[e, 1 - down] += load_
            carried[f, down] += load_
