"""Results of `simulate` as a folder of files, and back."""

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
from tidewatt.simulation.result import Simulation

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["EVENT_COLUMNS", "UNSERVED_COLUMNS", "load", "save"]

EVENT_COLUMNS = {
    "replication": "int32",
    "vehicle_id": "id",
    "station_id": "id",
    "charger": "id",
    "decide_min": "min",
    "arrive_min": "min",
    "start_min": "min",
    "end_min": "min",
    "energy_kwh": "kWh",
    "detour_min": "min",
    "wait_min": "min",
    "price_per_kwh": "cost per kWh",
}
"""Columns of ``events.parquet`` in their order, with the unit of those that have one."""

UNSERVED_COLUMNS = {"replication": "int32", "vehicle_id": "id", "minute": "min", "soc": "1", "reason": "id"}
"""Columns of ``unserved.parquet``, likewise."""

_STATION_UNITS = {
    "charges": "1/day",
    "energy_kwh": "kWh/day",
    "revenue": "cost/day",
    "mean_wait_min": "min",
    "p95_wait_min": "min",
    "peak_load_kw": "kW",
    "queue_peak": "vehicles",
    "utilisation": "1",
}
_ITINERARIES = "itineraries"
_OWNED = (
    "summary.json",
    "events.parquet",
    "unserved.parquet",
    "stations.parquet",
    "history.csv",
    "stations.nc",
    "links.nc",
    CERTIFICATE,
)


def save(result: Simulation, folder: Path, *, scenario_folder: str | os.PathLike[str] | None = None) -> Path:
    """Write what `simulate` returned; see `tidewatt.io.results.save`."""
    from tidewatt.io.scenario.writing import write_scenario

    if result.itineraries is None:
        raise TidewattError(
            "This result has no itineraries in memory, as after `load`: copy its folder, or simulate again."
        )
    if scenario_folder is None:
        if result.scenario is None:
            raise TidewattError("Saving needs the scenario: give `scenario_folder`.")
        scenario_folder = beside(folder, result.scenario)
    with atomic_folder(folder, owned=_OWNED, last=CERTIFICATE) as temporary:
        write_json(temporary / "summary.json", dict(result.figures))
        events = result.events.sort_values(["replication", "decide_min"], kind="stable")
        currency = str(result.figures.get("currency") or "")
        columns = {name: priced(unit, currency) for name, unit in EVENT_COLUMNS.items()}
        _write_table(temporary / "events.parquet", events, columns)
        _write_table(temporary / "unserved.parquet", result.unserved, UNSERVED_COLUMNS)
        _write_table(
            temporary / "stations.parquet",
            result.stations,
            {
                str(name): priced(_STATION_UNITS.get(str(name), ""), currency)
                for name in result.stations.columns
            },
        )
        result.history.to_csv(temporary / "history.csv", index=False)
        for links, file in ((True, "links.nc"), (False, "stations.nc")):
            _write_series(temporary / file, _part(result.data, links=links), str(result.figures["scenario"]))
        write_scenario(result.itineraries, temporary / _ITINERARIES)
        certificate = {"kind": "simulation", **provenance(scenario_folder, folder, result.run)}
        certificate |= {"status": result.status.name, "files": digests(temporary)}
        write_json(temporary / CERTIFICATE, certificate)
    return folder


def load(folder: Path, certificate: dict[str, Any]) -> Simulation:
    """Read a result folder.

    The itineraries are left to `tidewatt.read_scenario`, from the folder ``itineraries``.

    Raises
    ------
    OSError, ValueError, KeyError, TypeError
        Where files are damaged or of another version.
    """
    import pandas as pd
    import xarray as xr

    links = xr.load_dataset(folder / "links.nc", engine="h5netcdf")
    data = xr.load_dataset(folder / "stations.nc", engine="h5netcdf").merge(links, combine_attrs="override")
    data.attrs.clear()
    return Simulation(
        data=data,
        events=pd.read_parquet(folder / "events.parquet"),
        unserved=pd.read_parquet(folder / "unserved.parquet"),
        stations=pd.read_parquet(folder / "stations.parquet"),
        history=pd.read_csv(folder / "history.csv"),
        status=Status[certificate["status"]],
        run=RunInfo(**finite(certificate["run"])),
        figures=finite(read_json(folder / "summary.json")),
    )


def _part(data: xr.Dataset, *, links: bool) -> xr.Dataset:
    """The variables of links, or all others."""
    return data[[name for name, variable in data.data_vars.items() if ("link" in variable.dims) == links]]


def _write_table(path: Path, table: pd.DataFrame, columns: Mapping[str, str]) -> None:
    """A Parquet file of these columns; ids as dictionaries, units with the fields.

    Raises
    ------
    TidewattError
        Where a column is missing: the result is not one of `simulate`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise TidewattError(
            f"{path.stem}: column {', '.join(missing)} is missing; give what `simulate` returned."
        )
    arrays, fields = [], []
    for name, unit in columns.items():
        values = table[name]
        if unit == "id" and values.dtype.name != "category":
            values = values.astype("category")
        elif unit == "int32":
            values = values.astype("int32")
        array = pa.Array.from_pandas(values)
        arrays.append(array)
        plain = unit in ("", "id", "int32")
        fields.append(pa.field(name, array.type, metadata=None if plain else {"units": unit}))
    floats = [f.name for f in fields if pa.types.is_floating(f.type) and f.name != "price_per_kwh"]
    pq.write_table(
        pa.Table.from_arrays(arrays, schema=pa.schema(fields)),
        path,
        compression="zstd",
        use_dictionary=[f.name for f in fields if f.name not in floats],
        use_byte_stream_split=floats,
        write_page_checksum=True,
    )


def _write_series(path: Path, data: xr.Dataset, scenario: str) -> None:
    """A NetCDF file; numbers are packed without loss."""
    data = data.assign_attrs(
        Conventions="CF-1.11", title=f"Means over the simulated days of {scenario}", scenario=scenario
    )
    encoding: dict[Any, dict[str, Any]] = {
        name: {"zlib": True, "complevel": 1, "shuffle": True, "_FillValue": None}
        for name, variable in data.data_vars.items()
        if variable.dtype.kind == "f" and variable.size
    }
    data.to_netcdf(path, engine="h5netcdf", encoding=encoding)
