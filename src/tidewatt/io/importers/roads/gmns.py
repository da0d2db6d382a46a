"""Make a scenario of roads, and of demand where there is any, from tables in GMNS form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tidewatt.domain.arrays import Array
from tidewatt.domain.fleet import OFF_GRID
from tidewatt.domain.roads import ROAD_CLASSES, Demand, Roads
from tidewatt.domain.scenario import Scenario
from tidewatt.errors import Issue, ScenarioError
from tidewatt.io.importers.report import ImportReport
from tidewatt.io.importers.roads.parts import Repair, bare_scenario, nearest_weights, repaired, sound
from tidewatt.io.importers.roads.units import LENGTHS_KM, SPEEDS_KMH, coordinate_unit, unit
from tidewatt.io.importers.tables import FrameColumns, read_table
from tidewatt.io.scenario.roads import default_classes

__all__ = [
    "LANE_VEH_H",
    "Links",
    "Zones",
    "import_gmns",
    "lane_capacity",
    "read_demand",
    "read_links",
    "read_zones",
]

LANE_VEH_H = {"expressway": 1900.0, "arterial": 900.0, "branch": 600.0, "connector": 2000.0}
"""Vehicles per hour and lane by class of road."""


def lane_capacity(road_class: Array) -> Array:
    """Return the capacity of one lane [veh/h] by class, shape (links,)."""
    return np.array([LANE_VEH_H[name] for name in ROAD_CLASSES])[road_class]


_CARS = ("auto", "car", "all", "sov", "hov", "vehicle", "drive", "truck", "motor")
_CLASSES: Mapping[str, str] = {
    **dict.fromkeys(("freeway", "motorway", "expressway", "interstate", "highway", "trunk"), "expressway"),
    **dict.fromkeys(("arterial", "primary", "secondary", "principal"), "arterial"),
    **dict.fromkeys(("collector", "local", "residential", "tertiary", "branch", "ramp"), "branch"),
    **dict.fromkeys(("connector", "centroid"), "connector"),
}


@dataclass(frozen=True, slots=True)
class Links:
    """Directed links.

    Attributes
    ----------
    link_id : array of str, shape (links,)
    columns : mapping of str to array
        By attribute of `Roads`.
    geometry : array of str, shape (links,), or None
    two_way : int
        Links that were undirected, each of which became two.
    imputed, dropped : mapping of str to tuple of str
        For the report.
    """

    link_id: Array
    columns: dict[str, Any]
    geometry: Array | None
    two_way: int
    imputed: dict[str, tuple[str, ...]]
    dropped: dict[str, tuple[str, ...]]


def read_links(table: FrameColumns, node_ids: Array, length_km: float, speed_kmh: float) -> Links:
    """Read links of motor traffic, with km lengths and all-lane capacities; report problems to the table.

    Undirected links become two. Lanes that are not given count as one, and capacities per lane that are not
    given follow the class of road.
    """
    ids = table.own_ids(table.need("ids of links", "link_id"))
    ends = [_end(table, name, node_ids) for name in ("from_node_id", "to_node_id")]
    length = _figure(table, "length", "lengths of links, in long_length units", low_open=False) * length_km
    speed = _figure(table, "free_speed", "free speeds, in speed units", low_open=True) * speed_kmh
    directed = table.flags(table.find("directed"), True)
    lanes = table.numbers(table.find("lanes"))
    per_lane = table.numbers(table.find("capacity"))
    bad = np.flatnonzero(per_lane <= 0)
    if len(bad):
        fix = "Give vehicles per hour and lane above 0, or leave the cell empty for a default"
        table.report("capacity", f"found {per_lane[bad[0]]:g} (allowed: above 0)", fix, bad)
    free = 60.0 * length / np.where(speed > 0, speed, 1.0)
    kind = _classes(table, length, free)
    imputed = {}
    for what, lacking in (
        ("directed: true", np.full(len(table), table.find("directed") is None)),
        ("lanes: 1", ~(lanes > 0)),
        ("capacity per lane by class of road", np.isnan(per_lane)),
    ):
        if lacking.any():
            imputed[what] = tuple(map(str, ids[lacking]))
    capacity = np.where(np.isnan(per_lane), lane_capacity(kind), per_lane) * np.where(lanes > 0, lanes, 1.0)
    columns: dict[str, Array] = {
        "tail": ends[0],
        "head": ends[1],
        "length_km": length,
        "capacity_veh_h": capacity,
        "free_time_min": free,
        "road_class": kind,
        "bpr_alpha": _or(table.numbers(table.find("bpr_alpha", "vdf_alpha")), 0.15),
        "bpr_beta": _or(table.numbers(table.find("bpr_beta", "vdf_beta")), 4.0),
        "toll": _or(table.numbers(table.find("toll")), 0.0),
        "lanes": np.where(lanes > 0, lanes, np.nan),
    }
    kept = _for_cars(table)
    both = kept & ~directed
    rows = np.r_[np.flatnonzero(kept), np.flatnonzero(both)]
    back = np.r_[np.zeros(kept.sum(), bool), np.ones(both.sum(), bool)]
    taken = {name: values[rows] for name, values in columns.items()}
    taken["tail"], taken["head"] = (
        np.where(back, taken["head"], taken["tail"]),
        np.where(back, taken["tail"], taken["head"]),
    )
    names = np.asarray([*ids[kept], *_reverse_ids(ids, ids[both])], object)
    geometry = table.find("geometry")
    shapes = None if geometry is None else table.ids(geometry)[rows]
    if shapes is not None:
        shapes[back] = ""  # it runs the other way
    dropped = {"links not for motor traffic": tuple(map(str, ids[~kept]))} if not kept.all() else {}
    return Links(names, taken, shapes, int(both.sum()), imputed, dropped)


def _end(table: FrameColumns, column: str, node_ids: Array) -> Array:
    found = table.ids(table.need("a node", column))
    known = {str(name): k for k, name in enumerate(node_ids)}
    place = np.array([known.get(str(name), -1) for name in found], np.int64)
    unknown = np.flatnonzero(place < 0)
    if len(unknown) and table.find(column):
        shown = found[unknown[0]]
        problem = f"{shown!r} is not in the node table" if shown else "the cell is empty"
        table.report(column, problem, "Add the node, or correct the link", unknown)
    return np.maximum(place, 0)


def _figure(table: FrameColumns, name: str, meaning: str, *, low_open: bool) -> Array:
    """Return a column that every link needs."""
    values = table.numbers(table.need(meaning, name))
    if table.find(name) is None:
        return np.ones(len(table))
    table.report(name, "the cell is empty", f"Fill it: {meaning}", np.flatnonzero(np.isnan(values)))
    bad = np.flatnonzero((values <= 0) if low_open else (values < 0))
    if len(bad):
        bound = "above 0" if low_open else "0 or more"
        table.report(name, f"found {values[bad[0]]:g} (allowed: {bound})", "Correct the cell", bad)
    return np.where(values >= 0, values, 1.0)


def _classes(table: FrameColumns, length_km: Array, free_min: Array) -> Array:
    """Return road classes: by the words of ``facility_type``, else by free-flow speed."""
    kind = default_classes(length_km, free_min, np.zeros(len(table), bool))
    column = table.find("facility_type", "road_class", "link_type_name")
    if column is not None:
        for row, text in enumerate(table.ids(column)):
            words = str(text).lower().replace("_", " ").replace("-", " ").split()
            found = next((_CLASSES[word] for word in words if word in _CLASSES), None)
            if found is not None:
                kind[row] = ROAD_CLASSES.index(found)
    return kind


def _for_cars(table: FrameColumns) -> Array:
    """Return the links open to motor traffic; all if the table does not say."""
    column = table.find("allowed_uses", "allowed_use")
    if column is None:
        return np.ones(len(table), bool)
    uses = [str(text).lower() for text in table.ids(column)]
    return np.asarray([not use or any(word in use for word in _CARS) for use in uses], bool)


def _reverse_ids(ids: Array, links: Array) -> list[str]:
    """Return ids for the opposite direction: numbers continue if all ids are numbers; texts get a suffix."""
    if all(str(name).isdigit() for name in ids):
        last = max((int(name) for name in ids), default=0)
        return [str(last + 1 + k) for k in range(len(links))]
    return [f"{name}-reverse" for name in links]


def _or(values: Array, default: float) -> Array:
    return np.where(np.isnan(values), default, values)


_NO_ZONE = ("", "0", "-1")
_HOMES = ("homes", "households", "dwellings", "population")
_JOBS = ("jobs", "employment", "workplaces")


@dataclass(frozen=True, slots=True)
class Zones:
    """Zones; arrays of shape (zones,).

    Attributes
    ----------
    zone_id : array of str
    node : array of int64
        Node where trips start and end.
    homes, jobs, other : array
        nan where not given.
    assumptions : tuple of str
    """

    zone_id: Array
    node: Array
    homes: Array
    jobs: Array
    other: Array
    assumptions: tuple[str, ...]


def read_zones(
    nodes: FrameColumns, frame: pd.DataFrame | None, node_ids: Array, x: Array, y: Array, issues: list[Issue]
) -> Zones:
    """Return the zones that nodes name, in the order of the zone table if there is one.

    Of several nodes of a zone, the one nearest to their middle stands for it. Nodes of zone 0 or -1 are of
    none, unless the zone table has such a zone.
    """
    of_node = nodes.ids(nodes.find("zone_id"))
    table = None if frame is None else FrameColumns("zone", frame, issues)
    listed = None if table is None else table.own_ids(table.need("ids of zones", "zone_id"))
    if listed is None:
        ids = list(dict.fromkeys(zone for zone in of_node if zone not in _NO_ZONE))
    else:
        ids = list(dict.fromkeys(zone for zone in listed if zone))
        known = set(ids)
        foreign = np.flatnonzero([zone not in known and zone not in _NO_ZONE for zone in of_node])
        if len(foreign):
            problem = f"{of_node[foreign[0]]!r} is not in the zone table"
            nodes.report("zone_id", problem, "Add the zone, or leave the cell empty", foreign)
    place = {zone: k for k, zone in enumerate(ids)}
    owner = np.array([place.get(zone, -1) for zone in of_node], np.int64)
    node, several = _standing(owner, len(ids), x, y)
    if table is not None and listed is not None:
        fix = "Give one of its nodes the zone_id, or remove the zone"
        empty = np.flatnonzero([bool(zone) and node[place[zone]] < 0 for zone in listed])
        table.report("zone_id", "no node is of the zone", fix, empty)
    said: tuple[str, ...] = ()
    if several:
        said = (
            f"where a zone has several nodes ({several:,} zones), the one nearest to their centre is used",
        )
    homes, jobs, other = (_weights(table, words, len(ids)) for words in (_HOMES, _JOBS, ("other",)))
    return Zones(np.asarray(ids, object), np.maximum(node, 0), homes, jobs, other, said)


def _standing(owner: Array, zones: int, x: Array, y: Array) -> tuple[Array, int]:
    """Return each zone's node, -1 where it has none, and the number of zones that have several."""
    node = np.full(zones, -1, np.int64)
    rows = np.flatnonzero(owner >= 0)
    rows = rows[np.argsort(owner[rows], kind="stable")]
    several = 0
    for members in np.split(rows, np.flatnonzero(np.diff(owner[rows])) + 1):
        if not len(members):
            continue
        best = 0
        if len(members) > 1:
            several += 1
            gap = np.hypot(x[members] - x[members].mean(), y[members] - y[members].mean())
            best = int(np.nanargmin(gap)) if np.isfinite(gap).any() else 0
        node[owner[members[0]]] = members[best]
    return node, several


