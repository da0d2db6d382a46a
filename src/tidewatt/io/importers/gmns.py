"""A scenario of roads, and of demand where there is any, from tables in GMNS form.

The General Modeling Network Specification names tables and columns: ``node.csv``, ``link.csv`` and, as far as
they are there, ``zone.csv`` and ``config.csv``. It leaves demand open; a list ``demand.csv`` or ``od.csv`` is
read. Capacities are per lane, lengths and speeds in the units that the configuration names.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from tidewatt.domain.arrays import Array
from tidewatt.domain.fleet import OFF_GRID
from tidewatt.domain.roads import Roads
from tidewatt.domain.scenario import Scenario
from tidewatt.errors import Issue, ScenarioError
from tidewatt.io.importers.frame_columns import FrameColumns
from tidewatt.io.importers.gmns_links import Links, read_links
from tidewatt.io.importers.gmns_zones import Zones, read_demand, read_zones
from tidewatt.io.importers.report import ImportReport
from tidewatt.io.importers.road_parts import Repair, bare_scenario, nearest_weights, repaired, sound
from tidewatt.io.importers.tabular import read_table
from tidewatt.io.importers.units import LENGTHS_KM, SPEEDS_KMH, coordinate_unit, unit

__all__ = ["import_gmns"]

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
    """Roads, zones and trips of a GMNS folder.

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
        What to do with stray pieces; see `tidewatt.io.importers.road_parts.repaired`.
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
        imputed["homes, jobs and other: road nodes nearest to the zone's"] = tuple(map(str, roads.zone_id))
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
    """Tables of the folder by name; the others are left alone."""
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
    """The configuration's one row, by column."""
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
    """A unit from the option, else from the configuration; an issue where neither gives it."""
    stated = given if given is not None else config.get(key)
    if stated is None:
        words = ", ".join(dict.fromkeys(w for w in known if len(w) <= 4))
        fix = f"Add {key} to config.csv, or give {option} ({words})"
        issues.append(Issue("config", key, "the unit is given nowhere", fix))
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
    """Ids as integers where all are plain ones."""
    if all(text.isdigit() and (text == "0" or text[0] != "0") and len(text) < 19 for text in ids):
        return np.asarray([int(text) for text in ids], np.int64)
    return ids
