"""Feeders, the banks above them, and the headroom both have left for charging."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from tidewatt.domain.arrays import Array, freeze, identifiers
from tidewatt.domain.shown import Shown

__all__ = ["NO_BANK", "CostPieces", "Grid"]

NO_BANK = -1
"""Bank index of a feeder without a bank."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CostPieces(Shown):
    """Convex piecewise-linear upgrade costs of feeders or banks: pieces of rising marginal cost.

    Rows of element g: ``first[g]:first[g + 1]``; the first piece of each starts at 0 kW.

    Attributes
    ----------
    first : array of int64, shape (elements + 1,)
        CSR offsets; every element has at least one piece.
    above_kw : array, shape (pieces,)
        Overload from which the piece applies [kW], 0 first, rising.
    cost_per_kw : array, shape (pieces,)
        Cost of each further kW of overload, >= 0, rising within an element.
    """

    first: Array
    above_kw: Array
    cost_per_kw: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "first", freeze(self.first, np.int64))
        object.__setattr__(self, "above_kw", freeze(self.above_kw))
        object.__setattr__(self, "cost_per_kw", freeze(self.cost_per_kw))

    @classmethod
    def linear(cls, cost_per_kw: Array) -> CostPieces:
        """Return one piece an element: the same cost for every kW."""
        n = len(cost_per_kw)
        return cls(np.arange(n + 1), np.zeros(n), cost_per_kw)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Grid(Shown):
    """The studied part of a distribution grid.

    Attributes
    ----------
    feeder_id : array of int64 or str, shape (feeders,)
        Unique ids, as given.
    bank_id : array of int64 or str, shape (banks,)
        Unique ids, as given; may be empty.
    bank : array of int32, shape (feeders,)
        Index of the bank that carries the feeder, or `NO_BANK`.
    headroom_kw, bank_headroom_kw : array, shape (feeders, steps) and (banks, steps)
        Hosting capacity left for charging [kW]; negative: overloaded before any vehicle charges;
        inf: no limit.
    cost, bank_cost : CostPieces
        Cost of upgrading, in the scenario's money.
    rating_kw, bank_rating_kw : array, shape (feeders,) and (banks,)
        Rating [kW]; nan where not given.
    base_load_kw : array, shape (feeders, steps), or None
        Load without charging [kW], where the scenario gives it.
    attributes : mapping of str to array, each of shape (feeders,)
        ``customers``, ``longitude``, ``latitude``, ``name``, ``x_*`` where given.
    bank_attributes : mapping of str to array, each of shape (banks,)
        ``name``, ``x_*`` where given.
    """

    feeder_id: Array
    bank_id: Array
    bank: Array
    headroom_kw: Array
    bank_headroom_kw: Array
    cost: CostPieces
    bank_cost: CostPieces
    rating_kw: Array
    bank_rating_kw: Array
    base_load_kw: Array | None = None
    attributes: Mapping[str, Array] = field(default_factory=dict)
    bank_attributes: Mapping[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "feeder_id", identifiers(self.feeder_id))
        object.__setattr__(self, "bank_id", identifiers(self.bank_id))
        object.__setattr__(self, "bank", freeze(self.bank, np.int32))
        for name in ("headroom_kw", "bank_headroom_kw", "rating_kw", "bank_rating_kw"):
            object.__setattr__(self, name, freeze(getattr(self, name)))
        if self.base_load_kw is not None:
            object.__setattr__(self, "base_load_kw", freeze(self.base_load_kw))

    @property
    def feeders(self) -> int:
        """Number of feeders."""
        return len(self.feeder_id)

    @property
    def banks(self) -> int:
        """Number of banks."""
        return len(self.bank_id)
