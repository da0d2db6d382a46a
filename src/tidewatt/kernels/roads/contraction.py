"""A customisable contraction hierarchy: built once per network, given new link times in milliseconds."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidewatt.compilation.kernel import kernel
from tidewatt.kernels.roads.dissection import dissect, neighbours, place, sorted_along

__all__ = [
    "UNREACHED",
    "Hierarchy",
    "arcs",
    "arcs_below",
    "arcs_of_links",
    "build",
    "customise",
    "elimination_order",
    "levels",
    "triangles",
]

Ints = NDArray[np.int32]


@kernel
def _tree(first, node, order):
    """Return each node's parent in the elimination tree, -1 for roots; nodes by their place in `order`."""
    n = len(order)
    rank = np.empty(n, np.int32)
    for r in range(n):
        rank[order[r]] = r
    parent = np.full(n, -1, np.int32)
    above = np.full(n, -1, np.int32)  # a node further up, found earlier: shortens the way
    for r in range(n):
        v = order[r]
        for k in range(first[v], first[v + 1]):
            low = rank[node[k]]
            while low < r:
                up = above[low]
                above[low] = r
                if up < 0:
                    parent[low] = r
                    break
                low = up
    return parent


@kernel
def elimination_order(first, node, order):
    """Return an order with the same arcs in which each elimination subtree is a contiguous range.

    Returns
    -------
    order : array of int32, shape (nodes,)
        Node of each rank.
    parent : array of int32, shape (nodes,)
        By rank: rank of the parent, -1 for roots.
    """
    n = len(order)
    parent = _tree(first, node, order)
    below = np.ones(n, np.int32)
    for r in range(n):
        if parent[r] >= 0:
            below[parent[r]] += below[r]
    # A subtree takes the ranks just under those of its parent and of the siblings placed before it.
    free = np.empty(n, np.int32)
    rank = np.empty(n, np.int32)
    top = n
    for r in range(n - 1, -1, -1):
        p = parent[r]
        if p < 0:
            end = top
            top -= below[r]
        else:
            end = free[p]
            free[p] -= below[r]
        rank[r] = end - 1
        free[r] = end - 1
    new = np.empty(n, np.int32)
    above = np.empty(n, np.int32)
    for r in range(n):
        new[rank[r]] = order[r]
        above[rank[r]] = rank[parent[r]] if parent[r] >= 0 else -1
    return new, above


@kernel
def levels(parent):
    """Return the number of ancestors of every node, and the lowest rank in its subtree."""
    n = len(parent)
    depth = np.zeros(n, np.int32)
    lowest = np.empty(n, np.int32)
    for r in range(n):
        lowest[r] = r
    for r in range(n):
        if parent[r] >= 0:
            lowest[parent[r]] = min(lowest[parent[r]], lowest[r])
    for r in range(n - 1, -1, -1):
        if parent[r] >= 0:
            depth[r] = depth[parent[r]] + 1
    return depth, lowest


@kernel
def _arcs(first, node, order, parent):
    """Return what `arcs` returns, but with the arcs of each node unsorted."""
    n = len(order)
    rank = np.empty(n, np.int32)
    for r in range(n):
        rank[order[r]] = r
    last = np.full(n, -1, np.int32)  # children of a node, linked
    previous = np.full(n, -1, np.int32)
    for r in range(n):
        if parent[r] >= 0:
            previous[r] = last[parent[r]]
            last[parent[r]] = r
    seen = np.full(n, -1, np.int32)
    up_first = np.zeros(n + 1, np.int64)
    head = np.empty(4 * n + 4, np.int32)
    size = 0
    for r in range(n):
        if len(head) < size + n:
            more = np.empty(2 * len(head) + n, np.int32)
            for k in range(size):
                more[k] = head[k]
            head = more
        seen[r] = r
        v = order[r]
        for k in range(first[v], first[v + 1]):
            u = rank[node[k]]
            if u > r and seen[u] != r:
                seen[u] = r
                head[size] = u
                size += 1
        child = last[r]
        while child >= 0:
            for k in range(up_first[child], up_first[child + 1]):
                u = head[k]
                if seen[u] != r:
                    seen[u] = r
                    head[size] = u
                    size += 1
            child = previous[child]
        up_first[r + 1] = size
    return up_first, head[:size].copy()


