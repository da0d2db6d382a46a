"""Routers: exact shortest paths on a network whose link times are renewed many times a day."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from tidewatt.errors import TidewattError
from tidewatt.execution.threads import Threads
from tidewatt.kernels.roads import contraction as roads_contraction
from tidewatt.kernels.roads import dijkstra, queries
from tidewatt.kernels.roads.contraction import UNREACHED
from tidewatt.routing.network import RoadNetwork

__all__ = [
    "PAIRS",
    "DijkstraRouter",
    "HierarchyRouter",
    "Router",
    "RouterKind",
    "Routes",
    "checked_nodes",
    "checked_times",
    "joined",
    "make_router",
    "shards",
]

Ints = NDArray[np.int32]

PAIRS = 64
"""Paths per shard: far more work than handing it to a thread, even for the fastest router."""


class Routes(NamedTuple):
    """Shortest paths, one after the other.

    Attributes
    ----------
    first : array of int64, shape (paths + 1,)
        Position of each path's first link.
    links : array of int32
        In the order they are driven; none where origin and destination are one node.
    time_ms : array of int32, shape (paths,)
        -1 where there is no way.
    """

    first: NDArray[np.int64]
    links: Ints
    time_ms: Ints


def checked_times(network: RoadNetwork, time_ms: NDArray[Any], closed: int) -> Ints:
    """Return link times as routers take them; links as long as `closed` stay closed, whatever the dtype."""
    time = np.asarray(time_ms)
    if time.shape != network.tail.shape:
        raise ValueError(f"expected {len(network.tail)} link times, got an array of shape {time.shape}")
    if not np.issubdtype(time.dtype, np.integer):
        raise TypeError(f"link times are whole milliseconds, got {time.dtype}")
    if len(time) and time.min() < 0:
        raise ValueError(f"link {int(time.argmin())} takes {int(time.min())} ms; times must not be negative")
    limited: Ints = np.minimum(time, closed).astype(np.int32)
    return limited


def checked_nodes(network: RoadNetwork, nodes: NDArray[Any]) -> Ints:
    """Return node numbers, checked to be the network's own nodes."""
    out = np.ascontiguousarray(nodes, np.int32)
    last = len(network.depart_node) - 1
    if len(out) and not (out.min() >= 0 and out.max() <= last):
        raise IndexError(f"nodes {out.min()} to {out.max()} requested, but only 0 to {last} exist")
    return out


def shards(count: int, size: int = PAIRS) -> list[slice]:
    """Return ranges of `size` that make up `count`."""
    return [slice(a, min(a + size, count)) for a in range(0, count, size)]


def joined(counts: Sequence[NDArray[np.int64]], links: Sequence[Ints], time_ms: Ints) -> Routes:
    """Join the shards' paths into one."""
    first = np.zeros(len(time_ms) + 1, np.int64)
    if counts:
        np.cumsum(np.concatenate(counts), out=first[1:])
    return Routes(first, np.concatenate(links) if links else np.empty(0, np.int32), time_ms)


class DijkstraRouter:
    """One search per origin, from which all its destinations are read."""

    def __init__(self, network: RoadNetwork, few: Ints, threads: Threads) -> None:
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
        """Return one shortest path for each pair of nodes."""
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
        """Return times [ms] from each of `origin` to the few nodes."""
        nodes = checked_nodes(self._network, origin)
        return self._table(self._out, nodes, self._network.depart_node[nodes], self._few)

    def from_few(self, destination: Ints) -> Ints:
        """Return times [ms] to each of `destination` from the few nodes."""
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
    """Put paths found in `order` back into the original order."""
    back = np.argsort(order, kind="stable")
    count = np.diff(first)[back]
    new = np.zeros(len(first), np.int64)
    np.cumsum(count, out=new[1:])
    at = np.arange(new[-1]) + np.repeat(first[:-1][back] - new[:-1], count)
    return Routes(new, links[at], time_ms[back])


class _Labels:
    """Labels of one direction that were made since link times were last renewed."""

    def __init__(self, entries: int, nodes: int, down: int) -> None:
        self.start = np.full(nodes, -1, np.int64)
        self.pool = np.empty(entries, np.int32)  # takes memory as far as it is used
        self.used = 0
        self.down = down

    def clear(self) -> None:
        self.start[:] = -1
        self.used = 0


class HierarchyRouter:
    """The customisable contraction hierarchy of `tidewatt.kernels.roads.contraction`."""

    def __init__(self, network: RoadNetwork, few: Ints, threads: Threads) -> None:
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
        """Return one shortest path for each pair of nodes."""
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
        """Return times [ms] from each of `origin` to the few nodes."""
        nodes = checked_nodes(self._network, origin)
        ranks = self._h.rank[self._network.depart_node[nodes]]
        return self._table(nodes, ranks, self._up, self._down, self._few_down)

    def from_few(self, destination: Ints) -> Ints:
        """Return times [ms] to each of `destination` from the few nodes."""
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


RouterKind = Literal["builtin", "dijkstra"]


class Router(Protocol):
    """Shortest paths at current link times; nodes are numbered as in the roads.

    Paths of 2**30 - 1 ms (twelve days) and more count as none. One caller at a time: what a question finds
    out is kept for the next.
    """

    def renew(self, time_ms: Ints) -> None:
        """Take new link times [ms], not negative; call this before any query."""

    def routes(self, origin: Ints, destination: Ints) -> Routes:
        """Return one shortest path for each pair of nodes."""

    def to_few(self, origin: Ints) -> Ints:
        """Return times [ms] from each of `origin` to each of the few nodes; -1 where there is no way."""

    def from_few(self, destination: Ints) -> Ints:
        """Return times [ms] to each of `destination` from each of the few nodes; -1 where there is no way."""


def make_router(
    network: RoadNetwork, few: Ints, *, kind: RouterKind = "builtin", threads: Threads | None = None
) -> Router:
    """Prepare a router for a network.

    Parameters
    ----------
    network : RoadNetwork
    few : array of int32
        Nodes that `Router.to_few` and `Router.from_few` ask about, such as those of stations.
    kind : {"builtin", "dijkstra"}
        ``builtin``: a customisable contraction hierarchy. ``dijkstra``: one search for each origin; slow, and
        needs no preparation.
    threads : Threads, optional
        Default: the calling thread alone.

    Raises
    ------
    TidewattError
        There is no such kind.
    """
    few = np.ascontiguousarray(few, np.int32)
    threads = threads or Threads(1)
    if kind == "builtin":
        return HierarchyRouter(network, few, threads)
    if kind == "dijkstra":
        return DijkstraRouter(network, few, threads)
    raise TidewattError(
        f"there is no router {kind!r}; choose one of {', '.join(map(repr, get_args(RouterKind)))}"
    )
