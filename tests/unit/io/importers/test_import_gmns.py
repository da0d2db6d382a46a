"""Road networks in GMNS form: units of the configuration, capacities per lane, links without direction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.unit.io.importers.made_roads import GMNS, gmns
from tidewatt.domain.roads import ROAD_CLASSES
from tidewatt.errors import ScenarioError
from tidewatt.io.importers.roads.gmns import import_gmns
from tidewatt.io.scenario.reading import read_scenario
from tidewatt.io.scenario.writing import write_scenario


def test_a_network_with_configuration(tmp_path: Path) -> None:
    """Miles, mph and capacities per lane would be taken for km, km/h and whole directions."""
    scenario, report = import_gmns(gmns(tmp_path / "made"))
    roads, demand = scenario.roads, scenario.demand
    assert roads is not None and demand is not None
    assert roads.link_id.tolist() == [1, 2, 3, 4, 5, 7, 8]  # 6 is for bicycles, 7 and 8 are 3 and 5 back
    assert roads.length_km[0] == pytest.approx(0.5 * 1.609344)
    assert roads.free_time_min[0] == pytest.approx(60 * 0.5 / 65)
    assert roads.capacity_veh_h[:2].tolist() == [5700.0, 1800.0]
    names = [ROAD_CLASSES[k] for k in roads.road_class]
    assert names[:4] == ["expressway", "arterial", "branch", "arterial"]
    ends = {tuple(roads.node_id[[t, h]]) for t, h in zip(roads.tail, roads.head)}
    assert {(12, 13), (13, 12), (12, 20), (20, 12)} <= ends and (11, 10) not in ends
    assert roads.through.tolist() == [True] * 4 + [False]  # a node of the type centroid
    assert roads.zone_id.tolist() == [1, 2] and roads.node_id[roads.zone_node].tolist() == [10, 20]
    assert roads.homes.tolist() == [120.0, 80.0] and roads.jobs.tolist() == [30.0, 400.0]
    assert demand.trips.tolist() == [50.0, 40.5] and roads.crs == "EPSG:4326"
    assert roads.toll[0] == 0.5 and roads.link_attributes["geometry"][0].startswith("LINESTRING")
    assert report.dropped["links not for motor traffic"] == ("6",)
    assert report.imputed["lanes: 1"] == ("3",) and report.imputed["capacity per lane by class of road"] == (
        "3",
    )
    assert report.counts["links_in_both_directions"] == 2
    write_scenario(scenario, tmp_path / "s")
    assert read_scenario(tmp_path / "s").sha256() == scenario.sha256()


def test_options_stand_in_for_the_configuration(tmp_path: Path) -> None:
    """Networks without a configuration could not be read, or would be read in some unit."""
    folder = gmns(tmp_path / "made", config=None)
    with pytest.raises(ScenarioError) as caught:
        import_gmns(folder)
    text = str(caught.value)
    assert [issue.field for issue in caught.value.issues] == ["long_length", "speed", "crs"]
    assert all(option in text for option in ("--length-unit", "--speed-unit", "--node-unit"))
    scenario, _ = import_gmns(
        folder, length_unit="m", speed_unit="km/h", node_unit="degrees", demand_period_h=24
    )
    assert scenario.roads is not None and scenario.roads.period_h == 24.0
    assert scenario.roads.length_km[0] == pytest.approx(0.0005)
    assert scenario.roads.free_time_min[0] == pytest.approx(60 * 0.0005 / 65)


def test_zones_of_several_nodes_and_without_weights(tmp_path: Path) -> None:
    """A zone that many nodes name would start its trips at any of them, or have no weight at all."""
    node = (
        GMNS["node"]
        .replace("11,-75.01,40.00,,\n", "11,-75.01,40.00,,1\n")
        .replace("13,-75.00,40.01,,\n", "13,-75.00,40.01,,1\n")
    )
    node += "30,-75.005,40.0005,,1\n"
    link = GMNS["link"] + "9,10,30,false,0.2,,900,30,1,,,\n"
    folder = gmns(tmp_path / "made", node=node, link=link, zone=None, demand=None)
    scenario, report = import_gmns(folder, trips_per_day=900)
    assert scenario.roads is not None and scenario.demand is None
    assert scenario.roads.node_id[scenario.roads.zone_node].tolist() == [30, 20]
    assert "nearest to their centre" in " ".join(report.assumptions)
    assert scenario.roads.homes.sum() == 5.0 and np.isfinite(scenario.roads.jobs).all()
    assert scenario.parameters["simulation"]["trips_per_day"] == 900.0


BAD = {
    "unknown node": ("link", "1,10,11,true", "1,10,99,true", ("to_node_id", "[1]", "'99'", "node table")),
    "negative length": ("link", "11,true,0.5", "11,true,-0.5", ("length", "[1]", "0 or more")),
    "speed of zero": ("link", "900,30,2", "900,0,2", ("free_speed", "[2]", "above 0")),
    "no speed": ("link", "900,30,2", "900,,2", ("free_speed", "[2]", "empty")),
    "negative capacity": ("link", ",1900,65", ",-1900,65", ("capacity", "[1]", "above 0")),
    "length in words": ("link", "11,true,0.5", "11,true,half", ("length", "[1]", "'half'")),
    "direction in words": ("link", "11,true", "11,forward", ("directed", "[1]", "'forward'")),
    "link twice": ("link", "2,11,12", "1,11,12", ("link_id", "more than once")),
    "node twice": ("node", "\n13,", "\n13,-75,40.01,,\n13,", ("node_id", "more than once")),
    "node of an unknown zone": ("node", "\n11,-75.01,40.00,,", "\n11,-75.01,40.00,,7", ("zone_id", "'7'")),
    "zone without node": ("zone", "2,80,400", "2,80,400\n3,5,5", ("zone_id", "[3]", "no node")),
    "demand to nowhere": ("demand", "1,2,50", "1,9,50", ("d_zone_id", "'9'", "no zone")),
    "negative trips": ("demand", "1,2,50", "1,2,-50", ("volume", "found -50")),
    "unit unknown": ("config", "mph", "knots", ("config.speed", "'knots'", "km/h, mph")),
    "no lengths": ("link", "directed,length", "directed,x_length", ("length", "missing")),
    "no ids of links": ("link", "link_id,", "id,", ("link_id", "missing")),
}


@pytest.mark.parametrize("name", list(BAD))
def test_bad_tables(name: str, tmp_path: Path) -> None:
    """A user with this mistake would get a traceback, or another network than the table's."""
    table, old, new, says = BAD[name]
    assert old in GMNS[table]
    with pytest.raises(ScenarioError) as caught:
        import_gmns(gmns(tmp_path / "made", **{table: GMNS[table].replace(old, new, 1)}))
    assert all(word in str(caught.value) for word in says), str(caught.value)
    assert len(caught.value.issues) <= 2, str(caught.value)


def test_everything_at_once(tmp_path: Path) -> None:
    """The user would mend one table, run again, find the next, and so on."""
    folder = gmns(
        tmp_path / "made",
        config=None,
        link=GMNS["link"].replace("900,30,2", "900,0,2").replace("1,10,11,true", "1,10,99,true"),
        demand="from,to\n1,2\n",
    )
    with pytest.raises(ScenarioError) as caught:
        import_gmns(folder, demand_period_h=0)
    fields = {(issue.table, issue.field) for issue in caught.value.issues}
    assert {("--demand-period-h", ""), ("config", "speed"), ("link", "free_speed")} <= fields
    assert {("link", "to_node_id"), ("demand", "volume")} <= fields


def test_folders_that_hold_no_network(tmp_path: Path) -> None:
    """A mistyped path would end in a traceback."""
    for folder, says in ((tmp_path / "absent", "no such folder"), (tmp_path, "node.csv")):
        with pytest.raises(ScenarioError, match=says):
            import_gmns(folder)
    with pytest.raises(ScenarioError, match="empty"):
        import_gmns(gmns(tmp_path / "made", link=""))
