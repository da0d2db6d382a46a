"""Reading and writing scenario folders: what comes out is what was meant."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from tests.unit.io.small_scenario import STEPS, Small
from tidewatt.domain.fleet import OFF_GRID
from tidewatt.errors import ScenarioError, ScenarioWarning
from tidewatt.io.scenario.reading import read_scenario, scenario_from_tables
from tidewatt.io.scenario.writing import write_scenario
from tidewatt.options.studies import STUDIES


def scenario_of(small: Small):
    """The scenario of tables in memory."""
    return scenario_from_tables(small.tables, small.config)


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("pieces", [False, True])
def test_round_trip(tmp_path: Path, form: str, pieces: bool) -> None:
    """A scenario would change its fingerprint by being written, and results would not be found valid."""
    small = Small().use_pieces() if pieces else Small()
    small.set("vehicles", "x_owner", 1, "Ada").set("banks", "name", 0, "North").set("feeders", "x_age", 0, 12)
    first = read_scenario(small.write(tmp_path / "given", form))
    write_scenario(first, tmp_path / "written")
    second = read_scenario(tmp_path / "written")
    assert first.sha256() == second.sha256() == scenario_of(small).sha256()
    assert second.name == "small"
    assert second.parameters == {"coordination": {"relative_gap": 1e-3}}
    assert second.sampling == {"adoption": 0.3}
    assert list(second.dwells.attributes["place"]) == ["home", "work", "home", "home", "shop", "home"]
    assert list(second.fleet.attributes["x_owner"]) == ["", "Ada", ""]
    assert list(second.grid.bank_attributes["name"]) == ["North"]
    assert second.grid.attributes["x_age"][0] == 12
    np.testing.assert_array_equal(second.grid.rating_kw, [20, 30])


def test_base_load_survives_writing(tmp_path: Path) -> None:
    """Figures of a feeder's week would lose the base load."""
    first = scenario_of(Small().use_base_load(9.0))
    write_scenario(first, tmp_path / "s")
    second = read_scenario(tmp_path / "s")
    assert second.grid.base_load_kw is not None
    np.testing.assert_array_equal(second.grid.base_load_kw, np.full((2, STEPS), 9.0))
    assert first.sha256() == second.sha256()


def test_unlimited_headroom_and_charger_survive(tmp_path: Path) -> None:
    """Inf is a legal value of both, and CSV writes it as a text."""
    small = Small().set("headroom", "headroom_kw", 0, np.inf).set("feeders", "bank_id", 0, None)
    for form in ("csv", "parquet"):
        read = read_scenario(small.write(tmp_path / form, form))
        assert np.isposinf(read.grid.headroom_kw[0, 0])
        assert np.isposinf(read.fleet.max_charge_kw[2])


def test_defaults() -> None:
    """Vehicles described by the least would get other limits than the data dictionary promises."""
    small = Small()
    small.tables["vehicles"] = small.tables["vehicles"][["vehicle_id", "battery_kwh", "soc_initial"]]
    small.tables["feeders"] = small.tables["feeders"].drop(columns="upgrade_cost_per_kw")
    scenario = scenario_of(small)
    f = scenario.fleet
    np.testing.assert_array_equal(f.soc_min, 0.1)
    np.testing.assert_array_equal(f.soc_max, 1.0)
    np.testing.assert_array_equal(f.soc_final_min, f.soc_initial)
    np.testing.assert_array_equal(f.charge_efficiency, 0.9)
    np.testing.assert_array_equal(f.discharge_efficiency, 0.9)
    np.testing.assert_array_equal(f.max_charge_kw, np.inf)
    np.testing.assert_array_equal(f.max_discharge_kw, 0.0)
    np.testing.assert_array_equal(f.weight, 1.0)
    np.testing.assert_array_equal(scenario.grid.cost.cost_per_kw, 1.0)


def test_empty_cell_means_default() -> None:
    """Vehicles that give an optional value only for some would be refused or read as nan."""
    scenario = scenario_of(
        Small().set("vehicles", "soc_min", 1, None).set("vehicles", "soc_final_min", 1, None)
    )
    np.testing.assert_array_equal(scenario.fleet.soc_min, 0.1)
    np.testing.assert_array_equal(scenario.fleet.soc_final_min, [0.5, 0.6, 0.5])


