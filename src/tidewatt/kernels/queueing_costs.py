"""What a station costs a driver where nobody waits (sim-6, sim-7, sim-10).

This is known before any queue is; the wait is added last. Rounding keeps order, so a cost without a wait
bounds the cost with one, to the last bit.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from tidewatt.kernels.queueing import charge_min
from tidewatt.kernels.queueing_state import DAY_MIN
from tidewatt.kernels.queueing_views import inlined

__all__ = ["LEAST_POWER", "detour_min", "level_kwh", "levels", "taste_min", "zero_wait_costs"]

LEAST_POWER = 0.2
"""Share of full power that is left at a full battery (sim-10)."""
EULER = 0.5772156649015329


@inlined
def _mix(z):
    """One step of splitmix64: a counter in, 64 evenly spread bits out."""
    z = z + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@inlined
def _even(bits):
    """A number strictly between 0 and 1 from 64 bits."""
    return (np.float64(bits >> np.uint64(11)) + 0.5) * (1.0 / 9007199254740992.0)


@njit(cache=True, nogil=True, forceinline=True)
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
def levels(charges, begin, end, taper_soc, efficiency):
    """Set `level_kwh` of requests `begin` to `end`."""
    for r in range(begin, end):
        charge = charges[r]
        charge.level_kwh = level_kwh(charge.energy_kwh, charge.soc, charge.battery_kwh, taper_soc, efficiency)


@njit(cache=True, nogil=True, forceinline=True)
def detour_min(to_ms, onward_ms, direct_ms):
    """Driving that the stop adds [min]."""
    added = np.int64(to_ms) + np.int64(onward_ms) - np.int64(direct_ms)
    return added / 60000.0 if added > 0 else 0.0


@inlined
def zero_wait_costs(queue, rules, r, station, detour):
    """Generalised cost (sim-6) of either kind of charger at a station where nobody waits [money]."""
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
