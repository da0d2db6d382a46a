"""What is wrong with roads and zones by themselves."""

from __future__ import annotations

import math
import re

import numpy as np

from tidewatt.domain.reporting import Report, lengths_differ, named, out_of_range, unique
from tidewatt.domain.roads import ROAD_CLASSES, Roads

__all__ = ["check_roads", "check_zones", "misshapen_roads"]

_DEGREES = ("EPSG:4326", "OGC:CRS84", "WGS84", "WGS 84", "EPSG:4269")
_PLANAR = ("km", "m", "mi", "ft")
_NODES = ("x", "y", "through")
_LINKS = (
    *("tail", "head", "length_km", "capacity_veh_h", "free_time_min", "road_class"),
    *("bpr_alpha", "bpr_beta", "toll", "lanes"),
)
_ZONES = ("zone_node", "homes", "jobs", "other", "zone_feeder")


def misshapen_roads(roads: Roads, feeders: int, report: Report) -> None:
    """Report arrays that differ in length, and indices of nothing."""
    for table, names, rows in (
        ("nodes", _NODES, roads.nodes),
        ("links", _LINKS, roads.links),
        ("zones", _ZONES, roads.zones),
    ):
        lengths_differ(report, table, roads, names, rows)
    out_of_range(report, "links", "from_node_id", roads.tail, roads.nodes)
    out_of_range(report, "links", "to_node_id", roads.head, roads.nodes)
    out_of_range(report, "links", "road_class", roads.road_class, len(ROAD_CLASSES))
    out_of_range(report, "zones", "node_id", roads.zone_node, roads.nodes)
    out_of_range(report, "zones", "feeder_id", roads.zone_feeder, feeders, none=True)


def check_roads(roads: Roads, report: Report) -> None:
    """Nodes and links by themselves."""
    _section(roads, report)
    _nodes(roads, report)
    who = named(roads.link_id)
    unique(report, "links", "link_id", roads.link_id)
    inf = math.inf
    fix = "Give vehicles per hour of the whole direction (all lanes); close a road by removing the link"
    capacity = roads.capacity_veh_h
    report.within("links", "capacity_veh_h", capacity, 0, inf, "above 0", fix, who, low_open=True)
    report.within("links", "length_km", roads.length_km, 0, inf, "0 or more", "Give km", who)
    fix = "Give minutes on the empty road, or the free speed in km/h"
    report.within("links", "free_time_min", roads.free_time_min, 0, inf, "0 or more", fix, who)
    connector = roads.road_class == ROAD_CLASSES.index("connector")
    connector |= ~roads.through[roads.tail] | ~roads.through[roads.head]
    still = np.flatnonzero((roads.free_time_min == 0) & ~connector)
    fix = (
        "Give its free time or speed; only connectors may take no time: "
        "links at a node with through = false, or of the road_class connector"
    )
    report.rows("links", "free_time_min", "no time on a link that is driven through", fix, still, who)
    for name in ("bpr_alpha", "bpr_beta", "toll"):
        fix = "Give 0 or more, or leave the cell empty for the default"
        report.within("links", name, getattr(roads, name), 0, inf, "0 or more", fix, who)
    few = np.flatnonzero(~np.isnan(roads.lanes) & ~((roads.lanes > 0) & (roads.lanes < inf)))
    report.values("links", "lanes", roads.lanes, few, "above 0", "Give lanes of this direction", who)
    loops = np.flatnonzero(roads.tail == roads.head)
    fix = "Remove the link, or correct one of its nodes"
    report.rows("links", "to_node_id", "the link ends where it starts", fix, loops, who)


def _section(roads: Roads, report: Report) -> None:
    """Key ``crs`` and section ``[roads]`` of ``scenario.toml``."""
    table, inf = "scenario.toml", math.inf
    for name, open_end in (
        ("period_h", True),
        ("time_unit_min", True),
        ("toll_weight_min", False),
        ("distance_weight_min_per_km", False),
    ):
        value = float(getattr(roads, name))
        good = (value > 0 if open_end else value >= 0) and value < inf
        if not good:
            bound = "above 0" if open_end else "of 0 or more"
            report.add(table, f"roads.{name}", f"the value is {value:g}", f"Give a number {bound}")
    known = np.isfinite(roads.x) | np.isfinite(roads.y)
    coded = roads.crs in _DEGREES or roads.crs in _PLANAR or re.fullmatch(r"[A-Za-z]+:\w+", roads.crs)
    if known.any() and not coded:
        problem = f"{roads.crs!r} is no reference system" if roads.crs else "the unit of x and y is missing"
        fix = 'Add crs = "EPSG:4326" for degrees, "km", "m", "mi" or "ft" on a plane, or another EPSG code'
        report.add(table, "crs", problem, fix)


def _nodes(roads: Roads, report: Report) -> None:
    who = named(roads.node_id)
    unique(report, "nodes", "node_id", roads.node_id)
    for name in ("x", "y"):
        values = getattr(roads, name)
        report.values(
            "nodes",
            name,
            values,
            np.flatnonzero(np.isinf(values)),
            "a finite number",
            "Give the coordinate, or leave both x and y empty",
            who,
        )
    half = np.flatnonzero(np.isnan(roads.x) != np.isnan(roads.y))
    fix = "Give both coordinates, or leave both empty"
    report.rows("nodes", "x", "one of x and y is given, the other is not", fix, half, who)
    if roads.crs in _DEGREES:
        for name, most in (("x", 360.0), ("y", 90.0)):
            values = getattr(roads, name)
            far = np.flatnonzero(np.isfinite(values) & (np.abs(values) > most))
            fix = f"Give degrees (x: longitude, y: latitude), or another crs than {roads.crs}"
            report.values("nodes", name, values, far, f"{-most:g} to {most:g} degrees", fix, who)


def check_zones(roads: Roads, report: Report) -> None:
    """Zones by themselves."""
    who = named(roads.zone_id)
    unique(report, "zones", "zone_id", roads.zone_id)
    for name in ("homes", "jobs", "other"):
        values = getattr(roads, name)
        bad = np.flatnonzero(~np.isnan(values) & ~((values >= 0) & (values < math.inf)))
        fix = "Give a number or weight of 0 or more, or leave the cell empty"
        report.values("zones", name, values, bad, "0 or more", fix, who)
