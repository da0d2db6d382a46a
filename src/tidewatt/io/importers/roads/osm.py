"""Make a scenario of roads from an OpenStreetMap extract, with grid cells as zones."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.fleet import OFF_GRID
from tidewatt.domain.roads import ROAD_CLASSES, Roads
from tidewatt.domain.scenario import Scenario
from tidewatt.errors import Issue, ScenarioError, extra
from tidewatt.io.importers.report import ImportReport
from tidewatt.io.importers.roads.parts import bare_scenario, repaired, sound

__all__ = ["KINDS", "Road", "RoadKind", "Streets", "Way", "import_osm", "read_ways", "road_of", "streets_of"]


class RoadKind(NamedTuple):
    """Figures for a kind of road: class, free speed, lanes per direction, vehicles per hour and lane."""

    road_class: str
    speed_kmh: float
    lanes: float
    lane_veh_h: float


KINDS: Mapping[str, RoadKind] = {
    "motorway": RoadKind("expressway", 110.0, 2.0, 2000.0),
    "motorway_link": RoadKind("expressway", 60.0, 1.0, 1500.0),
    "trunk": RoadKind("expressway", 80.0, 2.0, 1800.0),
    "trunk_link": RoadKind("expressway", 50.0, 1.0, 1400.0),
    "primary": RoadKind("arterial", 60.0, 2.0, 1000.0),
    "primary_link": RoadKind("arterial", 45.0, 1.0, 900.0),
    "secondary": RoadKind("arterial", 50.0, 1.0, 900.0),
    "secondary_link": RoadKind("arterial", 40.0, 1.0, 800.0),
    "tertiary": RoadKind("branch", 45.0, 1.0, 700.0),
    "tertiary_link": RoadKind("branch", 35.0, 1.0, 600.0),
    "unclassified": RoadKind("branch", 40.0, 1.0, 600.0),
    "residential": RoadKind("branch", 30.0, 1.0, 500.0),
    "living_street": RoadKind("branch", 10.0, 1.0, 300.0),
}
"""Values of ``highway`` that become links; service roads, tracks and paths do not."""

_CLOSED = ("no", "private", "agricultural", "forestry", "delivery")
_SPEED = re.compile(r"(\d+(?:\.\d+)?)\s*(mph|km/h|kmh|kph)?")
_KM_PER_MILE = 1.609344


class Road(NamedTuple):
    """A road as its tags describe it.

    Attributes
    ----------
    road_class : str
    speed_kmh : float
    forward, backward : bool
        Directions that may be driven, along the way and against it.
    lanes_forward, lanes_backward : float
    lane_veh_h : float
    assumed : tuple of str
        What the tags do not say.
    """

    road_class: str
    speed_kmh: float
    forward: bool
    backward: bool
    lanes_forward: float
    lanes_backward: float
    lane_veh_h: float
    assumed: tuple[str, ...]


def road_of(tags: Mapping[str, str]) -> Road | None:
    """Return the road that tags describe; None if it is closed to motor traffic."""
    kind = KINDS.get(tags.get("highway", ""))
    if kind is None or tags.get("area") == "yes":
        return None
    # The most special key decides.
    access = next((tags[k] for k in ("motorcar", "motor_vehicle", "vehicle", "access") if k in tags), "yes")
    if access in _CLOSED:
        return None
    forward, backward = _directions(tags)
    assumed = []
    speed = _speed(tags.get("maxspeed", ""))
    if speed is None:
        speed = kind.speed_kmh
        assumed.append("free speed")
    ahead, back = _lanes(tags, kind, forward and backward)
    if ahead is None or back is None:
        ahead = back = kind.lanes
        assumed.append("lanes")
    return Road(kind.road_class, speed, forward, backward, ahead, back, kind.lane_veh_h, tuple(assumed))


def _directions(tags: Mapping[str, str]) -> tuple[bool, bool]:
    word = tags.get("oneway", "")
    if word in ("yes", "true", "1"):
        return True, False
    if word in ("-1", "reverse"):
        return False, True
    implied = tags["highway"] in ("motorway", "motorway_link") or tags.get("junction") in (
        "roundabout",
        "circular",
    )
    return True, not (implied and word not in ("no", "false", "0"))


def _speed(text: str) -> float | None:
    """Return the speed limit in km/h; None if it is not a number, as in ``none`` or ``DE:urban``."""
    found = _SPEED.fullmatch(text.split(";")[0].strip().lower())
    if found is None:
        return None
    speed = float(found[1]) * (_KM_PER_MILE if found[2] == "mph" else 1.0)
    return speed if speed > 0 else None


def _lanes(tags: Mapping[str, str], kind: RoadKind, both: bool) -> tuple[float | None, float | None]:
    """Return lanes along and against the way; a total for both directions is halved."""
    total = _count(tags.get("lanes", ""))
    ahead, back = _count(tags.get("lanes:forward", "")), _count(tags.get("lanes:backward", ""))
    if not both:
        one = ahead or back or total
        return one, one
    half = None if total is None else max(total / 2.0, 1.0)
    return ahead or half, back or half


def _count(text: str) -> float | None:
    word = text.split(";")[0].strip()
    return float(word) if word.isdigit() and word != "0" else None


_EARTH_KM = 6371.0
_LEAST_KM = 0.001  # vertices may coincide, and a link must take time


@dataclass(frozen=True, slots=True)
class Way:
    """A road with its vertices: number, longitude and latitude of each."""

    way: int
    road: Road
    vertices: tuple[tuple[int, float, float], ...]


@dataclass(frozen=True, slots=True)
class Streets:
    """Junctions and the links between them.

    Attributes
    ----------
    node_id, longitude, latitude : array, shape (nodes,)
    link_id : array of str, shape (links,)
    tail, head, length_km, free_time_min, capacity_veh_h, lanes, road_class : array, shape (links,)
        As in `Roads`.
    assumed : mapping of str to int
        How many ways lack what, by its name.
    """

    node_id: Array
    longitude: Array
    latitude: Array
    link_id: Array
    tail: Array
    head: Array
    length_km: Array
    free_time_min: Array
    capacity_veh_h: Array
    lanes: Array
    road_class: Array
    assumed: dict[str, int]


def read_ways(path: Path) -> list[Way]:
    """Read the roads for motor traffic of an extract (.osm, .osm.gz, .osm.bz2, .osm.pbf).

    A way is cut where the extract lacks a vertex.

    Raises
    ------
    ScenarioError
        If the reader is not installed, or the file is no extract.
    """
    try:
        import osmium
    except ImportError:
        fix = f"Install tidewatt with its extra: {extra('gis')}"
        problem = "OpenStreetMap extracts are read by the package osmium, which is not installed"
        raise ScenarioError([Issue(path.name, "", problem, fix)]) from None
    if not path.is_file():
        what = "it is a folder, not a file" if path.is_dir() else f"no such file: {path}"
        raise ScenarioError([Issue(path.name, "", what, "Name an extract: .osm, .osm.gz or .osm.pbf")])
    ways = []
    try:
        selected = osmium.FileProcessor(str(path), osmium.osm.NODE | osmium.osm.WAY).with_locations()
        for each in selected.with_filter(osmium.filter.EntityFilter(osmium.osm.WAY)):
            road = road_of(dict(each.tags))
            if road is not None and isinstance(each, osmium.osm.Way):
                nodes = [(n.ref, n.lon, n.lat) if n.location.valid() else None for n in each.nodes]
                ways += [Way(each.id, road, part) for part in _runs(nodes)]
    except RuntimeError as error:  # all that osmium raises for files
        problem = f"the file cannot be read as OpenStreetMap data ({' '.join(str(error).split())[:150]})"
        fix = "Fetch it again; it must end in .osm, .osm.gz, .osm.bz2 or .osm.pbf"
        raise ScenarioError([Issue(path.name, "", problem, fix)]) from error
    if not ways:
        fix = "Take an extract that holds ways with the tag highway, and their nodes"
        raise ScenarioError([Issue(path.name, "", "the extract holds no roads for motor traffic", fix)])
    return ways


def _runs(
    nodes: list[tuple[int, float, float] | None],
) -> Iterator[tuple[tuple[int, float, float], ...]]:
    """Yield runs of two or more vertices that are present."""
    run: list[tuple[int, float, float]] = []
    for node in [*nodes, None]:
        if node is not None:
            if not run or run[-1][0] != node[0]:
                run.append(node)
        elif run:
            if len(run) > 1:
                yield tuple(run)
            run = []


def streets_of(ways: list[Way]) -> Streets:
    """Cut ways at shared vertices, and make a link for each permitted direction."""
    used = Counter(vertex[0] for way in ways for vertex in way.vertices)
    ends = {way.vertices[k][0] for way in ways for k in (0, -1)}
    place: dict[int, int] = {}
    points: list[tuple[float, float]] = []
    ids: list[str] = []
    rows: list[tuple[int, int, float, float, float, float, int]] = []
    assumed: Counter[str] = Counter()

    def number(vertex: tuple[int, float, float]) -> int:
        if vertex[0] not in place:
            place[vertex[0]] = len(points)
            points.append(vertex[1:])
        return place[vertex[0]]

    parts: Counter[int] = Counter()
    for way in ways:
        road = way.road
        assumed.update(road.assumed)
        kind = ROAD_CLASSES.index(road.road_class)
        for piece in _pieces(way.vertices, used, ends):
            length = max(sum(map(_km, piece[:-1], piece[1:])), _LEAST_KM)
            first, last = number(piece[0]), number(piece[-1])
            part = f"{way.way}-{parts[way.way]}"
            parts[way.way] += 1
            for name, tail, head, lanes, driven in (
                (part, first, last, road.lanes_forward, road.forward),
                (f"{part}-back", last, first, road.lanes_backward, road.backward),
            ):
                if driven:
                    time = 60.0 * length / road.speed_kmh
                    ids.append(name)
                    rows.append((tail, head, length, time, lanes * road.lane_veh_h, lanes, kind))
    table = np.asarray(rows, float).reshape(-1, 7).T
    place_of = np.asarray(points, float).reshape(-1, 2)
    return Streets(
        node_id=np.asarray(list(place), np.int64),
        longitude=place_of[:, 0],
        latitude=place_of[:, 1],
        link_id=np.asarray(ids, object),
        tail=table[0],
        head=table[1],
        length_km=table[2],
        free_time_min=table[3],
        capacity_veh_h=table[4],
        lanes=table[5],
        road_class=table[6],
        assumed=dict(assumed),
    )


def _pieces(
    vertices: tuple[tuple[int, float, float], ...], used: Counter[int], ends: set[int]
) -> Iterator[tuple[tuple[int, float, float], ...]]:
    """Yield the pieces of a way between junctions; a piece that returns to its start is halved."""
    start = 0
    for k in range(1, len(vertices)):
        vertex = vertices[k][0]
        if k < len(vertices) - 1 and used[vertex] < 2 and vertex not in ends:
            continue
        piece = vertices[start : k + 1]
        start = k
        if piece[0][0] != piece[-1][0]:
            yield piece
        elif len(piece) > 2:
            half = len(piece) // 2
            yield piece[: half + 1]
            yield piece[half:]


def _km(one: tuple[int, float, float], other: tuple[int, float, float]) -> float:
    """Return the great-circle distance between two vertices [km]."""
    lon1, lat1, lon2, lat2 = map(math.radians, (*one[1:], *other[1:]))
    sine = math.sin((lat2 - lat1) / 2) ** 2
    sine += math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2.0 * _EARTH_KM * math.asin(math.sqrt(min(sine, 1.0)))


def import_osm(
    file: Path | str,
    *,
    zone_km: float = 1.0,
    trips_per_day: float | None = None,
    name: str | None = None,
) -> tuple[Scenario, ImportReport]:
    """Import the roads of an extract: its largest connected piece.

    Ways are cut where they meet. Speeds and lanes that the tags do not say, and all capacities, follow the
    kind of road: see `tidewatt.io.importers.roads.osm.KINDS`.

    Parameters
    ----------
    file : path
        ``.osm``, ``.osm.gz``, ``.osm.bz2`` or ``.osm.pbf``; needs the extra ``gis``.
    zone_km : float
        Side of a zone's cell. Trips of a zone start and end at the node nearest to the middle of its nodes;
        its weight is their number. Nodes of expressways alone do not count.
    trips_per_day : float, optional
        All vehicle trips of a weekday: goes to ``[simulation]``.
    name : str, optional
        Name of the scenario; by default from the file.

    Returns
    -------
    Scenario, ImportReport

    Raises
    ------
    ScenarioError
        With what is wrong with options or file, or with how to install the extra.
    """
    path = Path(file)
    issues = []
    if not 0 < zone_km < math.inf:
        issues.append(Issue("--zone-km", "", f"{zone_km:g} given", "Give the side of a cell in km, above 0"))
    if trips_per_day is not None and not 0 < trips_per_day < math.inf:
        fix = "Give the vehicle trips of a weekday, above 0"
        issues.append(Issue("--trips-per-day", "", f"{trips_per_day:g} given", fix))
    if issues:
        raise ScenarioError(issues)
    ways = read_ways(path)
    streets = streets_of(ways)
    mended = repaired(_roads(streets), None, "drop")
    roads = _with_zones(mended.roads, zone_km)
    simulation = {"trips_per_day": float(trips_per_day)} if trips_per_day else None
    scenario = sound(bare_scenario(name or path.name.split(".")[0], roads, None, simulation))
    counts: dict[str, float] = {"ways": len(ways), "nodes": roads.nodes, "links": roads.links}
    counts["zones"] = roads.zones
    counts |= {f"ways_without_{what.replace(' ', '_')}": n for what, n in sorted(streets.assumed.items())}
    said = [
        "capacities, and speeds and lanes missing from the tags, follow the road class",
        f"zones are cells of {zone_km:g} km; homes, jobs and other destinations weigh as road nodes do",
    ]
    if not trips_per_day:
        said.append("no demand was read: give --trips-per-day, or trips_per_day under [simulation]")
    # OpenStreetMap asks those who show its data to say so.
    said.append("the data come from OpenStreetMap contributors, under the Open Database License")
    return scenario, ImportReport(path.name, counts, mended.dropped, {}, tuple(said))


def _roads(streets: Streets) -> Roads:
    links, none = len(streets.tail), np.zeros(0)
    return Roads(
        node_id=streets.node_id,
        x=streets.longitude,
        y=streets.latitude,
        through=np.ones(len(streets.node_id), bool),
        link_id=streets.link_id,
        tail=streets.tail,
        head=streets.head,
        length_km=streets.length_km,
        capacity_veh_h=streets.capacity_veh_h,
        free_time_min=streets.free_time_min,
        road_class=streets.road_class,
        bpr_alpha=np.full(links, 0.15),
        bpr_beta=np.full(links, 4.0),
        toll=np.zeros(links),
        lanes=streets.lanes,
        zone_id=np.zeros(0, np.int64),
        zone_node=none,
        homes=none,
        jobs=none,
        other=none,
        zone_feeder=none,
        crs="EPSG:4326",
    )


def _with_zones(roads: Roads, zone_km: float) -> Roads:
    """Add zones: cells of the plane that hold nodes of roads other than expressways."""
    x, y = roads.xy_km()
    local = np.zeros(roads.nodes, bool)
    streets = roads.road_class != ROAD_CLASSES.index("expressway")
    local[roads.tail[streets]] = local[roads.head[streets]] = True
    nodes = np.flatnonzero(local if local.any() else np.ones(roads.nodes, bool))
    cell = np.column_stack([np.floor((v[nodes] - v[nodes].min()) / zone_km) for v in (x, y)]).astype(np.int64)
    _, zone, weight = np.unique(cell, axis=0, return_inverse=True, return_counts=True)
    zone = zone.ravel()
    middle = [np.bincount(zone, v[nodes]) / weight for v in (x, y)]
    gap = np.hypot(x[nodes] - middle[0][zone], y[nodes] - middle[1][zone])
    order = np.lexsort((gap, zone))
    first = order[np.r_[True, np.diff(zone[order]) > 0]]
    weights: Array = weight.astype(float)
    return replace(
        roads,
        zone_id=np.arange(1, len(weight) + 1),
        zone_node=nodes[first],
        homes=weights,
        jobs=weights,
        other=weights,
        zone_feeder=np.full(len(weight), OFF_GRID),
    )
