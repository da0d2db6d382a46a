"""Feeders and banks as one list of levels that limit load and cost money (coord-2, coord-3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.grid import CostPieces
from tidewatt.domain.scenario import Scenario
from tidewatt.kernels.charging.fleet import ShardArrays

__all__ = ["GridLevels", "levels_of"]


@dataclass(frozen=True, slots=True, eq=False)
class GridLevels:
    """Feeders, then banks, as one list of levels that limit load.

    Attributes
    ----------
    feeders, banks, steps : int
        Sizes.
    bank : int array, shape (feeders,)
        Level index of each feeder's bank; -1: none.
    headroom : array, shape (levels, steps)
        Headroom raised by `floor` [kW], finite.
    floor : array, shape (levels,)
        Overload that is there before any vehicle charges [kW]; no schedule removes it.
    first, above, slope : array
        Pieces of the upgrade cost beyond `floor` (CSR by level): marginal cost `slope` from `above` on.
    floor_cost : array, shape (levels,)
        Cost of the floors.
    limited : bool array, shape (levels, steps)
        Where headroom is finite in the scenario.
    """

    feeders: int
    banks: int
    steps: int
    bank: Array
    headroom: Array
    floor: Array
    first: Array
    above: Array
    slope: Array
    floor_cost: Array
    limited: Array

    @property
    def base_cost(self) -> float:
        """Cost of all floors, incurred before any vehicle charges."""
        return float(self.floor_cost.sum())

    @property
    def dearest(self) -> Array:
        """Largest marginal cost of each level: its price budget."""
        out: Array = self.slope[self.first[1:] - 1]
        return out

    def lift(self, load: Array) -> Array:
        """Return every level's load (coord-2) from the load per (feeder [+ off-grid row], step)."""
        out = np.empty((self.feeders + self.banks, self.steps))
        out[: self.feeders] = load[: self.feeders]
        if self.banks:
            out[self.feeders :] = 0.0
            has = self.bank >= 0
            np.add.at(out, self.bank[has], out[: self.feeders][has])
        return out

    def price(self, dual: Array) -> Array:
        """Return the prices that vehicles see.

        Own price plus the bank's, with a last row of zeros for off-grid chargers.
        """
        out = np.zeros((self.feeders + 1, self.steps))
        out[:-1] = dual[: self.feeders]
        if self.banks:
            has = self.bank >= 0
            out[:-1][has] += dual[self.bank[has]]
        return out

    def overload(self, load: Array) -> Array:
        """Return each level's overload beyond its floor [kW], from the load per level."""
        out: Array = np.maximum((load - self.headroom).max(axis=1), 0.0)
        return out

    def cost_of(self, overload: Array) -> Array:
        """Return the cost of each level's overload beyond its floor (coord-3)."""
        level = np.repeat(np.arange(len(self.floor)), np.diff(self.first))
        rise = np.diff(self.slope, prepend=0.0)
        rise[self.first[:-1]] = self.slope[self.first[:-1]]
        part = rise * np.maximum(overload[level] - self.above, 0.0)
        return np.bincount(level, part, len(self.floor))

    def cost(self, load: Array) -> float:
        """Return the objective of coord-3 from the load per level."""
        return self.base_cost + float(self.cost_of(self.overload(load)).sum())

    def conjugate(self, spent: Array) -> Array:
        """Return the conjugate of the cost at price totals `spent` <= `dearest` (coord-4)."""
        level = np.repeat(np.arange(len(self.floor)), np.diff(self.first))
        below = np.r_[0.0, self.slope[:-1]]
        below[self.first[:-1]] = 0.0
        part = np.maximum(np.minimum(spent[level], self.slope) - below, 0.0) * self.above
        return np.bincount(level, part, len(self.floor))


def levels_of(scenario: Scenario, fleet: ShardArrays) -> GridLevels:
    """List feeders and banks with their floors removed, so that every slack level has a price of zero."""
    grid, steps = scenario.grid, scenario.horizon.steps
    feeders, banks = grid.feeders, grid.banks
    headroom = np.concatenate([grid.headroom_kw, grid.bank_headroom_kw]).astype(np.float64)
    limited = np.isfinite(headroom)
    bank = np.where(grid.bank >= 0, grid.bank.astype(np.int64) + feeders, -1)
    # An upper bound on any load stands in for infinite headroom; it never binds.
    ceiling = 1.0 + float((fleet.power * np.repeat(fleet.weight, np.diff(fleet.first))).sum())
    headroom[~limited] = ceiling
    floor = np.maximum(-headroom.min(axis=1), 0.0) if steps else np.zeros(len(headroom))
    pieces = [_beyond(cost, g, floor[i]) for i, (cost, g) in enumerate(_elements(grid.cost, grid.bank_cost))]
    first = np.r_[0, np.cumsum([len(above) for above, _, _ in pieces])].astype(np.int64)
    return GridLevels(
        feeders=feeders,
        banks=banks,
        steps=steps,
        bank=bank,
        headroom=headroom + floor[:, None],
        floor=floor,
        first=first,
        above=np.concatenate([above for above, _, _ in pieces] or [np.zeros(0)]),
        slope=np.concatenate([slope for _, slope, _ in pieces] or [np.zeros(0)]),
        floor_cost=np.array([base for _, _, base in pieces]),
        limited=limited,
    )


def _elements(*costs: CostPieces) -> list[tuple[CostPieces, int]]:
    return [(cost, g) for cost in costs for g in range(len(cost.first) - 1)]


def _beyond(cost: CostPieces, g: int, floor: float) -> tuple[Array, Array, float]:
    """Return an element's cost pieces beyond an overload `floor`, and the cost of the floor itself."""
    rows = slice(int(cost.first[g]), int(cost.first[g + 1]))
    above, slope = cost.above_kw[rows], cost.cost_per_kw[rows]
    spent = float((np.diff(slope, prepend=0.0) * np.maximum(floor - above, 0.0)).sum())
    at = int(np.searchsorted(above, floor, side="right")) - 1
    return np.r_[0.0, above[at + 1 :] - floor], slope[at:].astype(np.float64), spent
