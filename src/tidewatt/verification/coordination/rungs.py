"""One rung of the ladder, re-derived: schedule, loads, cost, prices, bound and regret."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.scenario import Scenario
from tidewatt.verification.common.claims import SCHEDULES, Claims
from tidewatt.verification.common.findings import CheckList
from tidewatt.verification.coordination.cheapest import cheapest_costs
from tidewatt.verification.coordination.drawn import Drawn, walk_schedule
from tidewatt.verification.coordination.needs import Needs
from tidewatt.verification.coordination.overload import Level, lift, seen_by_vehicles

__all__ = ["ENERGY_TOLERANCE_KWH", "VerifiedRung", "load_tolerance", "rederive"]

ENERGY_TOLERANCE_KWH = 1e-5
"""Excess of a vehicle's energy over a bound that rounding over a week may cause."""

BOUND_LOOSENESS = 1e-6
"""How far, relative to the upgrade cost, a claimed bound may stay below what its prices prove."""


@dataclass(frozen=True, slots=True, eq=False)
class Own:
    """What was derived from the scenario alone."""

    scenario: Scenario
    needs: Needs
    levels: tuple[Level, Level]
    unmanaged_cost: float


@dataclass(frozen=True, slots=True, eq=False)
class VerifiedRung:
    """What was re-derived for one rung.

    Attributes
    ----------
    overload_kw, cost : tuple of array
        By feeder, and by bank.
    upgrade_cost, lower_bound_cost : float
        The bracket; the bound is nan where the prices prove nothing.
    price : tuple of array
        Prices of feeders and of banks, shape (elements, steps).
    energy_kwh : array, shape (vehicles,)
        Drawn by one vehicle, grid side [kWh].
    paid, cheapest : array, shape (vehicles,)
        Cost under the prices, and the least possible, weighted.
    grid_slack_cost : float
        The part of the gap that is not regret.
    scale : float
        Sum of the absolute terms of the bound: rounding is relative to it.
    dwell_kwh : array, shape (dwells,)
        Drawn in each dwell of the scenario, grid side [kWh].
    """

    overload_kw: tuple[Array, Array]
    cost: tuple[Array, Array]
    upgrade_cost: float
    lower_bound_cost: float
    price: tuple[Array, Array]
    energy_kwh: Array
    paid: Array
    cheapest: Array
    grid_slack_cost: float
    scale: float
    dwell_kwh: Array


def load_tolerance(load_kw: Array) -> float:
    """Return the allowed difference of loads [kW]: rounding of sums over many vehicles."""
    return 1e-6 + 1e-9 * float(np.max(np.abs(load_kw), initial=0.0))


def money_tolerance(own: Own, cost: float) -> float:
    """Return the allowed difference of upgrade costs."""
    return 1e-8 * abs(cost) + 1e-10 * own.unmanaged_cost + 1e-9


def claimed(claims: Claims, name: str, shape: tuple[int, ...]) -> Array:
    """Return a variable of ``loads.nc`` over (element, step); empty levels may lack theirs.

    Raises
    ------
    ValueError
        Where it is absent or has another shape.
    """
    if name not in claims.loads:
        if 0 in shape:
            return np.zeros(shape)
        raise ValueError(f"loads.nc lacks {name}")
    values = claims.loads[name].to_numpy().astype(np.float64)
    if values.shape != shape and not (values.size == 0 and 0 in shape):
        raise ValueError(f"loads.nc: {name} has shape {values.shape}, should be {shape}")
    return values.reshape(shape)


def check_loads(
    claims: Claims, ledger: CheckList, own: Own, rung: str, feeder_kw: Array
) -> tuple[Array, Array]:
    """Compare loads of feeders and banks with ``loads.nc``; return the recomputed ones."""
    loads = lift(own.scenario, feeder_kw)
    for level, load in zip(own.levels, loads, strict=True):
        ledger.equal(
            f"{rung}: loads of {level.kind}s",
            claimed(claims, f"{level.prefix}{rung}_kw", load.shape),
            load,
            load_tolerance(load),
            "kW",
            level.ids,
        )
    return loads


