"""Roads of an OpenStreetMap extract as nodes and directed links."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.roads import ROAD_CLASSES
from tidewatt.errors import Issue, ScenarioError, extra
from tidewatt.io.importers.osm_tags import Road, road_of

__all__ = ["Streets", "Way", "read_ways", "streets_of"]

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
    """Roads for motor traffic of an extract (.osm, .osm.gz, .osm.bz2, .osm.pbf).

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
    """Runs of two or more vertices that are there."""
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
    """Cut ways at shared vertices, and make a link for each direction that may be driven."""
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
    """A way between its junctions; a piece that would return to its start is halved."""
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
    """Great-circle distance of two vertices [km]."""
    lon1, lat1, lon2, lat2 = map(math.radians, (*one[1:], *other[1:]))
    sine = math.sin((lat2 - lat1) / 2) ** 2
    sine += math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2.0 * _EARTH_KM * math.asin(math.sqrt(min(sine, 1.0)))