def _weights(table: FrameColumns | None, words: tuple[str, ...], zones: int) -> Array:
    values = np.full(0, np.nan) if table is None else table.numbers(table.find(*words))
    return values if len(values) == zones else np.full(zones, np.nan)


def read_demand(table: FrameColumns, zone_ids: Array) -> Demand:
    """Read trips from a list of pairs; rows without trips are left out."""
    ends = []
    for meaning, words in (
        ("zones where trips start", ("o_zone_id", "from_zone_id", "origin_zone_id", "origin", "orig_taz")),
        (
            "zones where trips end",
            ("d_zone_id", "to_zone_id", "destination_zone_id", "destination", "dest_taz"),
        ),
    ):
        column = table.need(meaning, *words)
        found = table.ids(column)
        place = {str(zone): k for k, zone in enumerate(zone_ids)}
        at = np.array([place.get(zone, -1) for zone in found], np.int64)
        unknown = np.flatnonzero(at < 0)
        if len(unknown) and column is not None:
            problem = f"{found[unknown[0]]!r} is no zone of the network"
            table.report(column, problem, "Correct it, or give a node this zone_id", unknown)
        ends.append(np.maximum(at, 0))
    column = table.need("vehicle trips", "volume", "trips", "demand", "flow")
    trips = table.numbers(column)
    if column is not None:
        table.report(
            column, "the cell is empty", "Fill it, or remove the row", np.flatnonzero(np.isnan(trips))
        )
        bad = np.flatnonzero(trips < 0)
        if len(bad):
            table.report(column, f"found {trips[bad[0]]:g} (allowed: 0 or more)", "Correct the cell", bad)
    rows = np.flatnonzero(trips > 0) if len(zone_ids) else np.zeros(0, np.int64)
    unknown_time = np.full(len(rows), np.nan)
    return Demand(ends[0][rows], ends[1][rows], trips[rows], unknown_time, unknown_time)


