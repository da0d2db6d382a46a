"""One vehicle's subproblem over its whole horizon: projection and cheapest schedule.

A vehicle has opportunities j = 0..m-1 in time order, opportunity j owning the variables
``edge[j]:edge[j + 1]``. With E_j the sum of its variables up to the end of j, the feasible set is
``0 <= x <= cap`` and ``lower[j] <= E_j <= upper[j]`` (coord-1, energies in kW x steps).
"""

from __future__ import annotations

import numpy as np

from tidewatt.compilation.kernel import kernel

__all__ = ["cheapest", "dual_bound", "earliest", "project"]

# Sums may be reordered (SIMD); nothing that is proved is computed under these flags.
FAST = {"reassoc", "contract", "nsz", "arcp", "nnan"}


@kernel(fastmath=FAST)
def _evaluate(v, cap, scale, lo, hi, mu):
    """Return the sum of ``clip(v - mu scale, 0, cap)`` over variables lo:hi, and minus its slope in `mu`.

    One long loop over all opportunities of a segment: short ones would run mostly outside SIMD lanes.
    """
    vs = v[lo:hi]
    caps = cap[lo:hi]
    scales = scale[lo:hi]
    total = 0.0
    slope = 0.0
    for k in range(hi - lo):
        y = vs[k] - mu * scales[k]
        p = caps[k]
        total += min(max(y, 0.0), p)
        slope += scales[k] if (y > 0.0) & (y < p) else 0.0
    return total, slope


@kernel(fastmath=FAST)
def _extremes(v, cap, scale, lo, hi):
    """Return multipliers below which all variables are at their limit, and above which all are 0."""
    low = np.inf
    high = -np.inf
    for k in range(lo, hi):
        low = min(low, (v[k] - cap[k]) / scale[k])
        high = max(high, v[k] / scale[k])
    return low, high


@kernel
def _nearest(v, cap, scale, lo, hi, mu, guess):
    """Return the multiplier nearest to `guess` that leaves all variables at the limits they have at `mu`.

    Any of them gives the same schedule; further ones would break the order of multipliers between
    segments, which the bound (coord-5) pays for.
    """
    nearest = guess
    for k in range(lo, hi):
        if cap[k] > 0.0:
            if v[k] - mu * scale[k] > 0.5 * cap[k]:
                if mu < guess:
                    nearest = min(nearest, (v[k] - cap[k]) / scale[k])
            elif mu > guess:
                nearest = max(nearest, v[k] / scale[k])
    return max(nearest, mu) if mu < guess else min(nearest, mu)


@kernel
def _root(v, cap, scale, lo, hi, target, mu):
    """Return the multiplier at which the sum of ``clip(v - mu scale, 0, cap)`` over lo:hi is `target`.

    Newton on a falling piecewise-linear function, safeguarded by a bracket.
    """
    low = -np.inf
    high = np.inf
    bracketed = False
    guess = mu
    tol = 1e-12 * (1.0 + abs(target))
    for _ in range(200):
        total, slope = _evaluate(v, cap, scale, lo, hi, mu)
        r = total - target
        if abs(r) <= tol:
            if slope == 0.0 and mu != guess:
                mu = _nearest(v, cap, scale, lo, hi, mu, guess)
            return mu
        if r > 0:
            low = mu
        else:
            high = mu
        if low > -np.inf and high < np.inf and high - low <= 4e-16 * max(abs(low), abs(high)):
            return mu
        step = mu + r / slope if slope > 0 else np.nan
        if not (low < step < high):
            if not bracketed:
                least, most = _extremes(v, cap, scale, lo, hi)
                low = max(low, least)
                high = min(high, most)
                bracketed = True
                if not low < high:  # every variable is at a limit: the nearer end is the answer
                    return most if r > 0 else least
            if not (low < step < high):
                step = 0.5 * (low + high)
        mu = step
    return mu


@kernel(fastmath=FAST)
def _most_violated(v, cap, scale, edge, lower, upper, j0, j1, start, nu, mu):
    """Return the opportunity whose bound the segment's schedule violates most (-1: none), and that bound.

    Sets the multiplier of all of them. The last one's bound is met by construction.
    """
    worst = -1
    violation = 1e-11 * (1.0 + upper[j1 - 1])
    bound = 0.0
    e = start
    mu[j1 - 1] = nu
    for j in range(j0, j1 - 1):
        mu[j] = nu
        lo = edge[j]
        vs = v[lo : edge[j + 1]]
        caps = cap[lo : edge[j + 1]]
        push = nu * scale[lo]  # one metric within an opportunity
        s = 0.0
        for k in range(len(vs)):
            s += min(max(vs[k] - push, 0.0), caps[k])
        e += s
        if lower[j] - e > violation:
            violation = lower[j] - e
            worst = j
            bound = lower[j]
        if e - upper[j] > violation:
            violation = e - upper[j]
            worst = j
            bound = upper[j]
    return worst, bound


