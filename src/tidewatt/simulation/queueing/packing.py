"""Stations, plans and requests in the form that queueing kernels need, and charges as they return them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.stations import StationPlan, Stations
from tidewatt.kernels.queue import events
from tidewatt.kernels.queue import stations as queue_stations
from tidewatt.kernels.queue.records import (
    ALTERNATIVE,
    ALTERNATIVES,
    ARRIVAL,
    CHARGE,
    DAY_MIN,
    STATION,
    ChoiceRules,
    Queue,
    records,
)
from tidewatt.options.simulation import SIMULATION, SimulationOptions
from tidewatt.simulation.queueing.charges import Requests, Sessions
from tidewatt.simulation.queueing.choice import (
    GeneralisedCost,
    Logit,
    RandomRegret,
    StationChoice,
    choice_of,
    per_minute,
)

__all__ = ["grown", "outside", "price_bands", "queue_of", "rules_of", "sessions_of", "take_in"]

_ASKED = ("minute", "energy_kwh", "fast_kw", "normal_kw", "soc", "battery_kwh", "vehicle", "direct_ms")


def price_bands(fast: Array, normal: Array) -> tuple[Array, Array]:
    """Return prices of both kinds, each of shape (stations, 1440), as `Queue.band` and `Queue.price`.

    Prices change a few times a day: bands stay in the processor's cache where 1440 columns would not.
    """
    by_line = np.stack([fast, normal], axis=1).reshape(2 * len(fast), DAY_MIN)
    change = np.flatnonzero(np.any(by_line[:, 1:] != by_line[:, :-1], axis=0)) + 1
    band = np.zeros(DAY_MIN, np.int64)
    band[change] = 1
    return np.cumsum(band), np.ascontiguousarray(by_line[:, np.concatenate([[0], change])].T)


def queue_of(
    stations: Stations, plan: StationPlan, prices: tuple[Array, Array] | None, capacity: int
) -> Queue:
    """Return empty stations with a plan's chargers, and room for requests.

    Parameters
    ----------
    prices : (array, array) or None
        Price of fast and of normal charging, each of shape (stations, 1440); `Stations.prices_by_minute`
        where not given.
    """
    chargers = plan.fast + plan.normal
    here = records(len(stations), STATION)
    here["high"] = np.cumsum(chargers)
    here["low"] = here["high"] - chargers
    here["middle"] = here["low"] + plan.fast
    here["fast_kw"], here["normal_kw"] = stations.fast_kw, stations.normal_kw
    band, price = price_bands(*(prices or stations.prices_by_minute()))
    queue = Queue(
        stations=here,
        charges=records(capacity, CHARGE),
        free=np.zeros(int(chargers.sum() + chargers.max(initial=0))),
        coming=records(capacity, ARRIVAL),
        size=np.zeros(2, np.int64),
        band=band,
        price=price,
        shortlist=records(ALTERNATIVES, ALTERNATIVE),
        minutes=np.zeros((5, ALTERNATIVES)),
    )
    events.clear(queue)
    return queue


def grown(queue: Queue, capacity: int) -> Queue:
    """Return the same with room for more requests."""
    charges, coming = records(capacity, CHARGE), records(capacity, ARRIVAL)
    charges[: len(queue.charges)] = queue.charges
    coming[: len(queue.coming)] = queue.coming
    charges["station"][len(queue.charges) :] = -1
    charges["kind"][len(queue.charges) :] = -1
    return queue._replace(charges=charges, coming=coming)


def outside(choice: StationChoice | None) -> bool:
    """Return whether a choice has no kernel of its own, as is true of any subclass of a built-in one."""
    return choice is not None and type(choice) not in (GeneralisedCost, Logit, RandomRegret)


def rules_of(parameters: SimulationOptions, choice: StationChoice | None, seed: int) -> ChoiceRules:
    """Return how drivers choose, as the kernels read it."""
    built_in: Any = choice_of(parameters) if choice is None or outside(choice) else choice
    return ChoiceRules(
        per_min=per_minute(built_in.value_of_time_per_h),
        information=SIMULATION.every["information"].words.index(parameters["information"]),
        choice=int(isinstance(built_in, RandomRegret)),
        regret_per_min=float(getattr(built_in, "regret_scale", 0.0)),
        taste_min=float(parameters["taste_min"]),
        gumbel=bool(getattr(choice or built_in, "gumbel", False)),
        seed=np.uint64(seed),
        taper_soc=float(parameters["taper_soc"]),
        efficiency=float(parameters["charge_efficiency"]),
    )


def take_in(queue: Queue, rules: ChoiceRules, requests: Requests, first: int) -> None:
    """Write requests into the queue's records, from number `first` on."""
    end = first + len(requests)
    for name in _ASKED:
        queue.charges[name][first:end] = getattr(requests, name)
    queue_stations.levels(queue.charges, first, end, rules.taper_soc, rules.efficiency)


def sessions_of(queue: Queue, begin: int, end: int) -> Sessions:
    """Return the charges of the `begin`-th to `end`-th (exclusive) vehicles to come to a station."""
    r = queue.charges["log"][begin:end].astype(np.int64)
    charge = queue.charges.view(np.ndarray)[r]
    here = queue.stations.view(np.ndarray)[charge["station"]]
    fast = charge["kind"] == 0
    band = queue.band[charge["start"].astype(np.int64) % DAY_MIN]
    power = np.where(
        fast,
        np.minimum(here["fast_kw"], charge["fast_kw"]),
        np.minimum(here["normal_kw"], charge["normal_kw"]),
    )
    return Sessions(
        request=r,
        vehicle=charge["vehicle"].copy(),
        station=charge["station"].copy(),
        kind=charge["kind"].astype(np.int8),
        decide_min=charge["minute"].copy(),
        arrive_min=charge["arrive"].copy(),
        start_min=charge["start"].copy(),
        end_min=charge["end"].copy(),
        detour_min=charge["detour_min"].copy(),
        energy_kwh=charge["energy_kwh"].copy(),
        power_kw=power,
        price_per_kwh=queue.price[band, 2 * charge["station"].astype(np.int64) + charge["kind"]],
        soc=charge["soc"].copy(),
        battery_kwh=charge["battery_kwh"].copy(),
    )
