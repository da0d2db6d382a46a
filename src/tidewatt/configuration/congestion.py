"""What a plan of stations costs traffic."""

from __future__ import annotations

import math

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.roads import Roads
from tidewatt.simulation.driving.models import SpeedFlow, bounded

__all__ = ["congestion", "congestion_of_links", "marginal_congestion", "slowness"]


def slowness(
    time_min: Array, free_time_min: Array, mode: str = "corrected", length_km: Array | float = math.nan
) -> Array:
    """How bad it is that links are slow: the bracket of conf-16.

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
    """Part of each link and interval in the cost of traffic (conf-16).

    Parameters
    ----------
    time_min : array, shape (intervals, links)
        Travel time in each interval of a day.
    free_time_min : array, shape (links,)
    cost : float
        Of traffic [money units].
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
    """Cost of traffic on a day (conf-16); parameters as of `congestion_of_links`.

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
    """What one more vehicle that enters a link adds to the cost of traffic (conf-16), to first order.

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
