"""Roads and grid joined into a case of tariffs."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from tidewatt.domain.arrays import Array, identifiers
from tidewatt.domain.distribution import Distribution, Injections
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.radial import feeder_of
from tidewatt.domain.roads import Roads
from tidewatt.domain.scenario import Scenario
from tidewatt.domain.stations import Stations
from tidewatt.domain.travel import Aggregators, StepRoads, Travel
from tidewatt.errors import Issue, ScenarioError
from tidewatt.synthesis.demand import trips_matrix
from tidewatt.synthesis.joined.places import chosen_sites, station_sites
from tidewatt.synthesis.joined.rules import Rules
from tidewatt.synthesis.joined.ways import Ways, ways_of
from tidewatt.synthesis.profile import daily_trips, time_of_day

__all__ = ["Joined", "join"]


class Joined(NamedTuple):
    """A case, and in sentences what was assumed and what rounding did."""

    scenario: Scenario
    notes: tuple[str, ...]


def join(
    roads_from: Scenario,
    grid_from: Scenario,
    rules: Rules,
    *,
    stations: Stations | None = None,
    name: str = "joined",
) -> Joined:
    """A case of tariffs: vehicles of the one's roads charge from the other's buses.

    Parameters
    ----------
    roads_from : Scenario
        With roads and trips between zones, or homes and jobs from which gravity makes trips.
    grid_from : Scenario
        With buses, lines and injections; its horizon is the case's.
    rules : Rules
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
    roads, grid = roads_from.roads, grid_from.distribution
    if roads is None or grid is None or grid_from.injections is None:
        raise ScenarioError(_missing(roads_from, grid_from))
    horizon, notes = grid_from.horizon, []
    start, trips = _trips(roads_from, roads)
    ways = ways_of(roads, start)
    h = _hours(horizon)
    price = 0.08 + 0.05 * np.exp(-(((h - 12) / 3) ** 2)) + 0.04 * np.exp(-(((h - 19) / 2) ** 2))
    if stations is None:
        sites = chosen_sites(roads.node_id, ways.passing(roads, trips), grid, rules, price)
        notes.append(
            f"{len(sites)} sites at the nodes that most trips pass, buses by distance from the slack"
        )
    else:
        sites = station_sites(stations, stations.node.astype(np.int64), grid, rules, (h * 60) % 1440)
        notes.append(f"{len(sites)} sites from {len(stations)} stations")
    of_all = rules.vehicles / max(daily_trips(trips.sum(), roads.period_h), 1e-12)
    share = min(of_all, 1.0) if rules.road_share is None else rules.road_share
    if rules.contract:
        step_roads, node = _contracted(roads, np.union1d(start, sites.node), horizon, rules)
        sites = replace(sites, node=node[sites.node])
    else:
        step_roads, node = _in_steps(roads, horizon, share, rules), np.arange(roads.nodes)
        notes.append(f"{share:.3g} of every road's capacity is left to these vehicles")
    notes.append(_rounding(ways, trips, step_roads, start, node, horizon))
    injections = _with_half_width(grid_from.injections, rules)
    distribution, widened = _with_limits(grid, injections, rules)
    if widened:
        words = f"{rules.line_factor:g} times the largest forecast flow and {rules.line_allowance_kw:g} kW"
        notes.append(f"{widened} lines had no limit: {words}")
    n = rules.aggregators
    scenario = Scenario.bare(
        name,
        horizon,
        step_roads=step_roads,
        sites=sites,
        aggregators=_aggregators(rules),
        travel=_travel(start, trips, node, horizon, rules, n),
        distribution=distribution,
        injections=injections,
        provenance=_provenance(roads_from, grid_from, rules, notes),
    )
    return Joined(scenario, tuple(notes))


def _missing(roads_from: Scenario, grid_from: Scenario) -> list[Issue]:
    issues = []
    if roads_from.roads is None:
        fix = "Import them: tidewatt import tntp or gmns"
        issues.append(Issue("links", "", f"{roads_from.name} has no roads", fix))
    if grid_from.distribution is None or grid_from.injections is None:
        fix = "Import them: tidewatt import matpower, pandapower or opendss"
        issues.append(Issue("lines", "", f"{grid_from.name} lacks buses, lines or injections", fix))
    return issues


def _trips(scenario: Scenario, roads: Roads) -> tuple[Array, Array]:
    """Nodes of zones, and trips from each to every node in the period of the demand; none within a node."""
    start, row = np.unique(roads.zone_node, return_inverse=True)
    trips = np.zeros((len(start), roads.nodes))
    np.add.at(trips, (row[:, None], roads.zone_node[None, :]), trips_matrix(scenario))
    trips[np.arange(len(start)), start] = 0.0
    if not trips.sum() > 0:
        fix = "Give demand, or homes and jobs of several zones"
        raise ScenarioError([Issue("demand", "", f"{scenario.name} has no trips between nodes", fix)])
    return start.astype(np.int64), trips


def _hours(horizon: Horizon) -> Array:
    """Hour of the day at the middle of each step."""
    begin = horizon.start.hour + horizon.start.minute / 60.0
    return (begin + (np.arange(horizon.steps) + 0.5) * horizon.step_min / 60.0) % 24.0


def _in_steps(roads: Roads, horizon: Horizon, share: float, rules: Rules) -> StepRoads:
    return StepRoads(
        node_id=roads.node_id,
        link_id=roads.link_id,
        tail=roads.tail,
        head=roads.head,
        capacity_per_step=roads.capacity_veh_h * (horizon.step_min / 60.0 * share),
        free_flow_steps=_steps(roads.free_time_min, horizon),
        energy_kwh=roads.length_km * rules.kwh_per_km,
    )


