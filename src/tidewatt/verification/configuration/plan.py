"""Limits and retrofit costs of a plan, from its chargers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.scenario import Scenario
from tidewatt.domain.stations import Stations
from tidewatt.verification.common.expected import read_table
from tidewatt.verification.common.findings import CheckList
from tidewatt.verification.common.scenario_tables import read_tables

if TYPE_CHECKING:
    from tidewatt.verification.configuration.claims import ClaimedPlans

__all__ = ["check_front", "check_plan", "check_scenario", "kept_limits", "life_and_age", "yearly_share"]

_SLACK = 1e-8
_MODES = ("corrected", "paper-equation", "paper-table")


def life_and_age(stations: Stations, p: Mapping[str, Any]) -> tuple[Array, Array]:
    """Return planned life and age of every station [years]."""
    life = [p["life_years"] if math.isnan(v) else v for v in stations.life_years.tolist()]
    age = [p["age_years"] if math.isnan(v) else v for v in stations.age_years.tolist()]
    return np.array(life, np.float64), np.array(age, np.float64)


def yearly_share(left: Array, rate: float) -> Array:
    """Return the annual payment for a capital sum with interest (conf-4), by the printed formula."""
    grown = (1.0 + rate) ** left
    return np.asarray(rate * grown / (grown - 1.0))


def _retrofit(stations: Stations, p: Mapping[str, Any], fast: Array, normal: Array) -> Array:
    """Return each station's retrofit cost per day (conf-3 to conf-5), one after another."""
    life, age = life_and_age(stations, p)
    cost = []
    for s in range(len(stations)):
        left = max(life[s] - age[s], 0.0)
        if p["mode"] == "paper-table":
            resale, share = 1.0, 1.0
        elif p["mode"] == "corrected":
            resale = left / life[s]
            share = float(yearly_share(np.array(max(left, 1.0)), p["discount_rate"]))
        else:
            resale, share = left / age[s], float(yearly_share(np.array(left), p["discount_rate"]))
        capital = 0.0
        for change, price in (
            (int(fast[s] - stations.fast[s]), p["fast_cost"]),
            (int(normal[s] - stations.normal[s]), p["normal_cost"]),
        ):
            capital += price * change * (1.0 if change > 0 else resale)
        cost.append(capital * share / 365.0)
    return np.array(cost)


def kept_limits(
    scenario: Scenario, stations: Stations, p: Mapping[str, Any], fast: Array, normal: Array
) -> dict[str, bool]:
    """Return which limits on numbers of chargers a plan keeps (conf-17, and optional ones)."""
    installed = stations.fast + stations.normal
    most = np.where(np.isnan(stations.max_total), installed, np.floor(stations.max_total))
    changed = (fast != stations.fast) | (normal != stations.normal)
    site = (fast + normal <= most) & (fast >= stations.fast_min) & (normal >= stations.normal_min)
    more_kw = (fast - stations.fast) * stations.fast_kw + (normal - stations.normal) * stations.normal_kw
    feeder = True
    if p["feeder_headroom"]:
        for g in range(scenario.grid.feeders):
            headroom = scenario.grid.headroom_kw[g]
            room = max(float(headroom.min()), 0.0) if headroom.size else math.inf
            feeder &= float(more_kw[stations.feeder == g].sum()) <= room * (1 + _SLACK) + _SLACK
    life, age = life_and_age(stations, p)
    with np.errstate(divide="ignore", invalid="ignore"):
        resale = np.maximum(life - age, 0.0) / (age if p["mode"] == "paper-equation" else life)
    if p["mode"] == "paper-table":
        resale = np.ones(len(life))
    spent = 0.0
    for change, price in (
        (fast - stations.fast, p["fast_cost"]),
        (normal - stations.normal, p["normal_cost"]),
    ):
        sold = np.minimum(change, 0)
        spent += price * float(np.maximum(change, 0).sum() + (sold * np.where(sold < 0, resale, 0.0)).sum())
    budget = math.inf if p["budget"] is None else float(p["budget"])
    return {
        "site": bool(site.all()),
        "budget": spent <= budget + _SLACK * max(abs(budget), 1.0) if math.isfinite(budget) else True,
        "feeder": bool(feeder),
        "fixed": not bool((changed & stations.fixed).any()),
    }


