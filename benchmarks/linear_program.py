"""The linear program of `coordinate` (coord-1 to coord-3), written out for outside solvers.

Nothing here is shared with tidewatt's own packing: limits, unmanaged charging, missing energy and the
matrix are worked out again from the scenario alone, so that an error in one shows against the other.

The form is the sparsest found. Cumulative energy at the end of each charging opportunity is a variable
of its own, chained to the one before, which keeps nested limits from filling the matrix; the load of a
feeder under a bank is a variable too, so that no vehicle appears twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from tidewatt.domain.grid import CostPieces
from tidewatt.domain.scenario import Scenario

__all__ = ["Limits", "LinearProgram", "limits", "linear_program", "mean_unmanaged_load", "upgrade_cost"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Limits:
    """Charging opportunities of a scenario, their variables and their limits.

    Energies are cumulative within a vehicle and stand in kW times steps, grid side.

    Attributes
    ----------
    dwell, vehicle, feeder : array, shape (opportunities,)
        Row of the dwells, vehicle and feeder (-1: off the studied grid) of each opportunity.
    opportunity, step : array, shape (variables,)
        Opportunity and step of each variable.
    power_kw : array, shape (variables,)
        Most that the variable may draw [kW].
    least, most : array, shape (opportunities,)
        L and U of coord-1, L already lowered by what no charging can deliver.
    unmanaged : array, shape (opportunities,)
        Cumulative energy of unmanaged charging.
    unmanaged_kw : array, shape (variables,)
        Unmanaged charging itself [kW].
    missing_energy_kwh : array, shape (vehicles,)
        What a vehicle needs and no schedule can deliver, battery side [kWh].
    """

    dwell: Ints
    vehicle: Ints
    feeder: Ints
    opportunity: Ints
    step: Ints
    power_kw: Floats
    least: Floats
    most: Floats
    unmanaged: Floats
    unmanaged_kw: Floats
    missing_energy_kwh: Floats


@dataclass(frozen=True, slots=True)
class LinearProgram:
    """Minimise cost x subject to row_lower <= matrix x <= row_upper and lower <= x <= upper.

    Attributes
    ----------
    limits : Limits
        The vehicles' side; its variables come first, then the cumulative energies.
    weight : array, shape (variables of `limits`,)
        Vehicles that each charging variable stands for.
    """

    cost: Floats
    lower: Floats
    upper: Floats
    matrix: sp.csr_array
    row_lower: Floats
    row_upper: Floats
    limits: Limits
    weight: Floats

    @property
    def charging(self) -> int:
        """Number of charging variables."""
        return len(self.limits.power_kw)


class _Needs(NamedTuple):
    """What coord-1 asks, an entry an opportunity; `total` driven energy [kWh] is an entry a vehicle."""

    dwell: Ints
    vehicle: Ints
    arrive: Floats
    depart: Floats
    power: Floats
    before: Floats
    needed: Floats
    most: Floats
    to_grid: Floats
    total: Floats


def _needs(scenario: Scenario) -> _Needs:
    """Energy limits of every opportunity, L not yet lowered."""
    fleet, dwells, trips, horizon = scenario.fleet, scenario.dwells, scenario.trips, scenario.horizon
    owner = np.repeat(np.arange(len(fleet)), np.diff(dwells.first))
    power = np.minimum(dwells.charger_kw, fleet.max_charge_kw[owner])
    dwell = np.flatnonzero((power > 0) & (dwells.depart_min > dwells.arrive_min))
    vehicle, arrive, depart = owner[dwell], dwells.arrive_min[dwell], dwells.depart_min[dwell]

    # Energy driven before each opportunity, and before the one that follows it. Trips and dwells do not
    # overlap, so comparing middles is safe even where both end at the same minute.
    driver = np.repeat(np.arange(len(fleet)), np.diff(trips.first))
    span = 4.0 * horizon.minutes + 1.0
    trip_key = driver * span + 0.5 * (trips.depart_min + trips.arrive_min)
    driven = np.concatenate([[0.0], np.cumsum(trips.energy_kwh)])
    before = driven[np.searchsorted(trip_key, vehicle * span + 0.5 * (arrive + depart))]
    before = before - driven[trips.first[vehicle]]
    total = driven[trips.first[1:]] - driven[trips.first[:-1]]
    last = np.concatenate([vehicle[1:] != vehicle[:-1], np.ones(min(1, len(vehicle)), bool)])
    until_next = np.where(last, total[vehicle], np.concatenate([before[1:], np.zeros(min(1, len(before)))]))

    to_grid = 1.0 / (fleet.charge_efficiency * horizon.step_h)
    capacity, start = fleet.battery_kwh, fleet.soc_initial * fleet.battery_kwh
    floor = np.where(last, np.maximum(fleet.soc_min, fleet.soc_final_min)[vehicle], fleet.soc_min[vehicle])
    needed = (floor * capacity[vehicle] - start[vehicle] + until_next) * to_grid[vehicle]
    most = ((fleet.soc_max * capacity)[vehicle] - start[vehicle] + before) * to_grid[vehicle]

    return _Needs(dwell, vehicle, arrive, depart, power[dwell], before, needed, most, to_grid, total)


def limits(scenario: Scenario) -> Limits:
    """Variables and limits of every vehicle (coord-1)."""
    fleet, dwells, horizon = scenario.fleet, scenario.dwells, scenario.horizon
    dwell, vehicle, arrive, depart, power, before, needed, most, to_grid, total = _needs(scenario)
    capacity, start = fleet.battery_kwh, fleet.soc_initial * fleet.battery_kwh
    opportunity, step, share = _steps(arrive, depart, horizon.step_min, horizon.steps)
    power_kw = power[opportunity] * share
    could = np.bincount(opportunity, power_kw, minlength=len(vehicle))
    unmanaged, drawn = _unmanaged_energy(vehicle, could, most)
    unmanaged_kw = _earliest(opportunity, power_kw, drawn)

    # What is missing, also before the first opportunity (and for vehicles that have none).
    short = np.zeros(len(fleet))
    np.maximum.at(short, vehicle, (needed - unmanaged) / to_grid[vehicle])
    first_opportunity = np.full(len(fleet), -1)
    first_opportunity[vehicle[::-1]] = np.arange(len(vehicle))[::-1]
    has = first_opportunity >= 0
    early = np.where(has, before[first_opportunity] if len(before) else 0.0, total)
    floor0 = np.where(has, fleet.soc_min, np.maximum(fleet.soc_min, fleet.soc_final_min))
    short = np.maximum(short, floor0 * capacity - start + early)
    return Limits(
        dwell=dwell,
        vehicle=vehicle,
        feeder=dwells.feeder[dwell].astype(np.int64),
        opportunity=opportunity,
        step=step,
        power_kw=power_kw,
        least=np.minimum(needed, unmanaged),
        most=most,
        unmanaged=unmanaged,
        unmanaged_kw=unmanaged_kw,
        missing_energy_kwh=np.where(short > 1e-9, short, 0.0),
    )


def _steps(arrive: Floats, depart: Floats, step_min: float, steps: int) -> tuple[Ints, Ints, Floats]:
    """Opportunity, step and share of the step, for every step that a stay touches."""
    begin = np.maximum(np.floor(arrive / step_min), 0.0).astype(np.int64)
    end = np.minimum(np.ceil(depart / step_min), steps).astype(np.int64)
    count = np.maximum(end - begin, 0)
    opportunity = np.repeat(np.arange(len(arrive)), count)
    offset = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    step = begin[opportunity] + offset
    overlap = np.minimum(depart[opportunity], (step + 1) * step_min) - np.maximum(
        arrive[opportunity], step * step_min
    )
    return opportunity, step, np.clip(overlap / step_min, 0.0, 1.0)


def _unmanaged_energy(vehicle: Ints, could: Floats, most: Floats) -> tuple[Floats, Floats]:
    """Plug in, full power until U: cumulative energy of every opportunity, and what it draws itself."""
    n = len(vehicle)
    first = np.flatnonzero(np.concatenate([np.ones(min(1, n), bool), vehicle[1:] != vehicle[:-1]]))
    place = np.arange(n) - np.repeat(first, np.diff(np.append(first, n)))
    order = np.argsort(place, kind="stable")
    bounds = np.concatenate([[0], np.cumsum(np.bincount(place))]) if n else np.zeros(1, np.int64)
    end = np.zeros(n)
    # All vehicles' first opportunities, then all their second ones, and so on.
    for j in range(len(bounds) - 1):
        here = order[bounds[j] : bounds[j + 1]]
        start = end[here - 1] if j else np.zeros(len(here))
        end[here] = np.maximum(start, np.minimum(start + could[here], most[here]))
    before = np.concatenate([np.zeros(min(1, n)), end[:-1]])
    return end, end - np.where(place > 0, before, 0.0)


def _earliest(opportunity: Ints, power_kw: Floats, drawn: Floats) -> Floats:
    """Power of every variable when an opportunity draws what it draws as early as it can."""
    cumulative = np.cumsum(power_kw) - power_kw
    begins = np.searchsorted(opportunity, np.arange(len(drawn)))
    already = cumulative - cumulative[begins[opportunity]] if len(opportunity) else cumulative
    return np.clip(drawn[opportunity] - already, 0.0, power_kw)


def mean_unmanaged_load(scenario: Scenario) -> Floats:
    """Unmanaged load of every feeder, averaged over the horizon [kW], without a variable a step."""
    needs = _needs(scenario)
    length = (needs.depart - needs.arrive) / scenario.horizon.step_min
    _, drawn = _unmanaged_energy(needs.vehicle, needs.power * length, needs.most)
    feeder = scenario.dwells.feeder[needs.dwell]
    on = feeder >= 0
    drawn = (drawn * scenario.fleet.weight[needs.vehicle])[on]
    total = np.bincount(feeder[on], drawn, minlength=scenario.grid.feeders)
    mean: Floats = total / scenario.horizon.steps
    return mean


def linear_program(scenario: Scenario, *, session: bool = False) -> LinearProgram:
    """Return the linear program of a scenario.

    Parameters
    ----------
    scenario : Scenario
        What to coordinate.
    session : bool
        Whether every opportunity must deliver just what unmanaged charging does there.
    """
    lim = limits(scenario)
    grid, steps = scenario.grid, scenario.horizon.steps
    x, q = len(lim.power_kw), len(lim.vehicle)
    weight = scenario.fleet.weight[lim.vehicle][lim.opportunity]
    least, most = (lim.unmanaged, lim.unmanaged) if session else (lim.least, lim.most)
    b = _Builder()
    b.columns(np.zeros(x), np.zeros(x), lim.power_kw)
    b.columns(np.zeros(q), least, np.maximum(most, least))
    # sum of x over the opportunity - E_q + E_(q-1) = 0
    rows = b.rows(np.zeros(q), np.zeros(q))
    b.entries(rows[lim.opportunity], np.arange(x), np.ones(x))
    b.entries(rows, x + np.arange(q), -np.ones(q))
    chained = np.flatnonzero(lim.vehicle[1:] == lim.vehicle[:-1]) + 1
    b.entries(rows[chained], x + chained - 1, np.ones(len(chained)))

    over = _overload_columns(b, grid.cost, grid.headroom_kw)
    bank_over = _overload_columns(b, grid.bank_cost, grid.bank_headroom_kw)
    on = np.flatnonzero(lim.feeder[lim.opportunity] >= 0)
    where = lim.feeder[lim.opportunity[on]] * steps + lim.step[on]
    used, row_of = np.unique(where, return_inverse=True)
    feeder, step = used // steps, used % steps
    head = grid.headroom_kw[feeder, step]
    bank = grid.bank[feeder].astype(np.int64)
    bank_head = np.full(len(used), np.inf)
    bank_head[bank >= 0] = grid.bank_headroom_kw[bank[bank >= 0], step[bank >= 0]]
    limited, under = np.isfinite(head), np.isfinite(bank_head)

    # Feeders under a limited bank: load is a variable. Others: vehicles stand in the limit's own row.
    direct = limited & ~under
    load = np.full(len(used), -1)
    load[under] = b.columns(np.zeros(under.sum()), np.zeros(under.sum()), np.full(under.sum(), np.inf))
    row = np.full(len(used), -1)
    row[under] = b.rows(np.zeros(under.sum()), np.zeros(under.sum()))
    b.entries(row[under], load[under], -np.ones(under.sum()))
    row[direct] = b.rows(np.full(direct.sum(), -np.inf), head[direct])
    b.entries(row[direct], over[feeder[direct]], -np.ones(direct.sum()))
    kept = row[row_of] >= 0
    b.entries(row[row_of[kept]], on[kept], weight[on[kept]])
    both = np.flatnonzero(limited & under)
    rows = b.rows(np.full(len(both), -np.inf), head[both])
    b.entries(rows, load[both], np.ones(len(both)))
    b.entries(rows, over[feeder[both]], -np.ones(len(both)))
    beneath = np.flatnonzero(under)
    places, row_of = np.unique(bank[beneath] * steps + step[beneath], return_inverse=True)
    rows = b.rows(np.full(len(places), -np.inf), grid.bank_headroom_kw[places // steps, places % steps])
    b.entries(rows[row_of], load[beneath], np.ones(len(beneath)))
    b.entries(rows, bank_over[places // steps], -np.ones(len(places)))
    return b.build(lim, weight)


def _overload_columns(b: _Builder, cost: CostPieces, headroom_kw: Floats) -> Ints:
    """Return a column for the overload of every element (and a part for each piece of its cost)."""
    n = len(cost.first) - 1
    pieces = np.diff(cost.first)
    single = pieces == 1
    # Where no vehicle can charge the row would be -o <= h; it is a bound wherever it stands.
    least = np.maximum(0.0, -headroom_kw.min(axis=1, initial=np.inf)) if n else np.zeros(0)
    columns = b.columns(np.where(single, cost.cost_per_kw[cost.first[:-1]], 0.0), least, np.full(n, np.inf))
    for g in np.flatnonzero(~single):
        rows = slice(cost.first[g], cost.first[g + 1])
        above = cost.above_kw[rows]
        width = np.append(np.diff(above), np.inf)
        parts = b.columns(cost.cost_per_kw[rows], np.zeros(len(above)), width)
        row = b.rows(np.zeros(1), np.zeros(1))
        b.entries(np.repeat(row, len(parts)), parts, np.ones(len(parts)))
        b.entries(row, columns[g : g + 1], -np.ones(1))
    return columns


class _Builder:
    """Collects columns, rows and entries."""

    def __init__(self) -> None:
        self.n = self.m = 0
        self.cols: list[tuple[Floats, Floats, Floats]] = []
        self.lines: list[tuple[Floats, Floats]] = []
        self.cells: list[tuple[Ints, Ints, Floats]] = []

    def columns(self, cost: Floats, lower: Floats, upper: Floats) -> Ints:
        self.cols.append((cost, lower, upper))
        self.n += len(cost)
        return np.arange(self.n - len(cost), self.n)

    def rows(self, lower: Floats, upper: Floats) -> Ints:
        self.lines.append((lower, upper))
        self.m += len(lower)
        return np.arange(self.m - len(lower), self.m)

    def entries(self, row: Ints, column: Ints, value: Floats) -> None:
        self.cells.append((row, column, value))

    def build(self, lim: Limits, weight: Floats) -> LinearProgram:
        cost, lower, upper = (np.concatenate(part) for part in zip(*self.cols))
        row_lower, row_upper = (np.concatenate(part) for part in zip(*self.lines))
        row, column, value = (np.concatenate(part) for part in zip(*self.cells))
        matrix = sp.csr_array((value, (row, column)), shape=(self.m, self.n))
        return LinearProgram(cost, lower, upper, matrix, row_lower, row_upper, lim, weight)


def upgrade_cost(scenario: Scenario, program: LinearProgram, power_kw: Floats) -> float:
    """Return what a schedule costs by coord-2 and coord-3, straight from its powers, shape (charging,)."""
    lim, grid, steps = program.limits, scenario.grid, scenario.horizon.steps
    feeder = lim.feeder[lim.opportunity]
    on = feeder >= 0
    drawn = (program.weight * power_kw)[on]
    load = np.bincount(feeder[on] * steps + lim.step[on], drawn, minlength=grid.feeders * steps)
    load = load.reshape(grid.feeders, steps)
    bank_load = np.zeros((grid.banks, steps))
    carried = grid.bank >= 0
    np.add.at(bank_load, grid.bank[carried], load[carried])
    pairs = [(grid.cost, load - grid.headroom_kw), (grid.bank_cost, bank_load - grid.bank_headroom_kw)]
    total = 0.0
    for cost, excess in pairs:
        for g in range(len(excess)):
            over = max(0.0, float(excess[g].max()))
            rows = slice(cost.first[g], cost.first[g + 1])
            width = np.append(np.diff(cost.above_kw[rows]), np.inf)
            parts = np.clip(over - cost.above_kw[rows], 0.0, width)
            total += float(parts @ cost.cost_per_kw[rows])
    return total
