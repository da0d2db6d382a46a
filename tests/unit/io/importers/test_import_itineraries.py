from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from made_filings import NHTS, VISTA, flat, real

from tidewatt.domain.checks.scenario import check
from tidewatt.domain.horizon import Horizon
from tidewatt.errors import ScenarioError
from tidewatt.io.importers import import_diary, import_gna, import_itineraries
from tidewatt.synthesis.statistics import PURPOSES

OWN = ["vehicle_id", "depart_min", "arrive_min", "distance_km", "purpose"]
DAY = [
    ("a", 480, 510, 12.0, "work"),
    ("a", 1020, 1050, 12.0, "home"),
    ("b", 600, 615, 5.0, "shop"),
    ("b", 660, 675, 5.0, "home"),
]


def own(tmp_path, rows=DAY, columns=OWN, name="trips.csv"):
    path = tmp_path / name
    frame = pd.DataFrame(rows, columns=columns)
    frame.to_parquet(path) if name.endswith("parquet") else frame.to_csv(path, index=False)
    return path


def week(vehicles=4):
    """Five working days of every vehicle, in minutes since Monday."""
    rows = []
    for v in range(vehicles):
        for day in range(5):
            at = 1440 * day
            rows += [(v, at + 480, at + 510 + v, 20.0, "work"), (v, at + 1020, at + 1050, 20.0, "home")]
    return rows


@pytest.fixture
def grid(tmp_path):
    filing = flat(tmp_path / "gna.csv")
    return import_gna(filing, divisions=None, year=2027, adoption=0.3, vehicles=5, horizon=WEEK)[0].grid


WEEK = Horizon(datetime(2027, 1, 11), 60, 168)


@pytest.mark.parametrize("name", ["trips.csv", "trips.parquet"])
def test_own_columns_become_chains(tmp_path, name):
    """Without it, a table in the documented columns might not be understood."""
    diary, report = import_diary(own(tmp_path, name=name))
    assert len(diary) == 4 and report.counts["chains"] == 2
    assert [PURPOSES[p] for p in diary.purpose] == ["work", "home", "shop", "home"]
    assert not report.dropped


def test_several_days_are_cut_at_night(tmp_path):
    """Without it, a week would be one chain, and its weekend be lost."""
    rows = [
        ("a", 1440 * 5 + 600, 1440 * 5 + 630, 9.0, "leisure"),
        ("a", 1440 * 6 + 60, 1440 * 6 + 90, 9.0, "home"),
    ]
    diary, report = import_diary(own(tmp_path, [*DAY, *rows]), start=datetime(2027, 1, 11))
    assert report.counts["chains"] == 3
    late = diary.person == "a/5"
    assert diary.weekend[late].all() and not diary.weekend[~late].any()
    assert list(diary.depart_min[late]) == [600, 1500]  # home after midnight belongs to Saturday


VISTA_ROWS = pd.DataFrame(
    {
        "PERSID": ["p1", "p1", "p2", "p3"],
        "STARTIME": [525, 1050, 600, 700],
        "ARRTIME": [545, 1075, 630, 720],
        "CUMDIST": [7.45, 7.45, 3.0, 4.0],
        "DESTPURP1": ["Work Related", "Go Home", "Pick-up or Drop-off Someone", "Buy Something"],
        "LINKMODE": ["Vehicle Driver", "Vehicle Driver", "Vehicle Driver", "Vehicle Passenger"],
        "WDTRIPWGT": [90.0, 90.0, np.nan, 50.0],
        "WETRIPWGT": [np.nan, np.nan, 40.0, np.nan],
    }
)


def test_vista_columns(tmp_path):
    """Without it, passengers would drive too, or a weekend day count as a weekday."""
    path = tmp_path / "t.csv"
    VISTA_ROWS.to_csv(path, index=False, encoding="utf-8-sig")
    diary, report = import_diary(path)
    assert report.counts["rows_not_by_a_driver"] == 1
    assert [PURPOSES[p] for p in diary.purpose] == ["work", "home", "escort"]
    assert list(diary.weekend) == [False, False, True]
    assert list(diary.weight) == [90, 90, 40]
    assert diary.distance_km[0] == pytest.approx(7.45)