def rederive(claims: Claims, ledger: CheckList, own: Own, rung: str) -> VerifiedRung:
    """Check everything that is claimed about a rung with a bracket."""
    scenario, levels = own.scenario, own.levels
    prices = _prices(claims, ledger, own, rung)
    seen = seen_by_vehicles(scenario, *prices)
    drawn = walk_schedule(claims.folder / SCHEDULES[rung], scenario, own.needs, seen)
    ledger.add(
        f"{rung}: schedule rows",
        not drawn.faults,
        "; ".join(f"{kind}: {said}" for kind, said in drawn.faults.items())
        or f"all {drawn.rows:,} lie within their dwell, its feeder and its charger's power",
    )
    bounds = _feasible(ledger, own, rung, drawn)
    loads = check_loads(claims, ledger, own, rung, drawn.load_kw)
    overloads = tuple(level.overload_kw(load) for level, load in zip(levels, loads, strict=True))
    costs = tuple(level.cost(over) for level, over in zip(levels, overloads, strict=True))
    upgrade = math.fsum(np.concatenate(costs))

    cheapest = np.empty(len(scenario.fleet))
    needs = own.needs
    cheapest_costs(
        needs.first,
        needs.arrive_min,
        needs.depart_min,
        needs.power_kw,
        needs.feeder,
        *bounds,
        seen,
        scenario.horizon.step_min,
        cheapest,
    )
    cheapest *= scenario.fleet.weight
    totals = [price.sum(axis=1) for price in prices]
    parts = [cheapest]
    parts += [level.value(price, 0.0) for level, price in zip(levels, prices, strict=True)]
    parts += [-level.conjugate(total) for level, total in zip(levels, totals, strict=True)]
    terms = np.concatenate(parts)
    bound = math.fsum(terms) if np.isfinite(terms).all() else math.nan
    worth = math.fsum(
        np.concatenate([lv.value(p, load) for lv, p, load in zip(levels, prices, loads, strict=True)])
    )
    conjugate = -math.fsum(np.concatenate(parts[3:]))
    found = VerifiedRung(
        (overloads[0], overloads[1]),
        (costs[0], costs[1]),
        upgrade,
        bound,
        prices,
        np.bincount(
            np.repeat(np.arange(len(scenario.fleet)), np.diff(scenario.dwells.first)),
            drawn.energy_kwh,
            len(scenario.fleet),
        ),
        drawn.cost,
        cheapest,
        upgrade + conjugate - worth,
        float(np.abs(terms).sum()),
        drawn.energy_kwh,
    )
    _check_bracket(claims, ledger, own, rung, found)
    return found


def _prices(claims: Claims, ledger: CheckList, own: Own, rung: str) -> tuple[Array, Array]:
    name = "price" if rung == "coordinated" else f"{rung}_price"
    out = []
    for level in own.levels:
        price = claimed(claims, level.prefix + name, level.headroom_kw.shape)
        out.append(price)
        least = float(price.min(initial=0.0)) if not np.isnan(price).any() else math.nan
        ledger.add(
            f"{rung}: prices of {level.kind}s are not negative",
            least >= 0 and bool(np.isfinite(price).all()),
            f"{int(np.count_nonzero(price)):,} prices above 0" if least >= 0 else f"least is {least:g}",
        )
        budget, total = level.budget(), price.sum(axis=1)
        # Rounding of the sum may pass the budget by a hair.
        within = total <= budget * (1 + 1e-12) + 1e-300
        wrong = int(np.argmin(within)) if len(within) else 0
        ledger.add(
            f"{rung}: prices of {level.kind}s keep their budget",
            bool(within.all()),
            "no element's prices sum to more than its dearest kW"
            if within.all()
            else f"{level.ids[wrong]}: prices sum to {total[wrong]:.9g}, over the budget {budget[wrong]:.9g}",
        )
        unlimited = np.isinf(level.headroom_kw) & (price != 0)
        if np.isinf(level.headroom_kw).any():
            ledger.add(
                f"{rung}: no price where {level.kind}s have no limit",
                not unlimited.any(),
                f"{int(unlimited.sum()):,} prices at steps without a limit",
            )
    return out[0], out[1]


