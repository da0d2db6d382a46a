"""The study on a tiny case: what is published, that it holds, and what is said where it cannot."""

from __future__ import annotations

import dataclasses
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import tidewatt
from tests.unit.tariffs.small_cases import past_forecasts, small_case
from tidewatt.domain.scenario import Scenario
from tidewatt.errors import ScenarioError, SolveWarning
from tidewatt.result import Progress, Status
from tidewatt.tariffs.result import Tariffs
from tidewatt.tariffs.study import tariff
from tidewatt.tariffs.validation import validated


@pytest.fixture(scope="module")
def result() -> Tariffs:
    return tariff(small_case())


def over_steps(table: pd.DataFrame, by: str, value: str) -> pd.DataFrame:
    return table.pivot_table(index=by, columns="step", values=value)


def test_lines_keep_their_limits_at_the_worst(result: Tariffs) -> None:
    """Would break if margins did not reach the problem: worst flows would exceed limits, or none bind."""
    lines = result.lines
    assert result.status is Status.CERTIFIED
    assert (lines["worst_high_kw"] <= lines["limit_kw"] + 1e-4).all()
    assert (lines["worst_low_kw"] >= -lines["limit_kw"] - 1e-4).all()
    assert (lines["worst_high_kw"] > lines["limit_kw"] - 1e-4).any()
    assert (lines["worst_high_kw"] - lines["nominal_kw"]).min() > 0


def test_tariffs_are_the_duals_of_the_lines_towards_the_slack(result: Tariffs) -> None:
    """Would break if duals were shared out by another matrix than the downstream incidence (tariff-10)."""
    dual = over_steps(result.lines, "line_id", "dual_high") - over_steps(result.lines, "line_id", "dual_low")
    price = over_steps(result.tariffs, "site_id", "tariff_per_kwh")
    step_h = 0.5
    assert dual.loc["L2"].max() > 1e-3
    np.testing.assert_allclose(price.loc["s1"], dual.loc["L1"] / step_h, atol=1e-9)
    np.testing.assert_allclose(price.loc["s2"], (dual.loc["L1"] + dual.loc["L2"]) / step_h, atol=1e-9)
    assert result.tariffs["voltage_part_per_kwh"].abs().max() < 1e-12


def test_limits_with_room_cost_nothing(result: Tariffs) -> None:
    """Would break if duals of limits with room left were published (complementarity)."""
    lines = result.lines
    room = lines["limit_kw"] - lines["worst_high_kw"]
    assert (room * lines["dual_high"]).max() < 1e-5


def test_aggregators_choose_the_central_plan(result: Tariffs) -> None:
    """Would break if tariffs did not carry the grid's limits to aggregators: the study's whole point."""
    table, summary = result.aggregators, result.summary()
    apart = (table["own_kw"] - table["central_kw"]).abs().max()
    assert apart < 0.05
    assert summary["decentralisation_error_kw"] == pytest.approx(apart)
    assert summary["prices_needed"][0] == "tariff"
    own = table["own_kw"] - table["central_kw"]
    assert np.linalg.norm(own) <= summary["decentralisation_error_bound_kw"] + 1e-6


def test_flows_of_lines_are_those_of_aggregators_and_loads(result: Tariffs) -> None:
    """Would break if power were attributed to another site or step than its line flow."""
    scenario = result.scenario
    assert scenario is not None
    assert scenario.injections is not None
    power = result.aggregators.pivot_table(
        index="site_id", columns="step", values="central_kw", aggfunc="sum"
    )
    net = scenario.injections.sign[:, None] * scenario.injections.power_kw
    flow = over_steps(result.lines, "line_id", "nominal_kw")
    np.testing.assert_allclose(flow.loc["L2"], net[1] + net[2] + power.loc["s2"], atol=1e-6)
    np.testing.assert_allclose(flow.loc["L1"], net.sum(axis=0) + power.sum(axis=0), atol=1e-6)


def test_cost_of_aggregators_is_energy_at_their_price(result: Tariffs) -> None:
    """Would break if the cost column left out the tariff or the aggregator's own effect on its price."""
    scenario = result.scenario
    assert scenario is not None
    assert scenario.sites is not None
    price = over_steps(result.tariffs, "site_id", "tariff_per_kwh").to_numpy() + scenario.sites.price_per_kwh
    for name, group in result.aggregators.groupby("aggregator_id"):
        power = over_steps(group, "site_id", "central_kw").to_numpy()
        cost = over_steps(group, "site_id", "cost").to_numpy()
        np.testing.assert_allclose(cost, 0.5 * (price + 2e-3 * power) * power, atol=1e-9, err_msg=str(name))


