"""The order in which the nodes of a road network are contracted: nested dissection by inertial flow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tidewatt.compilation.kernel import kernel

__all__ = ["dissect", "divide", "neighbours", "place", "sorted_along"]

ENDS = 0.25
"""Share of a piece's nodes, at each end of a line, that a division must keep apart."""
FREE = -2  # no path through this node
END = -1  # the path through this node starts, or ends, here


@kernel
def _search(first, node, seeds, goal, before, after, seen, stamp, parent, queue):
    """Search from `seeds` for a node of `goal`, beside the existing paths, which may be rerouted.

    Every node v has two states, entered (2 v) and left (2 v + 1). A node on no path may be passed; one on
    a path may only be left backwards, along that path. `seen` becomes `stamp` for all states reached.

    Returns
    -------
    int
        State at which a goal was reached; -1: none can be.
    """
    size = 0
    for v in seeds:
        seen[2 * v] = stamp
        parent[2 * v] = -1
        queue[size] = 2 * v
        size += 1
    at = 0
    while at < size:
        state = queue[at]
        at += 1
        v = state >> 1
        if state & 1 == 0:
            to = 2 * v + 1
            if after[v] != FREE:
                if before[v] < 0:
                    continue
                to = 2 * before[v] + 1
            if seen[to] != stamp:
                seen[to] = stamp
                parent[to] = state
                if goal[to >> 1]:
                    return to
                queue[size] = to
                size += 1
            continue
        if after[v] != FREE and seen[2 * v] != stamp:
            seen[2 * v] = stamp
            parent[2 * v] = state
            queue[size] = 2 * v
            size += 1
        for k in range(first[v], first[v + 1]):
            to = 2 * node[k]
            if seen[to] != stamp:
                seen[to] = stamp
                parent[to] = state
                queue[size] = to
                size += 1
    return -1


@kernel
def _augment(state, before, after, parent):
    """Add the path that a search found to the existing ones."""
    after[state >> 1] = END
    while True:
        v = state >> 1
        back = parent[state]
        if state & 1 == 0:
            if back < 0:
                before[v] = END
                return
            u = back >> 1
            if u == v:
                before[v] = FREE
                after[v] = FREE
            else:
                before[v] = u
                after[u] = v
        state = back


@kernel
def _smallest(values, count):
    """Return the `count`-th smallest of `values`, which are all different; this reorders them."""
    low = 0
    high = len(values) - 1
    while low < high:
        pivot = values[(low + high) >> 1]
        i = low
        j = high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if count - 1 <= j:
            high = j
        elif count - 1 >= i:
            low = i
        else:
            break
    return values[count - 1]


@kernel
def _rim(first, node, inside, out):
    """Mark nodes `inside` that have a neighbour outside; return their number."""
    size = 0
    for v in range(len(inside)):
        if inside[v]:
            for k in range(first[v], first[v + 1]):
                if not inside[node[k]]:
                    out[size] = v
                    size += 1
                    break
    return size


