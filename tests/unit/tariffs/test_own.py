"""Aggregators by themselves: what must fail fails, and what must agree does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.unit.tariffs.small_cases import small_case
from tidewatt.execution.threads import Threads
from tidewatt.tariffs.central import Case, Solver
from tidewatt.tariffs.own import decentralised, own_problem, power_error_bound_kw, respond
from tidewatt.tariffs.prices import intervals, prices_of, scarce
from tidewatt.tariffs.problem import Solution, TariffProblem
from tidewatt.tariffs.validation import validated


def solved(**changes: Any) -> tuple[Case, TariffProblem, Solution, Solver]:
    case = validated(small_case(**changes), {})
    solver, problem = Solver(case.parameters, None), case.problem()
    return case, problem, solver.solve("central", problem), solver


def test_own_problems_hold_own_vehicles_and_no_grid() -> None:
    """Would break if an aggregator saw others' vehicles or the grid's limits: it would prove nothing."""
    _, problem, central, _ = solved()
    prices = prices_of(problem, central)
    own = own_problem(problem, 1, prices)
    assert own.rows is None
    assert own.travel.aggregator.tolist() == [1, 1]
    np.testing.assert_array_equal(own.travel.soc_initial, problem.travel.soc_initial[3:])
    np.testing.assert_allclose(own.price_per_kwh - problem.price_per_kwh, [prices.tariff] * 2, atol=1e-12)


def test_without_tariffs_aggregators_overload_the_line() -> None:
    """Would break if agreement with the central plan came about without the tariff doing anything."""
    _, problem, central, solver = solved()
    prices = prices_of(problem, central)
    free = replace(prices, line_part=0 * prices.line_part, voltage_part=0 * prices.voltage_part)
    with Threads(1) as threads:
        responses = respond(problem, central, free, solver, threads)
    assert responses.status == "solved"
    assert responses.error_kw(central.power_kw) > 1.0
    assert problem.rows is not None
    beyond = problem.rows.sensitivity @ responses.power_kw.sum(axis=0) - problem.rows.most
    assert beyond.max() > 1.0


def test_a_joint_price_effect_does_not_decentralise() -> None:
    """Failing control: were the central cost beta (sum P)^2, as printed, aggregators would deviate."""
    _, problem, central, solver = solved()
    assert problem.rows is not None
    # An aggregator alone at twice the price effect: what a plan of least joint cost would take.
    a = problem.aggregators
    joint = replace(
        problem, aggregators=replace(a, price_sensitivity_per_kwh_kw=2 * a.price_sensitivity_per_kwh_kw)
    )
    other = solver.solve("central", joint)
    with Threads(1) as threads:
        responses = respond(problem, central, prices_of(joint, other), solver, threads)
    assert responses.error_kw(other.power_kw) > 0.5


def test_without_price_sensitivity_all_prices_fail() -> None:
    """Failing control: at beta 0 power is not unique, and aggregators need not choose the central plan."""
    _, problem, _, solver = solved()
    flat = replace(
        problem,
        aggregators=replace(
            problem.aggregators, price_sensitivity_per_kwh_kw=np.full(len(problem.aggregators), 1e-9)
        ),
    )
    central = solver.solve("central", flat)
    with Threads(1) as threads:
        responses = respond(flat, central, prices_of(flat, central), solver, threads)
    assert responses.error_kw(central.power_kw) > 0.05


@pytest.mark.parametrize("short", [{"chargers": (4, 3)}, {"road_capacity": 4.5}, {}])
def test_power_stays_within_the_bound_of_the_gaps(short: dict[str, Any]) -> None:
    """Would break if the bound left out what tolls and chargers cost (tariff-18)."""
    _, problem, central, solver = solved(**short)
    with Threads(2) as threads:
        responses = respond(problem, central, prices_of(problem, central), solver, threads)
    error = float(np.linalg.norm(responses.power_kw - central.power_kw))
    assert error <= power_error_bound_kw(problem, central, responses) + 1e-9
    assert error < 0.05


def test_what_only_one_aggregator_uses_needs_no_price() -> None:
    """Would break if tolls were said to be needed although an aggregator rations its own vehicles."""
    case, problem, central, solver = solved(road_capacity=4.5)
    prices = prices_of(problem, central)
    assert prices.toll.max() > 0.01
    alone = replace(
        problem,
        travel=type(problem.travel)(**{n: getattr(problem.travel, n)[:3] for n in problem.travel.__slots__}),
    )
    one = solver.solve("central", alone)
    assert scarce(alone, one, prices_of(alone, one)) == ()
    assert case.parameters["publish"] == "auto"


def test_asked_for_all_prices_all_are_published() -> None:
    """Would break if `publish` were ignored."""
    _, problem, central, solver = solved(chargers=(4, 3))
    with Threads(1) as threads:
        found = {
            way: decentralised(problem, central, way, solver, threads) for way in ("tariff", "auto", "all")
        }
    assert not found["tariff"].responses.prices.charger_price.any()
    assert "charger_prices" in found["tariff"].needed
    for way in ("auto", "all"):
        assert found[way].responses.prices.charger_price.any()
        assert found[way].responses.error_kw(central.power_kw) < 0.05
        assert found[way].tariff_only.error_kw(central.power_kw) > 1.0


def test_exchangeable_duals_give_an_interval_where_nobody_charges() -> None:
    """Would break if degenerate limits were overlooked, or tariffs of used sites allowed to move."""
    _, problem, central, _ = solved()
    prices = prices_of(problem, central)
    low, high = intervals(problem, central, prices)
    looked = np.isfinite(low)
    assert (low[looked] <= prices.tariff[looked] + 1e-12).all()
    assert (high[looked] >= prices.tariff[looked] - 1e-12).all()
    # The same limit twice: its dual may be either's, but tariffs of sites in use are as they were.
    assert problem.rows is not None
    assert central.traffic is not None
    twice = type(problem.rows)(
        **{n: np.concatenate([getattr(problem.rows, n)] * 2) for n in type(problem.rows).__slots__}
    )
    doubled = replace(problem, rows=twice)
    half = replace(
        central,
        dual_high=np.concatenate([central.dual_high / 2] * 2),
        dual_low=np.concatenate([central.dual_low / 2] * 2),
    )
    low, high = intervals(doubled, half, prices)
    binding = (central.dual_high > 1e-3).any(axis=0)
    assert binding.any()
    assert np.isfinite(low[:, binding]).all()
    used = (central.traffic.charging > 1e-3) & binding
    np.testing.assert_allclose(low[used], prices.tariff[used])
    np.testing.assert_allclose(high[used], prices.tariff[used])


def test_sites_at_one_node_are_told_apart() -> None:
    """Would break if a shortage at one of two sites of a node were looked for at the other."""
    scenario = small_case(chargers=(3, 12))
    assert scenario.sites is not None
    beside = replace(scenario.sites, node=[1, 1])
    case = validated(replace(scenario, sites=beside), {})
    solver, problem = Solver(case.parameters, None), case.problem()
    central = solver.solve("central", problem)
    prices = prices_of(problem, central)
    assert prices.charger_price[0].max() > 0
    assert "charger_prices" in scarce(problem, central, prices)
    with Threads(1) as threads:
        found = decentralised(problem, central, "auto", solver, threads)
    assert found.responses.error_kw(central.power_kw) < 0.05


def test_a_line_that_binds_with_its_chargers_shares_their_price() -> None:
    """Would break if tariffs in the interval did not support the plan, or its end were not where it is."""
    _, problem, central, solver = solved(chargers=(12, 3), levels_kw=(20.0,), half_width=0.0)
    assert problem.rows is not None
    assert central.traffic is not None
    price = central.charger_price[1]
    step = int(np.argmax(price))
    # The limit of the line to s2 is put where the flow is: it binds beside the chargers, with a dual of 0.
    line = int(np.flatnonzero(problem.rows.sensitivity[:, 0] == 0)[0])
    high = problem.rows.high.copy()
    high[line, step] = (problem.rows.nominal + problem.rows.sensitivity @ central.power_kw.sum(axis=0))[
        line, step
    ]
    tight = replace(problem, rows=replace(problem.rows, high=high))
    prices = prices_of(problem, central)
    low, top = intervals(tight, central, prices)
    end = price[step] / (20.0 * 0.5)
    assert low[1, step] == pytest.approx(prices.tariff[1, step], abs=1e-9)
    assert top[1, step] == pytest.approx(prices.tariff[1, step] + end, rel=1e-5)
    with Threads(1) as threads:
        for share, same in ((0.5, True), (1.0, True), (1.5, False)):
            tariff, charger = prices.line_part.copy(), prices.charger_price.copy()
            tariff[1, step] += share * end
            charger[1, step] = max(price[step] * (1.0 - share), 0.0)
            moved = replace(prices, line_part=tariff, charger_price=charger)
            error = respond(problem, central, moved, solver, threads).error_kw(central.power_kw)
            assert (error < 0.05) == same
