"""coordinate, verify, report and demo, end to end on small scenarios."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

PICTURES = ["convergence.png", "feeder_ranking.png", "feeder_week.png", "regret.png", "upgrade_need.png"]


def test_result_folder_is_complete(solved):
    """Without it: something of the promised result is not written."""
    files = {"summary.json", "certificate.json", "feeders.parquet", "banks.parquet", "vehicles.parquet"}
    files |= {"loads.nc", "schedule.parquet", "schedule_session.parquet", "history.csv", "figures"}
    assert {file.name for file in solved.iterdir()} == files
    assert sorted(file.name for file in (solved / "figures").iterdir()) == PICTURES
    for name in PICTURES:
        assert imread(solved / "figures" / name).std() > 0.02


def test_json_is_the_summary_and_nothing_else(tidewatt, village, tmp_path):
    """Without it: `tidewatt coordinate --json | jq` fails on a stray word."""
    ended = tidewatt(
        "coordinate", village, "--out", tmp_path / "r", "--json", "--no-figures", "--threads", "1"
    )
    assert ended.status == 0
    figures = json.loads(ended.out)
    assert figures == json.loads((tmp_path / "r" / "summary.json").read_text())
    assert figures["status"] == "CERTIFIED"
    assert 0 <= figures["lower_bound_cost"] <= figures["coordinated_upgrade_cost"] + 1e-9
    assert "mobility-aware" in ended.err
    assert not (tmp_path / "r" / "figures").exists()


@pytest.mark.parametrize("columns", [30, 50, 80, 200])
def test_summary_fits_the_terminal(tidewatt, solved, columns, monkeypatch, capsys):
    """Without it: on a narrow terminal the ladder is cut off, or its lines are broken apart."""
    from tidewatt.cli.coordination import show
    from tidewatt.io.results import load

    monkeypatch.setenv("COLUMNS", str(columns))
    result = load(solved)
    show(result, 1e-3)
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert max(map(len, lines)) <= min(columns, 120)
    for words in (
        "unmanaged",
        "session-flexible",
        "mobility-aware",
        "overload",
        "Proved",
        "Assumed",
        "Simulated",
    ):
        assert words in out
    assert f"{result.figures['unmanaged_feeders_overloaded']}" in out


def test_verify_agrees_and_notices_a_changed_file(tidewatt, solved, tmp_path):
    """Without it: verify says yes to everything, or its exit status does not tell."""
    ended = tidewatt("verify", solved)
    assert ended.status == 0
    variables = json.loads((solved / "summary.json").read_text())["variables"]
    assert f"40 vehicles, {variables:,} variables, 3 feeders, 1 bank, 168 steps" in ended.out
    ended = tidewatt("verify", solved, "--json")
    assert json.loads(ended.out)["ok"] is True
    copy = shutil.copytree(solved, tmp_path / "copy")
    schedule = pd.read_parquet(copy / "schedule.parquet")
    schedule.loc[0, "power_kw"] *= 1.5
    schedule.to_parquet(copy / "schedule.parquet")
    ended = tidewatt("verify", copy)
    assert ended.status == 2
    assert "FAILED" in ended.out


def test_report_draws_a_loaded_result(tidewatt, solved, tmp_path):
    """Without it: pictures can only be had by solving again."""
    ended = tidewatt("report", solved, "--out", tmp_path / "p", "--svg", "--json")
    assert ended.status == 0
    listed = json.loads(ended.out)["figures"]
    assert sorted((tmp_path / "p").iterdir()) == sorted(map(Path, listed))
    assert len(listed) == 2 * len(PICTURES)
    ended = tidewatt("report", solved, "--out", tmp_path / "q", "--feeder", "nowhere")
    assert ended.status == 2
    assert "no feeder 'nowhere'" in ended.err
    assert not (tmp_path / "q").exists()


def test_second_run_replaces_the_first(tidewatt, village, tmp_path):
    """Without it: a result cannot be refreshed in place, or files of two runs mix."""
    words = ["coordinate", village, "--out", tmp_path / "r", "--no-figures", "--json", "--threads", "1"]
    first = json.loads(tidewatt(*words).out)
    again = tidewatt(*words, "--no-session", "--soc")
    assert again.status == 0
    second = json.loads(again.out)
    assert first["coordinated_upgrade_cost"] == pytest.approx(
        second["coordinated_upgrade_cost"], rel=1e-2, abs=1e-6
    )
    assert "session_upgrade_cost" not in second or second["session_upgrade_cost"] is None
    assert not (tmp_path / "r" / "schedule_session.parquet").exists()
    soc = pd.read_parquet(tmp_path / "r" / "soc.parquet")
    assert len(soc)


def test_accuracy_not_reached_is_status_3_with_a_result_to_resume(tidewatt, process, tmp_path):
    """Without it: a run that hit its limit passes for a proof, or its work is lost."""
    scenario = tmp_path / "s"
    assert tidewatt("example", "weights", scenario).status == 0
    words = ["coordinate", scenario, "--out", tmp_path / "r", "--no-session", "--threads", "1", "--json"]
    words += ["--relative-gap", "1e-4"]
    ended = tidewatt(*words, "--max-passes", "3")
    assert ended.status == 3
    short = json.loads(ended.out)
    assert short["status"] == "ITERATION_LIMIT"
    assert short["relative_gap"] > 1e-4
    assert json.loads((tmp_path / "r" / "summary.json").read_text()) == short
    ended = tidewatt(*words, "--resume")
    assert ended.status == 0
    assert json.loads(ended.out)["status"] == "CERTIFIED"
    assert not (tmp_path / "r" / "checkpoint").exists()


def test_ctrl_c_is_130_with_a_checkpoint_that_resume_goes_on_from(tidewatt, process, tmp_path):
    """Without it: Ctrl-C after an hour of solving loses the hour, or half a result looks whole."""
    from tidewatt.io.scenario.writing import write_scenario
    from tidewatt.synthesis.region import region

    scenario, out = tmp_path / "s", tmp_path / "r"
    write_scenario(region(feeders=12, vehicles=4000, seed=3, tightness=4.0), scenario)
    words = ["coordinate", scenario, "--out", out, "--no-figures", "--no-session", "--threads", "1"]
    words += ["--solver", "admm"]
    running = process(*words, "--relative-gap", "0", "--absolute-gap", "0", "--max-passes", "1000000")
    for line in running.stderr:
        if line.startswith("mobility-aware"):
            break
    running.send_signal(signal.SIGINT)
    printed, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert "Traceback" not in err
    assert "--resume" in err
    assert printed == ""
    assert (out / "checkpoint" / "state.json").is_file()
    assert not (out / "summary.json").exists()
    ended = tidewatt(*words, "--resume", "--relative-gap", "0.5")
    assert ended.status == 0, ended.err
    assert "no checkpoint" not in ended.err
    assert json.loads((out / "summary.json").read_text())["status"] == "CERTIFIED"
    assert not (out / "checkpoint").exists()


def test_resume_without_a_checkpoint_says_so(tidewatt, village, tmp_path):
    """Without it: one believes to go on while everything starts anew."""
    ended = tidewatt(
        "coordinate", village, "--out", tmp_path / "r", "--resume", "--no-figures", "--threads", "1"
    )
    assert ended.status == 0
    assert "no checkpoint" in ended.err


def test_resume_keeps_what_is_done(tidewatt, solved, village, tmp_path):
    """Without it: --resume after the last pass solves everything again, or passes off too little as done."""
    out = shutil.copytree(solved, tmp_path / "r")
    words = ["coordinate", village, "--out", out, "--resume", "--no-figures", "--threads", "1"]
    before = (out / "certificate.json").read_bytes()
    ended = tidewatt(*words)
    assert ended.status == 0
    assert "already done, result kept" in ended.err
    assert "Proved" in ended.out
    assert (out / "certificate.json").read_bytes() == before
    assert json.loads(tidewatt(*words, "--json").out) == json.loads((out / "summary.json").read_text())
    finer = tidewatt(*words, "--relative-gap", "1e-5", "--absolute-gap", "0")
    assert finer.status == 0
    assert "already done" not in finer.err
    assert json.loads((out / "summary.json").read_text())["relative_gap"] <= 1e-5 * (1 + 1e-6)
    shutil.copytree(village, tmp_path / "changed")
    vehicles = pd.read_parquet(village / "vehicles.parquet")
    vehicles.assign(weight=2 * vehicles["weight"]).to_parquet(tmp_path / "changed" / "vehicles.parquet")
    other = tidewatt(words[0], tmp_path / "changed", *words[2:])
    assert other.status == 0
    assert "already done" not in other.err


def test_sweep_writes_a_result_each_and_resumes(tidewatt, village, tmp_path):
    """Without it: the penetration sweep is not there, cannot be verified, or solves everything twice."""
    words = ["coordinate", village, "--out", tmp_path / "w", "--adoption", "0.1:0.3:0.1", "--threads", "1"]
    words += ["--no-session"]
    ended = tidewatt(*words)
    assert ended.status == 0, ended.err
    assert {p.name for p in (tmp_path / "w").iterdir()} == {
        "adoption_0.1",
        "adoption_0.2",
        "adoption_0.3",
        "sweep.csv",
        "figures",
    }
    table = pd.read_csv(tmp_path / "w" / "sweep.csv")
    assert table["adoption"].tolist() == [0.1, 0.2, 0.3]
    assert (np.diff(table["unmanaged_overload_kw"]) >= 0).all()
    assert imread(tmp_path / "w" / "figures" / "sweep.png").std() > 0.02
    assert tidewatt("verify", tmp_path / "w" / "adoption_0.2").status == 0
    shutil.rmtree(tmp_path / "w" / "adoption_0.3")
    again = tidewatt(*words, "--resume", "--json")
    assert again.status == 0
    assert again.err.count("already done, result kept") == 2
    assert [row["adoption"] for row in json.loads(again.out)["sweep"]] == [0.1, 0.2, 0.3]
    assert pd.read_csv(tmp_path / "w" / "sweep.csv").shape == table.shape
    finer = tidewatt(*words, "--resume", "--relative-gap", "1e-5", "--absolute-gap", "0")
    assert finer.status == 0, finer.err
    assert finer.err.count("already done, result kept") < 3, "a wider gap than asked was passed off as done"
    assert (pd.read_csv(tmp_path / "w" / "sweep.csv")["relative_gap"] <= 1e-5 * (1 + 1e-6)).all()
    assert tidewatt("report", tmp_path / "w", "--out", tmp_path / "p").status == 0
    assert [p.name for p in (tmp_path / "p").iterdir()] == ["sweep.png"]
    less = tidewatt(*words[:4], "--adoption", "0.2", "--no-figures", "--no-session")
    assert less.status == 0 and "adoption_0.3: part of an earlier sweep, removed" in less.err
    assert sorted(p.name for p in (tmp_path / "w").iterdir()) == ["adoption_0.2", "sweep.csv"]


def test_sweep_cut_off_in_its_first_share_resumes(tidewatt, village, tmp_path, monkeypatch):
    """Without it: what an interrupted sweep left is taken for somebody else's files, and --resume refused."""
    from tidewatt.coordination import study

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    words = ["coordinate", village, "--out", tmp_path / "w", "--adoption", "0.1", "--threads", "1"]
    with monkeypatch.context() as patched:
        patched.setattr(study, "coordinate", interrupted)
        assert tidewatt(*words).status == 130
    assert [p.name for p in (tmp_path / "w").iterdir()] == ["adoption_0.1"]
    ended = tidewatt(*words, "--resume", "--no-figures", "--no-session")
    assert ended.status == 0, ended.err
    assert (tmp_path / "w" / "sweep.csv").is_file()