def test_robust_plans_survive_outcomes_that_break_others(result: Tariffs) -> None:
    """Would break if outcomes were counted against the wrong plan, or margins protected nothing."""
    summary = result.summary()
    assert summary["violation_rate_robust"] == 0.0
    assert summary["violation_rate_deterministic"] > 0.2
    assert summary["robust_cost_increase"] > 1e-4
    assert set(result.outcomes["plan"]) == {"robust", "deterministic"}


def test_without_uncertainty_the_plan_is_the_deterministic_one() -> None:
    """Would break if some margin remained at gamma 0."""
    summary = tariff(small_case(gamma=0.0)).summary()
    assert summary["robust_cost_increase"] == 0.0
    assert summary["cost"] == pytest.approx(tariff(small_case(half_width=0.0)).summary()["cost"], rel=1e-7)


def with_own_gamma(scenario: Scenario, gamma: float) -> Scenario:
    injections = scenario.injections
    assert injections is not None
    own = dataclasses.replace(injections, gamma=[gamma] + [math.nan] * (len(injections) - 1))
    return dataclasses.replace(scenario, injections=own)


def test_a_gamma_of_its_own_stays_and_is_no_part_of_the_deterministic_plan() -> None:
    """Would break if gamma 0 were taken for certain forecasts where an injection has a gamma of its own."""
    summary = tariff(with_own_gamma(small_case(gamma=0.0), 1.0)).summary()
    certain = tariff(small_case(gamma=0.0)).summary()
    assert summary["deterministic_cost"] == pytest.approx(certain["cost"], rel=1e-7)
    assert summary["robust_cost_increase"] > 1e-4
    assert "Of 3 injections, 1 keep a gamma of their own" in summary["notes"][0]
    assert certain["notes"] == []


def test_sweep_rises_with_gamma_and_ends_at_the_answer(result: Tariffs) -> None:
    """Would break if warm starts carried limits of one gamma into the next."""
    swept = tariff(small_case(), sweep_gamma=[1.0, 0.0, 0.5]).gamma
    assert swept is not None
    assert swept["gamma"].tolist() == [0.0, 0.5, 1.0]
    assert (swept["status"] == "solved").all()
    assert (np.diff(swept["cost"]) > 0).all()
    assert (np.diff(swept["violation_rate"]) < 0).all()
    assert swept["cost"].iloc[-1] == pytest.approx(result.summary()["cost"], rel=1e-7)
    assert swept["cost"].iloc[0] == pytest.approx(result.summary()["deterministic_cost"], rel=1e-7)


def test_sweep_stops_where_loads_alone_break_a_limit() -> None:
    """Would break if rows that vehicles cannot move were forgotten at sizes of the set beyond the asked."""
    scenario = small_case(line_kw=(320.0, 63.0), gamma=0.0)
    swept = tariff(scenario, sweep_gamma=[0.0, 1.0]).gamma
    assert swept is not None
    assert swept["status"].tolist() == ["solved", "infeasible"]
    assert np.isnan(swept["cost"].iloc[1])


def test_voltages_bind_and_are_priced_apart() -> None:
    """Would break if voltage rows were left out, or their part of the tariff called that of lines."""
    limited = small_case(line_kw=(math.inf, math.inf), voltage_min_pu=0.982)
    found = tariff(limited)
    assert found.status is Status.CERTIFIED
    voltages = found.voltages
    assert voltages["worst_low_pu"].min() == pytest.approx(0.982, abs=1e-7)
    assert voltages["bus_id"].unique().tolist() == [1, 2]
    assert found.tariffs["voltage_part_per_kwh"].max() > 1e-3
    assert found.tariffs["line_part_per_kwh"].abs().max() == 0.0
    assert found.summary()["binding_buses"] == [2]


def test_charger_prices_are_published_where_aggregators_share_chargers() -> None:
    """Would break if the result claimed that the tariff alone decentralises a charger shortage."""
    scenario = small_case(chargers=(4, 3))
    found = tariff(scenario)
    summary = found.summary()
    assert found.status is Status.CERTIFIED
    assert summary["prices_needed"] == ["tariff", "charger_prices"]
    assert summary["decentralisation_error_tariff_only_kw"] > 1.0
    assert summary["decentralisation_error_kw"] < 0.05
    assert found.tariffs["charger_price"].max() > 0
    with pytest.warns(SolveWarning, match="charger_prices"):
        only = tariff(scenario, publish="tariff")
    assert only.status is Status.DEVIATING
    assert not only.status.reached
    assert only.tariffs["charger_price"].max() == 0


def test_the_same_whatever_the_threads(result: Tariffs) -> None:
    """Would break if aggregators' problems shared state across threads."""
    again = tariff(small_case(), threads=3)
    pd.testing.assert_frame_equal(again.aggregators, result.aggregators)
    pd.testing.assert_frame_equal(again.tariffs, result.tariffs)


