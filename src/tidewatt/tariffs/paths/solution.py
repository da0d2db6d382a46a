"""The path formulation as one quadratic program: solve it, bound it, read prices from its duals.

SOC is pooled over the vehicles of a path, so that one vehicle's energy may pay for another's trip: it costs
at most what arcs on the same paths cost, and a plan may exist where no single vehicle has one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.tariffs.paths.model import PathModel, path_model
from tidewatt.tariffs.paths.quadratic import Answer
from tidewatt.tariffs.paths.stops import PathStop
from tidewatt.tariffs.problem import Progressed, RoadTraffic, Solution, TariffProblem

__all__ = ["path_traffic", "solve_paths"]


def path_traffic(problem: TariffProblem, model: PathModel, x: Array) -> RoadTraffic:
    """Return the traffic of a solution `x`; no arcs, because energy is not any single vehicle's.

    Whoever leaves a site's node in the step of arriving there counts as driving by, as far as numbers allow.
    Those that wait at a site count as its queue while anyone of their path charges there later, and as the
    queue of the link ahead from then on.
    """
    steps, soc_min = problem.steps, problem.aggregators.soc_min
    at_site = (len(problem.sites), steps)
    entering, bypassing, queue, charging, discharging, energy = (np.zeros(at_site) for _ in range(6))
    flow, link_queue = (np.zeros((problem.roads.links, steps)) for _ in range(2))
    for aggregator, stops in model.paths:
        for stop in stops:
            takes = int(problem.roads.free_flow_steps[stop.link])
            start = stop.first + np.arange(len(stop.flow))
            flow[stop.link, start + takes - 1] += x[stop.flow]
            waiting, held = x[stop.wait], start[:-1]
            if stop.charging:
                # Of several sites at one node, arrivals and the queue stand at the first.
                site = stop.charging[0].site
                came, by = _arrivals(stop, x)
                bypassing[site, start] += by
                entering[site, start] += came - by
                plugged = np.zeros(len(held))
                for plug in stop.charging:
                    charge, level_kw = x[plug.vehicles], problem.sites.level_kw[plug.levels]
                    charging[plug.site, held] += charge[level_kw > 0.0].sum(axis=0)
                    discharging[plug.site, held] += charge[level_kw < 0.0].sum(axis=0)
                    plugged += charge.sum(axis=0)
                    # At the start of the step: what exceeds soc_min.
                    energy[plug.site, held] += x[plug.surplus] + soc_min[aggregator] * charge.sum(axis=0)
                before = _charges_later(plugged)
                queue[site, held] += np.where(before, waiting, 0.0)
                waiting_energy = x[stop.wait_surplus] + stop.wait_least * waiting
                energy[site, held] += np.where(before, waiting_energy, 0.0)
                waiting = np.where(before, 0.0, waiting)
            link_queue[stop.link, held + takes] += waiting
    present = queue + charging + discharging
    # Below this many vehicles a mean SOC is the solver's round-off.
    soc = np.full(at_site, np.nan)
    np.divide(energy, present, out=soc, where=present > 1e-6)
    return RoadTraffic(entering, bypassing, queue, charging, discharging, soc, flow, link_queue)


def _arrivals(stop: PathStop, x: Array) -> tuple[Array, Array]:
    """Return who arrives at a stop in each step, and how many of them may leave at once."""
    came = np.bincount(stop.arriving_step - stop.first, x[stop.arriving], minlength=len(stop.flow))
    return came, np.minimum(came, x[stop.flow])


def _charges_later(plugged: Array) -> Array:
    """Return whether more than a round-off amount charges in a later step."""
    later = np.cumsum(plugged[::-1])[::-1] - plugged
    found: Array = later > 1e-6
    return found


_RESIDUAL = 1e-6
"""Largest violation of a row [vehicles, kW] at which a solution is accepted."""

_LEFT = 1e-6
"""Share of all vehicles that may be left unserved by round-off."""

_PENALTY_PER_VEHICLE = 100.0
"""Penalty for a vehicle not served in the elastic problem; an excess kW, road vehicle or charger costs 1."""


def solve_paths(
    problem: TariffProblem,
    *,
    paths_per_od: int = 4,
    relative_gap: float = 1e-9,
    time_limit_s: float = math.inf,
    traffic: bool = True,
    elastic: bool = False,
    pool_initial_soc: bool = False,
    on_progress: Callable[[Progressed], None] | None = None,
) -> Solution:
    """Find the least cost over flows on paths (tariff-19) and their pooled energy (tariff-20).

    Parameters
    ----------
    problem : TariffProblem
        Central, or an aggregator's own.
    paths_per_od : int
        Fewest-step simple paths of each pair of origin and destination.
    relative_gap : float
        Between cost and bound, to count as solved.
    time_limit_s : float
        No further program is started after this many seconds.
    traffic : bool
        Whether to add up where vehicles are.
    elastic : bool
        Every limit may be exceeded and demand left; how much is least, before cost.
    pool_initial_soc : bool
        Whether vehicles of one trip that depart with different SOC share their energy, as in the source, or
        only those that depart alike.
    on_progress : callable, optional
        Called after every program.

    Returns
    -------
    Solution
        ``infeasible`` where these paths cannot take everyone: more of them, or a finer look by arcs, may.
    """
    begin = time.perf_counter()
    model = path_model(problem, paths_per_od, elastic, pool_initial_soc)
    build_s = time.perf_counter() - begin
    program = model.program
    own_cost = np.concatenate(program.cost)
    own_square = np.concatenate(program.square)
    count = float(problem.travel.vehicles.sum())
    iterations = 0

    def solved(cost: Array, square: Array | None = None) -> Answer:
        nonlocal iterations
        answer = program.solve(0.01 * relative_gap, cost, square)
        iterations += 1
        if on_progress is not None:
            value = _cost(cost, own_square if square is None else square, answer.x)
            seconds = time.perf_counter() - begin
            gap = (value - answer.bound) / max(1.0, abs(value))
            on_progress(Progressed(iterations, program.columns, value, answer.bound, gap, seconds))
        return answer

    penalties = _penalties(problem, model)
    weight = _vehicle_cost(problem)
    status = "solved"
    answer = solved(own_cost + weight * penalties)
    while not elastic and answer.x[model.left].sum() > _LEFT * count:
        # Either leaving vehicles was cheaper than prices of scarce limits, or nothing can serve them.
        if time.perf_counter() - begin > time_limit_s:
            status = "time"
            break
        least = solved(penalties, np.zeros(program.columns))
        if least.bound > _LEFT * count:
            status, answer = "infeasible", least
            break
        weight *= 100.0
        if weight > 1e9:
            status = "stalled"
            break
        answer = solved(own_cost + weight * penalties)
    return _solution(
        problem, model, answer, weight, penalties, relative_gap, traffic, build_s, begin, iterations, status
    )


def _vehicle_cost(problem: TariffProblem) -> float:
    """Return far more than one vehicle's trip costs, apart from prices of scarce limits."""
    fleet = problem.aggregators
    hours = problem.steps * problem.step_h
    driving = float(fleet.time_value_per_h.max(initial=0.0)) * hours
    energy = float(np.abs(problem.price_per_kwh).max(initial=0.0) * fleet.battery_kwh.max(initial=0.0))
    return 1.0 + 10.0 * (driving + energy + float(problem.toll.max(initial=0.0)))


