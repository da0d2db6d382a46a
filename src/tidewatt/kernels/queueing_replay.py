"""A day of charging in one pass, for one plan of stations after another.

What a station costs a driver without any wait does not depend on what is built: stations are sorted by it
once a day. A plan's day then looks at the first few stations of each driver and stops where no further one
can be cheaper.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from tidewatt.kernels.queueing import accept, advance, clear, expected
from tidewatt.kernels.queueing_choice import ALTERNATIVES, least_regret, scan, weigh
from tidewatt.kernels.queueing_costs import detour_min, zero_wait_costs
from tidewatt.kernels.queueing_views import uncounted

__all__ = ["Asked", "Table", "rank_stations", "replay_day"]


class Asked(NamedTuple):
    """Requests of a day; as in `Requests`, shape (requests,) or (requests, stations).

    Attributes
    ----------
    minute, vehicle, soc, battery_kwh, direct_ms, to_ms, onward_ms : array
    """

    minute: np.ndarray
    vehicle: np.ndarray
    soc: np.ndarray
    battery_kwh: np.ndarray
    direct_ms: np.ndarray
    to_ms: np.ndarray
    onward_ms: np.ndarray


class Table(NamedTuple):
    """Each driver's stations by rising cost without any wait.

    Attributes
    ----------
    station : array of int32, shape (requests, depth)
    cost : array, shape (requests, depth, 3)
        Cost of a fast and of a normal charger without any wait [money]; minute of arrival.
    ranked : array of int32, shape (requests,)
        Stations in the table.
    complete : array of bool, shape (requests,)
        Whether these are all that can be reached.
    """

    station: np.ndarray
    cost: np.ndarray
    ranked: np.ndarray
    complete: np.ndarray


@njit(cache=True, nogil=True, forceinline=True)
def _sink(key, station, i, n):
    """Let entry `i` of a heap sink to where no entry below it is smaller."""
    cost = key[i]
    s = station[i]
    while True:
        child = 2 * i + 1
        if child >= n:
            break
        other = child + 1
        if other < n and (
            key[other] < key[child] or (key[other] == key[child] and station[other] < station[child])
        ):
            child = other
        if key[child] > cost or (key[child] == cost and station[child] > s):
            break
        key[i] = key[child]
        station[i] = station[child]
        i = child
    key[i] = cost
    station[i] = s


@njit(cache=True, nogil=True)
def rank_stations(asked, charges, sites, rules, begin, end, table):
    """Fill rows `begin` to `end` of the table."""
    asked = uncounted(asked)
    charges = uncounted(charges)
    sites = uncounted(sites)
    table = uncounted(table)
    stations = asked.to_ms.shape[1]
    depth = table.station.shape[1]
    fast = np.empty(stations)
    normal = np.empty(stations)
    key = np.empty(stations)
    heap = np.empty(stations, np.int32)
    for r in range(begin, end):
        n = 0
        for s in range(stations):
            to = asked.to_ms[r, s]
            onward = asked.onward_ms[r, s]
            if to < 0 or onward < 0:
                continue
            detour = detour_min(to, onward, asked.direct_ms[r])
            fast[s], normal[s] = zero_wait_costs(
                charges, sites, rules, r, asked.vehicle[r], asked.minute[r], s, detour
            )
            cost = min(fast[s], normal[s])
            if cost < np.inf:
                key[n] = cost
                heap[n] = s
                n += 1
        table.complete[r] = n <= depth
        for i in range(n // 2 - 1, -1, -1):
            _sink(key, heap, i, n)
        count = min(n, depth)
        table.ranked[r] = count
        for rank in range(count):
            s = heap[0]
            table.station[r, rank] = s
            table.cost[r, rank, 0] = fast[s]
            table.cost[r, rank, 1] = normal[s]
            table.cost[r, rank, 2] = asked.minute[r] + asked.to_ms[r, s] / 60000.0
            n -= 1
            key[0] = key[n]
            heap[0] = heap[n]
            _sink(key, heap, 0, n)


@njit(cache=True, nogil=True, forceinline=True)
def _nearest_first(lines, charges, sites, rules, shortlist, table, asked, r):
    """The station that `scan` finds, from the cheapest without any wait on.

    Rounding keeps order: a station's cost is never below its cost without any wait, to the last bit.

    Returns
    -------
    station, minute of arrival
        Station -1: none; -2: the table ends before the answer is certain.
    """
    best = np.inf
    chosen = -1
    at = np.inf
    found = 0
    certain = table.complete[r]
    stations = table.station[r]
    costs = table.cost[r]
    for rank in range(table.ranked[r]):
        fast = costs[rank, 0]
        normal = costs[rank, 1]
        if min(fast, normal) > best:
            certain = True
            break
        s = stations[rank]
        arrive = costs[rank, 2]
        cost, wait, kind = expected(lines, charges, sites, rules, s, arrive, fast, normal, best)
        if rules.choice == 0:
            if cost < best or (cost == best and s < chosen):
                best = cost
                chosen = s
                at = arrive
        elif cost < np.inf:
            found = weigh(shortlist, found, s, cost, wait, kind)
            if found == ALTERNATIVES:
                best = shortlist.cost[ALTERNATIVES - 1]
    if not certain:
        return -2, at
    if found > 0:
        chosen = least_regret(
            shortlist,
            found,
            charges,
            sites,
            rules,
            r,
            asked.vehicle[r],
            asked.minute[r],
            asked.direct_ms[r],
            asked.to_ms[r],
            asked.onward_ms[r],
        )
        at = asked.minute[r] + asked.to_ms[r, chosen] / 60000.0
    return chosen, at


@njit(cache=True, nogil=True)
def replay_day(lines, charges, sites, rules, shortlist, table, asked, fast, normal):
    """Decide, queue and charge all requests of a day at stations with these chargers.

    Parameters
    ----------
    lines
        Scratch with room for all chargers.
    fast, normal : array of int64, shape (stations,)
        Chargers.
    """
    lines = uncounted(lines)
    charges = uncounted(charges)
    sites = uncounted(sites)
    shortlist = uncounted(shortlist)
    table = uncounted(table)
    asked = uncounted(asked)
    n = 0
    for s in range(len(fast)):
        lines.first[2 * s] = n
        n += fast[s]
        lines.first[2 * s + 1] = n
        n += normal[s]
    lines.first[2 * len(fast)] = n
    clear(lines)
    charges.station[:] = -1
    charges.kind[:] = -1
    for r in range(len(asked.minute)):
        advance(lines, charges, sites, rules, asked.minute[r])
        s, arrive = _nearest_first(lines, charges, sites, rules, shortlist, table, asked, r)
        if s == -2:
            s = scan(
                lines,
                charges,
                sites,
                rules,
                shortlist,
                r,
                asked.vehicle[r],
                asked.minute[r],
                asked.direct_ms[r],
                asked.to_ms[r],
                asked.onward_ms[r],
            )
            if s >= 0:
                arrive = asked.minute[r] + asked.to_ms[r, s] / 60000.0
        if s >= 0:
            accept(lines, charges, rules, r, s, arrive)
    advance(lines, charges, sites, rules, np.inf)