_TABLES = ("node", "link", "zone", "config", "demand", "od")
_ENDINGS = (".csv", ".csv.gz", ".csv.xz", ".parquet")


def import_gmns(
    folder: Path | str,
    *,
    length_unit: str | None = None,
    speed_unit: str | None = None,
    node_unit: str | None = None,
    demand_period_h: float = 1.0,
    repair: Repair = "none",
    trips_per_day: float | None = None,
    name: str | None = None,
) -> tuple[Scenario, ImportReport]:
    """Import roads, zones and trips of a GMNS folder.

    Parameters
    ----------
    folder : path
        With ``node`` and ``link`` tables, CSV (also compressed) or Parquet.
    length_unit, speed_unit, node_unit : str, optional
        Units of lengths, speeds and coordinates; by default ``long_length``, ``speed`` and ``crs`` of
        ``config.csv``.
    demand_period_h : float
        Hours over which the trips are counted.
    repair : {"none", "drop", "connect"}
        What to do with stray pieces; see `tidewatt.io.importers.roads.parts.repaired`.
    trips_per_day : float, optional
        All vehicle trips of a weekday, where there is no demand: goes to ``[simulation]``.
    name : str, optional
        Name of the scenario; by default that of the folder.

    Returns
    -------
    Scenario, ImportReport

    Raises
    ------
    ScenarioError
        With everything that is wrong with options and tables, at once: among them units that neither the
        configuration nor an option gives.
    """
    path = Path(folder)
    issues: list[Issue] = []
    if not 0 < demand_period_h <= 8784:
        fix = "Give the hours that trips are counted over: 1, or 24 for a day"
        issues.append(Issue("--demand-period-h", "", f"{demand_period_h:g} given", fix))
    if trips_per_day is not None and not (trips_per_day > 0 and math.isfinite(trips_per_day)):
        fix = "Give the vehicle trips of a weekday, above 0"
        issues.append(Issue("--trips-per-day", "", f"{trips_per_day:g} given", fix))
    tables = _tables(path, issues)
    if "node" not in tables or "link" not in tables:
        raise ScenarioError(issues)
    assumptions: list[str] = []
    config = _config(tables.get("config"))
    length_km = _unit(length_unit, "--length-unit", "long_length", config, LENGTHS_KM, assumptions, issues)
    speed_kmh = _unit(speed_unit, "--speed-unit", "speed", config, SPEEDS_KMH, assumptions, issues)
    crs, scale = _crs(node_unit, config, assumptions, issues)
    nodes = FrameColumns("node", tables["node"], issues)
    node_ids = nodes.own_ids(nodes.need("ids of nodes", "node_id"))
    x, y = (nodes.numbers(nodes.find(f"{axis}_coord", axis)) * scale for axis in "xy")
    links = read_links(FrameColumns("link", tables["link"], issues), node_ids, length_km, speed_kmh)
    zones = read_zones(nodes, tables.get("zone"), node_ids, x, y, issues)
    od = tables.get("demand", tables.get("od"))
    demand = None if od is None else read_demand(FrameColumns("demand", od, issues), zones.zone_id)
    if issues:
        raise ScenarioError(issues)
    roads = _roads(node_ids, x, y, crs, demand_period_h, nodes, links, zones)
    mended = repaired(roads, demand, repair)
    roads, demand = mended.roads, mended.demand
    imputed = dict(links.imputed)
    if roads.zones and demand is None and np.isnan(roads.homes).all() and np.isnan(roads.jobs).all():
        weights = nearest_weights(roads)
        roads = replace(roads, homes=weights, jobs=weights, other=weights)
        imputed["homes, jobs and other, by the number of nearest nodes"] = tuple(map(str, roads.zone_id))
    simulation = {"trips_per_day": float(trips_per_day)} if trips_per_day else None
    scenario = sound(bare_scenario(name or path.resolve().name, roads, demand, simulation))
    counts: dict[str, float] = {"nodes": roads.nodes, "links": roads.links, "zones": roads.zones}
    counts |= {"links_in_both_directions": links.two_way} | mended.counts
    if demand is not None:
        counts |= {"pairs_with_trips": len(demand), "trips": float(demand.trips.sum())}
    dropped = {**links.dropped, **mended.dropped}
    said = (*assumptions, *zones.assumptions, *mended.assumptions)
    return scenario, ImportReport(", ".join(tables), counts, dropped, imputed, said)


