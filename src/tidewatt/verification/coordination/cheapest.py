"""The cheapest way to charge under prices and nested energy bounds, by merging convex functions.

Let f_j(E) be the least cost of having drawn E by the end of opportunity j. It is convex and piecewise
linear, so a sorted list of (price, capacity) segments above its left end describes it. One more
opportunity merges that opportunity's own segments into the list (infimal convolution); the bounds of
coord-1 cut the domain: L_j commits the cheapest segments, U_j drops the dearest. Prices are never
negative, so the last function is least at its left end: the cost is what has been committed.
"""

from __future__ import annotations

import math

import numpy as np

from tidewatt.compilation.kernel import kernel
from tidewatt.domain.arrays import Array

__all__ = ["cheapest_costs", "step_span"]


@kernel
def step_span(arrive_min: float, depart_min: float, step_min: float, steps: int) -> tuple[int, int]:
    """Return the first step that a dwell touches and the step after its last, clipped to the horizon.

    A billionth of a step is rounding of the minutes, not a step touched.
    """
    first = max(math.floor(arrive_min / step_min + 1e-9), 0)
    end = min(max(math.ceil(depart_min / step_min - 1e-9), first + 1), steps)
    return min(first, end - 1), end


@kernel
def _share(arrive_min: float, depart_min: float, step_min: float, step: int) -> float:
    """Return the part of a step that a dwell covers, 0..1."""
    begin = max(arrive_min, step * step_min)
    end = min(depart_min, (step + 1) * step_min)
    return max(end - begin, 0.0) / step_min


@kernel
def _merge(
    price: Array, size: Array, head: int, tail: int, new_price: Array, new_size: Array, count: int
) -> int:
    """Merge `count` sorted segments into those at head..tail, from the back; return the new tail."""
    i, j, at = tail - 1, count - 1, tail + count - 1
    while j >= 0:
        if i >= head and price[i] > new_price[j]:
            price[at], size[at] = price[i], size[i]
            i -= 1
        else:
            price[at], size[at] = new_price[j], new_size[j]
            j -= 1
        at -= 1
    return tail + count


@kernel
def cheapest_costs(
    first: Array,
    arrive_min: Array,
    depart_min: Array,
    power_kw: Array,
    feeder: Array,
    lower_kwh: Array,
    upper_kwh: Array,
    price: Array,
    step_min: float,
    out: Array,
) -> None:
    """Compute the least cost of each vehicle under the prices, exact up to rounding.

    Parameters
    ----------
    first : array of int64, shape (vehicles + 1,)
        CSR offsets of the vehicles' opportunities.
    arrive_min, depart_min : array, shape (opportunities,)
        Minutes since the start of the horizon.
    power_kw : array, shape (opportunities,)
        Most power over a whole step [kW].
    feeder : array of int32, shape (opportunities,)
        Row of `price`; negative: free of charge.
    lower_kwh, upper_kwh : array, shape (opportunities,)
        Bounds on the energy drawn by the end of each opportunity, grid side [kWh].
    price : array, shape (feeders, steps)
        What a vehicle pays there [cost per kW], >= 0.
    step_min : float
        Length of a step [min].
    out : array, shape (vehicles,)
        Receives the least cost of each vehicle, for one vehicle (not weighted).
    """
    steps = price.shape[1]
    step_h = step_min / 60.0
    # Opportunities of one vehicle touch at most all steps plus one shared step each.
    longest = 0
    for i in range(first.shape[0] - 1):
        count = 0
        for q in range(first[i], first[i + 1]):
            begin, end = step_span(arrive_min[q], depart_min[q], step_min, steps)
            count += end - begin
        longest = max(longest, count)
    # The list lives at head..tail and grows to the right only; committed segments stay behind head.
    list_price, list_size = np.empty(longest + 1), np.empty(longest + 1)
    new_price, new_size = np.empty(steps + 1), np.empty(steps + 1)

    for i in range(first.shape[0] - 1):
        head, tail = 0, 0
        free, low, width = 0.0, 0.0, 0.0  # free segments [kWh]; left end; all segments [kWh]
        cost = 0.0
        for q in range(first[i], first[i + 1]):
            begin, end = step_span(arrive_min[q], depart_min[q], step_min, steps)
            count = 0
            for t in range(begin, end):
                energy = power_kw[q] * _share(arrive_min[q], depart_min[q], step_min, t) * step_h
                if energy <= 0.0:
                    continue
                width += energy
                level = price[feeder[q], t] if feeder[q] >= 0 else 0.0
                if level <= 0.0:
                    free += energy
                else:
                    new_price[count], new_size[count] = level / step_h, energy
                    count += 1
            if count > 1:
                order = np.argsort(new_price[:count])
                new_price[:count] = new_price[:count][order]
                new_size[:count] = new_size[:count][order]
            if count > 0:
                tail = _merge(list_price, list_size, head, tail, new_price, new_size, count)

            commit = lower_kwh[q] - low
            if commit > 0.0:
                low = lower_kwh[q]
                width = max(width - commit, 0.0)
                take = min(free, commit)
                free -= take
                commit -= take
                while commit > 0.0 and head < tail:
                    take = min(list_size[head], commit)
                    cost += take * list_price[head]
                    list_size[head] -= take
                    commit -= take
                    if list_size[head] <= 0.0:
                        head += 1

            drop = low + width - upper_kwh[q]
            if drop > 0.0:
                width = max(width - drop, 0.0)
                while drop > 0.0 and head < tail:
                    take = min(list_size[tail - 1], drop)
                    list_size[tail - 1] -= take
                    drop -= take
                    if list_size[tail - 1] <= 0.0:
                        tail -= 1
                free = max(free - drop, 0.0)
        out[i] = cost