@kernel
def divide(first, node, along, side, work):
    """Divide a connected piece: `side` becomes 0 for the separator nodes, 1 and 2 for the two parts.

    Returns the line along which.

    Parameters
    ----------
    first, node
        Neighbours within the piece.
    along : array of int32, shape (lines, nodes)
        See `sorted_along`.
    side : array of int8, shape (nodes,)
        Out.
    work : array of int32, shape (6, 2 * nodes or more)
        Room to work.
    """
    n = len(first) - 1
    ends = max(1, int(n * ENDS))
    before = work[0]
    after = work[1]
    seen = work[2]
    parent = work[3]
    queue = work[4]
    room = work[5]
    stamp = 0
    for v in range(2 * n):
        seen[v] = stamp
    low = np.empty(n, np.bool_)
    high = np.empty(n, np.bool_)
    none = np.zeros(n, np.bool_)
    best = np.inf
    chosen = 0
    for line in range(len(along)):
        for v in range(n):
            room[v] = along[line, v]
        bottom = _smallest(room[:n], ends)
        top = _smallest(room[:n], n - ends + 1)
        for v in range(n):
            low[v] = along[line, v] <= bottom
            high[v] = along[line, v] >= top
            before[v] = FREE
            after[v] = FREE
        m = _rim(first, node, low, room)
        paths = 0
        while True:
            stamp += 1
            state = _search(first, node, room[:m], high, before, after, seen, stamp, parent, queue)
            if state < 0:
                break
            paths += 1
            _augment(state, before, after, parent)
        # Of all smallest sets those next to either end: the one that divides more evenly is taken.
        for end in range(2):
            near = low
            if end == 1:
                near = high
                stamp += 1
                m = _rim(first, node, high, room)
                _search(first, node, room[:m], none, after, before, seen, stamp, parent, queue)
            part = 0
            for v in range(n):
                if seen[2 * v + 1] == stamp or (near[v] and seen[2 * v] != stamp):
                    part += 1
            score = paths / max(min(part, n - part - paths), 0.5)
            if score < best:
                best = score
                chosen = line
                for v in range(n):
                    if seen[2 * v + 1] == stamp or (near[v] and seen[2 * v] != stamp):
                        side[v] = 1
                    elif seen[2 * v] == stamp:
                        side[v] = 0
                    else:
                        side[v] = 2
    return chosen


Ints = NDArray[np.int32]
Floats = NDArray[np.float64]

LINES = 8
"""Lines tried for each piece, evenly turned."""


