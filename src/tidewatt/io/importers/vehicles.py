"""How many vehicles an imported grid carries, and where they live, work and stop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.grid import Grid
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.scenario import Scenario
from tidewatt.errors import Issue
from tidewatt.synthesis.diary import Diary
from tidewatt.synthesis.habits import Habits
from tidewatt.synthesis.places import FeederPlaces
from tidewatt.synthesis.statistics import VEHICLES_PER_HOUSEHOLD

__all__ = [
    "KW_PER_CUSTOMER",
    "RESIDENTIAL_SHARE",
    "FleetSize",
    "check_options",
    "check_shares",
    "places_of",
    "populate",
    "size_fleet",
]

KW_PER_CUSTOMER = 4.0
"""Peak loading per customer [kW] where customers are not known. The filing's feeder peaks sum to
about 24 GW for PG&E's 5.6 million electric customers; Bay Area divisions alone give 3.9."""

RESIDENTIAL_SHARE = 0.86
"""Residential customers among all, where not known: 0.863 over the feeders of PG&E's integration
capacity map that have a complete load profile."""

# Centres (longitude, latitude) and radii [km] of PG&E's divisions, read off a map to about 10 km:
# enough for ways to work that mostly stay in a division and its neighbours.
_CENTRES = {
    "san francisco": (-122.44, 37.76, 5.0),
    "peninsula": (-122.30, 37.53, 14.0),
    "de anza": (-122.03, 37.33, 10.0),
    "san jose": (-121.88, 37.33, 14.0),
    "mission": (-122.00, 37.60, 14.0),
    "east bay": (-122.26, 37.83, 11.0),
    "diablo": (-121.98, 37.95, 16.0),
    "north bay": (-122.42, 38.12, 24.0),
    "sonoma": (-122.75, 38.40, 22.0),
    "humboldt": (-124.00, 40.75, 60.0),
    "north valley": (-122.00, 40.10, 60.0),
    "sierra": (-121.00, 38.95, 45.0),
    "sacramento": (-121.75, 38.55, 30.0),
    "stockton": (-121.25, 37.97, 30.0),
    "yosemite": (-120.70, 37.50, 50.0),
    "fresno": (-119.75, 36.70, 50.0),
    "kern": (-119.10, 35.40, 50.0),
    "central coast": (-121.75, 36.70, 40.0),
    "los padres": (-120.60, 35.10, 45.0),
}
_KM_PER_DEGREE = 111.2


@dataclass(frozen=True, slots=True)
class FleetSize:
    """Numbers of real vehicles and of the simulated ones that represent them.

    Attributes
    ----------
    vehicles_total : float
        Real vehicles of any drive on the kept feeders.
    electric : float
        Real electric vehicles among them.
    simulated : int
        Vehicles of the scenario.
    weight : float
        Real electric vehicles that each simulated one stands for.
    """

    vehicles_total: float
    electric: float
    simulated: int
    weight: float


def check_options(
    *, adoption: float, vehicles: int | None, represent: float | None, missing: str, seed: int
) -> list[Issue]:
    """Return everything that is wrong with the options every import shares."""
    rules = (
        ("adoption", adoption, 0 < adoption <= 1, "a share above 0, at most 1"),
        ("vehicles", vehicles, vehicles is None or vehicles >= 1, "a whole number from 1"),
        ("represent", represent, represent is None or 0 < represent < np.inf, "a number above 0"),
        ("missing", missing, missing in ("drop", "impute"), "drop or impute"),
        ("seed", seed, seed >= 0, "a whole number from 0"),
    )
    return [
        Issue("options", name, f"{value!r} given", f"Give {allowed}")
        for name, value, good, allowed in rules
        if not good
    ]


def check_shares(
    *,
    month: int | None = None,
    year: int = 2027,
    step_min: float = 15.0,
    kw_per_customer: float = KW_PER_CUSTOMER,
    residential_share: float = RESIDENTIAL_SHARE,
    residential_load_share: float = 0.5,
) -> list[Issue]:
    """Return everything that is wrong with the options of utility filings."""
    rules = (
        ("year", year, 1990 <= year <= 2100, "a year in 1990..2100"),
        ("month", month, month is None or 1 <= month <= 12, "a month in 1..12"),
        ("step_min", step_min, 0 < step_min <= 1440 and 10080 % step_min == 0, "minutes that divide a week"),
        ("kw_per_customer", kw_per_customer, 0 < kw_per_customer < np.inf, "kW above 0"),
        ("residential_share", residential_share, 0 < residential_share <= 1, "a share above 0, at most 1"),
        ("residential_load_share", residential_load_share, 0 <= residential_load_share <= 1, "a share 0..1"),
    )
    return [
        Issue("options", name, f"{value!r} given", f"Give {allowed}")
        for name, value, good, allowed in rules
        if not good
    ]


