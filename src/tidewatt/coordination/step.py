"""The Newton step on the prices: a concave quadratic over the budget, by active set and PCG (coord-12)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tidewatt.coordination.levels import Levels
from tidewatt.domain.arrays import Array

__all__ = ["Budget", "Step", "newton_step"]

ROUNDS = 6
PRODUCTS = 150
ACCURACY = 0.02


@dataclass(slots=True)
class Budget:
    """Where each level's price total stands among the slopes of its cost.

    A level is either *tight* at slope ``at`` (its overload is somewhere between two breakpoints) or free
    inside piece ``at`` (its overload rests at the piece's breakpoint). With a linear cost there is one
    piece: tight at the full budget, or free with overload 0.
    """

    levels: Levels
    tight: Array
    at: Array

    @classmethod
    def of(cls, levels: Levels, spent: Array) -> Budget:
        """Place totals among the slopes."""
        at = np.zeros(len(spent), np.int64)
        for p in range(1, int(np.diff(levels.first).max(initial=1))):
            has = levels.first[:-1] + p < levels.first[1:]
            below = levels.slope[np.minimum(levels.first[:-1] + p - 1, len(levels.slope) - 1)]
            at = np.where(has & (spent > below * (1 + 1e-9)), p, at)
        cap = levels.slope[levels.first[:-1] + at]
        return cls(levels, spent >= cap * (1.0 - 1e-9), at)

    @property
    def cap(self) -> Array:
        """Slope of the present piece."""
        out: Array = self.levels.slope[self.levels.first[:-1] + self.at]
        return out

    @property
    def offset(self) -> Array:
        """Breakpoint at which the present piece begins [kW]."""
        out: Array = self.levels.above[self.levels.first[:-1] + self.at]
        return out

    def _neighbour(self, values: Array, by: int, missing: float) -> Array:
        row = self.levels.first[:-1] + self.at + by
        ok = (row >= self.levels.first[:-1]) & (row < self.levels.first[1:])
        return np.where(ok, values[np.clip(row, 0, len(values) - 1)], missing)

    def revise(self, spent: Array, overload: Array, active: Array) -> int:
        """Move levels whose total left its piece, or whose multiplier left its range; count the moves."""
        upper = self._neighbour(self.levels.above, 1, np.inf)
        below = self._neighbour(self.levels.slope, -1, -np.inf)
        release = self.tight & (overload <= self.offset)
        climb = self.tight & ~release & (overload > upper)
        tighten = ~self.tight & (spent > self.cap * (1.0 + 1e-9))
        drop = ~self.tight & ~tighten & (spent < below * (1.0 - 1e-9))
        release, climb, tighten, drop = (m & active for m in (release, climb, tighten, drop))
        self.at = self.at + climb - drop
        self.tight = (self.tight & ~release & ~climb) | tighten | drop
        return int((release | climb | tighten | drop).sum())


@dataclass(frozen=True, slots=True)
class Step:
    """A direction for the prices of the candidate rows.

    Attributes
    ----------
    direction : array, shape (rows,)
    gain : float
        What the quadratic model promises.
    slope : float
        First-order gain.
    products : int
        Hessian products used.
    """

    direction: Array
    gain: float
    slope: float
    products: int


def newton_step(
    product: Callable[[Array], Array],
    diagonal: Array,
    gradient: Array,
    price: Array,
    group: Array,
    levels: Levels,
    total: Array,
) -> Step:
    """Maximise ``<r, d> - d'Hd / 2 - C*(totals)`` with ``price + d`` inside the budget.

    Parameters
    ----------
    product : callable
        ``y -> H y`` on rows.
    diagonal : array, shape (rows,)
        Diagonal of H, > 0.
    gradient : array, shape (rows,)
        r = load - headroom [kW].
    price : array, shape (rows,)
        Present prices, >= 0.
    group : int array, shape (rows,)
        Level of each row, rising.
    levels : Levels
    total : array, shape (levels,)
        Present price total of every level, all of it on the rows given.
    """
    count = len(total)

    starts = np.flatnonzero(np.diff(group, prepend=-1))  # rows stand level by level

    def by_level(values: Array) -> Array:
        sums = np.zeros(count)
        if len(starts):
            sums[group[starts]] = np.add.reduceat(values.astype(np.float64, copy=False), starts)
        return sums

    weight = 1.0 / diagonal
    target = gradient + product(price)
    budget = Budget.of(levels, total)
    present = by_level(np.ones(len(price))) > 0
    free = price > 0
    share = by_level(weight * free)
    overload = np.where(
        budget.tight & (share > 0),
        np.maximum(by_level(weight * gradient * free) / np.maximum(share, 1e-300), budget.offset),
        budget.offset,
    )
    free = price + weight * (gradient - overload[group]) > 0
    y = price.copy()
    products, scale = 1, 0.0
    for round_ in range(ROUNDS):
        y, tight = _onto_face(y, free, budget, group, by_level)
        face_weight = weight * free
        norm = by_level(face_weight)
        hold = np.where(tight & (norm > 0), 1.0 / np.maximum(norm, 1e-300), 0.0)
        goal = target - np.where(tight, 0.0, budget.offset)[group]

        def project(r: Array, w: Array = face_weight, h: Array = hold) -> Array:
            out: Array = w * (r - (by_level(w * r) * h)[group])
            return out

        r = goal - product(y)
        z = project(r)
        p, rz = z.copy(), float(r @ z)
        scale = scale or max(rz, 1e-300)
        stop = ACCURACY**2 * scale * (0.3 if round_ else 1.0)
        used = 0
        while rz > stop and used < PRODUCTS:
            q = product(p)
            curve = float(p @ q)
            if curve <= 0.0:
                break
            y = y + rz / curve * p
            r = r - rz / curve * q
            z = project(r)
            following = float(r @ z)
            p = z + following / rz * p
            rz = following
            used += 1
        products += used + 1
        overload = np.where(tight, by_level(face_weight * r) * hold, 0.0)
        left = r - overload[group]
        wants = np.where(free, y > 0, left * weight > 1e-6 * levels.dearest[group])
        changed = int((wants != free).sum())
        changed += budget.revise(by_level(np.maximum(y, 0.0)), overload, present)
        free = wants
        if changed == 0 or (round_ and changed <= 0.002 * len(price)):
            break
    y = np.maximum(y, 0.0)
    spent = by_level(y)
    y /= np.maximum(1.0, spent / np.maximum(levels.dearest, 1e-300))[group]
    d = y - price
    moved = float((levels.conjugate(by_level(y)) - levels.conjugate(total)).sum())
    slope = float(gradient @ d) - moved
    return Step(d, slope - 0.5 * float(d @ product(d)), slope, products)


def _onto_face(
    y: Array, free: Array, budget: Budget, group: Array, by_level: Callable[[Array], Array]
) -> tuple[Array, Array]:
    """Start of a round: free rows at least 0, tight totals at their slope; which levels are tight."""
    y = np.where(free, np.maximum(y, 0.0), 0.0)
    rows = by_level(free)
    budget.tight &= rows > 0
    spent = by_level(y)
    tight, cap = budget.tight, budget.cap
    y = y * np.where(tight & (spent > 0), cap / np.maximum(spent, 1e-300), 1.0)[group]
    empty = tight & (spent <= 0)
    if empty.any():
        y = np.where(free & empty[group], (cap / np.maximum(rows, 1.0))[group], y)
    return y, tight
