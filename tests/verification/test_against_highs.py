"""Both solvers against HiGHS's simplex on many small scenarios with everything in them."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.linear_program import linear_program, upgrade_cost
from benchmarks.peers import missing, solve
from tests.verification.small_scenarios import KINDS, small_scenario
from tidewatt.coordination.study import coordinate
from tidewatt.result import Status

pytestmark = pytest.mark.skipif(missing("highs-simplex") is not None, reason="needs highspy")

GAP = 1e-4
SEEDS = {"everything": range(12)}


def _cases():
    return [(kind, seed) for kind in KINDS for seed in SEEDS.get(kind, range(4))]


@pytest.mark.parametrize("solver", ["newton", "admm"])
@pytest.mark.parametrize(("kind", "seed"), _cases())
def test_bracket_holds_the_optimum(kind: str, seed: int, solver: str) -> None:
    """Without it a schedule cheaper than any schedule can be, or a bound above the optimum, would pass."""
    scenario = small_scenario(kind, seed)
    program = linear_program(scenario)
    best = solve(scenario, program, "highs-simplex")
    assert best.finished
    unmanaged = upgrade_cost(scenario, program, program.limits.unmanaged_kw)
    rounding = 1e-9 * max(best.objective, 1e-3 * unmanaged)

    passes = 5000 if solver == "newton" else 20_000
    result = coordinate(
        scenario,
        relative_gap=GAP,
        solver=solver,
        threads=1,
        session=False,
        max_passes=passes,
        time_limit_s=60.0,
    )
    proof = result.certificate
    assert result.certificates["unmanaged"].upgrade_cost == pytest.approx(unmanaged, rel=1e-9, abs=1e-9)
    assert proof.upgrade_cost >= best.objective * (1 - 1e-9) - rounding
    assert proof.lower_bound_cost <= best.objective * (1 + 1e-9) + rounding
    assert result.status in (Status.CERTIFIED, Status.EXACT), result.figures
    assert proof.relative_gap(unmanaged) <= GAP or proof.absolute_gap <= 1e-6 * unmanaged * (1 + 1e-9), proof
    # The schedule itself: within its limits, and worth what the certificate says.
    schedule = result.schedules["coordinated"]
    assert schedule.power_kw.min(initial=0.0) >= 0.0
    power = _aligned(schedule, program)
    cost = upgrade_cost(scenario, program, power)
    assert cost == pytest.approx(proof.upgrade_cost, rel=1e-6, abs=1e-6 * (1 + unmanaged))
    lim = program.limits
    slack = 1e-5 * (1.0 + np.abs(lim.most))
    drawn = np.bincount(lim.opportunity, power, minlength=len(lim.vehicle))
    begins = np.concatenate([[True], lim.vehicle[1:] != lim.vehicle[:-1]])[: len(drawn)]
    energy = np.cumsum(drawn)
    start = np.maximum.accumulate(np.where(begins, np.arange(len(drawn)), 0))
    energy -= (energy - drawn)[start]
    assert (power <= lim.power_kw * (1 + 1e-6) + 1e-9).all()
    assert (energy >= lim.least - slack).all()
    assert (energy <= np.maximum(lim.most, lim.least) + slack).all()


def _aligned(schedule, program) -> np.ndarray:
    """Power of every variable of the program, from the schedule's rows by dwell and step."""
    lim = program.limits
    length = np.diff(schedule.first)
    dwell = np.repeat(schedule.dwell, length)
    step = (
        np.repeat(schedule.first_step, length)
        + np.arange(length.sum())
        - np.repeat(schedule.first[:-1], length)
    )
    given = dict(zip(zip(dwell.tolist(), step.tolist()), schedule.power_kw.tolist()))
    keys = zip(lim.dwell[lim.opportunity].tolist(), lim.step.tolist())
    power = np.array([given.pop(key, 0.0) for key in keys])
    assert not any(v > 1e-9 for v in given.values()), "charges where no dwell allows it"
    return power


@pytest.mark.parametrize("solver", ["newton", "admm"])
@pytest.mark.parametrize("kind", ["plain", "two_dwells_in_a_step", "short", "everything"])
def test_session_rung_holds_its_optimum(kind: str, solver: str) -> None:
    """Without it the middle rung could be wrong while the highest is right."""
    for seed in range(3):
        scenario = small_scenario(kind, seed)
        best = solve(scenario, linear_program(scenario, session=True), "highs-simplex").objective
        result = coordinate(
            scenario, relative_gap=GAP, solver=solver, threads=1, session=True, max_passes=20_000
        )
        proof = result.certificates["session"]
        unmanaged = result.certificates["unmanaged"].upgrade_cost
        assert proof.upgrade_cost >= best * (1 - 1e-9) - 1e-9 * unmanaged
        assert proof.lower_bound_cost <= best * (1 + 1e-9) + 1e-9 * unmanaged
        assert proof.absolute_gap <= max(GAP * proof.upgrade_cost, 1e-6 * unmanaged) * (1 + 1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_missing_energy_agrees(kind: str) -> None:
    """Without it a vehicle's need could be lowered by more than what no schedule can deliver."""
    for seed in range(4):
        scenario = small_scenario(kind, seed)
        expected = linear_program(scenario).limits.missing_energy_kwh
        result = coordinate(scenario, relative_gap=0.5, threads=1, session=False)
        found = result.vehicles["missing_energy_kwh"].to_numpy()
        np.testing.assert_allclose(found, expected, atol=1e-6)
