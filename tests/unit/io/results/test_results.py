"""Results as files, and back."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import xarray as xr

from tests.unit.verification.reference import build, plain_vehicle, write_scenario_by_hand
from tidewatt.domain.fleet import Fleet
from tidewatt.errors import SolveWarning, TidewattError
from tidewatt.io.results import formats, load, save, schedules
from tidewatt.io.scenario.reading import read_scenario

FILES = {
    "summary.json",
    "feeders.parquet",
    "banks.parquet",
    "vehicles.parquet",
    "loads.nc",
    "schedule.parquet",
    "schedule_session.parquet",
    "history.csv",
    "certificate.json",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_scenario_by_hand(tmp_path_factory.mktemp("scenario"))


@pytest.fixture(scope="module")
def result(folder):
    return build(read_scenario(folder), rough=True)


def test_a_saved_result_comes_back(tmp_path, folder, result):
    """What a notebook loads must be what the run found."""
    assert save(result, tmp_path / "out", scenario_folder=folder) == tmp_path / "out"
    assert {p.name for p in (tmp_path / "out").iterdir()} == FILES
    back = load(tmp_path / "out")
    assert back.certificates == dict(result.certificates)
    assert back.statuses == dict(result.statuses)
    assert back.run == result.run
    assert back.summary() == pytest.approx(result.summary())
    for name in ("feeders", "banks", "vehicles", "history"):
        pd.testing.assert_frame_equal(
            getattr(back, name), getattr(result, name), check_dtype=False, rtol=1e-12
        )
    for name, variable in result.data.data_vars.items():
        np.testing.assert_array_equal(back.data[name], variable)
    assert back.data["time"].to_numpy()[1] == np.datetime64("2027-01-11T00:30")
    assert back.status.reached


@pytest.mark.parametrize("rung", ["coordinated", "session"])
def test_schedule_rows_are_the_nonzero_powers(tmp_path, folder, result, rung):
    """A dwell or step counted wrongly would send power to another place; counts include all dwells."""
    save(result, tmp_path, scenario_folder=folder)
    rows = load(tmp_path).read_schedule(rung)
    assert list(rows.columns) == ["vehicle_id", "dwell", "step", "feeder_id", "power_kw"]
    scenario, wanted, k = result.scenario, [], 0
    power = result.schedules[rung].power_kw
    for i in range(len(scenario.fleet)):
        plain = plain_vehicle(scenario, i)
        for dwell, feeder, slots in zip(plain.dwell, plain.feeder, plain.steps):
            for step, _ in slots:
                name = scenario.grid.feeder_id[feeder] if feeder >= 0 else None
                row = (f"car {i}", dwell - scenario.dwells.first[i], step, name, power[k])
                wanted += [row] if power[k] != 0 else []
                k += 1
    found = [
        (v, d, s, None if pd.isna(f) else f, p) for v, d, s, f, p in rows.itertuples(index=False, name=None)
    ]
    assert found == wanted


def test_row_groups_do_not_change_the_rows(tmp_path, folder, result, monkeypatch):
    """Large schedules are written in pieces; a seam must neither lose nor repeat a row."""
    save(result, tmp_path / "whole", scenario_folder=folder, soc=True)
    monkeypatch.setattr(schedules, "_CHUNK_VARIABLES", 7)
    monkeypatch.setattr(schedules, "_CHUNK_DWELLS", 5)
    save(result, tmp_path / "pieces", scenario_folder=folder, soc=True)
    for name in ("schedule.parquet", "soc.parquet"):
        whole, pieces = (pd.read_parquet(tmp_path / k / name) for k in ("whole", "pieces"))
        for frame in (whole, pieces):
            for column in frame.select_dtypes("category"):
                frame[column] = frame[column].astype(object)
        pd.testing.assert_frame_equal(whole, pieces)
    assert pq.ParquetFile(tmp_path / "pieces" / "schedule.parquet").num_row_groups > 20


def test_whole_number_ids_stay_numbers(tmp_path, folder, result):
    """Ids are kept as given: whoever joins on integers must find integers."""
    scenario = result.scenario
    values = {name: getattr(scenario.fleet, name) for name in Fleet.__slots__}
    fleet = Fleet(**values | {"vehicle_id": np.arange(len(scenario.fleet)) + 100})
    grid = dataclasses.replace(scenario.grid, feeder_id=np.arange(scenario.grid.feeders))
    numbered = dataclasses.replace(result, scenario=dataclasses.replace(scenario, fleet=fleet, grid=grid))
    save(numbered, tmp_path, scenario_folder=folder)
    rows = load(tmp_path).read_schedule("coordinated")
    assert rows["vehicle_id"].dtype == np.int64
    assert rows["vehicle_id"].min() >= 100
    assert rows["feeder_id"].isna().any()
    assert set(rows["feeder_id"].dropna()) <= set(range(scenario.grid.feeders))


def test_soc_is_that_of_a_battery_walked_through_its_week(tmp_path, folder, result):
    """The state of charge drawn in figures must be the one the schedule leads to."""
    save(result, tmp_path, scenario_folder=folder, soc=True)
    rows = pd.read_parquet(tmp_path / "soc.parquet")
    s = result.scenario
    schedule = result.schedules["coordinated"]
    drawn = np.zeros(len(s.dwells))
    for q, k in enumerate(schedule.dwell):
        drawn[k] = schedule.power_kw[schedule.first[q] : schedule.first[q + 1]].sum() * s.horizon.step_h
    wanted = []
    for i in range(len(s.fleet)):
        battery, content = s.fleet.battery_kwh[i], s.fleet.battery_kwh[i] * s.fleet.soc_initial[i]
        trip = s.trips.first[i]
        for k in range(s.dwells.first[i], s.dwells.first[i + 1]):
            while trip < s.trips.first[i + 1] and s.trips.arrive_min[trip] <= s.dwells.arrive_min[k]:
                content -= s.trips.energy_kwh[trip]
                trip += 1
            wanted.append((f"car {i}", s.dwells.arrive_min[k], content / battery))
            content += s.fleet.charge_efficiency[i] * drawn[k]
            wanted.append((f"car {i}", s.dwells.depart_min[k], content / battery))
    names, minutes, socs = zip(*wanted)
    assert rows["vehicle_id"].astype(object).tolist() == list(names)
    np.testing.assert_array_equal(rows["minute"], minutes)
    np.testing.assert_allclose(rows["soc"], socs, atol=1e-9)


def test_json_never_holds_nan_or_infinity(tmp_path, folder, result):
    """Other languages' readers refuse NaN literals; null is what they understand."""
    odd = dataclasses.replace(
        result,
        figures={**result.figures, "gap_of_savings": math.nan, "relative_gap": np.float32(np.inf)},
        run=dataclasses.replace(result.run, peak_memory_mib=math.nan),
    )
    save(odd, tmp_path, scenario_folder=folder)

    def refuse(name):
        raise AssertionError(name)

    for name in ("summary.json", "certificate.json"):
        json.loads((tmp_path / name).read_text(), parse_constant=refuse)
    assert json.loads((tmp_path / "summary.json").read_text())["relative_gap"] is None
    back = load(tmp_path)
    assert math.isnan(back.figures["gap_of_savings"])
    assert math.isnan(back.run.peak_memory_mib)


