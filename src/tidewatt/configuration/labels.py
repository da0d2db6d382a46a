"""From judged days to a labelled result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from tidewatt.configuration.accounts import retrofit_of
from tidewatt.configuration.costs import Costs
from tidewatt.configuration.limits import (
    Limits,
    added_kw,
    broken_budget,
    broken_feeders,
    broken_sites,
    capital,
    station_cost_holds,
)
from tidewatt.configuration.loads import STEP_MIN, CoordinatedLoad
from tidewatt.configuration.search import FoundPlan
from tidewatt.configuration.validation import Asked
from tidewatt.configuration.verdict import FIGURES, Verdict
from tidewatt.domain.arrays import Array
from tidewatt.result import RunInfo, Status, priced
from tidewatt.simulation.totals import half_width
from tidewatt.simulation.world import World

__all__ = [
    "SHOWN",
    "cost_table",
    "cost_unit",
    "dataset",
    "day_table",
    "front_table",
    "plan_table",
    "summarise",
]

SHOWN = (
    *Costs._fields,
    *("mean_detour_min", "mean_wait_min", "mean_charge_min", "peak_load_kw", "peak_valley_kw", "queue_peak"),
    "traffic_flow_veh_per_min",
)
"""Figures of ``before`` and ``after``, in the order of the summary and of the table of costs."""

_MORE = ("charges", "charges_fast", "charges_normal", "unserved", "energy_kwh", "revenue")
_UNITS = {
    "mean_detour_min": "min",
    "mean_wait_min": "min",
    "mean_charge_min": "min",
    "peak_load_kw": "kW",
    "peak_valley_kw": "kW",
    "queue_peak": "vehicles",
    "traffic_flow_veh_per_min": "vehicles/min",
    "energy_kwh": "kWh/day",
    "revenue": "cost/day",
    "charges": "1/day",
    "charges_fast": "1/day",
    "charges_normal": "1/day",
    "unserved": "1/day",
}
_PLANS = ("before", "after")
_UNNAMED = "of the scenario's money"


def _half(values: Array) -> float:
    return float(half_width(float(np.std(values, ddof=1)), len(values)))


def cost_unit(world: World, money_unit: float) -> str:
    """Return the unit that costs are in: some amount of the scenario's money, such as ``10,000 USD``."""
    currency = world.scenario.currency
    return currency if money_unit == 1.0 else f"{money_unit:,.15g} {currency or _UNNAMED}"


def cost_table(verdict: Verdict, unit: str, currency: str) -> pd.DataFrame:
    """Return one row per cost or figure: before, after and change with half of their 95 % intervals."""
    rows = []
    for name in (*SHOWN, *_MORE):
        before, after = (verdict.values(plan, name) for plan in _PLANS)
        means = [verdict.mean(plan, name) for plan in _PLANS]
        said = priced(_UNITS[name], currency) if name in _UNITS else priced("cost/day", unit)
        rows.append(
            (
                name,
                said,
                means[0],
                _half(before),
                means[1],
                _half(after),
                means[1] - means[0],
                _half(after - before),
            )
        )
    columns = ("figure", "unit", "before", "before_ci95", "after", "after_ci95", "change", "change_ci95")
    return pd.DataFrame(rows, columns=pd.Index(columns))


