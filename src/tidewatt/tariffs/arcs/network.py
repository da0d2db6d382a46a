"""Arcs over time, node and surplus of charge that a restricted program chooses from (tariff-2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.tariffs.arcs.levels import Levels
from tidewatt.tariffs.problem import Problem

__all__ = ["Arcs", "arcs_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Arcs:
    """Arcs of all kinds, sorted by kind and start; all of shape (arcs,) unless said.

    Attributes
    ----------
    kind, aggregator : array of int64
    first : array of int64, shape (states + 1,)
        CSR offsets of arcs by the state they start in; states are numbered by kind and time.
    head : array of int64
        State where they end; -1: the destination.
    start_state : array of int64
        State of `Levels.kinds` of the arc's kind.
    action : array of int64
        As in `tidewatt.kernels.surplus`.
    start_step, end_step, node, level, level_end : array of int64
    link, option : array of int64
        -1: the arc is something else.
    cost : array
        Time, tolls and charger prices of one vehicle; energy is paid for by power.
    supply_state : array of int64, shape (starts,)
        Where vehicles depart.
    supply : array, shape (starts,)
    """

    kind: Array
    aggregator: Array
    first: Array
    head: Array
    start_state: Array
    action: Array
    start_step: Array
    end_step: Array
    node: Array
    level: Array
    level_end: Array
    link: Array
    option: Array
    cost: Array
    supply_state: Array
    supply: Array

    def __len__(self) -> int:
        return len(self.head)


def arcs_of(problem: Problem, levels: Levels, keys: list[Array]) -> Arcs:
    """Arcs from the sorted keys ``state * actions + action`` of every kind.

    Every state that an arc leads to must have an arc out of it, unless it is at the destination.
    """
    roads, nodes, steps = problem.roads, problem.roads.nodes, problem.steps
    actions = 1 + roads.links + len(levels.site)
    sizes = np.array([(steps + 1) * nodes * k.levels for k in levels.kinds], np.int64)
    base = np.concatenate([[0], np.cumsum(sizes)])
    kind = np.repeat(np.arange(len(keys)), [len(k) for k in keys])
    every = np.concatenate(keys)
    state, action = np.divmod(every, actions)
    level_count = np.array([k.levels for k in levels.kinds], np.int64)[kind]
    rest, level = np.divmod(state, level_count)
    start, node = np.divmod(rest, nodes)
    drives, charges = (action > 0) & (action <= roads.links), action > roads.links
    link = np.where(drives, action - 1, -1)
    option = np.where(charges, action - 1 - roads.links, -1)
    aggregator = np.array([k.aggregator for k in levels.kinds], np.int64)[kind]

    used = np.stack([k.expanded.used for k in levels.kinds])
    end = start + np.where(drives, roads.free_flow_steps[link], 1)
    node_end = np.where(drives, roads.head[link], node)
    level_end = level - np.where(drives, used[kind, link], 0)
    if charges.any():
        level_end = level_end + np.where(charges, levels.gain[aggregator, option], 0)
    destination = np.array([k.destination for k in levels.kinds], np.int64)[kind]

    tails, owner = np.unique(base[kind] + state, return_inverse=True)
    first = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(tails)))])
    ends = base[kind] + (end * nodes + node_end) * level_count + level_end
    there = node_end == destination
    head = np.where(there, -1, np.searchsorted(tails, ends))

    w = problem.aggregators.time_value_per_h[aggregator] * problem.step_h
    cost = w * (end - start)
    cost = cost + np.where(drives, problem.toll[link, np.minimum(end, steps) - 1], 0.0)
    if charges.any():
        paid = problem.charger_price[levels.site[option], start]
        cost = cost + np.where(charges, paid, 0.0)
    starts = np.concatenate([base[i] + k.starts for i, k in enumerate(levels.kinds)])
    return Arcs(
        kind, aggregator, first, head, state, action, start, end, node, level, level_end, link, option, cost,
        np.searchsorted(tails, starts), np.concatenate([k.vehicles for k in levels.kinds]),
    )  # fmt: skip
