"""A shard's vehicles as plain arrays, and the bounds that trips put on their energy (coord-1)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidewatt.compilation.kernel import kernel
from tidewatt.kernels.charging.subproblem import FAST, earliest

__all__ = [
    "ShardArrays",
    "cost_of",
    "count_marked",
    "cumulative_bounds",
    "earliest_pass",
    "fill",
    "limits_of",
    "load_pass",
    "lower_to_reachable",
    "sees",
    "settle",
]


class ShardArrays(NamedTuple):
    """Charging opportunities of vehicles as plain arrays, in time order within each vehicle.

    ``first`` (vehicles + 1,): opportunities of each vehicle. Per opportunity: ``feeder``, first ``step``,
    ``edge`` (+ 1: offsets of its variables), ``power`` [kW], share of the first and last step it covers
    (``head``, ``tail``), cumulative bounds ``lower``, ``upper`` [kW x steps], metric ``scale``.
    ``weight`` per vehicle. ``longest``: (opportunities, variables) of the largest vehicle.
    """

    first: NDArray[np.int64]
    feeder: NDArray[np.int32]
    step: NDArray[np.int32]
    edge: NDArray[np.int64]
    power: NDArray[np.float64]
    head: NDArray[np.float64]
    tail: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    scale: NDArray[np.float64]
    weight: NDArray[np.float64]
    longest: tuple[int, int]


@kernel
def count_marked(marked):
    """Return prefix counts, shape (rows, steps + 1), of a boolean table (rows, steps)."""
    rows, steps = marked.shape
    out = np.zeros((rows, steps + 1), np.int32)
    for f in range(rows):
        n = 0
        for t in range(steps):
            n += 1 if marked[f, t] else 0
            out[f, t + 1] = n
    return out


@kernel(inline="always")
def sees(fleet, q, priced):
    """Return whether opportunity q touches a marked step."""
    t = fleet.step[q]
    f = fleet.feeder[q]
    return priced[f, t + fleet.edge[q + 1] - fleet.edge[q]] > priced[f, t]


@kernel(fastmath=FAST)
def limits_of(fleet, a, m, cap, edge):
    """Fill in the limits of one vehicle's variables and where its opportunities begin."""
    o = fleet.edge[a]
    edge[0] = 0
    for j in range(m):
        q = a + j
        lo = fleet.edge[q] - o
        hi = fleet.edge[q + 1] - o
        edge[j + 1] = hi
        p = fleet.power[q]
        caps = cap[lo:hi]
        for k in range(hi - lo):
            caps[k] = p
        cap[hi - 1] = p * fleet.tail[q]
        cap[lo] = p * fleet.head[q]


@kernel(fastmath=FAST)
def fill(fleet, a, m, price, cap, edge, scale, own):
    """Fill in limits, metric and prices of one vehicle's variables, in one sweep over its opportunities."""
    o = fleet.edge[a]
    edge[0] = 0
    for j in range(m):
        q = a + j
        lo = fleet.edge[q] - o
        hi = fleet.edge[q + 1] - o
        edge[j + 1] = hi
        p = fleet.power[q]
        s = fleet.scale[q]
        f = fleet.feeder[q]
        t = fleet.step[q]
        # Slices, so that no index can be negative and the loops run in SIMD lanes.
        caps = cap[lo:hi]
        scales = scale[lo:hi]
        owns = own[lo:hi]
        prices = price[f, t : t + hi - lo]
        for k in range(hi - lo):
            caps[k] = p
            scales[k] = s
            owns[k] = prices[k]
        cap[hi - 1] = p * fleet.tail[q]
        cap[lo] = p * fleet.head[q]


@kernel(fastmath=FAST)
def settle(fleet, i, a, m, cap, scale, edge, mu, before, v, load):
    """Turn `v` into vehicle i's projection ``clip(v - mu scale, 0, cap)``; add what it changes to `load`."""
    w = fleet.weight[i]
    for j in range(m):
        q = a + j
        t = fleet.step[q]
        lo = edge[j]
        hi = edge[j + 1]
        ys = v[lo:hi]
        caps = cap[lo:hi]
        was = before[lo:hi]
        loads = load[fleet.feeder[q], t : t + hi - lo]
        push = mu[q] * scale[lo]
        for k in range(hi - lo):
            y = min(max(ys[k] - push, 0.0), caps[k])
            ys[k] = y
            loads[k] += w * (y - was[k])


@kernel(fastmath=FAST)
def cost_of(fleet, a, b, x, place, price, priced):
    """Return the cost of a vehicle's schedule; stop at the first opportunity with a cost > 0."""
    for q in range(a, b):
        if sees(fleet, q, priced):
            t = fleet.step[q]
            xs = x[place[q] : place[q] + fleet.edge[q + 1] - fleet.edge[q]]
            prices = price[fleet.feeder[q], t : t + len(xs)]
            s = 0.0
            for k in range(len(xs)):
                s += prices[k] * xs[k]
            if s > 0.0:
                return s
    return 0.0


@kernel
def earliest_pass(fleet, i0, i1, x):
    """Write unmanaged charging of every vehicle into `x`: full power from arrival until full."""
    m_max, n_max = fleet.longest
    cap = np.empty(n_max)
    edge = np.empty(m_max + 1, np.int64)
    for i in range(i0, i1):
        a = fleet.first[i]
        b = fleet.first[i + 1]
        if b > a:
            limits_of(fleet, a, b - a, cap, edge)
            earliest(cap, edge, fleet.upper[a:b], b - a, x[fleet.edge[a] : fleet.edge[b]])


@kernel
def load_pass(fleet, i0, i1, x, place, load):
    """Add the weighted load of schedules to `load` (coord-2); opportunity q's begin at ``x[place[q]]``."""
    for i in range(i0, i1):
        w = fleet.weight[i]
        for q in range(fleet.first[i], fleet.first[i + 1]):
            t = fleet.step[q]
            xs = x[place[q] : place[q] + fleet.edge[q + 1] - fleet.edge[q]]
            loads = load[fleet.feeder[q], t : t + len(xs)]
            for k in range(len(xs)):
                loads[k] += w * xs[k]


@kernel
def cumulative_bounds(
    first, arrive, vehicle, trip_first, trip_depart, trip_arrive, trip_energy, start, least, most, final, per
):
    """Return bounds on the energy charged by the end of each opportunity.

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


@kernel
def lower_to_reachable(fleet, per, lack):
    """Lower each need to what unmanaged charging reaches; add the difference [kWh] to `lack`.

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
