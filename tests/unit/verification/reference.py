"""A small exact solver (HiGHS) and a scenario with every oddity, for tests of files and of `verify`.

Nothing here uses the solver or the verifier: bounds are worked out vehicle by vehicle in plain Python.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp
import xarray as xr
from scipy.optimize import linprog

from tidewatt.coordination.result import Coordination
from tidewatt.domain.fleet import Schedule
from tidewatt.result import Certificate, RunInfo, Status

STEP_MIN, STEPS = 30.0, 48
FEEDERS = {"F0": "B0", "F1": "B0", "F2": "B1", "F3": "", "FREE": ""}
COST = {"F0": 2.0, "F1": 1.0, "F2": 3.0, "F3": 1.5, "FREE": 1.0, "B0": 1.0, "B1": 0.5}
PIECES = {"F1": [(0.0, 0.5), (1.0, 1.0), (3.0, 4.0)]}


def write_scenario_by_hand(folder: Path, seed: int = 0, vehicles: int = 24, csv: bool = False) -> Path:
    """A scenario with weights, off-grid chargers, short stays, a free feeder and vehicles that fall short."""
    rng = np.random.default_rng(seed)
    fleet, dwells, trips = [], [], []
    for i in range(vehicles):
        name = f"car {i}"
        fleet.append((name, rng.uniform(20, 60), rng.uniform(0.3, 0.7), rng.choice([np.inf, 3.3]), 1 + i % 3))
        if i == 1:  # neither dwell nor trip
            continue
        now = float(rng.choice([0.0, 12.5]))
        thirsty = 6.0 if i in (2, 3) else 1.0
        home = rng.choice(["F0", "F1", "F2", "F3", "FREE"])
        while now < STEP_MIN * STEPS - 60:
            # Two or three stays may share a step.
            stay = rng.choice([4.0, 7.5, 90.0, 310.0, 45.25])
            end = min(now + stay, STEP_MIN * STEPS)
            place = rng.choice([home, "F0", ""])
            dwells.append((name, now, end, place, rng.choice([0.0, 3.7, 7.4, 11.0])))
            if end >= STEP_MIN * STEPS - 30:
                break
            drive = rng.choice([3.0, 25.0])
            trips.append((name, end, end + drive, thirsty * drive * rng.uniform(0.02, 0.2)))
            now = end + drive
    tables = {
        "vehicles": pd.DataFrame(
            fleet, columns=["vehicle_id", "battery_kwh", "soc_initial", "max_charge_kw", "weight"]
        ),
        "dwells": pd.DataFrame(
            dwells, columns=["vehicle_id", "arrive_min", "depart_min", "feeder_id", "charger_kw"]
        ),
        "trips": pd.DataFrame(trips, columns=["vehicle_id", "depart_min", "arrive_min", "energy_kwh"]),
        "feeders": pd.DataFrame(
            [(f, b, 52.0, COST[f]) for f, b in FEEDERS.items()],
            columns=["feeder_id", "bank_id", "rating_kw", "upgrade_cost_per_kw"],
        ),
        "banks": pd.DataFrame(
            [("B0", 84.0, COST["B0"]), ("B1", 30.0, COST["B1"])],
            columns=["bank_id", "rating_kw", "upgrade_cost_per_kw"],
        ),
        "upgrade_costs": pd.DataFrame(
            [(f, above, cost) for f, rows in PIECES.items() for above, cost in rows],
            columns=["feeder_id", "above_kw", "cost_per_kw"],
        ),
    }
    wave = 30 + 8 * np.sin(np.arange(STEPS) / 7.0)
    tables["base_load"] = pd.DataFrame(
        [(f, t, wave[t] + k) for k, f in enumerate(("F0", "F1", "F2")) for t in range(STEPS)],
        columns=["feeder_id", "step", "load_kw"],
    )
    head = [("F3", None, t, 4.0 - 5.0 * (t == 20)) for t in range(STEPS)]
    head += [("FREE", None, t, np.inf) for t in range(STEPS)]
    head += [(None, "B1", t, 9.0 + 0.1 * t) for t in range(STEPS)]
    tables["headroom"] = pd.DataFrame(head, columns=["feeder_id", "bank_id", "step", "headroom_kw"])
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        if csv:
            table.to_csv(folder / f"{name}.csv", index=False)
        else:
            table.to_parquet(folder / f"{name}.parquet", index=False)
    (folder / "scenario.toml").write_text(
        f'name = "odd"\n[horizon]\nstart = 2027-01-11T00:00:00\nstep_min = {STEP_MIN}\nsteps = {STEPS}\n'
    )
    return folder


@dataclass
class Plain:
    """One vehicle's charging opportunities in plain lists; energies in kWh, grid side."""

    dwell: list[int]
    feeder: list[int]
    steps: list[list[tuple[int, float]]]
    lower: list[float]
    upper: list[float]
    unmanaged: list[list[float]]
    missing: float


