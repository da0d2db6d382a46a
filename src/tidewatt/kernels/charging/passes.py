"""Passes over the vehicles of a shard: every vehicle answers a signal, or is skipped.

Tables and their marks are as in `tidewatt.kernels.charging.fleet`.
"""

from __future__ import annotations

import numpy as np

from tidewatt.compilation.kernel import kernel
from tidewatt.kernels.charging.fleet import cost_of, fill, limits_of, sees, settle
from tidewatt.kernels.charging.subproblem import FAST, cheapest, dual_bound, project

__all__ = ["bound_pass", "polish_pass", "project_pass", "recentre_pass", "respond_pass"]


@kernel(fastmath=FAST)
def respond_pass(fleet, i0, i1, x, price, priced, sigma, mu, load):
    """Return every vehicle's proximal response to prices around its centre `x` (inner problem of coord-10).

    Minimises ``<price, y> + sum (y - x)^2 / (2 sigma scale)``. A vehicle whose centre costs nothing
    stays there, since nothing can cost less: it is skipped. The response itself is
    ``clip(x - sigma scale (price + mu), 0, cap)`` and is not stored.

    Parameters
    ----------
    fleet : Fleet
    i0, i1 : int
        Range of vehicles.
    x : array, shape (variables,)
        Centres [kW].
    price, priced, sigma
        Prices, counts of priced steps, proximal step.
    mu : array, shape (opportunities,)
        Warm start in, multipliers (per unit of ``sigma scale``) out.
    load : array, shape (feeders + 1, steps)
        Out: weighted load of the responses less that of the centres is added.

    Returns
    -------
    tuple of (float, int, int)
        Weighted sum of minima, vehicles answered, segments solved.
    """
    m_max, n_max = fleet.longest
    v = np.empty(n_max)
    own = np.empty(n_max)
    cap = np.empty(n_max)
    edge = np.empty(m_max + 1, np.int64)
    scale = np.empty(n_max)
    stack = np.empty((m_max + 2, 5))
    value = 0.0
    answered = 0
    segments = 0
    for i in range(i0, i1):
        a = fleet.first[i]
        b = fleet.first[i + 1]
        if not cost_of(fleet, a, b, x, fleet.edge, price, priced) > 0.0:
            for q in range(a, b):
                mu[q] = 0.0
            continue
        m = b - a
        answered += 1
        o = fleet.edge[a]
        fill(fleet, a, m, price, cap, edge, scale, own)
        n = edge[m]
        centre = x[o : o + n]
        for k in range(n):
            scale[k] *= sigma
            v[k] = centre[k] - scale[k] * own[k]
        segments += project(v, cap, scale, edge, fleet.lower[a:b], fleet.upper[a:b], m, mu[a:b], stack)
        settle(fleet, i, a, m, cap, scale, edge, mu, centre, v, load)
        total = 0.0
        for k in range(n):
            d = v[k] - centre[k]
            total += own[k] * v[k] + d * d / (2.0 * scale[k])
        value += fleet.weight[i] * total
    return value, answered, segments


@kernel(fastmath=FAST)
def recentre_pass(fleet, i0, i1, x, price, sigma, mu, out):
    """Write the responses that `respond_pass` found with `mu` to `out` (which may be `x` itself)."""
    for i in range(i0, i1):
        for q in range(fleet.first[i], fleet.first[i + 1]):
            t = fleet.step[q]
            xs = x[fleet.edge[q] : fleet.edge[q + 1]]
            outs = out[fleet.edge[q] : fleet.edge[q + 1]]
            n = len(xs)
            prices = price[fleet.feeder[q], t : t + n]
            s = sigma * fleet.scale[q]
            p = fleet.power[q]
            push = mu[q]
            head = min(max(xs[0] - s * (prices[0] + push), 0.0), p * fleet.head[q])
            tail = min(max(xs[n - 1] - s * (prices[n - 1] + push), 0.0), p * fleet.tail[q])
            for k in range(n):
                outs[k] = min(max(xs[k] - s * (prices[k] + push), 0.0), p)
            outs[n - 1] = tail
            outs[0] = head


