"""Plans made to fit their limits, whole populations at once."""

from __future__ import annotations

import numpy as np

from tidewatt.configuration.bounds import (
    Limits,
    added_kw,
    allowed,
    broken_budget,
    broken_feeders,
    capital,
)
from tidewatt.domain.arrays import Array

__all__ = ["repair"]


def repair(limits: Limits, fast: Array, normal: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Plans that keep all limits on numbers of chargers, near those given.

    Chargers are taken away, at random stations, until all limits hold. What is taken depends on the plan and
    on one number drawn from `rng`, not on the plan's place in the population: equal plans stay equal.
    A plan that is allowed is not touched.

    Parameters
    ----------
    fast, normal : array of int, shape (plans, stations)
    rng : numpy.random.Generator

    Returns
    -------
    fast, normal : array of int64, shape (plans, stations)
        Allowed if any plan is; else what the limits allow of it (`clash` says why).
    """
    fast, normal = (np.array(np.atleast_2d(given), np.int64) for given in (fast, normal))
    noise = _noise(int(rng.integers(0, 2**63)), fast, normal)
    fast = np.where(limits.fixed, limits.fast_before, np.maximum(fast, limits.fast_low))
    normal = np.where(limits.fixed, limits.normal_before, np.maximum(normal, limits.normal_low))
    _fit_sites(limits, fast, normal, noise[:, :, 0])
    for step in (_fit_feeders, _fit_budget):
        rows = np.flatnonzero(~allowed(limits, fast, normal))
        if len(rows):
            fast[rows], normal[rows] = step(limits, fast[rows], normal[rows], noise[rows])
    return fast, normal


def _fit_sites(limits: Limits, fast: Array, normal: Array, noise: Array) -> None:
    """Take from both kinds about as they are there, so that sites hold them (conf-17); in place."""
    spare_fast, spare_normal = fast - limits.fast_low, normal - limits.normal_low
    excess = np.clip(fast + normal - limits.total_high, 0, spare_fast + spare_normal)
    share = excess * spare_fast / np.maximum(spare_fast + spare_normal, 1)
    of_fast = np.clip(
        np.floor(share + noise).astype(np.int64), excess - spare_normal, np.minimum(spare_fast, excess)
    )
    fast -= of_fast
    normal -= excess - of_fast


def _fit_feeders(limits: Limits, fast: Array, normal: Array, noise: Array) -> tuple[Array, Array]:
    """Take chargers from feeders that have no room for them."""
    over = broken_feeders(limits, fast, normal)
    excess = added_kw(limits, fast, normal) - limits.feeder_room_kw
    for feeder in np.flatnonzero(over.any(axis=0)):
        rows, at = np.flatnonzero(over[:, feeder]), np.flatnonzero(limits.feeder == feeder)
        block = np.ix_(rows, at)
        spare = _side_by_side(fast[block] - limits.fast_low[at], normal[block] - limits.normal_low[at])
        kw = np.broadcast_to(_side_by_side(limits.fast_kw[at], limits.normal_kw[at]), spare.shape)
        order = np.argsort(_side_by_side(noise[block][..., 0], noise[block][..., 1]), axis=1)
        taken = _taken(spare, kw, excess[rows, feeder], order)
        fast[block] -= taken[:, : len(at)]
        normal[block] -= taken[:, len(at) :]
    return fast, normal


def _fit_budget(limits: Limits, fast: Array, normal: Array, noise: Array) -> tuple[Array, Array]:
    """Buy less, then sell, until there is money for the rest."""
    rows = np.flatnonzero(broken_budget(limits, fast, normal))
    if not len(rows):
        return fast, normal
    f, n = fast[rows], normal[rows]
    both, low = _side_by_side(f, n), _side_by_side(limits.fast_low, limits.normal_low)
    before = _side_by_side(limits.fast_before, limits.normal_before)
    bought = np.maximum(both - np.maximum(before, low), 0)
    sellable = np.maximum(np.minimum(both, before) - low, 0)
    price = np.repeat([limits.fast_price, limits.normal_price], limits.stations)
    resale = price * np.tile(limits.resale, 2)
    spare = _side_by_side(bought, sellable)
    worth = np.broadcast_to(_side_by_side(price, resale), spare.shape)
    rank = _side_by_side(noise[rows, :, 0], noise[rows, :, 1])
    order = np.argsort(_side_by_side(rank, rank + 1.0), axis=1)  # what would be bought comes first
    excess = capital(limits, f, n) - limits.budget
    taken = _taken(spare, worth, excess, order)
    taken = taken[:, : both.shape[1]] + taken[:, both.shape[1] :]
    fast[rows], normal[rows] = f - taken[:, : limits.stations], n - taken[:, limits.stations :]
    return fast, normal


def _taken(spare: Array, worth: Array, excess: Array, order: Array) -> Array:
    """How many of each to take, in an order, until they are worth the excess; (rows, entries) each."""
    spare_sorted = np.where(
        (unit := np.take_along_axis(worth, order, axis=1)) > 0.0, np.take_along_axis(spare, order, axis=1), 0
    )
    gains = spare_sorted * unit
    still = excess[:, None] - (np.cumsum(gains, axis=1) - gains)
    # Less a hair, so that rounding of sums takes no charger more than needed.
    needed = np.ceil(np.maximum(still, 0.0) / np.where(unit > 0.0, unit, 1.0) - 1e-9)
    taken = np.minimum(np.maximum(needed, 0.0).astype(np.int64), spare_sorted)
    result = np.zeros_like(spare)
    np.put_along_axis(result, order, taken, axis=1)
    return result


def _side_by_side(*parts: Array) -> Array:
    return np.concatenate(parts, axis=-1)


def _noise(key: int, fast: Array, normal: Array) -> Array:
    """Numbers in [0, 1) that depend on a key and each plan as a whole, of shape (plans, stations, 2)."""
    stations = fast.shape[1]
    place = _mixed(np.arange(2 * stations, dtype=np.uint64) + np.uint64(key))
    counts = _side_by_side(fast, normal).astype(np.uint64)
    plan = _mixed(counts * (place | np.uint64(1)) + place).sum(axis=1, dtype=np.uint64)
    bits = _mixed(plan[:, None] + place)
    return np.asarray((bits >> np.uint64(11)) * 2.0**-53).reshape(-1, 2, stations).swapaxes(1, 2)


def _mixed(value: Array) -> Array:
    """SplitMix64's finishing steps: every bit of the value changes half of those of the result."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(value ^ (value >> np.uint64(31)))
