"""Which buses are one, which lines are parallel, and what is fed."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from tidewatt.io.importers.network_draft import Line

__all__ = ["fed", "fused", "in_parallel", "ratios"]

Id = TypeVar("Id", bound=Hashable)


def fused(buses: Iterable[Id], same: Iterable[tuple[Id, Id]], slack: Id) -> dict[Id, Id]:
    """The bus that stands for each bus: the slack, else the first of those that are one."""
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
    """Buses that lines connect with the slack."""
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
    """Lines with those between the same two buses combined, and the ids of those that were.

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
    """Product of the ratios of lines on the way from the slack, by bus that is fed."""
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
