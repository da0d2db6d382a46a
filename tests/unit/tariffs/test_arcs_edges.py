"""The arcs formulation where a case is odd: what is missing, closed, in one place, or of another case."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.unit.tariffs.test_arcs import STEPS, balances, drawn
from tidewatt.domain.travel import ChargingSites, Travel
from tidewatt.tariffs.arcs import pricing
from tidewatt.tariffs.central import solve
from tidewatt.tariffs.problem import TariffProblem


def of_travel(problem: TariffProblem, **changed: Any) -> TariffProblem:
    return replace(problem, travel=replace(problem.travel, **changed))


def without_sites(problem: TariffProblem) -> TariffProblem:
    none, steps = np.zeros(0, np.int64), problem.steps
    sites = ChargingSites(none, none, none, none, np.zeros(1, np.int64), none, none, np.zeros((0, steps)))
    return replace(
        of_travel(problem, soc_initial=np.full(4, 0.95)),
        sites=sites,
        rows=None,
        price_per_kwh=np.zeros((2, 0, steps)),
        charger_price=np.zeros((0, steps)),
    )


def turned(problem: TariffProblem) -> TariffProblem:
    """The same number of links and sites, but every road the other way."""
    roads = problem.roads
    return replace(problem, roads=replace(roads, tail=roads.head, head=roads.tail))


@pytest.mark.parametrize("formulation", ["arcs", "paths"])
def test_who_is_at_the_destination_already_costs_nothing(formulation: str) -> None:
    """Without it such a group would be taken for one that departs elsewhere, or stop the run."""
    problem = drawn(3)
    keep = np.arange(1, 4)
    rest = replace(problem, travel=Travel(*(getattr(problem.travel, n)[keep] for n in Travel.__slots__)))
    origin = problem.travel.origin.copy()
    origin[0] = problem.travel.destination[0]
    found = solve(of_travel(problem, origin=origin), formulation=formulation)
    assert found.status == "solved" and not found.unserved.any()
    assert found.cost == pytest.approx(solve(rest, formulation=formulation).cost, rel=1e-8)
    everyone = solve(of_travel(problem, origin=problem.travel.destination), formulation=formulation)
    assert everyone.status == "solved" and everyone.cost == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("formulation", ["arcs", "paths"])
def test_nobody_travels(formulation: str) -> None:
    """An aggregator may have no trips; a line that is full by itself is still not solved."""
    problem = drawn(3)
    empty = replace(problem, travel=Travel(*(getattr(problem.travel, n)[:0] for n in Travel.__slots__)))
    found = solve(empty, formulation=formulation)
    assert found.status == "solved" and found.cost == pytest.approx(0.0, abs=1e-9)
    assert not found.power_kw.any() and found.traffic is not None
    assert problem.rows is not None
    full = replace(empty, rows=replace(problem.rows, high=np.full((1, STEPS), -2.0)))
    assert solve(full).status == "infeasible"
    assert solve(full, elastic=True).relaxed["rows_high"] == pytest.approx(np.full((1, STEPS), 2.0))


def test_without_sites_only_time_is_paid() -> None:
    """A case without a charger would otherwise need one to be solved."""
    problem = without_sites(drawn(3))
    found = solve(problem)
    assert found.status == "solved" and balances(problem, found) < 1e-6
    assert found.cost == pytest.approx(solve(problem, formulation="paths").cost, rel=1e-8)


@pytest.mark.parametrize("formulation", ["arcs", "paths"])
def test_closed_chargers_are_named_where_they_are_needed(formulation: str) -> None:
    """Without it the diagnosis would leave vehicles although opening a charger serves them."""
    closed = drawn(3, chargers=0)
    assert solve(closed, formulation=formulation).status == "infeasible"
    relaxed = solve(closed, formulation=formulation, elastic=True)
    assert relaxed.status == "solved"
    assert relaxed.relaxed["chargers"].sum() > 0.1 and not relaxed.unserved.any()


def test_unlimited_roads_cost_what_wide_ones_do() -> None:
    """An infinite capacity must neither become a price nor spoil the bound, not even after a narrow one."""
    problem = drawn(3)

    def roads(capacity: float) -> TariffProblem:
        return replace(problem, roads=replace(problem.roads, capacity_per_step=np.full(6, capacity)))

    narrow = solve(roads(3.0))
    assert narrow.toll.max() > 0.01
    for warm in (None, narrow):
        found = solve(roads(np.inf), warm=warm)
        assert found.status == "solved" and not found.toll.any()
        assert found.cost == pytest.approx(solve(roads(1e6)).cost, rel=1e-8)


@pytest.mark.parametrize(
    "other",
    [
        lambda: drawn(5, levels=(4.0, 2.0, -3.0)),
        lambda: without_sites(drawn(3)),
        lambda: turned(drawn(3)),
        lambda: replace(drawn(3), rows=None),
    ],
)
@pytest.mark.parametrize("asked", [{}, {"soc_step": 0.05}, {"soc_step": 0.05, "rounding": "outer"}])
def test_a_solution_of_another_case_does_no_harm(
    other: Callable[[], TariffProblem], asked: dict[str, Any]
) -> None:
    """Arcs of other roads, levels or chargers would lead vehicles anywhere if they were taken as they are."""
    warm = solve(other(), elastic=True)
    cold, warmed = solve(drawn(3), **asked), solve(drawn(3), warm=warm, **asked)
    assert cold.status == warmed.status == "solved"
    assert warmed.cost == pytest.approx(cold.cost, rel=1e-8)


def test_the_same_group_twice_is_one_of_twice_the_vehicles() -> None:
    """Rows of a table that repeat must add up."""
    problem = drawn(3)
    names = Travel.__slots__
    halves = {n: np.tile(getattr(problem.travel, n), 2) for n in names}
    halves["vehicles"] = halves["vehicles"] / 2
    twice = replace(problem, travel=Travel(**halves))
    assert solve(twice).cost == pytest.approx(solve(problem).cost, rel=1e-9)


def test_who_departs_too_late_is_left_and_the_rest_is_not() -> None:
    """Departures in the last steps, and beyond the horizon, must not end in states that do not exist."""
    problem = of_travel(drawn(3), depart_step=np.array([STEPS - 1, 0, STEPS, 1]))
    found = solve(problem, elastic=True)
    left = problem.travel.vehicles * np.array([1.0, 0.0, 1.0, 0.0])
    assert found.status == "solved"
    np.testing.assert_allclose(found.unserved, left)


@pytest.mark.parametrize("gap", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("line_kw", [3.0, 6.0, 7.0])
def test_a_wide_gap_is_no_leave_to_exceed_limits(gap: float, line_kw: float) -> None:
    """Whoever asks for a rough answer still gets one that keeps every line."""
    problem = drawn(3, line_kw=line_kw)
    exact, rough = solve(problem), solve(problem, relative_gap=gap)
    assert (rough.status == "solved") == (exact.status == "solved")
    if rough.status == "solved":
        assert problem.rows is not None
        assert (problem.rows.sensitivity @ rough.power_kw.sum(axis=0) <= line_kw + 1e-4).all()
        assert rough.bound <= exact.cost + 1e-6 and rough.cost >= exact.cost - 1e-6


def test_what_is_relaxed_does_not_depend_on_the_money() -> None:
    """In a currency of small units cost would otherwise come before the limits."""
    problem = drawn(3, line_kw=0.5)
    fleet = problem.aggregators
    dear = replace(
        problem,
        price_per_kwh=1e4 * problem.price_per_kwh,
        aggregators=replace(
            fleet,
            time_value_per_h=1e4 * fleet.time_value_per_h,
            price_sensitivity_per_kwh_kw=1e4 * fleet.price_sensitivity_per_kwh_kw,
        ),
    )
    one, other = solve(problem, elastic=True), solve(dear, elastic=True)
    assert one.status == other.status == "solved"
    assert other.relaxed["rows_high"].sum() == pytest.approx(one.relaxed["rows_high"].sum(), rel=1e-5)
    assert other.bound <= other.cost * (1 + 1e-6)


def test_vehicles_that_only_rounding_leaves_are_told_apart() -> None:
    """A coarse step of the charge must not pass for a trip that nobody can make."""
    problem = drawn(3)
    tight = replace(
        of_travel(problem, soc_initial=np.full(4, 0.5)),
        aggregators=replace(problem.aggregators, soc_min=np.full(2, 0.4)),
    )
    found = solve(tight)
    assert found.status == "infeasible" and found.unserved.any()
    assert any("finer soc_step" in note for note in found.notes)
    assert solve(tight, soc_step=0.002).unserved.sum() < found.unserved.sum()
    hopeless = of_travel(problem, depart_step=np.full(4, STEPS - 1))
    assert not any("finer soc_step" in note for note in solve(hopeless).notes)


def test_no_time_is_said_and_nothing_claimed() -> None:
    """A run that was cut short must not pass for a solved one, nor give a bound above what is possible."""
    problem = drawn(3)
    cut, full = solve(problem, time_limit_s=0.0), solve(problem)
    assert cut.status == "time"
    assert cut.bound <= full.cost + 1e-9


def test_time_is_kept_while_plans_are_sought(monkeypatch: pytest.MonkeyPatch) -> None:
    """With many groups a limit would be passed by minutes: looking for plans takes longer than a program."""
    problem = drawn(3)
    full = solve(problem)
    for looks in (0, 1, 3, 8, 20):
        clock = iter([0.0] * looks)
        late = SimpleNamespace(perf_counter=lambda clock=clock: next(clock, math.inf))
        monkeypatch.setattr(pricing, "time", late)
        cut = solve(problem, time_limit_s=1e6)
        assert cut.status == "time"
        assert cut.bound <= full.cost + 1e-9
        assert next(clock, None) is None
    assert cut.iterations > 0 and np.isfinite(cut.bound)


def test_plans_that_are_sought_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a large case nothing would be heard until its first program is solved."""
    monkeypatch.setattr(pricing, "_EVERY_S", -1.0)
    told: list[tuple[int, int, int]] = []
    found = solve(drawn(3), on_kind=lambda *counts: told.append(counts))
    assert found.status == "solved"
    kinds = told[0][2]
    assert [each for each in told if each[0] == 0][:kinds] == [(0, done, kinds) for done in range(kinds)]
    assert max(solved for solved, _, _ in told) <= found.iterations
    assert any(solved for solved, _, _ in told)
