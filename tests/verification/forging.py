"""Forgeries of a result, one of each kind for every column that its specification declares.

Each takes a whole result folder, changes one thing in it and makes the digests right again, as someone would
who wants to be believed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import xarray as xr

Change = Callable[[Path], bool]
"""Changes a folder; returns whether there was anything to change."""
Rule = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class Forgery:
    """One change of one file.

    Attributes
    ----------
    file : str
        Below the result folder.
    column : str
        Column, variable or key; empty where the change is to the file as a whole.
    kind : str
        What is done to it.
    """

    file: str
    column: str
    kind: str
    change: Change

    @property
    def name(self) -> str:
        """As tests and lists call it."""
        return ":".join(part for part in (self.file, self.column, self.kind) if part)

    @property
    def subject(self) -> str:
        """The column, variable or first key that is forged; `rows` where whole rows are."""
        return self.column.split(".")[0] or ("rows" if self.kind.startswith("row") else "")

    def made_in(self, result: Path, folder: Path) -> bool:
        """Forge a copy of a result, digests and all; return whether anything was changed."""
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(result, folder)
        before = {file: file.read_bytes() for file in _files(folder)}
        if not self.change(folder):
            return False
        redo_digests(folder)
        return before != {file: file.read_bytes() for file in _files(folder)}


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file())


def redo_digests(folder: Path) -> None:
    """Make the digests of the listed files right again; files that have gone are listed no more."""
    path = folder / "certificate.json"
    certificate = json.loads(path.read_text("utf-8"))
    for name in list(certificate["files"]):
        file = folder / name
        if file.is_file():
            certificate["files"][name] = hashlib.sha256(file.read_bytes()).hexdigest()
        elif ".." not in name:
            del certificate["files"][name]
    path.write_text(json.dumps(certificate, indent=1), "utf-8")


# Values


def other(value: Any, pool: list[Any]) -> Any:
    """Return a value that is not the given one but could be: another of the pool where there is one."""
    if isinstance(value, (bool, np.bool_)):
        return not value
    if isinstance(value, (int, np.integer)):
        return value + 1
    if isinstance(value, (float, np.floating)):
        if np.isnan(value) and (texts := [each for each in pool if isinstance(each, str)]):
            return texts[0]
        return 1.0 if not np.isfinite(value) else value * 1.5 + 1.0
    if isinstance(value, str):
        return next((each for each in pool if isinstance(each, str) and each != value), f"{value}x")
    if value is None:
        return next((each for each in pool if isinstance(each, str)), 1.0)
    return value


def forged_column(values: pd.Series, kind: str) -> pd.Series | None:
    """Return a column with one value changed, all values, or its values in another order."""
    cells = list(values.astype(object))
    pool = list(dict.fromkeys(cell for cell in cells if cell is not None and cell == cell))
    if not cells:
        return None
    if kind == "one value":
        # The value that counts: the largest, else the middle one.
        sizes = pd.to_numeric(values, errors="coerce").abs() if values.dtype.kind in "fiu" else None
        at = int(sizes.to_numpy().argmax()) if sizes is not None and sizes.notna().any() else len(cells) // 2
        cells[at] = other(cells[at], pool)
    elif kind == "all values":
        cells = [other(cell, pool) for cell in cells]
    elif kind == "values permuted":
        cells = cells[1:] + cells[:1]
        if cells == list(values.astype(object)):
            return None
    if values.dtype.kind in "biufM":
        try:
            return pd.Series(cells, index=values.index).astype(values.dtype)
        except (TypeError, ValueError):
            return pd.Series(cells, index=values.index)
    return pd.Series(cells, index=values.index, dtype=object)


# Tables


def read(path: Path) -> tuple[pd.DataFrame, pa.Schema | None]:
    """Return a table and, of a Parquet file, its schema with units."""
    if path.suffix == ".csv":
        return pd.read_csv(path), None
    table = pq.read_table(path)
    return table.to_pandas(ignore_metadata=True), table.schema


def write(path: Path, frame: pd.DataFrame, schema: pa.Schema | None) -> None:
    """Write a table, with the former units of the columns that are left."""
    if schema is None:
        frame.to_csv(path, index=False)
        return
    fields = []
    for name in frame.columns:
        known = schema.field(name) if name in schema.names else None
        array = pa.Array.from_pandas(frame[name])
        fields.append(
            pa.field(name, known.type if known else array.type, metadata=known.metadata if known else None)
        )
    wanted = pa.schema(fields)
    try:
        table = pa.Table.from_pandas(frame, schema=wanted, preserve_index=False, safe=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        table = pa.Table.from_pandas(frame, preserve_index=False)
    pq.write_table(table.replace_schema_metadata(schema.metadata), path)


def of_columns(file: str, column: str) -> Iterator[Forgery]:
    """Yield forgeries of one column of a table."""
    for kind in ("one value", "all values", "values permuted"):

        def change(folder: Path, kind: str = kind) -> bool:
            frame, schema = read(folder / file)
            if column not in frame:
                return False
            forged = forged_column(frame[column], kind)
            if forged is None:
                return False
            write(folder / file, frame.assign(**{column: forged}), schema)
            return True

        yield Forgery(file, column, kind, change)

    def drop(folder: Path) -> bool:
        frame, schema = read(folder / file)
        if column not in frame:
            return False
        write(folder / file, frame.drop(columns=column), schema)
        return True

    yield Forgery(file, column, "dropped", drop)
    if file.endswith(".parquet"):

        def units(folder: Path) -> bool:
            table = pq.read_table(folder / file)
            if column not in table.column_names:
                return False
            at = table.column_names.index(column)
            former = (table.schema.field(at).metadata or {}).get(b"units", b"")
            field = table.schema.field(at).with_metadata({"units": b"MWh" if former != b"MWh" else b"kWh"})
            pq.write_table(table.cast(table.schema.set(at, field)), folder / file)
            return True

        yield Forgery(file, column, "units", units)


def of_tables(file: str) -> Iterator[Forgery]:
    """Yield forgeries of a table as a whole."""
    rows: dict[str, Rule] = {
        "rows permuted": lambda frame: frame.iloc[::-1],
        "row dropped": lambda frame: frame.iloc[:-1],
        "row doubled": lambda frame: pd.concat([frame, frame.iloc[-1:]]),
        "column added": lambda frame: frame.assign(extra=1.0),
    }
    for kind, rule in rows.items():

        def change(
            folder: Path, kind: str = kind, rule: Callable[[pd.DataFrame], pd.DataFrame] = rule
        ) -> bool:
            frame, schema = read(folder / file)
            if not len(frame) or (kind == "rows permuted" and len(frame) < 2):
                return False
            write(folder / file, rule(frame), schema)
            return True

        yield Forgery(file, "", kind, change)


# Series


def of_variables(file: str, variable: str) -> Iterator[Forgery]:
    """Yield forgeries of one variable of a NetCDF file."""

    def changed(folder: Path, rule: Callable[[xr.Dataset], xr.Dataset | None]) -> bool:
        with xr.open_dataset(folder / file, engine="h5netcdf", decode_times=False) as data:
            loaded = data.load()
        if variable not in loaded.variables:
            return False
        forged = rule(loaded)
        if forged is None:
            return False
        (folder / file).unlink()
        forged.to_netcdf(folder / file, engine="h5netcdf")
        return True

    def values(kind: str) -> Callable[[xr.Dataset], xr.Dataset | None]:
        def rule(data: xr.Dataset) -> xr.Dataset | None:
            old = data[variable]
            cells = old.to_numpy().copy()
            if not cells.size:
                return None
            if kind == "values permuted":
                new = np.roll(cells, 1, axis=0) if cells.ndim else cells
                if np.array_equal(new, cells):
                    new = np.roll(cells, 1, axis=-1) if cells.ndim else cells
                if np.array_equal(new, cells):
                    return None
            else:
                flat = forged_column(pd.Series(cells.ravel()), kind)
                if flat is None:
                    return None
                new = flat.to_numpy().reshape(cells.shape)
            made = xr.Variable(old.dims, new, old.attrs)
            return (
                data.assign_coords({variable: made})
                if variable in data.coords
                else data.assign({variable: made})
            )

        return rule

    for kind in ("one value", "all values", "values permuted"):
        yield Forgery(file, variable, kind, lambda folder, kind=kind: changed(folder, values(kind)))
    yield Forgery(
        file, variable, "dropped", lambda folder: changed(folder, lambda data: data.drop_vars(variable))
    )

    def units(data: xr.Dataset) -> xr.Dataset:
        data[variable].attrs["units"] = "MWh" if data[variable].attrs.get("units") != "MWh" else "kWh"
        return data

    yield Forgery(file, variable, "units", lambda folder: changed(folder, units))


def of_series(file: str) -> Iterator[Forgery]:
    """Yield forgeries of a NetCDF file as a whole."""

    def added(folder: Path) -> bool:
        with xr.open_dataset(folder / file, engine="h5netcdf", decode_times=False) as data:
            loaded = data.load()
        (folder / file).unlink()
        loaded.assign(extra=1.0).to_netcdf(folder / file, engine="h5netcdf")
        return True

    yield Forgery(file, "", "variable added", added)

    def attribute(folder: Path) -> bool:
        with xr.open_dataset(folder / file, engine="h5netcdf", decode_times=False) as data:
            loaded = data.load()
        (folder / file).unlink()
        loaded.assign_attrs(scenario="another").to_netcdf(folder / file, engine="h5netcdf")
        return True

    yield Forgery(file, "", "attribute", attribute)


# JSON


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every leaf of a JSON value, with the keys that lead to it."""
    if isinstance(value, dict) and value:
        for key, each in value.items():
            yield from leaves(each, (*path, key))
    elif isinstance(value, list) and value:
        for k, each in enumerate(value):
            yield from leaves(each, (*path, k))
    else:
        yield path, value


