"""Generalised Hessian of the dual, on candidate (feeder, step) slots only (coord-11)."""

from __future__ import annotations

import numpy as np
from numba import njit

from tidewatt.kernels.charging import FAST
from tidewatt.kernels.fleet import sees

__all__ = ["curvature_pass", "diagonal_of_segments", "segments_product"]


@njit(cache=True, nogil=True, fastmath=FAST)
def _free(xs, prices, s, push, cap, head, tail):
    """How many variables of an opportunity are strictly between their limits."""
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


@njit(cache=True, nogil=True, fastmath=FAST)
def curvature_pass(fleet, i0, i1, x, price, sigma, mu, slot, marked, diagonal, row, column, entry):
    """Curvature that the free variables (0 < response < cap) put on the candidate slots.

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
    diagonal : array, shape (slots,)
        Out: ``sum of weight * s`` over free variables is added.
    row, column, entry : array
        Out: CSR of M; the pass stops early, returning -1 rows, when they are too small.

    Returns
    -------
    tuple of (int, int)
        Rows and entries written.
    """
    rows = 0
    entries = 0
    room = len(column)
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
        if entries + fleet.edge[b] - fleet.edge[a] > room or rows + (b - a) >= len(row) - 1:
            return -1, entries
        j = a
        while j < b:
            e = j + 1
            while e < b and mu[e] == mu[j]:
                e += 1
            total = 0.0
            begin = entries
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
                    for k in range(n):
                        c = slots[k]
                        if c >= 0:
                            cap = p
                            if k == 0:
                                cap = p * fleet.head[q]
                            elif k == n - 1:
                                cap = p * fleet.tail[q]
                            y = xs[k] - s * (prices[k] + push)
                            if y > 0.0 and y < cap:
                                diagonal[c] += w * s
                                column[entries] = c
                                entry[entries] = s
                                entries += 1
            if not pinned or total == 0.0:
                entries = begin
            elif entries > begin:
                factor = np.sqrt(w / total)
                for z in range(begin, entries):
                    entry[z] *= factor
                rows += 1
                row[rows] = entries
            j = e
    return rows, entries


@njit(cache=True, nogil=True, fastmath=FAST)
def segments_product(rows, row, column, entry, y, out):
    """Add ``M' (M y)`` to `out`, reading M once."""
    for r in range(rows):
        s = 0.0
        for z in range(row[r], row[r + 1]):
            s += entry[z] * y[column[z]]
        for z in range(row[r], row[r + 1]):
            out[column[z]] += entry[z] * s


@njit(cache=True, nogil=True)
def diagonal_of_segments(rows, row, column, entry, out):
    """Add the diagonal of ``M' M`` to `out`."""
    for z in range(row[0], row[rows]):
        out[column[z]] += entry[z] * entry[z]
