"""Link costs, shortest-path trees and path flows of the static user equilibrium (sim-1, sim-13)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tidewatt.compilation.kernel import kernel
from tidewatt.kernels.roads.dijkstra import SETTLED, grow

__all__ = [
    "LinkCosts",
    "Pairs",
    "Paths",
    "all_or_nothing",
    "beckmann",
    "cheaper_paths",
    "descend",
    "equilibrate",
    "load_paths",
    "merge_paths",
    "price_links",
]

_LEFT = 1e-14  # share of a pair's demand below which flow on a path is rounding
_TRIALS = 6  # secant steps of one shift at most


class LinkCosts(NamedTuple):
    """Cost functions ``fixed + free (1 + alpha (x / capacity)^beta)``; arrays of shape (links,).

    Attributes
    ----------
    free_min : array
        Time on the empty link [min].
    alpha, beta : array
        Of the cost function, >= 0.
    capacity : array
        Capacity over the period [vehicles], > 0.
    fixed_min : array
        What toll and distance add [min].
    """

    free_min: np.ndarray
    alpha: np.ndarray
    beta: np.ndarray
    capacity: np.ndarray
    fixed_min: np.ndarray


class Paths(NamedTuple):
    """Paths by OD pair, one after the other.

    Attributes
    ----------
    first : array of int64, shape (pairs + 1,)
        Position of each pair's first path.
    start : array of int64, shape (paths + 1,)
        Position of each path's first link.
    links : array of int32
        Links of all paths, each path from its origin on.
    flow : array, shape (paths,)
        Vehicles in the period.
    """

    first: np.ndarray
    start: np.ndarray
    links: np.ndarray
    flow: np.ndarray


@kernel
def _price(costs, e, x):
    """Return the cost of link `e` under flow `x`, and its slope [min, min per vehicle]."""
    free = costs.free_min[e]
    beta = costs.beta[e]
    load = free * costs.alpha[e]
    ratio = x / costs.capacity[e]
    if load == 0.0 or beta == 0.0:
        return costs.fixed_min[e] + free + load, 0.0
    # The ratio to the power of beta - 1; the usual 4 by products, which is several times as fast.
    if beta == 4.0:
        power = ratio * ratio * ratio
    elif beta == 1.0:
        power = 1.0
    elif ratio > 0.0:
        power = ratio ** (beta - 1.0)
    elif beta < 1.0:
        power = 1e12 ** (1.0 - beta)  # infinite, in truth
    else:
        power = 0.0
    return costs.fixed_min[e] + free + load * power * ratio, load * beta * power / costs.capacity[e]


@kernel
def price_links(costs, flow, cost, slope):
    """Compute cost (sim-1) and slope of every link under `flow`.

    Parameters
    ----------
    costs : LinkCosts
    flow : array, shape (links,)
    cost, slope : array, shape (links,)
        Out [min, min per vehicle].
    """
    for e in range(len(flow)):
        cost[e], slope[e] = _price(costs, e, flow[e])


@kernel
def beckmann(costs, flow):
    """Return the integral of each link's cost from zero to its flow (sim-13), (links,) [vehicle minutes]."""
    area = np.empty(len(flow))
    for e in range(len(flow)):
        x = flow[e]
        free = costs.free_min[e]
        area[e] = (costs.fixed_min[e] + free) * x
        if free * costs.alpha[e] > 0.0 and x > 0.0:
            beta = costs.beta[e]
            area[e] += free * costs.alpha[e] * x * (x / costs.capacity[e]) ** beta / (beta + 1.0)
    return area


