"""simulate and demo, with verify and report of what they leave, end to end on small scenarios."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.image import imread

from tests.unit.simulation.made_days import hand_made, town
from tidewatt.cli import main

PICTURES = ["fleet_day.png", "load_and_queue.png", "road_speeds.png", "station_map.png", "waits.png"]
SMALL = ["--vehicles", "150", "--threads", "1"]


@pytest.fixture(scope="module")
def streets(tmp_path_factory) -> Path:
    """A scenario with roads and four stations."""
    from tidewatt.io.scenario.writing import write_scenario

    folder = tmp_path_factory.mktemp("scenarios") / "town"
    write_scenario(town(), folder)
    return folder


@pytest.fixture(scope="module")
def simulated(streets, tmp_path_factory) -> Path:
    """The town, simulated once, with figures; not to be changed."""
    out = tmp_path_factory.mktemp("results") / "town"
    assert main(["simulate", str(streets), "--out", str(out), "--replications", "3", *SMALL]) == 0
    return out


def test_result_folder_is_complete(simulated):
    """Without it: something of the promised result is not written."""
    files = {"summary.json", "certificate.json", "events.parquet", "unserved.parquet", "stations.parquet"}
    files |= {"stations.nc", "links.nc", "history.csv", "itineraries", "figures"}
    assert {file.name for file in simulated.iterdir()} == files
    assert sorted(file.name for file in (simulated / "figures").iterdir()) == PICTURES
    for name in PICTURES:
        assert imread(simulated / "figures" / name).std() > 0.02


def test_json_is_the_summary_and_nothing_else(tidewatt, streets, tmp_path):
    """Without it: `tidewatt simulate --json | jq` fails on a stray word."""
    ended = tidewatt(
        "simulate", streets, "--out", tmp_path / "r", "--json", "--no-figures", "--replications", "2", *SMALL
    )
    assert ended.status == 0, ended.err
    figures = json.loads(ended.out)
    assert figures == json.loads((tmp_path / "r" / "summary.json").read_text())
    assert (figures["stop_rule"], figures["replications"], figures["vehicles"]) == ("replications", 2, 150)
    assert figures["parameters"]["vehicles"] == 150
    assert "replication 2 of 2" in ended.err
    assert not (tmp_path / "r" / "figures").exists()


@pytest.mark.parametrize("columns", [30, 50, 80, 200])
def test_summary_fits_the_terminal_and_says_what_it_rests_on(columns, monkeypatch, capsys):
    """Without it: on a narrow terminal the table is cut off, or units in brackets are taken for markup."""
    from tidewatt.cli.simulation import show_simulation
    from tidewatt.options.simulation import SIMULATION

    monkeypatch.setenv("COLUMNS", str(columns))
    result = hand_made()
    show_simulation(result, SIMULATION.resolve(vehicles=120, replications=3))
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= min(columns, 120)
    said = " ".join(out.split())
    for words in (
        "84",
        "73 fast, 11 normal",
        "[min]",
        "±",
        "at 08:0",
        "no station within reach",
        "beta",
        "Assumed",
    ):
        assert words in said, words
    assert "after all 3 replications" in said


def test_verify_agrees_and_notices_a_changed_file(tidewatt, simulated, tmp_path):
    """Without it: verify of a simulation says yes to everything, or its exit status does not tell."""
    ended = tidewatt("verify", simulated)
    assert ended.status == 0, ended.out
    assert "150 vehicles, 4 stations, 48 links" in ended.out
    found = json.loads(tidewatt("verify", simulated, "--json").out)
    assert found["ok"] is True
    assert "upgrade_cost" not in found
    copy = shutil.copytree(simulated, tmp_path / "copy")
    events = pd.read_parquet(copy / "events.parquet")
    events.loc[0, "energy_kwh"] *= 1.5
    events.to_parquet(copy / "events.parquet")
    ended = tidewatt("verify", copy)
    assert ended.status == 2
    assert "FAILED" in ended.out


def test_report_draws_a_loaded_simulation_with_its_roads(tidewatt, simulated, tmp_path):
    """Without it: pictures can only be had by simulating again, or the map loses its roads unnoticed."""
    ended = tidewatt("report", simulated, "--out", tmp_path / "p", "--json")
    assert ended.status == 0, ended.err
    assert sorted(file.name for file in (tmp_path / "p").iterdir()) == PICTURES
    assert "without its roads" not in ended.err
    first, again = (imread(folder / "station_map.png") for folder in (simulated / "figures", tmp_path / "p"))
    assert first.shape == again.shape
    assert (first == again).all()
    lost = shutil.copytree(simulated, tmp_path / "away" / "lost")
    certificate = json.loads((lost / "certificate.json").read_text())
    (lost / "certificate.json").write_text(json.dumps(certificate | {"scenario_absolute": "/nowhere"}))
    ended = tidewatt("report", lost, "--out", tmp_path / "q")
    assert ended.status == 0
    assert "without its roads" in ended.err


def test_itineraries_are_coordinated_unchanged(tidewatt, simulated, tmp_path):
    """Without it: the hint that the run ends with leads nowhere."""
    ended = tidewatt(
        "coordinate",
        simulated / "itineraries",
        "--out",
        tmp_path / "c",
        "--relative-gap",
        "0.2",
        "--max-passes",
        "200",
        "--no-session",
        "--no-figures",
        "--threads",
        "1",
        "--json",
    )
    assert ended.status in (0, 3), ended.err
    assert json.loads(ended.out)["vehicles"] == 150
    assert (
        json.loads(ended.out)["coordinated_upgrade_cost"] <= json.loads(ended.out)["unmanaged_upgrade_cost"]
    )


def test_time_limit_is_status_3_with_a_result_to_resume(tidewatt, streets, tmp_path):
    """Without it: a run that was cut off passes for a whole one, or its days are lost."""
    words = ["simulate", streets, "--out", tmp_path / "r", "--no-figures", "--json", *SMALL]
    ended = tidewatt(*words, "--replications", "4", "--time-limit-s", "0")
    assert ended.status == 3, ended.err
    short = json.loads(ended.out)
    assert (short["stop_rule"], short["replications"]) == ("time_limit", 1)
    assert (tmp_path / "r" / "checkpoint" / "state.json").is_file()
    assert tidewatt("verify", tmp_path / "r").status == 0
    ended = tidewatt(*words, "--replications", "4", "--resume")
    assert ended.status == 0, ended.err
    assert not (tmp_path / "r" / "checkpoint").exists()
    whole = tidewatt(
        "simulate", streets, "--out", tmp_path / "w", "--no-figures", "--replications", "4", *SMALL
    )
    assert whole.status == 0
    for name in ("events.parquet", "stations.parquet"):
        left, right = (pd.read_parquet(tmp_path / folder / name) for folder in ("r", "w"))
        pd.testing.assert_frame_equal(left, right)


def test_ctrl_c_is_130_with_a_checkpoint_that_resume_goes_on_from(tidewatt, process, streets, tmp_path):
    """Without it: Ctrl-C after an hour of days loses the hour, or half a result looks whole."""
    out = tmp_path / "r"
    words = ["simulate", streets, "--out", out, "--no-figures", *SMALL]
    running = process(*words, "--replications", "1000000", "--tolerance", "0")
    for line in running.stderr:
        if line.startswith("simulating, replication"):
            break
    running.send_signal(signal.SIGINT)
    printed, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert "Traceback" not in err
    assert "--resume" in err
    assert printed == ""
    assert not (out / "summary.json").exists()
    ended = tidewatt(*words, "--replications", "2", "--temperature-c", "5", "--resume")
    assert ended.status == 2
    assert "temperature_c = 20.0, now 5" in ended.err
    ended = tidewatt(*words, "--replications", "2", "--resume")
    assert ended.status == 0, ended.err
    assert "no checkpoint" not in ended.err
    assert json.loads((out / "summary.json").read_text())["replications"] >= 1


def test_resume_keeps_what_is_done(tidewatt, simulated, streets, tmp_path):
    """Without it: --resume after the last day simulates everything again, or keeps days of other drivers."""
    out = shutil.copytree(simulated, tmp_path / "r")
    words = ["simulate", streets, "--out", out, "--resume", "--no-figures", *SMALL]
    before = (out / "certificate.json").read_bytes()
    ended = tidewatt(*words, "--replications", "3")
    assert ended.status == 0
    assert "already done, result kept" in ended.err
    assert (out / "certificate.json").read_bytes() == before
    ended = tidewatt(*words, "--replications", "3", "--seed", "7")
    assert ended.status == 0
    assert "kept" not in ended.err
    assert json.loads((out / "summary.json").read_text())["seed"] == 7


def test_a_diary_gives_the_days(tidewatt, streets, tmp_path):
    """Without it: --diary is read and then ignored."""
    rows = [f"p{k},{440 + k},{460 + k},9.5,work,1" for k in range(30)] + [
        f"p{k},{1010 + k},{1031 + k},9.5,home,1" for k in range(30)
    ]
    table = "person_id,depart_min,arrive_min,distance_km,purpose,weight\n" + "\n".join(rows) + "\n"
    (tmp_path / "days.csv").write_text(table)
    words = ["simulate", streets, "--no-figures", "--json", "--replications", "1", *SMALL]
    ended = tidewatt(*words, "--out", tmp_path / "r", "--diary", tmp_path / "days.csv")
    assert ended.status == 0, ended.err
    assert "Imported days.csv" in ended.err
    assert json.loads(ended.out)["day_chains"] == "diary"
    trips = pd.read_parquet(tmp_path / "r" / "itineraries" / "trips.parquet")
    assert not ((trips["depart_min"] > 600) & (trips["depart_min"] < 900)).any()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--step-min", "7"], "step_min"),
        (["--vehicles", "0", "--tolerance", "2"], "2 problems"),
        (["--choice", "chance"], "chance"),
        (["--vehicles", "1000000"], "demand explains"),
        (["--diary", "nowhere.csv"], "nowhere.csv"),
    ],
)
def test_bad_options_are_told_before_anything_is_written(tidewatt, streets, tmp_path, words, said):
    """Without it: a slip costs an hour, or leaves half a folder behind."""
    ended = tidewatt("simulate", streets, "--out", tmp_path / "r", *words)
    assert ended.status == 2
    assert said in ended.err
    assert not (tmp_path / "r").exists()


def test_a_scenario_without_roads_is_told_what_it_lacks(tidewatt, village, tmp_path):
    """Without it: whoever simulates a scenario of feeders alone sees a traceback."""
    ended = tidewatt("simulate", village, "--out", tmp_path / "r")
    assert ended.status == 2
    assert "needs roads" in ended.err
    assert "needs charging stations" in ended.err
    assert not (tmp_path / "r").exists()


def test_demo_runs_the_whole_chain(tidewatt, tmp_path, monkeypatch):
    """Without it: the first command of the README fails."""
    from tidewatt.cli import demonstration
    from tidewatt.synthesis import examples
    from tidewatt.synthesis.city import city

    monkeypatch.setitem(examples._MAKERS, "demo", examples._MAKERS["village"])
    small = {"vehicles": 200, "stations": 6, "links": 500, "zones": 8}
    monkeypatch.setitem(examples._MAKERS, "city", lambda seed=0: city(seed, **small))
    monkeypatch.setattr(demonstration, "_REPLICATIONS", 2)
    monkeypatch.setattr(demonstration, "_SEARCH", {"evaluations": 50, "days_train": 1, "days_test": 2})
    out = tmp_path / "d"
    ended = tidewatt("demo", "--out", out, "--threads", "1")
    assert ended.status == 0, ended.err
    assert ended.out.count("Verified") == 4
    assert ended.out.index("1. coordinate") < ended.out.index("2. simulate")
    assert ended.out.index("2. simulate") < ended.out.index("3. configure")
    assert str(out / "coordinate" / "result" / "figures" / "upgrade_need.png") in ended.out
    assert str(out / "simulate" / "result" / "figures" / "load_and_queue.png") in ended.out
    assert str(out / "configure" / "result" / "figures" / "changes.png") in ended.out
    assert str(out / "tariff" / "result" / "figures" / "tariff_map.png") in ended.out
    assert ended.out.index("3. configure") < ended.out.index("4. tariff")
    for chapter in ("coordinate", "simulate", "configure", "tariff"):
        assert (out / chapter / "scenario" / "scenario.toml").is_file()
        assert tidewatt("verify", out / chapter / "result").status == 0
    ended = tidewatt("demo", "--out", out, "--threads", "1", "--json")
    assert ended.status == 0
    told = json.loads(ended.out)
    assert [chapter["verified"] for chapter in told.values()] == [True] * 4


@pytest.mark.parametrize(
    "words",
    [["--step-min", "0.5"], ["--step-min", "5"], ["--days", "2"], ["--taper-soc", "0.8"], ["--no-feedback"]],
    ids=" ".join,
)
def test_other_settings_verify_too(tidewatt, streets, tmp_path, words):
    """Without it: short steps lose every vehicle from the count of states, or taper is called a forgery."""
    ended = tidewatt(
        "simulate", streets, "--out", tmp_path / "r", "--no-figures", "--replications", "2", *SMALL, *words
    )
    assert ended.status == 0, ended.err
    ended = tidewatt("verify", tmp_path / "r")
    assert ended.status == 0, ended.out
