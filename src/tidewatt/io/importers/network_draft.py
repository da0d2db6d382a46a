"""A draft of a network: buses, lines and injections as a file tells them, and the account of it."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

__all__ = ["Bus", "BusId", "Injected", "Line", "Network"]

BusId: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class Bus:
    """A bus: nominal line-to-line voltage and limits; nan: none given."""

    base_kv: float
    low_pu: float = math.nan
    high_pu: float = math.nan


@dataclass(frozen=True, slots=True)
class Line:
    """A line or transformer, its impedance at the lower of its two voltages, else at the head.

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
class Network:
    """A draft of a network, and the account of how it came about.

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
        """Note ids that are left out."""
        if named := tuple(map(str, ids)):
            self.dropped[why] = self.dropped.get(why, ()) + named

    def note(self, what: str, each: object) -> None:
        """Note an id whose value is not the file's."""
        self.imputed[what] = (*self.imputed.get(what, ()), str(each))

    def power(self, injection_id: str, bus: BusId, kw: float, kvar: float, plant: str) -> None:
        """Add what is consumed at a bus: a load, or a plant of kind `plant` where that is below 0."""
        if kw < 0:
            self.injections.append(Injected(injection_id, bus, plant, -kw, -kvar))
        elif kw > 0 or kvar:
            self.injections.append(Injected(injection_id, bus, "load", kw, kvar))
