"""Feeders and banks drawn from what a utility publishes about its own."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.grid import NO_BANK, CostPieces, Grid
from tidewatt.domain.horizon import Horizon
from tidewatt.synthesis import statistics as st

__all__ = ["FeederPlan", "base_load", "draw_feeders", "grid_of"]

KW_PER_CUSTOMER = 2.5
"""Peak load of a feeder per household [kW]: after diversity, usual planning value."""

KM_PER_DEGREE = 111.2
ANCHOR = (-121.9, 37.6)  # Somewhere inland: the region is made up, only its statistics are real.

SUBSTATIONS = ["Alder", "Ash", "Aspen", "Bay", "Beech", "Birch", "Cedar", "Cherry", "Clover", "Cypress", "Dogwood", "Elder", "Elm", "Fern", "Fir", "Hazel", "Heather", "Holly", "Ivy", "Juniper", "Larch", "Laurel", "Lilac", "Linden", "Lupine", "Madrone", "Manzanita", "Maple", "Myrtle", "Oak", "Olive", "Palm", "Pine", "Poplar", "Redwood", "Rowan", "Sage", "Spruce", "Sumac", "Sycamore", "Tamarack", "Thistle", "Walnut", "Willow", "Yarrow", "Yew"]


@dataclass(frozen=True, slots=True, eq=False)
class FeederPlan:
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
    bank_rating_factor : array, shape (banks,)
        Bank rating over the sum of its feeders' ratings.
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
    bank_rating_factor: Array
    x_km: Array
    y_km: Array
    name: Array

    @property
    def feeders(self) -> int:
        """Number of feeders."""
        return len(self.rating_kw)

    def scaled(self, factor: float) -> FeederPlan:
        """The same feeders, every rating, load and customer count times `factor`."""
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
    # Stratified draws: even 60 feeders show the whole distribution.
    rank = (rng.permutation(feeders) + rng.random(feeders)) / feeders
    rating = 1000.0 * np.interp(rank, st.QUANTILES, st.FEEDER_RATING_MW)
    lowest = float(np.interp(0.0, st.FEEDER_HEADROOM, st.QUANTILES)) - already_overloaded
    rank = (rng.permutation(feeders) + rng.random(feeders)) / feeders
    headroom = np.interp(
        max(lowest, 0.0) + rank * (0.98 - max(lowest, 0.0)), st.QUANTILES, st.FEEDER_HEADROOM
    )
    peak = rating * (1.0 - headroom)
    kind = rng.random(feeders)  # three in five residential, one in four mixed, the rest commercial
    commercial = np.where(kind < 0.6, rng.uniform(0.05, 0.25, feeders), rng.uniform(0.3, 0.6, feeders))
    commercial = np.where(kind > 0.85, rng.uniform(0.75, 0.95, feeders), commercial)
    customers = np.maximum(np.round(peak * (1 - commercial) / KW_PER_CUSTOMER), 1).astype(np.int64)

    bank = np.full(feeders, NO_BANK, np.int32)
    substation = np.arange(feeders)
    at, banks, group = 0, 0, 0
    least, most = feeders_per_bank
    while at < feeders:
        size = int(rng.integers(least, most + 1))
        alone = rng.random() < without_bank * (least + most) / 2 if feeders > most else False
        if alone:
            size = 1
        rows = slice(at, at + size)
        substation[rows] = group
        if not alone:
            bank[rows] = banks
            banks += 1
        at += size
        group += 1
    probability, ratio = st.BANK_OVER_FEEDER_RATING
    factor = np.interp(rng.uniform(0.1, 0.9, banks), probability, ratio)

    side_km = 2.6 * np.sqrt(feeders)  # about seven square kilometres a feeder, as in a Bay Area suburb
    centre = rng.uniform(0.0, side_km, (group, 2))
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
    return FeederPlan(rating, peak, commercial, customers, bank, factor, x, y, name)


def base_load(plan: FeederPlan, horizon: Horizon, seed: int) -> Array:
    """Load without charging [kW], shape (feeders, steps): class shapes mixed, each with its own hour and days.

    The highest value of every feeder is its `peak_kw`.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(11,)))
    minute = (
        horizon.start.hour * 60 + horizon.start.minute + (np.arange(horizon.steps) + 0.5) * horizon.step_min
    )
    day = (minute // 1440).astype(np.int64)
    weekend = ((horizon.start.weekday() + day) % 7 >= 5).astype(np.int64)
    shift_h = rng.normal(0.0, 0.5, plan.feeders)
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
        load[f] = ((1 - plan.commercial[f]) * home + plan.commercial[f] * shop) * level[f, day]
    scaled: Array = load * (plan.peak_kw / load.max(axis=1))[:, None]
    return scaled


def grid_of(plan: FeederPlan, load_kw: Array, tightness: float, seed: int) -> Grid:
    """The grid of a plan; headroom is divided by `tightness` where there is any."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(12,)))
    headroom = _tighter(plan.rating_kw[:, None] - load_kw, tightness)
    load_kw = plan.rating_kw[:, None] - headroom
    banks = len(plan.bank_rating_factor)
    on = plan.bank >= 0
    bank_rating, raw, tight = (
        np.zeros(banks),
        np.zeros((banks, load_kw.shape[1])),
        np.zeros((banks, load_kw.shape[1])),
    )
    np.add.at(bank_rating, plan.bank[on], plan.rating_kw[on])
    np.add.at(tight, plan.bank[on], load_kw[on])
    bank_rating *= plan.bank_rating_factor
    raw = _tighter(bank_rating[:, None] - tight, 1.0)
    cost = st.UPGRADE_COST_PER_KW[1]
    latitude = ANCHOR[1] + plan.y_km / KM_PER_DEGREE
    longitude = ANCHOR[0] + plan.x_km / (KM_PER_DEGREE * np.cos(np.radians(ANCHOR[1])))
    return Grid(
        feeder_id=[f"F{i + 1:04d}" for i in range(plan.feeders)],
        bank_id=[f"B{i + 1:03d}" for i in range(banks)],
        bank=plan.bank,
        headroom_kw=headroom,
        bank_headroom_kw=raw,
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
    )


def _tighter(headroom_kw: Array, tightness: float) -> Array:
    tighter: Array = np.where(headroom_kw > 0, headroom_kw / tightness, headroom_kw)
    return tighter
