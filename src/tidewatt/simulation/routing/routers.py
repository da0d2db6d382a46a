"""Routers: shortest paths on a network whose link times are renewed many times a day.

All routers work on whole milliseconds, so that they give identical times; where several paths take the same
time, routers may differ in the links.
"""

from __future__ import annotations

from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from tidewatt.errors import TidewattError
from tidewatt.execution.threads import Threads
from tidewatt.simulation.routing.network import Network
from tidewatt.simulation.routing.routes import Routes

__all__ = ["Router", "RouterKind", "Routes", "make_router"]

Ints = NDArray[np.int32]
RouterKind = Literal["builtin", "pyroutingkit", "dijkstra"]


class Router(Protocol):
    """Shortest paths by current link times; nodes are the roads' own.

    Paths of 2**30 - 1 ms (twelve days) and more count as none. One caller at a time: what a question finds
    out is kept for the next.
    """

    def renew(self, time_ms: Ints) -> None:
        """Take new link times [ms], not negative; has to come before any question."""

    def routes(self, origin: Ints, destination: Ints) -> Routes:
        """One shortest path for each pair of nodes."""

    def to_few(self, origin: Ints) -> Ints:
        """Times [ms] from each of `origin` to each of the few nodes; -1 where there is no way."""

    def from_few(self, destination: Ints) -> Ints:
        """Times [ms] to each of `destination` from each of the few nodes; -1 where there is no way."""


def make_router(
    network: Network, few: Ints, *, kind: RouterKind = "builtin", threads: Threads | None = None
) -> Router:
    """Prepare a router for a network.

    Parameters
    ----------
    network : Network
    few : array of int32
        Nodes that `Router.to_few` and `Router.from_few` ask about, such as those of stations.
    kind : {"builtin", "pyroutingkit", "dijkstra"}
        ``builtin``: a customisable contraction hierarchy of our own. ``pyroutingkit``: RoutingKit's, from the
        extra ``fast-routing``. ``dijkstra``: one search for each origin; slow, and needs no preparation.
    threads : Threads, optional
        Default: the calling thread alone.

    Raises
    ------
    TidewattError
        The extra is not installed, or there is no such kind.
    """
    few = np.ascontiguousarray(few, np.int32)
    threads = threads or Threads(1)
    if kind == "builtin":
        from tidewatt.simulation.routing.router_hierarchy import HierarchyRouter

        return HierarchyRouter(network, few, threads)
    if kind == "dijkstra":
        from tidewatt.simulation.routing.router_dijkstra import DijkstraRouter

        return DijkstraRouter(network, few, threads)
    if kind == "pyroutingkit":
        from tidewatt.simulation.routing.router_routingkit import RoutingKitRouter

        return RoutingKitRouter(network, few, threads)
    raise TidewattError(
        f"there is no router {kind!r}; choose one of {', '.join(map(repr, get_args(RouterKind)))}"
    )
