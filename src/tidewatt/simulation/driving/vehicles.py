"""Vehicles and drivers of a simulated day: what is drawn for each, and where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.roads import FleetTypes
from tidewatt.kernels.roads.movement import append_paths, move, path_kwh, rest_kwh
from tidewatt.options.simulation import SimulationOptions
from tidewatt.simulation.driving.models import REFERENCE_KWH_PER_KM

if TYPE_CHECKING:
    from tidewatt.routing.routers import Router
    from tidewatt.simulation.world import World
    from tidewatt.synthesis.plans import DayPlans

__all__ = ["SLOW_KW", "Drivers", "Motion", "draw_drivers"]

SLOW_KW = 22.0
"""Chargers up to this feed a vehicle's own charger, stronger ones its battery [kW]."""


class Drivers(NamedTuple):
    """Traits of vehicles and drivers, all of shape (vehicles,).

    Attributes
    ----------
    battery_kwh : array
        Usable capacity.
    stored_kwh : array
        Energy in the battery at minute 0.
    factor : array
        Consumption relative to the reference vehicle's.
    fast_kw, normal_kw : array
        What the vehicle takes at either kind of charger.
    threshold_soc : array
        Below this at the destination the driver charges on the way.
    """

    battery_kwh: Array
    stored_kwh: Array
    factor: Array
    fast_kw: Array
    normal_kw: Array
    threshold_soc: Array


def draw_drivers(
    plans: DayPlans, types: FleetTypes, parameters: SimulationOptions, rng: np.random.Generator
) -> Drivers:
    """Draw batteries by type, initial states of charge and thresholds, as the parameters say.

    Where a vehicle stands at a charger at minute 0 it has charged since it came: a fleet that only then
    plugged in would make a peak at midnight that no grid sees.
    """
    n = plans.vehicles
    battery = types.battery_kwh[plans.type]
    low, high = parameters["soc_initial"]
    least, most = parameters["threshold_soc"]
    fast, normal = types.max_fast_kw[plans.type], types.max_normal_kw[plans.type]
    charger = plans.charger_kw[plans.first[:-1] + np.arange(n)]
    kw = np.minimum(charger, np.where(charger > SLOW_KW, fast, normal))
    before = kw * plans.standing_min / 60.0 * parameters["charge_efficiency"]
    return Drivers(
        battery_kwh=battery,
        stored_kwh=np.minimum(battery * rng.uniform(low, high, n) + before, battery),
        factor=types.kwh_per_km[plans.type] / REFERENCE_KWH_PER_KM,
        fast_kw=fast,
        normal_kw=normal,
        threshold_soc=rng.uniform(least, most, n),
    )


_KEPT_INTERVALS, _KEPT_MIN = 32, 240.0
"""Intervals, and minutes if longer, for which drivers to a station keep the link times of their choice."""


