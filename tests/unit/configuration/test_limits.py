"""Limits of station plans: what is allowed, repairs, and reasons why nothing fits."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tidewatt
from tidewatt.configuration.limits import (
    Limits,
    added_kw,
    allowed,
    capital,
    limits_of,
    repair,
    smallest_headroom_kw,
    station_cost_holds,
)
from tidewatt.configuration.validation import clash, problems
from tidewatt.options.configuration import CONFIGURATION, ConfigurationOptions

INF = np.inf


def limits(**changes: Any) -> Limits:
    """Three stations: two on feeder A, one on none."""
    values: dict[str, Any] = {
        "station_id": np.array([11, 12, 13]),
        "fast_before": [2, 4, 0],
        "normal_before": [3, 2, 6],
        "fast_least": [0, 0, 0],
        "normal_least": [0, 0, 0],
        "total_high": [8, 6, 6],
        "fixed": [False] * 3,
        "fast_kw": [120.0] * 3,
        "normal_kw": [30.0] * 3,
        "feeder": [0, 0, -1],
        "feeder_id": np.array(["A"]),
        "feeder_room_kw": [INF],
        "fast_price": 10.0,
        "normal_price": 3.0,
        "resale": [0.5, 0.5, 0.5],
        "budget": INF,
        "station_cost_must_not_rise": True,
    }
    for name, value in (values | changes).items():
        values[name] = np.array(value) if isinstance(value, list) else value
    return Limits(**values)


def plan(*counts: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    fast, normal = zip(*counts, strict=True)
    return np.array([fast]), np.array([normal])


INSTALLED = ((2, 3), (4, 2), (0, 6))


# --- what is allowed -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "counts", "good"),
    [
        ({}, INSTALLED, True),
        ({}, ((4, 4), (6, 0), (3, 3)), True),
        ({}, ((5, 4), (4, 2), (0, 6)), False),
        ({}, ((-1, 4), (4, 2), (0, 6)), False),
        ({"fast_least": [0, 0, 1]}, INSTALLED, False),
        ({"normal_least": [0, 2, 0]}, ((0, 0), (0, 2), (0, 0)), True),
        ({"fixed": [False, True, False]}, ((8, 0), (4, 2), (1, 0)), True),
        ({"fixed": [False, True, False]}, ((8, 0), (4, 1), (1, 0)), False),
        ({"feeder_room_kw": [240.0]}, ((4, 3), (4, 2), (0, 6)), True),
        ({"feeder_room_kw": [239.9]}, ((4, 3), (4, 2), (0, 6)), False),
        ({"feeder_room_kw": [0.0]}, ((4, 3), (2, 2), (6, 0)), True),  # moved within the feeder, added off it
        ({"budget": 20.0}, ((4, 3), (4, 2), (0, 6)), True),
        ({"budget": 19.9}, ((4, 3), (4, 2), (0, 6)), False),
        ({"budget": 14.0}, ((4, 3), (4, 2), (0, 2)), True),  # four normal chargers bring half of 12
        ({"budget": -10.0}, INSTALLED, False),
        ({"budget": -10.0}, ((0, 3), (4, 2), (0, 6)), True),
    ],
)
def test_plans_are_allowed_or_not(changes: dict[str, Any], counts: Any, good: bool) -> None:
    """Without it a search could hand out a plan that site, feeder or budget do not hold."""
    assert allowed(limits(**changes), *plan(*counts)).tolist() == [good]


def test_whole_populations_at_once() -> None:
    """Without it the limits of one plan could decide on another."""
    pairs = zip(plan(*INSTALLED), plan((9, 9), (9, 9), (9, 9)), strict=True)
    fast, normal = (np.concatenate(kind) for kind in pairs)
    assert allowed(limits(), fast, normal).tolist() == [True, False]


def test_capital_and_power_by_hand() -> None:
    """Without it a budget or a feeder could be counted in the wrong unit or with the wrong sign."""
    fast, normal = plan((4, 0), (3, 2), (1, 6))
    assert capital(limits(), fast, normal).tolist() == [2 * 10 - 3 * 3 * 0.5 - 10 * 0.5 + 10]
    assert added_kw(limits(), fast, normal).tolist() == [[2 * 120 - 3 * 30 - 120]]


def test_station_cost_may_fall_or_stay() -> None:
    """Without it (18) could forbid the plan that is installed, or let costs rise."""
    assert station_cost_holds(np.array([-3.0, -2.0, -1.99]), np.array(-2.0)).tolist() == [True, True, False]


# --- limits of a scenario --------------------------------------------------------------------------


def scenario(**changes: Any) -> Any:
    """The example city with other columns in its table of stations."""
    city = tidewatt.example("city")
    return dataclasses.replace(city, stations=dataclasses.replace(city.stations, **changes))


def test_limits_of_a_scenario() -> None:
    """Without it a site without a limit of its own could grow without end, or headroom be a mean."""
    city = scenario()
    s, found = city.stations, limits_of(city, CONFIGURATION.resolve(budget=5.0, age_years=4.0))
    own = np.isnan(s.max_total)
    np.testing.assert_array_equal(found.total_high[own], (s.fast + s.normal)[own])
    np.testing.assert_allclose(found.feeder_room_kw, np.maximum(city.grid.headroom_kw.min(axis=1), 0.0))
    assert found.budget == 5.0
    np.testing.assert_allclose(found.resale[np.isnan(s.age_years) & np.isnan(s.life_years)], 0.6)
    assert np.isinf(limits_of(city, CONFIGURATION.resolve(feeder_headroom=False)).feeder_room_kw).all()
    given = np.full(city.grid.feeders, -7.0)
    assert (limits_of(city, CONFIGURATION.resolve(), given).feeder_room_kw == 0.0).all()
    assert smallest_headroom_kw(city).shape == (city.grid.feeders,)
    assert problems(s, CONFIGURATION.resolve(), found) == []


def test_site_limits_of_the_table_win() -> None:
    """Without it max_total could be read and then ignored."""
    count = len(scenario().stations)
    found = limits_of(scenario(max_total=np.full(count, 7.9)), CONFIGURATION.resolve())
    assert (found.total_high == 7).all()


# --- repair ----------------------------------------------------------------------------------------


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Limits, np.ndarray, np.ndarray]:
    """Limits of all kinds, tight and loose, and a population that knows nothing of them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    stations, feeders, plans = draw(st.integers(1, 8)), draw(st.integers(0, 3)), draw(st.integers(1, 5))
    before = rng.integers(0, 6, (2, stations))
    least = rng.integers(0, 3, (2, stations)) * (rng.random() < 0.5)
    made = limits(
        station_id=np.arange(stations),
        fast_before=before[0],
        normal_before=before[1],
        fast_least=least[0],
        normal_least=least[1],
        total_high=before.sum(axis=0) + rng.integers(-1, 4, stations),
        fixed=rng.random(stations) < 0.2,
        fast_kw=rng.uniform(50, 200, stations),
        normal_kw=rng.uniform(5, 40, stations),
        feeder=rng.integers(-1, feeders, stations),
        feeder_id=np.arange(feeders),
        feeder_room_kw=rng.choice([0.0, 100.0, 500.0, INF], feeders),
        resale=rng.choice([0.0, 0.3, 1.0, 1.5], stations),
        budget=float(rng.choice([-20.0, 0.0, 15.0, INF])),
    )
    return made, rng.integers(-3, 12, (plans, stations)), rng.integers(-3, 12, (plans, stations))