@kernel
def descend(costs, flow, step, tolerance):
    """Return the step length in [0, 1] from `flow` along `step` that minimises the objective.

    The derivative along the line is monotone, so that bisection guarded by secants finds its zero.

    Parameters
    ----------
    costs : LinkCosts
    flow, step : array, shape (links,)
        ``flow + step`` has no negative entry.
    tolerance : float
        Ends where the derivative has fallen to this share of the one at the beginning.
    """
    low, high = 0.0, 1.0
    down = up = 0.0
    for side in range(2):
        slope = 0.0
        for e in range(len(flow)):
            if step[e] != 0.0:
                slope += step[e] * _price(costs, e, max(flow[e] + side * step[e], 0.0))[0]
        if side == 0:
            down = slope
        else:
            up = slope
    if down >= 0.0:
        return 0.0
    if up <= 0.0:
        return 1.0
    enough = -tolerance * down
    at = 0.0
    for k in range(60):
        at = (low * up - high * down) / (up - down) if k % 3 else 0.5 * (low + high)
        slope = 0.0
        for e in range(len(flow)):
            if step[e] != 0.0:
                slope += step[e] * _price(costs, e, max(flow[e] + at * step[e], 0.0))[0]
        if slope < 0.0:
            low, down = at, slope
        else:
            high, up = at, slope
        if high - low < 1e-13 or abs(slope) <= enough:
            break
    return at


@kernel
def load_paths(paths, flow):
    """Compute link flows from path flows.

    Parameters
    ----------
    paths : Paths
    flow : array, shape (links,)
        Out.
    """
    flow[:] = 0.0
    for k in range(len(paths.flow)):
        for j in range(paths.start[k], paths.start[k + 1]):
            flow[paths.links[j]] += paths.flow[k]


@kernel
def equilibrate(costs, paths, demand, pairs, flow, cost, slope, seen, other, excess):
    """Sweep once over OD pairs (sim-14): each pair shifts flow to its cheapest path.

    From every dearer path, the flow that a Newton step on the cost difference asks for goes over to the
    cheapest one; only links that not both paths use take part. Link costs follow at once, pair after pair
    (Gauss-Seidel). A step that overshoots is drawn back by secants, so that the objective falls.

    Parameters
    ----------
    costs : LinkCosts
    paths : Paths
        ``flow`` is changed.
    demand : array, shape (all pairs,)
        Vehicles of each pair.
    pairs : array of int64
        Pairs to visit, in this order.
    flow, cost, slope : array, shape (links,)
        Kept consistent with the path flows.
    seen, other : array of int64, shape (links,)
        Room for marks; zeros before the first sweep.
    excess : array, shape (all pairs,)
        Out, for visited pairs: flow times cost above the cheapest path before the shifts [vehicle minutes].

    Returns
    -------
    float
        Sum of the excess over visited pairs.
    """
    links, start, share = paths.links, paths.start, paths.flow
    total = 0.0
    most = 0
    for r in range(len(paths.first) - 1):
        most = max(most, paths.first[r + 1] - paths.first[r])
    price = np.empty(most)
    mark = 0
    for e in range(len(seen)):
        mark = max(mark, seen[e], other[e])
    for r in pairs:
        a, b = paths.first[r], paths.first[r + 1]
        best = a
        for k in range(a, b):
            total_k = 0.0
            for j in range(start[k], start[k + 1]):
                total_k += cost[links[j]]
            price[k - a] = total_k
            if total_k < price[best - a]:
                best = k
        above = 0.0
        for k in range(a, b):
            above += share[k] * (price[k - a] - price[best - a])
        excess[r] = above
        total += above
        b0, b1 = start[best], start[best + 1]
        marked = False
        for k in range(a, b):
            if k == best or share[k] <= 0.0 or price[k - a] <= price[best - a]:
                continue
            if not marked:
                mark += 1
                for j in range(b0, b1):
                    seen[links[j]] = mark
                of_best = mark
                marked = True
            mark += 1
            k0, k1 = start[k], start[k + 1]
            gain = 0.0
            bend = 0.0
            for j in range(k0, k1):
                e = links[j]
                other[e] = mark
                if seen[e] != of_best:
                    gain += cost[e]
                    bend += slope[e]
            for j in range(b0, b1):
                e = links[j]
                if other[e] != mark:
                    gain -= cost[e]
                    bend += slope[e]
            if gain == 0.0:
                continue
            moved = 0.0  # from path k to the best one, of this visit
            low = -share[best]
            high = share[k]
            at_low = at_high = 0.0
            before = gain
            step = gain / bend if bend > 0.0 else (high if gain > 0.0 else low)
            for _ in range(_TRIALS):
                step = min(max(step, low - moved), high - moved)
                if step == 0.0:
                    break
                after = 0.0
                for j in range(k0, k1):
                    e = links[j]
                    if seen[e] != of_best:
                        flow[e] = max(flow[e] - step, 0.0)
                        cost[e], slope[e] = _price(costs, e, flow[e])
                        after += cost[e]
                for j in range(b0, b1):
                    e = links[j]
                    if other[e] != mark:
                        flow[e] = max(flow[e] + step, 0.0)
                        cost[e], slope[e] = _price(costs, e, flow[e])
                        after -= cost[e]
                moved += step
                if after * before >= 0.0 or abs(after) <= 0.5 * abs(before):
                    break
                # Overshot by much: the zero of the difference is bracketed now.
                if after < 0.0:
                    high, at_high = moved, after
                    if at_low == 0.0:
                        low, at_low = moved - step, before
                else:
                    low, at_low = moved, after
                    if at_high == 0.0:
                        high, at_high = moved - step, before
                target = (low * at_high - high * at_low) / (at_high - at_low)
                step = target - moved
            share[best] += moved
            share[k] -= moved
            if share[k] < _LEFT * demand[r]:
                share[best] += share[k]
                share[k] = 0.0
            if share[best] < 0.0:
                share[best] = 0.0
    return total


