"""Roads and a grid joined into a case of tariffs: what is kept of both, and what the rules make of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

import tidewatt
from tests.verification.road_scenarios import roads_of, scenario_of
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.scenario import Scenario
from tidewatt.domain.stations import Stations
from tidewatt.errors import ScenarioError
from tidewatt.synthesis.day_shapes import time_of_day
from tidewatt.synthesis.joined.case import Joined, join
from tidewatt.synthesis.joined.rules import JoiningRules
from tidewatt.synthesis.joined.ways import parted, ways_of

# a - b - c in a row, both ways: 22 min and 11 km, then 20 min and 10 km.
ENDS = [(0, 1), (1, 0), (1, 2), (2, 1)]
ROW = {"free_time_min": [22.0, 22.0, 20.0, 20.0], "length_km": [11.0, 11.0, 10.0, 10.0]}
TRIPS = [(0, 2, 100.0), (0, 1, 60.0), (2, 1, 40.0), (1, 1, 500.0)]


@pytest.fixture(scope="module")
def grid() -> Scenario:
    return tidewatt.example("tariff-20-17")


@pytest.fixture(scope="module")
def row() -> Scenario:
    roads = roads_of(
        3, ENDS, zones=(0, 1, 2), capacity_veh_h=[800.0, 700.0, 600.0, 500.0], period_h=24, **ROW
    )
    return scenario_of(roads, TRIPS)


@pytest.fixture(scope="module")
def joined(row: Scenario, grid: Scenario) -> Joined:
    return join(row, grid, JoiningRules.of(vehicles=90.0, sites=3, chargers=7, road_share=0.5), name="row")


def stations(**given) -> Stations:
    """Two stations at b, fast and normal, and at c, normal only."""
    n, none = 2, np.full(2, np.nan)
    columns = {
        "station_id": ["S1", "S2"],
        "node": [1, 2],
        "fast": [3, 0],
        "normal": [5, 4],
        "fast_kw": [60.0, 50.0],
        "normal_kw": [11.0, 7.0],
        "feeder": [-1, -1],
        "price_fast_per_kwh": [0.6, 0.0],
        "price_normal_per_kwh": [0.4, 0.0],
        "max_total": none,
        "age_years": none,
        "life_years": none,
        "fixed": np.zeros(n, bool),
        "fast_min": np.zeros(n),
        "normal_min": np.zeros(n),
        "snap_km": none,
        "price_first": [0, 1, 1],
        "price_start_min": [600.0],
        "price_end_min": [720.0],
        "window_price_fast_per_kwh": [0.9],
        "window_price_normal_per_kwh": [np.nan],
    }
    return Stations(**(columns | given))


def test_a_case_is_complete_and_nothing_is_wrong_with_it(joined: Joined) -> None:
    """Would break if a part were missing or out of line with another: no tariff could be found."""
    assert tidewatt.check(joined.scenario) == []
    assert joined.scenario.name == "row"


def test_vehicles_are_those_asked_for_and_travel_like_all_trips(joined: Joined) -> None:
    """Would break if vehicles were lost, or trips within a zone took some of them."""
    t = joined.scenario.travel
    assert t is not None
    assert t.vehicles.sum() == pytest.approx(90.0)
    assert (t.vehicles > 0).all()
    for origin, destination, trips in TRIPS[:3]:
        pair = (t.origin == origin) & (t.destination == destination)
        assert t.vehicles[pair].sum() == pytest.approx(90.0 * trips / 200.0)
        low = pair & (t.soc_initial == 0.22)
        assert t.vehicles[low].sum() == pytest.approx(0.3 * t.vehicles[pair].sum())
    assert set(t.soc_initial) == {0.22, 0.5}
    assert set(t.soc_final_min) == {0.2}
    # Origins are dealt out in turn: a to the first aggregator, c (the third zone) to the first again.
    assert {(int(o), int(m)) for o, m in zip(t.origin, t.aggregator, strict=True)} == {(0, 0), (2, 0)}


def test_departures_follow_the_day_within_the_hours_asked_for(row: Scenario, grid: Scenario) -> None:
    """Would break if vehicles set out at night, or all hours were alike."""
    rules = JoiningRules.of(
        vehicles=90.0, depart_from_h=7.0, depart_to_h=9.0, depart_every_min=30.0, road_share=1.0
    )
    t = join(row, grid, rules).scenario.travel
    assert t is not None
    steps, group = np.unique(t.depart_step, return_inverse=True)
    assert steps.tolist() == [28, 30, 32, 34]  # 7:00, 7:30, 8:00 and 8:30 in quarters of an hour
    day = np.asarray(time_of_day())
    expected = day[420:540].reshape(4, 30).sum(axis=1)
    np.testing.assert_allclose(np.bincount(group, t.vehicles) / 90.0, expected / expected.sum(), rtol=1e-9)


def test_every_day_of_a_horizon_has_its_vehicles(row: Scenario, grid: Scenario) -> None:
    """Would break if a week of the grid spread one day's vehicles over seven."""
    days, steps = 3, 24
    longer = replace(
        grid,
        horizon=Horizon(datetime(2027, 1, 11), 60.0, days * steps),
        injections=replace(
            grid.injections,
            **{
                name: np.tile(getattr(grid.injections, name)[:, ::4], (1, days))
                for name in ("power_kw", "reactive_kvar", "half_width_kw")
            },
        ),
        forecasts=None,
    )
    t = join(row, longer, JoiningRules.of(vehicles=90.0)).scenario.travel
    assert t is not None
    np.testing.assert_allclose(np.bincount(t.depart_step // steps, t.vehicles), [90.0] * days)


def test_nobody_is_under_way_at_the_end_of_the_horizon(row: Scenario, grid: Scenario) -> None:
    """Would break if late departures made a case that no study accepts, or vehicles were lost for it."""
    slow = roads_of(3, ENDS, zones=(0, 1, 2), free_time_min=[300.0, 300.0, 20.0, 20.0], length_km=5.0)
    made = join(
        scenario_of(slow, [(0, 2, 10.0), (2, 1, 30.0)]), grid, JoiningRules.of(vehicles=90.0, sites=3)
    )
    t = made.scenario.travel
    assert t is not None
    far = t.destination == 2
    # 21 steps on the road and an hour for charging: the last sets out in step 96 - 21 - 4 = 71.
    assert t.depart_step[far].max() == 71
    assert t.depart_step[~far].max() == 79
    assert t.vehicles.sum() == pytest.approx(90.0)
    assert t.vehicles[far].sum() == pytest.approx(22.5)
    assert any("of the vehicles set out earlier" in note for note in made.notes)
    assert tidewatt.check(made.scenario) == []


def test_roads_become_steps_capacities_and_energy(joined: Joined) -> None:
    """Would break if minutes, hours or kilometres were mixed up."""
    roads = joined.scenario.step_roads
    assert roads is not None
    assert roads.free_flow_steps.tolist() == [1, 1, 1, 1]
    np.testing.assert_allclose(roads.capacity_per_step, np.array([800, 700, 600, 500]) * 0.25 * 0.5)
    np.testing.assert_allclose(roads.energy_kwh, [2.2, 2.2, 2.0, 2.0])
    assert any("0.5 of every road's capacity" in note for note in joined.notes)


def test_capacity_left_fills_the_busiest_road_by_default(row: Scenario, grid: Scenario) -> None:
    """Would break if a few vehicles had the roads to themselves, or many could not get through at all."""
    roads = roads_of(2, [(0, 1), (1, 0)], zones=(0, 1))
    one_way = scenario_of(roads, [(0, 1, 7.0)])
    made = join(one_way, grid, JoiningRules.of(vehicles=300.0, road_fill=1.5, sites=1)).scenario
    assert made.step_roads is not None and made.travel is not None
    busiest = np.bincount(made.travel.depart_step, made.travel.vehicles).max()  # a group a step
    np.testing.assert_allclose(made.step_roads.capacity_per_step * 1.5, busiest)
    # However groups are formed, a step holds its part of a group: 4 steps an hour; never less than a step.
    for every_min, steps in ((60.0, 4), (5.0, 1)):
        rules = JoiningRules.of(vehicles=300.0, road_fill=1.5, sites=1, depart_every_min=every_min)
        made = join(one_way, grid, rules).scenario
        assert made.step_roads is not None and made.travel is not None
        busiest = np.bincount(made.travel.depart_step, made.travel.vehicles).max()
        np.testing.assert_allclose(made.step_roads.capacity_per_step * 1.5 * steps, busiest)
    once, twice = (join(row, grid, JoiningRules.of(vehicles=v)).scenario.step_roads for v in (50.0, 100.0))
    assert once is not None and twice is not None
    np.testing.assert_allclose(2.0 * once.capacity_per_step, twice.capacity_per_step)
    np.testing.assert_allclose(once.capacity_per_step / once.capacity_per_step[0], np.array([8, 7, 6, 5]) / 8)


def test_what_rounding_does_is_said_as_by_hand(joined: Joined, row: Scenario, grid: Scenario) -> None:
    """Would break if the report hid that trips got shorter or longer by rounding."""
    # Exact: (100 * 42 + 60 * 22 + 40 * 20) / 200 = 31.6 min. Link by link: 30, 15 and 15 min.
    words = "a trip takes 31.6 min on the empty roads, 22.5 min in steps of 15 min (-29%)"
    assert words in joined.notes
    # Four streets of 5 min each a step: 60 min. Direct links: 20 min, a step of 15.
    street = roads_of(5, [(k, k + 1) for k in range(4)], zones=(0, 4), free_time_min=5.0)
    long = scenario_of(street, [(0, 1, 10.0)])
    for contract, said in (
        (False, "60.0 min in steps of 15 min (+200%)"),
        (True, "15.0 min in steps of 15 min (-25%)"),
    ):
        made = join(long, grid, JoiningRules.of(contract=contract, sites=1))
        assert f"a trip takes 20.0 min on the empty roads, {said}" in made.notes
    # Where a stop lies between, two short links may still be faster than the direct one, and this is said.
    direct = join(row, grid, JoiningRules.of(contract=True))
    assert words in direct.notes


def test_contracting_keeps_times_and_lengths_of_the_fastest_ways(row: Scenario, grid: Scenario) -> None:
    """Would break if direct links were missing, went the wrong way or added up the wrong kilometres."""
    scenario = join(row, grid, JoiningRules.of(contract=True, sites=1, soc_low=0.35)).scenario
    roads, sites = scenario.step_roads, scenario.sites
    assert roads is not None and sites is not None
    ways = {
        (roads.node_id[i], roads.node_id[j]): (int(s), float(e))
        for i, j, s, e in zip(roads.tail, roads.head, roads.free_flow_steps, roads.energy_kwh, strict=True)
    }
    assert len(ways) == roads.links == 6
    assert ways["n0", "n2"] == (3, pytest.approx(4.2)) == ways["n2", "n0"]
    assert ways["n0", "n1"] == (1, pytest.approx(2.2))
    assert np.isinf(roads.capacity_per_step).all()
    assert roads.node_id[sites.node[0]] == "n0"  # where 160 trips start
    assert tidewatt.check(scenario) == []


def test_sites_stand_where_most_trips_pass(joined: Joined, grid: Scenario) -> None:
    """Would break if sites stood where nobody comes by, or the busiest far out on the feeder."""
    sites = joined.scenario.sites
    assert sites is not None
    # 160 trips start at n0, 100 pass n1 on the way to n2, 40 start at n2; trips that end do not count.
    assert sites.site_id.tolist() == ["site-n0", "site-n1", "site-n2"]
    assert sites.chargers.tolist() == [7, 7, 7]
    assert sites.level_kw.tolist() == [50.0, 25.0] * 3
    assert sites.price_per_kwh.shape == (3, 96)
    assert sites.price_per_kwh[0, 50] > sites.price_per_kwh[0, 0] > 0
    lines = grid.distribution
    assert lines is not None
    assert not lines.slack[sites.bus].any()
    assert len(set(sites.bus)) == 3


def test_nobody_drives_through_a_centroid(grid: Scenario) -> None:
    """Would break if connectors of no length made centroids into short cuts, here from n0 to n2 by n1."""
    ends = [(0, 1), (1, 2), (0, 3), (3, 2), (2, 0)]
    minutes = [1.0, 1.0, 30.0, 30.0, 5.0]
    roads = roads_of(4, ends, zones=(0, 1, 2), closed=(1,), free_time_min=minutes)
    scenario = join(
        scenario_of(roads, [(0, 2, 10.0), (0, 1, 5.0), (1, 2, 5.0)]), grid, JoiningRules()
    ).scenario
    assert scenario.step_roads is not None and scenario.travel is not None and scenario.sites is not None
    made, travel = scenario.step_roads, scenario.travel
    assert made.node_id.tolist() == ["n0", "n1", "n2", "n3", "n1 arrivals"]
    apart, arrive = parted(roads, np.zeros(0))
    assert arrive.tolist() == [0, 4, 2, 3]
    ways = ways_of(apart, np.array([0]))
    assert ways.minutes[0, 2] == pytest.approx(60.0)
    assert ways.minutes[0, 4] == pytest.approx(1.0)
    assert {int(k) for k in travel.destination} == {2, 4}
    assert {int(k) for k in travel.origin} == {0, 1}
    assert not {"site-n1", "site-n1 arrivals"} & set(scenario.sites.site_id)
    # A centroid with a station is a place where one stops, and stays whole.
    assert parted(roads, np.array([1]))[0] is roads


def test_parallel_links_and_dead_ends_are_read_right() -> None:
    """Would break if the slower of two parallel links were taken, or places out of reach had a time."""
    ends = [(0, 1), (0, 1), (1, 2), (3, 0)]
    roads = roads_of(4, ends, free_time_min=[9.0, 4.0, 2.0, 1.0], length_km=[1.0, 8.0, 3.0, 5.0])
    ways = ways_of(roads, np.array([0, 2]))
    np.testing.assert_allclose(ways.minutes, [[0, 4, 6, np.inf], [np.inf, np.inf, 0, np.inf]])
    np.testing.assert_allclose(ways.km, [[0, 8, 11, np.inf], [np.inf, np.inf, 0, np.inf]])
    assert ways.link.tolist() == [[-1, 1, 2, -1], [-1] * 4]
    trips = np.array([[0.0, 3.0, 4.0, 7.0], [0.0] * 4])
    assert ways.carried(roads, trips).tolist() == [0.0, 7.0, 4.0, 0.0]


def test_trips_without_a_road_are_left_out_and_counted(grid: Scenario) -> None:
    """Would break if vehicles that can never arrive made every tariff infeasible."""
    roads = roads_of(3, [(0, 1), (1, 0), (2, 0)], zones=(0, 1, 2))
    made = join(scenario_of(roads, [(0, 1, 10.0), (0, 2, 30.0)]), grid, JoiningRules.of(vehicles=20.0))
    assert "30.0 trips were left out: no road leads from their origin to their end" in made.notes
    assert made.scenario.travel is not None
    assert made.scenario.travel.vehicles.sum() == pytest.approx(20.0)
    assert set(made.scenario.travel.destination) == {1}


def test_stations_become_sites_by_kind_with_their_own_prices_and_buses(row: Scenario, grid: Scenario) -> None:
    """Would break if fast and normal chargers shared powers or prices, or a named bus were overruled."""
    at = stations(attributes={"bus_id": np.array(["F3", "nowhere"], object)})
    made = join(row, grid, JoiningRules.of(road_share=1.0), stations=at)
    sites = made.scenario.sites
    assert sites is not None and grid.distribution is not None
    assert sites.site_id.tolist() == ["S1-fast", "S1-normal", "S2-normal"]
    assert sites.node.tolist() == [1, 1, 2]
    assert sites.chargers.tolist() == [3, 5, 4]
    assert sites.level_kw.tolist() == [60.0, 11.0, 7.0]
    buses = grid.distribution.bus_id[sites.bus].tolist()
    assert buses[:2] == ["F3", "F3"]
    assert buses[2] in grid.distribution.bus_id[~grid.distribution.slack]
    # The window from 10 to 12 h concerns fast charging alone; S2 names no price.
    assert sites.price_per_kwh[0, [39, 40, 47, 48]].tolist() == [0.6, 0.9, 0.9, 0.6]
    assert set(sites.price_per_kwh[1]) == {0.4}
    chosen = join(row, grid, JoiningRules()).scenario.sites
    assert chosen is not None
    assert np.array_equal(sites.price_per_kwh[2], chosen.price_per_kwh[0])
    both = join(row, grid, JoiningRules.of(levels_kw=(50.0, -50.0)), stations=at).scenario.sites
    assert both is not None
    assert both.level_kw.tolist() == [60.0, -60.0, 11.0, -11.0, 7.0, -7.0]
    assert both.level_first.tolist() == [0, 2, 4, 6]
    with pytest.raises(ScenarioError, match="no station has a charger"):
        join(row, grid, JoiningRules(), stations=stations(fast=[0, 0], normal=[0, 0]))


def test_limits_are_made_only_where_there_are_none(row: Scenario, grid: Scenario) -> None:
    """Would break if a limit that somebody measured were overwritten by a rule of thumb."""
    d, injections = grid.distribution, grid.injections
    assert d is not None and injections is not None
    given = np.where(np.arange(d.lines) == 9, 777.0, np.inf)
    made = join(
        row, replace(grid, distribution=replace(d, limit_kw=given)), JoiningRules()
    ).scenario.distribution
    assert made is not None
    assert made.limit_kw[9] == 777.0
    total = np.abs((injections.sign[:, None] * injections.power_kw).sum(axis=0)).max()
    (trunk,) = (k for k in range(d.lines) if d.slack[d.tail[k]] or d.slack[d.head[k]])
    assert made.limit_kw[trunk] == pytest.approx(1.25 * total + 300.0, abs=0.051)
    kept = join(row, grid, JoiningRules()).scenario.distribution
    assert kept is not None
    assert np.array_equal(kept.limit_kw, d.limit_kw)


def test_half_widths_are_made_only_where_there_are_none(row: Scenario, grid: Scenario) -> None:
    """Would break if a known uncertainty were replaced, or an unknown one taken for certainty."""
    known = join(row, grid, JoiningRules.of(half_width=0.3)).scenario.injections
    assert known is not None and grid.injections is not None
    assert np.array_equal(known.half_width_kw, grid.injections.half_width_kw)
    certain = replace(grid.injections, half_width_kw=np.zeros_like(grid.injections.power_kw))
    made = join(row, replace(grid, injections=certain), JoiningRules.of(half_width=0.3))
    assert made.scenario.injections is not None
    np.testing.assert_allclose(made.scenario.injections.half_width_kw, 0.3 * certain.power_kw)
    assert "loads and plants may be off by 30% of the forecast" in made.notes


def test_every_rule_is_in_the_provenance(joined: Joined, grid: Scenario) -> None:
    """Would break if a figure that was chosen could be taken for one of the sources'."""
    rows = joined.scenario.provenance
    rules = {row[1]: row[2] for row in rows if row[0] == "rules" and row[1] != "note"}
    assert set(rules) == set(JoiningRules.__slots__)
    assert (rules["vehicles"], rules["levels_kw"]) == ("90.0", "(50.0, 25.0)")
    assert all(row[3] == "chosen" for row in rows if row[0] == "rules")
    assert {row[2] for row in rows if row[1] == "note"} == set(joined.notes)
    assert {row for row in grid.provenance if row[0] == "lines"} <= set(rows)
    assert not any("T1" in row[1] for row in rows if row[0] == "links")  # of roads that are not here
    assert {row[3] for row in rows} == {"published", "chosen"}


def test_missing_parts_are_named_together(row: Scenario, grid: Scenario) -> None:
    """Would break if a user had to mend one part to hear of the next."""
    with pytest.raises(ScenarioError) as caught:
        join(grid, row, JoiningRules())
    assert [issue.table for issue in caught.value.issues] == ["links", "lines"]
    alone = scenario_of(roads_of(2, [(0, 1), (1, 0)], zones=(0, 1)), [(0, 0, 5.0)])
    with pytest.raises(ScenarioError, match="no trips between nodes"):
        join(alone, grid, JoiningRules())
    late = JoiningRules.of(depart_from_h=6.01, depart_to_h=6.1)
    with pytest.raises(ScenarioError, match=r"no vehicle sets out from 6\.01 to 6\.1 h"):
        join(row, grid, late)


def test_rules_out_of_range_are_named_all_at_once() -> None:
    """Would break if nonsense were joined, or its mistakes came one by one."""
    with pytest.raises(ScenarioError) as caught:
        JoiningRules.of(
            vehicles=-1.0,
            sites=0,
            low_share=float("nan"),
            levels_kw=(-5.0,),
            soc_final=0.05,
            depart_from_h=9.0,
            depart_to_h=9.0,
        )
    fields = [issue.field for issue in caught.value.issues]
    assert fields == ["vehicles", "low_share", "sites", "depart_from_h", "levels_kw", "soc_final"]
    for levels in ((), (0.0, 5.0), (float("inf"),), (5.0, 5.0)):
        with pytest.raises(ScenarioError, match="levels_kw"):
            JoiningRules.of(levels_kw=levels)
    assert JoiningRules.of(vehicles=None) == JoiningRules()


def test_a_joined_case_has_tariffs(row: Scenario, grid: Scenario) -> None:
    """Would break if what `join` makes could not be solved: the way from own roads and grid to prices."""
    d = grid.distribution
    assert d is not None
    hourly = replace(
        grid,
        horizon=Horizon(datetime(2027, 1, 11), 60.0, 24),
        distribution=replace(d, limit_kw=np.full(d.lines, np.inf)),
        injections=replace(
            grid.injections,
            **{
                name: getattr(grid.injections, name)[:, ::4]
                for name in ("power_kw", "reactive_kvar", "half_width_kw")
            },
        ),
        forecasts=None,
    )
    rules = JoiningRules.of(
        vehicles=40.0, sites=3, chargers=20, battery_kwh=30.0, road_share=1.0, depart_to_h=16.0
    )
    result = tidewatt.tariff(join(row, hourly, rules).scenario, samples=0, threads=1)
    assert result.status.reached
    assert result.summary()["vehicles"] == pytest.approx(40.0)


def test_the_busiest_pairs_are_kept_where_there_would_be_too_many_groups(
    row: Scenario, grid: Scenario
) -> None:
    """Would break if vehicles of pairs left out were lost, quiet pairs were kept, or nothing was said."""
    every = join(row, grid, JoiningRules.of(vehicles=90.0)).scenario.travel
    assert every is not None
    a_pair = len(every) // 3
    made = join(row, grid, JoiningRules.of(vehicles=90.0, most_groups=3 * a_pair - 1))
    t = made.scenario.travel
    assert t is not None and len(t) == 2 * a_pair
    assert t.vehicles.sum() == pytest.approx(90.0)
    for origin, destination, trips in TRIPS[:2]:
        pair = (t.origin == origin) & (t.destination == destination)
        assert t.vehicles[pair].sum() == pytest.approx(90.0 * trips / 160.0)
    # 42 and 22 min by 100 and 60 trips; with 20 min by 40 trips.
    share, times = (
        "2 of 3 pairs of places are kept",
        "80% of all trips (34.5 min each, against 31.6 min for all)",
    )
    (said,) = (note for note in made.notes if share in note)
    assert times in said and f"there would be {3 * a_pair:,} groups" in said
    alone = join(row, grid, JoiningRules.of(most_groups=1)).scenario.travel
    assert alone is not None and len(alone) == a_pair
    for most in (3 * a_pair, 60_000):
        assert not any(
            "are kept" in note for note in join(row, grid, JoiningRules.of(most_groups=most)).notes
        )


def test_travel_times_that_rounding_makes_others_are_warned_of(row: Scenario, grid: Scenario) -> None:
    """Would break if a case on which trips take several times as long went by without a word."""
    assert join(row, grid, JoiningRules.of()).warnings == ()  # 22 and 20 minutes become 15 each
    roads = roads_of(3, ENDS, zones=(0, 1, 2), free_time_min=4.0, length_km=2.0)
    scenario = scenario_of(roads, TRIPS)
    (said,) = join(scenario, grid, JoiningRules.of()).warnings
    assert "15 min (" in said and "--step-min" in said and "--contract" in said
    (said,) = join(scenario, grid, JoiningRules.of(contract=True)).warnings
    assert "--step-min" in said and "--contract" not in said
