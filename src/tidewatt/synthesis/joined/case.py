"""Roads and grid joined into a tariff case."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import NamedTuple

import numpy as np

from tidewatt.domain.arrays import Array, identifiers
from tidewatt.domain.checks.arrival import least_to
from tidewatt.domain.distribution import Distribution, Injections
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.radial import feeder_of
from tidewatt.domain.roads import Roads
from tidewatt.domain.scenario import Scenario
from tidewatt.domain.stations import Stations
from tidewatt.domain.travel import Aggregators, Travel
from tidewatt.errors import Issue, ScenarioError
from tidewatt.synthesis.day_shapes import day_price_per_kwh, time_of_day
from tidewatt.synthesis.demand import trips_matrix
from tidewatt.synthesis.joined.rules import JoiningRules
from tidewatt.synthesis.joined.sites import chosen_sites, station_sites
from tidewatt.synthesis.joined.ways import busiest, contracted, in_steps, parted, rounding, ways_of

__all__ = ["Joined", "join"]

_DAY_MIN = 1440
_CHARGING_MIN = 60.0  # left for charging before the end of the horizon


class Joined(NamedTuple):
    """A case, with sentences on what was assumed, what rounding did, and what makes the case doubtful."""

    scenario: Scenario
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def join(
    roads_from: Scenario,
    grid_from: Scenario,
    rules: JoiningRules,
    *,
    stations: Stations | None = None,
    name: str = "joined",
) -> Joined:
    """Return a tariff case: vehicles on the given roads charge from the given grid's buses.

    Parameters
    ----------
    roads_from : Scenario
        With roads and trips between zones, or homes and jobs from which gravity makes trips.
    grid_from : Scenario
        With buses, lines and injections; its horizon is the case's.
    rules : JoiningRules
        What neither of them says.
    stations : Stations, optional
        On the roads of `roads_from`: they become the sites.
    name : str
        Of the case.

    Raises
    ------
    ScenarioError
        Where a part is missing.
    """
    if roads_from.roads is None or grid_from.distribution is None or grid_from.injections is None:
        raise ScenarioError(_missing(roads_from, grid_from))
    grid, horizon, notes = grid_from.distribution, grid_from.horizon, []
    roads, arrive = parted(roads_from.roads, np.zeros(0) if stations is None else stations.node)
    start, trips = _trips(roads_from, roads, arrive)
    ways = ways_of(roads, start)
    unreached = trips[~np.isfinite(ways.minutes)].sum()
    if unreached > 0:
        trips[~np.isfinite(ways.minutes)] = 0.0
        notes.append(f"{unreached:,.1f} trips were left out: no road leads from their origin to their end")
    if not trips.sum() > 0:
        fix = "Give demand, or homes and jobs of several zones"
        raise ScenarioError([Issue("demand", "", f"{roads_from.name} has no trips between nodes", fix)])
    per_pair = int(np.count_nonzero(_departures(horizon, rules))) * (
        (rules.low_share > 0) + (rules.low_share < 1)
    )
    trips, note = busiest(trips, ways.minutes, per_pair, rules.most_groups)
    notes += note
    minutes = _minutes(horizon) + horizon.step_min / 2.0
    price = day_price_per_kwh(minutes % _DAY_MIN / 60.0)
    carried = ways.carried(roads, trips)
    if stations is None:
        leaving = np.bincount(roads.tail, carried, roads.nodes)  # trips that start at or pass a node
        passing = np.where(roads.through, leaving, 0.0)
        sites = chosen_sites(roads.node_id, passing, grid, rules, price)
        notes.append(
            f"{len(sites)} sites at the nodes that most trips pass, the busiest nearest to the slack"
        )
    else:
        sites = station_sites(stations, grid, rules, minutes, price)
        notes.append(f"{len(sites)} sites from {len(stations)} stations, fast and normal chargers apart")
    ends = np.flatnonzero(trips.any(axis=0))
    if rules.contract:
        step_roads, node = contracted(roads, np.unique([*start, *ends, *sites.node]), horizon, rules)
        sites = replace(sites, node=node[sites.node])
    else:
        share = rules.road_share
        if share is None:
            group_h = _grouped(horizon, rules) * horizon.step_h
            most = rules.vehicles * _departures(horizon, rules).max() / group_h
            full = (carried / roads.capacity_veh_h).max() / trips.sum()
            share = most * full / rules.road_fill
            words = (
                f"the busiest road carries {rules.road_fill:g} times its share if all take the fastest way"
            )
            notes.append(f"{words} in the busiest hour")
        step_roads, node = in_steps(roads, horizon, share, rules), np.arange(roads.nodes)
        notes.append(f"{share:.3g} of every road's capacity is left to these vehicles")
    hops = np.full(trips.shape, np.inf)
    hops[:, ends] = least_to(step_roads, step_roads.free_flow_steps.astype(float), node[ends])[
        :, node[start]
    ].T
    rounded, doubtful = rounding(ways, trips, hops, horizon, rules.contract)
    notes.append(rounded)
    travel, note = _travel(start, trips, hops, node, horizon, rules)
    notes += note
    injections = grid_from.injections
    if not injections.half_width_kw.any():
        injections = replace(injections, half_width_kw=rules.half_width * injections.power_kw)
        notes.append(f"loads and plants may be off by {rules.half_width:.0%} of the forecast")
    distribution, limited = _with_limits(grid, injections, rules)
    if limited:
        notes.append(
            f"lines that had no limit: {limited} of {grid.lines}; each gets {rules.line_factor:g} times "
            f"its largest flow at the forecast and {rules.line_allowance_kw:g} kW"
        )
    scenario = Scenario.bare(
        name,
        horizon,
        step_roads=step_roads,
        sites=sites,
        aggregators=_aggregators(rules),
        travel=travel,
        distribution=distribution,
        injections=injections,
        forecasts=grid_from.forecasts,
        provenance=_provenance(roads_from, grid_from, rules, notes),
    )
    return Joined(scenario, tuple(notes), doubtful)


def _missing(roads_from: Scenario, grid_from: Scenario) -> list[Issue]:
    issues = []
    if roads_from.roads is None:
        fix = "Import them: tidewatt import tntp, gmns or osm"
        issues.append(Issue("links", "", f"{roads_from.name} has no roads with zones", fix))
    if grid_from.distribution is None or grid_from.injections is None:
        fix = "Name a grid, a MATPOWER, pandapower or OpenDSS file or a scenario with these tables"
        issues.append(Issue("lines", "", f"{grid_from.name} lacks buses, lines or injections", fix))
    return issues


def _trips(scenario: Scenario, roads: Roads, arrive: Array) -> tuple[Array, Array]:
    """Return zones' nodes, and trips from each to every node in the demand's period; none within a node."""
    start, row = np.unique(roads.zone_node, return_inverse=True)
    start = start.astype(np.int64)
    trips = np.zeros((len(start), roads.nodes))
    np.add.at(trips, (row[:, None], arrive[roads.zone_node][None, :]), trips_matrix(scenario))
    trips[np.arange(len(start)), arrive[start]] = 0.0
    return start, trips


def _minutes(horizon: Horizon) -> Array:
    """Return when each step begins, in minutes since the midnight before the horizon, shape (steps,)."""
    begin = horizon.start.hour * 60.0 + horizon.start.minute + horizon.start.second / 60.0
    return begin + np.arange(horizon.steps) * horizon.step_min


def _with_limits(grid: Distribution, injections: Injections, rules: JoiningRules) -> tuple[Distribution, int]:
    """Return lines with limits filled in where there are none, and how many these are."""
    without = ~np.isfinite(grid.limit_kw)
    most = np.abs(feeder_of(grid).flow_kw(injections.drawn(grid.buses)[0])).max(axis=1)
    given = np.round(rules.line_factor * most + rules.line_allowance_kw, 1)
    return replace(grid, limit_kw=np.where(without, given, grid.limit_kw)), int(without.sum())


def _aggregators(rules: JoiningRules) -> Aggregators:
    n = rules.aggregators
    return Aggregators(
        aggregator_id=identifiers([f"aggregator-{i + 1}" for i in range(n)]),
        battery_kwh=np.full(n, rules.battery_kwh),
        charge_efficiency=np.full(n, rules.efficiency),
        discharge_efficiency=np.full(n, rules.efficiency),
        soc_min=np.full(n, rules.soc_min),
        soc_max=np.ones(n),
        time_value_per_h=np.full(n, rules.time_value_per_h),
        price_sensitivity_per_kwh_kw=np.full(n, rules.price_sensitivity),
    )


def _grouped(horizon: Horizon, rules: JoiningRules) -> int:
    """Return the steps between consecutive groups of departures."""
    return max(round(rules.depart_every_min / horizon.step_min), 1)


def _departures(horizon: Horizon, rules: JoiningRules) -> Array:
    """Return the share of a day's vehicles departing in each step, (steps,); each day sums to 1.

    A group sets out at once for all who would until the next one.
    """
    every = _grouped(horizon, rules)
    begin = _minutes(horizon)
    hour = begin % _DAY_MIN / 60.0
    first = np.arange(horizon.steps) % every == 0
    open_ = first & (hour >= rules.depart_from_h) & (hour < rules.depart_to_h)
    so_far = np.concatenate([[0.0], np.cumsum(np.tile(time_of_day(), 2))])
    at = begin % _DAY_MIN
    until = np.interp(at + every * horizon.step_min, np.arange(len(so_far)), so_far)
    rate = np.where(open_, until - np.interp(at, np.arange(len(so_far)), so_far), 0.0)
    if not rate.sum() > 0:
        problem = (
            f"no vehicle sets out from {rules.depart_from_h:g} to {rules.depart_to_h:g} h of the horizon"
        )
        raise ScenarioError([Issue("rules", "depart_from_h", problem, "Give other hours")])
    day = (begin // _DAY_MIN).astype(np.int64)
    whole = np.bincount(day, rate)[day]
    share: Array = np.divide(rate, whole, out=np.zeros_like(rate), where=whole > 0)
    return share


def _travel(
    start: Array, trips: Array, hops: Array, node: Array, horizon: Horizon, rules: JoiningRules
) -> tuple[Travel, list[str]]:
    """Return vehicles by pair of nodes, departure and state of charge, and in words who could not travel."""
    departing = _departures(horizon, rules)
    row, end = np.nonzero(trips)
    step = np.flatnonzero(departing)
    pairs = trips[row, end] / trips.sum()
    each = np.broadcast_to(departing[step], (len(row), len(step)))
    last = horizon.steps - hops[row, end] - np.ceil(_CHARGING_MIN / horizon.step_min)
    early = np.where(step <= last[:, None], each, 0.0)
    # Whoever would be under way at the end of the horizon sets out earlier, like the others of the pair.
    there = early.sum(axis=1)
    early *= np.divide(departing.sum(), there, out=np.zeros_like(there), where=there > 0)[:, None]
    late = pairs @ np.where(early > 0, 0.0, each).sum(axis=1) / departing.sum()
    lost = pairs[there <= 0].sum()
    notes = []
    if late > lost:
        notes.append(f"{late - lost:.1%} of the vehicles set out earlier, to arrive within the horizon")
    if lost > 0:
        notes.append(f"{lost:.1%} of the vehicles were left out: the horizon is too short for their way")
    soc = np.array([rules.soc_low, rules.soc_high])
    part = np.array([rules.low_share, 1.0 - rules.low_share])
    vehicles = rules.vehicles * np.multiply.outer(pairs[:, None] * early, part)
    pair, depart, group = np.nonzero(vehicles)
    if not len(pair):
        problem = f"the horizon of {horizon.steps} steps is too short for every trip"
        raise ScenarioError([Issue("travel", "depart_step", problem, "Give a grid with a longer horizon")])
    travel = Travel(
        aggregator=row[pair] % rules.aggregators,
        origin=node[start[row[pair]]],
        destination=node[end[pair]],
        depart_step=step[depart],
        soc_initial=soc[group],
        soc_final_min=np.full(len(pair), rules.soc_final),
        vehicles=vehicles[pair, depart, group],
    )
    return travel, notes


def _provenance(
    roads_from: Scenario, grid_from: Scenario, rules: JoiningRules, notes: list[str]
) -> tuple[tuple[str, ...], ...]:
    roads, grid, rule = roads_from.name, grid_from.name, "a rule of joining"
    rows = [
        ("links", "ends, times, lengths and capacities", roads, "published", "the road network as given"),
        ("travel", "shares of pairs of nodes", roads, "published", "trips or zones as given"),
        ("lines", "ends and impedances", grid, "published", "the grid as given"),
        ("injections", "buses and powers", grid, "published", "the grid as given"),
        ("charging_sites", "bus_id", "spread over the order of resistance from the slack", "chosen", rule),
        ("energy_prices", "price_per_kwh", "0.08 to 0.13, higher at noon and at 19 h", "chosen", rule),
    ]
    rows += [("rules", f.name, str(getattr(rules, f.name)), "chosen", rule) for f in fields(rules)]
    rows += [("rules", "note", note, "chosen", rule) for note in notes]
    # What a source says of its own tables is more exact than what is said of them here.
    own = [
        row for row in roads_from.provenance if row[0] in ("nodes", "links", "zones", "demand", "stations")
    ]
    own += [row for row in grid_from.provenance if row[0] in ("buses", "lines", "injections", "forecasts")]
    return (*own, *rows)
