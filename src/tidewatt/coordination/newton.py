"""Proximal point with a semismooth Newton dual (coord-10 to coord-12)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tidewatt.coordination.admm import Sharing, share
from tidewatt.coordination.certificate import feasible_prices, prove
from tidewatt.coordination.levels import GridLevels
from tidewatt.coordination.monitor import SolveMonitor
from tidewatt.coordination.shards import Curvature, Shards
from tidewatt.domain.arrays import Array
from tidewatt.kernels.charging.curvature import on_slots, onto_rows, segments_diagonal
from tidewatt.result import Status

__all__ = ["Budget", "Proximal", "Step", "newton_step", "solve_newton"]

ROUNDS = 6
PRODUCTS = 150
ACCURACY = 0.02


@dataclass(slots=True)
class Budget:
    """Where each level's price total lies among the slopes of its cost.

    A level is either *tight* at slope ``at`` (its overload is somewhere between two breakpoints) or free
    inside piece ``at`` (its overload rests at the piece's breakpoint). With a linear cost there is one
    piece: tight at the full budget, or free with overload 0.
    """

    levels: GridLevels
    tight: Array
    at: Array

    @classmethod
    def of(cls, levels: GridLevels, spent: Array) -> Budget:
        """Place price totals among the slopes."""
        at = np.zeros(len(spent), np.int64)
        for p in range(1, int(np.diff(levels.first).max(initial=1))):
            has = levels.first[:-1] + p < levels.first[1:]
            below = levels.slope[np.minimum(levels.first[:-1] + p - 1, len(levels.slope) - 1)]
            at = np.where(has & (spent > below * (1 + 1e-9)), p, at)
        cap = levels.slope[levels.first[:-1] + at]
        return cls(levels, spent >= cap * (1.0 - 1e-9), at)

    @property
    def cap(self) -> Array:
        """Slope of the current piece."""
        out: Array = self.levels.slope[self.levels.first[:-1] + self.at]
        return out

    @property
    def offset(self) -> Array:
        """Breakpoint at which the current piece begins [kW]."""
        out: Array = self.levels.above[self.levels.first[:-1] + self.at]
        return out

    def _neighbour(self, values: Array, by: int, missing: float) -> Array:
        row = self.levels.first[:-1] + self.at + by
        ok = (row >= self.levels.first[:-1]) & (row < self.levels.first[1:])
        return np.where(ok, values[np.clip(row, 0, len(values) - 1)], missing)

    def revise(self, spent: Array, overload: Array, active: Array) -> int:
        """Move levels whose total or multiplier left the range of its piece; return the number of moves."""
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
    levels: GridLevels,
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
    levels : GridLevels
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
    """Prepare a round: clip free rows at 0, scale tight totals to their slope, return the tight levels."""
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


WARM_UP = 20
"""Passes of ADMM before the first centre."""
INNER = 8
"""Maximum number of Newton steps per centre."""
FAILURES = 3
QUICK = 5
"""A subproblem that took no more steps than this may have a longer proximal step next time."""
STALLED_CENTRES = 8
"""Centres in a row that failed even for ever smaller steps: rounding rules from here on."""
IDLE_CENTRES = 40
"""Centres in a row without a narrower gap after which nothing more is expected."""
MARGIN = 0.05
"""A step whose excess is within this share of the peak load of the overload is a candidate for a price."""
ENOUGH = 0.3
"""Share of the gap that the grid's slack may still make up when a subproblem ends."""


@dataclass(slots=True)
class Proximal:
    """State of the iteration apart from the centres.

    Attributes
    ----------
    sigma : float
        Proximal step.
    damping : float
        Levenberg-Marquardt damping of the Newton step.
    dual : array, shape (levels, steps)
        Prices.
    mu : array, shape (opportunities,)
        Multipliers of the response to them.
    """

    sigma: float
    damping: float
    dual: Array
    mu: Array


class _Response:
    """Responses to prices around the present centre, and the best schedule seen among them."""

    def __init__(self, shards: Shards, monitor: SolveMonitor, best: Array) -> None:
        self.shards, self.monitor, self.best = shards, monitor, best
        self.levels = shards.problem.levels
        self.feeder_load = shards.load(shards.x)
        self._pending: tuple[Array, float, Array] | None = None

    def __call__(self, dual: Array, sigma: float, mu: Array) -> tuple[float, Array]:
        """Return the value of q (coord-10), and the load per level."""
        price = self.levels.price(dual)
        value, change = self.shards.respond(price, sigma, mu)
        load = self.levels.lift(self.feeder_load + change)
        cost = self.levels.cost(load)
        if cost < self.monitor.primal:
            self.monitor.primal = cost
            self._pending = (price, sigma, mu.copy())
        value -= float((dual * self.levels.headroom).sum() + self.levels.conjugate(dual.sum(axis=1)).sum())
        return value, load

    def settle(self) -> None:
        """Store the best schedule seen around this centre before the centre moves."""
        if self._pending is not None:
            self.shards.recentre(*self._pending, self.best)
            self._pending = None

    def move(self, dual: Array, sigma: float, mu: Array) -> None:
        """Make the response to `dual` the next centre."""
        self.settle()
        self.shards.recentre(self.levels.price(dual), sigma, mu, self.shards.x)
        self.feeder_load = self.shards.load(self.shards.x)


def solve_newton(
    shards: Shards,
    monitor: SolveMonitor,
    *,
    seed: int,
    state: Sharing | Proximal | None = None,
    best: Array | None = None,
    keep: Callable[[Sharing | Proximal, Array], None] | None = None,
) -> Array:
    """Iterate from the schedules in `shards.x` until the monitor says stop.

    Parameters
    ----------
    shards : Shards
        Centres, changed in place.
    monitor : SolveMonitor
        Keeps the best cost, bound and prices.
    seed : int
        Seed of the warm-up.
    state, best : optional
        Where to go on from.
    keep : callable, optional
        Called with state and best schedules when a checkpoint may be taken.

    Returns
    -------
    array, shape (variables,)
        Best schedules seen [kW].
    """
    levels = shards.problem.levels
    if not isinstance(state, Proximal):
        made = state.passes if state is not None else 0
        warm, best = share(
            shards, monitor, seed=seed, passes=max(WARM_UP - made, 1), state=state, best=best, keep=keep
        )
        if monitor.status is not None:
            return best
        dual = feasible_prices(levels, warm.dual)
        state = Proximal(4.0 / warm.rho, 1e-3, dual, np.zeros(len(shards.fleet.power)))
    if best is None:
        raise ValueError("a state to go on from needs its best schedules")
    if keep is not None:
        keep(state, best)
    weight = levels.lift(shards.weight())
    respond = _Response(shards, monitor, best)
    failed, idle, narrowest = 0, 0, monitor.gap
    while True:
        outcome = _subproblem(respond, monitor, state, weight)
        proof = prove(shards, state.dual, shards.x)
        monitor.proved(proof)
        monitor.record(outcome.slack, outcome.gradient, state.sigma)
        if monitor.finished():
            break
        idle = 0 if monitor.gap < 0.99 * narrowest else idle + 1
        narrowest = min(narrowest, monitor.gap)
        if failed >= STALLED_CENTRES or idle >= IDLE_CENTRES:
            monitor.status = Status.STALLED
            break
        if not outcome.converged and outcome.failures >= FAILURES:
            failed += 1
            state.sigma /= 4.0  # keep the centre, ask for less
        else:
            failed = 0
            respond.move(state.dual, state.sigma, state.mu)
            if outcome.converged and outcome.steps <= QUICK:
                state.sigma *= 3.0
            elif not outcome.converged:
                state.sigma /= 3.0
        if keep is not None:
            respond.settle()
            keep(state, best)
    respond.settle()
    return best


@dataclass(frozen=True, slots=True)
class _Outcome:
    steps: int
    failures: int
    converged: bool
    slack: float
    gradient: float


def _subproblem(respond: _Response, monitor: SolveMonitor, state: Proximal, weight: Array) -> _Outcome:
    """Maximise q around the current centre by semismooth Newton; update `state` in place."""
    levels = respond.levels
    value, load = respond(state.dual, state.sigma, state.mu)
    failures, steps = 0, 0
    while True:
        rows, step = _direction(respond.shards, state, load, weight)
        steps += 1
        before = state.dual.ravel()[rows]
        trial_mu = state.mu.copy()
        size, accepted = 1.0, False
        rounding = 1e-12 * float((state.dual * (np.abs(load) + np.abs(levels.headroom))).sum())
        for _ in range(3):
            trial = state.dual.copy()
            trial.ravel()[rows] = np.maximum(before + size * step.direction, 0.0)
            trial_value, trial_load = respond(trial, state.sigma, trial_mu)
            if trial_value >= value + 1e-4 * size * step.slope - rounding:
                accepted = True
                break
            ahead = _slope_ahead(levels, trial, trial_load, rows, step)
            size *= float(np.clip(step.slope / max(step.slope - ahead, 1e-300), 0.1, 0.5))
        if accepted:
            gained = trial_value - value
            if size == 1.0 and gained > 0.5 * step.gain:
                state.damping *= 0.3
            elif size < 0.3:
                state.damping *= 3.0
            state.dual, state.mu, value, load = trial, trial_mu, trial_value, trial_load
        else:
            state.damping = max(30.0 * state.damping, 1e-3)
            failures += 1
        state.damping = float(np.clip(state.damping, 1e-4, 10.0))
        slack = grid_slack(levels, state.dual, load)
        done = slack < ENOUGH * max(monitor.primal - monitor.bound, 0.0)
        monitor.tell()
        if done or failures >= FAILURES or steps >= INNER or monitor.out_of_budget():
            gradient = float(np.abs(step.direction).sum())
            return _Outcome(steps, failures, done, slack, gradient)


def grid_slack(levels: GridLevels, dual: Array, load: Array) -> float:
    """Return upgrade cost less the worth of overload at the prices: the grid's part of the gap, >= 0."""
    worth = float((dual * (load - levels.headroom)).sum() - levels.conjugate(dual.sum(axis=1)).sum())
    return levels.cost(load) - levels.base_cost - worth


def _slope_ahead(levels: GridLevels, dual: Array, load: Array, rows: Array, step: Step) -> float:
    """Return the slope of q along the step at a trial point."""
    r = (load - levels.headroom).ravel()[rows]
    offset = Budget.of(levels, dual.sum(axis=1)).offset
    return float((r - offset[rows // levels.steps]) @ step.direction)


def _direction(shards: Shards, state: Proximal, load: Array, weight: Array) -> tuple[Array, Step]:
    """Return candidate rows (flat indices into (levels, steps)) and the Newton step on them (coord-11)."""
    levels = shards.problem.levels
    steps, feeders = levels.steps, levels.feeders
    residual = load - levels.headroom
    reach = MARGIN * np.abs(load).max(axis=1)
    overload = levels.overload(load)
    near = (residual > (overload - reach)[:, None] - 1e-9) & (weight > 0)
    # What costs nothing cannot take a price.
    near &= ((residual.max(axis=1) > -reach) & (levels.dearest > 0))[:, None]
    candidate = near | (state.dual > 0)
    rows = np.flatnonzero(candidate.ravel())
    count = len(rows)

    has = levels.bank >= 0
    seen = candidate[:feeders].copy()
    seen[has] |= candidate[levels.bank[has]]
    slots = np.flatnonzero(seen.ravel())
    slot = np.full((feeders + 1, steps), -1, np.int32)
    slot[:-1].ravel()[slots] = np.arange(len(slots), dtype=np.int32)
    row_of = np.full(candidate.size + 1, count)
    row_of[rows] = np.arange(count)
    feeder, t = slots // steps, slots % steps
    own = row_of[slots]
    bank = np.where(levels.bank[feeder] >= 0, levels.bank[feeder] * steps + t, candidate.size)
    above = row_of[bank]

    price = levels.price(state.dual)
    parts = shards.curvature(price, state.sigma, state.mu, slot)
    product, diagonal = _hessian(
        shards, parts, own, above, count, state.damping * state.sigma * weight.ravel()[rows] + 1e-9
    )
    step = newton_step(
        product,
        diagonal,
        residual.ravel()[rows],
        state.dual.ravel()[rows],
        rows // steps,
        levels,
        state.dual.sum(axis=1),
    )
    return rows, step


def _hessian(
    shards: Shards, parts: Curvature, own: Array, above: Array, count: int, damping: Array
) -> tuple[Callable[[Array], Array], Array]:
    """Return the product with the Hessian on rows (never formed), and its diagonal."""
    square = np.zeros(len(parts.diagonal) + 1)
    for segments in parts.segments:
        if segments[0]:
            segments_diagonal(*segments, square)
    own, above = own.astype(np.int32), above.astype(np.int32)
    slots = len(own)
    seen, total, unity = np.empty(slots), np.empty(slots + 1), np.ones(slots)

    def product(y: Array) -> Array:
        on_slots(np.append(y, 0.0), own, above, seen, total)
        out = np.append(damping * y, 0.0)
        onto_rows(parts.diagonal, seen, shards.segments_product(parts, total), own, above, out)
        return out[:-1]

    diagonal = np.append(damping, 0.0)
    onto_rows(parts.diagonal, unity, square, own, above, diagonal)
    return product, np.maximum(diagonal[:-1], damping)
