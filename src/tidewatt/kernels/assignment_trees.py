"""Shortest-path trees of the static user equilibrium: cheaper paths, and all-or-nothing flows.

One tree serves all destinations of an origin; it grows no further than the farthest of them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from tidewatt.kernels.routing import SETTLED, grow

__all__ = ["Pairs", "all_or_nothing", "cheaper_paths", "merge_paths"]

_TIE = 1e-13  # a new path must be cheaper by this share: less is rounding


class Pairs(NamedTuple):
    """OD pairs with trips, by origin.

    Attributes
    ----------
    source : array of int32, shape (origins,)
        Node where trips of each origin depart.
    first : array of int64, shape (origins + 1,)
        Position of each origin's first pair.
    target : array of int32, shape (pairs,)
        Node where trips arrive; never the source.
    demand : array, shape (pairs,)
        Vehicles in the period, > 0.
    """

    source: np.ndarray
    first: np.ndarray
    target: np.ndarray
    demand: np.ndarray


@njit(cache=True, nogil=True)
def _grow(star, cost, pairs, o, wanted, reach, via, place, heap):
    """The tree of origin `o` to all its destinations."""
    a, b = pairs.first[o], pairs.first[o + 1]
    left = 0
    for r in range(a, b):
        left += not wanted[pairs.target[r]]
        wanted[pairs.target[r]] = True
    grow(star, cost, pairs.source[o], wanted, left, reach, via, place, heap)
    for r in range(a, b):
        wanted[pairs.target[r]] = False


@njit(cache=True, nogil=True)
def all_or_nothing(star, tail, cost, pairs, origins, flow, least, lost):
    """Everyone on the cheapest path: flows gathered down each tree, not path by path.

    Parameters
    ----------
    star : Star
    tail : array of int32, shape (links,)
        Node where each link starts.
    cost : array, shape (links,)
        [min].
    pairs : Pairs
    origins : array of int64
        Which origins' pairs to load.
    flow : array, shape (links,)
        Out: added to.
    least : array, shape (origins,)
        Out: sum over the origin's pairs of trips times cheapest cost [vehicle minutes].
    lost : array, shape (origins,)
        Out: trips that no path connects; they are left out [vehicles].
    """
    nodes = len(star.first) - 1
    wanted = np.zeros(nodes, np.bool_)
    reach = np.empty(nodes)
    via = np.empty(nodes, np.int32)
    place = np.empty(nodes, np.int32)
    heap = np.empty(nodes, np.int32)
    load = np.zeros(nodes)
    waits = np.zeros(nodes, np.int32)  # branches of the tree that have not handed on their load
    seen = np.zeros(nodes, np.bool_)
    for o in origins:
        source = pairs.source[o]
        _grow(star, cost, pairs, o, wanted, reach, via, place, heap)
        seen[source] = True
        total = 0.0
        missed = 0.0
        for r in range(pairs.first[o], pairs.first[o + 1]):
            v = pairs.target[r]
            if place[v] != SETTLED:
                missed += pairs.demand[r]
                continue
            load[v] += pairs.demand[r]
            total += pairs.demand[r] * reach[v]
            while not seen[v]:
                seen[v] = True
                v = tail[via[v]]
                waits[v] += 1
        least[o] = total
        lost[o] = missed
        for r in range(pairs.first[o], pairs.first[o + 1]):
            v = pairs.target[r]
            while v != source and seen[v] and waits[v] == 0:
                seen[v] = False
                e = via[v]
                flow[e] += load[v]
                u = tail[e]
                load[u] += load[v]
                load[v] = 0.0
                waits[u] -= 1
                v = u
        load[source] = 0.0
        seen[source] = False


@njit(cache=True, nogil=True)
def cheaper_paths(star, tail, cost, pairs, paths, o0, o1, nearest):
    """For each pair the cheapest path, where it is cheaper than all the pair has (column generation).

    Parameters
    ----------
    star : Star
    tail : array of int32, shape (links,)
        Node where each link starts.
    cost : array, shape (links,)
        [min].
    pairs : Pairs
    paths : Paths
        What each pair has.
    o0, o1 : int
        Range of origins.
    nearest : array, shape (pairs,)
        Out: cost of the cheapest path; infinite where there is none.

    Returns
    -------
    tuple of (array of int64, array of int64, array of int32, int, int)
        Pairs that got a path, number of links of each, these links one path after the other; and how many
        entries of the first two, and of the third, count.
    """
    nodes = len(star.first) - 1
    wanted = np.zeros(nodes, np.bool_)
    reach = np.empty(nodes)
    via = np.empty(nodes, np.int32)
    place = np.empty(nodes, np.int32)
    heap = np.empty(nodes, np.int32)
    pair = np.empty(pairs.first[o1] - pairs.first[o0], np.int64)
    length = np.empty(len(pair), np.int64)
    found = np.empty(1024, np.int32)
    new = 0
    used = 0
    for o in range(o0, o1):
        source = pairs.source[o]
        _grow(star, cost, pairs, o, wanted, reach, via, place, heap)
        for r in range(pairs.first[o], pairs.first[o + 1]):
            if place[pairs.target[r]] != SETTLED:
                nearest[r] = np.inf
                continue
            near = reach[pairs.target[r]]
            nearest[r] = near
            best = np.inf
            for k in range(paths.first[r], paths.first[r + 1]):
                price = 0.0
                for j in range(paths.start[k], paths.start[k + 1]):
                    price += cost[paths.links[j]]
                best = min(best, price)
            if near >= best * (1.0 - _TIE):
                continue
            count = 0
            v = pairs.target[r]
            while v != source:
                v = tail[via[v]]
                count += 1
            if used + count > len(found):
                more = np.empty(2 * (used + count), np.int32)
                for j in range(used):
                    more[j] = found[j]
                found = more
            v = pairs.target[r]
            for j in range(used + count - 1, used - 1, -1):
                found[j] = via[v]
                v = tail[via[v]]
            pair[new] = r
            length[new] = count
            new += 1
            used += count
    return pair, length, found, new, used


@njit(cache=True, nogil=True)
def merge_paths(paths, pair, length, links, flow):
    """Paths without the unused ones, and with new ones.

    Parameters
    ----------
    paths : Paths
    pair, length : array of int64, shape (new paths,)
        As from `cheaper_paths`; pairs ascend.
    links : array of int32
        Of the new paths.
    flow : array, shape (new paths,)
        Of the new paths.

    Returns
    -------
    tuple
        ``first``, ``start``, ``links``, ``flow`` of the new `Paths`.
    """
    count = len(paths.first) - 1
    kept = len(pair)
    room = len(links)
    for k in range(len(paths.flow)):
        if paths.flow[k] > 0.0:
            kept += 1
            room += paths.start[k + 1] - paths.start[k]
    first = np.zeros(count + 1, np.int64)
    start = np.zeros(kept + 1, np.int64)
    out = np.empty(room, np.int32)
    share = np.empty(kept)
    new = 0
    taken = 0
    k1 = 0
    at = 0
    for r in range(count):
        for k in range(paths.first[r], paths.first[r + 1]):
            if paths.flow[k] > 0.0:
                for j in range(paths.start[k], paths.start[k + 1]):
                    out[at] = paths.links[j]
                    at += 1
                share[k1] = paths.flow[k]
                k1 += 1
                start[k1] = at
        while new < len(pair) and pair[new] == r:
            for j in range(taken, taken + length[new]):
                out[at] = links[j]
                at += 1
            share[k1] = flow[new]
            k1 += 1
            start[k1] = at
            taken += length[new]
            new += 1
        first[r + 1] = k1
    return first, start, out, share
