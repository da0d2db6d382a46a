"""The arcs formulation: what its answer must be worth whatever the case."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidewatt.domain.travel import Aggregators, ChargingSites, StepRoads, Travel
from tidewatt.tariffs.central import solve
from tidewatt.tariffs.problem import GridRows, Solution, TariffProblem

STEPS, STEP_H = 10, 0.5


def drawn(
    seed: int, *, levels: tuple[float, ...] = (4.0, 2.0), chargers: int = 6, line_kw: float = 12.0
) -> TariffProblem:
    """Four nodes, two sites, two aggregators; prices, consumption and trips drawn at random."""
    rng = np.random.default_rng(seed)
    tail, head = np.array([0, 1, 0, 2, 1, 2]), np.array([1, 2, 2, 3, 3, 1])
    roads = StepRoads(
        np.arange(4),
        np.arange(6),
        tail,
        head,
        rng.uniform(4.0, 9.0, 6),
        np.array([1, 1, 2, 1, 2, 1]),
        rng.uniform(0.4, 1.4, 6),
    )
    price = rng.uniform(0.1, 0.5, (2, STEPS))
    sites = ChargingSites(
        np.arange(2),
        np.array([1, 2]),
        np.arange(2),
        np.full(2, chargers),
        np.arange(3) * len(levels),
        np.arange(2 * len(levels)),
        np.tile(levels, 2),
        price,
    )
    two = np.ones(2)
    aggregators = Aggregators(
        np.arange(2), 10.0 * two, 0.9 * two, 0.9 * two, 0.2 * two, two, 0.4 * two, 2e-3 * two
    )
    travel = Travel(
        np.array([0, 0, 1, 1]),
        np.array([0, 0, 0, 1]),
        np.array([3, 3, 3, 3]),
        np.array([0, 1, 0, 1]),
        rng.uniform(0.3, 0.45, 4),
        np.array([0.35, 0.35, 0.3, 0.35]),
        rng.uniform(2.0, 5.0, 4),
    )
    limit = np.full((1, STEPS), line_kw)
    zero = np.zeros((1, STEPS))
    rows = GridRows(
        np.zeros(1, np.int8), np.zeros(1, np.int32), np.ones((1, 2)), zero, -limit, limit, zero, zero
    )
    return TariffProblem(
        STEPS,
        STEP_H,
        roads,
        sites,
        aggregators,
        travel,
        rows,
        np.repeat(price[None], 2, axis=0),
        np.zeros((6, STEPS)),
        np.zeros((2, STEPS)),
    )


def balances(problem: TariffProblem, solution: Solution) -> float:
    """Most vehicles that appear or vanish in any state but at departure and at the destination."""
    assert solution.traffic is not None
    arcs = solution.traffic.arcs
    left: dict[tuple[int, ...], float] = {}
    for i in range(len(arcs["vehicles"])):
        m, d, n = (int(arcs[k][i]) for k in ("aggregator", "destination", "node"))
        final = round(1e6 * float(arcs["soc_final_min"][i]))
        end = int(problem.roads.head[arcs["index"][i]]) if arcs["action"][i] == 0 else n
        out = (m, d, final, int(arcs["start_step"][i]), n, int(arcs["level"][i]))
        into = (m, d, final, int(arcs["end_step"][i]), end, int(arcs["level_end"][i]))
        left[out] = left.get(out, 0.0) + float(arcs["vehicles"][i])
        if end != d:
            left[into] = left.get(into, 0.0) - float(arcs["vehicles"][i])
    t = problem.travel
    departs: dict[tuple[int, ...], float] = {}
    for g in range(len(t)):
        who = (int(t.aggregator[g]), int(t.destination[g]), round(1e6 * float(t.soc_final_min[g])))
        place = (*who, int(t.depart_step[g]), int(t.origin[g]))
        departs[place] = departs.get(place, 0.0) + float(t.vehicles[g])
    # Departures are known by place, all else by level too.
    wrong = [0.0]
    for place, vehicles in departs.items():
        wrong.append(vehicles - sum(v for state, v in left.items() if state[:5] == place))
    wrong += [v for state, v in left.items() if state[:5] not in departs]
    return max(abs(v) for v in wrong)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), discharging=st.booleans())
def test_every_answer_keeps_all_limits_and_proves_its_gap(seed: int, discharging: bool) -> None:
    """Without it vehicles could vanish, roads or chargers be exceeded, or a gap be claimed that is none."""
    problem = drawn(seed, levels=(4.0, 2.0, -3.0) if discharging else (4.0, 2.0))
    solution = solve(problem)
    if solution.status == "infeasible":
        assert sum(float(v.sum()) for v in solve(problem, elastic=True).relaxed.values()) > 1e-4 or (
            solution.unserved.sum() > 0
        )
        return
    assert solution.status == "solved"
    assert -1e-9 <= solution.relative_gap <= 1e-9
    assert balances(problem, solution) < 1e-5
    traffic = solution.traffic
    assert traffic is not None and problem.rows is not None
    assert (traffic.link_flow <= problem.roads.capacity_per_step[:, None] + 1e-5).all()
    assert (traffic.charging + traffic.discharging <= problem.sites.chargers[:, None] + 1e-5).all()
    flow = problem.rows.sensitivity @ solution.power_kw.sum(axis=0)
    assert (flow <= problem.rows.most + 1e-4).all() and (flow >= problem.rows.least - 1e-4).all()
    assert (traffic.arcs["soc"] >= 0.2 - 1e-9).all() and (traffic.arcs["soc"] <= 1.0 + 1e-9).all()


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_cost_is_what_the_arcs_cost(seed: int) -> None:
    """Without it the cost could be the solver's word only, and power not that of the vehicles."""
    problem = drawn(seed, levels=(4.0, -3.0), line_kw=40.0)
    solution = solve(problem)
    if solution.status != "solved":
        return
    assert solution.traffic is not None
    a = solution.traffic.arcs
    power = np.zeros_like(solution.power_kw)
    charges = a["action"] == 2
    site = a["index"][charges] // 2
    np.add.at(
        power,
        (a["aggregator"][charges], site, a["start_step"][charges]),
        a["power_kw"][charges] * a["vehicles"][charges],
    )
    np.testing.assert_allclose(power, solution.power_kw, atol=1e-5)
    hours = STEP_H * np.dot(a["end_step"] - a["start_step"], a["vehicles"])
    energy = STEP_H * np.sum(problem.price_per_kwh * power + 2e-3 * power**2)
    assert solution.cost == pytest.approx(0.4 * hours + energy, rel=1e-7)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_rounding_and_limits_are_monotone(seed: int) -> None:
    """Without it inner rounding might not be driveable, and a tighter line might seem to save money."""
    problem = drawn(seed)
    inner = solve(problem, soc_step=0.03)
    outer = solve(problem, soc_step=0.03, rounding="outer")
    tighter = solve(drawn(seed, line_kw=8.0), soc_step=0.03)
    if inner.status == "solved":
        assert outer.status == "solved"
        assert outer.cost <= inner.cost + 1e-6
        if tighter.status == "solved":
            assert tighter.cost >= inner.cost - 1e-6
    else:
        assert tighter.status != "solved"


