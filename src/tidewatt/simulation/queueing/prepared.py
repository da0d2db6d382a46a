"""What can be done once for a day of requests before it is replayed for many plans of stations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.stations import Stations
from tidewatt.execution.threads import Threads
from tidewatt.kernels.queue import replaying
from tidewatt.kernels.queue.records import RANKED, ChoiceRules, Queue, records
from tidewatt.simulation.parameters import Parameters
from tidewatt.simulation.queueing.choice import StationChoice
from tidewatt.simulation.queueing.packing import outside, queue_of, rules_of, take_in
from tidewatt.simulation.queueing.requests import Requests

__all__ = ["PreparedDay", "prepare"]

DEPTH = 64
"""Stations of each driver that are sorted beforehand; where they do not settle a choice, all are scanned."""


@dataclass(frozen=True, slots=True, eq=False)
class PreparedDay:
    """Requests with each driver's stations sorted: made once, replayed for any number of plans.

    Attributes
    ----------
    requests : Requests
    queue : Queue
        The requests as kernels keep them; to be copied before anything happens to them.
    rules : ChoiceRules
        How drivers choose.
    table : records
        Each driver's stations by rising cost without any wait.
    """

    requests: Requests
    queue: Queue
    rules: ChoiceRules
    table: Any

    def at(self, chargers: int, most: int) -> Queue:
        """A copy to let a day happen in.

        Parameters
        ----------
        chargers, most : int
            To make room for: chargers in all, and at one station.
        """
        return self.queue._replace(
            stations=self.queue.stations.copy(),
            charges=self.queue.charges.copy(),
            free=np.zeros(chargers + most),
            coming=self.queue.coming.copy(),
            size=np.zeros(2, np.int64),
            shortlist=self.queue.shortlist.copy(),
            minutes=self.queue.minutes.copy(),
        )


def prepare(
    requests: Requests,
    stations: Stations,
    parameters: Parameters,
    *,
    prices: tuple[Array, Array] | None = None,
    choice: StationChoice | None = None,
    depth: int = DEPTH,
    threads: Threads | None = None,
) -> PreparedDay:
    """Sort each driver's stations by what they cost without any wait.

    Parameters
    ----------
    requests : Requests
    stations : Stations
    parameters : Parameters
    prices : (array, array), optional
        Price of fast and of normal charging by minute of the day, each of shape (stations, 1440).
    choice : StationChoice, optional
        A built-in rule instead of the parameters'.
    depth : int
        Stations kept for each driver; changes memory and speed, never an outcome.
    threads : Threads, optional

    Returns
    -------
    PreparedDay
    """
    if requests.stations != len(stations):
        raise ValueError(f"travel times to {requests.stations} stations, where there are {len(stations)}")
    if outside(choice):
        raise ValueError("only built-in rules of choice are replayed in one pass: use replay")
    n = len(requests)
    rules = rules_of(parameters, choice, requests.taste_seed)
    queue = queue_of(stations, stations.plan, prices, n)
    take_in(queue, rules, requests, 0)
    table = records((n, max(1, min(depth, len(stations))) + 1), RANKED)
    parts = threads.count if threads else 1
    edges = np.linspace(0, n, parts + 1).astype(int).tolist()

    def fill(part: int) -> None:
        begin, end = edges[part], edges[part + 1]
        replaying.rank_stations(queue, rules, requests.to_ms, requests.onward_ms, begin, end, table)

    if threads:
        threads.map(fill, range(parts))
    else:
        fill(0)
    return PreparedDay(requests, queue, rules, table)
