"""Linear flows and voltages of radial networks, and their limits as rows."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.tariffs.networks import drawn_network
from tests.unit.tariffs.small_cases import small_case
from tidewatt.domain.distribution import Distribution
from tidewatt.domain.radial import feeder_of
from tidewatt.options.tariffs import TARIFF
from tidewatt.tariffs.ac import ac_flow
from tidewatt.tariffs.feeder import at_no_load, rows_of, swept

SEEDS, SIZES = st.integers(0, 10_000), st.integers(1, 25)


def _paths(d):
    """Lines from the slack to every bus, by depth-first search over a table of ends."""
    paths, stack = {int(np.flatnonzero(d.slack)[0]): []}, [int(np.flatnonzero(d.slack)[0])]
    while stack:
        bus = stack.pop()
        for line in range(d.lines):
            ends = {int(d.tail[line]), int(d.head[line])}
            if bus in ends and (other := (ends - {bus}).pop()) not in paths:
                paths[other] = [*paths[bus], line]
                stack.append(other)
    return paths


@settings(max_examples=60, deadline=None)
@given(SEEDS, SIZES)
def test_flow_is_what_is_drawn_beyond(seed, buses):
    """If a bus counts on a line that does not feed it, or not where it does, limits hold for nothing."""
    d, power, _ = drawn_network(seed, buses)
    feeder, paths = feeder_of(d), _paths(d)
    expected = np.zeros((d.lines, 3))
    incidence = np.zeros((d.lines, buses))
    for bus, path in paths.items():
        expected[path] += power[bus]
        incidence[path, bus] = 1.0
    np.testing.assert_allclose(feeder.flow_kw(power), expected, atol=1e-9)
    np.testing.assert_array_equal(feeder.downstream(np.eye(buses)), incidence)


@settings(max_examples=60, deadline=None)
@given(SEEDS, SIZES)
def test_voltage_falls_along_the_path(seed, buses):
    """Twice r p + x q of every line from the slack; a wrong unit of the base shows here, in volts."""
    d, power, reactive = drawn_network(seed, buses)
    feeder = feeder_of(d)
    p, q = feeder.flow_kw(power), feeder.flow_kw(reactive)
    volt = d.base_kv[0] * 1e3
    for bus, path in _paths(d).items():
        drop = 2e3 * (d.r_ohm[path, None] * p[path] + d.x_ohm[path, None] * q[path]).sum(axis=0)
        found = feeder.squared_pu(power, reactive)[bus] * volt**2
        np.testing.assert_allclose(found, volt**2 - drop, rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(SEEDS, SIZES, SEEDS)
def test_order_and_direction_of_lines_carry_no_meaning(seed, buses, other):
    """Tables come in any order: flows and voltages of a line and bus must not depend on it."""
    d, power, reactive = drawn_network(seed, buses)
    rng = np.random.default_rng(other)
    rows, swap = rng.permutation(d.lines), rng.random(d.lines) < 0.5
    tail, head = np.where(swap, d.head, d.tail)[rows], np.where(swap, d.tail, d.head)[rows]
    lines = {name: getattr(d, name)[rows] for name in ("line_id", "r_ohm", "x_ohm", "limit_kw")}
    again = feeder_of(dataclasses.replace(d, tail=tail, head=head, **lines))
    first = feeder_of(d)
    np.testing.assert_allclose(again.flow_kw(power), first.flow_kw(power)[rows], atol=1e-9)
    np.testing.assert_allclose(
        again.squared_pu(power, reactive), first.squared_pu(power, reactive), atol=1e-14
    )
    assert ((again.child == head) | (again.child == tail)).all()
    np.testing.assert_array_equal(again.child, first.child[rows])


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(2, 20))
def test_sensitivities_are_derivatives_of_the_ac_flow_at_no_load(seed, buses):
    """LinDistFlow is the AC flow's tangent where nothing is drawn; a lost factor 2 or sign shows here."""
    d, _, _ = drawn_network(seed, buses)
    feeder = feeder_of(d)
    none, at = np.zeros((buses, 1)), np.arange(buses)
    linear = at_no_load(feeder, none, none, at)
    unit = np.eye(buses)  # a step for each bus
    for kw, kvar, by_flow, by_squared in (
        (unit, 0 * unit, linear.flow_per_kw, linear.squared_per_kw),
        (0 * unit, unit, linear.flow_per_kvar, linear.squared_per_kvar),
    ):
        up, down = swept(feeder, kw, kvar), swept(feeder, -kw, -kvar)
        squared = (np.abs(up.voltage) ** 2 - np.abs(down.voltage) ** 2) / 2
        np.testing.assert_allclose(squared, by_squared, atol=1e-9)
        np.testing.assert_allclose((up.flow_kw - down.flow_kw) / 2, by_flow, atol=1e-6)


