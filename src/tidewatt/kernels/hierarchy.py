"""A customisable contraction hierarchy: built once for a network, given new link times in milliseconds.

The nodes of a network are contracted one after the other, which joins the neighbours of each by arcs. A
shortest path then leads up through the ranks and down again, over arcs that stand for paths below them.
Which arcs there are depends on the network alone; what they cost is found anew for every set of link times,
by looking at each triangle of arcs once.

Source: J. Dibbelt, B. Strasser and D. Wagner, "Customizable contraction hierarchies", ACM Journal of
Experimental Algorithmics 21 (2016).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tidewatt.kernels.hierarchy_build import (
    arcs,
    arcs_below,
    arcs_of_links,
    elimination_order,
    levels,
    triangles,
)
from tidewatt.kernels.hierarchy_order import dissect, neighbours, place, sorted_along

__all__ = ["UNREACHED", "Hierarchy", "build", "customise"]

UNREACHED = np.int32(2**30 - 1)
"""Cost of what cannot be reached; two of them still fit 32 bits. Links and paths that take as long, which is
more than twelve days in milliseconds, count as closed."""


class Hierarchy(NamedTuple):
    """Arcs over the nodes of a network, which are numbered by rank: the order of their contraction.

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


@njit(cache=True, nogil=True)
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