def arcs(first: NDArray[np.int64], node: Ints, order: Ints, parent: Ints) -> tuple[NDArray[np.int64], Ints]:
    """Return arcs from every node up to the higher-ranked nodes it is joined to when contracted.

    Returns
    -------
    up_first : array of int64, shape (nodes + 1,)
    up_head : array of int32, shape (arcs,)
        Ranks, ascending; the first of a node is its parent.
    """
    up_first, head = _arcs(first, node, order, parent)
    nodes = len(order)
    arc = np.repeat(np.arange(nodes, dtype=np.int64), np.diff(up_first)) * nodes + head
    return up_first, (np.sort(arc) % nodes).astype(np.int32)


@kernel
def _runs(up_first, up_head, out):
    """Write what `triangles` returns, as far as it fits in `out`; return its full size."""
    at = 0
    for r in range(len(up_first) - 1):
        end = up_first[r + 1]
        for e in range(up_first[r], end):
            g = up_first[up_head[e]]
            f = e + 1
            while f < end:
                while up_head[g] != up_head[f]:
                    g += 1
                begin = g
                while f < end and up_head[g] == up_head[f]:
                    f += 1
                    g += 1
                    if g == len(up_head):
                        break
                if at < len(out):
                    out[at, 0] = begin
                    out[at, 1] = g - begin
                at += 1
    return at


def triangles(up_first: NDArray[np.int64], up_head: Ints) -> Ints:
    """Return triangles of arcs: for each two arcs up from a node, the arc between their ends.

    With the later of the two running through the node's arcs, that arc mostly runs along: `dissect` sees to
    it. Such runs can be worked off many arcs at a time.

    Returns
    -------
    array of int32, shape (runs, 2)
        First arc between the ends, and length of the run. For each arc in turn, the runs that make up
        the arcs after it of the same node.
    """
    out = np.empty((_runs(up_first, up_head, np.empty((0, 2), np.int32)), 2), np.int32)
    _runs(up_first, up_head, out)
    return out


def arcs_below(up_head: Ints, nodes: int) -> tuple[NDArray[np.int64], Ints]:
    """Return arcs by end node: the position of each node's first, and the arcs, ascending per node."""
    first = np.zeros(nodes + 1, np.int64)
    np.cumsum(np.bincount(up_head, minlength=nodes), out=first[1:])
    return first, np.argsort(up_head, kind="stable").astype(np.int32)


def arcs_of_links(first: NDArray[np.int64], up: Ints, rank: Ints, tail: Ints, head: Ints) -> Ints:
    """Return each link's arc: ``2 arc`` if it leads up, ``2 arc + 1`` if it leads down, -1 for loops."""
    nodes = len(rank)
    arc = np.repeat(np.arange(nodes, dtype=np.int64), np.diff(first)) * nodes + up
    one, other = rank[tail].astype(np.int64), rank[head].astype(np.int64)
    at = np.searchsorted(arc, np.minimum(one, other) * nodes + np.maximum(one, other))
    return np.where(one == other, -1, 2 * at + (one > other)).astype(np.int32)


UNREACHED = np.int32(2**30 - 1)
"""Cost of what cannot be reached; two of them still fit 32 bits. Links and paths that take as long, which is
more than twelve days in milliseconds, count as closed."""


