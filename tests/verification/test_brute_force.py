"""Brute force on up to four vehicles: every set of steps, no solver of any kind.

With one feeder and one stay a vehicle, an overload o is enough exactly when for every set S of steps the
energy that cannot be charged outside S fits into S (max-flow min-cut):
sum_i w_i (need_i - sum of P_it outside S)_+ <= sum over S of (h_t + o). The least o follows from trying
every S.
"""

from __future__ import annotations

from datetime import datetime
from itertools import combinations

import numpy as np
import pytest

from tidewatt.coordination.study import coordinate
from tidewatt.domain.fleet import Dwells, Fleet, Trips
from tidewatt.domain.grid import NO_BANK, CostPieces, Grid
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.scenario import Scenario

STEPS = 7


def few_vehicles(rng: np.random.Generator) -> tuple[Scenario, float]:
    """One to four vehicles at a feeder, and the least overload by brute force."""
    n = int(rng.integers(1, 5))
    whole = rng.random() < 0.5
    arrive = rng.uniform(0.0, STEPS - 1.0, n)
    depart = arrive + rng.uniform(0.3, 1.0, n) * (STEPS - arrive)
    if whole:
        arrive, depart = np.floor(arrive), np.ceil(depart)
    charger = rng.choice([3.7, 7.2, 11.0], n)
    weight = rng.choice([1.0, 3.0], n)
    edges = np.arange(STEPS)
    share = np.clip(np.minimum(depart[:, None], edges + 1) - np.maximum(arrive[:, None], edges), 0.0, 1.0)
    power = charger[:, None] * share
    need = rng.uniform(0.0, 1.0, n) * power.sum(axis=1)  # kWh on the grid side, in steps of an hour
    headroom = rng.uniform(-1.0, 4.0, STEPS)
    least = 0.0
    for size in range(1, STEPS + 1):
        for inside in combinations(range(STEPS), size):
            outside = [t for t in range(STEPS) if t not in inside]
            forced = float(weight @ np.maximum(0.0, need - power[:, outside].sum(axis=1)))
            least = max(least, (forced - headroom[list(inside)].sum()) / size)
    efficiency = rng.uniform(0.8, 1.0, n)
    battery = np.full(n, 100.0)
    fleet = Fleet(
        vehicle_id=np.arange(n),
        battery_kwh=battery,
        soc_initial=np.full(n, 0.2),
        soc_min=np.full(n, 0.1),
        soc_max=np.full(n, 1.0),
        soc_final_min=0.2 + need * efficiency / battery,
        charge_efficiency=efficiency,
        max_charge_kw=np.full(n, np.inf),
        weight=weight,
        discharge_efficiency=np.ones(n),
        max_discharge_kw=np.zeros(n),
    )
    grid = Grid(
        feeder_id=np.array([0]),
        bank_id=np.zeros(0, np.int64),
        bank=np.array([NO_BANK]),
        headroom_kw=headroom[None, :],
        bank_headroom_kw=np.zeros((0, STEPS)),
        cost=CostPieces.linear(np.array([2.0])),
        bank_cost=CostPieces.linear(np.zeros(0)),
        rating_kw=np.array([np.nan]),
        bank_rating_kw=np.zeros(0),
    )
    first = np.arange(n + 1)
    scenario = Scenario(
        "few",
        Horizon(datetime(2027, 1, 11), 60.0, STEPS),
        fleet,
        Dwells(first, 60 * arrive, 60 * depart, np.zeros(n, np.int32), charger),
        # A short drive before arrival keeps every vehicle's table of trips filled; it takes no energy.
        Trips(first, 60 * arrive, 60 * arrive, np.zeros(n)),
        grid,
    )
    return scenario, 2.0 * least


@pytest.mark.parametrize("solver", ["newton", "admm"])
def test_least_overload_by_trying_every_set_of_steps(solver: str) -> None:
    """Without it tidewatt and HiGHS could agree on the optimum of the wrong program."""
    for seed in range(25):
        scenario, least = few_vehicles(np.random.default_rng(seed))
        result = coordinate(
            scenario, relative_gap=1e-6, solver=solver, threads=1, session=False, max_passes=20_000
        )
        unmanaged = result.certificates["unmanaged"].upgrade_cost
        rounding = 1e-8 * (1.0 + unmanaged)
        proof = result.certificate
        assert proof.upgrade_cost >= least - rounding, seed
        assert proof.lower_bound_cost <= least + rounding, seed
        assert proof.upgrade_cost <= least * (1 + 1e-6) + 2e-6 * unmanaged + rounding, seed
