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

from tidewatt.kernels.hierarchy_build import arcs, arcs_of_links, elimination_order, levels, triangles
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
    triangle : array of int32
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
    depth, lowest = levels(parent)
    link_arc = arcs_of_links(first, up, rank, tail, head)
    height = int(depth.max()) + 1
    return Hierarchy(height, rank, parent, depth, lowest, first, up, triangles(first, up), link_arc)


@njit(cache=True, nogil=True)
def customise(hierarchy, time_ms, cost, via):
    """Find what every arc costs in either direction.

    Parameters
    ----------
    hierarchy : Hierarchy
    time_ms : array of int32, shape (links,)
        Not negative; from `UNREACHED` on a link is closed.
    cost : array of int32, shape (2 * arcs,)
        Out, at twice the arc upwards and next to it downwards [ms].
    via : array of int32, shape (2 * arcs,)
        Out: the link that an arc stands for (of parallel ones the fastest, then the first), or -2 less the
        lower of the two arcs it is put together from; -1: neither.
    """
    cost[:] = UNREACHED
    via[:] = -1
    for k in range(len(time_ms)):
        a = hierarchy.link_arc[k]
        if a >= 0 and time_ms[k] < cost[a]:
            cost[a] = time_ms[k]
            via[a] = k
    at = 0
    for v in range(len(hierarchy.parent)):
        end = hierarchy.first[v + 1]
        for e in range(hierarchy.first[v], end):
            up = cost[2 * e]
            down = cost[2 * e + 1]
            if up == UNREACHED and down == UNREACHED:
                at += end - e - 1
                continue
            for f in range(e + 1, end):
                g = 2 * hierarchy.triangle[at]
                at += 1
                through = np.int32(down + cost[2 * f])
                if through < cost[g]:
                    cost[g] = through
                    via[g] = -2 - e
                through = np.int32(cost[2 * f + 1] + up)
                if through < cost[g + 1]:
                    cost[g + 1] = through
                    via[g + 1] = -2 - e
