"""Which tables a scenario needs, given those that it has."""

from __future__ import annotations

from dataclasses import fields

from tidewatt.errors import Issue
from tidewatt.io.gridtables import GridTables
from tidewatt.io.schema import in_steps
from tidewatt.io.tables import Tables
from tidewatt.io.traveltables import TravelTables

__all__ = ["ROADS", "TARIFFS", "TRAVEL", "require"]

ITINERARIES = ("vehicles", "dwells", "trips")
ROADS = ("nodes", "links", "zones", "demand", "stations", "station_prices")
TRAVEL = tuple(field.name for field in fields(TravelTables))
TARIFFS = (*TRAVEL, "buses", "lines", "injections", "forecasts")


def require(tables: Tables, issues: list[Issue]) -> None:
    """Report all tables that are missing."""
    itineraries = any(name in tables for name in ITINERARIES)
    grid = any(field.name in tables for field in fields(GridTables))
    roads = any(name in tables for name in ROADS)
    tariffs = any(name in tables for name in TARIFFS)
    if itineraries or not (roads or tariffs):
        tables.require(*ITINERARIES)
    if itineraries or grid or not (roads or tariffs):
        tables.require("feeders")
        if "headroom" not in tables and "base_load" not in tables:
            fix = "Add headroom (feeder_id, step, headroom_kw), or base_load with rating_kw in feeders"
            issues.append(Issue("headroom", "", "the table is missing", fix))
    if roads:
        _require_roads(tables, issues)
    elif not (itineraries or grid or tariffs):
        fix = "Or add nodes and links, and zones, demand, fleet and stations as needed, to simulate driving"
        issues.append(Issue("nodes", "", "there is no road network either", fix))
    if tariffs:
        _require_tariffs(tables)


def _require_roads(tables: Tables, issues: list[Issue]) -> None:
    tables.require("nodes", "links")
    if "demand" in tables and "zones" not in tables and not tables.open("nodes").has("zone_id"):
        tables.require("zones")
    if "station_prices" in tables:
        tables.require("stations")
    described = in_steps(tables.open("links").source.names)[1]
    lost = [name for name in ("zones", "demand", "stations") if name in tables and not described]
    if lost:
        fix = "Add length_km, capacity_veh_h and free_time_min beside the columns in steps"
        problem = f"{', '.join(lost)} cannot stand on roads that are described in steps alone"
        issues.append(Issue("links", "length_km", problem, fix))


def _require_tariffs(tables: Tables) -> None:
    """Travel needs all of its tables, roads and a grid; a grid may stand alone."""
    travelled = any(name in tables for name in TRAVEL)
    if travelled:
        tables.require("nodes", "links", *TRAVEL)
    if travelled or any(name in tables for name in ("buses", "lines", "injections", "forecasts")):
        tables.require("buses", "lines")
    if "forecasts" in tables:
        tables.require("injections")
