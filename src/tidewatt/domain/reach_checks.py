"""Zones, trips and stations that no road leads to or from."""

from __future__ import annotations

import numpy as np

from tidewatt.domain.demand_checks import od_names
from tidewatt.domain.reach import Reach
from tidewatt.domain.reporting import Report, named
from tidewatt.domain.roads import Demand
from tidewatt.domain.stations import Stations

__all__ = ["check_reach_of_demand", "check_reach_of_stations", "check_reach_of_zones"]

_REPAIR = "add the links that are missing, or let the import repair the network (--repair drop or connect)"


def check_reach_of_zones(reach: Reach, report: Report) -> None:
    """Every zone can be left for another one, and reached from one."""
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


def check_reach_of_demand(demand: Demand, reach: Reach, report: Report) -> None:
    """Every trip's destination can be reached from its origin."""
    asked = np.flatnonzero(demand.trips > 0)
    lost = asked[~reach.pairs(demand.origin[asked], demand.destination[asked])]
    if len(lost):
        trips, total = float(demand.trips[lost].sum()), float(demand.trips[asked].sum())
        problem = f"{trips:,.6g} of {total:,.6g} trips go where no road leads"
        fix, who = f"Remove the rows, {_REPAIR}", od_names(demand, reach.roads)
        report.rows("demand", "destination_zone_id", problem, fix, lost, who)


def check_reach_of_stations(stations: Stations, reach: Reach, report: Report) -> None:
    """Drivers get to every station, and on from there."""
    if reach.roads.zones == 0:
        return
    who = named(stations.station_id)
    found = reach.reached_from(reach.zone_start)[stations.node]
    left = reach.reaching(reach.zone_end)[reach.start[stations.node]]
    fix = "Move it to another node, remove it, or add the links that are missing"
    lost, stuck = np.flatnonzero(~found), np.flatnonzero(found & ~left)
    report.rows("stations", "node_id", "no zone's drivers can reach the station", fix, lost, who)
    report.rows("stations", "node_id", "no zone can be reached from the station", fix, stuck, who)
