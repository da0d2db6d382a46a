"""The program restricted to some arcs, as a quadratic program of choices only (tariff-2 to tariff-8)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.kernels.segments import segments, supplied, unfolded
from tidewatt.tariffs.arcs.levels import Levels
from tidewatt.tariffs.arcs.network import Arcs
from tidewatt.tariffs.problem import Problem

__all__ = ["Active", "Duals", "Penalties", "Solved", "solve_restricted"]


@dataclass(frozen=True, slots=True, eq=False)
class Penalties:
    """Cost per unit by which limits may be exceeded: so that a restricted program always has a solution.

    Attributes
    ----------
    rows : array, shape (rows, steps)
    roads : array, shape (links, steps)
    chargers : array, shape (sites, steps)
    """

    rows: Array
    roads: Array
    chargers: Array


@dataclass(frozen=True, slots=True, eq=False)
class Active:
    """Limits that the restricted program holds; the others hold by themselves so far.

    Attributes
    ----------
    rows : array of bool, shape (rows, steps)
    roads : array of bool, shape (links, steps)
    chargers : array of bool, shape (sites, steps)
    """

    rows: Array
    roads: Array
    chargers: Array


@dataclass(frozen=True, slots=True, eq=False)
class Duals:
    """Prices at which plans are looked for, all >= 0 but for power.

    Attributes
    ----------
    high, low : array, shape (rows, steps)
    roads : array, shape (links, steps)
    chargers : array, shape (sites, steps)
    power_kw : array, shape (aggregators, sites, steps)
        At which energy is priced.
    """

    high: Array
    low: Array
    roads: Array
    chargers: Array
    power_kw: Array

    def towards(self, other: Duals, share: float) -> Duals:
        """Part of the way to `other`."""
        names = ("high", "low", "roads", "chargers", "power_kw")
        return Duals(*((1.0 - share) * getattr(self, n) + share * getattr(other, n) for n in names))


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
    good : bool
        Whether the solver reached its tolerance.
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
    good: bool
    inner: int = 0


def solve_restricted(
    problem: Problem, levels: Levels, arcs: Arcs, active: Active, penalties: Penalties,
    *, weight: float = 1.0, tolerance: float = 1e-9, centre: Duals | None = None, stiff: float = 1.0,
) -> Solved:  # fmt: skip
    """Least cost over the given arcs under the active limits; `weight` scales all but the penalties."""
    import piqp
    import scipy.sparse as sp

    steps, dt = problem.steps, problem.step_h
    sites, aggregators, links = len(problem.sites), len(problem.aggregators), problem.roads.links
    # Rows of power, roads and chargers that arcs enter.
    drives, charges = arcs.link >= 0, arcs.option >= 0
    site = levels.site[arcs.option] if charges.any() else np.zeros(len(arcs), np.int64)
    power_of = (arcs.aggregator * sites + site) * steps + arcs.start_step
    power_at = np.unique(power_of[charges])
    road_at, charger_at = np.flatnonzero(active.roads), np.flatnonzero(active.chargers)
    road_of = arcs.link * steps + np.minimum(arcs.end_step, steps) - 1
    charger_of = site * steps + arcs.start_step
    n_power, n_road, n_charger = len(power_at), len(road_at), len(charger_at)
    row = np.full((len(arcs), 2), -1, np.int64)
    value = np.ones((len(arcs), 2))
    row[:, 0] = np.where(
        drives,
        _position(road_at, road_of, n_power),
        np.where(charges, _position(charger_at, charger_of, n_power + n_road), -1),
    )
    row[:, 1] = np.where(charges, _position(power_at, power_of, 0), -1)
    value[:, 1] = (
        np.where(charges, levels.power_kw[arcs.aggregator, arcs.option], 0.0) if charges.any() else 0.0
    )

    arc, after, paid, start, entry_row, entry_value = segments(arcs.first, arcs.head, row, value, arcs.cost)
    states = len(arcs.first) - 1
    fixed, supply = np.zeros(len(arcs)), np.zeros(states)
    supplied(arcs.first, arcs.head, arcs.supply_state, arcs.supply, fixed, supply)
    choices = np.flatnonzero(np.diff(arcs.first) > 1)
    n_choice, n_segment = len(choices), len(arc)
    offset_rows = np.zeros(n_power + n_road + n_charger)
    for k in range(2):
        there = row[:, k] >= 0
        np.add.at(offset_rows, row[there, k], fixed[there] * value[there, k])

    entered = sp.csc_matrix(
        (entry_value, entry_row, start), shape=(n_power + n_road + n_charger, n_segment)
    ).tocsr()
    tail = np.repeat(np.arange(states), np.diff(arcs.first))[arc]
    inner = after >= 0
    column = np.arange(n_segment)
    balance = sp.csr_matrix(
        (
            np.concatenate([np.ones(n_segment), -np.ones(inner.sum())]),
            (
                np.searchsorted(choices, np.concatenate([tail, after[inner]])),
                np.concatenate([column, column[inner]]),
            ),
        ),
        shape=(n_choice, n_segment),
    )
    # Limits: grid rows on power, then roads and chargers on segments.
    rows = problem.rows
    grid_at = np.flatnonzero(active.rows)
    if rows is not None and len(grid_at):
        r, t = np.divmod(grid_at, steps)
        most, least = rows.most.reshape(-1)[grid_at], rows.least.reshape(-1)[grid_at]
        scale = np.abs(rows.sensitivity).max(axis=1)[r]
        p_site, p_step = (power_at // steps) % sites, power_at % steps
        by_step = np.argsort(p_step, kind="stable")
        lo = np.searchsorted(p_step[by_step], t, "left")
        count = np.searchsorted(p_step[by_step], t, "right") - lo
        i = np.repeat(np.arange(len(grid_at)), count)
        j = by_step[
            np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + np.repeat(lo, count)
        ]
        grid = sp.csr_matrix(
            (rows.sensitivity[r[i], p_site[j]] / scale[i], (i, j)), shape=(len(grid_at), n_power)
        )
        grid.eliminate_zeros()
        grid_cost = penalties.rows.reshape(-1)[grid_at] * scale
        grid_low, grid_high = least / scale, most / scale
    else:
        grid_at = np.zeros(0, np.int64)
        grid, scale = sp.csr_matrix((0, n_power)), np.zeros(0)
        grid_cost = grid_low = grid_high = np.zeros(0)
    n_grid, n_flow = len(grid_at), n_road + n_charger
    high_in, low_in = np.flatnonzero(np.isfinite(grid_high)), np.flatnonzero(np.isfinite(grid_low))
    n_high, n_low = len(high_in), len(low_in)
    limit = np.concatenate([
        problem.roads.capacity_per_step[road_at // steps],
        problem.sites.chargers[charger_at // steps].astype(float),
    ])  # fmt: skip
    flow_cost = np.concatenate(
        [penalties.roads.reshape(-1)[road_at], penalties.chargers.reshape(-1)[charger_at]]
    )

    n_known = n_segment + n_power + n_high + n_low + n_flow
    n = n_known + (0 if centre is None else n_power)
    free = sp.csr_matrix((n_power, n_high + n_low + n_flow))
    met = -sp.eye_array(n_power)
    parts = [entered[:n_power], met, free] + ([] if centre is None else [met])
    eq = sp.vstack(
        [sp.hstack([balance, sp.csr_matrix((n_choice, n - n_segment))]), sp.hstack(parts)], format="csc"
    )
    eq_value = np.concatenate([supply[choices], -offset_rows[:n_power]])
    over = sp.csr_matrix((-np.ones(n_high), (high_in, np.arange(n_high))), shape=(n_grid, n_high))
    under = sp.csr_matrix((np.ones(n_low), (low_in, np.arange(n_low))), shape=(n_grid, n_low))
    # A limit on power alone, and one on segments alone.
    none = sp.csr_matrix((n_grid + n_flow, n - n_known))
    on_power = [sp.csr_matrix((n_grid, n_segment)), grid, over, under, sp.csr_matrix((n_grid, n_flow))]
    on_flow = [entered[n_power:], sp.csr_matrix((n_flow, n_power + n_high + n_low)), -sp.eye_array(n_flow)]
    ineq = sp.hstack([sp.vstack([sp.hstack(on_power), sp.hstack(on_flow)]), none], format="csc")
    ineq_low = np.concatenate([grid_low, np.full(n_flow, -np.inf)])
    ineq_high = np.concatenate([grid_high, limit - offset_rows[n_power:]])

    beta = problem.aggregators.price_sensitivity_per_kwh_kw[power_at // (sites * steps)]
    quadratic, linear, lower = np.zeros(n), np.zeros(n), np.zeros(n)
    powers = slice(n_segment, n_segment + n_power)
    linear[:n_segment] = weight * paid
    linear[powers] = weight * dt * problem.price_per_kwh.reshape(-1)[power_at]
    quadratic[powers] = weight * 2.0 * beta * dt
    lower[powers] = -np.inf
    slacks = slice(n_segment + n_power, n_known)
    linear[slacks] = np.concatenate([grid_cost[high_in], grid_cost[low_in], flow_cost])
    if centre is not None:
        # Near the centre instead: prices may move from it, at a cost that grows with the square.
        at = slice(n_known - n_flow, n_known)
        quadratic[at] = stiff * linear[at] / 20.0
        linear[at] = np.concatenate(
            [centre.roads.reshape(-1)[road_at], centre.chargers.reshape(-1)[charger_at]]
        )
        lower[at] = -np.inf
        base = (
            weight
            * dt
            * (
                problem.price_per_kwh.reshape(-1)[power_at]
                + 2.0 * beta * centre.power_kw.reshape(-1)[power_at]
            )
        )
        if rows is not None:
            base = (
                base
                + np.broadcast_to(
                    (rows.sensitivity.T @ (centre.high - centre.low))[None], centre.power_kw.shape
                ).reshape(-1)[power_at]
            )
        linear[n_known:] = base
        quadratic[n_known:] = stiff * weight * dt * 2.0 * beta
        lower[n_known:] = -np.inf

    # Degenerate programs may need another scaling, or less regularisation, for the last digits.
    for changed in ({}, {"preconditioner_iter": 0}, {"reg_lower_limit": 1e-13}):
        solver = piqp.SparseSolver()
        solver.settings.verbose = False
        solver.settings.max_iter = 80
        solver.settings.eps_abs = solver.settings.eps_rel = tolerance
        solver.settings.check_duality_gap = True
        solver.settings.eps_duality_gap_abs = solver.settings.eps_duality_gap_rel = tolerance
        for name, setting in changed.items():
            setattr(solver.settings, name, setting)
        solver.setup(
            sp.diags_array(quadratic).tocsc(), linear, eq, eq_value, ineq, ineq_low, ineq_high, lower,
            np.full(n, np.inf),
        )  # fmt: skip
        status = solver.solve()
        if status == piqp.PIQP_SOLVED:
            break
    result = solver.result
    x = np.asarray(result.x)
    z_high, z_low = np.maximum(np.asarray(result.z_u), 0.0), np.maximum(np.asarray(result.z_l), 0.0)

    flow = fixed
    unfolded(arcs.first, arcs.head, arc, np.maximum(x[:n_segment], 0.0), flow)
    n_rows = 0 if rows is None else len(rows)

    def spread(at: Array, values: Array, shape: tuple[int, ...]) -> Array:
        full = np.zeros(int(np.prod(shape)))
        full[at] = values
        return full.reshape(shape)

    z_flow = z_high[n_grid:]
    duals = Duals(
        spread(grid_at, z_high[:n_grid] * np.isfinite(grid_high) / scale, (n_rows, steps)),
        spread(grid_at, z_low[:n_grid] * np.isfinite(grid_low) / scale, (n_rows, steps)),
        spread(road_at, z_flow[:n_road], (links, steps)),
        spread(charger_at, z_flow[n_road:], (sites, steps)),
        spread(power_at, x[powers], (aggregators, sites, steps)),
    )  # fmt: skip
    # Power as its own price has it: then the prices fit each other to the solver's last digit.
    m, y, t = np.unravel_index(power_at, (aggregators, sites, steps))
    slope = weight * 2.0 * dt * problem.aggregators.price_sensitivity_per_kwh_kw[m]
    price = np.asarray(result.y)[n_choice:] - weight * dt * problem.price_per_kwh[m, y, t]
    if rows is not None:
        price = price - (rows.sensitivity.T @ (duals.high - duals.low))[y, t]
    duals.power_kw[m, y, t] = np.where(slope > 0, price / np.where(slope > 0, slope, 1.0), x[powers])
    slack = x[slacks]
    curved = 0.5 * float(np.sum((quadratic * x * x)[n_known - n_flow :])) if centre is not None else 0.0
    slack = np.maximum(slack, 0.0)
    fixed_cost = weight * float(np.dot(fixed_before(arcs), arcs.cost))
    return Solved(
        flow,
        duals,
        spread(power_at, x[powers], (aggregators, sites, steps)),
        float(result.info.primal_obj) + fixed_cost + curved,
        spread(grid_at[high_in], slack[:n_high] * scale[high_in], (n_rows, steps)),
        spread(grid_at[low_in], slack[n_high : n_high + n_low] * scale[low_in], (n_rows, steps)),
        spread(road_at, slack[n_high + n_low :][:n_road], (links, steps)),
        spread(charger_at, slack[n_high + n_low + n_road :], (sites, steps)),
        np.bincount(road_of[drives], flow[drives], links * steps).reshape(links, steps),
        np.bincount(charger_of[charges], flow[charges], sites * steps).reshape(sites, steps),
        n,
        eq.shape[0] + ineq.shape[0],
        status == piqp.PIQP_SOLVED,
        result.info.iter,
    )


def fixed_before(arcs: Arcs) -> Array:
    """Flow on forced arcs of vehicles that never had a choice before."""
    flow, supply = np.zeros(len(arcs)), np.zeros(len(arcs.first) - 1)
    supplied(arcs.first, arcs.head, arcs.supply_state, arcs.supply, flow, supply)
    return flow


def _position(known: Array, wanted: Array, base: int) -> Array:
    """Index of each wanted number among sorted known ones, from `base` on; -1 where it is not among them."""
    if not len(known):
        return np.full(len(wanted), -1, np.int64)
    at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[at] == wanted, base + at, -1)