class Hierarchy(NamedTuple):
    """Arcs over the nodes of a network, numbered by rank, which is the order of their contraction.

    Attributes
    ----------
    height : int
        Nodes on the longest way from a root down the elimination tree.
    rank : array of int32, shape (nodes,)
        By node of the network; everything below is by rank.
    parent : array of int32, shape (nodes,)
        In the elimination tree; -1 for roots. All arcs of a node end at its ancestors.
    depth : array of int32, shape (nodes,)
        Number of ancestors.
    lowest : array of int32, shape (nodes,)
        Ranks from this to its own are a node's subtree.
    first : array of int64, shape (nodes + 1,)
        Position of each node's first arc.
    head : array of int32, shape (arcs,)
        Where an arc ends, above the node it belongs to; ascending for every node.
    tail : array of int32, shape (arcs,)
        The node it belongs to.
    below_first : array of int64, shape (nodes + 1,)
        Position of the first arc that ends at each node.
    below : array of int32, shape (arcs,)
        Arcs by the node they end at, ascending for every node.
    below_tail : array of int32, shape (arcs,)
        Nodes that these arcs belong to.
    triangle : array of int32, shape (runs, 2)
        For each two arcs of a node the arc that joins their ends; see `triangles`.
    link_arc : array of int32, shape (links,)
        Twice the arc a link belongs to, plus one where the link leads down; -1 for loops.
    """

    height: int
    rank: NDArray[np.int32]
    parent: NDArray[np.int32]
    depth: NDArray[np.int32]
    lowest: NDArray[np.int32]
    first: NDArray[np.int64]
    head: NDArray[np.int32]
    tail: NDArray[np.int32]
    below_first: NDArray[np.int64]
    below: NDArray[np.int32]
    below_tail: NDArray[np.int32]
    triangle: NDArray[np.int32]
    link_arc: NDArray[np.int32]


def build(nodes: int, tail: NDArray[Any], head: NDArray[Any], x: NDArray[Any], y: NDArray[Any]) -> Hierarchy:
    """Order the nodes and find the arcs.

    Parameters
    ----------
    nodes : int
    tail, head : array of int32, shape (links,)
    x, y : array of float64, shape (nodes,)
        Coordinates, in one unit; nan where unknown. They guide the order, never the paths.
    """
    tail = np.ascontiguousarray(tail, np.int32)
    head = np.ascontiguousarray(head, np.int32)
    near, node = neighbours(nodes, tail, head)
    x, y = np.ascontiguousarray(x, np.float64), np.ascontiguousarray(y, np.float64)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        x, y = place(near, node, x, y)
    order, parent = elimination_order(near, node, dissect(near, node, sorted_along(x, y)))
    rank = np.empty(nodes, np.int32)
    rank[order] = np.arange(nodes, dtype=np.int32)
    first, up = arcs(near, node, order, parent)
    below_first, below = arcs_below(up, nodes)
    depth, lowest = levels(parent)
    link_arc = arcs_of_links(first, up, rank, tail, head)
    height = int(depth.max()) + 1
    owner = np.repeat(np.arange(nodes, dtype=np.int32), np.diff(first))
    return Hierarchy(
        height,
        rank,
        parent,
        depth,
        lowest,
        first,
        up,
        owner,
        below_first,
        below,
        owner[below],
        triangles(first, up),
        link_arc,
    )


@kernel
def customise(hierarchy, time_ms, cost, via):
    """Find what every arc costs in either direction.

    Parameters
    ----------
    hierarchy : Hierarchy
    time_ms : array of int32, shape (links,)
        Not negative; from `UNREACHED` on a link is closed.
    cost : array of int32, shape (arcs, 2)
        Out: upwards, and downwards [ms].
    via : array of int32, shape (arcs, 2)
        Out: the fastest link that runs along an arc, of several the first; -1: none does. Queries may
        put something else in its place.
    """
    for a in range(len(cost)):
        cost[a, 0] = UNREACHED
        cost[a, 1] = UNREACHED
        via[a, 0] = -1
        via[a, 1] = -1
    for k in range(len(time_ms)):
        code = hierarchy.link_arc[k]
        if code >= 0 and time_ms[k] < cost[code >> 1, code & 1]:
            cost[code >> 1, code & 1] = time_ms[k]
            via[code >> 1, code & 1] = k
    at = 0
    for v in range(len(hierarchy.parent)):
        end = hierarchy.first[v + 1]
        for e in range(hierarchy.first[v], end):
            up = cost[e, 0]
            down = cost[e, 1]
            f = e + 1
            while f < end:
                g = hierarchy.triangle[at, 0]
                n = hierarchy.triangle[at, 1]
                at += 1
                own = cost[f : f + n]
                other = cost[g : g + n]
                # Which way is the better is found where a path is asked for: this loop runs a million times.
                for i in range(n):
                    one = np.int32(down + own[i, 0])
                    two = np.int32(up + own[i, 1])
                    other[i, 0] = one if one < other[i, 0] else other[i, 0]
                    other[i, 1] = two if two < other[i, 1] else other[i, 1]
                f += n
