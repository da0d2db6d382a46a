"""Trips between zones: from a demand table, or from a gravity model."""

from __future__ import annotations

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.roads import Demand, Roads
from tidewatt.domain.scenario import Scenario
from tidewatt.errors import Issue, ScenarioError
from tidewatt.synthesis.day_shapes import busiest_share, covered_share, daily_trips

__all__ = ["daily_vehicle_trips", "fill_intrazonal", "gravity", "line_cost_min", "trips_matrix", "zone_trips"]

DECAY_PER_MIN = 0.08
"""Exponential deterrence of travel time [1/min] (+): half as many trips 9 min farther away. Between
what the decay lengths of `Habits` for workplaces (0.04) and for other places (0.10) come to at `LINE_KMH`."""

DETOUR = 1.3
"""Length of a way by road over the straight line; usual for cities."""

LINE_KMH = 40.0
"""Speed along that way [km/h]."""

TRIPS_PER_HOME = 4.0
"""Vehicle trips per home and day, assumed: 1.8 vehicles a household, 0.8 of them driven, 3 trips each."""

COUNTS_FROM = 50.0
"""Homes per zone from which on they are taken for counts and not for weights."""

TOLERANCE = 1e-6
MOST_ROUNDS = 3000
PATIENCE = 250
"""Rounds without progress after which margins are taken not to fit together."""
WATCHED = 10
"""Rounds over which the rate of convergence is measured."""


def gravity(productions: Array, attractions: Array, cost_min: Array, decay_per_min: float) -> Array:
    """Balance a doubly constrained gravity model (sim-15) by Furness's iteration.

    Parameters
    ----------
    productions, attractions : array, shape (zones,)
        Trips that start and end in each zone, >= 0; attractions are scaled to the total of productions. Zones
        from which no attraction, or to which no production, can be reached are left out.
    cost_min : array, shape (zones, zones)
        Travel time [min]; inf or nan where there is no way: no trips. The diagonal is the time within a zone.
    decay_per_min : float
        Deterrence [1/min], >= 0.

    Returns
    -------
    array, shape (zones, zones)
        Trips; rows and columns sum to productions and attractions within 1e-6 of each. The only table of that
        size that is made.

    Raises
    ------
    ScenarioError
        If the margins cannot be met together: parts of the network that are cut off from each other with
        more productions than attractions.
    """
    trips = np.array(cost_min, np.float64)
    np.multiply(trips, -decay_per_min, out=trips)
    trips[~np.isfinite(trips)] = -np.inf
    starts, ends = np.asarray(productions, np.float64), np.asarray(attractions, np.float64)
    trips[starts <= 0] = -np.inf
    trips[:, ends <= 0] = -np.inf
    for axis in (1, 0):
        # A factor on a row or column is absorbed in balancing; without it far zones would underflow.
        top = trips.max(axis=axis, keepdims=True)
        trips -= np.where(np.isfinite(top), top, 0.0)
    np.exp(trips, out=trips)

    starts = np.where(trips.sum(axis=1) > 0, starts, 0.0)
    ends = np.where(trips.sum(axis=0) > 0, ends, 0.0)
    if not (starts.sum() > 0 and ends.sum() > 0):
        return np.zeros_like(trips)
    ends = ends * (starts.sum() / ends.sum())
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        by_start, by_end = _balance(trips, starts, ends)
    trips *= by_start[:, None]
    trips *= by_end
    return trips


def _balance(weights: Array, starts: Array, ends: Array) -> tuple[Array, Array]:
    """Return factors of rows and columns that make `weights` sum to `starts` and `ends`.

    Furness's iteration, over-relaxed in the logarithm by what its own rate of convergence suggests, as it
    is slow where deterrence is strong: omega = 2 / (1 + sqrt(1 - rate)).
    """
    on = ends > 0
    by_end = np.where(on, 1.0, 0.0)
    omega, best, rate_from, most, stuck_from = 1.0, np.inf, 0.0, 1.99, np.inf
    for round_ in range(MOST_ROUNDS):
        leaving = weights @ by_end
        by_start = np.divide(starts, leaving, out=np.zeros_like(starts), where=starts > 0)
        arriving = by_start @ weights
        ratio = np.divide(ends, arriving * by_end, out=np.ones_like(ends), where=on)
        off = float(np.abs(ratio - 1.0).max())
        if off <= 0.5 * TOLERANCE:
            return by_start, by_end
        if not off <= 4.0 * best:
            # Relaxed too far: plain rounds again, from where they cannot go wrong.
            omega, best, rate_from, most = 1.0, np.inf, 0.0, 1.0
            by_end = np.where(on, 1.0, 0.0)
            continue
        best = min(best, off)
        if round_ % PATIENCE == 0:
            if off > 0.9 * stuck_from:
                break
            stuck_from = off
        if round_ % WATCHED == 0 and omega == 1.0:
            if rate_from > 0:
                rate = min((off / rate_from) ** (1.0 / WATCHED), 0.9999)
                omega = min(2.0 / (1.0 + np.sqrt(1.0 - rate)), most)
            rate_from = off
        by_end = by_end * ratio**omega
    problem = f"trips cannot be balanced: a zone's arrivals are off by {off:.1%} after {round_} rounds"
    fix = "Connect the parts of the road network, lower the deterrence, or give a table demand"
    raise ScenarioError([Issue("zones", "jobs", problem, fix)])


def line_cost_min(roads: Roads) -> Array | None:
    """Return straight-line travel times between zones [min], (zones, zones); None without coordinates.

    1.3 times the line at 40 km/h; within a zone half of what its nearest neighbour takes.
    """
    x, y = (v[roads.zone_node] for v in roads.xy_km())
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return None
    minutes = np.subtract.outer(x, x)
    np.hypot(minutes, np.subtract.outer(y, y), out=minutes)
    minutes *= 60.0 * DETOUR / LINE_KMH
    fill_intrazonal(minutes)
    return minutes


