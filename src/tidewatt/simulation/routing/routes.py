"""Paths as routers return them, and what routers are given, checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidewatt.simulation.routing.network import Network

__all__ = ["PAIRS", "Routes", "checked_nodes", "checked_times", "joined", "shards"]

Ints = NDArray[np.int32]

PAIRS = 64
"""Paths to a shard: much more work than handing it to a thread is, for the fastest router too."""


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


def checked_times(network: Network, time_ms: NDArray[Any], closed: int) -> Ints:
    """Link times as routers take them: those as long as `closed` stay so, whatever their type."""
    time = np.asarray(time_ms)
    if time.shape != network.tail.shape:
        raise ValueError(f"{len(network.tail)} link times wanted, got an array of shape {time.shape}")
    if not np.issubdtype(time.dtype, np.integer):
        raise TypeError(f"link times are whole milliseconds, got {time.dtype}")
    if len(time) and time.min() < 0:
        raise ValueError(f"link {int(time.argmin())} takes {int(time.min())} ms; times must not be negative")
    limited: Ints = np.minimum(time, closed).astype(np.int32)
    return limited


def checked_nodes(network: Network, nodes: NDArray[Any]) -> Ints:
    """Node numbers, found to be of the network's own nodes."""
    out = np.ascontiguousarray(nodes, np.int32)
    last = len(network.depart_node) - 1
    if len(out) and not (out.min() >= 0 and out.max() <= last):
        raise IndexError(f"nodes {out.min()} to {out.max()} asked for; there are 0 to {last}")
    return out


def shards(count: int, size: int = PAIRS) -> list[slice]:
    """Ranges of `size` that make up `count`."""
    return [slice(a, min(a + size, count)) for a in range(0, count, size)]


def joined(counts: Sequence[NDArray[np.int64]], links: Sequence[Ints], time_ms: Ints) -> Routes:
    """Shards' paths as one."""
    first = np.zeros(len(time_ms) + 1, np.int64)
    if counts:
        np.cumsum(np.concatenate(counts), out=first[1:])
    return Routes(first, np.concatenate(links) if links else np.empty(0, np.int32), time_ms)
