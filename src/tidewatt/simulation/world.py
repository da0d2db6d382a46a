"""What all replications share: roads with background traffic, stations, models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.roads import FleetTypes, Roads
from tidewatt.domain.scenario import Scenario
from tidewatt.domain.stations import Stations
from tidewatt.options.simulation import SimulationOptions
from tidewatt.routing.network import RoadNetwork
from tidewatt.simulation.driving.models import (
    ChargingDecision,
    SpeedFlow,
    bounded,
    kwh_per_km,
    link_kwh,
    temperature_factor,
)
from tidewatt.simulation.queueing.choice import StationChoice
from tidewatt.synthesis.diary import Diary
from tidewatt.synthesis.habits import Habits
from tidewatt.synthesis.places import FeederPlaces

__all__ = ["SHORTEST_STOP_MIN", "SIDE_STREET_KMH", "World"]

SIDE_STREET_KMH = 30.0
"""Speed of trips that stay within their zone."""

SHORTEST_STOP_MIN = 5.0
"""Who arrives after the planned departure of the next trip leaves this much later."""

_BRANCH = 2


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """Everything that does not change from one replication to the next.

    Attributes
    ----------
    scenario : Scenario
        Where it all comes from.
    roads, network, stations, types : Roads, Network, Stations, FleetTypes
        Parts of it.
    parameters : SimulationOptions
        What was asked for.
    decision, choice, speed_flow : ChargingDecision, StationChoice, SpeedFlow
        Models of drivers and roads; no `choice`: the parameters' own.
    places, habits, diary : FeederPlaces, Habits, Diary
        What plans of vehicles are drawn from.
    prices : (array, array)
        Of fast and normal charging by minute of the day, each of shape (stations, 1440).
    background_veh_h : array, shape (links,)
        Other traffic in the mean hour of the roads' period.
    profile : array, shape (2, 1440)
        Other traffic by minute of a weekday and of a weekend day relative to that (sim-16).
    """

    scenario: Scenario
    roads: Roads
    network: RoadNetwork
    stations: Stations
    types: FleetTypes
    parameters: SimulationOptions
    decision: ChargingDecision
    choice: StationChoice | None
    speed_flow: SpeedFlow
    places: FeederPlaces
    habits: Habits | None
    diary: Diary | None
    prices: tuple[Array, Array]
    background_veh_h: Array
    profile: Array

    @property
    def minutes(self) -> float:
        """Length of a replication [min]."""
        return 1440.0 * self.parameters["days"]

    @property
    def intervals(self) -> int:
        """Number of times that roads are renewed in a replication."""
        return round(self.minutes / self.parameters["renew_min"])

    @property
    def zone_node(self) -> Array:
        """Node where each zone's trips start and end."""
        return self.roads.zone_node

    @property
    def side_street_kwh_per_km(self) -> float:
        """Consumption of the reference vehicle on trips within a zone."""
        per_km = kwh_per_km(np.array([_BRANCH]), np.array([SIDE_STREET_KMH]))
        return float(per_km[0]) * temperature_factor(self.parameters["temperature_c"])

    def conditions(self, interval: int, entered: Array) -> tuple[Array, Array]:
        """Return flow [veh/h] and travel time [min] of every link at the start of an interval.

        Parameters
        ----------
        interval : int
            Number of the interval.
        entered : array of int, shape (links,)
            Vehicles of the simulation that entered each link in the interval before.
        """
        p = self.parameters
        minutes = (interval * p["renew_min"] + np.arange(max(round(p["renew_min"]), 1))) % 1440.0
        weekday = (self.scenario.horizon.start.weekday() + int(interval * p["renew_min"] // 1440.0)) % 7
        level = float(self.profile[int(weekday >= 5), minutes.astype(np.int64)].mean())
        flow = self.background_veh_h * level
        if p["feedback"]:
            flow = flow + entered * (60.0 / p["renew_min"])
        return flow, bounded(self.roads, self.speed_flow.time_min(self.roads, flow))

    def link_kwh(self, time_min: Array) -> Array:
        """Return the energy that the reference vehicle needs on each link [kWh]."""
        return link_kwh(self.roads, time_min, self.parameters["temperature_c"])
