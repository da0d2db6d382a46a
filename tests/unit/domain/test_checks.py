"""Checks of a scenario's arrays: what is reported, and that nothing right is."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidewatt.domain.checks import itineraries
from tidewatt.domain.checks.scenario import check
from tidewatt.domain.fleet import Dwells, Fleet, Trips
from tidewatt.domain.grid import CostPieces, Grid
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.scenario import Scenario


def scenario(dwells=None, trips=None, vehicles: int = 1) -> Scenario:
    """A sound scenario of 4 hours: each vehicle parked from 0 to 60, driving to 90, parked to 240."""
    n = vehicles
    one = np.ones(n)
    fleet = Fleet(
        vehicle_id=np.arange(10, 10 + n),
        battery_kwh=60 * one,
        soc_initial=0.5 * one,
        soc_min=0.1 * one,
        soc_max=0.9 * one,
        soc_final_min=0.5 * one,
        charge_efficiency=0.9 * one,
        max_charge_kw=np.inf * one,
        weight=one,
        discharge_efficiency=0.9 * one,
        max_discharge_kw=0 * one,
    )
    dwells = [[(0, 60), (90, 240)]] * n if dwells is None else dwells
    trips = [[(60, 90)]] * n if trips is None else trips

    def rows(of_vehicles):
        first = np.cumsum([0, *map(len, of_vehicles)])
        flat = np.array([pair for rows_ in of_vehicles for pair in rows_], float).reshape(-1, 2)
        return first, flat[:, 0], flat[:, 1]

    first, arrive, depart = rows(dwells)
    d = Dwells(first, arrive, depart, np.zeros(len(arrive), int), 7 * np.ones(len(arrive)))
    t = Trips(*rows(trips), np.ones(len(rows(trips)[1])))
    grid = Grid(
        feeder_id=["F"],
        bank_id=["B"],
        bank=[0],
        headroom_kw=np.ones((1, 4)),
        bank_headroom_kw=np.ones((1, 4)),
        cost=CostPieces.linear(np.ones(1)),
        bank_cost=CostPieces.linear(np.ones(1)),
        rating_kw=[np.nan],
        bank_rating_kw=[10.0],
    )
    return Scenario("s", Horizon(datetime(2027, 1, 11), 60, 4), fleet, d, t, grid)


def fields(s: Scenario) -> list[tuple[str, str]]:
    """Where issues were found."""
    return [(issue.table, issue.field) for issue in check(s)]


def with_fleet(**columns: float) -> Scenario:
    """The sound scenario with other vehicles."""
    s = scenario()
    return replace(s, fleet=replace(s.fleet, **{k: np.array([v], float) for k, v in columns.items()}))


def test_sound_scenario() -> None:
    """A sound scenario would be refused."""
    assert check(scenario(vehicles=3)) == []


def test_no_vehicles_and_no_rows() -> None:
    """Empty arrays would end in a traceback of a reduction."""
    assert check(scenario(vehicles=0)) == []
    assert check(scenario(dwells=[[]], trips=[[]])) == []


def test_start_below_soc_min_is_reported_later() -> None:
    """A vehicle may start nearly empty: the study reports its missing energy, so it is not refused."""
    assert check(with_fleet(soc_initial=0.05)) == []


def test_start_above_soc_max_is_refused() -> None:
    """Bounds on the charged energy would contradict each other: at most less than nothing."""
    assert fields(with_fleet(soc_initial=0.95, soc_final_min=0.5)) == [("vehicles", "soc_initial")]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", [n for n in Fleet.__slots__ if n not in ("vehicle_id", "attributes")])
def test_no_vehicle_column_takes_nan_or_infinity(name: str, value: float) -> None:
    """Nan would spread through every load and price without a message."""
    found = fields(with_fleet(**{name: value}))
    expected = [] if name == "max_charge_kw" and value == np.inf else [("vehicles", name)]
    assert found == expected


@pytest.mark.parametrize(
    ("dwells", "trips", "expected"),
    [
        ([(0, 60), (50, 240)], [], [("dwells", "arrive_min")]),
        ([(90, 240), (0, 60)], [], [("dwells", "arrive_min")]),
        ([(0, 60), (60, 60), (60, 240)], [(60, 60)], []),
        ([(0, 60)], [(60, 90), (80, 100)], [("trips", "depart_min")]),
        ([(0, 60)], [(60, 90), (90, 100)], []),
        ([(0, 60), (90, 240)], [(59, 90)], [("trips", "depart_min")]),
        ([(0, 60), (90, 240)], [(60, 91)], [("trips", "arrive_min")]),
        ([(0, 60), (90, 240)], [(10, 20)], [("trips", "depart_min")]),
        ([(0, 60), (70, 80), (90, 240)], [(60, 90)], [("trips", "arrive_min")]),
        ([(0, 60 + 1e-9), (90, 240)], [(60, 90)], []),
        ([(0, 60), (90, 240 + 1e-9)], [(60, 90)], []),
        ([(0, 60), (90, 241)], [(60, 90)], [("dwells", "depart_min")]),
        ([(-1, 60), (90, 240)], [(60, 90)], [("dwells", "arrive_min")]),
        ([(0, np.nan), (90, 240)], [(60, 90)], [("dwells", "depart_min")]),
        ([(0, 60), (90, 240)], [(np.nan, 90)], [("trips", "depart_min")]),
        ([(60, 0), (90, 240)], [(60, 90)], [("dwells", "depart_min")]),
    ],
)
def test_itineraries(dwells, trips, expected) -> None:
    """Two charging sessions at once, or charging while driving, would be scheduled."""
    assert fields(scenario([dwells], [trips])) == expected


def test_rows_of_different_vehicles_do_not_overlap() -> None:
    """The last dwell of one vehicle would be held against the first of the next."""
    s = scenario([[(100, 240)], [], [(0, 100)]], [[], [(0, 240)], [(100, 110)]], vehicles=3)
    assert check(s) == []


spans = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 4)), max_size=4)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(spans, spans), min_size=1, max_size=4), st.sampled_from([1, 3, 1 << 21]))
def test_overlaps_as_by_hand(vehicles, block: int) -> None:
    """The sorted search over all vehicles at once would miss an overlap that comparing pairs finds."""

    def pairs(rows):
        return sorted((20.0 * a, 20.0 * min(a + n, 12)) for a, n in rows)

    def meet(a, b):
        return max(a[0], b[0]) < min(a[1], b[1])

    dwells = [pairs(d) for d, _ in vehicles]
    trips = [pairs(t) for _, t in vehicles]
    expected = any(
        meet(rows[i], rows[j])
        for of in (dwells, trips)
        for rows in of
        for i in range(len(rows))
        for j in range(i)
    )
    expected |= any(meet(a, b) for d, t in zip(dwells, trips, strict=True) for a in d for b in t)
    # A trip of no length inside a dwell, and the like, has no common moment but is no itinerary either.
    inside = any(
        a[0] < b[0] == b[1] < a[1] or b[0] < a[0] == a[1] < b[1]
        for d, t in zip(dwells, trips, strict=True)
        for a, b in [
            *((x, y) for x in d for y in t),
            *((x, y) for x in d for y in d),
            *((x, y) for x in t for y in t),
        ]
    )
    whole = itineraries._ROWS_AT_ONCE
    itineraries._ROWS_AT_ONCE = block
    try:
        found = bool(check(scenario(dwells, trips, vehicles=len(vehicles))))
    finally:
        itineraries._ROWS_AT_ONCE = whole
    assert found == (expected or inside)


def test_names_vehicle_and_number_of_dwell() -> None:
    """The message would point at the wrong vehicle."""
    s = scenario([[(0, 60)], [(0, 60), (50, 70)]], [[], []], vehicles=2)
    (issue,) = check(s)
    assert issue.ids == ("11 (dwell 1)",)


def test_first_few_ids_and_count() -> None:
    """A million wrong rows would be listed one by one, or their number would stay unknown."""
    s = scenario(vehicles=20)
    s = replace(s, fleet=replace(s.fleet, weight=np.zeros(20)))
    (issue,) = check(s)
    assert issue.count == 20
    assert issue.ids == ("10", "11", "12", "13", "14")
    assert "and 15 more" in str(issue)


def test_wrong_shapes_are_reported_before_anything_is_indexed() -> None:
    """A scenario put together by hand with a column too short would end in an IndexError."""
    s = scenario(vehicles=2)
    assert ("vehicles", "weight") in fields(replace(s, fleet=replace(s.fleet, weight=np.ones(3))))
    assert ("feeders", "headroom_kw") in fields(replace(s, grid=replace(s.grid, headroom_kw=np.ones((1, 3)))))
    assert ("dwells", "first") in fields(replace(s, dwells=replace(s.dwells, first=[0, 2])))
    assert ("dwells", "feeder_id") in fields(replace(s, dwells=replace(s.dwells, feeder=[0, 0, 0, 7])))
    assert ("feeders", "bank_id") in fields(replace(s, grid=replace(s.grid, bank=[4])))
    assert ("trips", "energy_kwh") in fields(replace(s, trips=replace(s.trips, energy_kwh=[1.0])))
    short = CostPieces([0], [], [])
    assert ("upgrade_costs", "feeders") in fields(replace(s, grid=replace(s.grid, cost=short)))


def test_horizon() -> None:
    """A step of no length would divide by zero in every bound."""
    s = scenario()
    aware = datetime(2027, 1, 11, tzinfo=timezone.utc)  # noqa: UP017
    assert ("scenario.toml", "horizon.start") in fields(replace(s, horizon=Horizon(aware, 60, 4)))
    assert ("scenario.toml", "horizon.step_min") in fields(replace(s, horizon=Horizon(s.horizon.start, 0, 4)))


@pytest.mark.parametrize(
    ("above", "cost", "expected"),
    [
        ([0, 4, 9], [1, 2, 2], []),
        ([0, 4, 9], [1, 2, 1.5], [("upgrade_costs", "cost_per_kw")]),
        ([1, 4, 9], [1, 2, 3], [("upgrade_costs", "above_kw")]),
        ([0, 4, 4], [1, 2, 3], [("upgrade_costs", "above_kw")]),
        ([0, 4, np.inf], [1, 2, 3], [("upgrade_costs", "above_kw")]),
        ([0, 4, 9], [1, 2, np.nan], [("upgrade_costs", "cost_per_kw")]),
    ],
)
def test_cost_pieces(above, cost, expected) -> None:
    """Costs that are not convex would give a bound that is none."""
    s = scenario()
    assert fields(replace(s, grid=replace(s.grid, cost=CostPieces([0, 3], above, cost)))) == expected


def test_duplicate_ids() -> None:
    """Two vehicles of one id could not be told apart in the results."""
    s = scenario(vehicles=2)
    assert fields(replace(s, fleet=replace(s.fleet, vehicle_id=["a", "a"]))) == [("vehicles", "vehicle_id")]