@kernel(fastmath=FAST)
def project_pass(fleet, i0, i1, x, signal, marked, step, mu, load):
    """Do one block of coord-6: vehicles i0:i1 project ``x - step scale signal``, in place.

    `step` is per feeder (feeders + 1,); `marked` counts the steps with a signal. Adds the weighted
    change of load to `load`. Returns the number of vehicles answered.
    """
    m_max, n_max = fleet.longest
    v = np.empty(n_max)
    own = np.empty(n_max)
    cap = np.empty(n_max)
    edge = np.empty(m_max + 1, np.int64)
    scale = np.empty(n_max)
    stack = np.empty((m_max + 2, 5))
    answered = 0
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
        m = b - a
        answered += 1
        o = fleet.edge[a]
        fill(fleet, a, m, signal, cap, edge, scale, own)
        for j in range(m):
            size = step[fleet.feeder[a + j]]
            scales = scale[edge[j] : edge[j + 1]]
            for k in range(len(scales)):
                scales[k] *= size
        n = edge[m]
        mine = x[o : o + n]
        for k in range(n):
            v[k] = mine[k] - scale[k] * own[k]
        project(v, cap, scale, edge, fleet.lower[a:b], fleet.upper[a:b], m, mu[a:b], stack)
        settle(fleet, i, a, m, cap, scale, edge, mu, mine, v, load)
        for k in range(n):
            mine[k] = v[k]
    return answered


@kernel
def bound_pass(fleet, i0, i1, x, place, price, priced, eps, least, cost):
    """Return proved least cost of every vehicle under `price` (coord-5), and the cost of its schedule `x`.

    The variables of opportunity q begin at ``x[place[q]]``. Fills ``least[i]`` and ``cost[i]``
    (unweighted). A vehicle that pays nothing needs no work: its least cost is 0, since prices are not
    negative. Returns the number of vehicles answered.
    """
    m_max, n_max = fleet.longest
    v = np.empty(n_max)
    own = np.empty(n_max)
    cap = np.empty(n_max)
    edge = np.empty(m_max + 1, np.int64)
    ones = np.ones(n_max)
    mu = np.empty(m_max)
    stack = np.empty((m_max + 2, 5))
    answered = 0
    for i in range(i0, i1):
        a = fleet.first[i]
        b = fleet.first[i + 1]
        least[i] = 0.0
        cost[i] = 0.0
        if not cost_of(fleet, a, b, x, place, price, priced) > 0.0:
            continue
        m = b - a
        answered += 1
        limits_of(fleet, a, m, cap, edge)
        paid = 0.0
        for j in range(m):
            q = a + j
            t = fleet.step[q]
            xs = x[place[q] : place[q] + fleet.edge[q + 1] - fleet.edge[q]]
            owns = own[edge[j] : edge[j + 1]]
            prices = price[fleet.feeder[q], t : t + len(xs)]
            part = 0.0
            for k in range(len(xs)):
                owns[k] = prices[k]
                part += prices[k] * xs[k]
            paid += part
        lower = fleet.lower[a:b]
        upper = fleet.upper[a:b]
        cheapest(own, cap, edge, lower, upper, m, eps, v, ones, mu, stack)
        for j in range(m):
            mu[j] *= -eps
        cost[i] = paid
        least[i] = max(dual_bound(own, cap, edge, lower, upper, m, mu), 0.0)
    return answered


@kernel
def polish_pass(fleet, i0, i1, x, place, out):
    """Project schedules onto the feasible sets in double precision.

    The variables of opportunity q begin at ``x[edge[q]]`` and at ``out[place[q]]``.
    """
    m_max, n_max = fleet.longest
    v = np.empty(n_max)
    cap = np.empty(n_max)
    edge = np.empty(m_max + 1, np.int64)
    ones = np.ones(n_max)
    mu = np.empty(m_max)
    stack = np.empty((m_max + 2, 5))
    for i in range(i0, i1):
        a = fleet.first[i]
        b = fleet.first[i + 1]
        m = b - a
        if m == 0:
            continue
        o = fleet.edge[a]
        limits_of(fleet, a, m, cap, edge)
        for k in range(o, fleet.edge[b]):
            v[k - o] = x[k]
        for j in range(m):
            mu[j] = 0.0
        project(v, cap, ones, edge, fleet.lower[a:b], fleet.upper[a:b], m, mu, stack)
        for j in range(m):
            lo = edge[j]
            outs = out[place[a + j] : place[a + j] + edge[j + 1] - lo]
            for k in range(len(outs)):
                outs[k] = min(max(v[lo + k] - mu[j], 0.0), cap[lo + k])
