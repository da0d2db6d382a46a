"""Solving the program restricted to some arcs, and reading plans and prices off it (tariff-8, tariff-10)."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.kernels.arcs.segments import unfolded
from tidewatt.tariffs.arcs.levels import Levels
from tidewatt.tariffs.arcs.limits import Active, Duals, Penalties
from tidewatt.tariffs.arcs.network import Arcs
from tidewatt.tariffs.arcs.program import Program, program_of
from tidewatt.tariffs.problem import Problem

__all__ = ["Solved", "solve_restricted"]

_MOST_STEPS = 80  # of the interior-point method
# Degenerate programs may need another scaling, or less regularisation, for the last digits.
_SETTINGS: tuple[dict[str, float], ...] = ({}, {"preconditioner_iter": 0}, {"reg_lower_limit": 1e-13})


@dataclass(frozen=True, slots=True, eq=False)
class Solved:
    """A solution of the restricted program.

    Attributes
    ----------
    flow : array, shape (arcs,)
    duals : Duals
    power_kw : array, shape (aggregators, sites, steps)
    cost : float
        Penalties included.
    excess_high, excess_low : array, shape (rows, steps)
    excess_roads, excess_chargers : array
        By how much limits are exceeded.
    roads, chargers : array, shape (links, steps), (sites, steps)
        Vehicles.
    columns, rows : int
    residual : float
        Most vehicles or kW by which a row of the program is not met.
    """

    flow: Array
    duals: Duals
    power_kw: Array
    cost: float
    excess_high: Array
    excess_low: Array
    excess_roads: Array
    excess_chargers: Array
    roads: Array
    chargers: Array
    columns: int
    rows: int
    residual: float


def solve_restricted(
    problem: Problem,
    levels: Levels,
    arcs: Arcs,
    active: Active,
    penalties: Penalties,
    *,
    weight: float = 1.0,
    tolerance: float = 1e-9,
    centre: Duals | None = None,
    stiff: float = 1.0,
    until: float = math.inf,
) -> Solved:
    """Least cost over the given arcs under the active limits.

    `weight` scales all but the penalties; after `until` (of `time.perf_counter`) nothing is tried again.
    """
    program = program_of(problem, levels, arcs, active, penalties, weight=weight, centre=centre, stiff=stiff)
    places, grid, steps = program.places, program.grid, problem.steps
    links, sites = problem.roads.links, len(problem.sites)
    result = _run(program, tolerance, until)
    x = np.array(result.x)
    x[: program.segments] = np.maximum(x[: program.segments], 0.0)
    x[program.powers.stop : program.flows.start] = np.maximum(
        x[program.powers.stop : program.flows.start], 0.0
    )
    z_high, z_low = np.maximum(np.asarray(result.z_u), 0.0), np.maximum(np.asarray(result.z_l), 0.0)
    flow = program.fixed.copy()
    unfolded(arcs.first, arcs.head, program.arc, x[: program.segments], flow)

    def spread(at: Array, values: Array, shape: tuple[int, ...]) -> Array:
        full = np.zeros(int(np.prod(shape)))
        full[at] = values
        return full.reshape(shape)

    rows = (0 if problem.rows is None else len(problem.rows), steps)
    n_grid, n_road = len(grid.at), len(places.road)
    power = spread(places.power, x[program.powers], problem.price_per_kwh.shape)
    duals = Duals(
        spread(grid.at, z_high[:n_grid] * np.isfinite(grid.high) / grid.scale, rows),
        spread(grid.at, z_low[:n_grid] * np.isfinite(grid.low) / grid.scale, rows),
        spread(places.road, z_high[n_grid:][:n_road], (links, steps)),
        spread(places.charger, z_high[n_grid:][n_road:], (sites, steps)),
        power.copy(),
    )
    _power_as_priced(problem, program, duals, np.asarray(result.y)[program.choices :], weight)
    curved = 0.0
    if centre is not None:
        about = slice(program.flows.start, None)
        curved = 0.5 * float(np.sum(program.quadratic[about] * x[about] ** 2))
    over, beyond = x[program.powers.stop : program.flows.start], np.maximum(x[program.flows], 0.0)
    n_high, high_in, low_in = len(program.high_in), program.high_in, program.low_in
    drives, charges = arcs.link >= 0, arcs.option >= 0
    return Solved(
        flow,
        duals,
        power,
        float(result.info.primal_obj) + weight * float(np.dot(program.fixed, arcs.cost)) + curved,
        spread(grid.at[high_in], over[:n_high] * grid.scale[high_in], rows),
        spread(grid.at[low_in], over[n_high:] * grid.scale[low_in], rows),
        spread(places.road, beyond[:n_road], (links, steps)),
        spread(places.charger, beyond[n_road:], (sites, steps)),
        np.bincount(places.road_of[drives], flow[drives], links * steps).reshape(links, steps),
        np.bincount(places.charger_of[charges], flow[charges], sites * steps).reshape(sites, steps),
        len(x),
        program.equal.shape[0] + program.held.shape[0],
        _residual(program, x),
    )


def _run(program: Program, tolerance: float, until: float) -> Any:
    """The solver's result, of the first settings that reach the tolerance or else of the last."""
    import piqp
    import scipy.sparse as sp

    result = None
    for changed in _SETTINGS:
        if result is not None and time.perf_counter() > until:
            break
        solver = piqp.SparseSolver()
        solver.settings.verbose = False
        solver.settings.max_iter = _MOST_STEPS
        solver.settings.eps_abs = solver.settings.eps_rel = tolerance
        solver.settings.check_duality_gap = True
        solver.settings.eps_duality_gap_abs = solver.settings.eps_duality_gap_rel = tolerance
        for name, setting in changed.items():
            setattr(solver.settings, name, setting)
        solver.setup(
            sp.diags_array(program.quadratic).tocsc(),
            program.linear,
            program.equal,
            program.right,
            program.held,
            program.low,
            program.high,
            program.lower,
            np.full(len(program.linear), np.inf),
        )
        status, result = solver.solve(), solver.result
        if status == piqp.PIQP_SOLVED:
            break
    return result


def _power_as_priced(problem: Problem, program: Program, duals: Duals, y: Array, weight: float) -> None:
    """Put the power that its own price has: then prices fit each other to the solver's last digit."""
    m, s, t = np.unravel_index(program.places.power, problem.price_per_kwh.shape)
    slope = weight * 2.0 * problem.step_h * problem.aggregators.price_sensitivity_per_kwh_kw[m]
    price = y - weight * problem.step_h * problem.price_per_kwh[m, s, t]
    if problem.rows is not None:
        price = price - (problem.rows.sensitivity.T @ (duals.high - duals.low))[s, t]
    risen = price / np.where(slope > 0, slope, 1.0)
    duals.power_kw[m, s, t] = np.where(slope > 0, risen, duals.power_kw[m, s, t])


def _residual(program: Program, x: Array) -> float:
    """Most by which a row is not met."""
    held = program.held @ x
    broken = (np.abs(program.equal @ x - program.right), program.low - held, held - program.high)
    return max(float(part.max(initial=0.0)) for part in broken)
