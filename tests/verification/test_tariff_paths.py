"""The path formulation against the source's with every flow spelt out, and against single vehicles."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.verification.tariff_models import by_plans, tiny
from tests.verification.tariff_paths_in_full import cost_of_paths
from tidewatt.domain.travel import Travel
from tidewatt.tariffs.paths.solution import solve_paths
from tidewatt.tariffs.problem import TariffProblem

pytest.importorskip("cvxpy")
pytest.importorskip("clarabel")

CASES: dict[str, dict[str, Any]] = {
    "both ways": {},
    "roads bind": {"v2g": False, "road_capacity": 0.6},
    "chargers bind": {"v2g": False, "chargers": (2, 3), "line_kw": (50.0, 50.0)},
}
ALL_PATHS = 20


def _charged(problem: TariffProblem, soc: float) -> TariffProblem:
    """Everyone departs with the same SOC."""
    travel = problem.travel
    return replace(
        problem,
        travel=Travel(
            travel.aggregator,
            travel.origin,
            travel.destination,
            travel.depart_step,
            np.full(len(travel), soc),
            travel.soc_final_min,
            travel.vehicles,
        ),
    )


@pytest.mark.parametrize("case", CASES)
@pytest.mark.filterwarnings("ignore:Solution may be inaccurate")
def test_what_is_left_out_changes_nothing(case: str) -> None:
    """Flows that are no columns here are in the source: dropping one that matters would change the cost."""
    problem = tiny(**CASES[case])
    found = solve_paths(problem, paths_per_od=ALL_PATHS)
    assert found.status == "solved"
    assert found.cost == pytest.approx(cost_of_paths(problem), rel=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_pooled_energy_never_costs_more(case: str) -> None:
    """The pooling gap is a figure of the result; negative, one of the formulations would be wrong."""
    problem = tiny(**CASES[case])
    vehicles = by_plans(problem).cost
    pooled = solve_paths(problem, paths_per_od=ALL_PATHS)
    alike = solve_paths(problem, paths_per_od=ALL_PATHS, pool_initial_soc=False)
    assert pooled.cost <= alike.cost + 1e-7
    assert alike.cost <= vehicles + 1e-7
    # On these roads pooling is worth a lot: without it, this test would compare equals.
    assert pooled.cost < 0.95 * vehicles


def test_with_enough_energy_pooling_is_worth_nothing() -> None:
    """Where nobody needs to charge, flows on paths and vehicles are the same thing."""
    problem = _charged(tiny(v2g=False, road_capacity=0.6), 0.9)
    assert solve_paths(problem, paths_per_od=ALL_PATHS).cost == pytest.approx(
        by_plans(problem).cost, rel=1e-8
    )


def test_fewer_paths_never_cost_less() -> None:
    """Paths that are not the fewest-step ones, or that come out of order, would break it."""
    problem = tiny(v2g=False, road_capacity=0.6)
    costs = []
    for count in (2, 3, 20):
        found = solve_paths(problem, paths_per_od=count)
        costs.append(found.cost if found.status == "solved" else np.inf)
    assert (np.diff([c for c in costs if np.isfinite(c)]) <= 1e-7).all()
    assert np.isfinite(costs[-1])


def test_pooling_finds_plans_where_no_vehicle_has_one() -> None:
    """What the page warns of: one vehicle's energy pays for another's trip."""
    problem = tiny(v2g=False, chargers=(0, 0))
    travel = problem.travel
    problem = replace(
        problem,
        travel=Travel(
            travel.aggregator,
            travel.origin,
            travel.destination,
            travel.depart_step,
            np.array([0.4, 0.9, 0.9, 0.9]),
            travel.soc_final_min,
            travel.vehicles,
        ),
    )
    assert by_plans(problem).cost == np.inf
    pooled = solve_paths(problem, paths_per_od=ALL_PATHS, pool_initial_soc=True)
    assert pooled.status == "solved"
    assert solve_paths(problem, paths_per_od=ALL_PATHS).status == "infeasible"
