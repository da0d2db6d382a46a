"""Tariff problems written out in full, for an outside solver; nothing here is shared with `tidewatt.tariffs`.

Two models of the same thing, both of vehicles that cannot share their energy:

- every plan that a single vehicle can follow, found by recursion with its SOC as it is, in steps of nothing;
- flows between all (step, node, SOC level), where the numbers of a case make SOC fall on levels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tidewatt.domain.travel import Aggregators, ChargingSites, StepRoads, Travel
from tidewatt.tariffs.problem import GridRows, TariffProblem

STEPS, STEP_H, BATTERY_KWH, EFFICIENCY = 8, 0.5, 10.0, 0.8
SOC_STEP = 0.05
CHARGE_KW = SOC_STEP * BATTERY_KWH / EFFICIENCY / STEP_H
"""Gains one level of SOC in a step."""
DISCHARGE_KW = -SOC_STEP * BATTERY_KWH * EFFICIENCY / STEP_H


def tiny(
    *,
    price_sensitivity: float = 0.05,
    v2g: bool = True,
    road_capacity: float = 1.0,
    line_kw: tuple[float, float] = (5.0, 7.0),
    chargers: tuple[int, int] = (6, 5),
    margin_kw: float = 0.0,
    price: float | None = None,
    time_value: float = 0.4,
) -> TariffProblem:
    """Four nodes, two sites, two aggregators; line 0 feeds site 0, line 1 both.

    `road_capacity` scales what roads carry; `price` is one for all steps.
    """
    tail, head = np.array([0, 1, 0, 2, 1]), np.array([1, 2, 2, 3, 3])
    roads = StepRoads(
        np.arange(4),
        np.arange(5),
        tail,
        head,
        road_capacity * np.array([6.0, 8.0, 5.0, 9.0, 4.0]),
        np.array([1, 1, 2, 1, 2]),
        np.array([0.5, 0.5, 1.5, 0.5, 1.0]),
    )
    prices = np.array([[0.1, 0.1, 0.5, 0.5, 0.1, 0.1, 0.3, 0.1], [0.2, 0.1, 0.1, 0.6, 0.1, 0.1, 0.3, 0.1]])
    if price is not None:
        prices = np.full_like(prices, price)
    back = [DISCHARGE_KW] if v2g else []
    kw = [CHARGE_KW, *back, 2 * CHARGE_KW, *back]
    sites = ChargingSites(
        np.array(["west", "east"], dtype=object),
        np.array([1, 2]),
        np.array([0, 1]),
        np.array(chargers),
        np.array([0, 1 + len(back), len(kw)]),
        np.arange(len(kw)),
        np.array(kw),
        prices,
    )
    two = np.ones(2)
    aggregators = Aggregators(
        np.arange(2),
        BATTERY_KWH * two,
        EFFICIENCY * two,
        EFFICIENCY * two,
        0.2 * two,
        two,
        time_value * two,
        price_sensitivity * two,
    )
    travel = Travel(
        aggregator=np.array([0, 0, 1, 1]),
        origin=np.array([0, 0, 0, 1]),
        destination=np.array([3, 3, 3, 2]),
        depart_step=np.array([0, 1, 0, 1]),
        soc_initial=np.array([0.4, 0.45, 0.35, 0.5]),
        soc_final_min=np.full(4, 0.35),
        vehicles=np.array([6.0, 5.0, 4.0, 3.0]),
    )
    most = np.repeat(np.array(line_kw)[:, None], STEPS, axis=1)
    rows = GridRows(
        np.zeros(2, np.int8),
        np.arange(2, dtype=np.int32),
        np.array([[1.0, 0.0], [1.0, 1.0]]),
        np.zeros((2, STEPS)),
        -0.6 * most,
        most,
        *(np.full((2, STEPS), margin_kw) for _ in range(2)),
    )
    return TariffProblem(
        STEPS,
        STEP_H,
        roads,
        sites,
        aggregators,
        travel,
        rows,
        np.broadcast_to(prices, (2, 2, STEPS)).copy(),
        np.zeros((5, STEPS)),
        np.zeros((2, STEPS)),
    )


def own_problem(problem: TariffProblem, aggregator: int, **told: Any) -> TariffProblem:
    """What one aggregator solves: no grid, its own vehicles, and the prices it is told."""
    travel = problem.travel
    mine = travel.aggregator == aggregator
    chosen = Travel(
        *(
            getattr(travel, name)[mine]
            for name in (
                "aggregator",
                "origin",
                "destination",
                "depart_step",
                "soc_initial",
                "soc_final_min",
                "vehicles",
            )
        )
    )
    return replace(problem, travel=chosen, rows=None, **told)


@dataclass(frozen=True)
class Written:
    """A solution of a model written out; duals are per unit of each limit, places as in `Solution`."""

    status: str
    cost: float
    power_kw: np.ndarray
    dual_high: np.ndarray
    dual_low: np.ndarray
    toll: np.ndarray
    charger_price: np.ndarray
    columns: int
    solver_s: float

    def tariff_per_kwh(self, problem: TariffProblem) -> np.ndarray:
        """Shape (sites, steps)."""
        assert problem.rows is not None
        return problem.rows.sensitivity.T @ (self.dual_high - self.dual_low) / problem.step_h


@dataclass
class _Column:
    """One plan or arc: what it costs besides energy and what it uses."""

    aggregator: int
    cost: float
    roads: list[tuple[int, int]]
    chargers: list[tuple[int, int, float]]
    balance: list[tuple[Any, float]]


def _kwh(problem: TariffProblem, aggregator: int, kw: float) -> float:
    fleet = problem.aggregators
    if kw > 0:
        return kw * float(fleet.charge_efficiency[aggregator]) * problem.step_h
    return kw / float(fleet.discharge_efficiency[aggregator]) * problem.step_h


def _levels(problem: TariffProblem, node: int) -> Iterator[tuple[int, float]]:
    sites = problem.sites
    for site in np.flatnonzero(sites.node == node):
        for level in range(sites.level_first[site], sites.level_first[site + 1]):
            yield int(site), float(sites.level_kw[level])


def _plans(problem: TariffProblem, group: int) -> Iterator[_Column]:
    """All plans of one vehicle of a group, by what it may do in each step."""
    travel, roads, fleet = problem.travel, problem.roads, problem.aggregators
    who, goal = int(travel.aggregator[group]), int(travel.destination[group])
    battery = float(fleet.battery_kwh[who])
    lowest, highest = (float(s[who]) * battery for s in (fleet.soc_min, fleet.soc_max))
    last = max(float(travel.soc_final_min[group]), float(fleet.soc_min[who])) * battery
    depart = int(travel.depart_step[group])
    value = float(fleet.time_value_per_h[who]) * problem.step_h

    def go(node: int, t: int, kwh: float, used: list, plugged: list) -> Iterator[_Column]:
        if kwh < lowest - 1e-9 or kwh > highest + 1e-9:
            return
        if node == goal:
            if kwh >= last - 1e-9:
                yield _Column(who, value * (t - depart), used, plugged, [(group, 1.0)])
            return
        if t >= problem.steps:
            return
        yield from go(node, t + 1, kwh, used, plugged)
        for a in np.flatnonzero(roads.tail == node):
            there = t + int(roads.free_flow_steps[a])
            if there <= problem.steps:
                left = kwh - float(roads.energy_kwh[a])
                yield from go(int(roads.head[a]), there, left, [*used, (int(a), there - 1)], plugged)
        for site, kw in _levels(problem, node):
            yield from go(node, t + 1, kwh + _kwh(problem, who, kw), used, [*plugged, (site, t, kw)])

    yield from go(int(travel.origin[group]), depart, float(travel.soc_initial[group]) * battery, [], [])


def by_plans(problem: TariffProblem, *, joint: bool = False) -> Written:
    """Least cost over all plans of single vehicles."""
    columns = [column for group in range(len(problem.travel)) for column in _plans(problem, group)]
    right = {group: float(v) for group, v in enumerate(problem.travel.vehicles)}
    return _written(problem, columns, right, joint, 1e-11)


def by_levels(problem: TariffProblem, tolerance: float = 1e-11) -> Written:
    """Least cost over flows between all (step, node, level), where SOC falls on levels of `SOC_STEP`."""
    travel, roads, fleet = problem.travel, problem.roads, problem.aggregators
    columns: list[_Column] = []
    right: dict[Any, float] = {}
    kinds = {
        (int(travel.aggregator[g]), int(travel.destination[g]), float(travel.soc_final_min[g]))
        for g in range(len(travel))
    }
    for kind in kinds:
        who, goal, final = kind
        unit = SOC_STEP * float(fleet.battery_kwh[who])
        lowest, highest, last = (
            round(s / SOC_STEP) for s in (float(fleet.soc_min[who]), float(fleet.soc_max[who]), final)
        )
        value = float(fleet.time_value_per_h[who]) * problem.step_h
        moves = [(n, n, 1, 0, -1, -1, 0.0) for n in range(roads.nodes)]
        for a in range(roads.links):
            gain = -round(float(roads.energy_kwh[a]) / unit)
            moves.append(
                (int(roads.tail[a]), int(roads.head[a]), int(roads.free_flow_steps[a]), gain, a, -1, 0.0)
            )
        for n in range(roads.nodes):
            for site, kw in _levels(problem, n):
                moves.append((n, n, 1, round(_kwh(problem, who, kw) / unit), -1, site, kw))
        for t in range(problem.steps + 1):
            for n in range(roads.nodes):
                for q in range(lowest, highest + 1):
                    right.setdefault((kind, t, n, q), 0.0)
        for g in range(len(travel)):
            if (
                int(travel.aggregator[g]),
                int(travel.destination[g]),
                float(travel.soc_final_min[g]),
            ) == kind:
                q = round(float(travel.soc_initial[g]) / SOC_STEP)
                right[kind, int(travel.depart_step[g]), int(travel.origin[g]), q] += float(travel.vehicles[g])
        for i, j, takes, gain, a, site, kw in moves:
            for t in range(problem.steps + 1 - takes):
                for q in range(max(lowest, lowest - gain), min(highest, highest - gain) + 1):
                    if i == goal or (j == goal and q + gain < last):
                        continue
                    balance = [((kind, t, i, q), 1.0)]
                    if j != goal:
                        balance.append(((kind, t + takes, j, q + gain), -1.0))
                    used = [(a, t + takes - 1)] if a >= 0 else []
                    plugged = [(site, t, kw)] if site >= 0 else []
                    columns.append(_Column(who, value * takes, used, plugged, balance))
    return _written(problem, columns, right, False, tolerance)


def _written(
    problem: TariffProblem, columns: list[_Column], right: dict[Any, float], joint: bool, tolerance: float
) -> Written:
    """The quadratic program over plans or arcs, by cvxpy and Clarabel."""
    import cvxpy as cp
    import scipy.sparse as sp

    steps, n = problem.steps, len(columns)
    fleet, shape = problem.aggregators, problem.price_per_kwh.shape
    place = {key: row for row, key in enumerate(right)}

    def matrix(rows: int, entries: list[tuple[int, int, float]]) -> Any:
        row, column, value = zip(*entries) if entries else ((), (), ())
        return sp.csr_matrix((value, (row, column)), shape=(rows, n))

    balance, road, plug, power = [], [], [], []
    for c, column in enumerate(columns):
        balance += [(place[key], c, sign) for key, sign in column.balance]
        road += [(a * steps + t, c, 1.0) for a, t in column.roads]
        plug += [(y * steps + t, c, 1.0) for y, t, _ in column.chargers]
        power += [((column.aggregator * shape[1] + y) * steps + t, c, kw) for y, t, kw in column.chargers]
    to_road, to_plug = matrix(problem.roads.links * steps, road), matrix(shape[1] * steps, plug)
    cost = np.array([column.cost for column in columns])
    cost = cost + to_road.T @ problem.toll.ravel() + to_plug.T @ problem.charger_price.ravel()
    x = cp.Variable(n, nonneg=True)
    p = cp.Variable(int(np.prod(shape)))
    total = sum(p[m * shape[1] * steps : (m + 1) * shape[1] * steps] for m in range(shape[0]))
    beta = np.repeat(fleet.price_sensitivity_per_kwh_kw, shape[1] * steps)
    rises = cp.sum_squares(total) * beta[0] if joint else cp.sum(cp.multiply(beta, cp.square(p)))
    objective = cost @ x + problem.step_h * (problem.price_per_kwh.ravel() @ p + rises)
    limits = [
        matrix(len(place), balance) @ x == np.array(list(right.values())),
        p == matrix(int(np.prod(shape)), power) @ x,
        to_road @ x <= np.repeat(problem.roads.capacity_per_step, steps),
        to_plug @ x <= np.repeat(problem.sites.chargers.astype(float), steps),
    ]
    if problem.rows is not None:
        moved = sp.kron(sp.csr_matrix(problem.rows.sensitivity), sp.eye(steps)) @ total
        limits += [moved <= problem.rows.most.ravel(), -moved <= -problem.rows.least.ravel()]
    task = cp.Problem(cp.Minimize(objective), limits)
    near = dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), tolerance)
    task.solve(solver=cp.CLARABEL, **near)
    if task.status not in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
        empty = np.zeros(0)
        return Written(task.status, np.inf, empty, empty, empty, empty, empty, n, 0.0)
    rows = 0 if problem.rows is None else len(problem.rows)
    high, low = (limits[k].dual_value.reshape(-1, steps) if rows else np.zeros((0, steps)) for k in (4, 5))
    return Written(
        task.status,
        float(task.value),
        p.value.reshape(shape),
        high,
        low,
        limits[2].dual_value.reshape(-1, steps),
        limits[3].dual_value.reshape(-1, steps),
        n,
        float(task.solver_stats.solve_time or 0.0),
    )
