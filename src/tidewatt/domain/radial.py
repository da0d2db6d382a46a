"""A radial network as a tree rooted at its source, and its linear power flow."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tidewatt.domain.arrays import Array, FrozenArrays
from tidewatt.domain.distribution import Distribution

__all__ = ["Feeder", "feeder_of", "loops", "unreached"]

_KVA_PER_MVA = 1000.0


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Feeder(FrozenArrays):
    """Lines of a radial network directed away from the slack; per unit of 1 kW and the buses' base voltage.

    Attributes
    ----------
    order : array of int64, shape (buses,)
        Buses such that each follows its parent; the slack is the first.
    parent : array of int64, shape (buses,)
        Next bus towards the slack; -1 at the slack.
    line : array of int64, shape (buses,)
        Line to the parent; -1 at the slack.
    child : array of int64, shape (lines,)
        Bus at the far end of each line.
    r_pu, x_pu : array, shape (lines,)
    no_load_pu : array, shape (buses,)
        Voltage where nothing is drawn: everywhere that of the slack.
    """

    KINDS: ClassVar[Mapping[str, type]] = {
        "order": np.int64,
        "parent": np.int64,
        "line": np.int64,
        "child": np.int64,
    }
    order: Array
    parent: Array
    line: Array
    child: Array
    r_pu: Array
    x_pu: Array
    no_load_pu: Array

    @property
    def root(self) -> int:
        """The slack."""
        return int(self.order[0])

    @property
    def buses(self) -> int:
        """Number of buses."""
        return len(self.order)

    @property
    def lines(self) -> int:
        """Number of lines."""
        return len(self.child)

    def downstream(self, values: Array) -> Array:
        """Return the sum of bus values over each line and beyond, (buses, ...) to (lines, ...)."""
        total = np.array(values)
        for bus in self.order[:0:-1]:
            total[self.parent[bus]] += total[bus]
        return total[self.child]

    def along(self, values: Array) -> Array:
        """Return the sum of line values from the slack to each bus, (lines, ...) to (buses, ...)."""
        total = np.zeros((self.buses, *values.shape[1:]), values.dtype)
        for bus in self.order[1:]:
            total[bus] = total[self.parent[bus]] + values[self.line[bus]]
        return total

    def flow_kw(self, power_kw: Array) -> Array:
        """Return the flow of lines from the slack, without losses (tariff-11).

        Parameters
        ----------
        power_kw : array, shape (buses, ...)
            Consumption.

        Returns
        -------
        array, shape (lines, ...)
        """
        return self.downstream(np.asarray(power_kw, np.float64))

    def squared_pu(self, power_kw: Array, reactive_kvar: Array) -> Array:
        """Return squared voltages, without losses (tariff-12).

        Parameters
        ----------
        power_kw, reactive_kvar : array, shape (buses, ...)
            Consumption.

        Returns
        -------
        array, shape (buses, ...)
        """
        column = (slice(None), *(None,) * (np.ndim(power_kw) - 1))
        drop = self.r_pu[column] * self.flow_kw(power_kw) + self.x_pu[column] * self.flow_kw(reactive_kvar)
        return self.no_load_pu[column] ** 2 - 2.0 * self.along(drop)


def feeder_of(distribution: Distribution) -> Feeder:
    """Return the tree of a network that `check_distribution` finds sound.

    The slack is held at 1 per unit, or at its limits where these are the same. The impedance of a line
    between buses of different `base_kv`, a transformer, is taken at the lower of them.

    Raises
    ------
    ValueError
        The network is not a tree of one slack.
    """
    d = distribution
    slack = np.flatnonzero(d.slack)
    if len(slack) != 1 or d.lines != d.buses - 1:
        raise ValueError(f"no tree: {len(slack)} slack buses, {d.buses} buses, {d.lines} lines")
    order, parent, line = _spanned(d, int(slack[0]))
    if len(order) != d.buses:
        raise ValueError(f"no tree: {d.buses - len(order)} buses are not connected to the slack")
    child = np.empty(d.lines, np.int64)
    child[line[order[1:]]] = order[1:]
    base_ohm = np.minimum(d.base_kv[d.tail], d.base_kv[d.head]) ** 2 * _KVA_PER_MVA
    root = order[0]
    low, high = d.voltage_min_pu[root], d.voltage_max_pu[root]
    return Feeder(
        order=order,
        parent=parent,
        line=line,
        child=child,
        r_pu=d.r_ohm / base_ohm,
        x_pu=d.x_ohm / base_ohm,
        no_load_pu=np.full(d.buses, low if low == high else 1.0),
    )


def unreached(distribution: Distribution, root: int) -> Array:
    """Return the buses that no line connects to a bus, in order."""
    order, _, _ = _spanned(distribution, root)
    return np.setdiff1d(np.arange(distribution.buses), order)


def loops(distribution: Distribution) -> list[list[int]]:
    """Return loops, each as its lines in order; opening one line per loop makes the network radial."""
    d = distribution
    spanned = np.zeros(d.buses, bool)
    parent, line = np.full(d.buses, -1), np.full(d.buses, -1)
    for root in [*np.flatnonzero(d.slack).tolist(), *range(d.buses)]:
        if not spanned[root]:
            order, its_parent, its_line = _spanned(d, root)
            spanned[order] = True
            parent[order], line[order] = its_parent[order], its_line[order]
    closing = np.setdiff1d(np.arange(d.lines), line)
    return [_loop(int(chord), d, parent, line) for chord in closing]


def _loop(chord: int, d: Distribution, parent: Array, line: Array) -> list[int]:
    """Return a line together with the tree lines between its ends."""
    ancestors = [int(d.tail[chord])]
    while parent[ancestors[-1]] >= 0:
        ancestors.append(int(parent[ancestors[-1]]))
    place = {bus: k for k, bus in enumerate(ancestors)}
    bus, there = int(d.head[chord]), []
    while bus not in place:
        there.append(int(line[bus]))
        bus = int(parent[bus])
    back = [int(line[b]) for b in ancestors[: place[bus]]]
    return [chord, *there, *reversed(back)]


def _spanned(d: Distribution, root: int) -> tuple[Array, Array, Array]:
    """Return buses in the order a search from one meets them, their parents, and the lines to these."""
    beside: list[list[tuple[int, int]]] = [[] for _ in range(d.buses)]
    for line, (tail, head) in enumerate(zip(d.tail.tolist(), d.head.tolist(), strict=True)):
        beside[tail].append((head, line))
        beside[head].append((tail, line))
    parent, via = np.full(d.buses, -1, np.int64), np.full(d.buses, -1, np.int64)
    order, met, ahead = [root], {root}, deque([root])
    while ahead:
        bus = ahead.popleft()
        for other, line in beside[bus]:
            if other not in met:
                met.add(other)
                parent[other], via[other] = bus, line
                order.append(other)
                ahead.append(other)
    return np.array(order, np.int64), parent, via
