"""Scenarios that benchmarks run on: made-up regions, easy and hard."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np

from benchmarks.linear_program import Floats, mean_unmanaged_load
from tidewatt.domain.grid import NO_BANK, CostPieces, Grid
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.scenario import Scenario
from tidewatt.synthesis.region import region

__all__ = ["VARIANTS", "variant", "warm_up", "week", "with_room"]

MONDAY = datetime(2027, 1, 11)
PER_FEEDER = 150
"""Vehicles a feeder, where the size does not say."""
ROOM = 1.2
"""Mean headroom of a feeder over the mean of its unmanaged load; see `with_room`."""
TIGHT = 0.9


def week(
    vehicles: int,
    *,
    step_min: float = 60.0,
    feeders: int = 0,
    tightness: float = 1.0,
    room: float = 0.0,
    seed: int = 0,
    **given: Any,
) -> Scenario:
    """Return a region over one week, its feeders without overload before anyone charges.

    `room` > 0 rescales their headroom by `with_room`; 0 leaves it as the region has it.
    """
    horizon = Horizon(MONDAY, step_min, round(7 * 24 * 60 / step_min))
    count = feeders or max(2, round(vehicles / PER_FEEDER))
    scenario = region(
        feeders=count,
        vehicles=vehicles,
        horizon=horizon,
        tightness=tightness,
        already_overloaded=0.0,
        seed=seed,
        **given,
    )
    return with_room(scenario, room) if room else scenario


def with_room(scenario: Scenario, room: float) -> Scenario:
    """Every feeder's and bank's headroom rescaled until its mean is `room` times its mean unmanaged load.

    As filed, most made-up feeders could be spared altogether: an optimum of zero, which any solver finds.
    A little more room than load makes the hours matter; less makes some upgrade inevitable.
    """
    grid, load = scenario.grid, mean_unmanaged_load(scenario)
    carried = grid.bank >= 0
    bank_load: Floats = np.bincount(grid.bank[carried], load[carried], minlength=grid.banks)

    def rescaled(headroom_kw: Floats, mean_load: Floats) -> Floats:
        factor = room * mean_load / headroom_kw.mean(axis=1)
        return headroom_kw * np.where(mean_load > 0, factor, 1.0)[:, None]

    return replace(
        scenario,
        grid=replace(
            grid,
            headroom_kw=rescaled(grid.headroom_kw, load),
            bank_headroom_kw=rescaled(grid.bank_headroom_kw, bank_load),
        ),
    )


VARIANTS: dict[str, dict[str, Any]] = {
    "hourly, as filed": {"step_min": 60.0, "room": 0.0},
    "hourly": {"step_min": 60.0, "room": ROOM},
    "hourly, no banks": {"step_min": 60.0, "room": ROOM, "banks": False},
    "hourly, tight": {"step_min": 60.0, "room": TIGHT},
    "15 min": {"step_min": 15.0, "room": ROOM},
    "15 min, tight": {"step_min": 15.0, "room": TIGHT},
    "15 min, weights": {"step_min": 15.0, "room": ROOM, "weights": True},
    "15 min, pieces": {"step_min": 15.0, "room": ROOM, "pieces": True},
    "15 min, tight, weights, pieces": {"step_min": 15.0, "room": TIGHT, "weights": True, "pieces": True},
}
"""From easy to hard; all with banks unless they say otherwise."""


def variant(name: str, vehicles: int, seed: int = 0) -> Scenario:
    """One of `VARIANTS`."""
    given = dict(VARIANTS[name])
    banks, weights, pieces = (
        given.pop(k, d) for k, d in (("banks", True), ("weights", False), ("pieces", False))
    )
    scenario = week(vehicles, seed=seed, **given)
    rng = np.random.default_rng(np.random.SeedSequence([seed, 77]))
    if weights:
        fleet = scenario.fleet
        drawn = rng.choice([0.5, 1.0, 2.5], len(fleet), p=[0.4, 0.4, 0.2])
        # Total weight stays as it was, so that the grid is as tight as without.
        drawn *= len(fleet) / drawn.sum()
        scenario = replace(scenario, fleet=replace(fleet, weight=fleet.weight * drawn))
    if not banks:
        scenario = replace(scenario, grid=_without_banks(scenario.grid))
    if pieces:
        grid = scenario.grid
        scenario = replace(
            scenario,
            grid=replace(grid, cost=_pieces(grid.cost, rng), bank_cost=_pieces(grid.bank_cost, rng)),
        )
    return scenario


def _without_banks(grid: Grid) -> Grid:
    return replace(
        grid,
        bank_id=np.zeros(0, np.int64),
        bank=np.full(grid.feeders, NO_BANK),
        bank_headroom_kw=np.zeros((0, grid.headroom_kw.shape[1])),
        bank_cost=CostPieces.linear(np.zeros(0)),
        bank_rating_kw=np.zeros(0),
    )


def _pieces(cost: CostPieces, rng: np.random.Generator) -> CostPieces:
    """Three pieces an element, dearer the further a rating is exceeded."""
    n = len(cost.first) - 1
    base = cost.cost_per_kw[cost.first[:-1]]
    above = np.stack([np.zeros(n), rng.uniform(5.0, 30.0, n), rng.uniform(40.0, 150.0, n)], axis=1)
    slope = base[:, None] * np.array([0.5, 1.0, 2.0])
    return CostPieces(np.arange(n + 1) * 3, above.ravel(), slope.ravel())


def warm_up(solver: str, threads: int) -> None:
    """Compile (or load from the cache) everything that a solve needs."""
    from tidewatt.coordination.study import coordinate

    coordinate(
        variant("hourly", 200, seed=1),
        relative_gap=1e-2,
        solver=solver,
        threads=threads,
        time_limit_s=20.0,
        session=False,
    )
