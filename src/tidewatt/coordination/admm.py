"""Sharing ADMM: every vehicle answers a signal, every feeder and bank prices its overload.

The source's solver (MAC, arXiv 2604.11999), and the warm-up of the Newton solver. Equations coord-6 to
coord-8; every iterate's prices are inside the budget by construction, so each is a certificate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tidewatt.coordination.certificate import prove
from tidewatt.coordination.levels import GridLevels
from tidewatt.coordination.monitor import SolveMonitor
from tidewatt.coordination.problem import BLOCKS
from tidewatt.coordination.shards import Shards
from tidewatt.domain.arrays import Array
from tidewatt.kernels.charging.proximal import overload_prox

__all__ = ["Sharing", "share", "solve_admm"]

CROWD = 20
"""Vehicles per (feeder, step) for each multiple of its own step a vehicle moves; fewer would overshoot."""
RELAXATION = 1.6
CHECK_EVERY = 10
"""Passes between bounds."""


@dataclass(slots=True)
class Sharing:
    """State of the iteration apart from the schedules.

    Attributes
    ----------
    rho : float
        Penalty [cost per kW squared and vehicle].
    z, u : array, shape (levels, steps)
        Grid's copy of the load [kW]; scaled dual [kW per vehicle].
    mu : array, shape (opportunities,)
        Multipliers, for warm starts.
    passes : int
        Passes made.
    """

    rho: float
    z: Array
    u: Array
    mu: Array
    passes: int = 0

    @property
    def dual(self) -> Array:
        """Prices, in cost per kW."""
        out: Array = self.rho * self.u
        return out


def start(shards: Shards, weight: Array, load: Array) -> Sharing:
    """Return a state at the present schedules, with a penalty that prices their overload about right."""
    levels = shards.problem.levels
    n = np.where(weight > 0, weight, 1.0)
    over = (np.maximum(load - levels.headroom, 0.0) / n).sum(axis=1)
    hot = (over > 0) & (levels.dearest > 0)
    rho = float(np.median(levels.dearest[hot] / over[hot])) if hot.any() else 1.0
    return Sharing(max(rho, 1e-12), load.copy(), np.zeros_like(load), np.zeros(len(shards.fleet.power)))


def solve_admm(
    shards: Shards,
    monitor: SolveMonitor,
    *,
    seed: int,
    state: Sharing | None = None,
    best: Array | None = None,
    keep: Callable[[Sharing, Array], None] | None = None,
) -> Array:
    """Iterate until the monitor says stop; see `share`. Return the best schedules seen at a check [kW]."""
    return share(shards, monitor, seed=seed, state=state, best=best, keep=keep)[1]


def share(
    shards: Shards,
    monitor: SolveMonitor,
    *,
    seed: int,
    passes: int | None = None,
    state: Sharing | None = None,
    best: Array | None = None,
    keep: Callable[[Sharing, Array], None] | None = None,
) -> tuple[Sharing, Array]:
    """Iterate from the schedules in `shards.x` until the monitor says stop, or for `passes` passes.

    Parameters
    ----------
    shards : Shards
        Schedules, changed in place.
    monitor : SolveMonitor
        Keeps the best cost, bound and prices.
    seed : int
        Seed of the order of the blocks.
    passes : int, optional
        Passes to make; default: until the monitor stops.
    state, best : optional
        Where to go on from.
    keep : callable, optional
        Called with state and best schedules when a checkpoint may be taken.

    Returns
    -------
    Sharing
        Final state.
    array, shape (variables,)
        Best schedules seen at a check [kW].
    """
    levels = shards.problem.levels
    weight = levels.lift(shards.weight())
    n = np.where(weight > 0, weight, 1.0)
    stride = _strides(weight[: levels.feeders], float(shards.fleet.weight.max(initial=1.0)))
    load = levels.lift(feeder_load := shards.load(shards.x))
    state = state or start(shards, weight, load)
    rng = np.random.default_rng(np.random.SeedSequence([seed, state.passes]))
    if best is None:
        best = shards.x.copy()
        monitor.primal = levels.cost(load)
    if monitor.finished():  # nothing is overloaded to begin with
        monitor.record(0.0, 0.0, state.rho)
        return state, best
    if keep is not None:
        keep(state, best)
    last = None if passes is None else state.passes + passes
    while last is None or state.passes < last:
        before = state.z
        # A level without a price and within its headroom has nothing to say: the grid's copy of its load
        # may be taken to follow the load. Vehicles that see only such levels are skipped.
        tied = (state.u != 0.0).any(axis=1)
        answered = 0
        for block in rng.permutation(BLOCKS):
            signal = state.rho * ((load - state.z) / n + state.u)
            signal[np.abs(signal) < 1e-7 * state.rho] = 0.0
            signal[~tied & _quiet(levels, load)] = 0.0
            step = _steps(levels, state.rho, stride)
            mine, moved = shards.project(levels.price(signal), step, state.mu, int(block))
            feeder_load += mine
            load = levels.lift(feeder_load)
            answered += moved
        shards.tally.projections += 1
        shards.tally.answered += answered
        shards.tally.skipped += len(shards.fleet.first) - 1 - answered
        free = ~tied & _quiet(levels, load)
        state.z[free] = load[free]
        relaxed = RELAXATION * load + (1.0 - RELAXATION) * state.z
        a = relaxed + n * state.u
        z = np.empty_like(a)
        rho = np.full(len(a), state.rho)
        overload_prox(a, levels.headroom, weight, rho, levels.first, levels.above, levels.slope, z)
        state.u = np.where(weight > 0, (a - z) / n, 0.0)
        state.z = z
        state.passes += 1
        residual = _relative_residuals(load, z, before, state.u, n)
        if state.passes % CHECK_EVERY == 0:
            cost = levels.cost(load)
            if cost < monitor.primal:
                monitor.primal = cost
                best[:] = shards.x
            monitor.proved(prove(shards, state.dual, shards.x))
            monitor.record(*residual, state.rho)
            if monitor.finished():
                break
            if keep is not None:
                keep(state, best)
        elif monitor.out_of_budget():
            break
        else:
            monitor.tell()
        every = 5 if state.passes < 50 else (20 if state.passes < 200 else 100)
        if state.passes % every == 0:
            _balance(state, *residual)
    return state, best


def _quiet(levels: GridLevels, load: Array) -> Array:
    """Return levels whose load is within headroom, or whose overload costs nothing; shape (levels,)."""
    out: Array = (load < levels.headroom).all(axis=1) | (levels.dearest == 0)
    return out


def _strides(weight: Array, heaviest: float) -> Array:
    """Return by how many of its own steps each feeder's vehicles move: `BLOCKS`, less where few share it.

    A random block of a handful of vehicles may hold most of a step's: all of them moving `BLOCKS` times as
    far overshoots without end.
    """
    counts = np.where(weight > 0, weight / heaviest, np.nan)
    counts[~(weight > 0).any(axis=1)] = 1.0
    out: Array = np.clip(np.nanmedian(counts, axis=1) / CROWD, 1.0, BLOCKS)
    return out


def _steps(levels: GridLevels, rho: float, stride: Array) -> Array:
    """Return the step of each feeder's vehicles per unit of signal: stride over the penalties they see."""
    seen = np.where(levels.bank >= 0, 2.0, 1.0)
    out: Array = np.r_[stride / (rho * seen), BLOCKS / rho]
    return out


def _relative_residuals(load: Array, z: Array, before: Array, u: Array, n: Array) -> tuple[float, float]:
    primal = ((load - z) ** 2 / n).sum() / max((load**2 / n).sum(), (z**2 / n).sum(), 1e-300)
    dual = ((z - before) ** 2 / n).sum() / max((n * u**2).sum(), 1e-300)
    return float(np.sqrt(primal)), float(np.sqrt(dual))


def _balance(state: Sharing, primal: float, dual: float) -> None:
    """Pull the penalty towards equal residuals, ever more gently."""
    most = max(1.15, 3.0 / (1.0 + state.passes / 50.0))
    factor = float(np.clip(np.sqrt(primal / max(dual, 1e-30)), 1.0 / most, most))
    state.rho *= factor
    state.u /= factor
