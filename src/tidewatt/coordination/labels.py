"""From solved rungs to labelled tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from tidewatt.coordination.ladder import SolvedRung
from tidewatt.coordination.result import RUNGS
from tidewatt.domain.arrays import Array
from tidewatt.domain.scenario import Scenario
from tidewatt.result import RunInfo, priced

__all__ = ["level_tables", "loads", "summarise", "vehicle_table"]

OVERLOADED_KW = 1e-6
"""A feeder or bank counts as overloaded from this excess [kW]; anything less is rounding."""


def _plain(scenario: Scenario) -> bool:
    """Tell whether every kW costs 1, as when no upgrade cost is given: costs are then in kW."""
    grid = scenario.grid
    return all(bool((cost.cost_per_kw == 1.0).all()) for cost in (grid.cost, grid.bank_cost))


def _currency(scenario: Scenario) -> str:
    return "" if _plain(scenario) else scenario.currency


def loads(scenario: Scenario, rungs: Mapping[str, SolvedRung]) -> xr.Dataset:
    """Return headroom, loads and prices over (feeder, step) and (bank, step)."""
    grid = scenario.grid
    feeders = grid.feeders
    kw, price = {"units": "kW"}, {"units": priced("cost per kW", _currency(scenario))}
    variables: dict[str, Any] = {}
    for prefix, axis, rows, headroom in (
        ("", "feeder", slice(0, feeders), grid.headroom_kw),
        ("bank_", "bank", slice(feeders, None), grid.bank_headroom_kw),
    ):
        dims = (axis, "step")
        variables[f"{prefix}headroom_kw"] = (dims, headroom, {**kw, "long_name": "hosting capacity left"})
        for name, rung in rungs.items():
            variables[f"{prefix}{name}_kw"] = (
                dims,
                rung.load[rows],
                {**kw, "long_name": f"{name} charging load"},
            )
            if rung.proof is not None:
                key = "price" if name == "coordinated" else f"{name}_price"
                words = (
                    f"dual price of the {axis} itself ({name}); a vehicle pays its feeder's plus its bank's"
                )
                variables[f"{prefix}{key}"] = (dims, rung.proof.dual[rows], {**price, "long_name": words})
    if grid.base_load_kw is not None:
        variables["base_load_kw"] = (
            ("feeder", "step"),
            grid.base_load_kw,
            {**kw, "long_name": "load without charging"},
        )
    coordinates: dict[str, Any] = {
        "feeder": ("feeder", grid.feeder_id, {"long_name": "feeder_id"}),
        "bank": ("bank", grid.bank_id, {"long_name": "bank_id"}),
        "step": ("step", np.arange(scenario.horizon.steps), {"long_name": "step of the horizon"}),
        "time": ("step", scenario.horizon.times(), {"long_name": "start of the step, local time"}),
    }
    for name in ("longitude", "latitude", "customers"):
        if name in grid.attributes:
            values = grid.attributes[name]
            coordinates[name] = ("feeder", values)
    if np.isfinite(grid.rating_kw).any():
        variables["rating_kw"] = (("feeder",), grid.rating_kw, kw)
    return xr.Dataset(variables, coordinates)


def level_tables(
    scenario: Scenario, rungs: Mapping[str, SolvedRung], data: xr.Dataset
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return one row per feeder and per bank: overload and upgrade cost by rung, price total."""
    grid = scenario.grid
    first = rungs["unmanaged"]
    levels, feeders = first.problem.levels, grid.feeders
    columns: dict[str, Array] = {}
    for name, rung in rungs.items():
        beyond = levels.overload(rung.load)
        columns[f"{name}_overload_kw"] = rung.overload()
        columns[f"{name}_upgrade_cost"] = levels.cost_of(beyond) + levels.floor_cost
    columns["base_overload_kw"] = levels.floor
    columns["base_upgrade_cost"] = levels.floor_cost
    headroom = np.concatenate([grid.headroom_kw, grid.bank_headroom_kw])
    worst = np.argmax(first.load - np.where(np.isfinite(headroom), headroom, np.inf), axis=1)
    columns["headroom_worst_step_kw"] = headroom[np.arange(len(headroom)), worst]
    proof = rungs["coordinated"].proof
    assert proof is not None
    columns["price_total"] = proof.dual.sum(axis=1)
    table = pd.DataFrame(columns)
    bank_of = np.full(feeders, None, object)
    has = grid.bank >= 0
    bank_of[has] = grid.bank_id[grid.bank[has]]
    own, banks = table.iloc[:feeders].copy(), table.iloc[feeders:].reset_index(drop=True)
    own.insert(0, "feeder_id", grid.feeder_id)
    own.insert(1, "bank_id", pd.array(bank_of.tolist()) if has.any() else bank_of)
    for name in ("name", "customers", "longitude", "latitude"):
        if name in grid.attributes:
            own[name] = grid.attributes[name]
    banks.insert(0, "bank_id", grid.bank_id)
    if "name" in grid.bank_attributes:
        banks["name"] = grid.bank_attributes["name"]
    return own, banks


