"""What prices are: costs of limits, and what makes aggregators do by themselves what the centre would."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.verification.tariff_models import SOC_STEP, by_plans, own_problem, tiny
from tidewatt.tariffs.central import solve
from tidewatt.tariffs.problem import Solution, TariffProblem

pytest.importorskip("cvxpy")
pytest.importorskip("clarabel")

CLOSE_KW = 0.05
"""Largest difference between an aggregator's own power and the centre's that counts as none."""

Solve = Callable[[TariffProblem], Any]


def _arcs(problem: TariffProblem) -> Solution:
    return solve(problem, soc_step=SOC_STEP, relative_gap=1e-10)


def _paths(problem: TariffProblem) -> Solution:
    return solve(problem, formulation="paths", paths_per_od=10)


SOLVERS: dict[str, Solve] = {"arcs": _arcs, "paths": _paths}


def _tariff(problem: TariffProblem, solution: Any) -> np.ndarray:
    assert problem.rows is not None
    line = (solution.dual_high - solution.dual_low) / problem.step_h
    return np.asarray(problem.rows.sensitivity.T @ line)


def _off_kw(problem: TariffProblem, central: Any, own: Solve, everything: bool) -> float:
    """Largest difference of power if aggregators are told the tariff, or tolls and charger prices too."""
    told: dict[str, Any] = {"price_per_kwh": problem.price_per_kwh + _tariff(problem, central)}
    if everything:
        told |= {"toll": central.toll, "charger_price": central.charger_price}
    return max(
        float(np.abs(own(own_problem(problem, m, **told)).power_kw[m] - central.power_kw[m]).max())
        for m in range(len(problem.aggregators))
    )


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("v2g", [False, True])
def test_all_prices_lead_to_the_central_plan(name: str, v2g: bool) -> None:
    """Tariffs are there for this; a wrong sign or unit of any price breaks it."""
    problem = tiny(v2g=v2g, road_capacity=0.6)
    central = SOLVERS[name](problem)
    assert central.status == "solved"
    assert _tariff(problem, central).max() > 0.1
    assert central.toll.max() > 0.1
    assert _off_kw(problem, central, SOLVERS[name], everything=True) < CLOSE_KW


def test_enumerated_vehicles_follow_the_tariffs_of_arcs() -> None:
    """Aggregators need not solve as we do: by all single-vehicle plans they find the same power."""
    problem = tiny(v2g=False, road_capacity=0.6)
    assert _off_kw(problem, _arcs(problem), by_plans, everything=True) < CLOSE_KW


@pytest.mark.parametrize("name", SOLVERS)
def test_a_shared_road_needs_its_toll(name: str) -> None:
    """Control that fails: were the tariff enough here, the claim that it is not would be empty."""
    problem = tiny(v2g=False, road_capacity=0.6)
    assert _off_kw(problem, SOLVERS[name](problem), SOLVERS[name], everything=False) > CLOSE_KW


def test_where_no_road_binds_the_tariff_is_enough() -> None:
    """The other side of the control above."""
    problem = tiny(v2g=False)
    central = _arcs(problem)
    assert central.toll.max() < 1e-6
    assert _off_kw(problem, central, _arcs, everything=False) < CLOSE_KW


@pytest.mark.parametrize("name", SOLVERS)
def test_without_price_sensitivity_no_prices_do(name: str) -> None:
    """Control that fails, as is known: at linear cost aggregators are indifferent, and choose otherwise."""
    problem = tiny(v2g=False, road_capacity=0.6, price_sensitivity=0.0)
    assert _off_kw(problem, SOLVERS[name](problem), SOLVERS[name], everything=True) > CLOSE_KW


def test_a_sensitivity_shared_by_all_aggregators_is_another_optimum() -> None:
    """Control that fails: under the source's joint cost (c + beta sum p) sum p, own optima are others."""
    problem = tiny(v2g=False)
    joint = by_plans(problem, joint=True)
    assert joint.cost > by_plans(problem).cost + 0.1
    assert _off_kw(problem, joint, by_plans, everything=True) > CLOSE_KW


def _with_limits(problem: TariffProblem, what: str, place: tuple[int, int], by: float) -> TariffProblem:
    """One limit moved."""
    if what == "line":
        assert problem.rows is not None
        high = problem.rows.high.copy()
        high[place] += by
        return replace(problem, rows=replace(problem.rows, high=high))
    capacity = problem.roads.capacity_per_step.copy()
    capacity[place[0]] += by
    return replace(problem, roads=replace(problem.roads, capacity_per_step=capacity))


@pytest.mark.parametrize("name", SOLVERS)
def test_duals_are_slopes_of_cost(name: str) -> None:
    """A dual in the wrong unit, step or place would not tell what a little more of its limit saves."""
    problem = tiny(v2g=False, road_capacity=0.6)
    central, step = SOLVERS[name](problem), 1e-3
    binding = np.argwhere(central.dual_high > 1e-3)
    assert len(binding)
    for row, t in binding:
        less, more = (SOLVERS[name](_with_limits(problem, "line", (row, t), by)).cost for by in (-step, step))
        # Cost is convex in a limit: a dual lies between the slopes on both sides.
        left, right = (less - central.cost) / step, (central.cost - more) / step
        assert right - 1e-5 <= central.dual_high[row, t] <= left + 1e-5
        assert left - right < 0.1 * left + 0.01
    for link in np.flatnonzero(central.toll.sum(axis=1) > 1e-3):
        less, more = (
            SOLVERS[name](_with_limits(problem, "road", (link, 0), by)).cost for by in (-step, step)
        )
        left, right = (less - central.cost) / step, (central.cost - more) / step
        assert right - 1e-5 <= central.toll[link].sum() <= left + 1e-5


@pytest.mark.parametrize("name", SOLVERS)
def test_charging_to_discharge_again_does_not_pay_at_one_price(name: str) -> None:
    """A lossless round trip in the model would let vehicles earn from nothing, or dump their batteries."""
    problem = tiny(price=0.3, price_sensitivity=1e-6, time_value=1e-4, line_kw=(50.0, 50.0))
    with_v2g, without = (
        SOLVERS[name](p)
        for p in (
            problem,
            tiny(price=0.3, price_sensitivity=1e-6, time_value=1e-4, line_kw=(50.0, 50.0), v2g=False),
        )
    )
    assert with_v2g.status == without.status == "solved"
    drawn = np.maximum(without.power_kw, 0.0).sum()
    assert np.maximum(with_v2g.power_kw, 0.0).sum() <= drawn + 1e-3
    assert with_v2g.power_kw.sum() <= drawn + 1e-3


@pytest.mark.parametrize("name", SOLVERS)
def test_cost_rises_with_margins(name: str) -> None:
    """Margins that loosened a limit somewhere would pass as protection."""
    costs = [SOLVERS[name](tiny(v2g=False, margin_kw=margin)).cost for margin in (0.0, 0.2, 0.4, 0.8)]
    assert (np.diff(costs) >= -1e-8).all()
    assert costs[-1] > costs[0] + 1e-2


@pytest.mark.parametrize("name", SOLVERS)
def test_limits_are_kept_within_their_margins(name: str) -> None:
    """A margin that is not subtracted from its limit protects nothing."""
    problem = tiny(margin_kw=0.5)
    assert problem.rows is not None
    power = SOLVERS[name](problem).power_kw.sum(axis=0)
    moved = problem.rows.sensitivity @ power
    assert (moved <= problem.rows.high - 0.5 + 1e-6).all()
    assert (moved >= problem.rows.low + 0.5 - 1e-6).all()
