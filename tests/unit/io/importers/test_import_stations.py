"""Charging stations of a table, snapped to roads or spread like demand."""

from __future__ import annotations

import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.unit.io.importers.made_roads import tntp
from tests.unit.io.small_roads import SmallRoads
from tidewatt.domain.scenario import Scenario
from tidewatt.errors import ScenarioError
from tidewatt.io.importers.roads.tntp import import_tntp
from tidewatt.io.importers.stations.stations import import_stations
from tidewatt.io.scenario.reading import read_scenario, scenario_from_tables
from tidewatt.io.scenario.writing import write_scenario

SHARED = Path(__file__).parents[4] / "shared" / "data"


@pytest.fixture
def square() -> Scenario:
    """A square of streets of 1 km in degrees near the equator, without stations."""
    small = SmallRoads().add_grid()
    small.config["crs"] = "EPSG:4326"
    small.tables["nodes"][["x", "y"]] /= 111.19492664455873
    for table in ("stations", "station_prices"):
        del small.tables[table]
    # Centroids have no coordinates there; zone 1 is at node a, zone 2 at node c.
    nodes = small.tables["nodes"]
    nodes.loc[4, ["x", "y"]] = nodes.loc[0, ["x", "y"]]
    nodes.loc[5, ["x", "y"]] = nodes.loc[2, ["x", "y"]]
    return scenario_from_tables(small.tables, small.config)


def listed(path: Path, **columns: object) -> Path:
    """Three stations, written as CSV; columns are added or replaced."""
    degree = 1 / 111.19492664455873
    table = {
        "num": ["P1", "P2", "P3"],
        "lng": [0.95 * degree, 0.0, 0.5 * degree],
        "la": [0.0, 1.2 * degree, 0.9 * degree],
        "fast_count": [2, 0, 4],
        "slow_count": [0, 10, 6],
    } | columns
    pd.DataFrame({name: cells for name, cells in table.items() if cells is not None}).to_csv(
        path, index=False
    )
    return path


def test_snap_finds_the_nearest_street(square: Scenario, tmp_path: Path) -> None:
    """A station could stand at a centroid, or at another corner than its own."""
    scenario, report = import_stations(listed(tmp_path / "s.csv"), into=square, fast_kw=60, price_fast=0.4)
    stations, roads = scenario.stations, scenario.roads
    assert stations is not None and roads is not None
    assert [roads.node_id[n] for n in stations.node[:2]] == ["b", "d"]
    assert stations.snap_km[:2] == pytest.approx([0.05, 0.2], rel=1e-3)
    assert roads.through[stations.node].all()
    assert stations.fast.tolist() == [2, 0, 4] and stations.normal.tolist() == [0, 10, 6]
    assert (stations.fast_kw == 60).all() and (stations.price_fast_per_kwh == 0.4).all()
    assert report.counts["median_snap_km"] == pytest.approx(np.median(stations.snap_km))
    assert report.counts["longest_snap_km"] == pytest.approx(stations.snap_km.max())
    assert stations.feeder[0] in (0, -1)  # that of the nearest zone, if it has one
    write_scenario(scenario, tmp_path / "written")
    assert read_scenario(tmp_path / "written").sha256() == scenario.sha256()