def day_table(verdict: Verdict) -> pd.DataFrame:
    """Return one row per fresh day and plan, with what a replay says of it."""
    parts = []
    for plan in _PLANS:
        part = pd.DataFrame({name: verdict.values(plan, name) for name in (*Costs._fields, *FIGURES)})
        part.insert(0, "plan", plan)
        part.insert(0, "day", np.arange(len(part)))
        replayed = [(day.replayed_objective, day.replayed_wait_min) for day in verdict.days]
        after = plan == "after"
        part["objective"] = verdict.objective if after else 0.0
        part["replayed_objective"] = [r[0] if after else 0.0 for r in replayed]
        wait = verdict.values(plan, "mean_wait_min")
        part["replayed_wait_min"] = [r[1] for r in replayed] if after else wait
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def plan_table(world: World, asked: Asked, fast: Array, normal: Array, verdict: Verdict) -> pd.DataFrame:
    """Return one row per station."""
    stations, roads = world.stations, world.roads
    columns: dict[str, Any] = {
        "station_id": stations.station_id,
        "node_id": roads.node_id[stations.node],
        "x": roads.x[stations.node],
        "y": roads.y[stations.node],
        "fast_before": stations.fast,
        "fast_after": fast,
        "normal_before": stations.normal,
        "normal_after": normal,
        "retrofit_cost": retrofit_of(stations, asked.parameters, fast, normal),
    }
    built = dict(zip(_PLANS, (stations.fast + stations.normal, fast + normal), strict=True))
    with np.errstate(divide="ignore", invalid="ignore"):
        for plan in _PLANS:
            charges, wait = verdict.stations(plan, "charges"), verdict.stations(plan, "wait_min")
            columns[f"wait_{plan}_min"] = wait / charges
        for plan in _PLANS:
            columns[f"peak_{plan}_kw"] = verdict.stations(plan, "peak_load_kw")
        for plan in _PLANS:
            used = verdict.stations(plan, "occupied_chargers") / built[plan]
            columns[f"utilisation_{plan}"] = np.where(built[plan] > 0, used, np.nan)
        for plan in _PLANS:
            columns[f"charges_{plan}"] = verdict.stations(plan, "charges")
    return pd.DataFrame(columns)


def dataset(verdict: Verdict, coordinated: Mapping[str, CoordinatedLoad] | None) -> xr.Dataset:
    """Return load and queue over the day, before and after; for one day also coordinated."""
    series = {
        name: (("plan", "minute"), np.stack([verdict.profile(plan, name) for plan in _PLANS]))
        for name in ("load_kw", "queue_vehicles")
    }
    if coordinated is not None:
        every = round(STEP_MIN)
        for way in ("unmanaged", "coordinated"):
            loads = [getattr(coordinated[plan], f"{way}_kw").sum(axis=0) for plan in _PLANS]
            name = "load_coordinated_kw" if way == "coordinated" else "load_one_day_kw"
            series[name] = (("plan", "minute"), np.repeat(np.stack(loads), every, axis=1))
    minutes = len(verdict.days[0].before.load_kw)
    data = xr.Dataset(series, coords={"plan": list(_PLANS), "minute": np.arange(minutes)})
    for name in map(str, data.data_vars):
        data[name].attrs["units"] = "vehicles" if name == "queue_vehicles" else "kW"
    return data


def front_table(front: Mapping[str, Array] | None) -> pd.DataFrame | None:
    """Return one row per non-dominated plan: its costs on the days of the search, and its chargers."""
    if front is None:
        return None
    table = pd.DataFrame({f"f{k}": front[f"f{k}"] for k in range(1, 5)})
    table.insert(0, "plan", np.arange(len(table)))
    for kind in ("fast", "normal"):
        table[kind] = [row.tolist() for row in np.asarray(front[kind], np.int64)]
    return table