def test_conformal_margins_need_and_use_past_days() -> None:
    """Would break if conformal margins were taken from half widths, or missing days passed unnoticed."""
    scenario = small_case(uncertainty="conformal", coverage=0.9)
    with pytest.raises(ScenarioError, match="past forecasts") as caught:
        tariff(scenario)
    assert len(caught.value.issues) == 1
    assert tariff(scenario, uncertainty="box", samples=0).status is Status.CERTIFIED
    assert scenario.injections is not None
    told = dataclasses.replace(scenario, forecasts=past_forecasts(scenario.injections))
    with pytest.raises(ScenarioError, match="needs 99 past days, but the table holds 40"):
        tariff(told, coverage=0.99)
    found = tariff(told)
    assert found.status is Status.CERTIFIED
    assert found.summary()["gamma"] is None
    assert found.summary()["coverage"] == 0.9
    with pytest.raises(ScenarioError, match="no gamma"):
        tariff(told, sweep_gamma=[0.0, 1.0])


def test_nothing_is_published_on_time_limit() -> None:
    """Would break if prices of an unsolved problem were published."""
    with pytest.warns(SolveWarning, match="time"):
        found = tariff(small_case(), time_limit_s=0.0)
    assert found.status is Status.TIME_LIMIT
    for table in (found.tariffs, found.tolls, found.lines, found.voltages, found.aggregators, found.sites):
        assert len(table) == 0
    assert found.summary()["largest_tariff_per_kwh"] is None


def test_a_plan_that_no_ac_flow_carries_is_said_to_be_one() -> None:
    """Would break if an infinite error, which is no number in JSON, stood in the summary without a word."""
    pytest.importorskip("power_grid_model")
    scenario = small_case(samples=0)
    assert scenario.distribution is not None
    far = dataclasses.replace(scenario.distribution, r_ohm=[4.0, 400.0], x_ohm=[3.0, 400.0])
    summary = tariff(dataclasses.replace(scenario, distribution=far)).summary()
    assert summary["ac_flow_error_kw"] is None
    assert summary["ac_voltage_error_pu"] is None
    assert any("No AC flow carries the plan in" in note for note in summary["notes"])


