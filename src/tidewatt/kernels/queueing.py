"""Queues at charging stations: events in the order of time, first come first served.

A station has a line for each kind of charger (0 fast, 1 normal), numbered ``2 station + kind``. A line keeps
the minutes at which its chargers fall free as a heap: who joins knows at once when charging starts and ends.
Arrivals wait in a heap ordered by (minute, request), so that equal minutes leave nothing to chance.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from tidewatt.kernels.queueing_state import DAY_MIN, NO_INFORMATION, RESERVED

__all__ = [
    "accept",
    "advance",
    "charge_min",
    "clear",
    "count_at",
    "expected",
    "price_at",
]


@njit(cache=True, nogil=True, forceinline=True)
def charge_min(level_kwh, charger_kw, limit_kw):
    """Charging time (sim-10) [min]; infinite where there is no power."""
    power = min(charger_kw, limit_kw)
    return 60.0 * level_kwh / power if power > 0.0 else np.inf


@njit(cache=True, nogil=True, forceinline=True)
def price_at(sites, line, minute):
    """Price per kWh that a line asks in a minute."""
    return sites.price[sites.band[int(minute) % DAY_MIN], line]


@njit(cache=True, nogil=True, forceinline=True)
def _settle(heap, low, high, minute):
    """Replace the earliest of ``heap[low:high]`` by `minute`; return the earliest now."""
    i = low
    while True:
        child = 2 * i - low + 1
        if child >= high:
            break
        if child + 1 < high and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= minute:
            break
        heap[i] = heap[child]
        i = child
    heap[i] = minute
    return heap[low]


@njit(cache=True, nogil=True, forceinline=True)
def _join(heap, low, middle, high, charges, sites, per_min, r, station, arrive):
    """Let request `r` join the line that costs it least: wait, charging time and price on arrival.

    The chargers' free minutes are ``heap[low:middle]`` (fast) and ``heap[middle:high]`` (normal).

    Returns
    -------
    kind, start, end
    """
    energy = charges.energy_kwh[r]
    level = charges.level_kwh[r]
    best = np.inf
    kind = -1
    start = np.inf
    length = np.inf
    for k in range(2):
        at = low if k == 0 else middle
        if at == (middle if k == 0 else high):
            continue
        line = 2 * station + k
        time = charge_min(level, sites.kw[line], charges.fast_kw[r] if k == 0 else charges.normal_kw[r])
        begin = max(arrive, heap[at])
        cost = per_min * (begin - arrive + time) + price_at(sites, line, arrive) * energy
        if cost < best:
            best = cost
            kind = k
            start = begin
            length = time
    if kind == 0:
        _settle(heap, low, middle, start + length)
    elif kind == 1:
        _settle(heap, middle, high, start + length)
    return kind, start, start + length


@njit(cache=True, nogil=True)
def clear(lines):
    """Nobody anywhere."""
    lines.size[:] = 0
    lines.free[:] = 0.0
    lines.head[:] = -1
    for line in range(len(lines.top)):
        lines.top[line] = 0.0 if lines.first[line] < lines.first[line + 1] else np.inf


@njit(cache=True, nogil=True, forceinline=True)
def accept(lines, charges, rules, r, station, arrive):
    """Send request `r` to a station."""
    charges.station[r] = station
    charges.arrive[r] = arrive
    due = lines.due
    who = lines.who
    i = lines.size[0]
    lines.size[0] = i + 1
    # Requests come in the order of their numbers: among equal minutes the new one is the last.
    while i > 0:
        parent = (i - 1) >> 1
        if due[parent] <= arrive:
            break
        due[i] = due[parent]
        who[i] = who[parent]
        i = parent
    due[i] = arrive
    who[i] = r
    if rules.information == RESERVED:
        previous = -1
        following = lines.head[station]
        while following >= 0 and charges.arrive[following] <= arrive:
            previous = following
            following = lines.after[following]
        lines.after[r] = following
        if previous < 0:
            lines.head[station] = r
        else:
            lines.after[previous] = r


@njit(cache=True, nogil=True, forceinline=True)
def _next_arrival(lines):
    """Take the earliest arrival off the heap."""
    due = lines.due
    who = lines.who
    r = who[0]
    n = lines.size[0] - 1
    lines.size[0] = n
    minute = due[n]
    last = who[n]
    i = 0
    while True:
        child = 2 * i + 1
        if child >= n:
            break
        other = child + 1
        if other < n and (due[other] < due[child] or (due[other] == due[child] and who[other] < who[child])):
            child = other
        if due[child] > minute or (due[child] == minute and who[child] > last):
            break
        due[i] = due[child]
        who[i] = who[child]
        i = child
    due[i] = minute
    who[i] = last
    return r


@njit(cache=True, nogil=True, forceinline=True)
def advance(lines, charges, sites, rules, until):
    """Let everyone in who arrives up to and including minute `until`, in order."""
    while lines.size[0] > 0 and lines.due[0] <= until:
        r = _next_arrival(lines)
        station = charges.station[r]
        line = 2 * station
        low = lines.first[line]
        middle = lines.first[line + 1]
        kind, start, end = _join(
            lines.free,
            low,
            middle,
            lines.first[line + 2],
            charges,
            sites,
            rules.per_min,
            r,
            station,
            charges.arrive[r],
        )
        charges.kind[r] = kind
        charges.start[r] = start
        charges.end[r] = end
        lines.top[line + kind] = lines.free[low if kind == 0 else middle]
        charges.log[lines.size[1]] = r
        lines.size[1] += 1
        if rules.information == RESERVED:
            lines.head[station] = lines.after[r]


@njit(cache=True, nogil=True)
def _foreseen(lines, charges, sites, per_min, station, arrive):
    """Earliest free minute of both lines once all on their way who arrive first have joined."""
    low = lines.first[2 * station]
    middle = lines.first[2 * station + 1] - low
    high = lines.first[2 * station + 2] - low
    for i in range(high):
        lines.room[i] = lines.free[low + i]
    r = lines.head[station]
    while r >= 0 and charges.arrive[r] <= arrive:
        _join(lines.room, 0, middle, high, charges, sites, per_min, r, station, charges.arrive[r])
        r = lines.after[r]
    fast = lines.room[0] if middle > 0 else np.inf
    normal = lines.room[middle] if high > middle else np.inf
    return fast, normal


@njit(cache=True, nogil=True, forceinline=True)
def expected(lines, charges, sites, rules, station, arrive, zero_fast, zero_normal, enough):
    """Cost of a station with the wait that the driver expects (sim-9).

    Parameters
    ----------
    zero_fast, zero_normal : float
        Cost of either kind without any wait.
    enough : float
        Where the cost is certainly above this, a lower bound will do.

    Returns
    -------
    cost, wait, kind
        Of the cheaper kind; infinite cost where neither can be used.
    """
    fast = lines.top[2 * station]
    normal = lines.top[2 * station + 1]
    if rules.information == NO_INFORMATION:
        wait_fast = 0.0 if fast < np.inf else np.inf
        wait_normal = 0.0 if normal < np.inf else np.inf
    else:
        wait_fast = max(fast - arrive, 0.0)
        wait_normal = max(normal - arrive, 0.0)
    cost_fast = zero_fast + rules.per_min * wait_fast
    cost_normal = zero_normal + rules.per_min * wait_normal
    if rules.information == RESERVED and min(cost_fast, cost_normal) <= enough:
        r = lines.head[station]
        if r >= 0 and charges.arrive[r] <= arrive:
            fast, normal = _foreseen(lines, charges, sites, rules.per_min, station, arrive)
            wait_fast = max(fast - arrive, 0.0)
            wait_normal = max(normal - arrive, 0.0)
            cost_fast = zero_fast + rules.per_min * wait_fast
            cost_normal = zero_normal + rules.per_min * wait_normal
    if cost_fast <= cost_normal:
        return cost_fast, wait_fast, 0
    return cost_normal, wait_normal, 1


@njit(cache=True, nogil=True)
def count_at(charges, begin, end, minute, waiting, charging):
    """Add up who waits and who charges at each station in a minute, of entries `begin` to `end` of the log.

    Returns
    -------
    int
        First entry of the log whose charge is not over by `minute`.
    """
    oldest = end
    for entry in range(begin, end):
        r = charges.log[entry]
        if charges.end[r] <= minute:
            continue
        oldest = min(oldest, entry)
        if charges.start[r] <= minute:
            charging[charges.station[r]] += 1
        elif charges.arrive[r] <= minute:
            waiting[charges.station[r]] += 1
    return oldest
