"""Fastest ways on the empty network: how long trips take, and who passes where."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.roads import Roads

__all__ = ["Ways", "busiest", "parted", "ways_of"]

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

    def carried(self, roads: Roads, trips: Array) -> Array:
        """Trips on each link if all take these ways, shape (links,); `trips` has shape (starts, nodes)."""
        total = np.zeros(roads.links)
        for row in range(len(self.start)):
            beyond = np.where(np.isfinite(self.minutes[row]), trips[row], 0.0)
            for node in np.argsort(-self.minutes[row], kind="stable"):  # the far ends first
                last = self.link[row, node]
                if last >= 0:
                    total[last] += beyond[node]
                    beyond[roads.tail[last]] += beyond[node]
        return total


def parted(roads: Roads, whole: Array) -> tuple[Roads, Array]:
    """Roads whose centroids are two nodes, so that no way leads through one.

    Parameters
    ----------
    roads : Roads
    whole : array of int
        Nodes to leave as they are, whether or not they may be driven through.

    Returns
    -------
    Roads
        Links into a centroid end at a node of its own, appended to the others.
    array of int64, shape (nodes of `roads`,)
        Where to arrive at each node.
    """
    arrive = np.arange(roads.nodes)
    centroids = np.setdiff1d(np.flatnonzero(~roads.through), whole)
    if not len(centroids):
        return roads, arrive
    arrive[centroids] = roads.nodes + np.arange(len(centroids))
    ids = [str(node) for node in roads.node_id]
    taken = set(ids)
    for node in centroids:
        name = f"{ids[node]} arrivals"
        while name in taken:
            name += "'"
        taken.add(name)
        ids.append(name)
    nodes = np.concatenate([np.arange(roads.nodes), centroids])
    of = {name: getattr(roads, name)[nodes] for name in ("x", "y", "through")}
    return replace(roads, node_id=np.array(ids, object), head=arrive[roads.head], **of), arrive


def busiest(trips: Array, minutes: Array, groups: int, most: int) -> tuple[Array, list[str]]:
    """Trips of the busiest pairs of places, as many as make no more than `most` groups; a note on others.

    Parameters
    ----------
    trips, minutes : array, shape (starts, nodes)
    groups : int
        Of vehicles of each pair.
    most : int
        Groups altogether; at least one pair is kept.
    """
    row, end = np.nonzero(trips)
    room = max(most // groups, 1)
    if len(row) <= room:
        return trips, []
    kept = np.argsort(-trips[row, end], kind="stable")[:room]
    few = np.zeros_like(trips)
    few[row[kept], end[kept]] = trips[row[kept], end[kept]]
    took, takes = (float(each[row, end] @ minutes[row, end] / each.sum()) for each in (trips, few))
    return few, [
        f"{room:,} of {len(row):,} pairs of places are kept, those with the most trips, "
        f"{few.sum() / trips.sum():.0%} of all trips (they take {takes:.1f} min, all {took:.1f} min): "
        f"with every pair there would be {len(row) * groups:,} groups of vehicles, more than {most:,} "
        "(--most-groups)"
    ]


def ways_of(roads: Roads, start: Array) -> Ways:
    """Fastest ways from nodes `start` on the empty network."""
    time = np.maximum(roads.free_time_min, _LEAST_MIN)
    minutes, link = _shortest(roads.tail, roads.head, time, roads.nodes, start)
    km = np.full(minutes.shape, np.inf)
    for row, node in enumerate(start):
        km[row, node] = 0.0
        reached = np.flatnonzero(link[row] >= 0)
        for each in reached[np.argsort(minutes[row, reached], kind="stable")]:
            last = link[row, each]
            km[row, each] = km[row, roads.tail[last]] + roads.length_km[last]
    return Ways(np.asarray(start, np.int64), minutes, km, link)


def _shortest(tail: Array, head: Array, cost: Array, nodes: int, start: Array) -> tuple[Array, Array]:
    """Least cost from nodes `start` to every node, and the last link on the way there (-1: none)."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import dijkstra

    # Of parallel links the cheapest; the first of equals.
    order = np.lexsort((np.arange(len(cost)), cost, head, tail))
    pairs, first = np.unique(tail[order].astype(np.int64) * nodes + head[order], return_index=True)
    kept = order[first]
    graph = csr_array((cost[kept], (tail[kept], head[kept])), shape=(nodes, nodes))
    least, before = dijkstra(graph, indices=start, return_predecessors=True)
    link = np.full(least.shape, -1, np.int64)
    row, node = np.nonzero(before >= 0)
    link[row, node] = kept[np.searchsorted(pairs, before[row, node].astype(np.int64) * nodes + node)]
    return least, link