def plain_vehicle(scenario, i: int) -> Plain:
    """Bounds and unmanaged charging of vehicle `i`, straight from the words of coord-1."""
    f, d, t = scenario.fleet, scenario.dwells, scenario.trips
    step, hours = scenario.horizon.step_min, scenario.horizon.step_h
    eta, battery = f.charge_efficiency[i], f.battery_kwh[i]
    events = [(d.arrive_min[k], 1, k) for k in range(d.first[i], d.first[i + 1])]
    events += [(t.depart_min[k], 0, k) for k in range(t.first[i], t.first[i + 1])]
    out = Plain([], [], [], [], [], [], 0.0)
    consumed, drawn = 0.0, 0.0
    start = battery * f.soc_initial[i]
    pending = None  # opportunity whose need is not known yet

    def settle(floor: float) -> None:
        need = floor - (start - consumed)
        out.missing = max(out.missing, need - eta * drawn)
        if pending is not None:
            out.lower.append(max(min(need / eta, drawn), 0.0))

    for _, is_dwell, k in sorted(events):
        if not is_dwell:
            consumed += t.energy_kwh[k]
            continue
        power = min(d.charger_kw[k], f.max_charge_kw[i])
        if power <= 0 or d.depart_min[k] <= d.arrive_min[k]:
            continue
        settle(battery * f.soc_min[i])
        pending = k
        upper = max((battery * f.soc_max[i] - (start - consumed)) / eta, 0.0)
        slots, took = [], []
        for s in range(scenario.horizon.steps):
            overlap = min(d.depart_min[k], (s + 1) * step) - max(d.arrive_min[k], s * step)
            if overlap > 0:
                most = power * overlap / step
                now = min(most * hours, max(upper - drawn, 0.0))
                drawn += now
                slots.append((s, most))
                took.append(now / hours)
        out.dwell.append(k)
        out.feeder.append(int(d.feeder[k]))
        out.steps.append(slots)
        out.upper.append(upper)
        out.unmanaged.append(took)
    settle(battery * max(f.soc_min[i], f.soc_final_min[i]))
    out.missing = out.missing if out.missing > 1e-9 * battery else 0.0
    return out


@dataclass
class Solved:
    """Optimal powers in the order of vehicles, dwells and steps, with exact duals."""

    power: np.ndarray
    feeder_price: np.ndarray
    bank_price: np.ndarray
    objective: float


