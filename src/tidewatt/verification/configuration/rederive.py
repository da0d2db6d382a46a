"""A result of `configure` re-derived from its files and its scenario's files alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tidewatt.verification.common.claims import check_files, find_scenario
from tidewatt.verification.common.expected import always
from tidewatt.verification.common.findings import CheckList, VerificationReport, count
from tidewatt.verification.configuration.claims import read_plans
from tidewatt.verification.configuration.days import check_costs, check_days, check_summary
from tidewatt.verification.configuration.loads import check_coordinated, check_profiles, check_stations
from tidewatt.verification.configuration.plan import check_front, check_plan, check_scenario

__all__ = ["verify_configuration"]

_WANTED = (*always("configuration"), "scenario/scenario.toml", "scenario/stations.parquet")
_WHAT = (
    "Verified: the plan keeps the limits that it claims to keep, retrofit costs follow from its chargers,",
    "and costs, intervals and objective follow from the fresh days. The days are not simulated again.",
    "It is neither proved nor claimed that no plan is better.",
)


def verify_configuration(
    folder: Path,
    certificate: dict[str, Any],
    ledger: CheckList,
    scenario_folder: str | os.PathLike[str] | None,
) -> VerificationReport:
    """Re-derive what a configuration claims.

    From ``plan.parquet`` and the scenario: limits and retrofit costs. From ``days.csv``: sums, money, time,
    means, intervals, objective. From ``profiles.nc``: energy and waiting. That the days went so is not
    checked: `simulate` shows it, in the scenario of the folder ``scenario``.
    """
    listed = {str(name): str(digest) for name, digest in certificate["files"].items()}
    if not check_files(folder, listed, _WANTED, ledger):
        return ledger.report(derived=_WHAT)
    scenario = find_scenario(folder, certificate, ledger, scenario_folder)
    if scenario is None:
        return ledger.report(derived=_WHAT)
    stations = scenario.stations
    if stations is None or scenario.roads is None:
        ledger.add("scenario", False, "has no roads or no stations")
        return ledger.report(derived=_WHAT)
    found = read_plans(folder, scenario, stations, ledger)
    if found is None or not check_plan(ledger, found, scenario, stations):
        return ledger.report(derived=_WHAT)
    check_scenario(ledger, found, scenario, stations)
    check_front(ledger, found, scenario, stations)
    if check_days(ledger, found):
        check_costs(ledger, found)
        check_summary(ledger, found, scenario, certificate)
        check_stations(ledger, found, stations)
        check_profiles(ledger, found)
        check_coordinated(ledger, found)
    f = found.summary
    facts = (
        f"Looked at: {count(len(stations), 'station')}, {count(int(f['days_test']), 'fresh day')}, "
        f"{count(len(found.history), 'step')} of the search.",
    )
    return ledger.report(facts=facts, derived=_WHAT)
