"""Which station a driver chooses (sim-6 to sim-9).

All stations that can be reached are alternatives. Here they are scanned in the order of their numbers;
`queueing_replay` scans them in the order of their costs and finds the same.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from tidewatt.kernels.queueing import accept, advance, charge_min, expected
from tidewatt.kernels.queueing_costs import detour_min, taste_min, zero_wait_costs
from tidewatt.kernels.queueing_state import ALTERNATIVES, DAY_MIN
from tidewatt.kernels.queueing_views import inner, uncounted

__all__ = ["decide", "least_regret", "offer", "scan", "weigh"]

SAFE_SPREAD = 40.0
"""(16 exp(spread))^ALTERNATIVES stays below the largest float."""


@inner
def weigh(shortlist, found, station, cost, wait, kind):
    """Put a station on the shortlist if it belongs there; return how many are on it."""
    i = found
    if found == ALTERNATIVES:
        last = shortlist[ALTERNATIVES - 1]
        if cost > last.cost or (cost == last.cost and station > last.station):
            return found
        i = found - 1
    count = i + 1
    while i > 0:
        above = shortlist[i - 1]
        if above.cost < cost or (above.cost == cost and above.station < station):
            break
        here = shortlist[i]
        here.cost = above.cost
        here.wait = above.wait
        here.station = above.station
        here.kind = above.kind
        i -= 1
    here = shortlist[i]
    here.cost = cost
    here.wait = wait
    here.station = station
    here.kind = kind
    return count


@inner
def _regrets(shortlist, found, minutes):
    """Add what each alternative is regretted: sums of ln(1 + exp(x)) over all others (sim-8).

    Each alternative is compared with itself too, which adds the same to all. The sum of logarithms is the
    logarithm of a product where that cannot overflow.

    Parameters
    ----------
    minutes : array, shape (5, ALTERNATIVES)
        Scaled attributes, and room for products; overwritten.
    """
    spread = 0.0
    for m in range(4):
        low = np.inf
        high = -np.inf
        for i in range(found):
            low = min(low, minutes[m, i])
            high = max(high, minutes[m, i])
        spread += high - low
        for i in range(found):
            minutes[m, i] -= low
    if spread > SAFE_SPREAD:
        for m in range(4):
            for i in range(found):
                for j in range(found):
                    x = minutes[m, i] - minutes[m, j]
                    shortlist[i].regret += max(x, 0.0) + math.log1p(math.exp(-abs(x)))
        return
    product = minutes[4]
    product[:] = 1.0
    for m in range(4):
        up = minutes[m]
        for i in range(found):
            up[i] = math.exp(up[i])
        for j in range(found):
            down = 1.0 / up[j]
            # Over all places, used or not: a loop of known length runs in SIMD lanes.
            for i in range(ALTERNATIVES):
                product[i] *= 1.0 + up[i] * down
    for i in range(found):
        shortlist[i].regret += math.log(product[i])


@inner
def least_regret(queue, rules, found, r, to, onward):
    """The station of least regret (sim-8) among the shortlisted.

    Parameters
    ----------
    to, onward : array of int32, shape (stations,)
        Travel times [ms].
    """
    scale = rules.regret_per_min
    charge = queue.charges[r]
    band = queue.band[int(charge.minute) % DAY_MIN]
    for i in range(found):
        here = queue.shortlist[i]
        s = here.station
        station = queue.stations[s]
        fast = here.kind == 0
        limit = charge.fast_kw if fast else charge.normal_kw
        power = station.fast_kw if fast else station.normal_kw
        price = queue.price[band, 2 * s + here.kind]
        queue.minutes[0, i] = scale * detour_min(to[s], onward[s], charge.direct_ms)
        queue.minutes[1, i] = scale * here.wait
        queue.minutes[2, i] = scale * charge_min(charge.level_kwh, power, limit)
        queue.minutes[3, i] = scale * (price * charge.energy_kwh / rules.per_min)
        here.regret = scale * taste_min(rules, charge.vehicle, s)
    _regrets(queue.shortlist, found, queue.minutes)
    best = 0
    for i in range(1, found):
        if queue.shortlist[i].regret < queue.shortlist[best].regret:
            best = i
    return queue.shortlist[best].station


@inner
def scan(queue, rules, r, to, onward):
    """The station that request `r` chooses of all that can be reached, -1: none."""
    charge = queue.charges[r]
    best = np.inf
    chosen = np.int64(-1)
    found = 0
    for s in range(len(to)):
        if to[s] < 0 or onward[s] < 0:
            continue
        if queue.stations[s].low == queue.stations[s].high:
            continue
        detour = detour_min(to[s], onward[s], charge.direct_ms)
        fast, normal = zero_wait_costs(queue, rules, r, s, detour)
        if min(fast, normal) > best:
            continue
        arrive = charge.minute + to[s] / 60000.0
        cost, wait, kind = expected(queue, rules, s, arrive, fast, normal, best)
        if cost == np.inf:
            continue
        if rules.choice == 0:
            if cost < best:
                best = cost
                chosen = np.int64(s)
        else:
            found = weigh(queue.shortlist, found, s, cost, wait, kind)
            if found == ALTERNATIVES:
                best = queue.shortlist[ALTERNATIVES - 1].cost
    if found > 0:
        chosen = least_regret(queue, rules, found, r, to, onward)
    return chosen


@njit(cache=True, nogil=True)
def decide(queue, rules, first, to, onward):
    """Decide for requests in the order of time, letting in first who arrives before each.

    Parameters
    ----------
    first : int
        Number of the first request.
    to, onward : array of int32, shape (requests, stations)
    """
    queue = uncounted(queue)
    to = uncounted(to)
    onward = uncounted(onward)
    for i in range(len(to)):
        r = first + i
        charge = queue.charges[r]
        advance(queue, rules, charge.minute)
        s = scan(queue, rules, r, to[i], onward[i])
        if s >= 0:
            detour = detour_min(to[i, s], onward[i, s], charge.direct_ms)
            accept(queue, rules, r, s, charge.minute + to[i, s] / 60000.0, detour)


@njit(cache=True, nogil=True)
def offer(queue, rules, r, to, onward, out):
    """What every station offers request `r`, for a choice made outside.

    Parameters
    ----------
    out : array, shape (5, stations)
        Out: detour, wait and charging time [min], payment [money], taste [min], at the charger that is
        cheaper (sim-6); a charging time of nan where there is nothing to choose.
    """
    charge = queue.charges[r]
    out[2, :] = np.nan
    band = queue.band[int(charge.minute) % DAY_MIN]
    for s in range(len(to)):
        if to[s] < 0 or onward[s] < 0:
            continue
        detour = detour_min(to[s], onward[s], charge.direct_ms)
        fast, normal = zero_wait_costs(queue, rules, r, s, detour)
        arrive = charge.minute + to[s] / 60000.0
        cost, wait, kind = expected(queue, rules, s, arrive, fast, normal, np.inf)
        if cost == np.inf:
            continue
        here = queue.stations[s]
        out[0, s] = detour
        out[1, s] = wait
        if kind == 0:
            out[2, s] = charge_min(charge.level_kwh, here.fast_kw, charge.fast_kw)
        else:
            out[2, s] = charge_min(charge.level_kwh, here.normal_kw, charge.normal_kw)
        out[3, s] = queue.price[band, 2 * s + kind] * charge.energy_kwh
        out[4, s] = taste_min(rules, charge.vehicle, s)