def _penalties(problem: TariffProblem, model: PathModel) -> Array:
    """Return each column's weight in what an elastic solution minimises; other columns count 0."""
    found = np.zeros(model.program.columns)
    found[model.left] = 1.0
    for name, columns in model.relaxed.items():
        per_unit = np.ones(columns.shape)
        if name in ("rows_low", "rows_high") and problem.rows is not None:
            # A voltage counts as much as the power at the site that moves it most.
            most = np.abs(problem.rows.sensitivity).max(axis=1, initial=0.0)
            scale = np.where(problem.rows.kind == 1, 1.0 / np.maximum(most, 1e-12), 1.0)
            per_unit = np.broadcast_to(scale[:, None], columns.shape)
        kept = columns >= 0
        found[columns[kept]] = per_unit[kept] / _PENALTY_PER_VEHICLE
    return found


def _cost(problem_cost: Array, square: Array, x: Array) -> float:
    return float(problem_cost @ x + 0.5 * (square * x) @ x)


def _solution(
    problem: TariffProblem,
    model: PathModel,
    answer: Answer,
    weight: float,
    penalties: Array,
    relative_gap: float,
    traffic: bool,
    build_s: float,
    begin: float,
    iterations: int,
    status: str,
) -> Solution:
    """Return the solution in the problem's places and units."""
    program, x = model.program, answer.x
    cost = _cost(np.concatenate(program.cost), np.concatenate(program.square), x)
    paid = weight * float(penalties @ x) if model.relaxed else 0.0
    bound = -math.inf
    if status != "infeasible":
        # Of an elastic solution: no plan that exceeds limits as little costs less.
        bound = answer.bound - paid
    gap = (cost - bound) / max(1.0, abs(cost + paid))
    if status == "solved" and not (gap <= relative_gap and answer.residual <= _RESIDUAL):
        status = "stalled"

    def there(values: Array, where: Array) -> Array:
        return np.where(where >= 0, values[where], 0.0) if len(values) else np.zeros(where.shape)

    served = problem.travel.vehicles.sum() * _LEFT
    return Solution(
        status=status,
        cost=cost,
        bound=bound,
        relative_gap=gap,
        power_kw=there(x, model.power),
        dual_high=there(answer.dual_high, model.grid),
        dual_low=there(answer.dual_low, model.grid),
        toll=there(answer.dual_high, model.road),
        charger_price=there(answer.dual_high, model.charger),
        unserved=np.where(x[model.left].sum() > served, x[model.left], 0.0),
        traffic=path_traffic(problem, model, x) if traffic else None,
        columns=program.columns,
        rows=program.equal.count + program.limit.count,
        arcs=0,
        iterations=iterations,
        soc_step=math.nan,
        build_s=build_s,
        solve_s=time.perf_counter() - begin - build_s,
        relaxed={name: there(x, where) for name, where in model.relaxed.items()},
    )