def fewest(made: Limits) -> tuple[np.ndarray, np.ndarray]:
    return made.fast_low[None], made.normal_low[None]


@settings(max_examples=300, deadline=None)
@given(worlds(), st.integers(0, 1000))
def test_repaired_plans_keep_all_limits(world: tuple[Limits, np.ndarray, np.ndarray], seed: int) -> None:
    """Without it a search would waste its evaluations on plans that nobody may build."""
    made, fast, normal = world
    found = repair(made, fast, normal, np.random.default_rng(seed))
    assert all(kind.dtype == np.int64 and kind.shape == fast.shape for kind in found)
    possible = bool(allowed(made, *fewest(made))[0])
    assert (allowed(made, *found) == possible).all()
    assert (clash(made) == []) == possible


@settings(max_examples=200, deadline=None)
@given(worlds(), st.integers(0, 1000))
def test_repair_leaves_alone_what_is_allowed(world: tuple[Limits, np.ndarray, np.ndarray], seed: int) -> None:
    """Without it good plans would drift whenever they are repaired once more."""
    made, fast, normal = world
    once = repair(made, fast, normal, np.random.default_rng(seed))
    again = repair(made, *once, np.random.default_rng(seed + 1))
    good = allowed(made, *once)
    for a, b in zip(once, again, strict=True):
        np.testing.assert_array_equal(a[good], b[good])


