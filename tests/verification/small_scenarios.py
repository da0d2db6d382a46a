"""Small random scenarios with everything in them that a linear program can tell apart."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from tidewatt.domain.fleet import OFF_GRID, Dwells, Fleet, Trips
from tidewatt.domain.grid import NO_BANK, CostPieces, Grid
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.scenario import Scenario

KINDS = (
    "plain",
    "ties",
    "two_dwells_in_a_step",
    "fractions_of_a_step",
    "off_grid",
    "short",
    "weights",
    "banks",
    "zero_headroom",
    "negative_headroom",
    "pieces",
    "no_overload",
    "one_vehicle",
    "unlimited_feeder",
    "everything",
)
"""What `small_scenario` can put in; "everything" is all that can stand together."""


def small_scenario(kind: str, seed: int) -> Scenario:
    """A scenario of a few vehicles and feeders, one of `KINDS`."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, KINDS.index(kind)]))

    def has(feature: str) -> bool:
        return kind in (feature, "everything")

    vehicles = 1 if kind == "one_vehicle" else int(rng.integers(2, 14))
    feeders = int(rng.integers(1, 5))
    step_min = float(rng.choice([60.0, 15.0, 30.0]))
    steps = int(rng.integers(12, 30))
    horizon = Horizon(datetime(2027, 1, 11), step_min, steps)
    dwells, trips, battery = _mobility(rng, vehicles, feeders, horizon, has, kind)
    soc_min = np.full(vehicles, 0.1) if has("ties") else rng.uniform(0.0, 0.2, vehicles)
    soc_initial = np.full(vehicles, 0.5) if has("ties") else rng.uniform(0.25, 0.95, vehicles)
    driven = np.add.reduceat(np.append(trips.energy_kwh, 0.0), trips.first[:-1])
    driven[np.diff(trips.first) == 0] = 0.0
    if has("short"):
        soc_initial = np.where(rng.random(vehicles) < 0.5, soc_min, soc_initial)
    soc_final = np.minimum(1.0, soc_initial + (rng.random(vehicles) < 0.3) * 0.05)
    weight = rng.choice([1.0, 2.0, 5.5], vehicles) if has("weights") else np.ones(vehicles)
    fleet = Fleet(
        vehicle_id=np.arange(vehicles),
        battery_kwh=battery,
        soc_initial=soc_initial,
        soc_min=soc_min,
        soc_max=np.full(vehicles, 1.0),
        soc_final_min=soc_final,
        charge_efficiency=np.full(vehicles, 0.9) if has("ties") else rng.uniform(0.8, 1.0, vehicles),
        max_charge_kw=np.where(rng.random(vehicles) < 0.5, np.inf, 7.4),
        weight=weight,
        discharge_efficiency=np.full(vehicles, 0.9),
        max_discharge_kw=np.zeros(vehicles),
    )
    return Scenario(
        f"{kind}-{seed}", horizon, fleet, dwells, trips, _grid(rng, feeders, vehicles, steps, has)
    )


def _mobility(rng, vehicles, feeders, horizon, has, kind):
    """Alternating stays and trips that fill the horizon."""
    rows, drives = [], []
    battery = np.full(vehicles, 40.0) if has("ties") else rng.uniform(15.0, 80.0, vehicles)
    for i in range(vehicles):
        stays = int(rng.integers(1, 6))
        if has("two_dwells_in_a_step"):
            stays += int(rng.integers(2, 6))
        cuts = np.sort(rng.uniform(0.0, horizon.minutes, 2 * (stays - 1)))
        if has("two_dwells_in_a_step") and stays > 2:
            # A stop of a few minutes within one step, between two stays that share that step.
            at = rng.integers(1, horizon.steps - 1) * horizon.step_min
            cuts[:4] = at + np.array([0.2, 0.3, 0.5, 0.7]) * horizon.step_min
            cuts.sort()
        if not (has("fractions_of_a_step") or has("two_dwells_in_a_step")):
            cuts = np.round(cuts / horizon.step_min) * horizon.step_min
        edges = np.concatenate([[0.0], cuts, [horizon.minutes]]).reshape(-1, 2)
        for j, (arrive, depart) in enumerate(edges):
            feeder = int(rng.integers(feeders))
            if has("off_grid") and rng.random() < 0.3:
                feeder = OFF_GRID
            charger = float(rng.choice([0.0, 3.7, 7.2, 11.0], p=[0.15, 0.25, 0.4, 0.2]))
            if has("ties"):
                charger = 7.2
            rows.append((i, arrive, depart, feeder, charger))
            if j + 1 < len(edges):
                size = 0.6 if has("short") and rng.random() < 0.4 else 0.15
                energy = 4.0 if kind == "ties" else rng.uniform(0.0, size) * battery[i]
                drives.append((i, depart, edges[j + 1][0], energy))
    d = np.array(rows)
    t = np.array(drives).reshape(-1, 4)

    def first(owner):
        return np.concatenate([[0], np.cumsum(np.bincount(owner.astype(int), minlength=vehicles))])

    return (
        Dwells(first(d[:, 0]), d[:, 1], d[:, 2], d[:, 3].astype(np.int32), d[:, 4]),
        Trips(first(t[:, 0]), t[:, 1], t[:, 2], t[:, 3]),
        battery,
    )


def _grid(rng, feeders, vehicles, steps, has):
    banks = int(rng.integers(1, 3)) if has("banks") else 0
    level = 3.0 * vehicles / feeders
    headroom = level * rng.uniform(0.0, 0.8, (feeders, steps))
    bank_headroom = 3.0 * vehicles / max(banks, 1) * rng.uniform(0.0, 0.6, (banks, steps))
    if has("zero_headroom"):
        headroom[:, rng.random(steps) < 0.6] = 0.0
    if has("negative_headroom"):
        headroom -= level * 0.3
    if has("no_overload"):
        headroom = np.full((feeders, steps), 1e4)
        bank_headroom = np.full((banks, steps), 1e5)
    if has("everything"):  # "no_overload" would hide the rest
        headroom = level * rng.uniform(-0.2, 0.7, (feeders, steps))
        bank_headroom = 3.0 * vehicles / max(banks, 1) * rng.uniform(-0.1, 0.5, (banks, steps))
    if has("unlimited_feeder"):
        headroom[0] = np.inf
    bank = rng.integers(-1, banks, feeders) if banks else np.full(feeders, NO_BANK)

    def cost(n):
        if not has("pieces"):
            return CostPieces.linear(rng.choice([1.0, 1.0, 3.0], n))
        count = rng.integers(1, 4, n)
        first = np.concatenate([[0], np.cumsum(count)])
        above, slope = np.zeros(first[-1]), np.zeros(first[-1])
        for g in range(n):
            rows = slice(first[g], first[g + 1])
            above[rows] = np.concatenate([[0.0], np.sort(rng.uniform(0.5, 12.0, count[g] - 1))])
            slope[rows] = np.sort(rng.uniform(0.2, 4.0, count[g]))
        return CostPieces(first, above, slope)

    return Grid(
        feeder_id=np.arange(feeders),
        bank_id=np.arange(banks),
        bank=bank,
        headroom_kw=headroom,
        bank_headroom_kw=bank_headroom,
        cost=cost(feeders),
        bank_cost=cost(banks),
        rating_kw=np.full(feeders, np.nan),
        bank_rating_kw=np.full(banks, np.nan),
    )
