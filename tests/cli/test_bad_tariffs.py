"""Bad travel, sites and networks in all their forms: each is one clear issue."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.bad_input_cases import Case
from tests.cli.bad_tariff_cases import TARIFF_CASES, add
from tests.cli.test_bad_input import issues_of, judge
from tests.unit.io.small_tariffs import SmallTariffs
from tidewatt.io.scenario.reading import read_scenario, scenario_from_tables


def test_there_are_a_hundred_cases() -> None:
    """The table of cases could shrink unnoticed."""
    assert len({case.name for case in TARIFF_CASES}) == len(TARIFF_CASES) >= 100


@pytest.mark.parametrize("case", TARIFF_CASES, ids=lambda case: case.name.replace(" ", "_"))
def test_bad_tariffs(case: Case, tmp_path: Path) -> None:
    """A user with this mistake would not learn where it is and what to do; frames and files say the same."""
    small = SmallTariffs()
    case.spoil(small)
    judge(case, issues_of(lambda: read_scenario(small.write(tmp_path / "scenario"))))
    if not case.table.endswith(".csv"):
        judge(case, issues_of(lambda: scenario_from_tables(small.tables, small.config)))


@pytest.mark.parametrize("verb", ["check", "tariff"])
@pytest.mark.parametrize(
    "name",
    [
        "meshed network",
        "island",
        "no impedance",
        "impedance missing",
        "limit below the base load",
        "forecasts without outcomes",
        "conformal margins without forecasts",
        "conformal margins of too few days",
        "gamma outside its range",
        "demand that cannot exit in time",
    ],
)
def test_verbs_name_what_no_plan_could_mend(name: str, verb: str, tidewatt, tmp_path: Path) -> None:
    """A verb would end in a traceback, find such a scenario sound, or leave a result of it."""
    small = SmallTariffs()
    (case,) = (case for case in TARIFF_CASES if case.name == name)
    case.spoil(small)
    out = ["--out", tmp_path / "r"] if verb == "tariff" else []
    ended = tidewatt(verb, small.write(tmp_path / "s"), *out, columns=500)
    assert not (tmp_path / "r").exists()
    assert ended.status == 2 and "Traceback" not in ended.err and "1 problem found" in ended.err
    assert all(word in ended.err for word in case.says) and case.who in ended.err


def test_check_lists_everything_at_once(tidewatt, tmp_path: Path) -> None:
    """A user would mend one table after the other, and run the check after each."""
    small = SmallTariffs().set("links", "free_flow_steps", 0, 0).set("charging_sites", "bus_id", 0, 9)
    small.set("charger_levels", "power_kw", 0, 0).set("aggregators", "price_sensitivity_per_kwh_kw", 0, 0)
    small.set("travel", "soc_initial", 0, 1.5).set("lines", "x_ohm", 0, -1).set("buses", "base_kv", 2, 0)
    small.set("energy_prices", "step", 7, 99).set("injections", "kind", 0, "lod")
    small.set("forecasts", "outcome_kw", 0, None).set("provenance", "status", 0, "guessed")
    add("lines", line_id="L3", from_bus_id=2, to_bus_id=0)(small)
    small.config["tariff"] = {"gamma": 2.0}
    ended = tidewatt("check", small.write(tmp_path / "s"), "--json")
    assert ended.status == 2 and "Traceback" not in ended.err
    found = {f"{issue['table']}.{issue['field']}" for issue in json.loads(ended.out)["issues"]}
    assert found >= {
        *("links.free_flow_steps", "charging_sites.bus_id", "charger_levels.power_kw"),
        *("aggregators.price_sensitivity_per_kwh_kw", "travel.soc_initial", "lines.x_ohm", "buses.base_kv"),
        *("energy_prices.step", "injections.kind", "forecasts.outcome_kw", "provenance.status"),
        *("lines.", "scenario.toml.tariff.gamma"),
    }


def test_missing_tables_are_named_together(tidewatt, tmp_path: Path) -> None:
    """Who begins with the trips alone would learn of the other tables one by one."""
    small = SmallTariffs()
    small.tables = {"travel": small.tables["travel"]}
    ended = tidewatt("check", small.write(tmp_path / "s"), "--json")
    missing = {i["table"] for i in json.loads(ended.out)["issues"] if "missing" in i["problem"]}
    assert ended.status == 2 and missing == {
        *("nodes", "links", "charging_sites", "charger_levels", "aggregators", "energy_prices"),
        *("buses", "lines"),
    }


def test_check_says_what_the_scenario_holds(tidewatt, tmp_path: Path) -> None:
    """A user could not see at a glance whether all of the scenario was read."""
    ended = tidewatt("check", SmallTariffs().write(tmp_path / "s"), columns=500)
    assert ended.status == 0
    assert (
        "26.5 vehicles in 3 groups of 2 aggregators, 6 links between 4 nodes, 2 charging sites, "
        "2 lines between 3 buses with 2 injections, 8 steps of 30 min" in ended.out
    )
    figures = json.loads(tidewatt("check", tmp_path / "s", "--json").out)
    assert figures["sites"] == 2 and figures["travelling_vehicles"] == 26.5 and figures["past_days"] == 2


@pytest.mark.parametrize("verb", ["coordinate", "simulate", "assign", "configure"])
def test_other_studies_say_what_they_lack(verb: str, tidewatt, tmp_path: Path) -> None:
    """Another study of a scenario of tariffs would end in a traceback, or with a result about nothing."""
    ended = tidewatt(verb, SmallTariffs().write(tmp_path / "s"), "--out", tmp_path / "r", columns=500)
    assert ended.status == 2 and "internal error" not in ended.err and "Traceback" not in ended.err
    assert "problem" in ended.err and not (tmp_path / "r").exists()