class Motion:
    """State of all vehicles on the road; one array per property, of shape (vehicles,).

    Attributes
    ----------
    now_min : array
        Until when each vehicle has been moved.
    stored_kwh, driven_kwh, rescued_kwh, driven_km : array
        What the battery holds; what driving took; what an empty battery could not give; distance.
    station_min : array
        When a vehicle on its way to a station arrives there: promised when it chose.
    wants : array of bool
        Looks for a station at the next node.
    active, count : array of int32, int
        ``active[:count]`` are those that drive on the network.
    row : int
        Where the times and energies of links that hold now stand.
    """

    def __init__(self, world: World, drivers: Drivers, router: Router) -> None:
        n, links = len(drivers.battery_kwh), world.roads.links
        self._world, self._factor, self._router = world, drivers.factor, router
        self.now_min = np.zeros(n)
        self.stored_kwh = drivers.stored_kwh.copy()
        self.driven_kwh, self.rescued_kwh, self.driven_km = np.zeros(n), np.zeros(n), np.zeros(n)
        self.station_min = np.full(n, np.inf)
        self.wants = np.zeros(n, np.bool_)
        self.active, self.count = np.zeros(n, np.int32), 0
        self.row = 0
        self._pos, self._end = np.zeros(n, np.int64), np.zeros(n, np.int64)
        self._part = np.zeros(n)
        self._leg_row = np.full(n, -1, np.int32)
        self._path, self._used = np.zeros(1 << 20, np.int32), 0
        self._kept = max(_KEPT_INTERVALS, int(_KEPT_MIN / world.parameters["renew_min"]))
        self._link_ms = np.zeros((self._kept, links), np.int32)
        self._link_kwh = np.zeros((self._kept, links))
        self._entered = np.zeros(links, np.int64)
        self._out_vehicle, self._out_what = np.zeros(n, np.int32), np.zeros(n, np.int8)

    def renew(self, interval: int) -> tuple[Array, Array]:
        """Renew speeds and forget old paths; return flow [veh/h] and travel time [min] of every link."""
        flow, time_min = self._world.conditions(interval, self._entered)
        self._entered[:] = 0
        self.row = interval % self._kept
        self._link_ms[self.row] = np.rint(time_min * 60000.0)
        self._link_kwh[self.row] = self._world.link_kwh(time_min)
        self._router.renew(self._link_ms[self.row])
        self._compact()
        return flow, time_min

    def _compact(self) -> None:
        """Drop the paths of vehicles that have arrived, once the store is half full."""
        if self._used < len(self._path) // 2:
            return
        who = self.active[: self.count]
        length = self._end[who] - self._pos[who]
        first = np.concatenate([[0], np.cumsum(length)])
        kept = np.empty(max(len(self._path), 2 * int(first[-1])), np.int32)
        rows = np.repeat(self._pos[who] - first[:-1], length) + np.arange(first[-1])
        kept[: first[-1]] = self._path[rows]
        self._pos[who], self._end[who] = first[:-1], first[1:]
        self._path, self._used = kept, int(first[-1])

    def rest_kwh(self) -> Array:
        """Return the energy for the remaining way at today's speeds, for ``active[:count]``."""
        rest = np.zeros(self.count)
        energy = self._link_kwh[self.row]
        rest_kwh(self.active, self.count, self._pos, self._end, self._part, self._path, energy, rest)
        return rest * self._factor[self.active[: self.count]]

    def route(self, who: Array, origin: Array, destination: Array) -> tuple[Array, Array]:
        """Lay out the shortest way between nodes; return its energy [kWh] and time [ms, -1: no way]."""
        routes = self._router.routes(origin, destination)
        first, need = routes.first, self._used + len(routes.links)
        if need > len(self._path):
            self._path = np.concatenate([self._path, np.zeros(max(len(self._path), need), np.int32)])
        self._pos[who], self._end[who] = first[:-1] + self._used, first[1:] + self._used
        self._used = append_paths(first, routes.links, self._path, self._used)
        self._part[who] = 0.0
        self._leg_row[who] = -1
        energy = np.zeros(len(who))
        path_kwh(first, routes.links, self._link_kwh[self.row], energy)
        return energy * self._factor[who], routes.time_ms

    def join(self, who: Array) -> None:
        """Start driving along the way laid out."""
        self.active[self.count : self.count + len(who)] = who
        self.count += len(who)

    def head_for_station(self, who: Array, arrive_min: Array) -> None:
        """Send vehicles to a station at the current travel times; they arrive when promised."""
        self._leg_row[who] = self.row
        self.station_min[who] = arrive_min

    def node_before(self, vehicle: int) -> int:
        """Return the node at which a vehicle stands that has just left a link."""
        return int(self._world.roads.head[self._path[self._pos[vehicle] - 1]])

    def move(self, begin: int, until_min: float) -> tuple[Array, Array]:
        """Drive ``active[begin:count]`` until a minute; return who left the list, and why."""
        self.count, out = move(
            self.active,
            begin,
            self.count,
            until_min,
            self.row,
            self.now_min,
            self._pos,
            self._end,
            self._part,
            self._leg_row,
            self.station_min,
            self.wants,
            self._path,
            self._link_ms,
            self._link_kwh,
            self._world.roads.length_km,
            self._factor,
            self.stored_kwh,
            self.driven_kwh,
            self.rescued_kwh,
            self.driven_km,
            self._entered,
            self._out_vehicle,
            self._out_what,
        )
        return self._out_vehicle[:out].copy(), self._out_what[:out].copy()

    def drive_elsewhere(self, who: Array, km: Array, kwh: Array) -> None:
        """Account for a drive that does not use the network."""
        self.driven_km[who] += km
        self.driven_kwh[who] += kwh
        self.rescued_kwh[who] += np.maximum(kwh - self.stored_kwh[who], 0.0)
        self.stored_kwh[who] = np.maximum(self.stored_kwh[who] - kwh, 0.0)