def workbook(path: Path, frame: pd.DataFrame) -> None:
    """A workbook of one sheet, its texts in line, as spreadsheet programs read it."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"

    def cell(value: object) -> str:
        if isinstance(value, str):
            return f'<c t="inlineStr"><is><t>{value}</t></is></c>'
        return f"<c><v>{value!r}</v></c>"

    rows = [list(frame.columns), *frame.to_numpy(object).tolist()]
    body = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override '
        f'PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/><Override '
        f'PartName="/xl/worksheets/sheet1.xml" ContentType="{kind}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{relations}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{relations}"><sheets>'
        '<sheet name="Stations" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship '
        f'Id="r1" Type="{relations}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{body}</sheetData></worksheet>',
    }
    with zipfile.ZipFile(path, "w") as packed:
        for name, text in parts.items():
            packed.writestr(name, text)


@pytest.mark.parametrize("form", ["csv.gz", "parquet", "xlsx"])
def test_forms_of_the_table(square: Scenario, tmp_path: Path, form: str) -> None:
    """Inventories come compressed, as Parquet and as workbooks, and would have to be converted first."""
    frame = pd.read_csv(listed(tmp_path / "s.csv"))
    path = tmp_path / f"table.{form}"
    if form == "parquet":
        frame.to_parquet(path, index=False)
    elif form == "xlsx":
        workbook(path, frame)
    else:
        frame.to_csv(path, index=False)
    scenario, _ = import_stations(path, into=square)
    plain, _ = import_stations(tmp_path / "s.csv", into=square)
    assert scenario.sha256() == plain.sha256()


def test_slow_ones_may_be_the_rest_of_the_total(square: Scenario, tmp_path: Path) -> None:
    """A table of fast chargers and all chargers would lose the normal ones."""
    path = listed(tmp_path / "s.csv", slow_count=None, count=[2, 10, 10])
    scenario, _ = import_stations(path, into=square)
    assert scenario.stations is not None and scenario.stations.normal.tolist() == [0, 10, 6]


def test_stations_without_chargers_or_place_are_named(square: Scenario, tmp_path: Path) -> None:
    """Rows that cannot be used would vanish silently."""
    path = listed(tmp_path / "s.csv", fast_count=[2, 0, 4], slow_count=[0, 0, 6], la=[0.0, 0.0, None])
    scenario, report = import_stations(path, into=square)
    assert scenario.stations is not None and scenario.stations.station_id.tolist() == ["P1"]
    assert report.dropped["stations without chargers"] == ("P2",)
    assert report.dropped["stations without coordinates"] == ("P3",)


def test_another_city_is_refused_with_the_way_on(square: Scenario, tmp_path: Path) -> None:
    """Stations of another city would all stand at the nearest corner of this one."""
    with pytest.raises(ScenarioError) as caught:
        import_stations(listed(tmp_path / "s.csv", la=[22.5, 22.6, 22.7]), into=square)
    text = str(caught.value)
    assert "stations.snap_km [P1, P2, P3]" in text and "km from the road network" in text
    assert "--place by-demand" in text


def test_by_demand_follows_the_weights(square: Scenario, tmp_path: Path) -> None:
    """Zones with most homes and jobs would not have most stations, or a seed not repeat itself."""
    assert square.roads is not None
    many = tmp_path / "many.csv"
    n = 40
    pd.DataFrame({"station_id": range(n), "lat": 22.5, "lon": 114.0, "fast": 1, "slow": 2}).to_csv(many)
    roads = replace(square.roads, homes=np.array([300.0, 100.0]), jobs=np.array([3.0, 1.0]))
    into = replace(square, roads=roads, demand=None)
    scenario, report = import_stations(many, into=into, place="by-demand", seed=3)
    again, _ = import_stations(many, into=into, place="by-demand", seed=3)
    other, _ = import_stations(many, into=into, place="by-demand", seed=4)
    assert scenario.stations is not None and again.stations is not None and other.stations is not None
    # Zone 1 weighs three quarters: of 40 stations 30, at the corners nearest to it.
    x, y = roads.xy_km()
    at = scenario.stations.node
    first = x[at] + y[at] <= 1.0 + 1e-6
    second = x[at] + y[at] >= 1.0 - 1e-6
    assert first.sum() >= 30 and second.sum() >= 10
    assert scenario.stations.node.tolist() == again.stations.node.tolist() != other.stations.node.tolist()
    assert np.isnan(scenario.stations.snap_km).all() and "homes and jobs" in " ".join(report.assumptions)


def test_limit_draws_and_says_so(square: Scenario, tmp_path: Path) -> None:
    """A smaller inventory would be the head of the file, and nobody would know."""
    scenario, report = import_stations(listed(tmp_path / "s.csv"), into=square, limit=2, seed=1)
    assert scenario.stations is not None and len(scenario.stations) == 2
    assert len(report.dropped["stations beyond the limit, chosen at random"]) == 1


BAD: dict[str, tuple[dict[str, object], tuple[str, ...]]] = {
    "no coordinates": ({"la": None}, ("say where the stations are", "latitude")),
    "no counts": ({"fast_count": None, "slow_count": None}, ("how many chargers", "fast and normal")),
    "negative count": ({"fast_count": [2, -1, 4]}, ("fast_count", "P2", "found -1")),
    "half a charger": ({"fast_count": [2, 0.5, 4]}, ("fast_count", "P2", "found 0.5", "whole number")),
    "count in words": ({"fast_count": [2, "two", 4]}, ("fast_count", "P2", "'two' is no number")),
    "latitude of a projection": ({"la": [0.0, 2503113.4, 0.0]}, ("la", "P2", "-90 to 90")),
    "decimal comma": ({"la": ["0,1", "0,2", "0,3"]}, ("la", "'0,1'", "decimal points")),
    "id twice": ({"num": ["P1", "P2", "P1"]}, ("num", "more than once", "P1")),
    "id empty": ({"num": ["P1", None, "P3"]}, ("num", "id is empty", "row 2")),
    "no charger anywhere": ({"fast_count": [0, 0, 0], "slow_count": [0, 0, 0]}, ("no row has any chargers",)),
    "fewer in all": ({"slow_count": None, "count": [1, 10, 10]}, ("count", "P1", "fewer in all")),
}


@pytest.mark.parametrize("name", list(BAD))
def test_bad_tables(name: str, square: Scenario, tmp_path: Path) -> None:
    """A user with this mistake would get a traceback, or stations that are not those of the table."""
    columns, says = BAD[name]
    with pytest.raises(ScenarioError) as caught:
        import_stations(listed(tmp_path / "s.csv", **columns), into=square)
    assert all(word in str(caught.value) for word in ("s.csv", *says)), str(caught.value)
    assert len(caught.value.issues) == 1


def test_options_and_scenario_are_judged_at_once(square: Scenario, tmp_path: Path) -> None:
    """The user would mend one option, run again, find the next, and so on."""
    bare = replace(square, roads=None, demand=None)
    with pytest.raises(ScenarioError) as caught:
        import_stations(listed(tmp_path / "s.csv", la=None), into=bare, fast_kw=0, price_normal=-1, limit=0)
    tables = [issue.table for issue in caught.value.issues]
    assert tables == ["--fast-kw", "--price-normal", "--limit", "--into", "s.csv"]


def test_degrees_need_degrees(tmp_path: Path) -> None:
    """Degrees would be taken for km."""
    roads, _ = import_tntp(tntp(tmp_path / "made"), node_unit="m")
    with pytest.raises(ScenarioError, match="longitude and latitude, the roads x and y"):
        import_stations(listed(tmp_path / "s.csv"), into=roads)


def test_a_real_inventory_on_a_real_network(tmp_path: Path) -> None:
    """Shenzhen's public stations on Philadelphia's roads: the case that studies of this kind begin with."""
    table, archive = SHARED / "stations/stevcdp_stations.csv.gz", SHARED / "roads/Philadelphia.tar.xz"
    if not (table.is_file() and archive.is_file()):
        pytest.skip("shared/data/stations and shared/data/roads are not here: they are not in the repository")
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path, filter="data")
    folder = next(path.parent for path in tmp_path.rglob("*_net.tntp"))
    roads, report = import_tntp(
        folder, length_unit="mi", capacity_period_h=24, node_unit="0.01mi", trips_per_day=1.8e7
    )
    assert (report.counts["links"], report.counts["zones"]) == (40_003, 1_525)
    scenario, report = import_stations(table, into=roads, place="by-demand")
    stations = scenario.stations
    assert stations is not None and scenario.roads is not None
    assert (report.counts["rows"], len(stations)) == (1706, 1706 - 62)
    assert (stations.fast.sum(), stations.normal.sum()) == (2693, 20179)
    # A tenth of the zones that weigh most has about its share of the stations.
    weight = scenario.roads.homes
    x, y = scenario.roads.xy_km()
    centre = scenario.roads.zone_node
    gap = np.hypot(x[stations.node][:, None] - x[centre], y[stations.node][:, None] - y[centre])
    held = np.bincount(gap.argmin(axis=1), minlength=scenario.roads.zones)
    top = np.argsort(weight)[-152:]
    assert held[top].sum() / len(stations) == pytest.approx(weight[top].sum() / weight.sum(), abs=0.02)
