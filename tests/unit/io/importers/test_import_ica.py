from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from made_filings import GNA, ICA, flat, real

from tidewatt.domain.checks.scenario import check
from tidewatt.domain.horizon import Horizon
from tidewatt.errors import ScenarioError
from tidewatt.io.importers import import_gna, import_ica
from tidewatt.io.importers.filings.ica_tables import read_capacity_tables

MONTHS = np.repeat(np.arange(1, 13), 24)
HOURS = np.tile(np.arange(24), 12)


def table(feeder, name="F", load=None, capacity=None, homes=1000):
    """One feeder's 288 rows: capacity falls with the month to August, load peaks at 18 h in August."""
    if load is None:
        load = np.where((MONTHS == 8), 2000.0, 1000.0) + 100.0 * (HOURS == 18)
    if capacity is None:
        capacity = 900.0 - 50.0 * (MONTHS == 8) - HOURS
    return pd.DataFrame(
        {
            "FeederID": feeder,
            "Feeder_Name": name,
            "Month": MONTHS,
            "Hour": HOURS,
            "h_kW": load,
            "B_md": capacity,
            "ResCust": homes,
            "TotCust": 1.25 * homes,
        }
    )


def written(tmp_path, *frames, name="ica.parquet"):
    path = tmp_path / name
    frame = pd.concat(frames)
    frame.to_parquet(path) if name.endswith("parquet") else frame.to_csv(path, index=False)
    return [path]


def imported(files, **options):
    return import_ica(files, **{"adoption": 0.3, "vehicles": 50} | options)


@pytest.mark.parametrize("name", ["ica.parquet", "ica.csv"])
def test_headroom_is_the_tightest_months_capacity(tmp_path, name):
    """Without it, headroom could come from the wrong month or slip by hours."""
    scenario, report = imported(written(tmp_path, table(123451101), name=name))
    headroom = scenario.grid.headroom_kw[0]
    assert headroom[:4] == pytest.approx([850.0] * 4)
    assert headroom[23 * 4] == pytest.approx(827.0)
    assert headroom[96:192] == pytest.approx(headroom[:96])
    assert imported(written(tmp_path, table(1), name=name), month=3)[0].grid.headroom_kw[0, 0] == 900.0
    assert report.counts["feeders_complete"] == 1
    assert check(scenario) == []


def test_ids_are_read_however_they_are_written(tmp_path):
    """Without it, ids beside a text id, which come as texts, would crash the import or miss the filing's."""
    files = written(tmp_path, table("100.0"), table("0831903"), table(" 18.05 "), table("EAST"))
    assert list(read_capacity_tables(files).feeder_id) == ["100", "831903", "18.05", "EAST"]


def test_steps_average_the_hours(tmp_path):
    """Without it, steps longer than an hour or starts within one would take the wrong hours."""
    horizon = Horizon(datetime(2027, 1, 11, 1, 30), 120, 6)
    scenario, _ = imported(written(tmp_path, table(1)), horizon=horizon)
    # 1:30-3:30 holds half of hour 1, hour 2, half of hour 3: 850 less 2.
    assert scenario.grid.headroom_kw[0, :2] == pytest.approx([848.0, 846.0])


def test_real_vehicles_follow_residential_customers(tmp_path):
    """Without it, known customers would be ignored for a guess."""
    files = written(tmp_path, table(1, homes=1000), table(2, homes=3000))
    scenario, _ = imported(files, vehicles=4000)
    assert scenario.fleet.weight.sum() == pytest.approx(4000 * 1.8 * 0.3)
    at_home = scenario.dwells.attributes["place"] == "home"
    share = (scenario.dwells.feeder[at_home] == 1).mean()
    assert share == pytest.approx(0.75, abs=0.03)


