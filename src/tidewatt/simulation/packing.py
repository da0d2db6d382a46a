"""Stations, plans and requests as the kernels of queueing want them."""

from __future__ import annotations

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.stations import StationPlan, Stations
from tidewatt.kernels import queueing, queueing_choice, queueing_costs
from tidewatt.kernels.queueing_state import DAY_MIN, Charges, Lines, Rules, Sites
from tidewatt.simulation.choice import (
    GeneralisedCost,
    Logit,
    RandomRegret,
    StationChoice,
    choice_of,
    per_minute,
)
from tidewatt.simulation.parameters import WORDS, Parameters
from tidewatt.simulation.requests import Requests
from tidewatt.simulation.sessions import Sessions

__all__ = [
    "charges_of",
    "detours",
    "lines_of",
    "outside",
    "rules_of",
    "sessions_of",
    "shortlist_of",
    "sites_of",
    "take_in",
]

_BY_REQUEST = {
    "station": np.int32,
    "kind": np.int8,
    "log": np.int32,
}


def sites_of(stations: Stations, prices: tuple[Array, Array] | None = None) -> Sites:
    """What stations offer, as kernels want it.

    Parameters
    ----------
    prices : (array, array), optional
        Price of fast and of normal charging, each of shape (stations, 1440); `Stations.prices_by_minute`
        where not given.
    """
    fast, normal = prices or stations.prices_by_minute()
    by_line = np.stack([fast, normal], axis=1).reshape(2 * len(stations), DAY_MIN)
    # Prices change a few times a day: bands stay in the processor's cache where 1440 columns would not.
    change = np.flatnonzero(np.any(by_line[:, 1:] != by_line[:, :-1], axis=0)) + 1
    begin = np.concatenate([[0], change])
    band = np.zeros(DAY_MIN, np.int64)
    band[change] = 1
    return Sites(
        kw=np.stack([stations.fast_kw, stations.normal_kw], axis=1).ravel(),
        band=np.cumsum(band),
        price=np.ascontiguousarray(by_line[:, begin].T),
    )


def rules_of(parameters: Parameters, choice: StationChoice | None, seed: int) -> Rules:
    """How drivers choose, as kernels want it."""
    built_in = choice_of(parameters)
    if choice is not None and not outside(choice):
        built_in = choice  # type: ignore[assignment]
    return Rules(
        per_min=per_minute(built_in.value_of_time_per_h),
        information=WORDS["information"].index(parameters.information),
        choice=int(isinstance(built_in, RandomRegret)),
        regret_per_min=float(getattr(built_in, "regret_scale", 0.0)),
        taste_min=float(parameters.taste_min),
        gumbel=bool(getattr(choice or built_in, "gumbel", False)),
        seed=np.uint64(seed),
        taper_soc=float(parameters.taper_soc),
        efficiency=float(parameters.charge_efficiency),
    )


def outside(choice: StationChoice | None) -> bool:
    """Whether a choice has no kernel of its own: a subclass of a built-in one has none either."""
    return choice is not None and type(choice) not in (GeneralisedCost, Logit, RandomRegret)


def lines_of(plan: StationPlan, capacity: int) -> Lines:
    """Empty lines of a plan."""
    chargers = np.stack([plan.fast, plan.normal], axis=1).ravel()
    first = np.concatenate([[0], np.cumsum(chargers)]).astype(np.int64)
    lines = Lines(
        first=first,
        free=np.zeros(first[-1]),
        top=np.zeros(len(chargers)),
        size=np.zeros(2, np.int64),
        due=np.zeros(capacity),
        who=np.zeros(capacity, np.int32),
        head=np.zeros(len(plan.fast), np.int32),
        after=np.zeros(capacity, np.int32),
        room=np.zeros(int((plan.fast + plan.normal).max(initial=0))),
    )
    queueing.clear(lines)
    return lines


def charges_of(capacity: int) -> Charges:
    """Room for requests."""
    fill = {"station": -1, "kind": -1, "arrive": np.nan, "start": np.nan, "end": np.nan}
    return Charges(
        *(np.full(capacity, fill.get(f, 0), _BY_REQUEST.get(f, np.float64)) for f in Charges._fields)
    )


def shortlist_of() -> queueing_choice.Shortlist:
    """Room for the alternatives of one driver."""
    n = queueing_choice.ALTERNATIVES
    return queueing_choice.Shortlist(
        np.zeros(n), np.zeros(n), np.zeros(n, np.int32), np.zeros(n, np.int32), np.zeros((4, n))
    )


def take_in(charges: Charges, rules: Rules, requests: Requests, first: int) -> None:
    """Write what requests ask for into `charges`, from number `first` on."""
    here = slice(first, first + len(requests))
    charges.energy_kwh[here] = requests.energy_kwh
    charges.fast_kw[here] = requests.fast_kw
    charges.normal_kw[here] = requests.normal_kw
    queueing_costs.levels(
        requests.energy_kwh, requests.soc, requests.battery_kwh, rules, charges.level_kwh[here]
    )


def detours(requests: Requests, station: Array) -> Array:
    """Detour to the chosen stations [min]; nan where there is none."""
    if requests.stations == 0:
        return np.full(len(station), np.nan)
    row = np.arange(len(station))
    there = requests.to_ms[row, station].astype(np.int64) + requests.onward_ms[row, station]
    return np.where(station < 0, np.nan, np.maximum(there - requests.direct_ms, 0) / 60000.0)


def sessions_of(
    charges: Charges,
    sites: Sites,
    vehicle: Array,
    about: dict[str, Array],
    r: Array,
) -> Sessions:
    """The charges of requests `r`."""
    station, kind, start = charges.station[r], charges.kind[r], charges.start[r]
    line = 2 * station + kind
    band = sites.band[start.astype(np.int64) % DAY_MIN]
    limit = np.where(kind == 0, charges.fast_kw[r], charges.normal_kw[r])
    return Sessions(
        request=r,
        vehicle=vehicle[r],
        station=station,
        kind=kind,
        decide_min=about["decide_min"][r],
        arrive_min=charges.arrive[r],
        start_min=start,
        end_min=charges.end[r],
        detour_min=about["detour_min"][r],
        energy_kwh=charges.energy_kwh[r],
        power_kw=np.minimum(sites.kw[line], limit),
        price_per_kwh=sites.price[band, line],
        soc=about["soc"][r],
        battery_kwh=about["battery_kwh"][r],
    )
