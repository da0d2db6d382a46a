"""What keeps a scenario from being simulated as asked."""

from __future__ import annotations

from datetime import time

from tidewatt.domain.checks.scenario import check
from tidewatt.domain.scenario import Scenario
from tidewatt.errors import Issue, ScenarioError
from tidewatt.simulation.parameters import Parameters
from tidewatt.synthesis.demand import daily_vehicle_trips

__all__ = ["TRIPS_PER_VEHICLE", "check_parameters", "check_simulation"]

TRIPS_PER_VEHICLE = 2.5
"""Trips of a vehicle and day, on average in the synthesis: tells whether demand explains a fleet."""


def check_parameters(scenario: Scenario) -> list[Issue]:
    """What is wrong with a scenario's own ``[simulation]``, by itself and on its roads.

    Vehicles are held against demand only where they stand there: they may be an argument as well.

    Parameters
    ----------
    scenario : Scenario
        Sound in all that `domain.checks.check` looks at.
    """
    given = scenario.parameters.get("simulation", {})
    try:
        parameters = Parameters.of(given)
    except ScenarioError as error:
        return list(error.issues)
    if scenario.roads is None or (scenario.stations is None and not given):
        return []
    told = "vehicles" in given and scenario.roads.zones > 0
    return _days(scenario, parameters) + (_explained(scenario, parameters) if told else [])


def check_simulation(scenario: Scenario, parameters: Parameters) -> list[Issue]:
    """Everything that is wrong with a scenario that is to be simulated as `parameters` ask."""
    issues = check(scenario) + _missing(scenario) + _days(scenario, parameters)
    return issues or _explained(scenario, parameters)


def _missing(scenario: Scenario) -> list[Issue]:
    issues = []
    if scenario.roads is None:
        fix = "Import some: tidewatt import tntp, gmns or osm; `tidewatt example city` makes up a city"
        issues.append(Issue("links", "", "a simulation needs roads: nodes and links", fix))
    elif not scenario.roads.zones:
        issues.append(Issue("zones", "", "a simulation needs zones, where trips start and end", "Add them"))
    if scenario.stations is None or not len(scenario.stations):
        fix = "Add the table stations, or import one: tidewatt import stations"
        issues.append(Issue("stations", "", "a simulation needs charging stations", fix))
    return issues


def _days(scenario: Scenario, p: Parameters) -> list[Issue]:
    """Whether days begin at midnight and fit the horizon's steps, and feeders say their headroom for them."""
    horizon, minutes, issues = scenario.horizon, 1440.0 * p.days, []
    if horizon.start.time() != time():
        problem = (
            f"{horizon.start.isoformat()} is no midnight: prices and traffic go by the minute of the day"
        )
        fix = "Give a start at 00:00:00; whole days are simulated"
        issues.append(Issue("scenario.toml", "horizon.start", problem, fix))
    steps = minutes / horizon.step_min
    if abs(steps - round(steps)) > 1e-9:
        problem = f"{p.days} days are not a whole number of steps of {horizon.step_min:g} min"
        issues.append(Issue("scenario.toml", "horizon.step_min", problem, "Choose a divisor, such as 15"))
    if scenario.grid.feeders and minutes > horizon.minutes + 1e-9:
        problem = f"{p.days} days asked for, headroom of feeders is given for {horizon.minutes / 1440:g}"
        fix = "Simulate fewer days, or give headroom for more steps"
        issues.append(Issue("simulation", "days", problem, fix))
    return issues


def _explained(scenario: Scenario, p: Parameters) -> list[Issue]:
    """Whether the vehicles make no more trips than there are."""
    try:
        daily = daily_vehicle_trips(scenario, p.trips_per_day)
    except ScenarioError as error:
        return list(error.issues)
    made = TRIPS_PER_VEHICLE * p.vehicles
    if made <= daily:
        return []
    problem = f"{p.vehicles:,} vehicles make about {made:,.0f} trips a day; the demand explains {daily:,.0f}"
    most = int(daily / TRIPS_PER_VEHICLE)
    others = "trips_per_day" if scenario.demand is None else "demand or roads.period_h"
    fix = f"Ask for at most {most:,} vehicles, or correct {others}"
    return [Issue("simulation", "vehicles", problem, fix)]
