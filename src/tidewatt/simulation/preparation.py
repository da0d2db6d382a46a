"""Prepare a simulation: check everything, assign background traffic to the roads, choose the models."""

from __future__ import annotations

from datetime import time
from typing import TYPE_CHECKING

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.checks.scenario import check
from tidewatt.domain.roads import Roads
from tidewatt.domain.scenario import Scenario
from tidewatt.errors import Issue, ScenarioError
from tidewatt.execution.threads import Threads
from tidewatt.options.simulation import SIMULATION, SimulationOptions
from tidewatt.plugins import METHODS, model
from tidewatt.routing.network import RoadNetwork, network_of
from tidewatt.routing.routers import make_router
from tidewatt.simulation.background import background_flow
from tidewatt.simulation.driving.models import Bpr, ChargingDecision, SpeedFlow, Threshold, speed_flow
from tidewatt.simulation.queueing.choice import StationChoice
from tidewatt.simulation.world import World
from tidewatt.synthesis.day_shapes import period_factor
from tidewatt.synthesis.demand import daily_vehicle_trips, fill_intrazonal, line_cost_min, trips_matrix
from tidewatt.synthesis.plans import zone_places

if TYPE_CHECKING:
    from tidewatt.synthesis.diary import Diary
    from tidewatt.synthesis.habits import Habits

__all__ = ["TRIPS_PER_VEHICLE", "check_parameters", "check_simulation", "world_of"]

TRIPS_PER_VEHICLE = 2.5
"""Trips of a vehicle and day, on average in the synthesis: tells whether demand explains a fleet."""


def check_parameters(scenario: Scenario) -> list[Issue]:
    """Return what is wrong with a scenario's own ``[simulation]`` on its roads.

    Vehicles are held against demand only where they stand there: they may be an argument as well.

    Parameters
    ----------
    scenario : Scenario
        Sound in all that `domain.checks.check` looks at.
    """
    given = scenario.parameters.get("simulation", {})
    parameters = SIMULATION.lenient(scenario.parameters)
    if scenario.roads is None or (scenario.stations is None and not given):
        return []
    told = "vehicles" in given and scenario.roads.zones > 0
    return _days(scenario, parameters) + (_explained(scenario, parameters) if told else [])


def check_simulation(scenario: Scenario, parameters: SimulationOptions) -> list[Issue]:
    """Return everything wrong with a scenario that is to be simulated with `parameters`."""
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


def _days(scenario: Scenario, p: SimulationOptions) -> list[Issue]:
    """Return issues if days do not begin at midnight or fit the horizon, or if headroom is missing."""
    horizon, minutes, issues = scenario.horizon, 1440.0 * p["days"], []
    if horizon.start.time() != time():
        problem = (
            f"{horizon.start.isoformat()} is no midnight: prices and traffic go by the minute of the day"
        )
        fix = "Give a start at 00:00:00; whole days are simulated"
        issues.append(Issue("scenario.toml", "horizon.start", problem, fix))
    steps = minutes / horizon.step_min
    if abs(steps - round(steps)) > 1e-9:
        problem = f"{p['days']} days are not a whole number of steps of {horizon.step_min:g} min"
        issues.append(Issue("scenario.toml", "horizon.step_min", problem, "Choose a divisor, such as 15"))
    if scenario.grid.feeders and minutes > horizon.minutes + 1e-9:
        problem = f"{p['days']} days requested, but feeders have headroom for {horizon.minutes / 1440:g}"
        fix = "Simulate fewer days, or give headroom for more steps"
        issues.append(Issue("simulation", "days", problem, fix))
    return issues


def _explained(scenario: Scenario, p: SimulationOptions) -> list[Issue]:
    """Return an issue if the vehicles make more trips than the demand has."""
    try:
        daily = daily_vehicle_trips(scenario, p["trips_per_day"])
    except ScenarioError as error:
        return list(error.issues)
    made = TRIPS_PER_VEHICLE * p["vehicles"]
    if made <= daily:
        return []
    problem = (
        f"{p['vehicles']:,} vehicles make about {made:,.0f} trips a day; the demand explains {daily:,.0f}"
    )
    most = int(daily / TRIPS_PER_VEHICLE)
    others = "trips_per_day" if scenario.demand is None else "demand or roads.period_h"
    fix = f"Ask for at most {most:,} vehicles, or correct {others}"
    return [Issue("simulation", "vehicles", problem, fix)]


def world_of(
    scenario: Scenario,
    parameters: SimulationOptions,
    threads: Threads,
    decision: ChargingDecision | None = None,
    choice: StationChoice | None = None,
    speeds: SpeedFlow | None = None,
    diary: Diary | None = None,
    habits: Habits | None = None,
) -> World:
    """Return what all replications share.

    Raises
    ------
    ScenarioError
        With everything that is wrong with the scenario, at once.
    """
    if issues := check_simulation(scenario, parameters):
        raise ScenarioError(dict.fromkeys(issues))
    roads, stations = scenario.roads, scenario.stations
    assert roads is not None and stations is not None
    built_in = {option: SIMULATION.every[option].words for option in METHODS}
    if speeds is None:
        name = parameters["speed_flow"]
        speeds = speed_flow(name) if name in built_in["speed_flow"] else model("speed_flow", name)
    if choice is None and parameters["choice"] not in built_in["choice"]:
        choice = model("choice", parameters["choice"])
    if decision is None:
        name = parameters["decision"]
        decision = Threshold() if name in built_in["decision"] else model("decision", name)
    from tidewatt.synthesis.statistics import default_types

    types = scenario.types or default_types()
    network = network_of(roads)
    cost_min = None
    if scenario.demand is None and line_cost_min(roads) is None:
        cost_min = _free_times_min(network, roads, threads)
    trips = trips_matrix(scenario, trips_per_day=parameters["trips_per_day"], cost_min=cost_min)
    share = (
        TRIPS_PER_VEHICLE
        * parameters["vehicles"]
        / daily_vehicle_trips(scenario, parameters["trips_per_day"])
    )
    flow = np.zeros(roads.links)
    if parameters["background"] > 0:
        # The roads' own functions (sim-1) are compiled; another model is asked for all links at once.
        other = None if isinstance(speeds, Bpr) else speeds
        gap = parameters["background_gap"]
        flow = background_flow(network, roads, trips, gap=gap, workers=threads, speed_flow=other)
        # Vehicles that are simulated are part of the demand: the rest is other traffic.
        flow = flow * (
            (1.0 - share if parameters["feedback"] else 1.0) * parameters["background"] / roads.period_h
        )
    return World(
        scenario=scenario,
        roads=roads,
        network=network,
        stations=stations,
        types=types,
        parameters=parameters,
        decision=decision,
        choice=choice,
        speed_flow=speeds,
        places=zone_places(roads, trips),
        habits=habits,
        diary=diary,
        prices=stations.prices_by_minute(),
        background_veh_h=flow,
        profile=np.stack([period_factor(roads.period_h, weekday=day) for day in (True, False)]),
    )


def _free_times_min(network: RoadNetwork, roads: Roads, threads: Threads) -> Array:
    """Return travel times between zones on empty roads [min], inf if there is no way; (zones, zones)."""
    router = make_router(network, roads.zone_node, threads=threads)
    router.renew(np.rint(roads.free_time_min * 60000.0).astype(np.int32))
    time_ms = router.to_few(roads.zone_node)
    minutes = np.where(time_ms >= 0, time_ms / 60000.0, np.inf)
    fill_intrazonal(minutes)
    return minutes
