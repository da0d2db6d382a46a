"""By how much tariffs may move where the duals of limits are not unique (tariff-22)."""

from __future__ import annotations

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.tariffs.prices import Prices
from tidewatt.tariffs.problem import Problem, Solution, Traffic

__all__ = ["intervals"]

_BINDING = 1e-6
"""A limit binds when so little of it is left, as a share of the limit (of 1 kW or 1 per unit at least)."""
_NO_DUAL = 1e-7
"""A tariff that a binding limit's dual makes, per kWh: below, the dual counts as 0."""
_FULL = 1e-5
"""Chargers are all in use when so few of them are left."""
_MOST = 4000
"""So many linear programs at most: further steps are not looked at."""


def intervals(problem: Problem, solution: Solution, prices: Prices) -> tuple[Array, Array]:
    """Least and most tariff of sites in steps whose limits are degenerate; nan elsewhere.

    Looked at are steps in which a limit binds with a dual of 0, limits bind whose sensitivities depend on
    each other, or a limit binds where chargers are all in use: there duals may be exchanged for others. They
    may move as long as none falls below 0, what every level in use costs (tariff and charger price together)
    stays, and no other level gets cheaper: then all plans that were cheapest still are. All tariffs on the
    way support the same plan, with the charger prices that belong to them; as more may, the interval may be
    narrower than what would. inf where there is no end.

    Returns
    -------
    low, high : array, shape (sites, steps)
        Around the published tariff [per kWh].
    """
    assert problem.rows is not None
    assert solution.traffic is not None
    low = np.full((len(problem.sites), problem.steps), np.nan)
    high = low.copy()
    rows, traffic = problem.rows, solution.traffic
    drawn = rows.sensitivity @ solution.power_kw.sum(axis=0)
    above = rows.most - drawn <= _tolerance(rows.high)
    below = drawn - rows.least <= _tolerance(rows.low)
    full = traffic.charging + traffic.discharging >= problem.sites.chargers[:, None] - _FULL
    left = _MOST
    for step in np.flatnonzero((above | below).any(axis=0)).tolist():
        effect = np.concatenate([rows.sensitivity[above[:, step]], -rows.sensitivity[below[:, step]]])
        dual = np.concatenate(
            [solution.dual_high[above[:, step], step], solution.dual_low[below[:, step], step]]
        )
        size = np.abs(effect).max(axis=1)
        effect, dual = effect / size[:, None] / problem.step_h, np.maximum(dual * size, 0.0)
        unique = np.linalg.matrix_rank(effect) == len(dual) and (dual > _NO_DUAL * problem.step_h).all()
        crowded = full[:, step] & (effect != 0).any(axis=0)
        left -= 2 * len(full)
        if (unique and not crowded.any()) or left < 0:
            continue
        price = np.where(full[:, step], solution.charger_price[:, step], np.nan)
        down, up = _moves(effect, dual, price, *_levels(problem, traffic, step))
        low[:, step], high[:, step] = prices.tariff[:, step] + down, prices.tariff[:, step] + up
    return low, high


def _tolerance(limit: Array) -> Array:
    return _BINDING * np.where(np.isfinite(limit), np.maximum(np.abs(limit), 1.0), 1.0)


def _levels(problem: Problem, traffic: Traffic, step: int) -> tuple[Array, Array, Array]:
    """Levels of sites in a step: site, energy of a charger in a step [kWh], and whether it is in use."""
    sites, arcs = problem.sites, traffic.arcs
    site = np.repeat(np.arange(len(sites)), np.diff(sites.level_first))
    energy = sites.level_kw * problem.step_h
    if not arcs:  # which levels are in use is not known: all where some are, so that nothing moves
        some = traffic.charging[:, step] + traffic.discharging[:, step] > _FULL
        return site, energy, some[site]
    of = (arcs["action"] == 2) & (arcs["start_step"] == step) & (arcs["vehicles"] > 0)
    used = np.zeros(len(site), bool)
    used[arcs["index"][of]] = True
    # What a vehicle really draws differs a little from its level where that does not divide its battery.
    drawn = np.unique(np.stack([site[arcs["index"][of]], arcs["power_kw"][of] * problem.step_h]), axis=1)
    none = np.flatnonzero(~used)
    return (
        np.concatenate([drawn[0].astype(np.int64), site[none]]),
        np.concatenate([drawn[1], energy[none]]),
        np.repeat([True, False], [drawn.shape[1], len(none)]),
    )


def _moves(
    effect: Array, dual: Array, price: Array, site: Array, energy: Array, used: Array
) -> tuple[Array, Array]:
    """Least and most change of each site's tariff, shape (sites,).

    Parameters
    ----------
    effect : array, shape (limits, sites)
        Of each limit's dual on tariffs.
    dual : array, shape (limits,)
        They may fall by as much.
    price : array, shape (sites,)
        Charger prices, which may fall by as much; nan where chargers are free, so that it stays 0.
    site, energy, used : array, shape (levels,)
        What a charger at the level draws in the step [kWh]; whether some vehicle uses it.
    """
    from scipy.optimize import linprog

    sites = len(price)
    dearer = np.concatenate([energy * effect[:, site], np.eye(sites)[:, site]]).T
    bounds: list[tuple[float, float | None]] = [(-value, None) for value in dual.tolist()]
    bounds += [(0.0, 0.0) if np.isnan(value) else (-max(value, 0.0), None) for value in price.tolist()]
    ends = np.zeros((2, sites))
    for y in np.flatnonzero((effect != 0).any(axis=0)).tolist():
        gain = np.concatenate([effect[:, y], np.zeros(sites)])
        for end, sign in enumerate((1.0, -1.0)):
            found = linprog(
                sign * gain,
                A_ub=-dearer[~used],
                b_ub=np.zeros(int((~used).sum())),
                A_eq=dearer[used],
                b_eq=np.zeros(int(used.sum())),
                bounds=bounds,
                method="highs",
            )
            reached = sign * found.fun if found.fun is not None else 0.0
            ends[end, y] = {0: reached, 3: -sign * np.inf}.get(found.status, 0.0)
    return ends[0], ends[1]