def test_headroom_from_ratings_and_base_load() -> None:
    """Grids given by ratings and base load would get another hosting capacity."""
    grid = scenario_of(Small().use_base_load(9.0)).grid
    np.testing.assert_array_equal(grid.headroom_kw, [[11.0] * STEPS, [21.0] * STEPS])
    np.testing.assert_array_equal(grid.bank_headroom_kw, [[45.0 - 18.0] * STEPS])


def test_bank_headroom_from_feeder_headroom() -> None:
    """A bank without rows of its own carries rating less what its feeders carry without charging."""
    grid = scenario_of(Small()).grid
    np.testing.assert_array_equal(grid.bank_headroom_kw, [[45.0 - (20 - 8) - (30 - 12)] * STEPS])


def test_bank_headroom_given() -> None:
    """Rows of a bank in headroom would be ignored."""
    small = Small()
    rows = pd.DataFrame({"bank_id": ["B1"] * STEPS, "step": range(STEPS), "headroom_kw": np.arange(STEPS)})
    small.tables["headroom"] = pd.concat([small.tables["headroom"], rows.astype({"headroom_kw": float})])
    np.testing.assert_array_equal(scenario_of(small).grid.bank_headroom_kw, [np.arange(STEPS)])


def test_feeders_with_and_without_banks() -> None:
    """A feeder without a bank would be given one, or refused."""
    grid = scenario_of(Small().set("feeders", "bank_id", 1, None)).grid
    np.testing.assert_array_equal(grid.bank, [0, -1])
    small = Small()
    del small.tables["banks"]
    small.tables["feeders"] = small.tables["feeders"].drop(columns="bank_id")
    assert scenario_of(small).grid.banks == 0


def test_cost_pieces() -> None:
    """Piecewise costs would replace those of the wrong element, or the others' linear ones."""
    grid = scenario_of(Small().use_pieces()).grid
    np.testing.assert_array_equal(grid.cost.first, [0, 2, 3])
    np.testing.assert_array_equal(grid.cost.above_kw, [0, 4, 0])
    np.testing.assert_array_equal(grid.cost.cost_per_kw, [1, 5, 2])
    np.testing.assert_array_equal(grid.bank_cost.cost_per_kw, [2, 2.5])


def test_order_of_rows_does_not_matter() -> None:
    """Tables sorted by time instead of vehicle would give vehicles each other's dwells."""
    small, shuffled = Small(), Small()
    for name in ("dwells", "trips", "headroom"):
        shuffled.tables[name] = small.tables[name].sample(frac=1, random_state=3)
    assert scenario_of(small).sha256() == scenario_of(shuffled).sha256()


def test_off_grid_dwell() -> None:
    """A dwell without a feeder would load one."""
    assert scenario_of(Small()).dwells.feeder.tolist() == [0, 1, 0, 1, OFF_GRID, 0]


def test_integer_ids_stay_integers(tmp_path: Path) -> None:
    """Integer ids would come back as texts and not match the user's own tables any more."""
    small = Small()
    for name in ("vehicles", "dwells", "trips"):
        small.tables[name]["vehicle_id"] = small.tables[name]["vehicle_id"].str[1:].astype(int)
    for form in ("csv", "parquet"):
        ids = read_scenario(small.write(tmp_path / form, form)).fleet.vehicle_id
        assert ids.dtype == np.int64
        assert ids.tolist() == [1, 2, 3]


def test_leading_zeros_stay(tmp_path: Path) -> None:
    """Feeder 012 would become 12, another feeder in the utility's list."""
    small = Small()
    for name in ("feeders", "dwells", "headroom"):
        small.tables[name]["feeder_id"] = small.tables[name]["feeder_id"].replace({"F1": "012", "F2": "34"})
    assert read_scenario(small.write(tmp_path / "s")).grid.feeder_id.tolist() == ["012", "34"]


