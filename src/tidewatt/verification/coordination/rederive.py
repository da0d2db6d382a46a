"""A result of `coordinate` re-derived from its files and its scenario's files alone."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from tidewatt.domain.scenario import Scenario
from tidewatt.verification.common.claims import Claims, find_scenario, read_claims
from tidewatt.verification.common.findings import CheckList, VerificationReport, amount, count
from tidewatt.verification.coordination.details import (
    check_certificate,
    check_details,
    check_search,
    check_soc,
)
from tidewatt.verification.coordination.needs import derive_needs
from tidewatt.verification.coordination.overload import levels_of, lift
from tidewatt.verification.coordination.rungs import Own, check_loads, claimed, rederive
from tidewatt.verification.coordination.summary import (
    check_elements,
    check_history,
    check_summary,
    check_vehicles,
)

__all__ = ["verify_coordination"]


def verify_coordination(
    folder: Path,
    certificate: dict[str, Any],
    ledger: CheckList,
    scenario_folder: str | os.PathLike[str] | None,
) -> VerificationReport:
    """Re-derive every claim of a result of `coordinate`.

    Unmanaged charging is simulated anew, and the bound (coord-4) is recomputed by merging convex functions
    instead of by projections and multipliers.
    """
    claims = read_claims(folder, certificate, ledger)
    if claims is None:
        return ledger.report()
    scenario = find_scenario(folder, certificate, ledger, scenario_folder)
    if scenario is None:
        return ledger.report()
    return _rederive_all(claims, ledger, scenario)


def _rederive_all(claims: Claims, ledger: CheckList, scenario: Scenario) -> VerificationReport:
    levels = levels_of(scenario)
    _axes(claims, ledger, scenario)
    for level in levels:
        ledger.equal(
            f"headroom of {level.kind}s",
            claimed(claims, f"{level.prefix}headroom_kw", level.headroom_kw.shape),
            level.headroom_kw,
            1e-9,
            "kW",
            level.ids,
        )
    for name, given in (("base_load_kw", scenario.grid.base_load_kw), ("rating_kw", scenario.grid.rating_kw)):
        if name in claims.loads:
            mine = np.zeros(0) if given is None else given
            said = claims.loads[name].to_numpy()
            # Elements without the figure have nan on both sides.
            ledger.equal(name, np.nan_to_num(said, nan=-1e300), np.nan_to_num(mine, nan=-1e300), 1e-9, "kW")
    needs = derive_needs(scenario)
    unmanaged = lift(scenario, needs.unmanaged_kw)
    over = tuple(level.overload_kw(load) for level, load in zip(levels, unmanaged, strict=True))
    cost = tuple(level.cost(each) for level, each in zip(levels, over, strict=True))
    overloads = {"unmanaged": (over[0], over[1])}
    costs = {"unmanaged": (cost[0], cost[1])}
    own = Own(scenario, needs, levels, math.fsum(np.concatenate(cost)))
    check_loads(claims, ledger, own, "unmanaged", needs.unmanaged_kw)

    found = {}
    for rung in claims.rungs:
        found[rung] = rederive(claims, ledger, own, rung)
        overloads[rung], costs[rung] = found[rung].overload_kw, found[rung].cost
    best = found["coordinated"]
    if "session" in found:
        ledger.add(
            "the ladder",
            best.lower_bound_cost <= found["session"].upgrade_cost * (1 + 1e-9) + 1e-9,
            "the coordinated bound is not above the session cost",
        )
    check_elements(claims, ledger, own, overloads, costs, best.price, unmanaged)
    check_vehicles(claims, ledger, own, best)
    check_summary(claims, ledger, own, overloads, costs, found)
    check_history(claims, ledger, found, own)
    check_search(claims, ledger, found, own)
    check_details(claims, ledger, own)
    check_certificate(claims, ledger, own, found)
    check_soc(claims, ledger, own, best.dwell_kwh)

    short = int(np.count_nonzero(needs.missing_kwh > 0))
    facts: tuple[str, ...] = (
        f"Looked at: {count(len(scenario.fleet), 'vehicle')}, {count(needs.variables, 'variable')}, "
        f"{count(scenario.grid.feeders, 'feeder')}, {count(scenario.grid.banks, 'bank')}, "
        f"{count(scenario.horizon.steps, 'step')}.",
        f"Unmanaged charging costs {amount(own.unmanaged_cost)}.",
    )
    if short:
        facts += (
            f"{count(short, 'vehicle')} cannot make all trips whatever the schedule: "
            f"{amount(needs.missing_kwh.sum())} kWh are missing, and the need was lowered by just that.",
        )
    if short:
        others = "no schedule that gives vehicles what they need, so lowered,"
        return ledger.report(best.upgrade_cost, best.lower_bound_cost, facts, others=others)
    return ledger.report(best.upgrade_cost, best.lower_bound_cost, facts)


def _axes(claims: Claims, ledger: CheckList, scenario: Scenario) -> None:
    grid, loads = scenario.grid, claims.loads
    for name, ids in (("feeder", grid.feeder_id), ("bank", grid.bank_id)):
        said = loads[name].to_numpy().tolist() if name in loads.coords else []
        ledger.add(
            f"loads.nc: {name}s",
            [str(each) for each in said] == list(ids),
            f"{len(said):,} named, {len(ids):,} in the scenario",
        )
    times = loads["time"].to_numpy() if "time" in loads.coords else np.zeros(0, "datetime64[ms]")
    own = scenario.horizon.times()
    same = len(times) == len(own) and bool(
        np.all(np.abs(times.astype("datetime64[ms]") - own) <= np.timedelta64(1, "ms"))
    )
    ledger.add("loads.nc: times", same, f"{count(len(times), 'step')} from {own[0]}")