def test_networks_that_are_no_trees():
    """Without the error, a loop would be cut at any line and its flows be wrong in silence."""
    d, _, _ = drawn_network(1, 6)
    two = np.array(d.slack)
    two[np.flatnonzero(~two)[0]] = True
    with pytest.raises(ValueError, match="2 slack"):
        feeder_of(dataclasses.replace(d, slack=two))
    lone = np.array(d.head)
    lone[0] = d.tail[0]
    with pytest.raises(ValueError, match="not connected"):
        feeder_of(dataclasses.replace(d, head=lone))


def _two_voltages(**changed):
    """110 kV, a transformer with 0.5 ohm on its 10 kV side, 10 kV, a line."""
    values = {
        "bus_id": ["grid", "bar", "end"],
        "slack": [True, False, False],
        "voltage_min_pu": [1.0, 0.9, 0.0],
        "voltage_max_pu": [1.0, 1.1, np.inf],
        "base_kv": [110.0, 10.0, 10.0],
        "line_id": ["transformer", "line"],
        "tail": [0, 1],
        "head": [1, 2],
        "r_ohm": [0.0, 1.0],
        "x_ohm": [0.5, 0.0],
        "limit_kw": [np.inf, 500.0],
    }
    return Distribution(**{**values, **changed})


@pytest.mark.parametrize("ends", [(0, 1), (1, 0)])
def test_transformers_between_voltages(ends):
    """0.5 ohm at 10 kV; referred to 110 kV the drop would be 121 times smaller, whatever the ends' order."""
    d = _two_voltages(tail=[ends[0], 1], head=[ends[1], 2])
    squared = feeder_of(d).squared_pu(np.array([0.0, 0.0, 400.0]), np.array([0.0, 0.0, 200.0]))
    drop = 2 * 200e3 * 0.5 / 10e3**2
    np.testing.assert_allclose(squared, [1, 1 - drop, 1 - drop - 2 * 400e3 * 1.0 / 10e3**2], rtol=1e-13)


def test_the_slack_is_fed_at_its_equal_limits():
    """A case that is fed at 1.03 would otherwise show every voltage 3 % too low."""
    none = np.zeros(3)
    fed = _two_voltages(voltage_min_pu=[1.03, 0.9, 0.9], voltage_max_pu=[1.03, 1.1, 1.1])
    np.testing.assert_allclose(feeder_of(fed).squared_pu(none, none), 1.03**2)
    wide = _two_voltages(voltage_min_pu=[0.9, 0.9, 0.9], voltage_max_pu=[1.1, 1.1, 1.1])
    np.testing.assert_allclose(feeder_of(wide).squared_pu(none, none), 1.0)
    power = np.array([[0.0], [10.0], [10.0]])
    assert ac_flow(feeder_of(fed), power, 0 * power).voltage_pu[0, 0] == pytest.approx(1.03, abs=1e-12)


def _rows(scenario, **parameters):
    d = scenario.distribution
    return rows_of(feeder_of(d), d, scenario.injections, scenario.sites, TARIFF.resolve(**parameters))


