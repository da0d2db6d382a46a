"""Feeders and banks drawn from what a utility publishes about its own."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.grid import NO_BANK, CostPieces, Grid
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.shown import Shown
from tidewatt.synthesis import statistics as st

__all__ = ["FeederPlan", "base_load", "draw_feeders", "grid_of"]

KW_PER_CUSTOMER = 2.5
"""Peak load of a feeder per household [kW]: after diversity, usual planning value."""

VALLEY_SPREAD = 0.28
"""Standard deviation of the logarithm of the exponent put on a feeder's shape. Night load over peak
is then 0.32 to 0.64 for nine feeders in ten (median 0.48); 48 feeders of PG&E's Integration Capacity
Analysis 2022 have 0.34 to 0.64 (0.45) in their peak month."""

KM_PER_DEGREE = 111.2
ANCHOR = (-121.9, 37.6)  # Somewhere inland: the region is made up, only its statistics are real.

SUBSTATIONS = [
    "Alder",
    "Ash",
    "Aspen",
    "Bay",
    "Beech",
    "Birch",
    "Cedar",
    "Cherry",
    "Clover",
    "Cypress",
    "Dogwood",
    "Elder",
    "Elm",
    "Fern",
    "Fir",
    "Hazel",
    "Heather",
    "Holly",
    "Ivy",
    "Juniper",
    "Larch",
    "Laurel",
    "Lilac",
    "Linden",
    "Lupine",
    "Madrone",
    "Manzanita",
    "Maple",
    "Myrtle",
    "Oak",
    "Olive",
    "Palm",
    "Pine",
    "Poplar",
    "Redwood",
    "Rowan",
    "Sage",
    "Spruce",
    "Sumac",
    "Sycamore",
    "Tamarack",
    "Thistle",
    "Walnut",
    "Willow",
    "Yarrow",
    "Yew",
]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FeederPlan(Shown):
    """What is drawn about feeders before vehicles are known; all arrays of shape (feeders,) unless noted.

    Attributes
    ----------
    rating_kw, peak_kw : array
        Rating, and highest load without charging [kW].
    commercial : array
        Share of commercial load, 0..1.
    customers : array of int64
        Households served.
    bank : array of int32
        Index of the bank, or `NO_BANK`.
    bank_headroom : array, shape (banks,)
        (Rating - peak load) / rating of the banks.
    x_km, y_km : array
        Coordinates.
    name : array of str
        Names of feeders: substation and number.
    """

    rating_kw: Array
    peak_kw: Array
    commercial: Array
    customers: Array
    bank: Array
    bank_headroom: Array
    x_km: Array
    y_km: Array
    name: Array

    @property
    def feeders(self) -> int:
        """Number of feeders."""
        return len(self.rating_kw)

    def scaled(self, factor: float) -> FeederPlan:
        """Return the same feeders, every rating, load and customer count times `factor`."""
        return replace(
            self,
            rating_kw=self.rating_kw * factor,
            peak_kw=self.peak_kw * factor,
            customers=np.maximum(np.round(self.customers * factor), 1).astype(np.int64),
        )


def draw_feeders(
    feeders: int, feeders_per_bank: tuple[int, int], without_bank: float, already_overloaded: float, seed: int
) -> FeederPlan:
    """Draw ratings, peak loads, customers, banks and places of `feeders` feeders."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(10,)))
    rating = 1000.0 * _spread(st.FEEDER_RATING_MW, feeders, 0.0, rng)
    peak = rating * (1.0 - _spread(st.FEEDER_HEADROOM, feeders, already_overloaded, rng))
    kind = rng.random(feeders)  # three in five residential, one in four mixed, the rest commercial
    commercial = np.where(kind < 0.6, rng.uniform(0.05, 0.25, feeders), rng.uniform(0.3, 0.6, feeders))
    commercial = np.where(kind > 0.85, rng.uniform(0.75, 0.95, feeders), commercial)
    customers = np.maximum(np.round(peak * (1 - commercial) / KW_PER_CUSTOMER), 1).astype(np.int64)

    bank, substation = _substations(feeders, feeders_per_bank, without_bank, rng)
    groups = int(substation[-1]) + 1
    headroom = _spread(st.BANK_HEADROOM, int(bank.max()) + 1, already_overloaded, rng)

    side_km = 2.6 * np.sqrt(feeders)  # about seven square kilometres a feeder, as in a Bay Area suburb
    centre = rng.uniform(0.0, side_km, (groups, 2))
    angle, radius = rng.uniform(0, 2 * np.pi, feeders), 2.0 * np.sqrt(rng.random(feeders))
    x = centre[substation, 0] + radius * np.cos(angle)
    y = centre[substation, 1] + radius * np.sin(angle)
    number = 1101 + np.arange(feeders) - np.searchsorted(substation, substation)
    series = substation // len(SUBSTATIONS)
    name = np.array(
        [
            f"{SUBSTATIONS[s % len(SUBSTATIONS)]}{f' {k + 1}' if k else ''} {n}"
            for s, k, n in zip(substation, series, number)
        ],
        dtype=object,
    )
    return FeederPlan(rating, peak, commercial, customers, bank, headroom, x, y, name)