def test_sweep_needs_to_know_how_vehicles_were_sampled(tidewatt, village, tmp_path):
    """Without it: vehicles of unknown origin are thinned as if they were 100 %, and the sweep is wrong."""
    scenario = shutil.copytree(village, tmp_path / "s")
    text = (scenario / "scenario.toml").read_text()
    (scenario / "scenario.toml").write_text(text.split("[sampling]")[0])
    ended = tidewatt("coordinate", scenario, "--out", tmp_path / "w", "--adoption", "0.1,0.2")
    assert ended.status == 2
    assert "sampling.adoption" in ended.err
    assert not (tmp_path / "w").exists()


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_bar_on_a_terminal_shows_gap_and_time_and_leaves_stdout_alone(process, village, tmp_path):
    """Without it: on a terminal there is no bar, or its control characters get into the JSON."""
    import pty

    master, slave = pty.openpty()
    words = ["coordinate", village, "--out", tmp_path / "r", "--json", "--no-figures", "--threads", "1"]
    running = process(*words, stderr=slave, env={"TERM": "xterm", "COLUMNS": "140"})
    os.close(slave)
    seen = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:
            break
        if not part:
            break
        seen += part
    os.close(master)
    out = running.stdout.read()
    assert running.wait(60) == 0
    assert json.loads(out)["scenario"] == "village"
    text = seen.decode("utf-8", "replace")
    for words in ("session-flexible", "mobility-aware", "gap", "0:00:0", "saving"):
        assert words in text
