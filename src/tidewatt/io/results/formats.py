"""Tables, series and figures of a result as files of their declared form, and back."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidewatt.errors import TidewattError
from tidewatt.io.results.specification import ResultFile
from tidewatt.result import priced

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["read_csv", "read_dataset", "write_dataset", "write_table"]

_LABELS = ("Conventions", "title", "scenario")
"""Attributes that a NetCDF file has besides those of the series."""


def write_table(path: Path, table: pd.DataFrame, file: ResultFile, study: str, cost_unit: str) -> None:
    """Write a table as Parquet or CSV; `cost_unit` says in words what costs are in.

    Raises
    ------
    TidewattError
        Where a column is missing: the result is not one of the study.
    """
    missing = [c.name for c in file.columns if not c.optional and c.name not in table.columns]
    if missing and (len(table) or file.format != "csv"):  # a history without rows may have no columns
        raise TidewattError(
            f"{path.stem}: column {', '.join(missing)} is missing; give what `{study}` returned."
        )
    if file.order:
        table = table.sort_values(list(file.order), kind="stable")
    if file.format == "csv":
        table.to_csv(path, index=False)
    elif file.as_frame:
        _write_frame(path, table, file, cost_unit)
    else:
        _write_parquet(path, table, file, cost_unit)


def _write_frame(path: Path, table: pd.DataFrame, file: ResultFile, cost_unit: str) -> None:
    """Write all columns as they are, with the declared units."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    units = {c.name: priced(c.unit_in_file, cost_unit) for c in file.columns if c.unit_in_file}
    made = pa.Table.from_pandas(table, preserve_index=False)
    fields = [f.with_metadata({"units": units[f.name]}) if f.name in units else f for f in made.schema]
    made = made.cast(pa.schema(fields, metadata=made.schema.metadata))
    pq.write_table(made, path, compression="zstd")


def _write_parquet(path: Path, table: pd.DataFrame, file: ResultFile, cost_unit: str) -> None:
    """Write the declared columns with their units."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    fields, arrays = [], []
    columns = [column for column in file.columns if column.name in table.columns]
    for column in columns:
        values: Any = table[column.name]
        if column.stored == "category":
            array = pa.Array.from_pandas(values.astype("category"))
        elif file.nulls:
            array = pa.Array.from_pandas(values if column.dtype == "id" else values.astype(column.dtype))
        elif column.dtype in ("id", "text"):
            array = pa.array(values.tolist())
            array = array.cast(pa.string()) if pa.types.is_null(array.type) else array
        else:
            array = pa.array(values.to_numpy(column.dtype))
        arrays.append(array)
        # What is counted has no unit.
        unit = "" if column.dtype.startswith("int") else priced(column.unit_in_file, cost_unit)
        fields.append(pa.field(column.name, array.type, metadata={"units": unit} if unit else None))
    # Numbers that seldom repeat are packed byte by byte; a dictionary of them would be as long as they are.
    split = [c.name for c in columns if c.dtype == "float64" and not (c.stored or file.repeats)]
    pq.write_table(
        pa.Table.from_arrays(arrays, schema=pa.schema(fields)),
        path,
        compression="zstd",
        use_dictionary=[c.name for c in columns if c.name not in split],
        use_byte_stream_split=split,
        write_page_checksum=True,
    )


def read_csv(path: Path) -> pd.DataFrame:
    """Return a table with exactly the numbers that were written, to the last bit."""
    import pandas as pd

    # From 3.1 on, pandas converts so by itself, and wants not to be asked.
    if tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1):
        return pd.read_csv(path, float_precision="round_trip")
    return pd.read_csv(path)


def write_dataset(path: Path, data: xr.Dataset, file: ResultFile, scenario: str) -> None:
    """Write series as NetCDF, with units; numbers are packed without loss."""
    import pandas as pd

    data = data.assign_attrs(Conventions="CF-1.11", title=f"{file.title} {scenario}", scenario=scenario)
    for column in file.columns:
        name, unit = column.name, column.unit_in_file
        if unit and name in data.data_vars and "units" not in data[name].attrs:
            data[name] = data[name].assign_attrs(units=unit)
    # An empty dimension keeps no length in the file; the variables come back empty all the same.
    encoding: dict[Any, dict[str, Any]] = {
        name: {"zlib": True, "complevel": 1, "shuffle": True}
        | ({"_FillValue": None} if variable.dtype.kind == "f" and not file.as_frame else {})
        for name, variable in data.data_vars.items()
        if variable.dtype.kind in "fiu" and variable.size
    }
    if file.as_frame and "time" in data.coords and data["time"].size:
        since = pd.Timestamp(data["time"].to_numpy()[0]).isoformat(sep=" ")
        encoding["time"] = {
            "units": f"seconds since {since}",
            "calendar": "proleptic_gregorian",
            "dtype": "float64",
        }
    # Through memory: where the disk is full, HDF5 itself ends the process.
    memory = io.BytesIO()
    data.to_netcdf(memory, engine="h5netcdf", encoding=encoding)
    path.write_bytes(memory.getbuffer())


def read_dataset(path: Path) -> xr.Dataset:
    """Return series exactly as they were before writing."""
    import xarray as xr

    data = xr.load_dataset(path, engine="h5netcdf")
    for label in _LABELS:
        data.attrs.pop(label, None)
    return data
