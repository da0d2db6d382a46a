"""The commands `example` and `check`, the contents of a scenario in words, and how every import ends."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidewatt.cli.console import issue_record, print_issues, print_json, say
from tidewatt.cli.flags import Json, Overwrite, Seed
from tidewatt.cli.folders import new_scenario
from tidewatt.cli.progress import reporter
from tidewatt.errors import Issue, ScenarioError
from tidewatt.report.words import count

if TYPE_CHECKING:
    from tidewatt.domain.roads import Demand, Roads
    from tidewatt.domain.scenario import Scenario
    from tidewatt.domain.stations import Stations
    from tidewatt.io.importers.report import ImportReport

__all__ = ["check", "contents", "described", "example", "hand_over"]


def contents(scenario: Scenario) -> dict[str, Any]:
    """Return the contents of a scenario as figures."""
    horizon, roads = scenario.horizon, scenario.roads
    figures: dict[str, Any] = {
        "scenario": scenario.name,
        "vehicles": len(scenario.fleet),
        "real_vehicles": float(scenario.fleet.weight.sum()),
        "dwells": len(scenario.dwells),
        "trips": len(scenario.trips),
        "feeders": scenario.grid.feeders,
        "banks": scenario.grid.banks,
        "start": horizon.start.isoformat(),
        "step_min": horizon.step_min,
        "steps": horizon.steps,
    }
    if roads is not None:
        figures |= {"nodes": roads.nodes, "links": roads.links, "zones": roads.zones}
        demand, stations = scenario.demand, scenario.stations
        figures["demand_trips"] = float(demand.trips.sum()) if demand is not None else None
        figures["stations"] = 0 if stations is None else len(stations)
        figures["vehicle_types"] = 0 if scenario.types is None else len(scenario.types)
    return figures | _network_figures(scenario)


def _network_figures(scenario: Scenario) -> dict[str, Any]:
    """Return the figures of a scenario that concern tariffs."""
    figures: dict[str, Any] = {}
    roads, grid, travel = scenario.step_roads, scenario.distribution, scenario.travel
    if roads is not None:
        figures |= {"nodes": roads.nodes, "links": roads.links}
    if travel is not None:
        figures["sites"] = 0 if scenario.sites is None else len(scenario.sites)
        figures["aggregators"] = 0 if scenario.aggregators is None else len(scenario.aggregators)
        figures |= {"groups": len(travel), "travelling_vehicles": float(travel.vehicles.sum())}
    if grid is not None:
        figures |= {"buses": grid.buses, "lines": grid.lines}
        figures["injections"] = 0 if scenario.injections is None else len(scenario.injections)
        figures["past_days"] = 0 if scenario.forecasts is None else len(scenario.forecasts.day)
    return figures


def described(scenario: Scenario) -> str:
    """Describe the contents of a scenario in a sentence."""
    horizon, parts = scenario.horizon, []
    network = _network(scenario)
    if (scenario.roads is None and not network) or len(scenario.fleet):
        parts.append(
            f"{count(len(scenario.fleet), 'vehicle')} (standing for {scenario.fleet.weight.sum():,.0f}) with "
            f"{count(len(scenario.dwells), 'dwell')} and {count(len(scenario.trips), 'trip')} on "
            f"{count(scenario.grid.feeders, 'feeder')} under {count(scenario.grid.banks, 'bank')}"
        )
    elif scenario.grid.feeders:
        parts.append(f"{count(scenario.grid.feeders, 'feeder')} under {count(scenario.grid.banks, 'bank')}")
    if scenario.roads is not None:
        parts.append(_roads(scenario.roads, scenario.demand, scenario.stations))
    parts += network
    axis = f"{count(horizon.steps, 'step')} of {horizon.step_min:g} min from {horizon.start.isoformat()}"
    return ", ".join([*parts, axis])


def _network(scenario: Scenario) -> list[str]:
    """Describe the part of a scenario that concerns tariffs, as parts of a sentence."""
    roads, sites, grid, travel = scenario.step_roads, scenario.sites, scenario.distribution, scenario.travel
    parts = []
    if travel is not None and scenario.aggregators is not None:
        parts.append(
            f"{travel.vehicles.sum():,.10g} vehicles in {count(len(travel), 'group')} of "
            f"{count(len(scenario.aggregators), 'aggregator')}"
        )
    if roads is not None and scenario.roads is None:
        parts.append(f"{count(roads.links, 'link')} between {count(roads.nodes, 'node')}")
    if sites is not None:
        parts.append(f"{count(len(sites), 'charging site')}")
    if grid is not None:
        words = f"{count(grid.lines, 'line')} between {grid.buses:,} bus{'' if grid.buses == 1 else 'es'}"
        if scenario.injections is not None:
            words += f" with {count(len(scenario.injections), 'injection')}"
        parts.append(words)
    return parts


def _roads(roads: Roads, demand: Demand | None, stations: Stations | None) -> str:
    words = (
        f"{count(roads.links, 'link')} between {count(roads.nodes, 'node')} with {count(roads.zones, 'zone')}"
    )
    if demand is not None:
        words += f" and {demand.trips.sum():,.10g} trips in {roads.period_h:g} h"
    return words + (f", {count(len(stations), 'charging station')}" if stations is not None else "")


def example(
    name: str, folder: Path, /, *, seed: Seed = 0, overwrite: Overwrite = False, json: Json = False
) -> None:
    """Write an embedded scenario to look at and change.

    Parameters
    ----------
    name
        demo (60 feeders, 20,000 vehicles, a week in steps of 15 min), village (3 feeders, 40 vehicles),
        commute (no banks, most workplaces elsewhere), piecewise (rising upgrade costs), weights (vehicles
        that stand for several), city (roads, trips and charging stations, for simulate), tariff-20-17 (20
        road nodes, 17 buses, for tariff) or tariff-20-17-v2g (the same with discharging).
    folder
        Folder to write the scenario to; made where it does not exist.
    """
    from tidewatt.io.scenario.writing import write_scenario
    from tidewatt.synthesis.examples import example as make

    with new_scenario(folder, overwrite):
        scenario = make(name, seed=seed)
        write_scenario(scenario, folder)
    if json:
        print_json(contents(scenario) | {"folder": folder})
    else:
        say(f"Wrote {described(scenario)}.")
        print(folder)


def check(scenario: Path, /, *, json: Json = False) -> int:
    """List at once everything that is wrong with a scenario.

    Exit status 0 where nothing is wrong, else 2.

    Parameters
    ----------
    scenario
        Folder of the scenario.
    """
    from tidewatt.io.scenario.reading import read_scenario

    issues: list[Issue] = []
    read = None
    try:
        read = read_scenario(scenario)
    except ScenarioError as error:
        issues += error.issues
    if read is not None and ("simulation" in read.parameters or read.roads is not None):
        from tidewatt.simulation.preparation import check_parameters

        issues += check_parameters(read)
    if json:
        held = contents(read) if read is not None else {"scenario": scenario}
        print_json(held | {"ok": not issues, "issues": [issue_record(issue) for issue in issues]})
    elif read is not None and not issues:
        print(f"{scenario}: no problems found. {described(read)}.")
    if issues:
        n = len(issues)
        print_issues(issues, f"{scenario}: {n} problem{'s' if n != 1 else ''} found")
    return 2 if issues else 0


def hand_over(scenario: Scenario, report: ImportReport, out: Path, json: bool, verb: str) -> None:
    """Write an imported scenario, print its report, and name the command to run next."""
    from tidewatt.io.scenario.writing import write_scenario

    with reporter() as shown:
        shown.step("writing the scenario")
        write_scenario(scenario, out)
    if json:
        print_json(contents(scenario) | {"folder": out, "import": report.as_dict()})
        return
    for line in report.lines():
        print(line)
    print(f"Wrote {out}: {described(scenario)}.")
    if verb == "assemble":
        say(f"Next: tidewatt assemble ROADS {out} --out CASE")
        return
    if verb == "simulate" and (scenario.stations is None or not len(scenario.stations)):
        say(f"Next: tidewatt import stations FILE --into {out} --out SCENARIO")
        if scenario.demand is not None:
            say(f"or:   tidewatt assign {out} --out RESULT")
            say(f"or:   tidewatt assemble {out} GRID --out CASE")
        return
    say(f"Next: tidewatt {verb} {out} --out RESULT")