NHTS_ROWS = pd.DataFrame(
    {
        "HOUSEID": [30000007] * 5,
        "PERSONID": ["01"] * 5,
        "VEHID": ["01", "01", "02", "-1", "01"],
        "STRTTIME": ["0830", "2350", "0915", "1000", "1200"],
        "ENDTIME": ["0905", "0010", "0930", "1010", "1215"],
        "VMT_MILE": [10.0, 2.0, 3.0, 4.0, -1.0],
        "WHYTO": ["03", "01", "11", "15", "13"],
        "TDWKND": ["02", "02", "01", "02", "02"],
        "DRVR_FLG": ["01", "01", "01", "02", "01"],
        "WTTRDFIN": [5.0] * 5,
    }
)


def test_nhts_columns(tmp_path):
    """Without it, clock times would be read as minutes, miles as kilometres, midnight as an error."""
    path = tmp_path / "trippub.csv"
    NHTS_ROWS.to_csv(path, index=False)
    diary, report = import_diary(path)
    assert report.dropped == {"trips with a negative distance": ("row 5",)}
    assert report.counts["rows_not_by_a_driver"] == 1
    assert list(diary.depart_min) == [510, 1430, 555]
    assert list(diary.arrive_min) == [545, 1450, 570]
    assert diary.distance_km[0] == pytest.approx(16.09344)
    assert [PURPOSES[p] for p in diary.purpose] == ["work", "home", "shop"]
    assert list(diary.weekend) == [False, False, True]


BAD = {
    "without a person or vehicle": (None, 700, 710, 1.0, "shop"),
    "with an unreadable time": ("c", "noon", 710, 1.0, "shop"),
    "with an unreadable distance": ("c", 700, 710, "far", "shop"),
    "with a negative distance": ("c", 700, 710, -1.0, "shop"),
    "arriving before they depart": ("c", 700, 690, 1.0, "shop"),
    "faster than 200 km/h": ("c", 700, 710, 100.0, "shop"),
    "departing before the previous trip's arrival": ("a", 490, 520, 1.0, "shop"),
}


@pytest.mark.parametrize("reason", BAD)
def test_impossible_rows_are_dropped_and_named(tmp_path, reason):
    """Without it, an impossible trip would reach the synthesis, or vanish without its row number."""
    _, report = import_diary(own(tmp_path, [*DAY, BAD[reason]]))
    assert report.dropped == {f"trips {reason}": ("row 5",)}
    assert report.counts["trips"] == 4


def test_impossible_rows_are_errors_when_asked(tmp_path):
    """Without it, someone who wants clean data would have to look for one kind a run."""
    with pytest.raises(ScenarioError) as caught:
        import_diary(own(tmp_path, [*DAY, *BAD.values()]), invalid="error")
    assert len(caught.value.issues) == len(BAD)
    assert "row 5" in str(caught.value) and "row 10" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"PAR1 cut", "not a readable CSV or Parquet"),
        ("vehicle_id,Stra\u00dfe".encode("latin-1"), "not UTF-8"),
        (b"vehicle_id,depart_min,distance_km,purpose\na,1,2,work\n", "arrive_min.*missing for a diary"),
        (b"vehicle_id,depart_min,arrive_min,distance_km,purpose\n", "no usable car trip"),
        (b"PERSID,STARTIME,ARRTIME,CUMDIST,DESTPURP1,MODE1\np,1,2,3,Go Home,Walking\n", "no usable car trip"),
    ],
)
def test_unusable_files_are_told_in_words(tmp_path, content, words):
    """Without it, a wrong file would end in a traceback."""
    path = tmp_path / "trips.csv"
    path.write_bytes(content)
    with pytest.raises(ScenarioError, match=words):
        import_diary(path)


def test_a_folder_in_place_of_the_diary(tmp_path):
    """Without it, an existing folder is said not to be there."""
    (tmp_path / "trips.csv").write_text("x")
    with pytest.raises(ScenarioError, match=r"it is a folder, not a file. Name the file in it: trips\.csv"):
        import_diary(tmp_path)


