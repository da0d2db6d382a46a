"""Arcs over time, node and surplus of charge that a restricted program chooses from (tariff-2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.tariffs.arcs.states import ChargeStates, VehicleKind
from tidewatt.tariffs.problem import TariffProblem

__all__ = ["Arcs", "arcs_of", "moves_of", "possible"]


@dataclass(frozen=True, slots=True, eq=False)
class Arcs:
    """Arcs of all kinds, sorted by kind and start; all of shape (arcs,) unless noted.

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
        As in `tidewatt.kernels.arcs.surplus`.
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


@dataclass(frozen=True, slots=True, eq=False)
class Moves:
    """What keys ``state * actions + action`` of kinds mean; all of shape (keys,)."""

    kind: Array
    state: Array
    action: Array
    start: Array
    node: Array
    level: Array
    link: Array
    option: Array
    end: Array
    node_end: Array
    level_end: Array
    state_end: Array


def moves_of(
    problem: TariffProblem, levels: ChargeStates, kinds: list[VehicleKind], keys: list[Array]
) -> Moves:
    """Return where arcs of every kind's keys begin and end; levels are capped at the highest."""
    roads, nodes = problem.roads, problem.roads.nodes
    kind = np.repeat(np.arange(len(keys)), [len(k) for k in keys])
    state, action = np.divmod(np.concatenate(keys), 1 + roads.links + len(levels.site))
    level_count = np.array([k.levels for k in kinds], np.int64)[kind]
    rest, level = np.divmod(state, level_count)
    start, node = np.divmod(rest, nodes)
    drives, charges = (action > 0) & (action <= roads.links), action > roads.links
    link = np.where(drives, action - 1, -1)
    option = np.where(charges, action - 1 - roads.links, -1)
    end, node_end, level_end = start + 1, node.copy(), level.copy()
    by = link[drives]
    end[drives] = start[drives] + roads.free_flow_steps[by]
    node_end[drives] = roads.head[by]
    level_end[drives] -= np.stack([k.expanded.used for k in kinds])[kind[drives], by]
    aggregator = np.array([k.aggregator for k in kinds], np.int64)[kind[charges]]
    level_end[charges] += levels.gain[aggregator, option[charges]]
    fills = drives | np.array([k.expanded.fills for k in kinds])[kind]
    highest = np.stack([k.expanded.high for k in kinds])[kind, node_end]
    level_end = np.where(fills, np.minimum(level_end, highest), level_end)
    state_end = (end * nodes + node_end) * level_count + level_end
    return Moves(kind, state, action, start, node, level, link, option, end, node_end, level_end, state_end)


def possible(problem: TariffProblem, levels: ChargeStates, kind: VehicleKind, keys: Array) -> Array:
    """Return which keys are valid arcs of a kind; those of an earlier solution may not be."""
    roads, x = problem.roads, kind.expanded
    move = moves_of(problem, levels, [kind], [keys])
    good: Array = (move.node != kind.destination) & (move.start < problem.steps) & (move.end <= problem.steps)
    good &= (move.level >= x.low[move.node]) & (move.level <= x.high[move.node])
    good &= (move.level_end >= x.low[move.node_end]) & (move.level_end <= x.high[move.node_end])
    drives, charges = move.link >= 0, move.option >= 0
    good[drives] &= roads.tail[move.link[drives]] == move.node[drives]
    option = move.option[charges]
    good[charges] &= problem.sites.node[levels.site[option]] == move.node[charges]
    good[charges] &= levels.power_kw[kind.aggregator, option] != 0
    return good


def arcs_of(problem: TariffProblem, levels: ChargeStates, keys: list[Array]) -> Arcs:
    """Return arcs from the sorted keys ``state * actions + action`` of every kind.

    Every state that an arc leads to must have an arc out of it, unless it is at the destination.
    """
    steps, nodes = problem.steps, problem.roads.nodes
    sizes = np.array([(steps + 1) * nodes * k.levels for k in levels.kinds], np.int64)
    base = np.concatenate([[0], np.cumsum(sizes)])
    move = moves_of(problem, levels, levels.kinds, keys)
    kind, link, option, start, end = move.kind, move.link, move.option, move.start, move.end
    drives, charges = link >= 0, option >= 0
    aggregator = np.array([k.aggregator for k in levels.kinds], np.int64)[kind]
    destination = np.array([k.destination for k in levels.kinds], np.int64)[kind]

    tails, owner = np.unique(base[kind] + move.state, return_inverse=True)
    first = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(tails)))])
    head = np.where(move.node_end == destination, -1, np.searchsorted(tails, base[kind] + move.state_end))
    cost = problem.aggregators.time_value_per_h[aggregator] * problem.step_h * (end - start)
    cost[drives] += problem.toll[link[drives], np.minimum(end[drives], steps) - 1]
    cost[charges] += problem.charger_price[levels.site[option[charges]], start[charges]]
    starts = np.concatenate([base[i] + k.starts for i, k in enumerate(levels.kinds)])
    return Arcs(
        kind,
        aggregator,
        first,
        head,
        move.state,
        move.action,
        start,
        end,
        move.node,
        move.level,
        move.level_end,
        link,
        option,
        cost,
        np.searchsorted(tails, starts),
        np.concatenate([k.vehicles for k in levels.kinds]),
    )