def solve(scenario, plain: list[Plain], session: bool) -> Solved:
    """The linear program of coord-3, by HiGHS."""
    grid, hours, steps = scenario.grid, scenario.horizon.step_h, scenario.horizon.steps
    most, rows, cols, vals, rhs = [], [], [], [], []
    loads = [{} for _ in range(grid.feeders + grid.banks)]
    equal_rows, equal_cols, equal_rhs = [], [], []
    for i, p in enumerate(plain):
        sofar: list[int] = []
        for j, slots in enumerate(p.steps):
            mine = []
            for s, power in slots:
                k = len(most)
                most.append(power)
                mine.append(k)
                g = p.feeder[j]
                for level in ([g] if g >= 0 else []) + (
                    [grid.feeders + grid.bank[g]] if g >= 0 and grid.bank[g] >= 0 else []
                ):
                    loads[level].setdefault(s, []).append((k, scenario.fleet.weight[i]))
            sofar += mine
            if session:
                equal_rows += [len(equal_rhs)] * len(mine)
                equal_cols += mine
                equal_rhs.append(sum(p.unmanaged[j]))
            else:
                for sign, bound in ((1.0, p.upper[j]), (-1.0, -p.lower[j])):
                    rows += [len(rhs)] * len(sofar)
                    cols += sofar
                    vals += [sign * hours] * len(sofar)
                    rhs.append(bound + 1e-11)
    n = len(most)
    costs, widths, owner = [], [], []
    for level in range(grid.feeders + grid.banks):
        pieces = grid.cost if level < grid.feeders else grid.bank_cost
        g = level if level < grid.feeders else level - grid.feeders
        a, b = pieces.first[g], pieces.first[g + 1]
        costs += list(pieces.cost_per_kw[a:b])
        widths += [*np.diff(pieces.above_kw[a:b]), np.inf]
        owner += [level] * (b - a)
    headroom = np.vstack([grid.headroom_kw, grid.bank_headroom_kw])
    place = {}
    for level, s in itertools.product(range(len(loads)), range(steps)):
        if not np.isfinite(headroom[level, s]):
            continue
        place[len(rhs)] = (level, s)
        for k, weight in loads[level].get(s, []):
            rows.append(len(rhs)), cols.append(k), vals.append(weight)
        for piece, whose in enumerate(owner):
            if whose == level:
                rows.append(len(rhs)), cols.append(n + piece), vals.append(-1.0)
        rhs.append(headroom[level, s])
    size = n + len(costs)
    equal = {}
    if session:
        ones = np.ones(len(equal_rows))
        equal = {
            "A_eq": sp.csr_matrix((ones, (equal_rows, equal_cols)), (len(equal_rhs), size)),
            "b_eq": equal_rhs,
        }
    solution = linprog(
        np.r_[np.zeros(n), costs],
        A_ub=sp.csr_matrix((vals, (rows, cols)), (len(rhs), size)),
        b_ub=rhs,
        bounds=[*((0.0, p) for p in most), *((0.0, w) for w in widths)],
        method="highs-ds",
        **equal,
    )
    assert solution.status == 0, solution.message
    price = np.zeros_like(headroom)
    for row, (level, s) in place.items():
        price[level, s] = max(-solution.ineqlin.marginals[row], 0.0)
    power = np.clip(solution.x[:n], 0.0, most)
    return Solved(power, price[: grid.feeders], price[grid.feeders :], float(solution.fun))


def piecewise(above, cost, overload: float) -> float:
    """Cost of an overload, piece by piece."""
    ends = [*above[1:], np.inf]
    return sum(c * min(max(overload - a, 0.0), e - a) for a, e, c in zip(above, ends, cost))


def cheapest(p: Plain, price, hours: float, session: bool = False) -> float:
    """One vehicle's least cost under prices (feeders, steps), by HiGHS."""
    most, cost, rows, rhs = [], [], [], []
    ends = np.cumsum([len(slots) for slots in p.steps])
    for j, slots in enumerate(p.steps):
        most += [power for _, power in slots]
        cost += [price[p.feeder[j], s] if p.feeder[j] >= 0 else 0.0 for s, _ in slots]
    if not most:
        return 0.0
    drawn = np.cumsum([sum(took) for took in p.unmanaged]) * hours
    for j, end in enumerate(ends):
        low, high = (drawn[j], drawn[j]) if session else (p.lower[j], p.upper[j])
        row = np.r_[np.full(end, hours), np.zeros(ends[-1] - end)]
        rows += [row, -row]
        rhs += [high, -low]
    limits = [(0.0, power) for power in most]
    solution = linprog(cost, A_ub=np.array(rows), b_ub=np.array(rhs) + 1e-12, bounds=limits, method="highs")
    assert solution.status == 0, solution.message
    return float(solution.fun)


