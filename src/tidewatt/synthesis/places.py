"""Where homes, workplaces and public places are, by feeder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tidewatt.domain.arrays import Array, freeze
from tidewatt.domain.shown import Shown
from tidewatt.errors import Issue, ScenarioError

__all__ = ["FeederPlaces"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FeederPlaces(Shown):
    """Relative numbers of places on each feeder, and how many lie outside the studied grid.

    Attributes
    ----------
    homes, workplaces, public : array, shape (feeders,)
        Relative weights, >= 0, at least one above 0 (`workplaces` and `public` may be all 0 when
        their off-grid share is 1).
    off_grid_work, off_grid_public : float
        Share of workplaces and of public places outside the studied grid, 0..1. Homes are on it.
    x_km, y_km : array, shape (feeders,), or None
        Coordinates: nearer places are likelier then, exp(-distance / decay length); without them
        places are drawn independently of the home.
    table : array, shape (feeders, feeders), or None
        Cumulative probability of each place by the home's, for workplaces and public places alike (rows of
        a demand matrix); stands in for the choice by weight and distance.
    """

    homes: Array
    workplaces: Array
    public: Array
    off_grid_work: float = 0.25
    off_grid_public: float = 0.15
    x_km: Array | None = None
    y_km: Array | None = None
    table: Array | None = None

    def __post_init__(self) -> None:
        issues = []
        for name in ("homes", "workplaces", "public", "x_km", "y_km"):
            value = getattr(self, name)
            if value is None:
                continue
            value = freeze(value)
            object.__setattr__(self, name, value)
            if value.shape != np.shape(self.homes) or value.ndim != 1 or not len(value):
                issues.append(
                    Issue(
                        "places",
                        name,
                        f"the shape is {value.shape}, but homes has {np.shape(self.homes)}",
                        "Give one value per feeder",
                    )
                )
            elif not np.isfinite(value).all() or (not name.endswith("km") and value.min() < 0):
                issues.append(Issue("places", name, "negative or not finite", "Give weights of 0 or more"))
        for name in ("off_grid_work", "off_grid_public"):
            if not 0 <= getattr(self, name) <= 1:
                issues.append(
                    Issue("places", name, f"{getattr(self, name)} is not within 0..1", "Give a share")
                )
        if not issues:
            for name, off in (
                ("homes", 0.0),
                ("workplaces", self.off_grid_work),
                ("public", self.off_grid_public),
            ):
                if off < 1 and not getattr(self, name).sum() > 0:
                    issues.append(
                        Issue("places", name, "all weights are 0", "Give some feeder a weight above 0")
                    )
        if self.table is not None:
            object.__setattr__(self, "table", freeze(self.table))
            if np.shape(self.table) != (np.size(self.homes),) * 2:
                problem = f"the shape is {np.shape(self.table)}, but homes has {np.size(self.homes)} values"
                issues.append(Issue("places", "table", problem, "Give one row and column per feeder"))
        if issues:
            raise ScenarioError(issues)

    @property
    def feeders(self) -> int:
        """Number of feeders."""
        return len(self.homes)

    def choice(self, weights: Array, decay_km: float) -> Array:
        """Return each feeder's cumulative probability by the home's: (feeders, feeders), or one row."""
        if self.table is not None:
            return self.table
        table = np.asarray(weights, np.float64)[None, :]
        if self.x_km is not None and self.y_km is not None:
            dx = self.x_km[:, None] - self.x_km[None, :]
            dy = self.y_km[:, None] - self.y_km[None, :]
            distance = np.hypot(dx, dy)
            # Decay from the nearest candidate, lest every weight underflow on a very wide map.
            distance -= (
                np.where(table > 0, distance, np.inf).min(axis=1, keepdims=True) if table.any() else 0.0
            )
            table = table * np.exp(-np.clip(distance, 0.0, None) / decay_km)
        total = table.sum(axis=1, keepdims=True)
        cumulative: Array = np.cumsum(table / np.where(total > 0, total, 1.0), axis=1)
        if weights.any():
            cumulative[:, np.flatnonzero(weights)[-1] :] = 1.0
        # Read-only like a given table: kernels are compiled once for both.
        return freeze(cumulative)
