"""Flow of all other traffic on the roads, near its user equilibrium, for any number of OD pairs.

Flows are kept by link and block of origins, never by path: 2.3 million pairs on 40,000 links take a few
seconds. Block-coordinate Frank-Wolfe: each block of origins in turn moves to its cheapest paths under the
costs of this moment, as far as an exact line search goes. Blocks for separable constraints are from
Lacoste-Julien, Jaggi, Schmidt & Pletscher (2013), "Block-coordinate Frank-Wolfe optimization for structural
SVMs", ICML; that commodities of an assignment may be taken in turn is from Patriksson (1998), "Decomposition
methods for differentiable optimization problems over Cartesian product sets", Computational Optimization and
Applications 9.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from tidewatt.assignment.conjugate import hierarchical_loader
from tidewatt.assignment.problem import link_costs, pairs_of
from tidewatt.domain.arrays import Array
from tidewatt.domain.roads import Roads
from tidewatt.execution.threads import Threads
from tidewatt.kernels.roads.equilibrium import LinkCosts, descend, price_links
from tidewatt.routing.network import RoadNetwork

__all__ = ["background_flow"]

_BLOCKS = 16  # blocks of origins; fixed, so that the flows do not depend on the number of threads
_SHARDS = 2  # parts of a block that threads share
_CLOSE = 1e-3  # of the line searches: the next block undoes more than that


class _SpeedFlow(Protocol):
    def time_min(self, roads: Roads, flow_veh_h: Array) -> Array:
        """Return the travel time of every link [min]."""


def background_flow(
    network: RoadNetwork,
    roads: Roads,
    trips: Array,
    *,
    gap: float = 1e-2,
    max_iterations: int = 50,
    workers: Threads,
    speed_flow: _SpeedFlow | None = None,
) -> Array:
    """Return link flows near the user equilibrium of a trip table.

    Parameters
    ----------
    network : RoadNetwork
        Of `roads`.
    roads : Roads
        Capacities and cost functions; trips are those of `period_h`.
    trips : array, shape (zones, zones)
        Trips from zone to zone within the roads' period [vehicles]; the diagonal is not looked at, nor are
        trips that no path connects.
    gap : float
        Stop when a pass over the blocks found a relative gap (sim-14) of at most this, every block's part
        taken under the costs that it met. The steps of that pass are made, so the flows are better.
    max_iterations : int
        Passes at most.
    workers : Threads
        They do not change the flows.
    speed_flow : optional
        Its ``time_min(roads, flow_veh_h)`` replaces the roads' own cost functions (sim-1); it must not fall
        as flow grows.

    Returns
    -------
    array, shape (links,)
        Vehicles in the roads' period.
    """
    origin, destination = np.nonzero(trips)
    keep = roads.zone_node[origin] != roads.zone_node[destination]
    origin, destination = origin[keep], destination[keep]
    flow = np.zeros(roads.links)
    if not len(origin):
        return flow
    pairs = pairs_of(network, roads, origin, destination, trips[origin, destination])
    model = _Compiled(roads) if speed_flow is None else _Modelled(roads, speed_flow)
    origins = len(pairs.source)
    blocks = min(_BLOCKS, origins)
    # Origins of a block lie scattered over the network, so that blocks are alike.
    members = [np.array_split(np.arange(block, origins, blocks), _SHARDS) for block in range(blocks)]
    loads = hierarchical_loader(network, pairs, workers, members)
    trips_of = np.add.reduceat(pairs.demand, pairs.first[:-1])
    share = np.array([trips_of[np.arange(block, origins, blocks)].sum() for block in range(blocks)])
    held = np.zeros((blocks, roads.links))

    # Incremental start: each block meets what those before it load, scaled to all trips.
    cost = model.price(flow)
    for block, load in enumerate(loads):
        held[block] = load(cost)[0]
        flow += held[block]
        cost = model.price(flow * (share.sum() / share[: block + 1].sum()))
    cost = model.price(flow)
    for _ in range(max_iterations):
        excess = total = 0.0
        for block, load in enumerate(loads):
            step = load(cost)[0] - held[block]
            excess -= float(cost @ step)
            total += float(cost @ held[block])
            held[block] += model.descend(flow, step) * step
            flow = held.sum(axis=0)
            cost = model.price(flow)
        if excess <= gap * total:
            break
    return flow


class _Compiled:
    """The roads' own cost functions."""

    def __init__(self, roads: Roads) -> None:
        self._costs: LinkCosts = link_costs(roads, roads.period_h)
        self._slope = np.empty(roads.links)

    def price(self, flow: Array) -> Array:
        """Return the cost of every link [min]."""
        cost = np.empty(len(flow))
        price_links(self._costs, flow, cost, self._slope)
        return cost

    def descend(self, flow: Array, step: Array) -> float:
        """Return the step length in 0..1 along `step` at which the cost is least."""
        return float(descend(self._costs, flow, step, _CLOSE))


class _Modelled:
    """Costs by a speed-flow model, plus the roads' weights of toll and length."""

    def __init__(self, roads: Roads, model: _SpeedFlow) -> None:
        fixed = link_costs(roads, roads.period_h).fixed_min

        def price(flow: Array) -> Array:
            return np.asarray(model.time_min(roads, np.maximum(flow, 0.0) / roads.period_h) + fixed)

        self.price: Callable[[Array], Array] = price

    def descend(self, flow: Array, step: Array) -> float:
        """Return the step length in 0..1 along `step` at which the cost is least, by bisecting its slope."""
        if float(self.price(flow + step) @ step) <= 0.0:
            return 1.0
        low, high = 0.0, 1.0
        for _ in range(10):
            middle = 0.5 * (low + high)
            if float(self.price(flow + middle * step) @ step) < 0.0:
                low = middle
            else:
                high = middle
        return low
