"""Queues at charging stations: events in time order, first come first served.

A station has a line for each kind of charger. A line keeps the minutes at which its chargers fall free as a
heap: who joins knows at once when charging starts and ends. Arrivals wait in a heap ordered by (minute,
request), so that equal minutes leave nothing to chance.
"""

from __future__ import annotations

import numpy as np

from tidewatt.compilation.kernel import kernel
from tidewatt.kernels.queue.records import DAY_MIN, NO_INFORMATION, RESERVED, inlined, inner

__all__ = ["accept", "advance", "charge_min", "clear", "count_at", "expected", "join_queue", "price_at"]


@inlined
def charge_min(level_kwh, charger_kw, limit_kw):
    """Return the charging time (sim-10) [min]; infinite where there is no power."""
    power = min(charger_kw, limit_kw)
    return 60.0 * level_kwh / power if power > 0.0 else np.inf


@inlined
def price_at(queue, line, minute):
    """Return the price per kWh in a minute at line ``2 station + kind``."""
    return queue.price[queue.band[int(minute) % DAY_MIN], line]


@inlined
def _settle(heap, low, high, minute):
    """Replace the earliest entry of ``heap[low:high]`` by `minute`."""
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


@inlined
def join_queue(queue, per_min, r, at):
    """Let request `r` join the line that costs it least: wait, charging time and price on arrival.

    Parameters
    ----------
    at : int
        Where the free minutes of its station's chargers are; scratch copies are possible.

    Returns
    -------
    kind, start, end
    """
    charge = queue.charges[r]
    station = queue.stations[charge.station]
    arrive = charge.arrive
    middle = at + station.middle - station.low
    high = at + station.high - station.low
    free = queue.free
    line = 2 * np.int64(charge.station)
    cost_fast = np.inf
    cost_normal = np.inf
    start_fast = arrive
    start_normal = arrive
    fast = charge_min(charge.level_kwh, station.fast_kw, charge.fast_kw)
    normal = charge_min(charge.level_kwh, station.normal_kw, charge.normal_kw)
    if at < middle:
        start_fast = max(arrive, free[at])
        price = price_at(queue, line, arrive)
        cost_fast = per_min * (start_fast - arrive + fast) + price * charge.energy_kwh
    if middle < high:
        start_normal = max(arrive, free[middle])
        price = price_at(queue, line + 1, arrive)
        cost_normal = per_min * (start_normal - arrive + normal) + price * charge.energy_kwh
    if cost_fast <= cost_normal:
        _settle(free, at, middle, start_fast + fast)
        return 0, start_fast, start_fast + fast
    _settle(free, middle, high, start_normal + normal)
    return 1, start_normal, start_normal + normal


@kernel
def clear(queue):
    """Empty all stations and queues."""
    queue.size[:] = 0
    queue.free[:] = 0.0
    for s in range(len(queue.stations)):
        station = queue.stations[s]
        station.head = -1
        station.top_fast = 0.0 if station.low < station.middle else np.inf
        station.top_normal = 0.0 if station.middle < station.high else np.inf
    for r in range(len(queue.charges)):
        queue.charges[r].station = -1
        queue.charges[r].kind = -1


@kernel(forceinline=True)
def accept(queue, rules, r, station, arrive, detour):
    """Send request `r` to a station."""
    charge = queue.charges[r]
    charge.station = station
    charge.arrive = arrive
    charge.detour_min = detour
    coming = queue.coming
    i = queue.size[0]
    queue.size[0] = i + 1
    # Requests come in the order of their numbers: among equal minutes the new one is the last.
    while i > 0:
        parent = (i - 1) >> 1
        if coming[parent].minute <= arrive:
            break
        coming[i].minute = coming[parent].minute
        coming[i].request = coming[parent].request
        i = parent
    coming[i].minute = arrive
    coming[i].request = r
    if rules.information == RESERVED:
        previous = np.int64(-1)
        following = queue.stations[station].head
        while following >= 0 and queue.charges[following].arrive <= arrive:
            previous = following
            following = np.int64(queue.charges[following].after)
        charge.after = following
        if previous < 0:
            queue.stations[station].head = r
        else:
            queue.charges[previous].after = r


