"""What holds of tariffs whatever the case."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.unit.tariffs.small_cases import small_case
from tidewatt.domain.scenario import Scenario
from tidewatt.domain.travel import Travel
from tidewatt.errors import SolveWarning
from tidewatt.result import Status
from tidewatt.tariffs.result import Tariffs
from tidewatt.tariffs.study import tariff

FEW = settings(max_examples=8, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])

cases = st.builds(
    lambda weak, strong, chargers, roads, share, factor, kind: small_case(
        line_kw=(strong, weak),
        chargers=chargers,
        road_capacity=roads,
        half_width=share,
        vehicles=factor,
        uncertainty=kind,
        samples=200,
    ),
    weak=st.floats(95.0, 200.0),
    strong=st.floats(250.0, 400.0),
    chargers=st.tuples(st.integers(3, 12), st.integers(3, 12)),
    roads=st.floats(3.0, 30.0),
    share=st.floats(0.0, 0.2),
    factor=st.floats(0.3, 1.2),
    kind=st.sampled_from(["box", "budget", "ellipsoid"]),
)


def found(scenario: Scenario, **asked: object) -> Tariffs:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SolveWarning)  # cases without a plan are among those drawn
        return tariff(scenario, **asked)


@FEW
@given(cases)
def test_published_prices_decentralise_and_limits_hold(scenario: Scenario) -> None:
    """Would break if prices were published that lead elsewhere, or a plan exceeded a limit at the worst."""
    result = found(scenario)
    if result.status is Status.INFEASIBLE:
        assert len(result.diagnosis) > 0
        assert len(result.tariffs) == 0
        return
    assert result.status is Status.CERTIFIED
    summary, lines = result.summary(), result.lines
    assert summary["decentralisation_error_kw"] < 0.05
    assert -1e-9 <= summary["relative_gap"] <= 1e-9
    assert summary["lower_bound_cost"] <= summary["cost"] + 1e-6
    assert summary["deterministic_cost"] <= summary["cost"] + 1e-6
    slack = (lines["limit_kw"] - lines["worst_high_kw"]).clip(upper=lines["limit_kw"] + lines["worst_low_kw"])
    assert slack.min() >= -1e-4
    assert summary["violation_rate_robust"] == 0.0
    assert (lines[["dual_high", "dual_low"]] >= 0).all(axis=None)
    assert ((lines["limit_kw"] - lines["worst_high_kw"]) * lines["dual_high"]).max() < 1e-4


@FEW
@given(cases)
def test_chargers_and_roads_are_not_overrun_and_vehicles_arrive(scenario: Scenario) -> None:
    """Would break if vehicles were lost on the way, or sites and roads took more than they can."""
    result = found(scenario)
    if result.status is not Status.CERTIFIED:
        return
    sites, roads, travel = scenario.sites, scenario.step_roads, scenario.travel
    assert sites is not None
    assert roads is not None
    assert travel is not None
    busy = result.sites.assign(used=result.sites["charging"] + result.sites["discharging"])
    used = busy.pivot_table(index="site_id", columns="step", values="used").to_numpy()
    assert (used <= sites.chargers[:, None] + 1e-4).all()
    flow = result.data["link_flow"].to_numpy()
    assert (flow <= roads.capacity_per_step[:, None] + 1e-4).all()
    for place in range(roads.nodes):
        net = flow[roads.tail == place].sum() - flow[roads.head == place].sum()
        demand = travel.vehicles[travel.origin == place].sum()
        assert net == pytest.approx(demand - travel.vehicles[travel.destination == place].sum(), abs=1e-3)


@FEW
@given(cases, st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_cost_does_not_fall_with_gamma(scenario: Scenario, one: float, other: float) -> None:
    """Would break if a larger uncertainty set left more room."""
    low, high = sorted((one, other))
    swept = found(scenario, sweep_gamma=[low, high]).gamma
    assert swept is not None
    solved = swept[swept["status"] == "solved"]
    if len(solved) == 2:
        assert solved["cost"].iloc[1] >= solved["cost"].iloc[0] - 1e-6
    elif len(swept) == 2 and len(solved) == 1:
        assert solved["gamma"].iloc[0] == low


@FEW
@given(cases, st.permutations(range(5)))
def test_the_order_of_groups_does_not_matter(scenario: Scenario, order: list[int]) -> None:
    """Would break if results hung on the order in which tables list vehicles."""
    travel = scenario.travel
    assert travel is not None
    mixed = Travel(**{name: getattr(travel, name)[order] for name in Travel.__slots__})
    here, there = found(scenario), found(dataclasses.replace(scenario, travel=mixed))
    assert here.status is there.status
    if here.status is Status.CERTIFIED:
        assert there.summary()["cost"] == pytest.approx(here.summary()["cost"], rel=1e-7)
        apart = here.aggregators["central_kw"] - there.aggregators["central_kw"]
        assert np.abs(apart).max() < 0.05