def _tables(folder: Path, issues: list[Issue]) -> dict[str, pd.DataFrame]:
    """Return the tables of the folder by name, ignoring other files."""
    if not folder.is_dir():
        what = "it is a file, not a folder" if folder.exists() else "there is no such folder"
        issues.append(Issue(str(folder), "", what, "Name the folder that holds node.csv and link.csv"))
        return {}
    found: dict[str, pd.DataFrame] = {}
    for file in sorted(folder.iterdir()):
        stem = file.name.lower().split(".")[0]
        if stem in _TABLES and file.name.lower().removeprefix(stem) in _ENDINGS and stem not in found:
            try:
                found[stem] = read_table(file)
            except ScenarioError as error:
                issues += error.issues
                found[stem] = pd.DataFrame()
    for table in ("node", "link"):
        if table not in found:
            there = ", ".join(sorted(file.name for file in folder.iterdir())[:5]) or "nothing"
            issues.append(Issue(f"{table}.csv", "", f"the table is missing in {folder} ({there})", "Add it"))
        elif not len(found[table]) and len(found[table].columns):
            issues.append(Issue(f"{table}.csv", "", "the table has no rows", "Fill it"))
    if any(table in found and not len(found[table].columns) for table in ("node", "link")):
        raise ScenarioError(issues)  # without rows nothing else can be judged
    return found