def test_lost_leading_zeros_are_explained(tmp_path: Path) -> None:
    """A spreadsheet drops leading zeros from one table; the message would not say so."""
    small = Small()
    for name in ("feeders", "headroom"):
        small.tables[name]["feeder_id"] = small.tables[name]["feeder_id"].replace({"F1": "012", "F2": "034"})
    small.tables["dwells"]["feeder_id"] = small.tables["dwells"]["feeder_id"].replace(
        {"F1": "12", "F2": "34"}
    )
    with pytest.raises(ScenarioError, match=r"did you mean '012'\? Leading zeros count"):
        read_scenario(small.write(tmp_path / "s"))


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("kind", [str, float, "Int64"])
def test_ids_of_another_type_match(tmp_path: Path, form: str, kind: object) -> None:
    """7 in one table, "7" or (beside an empty cell) 7.0 in another are the same feeder."""
    small = Small()
    number = {"F1": 7, "F2": 8}
    for name in ("feeders", "headroom"):
        small.tables[name]["feeder_id"] = small.tables[name]["feeder_id"].map(number)
    column = small.tables["dwells"]["feeder_id"].map(number)
    if kind is str:
        column = column.map(lambda v: None if pd.isna(v) else str(int(v))).astype(object)
    else:
        column = column.astype(kind)  # type: ignore[arg-type]
    small.tables["dwells"]["feeder_id"] = column
    assert read_scenario(small.write(tmp_path / "s", form)).dwells.feeder.tolist() == [0, 1, 0, 1, -1, 0]


def _rewritten(folder: Path, change) -> None:
    for path in folder.glob("*.csv"):
        path.write_bytes(change(path.read_text("utf-8")))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda t: t.encode("utf-8-sig"), id="byte order mark"),
        pytest.param(lambda t: t.replace(",", ";").encode(), id="semicolons"),
        pytest.param(lambda t: t.replace(",", "\t").encode(), id="tabs"),
        pytest.param(lambda t: t.replace("\n", "\r\n").encode(), id="Windows line ends"),
        pytest.param(lambda t: t.replace("\n", "\n\n").encode(), id="blank lines"),
        pytest.param(lambda t: (t + "," * t.split("\n")[0].count(",") + "\n").encode(), id="row of commas"),
        pytest.param(lambda t: t.replace(",", " , ").encode(), id="spaces around cells"),
        pytest.param(
            lambda t: "\n".join(f'"{r}"'.replace(",", '","') for r in t.split()).encode(), id="quotes"
        ),
    ],
)
def test_sloppy_csv_is_understood(tmp_path: Path, change) -> None:
    """CSV as spreadsheets of other countries write it would be refused though nothing is unclear."""
    folder = Small().write(tmp_path / "s")
    expected = read_scenario(folder).sha256()
    _rewritten(folder, change)
    assert read_scenario(folder).sha256() == expected


def test_scenario_toml_with_byte_order_mark(tmp_path: Path) -> None:
    """Notepad writes the mark; the TOML reader would stop at it."""
    folder = Small().write(tmp_path / "s")
    path = folder / "scenario.toml"
    path.write_bytes(path.read_text("utf-8").replace("\n", "\r\n").encode("utf-8-sig"))
    assert read_scenario(folder).name == "small"


def test_parquet_wins(tmp_path: Path) -> None:
    """A stale CSV beside the Parquet table would be read, or an edited one be passed over in silence."""
    folder = Small().write(tmp_path / "s", "parquet")
    (folder / "trips.csv").write_text("nonsense\n")
    with pytest.warns(ScenarioWarning, match=r"^trips.csv is not read, trips.parquet stands beside it$"):
        read_scenario(folder)


def test_other_files_are_ignored(tmp_path: Path) -> None:
    """Notes beside the tables would spoil the scenario, or count as part of it."""
    folder = Small().write(tmp_path / "s")
    alone = read_scenario(folder).sha256()
    (folder / "notes.txt").write_text("mine")
    assert read_scenario(folder).sha256() == alone


def test_without_extra_columns(tmp_path: Path) -> None:
    """A million vehicles would carry along what no study computes with."""
    folder = Small().set("dwells", "x_note", 0, "hm").write(tmp_path / "s")
    assert set(read_scenario(folder).dwells.attributes) == {"place", "x_note"}
    assert not read_scenario(folder, x_columns=False).dwells.attributes


