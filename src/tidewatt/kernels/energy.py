"""What trips demand of charging: nested bounds on cumulative energy (coord-1)."""

from __future__ import annotations

import numpy as np
from numba import njit

from tidewatt.kernels.charging import earliest
from tidewatt.kernels.fleet import limits_of

__all__ = ["cumulative_bounds", "lower_to_reachable"]


@njit(cache=True, nogil=True)
def cumulative_bounds(
    first, arrive, vehicle, trip_first, trip_depart, trip_arrive, trip_energy, start, least, most, final, per
):
    """Bounds on the energy charged by the end of each opportunity.

    Parameters
    ----------
    first : int array, shape (vehicles + 1,)
        Opportunities of each vehicle, in time order.
    arrive : array, shape (opportunities,)
        Arrivals [min].
    vehicle : int array, shape (vehicles,)
        Row of each vehicle in the arrays below.
    trip_first, trip_depart, trip_arrive, trip_energy : array
        Trips (CSR): minutes and battery-side energy [kWh].
    start, least, most, final : array
        Battery content at the start, least and most at any time, least at the end [kWh].
    per : array
        Grid-side kW x steps per battery-side kWh.

    Returns
    -------
    tuple of array
        ``lower``, ``upper`` per opportunity [kW x steps]; what is short before the first opportunity, or
        in all where there is none, per vehicle in the order of `vehicle` [kWh].
    """
    n = len(first) - 1
    lower = np.empty(first[n])
    upper = np.empty(first[n])
    lack = np.zeros(n)
    for i in range(n):
        r = vehicle[i]
        z = trip_first[r]
        stop = trip_first[r + 1]
        driven = 0.0
        a = first[i]
        b = first[i + 1]
        for q in range(a, b):
            while z < stop and (trip_depart[z] < arrive[q] or trip_arrive[z] <= arrive[q]):
                driven += trip_energy[z]
                z += 1
            need = max((least[r] - start[r] + driven) * per[r], 0.0)
            if q == a:
                lack[i] = least[r] - start[r] + driven
            else:
                lower[q - 1] = max(need, lower[q - 2]) if q - 1 > a else need
            upper[q] = max((most[r] - start[r] + driven) * per[r], 0.0)
        while z < stop:
            driven += trip_energy[z]
            z += 1
        end = max(least[r], final[r]) - start[r] + driven
        if b > a:
            need = max(end * per[r], 0.0)
            lower[b - 1] = max(need, lower[b - 2]) if b - 1 > a else need
        else:
            lack[i] = max(end, least[r] - start[r] + driven)
    return lower, upper, lack


@njit(cache=True, nogil=True)
def lower_to_reachable(fleet, per, lack):
    """Lower each need to what unmanaged charging reaches; raise `lack` [kWh] by what that leaves out.

    Needs are met by some schedule exactly when unmanaged charging meets them (coord-1).
    """
    m_max, n_max = fleet.longest
    cap = np.empty(n_max)
    x = np.empty(n_max)
    edge = np.empty(m_max + 1, np.int64)
    for i in range(len(fleet.first) - 1):
        a = fleet.first[i]
        m = fleet.first[i + 1] - a
        if m == 0:
            continue
        limits_of(fleet, a, m, cap, edge)
        earliest(cap, edge, fleet.upper[a : a + m], m, x)
        e = 0.0
        for j in range(m):
            for k in range(edge[j], edge[j + 1]):
                e += x[k]
            short = fleet.lower[a + j] - e
            if short > 0.0:
                lack[i] = max(lack[i], short / per[i])
                fleet.lower[a + j] = e
