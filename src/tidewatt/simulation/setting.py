"""Preparing a simulation: everything checked, other traffic on the roads, models chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.checks import check
from tidewatt.domain.scenario import Scenario
from tidewatt.errors import Issue, ScenarioError
from tidewatt.execution.threads import Threads
from tidewatt.simulation.background import background_flow
from tidewatt.simulation.choice import StationChoice
from tidewatt.simulation.decision import ChargingDecision, Threshold
from tidewatt.simulation.network import network_of
from tidewatt.simulation.parameters import Parameters
from tidewatt.simulation.speeds import Bpr, SpeedFlow, speed_flow
from tidewatt.simulation.world import World
from tidewatt.synthesis.demand import trips_matrix
from tidewatt.synthesis.plans import zone_places
from tidewatt.synthesis.profile import daily_trips, period_factor

if TYPE_CHECKING:
    from tidewatt.synthesis.diary import Diary
    from tidewatt.synthesis.habits import Habits

__all__ = ["world_of"]

TRIPS_PER_VEHICLE = 2.5
"""Trips of a vehicle and day, on average in the synthesis: tells whether demand explains a fleet."""


def world_of(
    scenario: Scenario,
    parameters: Parameters,
    threads: Threads,
    decision: ChargingDecision | None = None,
    choice: StationChoice | None = None,
    speeds: SpeedFlow | None = None,
    diary: Diary | None = None,
    habits: Habits | None = None,
) -> World:
    """What all replications share.

    Raises
    ------
    ScenarioError
        With everything that is wrong with the scenario, at once.
    """
    issues = check(scenario) + _missing(scenario) + _horizon(scenario, parameters)
    if issues:
        raise ScenarioError(dict.fromkeys(issues))
    roads, stations = scenario.roads, scenario.stations
    assert roads is not None and stations is not None
    speeds = speeds or speed_flow(parameters.speed_flow)
    from tidewatt.synthesis.vehicle_types import default_types

    types = scenario.types or default_types()
    trips = trips_matrix(scenario, trips_per_day=parameters.trips_per_day)
    share = _share(trips, parameters, roads.period_h)
    network = network_of(roads)
    flow = np.zeros(roads.links)
    if parameters.background > 0:
        # The roads' own functions (sim-1) are compiled; another model is asked for all links at once.
        model = None if isinstance(speeds, Bpr) else speeds
        gap = parameters.background_gap
        flow = background_flow(network, roads, trips, gap=gap, workers=threads, speed_flow=model)
        # Vehicles that are simulated are part of the demand: the rest is other traffic.
        flow = flow * ((1.0 - share if parameters.feedback else 1.0) * parameters.background / roads.period_h)
    return World(
        scenario=scenario,
        roads=roads,
        network=network,
        stations=stations,
        types=types,
        parameters=parameters,
        decision=decision or Threshold(),
        choice=choice,
        speed_flow=speeds,
        places=zone_places(roads, trips),
        habits=habits,
        diary=diary,
        prices=stations.prices_by_minute(),
        background_veh_h=flow,
        profile=np.stack([period_factor(roads.period_h, weekday=day) for day in (True, False)]),
    )


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


def _horizon(scenario: Scenario, p: Parameters) -> list[Issue]:
    """Whether the simulated days fit the horizon's steps, and feeders say their headroom for them."""
    horizon, minutes, issues = scenario.horizon, 1440.0 * p.days, []
    steps = minutes / horizon.step_min
    if abs(steps - round(steps)) > 1e-9:
        problem = f"{p.days} days are not a whole number of steps of {horizon.step_min:g} min"
        issues.append(Issue("scenario.toml", "horizon.step_min", problem, "Choose a divisor, such as 15"))
    if scenario.grid.feeders and minutes > horizon.minutes + 1e-9:
        problem = f"{p.days} days asked for, headroom of feeders is given for {horizon.minutes / 1440:g}"
        fix = "Simulate fewer days, or give headroom for more steps"
        issues.append(Issue("simulation", "days", problem, fix))
    return issues


def _share(trips: Array, p: Parameters, period_h: float) -> float:
    """Share of all trips that the simulated vehicles make.

    Raises
    ------
    ScenarioError
        Where they make more than the demand explains.
    """
    daily = daily_trips(float(trips.sum()), period_h)
    made = TRIPS_PER_VEHICLE * p.vehicles
    if made > daily:
        problem = (
            f"{p.vehicles:,} vehicles make about {made:,.0f} trips a day; the demand explains {daily:,.0f}"
        )
        most = int(daily / TRIPS_PER_VEHICLE)
        fix = f"Ask for at most {most:,} vehicles, or correct demand or roads.period_h"
        raise ScenarioError([Issue("simulation", "vehicles", problem, fix)])
    return made / daily