def fill_intrazonal(cost_min: Array) -> None:
    """Set the diagonal to half of the least time to another zone; 1 min where there is none."""
    np.fill_diagonal(cost_min, np.inf)
    nearest = cost_min.min(axis=1)
    np.fill_diagonal(cost_min, np.where(np.isfinite(nearest), 0.5 * nearest, 1.0))


def trips_matrix(
    scenario: Scenario,
    *,
    trips_per_day: float = 0.0,
    cost_min: Array | None = None,
    decay_per_min: float = DECAY_PER_MIN,
) -> Array:
    """Return vehicle trips from zone to zone in the roads' period, shape (zones, zones).

    A demand table says them. Where there is none, gravity on the zones' homes, jobs and other
    destinations does (see `zone_trips`), with `trips_per_day` trips in all, or 4 for every home where that
    is 0 and homes are counts (50 a zone or more on average, and other numbers than jobs and destinations);
    the busiest `period_h` hours of them count.

    Parameters
    ----------
    scenario : Scenario
        With roads and zones.
    trips_per_day : float
        Trips of a weekday; 0: by homes.
    cost_min : array, shape (zones, zones), optional
        Travel times for gravity; by straight line (`line_cost_min`) if not given.
    decay_per_min : float
        Deterrence of gravity [1/min].

    Raises
    ------
    ScenarioError
        If the number of trips, or the way between zones, is nowhere given.
    """
    roads = scenario.roads
    assert roads is not None, "demand needs roads"
    if scenario.demand is not None:
        return _of_table(scenario.demand, roads)
    asked = _trips_asked(roads, trips_per_day)
    trips = zone_trips(roads, cost_min, decay_per_min)
    trips *= asked * busiest_share(roads.period_h)
    return trips


def daily_vehicle_trips(scenario: Scenario, trips_per_day: float = 0.0) -> float:
    """Return the trips of a weekday, as `trips_matrix` has them, without building the table.

    Raises
    ------
    ScenarioError
        If the number of trips is nowhere given.
    """
    roads = scenario.roads
    assert roads is not None, "demand needs roads"
    if scenario.demand is None:
        return _trips_asked(roads, trips_per_day)
    return daily_trips(
        float((scenario.demand.trips * _to_period(scenario.demand, roads)).sum()), roads.period_h
    )


def _trips_asked(roads: Roads, trips_per_day: float) -> float:
    """Return the requested trips of a weekday if there is no table."""
    homes = float(np.nansum(roads.homes))
    # Imports that know no homes give one weight for all three.
    weights = np.array_equal(roads.homes, roads.jobs) and np.array_equal(roads.homes, roads.other)
    if trips_per_day <= 0 and (weights or homes < COUNTS_FROM * roads.zones):
        problem = "no demand table, and homes of zones are not counts, so the number of trips is not known"
        fix = "Give a table demand, homes of zones as counts, or trips_per_day under [simulation]"
        raise ScenarioError([Issue("demand", "trips", problem, fix)])
    return trips_per_day if trips_per_day > 0 else TRIPS_PER_HOME * homes


def zone_trips(roads: Roads, cost_min: Array | None = None, decay_per_min: float = DECAY_PER_MIN) -> Array:
    """Return shares of trips between zones by gravity, shape (zones, zones), sum 1.

    From homes to jobs and other destinations, and as many back: the matrix is symmetric, and knows no
    morning and evening.
    Weights that no zone has are 1 everywhere; jobs and other destinations add up as they are given.

    Raises
    ------
    ScenarioError
        If `cost_min` is not given and coordinates are missing.
    """
    cost = line_cost_min(roads) if cost_min is None else cost_min
    if cost is None:
        problem = "gravity needs coordinates of the zones' nodes, and some are missing"
        raise ScenarioError([Issue("nodes", "x", problem, "Give x and y, or a table demand")])
    homes, jobs, other = (np.nan_to_num(v) for v in (roads.homes, roads.jobs, roads.other))
    ends = jobs + other
    one = np.ones(roads.zones)
    trips = gravity(homes if homes.any() else one, ends if ends.any() else one, cost, decay_per_min)
    del cost
    # In blocks: the transpose as a second table would double the memory.
    block = 256
    for i in range(0, roads.zones, block):
        for j in range(i, roads.zones, block):
            rows, columns = slice(i, i + block), slice(j, j + block)
            both = trips[rows, columns] + trips[columns, rows].T
            trips[rows, columns] = both
            trips[columns, rows] = both.T
    total = float(trips.sum())
    if total > 0:
        trips /= total
    return trips


def _of_table(demand: Demand, roads: Roads) -> Array:
    """Return the trips of the table in the roads' period."""
    trips = np.zeros((roads.zones, roads.zones))
    np.add.at(trips, (demand.origin, demand.destination), demand.trips * _to_period(demand, roads))
    return trips


def _to_period(demand: Demand, roads: Roads) -> Array:
    """Return the factors that convert each row's trips to the roads' period.

    Rows with hours of their own are added up over all such hours, and brought to a day and then to the period
    by the day's profile (sim-16).
    """
    timed = np.isfinite(demand.start_min) & np.isfinite(demand.end_min)
    factor = 1.0
    if timed.any():
        windows = np.unique(np.stack([demand.start_min[timed], demand.end_min[timed]], axis=1), axis=0)
        factor = busiest_share(roads.period_h) / covered_share(windows)
    return np.where(timed, factor, 1.0)
