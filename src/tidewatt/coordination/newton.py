"""Proximal point with a semismooth Newton dual (coord-10 to coord-12)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tidewatt.coordination.admm import Sharing, share
from tidewatt.coordination.certificate import feasible_prices, prove
from tidewatt.coordination.levels import Levels
from tidewatt.coordination.monitor import Monitor
from tidewatt.coordination.shards import Curvature, Shards
from tidewatt.coordination.step import Budget, Step, newton_step
from tidewatt.domain.arrays import Array
from tidewatt.kernels.charging.curvature import on_slots, onto_rows, segments_diagonal
from tidewatt.result import Status

__all__ = ["Proximal", "solve_newton"]

WARM_UP = 20
"""Passes of ADMM before the first centre."""
INNER = 8
"""Newton steps a centre at most."""
FAILURES = 3
QUICK = 5
"""A subproblem that took no more steps than this may have a longer proximal step next time."""
STALLED_CENTRES = 8
"""Centres in a row that failed even for ever smaller steps: rounding rules from here on."""
IDLE_CENTRES = 40
"""Centres in a row without a narrower gap after which nothing more is expected."""
MARGIN = 0.05
"""Share of a level's largest load within which a step below its overload is a candidate for a price."""
ENOUGH = 0.3
"""Share of the gap that the grid's part may keep when a subproblem ends."""


@dataclass(slots=True)
class Proximal:
    """State of the iteration besides the centres.

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

    def __init__(self, shards: Shards, monitor: Monitor, best: Array) -> None:
        self.shards, self.monitor, self.best = shards, monitor, best
        self.levels = shards.problem.levels
        self.feeder_load = shards.load(shards.x)
        self._pending: tuple[Array, float, Array] | None = None

    def __call__(self, dual: Array, sigma: float, mu: Array) -> tuple[float, Array]:
        """Value of q (coord-10), and load per level."""
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
        """Write the best schedule seen around this centre down, before the centre moves."""
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
    monitor: Monitor,
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
    monitor : Monitor
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


def _subproblem(respond: _Response, monitor: Monitor, state: Proximal, weight: Array) -> _Outcome:
    """Maximise q around the present centre by semismooth Newton; improves `state` in place."""
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


def grid_slack(levels: Levels, dual: Array, load: Array) -> float:
    """Upgrade cost less the worth of overload at the prices: the grid's part of the gap, >= 0."""
    worth = float((dual * (load - levels.headroom)).sum() - levels.conjugate(dual.sum(axis=1)).sum())
    return levels.cost(load) - levels.base_cost - worth


def _slope_ahead(levels: Levels, dual: Array, load: Array, rows: Array, step: Step) -> float:
    """Slope of q along the step at a trial point."""
    r = (load - levels.headroom).ravel()[rows]
    offset = Budget.of(levels, dual.sum(axis=1)).offset
    return float((r - offset[rows // levels.steps]) @ step.direction)


def _direction(shards: Shards, state: Proximal, load: Array, weight: Array) -> tuple[Array, Step]:
    """Candidate rows (flat indices into (levels, steps)) and the Newton step on them (coord-11)."""
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
    """Product with the Hessian on rows (never formed), and its diagonal."""
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
