"""A draft of a network as a file gives it: which buses are merged, and which are fed."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, TypeVar

__all__ = ["Bus", "BusId", "Injected", "Line", "NetworkDraft", "fed", "fused", "in_parallel", "ratios"]

BusId: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class Bus:
    """A bus: nominal line-to-line voltage and limits; nan where none is given."""

    base_kv: float
    low_pu: float = math.nan
    high_pu: float = math.nan


@dataclass(frozen=True, slots=True)
class Line:
    """A line or transformer; its impedance refers to the lower of its two voltages, else to the head.

    `limit_kw` inf: none given. `ratio` is the voltage per unit at the head over that at the tail, without
    load: other than 1 where a tap is.
    """

    line_id: Hashable
    tail: BusId
    head: BusId
    r_ohm: float
    x_ohm: float
    limit_kw: float = math.inf
    ratio: float = 1.0


@dataclass(frozen=True, slots=True)
class Injected:
    """A load (what it consumes), a plant (what it produces), or ``constant``: a load that never varies."""

    injection_id: str
    bus: BusId
    kind: str
    power_kw: float
    reactive_kvar: float


@dataclass(slots=True)
class NetworkDraft:
    """A draft of a network, and a record of how it was made.

    Attributes
    ----------
    source : str
        Name of the file.
    buses : dict
        By id, in order.
    slack : bus id
    slack_pu : float
        Voltage at which the network is fed.
    lines, injections : list
    same : list of (bus id, bus id)
        Buses that are one, such as those of a closed switch.
    counts, dropped, imputed, assumptions, warnings
        As in `ImportReport`.
    """

    source: str
    buses: dict[BusId, Bus] = field(default_factory=dict)
    slack: BusId = None
    slack_pu: float = 1.0
    lines: list[Line] = field(default_factory=list)
    injections: list[Injected] = field(default_factory=list)
    same: list[tuple[BusId, BusId]] = field(default_factory=list)
    counts: dict[str, float] = field(default_factory=dict)
    dropped: dict[str, tuple[str, ...]] = field(default_factory=dict)
    imputed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    assumptions: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def drop(self, why: str, ids: Iterable[object]) -> None:
        """Record ids that are left out."""
        if named := tuple(map(str, ids)):
            self.dropped[why] = self.dropped.get(why, ()) + named

    def note(self, what: str, each: object) -> None:
        """Record an id whose value is not the file's."""
        self.imputed[what] = (*self.imputed.get(what, ()), str(each))

    def power(self, injection_id: str, bus: BusId, kw: float, kvar: float, plant: str) -> None:
        """Add consumption at a bus: a load, or a plant of kind `plant` where it is negative."""
        if kw < 0:
            self.injections.append(Injected(injection_id, bus, plant, -kw, -kvar))
        elif kw > 0 or kvar:
            self.injections.append(Injected(injection_id, bus, "load", kw, kvar))


Id = TypeVar("Id", bound=Hashable)


def fused(buses: Iterable[Id], same: Iterable[tuple[Id, Id]], slack: Id) -> dict[Id, Id]:
    """Return the bus that represents each bus: the slack, else the first of the merged ones."""
    order = {bus: k for k, bus in enumerate([slack, *(bus for bus in buses if bus != slack)])}
    parent = {bus: bus for bus in order}

    def root(bus: Id) -> Id:
        while parent[bus] != bus:
            parent[bus] = parent[parent[bus]]
            bus = parent[bus]
        return bus

    for one, other in same:
        first, second = sorted((root(one), root(other)), key=order.__getitem__)
        parent[second] = first
    return {bus: root(bus) for bus in parent}


def fed(slack: Id, ends: Iterable[tuple[Id, Id]]) -> set[Id]:
    """Return the buses that lines connect to the slack."""
    beside: dict[Id, list[Id]] = {}
    for tail, head in ends:
        beside.setdefault(tail, []).append(head)
        beside.setdefault(head, []).append(tail)
    reached, left = {slack}, [slack]
    while left:
        for bus in beside.get(left.pop(), ()):
            if bus not in reached:
                reached.add(bus)
                left.append(bus)
    return reached


def in_parallel(lines: Sequence[Line]) -> tuple[list[Line], list[Hashable]]:
    """Combine lines between the same two buses; return the lines, and the ids of those combined.

    The current divides by admittance, so the first of them to reach its limit limits all.
    """
    groups: dict[tuple[frozenset[Any], float], list[Line]] = {}
    for line in lines:
        # Those of other ratios drive a current around: they stay, and are refused as a loop.
        turned = line.ratio if hash(line.tail) <= hash(line.head) else 1.0 / line.ratio
        key = frozenset((line.tail, line.head)), round(turned, 9)
        groups.setdefault(key, []).append(line)
    out, combined = [], []
    for group in groups.values():
        line = group[0]
        if len(group) > 1:
            admittance = [1.0 / complex(each.r_ohm, each.x_ohm) for each in group]
            impedance = 1.0 / sum(admittance)
            shares = [abs(part * impedance) for part in admittance]
            limit = min(each.limit_kw / share for each, share in zip(group, shares, strict=True))
            line = replace(line, r_ohm=impedance.real, x_ohm=impedance.imag, limit_kw=limit)
            combined += [each.line_id for each in group]
        out.append(line)
    return out, combined


def ratios(slack: Id, lines: Sequence[Line]) -> dict[Id, float]:
    """Return the product of line ratios on the way from the slack, for each fed bus."""
    beside: dict[Any, list[tuple[Any, float]]] = {}
    for line in lines:
        beside.setdefault(line.tail, []).append((line.head, line.ratio))
        beside.setdefault(line.head, []).append((line.tail, 1.0 / line.ratio))
    found, left = {slack: 1.0}, [slack]
    while left:
        bus = left.pop()
        for other, ratio in beside.get(bus, ()):
            if other not in found:
                found[other] = found[bus] * ratio
                left.append(other)
    return found
