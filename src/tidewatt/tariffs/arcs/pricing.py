"""Cheapest plans of all vehicles at given prices of limits, and the bound that they prove (tariff-9)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.kernels.arcs.surplus import UNREACHED, cheapest, follow
from tidewatt.tariffs.arcs.choices import moves_of, possible
from tidewatt.tariffs.arcs.limits import Duals
from tidewatt.tariffs.arcs.states import ChargeStates, VehicleKind
from tidewatt.tariffs.problem import TariffProblem

__all__ = ["Pricing", "TimeOver", "merged"]

_EVERY_S = 1.0  # between reports of how many kinds are done


class TimeOver(Exception):
    """Time ran out before all vehicles were considered."""


class Pricing:
    """Cheapest plans of all kinds at given prices; keeps the arrays needed for this.

    Parameters
    ----------
    problem : TariffProblem
    levels : ChargeStates
    weight : float
        Of all cost but penalties.
    until : float
        After this (of `time.perf_counter`) the next kind raises `TimeOver`.
    on_kind : callable, optional
        Receives now and then of how many kinds the plans are found, and how many kinds there are.
    """

    def __init__(
        self,
        problem: TariffProblem,
        levels: ChargeStates,
        weight: float,
        *,
        until: float = math.inf,
        on_kind: Callable[[int, int], None] | None = None,
    ) -> None:
        self.problem, self.levels, self.weight = problem, levels, weight
        self._until, self._on_kind, self._told = until, on_kind, time.perf_counter()
        nodes, steps = problem.roads.nodes, problem.steps
        self.kinds = [k for k in levels.kinds if len(k.starts)]
        most = max((k.levels for k in levels.kinds), default=1)
        size = (steps + 1) * nodes * most
        self._cost, self._action = np.empty(size), np.empty(size, np.int32)
        self._seen = np.zeros(size, np.int64)
        self._keys = np.empty(size, np.int64)
        self._mark = 0
        t = np.arange(steps)[:, None]
        self._exit = np.minimum(t + problem.roads.free_flow_steps[None], steps) - 1

    def free(self) -> Duals:
        """Return zero prices for all limits."""
        p = self.problem
        return Duals(
            np.zeros(self._rows),
            np.zeros(self._rows),
            np.zeros_like(p.toll),
            np.zeros_like(p.charger_price),
            np.zeros_like(p.price_per_kwh),
        )

    def reachable(self) -> list[Array]:
        """Return for every kind which of its starts have any plan at all."""
        answers = []
        for k, cost, _ in self._each(self.free(), self.levels.kinds):
            answers.append(cost.reshape(-1)[k.starts] < UNREACHED)
        return answers

    @property
    def _rows(self) -> tuple[int, int]:
        rows = self.problem.rows
        return (0 if rows is None else len(rows), self.problem.steps)

    def energy_price(self, duals: Duals) -> Array:
        """Return the cost of a kW for a step, shape (aggregators, sites, steps) (tariff-8, tariff-10)."""
        p, dt = self.problem, self.problem.step_h
        beta = p.aggregators.price_sensitivity_per_kwh_kw[:, None, None]
        price = self.weight * dt * (p.price_per_kwh + 2.0 * beta * duals.power_kw)
        if p.rows is not None:
            price = price + (p.rows.sensitivity.T @ (duals.high - duals.low))[None]
        return price

    def _each(self, duals: Duals, kinds: list[VehicleKind]) -> Iterator[tuple[VehicleKind, Array, Array]]:
        """Yield kinds with the least cost of their states and the first action of the cheapest plan.

        Both arrays are only good until the next kind.
        """
        price, last = self.energy_price(duals), -1
        for done, k in enumerate(kinds):
            self._look_at_clock(done, len(kinds))
            if k.aggregator != last:
                last = k.aggregator
                w, link_cost, option_cost = self._costs(last, duals, price[last])
            shape = (self.problem.steps + 1, self.problem.roads.nodes, k.levels)
            size = shape[0] * shape[1] * shape[2]
            cost, action = self._cost[:size].reshape(shape), self._action[:size].reshape(shape)
            cheapest(k.expanded, w, link_cost, option_cost, cost, action)
            yield k, cost, action

    def _costs(self, m: int, duals: Duals, price: Array) -> tuple[float, Array, Array]:
        """Return what a step, links (steps, links) and options (steps, options) cost vehicles."""
        p, levels = self.problem, self.levels
        w = float(self.weight * p.aggregators.time_value_per_h[m] * p.step_h)
        toll = (self.weight * p.toll + duals.roads).T
        link_cost = w * p.roads.free_flow_steps[None] + np.take_along_axis(toll, self._exit, axis=0)
        charger = self.weight * p.charger_price + duals.chargers
        option_cost = w + (charger[levels.site] + price[levels.site] * levels.power_kw[m][:, None]).T
        return w, link_cost, np.ascontiguousarray(option_cost).reshape(p.steps, -1)

    def _look_at_clock(self, done: int, kinds: int) -> None:
        now = time.perf_counter()
        if now > self._until:
            raise TimeOver
        if self._on_kind is not None and now > self._told + _EVERY_S:
            self._told = now
            self._on_kind(done, kinds)

    def price(self, duals: Duals, seeds: list[Array] | None = None) -> tuple[list[Array], float]:
        """Return arcs of the cheapest plans of every kind, and the bound that the prices prove (tariff-9).

        `seeds` are further arcs of each kind to keep, each with the cheapest way on from it.
        """
        keys, total = [np.zeros(0, np.int64) for _ in self.levels.kinds], 0.0
        used = [i for i, k in enumerate(self.levels.kinds) if len(k.starts)]
        for i, (k, cost, action) in zip(used, self._each(duals, self.kinds), strict=True):
            total += float(np.dot(k.vehicles, cost.reshape(-1)[k.starts]))
            self._mark += 1
            count = follow(k.expanded, k.starts, action, self._seen, self._mark, self._keys)
            found = self._keys[:count].copy()
            if seeds is not None and len(seeds[i]):
                seed = seeds[i][possible(self.problem, self.levels, k, seeds[i])]
                seed = seed[cost.reshape(-1)[self._ends(k, seed)] < UNREACHED]
                found = merged(found, seed)
                found = merged(found, self._onward(k, found, action))
            keys[i] = np.sort(found)
        return keys, total + self._of_limits(duals)

    def _onward(self, k: VehicleKind, keys: Array, action: Array) -> Array:
        """Return the arcs of cheapest plans from wherever the given arcs lead."""
        self._mark += 1
        ends = np.unique(self._ends(k, keys))
        count = follow(k.expanded, ends, action, self._seen, self._mark, self._keys)
        return self._keys[:count].copy()

    def _ends(self, k: VehicleKind, keys: Array) -> Array:
        """Return the states that arcs lead to."""
        return moves_of(self.problem, self.levels, [k], [keys]).state_end

    def dearest(self) -> float:
        """Return a cost above that of any plan within limits: a larger bound proves that there is none."""
        p, dt = self.problem, self.problem.step_h
        fleet, travel, sites = p.aggregators, p.travel, p.sites
        every = float(travel.vehicles.sum())
        hours = float(travel.vehicles @ fleet.time_value_per_h[travel.aggregator]) * p.steps * dt
        a_step = sum(float(np.abs(x).max(initial=0.0)) for x in (p.toll, p.charger_price))
        level_kw = np.abs(self.levels.power_kw).max(axis=0, initial=0.0)
        strongest = np.zeros(len(sites))
        np.maximum.at(strongest, self.levels.site, level_kw)
        kw = (strongest * np.minimum(sites.chargers, every))[None, :, None]
        energy = kw * np.abs(p.price_per_kwh) + fleet.price_sensitivity_per_kwh_kw[:, None, None] * kw**2
        most = hours + every * p.steps * a_step + dt * float(energy.sum())
        return float(self.weight * most * (1.0 + 1e-6) + 1e-6)

    def _of_limits(self, duals: Duals) -> float:
        """Return what the limits add to the bound at these prices."""
        p = self.problem
        beta = p.aggregators.price_sensitivity_per_kwh_kw[:, None, None]
        total = -float(np.sum(self.weight * beta * p.step_h * duals.power_kw**2))
        capacity = np.where(np.isfinite(p.roads.capacity_per_step), p.roads.capacity_per_step, 0.0)
        total -= float(np.sum(duals.roads * capacity[:, None]))
        total -= float(np.sum(duals.chargers * p.sites.chargers[:, None]))
        if p.rows is not None:
            most, least = p.rows.most, p.rows.least
            total -= float(np.sum(duals.high * np.where(np.isfinite(most), most, 0.0)))
            total += float(np.sum(duals.low * np.where(np.isfinite(least), least, 0.0)))
        return total


def merged(*keys: Array) -> Array:
    """Merge keys, sorted and without repeats; several sorted inputs need little more than one pass each."""
    every = np.sort(np.concatenate(keys), kind="stable")
    first = np.ones(len(every), bool)
    np.not_equal(every[1:], every[:-1], out=first[1:])
    kept: Array = every[first]
    return kept
