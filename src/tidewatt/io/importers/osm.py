"""A scenario of roads from an OpenStreetMap extract, with zones by a grid of cells."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.fleet import OFF_GRID
from tidewatt.domain.roads import ROAD_CLASSES, Roads
from tidewatt.domain.scenario import Scenario
from tidewatt.errors import Issue, ScenarioError
from tidewatt.io.importers.osm_ways import Streets, read_ways, streets_of
from tidewatt.io.importers.report import ImportReport
from tidewatt.io.importers.road_parts import bare_scenario, repaired, sound

__all__ = ["import_osm"]


def import_osm(
    file: Path | str,
    *,
    zone_km: float = 1.0,
    trips_per_day: float | None = None,
    name: str | None = None,
) -> tuple[Scenario, ImportReport]:
    """Roads of an extract: the largest piece that hangs together.

    Ways are cut where they meet. Speeds and lanes that the tags do not say, and all capacities, follow the
    kind of road: see `tidewatt.io.importers.osm_tags.KINDS`.

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
        "capacities, and speeds and lanes that tags do not give, follow the kind of road",
        f"zones are cells of {zone_km:g} km; homes, jobs and other destinations weigh as road nodes do",
    ]
    if not trips_per_day:
        said.append("no demand was read: give --trips-per-day, or trips_per_day under [simulation]")
    # OpenStreetMap asks those who show its data to say so.
    said.append("the data are OpenStreetMap contributors', under the Open Database License")
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
    """Zones by cells of the plane that hold nodes of other roads than expressways."""
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
