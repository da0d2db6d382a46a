"""What the kernels of queueing work on: stations, rules, lines and charges as arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = [
    "ARRIVED",
    "DAY_MIN",
    "NO_INFORMATION",
    "RESERVED",
    "Charges",
    "Lines",
    "Rules",
    "Sites",
]

NO_INFORMATION, ARRIVED, RESERVED = 0, 1, 2
DAY_MIN = 1440


class Sites(NamedTuple):
    """What stations offer, whatever is built there.

    Attributes
    ----------
    kw : array, shape (2 stations,)
        Power of one charger by line [kW].
    band : array of int64, shape (1440,)
        Row of `price` that holds in each minute of the day.
    price : array, shape (bands, 2 stations)
        Price per kWh.
    """

    kw: np.ndarray
    band: np.ndarray
    price: np.ndarray


class Rules(NamedTuple):
    """How drivers choose.

    Attributes
    ----------
    per_min : float
        Value of time [money/min], > 0: a driver without one gets the smallest float, so that an endless wait
        still costs more than none.
    information : int
        `NO_INFORMATION`, `ARRIVED` or `RESERVED`.
    choice : int
        0: least generalised cost; 1: least regret.
    regret_per_min : float
        Scale of differences in regret [1/min].
    taste_min : float
        Scale of the random part [min].
    gumbel : bool
        Whether the random part is Gumbel's (logit), not normal.
    seed : uint64
        Of the random part.
    taper_soc, efficiency : float
        State of charge above which power falls; battery-side per grid-side energy.
    """

    per_min: float
    information: int
    choice: int
    regret_per_min: float
    taste_min: float
    gumbel: bool
    seed: np.uint64
    taper_soc: float
    efficiency: float


class Lines(NamedTuple):
    """State of all lines.

    Attributes
    ----------
    first : array of int64, shape (2 stations + 1,)
        Offsets of the lines' chargers in `free`.
    free : array, shape (chargers,)
        Minute at which each falls free; a heap for each line.
    top : array, shape (2 stations,)
        Earliest of each line; infinite where it has no charger.
    size : array of int64, shape (2,)
        Arrivals to come; charges started.
    due, who : arrays (float64, int32), shape (capacity,)
        Heap of arrivals to come: minute and request.
    head : array of int32, shape (stations,)
        First request on its way to each station, -1: none. Kept only under `RESERVED`.
    after : array of int32, shape (capacity,)
        Next request on its way to the same station, in order of arrival.
    room : array, shape (most chargers at a station,)
        Scratch.
    """

    first: np.ndarray
    free: np.ndarray
    top: np.ndarray
    size: np.ndarray
    due: np.ndarray
    who: np.ndarray
    head: np.ndarray
    after: np.ndarray
    room: np.ndarray


class Charges(NamedTuple):
    """Charges by request, shape (capacity,).

    Attributes
    ----------
    energy_kwh, level_kwh : array
        Energy; energy that full power would deliver in the time the charge takes (sim-10).
    fast_kw, normal_kw : array
        The vehicle's limits; 0: cannot use that kind.
    station, kind : arrays of int32 and int8
        Chosen station (-1: none); kind of charger (-1: not started).
    arrive, start, end : array
        Minutes; nan before they are known.
    log : array of int32
        Requests in the order in which they came to a station.
    """

    energy_kwh: np.ndarray
    level_kwh: np.ndarray
    fast_kw: np.ndarray
    normal_kw: np.ndarray
    station: np.ndarray
    kind: np.ndarray
    arrive: np.ndarray
    start: np.ndarray
    end: np.ndarray
    log: np.ndarray
