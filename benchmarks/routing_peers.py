"""Routers beside tidewatt's: RoutingKit, and scipy and igraph, which search anew for every origin.

igraph is under the GPL: it is run here where someone has installed it, and nothing of tidewatt needs it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidewatt.execution.threads import Threads
from tidewatt.kernels.roads.contraction import UNREACHED
from tidewatt.kernels.roads.dissection import neighbours, place
from tidewatt.routing.network import RoadNetwork
from tidewatt.routing.routers import Router, Routes, checked_nodes, checked_times, joined, make_router

__all__ = ["Igraph", "RoutingKitRouter", "Scipy", "router_of"]

Ints = NDArray[Any]


def router_of(kind: str, network: RoadNetwork, few: Ints, threads: Threads | None = None) -> Router:
    """Prepare one of tidewatt's routers, or RoutingKit's."""
    if kind == "pyroutingkit":
        return RoutingKitRouter(network, few, threads or Threads(1))
    return make_router(network, few, kind=kind, threads=threads)  # type: ignore[arg-type]


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
        """Return times from a node to all."""
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
        """Return times from a node to the few."""
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
        """Return times from a node to all."""
        return np.array(self.graph.distances(source=[node], weights="time")[0])

    def route(self, origin: int, destination: int) -> float:
        """Time of a path, and the path, by its links."""
        start = int(self.network.depart_node[origin])
        path = self.graph.get_shortest_paths(start, to=int(destination), weights="time", output="epath")[0]
        return float(self.time[path].sum())

    def to_few(self, origin: int) -> Ints:
        """Return times from a node to the few."""
        start = int(self.network.depart_node[origin])
        return np.array(self.graph.distances(source=[start], target=self.few, weights="time")[0])


class RoutingKitRouter:
    """RoutingKit's customisable contraction hierarchy, behind the interface of tidewatt's routers.

    Source: J. Dibbelt, B. Strasser and D. Wagner, "Customizable contraction hierarchies", ACM Journal of
    Experimental Algorithmics 21 (2016), whose authors wrote RoutingKit.
    """

    def __init__(self, network: RoadNetwork, few: Ints, threads: Threads) -> None:
        import pyroutingkit

        self._network, self._closed = network, int(UNREACHED)
        self._few = checked_nodes(network, few)
        first, node = neighbours(network.nodes, network.tail, network.head)
        x, y = place(first, node, network.x_km, network.y_km)
        topology = pyroutingkit.CCHTopology()
        topology.build(
            network.tail.astype(np.uint32),
            network.head.astype(np.uint32),
            y.astype(np.float32),
            x.astype(np.float32),
            network.nodes,
        )
        self._metric = pyroutingkit.CCHMetric(topology)
        self._threads = threads.count

    def renew(self, time_ms: Ints) -> None:
        """Take new link times [ms]."""
        time = checked_times(self._network, time_ms, self._closed)
        self._metric.customize(time.astype(np.uint32), self._threads if self._threads > 1 else 0)

    def _check(self) -> None:
        if not self._metric.is_customized:
            raise RuntimeError("link times have to be set before paths are asked for: call renew")

    def routes(self, origin: Ints, destination: Ints) -> Routes:
        """One shortest path for each pair of nodes."""
        self._check()
        start, end = checked_nodes(self._network, origin), checked_nodes(self._network, destination)
        depart = self._network.depart_node[start]
        time_ms = np.zeros(len(start), np.int32)
        counts = np.zeros(len(start), np.int64)
        links = []
        for i in np.flatnonzero(start != end):
            time, _, path = self._metric.query(int(depart[i]), int(end[i]))
            time_ms[i] = time if time < self._closed else -1
            if time < self._closed:
                counts[i] = len(path)
                links.append(np.asarray(path, np.int32))
        return joined([counts], links, time_ms)

    def to_few(self, origin: Ints) -> Ints:
        """Return times [ms] from each of `origin` to the few nodes."""
        nodes = checked_nodes(self._network, origin)
        return self._table(nodes, self._network.depart_node[nodes], self._few, False)

    def from_few(self, destination: Ints) -> Ints:
        """Return times [ms] to each of `destination` from the few nodes."""
        nodes = checked_nodes(self._network, destination)
        return self._table(nodes, self._network.depart_node[self._few], nodes, True)

    def _table(self, nodes: Ints, sources: Ints, targets: Ints, turned: bool) -> Ints:
        self._check()
        out = np.empty((len(nodes), len(self._few)), np.int64)
        if out.size:
            found = self._metric.distances_many_to_many(sources.astype(np.uint32), targets.astype(np.uint32))
            out[:] = found.T if turned else found
        out[out >= self._closed] = -1
        out[nodes[:, None] == self._few[None, :]] = 0
        return out.astype(np.int32)
