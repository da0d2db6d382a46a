"""Put charging stations onto the roads of a scenario: at their own location, or spread like demand."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.fleet import OFF_GRID
from tidewatt.domain.reach import Reach
from tidewatt.domain.roads import Demand, Roads, plane_km
from tidewatt.domain.scenario import Scenario
from tidewatt.domain.stations import Stations
from tidewatt.errors import Issue, ScenarioError
from tidewatt.io.importers.report import ImportReport
from tidewatt.io.importers.roads.parts import nearest_weights, sound
from tidewatt.io.importers.stations.station_list import StationList, read_stations

__all__ = ["import_stations", "nearest_zone", "places_by_demand", "station_nodes"]


def places_by_demand(
    stations: int, roads: Roads, demand: Demand | None, random: np.random.Generator
) -> tuple[Array, str]:
    """Return road nodes for stations, spread like demand.

    Zones are walked in the order of their places along a space-filling curve, and stations are put at equal
    steps of the zones' summed weight from a random start: a zone gets its share of them, rounded up or down,
    and neighbours together do too. Within a zone the node is drawn among those nearer to it than to other
    zones, none twice while others are left. Which station stands where is random.

    Parameters
    ----------
    stations : int
        How many.
    roads, demand : Roads, Demand or None
        The weight of a zone is its share of all homes plus its share of all jobs; where it has neither, its
        share of trip ends; else its share of road nodes.
    random : numpy.random.Generator

    Returns
    -------
    array of int64, shape (stations,)
        Nodes.
    str
        Which weight was taken.
    """
    weight, meaning = _weights(roads, demand)
    order = _along_curve(roads)
    edge = np.cumsum(weight[order])
    at = (np.arange(stations) + random.random()) / stations * edge[-1]
    zone = order[np.minimum(np.searchsorted(edge, at, side="right"), roads.zones - 1)]
    random.shuffle(zone)
    members = _members(roads)
    node = np.empty(stations, np.int64)
    for each in np.unique(zone):
        here = np.flatnonzero(zone == each)
        there = random.permutation(members[each])
        node[here] = np.resize(there, len(here))
    return node, meaning


def station_nodes(roads: Roads) -> Array:
    """Return nodes where a station can stand: on a link, driven through, and in the largest piece."""
    nodes = np.flatnonzero(roads.through & Reach(roads).main_piece())
    used = np.zeros(roads.nodes, bool)
    used[roads.tail] = used[roads.head] = True
    return nodes[used[nodes]]


def _weights(roads: Roads, demand: Demand | None) -> tuple[Array, str]:
    weight, words = np.zeros(roads.zones), []
    for name in ("homes", "jobs"):
        values = np.nan_to_num(getattr(roads, name))
        if values.sum() > 0:
            weight += values / values.sum()
            words.append(name)
    if words:
        return weight, " and ".join(words)
    if demand is not None and demand.trips.sum() > 0:
        ends = np.concatenate([demand.origin, demand.destination])
        return np.bincount(ends, np.tile(demand.trips, 2), roads.zones), "trip ends"
    return nearest_weights(roads), "road nodes"


def _along_curve(roads: Roads) -> Array:
    """Return zones in order along a Z-order curve; in given order if coordinates are missing."""
    place = np.column_stack(roads.xy_km())[roads.zone_node]
    if not np.isfinite(place).all():
        return np.arange(roads.zones)
    low, span = place.min(axis=0), max(float(np.ptp(place, axis=0).max()), 1e-9)
    cell = np.minimum((place - low) / span * 2**16, 2**16 - 1).astype(np.int64)
    key = np.zeros(roads.zones, np.int64)
    for bit in range(16):
        key |= ((cell[:, 0] >> bit) & 1) << (2 * bit)
        key |= ((cell[:, 1] >> bit) & 1) << (2 * bit + 1)
    return np.argsort(key, kind="stable")


def nearest_zone(roads: Roads, nodes: Array) -> Array:
    """Return the zone whose node is nearest to each node; -1 where coordinates are missing."""
    from scipy.spatial import cKDTree

    place = np.column_stack(roads.xy_km())
    centre = place[roads.zone_node]
    result = np.full(len(nodes), -1)
    known = np.isfinite(place[nodes]).all(axis=1)
    if len(centre) and np.isfinite(centre).all() and known.any():
        result[known] = cKDTree(centre).query(place[nodes[known]])[1]
    return result


def _members(roads: Roads) -> list[Array]:
    """Return each zone's nodes fit for a station: those nearest to it, else those next to its node."""
    nodes = station_nodes(roads)
    zone = nearest_zone(roads, nodes)
    order = np.argsort(zone, kind="stable")
    edges = np.searchsorted(zone[order], np.arange(roads.zones + 1))
    members = [nodes[order[a:b]] for a, b in itertools.pairwise(edges)]
    can = np.zeros(roads.nodes, bool)
    can[nodes] = True
    for each in np.flatnonzero(np.diff(edges) == 0):
        home = roads.zone_node[each]
        beside = np.unique(np.r_[home, roads.head[roads.tail == home], roads.tail[roads.head == home]])
        members[each] = beside[can[beside]] if can[beside].any() else nodes
    return members