def test_rows_are_lines_then_buses_with_their_limits():
    """The tables of the result find their row by kind and element; no limit must stay none."""
    rows, influence = _rows(small_case(line_kw=(320.0, 150.0), voltage_min_pu=0.95))
    assert rows.kind.tolist() == [0, 0, 1, 1] and rows.element.tolist() == [0, 1, 1, 2]
    np.testing.assert_allclose(rows.high[:, 0], [320, 150, 1.21, 1.21])
    np.testing.assert_allclose(rows.low[:, 0], [-320, -150, 0.95**2, 0.95**2])
    np.testing.assert_array_equal(rows.sensitivity[:2], [[1, 1], [0, 1]])
    # Both sites lower both buses by the line that they share; s2 the second also by its own.
    np.testing.assert_allclose(rows.sensitivity[2:], -2e-5 * np.array([[4, 4], [4, 10]]), rtol=1e-12)
    assert not rows.margin_low.any() and not rows.margin_high.any()
    assert influence.active.shape == influence.reactive.shape == (4, 3) and influence.ratio.shape == (3, 12)
    free, _ = _rows(small_case(line_kw=(np.inf, np.inf)))
    assert np.isinf(free.low).all() and np.isinf(free.high[:2]).all()


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(0, 2), st.integers(0, 11))
def test_influence_is_what_a_kilowatt_more_does(seed, injection, step):
    """Signs of plants and the reactive power that follows; margins are built of nothing else."""
    scenario = small_case(voltage_min_pu=0.9)
    i = scenario.injections
    rng = np.random.default_rng(seed)
    factor = rng.uniform(-0.5, 0.8, (3, 1))
    i = dataclasses.replace(i, kind=rng.permutation([0, 1, 2]), reactive_kvar=i.power_kw * factor)
    rows, influence = _rows(dataclasses.replace(scenario, injections=i))
    power, reactive = np.array(i.power_kw), np.array(i.reactive_kvar)
    power[injection, step] += 1.0
    if i.power_kw[injection, step] > 0:
        reactive[injection, step] += factor[injection, 0]
    more = dataclasses.replace(i, power_kw=power, reactive_kvar=reactive)
    moved, _ = _rows(dataclasses.replace(scenario, injections=more))
    change = moved.nominal - rows.nominal
    np.testing.assert_allclose(change[:, step], influence.of_step(step)[:, injection], atol=1e-11)
    assert not np.delete(change, step, axis=1).any()


def test_line_limits_are_narrowed_for_losses():
    """Exactly the share of the most that loads beyond draw, half width included and plants left out."""
    scenario = small_case(line_kw=(320.0, 150.0))
    i = scenario.injections
    rows, _ = _rows(scenario, loss_margin=0.04)
    worst = 1.1 * i.power_kw[:2]  # of the two loads
    narrowed = [320 - 0.04 * worst.sum(axis=0).max(), 150 - 0.04 * worst[1].max()]
    np.testing.assert_allclose(rows.high[:2], np.repeat(np.array(narrowed)[:, None], 12, axis=1))
    np.testing.assert_allclose(rows.low[:2], -rows.high[:2])
    plain, _ = _rows(scenario)
    np.testing.assert_array_equal(rows.high[2:], plain.high[2:])
    tight, _ = _rows(small_case(line_kw=(1.0, 1.0)), loss_margin=1.0)
    assert not tight.high[:2].any() and not tight.low[:2].any()


def test_what_lies_at_the_slack_moves_nothing():
    """A site at the bus that feeds the network loads no line."""
    scenario = small_case()
    sites = dataclasses.replace(scenario.sites, bus=[0, 2])
    for linearisation in ("no-load", "forecast"):
        rows, _ = _rows(dataclasses.replace(scenario, sites=sites), linearisation=linearisation)
        assert not rows.sensitivity[:, 0].any() and rows.sensitivity[:, 1].any()
