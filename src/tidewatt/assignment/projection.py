"""User equilibrium by gradient projection over paths, with column generation.

Jayakrishnan, Tsai, Prashker & Rajadhyaksha (1994), "A faster path-based algorithm for traffic assignment",
Transportation Research Record 1443; Florian, Constantin & Florian (2009), "A new look at projected gradient
method for equilibrium assignment", Transportation Research Record 2090. That many cheap sweeps over the pairs
pay between two costly rounds of shortest paths is from Xie, Nie & Liu (2018), "A greedy path-based algorithm
for traffic assignment", Transportation Research Record 2672(48).
"""

from __future__ import annotations

import numpy as np

from tidewatt.assignment.convergence import AssignedFlows, GapMonitor
from tidewatt.assignment.problem import EquilibriumProblem, NoPath, no_paths
from tidewatt.domain.arrays import Array
from tidewatt.execution.threads import Threads
from tidewatt.kernels.roads.equilibrium import (
    Paths,
    beckmann,
    cheaper_paths,
    equilibrate,
    load_paths,
    merge_paths,
    price_links,
)
from tidewatt.result import Status

__all__ = ["project"]

_SHARE = 0.01  # sweep until the excess among known paths is this share of the gap
_ROUNDS = 100  # ... but no more often than this,
_REPEATS = 4  # each time with so many sweeps over the pairs
_WORST = 0.3  # whose excess is above this share of the mean


def project(problem: EquilibriumProblem, monitor: GapMonitor, workers: Threads) -> AssignedFlows:
    """Solve until the monitor says stop.

    A round: link flows from path flows (so that no rounding piles up), the gap by a shortest-path tree for
    each origin, the cheaper paths found go to their pairs, and flows are evened out over the paths known.

    Raises
    ------
    NoPath
        Where trips have no path.
    """
    costs, pairs, star, tail = problem.costs, problem.pairs, problem.star, problem.tail
    links, count = len(costs.beta), len(pairs.demand)
    flow, cost, slope = np.zeros(links), np.zeros(links), np.zeros(links)
    seen, other = np.zeros(links, np.int64), np.zeros(links, np.int64)
    nearest, excess = np.empty(count), np.zeros(count)
    paths = no_paths(count)
    status: Status | None = None
    empty = True
    while True:
        load_paths(paths, flow)
        price_links(costs, flow, cost, slope)

        def search(shard: tuple[int, int], paths: Paths = paths) -> tuple[Array, Array, Array]:
            pair, length, links, new, used = cheaper_paths(
                star, tail, cost, pairs, paths, shard[0], shard[1], nearest
            )
            return pair[:new], length[:new], links[:used]

        found = workers.map(search, problem.shards)
        pair, length, new_links = (np.concatenate(part) for part in zip(*found, strict=True))
        if empty:
            if not np.isfinite(nearest).all():
                raise NoPath
            # Everyone takes the path that is cheapest on empty roads.
            paths = Paths(*merge_paths(paths, pair, length, new_links, pairs.demand[pair]))
            empty = False
            continue
        status = monitor.note(
            cost, flow, pairs.demand * nearest, beckmann(costs, flow), f"{len(paths.flow):,} paths"
        )
        if status is not None:
            return AssignedFlows(flow, paths, monitor, status)
        paths = Paths(*merge_paths(paths, pair, length, new_links, np.zeros(len(pair))))
        choices = np.flatnonzero(np.diff(paths.first) > 1)
        goal = _SHARE * max(monitor.gap, monitor.goal["relative_gap"]) * float(cost @ flow)

        def sweep(chosen: Array, paths: Paths = paths) -> float:
            return float(
                equilibrate(costs, paths, pairs.demand, chosen, flow, cost, slope, seen, other, excess)
            )

        for _ in range(_ROUNDS):
            left = sweep(choices)
            if left <= goal or monitor.late:
                break
            worst = choices[excess[choices] > _WORST * left / len(choices)]
            for _ in range(_REPEATS):
                if sweep(worst) <= 0.5 * goal:
                    break
