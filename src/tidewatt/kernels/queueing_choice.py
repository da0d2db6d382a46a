"""Which station a driver chooses (sim-6 to sim-9).

The cost without any wait is known before queues are; the wait is added last. Rounding keeps order, so a cost
without wait bounds the cost with one, and a scan by rising bounds finds exactly what a full scan finds.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from tidewatt.kernels.queueing import DAY_MIN, accept, advance, charge_min, expected

__all__ = [
    "ALTERNATIVES",
    "Shortlist",
    "decide",
    "detour_min",
    "level_kwh",
    "levels",
    "offer",
    "scan",
    "taste_min",
    "weigh",
    "zero_wait_costs",
]

ALTERNATIVES = 12
"""Stations among which regret is felt: the cheapest ones."""
LEAST_POWER = 0.2
"""Share of full power that is left at a full battery (sim-10)."""
EULER = 0.5772156649015329


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
def _mix(z):
    """One step of splitmix64: a counter in, 64 evenly spread bits out."""
    z = z + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(cache=True, nogil=True)
def _even(bits):
    """A number strictly between 0 and 1 from 64 bits."""
    return (np.float64(bits >> np.uint64(11)) + 0.5) * (1.0 / 9007199254740992.0)


@njit(cache=True, nogil=True)
def taste_min(rules, vehicle, station):
    """Random part of a station's cost, the same for a vehicle and station whatever is built [min].

    Mean 0. Normal with standard deviation `taste_min`; or Gumbel's for minima with that scale, under which
    the cheapest station is chosen with the shares of the multinomial logit (sim-7).
    """
    if rules.taste_min == 0.0:
        return 0.0
    key = _mix(_mix(rules.seed) ^ ((np.uint64(vehicle) << np.uint64(32)) | np.uint64(station)))
    first = _even(key)
    if rules.gumbel:
        return rules.taste_min * (math.log(-math.log(first)) + EULER)
    angle = 2.0 * math.pi * _even(_mix(key))
    return rules.taste_min * math.sqrt(-2.0 * math.log(first)) * math.cos(angle)


@njit(cache=True, nogil=True)
def level_kwh(energy, soc, battery, taper_soc, efficiency):
    """Energy that full power would deliver in the time that a tapered charge takes (sim-10) [kWh].

    Above `taper_soc` power falls linearly in the state of charge, to 20 % of full power at 1; what a full
    battery is still asked to take, it takes at 20 %.
    """
    soc_end = soc + efficiency * energy / battery
    if taper_soc >= 1.0 or soc_end <= taper_soc:
        return energy
    slope = (1.0 - LEAST_POWER) / (1.0 - taper_soc)
    low = min(max(soc, taper_soc), 1.0)
    high = min(soc_end, 1.0)
    stretched = max(taper_soc - soc, 0.0) + max(soc_end - max(soc, 1.0), 0.0) / LEAST_POWER
    if high > low:
        stretched += math.log((1.0 - slope * (low - taper_soc)) / (1.0 - slope * (high - taper_soc))) / slope
    return stretched * battery / efficiency


@njit(cache=True, nogil=True)
def levels(energy, soc, battery, rules, out):
    """`level_kwh` of requests, each array of shape (requests,)."""
    for r in range(len(out)):
        out[r] = level_kwh(energy[r], soc[r], battery[r], rules.taper_soc, rules.efficiency)


@njit(cache=True, nogil=True)
def detour_min(to_ms, onward_ms, direct_ms):
    """Driving that the stop adds [min]."""
    added = np.int64(to_ms) + np.int64(onward_ms) - np.int64(direct_ms)
    return added / 60000.0 if added > 0 else 0.0


@njit(cache=True, nogil=True)
def zero_wait_costs(charges, sites, rules, r, vehicle, minute, station, detour):
    """Generalised cost (sim-6) of either kind of charger at a station where nobody waits [money]."""
    stay = detour + taste_min(rules, vehicle, station)
    band = sites.band[int(minute) % DAY_MIN]
    line = 2 * station
    fast = charge_min(charges.level_kwh[r], sites.kw[line], charges.fast_kw[r])
    normal = charge_min(charges.level_kwh[r], sites.kw[line + 1], charges.normal_kw[r])
    return (
        rules.per_min * (stay + fast) + sites.price[band, line] * charges.energy_kwh[r],
        rules.per_min * (stay + normal) + sites.price[band, line + 1] * charges.energy_kwh[r],
    )


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
def _more_than(x):
    """Regret ln(1 + exp(x)) of an attribute that is worse by `x` (sim-8)."""
    return x + math.log1p(math.exp(-x)) if x > 0.0 else math.log1p(math.exp(x))


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
    # Of each pair one exponential serves both sides: ln(1 + exp(x)) - ln(1 + exp(-x)) = x.
    for i in range(found):
        for j in range(i):
            for m in range(4):
                x = minutes[m, i] - minutes[m, j]
                regret = _more_than(x)
                shortlist.cost[i] += regret
                shortlist.cost[j] += regret - x
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
