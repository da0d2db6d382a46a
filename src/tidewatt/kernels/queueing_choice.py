"""Which station a driver chooses (sim-6 to sim-9).

All stations that can be reached are alternatives. Here they are scanned in the order of their numbers;
`queueing_replay` scans them in the order of their costs and finds the same.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from tidewatt.kernels.queueing import accept, advance, charge_min, expected
from tidewatt.kernels.queueing_costs import detour_min, taste_min, zero_wait_costs
from tidewatt.kernels.queueing_state import DAY_MIN
from tidewatt.kernels.queueing_views import uncounted

__all__ = ["ALTERNATIVES", "Shortlist", "decide", "least_regret", "offer", "scan", "weigh"]

ALTERNATIVES = 12
"""Stations among which regret is felt: the cheapest ones."""
SAFE_SPREAD = 40.0
"""(16 exp(spread))^ALTERNATIVES stays below the largest float."""


class Shortlist(NamedTuple):
    """The cheapest stations so far, cheapest first; shape (ALTERNATIVES,), and scratch for regret.

    Attributes
    ----------
    cost, wait : array
    station, kind : array of int32
    minutes : array, shape (4, ALTERNATIVES)
        What regret compares: detour, wait, charging time, payment [min].
    """

    cost: np.ndarray
    wait: np.ndarray
    station: np.ndarray
    kind: np.ndarray
    minutes: np.ndarray


@njit(cache=True, nogil=True)
def weigh(shortlist, found, station, cost, wait, kind):
    """Put a station on the shortlist if it belongs there; return how many are on it."""
    costs = shortlist.cost
    stations = shortlist.station
    if found == ALTERNATIVES:
        last = ALTERNATIVES - 1
        if cost > costs[last] or (cost == costs[last] and station > stations[last]):
            return found
        found -= 1
    i = found
    while i > 0 and (costs[i - 1] > cost or (costs[i - 1] == cost and stations[i - 1] > station)):
        costs[i] = costs[i - 1]
        stations[i] = stations[i - 1]
        shortlist.wait[i] = shortlist.wait[i - 1]
        shortlist.kind[i] = shortlist.kind[i - 1]
        i -= 1
    costs[i] = cost
    stations[i] = station
    shortlist.wait[i] = wait
    shortlist.kind[i] = kind
    return found + 1


@njit(cache=True, nogil=True)
def _regrets(minutes, found, cost, product):
    """Add to `cost` what each alternative is regretted: sums of ln(1 + exp(x)) over all others (sim-8).

    Each alternative is compared with itself too, which adds the same to all. The sum of logarithms is the
    logarithm of a product where that cannot overflow.

    Parameters
    ----------
    minutes : array, shape (4, ALTERNATIVES)
        Scaled attributes; overwritten.
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
                    cost[i] += max(x, 0.0) + math.log1p(math.exp(-abs(x)))
        return
    product[:] = 1.0
    for m in range(4):
        for i in range(found):
            minutes[m, i] = math.exp(minutes[m, i])
        for j in range(found):
            down = 1.0 / minutes[m, j]
            for i in range(found):
                product[i] *= 1.0 + minutes[m, i] * down
    for i in range(found):
        cost[i] += math.log(product[i])


@njit(cache=True, nogil=True)
def least_regret(shortlist, found, charges, sites, rules, r, vehicle, minute, direct, to, onward):
    """The station of least regret (sim-8) among the shortlisted.

    Parameters
    ----------
    to, onward : array of int32, shape (stations,)
        Travel times [ms].
    """
    scale = rules.regret_per_min
    minutes = shortlist.minutes
    band = sites.band[int(minute) % DAY_MIN]
    for i in range(found):
        s = shortlist.station[i]
        line = 2 * s + shortlist.kind[i]
        limit = charges.fast_kw[r] if shortlist.kind[i] == 0 else charges.normal_kw[r]
        minutes[0, i] = scale * detour_min(to[s], onward[s], direct)
        minutes[1, i] = scale * shortlist.wait[i]
        minutes[2, i] = scale * charge_min(charges.level_kwh[r], sites.kw[line], limit)
        minutes[3, i] = scale * (sites.price[band, line] * charges.energy_kwh[r] / rules.per_min)
        shortlist.cost[i] = scale * taste_min(rules, vehicle, s)
    _regrets(minutes, found, shortlist.cost, shortlist.wait)
    best = 0
    for i in range(1, found):
        if shortlist.cost[i] < shortlist.cost[best]:
            best = i
    return shortlist.station[best]