@settings(max_examples=200, deadline=None)
@given(worlds(), st.integers(0, 1000))
def test_the_place_in_the_population_does_not_matter(
    world: tuple[Limits, np.ndarray, np.ndarray], seed: int
) -> None:
    """Without it a run that resumes, or divides its population among threads, would find something else."""
    made, fast, normal = world
    order = np.random.default_rng(seed).permutation(len(fast))
    there = repair(made, fast, normal, np.random.default_rng(7))
    shuffled = repair(made, fast[order], normal[order], np.random.default_rng(7))
    alone = repair(made, fast[:1], normal[:1], np.random.default_rng(7))
    for a, b, c in zip(there, shuffled, alone, strict=True):
        np.testing.assert_array_equal(a[order], b)
        np.testing.assert_array_equal(a[:1], c)


@settings(max_examples=100, deadline=None)
@given(worlds())
def test_repair_takes_no_more_than_it_must(world: tuple[Limits, np.ndarray, np.ndarray]) -> None:
    """Without it repaired plans could always be the emptiest ones. Only counts below the minima may rise."""
    made, fast, normal = world
    found = repair(made, fast, normal, np.random.default_rng(0))
    for kind, asked, low in zip(found, (fast, normal), fewest(made), strict=True):
        assert (kind <= np.where(made.fixed, low, np.maximum(asked, low))).all()
    loose = dataclasses.replace(made, budget=INF, feeder_room_kw=np.full(len(made.feeder_id), INF))
    fitted = repair(loose, fast, normal, np.random.default_rng(0))
    wanted = np.maximum(fast, made.fast_low) + np.maximum(normal, made.normal_low)
    low = made.fast_low + made.normal_low
    held = np.where(made.fixed, low, np.minimum(wanted, np.maximum(made.total_high, low)))
    np.testing.assert_array_equal(fitted[0] + fitted[1], held)


def test_repairs_differ_between_draws_and_plans() -> None:
    """Without it chargers would always be taken from the same stations, and searches see no others."""
    count = 30
    made = limits(
        station_id=np.arange(count),
        fast_before=np.full(count, 2),
        normal_before=np.full(count, 2),
        fast_least=np.zeros(count),
        normal_least=np.zeros(count),
        total_high=np.full(count, 9),
        fixed=np.zeros(count, bool),
        fast_kw=np.full(count, 120.0),
        normal_kw=np.full(count, 30.0),
        feeder=np.full(count, -1),
        resale=np.full(count, 0.5),
        budget=50.0,
    )
    rng = np.random.default_rng(1)
    fast = np.tile(np.full(count, 4), (2, 1))
    fast[1, 0] = 5
    first, _ = repair(made, fast, np.full((2, count), 2), rng)
    second, _ = repair(made, fast, np.full((2, count), 2), rng)
    assert (first[0] != second[0]).any()
    assert (first[0] != first[1]).sum() > 2
    # Six of ten chargers that cost 10 each are left of those that the plan wants to buy; nothing is sold.
    assert (first >= 2).all() and capital(made, first, np.full((2, count), 2)).tolist() == [50.0, 50.0]


# --- why nothing fits ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"fixed": [False, True, False], "total_high": [8, 4, 6]},
            ["stations.max_total [12]", "fixed at 6 chargers, but max_total is 4"],
        ),
        (
            {"fast_least": [5, 0, 0], "normal_least": [4, 0, 0]},
            ["stations.max_total [11]", "fast_min 5 and normal_min 4 add up to more than max_total 8"],
        ),
        (
            {"fixed": [False, False, True], "fast_least": [0, 0, 2]},
            ["stations.fast_min [13]", "fixed at 0 fast chargers, but fast_min is 2"],
        ),
        (
            {"fast_least": [8, 4, 0], "normal_least": [0, 2, 0], "feeder_room_kw": [200.0]},
            [
                "stations.fast_min [11]",
                "feeder A has 200 kW of headroom",
                "need 630 kW more than is installed",
            ],
        ),
        (
            {"budget": -60.0},
            ["configuration.budget", "the budget is -60, and selling all that may go brings only 46.5"],
        ),
        (
            {"fast_least": [4, 4, 0], "normal_least": [3, 2, 6], "budget": 12.0},
            ["configuration.budget", "the budget is 12, and what fast_min and normal_min ask for costs 20"],
        ),
    ],
)
def test_clashes_are_explained(changes: dict[str, Any], words: list[str]) -> None:
    """Without it a user would only hear that nothing fits, or a search would run forever."""
    (issue,) = clash(limits(**changes))
    for word in words:
        assert word in str(issue)


