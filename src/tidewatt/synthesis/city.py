"""A made-up city: roads, trips, charging stations, vehicle types and feeders that fit together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.roads import Demand, Roads
from tidewatt.domain.scenario import Scenario
from tidewatt.domain.stations import Stations
from tidewatt.errors import Issue, ScenarioError
from tidewatt.synthesis.demand import zone_trips
from tidewatt.synthesis.feeders import KW_PER_CUSTOMER, FeederPlan, base_load, draw_feeders, grid_of
from tidewatt.synthesis.profile import busiest_share
from tidewatt.synthesis.region import WEEK
from tidewatt.synthesis.statistics import VEHICLES_PER_HOUSEHOLD
from tidewatt.synthesis.streets import BRANCH, CONNECTOR, EXPRESSWAY, streets
from tidewatt.synthesis.vehicle_types import default_types

__all__ = ["city"]

KW_PER_JOB = 1.2
"""Peak load of a feeder per job [kW], assumed: offices, shops and workshops together."""

TRIPS_PER_HOME = 4.6
"""Vehicle trips of a weekday per home: 1.8 vehicles, 0.85 of them driven, 3 trips each."""

DECAY_PER_MIN = 0.05
"""Deterrence of travel time [1/min], assumed: trips of 10 km, most of what a city of this width has."""

NIGHT_MIN = (22 * 60.0, 7 * 60.0)
"""Begin and end of the night tariff of stations [minute of the day]."""


TIGHTNESS = 10.0
"""Headroom is divided by this (see `region`), so that the few electric vehicles of the city matter."""

MOST_RATING = 2.5
"""Highest rating over peak load: feeders drawn with hardly any load would be larger than any built."""

SOC_INITIAL = (0.1, 0.9)
"""State of charge at midnight, assumed; wide, so that enough vehicles run low for queues to form."""

MONEY: dict[str, float] = {
    "money_unit": 1000.0,
    "fast_cost": 40.0,
    "normal_cost": 4.0,
    "expansion_cost_per_kw": 0.3,
    "income_per_month": 4800.0,
    "variance_cost_per_kw2": 1e-7,
    "congestion_cost": 0.17,
}
"""Costs for `configure`, assumed: prices of stations are in dollars, costs in thousands of them; a driver's
hour is worth 20, as in `simulate`."""


def city(
    seed: int = 0,
    *,
    vehicles: int = 10_000,
    stations: int = 40,
    links: int = 3000,
    zones: int = 60,
    horizon: Horizon = WEEK,
    name: str = "city",
) -> Scenario:
    """A city for `simulate`: `streets`, gravity demand as a table, stations, and one feeder a zone.

    Everything is made up. Demand is that of the busiest hour: 4.6 vehicle trips a home and weekday. Each
    station has one to five fast and some normal chargers, more where there are more jobs and other
    destinations, and is cheaper at night. Feeders take headroom and rating from the quantiles of
    `draw_feeders`, customers and commercial load from their zone.

    Parameters
    ----------
    seed : int
        Same seed, same city.
    vehicles : int
        Electric vehicles to simulate (`[simulation] vehicles`).
    stations : int
        Charging stations, at most a fifth of the nodes.
    links, zones : int
        Size of the road network, see `streets`.
    horizon : Horizon
        Time axis of base load and headroom.
    name : str
        Name of the scenario.

    Raises
    ------
    ScenarioError
        If a size is out of range.
    """
    roads = streets(links, zones, seed=seed)
    if not 1 <= stations <= roads.nodes // 5 or vehicles < 1:
        problem, most = f"{stations} stations and {vehicles} vehicles asked for", roads.nodes // 5
        fix = f"Ask for 1 to {most} stations and at least 1 vehicle"
        raise ScenarioError([Issue("city", "stations", problem, fix)])
    plan = _feeders(roads, seed)
    roads = replace(roads, zone_feeder=np.arange(roads.zones))
    # Vehicles are drawn anew by every replication: none in the scenario.
    bare = Scenario.bare(
        name,
        horizon,
        parameters={
            "simulation": {"vehicles": vehicles, "replications": 20, "soc_initial": list(SOC_INITIAL)},
            "configuration": dict(MONEY),
        },
        sampling={
            "adoption": round(min(vehicles / (roads.homes.sum() * VEHICLES_PER_HOUSEHOLD), 1.0), 4),
            "vehicles_total": round(float(roads.homes.sum()) * VEHICLES_PER_HOUSEHOLD),
            "method": "independent",
            "seed": seed,
        },
        roads=roads,
        demand=_demand(roads),
        types=default_types(),
        stations=_stations(roads, stations, seed),
    )
    return replace(bare, grid=grid_of(plan, base_load(plan, horizon, seed), TIGHTNESS, seed))


def _demand(roads: Roads) -> Demand:
    """Trips of the busiest hour by gravity, to the hundredth; pairs with fewer are left out."""
    trips = zone_trips(roads, decay_per_min=DECAY_PER_MIN) * (
        TRIPS_PER_HOME * roads.homes.sum() * busiest_share(roads.period_h)
    )
    trips = np.round(trips, 2)
    origin, destination = np.nonzero(trips)
    nan = np.full(len(origin), np.nan)
    return Demand(origin, destination, trips[origin, destination], nan, nan)


def _feeders(roads: Roads, seed: int) -> FeederPlan:
    """One feeder a zone; rating over peak load, banks and names as drawn from published feeders."""
    drawn = draw_feeders(roads.zones, (3, 6), 0.06, 0.0, seed)
    homes_kw, jobs_kw = KW_PER_CUSTOMER * roads.homes, KW_PER_JOB * roads.jobs
    peak = np.maximum(homes_kw + jobs_kw, 1.0)
    x, y = (v[roads.zone_node] for v in roads.xy_km())
    return replace(
        drawn,
        rating_kw=np.minimum(drawn.rating_kw / drawn.peak_kw, MOST_RATING) * peak,
        peak_kw=peak,
        commercial=jobs_kw / peak,
        customers=np.maximum(roads.homes, 1).astype(np.int64),
        x_km=x,
        y_km=y,
    )


def _stations(roads: Roads, count: int, seed: int) -> Stations:
    """Stations at street corners, likelier where many people go; no two in one place."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(21,)))
    x, y = roads.xy_km()
    ends = np.zeros(roads.nodes, bool)
    ends[roads.head[roads.road_class == BRANCH]] = True
    ends[roads.head[np.isin(roads.road_class, (EXPRESSWAY, CONNECTOR))]] = False
    candidate = np.flatnonzero(ends & roads.through)
    distance = np.hypot(x[candidate, None] - x[roads.zone_node], y[candidate, None] - y[roads.zone_node])
    zone = distance.argmin(axis=1)
    busy = (roads.homes + roads.jobs + roads.other)[zone]
    in_zone = np.bincount(zone, minlength=roads.zones)[zone]
    chosen = np.sort(rng.choice(len(candidate), count, replace=False, p=_share(busy / in_zone)))
    node, zone = candidate[chosen], zone[chosen]

    size = _share((roads.jobs + roads.other)[zone] + 200.0) * count
    fast = np.clip(np.round(rng.gamma(4.0, 0.5, count) * size), 1, 5).astype(np.int64)
    normal = np.clip(np.round(rng.gamma(4.0, 0.6, count) * size), 0, 6).astype(np.int64)
    fast_kw = rng.choice([60.0, 75.0, 90.0], count, p=[0.4, 0.4, 0.2])
    price_fast = np.round(rng.normal(0.55, 0.015, count), 2)
    price_normal = np.round(rng.normal(0.36, 0.01, count), 2)
    unknown, evening, morning = np.full(count, np.nan), *NIGHT_MIN
    return Stations(
        station_id=np.array([f"S{i + 1:03d}" for i in range(count)], dtype=object),
        node=node,
        fast=fast,
        normal=normal,
        fast_kw=fast_kw,
        normal_kw=np.full(count, 11.0),
        feeder=zone,
        price_fast_per_kwh=price_fast,
        price_normal_per_kwh=price_normal,
        max_total=fast + normal + rng.integers(2, 7, count),
        age_years=np.round(rng.uniform(0.5, 6.0, count), 1),
        life_years=np.full(count, 10.0),
        fixed=np.zeros(count, bool),
        fast_min=np.zeros(count),
        normal_min=np.zeros(count),
        snap_km=unknown,
        price_first=2 * np.arange(count + 1),
        price_start_min=np.tile([0.0, evening], count),
        price_end_min=np.tile([morning, 1440.0], count),
        window_price_fast_per_kwh=np.repeat(np.round(0.75 * price_fast, 2), 2),
        window_price_normal_per_kwh=np.repeat(np.round(0.7 * price_normal, 2), 2),
    )


def _share(weight: Array) -> Array:
    share: Array = weight / weight.sum()
    return share