@njit(cache=True, nogil=True)
def scan(lines, charges, sites, rules, shortlist, r, vehicle, minute, direct, to, onward):
    """The station that request `r` chooses of all that can be reached, -1: none."""
    best = np.inf
    chosen = -1
    found = 0
    for s in range(len(to)):
        if to[s] < 0 or onward[s] < 0:
            continue
        if lines.first[2 * s] == lines.first[2 * s + 2]:
            continue
        detour = detour_min(to[s], onward[s], direct)
        fast, normal = zero_wait_costs(charges, sites, rules, r, vehicle, minute, s, detour)
        if min(fast, normal) > best:
            continue
        arrive = minute + to[s] / 60000.0
        cost, wait, kind = expected(lines, charges, sites, rules, s, arrive, fast, normal, best)
        if cost == np.inf:
            continue
        if rules.choice == 0:
            if cost < best:
                best = cost
                chosen = s
        else:
            found = weigh(shortlist, found, s, cost, wait, kind)
            if found == ALTERNATIVES:
                best = shortlist.cost[ALTERNATIVES - 1]
    if found > 0:
        chosen = least_regret(shortlist, found, charges, sites, rules, r, vehicle, minute, direct, to, onward)
    return chosen


@njit(cache=True, nogil=True)
def decide(lines, charges, sites, rules, shortlist, first, vehicle, minute, direct, to, onward):
    """Decide for requests in the order of time, letting in first who arrives before each.

    Parameters
    ----------
    first : int
        Number of the first request; `charges` holds its energy and limits and those of the next ones.
    vehicle, minute, direct : array, shape (requests,)
    to, onward : array of int32, shape (requests, stations)
    """
    lines = uncounted(lines)
    charges = uncounted(charges)
    sites = uncounted(sites)
    shortlist = uncounted(shortlist)
    to = uncounted(to)
    onward = uncounted(onward)
    for i in range(len(minute)):
        r = first + i
        advance(lines, charges, sites, rules, minute[i])
        s = scan(
            lines, charges, sites, rules, shortlist, r, vehicle[i], minute[i], direct[i], to[i], onward[i]
        )
        if s >= 0:
            accept(lines, charges, rules, r, s, minute[i] + to[i, s] / 60000.0)


@njit(cache=True, nogil=True)
def offer(lines, charges, sites, rules, r, vehicle, minute, direct, to, onward, out):
    """What every station offers request `r`, for a choice made outside.

    Parameters
    ----------
    out : array, shape (5, stations)
        Out: detour, wait and charging time [min], payment [money], taste [min], at the charger that is
        cheaper (sim-6); a charging time of nan where there is nothing to choose.
    """
    out[2, :] = np.nan
    band = sites.band[int(minute) % DAY_MIN]
    for s in range(len(to)):
        if to[s] < 0 or onward[s] < 0:
            continue
        detour = detour_min(to[s], onward[s], direct)
        fast, normal = zero_wait_costs(charges, sites, rules, r, vehicle, minute, s, detour)
        arrive = minute + to[s] / 60000.0
        cost, wait, kind = expected(lines, charges, sites, rules, s, arrive, fast, normal, np.inf)
        if cost == np.inf:
            continue
        line = 2 * s + kind
        limit = charges.fast_kw[r] if kind == 0 else charges.normal_kw[r]
        out[0, s] = detour
        out[1, s] = wait
        out[2, s] = charge_min(charges.level_kwh[r], sites.kw[line], limit)
        out[3, s] = sites.price[band, line] * charges.energy_kwh[r]
        out[4, s] = taste_min(rules, vehicle, s)
