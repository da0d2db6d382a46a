"""Per-station and per-request records for the queueing kernels, and how these call each other."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic

from tidewatt.compilation.kernel import kernel

__all__ = [
    "ALTERNATIVE",
    "ALTERNATIVES",
    "ARRIVAL",
    "ARRIVED",
    "CHARGE",
    "DAY_MIN",
    "NO_INFORMATION",
    "RANKED",
    "RESERVED",
    "STATION",
    "ChoiceRules",
    "Queue",
    "inlined",
    "inner",
    "records",
    "uncounted",
]

NO_INFORMATION, ARRIVED, RESERVED = 0, 1, 2
DAY_MIN = 1440
ALTERNATIVES = 12
"""Stations among which regret is felt: the cheapest ones."""

STATION = np.dtype(
    [
        ("low", "i8"),  # free minutes of fast chargers are free[low:middle]
        ("middle", "i8"),  # and of normal ones free[middle:high]
        ("high", "i8"),
        ("top_fast", "f8"),  # the earliest of them; infinite without a charger
        ("top_normal", "f8"),
        ("fast_kw", "f8"),  # power of one charger
        ("normal_kw", "f8"),
        ("head", "i8"),  # first request on its way here, -1: none; kept under RESERVED only
    ]
)

CHARGE = np.dtype(
    [
        ("minute", "f8"),  # when the driver decides
        ("energy_kwh", "f8"),
        ("level_kwh", "f8"),  # what full power would deliver in the time the charge takes (sim-10)
        ("fast_kw", "f8"),  # the vehicle's limits; 0: cannot use that kind
        ("normal_kw", "f8"),
        ("arrive", "f8"),  # minutes
        ("start", "f8"),
        ("end", "f8"),
        ("detour_min", "f8"),
        ("soc", "f8"),
        ("battery_kwh", "f8"),
        ("vehicle", "i4"),
        ("direct_ms", "i4"),  # travel time without a stop
        ("station", "i4"),  # chosen; -1: none
        ("kind", "i4"),  # 0 fast, 1 normal; -1: not started
        ("after", "i4"),  # next request on its way to the same station, in order of arrival
        ("log", "i4"),  # of the n-th record: request that was the n-th to come to a station
    ]
)

ARRIVAL = np.dtype([("minute", "f8"), ("request", "i8")])

ALTERNATIVE = np.dtype(
    [
        ("cost", "f8"),
        ("wait", "f8"),
        ("station", "i8"),
        ("kind", "i8"),
        ("regret", "f8"),
    ]
)

RANKED = np.dtype(
    [
        ("fast", "f8"),  # cost of either kind of charger without any wait
        ("normal", "f8"),
        ("arrive", "f8"),  # minute
        ("station", "i8"),  # -1: there are no more; -2: there are more, of which this table knows nothing
    ]
)


class Queue(NamedTuple):
    """State of all stations and of everyone who charges or wants to.

    Attributes
    ----------
    stations : records of STATION, shape (stations,)
    charges : records of CHARGE, shape (capacity,)
        By request.
    free : array, shape (chargers + most chargers at a station,)
        Minute at which each charger falls free, a heap for each station and kind; the rest is scratch.
    coming : records of ARRIVAL, shape (capacity,)
        Heap of arrivals to come, by minute, then request.
    size : array of int64, shape (2,)
        Arrivals to come; arrivals so far.
    band : array of int64, shape (1440,)
        Row of `price` that holds in each minute of the day.
    price : array, shape (bands, 2 stations)
        Price per kWh: fast and normal of the first station, of the second, ...
    shortlist : records of ALTERNATIVE, shape (ALTERNATIVES,)
        Scratch.
    minutes : array, shape (5, ALTERNATIVES)
        Scratch: what regret compares, and products.
    """

    stations: Any
    charges: Any
    free: np.ndarray
    coming: Any
    size: np.ndarray
    band: np.ndarray
    price: np.ndarray
    shortlist: Any
    minutes: np.ndarray


class ChoiceRules(NamedTuple):
    """How drivers choose.

    Attributes
    ----------
    per_min : float
        Value of time [money/min], > 0: drivers without one get a tiny one, so that an endless wait still
        costs more than none.
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


def records(shape: int | tuple[int, ...], kind: np.dtype[Any]) -> Any:
    """Return zeroed records whose fields can be read as attributes with and without compilation."""
    return np.zeros(shape, kind).view(np.recarray)


# Called by kernels only: what Python or C would need to call them is not compiled.
inner = kernel(no_cpython_wrapper=True, no_cfunc_wrapper=True)
# Handing on many arrays costs more than the smallest kernels do.
inlined = kernel(forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)


def _without_owner(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    array = context.make_array(kind)(context, builder, value=value)
    array.meminfo = array.meminfo.type(None)
    array.parent = array.parent.type(None)
    return array._getvalue()


@intrinsic
def _uncounted(typing, arrays):
    """Return the same array, or named tuple of arrays, without reference counting."""

    def build(context, builder, signature, arguments):
        kind, value = signature.args[0], arguments[0]
        if isinstance(kind, types.Array):
            return _without_owner(context, builder, kind, value)
        for i, member in enumerate(kind):
            if isinstance(member, types.Array):
                part = _without_owner(context, builder, member, builder.extract_value(value, i))
                value = builder.insert_value(value, part, i)
        return value

    return arrays(arrays), build


def _as_it_is(arrays):
    return arrays


uncounted: Any = _as_it_is if numba.config.DISABLE_JIT else _uncounted  # type: ignore[attr-defined]
