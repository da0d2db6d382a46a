"""Charging stations put onto the roads of a scenario: where they stand, or spread like demand."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.fleet import OFF_GRID
from tidewatt.domain.roads import Roads, plane_km
from tidewatt.domain.scenario import Scenario
from tidewatt.domain.stations import Stations
from tidewatt.errors import Issue, ScenarioError
from tidewatt.io.importers.report import ImportReport
from tidewatt.io.importers.road_parts import sound
from tidewatt.io.importers.station_list import StationList, read_stations
from tidewatt.io.importers.station_places import nearest_zone, places_by_demand, station_nodes

__all__ = ["import_stations"]

_DEGREES = ("EPSG:4326", "OGC:CRS84", "WGS84", "WGS 84", "EPSG:4269")


@dataclass(frozen=True, slots=True)
class _Placed:
    """Nodes of stations, the distance there, and what to say of it."""

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
    """Give a scenario the stations of a table, instead of those it has.

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
    """Rows that are taken, in their order, and those left out."""
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
        dropped["stations beyond the limit, at random"] = tuple(
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
        raise ScenarioError([Issue("zones", "", "stations are spread like demand only over zones", fix)])
    node, meaning = places_by_demand(stations, roads, scenario.demand, random)
    sentence = (
        f"stations keep their chargers, not their places: they are spread over the zones by {meaning}, "
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
    """What the table does not say."""
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
