"""What a plan of stations costs traffic, and how driving to stations affects it (conf-16)."""

from __future__ import annotations

import math

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.roads import Roads
from tidewatt.execution.threads import Threads
from tidewatt.options.configuration import ConfigurationOptions
from tidewatt.routing.routers import Router, Routes, make_router
from tidewatt.simulation.driving.day import Day
from tidewatt.simulation.driving.models import SpeedFlow, bounded
from tidewatt.simulation.queueing.charges import Requests
from tidewatt.simulation.world import World

__all__ = [
    "EXACT",
    "congestion",
    "congestion_of_day",
    "congestion_of_links",
    "marginal_congestion",
    "slowness",
    "traffic_of_days",
]


def slowness(
    time_min: Array, free_time_min: Array, mode: str = "corrected", length_km: Array | float = math.nan
) -> Array:
    """Return the penalty for slow links: the bracket of conf-16.

    Parameters
    ----------
    time_min, free_time_min : array, shape (..., links)
        Now, and on an empty road. A link without free time, such as a connector, is never slow.
    mode : str
        ``paper-equation``: as printed, with speeds in km/h, but for the sign: printed, congestion is a
        gain. Otherwise by the loss of speed x = 1 - v/v0: 1 - ln(e - 2(e - 1) min(x, 1/2)), which is 0 on an
        empty road and 1 from half its speed down.
    length_km : array, shape (links,)
        Needed for speeds in km/h.
    """
    time, free = np.asarray(time_min, np.float64), np.asarray(free_time_min, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        lost = np.where((free > 0.0) & (time > free), 1.0 - free / time, 0.0)
        if mode == "paper-equation":
            lost_kmh = np.where(lost > 0.0, lost * 60.0 * np.asarray(length_km) / free, 0.0)
            return np.asarray(np.log(2.0 * (math.e - 1.0) * lost_kmh + math.e) - 1.0)
    return np.asarray(1.0 - np.log(math.e - 2.0 * (math.e - 1.0) * np.minimum(lost, 0.5)))


def congestion_of_links(
    time_min: Array,
    free_time_min: Array,
    cost: float,
    interval_min: float,
    mode: str = "corrected",
    length_km: Array | float = math.nan,
) -> Array:
    """Return the share of each link and interval in the cost of traffic (conf-16).

    Parameters
    ----------
    time_min : array, shape (intervals, links)
        Travel time in each interval of a day.
    free_time_min : array, shape (links,)
    cost : float
        Of traffic [money_unit].
    interval_min : float
        Length of an interval: it counts once a minute.
    mode, length_km
        As in `slowness`.
    """
    links = np.shape(time_min)[-1]
    part = slowness(time_min, free_time_min, mode, length_km)
    return np.asarray(part * (cost * interval_min / max(links, 1)))


def congestion(
    time_min: Array,
    free_time_min: Array,
    cost: float,
    interval_min: float,
    mode: str = "corrected",
    length_km: Array | float = math.nan,
) -> float:
    """Return the cost of traffic on a day (conf-16); parameters as for `congestion_of_links`.

    Corrected, it is at most ``cost`` times the minutes of a day: 24.48 with the source's 0.017, so that the
    56.29 of its Table 3 cannot be compared.
    """
    return float(congestion_of_links(time_min, free_time_min, cost, interval_min, mode, length_km).sum())


def marginal_congestion(
    roads: Roads,
    flow_veh_h: Array,
    model: SpeedFlow,
    cost: float,
    interval_min: float,
    mode: str = "corrected",
) -> Array:
    """Return what one more vehicle entering a link adds to the traffic cost (conf-16), to first order.

    A vehicle that enters in one interval slows the link in the next, as in the simulation: one more raises
    the flow by ``60 / interval_min`` vehicles an hour.

    Parameters
    ----------
    roads : Roads
    flow_veh_h : array, shape (intervals, links)
        Flow that each interval's conditions were made with.
    model : SpeedFlow
        Travel times from flows.
    cost, interval_min, mode
        As in `congestion_of_links`.

    Returns
    -------
    array, shape (intervals, links)
        By the interval in which the link is entered; 0 in the last one.
    """
    marginal = np.zeros(np.shape(flow_veh_h))
    more = 60.0 / interval_min
    for interval in range(1, len(marginal)):
        flow = np.asarray(flow_veh_h[interval], np.float64)
        times = np.stack([bounded(roads, model.time_min(roads, f)) for f in (flow, flow + more)])
        parts = congestion_of_links(times, roads.free_time_min, cost, interval_min, mode, roads.length_km)
        marginal[interval - 1] = parts[1] - parts[0]
    return marginal


EXACT = 16
"""Stations of each request, by detour, whose ways are followed link by link; others count by the minute."""


def congestion_of_day(world: World, parameters: ConfigurationOptions, day: Day) -> float:
    """Return the traffic cost of a simulated day (conf-16), or of a mean day if several were simulated."""
    total = congestion(
        day.ledger.time_min,
        world.roads.free_time_min,
        parameters["congestion_cost"],
        world.parameters["renew_min"],
        parameters["mode"],
        world.roads.length_km,
    )
    return total / world.parameters["days"]


def traffic_of_days(
    world: World,
    parameters: ConfigurationOptions,
    days: list[Day],
    threads: Threads | None = None,
    exact: int = EXACT,
) -> list[Array]:
    """Return what each request's detour to a station adds to the cost of traffic.

    Parameters
    ----------
    world : World
    parameters : ConfigurationOptions
    days : list of Day
    threads : Threads, optional
    exact : int
        Stations of each request, by detour, whose ways are followed link by link on the day's shortest
        paths. The detour to any other one counts by what a minute of driving adds on those, in the same
        interval.

    Returns
    -------
    list of array of float32, shape (requests, stations)
        One a day [money_unit]; 0 where a station cannot be reached.
    """
    if not world.parameters["feedback"] or parameters["congestion_cost"] == 0.0:
        return [np.zeros(day.requests.to_ms.shape, np.float32) for day in days]
    router = make_router(world.network, world.stations.node, threads=threads)
    return [_traffic_of_day(world, parameters, day, router, exact) for day in days]


def _traffic_of_day(
    world: World, parameters: ConfigurationOptions, day: Day, router: Router, exact: int
) -> Array:
    p, requests = world.parameters, day.requests
    added = marginal_congestion(
        world.roads,
        day.ledger.flow_veh_h,
        world.speed_flow,
        parameters["congestion_cost"],
        p["renew_min"],
        parameters["mode"],
    )
    table = np.zeros(requests.to_ms.shape, np.float32)
    if not table.size:
        return table
    interval = np.clip(requests.minute // p["renew_min"], 0, len(added) - 1).astype(np.int64)
    for number in np.unique(interval).tolist():
        rows = slice(*np.searchsorted(interval, [number, number + 1]).tolist())
        router.renew(np.rint(day.ledger.time_min[number] * np.float64(60_000.0)).astype(np.int32))
        part = requests.rows(rows.start, rows.stop)
        table[rows] = _of_interval(world, part, day.ends[rows], added[number], router, exact)
    return table / np.float32(p["days"])


def _of_interval(
    world: World, requests: Requests, ends: Array, added: Array, router: Router, exact: int
) -> Array:
    """Do as `traffic_of_days` for requests that see the same roads; `added` holds each link's value."""
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
    """Return the sum of links' values along each route."""
    sums = np.concatenate([[0.0], np.cumsum(added[routes.links])])
    return np.asarray(sums[routes.first[1:]] - sums[routes.first[:-1]])