def vehicle_table(scenario: Scenario, rung: SolvedRung, missing_kwh: Array) -> pd.DataFrame:
    """Return one row per vehicle: energy drawn and missing, cost against its own cheapest schedule."""
    problem, proof, schedule = rung.problem, rung.proof, rung.schedule
    assert proof is not None and schedule is not None
    n = len(scenario.fleet)
    owner = np.searchsorted(scenario.dwells.first, schedule.dwell, side="right") - 1
    empty = np.zeros(0)
    drawn = np.add.reduceat(schedule.power_kw, schedule.first[:-1]) if len(owner) else empty
    energy = np.bincount(owner, drawn, n) * problem.step_h
    cost, least = np.empty(n), np.empty(n)
    cost[problem.vehicle] = problem.fleet.weight * proof.cost
    least[problem.vehicle] = problem.fleet.weight * proof.least
    return pd.DataFrame(
        {
            "vehicle_id": scenario.fleet.vehicle_id,
            "energy_kwh": energy,
            "missing_energy_kwh": missing_kwh,
            "cost": cost,
            "cheapest_cost": least,
            "regret_cost": np.maximum(cost - least, 0.0),
        }
    )


def summarise(
    scenario: Scenario, rungs: Mapping[str, SolvedRung], missing_kwh: Array, run: RunInfo
) -> dict[str, Any]:
    """Return the figures of ``summary.json``; they are None for a rung that was not solved."""
    best = rungs["coordinated"]
    unmanaged = rungs["unmanaged"].certificate.upgrade_cost
    proof, feeders = best.certificate, scenario.grid.feeders
    figures: dict[str, Any] = {
        "scenario": scenario.name,
        "currency": scenario.currency,
        "cost_unit": "kW" if _plain(scenario) else scenario.currency,
        "status": best.status.name,
        "status_advice": best.status.value,
        "vehicles": len(scenario.fleet),
        "vehicles_short": int(np.count_nonzero(missing_kwh > 0)),
        "missing_energy_kwh": float(missing_kwh.sum()),
        "feeders": feeders,
        "banks": scenario.grid.banks,
        "steps": scenario.horizon.steps,
        "variables": best.problem.variables,
        "base_overload_kw": float(best.problem.levels.floor.sum()),
        "base_upgrade_cost": best.problem.levels.base_cost,
    }
    # What is proved splits the cost of unmanaged charging into what no plan can spare and what one might.
    least = min(max(proof.lower_bound_cost, best.problem.levels.base_cost), unmanaged)
    figures["unavoidable_upgrade_cost"] = least - best.problem.levels.base_cost
    figures["avoidable_upgrade_cost"] = unmanaged - least
    for name in RUNGS:
        rung = rungs.get(name)
        over = rung.overload() if rung else None
        figures[f"{name}_overload_kw"] = None if over is None else float(over.sum())
        figures[f"{name}_feeders_overloaded"] = (
            None if over is None else int(np.count_nonzero(over[:feeders] > OVERLOADED_KW))
        )
        figures[f"{name}_banks_overloaded"] = (
            None if over is None else int(np.count_nonzero(over[feeders:] > OVERLOADED_KW))
        )
        figures[f"{name}_upgrade_cost"] = None if rung is None else rung.certificate.upgrade_cost
    if "session" in rungs:
        session = rungs["session"].certificate
        figures["session_lower_bound_cost"] = session.lower_bound_cost
        figures["session_relative_gap"] = session.relative_gap(unmanaged)
        figures["session_status"] = rungs["session"].status.name
    saved = unmanaged - proof.upgrade_cost
    figures |= {
        "lower_bound_cost": proof.lower_bound_cost,
        "absolute_gap": proof.absolute_gap,
        "relative_gap": proof.relative_gap(unmanaged),
        "gap_of_savings": proof.absolute_gap / saved if saved > 0 else None,
        "total_regret_cost": proof.total_regret_cost,
        "grid_slack_cost": proof.grid_slack_cost,
        "iterations": best.tally.passes,
        "vehicle_updates": best.tally.answered,
        "vehicle_updates_skipped": best.tally.skipped,
        "wall_s": run.wall_s,
        "peak_memory_mib": run.peak_memory_mib,
        "seed": run.seed,
        "version": run.version,
        "scenario_sha256": run.scenario_sha256,
    }
    return figures