def check_plan(ledger: CheckList, found: ClaimedPlans, scenario: Scenario, stations: Stations) -> bool:
    """Check ``plan.parquet`` against the scenario; return whether reading on makes sense."""
    p, plan, f = found.parameters, found.plan, found.summary
    if not ledger.add("mode", p["mode"] == f["mode"] and p["mode"] in _MODES, str(f["mode"])):
        return False
    assert scenario.roads is not None
    for name in ("x", "y"):
        mine = getattr(scenario.roads, name)[stations.node]
        theirs = plan[name].to_numpy(np.float64)
        gaps = np.isnan(mine) & np.isnan(theirs)
        ledger.equal(
            f"plan: {name}", np.where(gaps, 0, theirs), np.where(gaps, 0, mine), 0.0, "", stations.station_id
        )
    for kind, installed in (("fast", stations.fast), ("normal", stations.normal)):
        said = plan[f"{kind}_before"].to_numpy(np.float64)
        ledger.equal(f"plan: {kind}_before", said, installed, 0.0, "", stations.station_id)
    own = _retrofit(stations, p, found.fast, found.normal)
    theirs = plan["retrofit_cost"].to_numpy(np.float64)
    scale = 1e-9 * max(float(np.abs(own).max(initial=0.0)), 1e-3)
    ledger.equal("plan: retrofit_cost", theirs, own, scale, "", stations.station_id)
    limits = kept_limits(scenario, stations, p, found.fast, found.normal)
    for name, kept in limits.items():
        said = f["constraints"].get(name)
        ledger.add(
            f"limits: {name}",
            said is kept,
            f"{'kept' if kept else 'NOT kept'}, as the summary says"
            if said is kept
            else f"the summary says {said}, recomputed {kept}",
        )
    if not all(limits.values()):
        told = f["status"] == "unmet"
        ledger.add("limits", told, "not all kept" + (", and the status says so" if told else ""))
    changed = (found.fast != stations.fast) | (found.normal != stations.normal)
    counts = {
        "stations_changed": int(changed.sum()),
        "fast_before": int(stations.fast.sum()),
        "fast_after": int(found.fast.sum()),
        "normal_before": int(stations.normal.sum()),
        "normal_after": int(found.normal.sum()),
        "stations": len(stations),
        "links": scenario.roads.links,
    }
    wrong = [f"{name} {f.get(name)}, recomputed {own}" for name, own in counts.items() if f.get(name) != own]
    ledger.add("summary: counts", not wrong, "; ".join(wrong) or "chargers and stations match the plan")
    return True


def check_scenario(ledger: CheckList, found: ClaimedPlans, scenario: Scenario, stations: Stations) -> None:
    """Check that the folder ``scenario`` holds the plan and no other change."""
    try:
        new = read_tables(found.folder / "scenario")
    except Exception as error:  # whatever a forged or damaged file provokes is a failed check
        ledger.add("scenario with the plan", False, f"{type(error).__name__}: {error}")
        return
    most = np.where(np.isnan(stations.max_total), stations.fast + stations.normal, stations.max_total)
    closed = (found.fast == 0) & (found.normal == 0)
    wanted = replace(stations, fast=found.fast, normal=found.normal, max_total=most, closed=closed)
    good = new.sha256() == replace(scenario, stations=wanted).sha256()
    ledger.add(
        "scenario with the plan", good, "matches the scenario with the plan's chargers" if good else "differs"
    )


def check_front(ledger: CheckList, found: ClaimedPlans, scenario: Scenario, stations: Stations) -> None:
    """Check that no plan of the front beats another one, and that all keep their limits."""
    path = found.folder / "front.parquet"
    if not path.is_file():
        ledger.add("front", found.summary["search"] != "pareto", "none; only the Pareto search has one")
        return
    front = read_table(found.folder, "configuration", path.name)
    totals = front[["f1", "f2", "f3", "f4"]].to_numpy(np.float64)
    beaten = 0
    for row in totals:
        beaten += bool(((totals <= row).all(axis=1) & (totals < row).any(axis=1)).any())
    ledger.add("front", beaten == 0, f"{len(front):,} plans, {beaten} of them beaten in all four costs")
    kept = True
    for fast, normal in zip(front["fast"], front["normal"], strict=True):
        limits = kept_limits(
            scenario, stations, found.parameters, np.asarray(fast, np.int64), np.asarray(normal, np.int64)
        )
        kept &= all(limits.values())
    ledger.add("front: limits", kept, "kept by every plan" if kept else "not kept by every plan")