_TIE = 1e-13  # a new path must be cheaper by this share: less is rounding


class Pairs(NamedTuple):
    """OD pairs with trips, by origin.

    Attributes
    ----------
    source : array of int32, shape (origins,)
        Node where trips of each origin depart.
    first : array of int64, shape (origins + 1,)
        Position of each origin's first pair.
    target : array of int32, shape (pairs,)
        Node where trips arrive; never the source.
    demand : array, shape (pairs,)
        Vehicles in the period, > 0.
    """

    source: np.ndarray
    first: np.ndarray
    target: np.ndarray
    demand: np.ndarray


@kernel
def _grow(star, cost, pairs, o, wanted, reach, via, place, heap):
    """Grow the tree of origin `o` to all its destinations."""
    a, b = pairs.first[o], pairs.first[o + 1]
    left = 0
    for r in range(a, b):
        left += not wanted[pairs.target[r]]
        wanted[pairs.target[r]] = True
    grow(star, cost, pairs.source[o], wanted, left, reach, via, place, heap)
    for r in range(a, b):
        wanted[pairs.target[r]] = False


@kernel
def all_or_nothing(star, tail, cost, pairs, origins, flow, least, lost):
    """Put everyone on the cheapest path: flows gathered down each tree, not path by path.

    Parameters
    ----------
    star : Star
    tail : array of int32, shape (links,)
        Node where each link starts.
    cost : array, shape (links,)
        [min].
    pairs : Pairs
    origins : array of int64
        Which origins' pairs to load.
    flow : array, shape (links,)
        Out: added to.
    least : array, shape (origins,)
        Out: sum over the origin's pairs of trips times cheapest cost [vehicle minutes].
    lost : array, shape (origins,)
        Out: trips that no path connects; they are left out [vehicles].
    """
    nodes = len(star.first) - 1
    wanted = np.zeros(nodes, np.bool_)
    reach = np.empty(nodes)
    via = np.empty(nodes, np.int32)
    place = np.empty(nodes, np.int32)
    heap = np.empty(nodes, np.int32)
    load = np.zeros(nodes)
    waits = np.zeros(nodes, np.int32)  # branches of the tree that have not handed on their load
    seen = np.zeros(nodes, np.bool_)
    for o in origins:
        source = pairs.source[o]
        _grow(star, cost, pairs, o, wanted, reach, via, place, heap)
        seen[source] = True
        total = 0.0
        missed = 0.0
        for r in range(pairs.first[o], pairs.first[o + 1]):
            v = pairs.target[r]
            if place[v] != SETTLED:
                missed += pairs.demand[r]
                continue
            load[v] += pairs.demand[r]
            total += pairs.demand[r] * reach[v]
            while not seen[v]:
                seen[v] = True
                v = tail[via[v]]
                waits[v] += 1
        least[o] = total
        lost[o] = missed
        for r in range(pairs.first[o], pairs.first[o + 1]):
            v = pairs.target[r]
            while v != source and seen[v] and waits[v] == 0:
                seen[v] = False
                e = via[v]
                flow[e] += load[v]
                u = tail[e]
                load[u] += load[v]
                load[v] = 0.0
                waits[u] -= 1
                v = u
        load[source] = 0.0
        seen[source] = False