def test_progress_names_phases_and_interrupts() -> None:
    """Would break if a run could not be followed, or Ctrl-C were swallowed."""
    phases = []
    tariff(small_case(), progress=lambda report: phases.append(report.phase))
    assert {"central", "deterministic", "own problems", "outcomes", "AC flow", "intervals"} <= set(phases)

    def interrupt(report: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tariff(small_case(), progress=interrupt)


def without(scenario: Scenario, *parts: str) -> Scenario:
    return dataclasses.replace(scenario, **dict.fromkeys(parts))


def test_all_that_is_missing_is_named_at_once() -> None:
    """Would break if users had to find missing tables one run at a time."""
    with pytest.raises(ScenarioError) as caught:
        tariff(
            without(
                small_case(), "step_roads", "sites", "aggregators", "travel", "distribution", "injections"
            )
        )
    tables = {issue.table for issue in caught.value.issues}
    assert {"links", "charging_sites", "aggregators", "travel", "buses", "injections"} <= tables


def test_a_limit_below_base_load_and_margin_names_place_and_time() -> None:
    """Would break if limits that no vehicle can keep ended as an infeasible program without a place."""
    scenario = small_case(line_kw=(320.0, 63.0))  # 60 kW and a margin of 6 in step 0
    with pytest.raises(ScenarioError) as caught:
        tariff(scenario)
    said = str(caught.value)
    assert "L2" in said
    assert "step 0 (06:00)" in said
    assert "limit" in said
    assert tariff(scenario, gamma=0.0, samples=0).status is Status.CERTIFIED


@pytest.mark.parametrize("bad", [[1.2], [-0.1, 0.5], [math.nan], [], "0:1", [None], 1.2])
def test_sweeps_outside_the_range_are_refused(bad: Any) -> None:
    """Would break if a gamma above 1 were solved as if it meant something, or none ended in a traceback."""
    with pytest.raises(ScenarioError, match="sweep_gamma"):
        tariff(small_case(), sweep_gamma=bad)


def test_without_price_sensitivity_nothing_is_promised() -> None:
    """Would break if tariffs were published that cannot decentralise: without it power is not unique."""
    with pytest.raises(ScenarioError, match="sensitivity") as caught:
        tariff(small_case(price_sensitivity=0.0))
    assert len(caught.value.issues) == 1


def finite_difference(line: int, by_kw: float) -> float:
    limits = [320.0, 122.0]
    costs: list[float] = []
    for sign in (-1.0, 1.0):
        changed = limits.copy()
        changed[line] += sign * by_kw
        costs.append(tariff(small_case(line_kw=(changed[0], changed[1]))).summary()["cost"])
    return (costs[1] - costs[0]) / (2 * by_kw)


@pytest.mark.parametrize("line", [0, 1])
def test_duals_are_what_a_kw_of_limit_is_worth(result: Tariffs, line: int) -> None:
    """Would break if duals had another sign or unit than money per kW over all steps."""
    dual = over_steps(result.lines, "line_id", "dual_high").to_numpy()[line]
    assert finite_difference(line, 0.05) == pytest.approx(-dual.sum(), rel=1e-3)


def test_bounds_from_outside_and_pooled_charge_lie_below() -> None:
    """Would break if the bound were taken from the answer's own rounding, or pooling said to cost more."""
    found = tariff(small_case(), soc_rounding="both", formulation="both", samples=0)
    summary = found.summary()
    assert found.status is Status.CERTIFIED
    assert summary["outer_bound_cost"] < summary["cost"]
    assert 0 < summary["soc_gap"] < 0.05
    assert summary["paths_cost"] < summary["cost"]
    assert 0 < summary["pooling_gap"] < 0.5
    assert len(found.outcomes) == 0
    assert summary["violation_rate_robust"] is None
    outer = tariff(small_case(), soc_rounding="outer", samples=0).summary()
    assert outer["cost"] <= summary["outer_bound_cost"] + 1e-6


def test_paths_alone_are_published_too() -> None:
    """Would break if the source's formulation could not be run through to prices."""
    found = tariff(small_case(formulation="paths", samples=0))
    assert found.status is Status.CERTIFIED
    assert found.summary()["soc_step"] is None
    assert found.tariffs["tariff_per_kwh"].max() > 1e-3
    assert "aggregator" not in found.data


def test_what_counts_only_on_reading_is_not_taken_and_forgotten() -> None:
    """Would break if a consumption could be asked for that the roads, already in steps, do not have."""
    scenario = small_case(kwh_per_km=0.2)
    with pytest.raises(ScenarioError, match="no effect") as caught:
        tariff(scenario, kwh_per_km=0.3, vehicle_share=0.5)
    assert [issue.field for issue in caught.value.issues] == ["kwh_per_km", "vehicle_share"]
    assert tariff(scenario, kwh_per_km=0.2, samples=0).status is Status.CERTIFIED


def test_a_grid_without_injections_has_prices_that_verify(tmp_path: Path) -> None:
    """Would break if a table that is said to be optional were needed, here or by who verifies."""
    alone = dataclasses.replace(small_case(), injections=None, forecasts=None)
    found = tariff(alone)
    assert found.status is Status.CERTIFIED
    assert (found.lines["worst_high_kw"] == found.lines["nominal_kw"]).all()
    tidewatt.write_scenario(alone, tmp_path / "s")
    tidewatt.save(found, tmp_path / "r", scenario_folder=tmp_path / "s")
    report = tidewatt.verify(tmp_path / "r")
    assert report.scenario_found and all(check.passed for check in report.checks)


def test_the_remedy_of_a_base_load_beyond_a_limit_holds_its_margin_too() -> None:
    """Would break if who raised a limit as told were refused again for the margin of the same line or bus."""
    case = small_case(samples=0)
    assert case.distribution is not None

    def refused(**limits: Any) -> str:
        spoilt = dataclasses.replace(case, distribution=dataclasses.replace(case.distribution, **limits))
        with pytest.raises(ScenarioError) as caught:
            validated(spoilt, {"gamma": 1.0})
        return str(caught.value)

    limits = np.array(case.distribution.limit_kw)
    limits[0] = 1.0
    message = refused(limit_kw=limits)
    found = re.search(r"\((\S+) to ([\d.]+) kW with gamma 1\)", message)
    assert found and found[1] == str(case.distribution.line_id[0]), message
    limits[0] = float(found[2]) - 0.2
    assert "a margin of" in refused(limit_kw=limits)
    limits[0] = float(found[2])
    raised = dataclasses.replace(case.distribution, limit_kw=limits)
    validated(dataclasses.replace(case, distribution=raised), {"gamma": 1.0})

    least = np.array(case.distribution.voltage_min_pu)
    least[-1] = 0.9999
    found = re.search(r"\(at (\S+) to ([\d.]+), to cover the margin", refused(voltage_min_pu=least))
    assert found and found[1] == str(case.distribution.bus_id[-1])
    least[-1] = float(found[2]) + 0.0002
    assert "with its margin" in refused(voltage_min_pu=least)
    least[-1] = float(found[2])
    lowered = dataclasses.replace(case.distribution, voltage_min_pu=least)
    validated(dataclasses.replace(case, distribution=lowered), {"gamma": 1.0})