def neighbours(nodes: int, tail: Ints, head: Ints) -> tuple[NDArray[np.int64], Ints]:
    """Return neighbours of every node, ignoring link direction: no loops, no repeats, ascending.

    Returns
    -------
    first : array of int64, shape (nodes + 1,)
    node : array of int32
    """
    one = np.concatenate([tail, head]).astype(np.int64)
    other = np.concatenate([head, tail])
    pair = np.unique((one * nodes + other)[one != other])
    first = np.zeros(nodes + 1, np.int64)
    np.cumsum(np.bincount(pair // nodes, minlength=nodes), out=first[1:])
    return first, (pair % nodes).astype(np.int32)


def sorted_along(x: Floats, y: Floats) -> Ints:
    """Return the place of every node along each of several lines across the map; shape (lines, nodes)."""
    out = np.empty((LINES, len(x)), np.int32)
    for k in range(LINES):
        angle = np.pi * k / LINES
        out[k, np.argsort(np.cos(angle) * x + np.sin(angle) * y, kind="stable")] = np.arange(len(x))
    return out


@kernel
def _sweep(first, node, start, steps, queue):
    """Search breadth-first from `start`; `steps` is -1 where not yet seen. Return (last, nodes seen)."""
    steps[start] = 0
    queue[0] = start
    size = 1
    at = 0
    while at < size:
        v = queue[at]
        at += 1
        for k in range(first[v], first[v + 1]):
            if steps[node[k]] < 0:
                steps[node[k]] = steps[v] + 1
                queue[size] = node[k]
                size += 1
    return queue[size - 1], size


@kernel
def place(first, node, x, y):
    """Fill in coordinates of nodes that have none.

    Nodes joined to others with coordinates lie amid their neighbours. A piece of the network without any
    is laid out by its numbers of links from two nodes far apart.

    Returns
    -------
    x, y : array, shape (nodes,)
    """
    nodes = len(first) - 1
    x = x.copy()
    y = y.copy()
    queue = np.empty(nodes, np.int32)
    known = np.empty(nodes, np.bool_)
    size = 0
    for v in range(nodes):
        known[v] = np.isfinite(x[v]) and np.isfinite(y[v])
        if known[v]:
            queue[size] = v
            size += 1
    at = 0
    while at < size:
        v = queue[at]
        at += 1
        for k in range(first[v], first[v + 1]):
            u = node[k]
            if known[u]:
                continue
            n = 0
            a = 0.0
            b = 0.0
            for j in range(first[u], first[u + 1]):
                w = node[j]
                if known[w]:
                    n += 1
                    a += x[w]
                    b += y[w]
            x[u] = a / n
            y[u] = b / n
            known[u] = True
            queue[size] = u
            size += 1
    if size == nodes:
        return x, y
    seen = np.full(nodes, -1, np.int32)
    one = np.full(nodes, -1, np.int32)
    two = np.full(nodes, -1, np.int32)
    for v in range(nodes):
        if known[v]:
            continue
        far, _ = _sweep(first, node, v, seen, queue)
        other, _ = _sweep(first, node, far, one, queue)
        _, n = _sweep(first, node, other, two, queue)
        for u in queue[:n]:
            x[u] = one[u] - two[u]
            y[u] = one[u] + two[u]
            known[u] = True
    return x, y


@kernel
def _sort(nodes, key):
    """Sort the few `nodes` by their `key`, in place."""
    for i in range(1, len(nodes)):
        v = nodes[i]
        j = i
        while j > 0 and key[nodes[j - 1]] > key[v]:
            nodes[j] = nodes[j - 1]
            j -= 1
        nodes[j] = v


@kernel
def _collect(first, node, order, begin, end, part, mark, todo, depth):
    """Sort ``order[begin:end]`` by connected pieces, and put those that need dividing on the stack."""
    old = order[begin:end].copy()
    for v in old:
        part[v] = mark
    size = begin
    for start in old:
        if part[start] != mark:
            continue
        a = size
        part[start] = mark + 1
        order[size] = start
        size += 1
        at = a
        while at < size:
            v = order[at]
            at += 1
            for k in range(first[v], first[v + 1]):
                if part[node[k]] == mark:
                    part[node[k]] = mark + 1
                    order[size] = node[k]
                    size += 1
        if size - a > 2:
            todo[depth, 0] = a
            todo[depth, 1] = size
            depth += 1
    return depth


@kernel
def dissect(first, node, along):
    """Return the order of contraction by nested dissection.

    Parameters
    ----------
    first, node
        Neighbours of every node, as `neighbours` gives them.
    along : array of int32, shape (lines, nodes)
        As `sorted_along` gives it.

    Returns
    -------
    array of int32, shape (nodes,)
        Nodes in the order in which they are contracted. It depends on the arguments alone.
    """
    n = len(first) - 1
    order = np.empty(n, np.int32)
    for v in range(n):
        order[v] = v
    inner_along = np.empty((len(along), n), np.int32)
    part = np.zeros(n, np.int32)
    local = np.empty(n, np.int32)
    inner_first = np.zeros(n + 1, np.int64)
    inner_node = np.empty(len(node), np.int32)
    side = np.empty(n, np.int8)
    work = np.empty((6, 2 * n), np.int32)
    todo = np.empty((n + 1, 2), np.int64)
    mark = 1
    depth = 0
    begin = 0
    inside = n
    while True:
        depth = _collect(first, node, order, begin, inside, part, mark, todo, depth)
        if depth == 0:
            return order
        depth -= 1
        begin = todo[depth, 0]
        end = todo[depth, 1]
        inside = begin
        mark += 2
        k = end - begin
        piece = order[begin:end].copy()
        for i in range(k):
            part[piece[i]] = mark
            local[piece[i]] = i
            for line in range(len(along)):
                inner_along[line, i] = along[line, piece[i]]
        size = 0
        for i in range(k):
            for j in range(first[piece[i]], first[piece[i] + 1]):
                if part[node[j]] == mark:
                    inner_node[size] = local[node[j]]
                    size += 1
            inner_first[i + 1] = size
        if size == k * (k - 1):
            continue  # all neighbours of each other: any order is as good
        line = divide(inner_first[: k + 1], inner_node[:size], inner_along[:, :k], side[:k], work)
        at = begin
        for part_of in (1, 2, 0):
            for i in range(k):
                if side[i] == part_of:
                    order[at] = piece[i]
                    at += 1
            if part_of == 2:
                inside = at
        # Along the cut: what is joined to a stretch of it is then joined to a range of ranks.
        _sort(order[inside:end], along[(line + len(along) // 2) % len(along)])
        mark += 1
        for v in order[inside:end]:
            part[v] = 0
