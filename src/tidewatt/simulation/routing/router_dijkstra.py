"""The router without preparation: Dijkstra's algorithm, one search for each origin."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidewatt.execution.threads import Threads
from tidewatt.kernels.roads import dijkstra
from tidewatt.kernels.roads.contraction import UNREACHED
from tidewatt.simulation.routing.network import Network
from tidewatt.simulation.routing.routes import Routes, checked_nodes, checked_times, joined, shards

__all__ = ["DijkstraRouter"]

Ints = NDArray[np.int32]


class DijkstraRouter:
    """One search for each origin, from which all its destinations are read."""

    def __init__(self, network: Network, few: Ints, threads: Threads) -> None:
        self._closed = np.int64(UNREACHED)
        self._network, self._threads = network, threads
        self._few = checked_nodes(network, few)
        self._out = dijkstra.star_of(network.nodes, network.tail, network.head)
        self._in = dijkstra.star_of(network.nodes, network.head, network.tail)
        self._time: NDArray[np.int64] | None = None

    def renew(self, time_ms: Ints) -> None:
        """Take new link times [ms]."""
        self._time = checked_times(self._network, time_ms, int(self._closed)).astype(np.int64)

    def _known(self) -> NDArray[np.int64]:
        if self._time is None:
            raise RuntimeError("link times have to be set before paths are asked for: call renew")
        return self._time

    def routes(self, origin: Ints, destination: Ints) -> Routes:
        """One shortest path for each pair of nodes."""
        time, net = self._known(), self._network
        start, end = checked_nodes(net, origin), checked_nodes(net, destination)
        same = start == end
        # Pairs of one origin side by side; those that need no path go from a node to itself.
        start, end = np.where(same, end, net.depart_node[start]).astype(np.int32), end
        order = np.argsort(start, kind="stable")
        by, to = start[order], end[order]

        def find(at: slice) -> tuple[NDArray[np.int64], Ints, NDArray[np.int64]]:
            found: tuple[NDArray[np.int64], Ints, NDArray[np.int64]] = dijkstra.paths(
                self._out, net.tail, time, by[at], to[at], self._closed, np.int64(-1)
            )
            return found

        found = self._threads.map(find, shards(len(by)))
        if not found:
            return joined([], [], np.empty(0, np.int32))
        time_ms = np.concatenate([f[2] for f in found]).astype(np.int32)
        found_first, links, _ = joined([np.diff(f[0]) for f in found], [f[1] for f in found], time_ms)
        return _reordered(order, found_first, links, time_ms)

    def to_few(self, origin: Ints) -> Ints:
        """Times [ms] from each of `origin` to the few nodes."""
        nodes = checked_nodes(self._network, origin)
        return self._table(self._out, nodes, self._network.depart_node[nodes], self._few)

    def from_few(self, destination: Ints) -> Ints:
        """Times [ms] to each of `destination` from the few nodes."""
        nodes = checked_nodes(self._network, destination)
        return self._table(self._in, nodes, nodes, self._network.depart_node[self._few])

    def _table(self, star: Any, nodes: Ints, sources: Ints, few: Ints) -> Ints:
        time = self._known()

        def find(at: slice) -> NDArray[np.int64]:
            found: NDArray[np.int64] = dijkstra.many_to_few(star, time, sources[at], few, self._closed)
            return found

        found = self._threads.map(find, shards(len(nodes), 16))
        out = np.concatenate([np.empty((0, len(few)), np.int64), *found])
        out[out >= self._closed] = -1
        out[nodes[:, None] == self._few[None, :]] = 0
        return out.astype(np.int32)


def _reordered(order: NDArray[np.int64], first: NDArray[np.int64], links: Ints, time_ms: Ints) -> Routes:
    """Paths found in `order`, put back."""
    back = np.argsort(order, kind="stable")
    count = np.diff(first)[back]
    new = np.zeros(len(first), np.int64)
    np.cumsum(count, out=new[1:])
    at = np.arange(new[-1]) + np.repeat(first[:-1][back] - new[:-1], count)
    return Routes(new, links[at], time_ms[back])