def test_missing_capacity_is_dropped_or_filled(tmp_path):
    """Without it, a gap would become NaN headroom, or a feeder disappear without a word."""
    capacity = 900.0 - 50.0 * (MONTHS == 8) - HOURS
    capacity[(MONTHS == 8) & (HOURS == 5)] = np.nan
    files = written(tmp_path, table(1, capacity=capacity), table(2), table(3, capacity=np.full(288, np.nan)))
    scenario, report = imported(files)
    assert list(scenario.grid.feeder_id) == ["2"]
    assert report.dropped["feeders with missing capacity"] == ("1", "3")
    scenario, report = imported(files, missing="impute", month=8)
    assert report.imputed["missing capacity of feeders"] == ("1", "3")
    headroom = scenario.grid.headroom_kw[:, 20]
    assert headroom[0] == pytest.approx(895.0)  # the same hour in the other months
    assert headroom[1] == pytest.approx(845.0)
    assert headroom[2] == pytest.approx((895.0 + 845.0) / 2 - 25.0 + 0.0, abs=30.0)
    assert np.isfinite(scenario.grid.headroom_kw).all()


def test_a_feeders_own_profile_shapes_the_filing(tmp_path):
    """Without it, a filing's feeders would keep the default shape although their own is known."""
    filing = flat(tmp_path / "gna.csv")
    files = written(tmp_path, table(123451101, homes=700))
    scenario, report = import_gna(filing, divisions=None, year=2027, adoption=0.3, vehicles=20, ica=files)
    assert report.counts["feeders_with_ica_profile"] == 1
    base = scenario.grid.base_load_kw[0]
    assert base[18 * 4] == pytest.approx(8000.0)
    assert base[0] == pytest.approx(8000.0 * 2000.0 / 2100.0)
    assert scenario.grid.attributes["customers"][0] == 875
    march, _ = import_gna(
        filing, divisions=None, year=2027, adoption=0.3, vehicles=20, ica=files, ica_month=3
    )
    assert march.grid.base_load_kw[0, 0] == pytest.approx(8000.0 * 1000.0 / 2100.0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.assign(Month=13), "Month.*not a whole number in 1..12"),
        (lambda t: t.assign(Hour="x"), "Hour.*not a whole number"),
        (lambda t: t.drop(columns=["FeederID", "h_kW", "B_md"]), "FeederID, h_kW or B_md"),
        (lambda t: pd.concat([t, t]), "given twice"),
        (lambda t: t.assign(B_md=np.nan), "no feeder has a value in all 288"),
    ],
)
def test_bad_tables_are_told(tmp_path, change, words):
    """Without it, wrong months would be read as others, doubled files count twice."""
    with pytest.raises(ScenarioError, match=words):
        imported(written(tmp_path, change(table(1))))


def test_options_and_files_are_told_at_once(tmp_path):
    """Without it, a user would mend one thing a run."""
    cut = tmp_path / "cut.parquet"
    cut.write_bytes(b"PAR1 truncated")
    with pytest.raises(ScenarioError) as caught:
        imported(
            [cut, tmp_path / "none.csv"], capacity="B_med", adoption=0.0, month=0, upgrade_cost_per_kw=-1.0
        )
    assert len(caught.value.issues) == 6
    assert "B_md" in str(caught.value) and "cut.parquet" in str(caught.value)


def test_a_folder_of_tables(tmp_path):
    """Without it, the folder of downloads is refused as "no such file", or one in two forms read twice."""
    written(tmp_path, table(1), name="a.parquet")
    written(tmp_path, table(1), name="a.csv")
    written(tmp_path, table(2), name="b.csv")
    (tmp_path / "notes.txt").write_text("mine")
    scenario, _ = imported([tmp_path])
    assert scenario.grid.feeder_id.tolist() == ["1", "2"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(ScenarioError, match=r"the folder holds no \.parquet and no \.csv"):
        imported([tmp_path / "empty"])


def test_the_real_tables():
    """Without it, the reading of the real tables could drift from what they hold."""
    files = sorted(real(ICA).glob("circl_*.parquet"))
    tables = read_capacity_tables(files)
    assert len(tables.feeder_id) == 148
    assert tables.complete(tables.load_kw).sum() == 48
    assert tables.complete(tables.capacity_kw).sum() == 51
    scenario, report = imported(files, vehicles=200)
    assert scenario.grid.feeders == report.counts["feeders"] == 51
    assert check(scenario) == []
    _, joined = import_gna(
        real(GNA),
        divisions=["Sierra", "Stockton", "Central Coast"],
        year=2027,
        adoption=0.3,
        vehicles=100,
        ica=files,
    )
    assert joined.counts["feeders_with_ica_profile"] > 10
