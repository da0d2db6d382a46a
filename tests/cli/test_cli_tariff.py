"""tariff, with report of what it leaves, end to end on a tiny case."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from matplotlib.image import imread

from tests.unit.tariffs.small_cases import past_forecasts, small_case
from tidewatt.cli import main
from tidewatt.domain.scenario import Scenario
from tidewatt.io.results import load
from tidewatt.io.scenario.writing import write_scenario

PICTURES = {"tariff_map.png", "line_limits.png", "site_day.png", "line_outcomes.png", "cost_over_gamma.png"}
QUICK = ["--threads", "1", "--samples", "200"]
FILES = {"summary.json", "certificate.json", "tariffs.parquet", "tolls.parquet", "lines.parquet"}
FILES |= {"voltages.parquet", "aggregators.parquet", "sites.parquet", "outcomes.parquet", "flows.nc"}
FILES |= {"history.csv"}


def written(scenario: Scenario, folder: Path) -> Path:
    write_scenario(scenario, folder)
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    """A tiny case as a folder, with past days of forecasts."""
    case = small_case()
    past = replace(case, forecasts=past_forecasts(case.injections))
    return written(past, tmp_path_factory.mktemp("cases") / "small")


@pytest.fixture(scope="module")
def impossible(tmp_path_factory) -> Path:
    """The case with a first line that cannot carry what vehicles need."""
    return written(small_case(line_kw=(250.0, 85.0)), tmp_path_factory.mktemp("cases") / "impossible")


@pytest.fixture(scope="module")
def priced(small, tmp_path_factory) -> Path:
    """Tariffs of it with a sweep and figures; not to be changed."""
    out = tmp_path_factory.mktemp("results") / "small"
    assert main(["tariff", str(small), "--out", str(out), "--sweep-gamma", "0:1:0.5", *QUICK]) == 0
    return out


def test_result_folder_is_complete(priced):
    """Without it: something of the promised result is not written, or a picture is blank."""
    assert {file.name for file in priced.iterdir()} == FILES | {"gamma.csv", "figures"}
    assert {file.name for file in (priced / "figures").iterdir()} == PICTURES
    for name in PICTURES:
        assert imread(priced / "figures" / name).std() > 0.02, name


def test_a_result_is_verified_and_a_changed_price_is_noticed(tidewatt, priced, tmp_path):
    """Without it: prices that do not follow from the plan are sold as proved."""
    ended = tidewatt("verify", priced)
    assert ended.status == 0, ended.out
    assert "Proved:" in ended.out
    out = shutil.copytree(priced, tmp_path / "r")
    table = pd.read_parquet(out / "tariffs.parquet")
    table["tariff_per_kwh"] *= 1.01
    table.to_parquet(out / "tariffs.parquet")
    assert tidewatt("verify", out).status == 2


def test_json_is_the_summary_and_options_arrive(tidewatt, small, tmp_path):
    """Without it: `tidewatt tariff --json | jq` fails on a stray word, or an option changes nothing."""
    ended = tidewatt(
        "tariff",
        small,
        "--out",
        tmp_path / "r",
        "--json",
        "--no-figures",
        "--threads",
        "1",
        "--gamma",
        "0.5",
        "--uncertainty",
        "budget",
        "--samples",
        "37",
        "--seed",
        "4",
        "--soc-step",
        "0.03",
        "--loss-margin",
        "0.02",
        "--linearisation",
        "forecast",
        "--relative-gap",
        "1e-7",
        "--publish",
        "all",
    )
    assert ended.status == 0, ended.err
    figures = json.loads(ended.out)
    assert figures == json.loads((tmp_path / "r" / "summary.json").read_text())
    assert (figures["gamma"], figures["uncertainty"], figures["samples"]) == (0.5, "budget", 37)
    assert (figures["seed"], figures["loss_margin"], figures["linearisation"]) == (4, 0.02, "forecast")
    assert 0 < figures["soc_step"] <= 0.03
    assert figures["relative_gap"] <= 1e-7
    assert figures["published"][0] == "tariff"
    assert not (tmp_path / "r" / "figures").exists()
    assert "the operator's problem" in ended.err
    assert "aggregators' own problems, 2 of 2" in ended.err


@pytest.mark.parametrize("columns", [30, 60, 80, 200])
def test_summary_fits_the_terminal_and_says_what_it_rests_on(tidewatt, priced, columns, monkeypatch, capsys):
    """Without it: on a narrow terminal tables are cut off, or something assumed is sold as proved."""
    from tidewatt.cli.tariffs import print_tariffs

    monkeypatch.setenv("COLUMNS", str(columns))
    print_tariffs(load(priced))
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= min(columns, 120)
    said = " ".join(out.split())
    for words in (
        "kWh charged",
        "mean tariff",
        "Binding limits: lines L1, L2",
        "Proved: within the limits",
        "Checked: given the tariff,",
        "Simulated: of 200 drawn outcomes, 0 % exceed a limit",
        "Assumed: power flow is linear (without losses)",
        "all 56 vehicles",
    ):
        assert words in said, words
    assert "optim" not in said


def test_sites_and_sweep_are_those_of_the_files(priced):
    """Without it: the table on the terminal could tell of other sites, hours or prices than the files."""
    from tidewatt.cli.tariffs import gamma_rows, site_rows

    result = load(priced)
    tariffs = pd.read_parquet(priced / "tariffs.parquet").astype({"site_id": str})
    power = pd.read_parquet(priced / "aggregators.parquet").astype({"site_id": str})
    for row in site_rows(result):
        mine = tariffs[tariffs["site_id"] == row[0]].set_index("step")["tariff_per_kwh"]
        kw = power[power["site_id"] == row[0]].groupby("step")["central_kw"].sum()
        assert float(row[1].replace(",", "")) == pytest.approx(kw.clip(lower=0).sum() * 0.5, rel=1e-3)
        assert float(row[2]) == pytest.approx(kw.max(), rel=1e-3)
        assert float(row[3]) == pytest.approx(mine.max(), rel=1e-3)
        hour = 6 + 0.5 * mine.idxmax()  # half hours from 6:00
        assert row[4] == f"{int(hour):02d}:{int(hour % 1 * 60):02d}"
        assert float(row[5].replace(",", "")) == pytest.approx(kw[mine > 1e-9].sum() * 0.5, rel=1e-3)
    swept = pd.read_csv(priced / "gamma.csv")
    assert [row[0] for row in gamma_rows(result)] == ["0", "0.5", "1"] == [f"{g:g}" for g in swept["gamma"]]
    assert [float(row[2]) for row in gamma_rows(result)] == pytest.approx(swept["cost"].tolist(), rel=1e-3)


@pytest.mark.parametrize(
    "words",
    [
        ["box"],
        ["budget"],
        ["ellipsoid"],
        ["conformal", "--coverage", "0.8"],
        ["conformal", "--coverage", "0.8", "--coverage-scope", "joint"],
    ],
)
def test_every_set_of_outcomes_can_be_asked_for(tidewatt, small, tmp_path, words):
    """Without it: a set works in Python only, or one without gamma breaks what is printed."""
    ended = tidewatt("tariff", small, "--out", tmp_path / "r", "--uncertainty", *words, *QUICK)
    assert ended.status == 0, ended.err
    of = "coverage 80 %" if words[0] == "conformal" else "gamma 1"
    assert f"arcs, {words[0]}, {of}" in " ".join(ended.out.split())
    figures = json.loads((tmp_path / "r" / "summary.json").read_text())
    assert figures["gamma"] == (None if words[0] == "conformal" else 1.0)
    assert figures["coverage_scope"] == {1: None, 3: "row_step", 5: "joint"}[len(words)]
    assert ("all limits are kept together" in " ".join(ended.out.split())) == ("joint" in words)
    assert (tmp_path / "r" / "figures" / "tariff_map.png").is_file()


def test_both_formulations_and_roundings_say_what_they_are_worth(tidewatt, small, tmp_path):
    """Without it: that pooling promises too much, and what rounding costs, stays hidden."""
    words = ["tariff", small, "--no-figures", *QUICK]
    ended = tidewatt(*words, "--out", tmp_path / "r", "--formulation", "both", "--soc-rounding", "both")
    assert ended.status == 0, ended.err
    said = " ".join(ended.out.split())
    figures = json.loads((tmp_path / "r" / "summary.json").read_text())
    assert figures["pooling_gap"] > 0
    assert 0 <= figures["soc_gap"] < 1
    assert "promises" in said
    assert "Rounding the state of charge costs at most" in said
    ended = tidewatt(*words, "--out", tmp_path / "p", "--formulation", "paths", "--paths-per-od", "2")
    assert ended.status == 0, ended.err
    paths = json.loads((tmp_path / "p" / "summary.json").read_text())
    assert paths["formulation"] == "paths"
    assert paths["cost"] < figures["cost"]


@pytest.mark.parametrize("columns", [60, 80])
def test_what_stands_in_the_way_is_said_with_exit_status_3(tidewatt, impossible, tmp_path, columns):
    """Without it: a case that no tariff can save ends with prices, or without a word why."""
    ended = tidewatt("tariff", impossible, "--out", tmp_path / "r", *QUICK, columns=columns)
    assert ended.status == 3, ended.err
    said = " ".join(ended.out.split())
    assert all(len(line) <= columns for line in ended.out.splitlines() if str(tmp_path) not in line)
    diagnosis = pd.read_csv(tmp_path / "r" / "diagnosis.csv")
    assert set(diagnosis["element_id"]) == {"L1"}
    assert diagnosis["amount"].min() > 0
    for words in (
        "No prices: no plan serves all vehicles",
        "L1",
        "raise limit_kw of the",
        "06:30",
        "10.1 kW",
    ):
        assert words in said, words
    assert "Proved" not in said and "Checked" not in said
    assert not len(pd.read_parquet(tmp_path / "r" / "tariffs.parquet"))


def test_limits_that_no_vehicle_can_relieve_are_bad_input(tidewatt, tmp_path):
    """Without it: a line overloaded by its own forecast is searched for a plan in vain."""
    scenario = written(small_case(line_kw=(150.0, 95.0)), tmp_path / "s")
    ended = tidewatt("tariff", scenario, "--out", tmp_path / "r", *QUICK)
    assert ended.status == 2
    assert "lines.limit_kw [L1" in ended.err and "no vehicles could bring it back" in ended.err
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("looks", "words"), [(0, "no plan"), (20, "no such plan has been found yet")], ids=["none", "some"]
)
def test_running_out_of_time_publishes_nothing(tidewatt, small, tmp_path, monkeypatch, looks, words):
    """Without it: prices of an unfinished problem are taken for tariffs, or a penalty for a cost."""
    clock = iter([0.0] * looks)
    late = SimpleNamespace(perf_counter=lambda: next(clock, math.inf))
    monkeypatch.setattr("tidewatt.tariffs.arcs.pricing.time", late)
    ended = tidewatt("tariff", small, "--out", tmp_path / "r", "--time-limit-s", "1e6", *QUICK)
    assert ended.status == 3, ended.err
    said = " ".join(ended.out.split())
    assert "stopped on time" in said
    assert "No prices are published." in said
    assert words in said
    assert "the plan found" not in said
    assert not len(pd.read_parquet(tmp_path / "r" / "tariffs.parquet"))
    assert json.loads((tmp_path / "r" / "summary.json").read_text())["status"] == "time_limit"


def test_a_tariff_that_does_not_do_alone_is_not_reached(tidewatt, tmp_path):
    """Without it: prices under which aggregators exceed the plan are sold as decentralised."""
    scenario = written(small_case(chargers=(4, 3)), tmp_path / "s")
    words = ["tariff", scenario, "--no-figures", *QUICK]
    ended = tidewatt(*words, "--out", tmp_path / "r", "--publish", "tariff")
    assert ended.status == 3, ended.err
    said = " ".join(ended.out.split())
    assert "NOT decentralised: given the tariff," in said
    assert "prices needed: tariff, charger_prices" in said
    assert "No prices are published" not in said
    assert "Checked: given" not in said
    ended = tidewatt(*words, "--out", tmp_path / "r")
    assert ended.status == 0, ended.err
    said = " ".join(ended.out.split())
    assert "Checked: given the tariff and prices of chargers," in said
    assert "The tariff alone is not enough" in said


def test_certain_forecasts_are_not_compared_with_themselves(tidewatt, small, tmp_path):
    """Without it: with gamma 0 it reads as if safety had been bought for nothing."""
    ended = tidewatt("tariff", small, "--out", tmp_path / "r", "--gamma", "0", "--no-figures", *QUICK)
    assert ended.status == 0, ended.err
    said = " ".join(ended.out.split())
    assert "Margins against the uncertainty cost" not in said
    assert "under this plan, which trusts the forecasts." in said
    ended = tidewatt(
        "tariff", small, "--out", tmp_path / "r", "--no-figures", "--threads", "1", "--samples", "0"
    )
    assert ended.status == 0, ended.err
    assert "Simulated" not in ended.out


def test_a_second_run_replaces_the_first(tidewatt, small, priced, tmp_path):
    """Without it: files of two runs stand side by side as one result."""
    out = tmp_path / "r"
    first = ["tariff", small, "--out", out, "--sweep-gamma", "0,1", "--no-figures", *QUICK]
    assert tidewatt(*first).status == 0
    assert (out / "gamma.csv").is_file()
    before = json.loads((out / "summary.json").read_text())["cost"]
    ended = tidewatt("tariff", small, "--out", out, "--gamma", "0", "--no-figures", *QUICK)
    assert ended.status == 0, ended.err
    assert {file.name for file in out.iterdir()} == FILES
    assert json.loads((out / "summary.json").read_text())["cost"] < before
    assert load(out).gamma is None


def test_anything_but_a_result_is_left_alone(tidewatt, small, tmp_path):
    """Without it: a wrong --out costs a folder of somebody's files."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    for out in (tmp_path / "mine", small):
        before = {file: file.stat().st_mtime_ns for file in out.iterdir()}
        ended = tidewatt("tariff", small, "--out", out, *QUICK)
        assert ended.status == 2
        assert "Nothing was touched" in ended.err
        assert {file: file.stat().st_mtime_ns for file in out.iterdir()} == before


