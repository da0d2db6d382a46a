"""Reading of scenarios and derivation of needs by the verifier, against plain Python and the reader."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.unit.io.small_scenario import Small
from tests.unit.verification.reference import piecewise, plain_vehicle, write_scenario_by_hand
from tidewatt.domain.grid import CostPieces
from tidewatt.io.scenario.reading import read_scenario
from tidewatt.verification.common.scenario_tables import read_tables
from tidewatt.verification.coordination.needs import derive_needs
from tidewatt.verification.coordination.overload import Level


@pytest.mark.parametrize("seed", range(6))
def test_needs_equal_the_words_of_the_contract(tmp_path, seed):
    """Bounds, unmanaged energy or missing energy derived wrongly would condemn right results."""
    scenario = read_tables(write_scenario_by_hand(tmp_path, seed, vehicles=40))
    needs = derive_needs(scenario)
    plain = [plain_vehicle(scenario, i) for i in range(len(scenario.fleet))]
    hours = scenario.horizon.step_h
    assert needs.dwell.tolist() == [k for p in plain for k in p.dwell]
    np.testing.assert_allclose(needs.lower_kwh, [x for p in plain for x in p.lower], atol=1e-9)
    np.testing.assert_allclose(needs.upper_kwh, [x for p in plain for x in p.upper], atol=1e-9)
    np.testing.assert_allclose(needs.missing_kwh, [p.missing for p in plain], atol=1e-9)
    drawn = [np.cumsum([sum(took) for took in p.unmanaged]) * hours for p in plain]
    np.testing.assert_allclose(needs.unmanaged_kwh, np.concatenate(drawn), atol=1e-9)
    assert needs.variables == sum(len(slots) for p in plain for slots in p.steps)
    assert (needs.missing_kwh > 0).any(), "the scenario should have vehicles that fall short"
    load = np.zeros_like(needs.unmanaged_kw)
    for i, p in enumerate(plain):
        for feeder, slots, took in zip(p.feeder, p.steps, p.unmanaged):
            for (s, _), kilowatts in zip(slots, took):
                if feeder >= 0:
                    load[feeder, s] += scenario.fleet.weight[i] * kilowatts
    np.testing.assert_allclose(needs.unmanaged_kw, load, atol=1e-9)


@pytest.mark.parametrize("csv", [False, True])
def test_both_readers_see_the_same_scenario(tmp_path, csv):
    """A default or an order understood differently would show as a changed fingerprint in every result."""
    folder = write_scenario_by_hand(tmp_path, csv=csv)
    assert read_tables(folder).sha256() == read_scenario(folder).sha256()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("*.csv", ",", ";"),
        ("*.csv", ",", "\t"),
        ("*.csv", "\n", "\r\n"),
        ("dwells.csv", "V1", " V1 "),
        ("dwells.csv", "vehicle_id,", "vehicle_id ,"),
        ("trips.csv", "V2,540.0,600.0,4.0\n", "V2,540.0,600.0,4.0\n,,,\n"),
        ("scenario.toml", "name =", "\ufeffname ="),
        ("scenario.toml", '"small"', '""'),
    ],
)
def test_what_the_reader_takes_the_verifier_takes(tmp_path, file, old, new):
    """A CSV that was coordinated could not be verified, which makes its proof worthless."""
    folder = Small().write(tmp_path / "s")
    for path in folder.glob(file):
        text = path.read_bytes().decode("utf-8")
        assert old in text
        path.write_bytes(text.replace(old, new).encode("utf-8"))
    read, again = read_scenario(folder), read_tables(folder)
    assert again.sha256() == read.sha256()
    assert again.name == read.name


def test_whole_numbers_of_csv_written_as_decimals(tmp_path):
    """7.0, which data frames make of 7 beside an empty cell, would be a vehicle that is not there."""
    small = Small()
    for table in ("vehicles", "dwells", "trips"):
        column = small.tables[table]["vehicle_id"].str[1:].astype(int)
        small.tables[table]["vehicle_id"] = column if table == "vehicles" else column.astype(float)
    folder = small.write(tmp_path / "s")
    assert read_tables(folder).sha256() == read_scenario(folder).sha256()


def test_whole_number_ids_and_gaps(tmp_path):
    """Ids stored as numbers, with empty cells that turn a column into floats, must still match."""
    folder = write_scenario_by_hand(tmp_path)
    number = {name: k + 10 for k, name in enumerate(["F0", "F1", "F2", "F3", "FREE"])}
    for table in ("dwells", "feeders", "headroom", "base_load", "upgrade_costs"):
        frame = pd.read_parquet(folder / f"{table}.parquet")
        frame["feeder_id"] = frame["feeder_id"].map(number)
        frame.to_parquet(folder / f"{table}.parquet", index=False)
    mine = read_tables(folder)
    assert list(mine.grid.feeder_id) == ["10", "11", "12", "13", "14"]
    assert mine.sha256() == read_scenario(folder).sha256()
    assert (mine.dwells.feeder == -1).any()


@pytest.mark.parametrize("headroom", [5.0, -0.5, -1.7, -10.0])
@pytest.mark.parametrize("total", [0.0, 0.4, 0.5, 0.75, 2.0, 4.0])
def test_conjugate_is_the_largest_of_worth_less_cost(headroom, total):
    """Too small a conjugate would claim bounds that are not proved; brute force over overloads tells."""
    above, cost = np.array([0.0, 1.0, 3.0]), np.array([0.5, 1.0, 4.0])
    level = Level(
        "feeder", np.array(["a"], object), np.full((1, 3), headroom), CostPieces([0, 3], above, cost)
    )
    overloads = np.concatenate([np.linspace(max(-headroom, 0.0), 40.0, 20001), above[above > -headroom]])
    best = max(total * o - piecewise(above, cost, o) for o in overloads)
    assert level.conjugate(np.array([total]))[0] == pytest.approx(best, abs=1e-9)
    assert level.budget()[0] == 4.0
    assert level.cost(np.array([3.5]))[0] == pytest.approx(0.5 + 2.0 + 2.0)


def test_a_vehicle_unknown_to_the_fleet_is_named(tmp_path):
    """Rows of nobody would otherwise be counted to the last vehicle."""
    folder = write_scenario_by_hand(tmp_path)
    frame = pd.read_parquet(folder / "dwells.parquet")
    frame.loc[3, "vehicle_id"] = "ghost"
    frame.to_parquet(folder / "dwells.parquet", index=False)
    with pytest.raises(ValueError, match="row 3"):
        read_tables(folder)
