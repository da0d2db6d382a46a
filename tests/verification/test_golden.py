"""Cases worked out by hand: scenario, figures, tolerance and derivation stand in ``tests/golden/<case>/``."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

from benchmarks.linear_program import limits, linear_program, mean_unmanaged_load, upgrade_cost
from benchmarks.peers import missing, solve
from tests.verification.small_scenarios import small_scenario
from tidewatt.coordination.study import coordinate
from tidewatt.io.scenario.reading import read_scenario

GOLDEN = Path(__file__).parents[1] / "golden"
CASES = sorted(p.parent.name for p in GOLDEN.glob("*/expected.toml"))


def test_there_are_golden_cases() -> None:
    """Without it a moved folder would leave the tests below with nothing to run."""
    assert len(CASES) >= 8


@pytest.mark.parametrize("solver", ["newton", "admm"])
@pytest.mark.parametrize("case", CASES)
def test_coordinate_finds_what_was_worked_out_by_hand(case: str, solver: str) -> None:
    """Without it both the solver and the outside linear program could share a misreading of the rules."""
    expected = tomllib.loads((GOLDEN / case / "expected.toml").read_text())
    result = coordinate(
        read_scenario(GOLDEN / case),
        relative_gap=1e-7,
        absolute_gap=1e-8,
        solver=solver,
        threads=1,
        session=True,
    )
    figures = result.summary()
    tolerance = expected["tolerance"]
    for key, value in expected["figures"].items():
        assert figures[key] == pytest.approx(value, rel=tolerance, abs=tolerance), key
    assert result.certificate.lower_bound_cost <= figures["coordinated_upgrade_cost"] * (1 + 1e-12)


@pytest.mark.skipif(missing("highs-simplex") is not None, reason="needs highspy")
@pytest.mark.parametrize("case", CASES)
def test_outside_program_finds_what_was_worked_out_by_hand(case: str) -> None:
    """Without it the program that peers solve, and that tidewatt is judged by, could itself be wrong."""
    expected = tomllib.loads((GOLDEN / case / "expected.toml").read_text())
    figures, tolerance = expected["figures"], expected["tolerance"]
    scenario = read_scenario(GOLDEN / case)
    for rung, session in (("coordinated", False), ("session", True)):
        program = linear_program(scenario, session=session)
        best = solve(scenario, program, "highs-simplex")
        assert best.objective == pytest.approx(figures[f"{rung}_upgrade_cost"], rel=tolerance, abs=tolerance)
        assert best.schedule_cost == pytest.approx(best.objective, rel=tolerance, abs=tolerance)
    unmanaged = upgrade_cost(scenario, program, program.limits.unmanaged_kw)
    assert unmanaged == pytest.approx(figures["unmanaged_upgrade_cost"], rel=tolerance)
    short = program.limits.missing_energy_kwh.sum()
    assert short == pytest.approx(figures["missing_energy_kwh"], abs=tolerance)


@pytest.mark.parametrize("kind", ["everything", "short", "two_dwells_in_a_step", "off_grid"])
def test_mean_unmanaged_load_is_that_of_unmanaged_charging(kind: str) -> None:
    """Without it benchmarks' scenarios would not be as tight as their tables say."""
    for seed in range(4):
        scenario = small_scenario(kind, seed)
        lim = limits(scenario)
        feeder = lim.feeder[lim.opportunity]
        drawn = scenario.fleet.weight[lim.vehicle][lim.opportunity] * lim.unmanaged_kw
        expected = np.bincount(feeder[feeder >= 0], drawn[feeder >= 0], minlength=scenario.grid.feeders)
        found = mean_unmanaged_load(scenario)
        np.testing.assert_allclose(found, expected / scenario.horizon.steps, atol=1e-9)