def prove_by_hand(scenario, plain, s: Solved, session: bool) -> tuple[np.ndarray, float]:
    """Least cost of every vehicle (weighted) and the bound of coord-4, term by term."""
    grid, weight = scenario.grid, scenario.fleet.weight
    seen = s.feeder_price + np.array(
        [s.bank_price[b] if b >= 0 else np.zeros(scenario.horizon.steps) for b in grid.bank]
    )
    hours = scenario.horizon.step_h
    least = np.array([w * cheapest(p, seen, hours, session) for w, p in zip(weight, plain)])
    bound = least.sum()
    for pieces, prices, headroom in (
        (grid.cost, s.feeder_price, grid.headroom_kw),
        (grid.bank_cost, s.bank_price, grid.bank_headroom_kw),
    ):
        for g, price in enumerate(prices):
            bound -= sum(p * h for p, h in zip(price, headroom[g]) if p != 0)
            above = pieces.above_kw[pieces.first[g] : pieces.first[g + 1]]
            cost = pieces.cost_per_kw[pieces.first[g] : pieces.first[g + 1]]
            base = max(0.0, -headroom[g].min())
            corners = [base, *(a for a in above if a > base)]
            bound -= max(price.sum() * o - piecewise(above, cost, o) for o in corners)
    return least, bound


def roughen(scenario, plain, s: Solved) -> Solved:
    """A feasible schedule and valid prices that are off the optimum, so that there is a gap."""
    grid = scenario.grid
    unmanaged = np.array([x for p in plain for took in p.unmanaged for x in took])
    spread = np.zeros_like(s.feeder_price)
    spread[:, 5:40:7] = 1.0 / 5.0
    dearest = grid.cost.cost_per_kw[grid.cost.first[1:] - 1]
    spread = np.where(np.isfinite(grid.headroom_kw), spread * dearest[:, None], 0.0)
    price = 0.8 * s.feeder_price + 0.2 * spread
    return Solved(0.9 * s.power + 0.1 * unmanaged, price, 0.9 * s.bank_price, 0.0)


