"""Results of `tariff` as a folder of files, and back."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidewatt.errors import TidewattError
from tidewatt.io.atomic import atomic_folder
from tidewatt.io.result_files import (
    CERTIFICATE,
    beside,
    digests,
    finite,
    provenance,
    read_json,
    write_json,
)
from tidewatt.result import RunInfo, Status, priced
from tidewatt.tariffs.result import Tariffs

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["ARC_UNITS", "FLOW_UNITS", "TABLES", "load", "save"]

TABLES: Mapping[str, Mapping[str, str]] = {
    "tariffs": {
        "site_id": "id",
        "step": "int64",
        "tariff_per_kwh": "cost per kWh",
        "line_part_per_kwh": "cost per kWh",
        "voltage_part_per_kwh": "cost per kWh",
        "charger_price": "cost per charger and step",
        "interval_low": "cost per kWh",
        "interval_high": "cost per kWh",
    },
    "tolls": {"link_id": "id", "step": "int64", "toll_per_vehicle": "cost per vehicle"},
    "lines": {
        "line_id": "id",
        "step": "int64",
        "limit_kw": "kW",
        "nominal_kw": "kW",
        "worst_high_kw": "kW",
        "worst_low_kw": "kW",
        "dual_high": "cost per kW",
        "dual_low": "cost per kW",
    },
    "voltages": {
        "bus_id": "id",
        "step": "int64",
        "voltage_min_pu": "1",
        "voltage_max_pu": "1",
        "nominal_pu": "1",
        "worst_high_pu": "1",
        "worst_low_pu": "1",
        "dual_high": "cost per squared per unit",
        "dual_low": "cost per squared per unit",
    },
    "aggregators": {
        "aggregator_id": "id",
        "site_id": "id",
        "step": "int64",
        "central_kw": "kW",
        "own_kw": "kW",
        "own_tariff_only_kw": "kW",
        "cost": "cost",
    },
    "sites": {
        "site_id": "id",
        "step": "int64",
        "entering": "vehicles",
        "bypassing": "vehicles",
        "queue": "vehicles",
        "charging": "vehicles",
        "discharging": "vehicles",
        "soc_mean": "1",
    },
    "outcomes": {
        "line_id": "id",
        "step": "int64",
        "plan": "id",
        "low_kw": "kW",
        "p05_kw": "kW",
        "median_kw": "kW",
        "p95_kw": "kW",
        "high_kw": "kW",
        "violated": "1",
    },
}
"""Columns of every Parquet file in their order, each with its unit, ``id`` or the type of whole numbers."""

FLOW_UNITS = {"link_flow": "vehicles", "link_queue": "vehicles"}
"""Units of what ``flows.nc`` holds over links and steps."""

ARC_UNITS = {
    "soc_final_min": "1",
    "start_step": "1",
    "end_step": "1",
    "soc": "1",
    "power_kw": "kW",
    "vehicles": "vehicles",
}
"""Units of what ``flows.nc`` holds over arcs; positions and levels have none."""

_OWNED = (
    "summary.json",
    *(f"{name}.parquet" for name in TABLES),
    "flows.nc",
    "history.csv",
    "gamma.csv",
    "diagnosis.csv",
    CERTIFICATE,
)


def save(result: Tariffs, folder: Path, *, scenario_folder: str | os.PathLike[str] | None = None) -> Path:
    """Write what `tariff` returned; see `tidewatt.io.results.save`.

    ``gamma.csv`` is there after a sweep only, ``diagnosis.csv`` only where no plan keeps all limits.
    """
    if scenario_folder is None:
        if result.scenario is None:
            raise TidewattError("Saving needs the scenario: give `scenario_folder`.")
        scenario_folder = beside(folder, result.scenario)
    with atomic_folder(folder, owned=_OWNED, last=CERTIFICATE) as temporary:
        write_json(temporary / "summary.json", dict(result.figures))
        currency = str(result.figures.get("currency") or "")
        for name, columns in TABLES.items():
            named = {key: priced(unit, currency) for key, unit in columns.items()}
            _write_table(temporary / f"{name}.parquet", getattr(result, name), named)
        _write_flows(temporary / "flows.nc", result.data, str(result.figures["scenario"]))
        result.history.to_csv(temporary / "history.csv", index=False)
        if result.gamma is not None:
            result.gamma.to_csv(temporary / "gamma.csv", index=False)
        if len(result.diagnosis):
            result.diagnosis.to_csv(temporary / "diagnosis.csv", index=False)
        certificate = {"kind": "tariffs", **provenance(scenario_folder, folder, result.run)}
        certificate |= {"status": result.status.name, "files": digests(temporary)}
        write_json(temporary / CERTIFICATE, certificate)
    return folder


def load(folder: Path, certificate: dict[str, Any]) -> Tariffs:
    """Read a result folder.

    Parameters
    ----------
    folder : Path
        The folder; every file that the certificate lists is there.
    certificate : dict
        Its certificate.

    Raises
    ------
    OSError, ValueError, KeyError, TypeError
        Where files are damaged or of another version.
    """
    import pandas as pd
    import xarray as xr

    data = xr.load_dataset(folder / "flows.nc", engine="h5netcdf")
    data.attrs.clear()
    swept, infeasible = ("gamma.csv" in certificate["files"], "diagnosis.csv" in certificate["files"])
    empty = pd.DataFrame(columns=["limit", "element_id", "step", "amount", "unit", "remedy"])
    tables: dict[str, Any] = {name: pd.read_parquet(folder / f"{name}.parquet") for name in TABLES}
    return Tariffs(
        **tables,
        gamma=_csv(folder / "gamma.csv") if swept else None,
        diagnosis=_csv(folder / "diagnosis.csv") if infeasible else empty,
        data=data,
        history=_csv(folder / "history.csv"),
        status=Status[certificate["status"]],
        run=RunInfo(**finite(certificate["run"])),
        figures=read_json(folder / "summary.json"),
    )


def _csv(path: Path) -> pd.DataFrame:
    """A table whose numbers are those that were written, to the last bit."""
    import pandas as pd

    return pd.read_csv(path, float_precision="round_trip")


def _write_table(path: Path, table: pd.DataFrame, columns: Mapping[str, str]) -> None:
    """A Parquet file of these columns, with units; ids as dictionaries.

    Raises
    ------
    TidewattError
        Where a column is missing: the result is not one of `tariff`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise TidewattError(
            f"{path.stem}: column {', '.join(missing)} is missing; give what `tariff` returned."
        )
    arrays, fields, ids = [], [], []
    for name, unit in columns.items():
        if unit == "id":
            ids.append(name)
            array = pa.array(table[name].tolist())
            array = array.cast(pa.string()) if pa.types.is_null(array.type) else array
        else:
            array = pa.array(table[name].to_numpy("int64" if unit == "int64" else "float64"))
        arrays.append(array)
        plain = unit in ("id", "int64")
        fields.append(pa.field(name, array.type, metadata=None if plain else {"units": unit}))
    floats = [field.name for field in fields if pa.types.is_floating(field.type)]
    pq.write_table(
        pa.Table.from_arrays(arrays, schema=pa.schema(fields)),
        path,
        compression="zstd",
        use_dictionary=[name for name in columns if name not in floats],
        use_byte_stream_split=floats,
        write_page_checksum=True,
    )


def _write_flows(path: Path, data: xr.Dataset, scenario: str) -> None:
    """A NetCDF file; numbers are packed without loss."""
    data = data.assign_attrs(
        Conventions="CF-1.11", title=f"Flows of vehicles in {scenario}", scenario=scenario
    )
    for name, unit in {**FLOW_UNITS, **ARC_UNITS}.items():
        if name in data and "units" not in data[name].attrs:
            data[name] = data[name].assign_attrs(units=unit)
    encoding: dict[Any, dict[str, Any]] = {
        name: {"zlib": True, "complevel": 1, "shuffle": True}
        | ({"_FillValue": None} if variable.dtype.kind == "f" else {})
        for name, variable in data.data_vars.items()
        if variable.dtype.kind in "fiu" and variable.size
    }
    data.to_netcdf(path, engine="h5netcdf", encoding=encoding)
