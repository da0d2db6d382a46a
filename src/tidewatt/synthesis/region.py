"""A made-up region whose feeders, vehicles and weeks follow published statistics."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np

from tidewatt.domain.horizon import Horizon
from tidewatt.domain.scenario import Scenario
from tidewatt.errors import Issue, ScenarioError
from tidewatt.synthesis import statistics as st
from tidewatt.synthesis.diary import Diary
from tidewatt.synthesis.feeders import FeederPlan, base_load, draw_feeders, grid_of
from tidewatt.synthesis.habits import Habits
from tidewatt.synthesis.places import FeederPlaces
from tidewatt.synthesis.week import synthesise

__all__ = ["WEEK", "region"]

WEEK = Horizon(datetime(2027, 1, 11), 15.0, 672)
"""A week from Monday, 11 January 2027, in steps of 15 min."""


def region(
    *,
    feeders: int = 60,
    vehicles: int = 20_000,
    horizon: Horizon = WEEK,
    adoption: float = 0.3,
    tightness: float = 1.0,
    seed: int = 0,
    habits: Habits | None = None,
    diary: Diary | None = None,
    feeders_per_bank: tuple[int, int] = (3, 6),
    without_bank: float = 0.06,
    already_overloaded: float = 0.03,
    feeder_scale: float | None = None,
    name: str = "region",
) -> Scenario:
    """Return a region with `feeders` feeders and `vehicles` electric vehicles.

    Parameters
    ----------
    feeders, vehicles : int
        Number of feeders and of simulated vehicles.
    horizon : Horizon
        Time axis.
    adoption : float
        Share of all vehicles that is electric, (0, 1].
    tightness : float
        Headroom is divided by this, > 0; above 1 makes harder cases.
    seed : int
        Same seed, same region.
    habits : Habits, optional
        Assumptions about driving and charging.
    diary : Diary, optional
        Day chains instead of the embedded statistics.
    feeders_per_bank : (int, int)
        Least and most feeders of a bank.
    without_bank : float
        Rough share of feeders without a bank.
    already_overloaded : float
        Share of feeders whose base load alone exceeds the rating. The filing has 0.094; most of
        these are upgraded whatever vehicles do.
    feeder_scale : float, optional
        Ratings, loads and customers relative to the filing's feeders (median 11.6 MW). If not
        given, what makes one simulated vehicle stand for one real one, within 0.25..1: small
        regions get small feeders.
    name : str
        Name of the scenario.

    Returns
    -------
    Scenario
        Vehicles' weight is households x vehicles each x adoption / vehicles.

    Raises
    ------
    ScenarioError
        Numbers of feeders or vehicles, adoption or tightness out of range, all at once.
    """
    issues = []
    for field, value, low, high in (
        ("feeders", feeders, 1, np.inf),
        ("vehicles", vehicles, 1, np.inf),
        ("adoption", adoption, 1e-9, 1.0),
        ("tightness", tightness, 1e-9, np.inf),
    ):
        if not low <= value <= high:
            issues.append(Issue("region", field, f"{value} is out of range", f"Give {low:g} to {high:g}."))
    if issues:
        raise ScenarioError(issues)
    habits = habits or Habits()
    plan = draw_feeders(feeders, feeders_per_bank, without_bank, already_overloaded, seed)
    fleet_full = float(plan.customers.sum()) * st.VEHICLES_PER_HOUSEHOLD * adoption
    scale = float(np.clip(vehicles / fleet_full, 0.25, 1.0)) if feeder_scale is None else feeder_scale
    plan = plan.scaled(scale)
    total = float(plan.customers.sum()) * st.VEHICLES_PER_HOUSEHOLD

    grid = grid_of(plan, base_load(plan, horizon, seed), tightness, seed)
    fleet, dwells, trips = synthesise(
        places_of(plan, habits), vehicles, horizon, seed=seed, habits=habits, diary=diary
    )
    fleet = replace(fleet, weight=np.full(vehicles, total * adoption / vehicles))
    return Scenario(
        name=name,
        horizon=horizon,
        fleet=fleet,
        dwells=dwells,
        trips=trips,
        grid=grid,
        currency="USD",
        sampling={
            "adoption": adoption,
            "vehicles_total": round(total),
            "method": "independent",
            "seed": seed,
        },
    )


def places_of(plan: FeederPlan, habits: Habits) -> FeederPlaces:
    """Place homes by households, workplaces and public places by commercial load."""
    commercial_kw = plan.commercial * plan.peak_kw
    return FeederPlaces(
        plan.customers,
        commercial_kw,
        commercial_kw,
        habits.off_grid_work,
        habits.off_grid_public,
        plan.x_km,
        plan.y_km,
    )
