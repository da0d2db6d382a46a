"""The declared files of results are those that are written, described and expected by verification."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xarray as xr

import tidewatt
from tests.unit.tariffs.small_cases import small_case
from tidewatt.errors import SolveWarning
from tidewatt.io.results.__main__ import written
from tidewatt.io.results.folder import KINDS, specification
from tidewatt.io.results.specification import CERTIFICATE, ResultColumn, ResultFile, ResultSpecification
from tidewatt.verification.common import expected

ROOT = Path(__file__).parents[4]
SPECIFICATIONS = [specification(kind) for kind in KINDS]
OF_STUDY = {spec.study: spec for spec in SPECIFICATIONS}


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> dict[str, Path]:
    """A folder a study, as `save` leaves it, and one of tariffs without a plan."""
    home = tmp_path_factory.mktemp("results")
    city = tidewatt.example("city")
    blocked = small_case(line_kw=(250.0, 85.0))
    with pytest.warns(SolveWarning):
        no_plan = tidewatt.tariff(blocked, threads=1, samples=0)
    made = {
        "coordinate": tidewatt.coordinate(tidewatt.example("village"), threads=1),
        "simulate": tidewatt.simulate(city, vehicles=200, replications=2, threads=1),
        "assign": tidewatt.assign(city, relative_gap=1e-2),
        "configure": tidewatt.configure(city, evaluations=30, days_train=1, days_test=2, threads=1),
        "tariff": tidewatt.tariff(small_case(), sweep_gamma=[0.0, 1.0], threads=1, samples=100),
        "blocked": no_plan,
    }
    return {
        name: tidewatt.save(result, home / name, soc=name == "coordinate") for name, result in made.items()
    }


def _in_cost(unit: str) -> str:
    """Return a unit as it is declared: of a scenario that names no currency."""
    return unit.replace("1,000 USD", "cost").replace("USD", "cost")


def files_of(saved: dict[str, Path], study: str) -> dict[str, Path]:
    folders = ([saved["blocked"]] if study == "tariff" else []) + [saved[study]]
    return {path.name: path for folder in folders for path in folder.iterdir()}


def found_columns(path: Path, file: ResultFile) -> list[ResultColumn]:
    """Name, dimensions and unit of what a file holds."""
    if file.format == "json":
        return [ResultColumn(name, "") for name in json.loads(path.read_text("utf-8"))]
    if file.format == "csv":
        return [ResultColumn(name, "") for name in pd.read_csv(path)]
    if file.format == "nc":
        data = xr.load_dataset(path, engine="h5netcdf")
        return [
            ResultColumn(
                str(name),
                str(v.dtype),
                _in_cost(str(v.attrs.get("units", ""))),
                dims=", ".join(map(str, v.dims)),
            )
            for name, v in data.variables.items()
        ]
    return [
        ResultColumn(
            field.name, _dtype(field.type), _in_cost((field.metadata or {}).get(b"units", b"").decode())
        )
        for field in pq.read_schema(path)
    ]


def _unit(column: ResultColumn, file: ResultFile) -> str:
    """Return the unit that stands in a file; numbers that count have none in tables."""
    counted = column.dtype.startswith("int") and file.format == "parquet"
    return "" if counted else column.unit_in_file


def _dtype(kind: pa.DataType) -> str:
    return {"double": "float64"}.get(str(kind), str(kind))


CASES = [
    pytest.param(spec, file, id=f"{spec.study}: {file.name}")
    for spec in SPECIFICATIONS
    for file in spec.files
    if file.format and file.name != "front.parquet"
]


@pytest.mark.parametrize(("spec", "file"), CASES)
def test_files_hold_what_is_declared(
    saved: dict[str, Path], spec: ResultSpecification, file: ResultFile
) -> None:
    """Without it a column could stay secret, be promised in vain, or be read in another unit or type."""
    found = found_columns(files_of(saved, spec.study)[file.name], file)
    names = [column.name for column in found]
    declared = {column.name: column for column in file.columns}
    assert set(names) <= set(declared)
    assert {name for name, column in declared.items() if not column.optional} <= set(names)
    if file.format != "nc":
        assert names == [name for name in declared if name in names]
    for column in found:
        mine = declared[column.name]
        assert column.dims == mine.dims, column.name
        if mine.dtype.startswith(("int", "float")) and column.dtype:
            assert column.dtype == mine.dtype, column.name
        # Coordinates and tables of data frames do not carry units.
        if column.unit or not (file.as_frame or mine.dims == column.name):
            assert file.format in ("csv", "json") or column.unit == _unit(mine, file), column.name


@pytest.mark.parametrize("study", OF_STUDY)
def test_every_file_is_declared(saved: dict[str, Path], study: str) -> None:
    """Without it a result could hold a file that a later one leaves behind, or that no page explains."""
    declared = {file.name for file in OF_STUDY[study].files}
    there = set(files_of(saved, study))
    assert there - declared <= {"scenario", "scenario-before"}
    assert declared - there <= {"front.parquet"}


def test_the_data_dictionary_is_current() -> None:
    """Without it users could read of columns that are long gone; run python -m tidewatt.io.results docs."""
    page = (ROOT / "docs" / "data-dictionary.md").read_text("utf-8")
    assert written(page) == page
    for study in OF_STUDY:
        assert f"<!-- results: {study} -->" in page


@pytest.mark.parametrize("kind", KINDS)
def test_verification_expects_what_is_declared(kind: str) -> None:
    """Without it writers could lose a column unseen: verification keeps a list of its own."""
    files = [file for file in specification(kind).files if file.format and file.name != CERTIFICATE]
    assert expected.always(kind) == tuple(file.name for file in files if not file.absent)
    assert expected.sometimes(kind) == tuple(file.name for file in files if file.absent)
    for file in files:
        needed = tuple(column.name for column in file.columns if not column.optional)
        assert expected.columns_of(kind, file.name) == needed, file.name
        may = {column.name for column in file.columns if column.optional}
        assert set(expected.optional_columns(kind, file.name)) == may, file.name
        if file.format in ("parquet", "nc"):
            units = {column.name: _unit(column, file) for column in file.columns if _unit(column, file)}
            assert expected.units_of(kind, file.name) == units, file.name
    certificate = specification(kind).file(CERTIFICATE)
    wanted, may = expected.keys_of_certificate(kind)
    assert {column.name for column in certificate.columns} == wanted | (may if "kind" in wanted else set())


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_called_filed_is_there(kind: str) -> None:
    """Without it the verdict lists what no result has, or hides behind a name that is misspelt."""
    for file, names in expected.filed(kind).items():
        declared = {column.name for column in specification(kind).file(file).columns}
        assert set(names) - {"rows"} <= declared, file


def test_a_lost_column_is_a_failed_check(saved: dict[str, Path], tmp_path: Path) -> None:
    """Without it a table of other columns is verified as far as it goes, and passes."""
    import shutil

    folder = Path(shutil.copytree(saved["assign"], tmp_path / "r"))
    table = pd.read_csv(folder / "history.csv").drop(columns="seconds")
    table.to_csv(folder / "history.csv", index=False)
    found = tidewatt.verify(folder).text()
    assert "history.csv lacks seconds" in found


@pytest.mark.parametrize("study", OF_STUDY)
def test_a_loaded_result_is_the_one_that_was_saved(saved: dict[str, Path], study: str) -> None:
    """Without it what a notebook loads is not what was written; data carry no marks of their files."""
    back = tidewatt.load(saved[study])
    spec = OF_STUDY[study]
    assert type(back) is spec.result
    for file in spec.files:
        value = getattr(back, file.attribute) if file.attribute else None
        if isinstance(value, pd.DataFrame) and (saved[study] / file.name).is_file():
            assert list(value) == [name for name in file.names if name in value]
        if isinstance(value, xr.Dataset):
            assert not {"title", "Conventions", "scenario"} & set(value.attrs)
