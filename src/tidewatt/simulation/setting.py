"""Preparing a simulation: everything checked, other traffic on the roads, models chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.roads import Roads
from tidewatt.domain.scenario import Scenario
from tidewatt.errors import ScenarioError
from tidewatt.execution.threads import Threads
from tidewatt.routing.network import RoadNetwork, network_of
from tidewatt.routing.routers import make_router
from tidewatt.simulation.background import background_flow
from tidewatt.simulation.checks import TRIPS_PER_VEHICLE, check_simulation
from tidewatt.simulation.driving.decision import ChargingDecision, Threshold
from tidewatt.simulation.driving.speeds import Bpr, SpeedFlow, speed_flow
from tidewatt.simulation.parameters import Parameters
from tidewatt.simulation.queueing.choice import StationChoice
from tidewatt.simulation.world import World
from tidewatt.synthesis.day_shapes import period_factor
from tidewatt.synthesis.demand import daily_vehicle_trips, fill_intrazonal, line_cost_min, trips_matrix
from tidewatt.synthesis.plans import zone_places

if TYPE_CHECKING:
    from tidewatt.synthesis.diary import Diary
    from tidewatt.synthesis.habits import Habits

__all__ = ["world_of"]


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
    if issues := check_simulation(scenario, parameters):
        raise ScenarioError(dict.fromkeys(issues))
    roads, stations = scenario.roads, scenario.stations
    assert roads is not None and stations is not None
    speeds = speeds or speed_flow(parameters.speed_flow)
    from tidewatt.synthesis.statistics import default_types

    types = scenario.types or default_types()
    network = network_of(roads)
    cost_min = None
    if scenario.demand is None and line_cost_min(roads) is None:
        cost_min = _free_times_min(network, roads, threads)
    trips = trips_matrix(scenario, trips_per_day=parameters.trips_per_day, cost_min=cost_min)
    share = TRIPS_PER_VEHICLE * parameters.vehicles / daily_vehicle_trips(scenario, parameters.trips_per_day)
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


def _free_times_min(network: RoadNetwork, roads: Roads, threads: Threads) -> Array:
    """Travel time between zones on empty roads [min], inf where there is no way; shape (zones, zones)."""
    router = make_router(network, roads.zone_node, threads=threads)
    router.renew(np.rint(roads.free_time_min * 60000.0).astype(np.int32))
    time_ms = router.to_few(roads.zone_node)
    minutes = np.where(time_ms >= 0, time_ms / 60000.0, np.inf)
    fill_intrazonal(minutes)
    return minutes
