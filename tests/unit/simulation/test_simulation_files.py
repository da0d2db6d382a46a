"""Simulations as files, and back."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import xarray as xr

from tests.unit.simulation.made_days import hand_made
from tidewatt.errors import TidewattError
from tidewatt.io.results import load, save
from tidewatt.io.results.simulation import FILES as DECLARED
from tidewatt.io.scenario.reading import read_scenario

FILES = {
    "summary.json",
    "events.parquet",
    "unserved.parquet",
    "stations.parquet",
    "stations.nc",
    "links.nc",
    "history.csv",
    "itineraries",
    "certificate.json",
}


@pytest.fixture(scope="module")
def result():
    return hand_made()


def test_a_saved_simulation_comes_back_equal(tmp_path, result):
    """Without it: what a notebook loads is not what the run found."""
    assert save(result, tmp_path / "out", scenario_folder=tmp_path / "s") == tmp_path / "out"
    assert {p.name for p in (tmp_path / "out").iterdir()} == FILES
    back = load(tmp_path / "out")
    pd.testing.assert_frame_equal(back.history, result.history, rtol=1e-14)
    for name in ("events", "unserved", "stations"):
        pd.testing.assert_frame_equal(getattr(back, name), getattr(result, name), rtol=0, atol=0)
    xr.testing.assert_identical(back.data, result.data)
    assert (back.status, back.run) == (result.status, result.run)
    assert back.summary() == json.loads(json.dumps(result.summary(), default=float))
    assert back.itineraries is back.scenario is None


def test_files_say_their_units_and_are_typed(tmp_path, result):
    """Without it: an outsider has to guess what a column means, or ids fill the disk as texts."""
    out = save(result, tmp_path / "out", scenario_folder=tmp_path / "s")
    schema = pq.read_schema(out / "events.parquet")
    assert schema.names == list(DECLARED.file("events.parquet").names)
    assert schema.field("wait_min").metadata[b"units"] == b"min"
    assert {str(schema.field(n).type).split("<")[0] for n in ("vehicle_id", "station_id", "charger")} == {
        "dictionary"
    }
    assert str(schema.field("replication").type) == "int32"
    events = pd.read_parquet(out / "events.parquet")
    assert events.sort_values(["replication", "decide_min"], kind="stable").index.equals(events.index)
    for file in ("stations.nc", "links.nc"):
        with xr.open_dataset(out / file, engine="h5netcdf") as data:
            assert all("units" in variable.attrs for variable in data.data_vars.values())


def test_itineraries_can_be_coordinated(tmp_path, result):
    """Without it: what was simulated cannot be handed on to `coordinate`."""
    out = save(result, tmp_path / "out", scenario_folder=tmp_path / "s")
    assert read_scenario(out / "itineraries").sha256() == result.itineraries.sha256()


def test_a_second_save_replaces_the_first_whole(tmp_path, result):
    """Without it: a folder holds files of two runs, or itineraries of another."""
    save(hand_made(seed=9), tmp_path / "out", scenario_folder=tmp_path / "s")
    (tmp_path / "out" / "itineraries" / "stale.csv").write_text("old")
    save(result, tmp_path / "out", scenario_folder=tmp_path / "s")
    assert {p.name for p in (tmp_path / "out").iterdir()} == FILES
    assert load(tmp_path / "out").run == result.run
    listed = json.loads((tmp_path / "out" / "certificate.json").read_text())["files"]
    assert "itineraries/vehicles.parquet" in listed
    assert "itineraries/stale.csv" not in listed
    assert not (tmp_path / "out" / "itineraries" / "stale.csv").exists()


def test_a_loaded_simulation_is_not_saved_without_its_itineraries(tmp_path, result):
    """Without it: a copy of a result silently lacks the scenario for `coordinate`."""
    back = load(save(result, tmp_path / "out", scenario_folder=tmp_path / "s"))
    with pytest.raises(TidewattError, match="copy its folder"):
        save(back, tmp_path / "again", scenario_folder=tmp_path / "s")
    assert not (tmp_path / "again").exists()


def test_missing_and_damaged_files_are_named(tmp_path, result):
    """Without it: a user sees a traceback of a file format's library."""
    out = save(result, tmp_path / "out", scenario_folder=tmp_path / "s")
    (out / "links.nc").rename(out / "kept")
    with pytest.raises(TidewattError, match=r"missing links\.nc"):
        load(out)
    (out / "links.nc").write_bytes(b"nothing")
    with pytest.raises(TidewattError, match="damaged"):
        load(out)
    (out / "certificate.json").write_text(json.dumps({"format": 1, "kind": "dream"}))
    with pytest.raises(TidewattError, match="dream"):
        load(out)


def test_columns_that_are_not_there_are_named(tmp_path, result):
    """Without it: a table of other columns is written and found out a month later."""
    broken = dataclasses.replace(result, events=result.events.drop(columns="wait_min"))
    with pytest.raises(TidewattError, match="wait_min"):
        save(broken, tmp_path / "out", scenario_folder=tmp_path / "s")
    assert not (tmp_path / "out").exists()


def test_events_of_many_days_stay_small(tmp_path, result):
    """Without it: a thousand days of charges take minutes to write and gigabytes to keep."""
    rng = np.random.default_rng(0)
    rows = 100_000
    frame = result.events.sample(rows, replace=True, random_state=0).reset_index(drop=True)
    frame["replication"] = np.repeat(np.arange(rows // 100, dtype=np.int32), 100)
    frame["decide_min"] = np.sort(rng.uniform(0, 1440, (rows // 100, 100)), axis=1).ravel()
    out = save(dataclasses.replace(result, events=frame), tmp_path / "out", scenario_folder=tmp_path / "s")
    assert (out / "events.parquet").stat().st_size < 60 * rows
