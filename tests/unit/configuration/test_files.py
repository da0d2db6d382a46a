"""Results of configure as files: all of it comes back, and the new scenario can be simulated."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import tidewatt
from tests.unit.configuration.made_plans import configured, crowded
from tidewatt.errors import TidewattError
from tidewatt.verification import verify


def test_everything_comes_back_and_verifies(tmp_path) -> None:
    """Without it what a result held is lost on the way to the disk."""
    result = configured()
    tidewatt.save(result, tmp_path / "r")
    found = verify(tmp_path / "r")
    assert found.ok, found.text()
    back = tidewatt.load(tmp_path / "r")
    for name in ("costs", "days", "history"):
        pd.testing.assert_frame_equal(getattr(back, name), getattr(result, name), check_dtype=False)
    for column in result.plan:
        assert back.plan[column].tolist() == pytest.approx(result.plan[column].tolist(), nan_ok=True)
    for name in result.data.data_vars:
        np.testing.assert_array_equal(back.data[name], result.data[name])
    assert back.figures["after"] == result.figures["after"]
    assert back.figures["coordinated"] == result.figures["coordinated"]
    assert (back.status, back.front, back.scenario) == (result.status, None, None)
    with pytest.raises(TidewattError, match="no scenario"):
        tidewatt.save(back, tmp_path / "q")


def test_a_front_comes_back(tmp_path) -> None:
    """Without it the trade-offs of a Pareto search are gone once the program ends."""
    pytest.importorskip("pymoo", reason="the Pareto search needs the extra `search`")
    result = configured(search="pareto", coordinated=False)
    tidewatt.save(result, tmp_path / "r")
    assert verify(tmp_path / "r").ok
    front = tidewatt.load(tmp_path / "r").front
    assert front[["f1", "f4"]].to_numpy() == pytest.approx(result.front[["f1", "f4"]].to_numpy())
    assert [list(row) for row in front["fast"]] == result.front["fast"].tolist()
    assert tidewatt.load(tmp_path / "r").figures["coordinated"] is None


def test_the_new_scenario_is_ready_to_simulate(tmp_path) -> None:
    """Without it nobody can look at days under the new plan."""
    result = configured()
    tidewatt.save(result, tmp_path / "r")
    new = tidewatt.read_scenario(tmp_path / "r" / "scenario")
    np.testing.assert_array_equal(new.stations.fast, result.plan["fast_after"])
    np.testing.assert_array_equal(new.stations.normal, result.plan["normal_after"])
    assert tidewatt.check(new) == []
    days = tidewatt.simulate(new, vehicles=100, replications=1, threads=1)
    assert days.figures["stations"] == 4


def test_the_scenario_is_found_where_it_is_named(tmp_path) -> None:
    """Without it every result carries a second copy of a large scenario."""
    tidewatt.write_scenario(crowded(), tmp_path / "s")
    tidewatt.save(configured(), tmp_path / "r", scenario_folder=tmp_path / "s")
    assert not (tmp_path / "r" / "scenario-before").exists()
    assert verify(tmp_path / "r").ok


def test_the_summary_is_plain_json_with_the_promised_keys(tmp_path) -> None:
    """Without it programs that read summaries stumble on a missing key or on Infinity."""
    tidewatt.save(configured(), tmp_path / "r")
    text = (tmp_path / "r" / "summary.json").read_text()
    figures = json.loads(text, parse_constant=lambda name: pytest.fail(name))
    keys = [
        "scenario",
        "currency",
        "cost_unit",
        "status",
        "mode",
        "search",
        "information",
        "weights",
        "days_train",
        "days_test",
        "evaluations",
        "replays",
        "wall_s",
        "objective_train",
        "objective",
        "objective_ci95",
        "before",
        "after",
        "stations_changed",
        "fast_before",
        "fast_after",
        "normal_before",
        "normal_after",
        "constraints",
        "replay_error",
        "coordinated",
        "seed",
        "version",
        "scenario_sha256",
    ]
    assert list(figures)[: len(keys)] == keys
    each = [
        "f1",
        "f1_1",
        "f1_2",
        "f1_3",
        "f2",
        "f2_1",
        "f2_2",
        "f2_3",
        "f3",
        "f3_peak_valley",
        "f3_variance",
        "f4",
        "mean_detour_min",
        "mean_wait_min",
        "mean_charge_min",
        "peak_load_kw",
        "peak_valley_kw",
        "queue_peak",
        "traffic_flow_veh_per_min",
    ]
    assert list(figures["before"]) == list(figures["after"]) == each
    assert set(figures["constraints"]) == {"site", "cost_18", "budget", "feeder", "fixed"}
    assert set(figures["replay_error"]) == {"objective", "mean_wait_min"}


def test_a_site_without_chargers_can_be_read_simulated_and_opened(tmp_path) -> None:
    """Without it a plan that closes a station leaves a scenario that nothing reads."""
    from dataclasses import replace

    made = crowded()
    s = replace(made.stations, fast=np.array([2, 1, 1, 0]), normal=np.array([1, 2, 0, 0]))
    s = replace(s, max_total=np.array([5.0, 5.0, 3.0, 4.0]))
    assert [issue.ids for issue in tidewatt.check(replace(made, stations=s))] == [("Park",)]
    wrong = replace(made, stations=replace(s, closed=np.array([True, False, False, True])))
    assert [(issue.field, issue.ids) for issue in tidewatt.check(wrong)] == [("closed", ("Harbour",))]
    site = replace(made, stations=replace(s, closed=np.array([False, False, False, True])))
    assert tidewatt.check(site) == []
    tidewatt.write_scenario(site, tmp_path / "s")
    days = tidewatt.simulate(tidewatt.read_scenario(tmp_path / "s"), replications=2, threads=1)
    tidewatt.save(days, tmp_path / "days", scenario_folder=tmp_path / "s")
    assert verify(tmp_path / "days").ok, verify(tmp_path / "days").text()
    assert days.stations["charges"][3] == 0
    plan = tidewatt.configure(
        site,
        fast_cost=0.0,
        normal_cost=0.0,
        evaluations=80,
        population=8,
        days_train=2,
        days_test=2,
        threads=1,
    )
    tidewatt.save(plan, tmp_path / "plan", scenario_folder=tmp_path / "s")
    assert verify(tmp_path / "plan").ok, verify(tmp_path / "plan").text()
    assert plan.plan["fast_after"][3] + plan.plan["normal_after"][3] <= 4
