"""Vehicles under way: their paths, where they are on them, what their batteries hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.kernels.roads.movement import append_paths, move, path_kwh, rest_kwh

if TYPE_CHECKING:
    from tidewatt.routing.routers import Router
    from tidewatt.simulation.driving.drivers import Drivers
    from tidewatt.simulation.world import World

__all__ = ["Motion"]

_KEPT_INTERVALS, _KEPT_MIN = 32, 240.0
"""Renewals, and minutes at least, for which who drives to a station keeps the times of the choice."""


class Motion:
    """State of all vehicles on the road; one array a property, of shape (vehicles,).

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
        self._kept = max(_KEPT_INTERVALS, int(_KEPT_MIN / world.parameters.renew_min))
        self._link_ms = np.zeros((self._kept, links), np.int32)
        self._link_kwh = np.zeros((self._kept, links))
        self._entered = np.zeros(links, np.int64)
        self._out_vehicle, self._out_what = np.zeros(n, np.int32), np.zeros(n, np.int8)

    def renew(self, interval: int) -> tuple[Array, Array]:
        """Renew speeds and forget old paths; returns flow [veh/h] and travel time [min] of every link."""
        flow, time_min = self._world.conditions(interval, self._entered)
        self._entered[:] = 0
        self.row = interval % self._kept
        self._link_ms[self.row] = np.rint(time_min * 60000.0)
        self._link_kwh[self.row] = self._world.link_kwh(time_min)
        self._router.renew(self._link_ms[self.row])
        self._compact()
        return flow, time_min

    def _compact(self) -> None:
        """Forget the paths of those who arrived, where the store is half full."""
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
        """What the rest of the way takes at today's speeds, for ``active[:count]``."""
        rest = np.zeros(self.count)
        energy = self._link_kwh[self.row]
        rest_kwh(self.active, self.count, self._pos, self._end, self._part, self._path, energy, rest)
        return rest * self._factor[self.active[: self.count]]

    def route(self, who: Array, origin: Array, destination: Array) -> tuple[Array, Array]:
        """Lay out the shortest way between nodes; returns what it takes [kWh] and how long [ms, -1: none]."""
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
        """Start driving the way laid out."""
        self.active[self.count : self.count + len(who)] = who
        self.count += len(who)

    def head_for_station(self, who: Array, arrive_min: Array) -> None:
        """From now on these drive to a station, by the times that hold now, and arrive when promised."""
        self._leg_row[who] = self.row
        self.station_min[who] = arrive_min

    def node_before(self, vehicle: int) -> int:
        """Node at which a vehicle stands that has just left a link."""
        return int(self._world.roads.head[self._path[self._pos[vehicle] - 1]])

    def move(self, begin: int, until_min: float) -> tuple[Array, Array]:
        """Drive ``active[begin:count]`` until a minute; returns who left the list, and why."""
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
