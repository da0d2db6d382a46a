"""Road networks in TNTP form: units, weights, repair, and the published optima."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

from tests.unit.io.importers.made_roads import NET, NODES, TRIPS, tntp
from tidewatt.domain.roads import ROAD_CLASSES
from tidewatt.errors import ScenarioError
from tidewatt.io.importers.roads.tntp import import_tntp
from tidewatt.io.scenario.reading import read_scenario
from tidewatt.io.scenario.writing import write_scenario

SHARED = Path(__file__).parents[4] / "shared" / "data" / "roads"


def test_units_become_km_minutes_and_vehicles_per_hour(tmp_path: Path) -> None:
    """A network in miles and days would be simulated as one in km and hours."""
    folder = tntp(tmp_path / "made")
    scenario, report = import_tntp(
        folder,
        length_unit="mi",
        time_unit="0.01h",
        capacity_period_h=24,
        node_unit="0.01mi",
        toll_weight=0.055,
        distance_weight=0.04,
    )
    roads, demand = scenario.roads, scenario.demand
    assert roads is not None and demand is not None
    assert roads.length_km[4] == pytest.approx(2 * 1.609344)
    assert roads.free_time_min[4] == pytest.approx(3 * 0.6)
    assert roads.capacity_veh_h[4] == pytest.approx(1000.0)
    assert (roads.period_h, roads.time_unit_min, roads.crs) == (24.0, pytest.approx(0.6), "km")
    # The same cost in the network's own unit: 1 + 0.055 * 25 + 0.04 * 1.5 in hundredths of an hour.
    own = roads.free_time_min[6] + roads.toll_weight_min * roads.toll[6]
    own += roads.distance_weight_min_per_km * roads.length_km[6]
    assert own / roads.time_unit_min == pytest.approx(1 + 0.055 * 25 + 0.04 * 1.5)
    assert roads.x[1] == pytest.approx(300 * 0.01609344)
    assert roads.through.tolist() == [False, False, True, True, True, True]
    assert demand.trips.tolist() == [7.5, 600.0, 400.0]
    assert report.counts["trips_within_zones"] == 7.5
    assert (scenario.horizon.minutes, scenario.horizon.start.weekday()) == (7 * 1440, 0)


def test_no_unit_is_guessed_in_silence(tmp_path: Path) -> None:
    """A user could take km for what is miles, because nothing said which was assumed."""
    scenario, report = import_tntp(tntp(tmp_path / "made"))
    assert scenario.roads is not None
    kinds = [ROAD_CLASSES[k] for k in scenario.roads.road_class[[0, 4, 6, 8]]]
    assert kinds == ["connector", "branch", "expressway", "arterial"]  # 40, 90 and 60 km/h
    text = " ".join(report.assumptions)
    assert "length is km" in text and "--length-unit" in text and "time is min" in text
    assert "coordinates were left out" in text and "--node-unit" in text
    header = NET.replace("Length Free Flow Time", "Length (ft) Free Flow Time (s)")
    scenario, report = import_tntp(tntp(tmp_path / "said", net=header))
    assert scenario.roads is not None
    assert scenario.roads.length_km[4] == pytest.approx(2 * 0.0003048)
    assert scenario.roads.free_time_min[4] == pytest.approx(0.05)
    assert "as the file's header says" in " ".join(report.assumptions)


def test_speeds_that_no_roads_have_are_warned_of_first(tmp_path: Path) -> None:
    """Without it: lengths in the wrong unit, and every travel time with them, pass among the assumptions."""
    folder = tntp(tmp_path)
    _, sound = import_tntp(folder, node_unit="km")
    assert not sound.warnings and any("median free speed" in each for each in sound.assumptions)
    _, report = import_tntp(folder, node_unit="km", length_unit="100mi")
    assert "--length-unit" in report.warnings[0]
    assert report.lines()[0] == f"Warning: {report.warnings[0]}"


def test_loose_forms_of_the_files_are_read(tmp_path: Path) -> None:
    """Tabs, missing marks and ends, and columns in another order occur in the published files."""
    plain, _ = import_tntp(tntp(tmp_path / "made"))
    lines = NET.splitlines()
    body = ["\t".join(line.rstrip("; ").split()) for line in lines[8:]]
    loose = "\n".join([*lines[:4], "", "Init node\tTerm node\tCapacity\tLength\tFFT\tB\tPower", *body])
    other, _ = import_tntp(tntp(tmp_path / "loose", net=loose + "\n~ the end", nodes=None))
    cells = [line.split() for line in lines[8:]]
    turned = "\n".join(" ".join([c[1], c[0], *c[2:7]]) for c in cells)
    header = "~ term_node init_node capacity length free_flow_time b power ;"
    third, _ = import_tntp(tntp(tmp_path / "turned", net="\n".join([*lines[:6], header, turned]), nodes=None))
    assert plain.roads is not None and other.roads is not None and third.roads is not None
    for roads in (other.roads, third.roads):
        assert roads.tail.tolist() == plain.roads.tail.tolist()
        assert roads.capacity_veh_h.tolist() == plain.roads.capacity_veh_h.tolist()
    assert plain.roads.toll.any() and not third.roads.toll.any()  # the columns that were left out


def test_points_of_geojson_are_degrees(tmp_path: Path) -> None:
    """Coordinates in the one form that says its unit would be left out."""
    folder = tntp(tmp_path / "made", nodes=None)
    point = {"type": "Feature", "properties": {"id": 3}}
    point["geometry"] = {"type": "Point", "coordinates": [-96.77, 43.61]}  # type: ignore[assignment]
    (folder / "nodes.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [point]}))
    scenario, report = import_tntp(folder)
    assert scenario.roads is not None and scenario.roads.crs == "EPSG:4326"
    assert scenario.roads.x[2] == -96.77 and np.isnan(scenario.roads.x[0])
    assert report.counts["nodes_without_coordinates"] == 5


def test_without_trips_zones_weigh_by_road_nodes(tmp_path: Path) -> None:
    """A network that comes without trips could not be simulated, or on numbers that nobody explained."""
    scenario, report = import_tntp(tntp(tmp_path / "made", trips=None), node_unit="m", trips_per_day=5000)
    assert scenario.demand is None and scenario.roads is not None
    # Of nodes 3, 4, 5, 6 the first two lie nearer to centroid 1 at (0, 0), the others to 2 at (300, 0).
    assert scenario.roads.homes.tolist() == scenario.roads.jobs.tolist() == [2.0, 2.0]
    assert scenario.parameters["simulation"] == {"trips_per_day": 5000.0}
    assert "5,000 trips a day" in " ".join(report.assumptions)
    left, _ = import_tntp(tntp(tmp_path / "other"), demand=False)
    assert left.demand is None


STRAY = NET.replace("<NUMBER OF NODES> 6", "<NUMBER OF NODES> 8").replace("LINKS> 12", "LINKS> 14").replace(
    "<NUMBER OF ZONES> 2", "<NUMBER OF ZONES> 3"
).replace("FIRST THRU NODE> 3", "FIRST THRU NODE> 4") + (
    "7 8 24000 1 1 0.15 4 0 0 1 ;\n8 7 24000 1 1 0.15 4 0 0 1 ;\n"
)


def _stray(folder: Path) -> Path:
    """Nodes 7 and 8 are a piece of their own, with zone 3 and its centroid."""
    net = STRAY
    for old, new in (("\n1 3 ", "\n1 4 "), ("\n3 1 ", "\n4 1 ")):
        net = net.replace(old, new)
    net = net.replace("\n3 4 ", "\n6 4 ").replace("\n4 3 ", "\n4 6 ")
    net = net.replace("\n6 3 ", "\n3 7 ").replace("\n3 6 ", "\n7 3 ")
    nodes = NODES + "7 1000 100 ;\n8 1100 100 ;\n"
    trips = (
        TRIPS.replace("ZONES> 2", "ZONES> 3").replace("FLOW> 1007.5", "FLOW> 1019.5")
        + "Origin 3\n 1 : 12 ;\n"
    )
    return tntp(folder, net=net, nodes=nodes, trips=trips)


def test_stray_pieces_are_reported_dropped_or_connected(tmp_path: Path) -> None:
    """A network in several pieces would be refused without a way on, or mended without a word."""
    folder = _stray(tmp_path / "made")
    with pytest.raises(ScenarioError) as caught:
        import_tntp(folder, node_unit="m")
    text = str(caught.value)
    assert (
        "zones.node_id [3]" in text and "12 of 1,019.5 trips" in text and "--repair drop or connect" in text
    )

    dropped, report = import_tntp(folder, node_unit="m", repair="drop")
    assert dropped.roads is not None and dropped.demand is not None
    assert dropped.roads.node_id.tolist() == [1, 2, 4, 5, 6] and dropped.roads.zone_id.tolist() == [1, 2]
    assert dropped.demand.trips.sum() == 1007.5 and report.counts["trips_left_out"] == 12.0
    assert report.dropped["zones not connected to the largest piece"] == ("3",)

    joined, report = import_tntp(folder, node_unit="m", repair="connect")
    assert joined.roads is not None and joined.roads.links == 16 and report.counts["connectors_added"] == 2
    # From node 7 at (1000, 100) to node 5 at (300, 100): 0.7 km at 30 km/h, both ways.
    assert joined.roads.length_km[-2:] == pytest.approx([0.7, 0.7])
    assert joined.roads.free_time_min[-2:] == pytest.approx([1.4, 1.4])
    ends = {tuple(joined.roads.node_id[[t, h]]) for t, h in zip(joined.roads.tail, joined.roads.head)}
    assert {(7, 5), (5, 7)} <= ends
    with pytest.raises(ScenarioError, match="coordinates"):
        import_tntp(folder, repair="connect")


def test_dummy_links_between_streets_are_connectors(tmp_path: Path) -> None:
    """Published networks hold links without time and of boundless capacity; others are mistakes."""
    net = NET.replace("6 3 24000 1 2 ", "6 3 999999 0 0 ")
    scenario, report = import_tntp(tntp(tmp_path / "made", net=net))
    assert scenario.roads is not None and ROAD_CLASSES[scenario.roads.road_class[10]] == "connector"
    assert list(report.imputed.values()) == [("11",)]
    with pytest.raises(
        ScenarioError, match=r"links.free_time_min \[11\]: a link that traffic passes through takes no time"
    ):
        import_tntp(tntp(tmp_path / "bad", net=NET.replace("6 3 24000 1 2 ", "6 3 24000 1 0 ")))


def test_survives_writing_and_reading(tmp_path: Path) -> None:
    """An imported network would have another fingerprint once it was written."""
    scenario, _ = import_tntp(tntp(tmp_path / "made"), node_unit="m", capacity_period_h=24)
    write_scenario(scenario, tmp_path / "s")
    assert read_scenario(tmp_path / "s").sha256() == scenario.sha256()


@pytest.mark.parametrize(
    ("network", "objective"),
    [("SiouxFalls", 4231335.28711), ("Anaheim", 1286032.17110), ("Barcelona", 1265654.92203)],
)
def test_published_flows_cost_what_is_published(tmp_path: Path, network: str, objective: float) -> None:
    """A unit, an exponent or a column misread would change the objective of the published flows."""
    archive = SHARED / f"{network}.tar.xz"
    if not archive.is_file():
        pytest.skip(f"{archive} is not here: the published networks are not part of the repository")
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path, filter="data")
    folder = next(path.parent for path in tmp_path.rglob("*_net.tntp"))
    scenario, _ = import_tntp(folder)
    roads = scenario.roads
    assert roads is not None
    published = np.loadtxt(next(folder.glob("*_flow.tntp")), skiprows=1)
    flow = dict(zip(map(tuple, published[:, :2].astype(int).tolist()), published[:, 2]))
    ends = zip(roads.node_id[roads.tail].tolist(), roads.node_id[roads.head].tolist())
    q = np.array([flow[pair] for pair in ends])
    ratio = q / (roads.capacity_veh_h * roads.period_h)
    rise = roads.bpr_alpha * ratio**roads.bpr_beta / (roads.bpr_beta + 1)
    total = float((roads.free_time_min * q * (1 + rise)).sum()) / roads.time_unit_min
    assert total == pytest.approx(objective, rel=2e-8)
