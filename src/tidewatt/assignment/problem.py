"""The equilibrium problem of a scenario in arrays: pairs, cost functions, links by node."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.roads import Demand, Roads
from tidewatt.errors import Issue, ScenarioError
from tidewatt.kernels.roads.dijkstra import Star, star_of
from tidewatt.kernels.roads.equilibrium import LinkCosts, Pairs, Paths, cheaper_paths
from tidewatt.routing.network import RoadNetwork, network_of

__all__ = [
    *("NoPath", "EquilibriumProblem", "link_costs", "link_times_min", "lost_pairs", "no_paths"),
    *("pack", "pairs_of", "shards_of", "unreachable"),
]

_NAMED = 5  # pairs named in a message
_SHARDS = 16  # fixed, so that sums come out the same whatever the number of threads


class NoPath(Exception):
    """Some trips have no path."""


@dataclass(frozen=True, slots=True, eq=False)
class EquilibriumProblem:
    """What the solvers need to know of an equilibrium problem.

    Attributes
    ----------
    star : Star
        Links by the node they leave.
    tail : array of int32, shape (links,)
        That node, by link.
    pairs : Pairs
        OD pairs with trips that use the network.
    costs : LinkCosts
        Cost of every link, capacity over the period.
    origin, destination : array of int32, shape (pairs,)
        Zones of each pair.
    start_min : float or None
        When the period starts [minutes of the day]; None: the roads' own period.
    period_h : float
        Hours that trips and capacities hold for.
    demand_trips, intrazonal_trips, other_trips : float
        All trips of the period, those of them that stay on one node, and those of other periods.
    """

    star: Star
    tail: Array
    pairs: Pairs
    costs: LinkCosts
    origin: Array
    destination: Array
    start_min: float | None
    period_h: float
    demand_trips: float
    intrazonal_trips: float
    other_trips: float

    @property
    def shards(self) -> list[tuple[int, int]]:
        """Ranges of origins, about equal in number of pairs."""
        return shards_of(self.pairs)


def shards_of(pairs: Pairs) -> list[tuple[int, int]]:
    """Return a fixed number of ranges of origins."""
    origins = len(pairs.source)
    cuts = np.linspace(0, origins, min(_SHARDS, origins) + 1).astype(int).tolist()
    return list(itertools.pairwise(cuts))


def pack(roads: Roads, demand: Demand, start_min: float | None = None) -> EquilibriumProblem:
    """Pack one period's equilibrium problem into arrays.

    Parameters
    ----------
    roads : Roads
    demand : Demand
    start_min : float, optional
        Take the trips whose window starts at this minute of the day. By default the trips without a window,
        which hold for the roads' own period; where all have one and the same window, those.

    Raises
    ------
    ScenarioError
        Where no period is named but there are several, where nobody travels, or where trips lead to where
        no path leads.
    """
    rows, start_min, period_h = _period(roads, demand, start_min)
    zones = roads.zones
    key = demand.origin[rows].astype(np.int64) * zones + demand.destination[rows]
    trips = np.asarray(demand.trips[rows], np.float64)
    pair, place = np.unique(key, return_inverse=True)
    total = np.bincount(place, weights=trips, minlength=len(pair))
    origin, destination = (pair // zones).astype(np.int32), (pair % zones).astype(np.int32)
    moves = (roads.zone_node[origin] != roads.zone_node[destination]) & (total > 0)
    if not moves.any():
        problem = "no trips between different nodes" if len(rows) else "no trips in this period"
        fix = "Add trips between zones, for example with `tidewatt import tntp` or `import gmns`."
        raise ScenarioError([Issue("demand", "trips", problem, fix)])
    network = network_of(roads)
    origin, destination = origin[moves], destination[moves]
    return EquilibriumProblem(
        star=star_of(network.nodes, network.tail, network.head),
        tail=network.tail,
        pairs=pairs_of(network, roads, origin, destination, total[moves]),
        costs=link_costs(roads, period_h),
        origin=origin,
        destination=destination,
        start_min=start_min,
        period_h=period_h,
        demand_trips=math.fsum(total),
        intrazonal_trips=math.fsum(total[~moves]),
        other_trips=math.fsum(demand.trips) - math.fsum(trips),
    )


def _period(roads: Roads, demand: Demand, start_min: float | None) -> tuple[Array, float | None, float]:
    """Return the demand rows of the requested period, its start [min] and its length [h]."""
    free = np.isnan(demand.start_min)
    if start_min is None and (free.any() or not len(demand)):
        return np.flatnonzero(free), None, roads.period_h
    starts = np.unique(demand.start_min[~free])
    if start_min is None and len(starts) == 1:
        start_min = float(starts[0])
    rows = np.flatnonzero(demand.start_min == start_min) if start_min is not None else np.zeros(0, np.int64)
    ends = np.unique(demand.end_min[rows])
    if not len(rows):
        told = ", ".join(f"{start:g}" for start in starts[:12]) or "none"
        asked = "several periods" if start_min is None else f"no trips that start at minute {start_min:g}"
        fix = f"Choose a period with start_min (--start-min). Periods start at minute: {told}."
        raise ScenarioError([Issue("demand", "start_min", asked, fix)])
    if len(ends) > 1 or not ends[0] > start_min:
        problem = f"windows from minute {start_min:g} end at {', '.join(f'{end:g}' for end in ends[:5])}"
        raise ScenarioError([Issue("demand", "end_min", problem, "Give them all one end after the start.")])
    return rows, start_min, float(ends[0] - start_min) / 60.0


def link_costs(roads: Roads, period_h: float) -> LinkCosts:
    """Return every link's generalised cost (sim-1) over a period: time, plus weighted toll and length."""
    fixed = roads.toll_weight_min * roads.toll + roads.distance_weight_min_per_km * roads.length_km
    return LinkCosts(
        free_min=np.ascontiguousarray(roads.free_time_min),
        alpha=np.ascontiguousarray(roads.bpr_alpha),
        beta=np.ascontiguousarray(roads.bpr_beta),
        capacity=roads.capacity_veh_h * period_h,
        fixed_min=np.broadcast_to(np.nan_to_num(fixed), (roads.links,)).copy(),
    )


