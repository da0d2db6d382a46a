"""Arcs against every plan of single vehicles, and against all flows between levels, by Clarabel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.verification.tariff_models import CHARGE_KW, SOC_STEP, Written, by_levels, by_plans, tiny
from tidewatt.tariffs.central import solve
from tidewatt.tariffs.problem import Solution, TariffProblem

pytest.importorskip("cvxpy")
pytest.importorskip("clarabel")

CASES: dict[str, dict[str, Any]] = {
    "both ways": {},
    "charging only": {"v2g": False},
    "roads bind": {"v2g": False, "road_capacity": 0.5},
    "roads bind, both ways": {"road_capacity": 0.6},
    "chargers bind": {"v2g": False, "chargers": (2, 3), "line_kw": (50.0, 50.0)},
    "margins": {"v2g": False, "margin_kw": 0.4},
    "cheap power": {"price_sensitivity": 5e-3},
}


def _arcs(problem: TariffProblem) -> Solution:
    return solve(problem, soc_step=SOC_STEP, relative_gap=1e-10)


def _tariff(problem: TariffProblem, solution: Solution) -> np.ndarray:
    assert problem.rows is not None
    return np.sum(solution.tariff_per_kwh(problem.rows, problem.step_h), axis=0)


def _supports(problem: TariffProblem, written: Written, solution: Solution) -> float:
    """How much the duals of `solution` miss of the cost, as prices of what `written` uses.

    Where duals are not unique no two solvers need agree, but each one's must price the other's plan right.
    """
    assert problem.rows is not None
    moved = problem.rows.sensitivity @ written.power_kw.sum(axis=0)
    high = solution.dual_high * (problem.rows.most - moved)
    low = solution.dual_low * (moved - problem.rows.least)
    return float(np.abs(high).max() + np.abs(low).max())


@pytest.mark.parametrize("case", CASES)
def test_two_models_written_out_agree(case: str) -> None:
    """Were enumeration or the levels wrong, the tests below would compare with the wrong thing."""
    problem = tiny(**CASES[case])
    plans, levels = by_plans(problem), by_levels(problem)
    assert plans.cost == pytest.approx(levels.cost, rel=1e-8)
    np.testing.assert_allclose(plans.power_kw, levels.power_kw, atol=1e-4)


@pytest.mark.parametrize("case", CASES)
def test_arcs_cost_what_all_plans_cost(case: str) -> None:
    """A plan that arcs miss would raise their cost; one that no vehicle can follow would lower it."""
    problem = tiny(**CASES[case])
    plans, arcs = by_plans(problem), _arcs(problem)
    assert arcs.status == "solved"
    assert arcs.cost == pytest.approx(plans.cost, rel=1e-7)
    assert arcs.bound <= plans.cost * (1 + 1e-7)
    np.testing.assert_allclose(arcs.power_kw, plans.power_kw, atol=1e-3)


@pytest.mark.parametrize("case", CASES)
def test_tariffs_agree_with_another_solver(case: str) -> None:
    """Tariffs are the answer: wrong signs, steps or units of duals would show here."""
    problem = tiny(**CASES[case])
    levels, arcs = by_levels(problem), _arcs(problem)
    assert _supports(problem, levels, arcs) < 1e-4
    # Of one line that binds, the dual is unique: then two solvers agree, not only their supports.
    if case in ("both ways", "charging only", "margins"):
        np.testing.assert_allclose(_tariff(problem, arcs), levels.tariff_per_kwh(problem), atol=1e-5)


def test_chargers_have_a_price() -> None:
    """Were the chargers' rows missing, this would be as cheap as with many chargers."""
    problem = tiny(**CASES["chargers bind"])
    plans, arcs = by_plans(problem), _arcs(problem)
    assert plans.charger_price.max() > 1e-3
    assert arcs.charger_price.max() == pytest.approx(plans.charger_price.max(), rel=0.5)
    at_most = problem.sites.chargers[:, None] * np.array([CHARGE_KW, 2 * CHARGE_KW])[:, None]
    assert (arcs.power_kw.sum(axis=0) <= at_most + 1e-6).all()


@pytest.mark.parametrize("v2g", [False, True])
def test_no_plan_at_all_is_infeasible(v2g: bool) -> None:
    """Without this, vehicles that nothing serves would pass unnoticed."""
    problem = tiny(v2g=v2g, road_capacity=0.1)
    assert by_plans(problem).cost == np.inf
    assert _arcs(problem).status == "infeasible"
