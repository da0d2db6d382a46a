"""A convex quadratic program put together block by block, solved by PIQP, and bounded by its duals."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp

from tidewatt.domain.arrays import Array

__all__ = ["Answer", "QuadraticProgram"]


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What PIQP returned.

    Attributes
    ----------
    x : array, shape (columns,)
    dual_equal : array, shape (equal rows,)
        Rise of the cost per unit of each right-hand side.
    dual_low, dual_high : array, shape (limit rows,)
        Cost per unit of each limit, >= 0.
    bound : float
        No point within all rows and bounds costs less, whatever the solver's tolerances were (tariff-9).
    converged : bool
    iterations : int
    residual : float
        Largest violation of a row.
    seconds : float
    """

    x: Array
    dual_equal: Array
    dual_low: Array
    dual_high: Array
    bound: float
    converged: bool
    iterations: int
    residual: float
    seconds: float


@dataclass(slots=True, eq=False)
class _Rows:
    """Rows and their entries, in pieces."""

    count: int = 0
    low: list[Array] = field(default_factory=list)
    high: list[Array] = field(default_factory=list)
    row: list[Array] = field(default_factory=list)
    column: list[Array] = field(default_factory=list)
    value: list[Array] = field(default_factory=list)

    def new(self, low: Array, high: Array) -> Array:
        found = np.arange(self.count, self.count + len(low))
        self.count += len(low)
        self.low.append(np.asarray(low, dtype=float))
        self.high.append(np.asarray(high, dtype=float))
        return found

    def matrix(self, columns: int) -> sp.csc_matrix:
        value = np.concatenate([np.zeros(0), *self.value])
        row, column = (np.concatenate([np.zeros(0, np.int64), *part]) for part in (self.row, self.column))
        made = sp.csc_matrix((value, (row, column)), shape=(self.count, columns))
        made.eliminate_zeros()
        return made


@dataclass(slots=True, eq=False)
class QuadraticProgram:
    """Minimise cost x + sum square x^2 / 2 within rows and bounds.

    Every column has finite bounds: a reduced cost of the wrong sign can then only cost so much, and any duals
    prove a bound.
    """

    columns: int = 0
    cost: list[Array] = field(default_factory=list)
    square: list[Array] = field(default_factory=list)
    least: list[Array] = field(default_factory=list)
    most: list[Array] = field(default_factory=list)
    free: list[Array] = field(default_factory=list)
    equal: _Rows = field(default_factory=_Rows)
    limit: _Rows = field(default_factory=_Rows)

    def column(self, cost: Array, most: Array, *, least: float | None = None, square: float = 0.0) -> Array:
        """Add columns from 0 to `most`, or from `least` if rows keep them above it, and return them.

        The solver is told of the 0 only: the rest follows from rows.
        """
        count = len(cost)
        found = np.arange(self.columns, self.columns + count)
        self.columns += count
        self.cost.append(np.asarray(cost, dtype=float))
        self.most.append(np.asarray(most, dtype=float))
        self.least.append(np.full(count, least or 0.0))
        self.free.append(np.full(count, least is not None))
        self.square.append(np.full(count, square))
        return found

    def equals(self, right: Array) -> Array:
        """Add rows that must equal `right`, and return them."""
        return self.equal.new(right, right)

    def within(self, low: Array, high: Array) -> Array:
        """Add rows bounded by `low` and `high`, and return them."""
        return self.limit.new(low, high)

    @staticmethod
    def enter(rows: _Rows, row: Array, column: Array, value: float | Array) -> None:
        """Add entries to `equal` or `limit`."""
        rows.row.append(np.asarray(row).ravel())
        rows.column.append(np.asarray(column).ravel())
        rows.value.append(np.broadcast_to(np.asarray(value, dtype=float), np.shape(column)).ravel())

    def solve(self, tolerance: float, cost: Array | None = None, square: Array | None = None) -> Answer:
        """Solve, with given costs in place of its own if there are any."""
        import piqp

        begin = time.perf_counter()
        c = np.concatenate(self.cost) if cost is None else cost
        q = np.concatenate(self.square) if square is None else square
        least, most = np.concatenate(self.least), np.concatenate(self.most)
        a, g = self.equal.matrix(self.columns), self.limit.matrix(self.columns)
        b = np.concatenate([np.zeros(0), *self.equal.low])
        low, high = (np.concatenate([np.zeros(0), *part]) for part in (self.limit.low, self.limit.high))
        lower = np.where(np.concatenate(self.free), -np.inf, least)
        solver = piqp.SparseSolver()
        settings = solver.settings
        settings.eps_abs = settings.eps_rel = tolerance
        settings.eps_duality_gap_abs = settings.eps_duality_gap_rel = tolerance
        settings.max_iter = 150
        settings.num_threads = 1
        settings.iterative_refinement_always_enabled = True
        solver.setup(sp.diags(q).tocsc(), c, a, b, g, low, high, lower, np.full(self.columns, np.inf))
        status = solver.solve()
        result = solver.result
        x = np.array(result.x)
        x = np.maximum(x, lower)
        y = np.array(result.y)
        dual_low, dual_high = (np.maximum(np.array(z), 0.0) for z in (result.z_l, result.z_u))
        dual_low[~np.isfinite(low)] = 0.0
        dual_high[~np.isfinite(high)] = 0.0
        reduced = c + a.T @ y + g.T @ (dual_high - dual_low)
        with np.errstate(divide="ignore", invalid="ignore"):
            best = np.where(q > 0.0, -reduced / q, np.where(reduced > 0.0, least, most))
        best = np.clip(best, least, most)
        bound = float((reduced * best + 0.5 * q * best**2).sum() - y @ b)
        finite_low, finite_high = np.isfinite(low), np.isfinite(high)
        bound += float(dual_low[finite_low] @ low[finite_low] - dual_high[finite_high] @ high[finite_high])
        gx = g @ x
        broken = (np.abs(a @ x - b), low - gx, gx - high)
        residual = max(float(part.max(initial=0.0)) for part in broken)
        return Answer(
            x,
            -y,
            dual_low,
            dual_high,
            bound,
            status == piqp.PIQP_SOLVED,
            int(result.info.iter),
            residual,
            time.perf_counter() - begin,
        )