def test_loads_are_labelled_for_others(tmp_path, folder, result):
    """Tools that read CF look for units and a time axis counted from the start."""
    save(result, tmp_path, scenario_folder=folder)
    with xr.open_dataset(tmp_path / "loads.nc", engine="h5netcdf", decode_times=False) as raw:
        assert raw["time"].attrs["units"].startswith("seconds since 2027-01-11")
        assert raw["headroom_kw"].attrs["units"] == "kW"
        assert raw["bank_price"].attrs["units"] == "cost per kW"
        assert raw.attrs["Conventions"].startswith("CF")


def test_a_grid_without_banks_is_saved(tmp_path, folder, result):
    """NetCDF has no axis of length 0; most small grids have no banks."""
    data = result.data.isel(bank=slice(0, 0))
    save(
        dataclasses.replace(result, data=data, banks=result.banks.iloc[:0]), tmp_path, scenario_folder=folder
    )
    back = load(tmp_path)
    assert back.data.sizes["bank"] == 0
    assert back.data["bank_price"].shape == (0, 48)
    assert len(back.banks) == 0


def test_saving_again_replaces_all_and_keeps_what_is_not_ours_apart(tmp_path, folder, result):
    """Stale files and figures of an earlier result beside new ones would mislead; notes must not be lost."""
    out = tmp_path / "out"
    save(result, out, scenario_folder=folder, soc=True)
    (out / "notes.txt").write_text("mine")
    for name in ("figures/stale.png", "checkpoint/state.json", "adoption_0.1/summary.json", "stations.csv"):
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_text("{}")
    slim = {rung: s for rung, s in result.schedules.items() if rung != "session"}
    with pytest.warns(SolveWarning, match=r"notes\.txt, stations\.csv\. It is now in .*out-kept"):
        save(dataclasses.replace(result, schedules=slim), out, scenario_folder=folder)
    assert {p.name for p in out.iterdir()} == FILES - {"schedule_session.parquet"} | {"checkpoint"}
    assert {p.name for p in (tmp_path / "out-kept").iterdir()} == {"notes.txt", "stations.csv"}


def test_files_of_a_folder_that_was_no_result_stay(tmp_path, folder, result):
    """Saving into a folder of one's own would move everything in it away."""
    out = tmp_path / "project"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    with pytest.warns(SolveWarning, match=r"thesis\.txt\. It was left there"):
        save(result, out, scenario_folder=folder)
    assert (out / "thesis.txt").read_text() == "mine" and not (tmp_path / "project-kept").exists()


