"""Scarce resources: which limits a program holds, at what prices, and what exceeding them costs."""

from __future__ import annotations

from dataclasses import dataclass

from tidewatt.domain.arrays import Array

__all__ = ["Active", "Duals", "Penalties"]


@dataclass(frozen=True, slots=True, eq=False)
class Penalties:
    """Cost per unit of exceeding limits, so that a restricted program always has a solution.

    Attributes
    ----------
    rows : array, shape (rows, steps)
    roads : array, shape (links, steps)
    chargers : array, shape (sites, steps)
    """

    rows: Array
    roads: Array
    chargers: Array


@dataclass(frozen=True, slots=True, eq=False)
class Active:
    """Limits that the restricted program holds; the others have not been exceeded so far.

    Attributes
    ----------
    rows : array of bool, shape (rows, steps)
    roads : array of bool, shape (links, steps)
    chargers : array of bool, shape (sites, steps)
    """

    rows: Array
    roads: Array
    chargers: Array


@dataclass(frozen=True, slots=True, eq=False)
class Duals:
    """Prices at which plans are sought, all >= 0 except those of power.

    Attributes
    ----------
    high, low : array, shape (rows, steps)
    roads : array, shape (links, steps)
    chargers : array, shape (sites, steps)
    power_kw : array, shape (aggregators, sites, steps)
        At which energy is priced.
    """

    high: Array
    low: Array
    roads: Array
    chargers: Array
    power_kw: Array

    def towards(self, other: Duals, share: float) -> Duals:
        """Return a point part of the way to `other`."""
        names = ("high", "low", "roads", "chargers", "power_kw")
        return Duals(*((1.0 - share) * getattr(self, n) + share * getattr(other, n) for n in names))
