"""Findings on buses, lines, injections and forecasts name place, time, amount and what to do."""

import dataclasses
from datetime import datetime

import numpy as np
import pytest

from tests.unit.tariffs.small_cases import past_forecasts, small_case
from tidewatt.domain.checks.scenario import check
from tidewatt.domain.horizon import Horizon


def _changed(part, scenario=None, **fields):
    scenario = scenario or small_case()
    new = dataclasses.replace(getattr(scenario, part), **fields)
    return dataclasses.replace(scenario, **{part: new})


def _one(scenario, field):
    """The only issue of a field."""
    found = [issue for issue in check(scenario) if f"{issue.table}.{issue.field}" == field]
    assert len(found) == 1, check(scenario)
    return found[0]


def _at(values, place, value):
    array = np.array(values)
    array[place] = value
    return array


def test_a_sound_network_passes():
    """Otherwise no scenario could be run, and every other test here would find what it looks for."""
    scenario = small_case(voltage_min_pu=0.9)
    assert check(dataclasses.replace(scenario, forecasts=past_forecasts(scenario.injections))) == []


def test_loops_are_named_by_their_lines():
    """A user has to know which switch to open, also where the loop leaves out the slack."""
    d = small_case().distribution
    more = {
        "bus_id": [0, 1, 2, 3],
        "slack": [True, False, False, False],
        "voltage_min_pu": np.zeros(4),
        "voltage_max_pu": np.full(4, 1.1),
        "base_kv": np.full(4, 10.0),
        "line_id": ["L1", "L2", "L3", "tie"],
        "tail": [0, 2, 2, 1],
        "head": [1, 1, 3, 3],
        **{name: np.full(4, 1.0) for name in ("r_ohm", "x_ohm")},
        "limit_kw": np.full(4, np.inf),
    }
    assert set(more) == set(d.__slots__)
    issue = _one(_changed("distribution", **more), "lines.")
    assert issue.count == 1 and set(issue.ids[0].split(" - ")) == {"L2", "L3", "tie"}
    assert "meshed" in issue.problem and "normally open" in issue.fix


def test_islands_are_named_by_their_buses():
    """Buses without supply would otherwise end in a message about a tree."""
    d = small_case().distribution
    gone = {name: getattr(d, name)[:1] for name in ("line_id", "tail", "head", "r_ohm", "x_ohm", "limit_kw")}
    issue = _one(_changed("distribution", **gone), "buses.bus_id")
    assert issue.ids == ("2",) and "the slack 0" in issue.problem


@pytest.mark.parametrize(("slack", "word"), [([False] * 3, "no bus"), ([True, False, True], "2 buses")])
def test_one_bus_feeds_the_network(slack, word):
    """Flows have a direction only from one source."""
    assert word in _one(_changed("distribution", slack=slack), "buses.slack").problem


def test_the_slack_is_held_within_its_limits():
    """With limits of 1.02 to 1.05, holding 1 would contradict the table without a word."""
    d = small_case().distribution
    off = {"voltage_min_pu": _at(d.voltage_min_pu, 0, 1.02), "voltage_max_pu": _at(d.voltage_max_pu, 0, 1.05)}
    assert _one(_changed("distribution", **off), "buses.voltage_min_pu").ids == ("0",)
    assert check(_changed("distribution", **{**off, "voltage_max_pu": _at(d.voltage_max_pu, 0, 1.02)})) == []


