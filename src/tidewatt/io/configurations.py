"""Results of `configure` as a folder of files, and back."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tidewatt.configuration.result import Configuration
from tidewatt.errors import TidewattError
from tidewatt.io.atomic import atomic_folder
from tidewatt.io.result_files import (
    CERTIFICATE,
    digests,
    finite,
    provenance,
    read_json,
    write_json,
)
from tidewatt.result import RunInfo, Status, money, priced

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["PLAN_COLUMNS", "load", "save"]

PLAN_COLUMNS = {
    "station_id": "id",
    "node_id": "id",
    "x": "",
    "y": "",
    "fast_before": "count",
    "fast_after": "count",
    "normal_before": "count",
    "normal_after": "count",
    "retrofit_cost": "cost/day",
    "wait_before_min": "min",
    "wait_after_min": "min",
    "peak_before_kw": "kW",
    "peak_after_kw": "kW",
    "utilisation_before": "1",
    "utilisation_after": "1",
    "charges_before": "1/day",
    "charges_after": "1/day",
}
"""Columns of ``plan.parquet`` in their order, with their units."""

_NEW = "scenario"
_OLD = "scenario-before"
_OWNED = (
    "summary.json",
    "plan.parquet",
    "costs.csv",
    "days.csv",
    "history.csv",
    "profiles.nc",
    "front.parquet",
    CERTIFICATE,
)


def save(
    result: Configuration, folder: Path, *, scenario_folder: str | os.PathLike[str] | None = None
) -> Path:
    """Write what `configure` returned; see `tidewatt.io.results.save`.

    The scenario with the new plan goes into ``scenario``, for `simulate`.
    """
    from tidewatt.configuration.verdict import built
    from tidewatt.io.scenario.writing import write_scenario

    if result.scenario is None:
        raise TidewattError(
            "This result has no scenario in memory, as after `load`: copy its folder, or configure again."
        )
    beside = scenario_folder is None
    where = folder / _OLD if scenario_folder is None else Path(scenario_folder)
    with atomic_folder(folder, owned=_OWNED, last=CERTIFICATE) as temporary:
        write_json(temporary / "summary.json", dict(result.figures))
        _write_plan(temporary / "plan.parquet", result.plan, money(result.figures))
        for name, table in (("costs", result.costs), ("days", result.days), ("history", result.history)):
            table.to_csv(temporary / f"{name}.csv", index=False)
        _write_profiles(temporary / "profiles.nc", result.data, str(result.figures["scenario"]))
        if result.front is not None:
            result.front.to_parquet(temporary / "front.parquet", compression="zstd")
        fast, normal = (result.plan[f"{kind}_after"].to_numpy(np.int64) for kind in ("fast", "normal"))
        write_scenario(built(result.scenario, fast, normal), temporary / _NEW)
        if beside:
            write_scenario(result.scenario, temporary / _OLD)
        certificate = {"kind": "configuration", **provenance(where, folder, result.run)}
        certificate |= {"status": result.status.name, "files": digests(temporary)}
        write_json(temporary / CERTIFICATE, certificate)
    return folder


def load(folder: Path, certificate: dict[str, Any]) -> Configuration:
    """Read a result folder.

    The scenario with the new plan is left to `tidewatt.read_scenario`, from the folder ``scenario``.

    Raises
    ------
    OSError, ValueError, KeyError, TypeError
        Where files are damaged or of another version.
    """
    import pandas as pd
    import xarray as xr

    front = folder / "front.parquet"
    return Configuration(
        plan=pd.read_parquet(folder / "plan.parquet"),
        costs=pd.read_csv(folder / "costs.csv"),
        days=pd.read_csv(folder / "days.csv"),
        data=xr.load_dataset(folder / "profiles.nc", engine="h5netcdf"),
        history=pd.read_csv(folder / "history.csv"),
        front=pd.read_parquet(front) if "front.parquet" in certificate["files"] else None,
        status=Status[certificate["status"]],
        run=RunInfo(**finite(certificate["run"])),
        figures=_figures(folder / "summary.json"),
    )


def _figures(path: Path) -> dict[str, Any]:
    """The summary; what may be null stays None."""
    figures = read_json(path)
    kept = {name: figures.get(name) for name in ("coordinated", "limits")}
    return finite(figures) | kept


def _write_plan(path: Path, table: pd.DataFrame, cost_unit: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    missing = [name for name in PLAN_COLUMNS if name not in table.columns]
    if missing:
        raise TidewattError(f"plan: column {', '.join(missing)} is missing; give what `configure` returned.")
    arrays, fields = [], []
    for name, unit in PLAN_COLUMNS.items():
        array = pa.array(table[name].tolist() if unit == "id" else table[name].to_numpy())
        plain, unit = unit in ("", "id", "count"), priced(unit, cost_unit)
        arrays.append(array)
        fields.append(pa.field(name, array.type, metadata=None if plain else {"units": unit}))
    pq.write_table(
        pa.Table.from_arrays(arrays, schema=pa.schema(fields)),
        path,
        compression="zstd",
        write_page_checksum=True,
    )


def _write_profiles(path: Path, data: xr.Dataset, scenario: str) -> None:
    data = data.assign_attrs(
        Conventions="CF-1.11", title=f"Load and queue before and after in {scenario}", scenario=scenario
    )
    encoding: Mapping[Any, dict[str, Any]] = {
        name: {"zlib": True, "complevel": 1, "shuffle": True, "_FillValue": None}
        for name, variable in data.data_vars.items()
        if variable.dtype.kind == "f" and variable.size
    }
    data.to_netcdf(path, engine="h5netcdf", encoding=dict(encoding))