_DEGREES = ("EPSG:4326", "OGC:CRS84", "WGS84", "WGS 84", "EPSG:4269")


@dataclass(frozen=True, slots=True)
class _Placed:
    """Nodes of stations, the distances to them, and notes about them."""

    node: Array
    snap_km: Array
    counts: dict[str, float]
    assumption: str


def import_stations(
    file: Path | str,
    *,
    into: Scenario,
    place: Literal["snap", "by-demand"] = "snap",
    fast_kw: float = 120.0,
    normal_kw: float = 7.0,
    price_fast: float = 0.0,
    price_normal: float = 0.0,
    limit: int | None = None,
    seed: int = 0,
) -> tuple[Scenario, ImportReport]:
    """Replace the stations of a scenario by those of a table.

    Parameters
    ----------
    file : path
        CSV (also gzipped or xz), Parquet or a workbook with numbers of fast and normal chargers by station.
    into : Scenario
        With roads.
    place : {"snap", "by-demand"}
        ``snap``: at the nearest node that may be driven through, reached from the largest connected piece
        and back. ``by-demand``: see `places_by_demand`.
    fast_kw, normal_kw : float
        Power of a charger [kW], where the table does not say.
    price_fast, price_normal : float
        Price per kWh, where the table does not say.
    limit : int, optional
        Take so many stations, drawn at random so that large and small ones stay mixed.
    seed : int
        Of the random choices.

    Returns
    -------
    Scenario, ImportReport

    Raises
    ------
    ScenarioError
        With everything that is wrong, at once; also where half of the stations snap further than 2 km.
    """
    issues = _option_issues(place, fast_kw, normal_kw, price_fast, price_normal, limit)
    roads = into.roads
    if roads is None or not roads.links:
        fix = "Name a scenario with nodes and links: tidewatt import tntp, gmns or osm makes one"
        issues.append(Issue("--into", "", "the scenario has no roads", fix))
    try:
        listed = read_stations(Path(file))
    except ScenarioError as error:
        raise ScenarioError([*issues, *error.issues]) from error
    if issues or roads is None:
        raise ScenarioError(issues)
    random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,)))
    rows, dropped = _drawn(listed, place, limit, random)
    placed = _snapped(listed, rows, roads) if place == "snap" else _spread(len(rows), into, roads, random)
    feeder, said = _feeders(placed.node, roads)
    stations = _stations(listed, rows, placed, feeder, fast_kw, normal_kw, price_fast, price_normal)
    scenario = sound(replace(into, stations=stations))
    counts = {"rows": listed.rows, "stations": len(rows), **placed.counts}
    counts |= {"fast_chargers": int(stations.fast.sum()), "normal_chargers": int(stations.normal.sum())}
    if into.stations is not None:
        counts["stations_replaced"] = len(into.stations)
    columns = ", ".join(f"{column} as {what}" for column, what in listed.read_as.items() if column != what)
    assumptions = [f"columns were read so: {columns}"] if columns else []
    assumptions += [placed.assumption, *said, *_unsaid(listed, fast_kw, normal_kw, price_fast, price_normal)]
    report = ImportReport(listed.name, counts, {**listed.dropped, **dropped}, {}, tuple(assumptions))
    return scenario, report


def _option_issues(
    place: str, fast_kw: float, normal_kw: float, price_fast: float, price_normal: float, limit: int | None
) -> list[Issue]:
    issues = []
    if place not in ("snap", "by-demand"):
        issues.append(Issue("--place", "", f"{place!r} given", "Give snap or by-demand"))
    for option, value in (("--fast-kw", fast_kw), ("--normal-kw", normal_kw)):
        if not 0 < value < math.inf:
            issues.append(Issue(option, "", f"{value:g} given", "Give the power of a charger in kW, above 0"))
    for option, value in (("--price-fast", price_fast), ("--price-normal", price_normal)):
        if not 0 <= value < math.inf:
            issues.append(Issue(option, "", f"{value:g} given", "Give a price per kWh of 0 or more"))
    if limit is not None and limit < 1:
        issues.append(Issue("--limit", "", f"{limit} given", "Give a number of stations above 0"))
    return issues


def _drawn(
    listed: StationList, place: str, limit: int | None, random: np.random.Generator
) -> tuple[Array, dict[str, tuple[str, ...]]]:
    """Return the rows that are taken, in order, and those left out."""
    rows = np.arange(len(listed.station_id))
    dropped: dict[str, tuple[str, ...]] = {}
    if place == "snap":
        lost = np.isnan(listed.x) | np.isnan(listed.y)
        dropped["stations without coordinates"] = tuple(map(str, listed.station_id[lost]))
        rows = rows[~lost]
        if not len(rows):
            fix = "Give coordinates, or use --place by-demand"
            raise ScenarioError([Issue(listed.name, "", "no station has coordinates", fix)])
    if limit is not None and limit < len(rows):
        kept = np.sort(random.choice(rows, limit, replace=False))
        dropped["stations beyond the limit, chosen at random"] = tuple(
            map(str, listed.station_id[np.setdiff1d(rows, kept)])
        )
        rows = kept
    return rows, dropped


