"""Scenarios at the edge of what the contract allows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import tidewatt
from tidewatt.domain.arrays import Array
from tidewatt.domain.grid import CostPieces
from tidewatt.domain.scenario import Scenario
from tidewatt.errors import SolveWarning
from tidewatt.options.coordination import COORDINATION
from tidewatt.result import Status


@pytest.fixture(scope="module")
def village() -> Scenario:
    """The smallest embedded scenario."""
    return tidewatt.example("village")


def _with(scenario: Scenario, **dwells: Array) -> Scenario:
    return replace(scenario, dwells=replace(scenario.dwells, **dwells))


def test_a_stay_that_begins_a_hair_early_counts_from_step_0(village: Scenario) -> None:
    """Without the floor at 0 a forgiven rounding of the first arrival shifts power to another step."""
    arrive = village.dwells.arrive_min.copy()
    arrive[arrive == 0.0] = -5e-7
    early = tidewatt.coordinate(_with(village, arrive_min=arrive), session=False)
    plain = tidewatt.coordinate(village, session=False)
    assert early.schedules["coordinated"].first_step.min() == 0
    assert early.figures["unmanaged_upgrade_cost"] == pytest.approx(
        plain.figures["unmanaged_upgrade_cost"], rel=1e-6
    )


def test_a_fleet_without_chargers_ends_certified(village: Scenario) -> None:
    """Without shards to run, sums of loads would have nothing to add up."""
    none = tidewatt.coordinate(_with(village, charger_kw=np.zeros(len(village.dwells))))
    assert none.status is Status.CERTIFIED
    assert none.figures["variables"] == 0
    assert none.figures["vehicles_short"] > 0


@pytest.mark.parametrize("solver", ["newton", "admm"])
def test_feeders_that_cost_nothing_do_not_hold_the_bank_up(village: Scenario, solver: str) -> None:
    """Levels that cannot take a price once led the Newton step, and the penalty of ADMM, astray."""
    grid = village.grid
    free = replace(
        grid,
        cost=CostPieces.linear(np.zeros(grid.feeders)),
        bank_headroom_kw=0.2 * grid.bank_headroom_kw,
    )
    result = tidewatt.coordinate(replace(village, grid=free), session=False, solver=solver)
    assert result.status is Status.CERTIFIED
    assert result.certificate.upgrade_cost > 0


def test_a_grid_without_limits_needs_nothing(village: Scenario) -> None:
    """Infinite headroom must neither become nan in a sum nor take a price."""
    grid = village.grid
    wide = replace(
        grid,
        headroom_kw=np.full_like(grid.headroom_kw, np.inf),
        bank_headroom_kw=np.full_like(grid.bank_headroom_kw, np.inf),
    )
    result = tidewatt.coordinate(replace(village, grid=wide))
    assert result.certificate.upgrade_cost == 0.0
    assert float(np.abs(result.data["price"]).sum()) == 0.0


def test_parameters_take_numpy_numbers() -> None:
    """Values that come out of arrays are numbers like any other."""
    given = COORDINATION.resolve(seed=np.int64(3), relative_gap=np.float64(0.01))
    assert given["seed"] == 3
    assert given["relative_gap"] == 0.01


def test_a_run_on_a_limit_says_so_and_goes_on(village: Scenario) -> None:
    """A limit that ends a run must keep a state, and the resumed run must have its own allowance."""

    class Memory:
        """A checkpoint in memory."""

        state: dict[str, object] | None = None

        def due(self) -> bool:
            return False

        def save(self, state: object) -> None:
            self.state = {rung: dict(part) for rung, part in state.items()}  # type: ignore[attr-defined]

        def load(self) -> dict[str, object] | None:
            return self.state

    memory = Memory()
    with pytest.warns(SolveWarning, match="coordinated: gap"):
        first = tidewatt.coordinate(village, max_passes=12, session=False, checkpoint=memory)
    assert first.status is Status.ITERATION_LIMIT
    second = tidewatt.coordinate(village, max_passes=200, session=False, checkpoint=memory, resume=True)
    assert second.status is Status.CERTIFIED
    assert len(second.history) > len(first.history)