@kernel
def cheaper_paths(star, tail, cost, pairs, paths, o0, o1, nearest):
    """Return each pair's cheapest path where it beats all paths the pair has (column generation).

    Parameters
    ----------
    star : Star
    tail : array of int32, shape (links,)
        Node where each link starts.
    cost : array, shape (links,)
        [min].
    pairs : Pairs
    paths : Paths
        What each pair has.
    o0, o1 : int
        Range of origins.
    nearest : array, shape (pairs,)
        Out: cost of the cheapest path; infinite where there is none.

    Returns
    -------
    tuple of (array of int64, array of int64, array of int32, int, int)
        Pairs that got a path, number of links of each, these links one path after the other; and how many
        entries of the first two, and of the third, count.
    """
    nodes = len(star.first) - 1
    wanted = np.zeros(nodes, np.bool_)
    reach = np.empty(nodes)
    via = np.empty(nodes, np.int32)
    place = np.empty(nodes, np.int32)
    heap = np.empty(nodes, np.int32)
    pair = np.empty(pairs.first[o1] - pairs.first[o0], np.int64)
    length = np.empty(len(pair), np.int64)
    found = np.empty(1024, np.int32)
    new = 0
    used = 0
    for o in range(o0, o1):
        source = pairs.source[o]
        _grow(star, cost, pairs, o, wanted, reach, via, place, heap)
        for r in range(pairs.first[o], pairs.first[o + 1]):
            if place[pairs.target[r]] != SETTLED:
                nearest[r] = np.inf
                continue
            near = reach[pairs.target[r]]
            nearest[r] = near
            best = np.inf
            for k in range(paths.first[r], paths.first[r + 1]):
                price = 0.0
                for j in range(paths.start[k], paths.start[k + 1]):
                    price += cost[paths.links[j]]
                best = min(best, price)
            if near >= best * (1.0 - _TIE):
                continue
            count = 0
            v = pairs.target[r]
            while v != source:
                v = tail[via[v]]
                count += 1
            if used + count > len(found):
                more = np.empty(2 * (used + count), np.int32)
                for j in range(used):
                    more[j] = found[j]
                found = more
            v = pairs.target[r]
            for j in range(used + count - 1, used - 1, -1):
                found[j] = via[v]
                v = tail[via[v]]
            pair[new] = r
            length[new] = count
            new += 1
            used += count
    return pair, length, found, new, used


@kernel
def merge_paths(paths, pair, length, links, flow):
    """Return the paths without unused ones, and with new ones.

    Parameters
    ----------
    paths : Paths
    pair, length : array of int64, shape (new paths,)
        As from `cheaper_paths`; pairs ascend.
    links : array of int32
        Of the new paths.
    flow : array, shape (new paths,)
        Of the new paths.

    Returns
    -------
    tuple
        ``first``, ``start``, ``links``, ``flow`` of the new `Paths`.
    """
    count = len(paths.first) - 1
    kept = len(pair)
    room = len(links)
    for k in range(len(paths.flow)):
        if paths.flow[k] > 0.0:
            kept += 1
            room += paths.start[k + 1] - paths.start[k]
    first = np.zeros(count + 1, np.int64)
    start = np.zeros(kept + 1, np.int64)
    out = np.empty(room, np.int32)
    share = np.empty(kept)
    new = 0
    taken = 0
    k1 = 0
    at = 0
    for r in range(count):
        for k in range(paths.first[r], paths.first[r + 1]):
            if paths.flow[k] > 0.0:
                for j in range(paths.start[k], paths.start[k + 1]):
                    out[at] = paths.links[j]
                    at += 1
                share[k1] = paths.flow[k]
                k1 += 1
                start[k1] = at
        while new < len(pair) and pair[new] == r:
            for j in range(taken, taken + length[new]):
                out[at] = links[j]
                at += 1
            share[k1] = flow[new]
            k1 += 1
            start[k1] = at
            taken += length[new]
            new += 1
        first[r + 1] = k1
    return first, start, out, share
