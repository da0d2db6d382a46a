"""What is wrong with travel demand and with the types of vehicles."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tidewatt.domain.reporting import Report, lengths_differ, named, out_of_range, unique
from tidewatt.domain.roads import Demand, FleetTypes, Roads

__all__ = ["check_demand", "check_types", "misshapen_demand", "misshapen_types", "od_names"]

_DAY_MIN = 1440.0


def misshapen_demand(demand: Demand, zones: int, report: Report) -> None:
    """Report arrays that differ in length, and indices of nothing."""
    lengths_differ(report, "demand", demand, demand.__slots__, len(demand))
    out_of_range(report, "demand", "origin_zone_id", demand.origin, zones)
    out_of_range(report, "demand", "destination_zone_id", demand.destination, zones)


def misshapen_types(types: FleetTypes, report: Report) -> None:
    """Report arrays that differ in length."""
    names = [name for name in types.__slots__ if name != "type_id"]
    lengths_differ(report, "fleet", types, names, len(types))


def od_names(demand: Demand, roads: Roads) -> Callable[[int], str]:
    """How rows of demand are named: by their zones."""
    return lambda row: f"{roads.zone_id[demand.origin[row]]} to {roads.zone_id[demand.destination[row]]}"


def check_demand(demand: Demand, roads: Roads, report: Report) -> None:
    """Trips and when they start."""
    who = od_names(demand, roads)
    fix = "Give the number of vehicle trips, or remove the row"
    report.within("demand", "trips", demand.trips, 0, math.inf, "0 or more", fix, who)
    if len(demand) and not (demand.trips > 0).any():
        fix = "Give the trips, or remove the table: trips then follow from homes, jobs and other of the zones"
        report.add("demand", "trips", "no row has any trips", fix)
    start, end = demand.start_min, demand.end_min
    half = np.flatnonzero(np.isnan(start) != np.isnan(end))
    fix = "Give both, or leave both empty for the whole period"
    report.rows("demand", "start_min", "one of start_min and end_min is empty", fix, half, who)
    outside = np.flatnonzero((start < 0) | (end > _DAY_MIN) | (end <= start))
    if len(outside):
        row = outside[0]
        problem = f"from {start[row]:g} to {end[row]:g} is no part of a day"
        fix = "Give minutes of the day, the start before the end, both from 0 to 1440"
        report.rows("demand", "start_min", problem, fix, outside, who)


def check_types(types: FleetTypes, report: Report) -> None:
    """Shares, batteries, consumption and power."""
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
        ("max_fast_kw", "Give what the vehicle takes at a fast charger in kW"),
        ("max_normal_kw", "Give what the vehicle takes at a normal charger in kW"),
    ):
        report.within("fleet", name, getattr(types, name), 0, inf, "above 0", fix, who, low_open=True)
    hungry = np.flatnonzero((types.kwh_per_km > 5.0) & (types.kwh_per_km < inf))
    fix = "Give kWh per km: divide kWh per 100 km by 100, Wh per km by 1000"
    report.values("fleet", "kwh_per_km", types.kwh_per_km, hungry, "at most 5", fix, who)