def summarise(
    world: World,
    asked: Asked,
    found: FoundPlan,
    replays: int,
    verdict: Verdict,
    coordinated: Mapping[str, CoordinatedLoad] | None,
    status: Status,
    run: RunInfo,
) -> dict[str, Any]:
    """Return the keys of ``summary.json``."""
    p, s = asked.parameters, world.stations
    fast, normal = found.fast, found.normal
    mean = {plan: {name: verdict.mean(plan, name) for name in (*SHOWN, *_MORE)} for plan in _PLANS}
    charges = verdict.values("before", "charges")
    replayed = np.array([day.replayed_wait_min for day in verdict.days])
    # Replays serve the requests of the day before the change: means weigh its charges.
    replayed_wait = float(replayed @ charges / charges.sum()) if charges.sum() > 0 else 0.0
    objective = sum(
        w * (mean["after"][f"f{k}"] - mean["before"][f"f{k}"]) for k, w in enumerate(p["weights"], 1)
    )
    replayed_objective = float(np.mean([day.replayed_objective for day in verdict.days]))
    changed = (fast != s.fast) | (normal != s.normal)
    return {
        "scenario": world.scenario.name,
        "currency": world.scenario.currency,
        "cost_unit": cost_unit(world, p["money_unit"]),
        "status": status.name.lower(),
        "mode": p["mode"],
        "search": p["search"],
        "information": asked.simulation["information"],
        "weights": dict(zip(("stations", "drivers", "grid", "traffic"), p["weights"], strict=True)),
        "days_train": p["days_train"],
        "days_test": p["days_test"],
        "evaluations": found.evaluations,
        "replays": replays,
        "wall_s": run.wall_s,
        "objective_train": found.objective,
        "objective": objective,
        "objective_ci95": _half(verdict.objective),
        "before": {name: mean["before"][name] for name in SHOWN},
        "after": {name: mean["after"][name] for name in SHOWN},
        "stations_changed": int(changed.sum()),
        "fast_before": int(s.fast.sum()),
        "fast_after": int(fast.sum()),
        "normal_before": int(s.normal.sum()),
        "normal_after": int(normal.sum()),
        "constraints": constraints(asked.limits, fast, normal, verdict),
        "replay_error": {
            "objective": replayed_objective - objective,
            "mean_wait_min": replayed_wait - mean["after"]["mean_wait_min"],
        },
        "coordinated": None
        if coordinated is None
        else {
            "accepted_wait_min": p["accepted_wait_min"],
            "step_min": STEP_MIN,
            **{plan: coordinated[plan].figures(p) for plan in _PLANS},
        },
        "seed": run.seed,
        "version": run.version,
        "scenario_sha256": run.scenario_sha256,
        "limits": room_left(asked.limits, fast, normal, verdict),
        "charges_before": mean["before"]["charges"],
        "charges_after": mean["after"]["charges"],
        "unserved_before": mean["before"]["unserved"],
        "unserved_after": mean["after"]["unserved"],
        "vehicles": asked.simulation["vehicles"],
        "stations": len(s),
        "links": world.roads.links,
        "peak_memory_mib": run.peak_memory_mib,
        "parameters": dict(p),
        "simulation": dict(asked.simulation),
    }


def constraints(limits: Limits, fast: Array, normal: Array, verdict: Verdict) -> dict[str, bool]:
    """Return whether the plan keeps each limit; the station cost is checked on the fresh days."""
    above, below, changed = broken_sites(limits, fast[None], normal[None])
    f1 = [verdict.mean(plan, "f1") for plan in ("after", "before")]
    return {
        "site": not bool((above | below).any()),
        "cost_18": bool(station_cost_holds(np.array(f1[0]), np.array(f1[1]))),
        "budget": not bool(broken_budget(limits, fast[None], normal[None])[0]),
        "feeder": not bool(broken_feeders(limits, fast[None], normal[None]).any()),
        "fixed": not bool(changed.any()),
    }


def room_left(limits: Limits, fast: Array, normal: Array, verdict: Verdict) -> dict[str, float | int | None]:
    """Return which limits bind: sites and feeders with no room for a charger, and the money left."""
    free = ~limits.fixed
    full = free & (fast + normal >= limits.total_high)
    smallest = np.full(len(limits.feeder_id), np.inf)
    supplied = limits.feeder >= 0
    np.minimum.at(smallest, limits.feeder[supplied], np.minimum(limits.fast_kw, limits.normal_kw)[supplied])
    left = limits.feeder_room_kw - added_kw(limits, fast, normal)
    spent = float(capital(limits, fast, normal))
    rise = verdict.mean("after", "f1") - verdict.mean("before", "f1")
    return {
        "sites_full": int(full.sum()),
        "sites": int(free.sum()),
        "feeders_full": int((np.isfinite(smallest) & (left < smallest)).sum()),
        "feeders": int(np.isfinite(smallest).sum()),
        "capital": spent,
        "budget_left": limits.budget - spent if np.isfinite(limits.budget) else None,
        "station_cost_left": -rise,
    }
