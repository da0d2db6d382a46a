"""Generalised Hessian of the dual, on candidate (feeder, step) slots only (coord-11).

Slots are numbered by feeder, then step, and a dwell's free variables touch them in runs: consecutive
numbers with one value. So M is kept as runs, and products with it need only sums over ranges, which a
running total of the vector gives at once: their cost is that of the runs, not of the variables.
"""

from __future__ import annotations

import numpy as np

from tidewatt.compilation.kernel import kernel
from tidewatt.kernels.charging.fleet import sees
from tidewatt.kernels.charging.subproblem import FAST

__all__ = ["curvature_pass", "on_slots", "onto_rows", "segments_diagonal", "segments_product"]


@kernel(fastmath=FAST)
def _free(xs, prices, s, push, cap, head, tail):
    """Return how many variables of an opportunity are strictly between their limits."""
    n = len(xs)
    count = 0.0
    for k in range(n):
        y = xs[k] - s * (prices[k] + push)
        count += 1.0 if (y > 0.0) & (y < cap) else 0.0
    # The first and last step have limits of their own, not above `cap`.
    y = xs[n - 1] - s * (prices[n - 1] + push)
    if n > 1 and y >= tail and y < cap and y > 0.0:
        count -= 1.0
    y = xs[0] - s * (prices[0] + push)
    if y >= head and y < cap and y > 0.0:
        count -= 1.0
    return count


@kernel(fastmath=FAST)
def curvature_pass(fleet, i0, i1, x, price, sigma, mu, slot, marked, rise, row, begin, end, entry):
    """Return the curvature that the free variables (0 < response < cap) put on the candidate slots.

    The Hessian is ``diag(diagonal) - M' M`` with one sparse row of M per pinned segment: consecutive
    opportunities with one multiplier != 0, whose energy is fixed.

    Parameters
    ----------
    fleet, i0, i1, x, price, sigma, mu
        As in `respond_pass`; `mu` as it left it.
    slot : int32 array, shape (feeders + 1, steps)
        Index of each candidate slot, -1 elsewhere.
    marked : int32 array, shape (feeders + 1, steps + 1)
        Prefix counts of candidate slots.
    rise : array, shape (slots + 1,)
        Out: the diagonal, ``sum of weight * s`` over free variables, as differences along the slots.
    row, begin, end, entry : array
        Out: M as runs (CSR by row): slots ``begin:end`` have the value `entry`. The pass stops early,
        returning -1 rows, when they are too small.

    Returns
    -------
    tuple of (int, int)
        Rows and runs written.
    """
    rows = 0
    runs = 0
    room = len(entry)
    row[0] = 0
    for i in range(i0, i1):
        a = fleet.first[i]
        b = fleet.first[i + 1]
        seen = False
        for q in range(a, b):
            if sees(fleet, q, marked):
                seen = True
                break
        if not seen:
            continue
        w = fleet.weight[i]
        if runs + fleet.edge[b] - fleet.edge[a] > room or rows + (b - a) >= len(row) - 1:
            return -1, runs
        j = a
        while j < b:
            e = j + 1
            while e < b and mu[e] == mu[j]:
                e += 1
            total = 0.0
            before = runs
            pinned = mu[j] != 0.0
            for q in range(j, e):
                seen = sees(fleet, q, marked)
                if not (pinned or seen):
                    continue
                n = fleet.edge[q + 1] - fleet.edge[q]
                t = fleet.step[q]
                f = fleet.feeder[q]
                xs = x[fleet.edge[q] : fleet.edge[q + 1]]
                prices = price[f, t : t + n]
                s = sigma * fleet.scale[q]
                p = fleet.power[q]
                push = mu[q]
                if pinned:
                    total += s * _free(xs, prices, s, push, p, p * fleet.head[q], p * fleet.tail[q])
                if seen:
                    slots = slot[f, t : t + n]
                    last = -1  # slot that the present run has reached
                    for k in range(n):
                        c = slots[k]
                        if c < 0:
                            continue
                        cap = p
                        if k == 0:
                            cap = p * fleet.head[q]
                        elif k == n - 1:
                            cap = p * fleet.tail[q]
                        y = xs[k] - s * (prices[k] + push)
                        if y > 0.0 and y < cap:
                            if c != last + 1 or last < 0:
                                begin[runs] = c
                                entry[runs] = s
                                runs += 1
                            end[runs - 1] = c + 1
                            last = c
                        else:
                            last = -1
            for z in range(before, runs):
                rise[begin[z]] += w * entry[z]
                rise[end[z]] -= w * entry[z]
            if not pinned or total == 0.0:
                runs = before
            elif runs > before:
                factor = np.sqrt(w / total)
                for z in range(before, runs):
                    entry[z] *= factor
                rows += 1
                row[rows] = runs
            j = e
    return rows, runs


@kernel(fastmath=FAST)
def segments_product(rows, row, begin, end, entry, total, rise):
    """Add ``M' (M y)`` to `rise` (differences along the slots), from running totals `total` of y."""
    for r in range(rows):
        s = 0.0
        for z in range(row[r], row[r + 1]):
            s += entry[z] * (total[end[z]] - total[begin[z]])
        for z in range(row[r], row[r + 1]):
            rise[begin[z]] += entry[z] * s
            rise[end[z]] -= entry[z] * s


@kernel
def segments_diagonal(rows, row, begin, end, entry, rise):
    """Add the diagonal of ``M' M`` to `rise` (differences along the slots)."""
    for z in range(row[0], row[rows]):
        square = entry[z] * entry[z]
        rise[begin[z]] += square
        rise[end[z]] -= square


@kernel
def on_slots(y, own, above, seen, total):
    """Spread a vector on rows over the slots: what a vehicle there sees, and its running total.

    `own` and `above` are the rows of each slot's feeder and bank; ``y`` ends with a 0 for those without.
    """
    t = 0.0
    total[0] = 0.0
    for c in range(len(own)):
        seen[c] = y[own[c]] + y[above[c]]
        t += seen[c]
        total[c + 1] = t


@kernel
def onto_rows(diagonal, seen, rise, own, above, out):
    """Gather ``diagonal seen - M' M seen`` from the slots onto the rows, added to `out`.

    `rise` holds the second term as differences along the slots.
    """
    t = 0.0
    for c in range(len(own)):
        t += rise[c]
        value = diagonal[c] * seen[c] - t
        out[own[c]] += value
        out[above[c]] += value