def test_a_dual_is_the_slope_of_cost_in_its_limit() -> None:
    """Without it tariffs would not say what a line's limit is worth."""
    problem = drawn(3, line_kw=9.0)
    solution = solve(problem)
    assert solution.status == "solved"
    t = int(np.argmax(solution.dual_high[0]))
    assert solution.dual_high[0, t] > 1e-3
    assert problem.rows is not None
    costs = []
    for change in (-0.01, 0.01):
        high = problem.rows.high.copy()
        high[0, t] += change
        costs.append(solve(replace(problem, rows=replace(problem.rows, high=high))).cost)
    assert (costs[0] - costs[1]) / 0.02 == pytest.approx(solution.dual_high[0, t], rel=0.05)


def test_own_problems_at_all_prices_repeat_the_central_power() -> None:
    """Without it published prices could not be claimed to decentralise (tariff-17, tariff-18)."""
    problem = drawn(3, line_kw=9.0, chargers=3)
    central = solve(problem)
    assert central.status == "solved" and problem.rows is not None
    line, voltage = central.tariff_per_kwh(problem.rows, STEP_H)
    travel = problem.travel
    for m in range(2):
        mine = travel.aggregator == m
        own = replace(
            problem,
            rows=None,
            travel=Travel(*(getattr(travel, n)[mine] for n in Travel.__slots__)),
            price_per_kwh=problem.price_per_kwh + (line + voltage)[None],
            toll=central.toll,
            charger_price=central.charger_price,
        )
        for warm in (central, None):
            answer = solve(own, warm=warm, traffic=False)
            assert answer.status == "solved"
            np.testing.assert_allclose(answer.power_kw[m], central.power_kw[m], atol=0.05)


def test_too_little_power_is_measured_in_kilowatts() -> None:
    """Without it nobody would learn which limit stands in the way, and by how much."""
    problem = drawn(3, line_kw=0.5)
    assert solve(problem).status == "infeasible"
    answer = solve(problem, elastic=True)
    assert answer.status == "solved"
    assert answer.relaxed["rows_high"].sum() > 1.0
    wider = replace(
        problem, rows=replace(problem.rows, high=problem.rows.high + answer.relaxed["rows_high"] + 1e-3)
    )
    relaxed_elsewhere = answer.relaxed["roads"].sum() + answer.relaxed["chargers"].sum()
    assert relaxed_elsewhere > 1e-3 or solve(wider).status == "solved"


def test_vehicles_without_any_plan_are_counted() -> None:
    """Without it a trip that cannot end in time would be dropped in silence."""
    problem = drawn(3)
    depart = problem.travel.depart_step.copy()
    depart[0] = STEPS - 1
    late = replace(problem, travel=replace(problem.travel, depart_step=depart))
    answer = solve(late)
    assert answer.status == "infeasible"
    assert answer.unserved.tolist() == [problem.travel.vehicles[0], 0.0, 0.0, 0.0]


def test_a_step_that_weakens_chargers_is_said() -> None:
    """Without it a coarse step would take power from vehicles in silence."""
    assert any("4 kW" in note for note in solve(drawn(3), soc_step=0.07).notes)
    assert not solve(drawn(3)).notes
