"""Road scenarios: what their tables mean, and that they survive writing and reading."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tidewatt
from tests.unit.io.small_roads import SmallRoads
from tests.unit.io.small_scenario import Small
from tidewatt.domain.roads import ROAD_CLASSES
from tidewatt.errors import ScenarioError
from tidewatt.io.scenario.reading import read_scenario, scenario_from_tables
from tidewatt.io.scenario.writing import write_scenario


def read(small: Small) -> tidewatt.Scenario:
    return scenario_from_tables(small.tables, small.config)


def test_values_and_defaults() -> None:
    """A column could land in another attribute, or an empty cell mean something else than documented."""
    scenario = read(SmallRoads().add_grid())
    roads, demand, stations, types = scenario.roads, scenario.demand, scenario.stations, scenario.types
    assert roads is not None and demand is not None and stations is not None and types is not None
    assert roads.free_time_min[:3] == pytest.approx([2.0, 1.2, 60 / 90])
    names = [ROAD_CLASSES[k] for k in roads.road_class]
    assert names == ["branch", "arterial", "expressway", "branch"] * 2 + ["connector"] * 4
    assert roads.bpr_alpha[0] == 0.15 and roads.bpr_beta[0] == 4.0 and roads.toll[1] == 1.5
    assert (roads.period_h, roads.time_unit_min, roads.crs) == (2.0, 0.6, "km")
    assert roads.node_id[roads.tail[8]] == "y" and roads.node_id[roads.head[8]] == "a"
    assert roads.through.tolist() == [True] * 4 + [False] * 2
    assert np.isnan(roads.x[4:]).all() and np.isnan(roads.lanes).all() and np.isnan(roads.other).all()
    assert roads.zone_feeder.tolist() == [0, -1] and stations.feeder.tolist() == [-1, 1]
    assert demand.trips.tolist() == [120.0, 80.5, 7.0] and demand.destination.tolist() == [1, 0, 0]
    assert stations.fast.tolist() == [2, 0] and stations.fixed.tolist() == [True, False]
    assert stations.price_fast_per_kwh.tolist() == [0.5, 0.0] and np.isnan(stations.max_total[1])
    fast, normal = stations.prices_by_minute()
    assert (fast[0, [0, 599, 600, 1199, 1200]] == [0.4, 0.4, 0.7, 0.7, 0.5]).all()
    assert (normal[1] == 0.25).all() and (fast[1] == 0.0).all()
    assert types.type_id.tolist() == ["compact", "van"] and types.kwh_per_km.tolist() == [0.16, 0.24]
    assert len(scenario.fleet) == len(scenario.dwells) == len(scenario.trips) == 0


@pytest.mark.parametrize("grid", [False, True])
def test_same_fingerprint_in_every_form(tmp_path: Path, grid: bool) -> None:
    """A result would no longer fit its scenario after the scenario was copied as CSV or written anew."""
    small = SmallRoads().add_grid() if grid else SmallRoads()
    first = read(small)
    forms = [read_scenario(small.write(tmp_path / form, form)) for form in ("csv", "parquet")]
    write_scenario(first, tmp_path / "written")
    forms.append(read_scenario(tmp_path / "written"))
    assert {scenario.sha256() for scenario in forms} == {first.sha256()}
    assert forms[-1].parameters["simulation"] == first.parameters["simulation"]
    assert forms[-1].roads is not None and forms[-1].stations is not None
    assert forms[-1].roads.link_attributes["geometry"][0] == "LINESTRING (0 0, 1 0)"
    assert forms[-1].stations.attributes["bus_id"].tolist() == ["17", ""]


def test_every_figure_counts_in_the_fingerprint() -> None:
    """A certificate could pass for a scenario whose roads or stations were changed since."""
    first = read(SmallRoads()).sha256()
    for table, column, value in (
        ("links", "toll", 2.0),
        ("zones", "homes", 401.0),
        ("demand", "trips", 121.0),
        ("fleet", "share", 0.7),
        ("stations", "fast", 3),
        ("station_prices", "end_min", 1201.0),
        ("nodes", "x", 0.5),
    ):
        changed = SmallRoads()
        changed.set(table, column, 0, value)
        assert read(changed).sha256() != first, table


def test_zones_may_be_named_by_nodes() -> None:
    """GMNS networks name zones at nodes, and would have none."""
    small = SmallRoads()
    small.tables.pop("zones")
    small.set("nodes", "zone_id", 4, 1).set("nodes", "zone_id", 5, 2)
    roads = read(small).roads
    assert roads is not None
    assert roads.zone_id.tolist() == [1, 2] and roads.zone_node.tolist() == [4, 5]


def test_both_studies_in_one_folder(tmp_path: Path) -> None:
    """A scenario with roads could lose its vehicles, or one with vehicles its roads."""
    small, roads = Small(), SmallRoads()
    small.config["crs"] = "km"
    small.tables |= roads.tables
    scenario = read(small)
    write_scenario(scenario, tmp_path / "s")
    again = read_scenario(tmp_path / "s")
    assert again.sha256() == scenario.sha256()
    assert len(again.fleet) == 3 and again.roads is not None and again.roads.links == 12


def test_coordinate_says_what_roads_alone_lack() -> None:
    """`coordinate` on a road network would end in a result about nothing, or in a traceback."""
    with pytest.raises(ScenarioError) as caught:
        tidewatt.coordinate(read(SmallRoads()))
    text = str(caught.value)
    assert "needs vehicles, dwells, trips and feeders" in text and "tidewatt simulate" in text


def test_an_empty_folder_learns_both_possibilities(tmp_path: Path) -> None:
    """Who starts from nothing would not learn that roads alone make a scenario too."""
    small = Small()
    small.tables.clear()
    with pytest.raises(ScenarioError) as caught:
        read_scenario(small.write(tmp_path / "s"))
    tables = [issue.table for issue in caught.value.issues]
    assert tables == ["vehicles", "dwells", "trips", "feeders", "headroom", "nodes"]
    assert "links" in caught.value.issues[-1].fix
