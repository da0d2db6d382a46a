"""Routers beside tidewatt's: scipy and igraph, which search anew for every origin.

igraph is under the GPL: it is run here where someone has installed it, and nothing of tidewatt needs it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidewatt.routing.network import RoadNetwork

__all__ = ["Igraph", "Scipy"]

Ints = NDArray[Any]


class Scipy:
    """`scipy.sparse.csgraph.dijkstra`; parallel links are given as the fastest of them."""

    def __init__(self, network: RoadNetwork, few: Ints) -> None:
        self.network, self.few = network, few

    def renew(self, time_ms: Ints) -> None:
        """Build the graph."""
        import scipy.sparse as sp

        n = self.network.nodes
        order = np.lexsort((time_ms, self.network.head, self.network.tail))
        tail, head = self.network.tail[order], self.network.head[order]
        first = np.ones(len(order), bool)
        first[1:] = (np.diff(tail) != 0) | (np.diff(head) != 0)
        keep = order[first]
        ends = (self.network.tail[keep], self.network.head[keep])
        self.graph = sp.csr_matrix((time_ms[keep].astype(float), ends), shape=(n, n))

    def one_to_all(self, node: int) -> Ints:
        """Times from a node to all."""
        from scipy.sparse.csgraph import dijkstra

        return np.asarray(dijkstra(self.graph, indices=node))

    def route(self, origin: int, destination: int) -> float:
        """Time of a path, and the path, by its nodes."""
        from scipy.sparse.csgraph import dijkstra

        start = self.network.depart_node[origin]
        times, before = dijkstra(self.graph, indices=start, return_predecessors=True)
        node = destination
        while node != start and before[node] >= 0:
            node = before[node]
        return float(times[destination])

    def to_few(self, origin: int) -> Ints:
        """Times from a node to the few."""
        return self.one_to_all(int(self.network.depart_node[origin]))[self.few]


class Igraph:
    """python-igraph."""

    def __init__(self, network: RoadNetwork, few: Ints) -> None:
        import igraph

        self.network, self.few = network, few.tolist()
        edges = np.stack([network.tail, network.head], axis=1).tolist()
        self.graph = igraph.Graph(n=network.nodes, edges=edges, directed=True)

    def renew(self, time_ms: Ints) -> None:
        """Set the weights."""
        self.graph.es["time"] = time_ms.tolist()
        self.time = time_ms

    def one_to_all(self, node: int) -> Ints:
        """Times from a node to all."""
        return np.array(self.graph.distances(source=[node], weights="time")[0])

    def route(self, origin: int, destination: int) -> float:
        """Time of a path, and the path, by its links."""
        start = int(self.network.depart_node[origin])
        path = self.graph.get_shortest_paths(start, to=int(destination), weights="time", output="epath")[0]
        return float(self.time[path].sum())

    def to_few(self, origin: int) -> Ints:
        """Times from a node to the few."""
        start = int(self.network.depart_node[origin])
        return np.array(self.graph.distances(source=[start], target=self.few, weights="time")[0])
