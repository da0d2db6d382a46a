"""`verify` lets an honest equilibrium pass and catches every forgery, digests fixed up or not."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.verification.road_scenarios import at_random
from tidewatt.assignment.study import assign
from tidewatt.errors import TidewattError
from tidewatt.io.results import load, save
from tidewatt.io.scenario.reading import read_scenario
from tidewatt.io.scenario.writing import write_scenario
from tidewatt.options.assignment import ASSIGNMENT
from tidewatt.verification import verify

METHODS = ASSIGNMENT.every["method"].words


@pytest.fixture(scope="module")
def honest(tmp_path_factory) -> Path:
    """A folder with a scenario and an honest equilibrium in it."""
    home = tmp_path_factory.mktemp("honest")
    write_scenario(at_random(13), home / "scenario")
    # Frank-Wolfe ends near the gap asked for, so that there is a gap to forge.
    result = assign(read_scenario(home / "scenario"), relative_gap=1e-4, method=METHODS[1])
    assert result.figures["relative_gap"] > 1e-6
    save(result, home / "result", scenario_folder=home / "scenario")
    return home


def edit_json(name, change):
    def forge(home: Path) -> None:
        path = home / "result" / name
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return forge


def edit_links(change):
    def forge(home: Path) -> None:
        path = home / "result" / "links.parquet"
        frame = pd.read_parquet(path)
        change(frame)
        frame.to_parquet(path, index=False)

    return forge


def edit_history(change):
    def forge(home: Path) -> None:
        path = home / "result" / "history.csv"
        change(pd.read_csv(path)).to_csv(path, index=False)

    return forge


def more_flow(frame):
    frame.loc[0, "flow_veh"] += 1e-3


def less_flow_everywhere(frame):
    frame["flow_veh"] *= 0.999


def no_flow(frame):
    frame["flow_veh"] = 0.0


def negative(frame):
    frame.loc[frame["flow_veh"].idxmin(), "flow_veh"] = -1.0


def not_a_number(frame):
    frame.loc[2, "flow_veh"] = np.nan


def faster(frame):
    frame.loc[1, "travel_time_min"] *= 0.99


def renamed(frame):
    frame.loc[1, "link_id"] = "elsewhere"


def swapped(frame):
    frame.loc[[0, 1], "link_id"] = frame.loc[[1, 0], "link_id"].to_numpy()


def say(**changes):
    """Forge figures of the summary; a callable gets the figure that stands there."""

    def change(summary):
        for key, new in changes.items():
            summary[key] = new(summary[key]) if callable(new) else new

    return edit_json("summary.json", change)


FORGERIES = {
    "flow added to a link": (edit_links(more_flow), "balance"),
    "a little less flow everywhere": (edit_links(less_flow_everywhere), "balance"),
    "empty roads": (edit_links(no_flow), "balance"),
    "a negative flow": (edit_links(negative), "flows"),
    "a flow that is no number": (edit_links(not_a_number), "flows"),
    "a shorter travel time": (edit_links(faster), "travel times"),
    "another link": (edit_links(renamed), "links"),
    "two links swapped": (edit_links(swapped), "links"),
    "a lower objective": (say(objective=lambda value: value * (1 - 1e-8)), "objective"),
    "a smaller gap": (say(relative_gap=1e-7), "relative gap"),
    "more trips": (say(demand_trips=lambda value: value + 1), "summary"),
    "a better mean time": (say(mean_travel_time_min=1.0), "summary"),
    "another period": (say(start_min=420.0), "period"),
    "a tighter gap claimed to be reached": (say(relative_gap_asked=1e-6), "status"),
    "an iteration left out": (edit_history(lambda table: table.drop(index=1)), "history"),
    "another status": (edit_json("certificate.json", lambda c: c.update(status="STALLED")), "status"),
    "another kind": (edit_json("certificate.json", lambda c: c.update(kind="equilibria")), "kind"),
}


def test_an_honest_equilibrium_passes(honest):
    """Without it: every other test of this file could pass because nothing ever verifies."""
    found = verify(honest / "result")
    assert found.ok, found.text()
    assert "could save" in found.text()


@pytest.mark.parametrize("mend", [False, True], ids=["digests kept", "digests mended"])
@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_is_caught(honest, tmp_path, name, mend):
    """Without it: someone could change flows, objective or gap, and `verify` would vouch for them."""
    forge, suspect = FORGERIES[name]
    home = tmp_path / "home"
    shutil.copytree(honest, home)
    forge(home)
    certificate = home / "result" / "certificate.json"
    if mend:
        content = json.loads(certificate.read_text())
        for file in content["files"]:
            content["files"][file] = hashlib.sha256((home / "result" / file).read_bytes()).hexdigest()
        certificate.write_text(json.dumps(content))
    found = verify(home / "result")
    assert not found.ok
    if mend:
        assert any(suspect in check.name for check in found.failures), found.text()


def shifted(home: Path) -> None:
    """Move a vehicle from its path to a longer one and let every file agree but the gap."""
    scenario = read_scenario(home / "scenario")
    result = assign(scenario, relative_gap=0.5, max_iterations=1)
    save(result, home / "result", scenario_folder=home / "scenario")
    best = json.loads((home / "honest.json").read_text())
    for name in ("summary.json",):
        path = home / "result" / name
        content = json.loads(path.read_text())
        content |= {key: best[key] for key in ("relative_gap", "relative_gap_asked", "status")}
        path.write_text(json.dumps(content))
    history = pd.read_csv(home / "result" / "history.csv")
    history.loc[len(history) - 1, "relative_gap"] = best["relative_gap"]
    history.to_csv(home / "result" / "history.csv", index=False)


@pytest.mark.filterwarnings("ignore::tidewatt.errors.SolveWarning")
def test_flows_that_are_no_equilibrium_are_caught_by_their_gap(honest, tmp_path):
    """Without it: any flows that balance pass for an equilibrium, as long as the files agree."""
    home = tmp_path / "home"
    shutil.copytree(honest, home)
    (home / "honest.json").write_text((home / "result" / "summary.json").read_text())
    shifted(home)
    certificate = home / "result" / "certificate.json"
    content = json.loads(certificate.read_text()) | {"status": "CERTIFIED"}
    for file in content["files"]:
        content["files"][file] = hashlib.sha256((home / "result" / file).read_bytes()).hexdigest()
    certificate.write_text(json.dumps(content))
    found = verify(home / "result")
    assert {check.name for check in found.failures} == {"relative gap", "status"}, found.text()


@pytest.mark.parametrize("method", METHODS)
def test_it_comes_back_from_its_folder(tmp_path, method):
    """Without it: saving or loading loses a table, a figure or the status."""
    scenario = at_random(4)
    result = assign(scenario, relative_gap=1e-4, method=method)
    save(result, tmp_path / "r")
    back = load(tmp_path / "r")
    assert back.summary() == result.summary()
    assert back.status is result.status
    assert back.run == result.run
    pd.testing.assert_frame_equal(back.links, result.links)
    pd.testing.assert_frame_equal(back.history, result.history)
    assert verify(tmp_path / "r").ok  # the scenario went along


def test_a_loaded_result_needs_its_scenario_to_be_saved(tmp_path):
    """Without it: a result is saved that nobody can verify."""
    save(assign(at_random(4), relative_gap=1e-3), tmp_path / "r")
    with pytest.raises(TidewattError, match="scenario_folder"):
        save(load(tmp_path / "r"), tmp_path / "s")
