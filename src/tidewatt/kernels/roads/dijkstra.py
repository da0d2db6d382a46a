"""Exact shortest paths by Dijkstra's algorithm: one to all, many to few, and the paths themselves.

Costs may be floats or integers; distances have the type of the costs. Parallel links, loops, links of no
cost and networks in several pieces are all allowed; negative costs are not.

Source: E. W. Dijkstra, "A note on two problems in connexion with graphs", Numerische Mathematik 1 (1959);
a heap with four children a node and decrease-key, after D. B. Johnson, "Priority queues with update and
finding minimum spanning trees", Information Processing Letters 4 (1975).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidewatt.compilation.kernel import kernel

__all__ = ["Star", "grow", "many_to_few", "one_to_all", "paths", "star_of"]

UNSEEN = -1
SETTLED = -2


class Star(NamedTuple):
    """Links sorted by one of their ends.

    Attributes
    ----------
    first : array of int64, shape (nodes + 1,)
        Position of each node's first link.
    link : array of int32, shape (links,)
        Link at each position; the links of a node in ascending order.
    node : array of int32, shape (links,)
        Its other end.
    """

    first: NDArray[np.int64]
    link: NDArray[np.int32]
    node: NDArray[np.int32]


def star_of(nodes: int, here: NDArray[Any], there: NDArray[Any]) -> Star:
    """Sort links by `here`: ``star_of(n, tail, head)`` searches forward, ``star_of(n, head, tail)`` back."""
    link = np.argsort(here, kind="stable").astype(np.int32)
    first = np.zeros(nodes + 1, np.int64)
    np.cumsum(np.bincount(here, minlength=nodes), out=first[1:])
    return Star(first, link, np.ascontiguousarray(there, dtype=np.int32)[link])


@kernel
def grow(star, cost, source, wanted, left, distance, via, place, heap):
    """Grow the shortest-path tree of `source` until `left` of the nodes marked in `wanted` are reached.

    Parameters
    ----------
    star : Star
    cost : array, shape (links,)
        Not negative.
    source : int
    wanted : array of bool, shape (nodes,)
        Nodes that count; read only where `left` is positive.
    left : int
        How many of them there are; 0: reach all that can be reached.
    distance : array, shape (nodes,)
        Out, where `place` is `SETTLED`; elsewhere not to be read.
    via : array of int32, shape (nodes,)
        Out, likewise: the link by which a node is reached (left, when `star` is a backward star); -1 at
        the source.
    place : array of int32, shape (nodes,)
        Out: `SETTLED` for the nodes whose distance is final.
    heap : array of int32, shape (nodes,)
        Room to work.
    """
    place[:] = UNSEEN
    distance[source] = 0
    via[source] = -1
    place[source] = 0
    heap[0] = source
    size = 1
    while size > 0:
        u = heap[0]
        place[u] = SETTLED
        reached = distance[u]
        size -= 1
        if size > 0:
            # The last entry goes down from the root, past its smallest child each time.
            last = heap[size]
            key = distance[last]
            at = 0
            while True:
                low = 4 * at + 1
                if low >= size:
                    break
                best = low
                least = distance[heap[low]]
                for child in range(low + 1, min(low + 4, size)):
                    d = distance[heap[child]]
                    if d < least:
                        least = d
                        best = child
                if least >= key:
                    break
                heap[at] = heap[best]
                place[heap[at]] = at
                at = best
            heap[at] = last
            place[last] = at
        if left > 0 and wanted[u]:
            left -= 1
            if left == 0:
                return
        for k in range(star.first[u], star.first[u + 1]):
            v = star.node[k]
            at = place[v]
            if at == SETTLED:
                continue
            key = reached + cost[star.link[k]]
            if at == UNSEEN:
                at = size
                size += 1
            elif key >= distance[v]:
                continue
            distance[v] = key
            via[v] = star.link[k]
            while at > 0:
                up = (at - 1) >> 2
                above = heap[up]
                if distance[above] <= key:
                    break
                heap[at] = above
                place[above] = at
                at = up
            heap[at] = v
            place[v] = at


@kernel
def one_to_all(star, cost, source, unreached):
    """Return distances from `source` to every node (to `source`, with a backward star).

    Parameters
    ----------
    star : Star
    cost : array, shape (links,)
        Not negative.
    source : int
    unreached : scalar of the costs' type
        What stands for the distance of a node that cannot be reached.

    Returns
    -------
    distance : array, shape (nodes,)
    via : array of int32, shape (nodes,)
        Link by which a node is reached (left, with a backward star); -1 at the source and where none is.
    """
    nodes = len(star.first) - 1
    distance = np.empty(nodes, cost.dtype)
    via = np.empty(nodes, np.int32)
    place = np.empty(nodes, np.int32)
    grow(star, cost, source, np.empty(0, np.bool_), 0, distance, via, place, np.empty(nodes, np.int32))
    for v in range(nodes):
        if place[v] != SETTLED:
            distance[v] = unreached
            via[v] = -1
    return distance, via


@kernel
def many_to_few(star, cost, sources, few, unreached):
    """Return distances from each of `sources` to each of `few`; a search ends when all `few` are reached.

    Returns
    -------
    array of the costs' type, shape (sources, few)
    """
    nodes = len(star.first) - 1
    distance = np.empty(nodes, cost.dtype)
    via = np.empty(nodes, np.int32)
    place = np.empty(nodes, np.int32)
    heap = np.empty(nodes, np.int32)
    wanted = np.zeros(nodes, np.bool_)
    count = 0
    for v in few:
        count += not wanted[v]
        wanted[v] = True
    out = np.empty((len(sources), len(few)), cost.dtype)
    for i in range(len(sources)):
        grow(star, cost, sources[i], wanted, count, distance, via, place, heap)
        for j in range(len(few)):
            out[i, j] = distance[few[j]] if place[few[j]] == SETTLED else unreached
    return out


@kernel
def paths(star, tail, cost, origin, destination, limit, unreached):
    """Return shortest paths of pairs of nodes; consecutive pairs with the same origin share a search.

    Parameters
    ----------
    star : Star
        Forward.
    tail : array of int32, shape (links,)
    cost : array, shape (links,)
        Not negative.
    origin, destination : array of int32, shape (pairs,)
    limit : scalar of the costs' type
        A path that costs as much or more counts as none.
    unreached : scalar of the costs' type
        Distance where there is no path.

    Returns
    -------
    first : array of int64, shape (pairs + 1,)
        Position of each pair's first link.
    links : array of int32
        Links of the paths, in the order they are driven.
    distance : array of the costs' type, shape (pairs,)
    """
    nodes = len(star.first) - 1
    pairs = len(origin)
    reach = np.empty(nodes, cost.dtype)
    via = np.empty(nodes, np.int32)
    place = np.empty(nodes, np.int32)
    heap = np.empty(nodes, np.int32)
    wanted = np.zeros(nodes, np.bool_)
    first = np.zeros(pairs + 1, np.int64)
    distance = np.empty(pairs, cost.dtype)
    links = np.empty(64 * pairs + 64, np.int32)
    size = 0
    begin = 0
    while begin < pairs:
        source = origin[begin]
        end = begin
        count = 0
        while end < pairs and origin[end] == source:
            count += not wanted[destination[end]]
            wanted[destination[end]] = True
            end += 1
        grow(star, cost, source, wanted, count, reach, via, place, heap)
        for i in range(begin, end):
            v = destination[i]
            wanted[v] = False
            distance[i] = unreached
            if place[v] == SETTLED and reach[v] < limit:
                distance[i] = reach[v]
                start = size
                while v != source:
                    if size == len(links):
                        more = np.empty(2 * size, np.int32)
                        for k in range(size):
                            more[k] = links[k]
                        links = more
                    links[size] = via[v]
                    v = tail[via[v]]
                    size += 1
                low, high = start, size - 1  # traced from the end: turn round
                while low < high:
                    links[low], links[high] = links[high], links[low]
                    low += 1
                    high -= 1
            first[i + 1] = size
        begin = end
    return first, links[:size].copy(), distance
