"""Read a scenario from a folder or from tables in memory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tidewatt.domain.checks.scenario import check
from tidewatt.domain.distribution import Injections
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.scenario import Scenario
from tidewatt.errors import Issue, ScenarioError
from tidewatt.io.scenario.config import CONFIG_FILE, Config, parse_config, read_config
from tidewatt.io.scenario.distribution import (
    build_distribution,
    build_forecasts,
    build_injections,
    build_provenance,
)
from tidewatt.io.scenario.grid import GridTables, build_grid
from tidewatt.io.scenario.itineraries import build_dwells, build_fleet, build_trips, known_ids
from tidewatt.io.scenario.roads import RoadTables, build_demand, build_roads, build_stations, build_types
from tidewatt.io.scenario.schema import in_steps
from tidewatt.io.scenario.tables import ScenarioTables
from tidewatt.io.scenario.travel import (
    TravelTables,
    build_aggregators,
    build_sites,
    build_step_roads,
    build_travel,
    roads_in_steps,
)
from tidewatt.io.scenario.writing import write_scenario
from tidewatt.options.tariffs import TARIFF

__all__ = ["ROADS", "TARIFFS", "TRAVEL", "read_scenario", "require", "scenario_from_tables", "write_scenario"]

ITINERARIES = ("vehicles", "dwells", "trips")
ROADS = ("nodes", "links", "zones", "demand", "stations", "station_prices")
TRAVEL = tuple(field.name for field in fields(TravelTables))
TARIFFS = (*TRAVEL, "buses", "lines", "injections", "forecasts")


def require(tables: ScenarioTables, issues: list[Issue]) -> None:
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


def _require_roads(tables: ScenarioTables, issues: list[Issue]) -> None:
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


def _require_tariffs(tables: ScenarioTables) -> None:
    """Check that travel has all of its tables, roads and a grid; a grid alone is allowed."""
    travelled = any(name in tables for name in TRAVEL)
    if travelled:
        tables.require("nodes", "links", *TRAVEL)
    if travelled or any(name in tables for name in ("buses", "lines", "injections", "forecasts")):
        tables.require("buses", "lines")
    if "forecasts" in tables:
        tables.require("injections")


_AGES_MIN = 4e9
"""Longer than any scenario, and within what dates can say."""


def read_scenario(folder: str | os.PathLike[str], *, x_columns: bool = True) -> Scenario:
    """Read and check a scenario folder: ``scenario.toml`` and one Parquet or CSV file a table.

    Parameters
    ----------
    folder : path
        The scenario.
    x_columns : bool
        Carry along the columns that no study computes with: ``x_*``, places, coordinates, names.

    Returns
    -------
    Scenario
        Dwells and trips sorted by vehicle and time; ids as given.

    Raises
    ------
    ScenarioError
        With everything that is wrong, at once.

    Notes
    -----
    Ids match by what is written: 7 in one table and "7" in another are the same vehicle; "007" is
    another one. Spaces around ids do not count. In CSV, ids are integers where all of a table's are
    plain integers, else texts. CSV may be separated by commas, semicolons or tabs; decimals take a
    point. An empty cell of an optional column means its default. Row numbers in messages count from
    1 below the header.
    """
    path = Path(folder)
    issues: list[Issue] = []
    try:
        next(path.iterdir(), None)
    except FileNotFoundError:
        raise ScenarioError([Issue(str(path), "", "there is no such folder", "Check the path")]) from None
    except NotADirectoryError:
        fix = f"Give the folder that holds {CONFIG_FILE} and the tables"
        raise ScenarioError([Issue(str(path), "", "it is a file, not a folder", fix)]) from None
    except OSError as error:
        problem = f"the folder cannot be read ({error.strerror})"
        raise ScenarioError([Issue(str(path), "", problem, "Check its permissions")]) from None
    if (path / "certificate.json").is_file() and not (path / CONFIG_FILE).exists():
        fix = f"Name the folder of a scenario; `tidewatt verify {path}` checks a result"
        raise ScenarioError([Issue(str(path), "", "it is a result, not a scenario", fix)])
    config = read_config(path, issues)
    return _assemble(ScenarioTables.of_folder(path, issues), config, issues, x_columns)


def scenario_from_tables(
    tables: Mapping[str, Any], config: Mapping[str, Any], *, x_columns: bool = True
) -> Scenario:
    """Make a scenario from tables in memory, with the same checks as `read_scenario`.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        By table name, as in a scenario folder.
    config : mapping
        What ``scenario.toml`` would say; ``{"horizon": {"start": ..., "step_min": ..., "steps": ...}}``
        at least.
    x_columns : bool
        Carry along the columns that no study computes with.

    Returns
    -------
    Scenario

    Raises
    ------
    ScenarioError
        With everything that is wrong, at once.
    """
    issues: list[Issue] = []
    parsed = parse_config(config, issues)
    return _assemble(ScenarioTables.of_frames(tables, issues), parsed, issues, x_columns)


def _assemble(tables: ScenarioTables, config: Config, issues: list[Issue], carry: bool) -> Scenario:
    steps, streets = in_steps(tables.open("links").source.names)
    roads_there = streets and any(name in tables for name in ROADS)
    require(tables, issues)
    parts = GridTables(*(tables.open(field.name) for field in fields(GridTables)))
    horizon = config.horizon or _wide_horizon(tables)
    grid, feeder_ids = build_grid(parts, horizon, carry)
    fleet, vehicle_ids = build_fleet(tables.open("vehicles"), carry)
    dwells = build_dwells(tables.open("dwells"), vehicle_ids, feeder_ids, carry)
    trips = build_trips(tables.open("trips"), vehicle_ids, carry)
    scenario = Scenario(
        config.name,
        horizon,
        fleet,
        dwells,
        trips,
        grid,
        config.parameters,
        config.sampling,
        currency=config.currency,
    )
    if "fleet" in tables:
        scenario = replace(scenario, types=build_types(tables.open("fleet")))
    if roads_there:
        scenario = _with_roads(scenario, tables, feeder_ids, config, carry)
    if steps or any(name in tables for name in TARIFFS):
        scenario = _with_tariffs(scenario, tables, steps)
    if "provenance" in tables:
        scenario = replace(scenario, provenance=build_provenance(tables.open("provenance")))
    found = {issue.table for issue in issues}
    left_out = {issue.table for issue in issues if issue.field.endswith(("_id", "slack")) or not issue.field}
    issues.extend(
        check(
            scenario,
            whole=found.isdisjoint(("nodes", "links", "zones")),
            whole_travel=found.isdisjoint(("nodes", "links", *TRAVEL))
            and "buses" not in left_out
            and config.horizon is not None,
            whole_grid=left_out.isdisjoint(("buses", "lines")),
        )
    )
    if issues:
        raise ScenarioError(dict.fromkeys(issues))
    return scenario


def _with_roads(
    scenario: Scenario, tables: ScenarioTables, feeders: pa.Array, config: Config, carry: bool
) -> Scenario:
    """Add roads, demand and stations."""
    parts = RoadTables(*(tables.open(field.name) for field in fields(RoadTables)))
    roads, nodes, zones = build_roads(parts, feeders, config, carry)
    scenario = replace(scenario, roads=roads)
    if "demand" in tables:
        scenario = replace(scenario, demand=build_demand(tables.open("demand"), zones))
    if "stations" in tables or "station_prices" in tables:
        opened = tables.open("stations"), tables.open("station_prices")
        scenario = replace(scenario, stations=build_stations(*opened, nodes, feeders, carry))
    return scenario


def _with_tariffs(scenario: Scenario, tables: ScenarioTables, steps: bool) -> Scenario:
    """Add the parts needed for tariffs; `steps` says whether links describe roads in steps."""
    nodes = known_ids(tables.open("nodes"), "node_id")[0]
    buses = pa.array([], pa.string())
    if "buses" in tables or "lines" in tables:
        distribution, buses = build_distribution(tables.open("buses"), tables.open("lines"))
        scenario = replace(scenario, distribution=distribution)
    if "injections" in tables or "forecasts" in tables:
        injections, ids = build_injections(tables.open("injections"), buses, scenario.horizon)
        scenario = replace(scenario, injections=injections)
        if "forecasts" in tables:
            forecasts = build_forecasts(tables.open("forecasts"), ids, scenario.horizon)
            scenario = replace(scenario, forecasts=forecasts)
    elif scenario.distribution is not None:
        scenario = replace(scenario, injections=Injections.none(scenario.horizon.steps))
    travelled = any(name in tables for name in TRAVEL)
    if steps:
        scenario = replace(scenario, step_roads=build_step_roads(tables.open("nodes"), tables.open("links")))
    elif travelled and scenario.roads is not None:
        p = TARIFF.lenient(scenario.parameters)
        in_steps_now = roads_in_steps(scenario.roads, scenario.horizon, p["kwh_per_km"], p["vehicle_share"])
        scenario = replace(scenario, step_roads=in_steps_now)
    if not travelled:
        return scenario
    parts = TravelTables(*(tables.open(field.name) for field in fields(TravelTables)))
    sites, _ = build_sites(parts, nodes, buses, scenario.horizon)
    aggregators, ids = build_aggregators(parts.aggregators)
    discharging = bool((sites.level_kw < 0).any())
    travel = build_travel(parts.travel, aggregators, ids, nodes, discharging)
    return replace(scenario, sites=sites, aggregators=aggregators, travel=travel)


def _wide_horizon(tables: ScenarioTables) -> Horizon:
    """Return a horizon wide enough for the tables, so that the rest can be checked if none is given."""
    most = 0.0
    for name in ("headroom", "base_load", "energy_prices", "injections", "forecasts"):
        step = tables.open(name).numbers("step", default=np.nan)
        most = max(most, step[np.isfinite(step)].max(initial=0.0))
    depart = tables.open("travel").numbers("depart_step", default=0.0)
    most = max(most, depart[np.isfinite(depart)].max(initial=0.0))
    steps = int(min(most, 1e5)) + 1
    return Horizon(datetime(2000, 1, 1), _AGES_MIN / steps, steps)
