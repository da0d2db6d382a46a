"""Check roads, zones, travel demand and vehicle types, and what the roads must connect."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import numpy as np

from tidewatt.domain.checks.findings import Findings, lengths_differ, named, out_of_range, unique
from tidewatt.domain.reach import Reach
from tidewatt.domain.roads import ROAD_CLASSES, Demand, FleetTypes, Roads
from tidewatt.domain.stations import Stations

__all__ = [
    "check_demand",
    "check_reach_of_demand",
    "check_reach_of_stations",
    "check_reach_of_zones",
    "check_roads",
    "check_types",
    "check_zones",
    "misshapen_demand",
    "misshapen_roads",
    "misshapen_types",
    "od_names",
]

_DAY_MIN = 1440.0


def misshapen_demand(demand: Demand, zones: int, report: Findings) -> None:
    """Report arrays that differ in length, and indices that refer to nothing."""
    lengths_differ(report, "demand", demand, demand.__slots__, len(demand))
    out_of_range(report, "demand", "origin_zone_id", demand.origin, zones)
    out_of_range(report, "demand", "destination_zone_id", demand.destination, zones)


def misshapen_types(types: FleetTypes, report: Findings) -> None:
    """Report arrays that differ in length."""
    names = [name for name in types.__slots__ if name != "type_id"]
    lengths_differ(report, "fleet", types, names, len(types))


def od_names(demand: Demand, roads: Roads) -> Callable[[int], str]:
    """Return a function that names rows of demand by their zones."""
    return lambda row: f"{roads.zone_id[demand.origin[row]]} to {roads.zone_id[demand.destination[row]]}"


def check_demand(demand: Demand, roads: Roads, report: Findings) -> None:
    """Check trips and their start times."""
    who = od_names(demand, roads)
    fix = "Give the number of vehicle trips, or remove the row"
    report.within("demand", "trips", demand.trips, 0, math.inf, "0 or more", fix, who)
    if len(demand) and not (demand.trips > 0).any():
        fix = "Give the trips, or remove the table: the zones' homes, jobs and other then give them"
        report.add("demand", "trips", "no row has any trips", fix)
    start, end = demand.start_min, demand.end_min
    half = np.flatnonzero(np.isnan(start) != np.isnan(end))
    fix = "Give both, or leave both empty for the whole period"
    report.rows("demand", "start_min", "one of start_min and end_min is empty", fix, half, who)
    outside = np.flatnonzero((start < 0) | (end > _DAY_MIN) | (end <= start))
    if len(outside):
        row = outside[0]
        problem = f"from {start[row]:g} to {end[row]:g} is not a window within one day"
        fix = "Give minutes of the day, the start before the end, both from 0 to 1440"
        report.rows("demand", "start_min", problem, fix, outside, who)


def check_types(types: FleetTypes, report: Findings) -> None:
    """Check shares, batteries, consumption and power."""
    who = named(types.type_id)
    unique(report, "fleet", "type", types.type_id)
    inf = math.inf
    fix = "Give a relative frequency of 0 or more"
    report.within("fleet", "share", types.share, 0, inf, "0 or more", fix, who)
    if len(types) and (types.share >= 0).all() and not types.share.sum() > 0:
        report.add(
            "fleet", "share", f"the shares sum to {types.share.sum():g}", "Give one type a share above 0"
        )
    for name, fix in (
        ("battery_kwh", "Give the usable capacity in kWh"),
        ("kwh_per_km", "Give kWh per km, 0.18 for 18 kWh per 100 km"),
        ("max_fast_kw", "Give the kW that the vehicle draws at a fast charger"),
        ("max_normal_kw", "Give the kW that the vehicle draws at a normal charger"),
    ):
        report.within("fleet", name, getattr(types, name), 0, inf, "above 0", fix, who, low_open=True)
    hungry = np.flatnonzero((types.kwh_per_km > 5.0) & (types.kwh_per_km < inf))
    fix = "Give kWh per km: divide kWh per 100 km by 100, Wh per km by 1000"
    report.values("fleet", "kwh_per_km", types.kwh_per_km, hungry, "at most 5", fix, who)


_DEGREES = ("EPSG:4326", "OGC:CRS84", "WGS84", "WGS 84", "EPSG:4269")
_PLANAR = ("km", "m", "mi", "ft")
_NODES = ("x", "y", "through")
_LINKS = (
    *("tail", "head", "length_km", "capacity_veh_h", "free_time_min", "road_class"),
    *("bpr_alpha", "bpr_beta", "toll", "lanes"),
)
_ZONES = ("zone_node", "homes", "jobs", "other", "zone_feeder")


def misshapen_roads(roads: Roads, feeders: int, report: Findings) -> None:
    """Report arrays that differ in length, and indices that refer to nothing."""
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


def check_roads(roads: Roads, report: Findings) -> None:
    """Check nodes and links on their own."""
    _section(roads, report)
    _nodes(roads, report)
    who = named(roads.link_id)
    unique(report, "links", "link_id", roads.link_id)
    inf = math.inf
    fix = "Give vehicles per hour for the whole direction (all lanes); close a road by removing the link"
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
    report.rows("links", "free_time_min", "a link that traffic passes through takes no time", fix, still, who)
    for name in ("bpr_alpha", "bpr_beta", "toll"):
        fix = "Give 0 or more, or leave the cell empty for the default"
        report.within("links", name, getattr(roads, name), 0, inf, "0 or more", fix, who)
    few = np.flatnonzero(~np.isnan(roads.lanes) & ~((roads.lanes > 0) & (roads.lanes < inf)))
    report.values(
        "links", "lanes", roads.lanes, few, "above 0", "Give the number of lanes in this direction", who
    )
    loops = np.flatnonzero(roads.tail == roads.head)
    fix = "Remove the link, or correct one of its nodes"
    report.rows("links", "to_node_id", "the link ends where it starts", fix, loops, who)


def _section(roads: Roads, report: Findings) -> None:
    """Check the key ``crs`` and the section ``[roads]`` of ``scenario.toml``."""
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
        problem = (
            f"{roads.crs!r} is not a coordinate reference system"
            if roads.crs
            else "the unit of x and y is missing"
        )
        fix = 'Add crs = "EPSG:4326" for degrees, "km", "m", "mi" or "ft" on a plane, or another EPSG code'
        report.add(table, "crs", problem, fix)


def _nodes(roads: Roads, report: Findings) -> None:
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
    report.rows("nodes", "x", "only one of x and y is given", fix, half, who)
    if roads.crs in _DEGREES:
        for name, most in (("x", 360.0), ("y", 90.0)):
            values = getattr(roads, name)
            far = np.flatnonzero(np.isfinite(values) & (np.abs(values) > most))
            fix = f"Give degrees (x: longitude, y: latitude), or a crs other than {roads.crs}"
            report.values("nodes", name, values, far, f"{-most:g} to {most:g} degrees", fix, who)


def check_zones(roads: Roads, report: Findings) -> None:
    """Check zones on their own."""
    who = named(roads.zone_id)
    unique(report, "zones", "zone_id", roads.zone_id)
    for name in ("homes", "jobs", "other"):
        values = getattr(roads, name)
        bad = np.flatnonzero(~np.isnan(values) & ~((values >= 0) & (values < math.inf)))
        fix = "Give a number or weight of 0 or more, or leave the cell empty"
        report.values("zones", name, values, bad, "0 or more", fix, who)


_REPAIR = "add the links that are missing, or let the import repair the network (--repair drop or connect)"


def check_reach_of_zones(reach: Reach, report: Findings) -> None:
    """Check that every zone can be left for another one, and reached from one."""
    if reach.roads.zones < 2:
        return
    who = named(reach.roads.zone_id)
    leaves, entered = reach.zones_connected()
    for rows, problem in (
        (~leaves & ~entered, "the zone is cut off: no road leads to another zone or from one"),
        (~leaves & entered, "no other zone can be reached from the zone"),
        (leaves & ~entered, "the zone cannot be reached from any other"),
    ):
        report.rows("zones", "node_id", problem, f"Remove it, {_REPAIR}", np.flatnonzero(rows), who)


def check_reach_of_demand(demand: Demand, reach: Reach, report: Findings) -> None:
    """Check that every trip's destination can be reached from its origin."""
    asked = np.flatnonzero(demand.trips > 0)
    lost = asked[~reach.pairs(demand.origin[asked], demand.destination[asked])]
    if len(lost):
        trips, total = float(demand.trips[lost].sum()), float(demand.trips[asked].sum())
        problem = f"{trips:,.6g} of {total:,.6g} trips go where no road leads"
        fix, who = f"Remove the rows, {_REPAIR}", od_names(demand, reach.roads)
        report.rows("demand", "destination_zone_id", problem, fix, lost, who)


def check_reach_of_stations(stations: Stations, reach: Reach, report: Findings) -> None:
    """Check that drivers can reach every station and go on from there."""
    if reach.roads.zones == 0:
        return
    who = named(stations.station_id)
    found = reach.reached_from(reach.zone_start)[stations.node]
    left = reach.reaching(reach.zone_end)[reach.start[stations.node]]
    fix = "Move it to another node, remove it, or add the links that are missing"
    lost, stuck = np.flatnonzero(~found), np.flatnonzero(found & ~left)
    report.rows("stations", "node_id", "no zone's drivers can reach the station", fix, lost, who)
    report.rows("stations", "node_id", "no zone can be reached from the station", fix, stuck, who)