@pytest.mark.parametrize(
    ("field", "place", "value", "where", "who"),
    [
        ("r_ohm", 1, np.nan, "lines.r_ohm", "L2"),
        ("r_ohm", 1, -0.1, "lines.r_ohm", "L2"),
        ("x_ohm", 0, np.inf, "lines.x_ohm", "L1"),
        ("limit_kw", 0, 0.0, "lines.limit_kw", "L1"),
        ("limit_kw", 0, np.nan, "lines.limit_kw", "L1"),
        ("base_kv", 2, 0.0, "buses.base_kv", "2"),
        ("voltage_min_pu", 1, -0.9, "buses.voltage_min_pu", "1"),
        ("voltage_min_pu", 1, 1.2, "buses.voltage_min_pu", "1"),
        ("voltage_max_pu", 1, 0.0, "buses.voltage_max_pu", "1"),
        ("line_id", 1, "L1", "lines.line_id", "L1"),
        ("head", 1, 1, "lines.to_bus_id", "L2"),
    ],
)
def test_values_of_buses_and_lines(field, place, value, where, who):
    """Any of these would become nan or nonsense in the power flow."""
    d = small_case().distribution
    issues = check(_changed("distribution", **{field: _at(getattr(d, field), place, value)}))
    assert (where, (who,)) in {(f"{i.table}.{i.field}", i.ids) for i in issues}


def test_lines_without_impedance():
    """A closed switch has no voltage drop, but power-grid-model and sensitivities need one."""
    d = small_case().distribution
    zero = {name: _at(getattr(d, name), 0, 0.0) for name in ("r_ohm", "x_ohm")}
    issue = _one(_changed("distribution", **zero), "lines.r_ohm")
    assert issue.ids == ("L1",) and "switch" in issue.fix
    assert check(_changed("distribution", x_ohm=zero["x_ohm"])) == []


def test_lines_overloaded_without_vehicles():
    """No tariff mends it, and a user needs place, time and amount; at its own size the limit is kept."""
    scenario = small_case(line_kw=(120.0, 1000.0))
    load = scenario.injections.power_kw
    flow = load[0] + load[1] - load[2]
    worst = int(flow.argmax())
    issue = _one(scenario, "lines.limit_kw")
    clock = f"{6 + worst // 2:02d}:{30 * (worst % 2):02d}"
    assert issue.ids == (f"L1 by {flow[worst] - 120:.3g} kW, step {worst} ({clock})",)
    assert f"{flow[worst]:.6g} kW against a limit of 120 kW" in issue.problem
    assert check(small_case(line_kw=(flow[worst] + 1e-6, 1000.0))) == []


def test_vehicles_may_relieve_lines():
    """Reverse flow of plants is taken up by charging, and discharging helps overloaded lines: no error."""
    plant = small_case(line_kw=(1000.0, 150.0))
    sun = _at(plant.injections.power_kw, 2, 250.0)
    plant = _changed("injections", plant, power_kw=sun)
    assert check(plant) == []  # 12 chargers of 20 kW
    few = _changed("sites", plant, chargers=[12, 1])
    flow = float((sun[1] - sun[2]).min())
    issue = _one(few, "lines.limit_kw")
    assert issue.ids[0].startswith(f"L2 by {-flow - 20 - 150:.3g} kW")
    assert check(small_case(line_kw=(120.0, 1000.0), levels_kw=(10.0, -10.0))) == []
    assert check(dataclasses.replace(plant, sites=None))


def test_voltages_outside_limits_without_vehicles():
    """The same for buses: 0.02 pu too low at the end of the feeder names bus, time and by how much."""
    scenario = small_case(voltage_min_pu=0.995)
    d, i = scenario.distribution, scenario.injections
    p1, p2 = i.power_kw[0], i.power_kw[1] - i.power_kw[2]
    q1, q2 = i.reactive_kvar[0], i.reactive_kvar[1]
    drop = (d.r_ohm[0] * (p1 + p2) + d.x_ohm[0] * (q1 + q2)) / 1e5  # 10 kV, base 1 kW: 100,000 ohm
    drop = drop + (d.r_ohm[1] * p2 + d.x_ohm[1] * q2) / 1e5
    voltage = np.sqrt(1 - 2 * drop)
    worst = int(voltage.argmin())
    issue = _one(scenario, "buses.voltage_min_pu")
    assert issue.ids[0].startswith(f"2 by {0.995 - voltage[worst]:.3g} pu, step {worst} (")
    assert f"2 at {voltage[worst]:.5f} against a limit of 0.995 pu" in issue.problem
    assert check(small_case(voltage_min_pu=float(np.floor(voltage[worst] * 1e6) / 1e6))) == []


