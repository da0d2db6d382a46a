"""What the files of a configuration claim, read without any trust in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from tidewatt.domain.arrays import Array
from tidewatt.domain.scenario import Scenario
from tidewatt.domain.stations import Stations
from tidewatt.verification.common.claims import read_json
from tidewatt.verification.common.expected import read_series, read_table
from tidewatt.verification.common.findings import CheckList

__all__ = ["ClaimedPlans", "read_plans"]


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
        """Options of the study."""
        found: dict[str, Any] = self.summary["parameters"]
        return found


def read_plans(
    folder: Path, scenario: Scenario, stations: Stations, ledger: CheckList
) -> ClaimedPlans | None:
    """Read the tables of a configuration; return None if its plan does not fit the scenario."""
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
    if not ledger.add("plan: chargers", whole, "must be whole numbers, not negative"):
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
