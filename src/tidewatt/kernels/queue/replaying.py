"""A day of charging in one pass, for one plan of stations after another.

What a station costs a driver without any wait does not depend on what is built: stations are sorted by it
once a day. A plan's day then looks at the first few stations of each driver and stops where no further one
can be cheaper.
"""

from __future__ import annotations

import numpy as np

from tidewatt.compilation.kernel import kernel
from tidewatt.kernels.queue.events import accept, advance, clear, expected
from tidewatt.kernels.queue.records import ALTERNATIVES, inlined, inner, uncounted
from tidewatt.kernels.queue.stations import detour_min, least_regret, scan, weigh, zero_wait_costs

__all__ = ["rank_stations", "replay_day"]


@inner
def _sink(key, station, i, n):
    """Sift entry `i` of a heap down until no entry below it is smaller."""
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


@kernel
def rank_stations(queue, rules, to, onward, begin, end, table):
    """Fill rows `begin` to `end` of the table: each driver's stations by rising cost at zero wait.

    Parameters
    ----------
    to, onward : array of int32, shape (requests, stations)
        Travel times [ms].
    table : records of RANKED, shape (requests, depth + 1)
        Out: as many stations as there are or the table holds, then a mark that says which.
    """
    queue = uncounted(queue)
    to = uncounted(to)
    onward = uncounted(onward)
    table = uncounted(table)
    stations = to.shape[1]
    depth = table.shape[1] - 1
    fast = np.empty(stations)
    normal = np.empty(stations)
    key = np.empty(stations)
    heap = np.empty(stations, np.int64)
    for r in range(begin, end):
        charge = queue.charges[r]
        n = 0
        for s in range(stations):
            if to[r, s] < 0 or onward[r, s] < 0:
                continue
            detour = detour_min(to[r, s], onward[r, s], charge.direct_ms)
            fast[s], normal[s] = zero_wait_costs(queue, rules, r, s, detour)
            cost = min(fast[s], normal[s])
            if cost < np.inf:
                key[n] = cost
                heap[n] = s
                n += 1
        for i in range(n // 2 - 1, -1, -1):
            _sink(key, heap, i, n)
        count = min(n, depth)
        table[r, count].station = -1 if n <= depth else -2
        for rank in range(count):
            s = heap[0]
            row = table[r, rank]
            row.station = s
            row.fast = fast[s]
            row.normal = normal[s]
            row.arrive = charge.minute + to[r, s] / 60000.0
            n -= 1
            key[0] = key[n]
            heap[0] = heap[n]
            _sink(key, heap, 0, n)


@inlined
def _nearest_first(queue, rules, table, r, to, onward):
    """Return the station that `scan` finds, starting with the cheapest at zero wait.

    Rounding keeps order: a station's cost is never below its cost without any wait, to the last bit.

    Parameters
    ----------
    table : records of RANKED, shape (depth + 1,)
        The driver's.
    to, onward : array of int32, shape (stations,)
    """
    best = np.inf
    chosen = np.int64(-1)
    found = 0
    rank = 0
    while True:
        row = table[rank]
        s = row.station
        if s < 0:
            if s == -2:
                return scan(queue, rules, r, to, onward)
            break
        if min(row.fast, row.normal) > best:
            break
        rank += 1
        cost, wait, kind = expected(queue, rules, s, row.arrive, row.fast, row.normal, best)
        if rules.choice == 0:
            if cost < best or (cost == best and s < chosen):
                best = cost
                chosen = s
        elif cost < np.inf:
            found = weigh(queue.shortlist, found, s, cost, wait, kind)
            if found == ALTERNATIVES:
                best = queue.shortlist[ALTERNATIVES - 1].cost
    if found > 0:
        chosen = least_regret(queue, rules, found, r, to, onward)
    return chosen


@kernel
def replay_day(queue, rules, table, to, onward, fast, normal):
    """Replay all requests of a day at stations with these chargers: decide, queue and charge.

    Parameters
    ----------
    queue : Queue
        With the day's requests, and room for all chargers.
    table : records of RANKED, shape (requests, depth + 1)
    to, onward : array of int32, shape (requests, stations)
    fast, normal : array of int64, shape (stations,)
        Chargers.
    """
    queue = uncounted(queue)
    table = uncounted(table)
    to = uncounted(to)
    onward = uncounted(onward)
    n = 0
    for s in range(len(fast)):
        station = queue.stations[s]
        station.low = n
        station.middle = n + fast[s]
        n += fast[s] + normal[s]
        station.high = n
    clear(queue)
    for r in range(len(to)):
        charge = queue.charges[r]
        advance(queue, rules, charge.minute)
        s = _nearest_first(queue, rules, table[r], r, to[r], onward[r])
        if s >= 0:
            detour = detour_min(to[r, s], onward[r, s], charge.direct_ms)
            accept(queue, rules, r, s, charge.minute + to[r, s] / 60000.0, detour)
    advance(queue, rules, np.inf)