def test_an_interruption_leaves_no_half_of_a_result(tidewatt, small, tmp_path, monkeypatch):
    """Without it: Ctrl-C leaves a folder that looks like a result, or ends in a traceback."""
    from tidewatt.tariffs import study

    def stop(*given, **named):
        raise KeyboardInterrupt

    words = ["tariff", small, "--out", tmp_path / "r", "--no-figures", *QUICK]
    with monkeypatch.context() as patched:
        patched.setattr(study, "decentralised", stop)
        ended = tidewatt(*words)
        assert ended.status == 130
        assert "Traceback" not in ended.err
        assert ended.out == ""
        assert not (tmp_path / "r").exists()
    assert tidewatt(*words).status == 0
    before = (tmp_path / "r" / "certificate.json").read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(study, "decentralised", stop)
        assert tidewatt(*words, "--gamma", "0").status == 130
    assert (tmp_path / "r" / "certificate.json").read_bytes() == before


def test_report_draws_a_loaded_result_again(tidewatt, priced, tmp_path):
    """Without it: pictures can only be had by solving again."""
    ended = tidewatt("report", priced, "--out", tmp_path / "p", "--svg")
    assert ended.status == 0, ended.err
    drawn = {file.name for file in (tmp_path / "p").iterdir()}
    assert drawn == PICTURES | {name.replace("png", "svg") for name in PICTURES}
    for name in ("tariff_map.png", "cost_over_gamma.png"):
        first, again = (imread(folder / name) for folder in (priced / "figures", tmp_path / "p"))
        assert first.shape == again.shape
        assert (first == again).all()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--gamma", "1.5"], "tariff.gamma: found 1.5"),
        (["--gamma", "nan"], "tariff.gamma"),
        (["--uncertainty", "boxes"], "boxes"),
        (["--uncertainty", "conformal", "--coverage", "1"], "tariff.coverage"),
        (["--uncertainty", "conformal", "--coverage", "0.99"], "coverage"),
        (["--uncertainty", "conformal", "--sweep-gamma", "0:1:0.5"], "conformal margins have no gamma"),
        (["--soc-step", "fine"], "Give a number from 0.0001 to 0.5, or auto"),
        (["--soc-step", "0.9"], "tariff.soc_step: found 0.9"),
        (["--sweep-gamma", "some"], "not numbers"),
        (["--sweep-gamma", "0:1"], "not numbers"),
        (["--sweep-gamma", "1:0:0.1"], "the end must not be below the start"),
        (["--sweep-gamma", "0:1:1e-9"], "more than 1,000 gammas"),
        (["--sweep-gamma", "0,2"], "outside 0 to 1"),
        (["--paths-per-od", "0"], "tariff.paths_per_od"),
        (["--samples", "-1"], "tariff.samples"),
        (["--publish", "nothing"], "nothing"),
        (["--threads", "-2"], "tariff.threads"),
    ],
    ids=str,
)
def test_bad_options_are_exit_status_2_and_leave_nothing(tidewatt, small, tmp_path, words, said):
    """Without it: a slip of the keyboard costs a run, or leaves a folder behind."""
    ended = tidewatt("tariff", small, "--out", tmp_path / "r", *words)
    assert ended.status == 2, ended.out
    assert said in " ".join(ended.err.split())
    assert "Traceback" not in ended.err
    assert not (tmp_path / "r").exists()