def test_every_clash_is_told_at_once() -> None:
    """Without it a user would mend one limit after another, a run each."""
    found = clash(
        limits(fixed=[False, True, False], total_high=[8, 4, 6], fast_least=[9, 0, 7], budget=-60.0)
    )
    assert [(issue.table, issue.field) for issue in found] == [
        ("stations", "max_total"),
        ("stations", "max_total"),
        ("configuration", "budget"),
    ]
    assert found[1].ids == ("11", "13") and found[1].count == 2


# --- bad input -------------------------------------------------------------------------------------


def found_in(parameters: ConfigurationOptions | None = None, **changes: Any) -> list[str]:
    world, parameters = scenario(**changes), parameters or CONFIGURATION.resolve()
    return [str(issue) for issue in problems(world.stations, parameters, limits_of(world, parameters))]


def test_missing_prices_are_found() -> None:
    """Without it stations without a price would look like ones that earn nothing, and be sold."""
    price = np.array(scenario().stations.price_fast_per_kwh)
    price[[3, 5]] = 0.0
    s = scenario().stations
    windows = ("price_start_min", "price_end_min", "window_price_fast_per_kwh", "window_price_normal_per_kwh")
    none = dict.fromkeys(windows, np.zeros(0)) | {"price_first": np.zeros(len(s) + 1)}
    (issue,) = found_in(price_fast_per_kwh=price, **none)
    assert (
        "price_fast_per_kwh" in issue
        and str(s.station_id[3]) in issue
        and "fast charging has no price" in issue
    )


def test_a_window_is_a_price() -> None:
    """Without it stations with prices by time of day only would be refused."""
    s = scenario().stations
    count = len(s)
    ends = {"price_first": np.arange(count + 1), "price_end_min": np.full(count, 60.0)}
    ones = dict.fromkeys(("window_price_fast_per_kwh", "window_price_normal_per_kwh"), np.ones(count))
    windows = ends | ones | {"price_start_min": np.zeros(count)}
    assert found_in(price_fast_per_kwh=np.zeros(count), price_normal_per_kwh=np.zeros(count), **windows) == []


def test_negative_counts_are_found() -> None:
    """Without it a plan could have fewer than no chargers."""
    fast = np.array(scenario().stations.fast)
    fast[0] = -2
    (issue,) = found_in(fast=fast)
    assert "stations.fast" in issue and "found -2 (allowed: 0 or more)" in issue


def test_no_way_down_to_a_site_limit_is_found() -> None:
    """Without it a site limit below what is installed would end in a search without a plan."""
    s = scenario().stations
    fixed, low = np.ones(len(s), bool), s.fast + s.normal - 1
    (issue,) = found_in(fixed=fixed, max_total=low.astype(float))
    assert "max_total" in issue and "is fixed at" in issue
    assert found_in(max_total=low.astype(float)) == []


def test_ages_that_the_printed_formulas_cannot_take_are_found() -> None:
    """Without it costs as printed would be infinite, or not a number, for chargers new or at their end."""
    unknown = np.full(len(scenario().stations), np.nan)
    (issue,) = found_in(CONFIGURATION.resolve(mode="paper-equation"), age_years=unknown)
    assert "age_years" in issue and "above 0 and below life_years" in issue
    assert found_in(CONFIGURATION.resolve(mode="paper-equation", age_years=3.0), age_years=unknown) == []


def test_a_life_of_nothing_is_found() -> None:
    """Without it the resale value of chargers would be a division by zero."""
    issue, *_ = found_in(life_years=np.zeros(len(scenario().stations)))
    assert "life_years" in issue and "the life is 0 years" in issue


def test_a_station_may_lie_off_the_grid() -> None:
    """Without it a station on no feeder could use up the last feeder's room."""
    made = limits(feeder_room_kw=[0.0], total_high=[8, 6, 99])
    assert allowed(made, *plan((2, 3), (4, 2), (50, 6))).tolist() == [True]


def test_scenarios_without_feeders_have_limits() -> None:
    """Without it a city without a grid could not be configured."""
    city = scenario()
    nothing = SimpleNamespace(feeders=0, feeder_id=np.zeros(0, np.int64), headroom_kw=np.zeros((0, 96)))
    bare = SimpleNamespace(stations=city.stations, grid=nothing)
    found = limits_of(bare, CONFIGURATION.resolve())  # type: ignore[arg-type]
    assert allowed(found, city.stations.fast[None], city.stations.normal[None]).tolist() == [True]