@inlined
def _next_arrival(queue):
    """Take the earliest arrival off the heap."""
    coming = queue.coming
    r = coming[0].request
    n = queue.size[0] - 1
    queue.size[0] = n
    minute = coming[n].minute
    last = coming[n].request
    i = 0
    while True:
        child = 2 * i + 1
        if child >= n:
            break
        if child + 1 < n:
            a = coming[child]
            b = coming[child + 1]
            if b.minute < a.minute or (b.minute == a.minute and b.request < a.request):
                child += 1
        least = coming[child]
        if least.minute > minute or (least.minute == minute and least.request > last):
            break
        coming[i].minute = least.minute
        coming[i].request = least.request
        i = child
    coming[i].minute = minute
    coming[i].request = last
    return r


@kernel
def advance(queue, rules, until):
    """Admit in order everyone who arrives up to and including minute `until`."""
    while queue.size[0] > 0 and queue.coming[0].minute <= until:
        r = _next_arrival(queue)
        charge = queue.charges[r]
        station = queue.stations[charge.station]
        kind, start, end = join_queue(queue, rules.per_min, r, station.low)
        charge.kind = kind
        charge.start = start
        charge.end = end
        if kind == 0:
            station.top_fast = queue.free[station.low]
        else:
            station.top_normal = queue.free[station.middle]
        queue.charges[queue.size[1]].log = r
        queue.size[1] += 1
        if rules.information == RESERVED:
            station.head = charge.after


@inner
def _foreseen(queue, per_min, station, arrive):
    """Return the earliest free minute of both lines once all who arrive earlier have joined."""
    here = queue.stations[station]
    at = queue.stations[len(queue.stations) - 1].high
    n = here.high - here.low
    for i in range(n):
        queue.free[at + i] = queue.free[here.low + i]
    r = here.head
    while r >= 0 and queue.charges[r].arrive <= arrive:
        join_queue(queue, per_min, r, at)
        r = np.int64(queue.charges[r].after)
    middle = here.middle - here.low
    fast = queue.free[at] if middle > 0 else np.inf
    normal = queue.free[at + middle] if middle < n else np.inf
    return fast, normal


@inlined
def expected(queue, rules, station, arrive, zero_fast, zero_normal, enough):
    """Return the cost of a station, with the wait that the driver expects (sim-9).

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
    here = queue.stations[station]
    fast = here.top_fast
    normal = here.top_normal
    if rules.information == NO_INFORMATION:
        fast = arrive if fast < np.inf else np.inf
        normal = arrive if normal < np.inf else np.inf
    wait_fast = max(fast - arrive, 0.0)
    wait_normal = max(normal - arrive, 0.0)
    cost_fast = zero_fast + rules.per_min * wait_fast
    cost_normal = zero_normal + rules.per_min * wait_normal
    if (
        rules.information == RESERVED
        and here.head >= 0
        and min(cost_fast, cost_normal) <= enough
        and queue.charges[here.head].arrive <= arrive
    ):
        fast, normal = _foreseen(queue, rules.per_min, station, arrive)
        wait_fast = max(fast - arrive, 0.0)
        wait_normal = max(normal - arrive, 0.0)
        cost_fast = zero_fast + rules.per_min * wait_fast
        cost_normal = zero_normal + rules.per_min * wait_normal
    if cost_fast <= cost_normal:
        return cost_fast, wait_fast, 0
    return cost_normal, wait_normal, 1


@kernel
def count_at(queue, begin, end, minute, waiting, charging):
    """Count who waits and who charges at each station in a minute, from log entries `begin` to `end`.

    Returns
    -------
    int
        First entry of the log whose charge is not over by `minute`.
    """
    oldest = end
    for entry in range(begin, end):
        charge = queue.charges[queue.charges[entry].log]
        if charge.end <= minute:
            continue
        oldest = min(oldest, entry)
        if charge.start <= minute:
            charging[charge.station] += 1
        elif charge.arrive <= minute:
            waiting[charge.station] += 1
    return oldest