def test_weeks_are_driven_as_they_stand(tmp_path, grid):
    """Without it, the actual itineraries would be replaced by drawn ones."""
    path = own(tmp_path, week())
    scenario, report = import_itineraries(path, grid=grid, horizon=WEEK)
    assert list(scenario.fleet.vehicle_id) == ["0", "1", "2", "3"]
    assert check(scenario) == []
    assert list(scenario.trips.depart_min[:3]) == [480, 1020, 1920]
    assert list(scenario.dwells.attributes["place"][:3]) == ["home", "work", "home"]
    first = scenario.dwells.first
    assert list(scenario.dwells.depart_min[first[1:] - 1]) == [WEEK.minutes] * 4
    for i in range(4):
        rows = slice(first[i], first[i + 1])
        home = scenario.dwells.attributes["place"][rows] == "home"
        assert len(set(scenario.dwells.feeder[rows][home])) == 1  # one home
        assert len(set(scenario.dwells.feeder[rows][~home])) == 1  # one workplace
    km = scenario.trips.attributes["distance_km"]
    assert 0.1 < scenario.trips.energy_kwh.sum() / km.sum() < 0.4
    assert report.counts["vehicles"] == 4
    # Trips without duration, stops without length, a start at minute 0: all happen in diaries.
    tight = [("z", 0, 10, 1.0, "shop"), ("z", 10, 10, 0.0, "work"), ("z", 10, 30, 2.0, "home")]
    odd, _ = import_itineraries(own(tmp_path, tight), grid=grid, horizon=WEEK, mode="weeks")
    assert check(odd) == []
    twice, _ = import_itineraries(path, grid=grid, horizon=WEEK, represent=100.0)
    assert twice.fleet.weight.sum() == pytest.approx(100)


def test_trips_outside_the_horizon_are_named(tmp_path, grid):
    """Without it, a trip beyond the last step would break every later check."""
    rows = [*week(), (9, -50, -20, 5.0, "work"), (9, 10_000, 10_100, 5.0, "home")]
    scenario, report = import_itineraries(own(tmp_path, rows), grid=grid, horizon=WEEK)
    assert report.dropped["trips outside the horizon"] == ("row 41", "row 42")
    assert len(scenario.fleet) == 4
    with pytest.raises(ScenarioError, match="no trip lies within"):
        import_itineraries(own(tmp_path, rows[-1:]), grid=grid, horizon=WEEK, mode="weeks")


def test_days_are_drawn_for_synthetic_vehicles(tmp_path, grid):
    """Without it, a survey's days could not drive a scenario's week."""
    scenario, report = import_itineraries(own(tmp_path), grid=grid, horizon=WEEK, vehicles=40, represent=80.0)
    assert len(scenario.fleet) == 40 and scenario.fleet.weight.sum() == pytest.approx(80)
    assert report.counts["chains"] == 2
    assert check(scenario) == []
    assert set(scenario.dwells.attributes["place"]) <= {"home", "work", "shop"}


def test_bad_options_are_told_at_once(tmp_path, grid):
    """Without it, a user would mend one option a run."""
    with pytest.raises(ScenarioError) as caught:
        import_itineraries(
            tmp_path / "none.csv",
            grid=grid,
            horizon=Horizon(WEEK.start, 60, 24),
            mode="all",  # type: ignore
            vehicles=0,
            adoption=2.0,
        )
    assert len(caught.value.issues) == 5
    with pytest.raises(ScenarioError, match="drop or error"):
        import_diary(own(tmp_path), invalid="maybe")  # type: ignore[arg-type]


def test_the_real_victorian_survey():
    """Without it, the reading of the real survey could drift from what it holds."""
    diary, report = import_diary(real(VISTA))
    assert report.counts["rows"] == 1008
    assert report.counts["driver_trips"] == report.counts["trips"] == 486
    assert report.counts["persons"] == 155
    assert diary.distance_km.mean() == pytest.approx(8.985, abs=1e-3)
    assert 0 < diary.weekend.mean() < 0.5


def test_the_real_american_survey():
    """Without it, the reading of the real survey could drift from what it holds."""
    diary, report = import_diary(real(NHTS))
    assert report.counts["trips"] == 114
    assert report.counts["persons"] == 30
    assert not report.dropped
    assert diary.purpose[-1] == 0 or report.counts["chains_not_ending_at_home"] >= 1
    assert diary.weekend.sum() == 32
