"""The hierarchy of a road network without its link times: arcs, elimination tree, triangles.

Nodes are contracted in a given order; contracting one joins all its neighbours not yet contracted. Nodes are
numbered in an order that makes every subtree of the elimination tree a range.

Source: J. Dibbelt, B. Strasser and D. Wagner, "Customizable contraction hierarchies", ACM Journal of
Experimental Algorithmics 21 (2016). The elimination tree without the arcs: J. W. H. Liu, "The role of
elimination trees in sparse factorization", SIAM Journal on Matrix Analysis and Applications 11 (1990).
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["arcs", "arcs_below", "arcs_of_links", "elimination_order", "levels", "triangles"]

Ints = NDArray[np.int32]


@njit(cache=True, nogil=True)
def _tree(first, node, order):
    """Parent of every node in the elimination tree, -1 for roots; nodes by their place in `order`."""
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


@njit(cache=True, nogil=True)
def elimination_order(first, node, order):
    """An order with the same arcs as `order` in which every subtree of the elimination tree is a range.

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


@njit(cache=True, nogil=True)
def levels(parent):
    """Number of ancestors of every node, and lowest rank in its subtree."""
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


@njit(cache=True, nogil=True)
def _arcs(first, node, order, parent):
    """What `arcs` returns, the arcs of a node in no order."""
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
    """Arcs from every node up to the nodes of higher rank that it is joined to when it is contracted.

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


@njit(cache=True, nogil=True)
def _runs(up_first, up_head, out):
    """Write what `triangles` returns as far as `out` reaches; returns how much there is."""
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
    """Triangles of arcs: for each two arcs that leave a node upwards, the arc between their ends.

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
    """Arcs by the node they end at: position of each node's first, and the arcs, ascending for every node."""
    first = np.zeros(nodes + 1, np.int64)
    np.cumsum(np.bincount(up_head, minlength=nodes), out=first[1:])
    return first, np.argsort(up_head, kind="stable").astype(np.int32)


def arcs_of_links(first: NDArray[np.int64], up: Ints, rank: Ints, tail: Ints, head: Ints) -> Ints:
    """Arc of every link: ``2 arc`` where it leads up, ``2 arc + 1`` where it leads down, -1 for loops."""
    nodes = len(rank)
    arc = np.repeat(np.arange(nodes, dtype=np.int64), np.diff(first)) * nodes + up
    one, other = rank[tail].astype(np.int64), rank[head].astype(np.int64)
    at = np.searchsorted(arc, np.minimum(one, other) * nodes + np.maximum(one, other))
    return np.where(one == other, -1, 2 * at + (one > other)).astype(np.int32)
