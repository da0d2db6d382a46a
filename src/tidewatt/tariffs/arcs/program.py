"""The program restricted to some arcs: choices, powers and what exceeds limits (tariff-2 to 8).

Columns are segments (a choice and the forced arcs after it), then powers, then what exceeds limits (rows up,
rows down, roads, chargers), and about a centre of prices one more for each power. Equalities are the
balances of choices and the sums of powers, inequalities the rows of the grid, roads and chargers.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.kernels.arcs.segments import segments, supplied, unfolded
from tidewatt.tariffs.arcs.choices import Arcs
from tidewatt.tariffs.arcs.limits import Active, Duals, Penalties
from tidewatt.tariffs.arcs.states import ChargeStates
from tidewatt.tariffs.problem import GridRows, TariffProblem

if TYPE_CHECKING:
    import scipy.sparse as sp

__all__ = ["ArcProgram", "Solved", "program_of", "solve_restricted"]


@dataclass(frozen=True, slots=True, eq=False)
class RowPlaces:
    """Where arcs count, and which of these places have rows in the program.

    Attributes
    ----------
    power, road, charger : array of int64
        Places with a row, sorted: (aggregator, site, step), (link, step) and (site, step), flat.
    power_of, road_of, charger_of : array of int64, shape (arcs,)
        Place of every arc; of no meaning where it does not charge, or drive.
    row : array of int64, shape (arcs, 2)
        Rows that an arc enters, counted from power over roads to chargers; -1: none.
    value : array, shape (arcs, 2)
        With what.
    """

    power: Array
    road: Array
    charger: Array
    power_of: Array
    road_of: Array
    charger_of: Array
    row: Array
    value: Array


@dataclass(frozen=True, slots=True, eq=False)
class GridPart:
    """Active rows of the grid over powers, each divided by `scale`.

    Attributes
    ----------
    at : array of int64
        (row, step), flat.
    matrix : sparse array, shape (rows, powers)
    scale, low, high, cost : array, shape (rows,)
        Limits and penalties as scaled.
    """

    at: Array
    matrix: sp.csr_matrix
    scale: Array
    low: Array
    high: Array
    cost: Array


@dataclass(frozen=True, slots=True, eq=False)
class ArcProgram:
    """Minimise ``linear x + quadratic x^2 / 2`` where ``equal x = right`` and ``low <= held x <= high``.

    Attributes
    ----------
    linear, quadratic, lower : array, shape (columns,)
    equal, held : sparse array
    right, low, high : array
    places : RowPlaces
    grid : GridPart
    arc : array of int64
        First arc of every segment.
    segments, choices : int
    high_in, low_in : array of int64
        Rows of `grid` that may be exceeded upwards, or downwards.
    fixed : array, shape (arcs,)
        Flow on forced arcs of vehicles that never had a choice before.
    """

    linear: Array
    quadratic: Array
    lower: Array
    equal: sp.csc_matrix
    held: sp.csc_matrix
    right: Array
    low: Array
    high: Array
    places: RowPlaces
    grid: GridPart
    arc: Array
    segments: int
    choices: int
    high_in: Array
    low_in: Array
    fixed: Array

    @property
    def powers(self) -> slice:
        """Columns of powers."""
        return slice(self.segments, self.segments + len(self.places.power))

    @property
    def flows(self) -> slice:
        """Columns for the excess over road and charger limits."""
        first = self.powers.stop + len(self.high_in) + len(self.low_in)
        return slice(first, first + len(self.places.road) + len(self.places.charger))


def program_of(
    problem: TariffProblem,
    levels: ChargeStates,
    arcs: Arcs,
    active: Active,
    penalties: Penalties,
    *,
    weight: float,
    centre: Duals | None,
    stiff: float,
) -> ArcProgram:
    """Build the program of the given arcs and active limits; `weight` scales all cost but penalties."""
    import scipy.sparse as sp

    places = _places(problem, levels, arcs, active)
    n_power, n_road, n_charger = len(places.power), len(places.road), len(places.charger)
    arc, after, paid, start, entry_row, entry_value = segments(
        arcs.first, arcs.head, places.row, places.value, arcs.cost
    )
    states, n_segment, n_flow = len(arcs.first) - 1, len(arc), n_road + n_charger
    fixed, supply = np.zeros(len(arcs)), np.zeros(states)
    supplied(arcs.first, arcs.head, arcs.supply_state, arcs.supply, fixed, supply)
    choices = np.flatnonzero(np.diff(arcs.first) > 1)
    offset = np.zeros(n_power + n_flow)
    for k in range(2):
        there = places.row[:, k] >= 0
        np.add.at(offset, places.row[there, k], fixed[there] * places.value[there, k])
    entered = sp.csc_matrix((entry_value, entry_row, start), shape=(n_power + n_flow, n_segment)).tocsr()
    tail = np.repeat(np.arange(states), np.diff(arcs.first))[arc]
    inner, column = after >= 0, np.arange(n_segment)
    balance = sp.csr_matrix(
        (
            np.concatenate([np.ones(n_segment), -np.ones(inner.sum())]),
            (
                np.searchsorted(choices, np.concatenate([tail, after[inner]])),
                np.concatenate([column, column[inner]]),
            ),
        ),
        shape=(len(choices), n_segment),
    )
    grid = _grid(problem, active, penalties, places.power)
    high_in, low_in = np.flatnonzero(np.isfinite(grid.high)), np.flatnonzero(np.isfinite(grid.low))
    n_high, n_low, n_grid = len(high_in), len(low_in), len(grid.at)
    limit = np.concatenate(
        [
            problem.roads.capacity_per_step[places.road // problem.steps],
            problem.sites.chargers[places.charger // problem.steps].astype(float),
        ]
    )

    n_known = n_segment + n_power + n_high + n_low + n_flow
    n = n_known + (0 if centre is None else n_power)
    met = -sp.eye_array(n_power)
    free = sp.csr_matrix((n_power, n_high + n_low + n_flow))
    parts = [entered[:n_power], met, free] + ([] if centre is None else [met])
    equal = sp.vstack(
        [sp.hstack([balance, sp.csr_matrix((len(choices), n - n_segment))]), sp.hstack(parts)], format="csc"
    )
    over = sp.csr_matrix((-np.ones(n_high), (high_in, np.arange(n_high))), shape=(n_grid, n_high))
    under = sp.csr_matrix((np.ones(n_low), (low_in, np.arange(n_low))), shape=(n_grid, n_low))
    # A limit on power alone, and one on segments alone.
    on_power = [sp.csr_matrix((n_grid, n_segment)), grid.matrix, over, under, sp.csr_matrix((n_grid, n_flow))]
    on_flow = [entered[n_power:], sp.csr_matrix((n_flow, n_power + n_high + n_low)), -sp.eye_array(n_flow)]
    none = sp.csr_matrix((n_grid + n_flow, n - n_known))
    held = sp.hstack([sp.vstack([sp.hstack(on_power), sp.hstack(on_flow)]), none], format="csc")

    quadratic, linear, lower = np.zeros(n), np.zeros(n), np.zeros(n)
    linear[:n_segment] = weight * paid
    powers = slice(n_segment, n_segment + n_power)
    price, curve = _energy(problem, places.power, weight)
    linear[powers], quadratic[powers], lower[powers] = price, curve, -np.inf
    linear[powers.stop : n_known] = np.concatenate(
        [
            grid.cost[high_in],
            grid.cost[low_in],
            penalties.roads.reshape(-1)[places.road],
            penalties.chargers.reshape(-1)[places.charger],
        ]
    )
    if centre is not None:
        # Near the centre instead: prices may move from it, at a cost that grows with the square.
        at = slice(n_known - n_flow, n_known)
        quadratic[at] = stiff * linear[at] / 20.0
        linear[at] = np.concatenate(
            [centre.roads.reshape(-1)[places.road], centre.chargers.reshape(-1)[places.charger]]
        )
        lower[at] = -np.inf
        linear[n_known:] = price + curve * centre.power_kw.reshape(-1)[places.power]
        if problem.rows is not None:
            linear[n_known:] += _of_rows(problem.rows, centre, centre.power_kw.shape, places.power)
        quadratic[n_known:] = stiff * curve
        lower[n_known:] = -np.inf
    return ArcProgram(
        linear,
        quadratic,
        lower,
        equal,
        held,
        np.concatenate([supply[choices], -offset[:n_power]]),
        np.concatenate([grid.low, np.full(n_flow, -np.inf)]),
        np.concatenate([grid.high, limit - offset[n_power:]]),
        places,
        grid,
        arc,
        n_segment,
        len(choices),
        high_in,
        low_in,
        fixed,
    )


def _places(problem: TariffProblem, levels: ChargeStates, arcs: Arcs, active: Active) -> RowPlaces:
    """Return rows of power, roads and chargers that arcs enter."""
    steps, sites = problem.steps, len(problem.sites)
    drives, charges = arcs.link >= 0, arcs.option >= 0
    site, kw = np.zeros(len(arcs), np.int64), np.zeros(len(arcs))
    site[charges] = levels.site[arcs.option[charges]]
    kw[charges] = levels.power_kw[arcs.aggregator[charges], arcs.option[charges]]
    power_of = (arcs.aggregator * sites + site) * steps + arcs.start_step
    road_of = arcs.link * steps + np.minimum(arcs.end_step, steps) - 1
    charger_of = site * steps + arcs.start_step
    power = np.unique(power_of[charges])
    road, charger = np.flatnonzero(active.roads), np.flatnonzero(active.chargers)
    row, value = np.full((len(arcs), 2), -1, np.int64), np.ones((len(arcs), 2))
    row[:, 0] = np.where(
        drives,
        _position(road, road_of, len(power)),
        np.where(charges, _position(charger, charger_of, len(power) + len(road)), -1),
    )
    row[:, 1] = np.where(charges, _position(power, power_of, 0), -1)
    value[:, 1] = kw
    return RowPlaces(power, road, charger, power_of, road_of, charger_of, row, value)


def _grid(problem: TariffProblem, active: Active, penalties: Penalties, power_at: Array) -> GridPart:
    """Return active rows of the grid over the powers of their step."""
    import scipy.sparse as sp

    rows, steps, sites = problem.rows, problem.steps, len(problem.sites)
    at = np.flatnonzero(active.rows)
    if rows is None or not len(at):
        none = np.zeros(0)
        return GridPart(np.zeros(0, np.int64), sp.csr_matrix((0, len(power_at))), none, none, none, none)
    r, t = np.divmod(at, steps)
    scale = np.abs(rows.sensitivity).max(axis=1)[r]
    p_site, p_step = (power_at // steps) % sites, power_at % steps
    by_step = np.argsort(p_step, kind="stable")
    lo = np.searchsorted(p_step[by_step], t, "left")
    count = np.searchsorted(p_step[by_step], t, "right") - lo
    i = np.repeat(np.arange(len(at)), count)
    j = by_step[np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + np.repeat(lo, count)]
    matrix = sp.csr_matrix(
        (rows.sensitivity[r[i], p_site[j]] / scale[i], (i, j)), shape=(len(at), len(power_at))
    )
    matrix.eliminate_zeros()
    low, high = rows.least.reshape(-1)[at] / scale, rows.most.reshape(-1)[at] / scale
    return GridPart(at, matrix, scale, low, high, penalties.rows.reshape(-1)[at] * scale)


def _energy(problem: TariffProblem, power_at: Array, weight: float) -> tuple[Array, Array]:
    """Return the price of a kW for a step, and by how much it rises per kW."""
    dt = problem.step_h
    who = power_at // max(1, len(problem.sites) * problem.steps)
    curve = weight * 2.0 * dt * problem.aggregators.price_sensitivity_per_kwh_kw[who]
    return weight * dt * problem.price_per_kwh.reshape(-1)[power_at], curve


def _of_rows(rows: GridRows, duals: Duals, shape: tuple[int, ...], power_at: Array) -> Array:
    """Return what rows add to the price of a kW."""
    price = rows.sensitivity.T @ (duals.high - duals.low)
    added: Array = np.broadcast_to(price[None], shape).reshape(-1)[power_at]
    return added


def _position(known: Array, wanted: Array, base: int) -> Array:
    """Return each wanted number's index among sorted known ones, from `base` on; -1 where absent."""
    if not len(known):
        return np.full(len(wanted), -1, np.int64)
    at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[at] == wanted, base + at, -1)


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
    problem: TariffProblem,
    levels: ChargeStates,
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
    """Find the least cost over the given arcs under the active limits.

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


def _run(program: ArcProgram, tolerance: float, until: float) -> Any:
    """Return the solver's result with the first settings that reach the tolerance, else with the last."""
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


def _power_as_priced(
    problem: TariffProblem, program: ArcProgram, duals: Duals, y: Array, weight: float
) -> None:
    """Set the power to what its price implies, so that prices agree to the solver's last digit."""
    m, s, t = np.unravel_index(program.places.power, problem.price_per_kwh.shape)
    slope = weight * 2.0 * problem.step_h * problem.aggregators.price_sensitivity_per_kwh_kw[m]
    price = y - weight * problem.step_h * problem.price_per_kwh[m, s, t]
    if problem.rows is not None:
        price = price - (problem.rows.sensitivity.T @ (duals.high - duals.low))[s, t]
    risen = price / np.where(slope > 0, slope, 1.0)
    duals.power_kw[m, s, t] = np.where(slope > 0, risen, duals.power_kw[m, s, t])


def _residual(program: ArcProgram, x: Array) -> float:
    """Return the largest violation of any row."""
    held = program.held @ x
    broken = (np.abs(program.equal @ x - program.right), program.low - held, held - program.high)
    return max(float(part.max(initial=0.0)) for part in broken)