def link_times_min(costs: LinkCosts, flow: Array) -> Array:
    """Return the travel time of every link under `flow`, without toll and distance [min]."""
    ratio = np.maximum(flow, 0.0) / costs.capacity
    return np.asarray(costs.free_min * (1.0 + costs.alpha * ratio**costs.beta))


def pairs_of(network: RoadNetwork, roads: Roads, origin: Array, destination: Array, trips: Array) -> Pairs:
    """Group pairs by origin; `origin` must be in ascending order."""
    zones, first = np.unique(origin, return_index=True)
    return Pairs(
        source=network.depart_node[roads.zone_node[zones]].astype(np.int32),
        first=np.append(first, len(origin)).astype(np.int64),
        target=roads.zone_node[destination].astype(np.int32),
        demand=np.ascontiguousarray(trips, np.float64),
    )


def no_paths(pairs: int) -> Paths:
    """Return an empty set of paths."""
    return Paths(np.zeros(pairs + 1, np.int64), np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0))


def lost_pairs(star: Star, tail: Array, pairs: Pairs) -> Array:
    """Return the pairs that no path connects."""
    count = len(pairs.demand)
    nearest, cost = np.empty(count), np.zeros(len(star.link))
    cheaper_paths(star, tail, cost, pairs, no_paths(count), 0, len(pairs.source), nearest)
    return np.flatnonzero(~np.isfinite(nearest))


def unreachable(problem: EquilibriumProblem, roads: Roads) -> ScenarioError:
    """Return the error that names pairs whose trips have no path."""
    lost = lost_pairs(problem.star, problem.tail, problem.pairs)
    trips = problem.pairs.demand[lost]
    shown = lost[np.argsort(-trips, kind="stable")[:_NAMED]]
    names = tuple(
        f"{roads.zone_id[problem.origin[r]]} to {roads.zone_id[problem.destination[r]]} "
        f"({problem.pairs.demand[r]:g} trips)"
        for r in shown
    )
    return ScenarioError(
        [
            Issue(
                "demand",
                "trips",
                f"{math.fsum(trips):g} trips run between zones that no path connects",
                "Add the missing links, remove these rows, or keep the largest connected part of the roads.",
                names,
                len(lost),
            )
        ]
    )