def _config(frame: pd.DataFrame | None) -> dict[str, str]:
    """Return the single row of the configuration, by column."""
    if frame is None or not len(frame):
        return {}
    row = frame.iloc[0]
    return {str(column).strip().lower(): str(value) for column, value in row.items() if pd.notna(value)}


def _unit(
    given: str | None,
    option: str,
    key: str,
    config: Mapping[str, str],
    known: Mapping[str, float],
    assumptions: list[str],
    issues: list[Issue],
) -> float:
    """Return a unit from the option, else from the configuration; report an issue if neither gives it."""
    stated = given if given is not None else config.get(key)
    if stated is None:
        words = ", ".join(dict.fromkeys(w for w in known if len(w) <= 4))
        fix = f"Add {key} to config.csv, or give {option} ({words})"
        issues.append(Issue("config", key, "no unit is given", fix))
        return 1.0
    try:
        value = unit(stated, known, option if given is not None else f"config.{key}")
    except ScenarioError as error:
        issues += error.issues
        return 1.0
    if given is None:
        assumptions.append(f"{key} is {stated}, as the configuration says ({option} changes it)")
    return value


def _crs(
    given: str | None, config: Mapping[str, str], assumptions: list[str], issues: list[Issue]
) -> tuple[str, float]:
    stated = given if given is not None else config.get("crs")
    if stated is None:
        fix = "Add crs to config.csv, or give --node-unit (degrees, km, m, ft, or a code such as EPSG:32618)"
        issues.append(Issue("config", "crs", "the reference system of coordinates is given nowhere", fix))
        return "", 1.0
    word = str(stated).strip().removesuffix(".0")
    if word.isdigit():
        word = f"EPSG:{word}"
    try:
        crs, scale = coordinate_unit(word, "--node-unit" if given is not None else "config.crs")
    except ScenarioError as error:
        issues += error.issues
        return "", 1.0
    if given is None:
        assumptions.append(f"coordinates are in {crs}, as the configuration says (--node-unit changes it)")
    return crs, scale


def _roads(
    node_ids: Array,
    x: Array,
    y: Array,
    crs: str,
    period_h: float,
    nodes: FrameColumns,
    links: Links,
    zones: Zones,
) -> Roads:
    kind = nodes.find("node_type")
    words = nodes.ids(kind) if kind else np.full(len(nodes), "", object)
    centroid = np.asarray(["centroid" in str(word).lower() for word in words], bool)
    return Roads(
        node_id=_plain(node_ids),
        x=x,
        y=y,
        through=~centroid,
        link_id=_plain(links.link_id),
        **links.columns,
        zone_id=_plain(zones.zone_id),
        zone_node=zones.node,
        homes=zones.homes,
        jobs=zones.jobs,
        other=zones.other,
        zone_feeder=np.full(len(zones.zone_id), OFF_GRID),
        crs=crs if np.isfinite(x).any() else "",
        period_h=period_h,
        link_attributes={} if links.geometry is None else {"geometry": links.geometry},
    )


def _plain(ids: Array) -> Array:
    """Return ids as integers if all of them are plain integers."""
    if all(text.isdigit() and (text == "0" or text[0] != "0") and len(text) < 19 for text in ids):
        return np.asarray([int(text) for text in ids], np.int64)
    return ids
