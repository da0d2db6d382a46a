"""A result of `configure` re-derived from its files and its scenario's files alone."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from tidewatt.domain.arrays import Array
from tidewatt.domain.scenario import Scenario
from tidewatt.domain.stations import Stations
from tidewatt.verification.common.claims import check_files, find_scenario, read_json
from tidewatt.verification.common.expected import always, read_series, read_table
from tidewatt.verification.common.findings import CheckList, VerificationReport, count
from tidewatt.verification.configuration.days import check_costs, check_days, check_summary
from tidewatt.verification.configuration.loads import check_coordinated, check_profiles, check_stations
from tidewatt.verification.configuration.plan import check_front, check_plan, check_scenario

__all__ = ["verify_configuration"]

_WANTED = (*always("configuration"), "scenario/scenario.toml", "scenario/stations.parquet")
_WHAT = (
    "Verified: the plan keeps the limits that it claims to keep, retrofit costs follow from its chargers,",
    "and costs, intervals and objective follow from the fresh days. The days are not simulated again, and",
    "nothing says that no plan is better: none such is claimed.",
)


@dataclass(frozen=True, slots=True, eq=False)
class ClaimedPlans:
    """The content of a configuration's folder.

    Attributes
    ----------
    folder : Path
    summary : dict
    plan, costs, days, history : DataFrame
    profiles : Dataset
    fast, normal : array of int64, shape (stations,)
        Chargers after.
    """

    folder: Path
    summary: dict[str, Any]
    plan: pd.DataFrame
    costs: pd.DataFrame
    days: pd.DataFrame
    history: pd.DataFrame
    profiles: xr.Dataset
    fast: Array
    normal: Array

    @property
    def parameters(self) -> dict[str, Any]:
        """Of the study."""
        found: dict[str, Any] = self.summary["parameters"]
        return found


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
    found = _read(folder, scenario, stations, ledger)
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


def _read(folder: Path, scenario: Scenario, stations: Stations, ledger: CheckList) -> ClaimedPlans | None:
    plan = read_table(folder, "configuration", "plan.parquet")
    profiles = read_series(folder, "configuration", "profiles.nc")
    assert scenario.roads is not None
    roads = scenario.roads
    for name, ids in (("station_id", stations.station_id), ("node_id", roads.node_id[stations.node])):
        same = [str(each) for each in plan[name].tolist()] == [str(each) for each in ids]
        if not ledger.add(f"plan: {name}", same, f"{len(plan):,} rows, {len(stations):,} in the scenario"):
            return None
    built = [plan[f"{kind}_after"].to_numpy(np.float64) for kind in ("fast", "normal")]
    whole = all(bool(np.all((n >= 0) & (n == np.floor(n)))) for n in built)
    if not ledger.add("plan: chargers", whole, "whole numbers, none is negative"):
        return None
    tables = {
        name: read_table(folder, "configuration", f"{name}.csv") for name in ("costs", "days", "history")
    }
    fast, normal = (n.astype(np.int64) for n in built)
    return ClaimedPlans(
        folder,
        read_json(folder / "summary.json"),
        plan,
        **tables,
        profiles=profiles,
        fast=fast,
        normal=normal,
    )
