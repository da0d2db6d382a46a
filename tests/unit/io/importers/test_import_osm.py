"""Roads of OpenStreetMap: tags, topology, zones by cells."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from tidewatt.domain.roads import ROAD_CLASSES
from tidewatt.errors import ScenarioError
from tidewatt.io.importers.roads.osm import KINDS, import_osm, road_of
from tidewatt.io.scenario.reading import read_scenario
from tidewatt.io.scenario.writing import write_scenario

KM = 1 / 111.19492664455873  # degrees of latitude in a kilometre

# A square of streets with a motorway along its south side, a roundabout, a private drive and a stray street.
PLACES = {
    1: (0, 0),
    2: (1, 0),
    3: (2, 0),
    4: (2, 1),
    5: (1, 1),
    6: (0, 1),
    7: (1, 0.5),
    20: (2, 2),
    21: (2.1, 2.1),
    22: (2, 2.2),
    23: (1.9, 2.1),
    30: (9, 9),
    31: (9, 9.5),
    40: (0.5, 0.5),
}
WAYS: dict[int, tuple[list[int], dict[str, str]]] = {
    100: ([1, 2, 3], {"highway": "motorway", "lanes": "3"}),
    101: ([3, 4], {"highway": "primary", "maxspeed": "30 mph", "lanes": "4"}),
    102: ([4, 5, 6], {"highway": "secondary", "oneway": "yes", "maxspeed": "50"}),
    103: ([6, 1], {"highway": "residential"}),
    104: ([2, 7, 5], {"highway": "tertiary", "lanes:forward": "2", "lanes:backward": "1"}),
    105: ([4, 20], {"highway": "residential", "maxspeed": "walk"}),
    106: ([20, 21, 22, 23, 20], {"highway": "residential", "junction": "roundabout"}),
    107: ([30, 31], {"highway": "residential"}),
    108: ([1, 40], {"highway": "residential", "access": "private"}),
    109: ([1, 40], {"highway": "footway"}),
    110: ([6, 99, 5], {"highway": "living_street"}),
}


def extract(path: Path) -> Path:
    """Write the ways as an extract; node 99 is missing, as at the rim of a clipped one."""
    lines = ["<?xml version='1.0' encoding='UTF-8'?>", '<osm version="0.6">']
    for node, (x, y) in PLACES.items():
        lines.append(f'<node id="{node}" lon="{x * KM:.9f}" lat="{y * KM:.9f}" version="1"/>')
    for way, (nodes, tags) in WAYS.items():
        inner = "".join(f'<nd ref="{n}"/>' for n in nodes)
        inner += "".join(f'<tag k="{k}" v="{v}"/>' for k, v in tags.items())
        lines.append(f'<way id="{way}" version="1">{inner}</way>')
    path.write_text("\n".join([*lines, "</osm>"]), encoding="utf-8")
    return path


def test_a_small_extract(tmp_path: Path) -> None:
    """Junctions, directions, speeds or capacities could differ from what the tags say."""
    pytest.importorskip("osmium", reason="the extra gis is not installed")
    scenario, report = import_osm(extract(tmp_path / "town.osm"), zone_km=0.8, trips_per_day=4000)
    roads = scenario.roads
    assert roads is not None and scenario.name == "town"
    links = {
        (int(roads.node_id[t]), int(roads.node_id[h])): k
        for k, (t, h) in enumerate(zip(roads.tail, roads.head))
    }
    # The motorway and the secondary run one way only, the others both; node 7 is no junction.
    assert {(1, 2), (2, 3), (3, 4), (4, 3), (4, 5), (5, 6), (6, 1), (1, 6), (2, 5), (5, 2)} <= links.keys()
    assert not {(2, 1), (5, 4), (1, 40), (30, 31)} & links.keys() and 7 not in roads.node_id
    one, primary, back = links[1, 2], links[3, 4], links[5, 2]
    assert ROAD_CLASSES[roads.road_class[one]] == "expressway" and roads.capacity_veh_h[one] == 3 * 2000
    assert roads.length_km[one] == pytest.approx(1.0, rel=1e-4)
    assert roads.free_time_min[primary] == pytest.approx(60 / (30 * 1.609344), rel=1e-4)
    assert roads.lanes[primary] == 2.0 and roads.capacity_veh_h[primary] == 2000.0
    assert roads.lanes[links[2, 5]] == 2.0 and roads.lanes[back] == 1.0
    # The roundabout hangs on one node: it is halved, since no link may return to where it starts.
    assert (roads.tail != roads.head).all() and {(20, 22), (22, 20)} <= links.keys()
    assert report.dropped["nodes not connected to the largest piece"] == ("30", "31")
    assert report.counts["ways_without_lanes"] >= 3
    # Cells of 0.8 km: zones stand at nodes that other roads than the motorway touch.
    assert roads.zones == len(
        {(int(x / 0.8), int(y / 0.8)) for x, y in (PLACES[int(n)] for n in roads.node_id)}
    )
    assert roads.homes.sum() == roads.nodes and np.isfinite(roads.jobs).all()
    assert scenario.parameters["simulation"] == {"trips_per_day": 4000.0}
    write_scenario(scenario, tmp_path / "s")
    assert read_scenario(tmp_path / "s").sha256() == scenario.sha256()


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"highway": "track"}, None),
        ({"highway": "residential", "area": "yes"}, None),
        ({"highway": "residential", "motor_vehicle": "no"}, None),
        ({"highway": "residential", "access": "no", "motor_vehicle": "yes"}, (True, True, 30.0)),
        ({"highway": "residential", "oneway": "-1"}, (False, True, 30.0)),
        (
            {"highway": "motorway", "oneway": "no", "maxspeed": "none"},
            (True, True, KINDS["motorway"].speed_kmh),
        ),
        ({"highway": "primary", "maxspeed": "DE:urban"}, (True, True, KINDS["primary"].speed_kmh)),
        ({"highway": "primary", "maxspeed": "70;50"}, (True, True, 70.0)),
        ({"highway": "primary", "maxspeed": "45 mph"}, (True, True, 45 * 1.609344)),
    ],
)
def test_tags(tags: dict[str, str], expected: tuple[bool, bool, float] | None) -> None:
    """Footpaths would carry cars, one-way streets both ways, or miles count as kilometres."""
    road = road_of(tags)
    found = None if road is None else (road.forward, road.backward, pytest.approx(road.speed_kmh))
    assert found == expected


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without the extra would see an ImportError rather than what to install."""
    monkeypatch.setitem(sys.modules, "osmium", None)
    with pytest.raises(ScenarioError, match=r"pip install 'tidewatt\[gis\]'"):
        import_osm(extract(tmp_path / "town.osm"))


def test_bad_extracts(tmp_path: Path) -> None:
    """A file that is no extract, or holds no roads, would end in a traceback or an empty network."""
    pytest.importorskip("osmium", reason="the extra gis is not installed")
    broken = tmp_path / "broken.osm"
    broken.write_text(extract(tmp_path / "town.osm").read_text("utf-8")[:400], encoding="utf-8")
    other = tmp_path / "notes.txt"
    other.write_text("mine")
    bare = tmp_path / "bare.osm"
    bare.write_text('<osm version="0.6"><node id="1" lon="0" lat="0" version="1"/></osm>')
    for path, says in (
        (broken, "cannot be read"),
        (other, "cannot be read"),
        (bare, "no roads"),
        (tmp_path / "absent.osm", "no such file"),
        (tmp_path, "folder"),
    ):
        with pytest.raises(ScenarioError, match=says):
            import_osm(path)
    with pytest.raises(ScenarioError) as caught:
        import_osm(bare, zone_km=0, trips_per_day=-1)
    assert [issue.table for issue in caught.value.issues] == ["--zone-km", "--trips-per-day"]
