"""Exact arc generation: restricted programs, cheapest plans at their prices, and the bound that they prove."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.kernels.surplus import UNREACHED, cheapest, follow, nearly
from tidewatt.tariffs.arcs import Arcs, arcs_of
from tidewatt.tariffs.levels import Levels
from tidewatt.tariffs.master import Active, Duals, Penalties, Solved, solve_restricted
from tidewatt.tariffs.problem import Problem, Progressed

__all__ = ["Generated", "Pricing", "generate"]

MOST_RAISES = 4  # times that penalties go up tenfold before the problem counts as infeasible


@dataclass(frozen=True, slots=True, eq=False)
class Generated:
    """What arc generation ended with.

    Attributes
    ----------
    status : str
        As in `Solution`.
    arcs : Arcs
    solved : Solved
    bound : float
    relative_gap : float
    iterations : int
    """

    status: str
    arcs: Arcs
    solved: Solved
    bound: float
    relative_gap: float
    iterations: int
    centre: Duals | None = None
    active: Active | None = None


class Pricing:
    """Cheapest plans of all kinds at given prices; keeps the arrays that this takes."""

    def __init__(self, problem: Problem, levels: Levels, weight: float) -> None:
        self.problem, self.levels, self.weight = problem, levels, weight
        nodes, steps = problem.roads.nodes, problem.steps
        self.kinds = [k for k in levels.kinds if len(k.starts)]
        most = max((k.levels for k in levels.kinds), default=1)
        size = (steps + 1) * nodes * most
        self._cost, self._action = np.empty(size), np.empty(size, np.int32)
        self._seen = np.zeros(size, np.int64)
        self._excess = np.full(size, np.inf)
        self._keys = np.empty(size, np.int64)
        self._mark = 0
        t = np.arange(steps)[:, None]
        self._exit = np.minimum(t + problem.roads.free_flow_steps[None], steps) - 1

    def reachable(self) -> list[Array]:
        """Of every kind, which of its starts have any plan at all."""
        zero = Duals(
            np.zeros(self._rows), np.zeros(self._rows), np.zeros_like(self.problem.toll),
            np.zeros_like(self.problem.charger_price), np.zeros_like(self.problem.price_per_kwh),
        )  # fmt: skip
        answers = []
        for k in self.levels.kinds:
            cost, _, _ = self._run(k, zero)
            answers.append(cost.reshape(-1)[k.starts] < UNREACHED)
        return answers

    @property
    def _rows(self) -> tuple[int, int]:
        rows = self.problem.rows
        return (0 if rows is None else len(rows), self.problem.steps)

    def energy_price(self, duals: Duals) -> Array:
        """Cost of a kW for a step, shape (aggregators, sites, steps) (tariff-8, tariff-10)."""
        p, dt = self.problem, self.problem.step_h
        beta = p.aggregators.price_sensitivity_per_kwh_kw[:, None, None]
        price = self.weight * dt * (p.price_per_kwh + 2.0 * beta * duals.power_kw)
        if p.rows is not None:
            price = price + (p.rows.sensitivity.T @ (duals.high - duals.low))[None]
        return price

    def _run(self, k, duals, price=None):
        p, levels = self.problem, self.levels
        m = k.aggregator
        if price is None:
            price = self.energy_price(duals)
        w = self.weight * p.aggregators.time_value_per_h[m] * p.step_h
        toll = (self.weight * p.toll + duals.roads).T
        link_cost = w * p.roads.free_flow_steps[None] + np.take_along_axis(toll, self._exit, axis=0)
        charger = self.weight * p.charger_price + duals.chargers
        option_cost = w + (charger[levels.site] + price[m][levels.site] * levels.power_kw[m][:, None]).T
        option_cost = np.ascontiguousarray(option_cost).reshape(p.steps, -1)
        shape = (p.steps + 1, p.roads.nodes, k.levels)
        size = shape[0] * shape[1] * shape[2]
        cost, action = self._cost[:size].reshape(shape), self._action[:size].reshape(shape)
        cheapest(k.expanded, w, link_cost, option_cost, cost, action)
        return cost, action, (w, link_cost, option_cost)

    def price(
        self, duals: Duals, within: float = -1.0, room: int = 0, seeds: list[Array] | None = None
    ) -> tuple[list[Array], float]:
        """Arcs of the cheapest plans of every kind, and the bound that the prices prove (tariff-9)."""
        p = self.problem
        price = self.energy_price(duals)
        keys, total = [], 0.0
        for i, k in enumerate(self.levels.kinds):
            if not len(k.starts):
                keys.append(np.zeros(0, np.int64))
                continue
            cost, action, costs = self._run(k, duals, price)
            total += float(np.dot(k.vehicles, cost.reshape(-1)[k.starts]))
            self._mark += 1
            count = follow(k.expanded, k.starts, action, self._seen, self._mark, self._keys)
            found = self._keys[:count].copy()
            if seeds is not None and len(seeds[i]):
                good = cost.reshape(-1)[self._ends(k, seeds[i])] < UNREACHED
                found = np.union1d(found, seeds[i][good])
                found = np.union1d(found, self._onward(k, found, action))
            if within >= 0.0:
                near = np.empty(room, np.int64)
                excess = self._excess[: cost.size]
                count = nearly(k.expanded, k.starts, *costs, cost, within, excess, near)
                # Every arc needs a way on.
                found = np.union1d(found, near[:count])
                found = np.union1d(found, self._onward(k, found, action))
            keys.append(np.sort(found))
        return keys, total + self._of_limits(duals)

    def _onward(self, k, keys, action):
        """Cheapest plans from wherever the given arcs lead."""
        self._mark += 1
        ends = np.unique(self._ends(k, keys))
        count = follow(k.expanded, ends, action, self._seen, self._mark, self._keys)
        return self._keys[:count].copy()

    def _ends(self, k, keys):
        """States that arcs lead to."""
        actions = 1 + self.problem.roads.links + len(self.levels.site)
        state, act = np.divmod(keys, actions)
        nodes = self.problem.roads.nodes
        rest, level = np.divmod(state, k.levels)
        t, n = np.divmod(rest, nodes)
        link = np.clip(act - 1, 0, self.problem.roads.links - 1)
        drive = (act > 0) & (act <= self.problem.roads.links)
        option = np.maximum(act - 1 - self.problem.roads.links, 0)
        t2 = t + np.where(drive, self.problem.roads.free_flow_steps[link], 1)
        n2 = np.where(drive, self.problem.roads.head[link], n)
        level = level - np.where(drive, k.expanded.used[link], 0)
        if len(self.levels.site):
            level = level + np.where(act > self.problem.roads.links, k.expanded.gain[option], 0)
        return (t2 * nodes + n2) * k.levels + level

    def _of_limits(self, duals: Duals) -> float:
        """What the limits add to the bound at these prices."""
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


def generate(
    problem: Problem, levels: Levels, penalties: Penalties, *, weight: float = 1.0, raised: bool = True,
    relative_gap: float = 1e-9, time_limit_s: float = np.inf, first: Duals | None = None, active: Active | None = None, rough_only: bool = False,
    seeds: list[Array] | None = None, on_progress: Callable[[Progressed], None] | None = None, opt: dict | None = None,
) -> Generated:  # fmt: skip
    """Solve restricted programs until the cheapest plans at their prices cannot improve them."""
    began = time.perf_counter()
    o = dict(smooth=0.8, near=0.0, room=5000, loose=1e-2, verbose=False, maxit=400, tight=1e-11, raise_at=0.05, factor=2.0, prox=100, stiff=.05, up=2.0, down=1.5, enough=2e-5, good=0.25, points=(0.2, 0.5, 0.8))
    o.update(opt or {})
    pricing = Pricing(problem, levels, weight)
    links, sites, steps = problem.roads.links, len(problem.sites), problem.steps
    n_rows = 0 if problem.rows is None else len(problem.rows)
    duals = first or Duals(
        np.zeros((n_rows, steps)), np.zeros((n_rows, steps)), np.zeros((links, steps)), np.zeros((sites, steps)),
        np.zeros_like(problem.price_per_kwh),
    )  # fmt: skip
    active = active or Active(duals.high + duals.low > 0, duals.roads > 0, duals.chargers > 0)
    tight = [problem.roads.capacity_per_step[:, None], problem.sites.chargers[:, None].astype(float)]
    keys, best = pricing.price(duals, seeds=seeds)
    smoothed, raises, warm = duals, 0, first is not None
    tolerance = o["loose"] if not warm else 1e-6
    spent = {"qp": 0.0, "price": 0.0, "arcs": 0.0}
    status = "stalled"
    iteration = 0
    if o["prox"] and raised:
        centre, stiff = duals, o["stiff"]
        for iteration in range(1, o["prox"] + 1):
            t0 = time.perf_counter()
            arcs = arcs_of(problem, levels, keys)
            t1 = time.perf_counter()
            solved = solve_restricted(
                problem, levels, arcs, active, penalties, weight=weight, tolerance=tolerance, centre=centre, stiff=stiff,
            )
            t2 = time.perf_counter()
            broken = _hold(problem, solved, active, tight)
            duals = solved.duals
            found, bound = pricing.price(duals, o["near"], o["room"]) if o["near"] else pricing.price(duals)
            model = solved.cost
            part = (bound - best) / max(1e-12, model - best)
            serious = part > 0.1
            sets = [found]
            if serious:
                stiff = stiff * o["up"] if part > o["good"] else stiff
                old, centre, best = centre, duals, bound
            else:
                stiff = stiff / o["down"] if part < -1 else stiff
                old = centre
            for share in o["points"]:
                between = old.towards(duals, share)
                found, bound2 = pricing.price(between)
                sets.append(found)
                if bound2 > best:
                    centre, best = between, bound2
            before = len(arcs)
            for more in sets:
                keys = [np.union1d(a, b) for a, b in zip(keys, more, strict=True)]
            new = sum(map(len, keys)) - before
            t3 = time.perf_counter()
            spent["arcs"] += t1 - t0
            spent["qp"] += t2 - t1
            spent["price"] += t3 - t2
            rough = abs(model - best) / max(1.0, abs(model))
            over = float(max(solved.excess_high.max(initial=0.0), solved.excess_low.max(initial=0.0)))
            if o["verbose"]:
                print(
                    f"P{iteration:3d} model {model:.4f} bound {bound:.4f} best {best:.4f} {'S' if serious else '-'} stiff {stiff:.2g} arcs {len(arcs)} new {new} cols {solved.columns} rows {solved.rows} lazy {broken} tol {tolerance:.0e} over {over:.1e} {solved.excess_roads.max(initial=0):.1e} {solved.excess_chargers.max(initial=0):.1e} {solved.inner} t {t3 - began:.2f} "
                    + " ".join(f"{k} {v:.2f}" for k, v in spent.items()), flush=True,
                )
            if t3 - began > time_limit_s:
                return Generated("time", arcs, solved, best, np.inf, iteration)
            if rough < o["enough"] and not broken:
                break
            tolerance = float(np.clip(rough * 0.05, 1e-7, o["loose"]))
        smoothed = centre
    if rough_only:
        return Generated("time", arcs, solved, best, np.inf, iteration, centre, active)
    for iteration in range(iteration + 1, o["maxit"] + 1):
        t0 = time.perf_counter()
        arcs = arcs_of(problem, levels, keys)
        t1 = time.perf_counter()
        solved = solve_restricted(
            problem, levels, arcs, active, penalties, weight=weight, tolerance=tolerance
        )
        t2 = time.perf_counter()
        broken = _hold(problem, solved, active, tight)
        duals = solved.duals if raised else _capped(solved.duals, penalties)
        found, bound = pricing.price(duals, o["near"], o["room"]) if o["near"] else pricing.price(duals)
        best = max(best, bound)
        sets = [found]
        if o["smooth"]:
            smoothed = smoothed.towards(duals, 1.0 - o["smooth"])
            found, bound2 = pricing.price(smoothed)
            best = max(best, bound2)
            sets.append(found)
        else:
            smoothed = duals
        t3 = time.perf_counter()
        spent["arcs"] += t1 - t0
        spent["qp"] += t2 - t1
        spent["price"] += t3 - t2
        size = max(1.0, abs(solved.cost))
        rough = abs(solved.cost - best) / size
        excess = max(
            float(x.max(initial=0.0))
            for x in (solved.excess_high, solved.excess_low, solved.excess_roads, solved.excess_chargers)
        )
        before = len(arcs)
        for more in sets:
            keys = [np.union1d(a, b) for a, b in zip(keys, more, strict=True)]
        new = sum(map(len, keys)) - before
        if o["verbose"]:
            print(
                f"{iteration:3d} obj {solved.cost:.6f} bound {bound:.6f} best {best:.6f} arcs {len(arcs)} new {new} cols {solved.columns} rows {solved.rows} lazy {broken} tol {tolerance:.0e} excess {excess:.1e} raises {raises:.0f} good {solved.good} {solved.inner} t {t3 - began:.2f} "
                + " ".join(f"{k} {v:.2f}" for k, v in spent.items()),
                flush=True,
            )
        gap = (solved.cost - best) / size if not broken else np.inf
        if on_progress is not None:
            on_progress(Progressed(iteration, solved.columns, solved.cost, best, gap, t3 - began))
        exact = tolerance <= o["tight"]
        # A bound above the cost says as much: at these penalties limits are exceeded rather than kept.
        if raised and excess > 1e-6 and (solved.cost - best) / size < o["raise_at"]:
            penalties, most = _raised(penalties, solved, o["factor"])
            raises = max(raises, most)
            if most > 1e6:
                status = "infeasible"
                break
            if exact:
                continue
        if not broken and gap <= relative_gap and exact and not (raised and excess > 1e-6):
            status = "solved"
            break
        if new == 0 and not broken and exact:
            break
        if t3 - began > time_limit_s:
            status = "time"
            break
        tolerance = float(
            np.clip(rough * o["share"] if "share" in o else rough * 0.05, o["tight"], o["loose"])
        )
        if (new == 0 and not broken) or rough < 100 * relative_gap:
            tolerance = o["tight"]
    return Generated(status, arcs, solved, best, gap, iteration)


def _raised(penalties: Penalties, solved: Solved, factor: float) -> tuple[Penalties, float]:
    """Penalties `factor` times as high where limits are exceeded, and the most any of them has risen."""
    over = (np.maximum(solved.excess_high, solved.excess_low), solved.excess_roads, solved.excess_chargers)
    new = Penalties(*(
        np.where(e > 1e-7, factor * p, p)
        for e, p in zip(over, (penalties.rows, penalties.roads, penalties.chargers), strict=True)
    ))  # fmt: skip
    most = 0.0
    for p in (new.rows, new.roads, new.chargers):
        most = max(most, float((p / np.maximum(p.min(axis=1, keepdims=True), 1e-300)).max(initial=0.0)))
    return new, most


def _capped(duals: Duals, penalties: Penalties) -> Duals:
    """Prices no higher than what exceeding a limit costs: so that the bound holds with relaxed limits."""
    rows, roads, chargers = penalties.rows, penalties.roads, penalties.chargers
    return Duals(
        np.minimum(duals.high, rows), np.minimum(duals.low, rows), np.minimum(duals.roads, roads),
        np.minimum(duals.chargers, chargers), duals.power_kw,
    )  # fmt: skip


def _hold(problem: Problem, solved: Solved, active: Active, tight: list[Array]) -> int:
    """Make active what is exceeded or nearly; how many limits of the former."""
    count = 0
    for flow, held, limit in (
        (solved.roads, active.roads, tight[0]),
        (solved.chargers, active.chargers, tight[1]),
    ):
        broken = (flow > limit * (1 + 1e-9) + 1e-7) & ~held
        count += int(broken.sum())
        if broken.any():
            held |= (flow > 0.95 * limit) & np.isfinite(limit)
    if problem.rows is not None:
        rows = problem.rows
        power = solved.power_kw.sum(axis=0)
        at = rows.sensitivity @ power
        size = np.abs(rows.sensitivity) @ np.abs(power).max(axis=1)
        room = 1e-7 * np.abs(rows.sensitivity).max(axis=1)[:, None]
        broken = ((at > rows.most + room) | (at < rows.least - room)) & ~active.rows
        count += int(broken.sum())
        if broken.any():
            near = 0.05 * size[:, None]
            active.rows[...] |= (at > rows.most - near) | (at < rows.least + near)
    return count
