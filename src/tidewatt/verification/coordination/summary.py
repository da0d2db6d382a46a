"""A result's tables and summary figures, against the re-derived ones."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from tidewatt.domain.arrays import Array
from tidewatt.result import Status
from tidewatt.verification.common.claims import Claims
from tidewatt.verification.common.findings import CheckList, count
from tidewatt.verification.coordination.overload import Level
from tidewatt.verification.coordination.rungs import Own, VerifiedRung, load_tolerance, money_tolerance

__all__ = ["check_elements", "check_history", "check_summary", "check_vehicles"]

LADDER = ("unmanaged", "session", "coordinated")

OVERLOADED_KW = 1e-6
"""Overload from which a feeder counts as overloaded; counts may differ by feeders within rounding of it."""


def _column(frame: pd.DataFrame, name: str) -> Array:
    if name not in frame:
        return np.full(len(frame), np.nan)
    return pd.to_numeric(frame[name], errors="coerce").to_numpy(np.float64)


def check_elements(
    claims: Claims,
    ledger: CheckList,
    own: Own,
    overloads: Mapping[str, tuple[Array, Array]],
    costs: Mapping[str, tuple[Array, Array]],
    price: tuple[Array, Array],
    unmanaged_kw: tuple[Array, Array],
) -> None:
    """Check ``feeders.parquet`` and ``banks.parquet``, row by row."""
    for place, level in enumerate(own.levels):
        frame = claims.tables[f"{level.kind}s"]
        same = _same_ids(frame.get(f"{level.kind}_id"), level.ids)
        if not ledger.add(
            f"{level.kind}s table: rows",
            same,
            f"{count(len(frame), 'row')}, {count(len(level.ids), level.kind)}",
        ):
            continue
        if level.kind == "feeder":
            grid = own.scenario.grid
            bank = np.where(grid.bank >= 0, np.append(grid.bank_id, "")[grid.bank], "")
            ledger.add(
                "feeders table: banks",
                _same_ids(frame.get("bank_id"), bank),
                "each feeder stands under its bank",
            )
        compared: list[tuple[str, Array, float | Array]] = [
            ("base_overload_kw", level.base_overload_kw, 1e-9 * (1 + level.base_overload_kw))
        ]
        for rung in overloads:
            over, cost = overloads[rung][place], costs[rung][place]
            slack = load_tolerance(over + level.base_overload_kw)
            compared += [(f"{rung}_overload_kw", over, slack)]
            compared += [(f"{rung}_upgrade_cost", cost, slack * level.budget() + 1e-9 * cost)]
        total = price[place].sum(axis=1)
        compared += [("price_total", total, 1e-9 * (1 + total))]
        base_cost = level.cost(level.base_overload_kw)
        if "base_upgrade_cost" in frame:  # results of earlier versions lack it
            compared += [("base_upgrade_cost", base_cost, 1e-9 * (1 + base_cost))]
        for name, mine, tolerance in compared:
            ledger.equal(
                f"{level.kind}s table: {name}", _column(frame, name), mine, tolerance, labels=level.ids
            )
        _check_worst_step(frame, ledger, level, unmanaged_kw[place])


def _check_worst_step(frame: pd.DataFrame, ledger: CheckList, level: Level, unmanaged_kw: Array) -> None:
    """Check the headroom in the step of the worst unmanaged overload; in a tie, any such step."""
    said = _column(frame, "headroom_worst_step_kw")
    beyond = unmanaged_kw - level.headroom_kw
    worst = beyond >= beyond.max(axis=1, initial=-np.inf, keepdims=True) - load_tolerance(unmanaged_kw)
    worst |= np.isneginf(beyond)
    found = (worst & np.isclose(level.headroom_kw, said[:, None], rtol=1e-9, atol=1e-9)).any(axis=1)
    ledger.add(
        f"{level.kind}s table: headroom_worst_step_kw",
        bool(found.all()),
        "each is that of the worst unmanaged step"
        if found.all()
        else f"not so at {level.ids[int(np.argmin(found))]}",
    )


def _check_overloaded(ledger: CheckList, name: str, number: float, over: Array, level: Level) -> None:
    """Check how many feeders or banks are overloaded; rounding may tip those at the threshold."""
    slack = load_tolerance(over + level.base_overload_kw)
    least = int(np.count_nonzero(over > OVERLOADED_KW + slack))
    most = int(np.count_nonzero(over > np.maximum(OVERLOADED_KW - slack, 0.0)))
    ledger.add(
        f"summary: {name}",
        least <= number <= most,
        f"the files say {number:,.10g}, recomputed {least:,}" + (f" to {most:,}" if most > least else ""),
    )


def check_vehicles(claims: Claims, ledger: CheckList, own: Own, rung: VerifiedRung) -> None:
    """Check ``vehicles.parquet``: energy, missing energy and regret of every vehicle."""
    frame, fleet, needs = claims.tables["vehicles"], own.scenario.fleet, own.needs
    same = _same_ids(frame.get("vehicle_id"), fleet.vehicle_id)
    if not ledger.add(
        "vehicles table: rows", same, f"{count(len(frame), 'row')}, {count(len(fleet), 'vehicle')}"
    ):
        return
    regret = rung.paid - rung.cheapest
    # The solver proves least costs to within rounding of power times the dearest price.
    dearest = sum(float(price.max(initial=0.0)) for price in rung.price)
    rounding = 1e-8 * dearest * float(needs.power_kw.max(initial=0.0)) * fleet.weight
    money = 1e-6 * (rung.paid + np.abs(rung.cheapest)) + rounding + 1e-12
    for name, mine, tolerance in (
        ("energy_kwh", rung.energy_kwh, np.full(len(fleet), 1e-5)),
        ("missing_energy_kwh", needs.missing_kwh, 1e-6 + 1e-9 * fleet.battery_kwh),
        ("cost", rung.paid, money),
        ("cheapest_cost", rung.cheapest, money),
        ("regret_cost", regret, money),
    ):
        ledger.equal(
            f"vehicles table: {name}", _column(frame, name), mine, tolerance, labels=fleet.vehicle_id
        )
    said = claims.certificate.get("missing_energy_kwh", {})
    short = np.flatnonzero(needs.missing_kwh > 0)
    listed = np.array([_number(said.get(str(v))) for v in fleet.vehicle_id[short]])
    ledger.equal("certificate: missing energy", listed, needs.missing_kwh[short], 1e-6, "kWh")
    ledger.add(
        "certificate: vehicles that fall short",
        len(said) == len(short),
        f"{len(said):,} listed, {len(short):,} found",
    )


def check_summary(
    claims: Claims,
    ledger: CheckList,
    own: Own,
    overloads: Mapping[str, tuple[Array, Array]],
    costs: Mapping[str, tuple[Array, Array]],
    found: Mapping[str, VerifiedRung],
) -> None:
    """Check the figures of ``summary.json``; what only the run itself knew must agree between the files."""
    said, scenario, needs = claims.summary, own.scenario, own.needs
    upgrade = {rung: math.fsum(np.concatenate(each)) for rung, each in costs.items()}
    best = found["coordinated"]
    bound, cost, unmanaged = best.lower_bound_cost, best.upgrade_cost, own.unmanaged_cost
    gap = max(cost - bound, 0.0)
    money = money_tolerance(own, cost)
    loose = money + 1e-10 * best.scale + 1e-6 * max(cost, 1e-3 * unmanaged)
    base_cost = math.fsum(np.concatenate([lv.cost(lv.base_overload_kw) for lv in own.levels]))
    base = sum(math.fsum(level.base_overload_kw) for level in own.levels)
    exact = {
        "vehicles": len(scenario.fleet),
        "vehicles_short": int(np.count_nonzero(needs.missing_kwh > 0)),
        "feeders": scenario.grid.feeders,
        "banks": scenario.grid.banks,
        "steps": scenario.horizon.steps,
        "variables": needs.variables,
    }
    for name, whole in exact.items():
        ledger.equal(f"summary: {name}", _number(said.get(name)), whole, 0.0)
    relative = gap / scale if (scale := max(cost, 1e-9 * unmanaged)) > 0 else 0.0
    saved = unmanaged - cost
    figures = {
        "missing_energy_kwh": (float(needs.missing_kwh.sum()), 1e-6 * (1 + len(scenario.fleet))),
        "base_overload_kw": (base, 1e-9 * (1 + base)),
        "base_upgrade_cost": (base_cost, 1e-9 * (1 + base_cost)),
        "lower_bound_cost": (bound, loose),
        "absolute_gap": (gap, loose),
        "relative_gap": (relative, loose / scale if scale > 0 else 0.0),
        "total_regret_cost": (math.fsum(best.paid - best.cheapest), loose),
        "grid_slack_cost": (best.grid_slack_cost, loose),
    }
    least = min(max(bound, base_cost), unmanaged)
    split = {
        "unavoidable_upgrade_cost": (least - base_cost, loose + 1e-9 * (1 + base_cost)),
        "avoidable_upgrade_cost": (unmanaged - least, loose + money_tolerance(own, unmanaged)),
    }
    figures |= {
        name: of for name, of in split.items() if name in said
    }  # results of earlier versions lack them
    for rung in overloads:
        kilowatts = math.fsum(np.concatenate(overloads[rung]))
        figures[f"{rung}_overload_kw"] = (kilowatts, 1e-6 * (1 + len(own.levels[0].ids)) + 1e-9 * kilowatts)
        figures[f"{rung}_upgrade_cost"] = (upgrade[rung], money_tolerance(own, upgrade[rung]))
    if "session" in found:
        session = found["session"]
        slack = 1e-10 * session.scale + money + 1e-6 * max(session.upgrade_cost, 1e-3 * unmanaged)
        per = max(session.upgrade_cost, 1e-9 * unmanaged)
        width = max(session.upgrade_cost - session.lower_bound_cost, 0.0)
        figures["session_lower_bound_cost"] = (session.lower_bound_cost, slack)
        figures["session_relative_gap"] = (width / per, slack / per) if per > 0 else (0.0, 0.0)
    for name, (mine, tolerance) in figures.items():
        ledger.equal(f"summary: {name}", _number(said.get(name)), mine, tolerance)
    if saved > money:
        mine = gap / saved
        ledger.equal("summary: gap_of_savings", _number(said.get("gap_of_savings")), mine, 2 * loose / saved)
    elif saved < -money:
        ledger.add("summary: gap_of_savings", said.get("gap_of_savings") is None, "nothing is saved")
    for rung in overloads:
        for level, over in zip(own.levels, overloads[rung], strict=True):
            name = f"{rung}_{level.kind}s_overloaded"
            if name in said or level.kind == "feeder":  # results of earlier versions do not count banks
                _check_overloaded(ledger, name, _number(said.get(name)), over, level)
    for rung in LADDER:
        if rung not in overloads:
            left = [key for key in said if key.startswith(f"{rung}_") and said[key] is not None]
            ledger.add(f"summary: nothing is claimed of {rung}", not left, ", ".join(left) or "nothing is")
    run, statuses = claims.certificate.get("run", {}), claims.certificate.get("statuses", {})
    same = {
        "scenario_sha256": claims.certificate.get("scenario_sha256"),
        "status": statuses.get("coordinated"),
        **claims.certificate.get("counts", {}),
        **{key: run.get(key) for key in ("seed", "version", "wall_s", "peak_memory_mib")},
    }
    if statuses.get("coordinated") in Status.__members__:
        same["status_advice"] = Status[statuses["coordinated"]].value
    if "session" in found:
        same["session_status"] = statuses.get("session")
    for name, value in same.items():
        ledger.add(
            f"summary: {name}",
            said.get(name) == value and (name in said or value is None),
            f"{said.get(name)!r}, as in certificate.json"
            if said.get(name) == value
            else f"{said.get(name)!r}, but {value!r} in certificate.json",
        )
    checked = {*exact, *figures, *same, "gap_of_savings", "scenario"}
    checked |= {f"{rung}_{level.kind}s_overloaded" for rung in overloads for level in own.levels}
    if others := [key for key in said if key not in checked and said[key] is not None]:
        ledger.add("summary: other figures", True, f"not looked at: {', '.join(others)}")
    ledger.add("summary: scenario", said.get("scenario") == scenario.name, f"{said.get('scenario')!r}")


def check_history(claims: Claims, ledger: CheckList, found: Mapping[str, VerifiedRung], own: Own) -> None:
    """Check that no line of ``history.csv`` claims a cost below the bound or a bound above the cost."""
    frame = claims.tables["history"]
    for rung, each in found.items():
        mine = frame[frame["rung"] == rung] if "rung" in frame else frame.iloc[:0]
        slack = 1e-10 * each.scale + money_tolerance(own, each.upgrade_cost)
        primal, bound = _column(mine, "primal"), _column(mine, "bound")
        wrong = (primal < each.lower_bound_cost - slack) | (bound > each.upgrade_cost + slack)
        ledger.add(
            f"{rung}: history",
            not wrong.any(),
            f"{count(len(mine), 'line')}, none of which contradicts the bracket"
            if not wrong.any()
            else f"{int(wrong.sum()):,} of {len(mine):,} lines contradict the bracket, first iteration "
            f"{mine['iteration'].iloc[int(np.argmax(wrong))]}",
        )


def _same_ids(column: pd.Series | None, ids: Array) -> bool:
    if column is None or len(column) != len(ids):
        return False
    text = np.array(["" if pd.isna(each) else _text(each) for each in column.tolist()], object)
    return bool(np.all(text == np.asarray(ids, object)))


def _text(value: object) -> str:
    """Return an id as text; an integer that gaps turned into a float counts as an integer."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _number(value: object) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else math.nan  # type: ignore[arg-type]
