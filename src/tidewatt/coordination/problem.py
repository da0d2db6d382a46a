"""From a scenario to the arrays of the linear program (coord-1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tidewatt.coordination.levels import GridLevels, levels_of
from tidewatt.domain.arrays import Array
from tidewatt.domain.scenario import Scenario
from tidewatt.kernels.charging.fleet import ShardArrays, cumulative_bounds, lower_to_reachable

__all__ = ["BLOCKS", "ChargingProblem", "block_ends", "pack", "session_problem"]

BLOCKS = 8
"""Blocks of vehicles that take turns within a pass of ADMM; each moves `BLOCKS` times its own step."""


@dataclass(frozen=True, slots=True, eq=False)
class ChargingProblem:
    """The linear program of one rung.

    Attributes
    ----------
    fleet : ShardArrays
        Vehicles, or in the session-flexible rung their dwells, block after block, each by home feeder.
    levels : GridLevels
        Grid.
    step_h : float
        Length of a step [h].
    vehicle : int array, shape (vehicles,)
        Scenario's vehicle of each.
    dwell : int array, shape (opportunities,)
        Scenario's dwell of each opportunity.
    """

    fleet: ShardArrays
    levels: GridLevels
    step_h: float
    vehicle: Array
    dwell: Array

    @property
    def variables(self) -> int:
        """Number of variables."""
        return int(self.fleet.edge[-1])


def pack(scenario: Scenario) -> tuple[ChargingProblem, Array]:
    """Return the arrays of the mobility-aware program, and what each vehicle lacks.

    Returns
    -------
    Problem
        Every vehicle of the scenario, with its charging opportunities.
    array, shape (vehicles,)
        Energy that no schedule can deliver [kWh], battery side (coord-1).
    """
    horizon, fleet, dwells, trips = scenario.horizon, scenario.fleet, scenario.dwells, scenario.trips
    n, step = len(fleet), horizon.step_min
    owner = np.repeat(np.arange(n), np.diff(dwells.first))
    power = np.minimum(dwells.charger_kw, fleet.max_charge_kw[owner])
    dwell = np.flatnonzero((power > 0) & (dwells.depart_min > dwells.arrive_min))
    owner = owner[dwell]

    vehicle = _by_home(owner, dwells.feeder[dwell], (dwells.depart_min - dwells.arrive_min)[dwell], n)
    rank = np.empty(n, np.int64)
    rank[vehicle] = np.arange(n)
    order = np.argsort(rank[owner], kind="stable")
    dwell, power = dwell[order], power[dwell][order]
    first = np.r_[0, np.cumsum(np.bincount(rank[owner], minlength=n))].astype(np.int64)
    del owner, rank, order
    arrive, depart = dwells.arrive_min[dwell], dwells.depart_min[dwell]
    # Times may miss the horizon by the rounding that `check` forgives.
    begin = np.maximum(np.floor(arrive / step + 1e-9), 0.0).astype(np.int64)
    end = np.maximum(np.ceil(depart / step - 1e-9).astype(np.int64), begin + 1)
    end = np.minimum(end, horizon.steps)
    begin = np.minimum(begin, end - 1)
    head = np.clip((np.minimum(depart, (begin + 1) * step) - arrive) / step, 0.0, 1.0)
    tail = np.clip((depart - np.maximum(arrive, (end - 1) * step)) / step, 0.0, 1.0)
    edge = np.r_[0, np.cumsum(end - begin)].astype(np.int64)
    feeder = dwells.feeder[dwell].astype(np.int32)
    feeder[feeder < 0] = scenario.grid.feeders
    begin = begin.astype(np.int32)
    del end, depart

    per = 1.0 / (fleet.charge_efficiency * horizon.step_h)
    battery = fleet.battery_kwh
    lower, upper, lack = cumulative_bounds(
        first,
        arrive,
        vehicle,
        trips.first,
        trips.depart_min,
        trips.arrive_min,
        trips.energy_kwh,
        fleet.soc_initial * battery,
        fleet.soc_min * battery,
        fleet.soc_max * battery,
        fleet.soc_final_min * battery,
        per,
    )
    scale = np.sqrt(np.maximum(power, 0.5))
    if len(scale):
        scale /= scale.mean()
    weight = fleet.weight[vehicle]
    packed = ShardArrays(
        first, feeder, begin, edge, power, head, tail, lower, upper, scale, weight, _longest(first, edge)
    )
    lower_to_reachable(packed, per[vehicle], lack)
    missing = np.empty(n)
    missing[vehicle] = lack
    missing[missing < 1e-9 * np.maximum(battery, 1.0)] = 0.0
    return ChargingProblem(packed, levels_of(scenario, packed), horizon.step_h, vehicle, dwell), missing


def _by_home(owner: Array, feeder: Array, stay: Array, vehicles: int) -> Array:
    """Return vehicles ordered so that neighbours share a home feeder, dealt into `BLOCKS` hands.

    Passes then stream through memory while the few rows of prices and loads that they touch stay in
    cache, and each hand, a block of ADMM, holds its share of every feeder's vehicles.
    """
    home = np.full(vehicles, np.iinfo(np.int32).max)
    by = np.lexsort((np.where(feeder >= 0, -stay, 0.0), owner))
    lead = by[np.flatnonzero(np.diff(owner[by], prepend=-1))]
    home[owner[lead]] = feeder[lead]
    return _dealt(np.argsort(home, kind="stable"))


def _dealt(order: Array) -> Array:
    """Return every `BLOCKS`-th element from the first, then every one from the second, and so on."""
    return np.concatenate([order[hand::BLOCKS] for hand in range(BLOCKS)])


def block_ends(vehicles: int) -> Array:
    """Return where the hands of `_dealt` begin and end, shape (BLOCKS + 1,)."""
    hands = np.arange(BLOCKS)
    ends: Array = np.r_[0, np.cumsum((vehicles - hands + BLOCKS - 1) // BLOCKS)]
    return ends


def session_problem(problem: ChargingProblem, unmanaged: Array) -> ChargingProblem:
    """Return the session-flexible rung.

    Each charging dwell draws exactly what unmanaged charging draws there.

    Every dwell then stands alone, so each becomes a vehicle of its own; dwells that draw nothing go.

    Parameters
    ----------
    problem : ChargingProblem
        The mobility-aware rung.
    unmanaged : array, shape (variables,)
        Unmanaged schedule [kW].
    """
    fleet = problem.fleet
    counts = np.diff(fleet.edge)
    energy = np.add.reduceat(unmanaged, fleet.edge[:-1]) if len(counts) else np.zeros(0)
    keep = np.flatnonzero(energy > 0)
    keep = keep[_dealt(np.argsort(fleet.feeder[keep], kind="stable"))]
    weight = np.repeat(fleet.weight, np.diff(fleet.first))[keep]
    edge = np.r_[0, np.cumsum(counts[keep])].astype(np.int64)
    first = np.arange(len(keep) + 1)
    energy = energy[keep]
    packed = ShardArrays(
        first=first,
        feeder=fleet.feeder[keep],
        step=fleet.step[keep],
        edge=edge,
        power=fleet.power[keep],
        head=fleet.head[keep],
        tail=fleet.tail[keep],
        lower=energy,
        upper=energy,
        scale=fleet.scale[keep],
        weight=weight,
        longest=_longest(first, edge),
    )
    owner = np.repeat(problem.vehicle, np.diff(fleet.first))[keep]
    return ChargingProblem(packed, problem.levels, problem.step_h, owner, problem.dwell[keep])


def _longest(first: Array, edge: Array) -> tuple[int, int]:
    variables = edge[first[1:]] - edge[first[:-1]]
    return max(int(np.diff(first).max(initial=0)), 1), max(int(variables.max(initial=0)), 1)
