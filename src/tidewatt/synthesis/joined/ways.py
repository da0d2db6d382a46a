"""Fastest ways on the empty network, and roads whose travel times are rounded to whole steps."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tidewatt.domain.arrays import Array, identifiers
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.roads import Roads
from tidewatt.domain.travel import StepRoads
from tidewatt.synthesis.joined.rules import JoiningRules

__all__ = ["Ways", "busiest", "contracted", "in_steps", "parted", "rounding", "ways_of"]

_LEAST_MIN = 1e-6  # connectors of no length must not vanish from a sparse matrix


@dataclass(frozen=True, slots=True)
class Ways:
    """Fastest ways from chosen nodes.

    Attributes
    ----------
    start : array of int64, shape (starts,)
        Nodes they start from.
    minutes, km : array, shape (starts, nodes)
        Time and length; inf where there is no way.
    link : array of int64, shape (starts, nodes)
        Last link of each way; -1 at the start and where there is none.
    """

    start: Array
    minutes: Array
    km: Array
    link: Array

    def carried(self, roads: Roads, trips: Array) -> Array:
        """Return trips on each link if all take these ways, (links,); `trips` has shape (starts, nodes)."""
        total = np.zeros(roads.links)
        for row in range(len(self.start)):
            beyond = np.where(np.isfinite(self.minutes[row]), trips[row], 0.0)
            for node in np.argsort(-self.minutes[row], kind="stable"):  # the far ends first
                last = self.link[row, node]
                if last >= 0:
                    total[last] += beyond[node]
                    beyond[roads.tail[last]] += beyond[node]
        return total


def parted(roads: Roads, whole: Array) -> tuple[Roads, Array]:
    """Return roads with each centroid split into two nodes, so that no way leads through one.

    Parameters
    ----------
    roads : Roads
    whole : array of int
        Nodes to leave as they are, whether or not they may be driven through.

    Returns
    -------
    Roads
        Links into a centroid end at a node of its own, appended to the others.
    array of int64, shape (nodes of `roads`,)
        Where to arrive at each node.
    """
    arrive = np.arange(roads.nodes)
    centroids = np.setdiff1d(np.flatnonzero(~roads.through), whole)
    if not len(centroids):
        return roads, arrive
    arrive[centroids] = roads.nodes + np.arange(len(centroids))
    ids = [str(node) for node in roads.node_id]
    taken = set(ids)
    for node in centroids:
        name = f"{ids[node]} arrivals"
        while name in taken:
            name += "'"
        taken.add(name)
        ids.append(name)
    nodes = np.concatenate([np.arange(roads.nodes), centroids])
    of = {name: getattr(roads, name)[nodes] for name in ("x", "y", "through")}
    return replace(roads, node_id=np.array(ids, object), head=arrive[roads.head], **of), arrive


def busiest(trips: Array, minutes: Array, groups: int, most: int) -> tuple[Array, list[str]]:
    """Return trips of the busiest pairs of places, at most `most` groups, and a note on the others.

    Parameters
    ----------
    trips, minutes : array, shape (starts, nodes)
    groups : int
        Of vehicles of each pair.
    most : int
        Groups altogether; at least one pair is kept.
    """
    row, end = np.nonzero(trips)
    room = max(most // groups, 1)
    if len(row) <= room:
        return trips, []
    kept = np.argsort(-trips[row, end], kind="stable")[:room]
    few = np.zeros_like(trips)
    few[row[kept], end[kept]] = trips[row[kept], end[kept]]
    took, takes = (float(each[row, end] @ minutes[row, end] / each.sum()) for each in (trips, few))
    return few, [
        f"{room:,} of {len(row):,} pairs of places are kept, those with the most trips, "
        f"{few.sum() / trips.sum():.0%} of all trips ({takes:.1f} min each, against {took:.1f} min for all): "
        f"with every pair there would be {len(row) * groups:,} groups of vehicles, more than {most:,} "
        "(--most-groups)"
    ]


def ways_of(roads: Roads, start: Array) -> Ways:
    """Return the fastest ways from nodes `start` on the empty network."""
    time = np.maximum(roads.free_time_min, _LEAST_MIN)
    minutes, link = _shortest(roads.tail, roads.head, time, roads.nodes, start)
    km = np.full(minutes.shape, np.inf)
    for row, node in enumerate(start):
        km[row, node] = 0.0
        reached = np.flatnonzero(link[row] >= 0)
        for each in reached[np.argsort(minutes[row, reached], kind="stable")]:
            last = link[row, each]
            km[row, each] = km[row, roads.tail[last]] + roads.length_km[last]
    return Ways(np.asarray(start, np.int64), minutes, km, link)


def _shortest(tail: Array, head: Array, cost: Array, nodes: int, start: Array) -> tuple[Array, Array]:
    """Return least costs from nodes `start` to every node, and the last link on the way there (-1: none)."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import dijkstra

    # Of parallel links the cheapest; the first of equals.
    order = np.lexsort((np.arange(len(cost)), cost, head, tail))
    pairs, first = np.unique(tail[order].astype(np.int64) * nodes + head[order], return_index=True)
    kept = order[first]
    graph = csr_array((cost[kept], (tail[kept], head[kept])), shape=(nodes, nodes))
    least, before = dijkstra(graph, indices=start, return_predecessors=True)
    link = np.full(least.shape, -1, np.int64)
    row, node = np.nonzero(before >= 0)
    link[row, node] = kept[np.searchsorted(pairs, before[row, node].astype(np.int64) * nodes + node)]
    return least, link


