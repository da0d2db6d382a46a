"""What drives to stations do to traffic, to first order (conf-16): a table of requests and stations."""

from __future__ import annotations

import numpy as np

from tidewatt.configuration.congestion import congestion, marginal_congestion
from tidewatt.configuration.parameters import Parameters
from tidewatt.domain.arrays import Array
from tidewatt.execution.threads import Threads
from tidewatt.routing.routers import Router, Routes, make_router
from tidewatt.simulation.driving.day import Day
from tidewatt.simulation.queueing.charges import Requests
from tidewatt.simulation.world import World

__all__ = ["EXACT", "congestion_of_day", "traffic_of_days"]

EXACT = 16
"""Stations of each request, by detour, whose ways are followed link by link; others count by the minute."""


def congestion_of_day(world: World, parameters: Parameters, day: Day) -> float:
    """Cost of traffic on a simulated day (conf-16); a mean day's where several were simulated."""
    total = congestion(
        day.ledger.time_min,
        world.roads.free_time_min,
        parameters.congestion_cost,
        world.parameters.renew_min,
        parameters.mode,
        world.roads.length_km,
    )
    return total / world.parameters.days


def traffic_of_days(
    world: World, parameters: Parameters, days: list[Day], threads: Threads | None = None, exact: int = EXACT
) -> list[Array]:
    """What each request's drive by a station, instead of straight on, adds to the cost of traffic.

    Parameters
    ----------
    world : World
    parameters : Parameters
    days : list of Day
    threads : Threads, optional
    exact : int
        Stations of each request, by detour, whose ways are followed link by link on the day's shortest
        paths. The detour to any other one counts by what a minute of driving adds on those, in the same
        interval.

    Returns
    -------
    list of array of float32, shape (requests, stations)
        One a day [money units]; 0 where a station cannot be reached.
    """
    if not world.parameters.feedback or parameters.congestion_cost == 0.0:
        return [np.zeros(day.requests.to_ms.shape, np.float32) for day in days]
    router = make_router(world.network, world.stations.node, threads=threads)
    return [_traffic_of_day(world, parameters, day, router, exact) for day in days]


def _traffic_of_day(world: World, parameters: Parameters, day: Day, router: Router, exact: int) -> Array:
    p, requests = world.parameters, day.requests
    added = marginal_congestion(
        world.roads,
        day.ledger.flow_veh_h,
        world.speed_flow,
        parameters.congestion_cost,
        p.renew_min,
        parameters.mode,
    )
    table = np.zeros(requests.to_ms.shape, np.float32)
    if not table.size:
        return table
    interval = np.clip(requests.minute // p.renew_min, 0, len(added) - 1).astype(np.int64)
    for number in np.unique(interval).tolist():
        rows = slice(*np.searchsorted(interval, [number, number + 1]).tolist())
        router.renew(np.rint(day.ledger.time_min[number] * np.float64(60_000.0)).astype(np.int32))
        part = requests.rows(rows.start, rows.stop)
        table[rows] = _of_interval(world, part, day.ends[rows], added[number], router, exact)
    return table / np.float32(p.days)


def _of_interval(
    world: World, requests: Requests, ends: Array, added: Array, router: Router, exact: int
) -> Array:
    """As `traffic_of_days`, for requests that see the same roads; `added` is each link's."""
    reached = (requests.to_ms >= 0) & (requests.onward_ms >= 0)
    legs = requests.to_ms.astype(np.int64) + requests.onward_ms
    detour = legs - requests.direct_ms[:, None]
    depth = min(exact, requests.stations)
    far = np.where(reached, detour, np.iinfo(np.int64).max)
    near = np.argpartition(far, depth - 1, axis=1)[:, :depth]
    near = np.sort(near, axis=1)
    row, rank = np.nonzero(np.take_along_axis(reached, near, axis=1))
    station = near[row, rank]
    node = world.stations.node[station]
    origin, target = ends[:, 0], ends[:, 1]
    direct = _along(router.routes(origin, target), added)
    by = _along(router.routes(origin[row], node), added) + _along(router.routes(node, target[row]), added)
    minutes = legs[row, station].sum()
    per_ms = by.sum() / minutes if minutes > 0 else 0.0
    table = np.where(reached, per_ms * detour, 0.0).astype(np.float32)
    table[row, station] = by - direct[row]
    return table


def _along(routes: Routes, added: Array) -> Array:
    """Sum of links' values along each route."""
    sums = np.concatenate([[0.0], np.cumsum(added[routes.links])])
    return np.asarray(sums[routes.first[1:]] - sums[routes.first[:-1]])
