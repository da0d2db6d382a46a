"""Tariffs as files, and back."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import xarray as xr

from tidewatt.errors import TidewattError
from tidewatt.io.results import load, save
from tidewatt.io.results.tariffs import FILES
from tidewatt.result import RunInfo, Status
from tidewatt.tariffs.result import Tariffs

TABLES = {
    file.attribute: {column.name: column.dtype for column in file.columns}
    for file in FILES.files
    if file.format == "parquet"
}
RUN = RunInfo(3, "0", "ab" * 32, 1.5, 80.0, {"python": "3.12"})
IDS = {"site_id": "F1", "link_id": 7, "line_id": "L1", "bus_id": 12, "aggregator_id": "a", "plan": "robust"}


def table(name, rows=3):
    """A table of the right columns: ids of both types, numbers that no rounding may change."""
    whole = [column for column, dtype in TABLES[name].items() if dtype == "int64"]
    random = np.random.default_rng(len(name))
    cells = {
        column: [IDS[column]] * rows
        if column in IDS
        else np.arange(rows)
        if column in whole
        else random.normal(size=rows)
        for column in TABLES[name]
    }
    return pd.DataFrame(cells)


def made(**changes):
    """Tariffs with something in every part."""
    data = xr.Dataset(
        {
            "link_flow": (("link", "step"), np.array([[1.0, 0.1 + 0.2], [0.0, 1e-300]])),
            "link_queue": (("link", "step"), np.zeros((2, 2))),
            "vehicles": ("arc", np.array([0.7, 1.2, 3.0])),
            "index": ("arc", np.array([1, 0, 2], np.int32)),
        },
        coords={"link": ["r1", "r2"], "step": [0, 1]},
        attrs={"soc_step": 0.02},
    )
    tables = {name: table(name) for name in TABLES}
    figures = {"scenario": "town", "cost": 0.1 + 0.2, "soc_gap": None, "prices_needed": ["tariff"]}
    history = pd.DataFrame(dict.fromkeys(FILES.file("history.csv").names, 0.5), index=[0, 1])
    history["cost"] = [3.0, 0.1 + 0.2]
    values = {
        **tables,
        "gamma": None,
        "diagnosis": pd.DataFrame(),
        "data": data,
        "history": history,
        "status": Status.CERTIFIED,
        "run": RUN,
        "figures": figures,
    }
    return Tariffs(**{**values, **changes})


def test_saved_tariffs_come_back(tmp_path):
    """What a notebook loads must be what the run found, bit by bit, ids of the same type included."""
    result = made()
    assert save(result, tmp_path / "r", scenario_folder=tmp_path) == tmp_path / "r"
    wanted = {f"{name}.parquet" for name in TABLES}
    wanted |= {"summary.json", "flows.nc", "history.csv", "certificate.json"}
    assert {path.name for path in (tmp_path / "r").iterdir()} == wanted
    back = load(tmp_path / "r")
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(back, name), getattr(result, name), check_exact=True)
    for name, variable in result.data.data_vars.items():
        np.testing.assert_array_equal(back.data[name], variable)
    assert back.data["link"].to_numpy().tolist() == ["r1", "r2"]
    assert back.summary() == result.summary()
    assert (back.run, back.status, back.gamma, len(back.diagnosis)) == (RUN, Status.CERTIFIED, None, 0)
    assert back.history["cost"].tolist() == result.history["cost"].tolist()


def test_units_stand_with_the_numbers(tmp_path):
    """Without them a reader of the files has to guess what a dual or a toll is per."""
    save(made(), tmp_path / "r", scenario_folder=tmp_path)
    schema = pq.read_schema(tmp_path / "r" / "lines.parquet")
    assert schema.field("dual_high").metadata == {b"units": b"cost per kW"}
    assert schema.field("line_id").metadata is None
    assert load(tmp_path / "r").data["link_flow"].attrs["units"] == "vehicles"
    assert load(tmp_path / "r").data["vehicles"].attrs["units"] == "vehicles"


def test_a_sweep_and_a_diagnosis_have_their_own_files(tmp_path):
    """Without it they are lost, or empty files claim that there was a sweep."""
    gamma = pd.DataFrame(dict.fromkeys(FILES.file("gamma.csv").names, 0.1 + 0.2), index=[0, 1])
    gamma["status"] = "CERTIFIED"
    diagnosis = pd.DataFrame(
        {
            "limit": ["line"],
            "element_id": ["L1"],
            "step": [3],
            "amount": [0.1 + 0.2],
            "unit": ["kW"],
            "remedy": ["raise the limit"],
        }
    )
    empty = {name: table(name, 0) for name in TABLES}
    result = made(gamma=gamma, diagnosis=diagnosis, status=Status.INFEASIBLE, **empty)
    save(result, tmp_path / "r", scenario_folder=tmp_path)
    back = load(tmp_path / "r")
    pd.testing.assert_frame_equal(back.gamma, gamma, check_exact=True)
    pd.testing.assert_frame_equal(back.diagnosis, diagnosis, check_exact=True)
    assert back.status is Status.INFEASIBLE
    for name, columns in TABLES.items():
        assert list(getattr(back, name).columns) == list(columns)
        assert getattr(back, name)["step"].dtype == np.int64
    # A later result without them must not stand beside the files of the former.
    save(made(), tmp_path / "r", scenario_folder=tmp_path)
    assert not {"gamma.csv", "diagnosis.csv"} & {path.name for path in (tmp_path / "r").iterdir()}


def test_a_missing_column_leaves_the_former_result(tmp_path):
    """Without it a half-written folder replaces a good one."""
    save(made(), tmp_path / "r", scenario_folder=tmp_path)
    before = (tmp_path / "r" / "certificate.json").read_bytes()
    with pytest.raises(TidewattError, match="tolls: column toll_per_vehicle"):
        save(
            made(tolls=table("tolls").drop(columns="toll_per_vehicle")),
            tmp_path / "r",
            scenario_folder=tmp_path,
        )
    assert (tmp_path / "r" / "certificate.json").read_bytes() == before


def test_a_result_without_its_scenario_says_so(tmp_path):
    """Without it a loaded result is saved with a scenario that verify cannot find."""
    with pytest.raises(TidewattError, match="scenario_folder"):
        save(made(), tmp_path / "r")


def test_damaged_files_are_named(tmp_path):
    """Without it a broken file shows a traceback of its reader."""
    save(made(), tmp_path / "r", scenario_folder=tmp_path)
    (tmp_path / "r" / "flows.nc").write_bytes(b"nonsense")
    with pytest.raises(TidewattError, match="damaged"):
        load(tmp_path / "r")
    (tmp_path / "r" / "flows.nc").unlink()
    with pytest.raises(TidewattError, match=r"missing flows\.nc"):
        load(tmp_path / "r")


def test_the_certificate_lists_every_file(tmp_path):
    """Without it a file could be exchanged unnoticed."""
    save(dataclasses.replace(made()), tmp_path / "r", scenario_folder=tmp_path)
    certificate = json.loads((tmp_path / "r" / "certificate.json").read_text())
    assert certificate["kind"] == "tariffs"
    present = {path.name for path in (tmp_path / "r").iterdir()} - {"certificate.json"}
    assert set(certificate["files"]) == present