def test_everything_wrong_with_options_is_said_at_once(tidewatt, small, tmp_path):
    """Without it: users mend one option to hear of the next."""
    ended = tidewatt("tariff", small, "--out", tmp_path / "r", "--gamma", "2", "--samples", "-1")
    assert ended.status == 2
    assert "2 problems found" in ended.err


def test_a_scenario_without_travel_says_what_is_missing(tidewatt, village, tmp_path):
    """Without it: a scenario of another study ends in a traceback."""
    ended = tidewatt("tariff", village, "--out", tmp_path / "r")
    assert ended.status == 2
    for table in ("charging_sites", "aggregators", "travel", "lines"):
        assert table in ended.err
    assert not (tmp_path / "r").exists()


def test_help_names_units_and_defaults(tidewatt):
    """Without it: users have to guess what a gamma is, or what happens without an option."""
    out = " ".join(tidewatt("tariff", "--help", columns=200).out.replace("│", " ").split())
    for words in (
        "[default: arcs]",
        "[default: box]",
        "[default: 10,000]",
        "seconds",
        "conformal",
        "FROM:TO:STEP",
        "tidewatt assemble",
        "a fraction of the battery",
    ):
        assert words in out, words


def test_progress_tells_what_is_solved_and_how_far_it_is():
    """Without it: phases have the names of variables, and a bar runs past its end."""
    from math import nan

    from tidewatt.cli.tariffs import Steps
    from tidewatt.result import Progress

    steps = Steps()
    assert steps.name("central") == "the operator's problem"
    assert steps.name("sweep, gamma 0.5") == "sweep, gamma 0.5"
    half = Progress("central", 1200, 220.5, 220.4, 3.2e-5, 1.0, "")
    assert steps.words(half) == ("round 1,200", "cost 220.5, gap 0.0032 %")
    assert steps.words(half, short=True) == ("round 1,200", "gap 0.0032 %")
    assert steps.words(Progress("own problems", 3, nan, nan, nan, 1.0, "of 5")) == ("3 of 5", "")
    assert steps.words(Progress("central", 0, nan, nan, nan, 0.0, "")) == ("", "")
    assert steps.share(half) == pytest.approx(0.5, abs=0.01)
    assert steps.share(Progress("central", 2, 1.0, 1.0, -5e-10, 1.0, "")) == 1.0
    assert steps.share(Progress("central", 1, 1.0, -9.0, 10.0, 1.0, "")) == 0.0
    assert steps.share(Progress("outcomes", 0, nan, nan, nan, 1.0, "")) is None
