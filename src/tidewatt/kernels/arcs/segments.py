"""Arcs of a network in which most states have only one way on, so that only choices need a variable.

States are numbered by time, arcs sorted by their tail; ``first`` are the CSR offsets of arcs by state. From a
state with a single arc all vehicles take it, so a *segment* is an arc out of a state with several, and the
forced arcs after it until the next choice or the end.
"""

from __future__ import annotations

import numpy as np

from tidewatt.compilation.kernel import kernel

__all__ = ["leaving", "segments", "supplied", "unfolded"]


@kernel
def segments(first, head, row, value, cost):
    """Return the columns of all segments.

    `row` and `value` (arcs, 2) are the rows that an arc enters (-1: none). Returns the first arc of each
    segment, the state of choice after it (-1: the end), its cost, and its entries as CSC offsets, rows and
    values.
    """
    states = len(first) - 1
    columns = 0
    entries = 0
    for s in range(states):
        if first[s + 1] - first[s] > 1:
            for a in range(first[s], first[s + 1]):
                columns += 1
                e = a
                while True:
                    for k in range(2):
                        if row[e, k] >= 0:
                            entries += 1
                    s2 = head[e]
                    if s2 < 0 or first[s2 + 1] - first[s2] > 1:
                        break
                    e = first[s2]
    arc = np.empty(columns, np.int64)
    after = np.empty(columns, np.int64)
    paid = np.empty(columns)
    start = np.empty(columns + 1, np.int64)
    rows = np.empty(entries, np.int64)
    values = np.empty(entries)
    start[0] = 0
    columns = 0
    entries = 0
    for s in range(states):
        if first[s + 1] - first[s] > 1:
            for a in range(first[s], first[s + 1]):
                e = a
                total = 0.0
                while True:
                    total += cost[e]
                    for k in range(2):
                        if row[e, k] >= 0:
                            rows[entries] = row[e, k]
                            values[entries] = value[e, k]
                            entries += 1
                    s2 = head[e]
                    if s2 < 0 or first[s2 + 1] - first[s2] > 1:
                        break
                    e = first[s2]
                arc[columns] = a
                after[columns] = s2
                paid[columns] = total
                columns += 1
                start[columns] = entries
    return arc, after, paid, start, rows, values


@kernel
def supplied(first, head, state, vehicles, flow, supply):
    """Add vehicles starting in `state` to `flow` of forced arcs and to `supply` of the next choice."""
    for i in range(len(state)):
        s = state[i]
        while s >= 0 and first[s + 1] - first[s] == 1:
            flow[first[s]] += vehicles[i]
            s = head[first[s]]
        if s >= 0:
            supply[s] += vehicles[i]


@kernel
def unfolded(first, head, arc, chosen, flow):
    """Add the flow of each segment to all of its arcs."""
    for i in range(len(arc)):
        e = arc[i]
        while True:
            flow[e] += chosen[i]
            s = head[e]
            if s < 0 or first[s + 1] - first[s] > 1:
                break
            e = first[s]


@kernel
def leaving(states, first, head, way, flow, wanted, share):
    """Fill in the `share` of vehicles in each given state of one node that leave it by the desired way.

    `states` ascend in time; `way` (arcs,) is -1 for waiting, otherwise a number that may equal `wanted`.
    """
    for i in range(len(states) - 1, -1, -1):
        s = states[i]
        total = 0.0
        those = 0.0
        for a in range(first[s], first[s + 1]):
            total += flow[a]
            if way[a] == wanted:
                those += flow[a]
            elif way[a] == -1:
                those += flow[a] * share[head[a]]
        share[s] = those / total if total > 0.0 else 0.0
