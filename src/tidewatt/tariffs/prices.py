"""Prices from duals, which of them aggregators need, and how far they may move (tariff-22)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.tariffs.problem import RoadTraffic, Solution, TariffProblem

__all__ = ["DECENTRALISED_KW", "Prices", "intervals", "prices_of", "scarce"]

DECENTRALISED_KW = 0.05
"""Power that differs from the central plan by less than this counts as the same [kW]."""

_LEAST_PRICE = 1e-7
"""Tolls and charger prices below are what an interior-point method leaves of 0."""


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """The prices that aggregators are told.

    Attributes
    ----------
    line_part, voltage_part : array, shape (sites, steps)
        Parts of the tariff per kWh, from lines and from voltages (tariff-10).
    toll : array, shape (links, steps)
        Per vehicle that leaves the link in the step, >= 0.
    charger_price : array, shape (sites, steps)
        Per charger and step, >= 0.
    """

    line_part: Array
    voltage_part: Array
    toll: Array
    charger_price: Array

    @property
    def tariff(self) -> Array:
        """Tariff per kWh, shape (sites, steps)."""
        return self.line_part + self.voltage_part

    def only(self, needed: tuple[str, ...]) -> Prices:
        """Return the tariff, and of tolls and charger prices those that are named; 0 for the others."""
        return replace(
            self,
            toll=self.toll if "tolls" in needed else np.zeros_like(self.toll),
            charger_price=(
                self.charger_price if "charger_prices" in needed else np.zeros_like(self.charger_price)
            ),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the prices that are not all zero; always the tariff."""
        more = (("tolls", self.toll), ("charger_prices", self.charger_price))
        return ("tariff", *(name for name, price in more if price.any()))


def prices_of(problem: TariffProblem, solution: Solution) -> Prices:
    """Return all prices that the duals of a solved central problem give."""
    assert problem.rows is not None
    line, voltage = solution.tariff_per_kwh(problem.rows, problem.step_h)
    toll, charger = (
        np.where(price > _LEAST_PRICE, price, 0.0) for price in (solution.toll, solution.charger_price)
    )
    return Prices(line, voltage, toll, charger)


def scarce(problem: TariffProblem, solution: Solution, prices: Prices) -> tuple[str, ...]:
    """Return which of tolls and charger prices ration what several aggregators use in the same step.

    What only one of them uses, that one rations itself.
    """
    arcs = solution.traffic.arcs if solution.traffic is not None else {}
    many = len(np.unique(problem.travel.aggregator)) > 1
    found = []
    for name, action, price in (("tolls", 0, prices.toll), ("charger_prices", 2, prices.charger_price)):
        priced = price > 0
        if not (many and priced.any()):
            continue
        if arcs:
            of = (arcs["action"] == action) & (arcs["vehicles"] > 0)
            if action == 0:  # a road is charged for in the step in which it is left
                place, step = arcs["index"][of], arcs["end_step"][of] - 1
            else:
                site = np.repeat(np.arange(len(problem.sites)), np.diff(problem.sites.level_first))
                place, step = site[arcs["index"][of]], arcs["start_step"][of]
            users = np.zeros((len(problem.aggregators), *price.shape), bool)
            users[arcs["aggregator"][of], place, step] = True
            priced = priced & (users.sum(axis=0) > 1)
        if priced.any():
            found.append(name)
    return tuple(found)


_BINDING = 1e-6
"""A limit binds when no more than this share of it (of at least 1 kW or 1 per unit) is left."""
_NO_DUAL = 1e-7
"""Tariff per kWh below which the dual of a binding limit counts as 0."""
_FULL = 1e-5
"""Chargers count as all in use when no more than this many are left."""
_MOST = 4000
"""Largest number of linear programs solved; steps beyond it are not examined."""


def intervals(problem: TariffProblem, solution: Solution, prices: Prices) -> tuple[Array, Array]:
    """Return the least and most tariff of sites in steps with degenerate limits; nan elsewhere.

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


def _levels(problem: TariffProblem, traffic: RoadTraffic, step: int) -> tuple[Array, Array, Array]:
    """Return site levels in a step: site, energy of a charger in a step [kWh], and whether it is in use."""
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
    """Return the least and most change of each site's tariff, shape (sites,).

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
