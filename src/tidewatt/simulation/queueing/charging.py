"""A day of charging, step by step: decisions, arrivals, queues and charges for the minute loop."""

from __future__ import annotations

import math

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.stations import StationPlan, Stations
from tidewatt.kernels.queue import events, records
from tidewatt.kernels.queue import stations as queue_stations
from tidewatt.options.simulation import SIMULATION, SimulationOptions
from tidewatt.simulation.queueing.charges import Requests, Sessions, station_series
from tidewatt.simulation.queueing.choice import StationChoice
from tidewatt.simulation.queueing.packing import grown, outside, queue_of, rules_of, sessions_of, take_in

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
    parameters : SimulationOptions
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
        parameters: SimulationOptions | None = None,
        seed: int = 0,
        capacity: int = 1024,
        choice: StationChoice | None = None,
    ) -> None:
        parameters = parameters or SIMULATION.resolve()
        self._outside = choice if outside(choice) else None
        self._rules = rules_of(parameters, choice, seed)
        self._queue = queue_of(stations, plan or stations.plan, prices, max(capacity, 1))
        self._stations = len(stations)
        self._count = 0
        self._told = 0
        self._minute = -math.inf
        self._counted = (-math.inf, 0)

    def __len__(self) -> int:
        return self._count

    @property
    def queue(self) -> records.Queue:
        """State in the form that kernels keep."""
        return self._queue

    @property
    def rules(self) -> records.ChoiceRules:
        """How drivers choose, in the form that kernels read."""
        return self._rules

    @property
    def on_the_way(self) -> int:
        """Vehicles that are driving to a station."""
        return int(self._queue.size[0])

    def advance(self, until_min: float) -> Sessions:
        """Admit everyone who arrives up to and including a minute.

        Returns
        -------
        Sessions
            Those not returned before; start and end are known, though they may lie ahead.
        """
        self._let_in(until_min)
        begin, self._told = self._told, int(self._queue.size[1])
        return sessions_of(self._queue, begin, self._told)

    def finish(self) -> Sessions:
        """Admit everyone who is still on the way; charges may finish after the horizon's end."""
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
                f"got travel times to {requests.stations} stations, but there are {self._stations}"
            )
        if requests.minute[0] < self._minute:
            raise ValueError(f"a request at minute {requests.minute[0]:g} came after minute {self._minute:g}")
        first, self._count = self._count, self._count + n
        if self._count > len(self._queue.charges):
            self._queue = grown(self._queue, 2 * self._count)
        take_in(self._queue, self._rules, requests, first)
        if self._outside is None:
            queue_stations.decide(self._queue, self._rules, first, requests.to_ms, requests.onward_ms)
        else:
            self._ask(self._outside, requests, first)
        self._minute = max(self._minute, float(requests.minute[-1]))
        made = self._queue.charges[first : self._count]
        station = made["station"].copy()
        return station, np.where(station >= 0, made["arrive"], np.nan)

    def sessions(self) -> Sessions:
        """Return all charges at stations so far, in order of arrival."""
        return sessions_of(self._queue, 0, int(self._queue.size[1]))

    def series(self, minutes: int) -> dict[str, Array]:
        """Return series by station and minute of all charges so far: see `station_series`."""
        return station_series(
            self.sessions(),
            self._stations,
            minutes,
            taper_soc=self._rules.taper_soc,
            charge_efficiency=self._rules.efficiency,
        )

    def queue_now(self, minute: float) -> int:
        """Return the vehicles that wait in a minute."""
        return int(self.now(minute)[0].sum())

    def occupied_now(self, minute: float) -> int:
        """Return the chargers in use in a minute."""
        return int(self.now(minute)[1].sum())

    def now(self, minute: float) -> tuple[Array, Array]:
        """Return vehicles that wait and chargers in use in a minute, each of shape (stations,).

        Of those let in so far: `advance` to the minute first.
        """
        last, oldest = self._counted
        count = int(self._queue.size[1])
        begin = oldest if minute >= last else 0
        waiting = np.zeros(self._stations, np.int64)
        charging = np.zeros(self._stations, np.int64)
        oldest = events.count_at(self._queue, begin, count, float(minute), waiting, charging)
        self._counted = (minute, int(oldest))
        return waiting, charging

    def _let_in(self, until_min: float) -> None:
        events.advance(self._queue, self._rules, float(until_min))
        if math.isfinite(until_min):
            self._minute = max(self._minute, until_min)

    def _ask(self, choice: StationChoice, requests: Requests, first: int) -> None:
        offers = np.zeros((5, self._stations))
        for i in range(len(requests)):
            minute, to = float(requests.minute[i]), requests.to_ms[i]
            self._let_in(minute)
            onward = requests.onward_ms[i]
            queue_stations.offer(self._queue, self._rules, first + i, to, onward, offers)
            open_to = np.flatnonzero(~np.isnan(offers[2]))
            if len(open_to):
                costs = np.asarray(choice.costs(*offers[:, open_to]))
                if costs.shape != open_to.shape or np.isnan(costs).any():
                    raise ValueError(f"{type(choice).__name__}.costs must give one number an alternative")
                s = int(open_to[costs.argmin()])
                events.accept(
                    self._queue,
                    self._rules,
                    first + i,
                    s,
                    minute + int(to[s]) / 60000.0,
                    queue_stations.detour_min(to[s], onward[s], requests.direct_ms[i]),
                )
