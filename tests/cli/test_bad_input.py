"""Bad input in all its forms: each is one clear issue with table, column, ids, value and remedy."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.bad_input_cases import CASES, Case
from tests.unit.io.small_scenario import Small
from tidewatt.errors import ScenarioError
from tidewatt.io.scenario.reading import read_scenario, scenario_from_tables


def issues_of(call: Callable[[], object]) -> ScenarioError:
    """The error that a call raises."""
    with pytest.raises(ScenarioError) as caught:
        call()
    return caught.value


def judge(case: Case, error: ScenarioError) -> None:
    """One issue says what the case asks for, and little else is reported."""
    here = [i for i in error.issues if i.table == case.table and i.field == case.column]
    fitting = [
        i
        for i in here
        if all(word in str(i) for word in case.says) and any(case.who in name for name in i.ids or ("",))
    ]
    assert fitting, f"no issue of {case.table}.{case.column} says {case.says} of {case.who!r} in:\n{error}"
    assert all(i.fix for i in error.issues)
    assert len(error.issues) <= 1 + case.others, f"one mistake, too many messages:\n{error}"


def test_there_are_a_hundred_cases() -> None:
    """The table below could shrink unnoticed."""
    assert len({case.name for case in CASES}) == len(CASES) >= 100


def test_csv_beside_parquet_is_noted(tidewatt, tmp_path: Path) -> None:
    """Who edits the CSV and not the Parquet file would wonder why nothing changes."""
    folder = Small().write(tmp_path / "scenario", "parquet")
    assert tidewatt("check", folder).err == ""
    (folder / "vehicles.csv").write_text("anything")
    ended = tidewatt("check", folder, "--json")
    assert ended.status == 0
    assert ended.err == "note: vehicles.csv is not read, vehicles.parquet stands beside it\n"
    assert json.loads(ended.out)["ok"] is True


@pytest.mark.filterwarnings("ignore::tidewatt.errors.ScenarioWarning")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "_"))
def test_bad_folder(case: Case, tmp_path: Path) -> None:
    """A user with this mistake in CSV files would not learn where it is and what to do."""
    small = Small()
    case.spoil(small)
    folder = small.write(tmp_path / "scenario")
    case.damage(folder)
    judge(case, issues_of(lambda: read_scenario(folder)))


@pytest.mark.parametrize(
    "case", [c for c in CASES if "frames" in c.tags], ids=lambda case: case.name.replace(" ", "_")
)
def test_bad_frames(case: Case) -> None:
    """A user with this mistake in DataFrames would get another answer than with files."""
    small = Small()
    case.spoil(small)
    judge(case, issues_of(lambda: scenario_from_tables(small.tables, small.config)))


def program(*words: object) -> subprocess.CompletedProcess[str]:
    """Run the program as a user does."""
    start = "import sys; from tidewatt.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", start, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def _three_mistakes(folder: Path) -> Path:
    small = Small().set("vehicles", "battery_kwh", 0, -5).set("dwells", "vehicle_id", 5, "V33")
    small.config["coordination"] = {"solver": "newtn"}
    return small.write(folder / "scenario")


def test_check_lists_everything(tmp_path: Path) -> None:
    """`tidewatt check` would stop at the first problem, end with a traceback or pass as success."""
    done = program("check", _three_mistakes(tmp_path))
    text_shown = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == 2
    assert "Traceback" not in text_shown
    for fragment in (
        "vehicles.battery_kwh",
        "V1",
        "-5",
        "dwells.vehicle_id",
        "V33",
        "coordination.solver",
        "newtn",
    ):
        assert fragment in text_shown


def test_check_as_json(tmp_path: Path) -> None:
    """A program that calls tidewatt could not read what is wrong."""
    done = program("check", _three_mistakes(tmp_path), "--json")
    assert done.returncode == 2
    found = {(issue["table"], issue["field"]) for issue in json.loads(done.stdout)["issues"]}
    assert found == {
        ("vehicles", "battery_kwh"),
        ("dwells", "vehicle_id"),
        ("scenario.toml", "coordination.solver"),
    }


def test_check_of_a_sound_scenario(tmp_path: Path) -> None:
    """A sound scenario would be refused by the program."""
    assert program("check", Small().write(tmp_path / "scenario")).returncode == 0


@pytest.mark.parametrize("name", ["absent", "file"])
def test_no_scenario_there(tmp_path: Path, name: str) -> None:
    """A mistyped path would end in a traceback."""
    (tmp_path / "file").write_text("x")
    done = program("check", tmp_path / name)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "folder" in done.stderr


def test_coordinate_writes_nothing_for_bad_input(tmp_path: Path) -> None:
    """A refused scenario would leave half a result."""
    done = program("coordinate", _three_mistakes(tmp_path), "--out", tmp_path / "result")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "vehicles.battery_kwh" in done.stderr
    assert not (tmp_path / "result").exists()