def of_keys(file: str, content: dict[str, Any], skip: tuple[str, ...] = ()) -> Iterator[Forgery]:
    """Yield forgeries of every leaf of a JSON file; all but the first of a list are left out."""
    for path, _ in leaves(content):
        if path[0] in skip or any(isinstance(key, int) and key for key in path):
            continue
        for kind in ("one value", "dropped"):

            def change(folder: Path, path: tuple[Any, ...] = path, kind: str = kind) -> bool:
                whole = json.loads((folder / file).read_text("utf-8"))
                at = whole
                for key in path[:-1]:
                    at = at[key]
                if kind == "dropped":
                    del at[path[-1]]
                else:
                    old = at[path[-1]]
                    at[path[-1]] = "forged" if old in ({}, []) else other(old, [])
                (folder / file).write_text(json.dumps(whole, indent=1), "utf-8")
                return True

            yield Forgery(file, ".".join(map(str, path)), kind, change)

    def added(folder: Path) -> bool:
        whole = json.loads((folder / file).read_text("utf-8"))
        (folder / file).write_text(json.dumps(whole | {"extra": 1.0}), "utf-8")
        return True

    yield Forgery(file, "", "key added", added)


# Folders


def of_folder() -> Iterator[Forgery]:
    """Yield forgeries of which files there are."""

    def unlisted(folder: Path) -> bool:
        (folder / "extra.csv").write_text("a\n1\n", "utf-8")
        return True

    def listed(folder: Path) -> bool:
        (folder / "extra.csv").write_text("a\n1\n", "utf-8")
        certificate = json.loads((folder / "certificate.json").read_text("utf-8"))
        certificate["files"]["extra.csv"] = ""
        (folder / "certificate.json").write_text(json.dumps(certificate), "utf-8")
        return True

    def outside(folder: Path) -> bool:
        (folder.parent / "outside.csv").write_text("a\n1\n", "utf-8")
        certificate = json.loads((folder / "certificate.json").read_text("utf-8"))
        digest = hashlib.sha256((folder.parent / "outside.csv").read_bytes()).hexdigest()
        certificate["files"]["../outside.csv"] = digest
        (folder / "certificate.json").write_text(json.dumps(certificate), "utf-8")
        return True

    yield Forgery("", "", "file that is not listed", unlisted)
    yield Forgery("", "", "listed file that is of no result", listed)
    yield Forgery("", "", "listed file outside", outside)


def forgeries(result: Path) -> Iterator[Forgery]:
    """Yield every forgery of a result: of every file, column, variable, key and unit that it has."""
    yield from of_folder()
    for path in sorted(result.glob("*")):
        if path.suffix in (".parquet", ".csv"):
            yield from of_tables(path.name)
            for column in read(path)[0].columns:
                yield from of_columns(path.name, str(column))
        elif path.suffix == ".nc":
            yield from of_series(path.name)
            with xr.open_dataset(path, engine="h5netcdf", decode_times=False) as data:
                names = list(map(str, data.variables))
            for name in names:
                yield from of_variables(path.name, name)
        elif path.suffix == ".json":
            yield from of_keys(path.name, json.loads(path.read_text("utf-8")), skip=("files",))