def build(scenario, rough: bool = False, edit=None) -> Coordination:
    """The result that a perfect solver would hand out, or one that stops at a gap.

    `edit` may change the solved rungs before everything else is worked out from them: a lie that is
    consistent throughout.
    """
    plain = [plain_vehicle(scenario, i) for i in range(len(scenario.fleet))]
    grid, horizon, weight = scenario.grid, scenario.horizon, scenario.fleet.weight
    solved = {"coordinated": solve(scenario, plain, False), "session": solve(scenario, plain, True)}
    if rough:
        solved = {rung: roughen(scenario, plain, s) for rung, s in solved.items()}
    if edit is not None:
        edit(scenario, plain, solved)
    flat = [
        (i, p.dwell[j], p.feeder[j], s)
        for i, p in enumerate(plain)
        for j, slots in enumerate(p.steps)
        for s, _ in slots
    ]
    vehicle, _, feeder, step = (np.array(column, np.int64) for column in zip(*flat))
    sizes = [len(slots) for p in plain for slots in p.steps]
    first = np.r_[0, np.cumsum(sizes)]
    powers = {rung: s.power for rung, s in solved.items()}
    powers["unmanaged"] = np.array([x for p in plain for took in p.unmanaged for x in took])
    on = feeder >= 0
    data, figures, feeders, banks = {}, {}, {}, {}
    headroom = np.vstack([grid.headroom_kw, grid.bank_headroom_kw])
    names = [*grid.feeder_id, *grid.bank_id]
    per_level = {}

    def level_costs(over):
        out = []
        for level, value in enumerate(over):
            pieces = grid.cost if level < grid.feeders else grid.bank_cost
            g = level if level < grid.feeders else level - grid.feeders
            a, b = pieces.first[g], pieces.first[g + 1]
            out.append(piecewise(pieces.above_kw[a:b], pieces.cost_per_kw[a:b], value))
        return np.array(out)

    def split(values, name, frame=False):
        feeders_part, banks_part = values[: grid.feeders], values[grid.feeders :]
        if frame:
            feeders[name], banks[name] = feeders_part, banks_part
        else:
            data[name] = (("feeder", "step"), feeders_part)
            data[f"bank_{name}"] = (("bank", "step"), banks_part)

    base = np.maximum((-headroom).max(axis=1), 0.0)
    split(headroom, "headroom_kw")
    split(base, "base_overload_kw", True)
    for rung, power in powers.items():
        load = np.zeros((len(names), horizon.steps))
        np.add.at(load, (feeder[on], step[on]), (weight[vehicle] * power)[on])
        for g in range(grid.feeders):
            if grid.bank[g] >= 0:
                load[grid.feeders + grid.bank[g]] += load[g]
        over = np.maximum((load - headroom).max(axis=1), 0.0)
        cost = level_costs(over)
        per_level[rung] = (load, over, cost)
        split(load, f"{rung}_kw")
        split(over, f"{rung}_overload_kw", True)
        split(cost, f"{rung}_upgrade_cost", True)
        figures[f"{rung}_overload_kw"] = over.sum()
        figures[f"{rung}_upgrade_cost"] = cost.sum()
        figures[f"{rung}_feeders_overloaded"] = int(np.count_nonzero(over[: grid.feeders] > 1e-6))
    certificates = {
        "unmanaged": Certificate(figures["unmanaged_upgrade_cost"], figures["unmanaged_upgrade_cost"])
    }
    tables = {}
    for rung, s in solved.items():
        price = np.vstack([s.feeder_price, s.bank_price])
        split(price, "price" if rung == "coordinated" else f"{rung}_price")
        paid_at = s.feeder_price + np.where(
            (grid.bank >= 0)[:, None], np.vstack([s.bank_price, np.zeros(horizon.steps)])[grid.bank], 0.0
        )
        share = np.where(on, paid_at[feeder, step], 0.0)
        cost = np.bincount(vehicle, weight[vehicle] * share * s.power, len(weight))
        least, bound = cost, s.objective  # at exact duals nobody can do better
        if rough:
            least, bound = prove_by_hand(scenario, plain, s, rung == "session")
        upgrade = figures[f"{rung}_upgrade_cost"]
        regret = float((cost - least).sum())
        certificates[rung] = Certificate(upgrade, bound, regret, upgrade - bound - regret)
        tables[rung] = (price, cost, least)
    price, cost, least = tables["coordinated"]
    split(price.sum(axis=1), "price_total", True)
    worst = np.argmax(per_level["unmanaged"][0] - headroom, axis=1)
    split(headroom[np.arange(len(names)), worst], "headroom_worst_step_kw", True)
    session = certificates["session"]
    missing = np.array([p.missing for p in plain])
    unmanaged = figures["unmanaged_upgrade_cost"]
    best = certificates["coordinated"]
    run = RunInfo(7, "0.1.0", scenario.sha256(), 1.25, 100.5, {"python": "3", "numpy": "2", "numba": "0"})
    figures |= {
        "scenario": scenario.name,
        "status": Status.CERTIFIED.name,
        "status_advice": Status.CERTIFIED.value,
        "session_status": Status.CERTIFIED.name,
        "session_lower_bound_cost": session.lower_bound_cost,
        "session_relative_gap": session.relative_gap(figures["unmanaged_upgrade_cost"]),
        "banks": grid.banks,
        "base_upgrade_cost": level_costs(base).sum(),
        "vehicle_updates": 20,
        "vehicle_updates_skipped": 4,
        "vehicles": len(weight),
        "vehicles_short": int(np.count_nonzero(missing > 0)),
        "missing_energy_kwh": missing.sum(),
        "feeders": grid.feeders,
        "steps": horizon.steps,
        "variables": len(flat),
        "lower_bound_cost": best.lower_bound_cost,
        "relative_gap": best.relative_gap(unmanaged),
        "absolute_gap": best.absolute_gap,
        "gap_of_savings": best.absolute_gap / (unmanaged - best.upgrade_cost),
        "total_regret_cost": best.total_regret_cost,
        "grid_slack_cost": best.grid_slack_cost,
        "base_overload_kw": base.sum(),
        "iterations": 1,
        "wall_s": run.wall_s,
        "peak_memory_mib": run.peak_memory_mib,
        "seed": run.seed,
        "version": run.version,
        "scenario_sha256": run.scenario_sha256,
    }
    carried = {
        name: grid.attributes[name]
        for name in ("name", "customers", "longitude", "latitude")
        if name in grid.attributes
    }
    if grid.base_load_kw is not None:
        data["base_load_kw"] = (("feeder", "step"), grid.base_load_kw)
    if np.isfinite(grid.rating_kw).any():
        data["rating_kw"] = (("feeder",), grid.rating_kw)
    bank_of = [grid.bank_id[b] if b >= 0 else None for b in grid.bank]
    order = [p.dwell for p in plain]
    schedule = {
        rung: Schedule(
            np.array([k for ks in order for k in ks]),
            np.array([slots[0][0] for p in plain for slots in p.steps]),
            first,
            powers[rung],
        )
        for rung in powers
    }
    return Coordination(
        data=xr.Dataset(
            data,
            coords={
                "feeder": np.asarray(grid.feeder_id, object),
                "bank": np.asarray(grid.bank_id, object),
                "step": np.arange(horizon.steps),
                "time": ("step", horizon.times()),
                **{name: ("feeder", carried[name]) for name in carried if name != "name"},
            },
            attrs={"scenario": scenario.name},
        ),
        feeders=pd.DataFrame({"feeder_id": grid.feeder_id, "bank_id": bank_of} | feeders | carried),
        banks=pd.DataFrame({"bank_id": grid.bank_id} | banks),
        vehicles=pd.DataFrame(
            {
                "vehicle_id": scenario.fleet.vehicle_id,
                "energy_kwh": np.bincount(vehicle, powers["coordinated"], len(weight)) * horizon.step_h,
                "missing_energy_kwh": missing,
                "cost": cost,
                "cheapest_cost": least,
                "regret_cost": cost - least,
            }
        ),
        history=pd.DataFrame(
            {
                "rung": ["session", "coordinated"],
                "iteration": [1, 1],
                "projections": [1, 1],
                "bounds": [0, 0],
                "primal": [certificates[r].upgrade_cost for r in ("session", "coordinated")],
                "bound": [certificates[r].lower_bound_cost for r in ("session", "coordinated")],
                "gap": [certificates[r].relative_gap(unmanaged) for r in ("session", "coordinated")],
                "primal_residual": [np.nan, np.nan],
                "dual_residual": [np.nan, np.nan],
                "penalty": [1.0, 1.0],
                "answered": [4, 4],
                "skipped": [0, 0],
                "seconds": [0.1, 0.2],
            }
        ),
        certificates=certificates,
        statuses={
            "unmanaged": Status.EXACT,
            "session": Status.CERTIFIED,
            "coordinated": Status.CERTIFIED,
        },
        run=run,
        figures=figures,
        schedules=schedule,
        scenario=scenario,
    )
