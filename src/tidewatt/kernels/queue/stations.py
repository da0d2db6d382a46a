"""What a station costs a driver, and which station a driver chooses (sim-6 to sim-10)."""

from __future__ import annotations

import math

import numpy as np

from tidewatt.compilation.kernel import kernel
from tidewatt.kernels.queue.events import accept, advance, charge_min, expected
from tidewatt.kernels.queue.records import ALTERNATIVES, DAY_MIN, inlined, inner, uncounted

__all__ = [
    "LEAST_POWER",
    "decide",
    "detour_min",
    "least_regret",
    "level_kwh",
    "levels",
    "offer",
    "scan",
    "taste_min",
    "weigh",
    "zero_wait_costs",
]

LEAST_POWER = 0.2
"""Share of full power that is left at a full battery (sim-10)."""
EULER = 0.5772156649015329


@inlined
def _mix(z):
    """Take one step of splitmix64: a counter in, 64 evenly distributed bits out."""
    z = z + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@inlined
def _even(bits):
    """Return a number strictly between 0 and 1 from 64 bits."""
    return (np.float64(bits >> np.uint64(11)) + 0.5) * (1.0 / 9007199254740992.0)


@kernel(forceinline=True)
def taste_min(rules, vehicle, station):
    """Return the random part of a station's cost, fixed per vehicle and station whatever is built [min].

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


@kernel
def level_kwh(energy, soc, battery, taper_soc, efficiency):
    """Return the energy that full power would deliver in the time of a tapered charge (sim-10) [kWh].

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


@kernel
def levels(charges, begin, end, taper_soc, efficiency):
    """Set `level_kwh` of requests `begin` to `end`."""
    for r in range(begin, end):
        charge = charges[r]
        charge.level_kwh = level_kwh(charge.energy_kwh, charge.soc, charge.battery_kwh, taper_soc, efficiency)


@kernel(forceinline=True)
def detour_min(to_ms, onward_ms, direct_ms):
    """Return the driving time that the stop adds [min]."""
    added = np.int64(to_ms) + np.int64(onward_ms) - np.int64(direct_ms)
    return added / 60000.0 if added > 0 else 0.0


@inlined
def zero_wait_costs(queue, rules, r, station, detour):
    """Return generalised costs (sim-6) of both charger kinds at a station where nobody waits [money]."""
    charge = queue.charges[r]
    here = queue.stations[station]
    stay = detour + taste_min(rules, charge.vehicle, station)
    band = queue.band[int(charge.minute) % DAY_MIN]
    fast = charge_min(charge.level_kwh, here.fast_kw, charge.fast_kw)
    normal = charge_min(charge.level_kwh, here.normal_kw, charge.normal_kw)
    return (
        rules.per_min * (stay + fast) + queue.price[band, 2 * station] * charge.energy_kwh,
        rules.per_min * (stay + normal) + queue.price[band, 2 * station + 1] * charge.energy_kwh,
    )


SAFE_SPREAD = 40.0
"""Spread up to which (16 exp(spread))^ALTERNATIVES stays below the largest float."""


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
    """Add each alternative's regret: sums of ln(1 + exp(x)) over all others (sim-8).

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
    """Return the station of least regret (sim-8) among the shortlisted.

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
    """Return the station that request `r` chooses among those within reach; -1: none."""
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


@kernel
def decide(queue, rules, first, to, onward):
    """Decide for requests in time order, admitting those who arrive before each.

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


@kernel
def offer(queue, rules, r, to, onward, out):
    """Write what every station offers request `r`, for a choice made outside the kernel.

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
