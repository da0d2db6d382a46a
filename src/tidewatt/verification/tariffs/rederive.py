"""A result of `tariff` re-derived from its files and its scenario's files alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tidewatt.domain.scenario import Scenario
from tidewatt.verification.common.claims import check_files, find_scenario, read_json
from tidewatt.verification.common.expected import always, read_table
from tidewatt.verification.common.findings import CheckList, VerificationReport, amount, count
from tidewatt.verification.tariffs.claims import Published, read_published, read_tables_of
from tidewatt.verification.tariffs.grid import LimitRows, VerifiedNetwork, margins_of, rows_of
from tidewatt.verification.tariffs.prices import check_cost, check_grid, check_own, check_tariffs
from tidewatt.verification.tariffs.summary import (
    check_alternating,
    check_gamma,
    check_history,
    check_outcomes,
    check_sites,
    check_summary,
)
from tidewatt.verification.tariffs.vehicles import ARCS, check_vehicles

__all__ = ["verify_tariffs"]

_SAME_KW = 1e-4
_PUBLISHED = ("certified", "deviating")
_LIMITS = ("line", "voltage", "road", "chargers", "demand")
_NOT_DRAWN = "Sampled outcomes are not drawn again; the costs beside the plan's own are as the files say."


def verify_tariffs(
    folder: Path,
    certificate: dict[str, Any],
    ledger: CheckList,
    scenario_folder: str | os.PathLike[str] | None,
) -> VerificationReport:
    """Re-derive what a result of `tariff` claims.

    From ``flows.nc``: that single vehicles can drive and charge so, serve the demand and keep to roads and
    chargers; power, time and cost. From the scenario: flows, voltages, margins, limits kept at the worst.
    From the duals: tariffs, complementarity, and a bound by dynamic programming of its own; that the central
    plan is every aggregator's own best at what is published. In the paths formulation vehicles have no plans
    of their own: limits, sums and tariffs are checked, cost and bound are not.
    """
    listed = {str(name): str(digest) for name, digest in certificate["files"].items()}
    if not check_files(folder, listed, always("tariffs"), ledger):
        return ledger.report(derived=("Verified: nothing.",))
    scenario = find_scenario(folder, certificate, ledger, scenario_folder)
    if scenario is None:
        return ledger.report(derived=("Verified: nothing.",))
    parts = (scenario.step_roads, scenario.sites, scenario.aggregators, scenario.travel)
    if any(part is None for part in (*parts, scenario.distribution, scenario.injections)):
        ledger.add("scenario", False, "lacks tables that a tariff study needs")
        return ledger.report(derived=("Verified: nothing.",))
    summary = read_json(folder / "summary.json")
    if summary["status"] not in _PUBLISHED:
        return _unpublished(folder, listed, summary, certificate, scenario, ledger)
    found = read_published(folder, scenario, list(listed), ledger)
    if found is None:
        return ledger.report(derived=("Verified: nothing.",))
    return _published(found, certificate, scenario, ledger)


def _published(
    found: Published, certificate: dict[str, Any], s: Scenario, ledger: CheckList
) -> VerificationReport:
    assert s.distribution is not None
    assert s.injections is not None
    assert s.sites is not None
    assert s.travel is not None
    f = found.summary
    network = VerifiedNetwork(s.distribution)
    rows = rows_of(network, s.distribution, s.injections, s.sites, f)
    margins = margins_of(rows, s.injections, s.forecasts, f)
    central = found.tables["aggregators"]["central_kw"]
    duals = check_grid(ledger, found, rows, margins, central.sum(axis=0))
    tariff = check_tariffs(ledger, found, rows, duals, s.horizon.step_h)
    check_summary(ledger, found, s, certificate, rows)
    check_alternating(ledger, found, s, network, rows)
    check_history(ledger, found)
    check_outcomes(ledger, found, s, rows, central.sum(axis=0))
    check_gamma(ledger, found, s)
    ledger.add("diagnosis", found.diagnosis is None, "must be absent when a plan was found")
    looked = (
        f"Looked at: {count(len(s.travel), 'group')} of vehicles, "
        f"{count(rows.lines, 'line')}, {count(len(rows.bus), 'voltage')}, {count(s.horizon.steps, 'step')}.",
        _NOT_DRAWN,
    )
    if f["formulation"] == "paths":
        ledger.add("flows: arcs", "arc" not in found.flows.dims, "must be absent with paths")
        _check_paths(ledger, found, s, rows, duals.high, duals.low, duals.room_high, duals.room_low)
        words = (
            "Verified: worst cases keep the limits of lines and voltages, tariffs follow from the duals, and",
            "priced limits are fully used. Paths pool the charge of vehicles, so these files cannot verify",
            "that single vehicles can drive this way, nor the cost and its bound.",
        )
        return ledger.report(facts=looked, derived=words)
    absent = [name for name in ARCS if name not in found.flows]
    if not ledger.add("flows: arcs", not absent, f"missing: {', '.join(absent)}" if absent else "all there"):
        return ledger.report(derived=("Verified: nothing.",))
    rounding = "outer" if f["soc_rounding"] == "outer" else "inner"
    vehicles = check_vehicles(ledger, s, found.flows, rounding, float(f["soc_step"] or np.nan))
    if vehicles is None:
        return ledger.report(derived=("Verified: nothing.",))
    # One lost flow of 1e-8 vehicles at many levels may add up.
    slack = _SAME_KW + 1e-7 * float(np.abs(central).max(initial=0.0))
    ledger.equal("power of aggregators (tariff-6)", central, vehicles.power_kw, slack, "kW")
    check_sites(ledger, found, s, vehicles)
    proved = check_cost(ledger, found, s, rounding, vehicles, duals, tariff)
    farthest = check_own(ledger, found, s, rounding, vehicles, tariff)
    proof = (
        f"Proved: vehicles can drive and charge so at a cost of {amount(proved.cost)}, worst cases within",
        "the uncertainty set keep all limits, and no such plan costs less than",
        f"{amount(proved.bound)} with the state of charge in these steps. Tariffs follow from the duals.",
        "At the published prices each aggregator's own best power is within",
        f"{amount(farthest)} kW of this plan, as a norm over its sites and steps.",
    )
    return ledger.report(facts=looked, derived=proof)


def _check_paths(
    ledger: CheckList,
    found: Published,
    s: Scenario,
    rows: LimitRows,
    high: Any,
    low: Any,
    above: Any,
    below: Any,
) -> None:
    """Check what remains without arcs: capacities of roads and chargers, and complementarity."""
    assert s.step_roads is not None
    assert s.sites is not None
    scale = 1e-6 * max(1.0, abs(float(found.summary["cost"])))
    rent = float((high * np.where(np.isfinite(above), above, 0.0)).sum())
    rent += float((low * np.where(np.isfinite(below), below, 0.0)).sum())
    ledger.add("complementarity: lines and voltages", abs(rent) <= scale, f"{rent:.2g}, allowed {scale:.2g}")
    flow, sites = found.flows["link_flow"].to_numpy(), found.tables["sites"]
    used = sites["charging"] + sites["discharging"]
    for name, value, limit, dual in (
        ("links (tariff-3)", flow, s.step_roads.capacity_per_step, "road_dual"),
        ("chargers (tariff-4)", used, s.sites.chargers, "charger_dual"),
    ):
        spare = limit[:, None] - value
        near = 1e-5 * np.maximum(1.0, np.where(np.isfinite(limit), limit, 1.0))[:, None]
        ledger.add(f"capacity of {name}", bool((spare >= -near).all() and (value >= -near).all()), "kept")
        price = found.flows[dual].to_numpy()
        rent = float((price[price > 0] * spare[price > 0]).sum())
        ledger.add(f"complementarity: {dual}", abs(rent) <= scale, f"{rent:.2g}, allowed {scale:.2g}")


def _unpublished(
    folder: Path,
    listed: dict[str, str],
    summary: dict[str, Any],
    certificate: dict[str, Any],
    s: Scenario,
    ledger: CheckList,
) -> VerificationReport:
    """Check that a result without tariffs publishes nothing and, if limits conflict, says which."""
    assert s.distribution is not None
    assert s.step_roads is not None
    assert s.sites is not None
    good = summary["status"] == str(certificate.get("status")).lower()
    good &= summary["scenario_sha256"] == certificate.get("scenario_sha256") and summary["scenario"] == s.name
    ledger.add("summary: where it comes from", good, f"{summary['status']}, must match the certificate")
    rows = {name: len(table) for name, table in read_tables_of(folder).items()}
    ledger.add("nothing is published", not any(rows.values()), f"{sum(rows.values()):,} rows in all tables")
    claimed = [k for k in ("largest_tariff_per_kwh", "decentralisation_error_kw") if summary[k] is not None]
    ledger.add("nothing is claimed", not claimed, f"claimed: {', '.join(claimed) or 'nothing'}")
    if summary["status"] == "infeasible":
        told = "diagnosis.csv" in listed
        ledger.add("cost", summary["cost"] is None, "must be empty without a plan")
        ledger.add("diagnosis", told or summary["unserved_vehicles"] == 0, "must be present")
        if told:
            _check_diagnosis(ledger, read_table(folder, "tariffs", "diagnosis.csv"), s)
    words = (
        f"Verified: this result is {summary['status']} and publishes nothing. These files do not prove that",
        "there is no plan, or that no smaller relaxation would do.",
    )
    return ledger.report(derived=words)


def _check_diagnosis(ledger: CheckList, table: pd.DataFrame, s: Scenario) -> None:
    assert s.distribution is not None
    assert s.step_roads is not None
    assert s.sites is not None
    ids = {
        "line": s.distribution.line_id,
        "voltage": s.distribution.bus_id,
        "road": s.step_roads.link_id,
        "chargers": s.sites.site_id,
    }
    good = len(table) > 0
    for row in table.to_dict("records"):
        limit, known = str(row["limit"]), [str(i) for i in ids.get(str(row["limit"]), [])]
        good &= limit in _LIMITS and (limit == "demand" or str(row["element_id"]) in known)
        good &= 0 <= int(row["step"]) < s.horizon.steps and float(row["amount"]) > 0
    ledger.add("diagnosis: entries", good, f"{len(table):,}, each of a limit, place and step that there is")