def test_everything_at_once(tmp_path: Path) -> None:
    """The user would correct one problem, run again, find the next, and so on."""
    small = Small()
    small.set("vehicles", "battery_kwh", 0, "sixty").set("vehicles", "soc_initial", 1, 1.4)
    small.set("dwells", "vehicle_id", 5, "V9").set("dwells", "charger_kw", 0, -3)
    small.set("trips", "energy_kwh", 0, -2).set("trips", "arrive_min", 2, "noon")
    small.set("feeders", "upgrade_cost_per_kw", 0, -1).set("banks", "capacity", 0, 3)
    small.set("headroom", "step", 5, 99)
    small.config["coordination"] = {"relative_gap": -1, "solvr": "admm"}
    folder = small.write(tmp_path / "s")
    (folder / "dwelling.csv").write_text("a,b\n")
    with pytest.raises(ScenarioError) as caught:
        read_scenario(folder)
    found = {(i.table, i.field) for i in caught.value.issues}
    assert found >= {
        ("vehicles", "battery_kwh"),
        ("vehicles", "soc_initial"),
        ("dwells", "vehicle_id"),
        ("dwells", "charger_kw"),
        ("trips", "energy_kwh"),
        ("trips", "arrive_min"),
        ("feeders", "upgrade_cost_per_kw"),
        ("banks", "capacity"),
        ("headroom", "step"),
        ("scenario.toml", "coordination.relative_gap"),
        ("scenario.toml", "coordination.solvr"),
        ("dwelling.csv", ""),
    }


def test_no_folder(tmp_path: Path) -> None:
    """A mistyped path would end in a traceback."""
    with pytest.raises(ScenarioError, match="there is no such folder"):
        read_scenario(tmp_path / "absent")
    (tmp_path / "file").write_text("x")
    with pytest.raises(ScenarioError, match="it is a file, not a folder"):
        read_scenario(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ScenarioError) as caught:
        read_scenario(tmp_path / "empty")
    tables = {issue.table for issue in caught.value.issues}
    assert tables == {"scenario.toml", "vehicles", "dwells", "trips", "feeders", "headroom", "nodes"}


def test_a_result_in_place_of_a_scenario(tmp_path: Path) -> None:
    """Who checks a result would be told of six missing files rather than of `verify`."""
    (tmp_path / "certificate.json").write_text("{}")
    (tmp_path / "vehicles.parquet").write_bytes(b"PAR1")
    with pytest.raises(ScenarioError) as caught:
        read_scenario(tmp_path)
    (issue,) = caught.value.issues
    assert "a result, not a scenario" in issue.problem
    assert f"tidewatt verify {tmp_path}" in issue.fix


def test_parameters_that_could_not_be_read_back(tmp_path: Path) -> None:
    """A scenario with a misspelt parameter would be written and refused on reading."""
    small = Small()
    scenario = scenario_of(small)
    object.__setattr__(scenario, "parameters", {"coordination": {"relative_gapp": 1}})
    with pytest.raises(ScenarioError, match="relative_gapp"):
        write_scenario(scenario, tmp_path / "s")
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_table_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    """A table without permission to read would end in a traceback, and hide what else is wrong."""
    folder = Small().set("vehicles", "weight", 0, -1).write(tmp_path / "s", form)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    if form == "csv":
        opened = Path.open
        monkeypatch.setattr(
            Path, "open", lambda self, *a, **k: (refuse if self.stem == "trips" else opened)(self, *a, **k)
        )
    else:
        opened_file = pq.ParquetFile
        monkeypatch.setattr(
            pq, "ParquetFile", lambda path, **k: (refuse if path.stem == "trips" else opened_file)(path, **k)
        )
    with pytest.raises(ScenarioError) as caught:
        read_scenario(folder)
    assert {(i.table, i.field) for i in caught.value.issues} == {
        (f"trips.{form}", ""),
        ("vehicles", "weight"),
    }
    assert "ermission" in str(caught.value)


def test_damaged_page_is_noticed(tmp_path: Path) -> None:
    """One flipped bit in a column of a written scenario would be read as another number."""
    folder = tmp_path / "s"
    write_scenario(scenario_of(Small()), folder)
    path = folder / "trips.parquet"
    chunk = pq.ParquetFile(path).metadata.row_group(0).column(3)
    content = bytearray(path.read_bytes())
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    content[start + chunk.total_compressed_size - 1] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(ScenarioError, match=r"energy_kwh: the column cannot be read"):
        read_scenario(folder)


def test_every_default_may_stand_in_the_file(tmp_path):
    """A documented value, such as 0 threads or inf for no limit, was refused in ``scenario.toml``."""
    small = Small()
    defaults = {}
    for study, options in STUDIES.items():
        values = {name: value for name, value in options.resolve().items() if value is not None}
        defaults[study] = {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}
    small.config |= defaults
    assert read_scenario(small.write(tmp_path / "s")).parameters == defaults
