"""Embedded scenarios to look at, change and learn from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tidewatt.domain.grid import NO_BANK, CostPieces, Grid
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.scenario import Scenario
from tidewatt.errors import Issue, ScenarioError
from tidewatt.options.declaration import Seed, check_value
from tidewatt.synthesis.city import city
from tidewatt.synthesis.feeders import FeederPlan, base_load, grid_of
from tidewatt.synthesis.habits import Habits
from tidewatt.synthesis.region import WEEK, places_of, region
from tidewatt.synthesis.statistics import VEHICLES_PER_HOUSEHOLD
from tidewatt.synthesis.tariff_case import tariff_case, tariff_case_v2g
from tidewatt.synthesis.week import synthesise

__all__ = ["EXAMPLES", "example"]

HOURLY_WEEK = Horizon(WEEK.start, 60.0, 168)

EXAMPLES: dict[str, str] = {
    "demo": "60 feeders with banks, 20,000 vehicles, a week in steps of 15 min",
    "village": "3 feeders, 1 bank, 40 vehicles, a week by the hour: small enough to read",
    "commute": "12 feeders without banks, most workplaces outside the grid, 1,500 vehicles",
    "piecewise": "12 feeders, 1,500 vehicles; the first kW of an upgrade are cheap, further ones dear",
    "weights": "12 feeders, 1,200 vehicles that stand for 1, 2 or 5 real ones each",
    "city": "3,000 road links, 60 zones, 40 charging stations, 10,000 vehicles a day: for simulate",
    "tariff-20-17": "20 road nodes, 17 buses, 4 charging sites, 10,000 vehicles, a day: for tariff",
    "tariff-20-17-v2g": "the same with discharging, and a state of charge to arrive with",
}
"""Name and description of every example."""


def example(name: str, *, seed: int = 0) -> Scenario:
    """Return an embedded scenario by its name in `EXAMPLES`; the same seed gives the same scenario.

    Raises
    ------
    ScenarioError
        If there is no example of that name, or the seed is none.
    """
    check_value("example", "seed", Seed, seed)
    if name not in _MAKERS:
        raise ScenarioError(
            [
                Issue(
                    "example", "name", f"there is no example {name!r}", f"Choose one of {', '.join(EXAMPLES)}"
                )
            ]
        )
    return _MAKERS[name](seed)


def _demo(seed: int) -> Scenario:
    return region(seed=seed, name="demo")


def _village(seed: int) -> Scenario:
    horizon, habits, vehicles = HOURLY_WEEK, Habits(), 40
    plan = FeederPlan(
        rating_kw=np.array([120.0, 95.0, 150.0]),
        peak_kw=np.array([113.0, 92.0, 118.0]),
        commercial=np.array([0.1, 0.15, 0.5]),
        customers=np.array([41, 32, 24]),
        bank=np.zeros(3, np.int32),
        bank_headroom=np.array([0.05]),
        x_km=np.array([0.0, 1.2, 0.6]),
        y_km=np.array([0.0, 0.3, 1.1]),
        name=np.array(["Hillside", "Riverbank", "Market Street"], dtype=object),
    )
    grid = grid_of(plan, base_load(plan, horizon, seed), 3.0, seed)
    grid = replace(grid, feeder_id=np.array(["hillside", "riverbank", "market"]), bank_id=np.array(["mill"]))
    fleet, dwells, trips = synthesise(places_of(plan, habits), vehicles, horizon, seed=seed, habits=habits)
    fleet = replace(fleet, vehicle_id=np.array([f"car-{i + 1:02d}" for i in range(vehicles)]))
    total = float(plan.customers.sum()) * VEHICLES_PER_HOUSEHOLD
    sampling = {
        "adoption": round(vehicles / total, 4),
        "vehicles_total": round(total),
        "method": "independent",
    }
    return Scenario("village", horizon, fleet, dwells, trips, grid, sampling=sampling, currency="USD")


def _commute(seed: int) -> Scenario:
    habits = Habits(off_grid_work=0.7, commuters=0.8, work_charging=0.35, home_charging=0.6)
    scenario = region(
        feeders=12,
        vehicles=1500,
        horizon=HOURLY_WEEK,
        seed=seed,
        habits=habits,
        tightness=8.0,
        name="commute",
    )
    grid = scenario.grid
    none = np.zeros(0)
    without = replace(
        grid,
        bank_id=np.zeros(0, np.int64),
        bank=np.full(grid.feeders, NO_BANK),
        bank_headroom_kw=np.zeros((0, HOURLY_WEEK.steps)),
        bank_cost=CostPieces.linear(none),
        bank_rating_kw=none,
    )
    return replace(scenario, grid=without)


def _piecewise(seed: int) -> Scenario:
    scenario = region(
        feeders=12, vehicles=1500, horizon=HOURLY_WEEK, seed=seed, tightness=8.0, name="piecewise"
    )
    grid = scenario.grid
    return replace(scenario, grid=replace(grid, cost=_rising(grid, seed)))


def _rising(grid: Grid, seed: int) -> CostPieces:
    """Return rising costs: new controls, a stronger conductor from 2 % of the rating, a feeder from 8 %."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(30,)))
    level = np.exp(rng.normal(0.0, 0.2, grid.feeders))
    above = np.outer(grid.rating_kw, [0.0, 0.02, 0.08])
    cost = np.outer(level, [400.0, 1900.0, 3700.0])
    return CostPieces(3 * np.arange(grid.feeders + 1), np.round(above, 1).ravel(), np.round(cost, -1).ravel())


def _weights(seed: int) -> Scenario:
    scenario = region(
        feeders=12, vehicles=1200, horizon=HOURLY_WEEK, seed=seed, tightness=8.0, name="weights"
    )
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(31,)))
    weight = rng.choice([1.0, 2.0, 5.0], len(scenario.fleet), p=[0.5, 0.3, 0.2])
    total = float(weight.sum())
    sampling = {**scenario.sampling, "vehicles_total": round(total / scenario.sampling["adoption"])}
    return replace(scenario, fleet=replace(scenario.fleet, weight=weight), sampling=sampling)


_MAKERS: dict[str, Callable[[int], Scenario]] = {
    "demo": _demo,
    "village": _village,
    "commute": _commute,
    "piecewise": _piecewise,
    "weights": _weights,
    "city": city,
    "tariff-20-17": tariff_case,
    "tariff-20-17-v2g": tariff_case_v2g,
}
