"""All-or-nothing loading on a contraction hierarchy: several times faster than a search from every origin."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.execution.threads import Threads
from tidewatt.kernels.roads import contraction as roads_contraction
from tidewatt.kernels.roads import loading as roads_loading
from tidewatt.kernels.roads.equilibrium import Pairs
from tidewatt.simulation.assignment.conjugate import Loader
from tidewatt.simulation.routing.network import Network

__all__ = ["hierarchical_loader"]

_LONGEST_MIN = 24 * 60.0
"""Links cost at most this: far above any path that is used, far below where times would overflow."""


def hierarchical_loader(
    network: Network, pairs: Pairs, workers: Threads, blocks: Sequence[Sequence[Array]]
) -> list[Loader]:
    """A loader for each block of origins, whose shards run on `workers`.

    Costs are rounded to milliseconds: what is loaded is a shortest path under the rounded costs.

    Returns
    -------
    list of callable
        Link costs [min] to link flows, cost of each origin's trips [vehicle minutes], trips without a path.
    """
    levels = roads_contraction.build(*network[:3], network.x_km, network.y_km)
    arcs, links, origins = len(levels.head), len(network.tail), len(pairs.source)
    source, target = levels.rank[pairs.source], levels.rank[pairs.target]
    cost, via = np.empty((arcs, 2), np.int32), np.empty((arcs, 2), np.int32)

    def loader(shards: Sequence[Array]) -> Loader:
        def load(cost_min: Array) -> tuple[Array, Array, float]:
            time_ms = np.rint(np.minimum(cost_min, _LONGEST_MIN) * 60000.0).astype(np.int32)
            roads_contraction.customise(levels, time_ms, cost, via)
            least, lost = np.zeros(origins), np.zeros(origins)

            def one(shard: Array) -> Array:
                carried = np.zeros((arcs, 2))
                rows = (source, pairs.first, target, pairs.demand)
                roads_loading.load(levels, cost, shard, *rows, carried, least, lost)
                return carried

            flow, carried = np.zeros(links), np.zeros((arcs, 2))
            for part in workers.map(one, shards):  # in the order of the shards: the same sums always
                carried += part
            roads_loading.hand_down(levels, time_ms, cost, via, carried, flow)
            return flow, least / 60000.0, float(lost.sum())

        return load

    return [loader(shards) for shards in blocks]
