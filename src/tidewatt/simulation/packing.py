"""Stations, plans and requests as the kernels of queueing want them."""

from __future__ import annotations

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.stations import StationPlan, Stations
from tidewatt.kernels import queueing, queueing_choice
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

__all__ = ["charges_of", "lines_of", "outside", "rules_of", "shortlist_of", "sites_of", "take_in"]

_BY_REQUEST = {
    "station": np.int32,
    "kind": np.int8,
    "log": np.int32,
}


def sites_of(stations: Stations, prices: tuple[Array, Array] | None = None) -> queueing.Sites:
    """What stations offer, as kernels want it.

    Parameters
    ----------
    prices : (array, array), optional
        Price of fast and of normal charging, each of shape (stations, 1440); `Stations.prices_by_minute`
        where not given.
    """
    fast, normal = prices or stations.prices_by_minute()
    by_line = np.stack([fast, normal], axis=1).reshape(2 * len(stations), queueing.DAY_MIN)
    # Prices change a few times a day: bands stay in the processor's cache where 1440 columns would not.
    change = np.flatnonzero(np.any(by_line[:, 1:] != by_line[:, :-1], axis=0)) + 1
    begin = np.concatenate([[0], change])
    band = np.zeros(queueing.DAY_MIN, np.int64)
    band[change] = 1
    return queueing.Sites(
        kw=np.stack([stations.fast_kw, stations.normal_kw], axis=1).ravel(),
        band=np.cumsum(band),
        price=np.ascontiguousarray(by_line[:, begin].T),
    )


def rules_of(parameters: Parameters, choice: StationChoice | None, seed: int) -> queueing.Rules:
    """How drivers choose, as kernels want it."""
    built_in = choice_of(parameters)
    if choice is not None and not outside(choice):
        built_in = choice  # type: ignore[assignment]
    return queueing.Rules(
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


def lines_of(plan: StationPlan, capacity: int) -> queueing.Lines:
    """Empty lines of a plan."""
    chargers = np.stack([plan.fast, plan.normal], axis=1).ravel()
    first = np.concatenate([[0], np.cumsum(chargers)]).astype(np.int64)
    lines = queueing.Lines(
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


def charges_of(capacity: int) -> queueing.Charges:
    """Room for requests."""
    fill = {"station": -1, "kind": -1, "arrive": np.nan, "start": np.nan, "end": np.nan}
    return queueing.Charges(
        *(np.full(capacity, fill.get(f, 0), _BY_REQUEST.get(f, np.float64)) for f in queueing.Charges._fields)
    )


def shortlist_of() -> queueing_choice.Shortlist:
    """Room for the alternatives of one driver."""
    n = queueing_choice.ALTERNATIVES
    return queueing_choice.Shortlist(
        np.zeros(n), np.zeros(n), np.zeros(n, np.int32), np.zeros(n, np.int32), np.zeros((4, n))
    )


def take_in(charges: queueing.Charges, rules: queueing.Rules, requests: Requests, first: int) -> None:
    """Write what requests ask for into `charges`, from number `first` on."""
    here = slice(first, first + len(requests))
    charges.energy_kwh[here] = requests.energy_kwh
    charges.fast_kw[here] = requests.fast_kw
    charges.normal_kw[here] = requests.normal_kw
    queueing_choice.levels(
        requests.energy_kwh, requests.soc, requests.battery_kwh, rules, charges.level_kwh[here]
    )