def _steps(minutes: Array, horizon: Horizon) -> Array:
    return np.maximum(np.rint(minutes / horizon.step_min), 1).astype(np.int64)


def _contracted(roads: Roads, keep: Array, horizon: Horizon, rules: Rules) -> tuple[StepRoads, Array]:
    """Direct links between all pairs of nodes `keep`; and where each old node is now (-1: gone)."""
    ways = ways_of(roads, keep)
    minutes, km = ways.minutes[:, keep], ways.km[:, keep]
    i, j = np.nonzero(np.isfinite(minutes) & ~np.eye(len(keep), dtype=bool))
    node = np.full(roads.nodes, -1, np.int64)
    node[keep] = np.arange(len(keep))
    ids = roads.node_id[keep]
    contracted = StepRoads(
        node_id=ids,
        link_id=identifiers([f"{ids[a]}-{ids[b]}" for a, b in zip(i, j, strict=True)]),
        tail=i,
        head=j,
        capacity_per_step=np.full(len(i), np.inf),
        free_flow_steps=_steps(minutes[i, j], horizon),
        energy_kwh=km[i, j] * rules.kwh_per_km,
    )
    return contracted, node


def _rounding(ways: Ways, trips: Array, roads: StepRoads, start: Array, node: Array, horizon: Horizon) -> str:
    """What rounding to steps does to the mean time of a trip."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import dijkstra

    n = roads.nodes
    best: dict[tuple[int, int], float] = {}
    for a, b, steps in zip(roads.tail.tolist(), roads.head.tolist(), roads.free_flow_steps, strict=True):
        best[a, b] = min(best.get((a, b), np.inf), float(steps))
    tail, head = np.array(list(best)).T
    graph = coo_array((np.array(list(best.values())), (tail, head)), shape=(n, n)).tocsr()
    steps = dijkstra(graph, indices=node[start])
    rows, ends = np.nonzero((trips > 0) & np.isfinite(ways.minutes))
    weight = trips[rows, ends]
    exact = weight @ ways.minutes[rows, ends] / weight.sum()
    rounded = weight @ steps[rows, node[ends]] / weight.sum() * horizon.step_min
    change = rounded / exact - 1.0
    return f"a trip takes {exact:.1f} min on the empty roads, {rounded:.1f} min in steps ({change:+.0%})"


def _with_half_width(injections: Injections, rules: Rules) -> Injections:
    if injections.half_width_kw.any():
        return injections
    return replace(injections, half_width_kw=rules.half_width * injections.power_kw)


def _with_limits(grid: Distribution, injections: Injections, rules: Rules) -> tuple[Distribution, int]:
    """Limits for lines that have none, and how many these are."""
    without = ~np.isfinite(grid.limit_kw)
    power = np.zeros((grid.buses, injections.power_kw.shape[1]))
    np.add.at(power, injections.bus, injections.sign[:, None] * injections.power_kw)
    most = np.abs(feeder_of(grid).flow_kw(power)).max(axis=1)
    given = np.round(rules.line_factor * most + rules.line_allowance_kw, 1)
    return replace(grid, limit_kw=np.where(without, given, grid.limit_kw)), int(without.sum())


def _aggregators(rules: Rules) -> Aggregators:
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


def _travel(start: Array, trips: Array, node: Array, horizon: Horizon, rules: Rules, n: int) -> Travel:
    """Vehicles by pair, departure and state of charge; departures in groups within the hours asked for."""
    h = _hours(horizon)
    every = max(round(rules.depart_every_min / horizon.step_min), 1)
    minute = (h * 60.0).astype(np.int64)
    open_ = (h > rules.depart_from_h) & (h < rules.depart_to_h) & (np.arange(horizon.steps) % every == 0)
    rate = np.where(open_, time_of_day()[minute], 0.0)
    if not rate.sum() > 0:
        problem = f"no step between {rules.depart_from_h:g} and {rules.depart_to_h:g} h"
        raise ScenarioError([Issue("rules", "depart_from_h", problem, "Give other hours")])
    row, end = np.nonzero(trips)
    step = np.flatnonzero(rate)
    soc = [(rules.soc_low, rules.low_share), (rules.soc_high, 1.0 - rules.low_share)]
    soc = [(level, part) for level, part in soc if part > 0]
    number = np.outer(trips[row, end] / trips.sum(), rate[step] / rate.sum())
    vehicles = rules.vehicles * number[:, :, None] * np.array([part for _, part in soc])
    pair, depart, group = (index.ravel() for index in np.indices(vehicles.shape))
    return Travel(
        aggregator=row[pair] % n,
        origin=node[start[row[pair]]],
        destination=node[end[pair]],
        depart_step=step[depart],
        soc_initial=np.array([level for level, _ in soc])[group],
        soc_final_min=np.full(vehicles.size, rules.soc_final),
        vehicles=vehicles.ravel(),
    )


def _provenance(
    roads_from: Scenario, grid_from: Scenario, rules: Rules, notes: list[str]
) -> tuple[tuple[str, ...], ...]:
    rows = [
        (
            "links",
            "from_node_id, to_node_id, times, lengths",
            roads_from.name,
            "published",
            "the road network",
        ),
        ("travel", "shares of pairs of nodes", roads_from.name, "published", "the road network's trips"),
        ("lines", "ends and impedances", grid_from.name, "published", "the grid"),
        ("injections", "buses and largest powers", grid_from.name, "published", "the grid"),
    ]
    rows += [
        ("rules", name, str(getattr(rules, name)), "chosen", "a rule of joining") for name in Rules.__slots__
    ]
    rows += [("rules", "note", note, "chosen", "a rule of joining") for note in notes]
    return tuple(rows)
