"""configure, with verify and report of what it leaves, end to end on a small town."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from matplotlib.image import imread

from tests.unit.configuration.made_plans import configured, crowded
from tidewatt.cli import main

PICTURES = ["changes.png", "convergence.png", "load_before_after.png", "queue_before_after.png"]
SMALL = [
    "--evaluations",
    "40",
    "--population",
    "8",
    "--days-train",
    "1",
    "--days-test",
    "2",
    "--threads",
    "1",
]


@pytest.fixture(scope="module")
def streets(tmp_path_factory) -> Path:
    """The town as a folder."""
    from tidewatt.io.scenario.writing import write_scenario

    folder = tmp_path_factory.mktemp("scenarios") / "town"
    write_scenario(crowded(), folder)
    return folder


@pytest.fixture(scope="module")
def planned(streets, tmp_path_factory) -> Path:
    """The town, configured once, with figures; not to be changed."""
    out = tmp_path_factory.mktemp("results") / "town"
    assert main(["configure", str(streets), "--out", str(out), "--coordinated", *SMALL]) == 0
    return out


def test_result_folder_is_complete(planned):
    """Without it: something of the promised result is not written."""
    files = {"summary.json", "certificate.json", "plan.parquet", "costs.csv", "days.csv", "history.csv"}
    files |= {"profiles.nc", "scenario", "figures"}
    assert {file.name for file in planned.iterdir()} == files
    assert sorted(file.name for file in (planned / "figures").iterdir()) == PICTURES
    for name in PICTURES:
        assert imread(planned / "figures" / name).std() > 0.02


def test_json_is_the_summary_and_options_arrive(tidewatt, streets, tmp_path):
    """Without it: `tidewatt configure --json | jq` fails on a stray word, or an option changes nothing."""
    ended = tidewatt(
        "configure",
        streets,
        "--out",
        tmp_path / "r",
        "--json",
        "--no-figures",
        *SMALL,
        "--weights",
        "1",
        "2",
        "0.5",
        "0",
        "--information",
        "reserved",
        "--vehicles",
        "120",
        "--search",
        "local",
        "--seed",
        "4",
        "--budget",
        "10",
        "--mode",
        "paper-table",
    )
    assert ended.status == 0, ended.err
    figures = json.loads(ended.out)
    assert figures == json.loads((tmp_path / "r" / "summary.json").read_text())
    assert list(figures["weights"].values()) == [1.0, 2.0, 0.5, 0.0]
    assert (figures["information"], figures["vehicles"], figures["search"]) == ("reserved", 120, "local")
    assert (figures["seed"], figures["mode"], figures["parameters"]["budget"]) == (4, "paper-table", 10.0)
    assert figures["coordinated"] is None
    assert "plan 40 of 40" in ended.err
    assert "best objective" in ended.err
    assert "judging on fresh days, day 2 of 2" in ended.err
    assert not (tmp_path / "r" / "figures").exists()
    assert tidewatt("verify", tmp_path / "r").status == 0


@pytest.mark.parametrize("columns", [40, 72, 80, 200])
def test_summary_fits_the_terminal_and_claims_no_more_than_was_done(columns, monkeypatch, capsys):
    """Without it: on a narrow terminal the tables are cut off, or a plan found is sold as the optimum."""
    from tidewatt.cli.configuration import show_configuration

    monkeypatch.setenv("COLUMNS", str(columns))
    show_configuration(configured())
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= min(columns, 120)
    said = " ".join(out.split())
    for words in (
        "wait [min]",
        "a better one may exist",
        "Harbour",
        "2 → ",
        "sites full",
        "Simulated",
        "Assumed",
        "proved bound",
        "station peaks",
        "on the fresh days",
    ):
        assert words in said, words
    assert "optim" not in said


def test_numbers_of_chargers_and_ids_are_whole():
    """Without it: stations named by numbers become 829.0, with 7.0 chargers."""
    from dataclasses import replace

    from tidewatt.cli.configuration import comparison_rows, station_rows

    plan = configured().plan.assign(station_id=[829, 41, 58, 87])
    rows = station_rows(replace(configured(), plan=plan))
    assert rows[0][0] in ("829", "41", "58", "87")
    assert not any(".0 " in cell for row in rows for cell in row[:3])
    costs = configured().costs.assign(change=1e-17, change_ci95=1e-16)
    assert all(row[3:] == ("0", "") for row in comparison_rows(replace(configured(), costs=costs))[:3])


def test_totals_name_the_stations_that_are_closed():
    """Without it: that a plan closes stations is to be found by reading every row of a table."""
    from dataclasses import replace

    from tidewatt.cli.configuration import totals

    plan = configured().plan.copy()
    plan["fast_before"], plan["normal_before"] = 3, 1
    plan["fast_after"], plan["normal_after"] = 2, 0
    plan.loc[0, "fast_after"] = 0
    n, closed = len(plan), plan["station_id"][0]
    said = totals(replace(configured(), plan=plan))
    assert f"fast {3 * n} to {2 * (n - 1)}, normal {n} to 0; 1 station closed ({closed})" in said


def test_a_plan_that_is_worse_on_fresh_days_is_called_so():
    """Without it: a plan that fits its days by chance is reported as a success."""
    from dataclasses import replace

    from tidewatt.cli.configuration import verdict

    def said(objective, half):
        figures = {**configured().figures, "objective": objective, "objective_ci95": half}
        return verdict(replace(configured(), figures=figures))[0]

    assert "WORSE" in said(1.0, 0.5)
    assert "No measurable benefit: keep what is installed" in said(-0.1, 0.5)
    assert "WORSE" not in said(-1.0, 0.5)
    assert "keep what is installed" in said(0.0, 0.0)
    assert "No measurable" not in said(-1.0, 0.5)
    broken = {**configured().figures["constraints"], "cost_18": False}
    figures = {**configured().figures, "constraints": broken}
    assert any(
        "NOT kept" in s and "must not rise" in s for s in verdict(replace(configured(), figures=figures))
    )


def test_report_draws_a_loaded_plan_with_its_roads(tidewatt, planned, tmp_path):
    """Without it: pictures can only be had by searching again."""
    ended = tidewatt("report", planned, "--out", tmp_path / "p", "--svg")
    assert ended.status == 0, ended.err
    names = sorted(file.name for file in (tmp_path / "p").iterdir())
    assert names == sorted([*PICTURES, *(name.replace("png", "svg") for name in PICTURES)])
    first, again = (imread(folder / "changes.png") for folder in (planned / "figures", tmp_path / "p"))
    assert first.shape == again.shape
    assert (first == again).all()


def test_running_out_of_time_is_exit_status_3_and_resumed(tidewatt, streets, tmp_path):
    """Without it: scripts take a search that was cut short for a finished one, or lose its work."""
    words = ["configure", streets, "--out", tmp_path / "r", "--no-figures", *SMALL]
    ended = tidewatt(*words, "--time-limit-s", "0")
    assert ended.status == 3, ended.err
    assert "Stopped on time" in " ".join(ended.out.split())
    assert (tmp_path / "r" / "checkpoint" / "state.json").is_file()
    ended = tidewatt(*words, "--resume")
    assert ended.status == 0, ended.err
    assert not (tmp_path / "r" / "checkpoint").exists()
    ended = tidewatt(*words, "--resume")
    assert ended.status == 0
    assert "already done" in ended.err
    ended = tidewatt(*words, "--resume", "--weights", "1", "3", "1", "1")
    assert "no checkpoint" in ended.err
    assert "already done" not in ended.err


def test_an_interruption_keeps_the_checkpoint(tidewatt, streets, tmp_path, monkeypatch):
    """Without it: Ctrl-C throws hours of search away."""
    from tidewatt.configuration import study

    def stop(*given, **named):
        raise KeyboardInterrupt

    words = ["configure", streets, "--out", tmp_path / "r", "--no-figures", *SMALL]
    assert tidewatt(*words, "--time-limit-s", "0").status == 3
    monkeypatch.setattr(study, "judge_on_fresh_days", stop)
    ended = tidewatt(*words, "--resume")
    assert ended.status == 130
    assert "--resume" in ended.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--weights", "0", "0", "0", "0"], "not all 0"),
        (["--weights", "1", "-1", "1", "1"], "0 or more"),
        (["--days-test", "1"], "from 2"),
        (["--budget", "-1e6"], "budget"),
        (["--vehicles", "0"], "vehicles"),
        (["--search", "best"], "search"),
        (["--population", "4", "--evaluations", "0"], "evaluations"),
    ],
    ids=str,
)
def test_bad_input_is_exit_status_2_and_leaves_nothing(tidewatt, streets, tmp_path, words, said):
    """Without it: a wrong option costs days of simulation, or leaves half a result."""
    ended = tidewatt("configure", streets, "--out", tmp_path / "r", *words)
    assert ended.status == 2
    assert said in ended.err
    assert not (tmp_path / "r").exists()


def test_help_names_units_and_defaults(tidewatt):
    """Without it: users have to guess what a budget of 10 is."""
    out = " ".join(tidewatt("configure", "--help", columns=200).out.replace("│", " ").split())
    for words in ("--money-unit", "[default: 20,000]", "[default: 15 min]", "seconds", "memetic", "--resume"):
        assert words in out, words


def test_progress_tells_how_far_it_is_and_how_long_it_takes():
    """Without it: whoever waits for hours does not know what for, or a bar runs past its end."""
    from math import nan

    from tidewatt.cli.configuration import Plans
    from tidewatt.options.configuration import CONFIGURATION
    from tidewatt.result import Progress

    measure = Plans(CONFIGURATION.resolve(evaluations=1000, days_test=8, time_limit_s=100.0))

    def report(phase, done, best, seconds):
        return Progress(phase, done, best, nan, nan, seconds, "mean wait 3.10 min")

    assert measure.share(report("preparing", 0, nan, 0.0)) is None
    assert measure.words(report("searching", 100, -1.5, 10.0))[0] == "plan 100 of 1,000"
    done, words = measure.words(report("searching", 300, -2.0, 20.0))
    assert done == "plan 300 of 1,000"
    assert words == "best objective -2, mean wait 3.10 min, about 35 s left"
    assert measure.share(report("searching", 300, -2.0, 20.0)) == 0.3
    assert measure.share(report("searching", 300, -2.0, 90.0)) == 0.9  # the time limit comes first
    assert "10 s left" in measure.words(report("searching", 301, -2.0, 90.0))[1]
    measure.begin()
    assert measure.words(report("fresh days", 2, nan, 50.0)) == ("day 2 of 8", "mean wait 3.10 min")
    assert "infinite" not in measure.words(report("searching", 5, float("inf"), 1.0))[1]