def _feasible(ledger: CheckList, own: Own, rung: str, drawn: Drawn) -> tuple[Array, Array]:
    """Check every vehicle's energy against coord-1; return the bounds that apply to the rung."""
    needs = own.needs
    owner = np.repeat(np.arange(len(needs.missing_kwh)), np.diff(needs.first))
    spent = np.concatenate([[0.0], np.cumsum(drawn.energy_kwh[needs.dwell])])
    # Sums per vehicle, taken afresh where the running sum would carry rounding along.
    total = spent[1:] - spent[needs.first[owner]]
    names = own.scenario.fleet.vehicle_id[owner]
    efficiency = own.scenario.fleet.charge_efficiency[owner]
    if rung == "session":
        each = np.diff(needs.unmanaged_kwh, prepend=0.0)
        starts = needs.first[:-1][np.diff(needs.first) > 0]
        each[starts] = needs.unmanaged_kwh[starts]
        ledger.equal(
            "session: every dwell draws what unmanaged charging draws there",
            drawn.energy_kwh[needs.dwell],
            each,
            ENERGY_TOLERANCE_KWH,
            "kWh",
            names,
        )
        return needs.unmanaged_kwh, needs.unmanaged_kwh
    for name, lack in (
        ("never below what the coming trips and the end need", needs.lower_kwh - total),
        ("never above the fullest allowed", total - needs.upper_kwh),
    ):
        lack = lack * efficiency
        worst = int(np.argmax(lack)) if len(lack) else 0
        most = float(lack[worst]) if len(lack) else 0.0
        ledger.add(
            f"{rung}: state of charge {name}",
            most <= ENERGY_TOLERANCE_KWH,
            f"furthest off {max(most, 0.0):.2g} kWh, allowed {ENERGY_TOLERANCE_KWH:g} kWh"
            if most <= ENERGY_TOLERANCE_KWH
            else f"vehicle {names[worst]} misses it by {most:.6g} kWh",
        )
    return needs.lower_kwh, needs.upper_kwh


def _check_bracket(claims: Claims, ledger: CheckList, own: Own, rung: str, found: VerifiedRung) -> None:
    said = {key: _number(value) for key, value in claims.certificate["rungs"][rung].items()}
    money = money_tolerance(own, found.upgrade_cost)
    ledger.equal(f"{rung}: upgrade cost", said["upgrade_cost"], found.upgrade_cost, money)
    rounding = 1e-10 * found.scale + money
    loose = rounding + BOUND_LOOSENESS * max(found.upgrade_cost, 1e-3 * own.unmanaged_cost)
    bound = said["lower_bound_cost"]
    ledger.add(
        f"{rung}: the bound is not above what its prices prove",
        bound <= found.lower_bound_cost + rounding,
        f"claimed {bound:.12g}, proved {found.lower_bound_cost:.12g}",
    )
    ledger.equal(f"{rung}: the bound is what its prices prove", bound, found.lower_bound_cost, loose)
    regret = math.fsum(found.paid - found.cheapest)
    ledger.equal(f"{rung}: total regret of vehicles", said["total_regret_cost"], regret, loose)
    ledger.equal(f"{rung}: slack of the grid", said["grid_slack_cost"], found.grid_slack_cost, loose)
    ledger.equal(
        f"{rung}: regret and slack make up the gap",
        regret + found.grid_slack_cost,
        found.upgrade_cost - found.lower_bound_cost,
        rounding,
    )


def _number(value: object) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else math.nan  # type: ignore[arg-type]
