"""assign and verify, end to end from the command line."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from tests.verification.road_scenarios import at_random
from tidewatt.io.scenario.writing import write_scenario


@pytest.fixture(scope="module")
def streets(tmp_path_factory):
    """A folder with a small road network and trips."""
    folder = tmp_path_factory.mktemp("roads") / "streets"
    write_scenario(at_random(13), folder)
    return folder


def test_it_writes_what_it_names(tidewatt, streets, tmp_path):
    """Without it: a promised file is missing, or the summary on the terminal is of another run."""
    out = tmp_path / "r"
    ended = tidewatt("assign", streets, "--relative-gap", "1e-8", "--out", out, "--threads", "1")
    assert ended.status == 0
    files = {file.name for file in out.iterdir()}
    assert files == {"summary.json", "links.parquet", "history.csv", "certificate.json"}
    for name in files - {"certificate.json"}:
        assert str(out / name) in ended.out.replace("\n", "")
    links = pd.read_parquet(out / "links.parquet")
    assert list(links) == ["link_id", "flow_veh", "travel_time_min"]
    assert list(pd.read_csv(out / "history.csv")) == ["iteration", "objective", "relative_gap", "seconds"]
    figures = json.loads((out / "summary.json").read_text())
    assert {"objective", "relative_gap", "iterations", "wall_s"} <= set(figures)
    assert f"{figures['objective']:.12g}" in ended.out
    assert "assignment" in ended.err
    checked = tidewatt("verify", out)
    assert checked.status == 0
    assert "Verified" in checked.out


def test_json_is_the_summary_and_nothing_else(tidewatt, streets, tmp_path):
    """Without it: `tidewatt assign --json | jq` fails on a stray word."""
    ended = tidewatt("assign", streets, "--out", tmp_path / "r", "--json")
    assert ended.status == 0
    assert json.loads(ended.out) == json.loads((tmp_path / "r" / "summary.json").read_text())


def test_a_gap_that_is_not_reached_is_status_3_with_a_result(tidewatt, streets, tmp_path):
    """Without it: a script takes an unfinished assignment for an equilibrium, or loses it."""
    words = ("--relative-gap", "1e-12", "--max-iterations", "1", "--method", "biconjugate-frank-wolfe")
    ended = tidewatt("assign", streets, "--out", tmp_path / "r", *words)
    assert ended.status == 3
    assert "Not reached" in ended.out
    assert "Stopped on iterations" in ended.err
    assert tidewatt("verify", tmp_path / "r").status == 0


def test_bad_input_is_status_2_and_leaves_no_folder(tidewatt, streets, village, tmp_path):
    """Without it: a mistake ends in a traceback, or in an empty result folder."""
    out = tmp_path / "r"
    for words in (
        (streets, "--relative-gap", "7"),
        (streets, "--method", "guess"),
        (streets, "--start-min", "30"),
        (village,),
        (tmp_path / "nowhere",),
    ):
        ended = tidewatt("assign", *words, "--out", out)
        assert ended.status == 2, words
        assert "Traceback" not in ended.err
        assert not out.exists()


def test_another_folder_is_not_overwritten(tidewatt, streets, tmp_path):
    """Without it: a mistyped --out destroys somebody's files."""
    (tmp_path / "mine.txt").write_text("precious")
    assert tidewatt("assign", streets, "--out", tmp_path).status == 2
    assert (tmp_path / "mine.txt").read_text() == "precious"
