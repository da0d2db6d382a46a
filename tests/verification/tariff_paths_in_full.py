"""The path formulation with every flow of the source spelt out, for an outside solver.

Nothing is eliminated here: links have inflow, queue at their end and outflow; sites have those who enter, who
drive by, queue, are plugged in and out; energies stand beside all of them, within limits of a battery each.
`tidewatt.tariffs` leaves most of these out and lets vehicles wait before a link instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tidewatt.tariffs.problem import TariffProblem


def simple_paths(problem: TariffProblem, origin: int, destination: int) -> Iterator[list[int]]:
    """All of them, as links."""

    def go(node: int, links: list[int], seen: frozenset[int]) -> Iterator[list[int]]:
        if node == destination:
            yield links
            return
        for a in np.flatnonzero(problem.roads.tail == node):
            head = int(problem.roads.head[a])
            if head not in seen:
                yield from go(head, [*links, int(a)], seen | {head})

    yield from go(origin, [], frozenset((origin,)))


def cost_of_paths(problem: TariffProblem) -> float:
    """Least cost over all simple paths; inf where there is no plan."""
    import cvxpy as cp

    steps, step_h = problem.steps, problem.step_h
    roads, sites, fleet, travel = problem.roads, problem.sites, problem.aggregators, problem.travel
    limits: list[Any] = []
    road_use: list[Any] = [0.0] * roads.links
    plugged_in: list[Any] = [0.0] * len(sites)
    power: dict[tuple[int, int], Any] = {}
    cost: Any = 0.0
    first = {a: [1.0 if k == a else 0.0 for k in range(steps + 1)] for a in range(steps + 1)}
    before = np.eye(steps + 1, k=-1)

    def delayed(by: int) -> np.ndarray:
        return np.eye(steps + 1, k=-by)

    def pooled(count: int = 1) -> list[Any]:
        """Vehicles and their energy in batteries, at steps 0 to T; `bounds` below ties them."""
        return [cp.Variable(steps + 1, nonneg=True) for _ in range(2 * count)]

    def bounds(x: Any, e: Any, m: int) -> None:
        limits.extend([e >= float(fleet.soc_min[m]) * x, e <= float(fleet.soc_max[m]) * x])

    served: list[Any] = [0.0] * len(travel)
    kind = [
        (int(travel.aggregator[g]), int(travel.origin[g]), int(travel.destination[g]), float(final))
        for g, final in enumerate(travel.soc_final_min)
    ]
    for m, origin, goal, final in sorted(set(kind)):
        groups = [g for g in range(len(travel)) if kind[g] == (m, origin, goal, final)]
        value, battery = float(fleet.time_value_per_h[m]) * step_h, float(fleet.battery_kwh[m])
        for path in simple_paths(problem, origin, goal):
            v, e_v = np.zeros(steps + 1), np.zeros(steps + 1)
            for g in groups:
                chosen = cp.Variable(nonneg=True)
                served[g] = served[g] + chosen
                at = np.array(first[int(travel.depart_step[g])])
                v, e_v = v + at * chosen, e_v + at * chosen * float(travel.soc_initial[g])
            # Vehicles wait at the origin as at the end of a link that leads there.
            wait, e_wait, out, e_out = pooled(2)
            need = float(roads.energy_kwh[path[0]]) / battery
            limits += [
                wait == before @ wait + v - out,
                e_wait == before @ e_wait + e_v - e_out,
                wait[-1] == 0,
            ]
            limits += [e_wait >= 0, e_wait <= float(fleet.soc_max[m]) * wait]
            cost = cost + value * cp.sum(wait)
            v, e_v = out, e_out
            site_at_origin = np.flatnonzero(sites.node == roads.tail[path[0]])
            if not len(site_at_origin):
                limits += [e_wait >= (float(fleet.soc_min[m]) + need) * wait]
            for k, a in enumerate(path):
                here = np.flatnonzero(sites.node == roads.tail[a])
                u, e_u = pooled()
                if len(here):
                    y = int(here[0])
                    mine = range(sites.level_first[y], sites.level_first[y + 1])
                    enter, e_enter, by, e_by, queue, e_queue, plug, e_plug = pooled(4)
                    unplug, e_unplug, off, e_off, on, e_on = pooled(3)
                    at_level = [cp.Variable(steps + 1, nonneg=True) for _ in mine]
                    gained: Any = 0.0
                    for level, x in zip(mine, at_level):
                        kw = float(sites.level_kw[level])
                        loss = (
                            float(fleet.charge_efficiency[m])
                            if kw > 0
                            else 1 / float(fleet.discharge_efficiency[m])
                        )
                        gained = gained + loss * kw * step_h / battery * x
                        power[m, y] = power.get((m, y), 0.0) + kw * x
                    for x, e in (
                        (enter, e_enter),
                        (by, e_by),
                        (queue, e_queue),
                        (plug, e_plug),
                        (off, e_off),
                        (unplug, e_unplug),
                        (on, e_on),
                        (u, e_u),
                    ):
                        bounds(x, e, m)
                    bounds(on, e_on + gained, m)
                    limits += [
                        v == enter + by,
                        e_v == e_enter + e_by,
                        u == off + by,
                        e_u == e_off + e_by,
                        # A paused vehicle goes back to the queue (`unplug`) and frees its charger.
                        queue == before @ queue + enter - plug + unplug,
                        e_queue == before @ e_queue + e_enter - e_plug + e_unplug,
                        on == before @ on + plug - off - unplug,
                        e_on == before @ (e_on + gained) + e_plug - e_off - e_unplug,
                        sum(at_level) == on,
                        queue[-1] == 0,
                        on[-1] == 0,
                    ]
                    plugged_in[y] = plugged_in[y] + on
                    cost = cost + value * cp.sum(queue + on)
                else:
                    limits += [u == v, e_u == e_v]
                    bounds(u, e_u, m)
                takes = int(roads.free_flow_steps[a])
                use = float(roads.energy_kwh[a]) / battery
                stock, e_stock, out, e_out = pooled(2)
                arrived, e_arrived = delayed(takes) @ u, delayed(takes) @ (e_u - use * u)
                limits += [
                    stock == before @ stock + arrived - out,
                    e_stock == before @ e_stock + e_arrived - e_out,
                    cp.sum(u) == cp.sum(out),
                    stock[-1] == 0,
                ]
                bounds(stock, e_stock, m)
                bounds(out, e_out, m)
                # Leaving in a step means being at the next node from the following one on.
                road_use[a] = road_use[a] + out
                cost = cost + value * (takes * cp.sum(u) + cp.sum(stock))
                v, e_v = out, e_out
                if k == len(path) - 1:
                    limits += [e_v >= final * v]
    for a in range(roads.links):
        if not isinstance(road_use[a], float):
            limits.append(road_use[a] <= float(roads.capacity_per_step[a]))
    for y in range(len(sites)):
        if not isinstance(plugged_in[y], float):
            limits.append(plugged_in[y] <= float(sites.chargers[y]))
    limits += [served[g] == float(travel.vehicles[g]) for g in range(len(travel))]
    drawn: list[Any] = [np.zeros(steps)] * len(sites)
    for (m, y), p in power.items():
        p = p[:steps]
        cost = cost + step_h * (problem.price_per_kwh[m, y] @ p)
        cost = cost + step_h * float(fleet.price_sensitivity_per_kwh_kw[m]) * cp.sum_squares(p)
        drawn[y] = drawn[y] + p
    if problem.rows is not None:
        for row in range(len(problem.rows)):
            moved = sum(float(problem.rows.sensitivity[row, y]) * drawn[y] for y in range(len(sites)))
            limits += [moved <= problem.rows.most[row], moved >= problem.rows.least[row]]
    task = cp.Problem(cp.Minimize(cost), limits)
    task.solve(solver=cp.CLARABEL, tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
    return float(task.value) if task.status in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE) else np.inf
