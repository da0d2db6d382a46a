"""The proof: a dual bound from prices alone, and a breakdown of the gap (coord-4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tidewatt.coordination.levels import GridLevels
from tidewatt.coordination.shards import Shards
from tidewatt.domain.arrays import Array

__all__ = ["Proof", "feasible_prices", "prove"]


@dataclass(frozen=True, slots=True, eq=False)
class Proof:
    """What prices prove about a problem.

    Attributes
    ----------
    dual : array, shape (levels, steps)
        Prices, inside the budget.
    bound : float
        No schedule costs less.
    least, cost : array, shape (vehicles,)
        Proved least cost of each vehicle under the prices, and the cost of its schedule; unweighted.
    """

    dual: Array
    bound: float
    least: Array
    cost: Array


def feasible_prices(levels: GridLevels, dual: Array) -> Array:
    """Clip and scale prices into the budget of coord-4: >= 0, totals at most the dearest kW."""
    inside = np.where(levels.limited, np.maximum(dual, 0.0), 0.0)
    spent = inside.sum(axis=1)
    # A hair inside, so that rounding of the total never leaves the budget.
    over = spent > levels.dearest
    inside[over] *= ((1.0 - 1e-15) * levels.dearest[over] / spent[over])[:, None]
    return inside


def prove(shards: Shards, dual: Array, x: Array, place: Array | None = None) -> Proof:
    """Bound the optimum from below with any prices `dual` (coord-4, coord-5).

    Parameters
    ----------
    shards : Shards
    dual : array, shape (levels, steps)
        Prices; made feasible first.
    x : array, shape (variables,)
        A feasible schedule: vehicles that pay nothing for it need no bound of their own.
    place : int array, shape (opportunities,), optional
        Where each opportunity's variables begin in `x`; default: as in the centres.
    """
    levels = shards.problem.levels
    dual = feasible_prices(levels, dual)
    least, cost = shards.bound(levels.price(dual), x, place)
    # numpy sums pairwise: the error stays near one rounding.
    bound = levels.base_cost + float(
        np.sum(shards.fleet.weight * least)
        - np.sum(dual * levels.headroom)
        - np.sum(levels.conjugate(dual.sum(axis=1)))
    )
    return Proof(dual, bound, least, cost)
