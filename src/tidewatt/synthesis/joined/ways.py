"""Fastest ways on the empty network: who passes where, and what rounding to steps does to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.roads import Roads

__all__ = ["Ways", "ways_of"]

_LEAST_MIN = 1e-6  # connectors of no length must not vanish from a sparse matrix


@dataclass(frozen=True, slots=True)
class Ways:
    """Fastest ways from chosen nodes.

    Attributes
    ----------
    start : array of int64, shape (starts,)
        Nodes they start from.
    minutes, km : array, shape (starts, nodes)
        Time and length; inf where there is no way.
    link : array of int64, shape (starts, nodes)
        Last link of each way; -1 at the start and where there is none.
    """

    start: Array
    minutes: Array
    km: Array
    link: Array

    def passing(self, roads: Roads, trips: Array) -> Array:
        """Trips that start at or pass each node, shape (nodes,); `trips` has shape (starts, nodes)."""
        total = np.zeros(roads.nodes)
        for row in range(len(self.start)):
            carried = np.where(np.isfinite(self.minutes[row]), trips[row], 0.0)
            ends = carried.copy()
            for node in np.argsort(-self.minutes[row], kind="stable"):  # the far ends first
                last = self.link[row, node]
                if last >= 0:
                    carried[roads.tail[last]] += carried[node]
            total += carried - ends
        return total


def ways_of(roads: Roads, start: Array) -> Ways:
    """Fastest ways from nodes `start` on the empty network."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import dijkstra

    time = np.maximum(roads.free_time_min, _LEAST_MIN)
    # Of parallel links the fastest; the first of equals.
    order = np.lexsort((np.arange(roads.links), time, roads.head, roads.tail))
    pair = roads.tail[order].astype(np.int64) * roads.nodes + roads.head[order]
    first = order[np.unique(pair, return_index=True)[1]]
    shape = (roads.nodes, roads.nodes)
    graph = csr_array((time[first], (roads.tail[first], roads.head[first])), shape=shape)
    number = csr_array((first + 1, (roads.tail[first], roads.head[first])), shape=shape)
    minutes, before = dijkstra(graph, indices=start, return_predecessors=True)
    link = np.full(minutes.shape, -1, np.int64)
    km = np.full(minutes.shape, np.inf)
    for row in range(len(start)):
        reached = np.flatnonzero(before[row] >= 0)
        link[row, reached] = np.asarray(number[before[row, reached], reached]).ravel() - 1
        km[row, start[row]] = 0.0
        for node in reached[np.argsort(minutes[row, reached], kind="stable")]:
            km[row, node] = km[row, before[row, node]] + roads.length_km[link[row, node]]
    return Ways(np.asarray(start, np.int64), minutes, km, link)