def test_result_never_takes_the_place_of_its_scenario(folder, result):
    """The scenario would be moved away by saving the result of it."""
    before = sorted(p.name for p in folder.iterdir())
    with pytest.raises(TidewattError, match="holds a scenario"):
        save(result, folder, scenario_folder=folder)
    assert sorted(p.name for p in folder.iterdir()) == before


def test_a_save_that_fails_leaves_the_old_result(tmp_path, folder, result, monkeypatch):
    """A full disk in the middle of a save must not cost the result that was there."""
    save(result, tmp_path / "out", scenario_folder=folder)
    before = {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()}

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(formats, "write_dataset", full)
    with pytest.raises(TidewattError, match="disk is full"):
        save(result, tmp_path / "out", scenario_folder=folder)
    assert {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()} == before
    with pytest.raises(TidewattError, match="disk is full"):
        save(result, tmp_path / "new", scenario_folder=folder)
    assert not (tmp_path / "new").exists()


def test_saving_finds_the_scenario_by_its_folder(tmp_path, folder, result):
    """A result that does not carry its scenario is labelled from the folder, if it is the same one."""
    bare = dataclasses.replace(result, scenario=None)
    save(bare, tmp_path / "a", scenario_folder=folder)
    save(result, tmp_path / "b", scenario_folder=folder)
    schedules_ = [pd.read_parquet(tmp_path / k / "schedule.parquet") for k in "ab"]
    pd.testing.assert_frame_equal(*schedules_)
    with pytest.raises(TidewattError, match="scenario_folder"):
        save(bare, tmp_path / "c")
    other = write_scenario_by_hand(tmp_path / "other", seed=9)
    with pytest.raises(TidewattError, match="fingerprint"):
        save(bare, tmp_path / "c", scenario_folder=other)
    assert not (tmp_path / "c").exists()


def test_a_loaded_result_cannot_be_saved_again(tmp_path, folder, result):
    """It has no schedules in memory; writing it would lose them silently."""
    save(result, tmp_path / "a", scenario_folder=folder)
    with pytest.raises(TidewattError, match="copy its folder"):
        save(load(tmp_path / "a"), tmp_path / "b", scenario_folder=folder)


@pytest.mark.parametrize("name", sorted(FILES))
def test_loading_names_a_missing_file(tmp_path, folder, result, name):
    """A traceback from deep in a reader would not tell the user what is missing."""
    save(result, tmp_path, scenario_folder=folder)
    (tmp_path / name).unlink()
    with pytest.raises(TidewattError, match=name.replace(".", r"\.")):
        load(tmp_path)


@pytest.mark.parametrize("name", sorted(FILES - {"schedule.parquet", "schedule_session.parquet"}))
def test_loading_a_cut_file_is_an_error_in_words(tmp_path, folder, result, name):
    """Files copied halfway must be refused, not half understood."""
    save(result, tmp_path, scenario_folder=folder)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2] if name != "history.csv" else b"\xff\xfe")
    with pytest.raises(TidewattError):
        load(tmp_path)


def test_another_format_is_refused(tmp_path, folder, result):
    """A later layout must not be read as this one."""
    save(result, tmp_path, scenario_folder=folder)
    path = tmp_path / "certificate.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 99'))
    with pytest.raises(TidewattError, match="format 99"):
        load(tmp_path)


def test_an_unknown_rung_is_refused_with_those_there(tmp_path, folder, result):
    """Whoever asks for the unmanaged schedule must learn why there is none."""
    save(result, tmp_path, scenario_folder=folder)
    with pytest.raises(TidewattError, match="session, coordinated"):
        load(tmp_path).read_schedule("unmanaged")
    with pytest.raises(TidewattError, match="no schedule of the rung 'best'; this result has: "):
        result.read_schedule("best")


@pytest.mark.parametrize("numbered", [False, True])
@pytest.mark.parametrize("rung", ["coordinated", "session"])
def test_a_fresh_result_reads_schedules_as_a_loaded_one(tmp_path, folder, result, rung, numbered):
    """A notebook must not have to save and load before it can look at a schedule."""
    if numbered:
        scenario = result.scenario
        values = {name: getattr(scenario.fleet, name) for name in Fleet.__slots__}
        fleet = Fleet(**values | {"vehicle_id": np.arange(len(scenario.fleet))})
        grid = dataclasses.replace(scenario.grid, feeder_id=np.arange(scenario.grid.feeders))
        scenario = dataclasses.replace(scenario, fleet=fleet, grid=grid)
        result = dataclasses.replace(result, scenario=scenario)
    save(result, tmp_path, scenario_folder=folder)
    fresh, loaded = result.read_schedule(rung), load(tmp_path).read_schedule(rung)
    assert len(fresh) > 0
    pd.testing.assert_frame_equal(fresh, loaded, check_categorical=False)
