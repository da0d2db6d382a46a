"""User equilibrium by bi-conjugate Frank-Wolfe, and all-or-nothing loading on a contraction hierarchy."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tidewatt.assignment.convergence import AssignedFlows, GapMonitor
from tidewatt.assignment.problem import NoPath, shards_of
from tidewatt.domain.arrays import Array
from tidewatt.execution.threads import Threads
from tidewatt.kernels.roads import contraction as roads_contraction
from tidewatt.kernels.roads import loading as roads_loading
from tidewatt.kernels.roads.dijkstra import Star
from tidewatt.kernels.roads.equilibrium import (
    LinkCosts,
    Pairs,
    all_or_nothing,
    beckmann,
    descend,
    price_links,
)
from tidewatt.result import Status
from tidewatt.routing.network import RoadNetwork

__all__ = ["conjugate", "hierarchical_loader", "loader"]

_EXACT = 1e-9  # of the line search: later directions build on it
_WHOLE = 0.99  # after a step this long, earlier directions say nothing

Loader = Callable[[Array], tuple[Array, Array, float]]


def loader(
    star: Star, tail: Array, pairs: Pairs, workers: Threads, shards: Sequence[Array] | None = None
) -> Loader:
    """Return a function that loads all trips of `shards` of origins (default: all) onto cheapest paths.

    Returns
    -------
    callable
        Link costs [min] to link flows, cost of each origin's trips [vehicle minutes], trips without a path.
    """
    links, origins = len(star.link), len(pairs.source)
    parts = [np.arange(*shard) for shard in shards_of(pairs)] if shards is None else shards

    def load(cost: Array) -> tuple[Array, Array, float]:
        least, lost = np.zeros(origins), np.zeros(origins)

        def one(shard: Array) -> Array:
            part = np.zeros(links)
            all_or_nothing(star, tail, cost, pairs, shard, part, least, lost)
            return part

        flow = np.zeros(links)
        for part in workers.map(one, parts):  # in the order of the shards: the same sums always
            flow += part
        return flow, least, float(lost.sum())

    return load


def conjugate(costs: LinkCosts, load: Loader, monitor: GapMonitor) -> AssignedFlows:
    """Solve until the monitor says stop.

    Each target is a mix of the all-or-nothing flows and the two targets before, such that the direction
    to it is conjugate to the two directions before with respect to the slopes of the link costs.

    Raises
    ------
    NoPath
        Where trips have no path.
    """
    links = len(costs.beta)
    cost, slope = np.zeros(links), np.zeros(links)
    price_links(costs, np.zeros(links), cost, slope)
    flow, _, lost = load(cost)
    if lost > 0:
        raise NoPath
    earlier: list[Array] = []  # the last target and the one before
    step = 0.0
    status: Status | None = None
    while True:
        price_links(costs, flow, cost, slope)
        cheapest, least, _ = load(cost)
        status = monitor.note(cost, flow, least, beckmann(costs, flow))
        if status is not None:
            return AssignedFlows(flow, None, monitor, status)
        target = _target(flow, cheapest, earlier, slope, step)
        if float(cost @ (target - flow)) >= 0.0:
            target, earlier = cheapest, []
        step = float(descend(costs, flow, target - flow, _EXACT))
        if step == 0.0:
            return AssignedFlows(flow, None, monitor, Status.STALLED)
        flow = np.maximum(flow + step * (target - flow), 0.0)
        earlier = [] if step > _WHOLE else [target, *earlier[:1]]


def _target(flow: Array, cheapest: Array, earlier: list[Array], slope: Array, step: float) -> Array:
    """Mix the all-or-nothing flows with earlier targets; `step` is the length of the last step."""
    if not earlier:
        return cheapest
    away = slope * (cheapest - flow)
    last = earlier[0] - flow
    if len(earlier) == 1:
        bend = float(last @ (slope * (cheapest - earlier[0])))
        share = float(last @ away) / bend if bend != 0.0 else 0.0
        share = min(max(share, 0.0), _WHOLE)
        return np.asarray(share * earlier[0] + (1.0 - share) * cheapest)
    before = step * earlier[0] + (1.0 - step) * earlier[1] - flow
    bend = float(before @ (slope * (earlier[1] - earlier[0])))
    second = max(-float(before @ away) / bend, 0.0) if bend != 0.0 else 0.0
    bend = float(last @ (slope * last))
    first = max(-float(last @ away) / bend + second * step / (1.0 - step), 0.0) if bend != 0.0 else 0.0
    whole = 1.0 + first + second
    return np.asarray((cheapest + first * earlier[0] + second * earlier[1]) / whole)


_LONGEST_MIN = 24 * 60.0
"""Largest travel time of a link [min], far above that of any path in use and far below overflow."""


def hierarchical_loader(
    network: RoadNetwork, pairs: Pairs, workers: Threads, blocks: Sequence[Sequence[Array]]
) -> list[Loader]:
    """Return a loader for each block of origins, whose shards run on `workers`.

    Costs are rounded to milliseconds: what is loaded is a shortest path under the rounded costs.

    Returns
    -------
    list of callable
        Link costs [min] to link flows, cost of each origin's trips [vehicle minutes], trips without a path.
    """
    levels = roads_contraction.build(*network[:3], network.x_km, network.y_km)
    arcs, links, origins = len(levels.head), len(network.tail), len(pairs.source)
    source, target = levels.rank[pairs.source], levels.rank[pairs.target]
    cost, via = np.empty((arcs, 2), np.int32), np.empty((arcs, 2), np.int32)

    def loader(shards: Sequence[Array]) -> Loader:
        def load(cost_min: Array) -> tuple[Array, Array, float]:
            time_ms = np.rint(np.minimum(cost_min, _LONGEST_MIN) * 60000.0).astype(np.int32)
            roads_contraction.customise(levels, time_ms, cost, via)
            least, lost = np.zeros(origins), np.zeros(origins)

            def one(shard: Array) -> Array:
                carried = np.zeros((arcs, 2))
                rows = (source, pairs.first, target, pairs.demand)
                roads_loading.load(levels, cost, shard, *rows, carried, least, lost)
                return carried

            flow, carried = np.zeros(links), np.zeros((arcs, 2))
            for part in workers.map(one, shards):  # in the order of the shards: the same sums always
                carried += part
            roads_loading.hand_down(levels, time_ms, cost, via, carried, flow)
            return flow, least / 60000.0, float(lost.sum())

        return load

    return [loader(shards) for shards in blocks]