def size_fleet(
    households: float, *, adoption: float, vehicles: int | None, represent: float | None
) -> FleetSize:
    """Return the numbers of vehicles: real = households x vehicles per household x adoption, unless given.

    Parameters
    ----------
    households : float
        Residential customers of the kept feeders.
    adoption : float
        Share of vehicles that are electric, 0..1.
    vehicles : int or None
        Vehicles to simulate; None: one for each real electric vehicle.
    represent : float or None
        Real electric vehicles, where known better than the estimate.
    """
    electric = represent if represent is not None else households * VEHICLES_PER_HOUSEHOLD * adoption
    simulated = vehicles if vehicles is not None else max(round(electric), 1)
    return FleetSize(electric / adoption, electric, simulated, electric / simulated)


def places_of(
    homes: Array,
    peak_kw: Array,
    habits: Habits,
    divisions: Sequence[str] = (),
    substations: Sequence[str] = (),
) -> FeederPlaces:
    """Place homes by residential customers, workplaces by peak load, public places by half of each.

    Parameters
    ----------
    homes : array, shape (feeders,)
        Residential customers.
    peak_kw : array, shape (feeders,)
        Peak load [kW].
    habits : Habits
        Gives the shares of workplaces and public places outside the grid.
    divisions, substations : sequence of str
        Of each feeder; where every division is known, nearer places are likelier (see `_map`).
    """
    homes = homes / homes.sum()
    work = np.maximum(peak_kw, 0.0)
    work = work / work.sum() if work.sum() > 0 else homes
    x_km, y_km = _map(divisions, substations)
    return FeederPlaces(
        homes, work, 0.5 * (homes + work), habits.off_grid_work, habits.off_grid_public, x_km, y_km
    )


def _map(divisions: Sequence[str], substations: Sequence[str]) -> tuple[Array | None, Array | None]:
    """Make up coordinates of feeders [km]: a filing names divisions but gives no positions.

    The substations of a division lie on a sunflower spiral over its disc, in the order of their ids:
    evenly spread, at distances of the right size, in places that mean nothing.
    """
    names = [name.casefold() for name in divisions]
    if not names or not all(name in _CENTRES for name in names):
        return None, None
    site = list(zip(names, substations))
    spread: dict[tuple[str, str], tuple[float, float]] = {}
    for name in set(names):
        own = sorted({s for s in site if s[0] == name})
        k = np.arange(len(own))
        away = _CENTRES[name][2] * np.sqrt((k + 0.5) / len(own))
        angle = k * np.pi * (3.0 - np.sqrt(5.0))
        spread |= dict(zip(own, zip(away * np.cos(angle), away * np.sin(angle))))
    longitude, latitude, _ = np.asarray([_CENTRES[name] for name in names]).T
    dx, dy = np.asarray([spread[s] for s in site]).T
    east = _KM_PER_DEGREE * np.cos(np.radians(latitude.mean())) * (longitude - longitude.mean())
    return east + dx, _KM_PER_DEGREE * (latitude - latitude.mean()) + dy


def populate(
    name: str,
    grid: Grid,
    horizon: Horizon,
    places: FeederPlaces,
    size: FleetSize,
    *,
    seed: int,
    habits: Habits,
    diary: Diary | None = None,
    sampling: dict[str, Any],
) -> Scenario:
    """Synthesise the vehicles of a grid and put the scenario together."""
    # Compiled code: only here, so that a bad file is told without waiting for it.
    from tidewatt.synthesis.week import synthesise

    fleet, dwells, trips = synthesise(places, size.simulated, horizon, seed=seed, habits=habits, diary=diary)
    fleet = replace(fleet, weight=np.full(len(fleet), size.weight))
    how = {"vehicles_total": size.vehicles_total, "seed": seed} | sampling
    return Scenario(name, horizon, fleet, dwells, trips, grid, sampling=how)