@kernel
def project(v, cap, scale, edge, lower, upper, m, mu, stack):
    """Return multipliers of the projection of `v` onto a vehicle's feasible set (coord-6, coord-9).

    The projection in the metric 1/scale is ``clip(v - mu[j] scale, 0, cap)``. Quadratic resource
    allocation under nested bounds, by decomposition: solve with the last bound alone, fix the most
    violated of the others, split there, repeat; nearly always one or two segments.

    Parameters
    ----------
    v, cap : array, shape (variables,)
        Point to project and upper limits [kW].
    scale : array, shape (variables,)
        Metric, > 0, the same for all variables of an opportunity.
    edge : int array, shape (m + 1,)
        Offsets of the opportunities' variables.
    lower, upper : array, shape (m,)
        Bounds on cumulative energy [kW x steps], nondecreasing, ``lower <= upper``.
    m : int
        Number of opportunities.
    mu : array, shape (m,)
        Warm start in, multipliers out.
    stack : array, shape (at least m + 1, 5)
        Scratch.

    Returns
    -------
    int
        Number of segments solved.
    """
    stack[0, 0] = 0
    stack[0, 1] = m
    stack[0, 2] = 0.0
    stack[0, 3] = 0.0
    stack[0, 4] = 0.0
    depth = 1
    segments = 0
    while depth > 0:
        depth -= 1
        segments += 1
        j0 = int(stack[depth, 0])
        j1 = int(stack[depth, 1])
        start = stack[depth, 2]
        pinned = stack[depth, 3] > 0.0
        end = stack[depth, 4]
        lo = edge[j0]
        hi = edge[j1]
        guess = mu[j0]
        if pinned:
            nu = _root(v, cap, scale, lo, hi, end - start, guess)
        else:
            # A free end costs nothing between its bounds: mu = 0 unless one of them binds.
            nu = 0.0
            if guess < 0.0:
                nu = min(_root(v, cap, scale, lo, hi, lower[j1 - 1] - start, guess), 0.0)
            if nu == 0.0:
                total, _ = _evaluate(v, cap, scale, lo, hi, 0.0)
                if start + total < lower[j1 - 1]:
                    nu = min(_root(v, cap, scale, lo, hi, lower[j1 - 1] - start, 0.0), 0.0)
                elif start + total > upper[j1 - 1]:
                    nu = max(_root(v, cap, scale, lo, hi, upper[j1 - 1] - start, max(guess, 0.0)), 0.0)
        worst, bound = _most_violated(v, cap, scale, edge, lower, upper, j0, j1, start, nu, mu)
        if worst >= 0:
            stack[depth, 0] = j0
            stack[depth, 1] = worst + 1
            stack[depth, 2] = start
            stack[depth, 3] = 1.0
            stack[depth, 4] = bound
            depth += 1
            stack[depth, 0] = worst + 1
            stack[depth, 1] = j1
            stack[depth, 2] = bound
            stack[depth, 3] = 1.0 if pinned else 0.0
            stack[depth, 4] = end
            depth += 1
    return segments


@kernel
def cheapest(price, cap, edge, lower, upper, m, eps, v, ones, mu, stack):
    """Return multipliers nu of a cheapest schedule at linear prices >= 0, by a vanishing proximal weight.

    Parameters
    ----------
    price : array, shape (variables,)
        Price of each variable, >= 0.
    eps : float
        Proximal weight; 1e-12 of the largest price leaves an error far below 1e-9 of the cost.
    v, ones, mu, stack : array
        Scratch: (variables,), (variables,), (m,), (m + 1, 5). `ones` must hold ones.

    Notes
    -----
    On return ``-eps * mu`` are the multipliers nu of coord-5, which `dual_bound` turns into a number
    that does not depend on how well they were found.
    """
    for k in range(edge[0], edge[m]):
        v[k] = -price[k] / eps
    for j in range(m):
        mu[j] = 0.0
    return project(v, cap, ones, edge, lower, upper, m, mu, stack)


@kernel
def dual_bound(price, cap, edge, lower, upper, m, nu):
    """Return a lower bound on the cost of any feasible schedule, for any multipliers `nu` (coord-5).

    Parameters
    ----------
    price : array, shape (variables,)
        Price of each variable.
    nu : array, shape (m,)
        Any numbers; the better, the tighter.

    Returns
    -------
    float
        ``sum_k min(0, price_k - nu_j) cap_k + sum_j (nu_j - nu_{j+1})_+ L_j - (nu_{j+1} - nu_j)_+ U_j``.
    """
    s = 0.0
    following = 0.0
    for j in range(m - 1, -1, -1):
        step = nu[j] - following
        following = nu[j]
        if step > 0.0:
            s += step * lower[j]
        else:
            s += step * upper[j]
        part = 0.0
        for k in range(edge[j], edge[j + 1]):
            part += min(price[k] - nu[j], 0.0) * cap[k]
        s += part
    return s


@kernel
def earliest(cap, edge, upper, m, x):
    """Charge unmanaged, at full power from arrival until full: fill `x` and return the energy."""
    e = 0.0
    for j in range(m):
        for k in range(edge[j], edge[j + 1]):
            y = max(0.0, min(cap[k], upper[j] - e))
            x[k] = y
            e += y
    return e