def _snapped(listed: StationList, rows: Array, roads: Roads) -> _Placed:
    from scipy.spatial import cKDTree

    nodes = station_nodes(roads)
    place = np.column_stack(roads.xy_km())[nodes]
    known = np.isfinite(place).all(axis=1)
    if not known.any():
        fix = "Import the roads with coordinates (--node-unit for TNTP), or use --place by-demand"
        raise ScenarioError([Issue("nodes", "x", "no node has coordinates to snap stations to", fix)])
    in_degrees = roads.crs in _DEGREES
    if listed.degrees != in_degrees:
        own, theirs = ("longitude and latitude" if d else "x and y" for d in (listed.degrees, in_degrees))
        problem = f"the stations have {own}, the roads {theirs} ({roads.crs or 'no crs'})"
        fix = "Give both in one reference system, or use --place by-demand"
        raise ScenarioError([Issue(listed.name, "", problem, fix)])
    x, y = plane_km(listed.x[rows], listed.y[rows], roads.crs, roads.y)
    km, nearest = map(np.asarray, cKDTree(place[known]).query(np.column_stack([x, y])))
    counts = {"median_snap_km": float(np.median(km)), "longest_snap_km": float(km.max())}
    sentence = "stations stand at the nearest node that is driven through"
    return _Placed(nodes[known][nearest], km, counts, sentence)


def _spread(stations: int, scenario: Scenario, roads: Roads, random: np.random.Generator) -> _Placed:
    if not roads.zones:
        fix = "Add zones, or use --place snap"
        raise ScenarioError([Issue("zones", "", "stations can be spread like demand only over zones", fix)])
    node, meaning = places_by_demand(stations, roads, scenario.demand, random)
    sentence = (
        f"stations keep their chargers but are moved: they are spread over the zones by {meaning}, "
        "at random nodes nearest to each"
    )
    return _Placed(node, np.full(stations, np.nan), {"different_nodes": len(np.unique(node))}, sentence)


def _feeders(node: Array, roads: Roads) -> tuple[Array, list[str]]:
    if not (roads.zone_feeder >= 0).any():
        return np.full(len(node), OFF_GRID, np.int32), []
    zone = nearest_zone(roads, node)
    feeder = np.where(zone >= 0, roads.zone_feeder[zone], OFF_GRID)
    return feeder, ["a station is supplied by the feeder of the nearest zone"]


def _stations(
    listed: StationList,
    rows: Array,
    placed: _Placed,
    feeder: Array,
    fast_kw: float,
    normal_kw: float,
    price_fast: float,
    price_normal: float,
) -> Stations:
    n, none = len(rows), np.zeros(0)

    def filled(values: Array, default: float) -> Array:
        return np.where(np.isnan(values[rows]), default, values[rows])

    return Stations(
        station_id=listed.station_id[rows],
        node=placed.node,
        fast=listed.fast[rows],
        normal=listed.normal[rows],
        fast_kw=filled(listed.fast_kw, fast_kw),
        normal_kw=filled(listed.normal_kw, normal_kw),
        feeder=feeder,
        price_fast_per_kwh=filled(listed.price_fast_per_kwh, price_fast),
        price_normal_per_kwh=filled(listed.price_normal_per_kwh, price_normal),
        max_total=np.full(n, np.nan),
        age_years=np.full(n, np.nan),
        life_years=np.full(n, np.nan),
        fixed=np.zeros(n, bool),
        fast_min=np.zeros(n),
        normal_min=np.zeros(n),
        snap_km=placed.snap_km,
        price_first=np.zeros(n + 1, np.int64),
        price_start_min=none,
        price_end_min=none,
        window_price_fast_per_kwh=none,
        window_price_normal_per_kwh=none,
    )


def _unsaid(
    listed: StationList, fast_kw: float, normal_kw: float, price_fast: float, price_normal: float
) -> list[str]:
    """Return what the table does not say."""
    said = []
    if np.isnan(listed.fast_kw).any() or np.isnan(listed.normal_kw).any():
        said.append(
            f"chargers of unknown power have {fast_kw:g} kW (fast) and {normal_kw:g} kW (normal): "
            "--fast-kw, --normal-kw"
        )
    if np.isnan(listed.price_fast_per_kwh).any() or np.isnan(listed.price_normal_per_kwh).any():
        said.append(
            f"unknown prices are {price_fast:g} (fast) and {price_normal:g} (normal) per kWh: "
            "--price-fast, --price-normal"
        )
    return said
