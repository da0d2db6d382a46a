"""What can be done once for a day of requests before it is replayed for many plans of stations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.stations import Stations
from tidewatt.execution.threads import Threads
from tidewatt.kernels import queueing_replay, queueing_state
from tidewatt.simulation.choice import StationChoice
from tidewatt.simulation.packing import charges_of, outside, rules_of, sites_of, take_in
from tidewatt.simulation.parameters import Parameters
from tidewatt.simulation.requests import Requests

__all__ = ["PreparedDay", "prepare", "scratch_of"]

DEPTH = 64
"""Stations of each driver that are sorted beforehand; where they do not settle a choice, all are scanned."""


@dataclass(frozen=True, slots=True, eq=False)
class PreparedDay:
    """Requests with each driver's stations sorted: made once, replayed for any number of plans.

    Attributes
    ----------
    requests : Requests
    sites, rules, charges, table, asked
        What kernels read.
    """

    requests: Requests
    sites: queueing_state.Sites
    rules: queueing_state.Rules
    charges: queueing_state.Charges
    table: queueing_replay.Table
    asked: queueing_replay.Asked


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
    sites, rules = sites_of(stations, prices), rules_of(parameters, choice, requests.taste_seed)
    charges = charges_of(n)
    take_in(charges, rules, requests, 0)
    depth = max(1, min(depth, len(stations)))
    table = queueing_replay.Table(
        station=np.zeros((n, depth), np.int32),
        cost=np.zeros((n, depth, 3)),
        ranked=np.zeros(n, np.int32),
        complete=np.zeros(n, np.bool_),
    )
    asked = queueing_replay.Asked(
        requests.minute,
        requests.vehicle,
        requests.soc,
        requests.battery_kwh,
        requests.direct_ms,
        requests.to_ms,
        requests.onward_ms,
    )
    parts = threads.count if threads else 1
    edges = np.linspace(0, n, parts + 1).astype(int)

    def fill(part: int) -> None:
        queueing_replay.rank_stations(
            asked, charges, sites, rules, int(edges[part]), int(edges[part + 1]), table
        )

    if threads:
        threads.map(fill, range(parts))
    else:
        fill(0)
    return PreparedDay(requests, sites, rules, charges, table, asked)


def scratch_of(day: PreparedDay) -> queueing_state.Charges:
    """Room for what becomes of the requests; what they ask for is shared."""
    asked = ("energy_kwh", "level_kwh", "fast_kw", "normal_kw")
    room = charges_of(len(day.requests))
    return room._replace(**{name: getattr(day.charges, name) for name in asked})