def _spread(quantiles: Array, n: int, already_overloaded: float, rng: np.random.Generator) -> Array:
    """Draw from quantiles, stratified so that even a few draws show the whole spread.

    Of headroom (what has negative quantiles) only the share `already_overloaded` of negative values
    is kept, and none of the uppermost 2 %, which are feeders that hardly serve anyone.
    """
    low, high = 0.0, 1.0
    if quantiles[0] < 0:
        low = max(float(np.interp(0.0, quantiles, st.QUANTILES)) - already_overloaded, 0.0)
        high = 0.98
    rank = (rng.permutation(n) + rng.random(n)) / max(n, 1)
    drawn: Array = np.interp(low + rank * (high - low), st.QUANTILES, quantiles)
    return drawn


def _substations(
    feeders: int, feeders_per_bank: tuple[int, int], without_bank: float, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Return bank (or `NO_BANK`) and substation of every feeder."""
    bank, substation = np.full(feeders, NO_BANK, np.int32), np.zeros(feeders, np.int64)
    least, most = feeders_per_bank
    at = banks = group = 0
    while at < feeders:
        # A substation without bank has one feeder: more of them for the same share of feeders.
        alone = feeders > most and rng.random() < without_bank * (least + most) / 2
        size = 1 if alone else min(int(rng.integers(least, most + 1)), feeders - at)
        substation[at : at + size] = group
        if not alone:
            bank[at : at + size] = banks
            banks += 1
        at, group = at + size, group + 1
    return bank, substation


def base_load(plan: FeederPlan, horizon: Horizon, seed: int) -> Array:
    """Return load without charging [kW], (feeders, steps): class shapes mixed, each shifted and scaled.

    The highest value of every feeder is its `peak_kw`.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(11,)))
    minute = (
        horizon.start.hour * 60 + horizon.start.minute + (np.arange(horizon.steps) + 0.5) * horizon.step_min
    )
    day = (minute // 1440).astype(np.int64)
    weekend = ((horizon.start.weekday() + day) % 7 >= 5).astype(np.int64)
    shift_h = rng.normal(0.0, 0.5, plan.feeders)
    depth = np.exp(rng.normal(0.15, VALLEY_SPREAD, plan.feeders))
    level = rng.normal(1.0, 0.025, (plan.feeders, int(day.max()) + 1))
    load = np.empty((plan.feeders, horizon.steps))
    shapes = np.concatenate([st.DAY_SHAPES, st.DAY_SHAPES[:, :, :1]], axis=2) / 100.0
    hours = np.arange(25.0)
    for f in range(plan.feeders):
        hour = (minute / 60.0 - 0.5 - shift_h[f]) % 24.0
        home, shop = (
            np.where(weekend, np.interp(hour, hours, shape[1]), np.interp(hour, hours, shape[0]))
            for shape in shapes
        )
        mixed = (1 - plan.commercial[f]) * home + plan.commercial[f] * shop
        load[f] = mixed ** depth[f] * level[f, day]
    scaled: Array = load * (plan.peak_kw / load.max(axis=1))[:, None]
    return scaled


def grid_of(plan: FeederPlan, load_kw: Array, tightness: float, seed: int) -> Grid:
    """Return the grid of a plan; headroom is divided by `tightness` where it is positive."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(12,)))
    on = plan.bank >= 0

    def by_bank(values: Array) -> Array:
        total = np.zeros((len(plan.bank_headroom), *values.shape[1:]))
        np.add.at(total, plan.bank[on], values[on])
        return total

    feeder_rating = by_bank(plan.rating_kw)
    bank_rating = by_bank(load_kw).max(axis=1) / (1.0 - plan.bank_headroom)
    # Less headroom under the same rating is more load: a bank's rating then has to follow.
    bank_rating = feeder_rating + (bank_rating - feeder_rating) / tightness
    headroom = plan.rating_kw[:, None] - load_kw
    headroom = np.where(headroom > 0, headroom / tightness, headroom)
    load_kw = plan.rating_kw[:, None] - headroom
    banks = len(bank_rating)
    cost = st.UPGRADE_COST_PER_KW[1]
    latitude = ANCHOR[1] + plan.y_km / KM_PER_DEGREE
    longitude = ANCHOR[0] + plan.x_km / (KM_PER_DEGREE * np.cos(np.radians(ANCHOR[1])))
    return Grid(
        feeder_id=np.array([f"F{i + 1:04d}" for i in range(plan.feeders)], dtype=object),
        bank_id=np.array([f"B{i + 1:03d}" for i in range(banks)], dtype=object),
        bank=plan.bank,
        headroom_kw=headroom,
        bank_headroom_kw=bank_rating[:, None] - by_bank(load_kw),
        cost=CostPieces.linear(np.round(cost[0] * np.exp(rng.normal(0, 0.25, plan.feeders)), -1)),
        bank_cost=CostPieces.linear(np.round(cost[1] * np.exp(rng.normal(0, 0.25, banks)), -1)),
        rating_kw=plan.rating_kw,
        bank_rating_kw=bank_rating,
        base_load_kw=load_kw,
        attributes={
            "customers": plan.customers,
            "longitude": longitude,
            "latitude": latitude,
            "name": plan.name,
        },
        bank_attributes={"name": _bank_names(plan)},
    )


def _bank_names(plan: FeederPlan) -> Array:
    """Name each bank after the substation of its feeders."""
    _, first = np.unique(plan.bank[plan.bank >= 0], return_index=True)
    feeders = plan.name[plan.bank >= 0][first]
    return np.array([f"{str(name).rsplit(' ', 1)[0]} bank" for name in feeders], dtype=object)
