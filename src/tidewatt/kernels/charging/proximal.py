"""Proximal step of the upgrade costs (coord-7), one feeder or bank at a time."""

from __future__ import annotations

import numpy as np

from tidewatt.compilation.kernel import kernel

__all__ = ["overload_prox"]


@kernel
def overload_prox(a, headroom, weight, rho, first, above, slope, z):
    """Minimise ``C(o) + sum_t rho / (2 n_t) (z_t - a_t)^2`` with ``z_t <= h_t + o``, ``o >= 0``.

    C is convex piecewise linear: marginal cost ``slope[p]`` from ``above[p]`` on (coord-7 with one piece).

    Parameters
    ----------
    a : array, shape (elements, steps)
        Relaxed load plus scaled dual.
    headroom : array, shape (elements, steps)
        Headroom [kW].
    weight : array, shape (elements, steps)
        n_t; where it is 0 no vehicle can load the step, and the step is passed over.
    rho : array, shape (elements,)
        Penalty.
    first, above, slope : array
        Cost pieces of each element (CSR).
    z : array, shape (elements, steps)
        Out.

    Returns
    -------
    array, shape (elements,)
        Overloads o.
    """
    elements, steps = a.shape
    overload = np.zeros(elements)
    for g in range(elements):
        o = 0.0
        for p in range(first[g], first[g + 1]):
            # Overload grows through piece p while the pull on it exceeds the piece's marginal cost.
            end = above[p + 1] if p + 1 < first[g + 1] else np.inf
            o = max(o, above[p])
            settled = False
            for _ in range(200):
                pull = 0.0
                rate = 0.0
                for t in range(steps):
                    e = a[g, t] - headroom[g, t] - o
                    if e > 0.0 and weight[g, t] > 0.0:
                        pull += rho[g] / weight[g, t] * e
                        rate += rho[g] / weight[g, t]
                if pull - slope[p] <= 1e-13 * slope[p] or rate == 0.0:
                    settled = True
                    break
                o += (pull - slope[p]) / rate  # Newton from the left on a falling convex function
                if o >= end:
                    break
            if settled or o < end:
                break
            o = end
        overload[g] = o
        for t in range(steps):
            z[g, t] = min(a[g, t], headroom[g, t] + o)
    return overload
