"""Overload, upgrade cost and price budget of feeders and banks (coord-3, coord-4), computed afresh."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.grid import CostPieces
from tidewatt.domain.scenario import Scenario

__all__ = ["Level", "levels_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """All feeders, or all banks.

    Attributes
    ----------
    kind : str
        ``"feeder"`` or ``"bank"``.
    ids : array, shape (elements,)
        Ids as text.
    headroom_kw : array, shape (elements, steps)
        Hosting capacity left [kW]; inf: no limit.
    pieces : CostPieces
        Upgrade costs.
    """

    kind: str
    ids: Array
    headroom_kw: Array
    pieces: CostPieces

    @property
    def prefix(self) -> str:
        """Prefix of this level's variables in ``loads.nc``."""
        return "" if self.kind == "feeder" else "bank_"

    @property
    def base_overload_kw(self) -> Array:
        """Return overload before any vehicle charges [kW], shape (elements,)."""
        return self.overload_kw(np.zeros_like(self.headroom_kw))

    def overload_kw(self, load_kw: Array) -> Array:
        """Return the largest excess of load over headroom over the horizon, at least 0 [kW], (elements,)."""
        worst: Array = np.max(load_kw - self.headroom_kw, axis=1, initial=0.0)
        return worst

    def _sections(self) -> tuple[Array, Array]:
        """Return owner and width of every piece; the last piece of an element is unbounded."""
        first = self.pieces.first
        owner = np.repeat(np.arange(len(self.ids)), np.diff(first))
        width = np.full(len(owner), np.inf)
        inner = np.flatnonzero(owner[1:] == owner[:-1])
        width[inner] = self.pieces.above_kw[inner + 1] - self.pieces.above_kw[inner]
        return owner, width

    def cost(self, overload_kw: Array) -> Array:
        """Return the cost of overloads, shape (elements,)."""
        owner, width = self._sections()
        part = np.clip(overload_kw[owner] - self.pieces.above_kw, 0.0, width)
        return np.bincount(owner, part * self.pieces.cost_per_kw, len(self.ids))

    def budget(self) -> Array:
        """Return the most that an element's prices may sum to: its dearest kW's cost, shape (elements,)."""
        dearest: Array = self.pieces.cost_per_kw[self.pieces.first[1:] - 1]
        return dearest

    def conjugate(self, total: Array) -> Array:
        """Return the maximum of total x overload less its cost, over overloads that charging cannot undo.

        No schedule takes an overload below the base one, so the conjugate is over what lies above it:
        a tighter bound than over all overloads, and as valid.

        Parameters
        ----------
        total : array, shape (elements,)
            Sum of an element's prices over the steps, within `budget`.
        """
        owner, width = self._sections()
        base = self.base_overload_kw
        above = np.maximum(self.pieces.above_kw, base[owner])
        beyond = np.maximum(self.pieces.above_kw + width - above, 0.0)
        worth = np.maximum(total[owner] - self.pieces.cost_per_kw, 0.0)
        gain = np.where(worth > 0, worth * np.where(np.isinf(beyond), 0.0, beyond), 0.0)
        best: Array = total * base - self.cost(base) + np.bincount(owner, gain, len(self.ids))
        return best

    def value(self, price: Array, load_kw: Array | float) -> Array:
        """Return the worth of load above headroom at the prices, (elements,); 0 where there is no limit."""
        beyond = np.where(np.isinf(self.headroom_kw), 0.0, load_kw - self.headroom_kw)
        worth: Array = np.sum(price * beyond, axis=1)
        return worth


def levels_of(scenario: Scenario) -> tuple[Level, Level]:
    """Return feeders and banks of a scenario."""
    grid = scenario.grid
    return (
        Level("feeder", grid.feeder_id, grid.headroom_kw, grid.cost),
        Level("bank", grid.bank_id, grid.bank_headroom_kw, grid.bank_cost),
    )


def lift(scenario: Scenario, feeder_kw: Array) -> tuple[Array, Array]:
    """Return loads of feeders and of the banks that supply them, each of shape (elements, steps)."""
    grid = scenario.grid
    bank_kw = np.zeros_like(grid.bank_headroom_kw)
    carried = grid.bank >= 0
    np.add.at(bank_kw, grid.bank[carried], feeder_kw[carried])
    return feeder_kw, bank_kw


def seen_by_vehicles(scenario: Scenario, price: Array, bank_price: Array) -> Array:
    """Return the price at every feeder plus that of its bank, shape (feeders, steps)."""
    grid = scenario.grid
    seen = price.copy()
    carried = grid.bank >= 0
    seen[carried] += bank_price[grid.bank[carried]]
    return seen
