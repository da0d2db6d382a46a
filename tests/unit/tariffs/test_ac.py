"""AC flows: own sweeps beside power-grid-model and published figures, and rows linearised about them."""

import dataclasses
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.tariffs.networks import drawn_network, published_network
from tests.unit.tariffs.small_cases import small_case
from tidewatt.domain.radial import feeder_of
from tidewatt.errors import ScenarioError, TidewattError
from tidewatt.options.tariffs import TARIFF
from tidewatt.tariffs.ac import ac_check, ac_flow
from tidewatt.tariffs.feeder import about_forecast, drawn, rows_of, swept

# Vmin and losses in kW: M. E. Baran and F. F. Wu (1989) for 33 and 69 buses, as MATPOWER solves the cases.
PUBLISHED = {"case33bw": (0.91309, 202.68), "case69": (0.90919, 224.99), "case141": (0.92786, 632.70)}


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 25))
def test_own_sweeps_agree_with_power_grid_model(seed, buses):
    """Two methods that share no code: sweeps along the tree, Newton on the admittance matrix."""
    d, power, reactive = drawn_network(seed, buses)
    feeder = feeder_of(d)
    own, theirs = swept(feeder, power, reactive), ac_flow(feeder, power, reactive)
    np.testing.assert_allclose(np.abs(own.voltage), theirs.voltage_pu, atol=1e-8)
    np.testing.assert_allclose(own.flow_kw, theirs.flow_kw, atol=1e-4)
    np.testing.assert_allclose(own.losses_kw, theirs.losses_kw, atol=1e-4)
    # Losses are also what is fed beyond what is drawn.
    first = feeder.parent[feeder.child] == feeder.root
    fed = own.flow_kw[first].sum(axis=0)
    beyond = power.sum(axis=0) - power[feeder.root]
    np.testing.assert_allclose(fed - beyond, own.losses_kw, atol=1e-7)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_networks(name):
    """Least voltage and losses of the literature; LinDistFlow is optimistic by just the losses."""
    d, power, reactive = published_network(name)
    feeder = feeder_of(d)
    least, losses = PUBLISHED[name]
    own, theirs = swept(feeder, power, reactive), ac_flow(feeder, power, reactive)
    for voltage, found in ((np.abs(own.voltage), own), (theirs.voltage_pu, theirs)):
        assert voltage.min() == pytest.approx(least, abs=5e-6)
        assert found.losses_kw[0] == pytest.approx(losses, abs=0.01)
        first = feeder.parent[feeder.child] == feeder.root
        short = (found.flow_kw - feeder.flow_kw(power))[first].sum()
        assert short == pytest.approx(losses, abs=0.01)
        high = np.sqrt(feeder.squared_pu(power, reactive)) - voltage
        assert high.min() > -1e-9 and 0.002 < high.max() < 0.005
    if name == "case33bw":
        assert d.bus_id[voltage[:, 0].argmin()] == 18


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 15))
def test_derivatives_about_the_forecast(seed, buses):
    """Finite differences of the AC flow, each row in the step in which the forecast moves it most."""
    d, power, reactive = drawn_network(seed, buses)
    feeder, at = feeder_of(d), np.arange(buses)
    power, reactive = 3 * power, 3 * reactive  # far from no load
    linear = about_forecast(feeder, power, reactive, at)
    middle = swept(feeder, power, reactive)
    np.testing.assert_allclose(linear.flow_kw, middle.flow_kw)
    np.testing.assert_allclose(linear.squared_pu, np.abs(middle.voltage) ** 2)
    line_step = np.abs(middle.flow_kw).argmax(axis=1)
    bus_step = np.abs(linear.squared_pu - 1).argmax(axis=1)
    lines = np.arange(d.lines)
    by = 0.01
    for bus in range(buses):
        more = np.zeros((buses, 1))
        more[bus] = by
        for kw, kvar, by_flow, by_squared in (
            (more, 0 * more, linear.flow_per_kw, linear.squared_per_kw),
            (0 * more, more, linear.flow_per_kvar, linear.squared_per_kvar),
        ):
            up = swept(feeder, power + kw, reactive + kvar)
            down = swept(feeder, power - kw, reactive - kvar)
            flow = (up.flow_kw - down.flow_kw) / (2 * by)
            squared = (np.abs(up.voltage) ** 2 - np.abs(down.voltage) ** 2) / (2 * by)
            np.testing.assert_allclose(by_flow[:, bus], flow[lines, line_step], atol=1e-7)
            np.testing.assert_allclose(by_squared[:, bus], squared[at, bus_step], atol=1e-10)


def _both(scenario, **parameters):
    d = scenario.distribution
    feeder = feeder_of(d)
    return feeder, rows_of(feeder, d, scenario.injections, scenario.sites, TARIFF.resolve(**parameters))[0]


def test_a_plan_beside_its_ac_flow():
    """What the summary reports: rows about no load lack the losses, those about the forecast have them."""
    scenario = small_case()
    none = np.zeros((2, 12))
    feeder, plain = _both(scenario)
    _, near = _both(scenario, linearisation="forecast")
    there = ac_check(feeder, scenario.injections, scenario.sites, none)
    assert max(there.errors(near, none)) < 1e-8
    voltage, flow = there.errors(plain, none)
    assert flow == pytest.approx(there.losses_kw.max(), rel=1e-6) and voltage > 1e-5
    plan = np.repeat([[100.0], [60.0]], 12, axis=1)
    loaded = ac_check(feeder, scenario.injections, scenario.sites, plan)
    power, reactive = drawn(feeder, scenario.injections, scenario.sites, plan)
    np.testing.assert_allclose(np.abs(swept(feeder, power, reactive).voltage), loaded.voltage_pu, atol=1e-8)
    for ours, plainly in zip(loaded.errors(near, plan), loaded.errors(plain, plan), strict=True):
        assert 0 < ours < plainly / 2


def test_steps_without_a_solution():
    """Lines that cannot carry the load: nan in that step alone, an error of inf, and no rows about it."""
    scenario = small_case()
    power = np.array(scenario.injections.power_kw)
    power[1, 4] = 1e6
    scenario = dataclasses.replace(
        scenario, injections=dataclasses.replace(scenario.injections, power_kw=power)
    )
    feeder, rows = _both(scenario)
    found = ac_check(feeder, scenario.injections, scenario.sites, np.zeros((2, 12)))
    assert np.flatnonzero(np.isnan(found.voltage_pu).any(axis=0)).tolist() == [4]
    assert np.flatnonzero(np.isnan(found.losses_kw)).tolist() == [4]
    assert found.errors(rows, np.zeros((2, 12))) == (np.inf, np.inf)
    own = swept(feeder, *drawn(feeder, scenario.injections, scenario.sites))
    assert np.flatnonzero(np.isnan(own.losses_kw)).tolist() == [4]
    with pytest.raises(ScenarioError, match=r"injections.power_kw \[step 4\]: no AC flow .*no-load"):
        _both(scenario, linearisation="forecast")


def test_without_the_extra(monkeypatch):
    """Whoever lacks power-grid-model learns how to install it, not of a missing module."""
    monkeypatch.setitem(sys.modules, "power_grid_model", None)
    scenario = small_case()
    feeder = feeder_of(scenario.distribution)
    with pytest.raises(TidewattError, match=r"power-grid-model.*tidewatt\[ac\]"):
        ac_check(feeder, scenario.injections, scenario.sites, np.zeros((2, 12)))