_MUCH = 0.5  # change of the mean time of a trip from which on a case is no longer that of the roads


def in_steps(roads: Roads, horizon: Horizon, share: float, rules: JoiningRules) -> StepRoads:
    """Return roads that keep every link; `share` of its capacity is left to the vehicles."""
    return StepRoads(
        node_id=roads.node_id,
        link_id=roads.link_id,
        tail=roads.tail,
        head=roads.head,
        capacity_per_step=roads.capacity_veh_h * (horizon.step_min / 60.0 * share),
        free_flow_steps=_steps(roads.free_time_min, horizon),
        energy_kwh=roads.length_km * rules.kwh_per_km,
    )


def contracted(roads: Roads, keep: Array, horizon: Horizon, rules: JoiningRules) -> tuple[StepRoads, Array]:
    """Return direct links between all pairs of nodes, without capacities.

    Parameters
    ----------
    keep : array of int64
        Nodes that stay, ascending.

    Returns
    -------
    StepRoads
    array of int64, shape (nodes of `roads`,)
        Where each node is now; -1: gone.
    """
    ways = ways_of(roads, keep)
    minutes, km = ways.minutes[:, keep], ways.km[:, keep]
    i, j = np.nonzero(np.isfinite(minutes) & ~np.eye(len(keep), dtype=bool))
    node = np.full(roads.nodes, -1, np.int64)
    node[keep] = np.arange(len(keep))
    ids = roads.node_id[keep]
    direct = StepRoads(
        node_id=ids,
        link_id=identifiers([f"{ids[a]} to {ids[b]}" for a, b in zip(i, j, strict=True)]),
        tail=i,
        head=j,
        capacity_per_step=np.full(len(i), np.inf),
        free_flow_steps=_steps(minutes[i, j], horizon),
        energy_kwh=km[i, j] * rules.kwh_per_km,
    )
    return direct, node


def rounding(
    ways: Ways, trips: Array, hops: Array, horizon: Horizon, contract: bool
) -> tuple[str, tuple[str, ...]]:
    """Say in a sentence how rounding to steps changes the mean time of a trip.

    A warning where it is much.

    Parameters
    ----------
    ways : Ways
        On the roads as they are.
    trips, hops : array, shape (starts, nodes)
        Trips, and the fewest steps that they take.
    contract : bool
        Whether links are direct already.
    """
    rows, ends = np.nonzero(trips)
    weight = trips[rows, ends] / trips.sum()
    exact = float(weight @ ways.minutes[rows, ends])
    whole = float(weight @ hops[rows, ends]) * horizon.step_min
    times = (
        f"a trip takes {exact:.1f} min on the empty roads, {whole:.1f} min in steps of "
        f"{horizon.step_min:g} min ({whole / exact - 1.0:+.0%})"
    )
    if abs(whole / exact - 1.0) <= _MUCH:
        return times, ()
    shorter = "use shorter steps (--step-min; if the grid is a scenario, one with shorter steps)"
    advice = shorter if contract else f"{shorter}, or join direct links (--contract)"
    return times, (f"{times}: to come closer, {advice}",)


def _steps(minutes: Array, horizon: Horizon) -> Array:
    return np.maximum(np.rint(minutes / horizon.step_min), 1).astype(np.int64)