def test_voltages_raised_by_plants():
    """Over-voltage is reported where charging cannot lower it, and only there."""
    scenario = small_case(line_kw=(np.inf, np.inf))
    sun = _at(scenario.injections.power_kw, 2, 3000.0)
    issue = _one(_changed("injections", scenario, power_kw=sun), "buses.voltage_max_pu")
    assert issue.count == 1 and issue.ids[0].startswith("2 by ")
    more = _changed("sites", _changed("injections", scenario, power_kw=sun), chargers=[150, 150])
    assert check(more) == []


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("power_kw", -1.0, "0 or more"),
        ("power_kw", np.nan, "0 or more"),
        ("half_width_kw", -1.0, "0 or more"),
        ("reactive_kvar", np.nan, "a finite number"),
    ],
)
def test_values_of_injections(field, value, allowed):
    """Named by injection, step and time."""
    i = small_case().injections
    issue = _one(
        _changed("injections", **{field: _at(getattr(i, field), (1, 3), value)}), f"injections.{field}"
    )
    assert issue.ids == ("load 2 step 3 (07:30)",) and allowed in issue.problem


def test_own_share_of_the_half_width():
    """A gamma of 2 would protect against more than can happen; nan is the study's."""
    issue = _one(_changed("injections", gamma=[0.0, 2.0, np.nan]), "injections.gamma")
    assert issue.ids == ("load 2",)


def test_steps_of_several_days_carry_their_date():
    """07:30 of which day? Only a date says."""
    assert Horizon(datetime(2027, 1, 11), 60.0, 48).named(31) == "step 31 (2027-01-12 07:00)"
    assert Horizon(datetime(2027, 1, 11), 60.0, 24).named(7) == "step 7 (07:00)"


def test_forecasts_need_outcomes():
    """An error that is not known cannot be counted; a day without any row is no error."""
    scenario = small_case()
    past = past_forecasts(scenario.injections, days=3)
    outcome, forecast = np.array(past.outcome_kw), np.array(past.forecast_kw)
    outcome[1, 2, 5] = np.nan
    forecast[2, 0, 1] = np.nan
    outcome[0, 1], forecast[0, 1] = np.nan, np.nan
    past = dataclasses.replace(past, outcome_kw=outcome, forecast_kw=forecast)
    scenario = dataclasses.replace(scenario, forecasts=past)
    assert _one(scenario, "forecasts.outcome_kw").ids == ("sun 2 day 1 step 5",)
    assert _one(scenario, "forecasts.forecast_kw").ids == ("load 1 day 2 step 1",)
    again = dataclasses.replace(scenario, forecasts=dataclasses.replace(past, day=[0, 1, 1]))
    assert _one(again, "forecasts.day").ids == ("1",)


def test_shapes_and_indices():
    """Arrays made in memory: wrong lengths and indices are reported, not raised."""
    assert _one(_changed("distribution", r_ohm=[1.0]), "lines.r_ohm")
    assert _one(_changed("distribution", head=[1, 3]), "lines.to_bus_id").ids == ("row 1",)
    assert _one(_changed("injections", bus=[1, 2, 3]), "injections.bus_id").ids == ("row 2",)
    assert _one(_changed("injections", power_kw=np.ones((3, 2))), "injections.power_kw")
    scenario = small_case()
    past = past_forecasts(scenario.injections, days=3)
    short = dataclasses.replace(past, day=[0, 1])
    assert {i.field for i in check(dataclasses.replace(scenario, forecasts=short))} == {
        "forecast_kw",
        "outcome_kw",
    }


def test_a_voltage_that_makes_impedances_infinite_is_reported() -> None:
    """Without it a slip of the exponent divides by zero instead of naming the line."""
    case = small_case()
    assert case.distribution is not None
    base_kv = np.array(case.distribution.base_kv)
    base_kv[0] = 1.3e-306
    spoilt = dataclasses.replace(case, distribution=dataclasses.replace(case.distribution, base_kv=base_kv))
    issues = check(spoilt)
    assert any(issue.table == "lines" and "out of all proportion" in issue.problem for issue in issues)
