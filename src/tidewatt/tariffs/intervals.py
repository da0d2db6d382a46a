"""By how much tariffs may move where the duals of limits are not unique (tariff-22)."""

from __future__ import annotations

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.tariffs.prices import Prices
from tidewatt.tariffs.problem import Problem, Solution

__all__ = ["intervals"]

_BINDING = 1e-6
"""A limit binds when so little of it is left, as a share of the limit (of 1 kW or 1 per unit at least)."""
_NO_DUAL = 1e-7
"""A tariff that a binding limit's dual makes, per kWh: below, the dual counts as 0."""


def intervals(problem: Problem, solution: Solution, prices: Prices) -> tuple[Array, Array]:
    """Least and most tariff of sites in steps whose limits are degenerate; nan elsewhere.

    Looked at are steps in which a limit binds with a dual of 0, or limits bind whose sensitivities depend on
    each other: there duals of limits may be exchanged for others. They may move as long as none falls below
    0, tariffs stay where vehicles charge or discharge (or could discharge), and do not fall elsewhere: a
    dearer site that nobody uses remains unused. All tariffs on the way support the same plan, so the
    interval may be narrower than what would; inf where there is no end.

    Returns
    -------
    low, high : array, shape (sites, steps)
        Around the published tariff [per kWh].
    """
    assert problem.rows is not None
    assert solution.traffic is not None
    low = np.full((len(problem.sites), problem.steps), np.nan)
    high = low.copy()
    rows, power = problem.rows, solution.power_kw.sum(axis=0)
    drawn = rows.sensitivity @ power
    scale = _BINDING * np.maximum(1.0, np.where(np.isfinite(rows.high), np.abs(rows.high), 1.0))
    above = rows.most - drawn <= scale
    scale = _BINDING * np.maximum(1.0, np.where(np.isfinite(rows.low), np.abs(rows.low), 1.0))
    below = drawn - rows.least <= scale
    used = solution.traffic.charging + solution.traffic.discharging > _BINDING
    sites = np.repeat(np.arange(len(problem.sites)), np.diff(problem.sites.level_first))
    used[np.unique(sites[problem.sites.level_kw < 0])] = True
    for step in np.flatnonzero((above | below).any(axis=0)).tolist():
        effect = np.concatenate([rows.sensitivity[above[:, step]], -rows.sensitivity[below[:, step]]])
        dual = np.concatenate(
            [solution.dual_high[above[:, step], step], solution.dual_low[below[:, step], step]]
        )
        size = np.abs(effect).max(axis=1)
        effect, dual = effect / size[:, None] / problem.step_h, np.maximum(dual * size, 0.0)
        if np.linalg.matrix_rank(effect) == len(dual) and (dual > _NO_DUAL * problem.step_h).all():
            continue
        published = prices.tariff[:, step]
        down, up = _moves(effect, dual, used[:, step])
        low[:, step], high[:, step] = published + down, published + up
    return low, high


def _moves(effect: Array, dual: Array, used: Array) -> tuple[Array, Array]:
    """Least and most change of each site's tariff, shape (sites,).

    Parameters
    ----------
    effect : array, shape (limits, sites)
        Of each limit's dual on tariffs.
    dual : array, shape (limits,)
        They may change by as much downwards.
    used : array of bool, shape (sites,)
        Whose tariff stays.
    """
    from scipy.optimize import linprog

    down, up = np.zeros(len(used)), np.zeros(len(used))
    free = np.flatnonzero(~used)
    bounds = [(-value, None) for value in dual.tolist()]
    for site in free.tolist():
        found = linprog(
            -effect[:, site],
            A_ub=-effect[:, free].T,
            b_ub=np.zeros(len(free)),
            A_eq=effect[:, used].T,
            b_eq=np.zeros(int(used.sum())),
            bounds=bounds,
            method="highs",
        )
        up[site] = {0: -found.fun if found.fun is not None else 0.0, 3: np.inf}.get(found.status, np.nan)
    return down, up
