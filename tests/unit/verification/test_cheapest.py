"""The cheapest charging under prices, against HiGHS."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.verification.reference import Plain, cheapest
from tidewatt.verification.coordination.cheapest import cheapest_costs, step_span

STEP_MIN, STEPS = 30.0, 40


def own_cost(plain: Plain, arrive, depart, power, price) -> float:
    """What the kernel says of one vehicle."""
    out = np.full(1, np.nan)
    cheapest_costs(
        np.array([0, len(arrive)]),
        np.array(arrive, float),
        np.array(depart, float),
        np.array(power, float),
        np.array(plain.feeder, np.int32),
        np.array(plain.lower, float),
        np.array(plain.upper, float),
        price,
        STEP_MIN,
        out,
    )
    return float(out[0])


def random_vehicle(seed: int, dwells: int, levels: int, width: str):
    """Opportunities with feasible nested bounds; few price levels make ties, `width` sets the bounds."""
    rng = np.random.default_rng(seed)
    edges = np.sort(rng.choice(np.arange(1, int(STEP_MIN * STEPS) * 4), 2 * dwells, replace=False)) / 4.0
    arrive, depart = edges[::2], edges[1::2]
    power = rng.choice([3.7, 7.4, 11.0], dwells)
    feeder = [int(g) for g in rng.integers(-1, 3, dwells)]
    price = np.round(rng.random((3, STEPS)) * levels) / levels * (rng.random((3, STEPS)) < 0.7)
    steps, unmanaged = [], []
    room = np.zeros(dwells)
    for j in range(dwells):
        slots = []
        for s in range(STEPS):
            overlap = min(depart[j], (s + 1) * STEP_MIN) - max(arrive[j], s * STEP_MIN)
            if overlap > 0:
                slots.append((s, power[j] * overlap / STEP_MIN))
        steps.append(slots)
        room[j] = sum(p for _, p in slots) * STEP_MIN / 60
    drawn = np.cumsum(room * rng.random(dwells) * (rng.random(dwells) < 0.8))
    if width == "zero":
        lower, upper = drawn, drawn
    elif width == "free":
        lower, upper = np.zeros(dwells), np.full(dwells, np.inf)
        lower[-1] = drawn[-1]
    else:
        lower = np.maximum.accumulate(np.maximum(drawn - rng.exponential(2.0, dwells), 0.0))
        upper = np.maximum.accumulate(drawn + rng.exponential(2.0, dwells))
    upper = np.minimum(upper, 1e6)
    return Plain([], feeder, steps, list(lower), list(upper), unmanaged, 0.0), arrive, depart, power, price


@settings(max_examples=300, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    dwells=st.integers(1, 12),
    levels=st.sampled_from([1, 2, 5, 1000]),
    width=st.sampled_from(["zero", "free", "nested"]),
)
def test_cheapest_equals_highs(seed, dwells, levels, width):
    """A wrong merge, a wrong cut or lost ties would let a false bound pass, or refuse a true one."""
    plain, arrive, depart, power, price = random_vehicle(seed, dwells, levels, width)
    wanted = cheapest(plain, price, STEP_MIN / 60)
    assert own_cost(plain, arrive, depart, power, price) == pytest.approx(wanted, rel=1e-9, abs=1e-7)


@pytest.mark.parametrize("dwells", [100, 300])
def test_cheapest_of_hundreds_of_dwells(dwells):
    """Buffers sized for few opportunities would overflow; several dwells a step need their own segments."""
    plain, arrive, depart, power, price = random_vehicle(dwells, dwells, 1000, "nested")
    wanted = cheapest(plain, price, STEP_MIN / 60)
    assert own_cost(plain, arrive, depart, power, price) == pytest.approx(wanted, rel=1e-9, abs=1e-7)


def test_need_is_bought_where_it_is_cheap_even_if_later_is_full():
    """By hand: 4 kWh needed, 2 at price 1 and the rest at 3; the bound cuts off the later cheap hour."""
    price = np.zeros((1, STEPS))
    price[0, :4] = [3.0, 1.0, 3.0, 0.5]
    plain = Plain([], [0, 0], [], [4.0, 4.0], [9.0, 4.0], [], 0.0)
    # 4 kW over half-hour steps: 2 kWh each; one at price 1, one at price 3, per kW averaged over a step.
    cost = own_cost(plain, [0.0, 90.0], [90.0, 120.0], [4.0, 4.0], price)
    assert cost == pytest.approx(4 * 1.0 + 4 * 3.0)


def test_a_vehicle_without_opportunities_costs_nothing():
    """Vehicles that never charge must not pick up the cost of the one before."""
    out = np.full(3, np.nan)
    price = np.ones((1, STEPS))
    one, bound = np.array([4.0]), np.array([1.0])
    cheapest_costs(
        np.array([0, 0, 1, 1]),
        np.array([0.0]),
        np.array([60.0]),
        one,
        np.array([0], np.int32),
        bound,
        one,
        price,
        STEP_MIN,
        out,
    )
    assert out.tolist() == [0.0, 2.0, 0.0]


@pytest.mark.parametrize(
    ("arrive", "depart", "span"),
    [
        (0.0, 30.0, (0, 1)),
        (29.9, 30.1, (0, 2)),
        (30.0 - 1e-12, 60.0 + 1e-12, (1, 2)),
        (31.0, 32.0, (1, 2)),
        (1170.0, 1200.0, (39, 40)),
    ],
)
def test_steps_touched(arrive, depart, span):
    """A step more or less would shift powers against their schedule rows."""
    assert step_span(arrive, depart, STEP_MIN, STEPS) == span
