"""Random small cases: whether there is a plan, and what it costs, against enumeration of all of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.verification.tariff_models import SOC_STEP, by_plans, tiny
from tidewatt.domain.travel import Travel
from tidewatt.tariffs.central import solve
from tidewatt.tariffs.problem import TariffProblem

pytest.importorskip("cvxpy")
pytest.importorskip("clarabel")

SEEDS = range(24)


def drawn(seed: int) -> TariffProblem:
    """Roads, lines, chargers, prices and departures at random; about a third of these have no plan."""
    rng = np.random.default_rng(np.random.SeedSequence([40, seed]))
    problem = tiny(
        price_sensitivity=float(rng.choice([1e-3, 0.05])),
        v2g=bool(rng.random() < 0.3),
        road_capacity=float(rng.uniform(0.4, 1.2)),
        line_kw=(float(rng.uniform(2.0, 8.0)), float(rng.uniform(4.0, 12.0))),
        chargers=(int(rng.integers(1, 6)), int(rng.integers(1, 6))),
    )
    travel = problem.travel
    soc = np.round(rng.uniform(0.3, 0.6, len(travel)) / SOC_STEP) * SOC_STEP
    travel = Travel(
        travel.aggregator,
        travel.origin,
        travel.destination,
        rng.integers(0, 3, len(travel)),
        soc,
        travel.soc_final_min,
        rng.uniform(1.0, 5.0, len(travel)),
    )
    price = rng.uniform(0.05, 0.6, problem.price_per_kwh.shape[1:])
    return replace(problem, travel=travel, price_per_kwh=np.repeat(price[None], 2, axis=0))


@pytest.mark.parametrize("seed", SEEDS)
def test_cost_and_status_are_those_of_all_plans(seed: int) -> None:
    """A plan where there is none, none where there is one, or a cost below what any plan costs."""
    problem = drawn(seed)
    assert problem.rows is not None
    plans = by_plans(problem)
    arcs = solve(problem, soc_step=SOC_STEP)
    paths = solve(problem, formulation="paths", paths_per_od=20)
    if not np.isfinite(plans.cost):
        assert arcs.status == "infeasible"
        return
    assert arcs.status == paths.status == "solved"
    assert arcs.cost == pytest.approx(plans.cost, rel=1e-7, abs=1e-7)
    assert arcs.bound <= arcs.cost + 1e-9
    assert paths.cost <= plans.cost + 1e-6
    moved = problem.rows.sensitivity @ arcs.power_kw.sum(axis=0)
    assert (moved <= problem.rows.most + 1e-6).all()
    assert (moved >= problem.rows.least - 1e-6).all()
    assert arcs.traffic is not None
    assert (arcs.traffic.link_flow <= problem.roads.capacity_per_step[:, None] + 1e-6).all()


def test_both_kinds_are_drawn() -> None:
    """Were all cases feasible, or none, half of the test above would check nothing."""
    feasible = [np.isfinite(by_plans(drawn(seed)).cost) for seed in SEEDS]
    assert 4 <= sum(feasible) <= len(SEEDS) - 4


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("step", [0.05, 0.03, 0.013])
def test_rounding_outwards_is_below_every_plan(seed: int, step: float) -> None:
    """A bound that some plan undercuts is none: where steps divide neither trips nor what chargers gain."""
    problem = drawn(seed)
    rng = np.random.default_rng(np.random.SeedSequence([41, seed]))
    energy = problem.roads.energy_kwh * rng.uniform(0.7, 1.2, problem.roads.links)
    soc = problem.travel.soc_initial + rng.uniform(-0.02, 0.05, len(problem.travel))
    problem = replace(
        problem,
        roads=replace(problem.roads, energy_kwh=energy),
        travel=replace(problem.travel, soc_initial=soc),
        price_per_kwh=problem.price_per_kwh - (0.3 if seed % 3 == 0 else 0.0),
    )
    plans, outer = by_plans(problem), solve(problem, soc_step=step, rounding="outer", traffic=False)
    inner = solve(problem, soc_step=step, traffic=False)
    if np.isfinite(plans.cost):
        assert outer.status == "solved"
        assert outer.bound <= plans.cost + 1e-7
    if inner.status == "solved":
        assert outer.status == "solved" and outer.bound <= inner.cost + 1e-7
