"""The default router: a customisable contraction hierarchy, with labels that serve many questions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tidewatt.execution.threads import Threads
from tidewatt.kernels.roads import contraction as roads_contraction
from tidewatt.kernels.roads import queries
from tidewatt.simulation.routing.network import Network
from tidewatt.simulation.routing.routes import PAIRS, Routes, checked_nodes, checked_times, joined, shards

__all__ = ["HierarchyRouter"]

Ints = NDArray[np.int32]


class _Labels:
    """Labels of one direction that have been made since link times were renewed."""

    def __init__(self, entries: int, nodes: int, down: int) -> None:
        self.start = np.full(nodes, -1, np.int64)
        self.pool = np.empty(entries, np.int32)  # takes memory as far as it is used
        self.used = 0
        self.down = down

    def clear(self) -> None:
        self.start[:] = -1
        self.used = 0


class HierarchyRouter:
    """Customisable contraction hierarchy of `tidewatt.kernels.roads.contraction`."""

    def __init__(self, network: Network, few: Ints, threads: Threads) -> None:
        self._network, self._threads = network, threads
        self._h = h = roads_contraction.build(*network[:3], network.x_km, network.y_km)
        self._cost = np.empty((len(h.head), 2), np.int32)
        self._via = np.empty((len(h.head), 2), np.int32)
        entries = int(h.depth.sum(dtype=np.int64)) + network.nodes
        self._up = _Labels(entries, network.nodes, 0)
        self._down = _Labels(entries, network.nodes, 1)
        self._few = checked_nodes(network, few)
        self._few_down = self._sorted(h.rank[self._few])
        self._few_up = self._sorted(h.rank[network.depart_node[self._few]])
        self._time: Ints | None = None

    def _sorted(self, few: Ints) -> tuple[Ints, NDArray[np.int64], Ints]:
        column = np.argsort(few, kind="stable")
        below = np.searchsorted(few[column], np.arange(self._network.nodes + 1)).astype(np.int32)
        return few[column], column, below

    def renew(self, time_ms: Ints) -> None:
        """Take new link times [ms]."""
        time = checked_times(self._network, time_ms, int(roads_contraction.UNREACHED))
        roads_contraction.customise(self._h, time, self._cost, self._via)
        self._time = time
        self._up.clear()
        self._down.clear()

    def _label(self, *wanted: tuple[_Labels, Ints]) -> None:
        if self._time is None:
            raise RuntimeError("link times have to be set before paths are asked for: call renew")

        def make(task: tuple[_Labels, Ints]) -> None:
            labels, ranks = task
            labels.used = queries.label(
                self._h, self._cost, labels.down, ranks, labels.start, labels.used, labels.pool
            )

        if sum(len(ranks) for _, ranks in wanted) > PAIRS:
            self._threads.map(make, wanted)
        else:  # done before another thread would have started
            for task in wanted:
                make(task)

    def routes(self, origin: Ints, destination: Ints) -> Routes:
        """One shortest path for each pair of nodes."""
        start, end = checked_nodes(self._network, origin), checked_nodes(self._network, destination)
        same = start == end
        start = self._h.rank[self._network.depart_node[start]]
        end = self._h.rank[end]
        self._label((self._up, start[~same]), (self._down, end[~same]))
        start[same] = -1
        time_ms = np.empty(len(start), np.int32)

        def find(at: slice) -> tuple[NDArray[np.int64], Ints]:
            up, down = self._up, self._down
            ends = (start[at], end[at], up.start, up.pool, down.start, down.pool)
            found: tuple[NDArray[np.int64], Ints] = queries.routes(
                self._h, self._time, self._cost, self._via, *ends, time_ms[at]
            )
            return found

        found = self._threads.map(find, shards(len(start)))
        return joined([f[0] for f in found], [f[1] for f in found], time_ms)

    def to_few(self, origin: Ints) -> Ints:
        """Times [ms] from each of `origin` to the few nodes."""
        nodes = checked_nodes(self._network, origin)
        ranks = self._h.rank[self._network.depart_node[nodes]]
        return self._table(nodes, ranks, self._up, self._down, self._few_down)

    def from_few(self, destination: Ints) -> Ints:
        """Times [ms] to each of `destination` from the few nodes."""
        nodes = checked_nodes(self._network, destination)
        return self._table(nodes, self._h.rank[nodes], self._down, self._up, self._few_up)

    def _table(
        self,
        nodes: Ints,
        ranks: Ints,
        own: _Labels,
        other: _Labels,
        few: tuple[Ints, NDArray[np.int64], Ints],
    ) -> Ints:
        self._label((own, ranks), (other, few[0]))
        out = np.empty((len(nodes), len(self._few)), np.int32)

        def fill(at: slice) -> None:
            labels = (own.start, own.pool, few[0], other.start, other.pool, *few[1:])
            queries.times_of_few(self._h, ranks[at], *labels, out[at])

        self._threads.map(fill, shards(len(nodes)))
        out[nodes[:, None] == self._few[None, :]] = 0
        return out
