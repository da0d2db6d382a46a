"""A day of charging, step by step: decisions, arrivals, queues and charges for the minute loop."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.stations import StationPlan, Stations
from tidewatt.kernels import queueing, queueing_choice, queueing_state
from tidewatt.simulation.choice import StationChoice
from tidewatt.simulation.packing import (
    charges_of,
    detours,
    lines_of,
    outside,
    rules_of,
    sessions_of,
    shortlist_of,
    sites_of,
    take_in,
)
from tidewatt.simulation.parameters import Parameters
from tidewatt.simulation.requests import Requests
from tidewatt.simulation.sessions import Sessions, station_series

__all__ = ["ChargingDay"]


class ChargingDay:
    """Charging at stations, in the order of time.

    First come, first served at every station and kind of charger; nobody leaves a queue; the queue has room
    for all. What is known of queues and how a station is chosen is in the parameters. On arrival a driver
    takes the kind of charger by wait, charging time and price.

    Parameters
    ----------
    stations : Stations
    plan : StationPlan, optional
        What is built there; what is installed where not given.
    prices : (array, array), optional
        Price of fast and of normal charging by minute of the day, each of shape (stations, 1440).
    parameters : Parameters
    seed : int
        Seed of the drivers' tastes.
    capacity : int
        Requests to make room for at first; more room is made as it is needed.
    choice : StationChoice, optional
        Another rule than the parameters'; slower, since it is asked driver by driver.
    """

    def __init__(
        self,
        stations: Stations,
        plan: StationPlan | None = None,
        prices: tuple[Array, Array] | None = None,
        parameters: Parameters | None = None,
        seed: int = 0,
        capacity: int = 1024,
        choice: StationChoice | None = None,
    ) -> None:
        parameters = parameters or Parameters()
        self._sites = sites_of(stations, prices)
        self._outside = choice if outside(choice) else None
        self._rules = rules_of(parameters, choice, seed)
        self._lines = lines_of(plan or stations.plan, capacity)
        self._charges = charges_of(capacity)
        self._about = {
            name: np.zeros(capacity) for name in ("decide_min", "detour_min", "soc", "battery_kwh")
        }
        self._vehicle = np.zeros(capacity, np.int32)
        self._shortlist = shortlist_of()
        self._stations = len(stations)
        self._count = 0
        self._told = 0
        self._minute = -math.inf
        self._counted = (-math.inf, 0)

    def __len__(self) -> int:
        return self._count

    @property
    def charges(self) -> queueing_state.Charges:
        """Everything by request, as kernels keep it; longer than the number of requests."""
        return self._charges

    @property
    def on_the_way(self) -> int:
        """Vehicles that drive to a station."""
        return int(self._lines.size[0])

    def advance(self, until_min: float) -> Sessions:
        """Let in everyone who arrives up to and including a minute.

        Returns
        -------
        Sessions
            Those not returned before; start and end are known, though they may lie ahead.
        """
        self._let_in(until_min)
        begin, self._told = self._told, int(self._lines.size[1])
        return self._sessions(begin, self._told)

    def finish(self) -> Sessions:
        """Let in everyone who is still on the way; charges run out after the horizon's end."""
        return self.advance(math.inf)

    def decide(self, requests: Requests) -> tuple[Array, Array]:
        """Choose a station for each request, in the order of their minutes.

        Whoever arrives somewhere before the minute of a request has joined a queue by then.

        Returns
        -------
        station : array of int32, shape (requests,)
            -1: none can be reached, or none has a charger for the vehicle.
        arrive_min : array, shape (requests,)
            nan where there is no station.
        """
        n = len(requests)
        if n == 0:
            return np.zeros(0, np.int32), np.zeros(0)
        if requests.stations != self._stations:
            raise ValueError(
                f"travel times to {requests.stations} stations, where there are {self._stations}"
            )
        if requests.minute[0] < self._minute:
            raise ValueError(
                f"a request at {requests.minute[0]:g} min after minute {self._minute:g} has passed"
            )
        first, self._count = self._count, self._count + n
        self._reserve(self._count)
        here = slice(first, self._count)
        take_in(self._charges, self._rules, requests, first)
        self._vehicle[here] = requests.vehicle
        self._about["decide_min"][here] = requests.minute
        self._about["soc"][here] = requests.soc
        self._about["battery_kwh"][here] = requests.battery_kwh
        if self._outside is None:
            queueing_choice.decide(
                self._lines,
                self._charges,
                self._sites,
                self._rules,
                self._shortlist,
                first,
                requests.vehicle,
                requests.minute,
                requests.direct_ms,
                requests.to_ms,
                requests.onward_ms,
            )
        else:
            self._ask(self._outside, requests, first)
        self._minute = max(self._minute, float(requests.minute[-1]))
        station = self._charges.station[here].copy()
        self._about["detour_min"][here] = detours(requests, station)
        return station, self._charges.arrive[here].copy()

    def sessions(self) -> Sessions:
        """All who came to a station so far, in that order."""
        return self._sessions(0, int(self._lines.size[1]))

    def events(self) -> dict[str, Array]:
        """All charges so far in the order of their requests.

        Columns ``vehicle``, ``station``, ``kind`` (0 fast, 1 normal), ``decide``, ``arrive``, ``start``,
        ``end``, ``detour``, ``wait`` (minutes), ``energy`` (kWh), ``price`` (per kWh).
        """
        done = self.sessions()
        done = done.rows(np.argsort(done.request, kind="stable"))
        return {
            "vehicle": done.vehicle,
            "station": done.station,
            "kind": done.kind,
            "decide": done.decide_min,
            "arrive": done.arrive_min,
            "start": done.start_min,
            "end": done.end_min,
            "detour": done.detour_min,
            "wait": done.wait_min,
            "energy": done.energy_kwh,
            "price": done.price_per_kwh,
        }

    def series(self, minutes: int) -> dict[str, Array]:
        """Series by station and minute of all charges so far: see `station_series`."""
        return station_series(
            self.sessions(),
            self._stations,
            minutes,
            taper_soc=self._rules.taper_soc,
            charge_efficiency=self._rules.efficiency,
        )

    def queue_now(self, minute: float) -> int:
        """Vehicles that wait in a minute."""
        return int(self.now(minute)[0].sum())

    def occupied_now(self, minute: float) -> int:
        """Chargers in use in a minute."""
        return int(self.now(minute)[1].sum())

    def now(self, minute: float) -> tuple[Array, Array]:
        """Vehicles that wait and chargers in use in a minute, each of shape (stations,).

        Of those let in so far: `advance` to the minute first.
        """
        last, oldest = self._counted
        charges, count = self._charges, int(self._lines.size[1])
        begin = oldest if minute >= last else 0
        waiting = np.zeros(self._stations, np.int64)
        charging = np.zeros(self._stations, np.int64)
        oldest = queueing.count_at(charges, begin, count, float(minute), waiting, charging)
        self._counted = (minute, int(oldest))
        return waiting, charging

    def _let_in(self, until_min: float) -> None:
        queueing.advance(self._lines, self._charges, self._sites, self._rules, float(until_min))
        if math.isfinite(until_min):
            self._minute = max(self._minute, until_min)

    def _ask(self, choice: StationChoice, requests: Requests, first: int) -> None:
        offers = np.zeros((5, self._stations))
        for i in range(len(requests)):
            minute, to = float(requests.minute[i]), requests.to_ms[i]
            self._let_in(minute)
            queueing_choice.offer(
                self._lines,
                self._charges,
                self._sites,
                self._rules,
                first + i,
                requests.vehicle[i],
                minute,
                requests.direct_ms[i],
                to,
                requests.onward_ms[i],
                offers,
            )
            open_to = np.flatnonzero(~np.isnan(offers[2]))
            if len(open_to):
                costs = np.asarray(choice.costs(*offers[:, open_to]))
                if costs.shape != open_to.shape or np.isnan(costs).any():
                    raise ValueError(f"{type(choice).__name__}.costs must give one number an alternative")
                s = int(open_to[costs.argmin()])
                arrive = minute + int(to[s]) / 60000.0
                queueing.accept(self._lines, self._charges, self._rules, first + i, s, arrive)

    def _reserve(self, capacity: int) -> None:
        have = len(self._vehicle)
        if capacity <= have:
            return
        more = max(capacity, 2 * have) - have
        room = charges_of(more)
        self._charges = queueing_state.Charges(*map(_joined, self._charges, room))
        self._lines = self._lines._replace(
            **{f: _joined(getattr(self._lines, f), np.zeros(more)) for f in ("due", "who", "after")}
        )
        self._vehicle = _joined(self._vehicle, np.zeros(more))
        self._about = {name: _joined(values, np.zeros(more)) for name, values in self._about.items()}

    def _sessions(self, begin: int, end: int) -> Sessions:
        r = self._charges.log[begin:end].astype(np.int64)
        return sessions_of(self._charges, self._sites, self._vehicle, self._about, r)


def _joined(old: Any, new: Any) -> Array:
    return np.concatenate([old, new.astype(old.dtype)])
