"""RoutingKit as a router, from the extra ``fast-routing``.

Source: J. Dibbelt, B. Strasser and D. Wagner, "Customizable contraction hierarchies", ACM Journal of
Experimental Algorithmics 21 (2016), whose authors wrote RoutingKit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tidewatt.errors import TidewattError, extra
from tidewatt.execution.threads import Threads
from tidewatt.kernels.roads.contraction import UNREACHED
from tidewatt.kernels.roads.dissection import neighbours, place
from tidewatt.routing.network import RoadNetwork
from tidewatt.routing.routers import Routes, checked_nodes, checked_times, joined

__all__ = ["RoutingKitRouter"]

Ints = NDArray[np.int32]


class RoutingKitRouter:
    """Customisable contraction hierarchy of RoutingKit."""

    def __init__(self, network: RoadNetwork, few: Ints, threads: Threads) -> None:
        try:
            import pyroutingkit
        except ImportError:
            raise TidewattError(
                'the router "pyroutingkit" needs an extra: install tidewatt with it: '
                f"{extra('fast-routing')}; "
                'or leave the router at "builtin", which gives the same times'
            ) from None
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
        """Times [ms] from each of `origin` to the few nodes."""
        nodes = checked_nodes(self._network, origin)
        return self._table(nodes, self._network.depart_node[nodes], self._few, False)

    def from_few(self, destination: Ints) -> Ints:
        """Times [ms] to each of `destination` from the few nodes."""
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
