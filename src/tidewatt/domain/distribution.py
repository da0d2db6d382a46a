"""The distribution grid at the level of buses and lines, and what is injected there besides vehicles."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tidewatt.domain.arrays import Array, FrozenArrays

__all__ = ["INJECTION_KINDS", "Distribution", "Forecasts", "Injections", "days_needed", "rank_of"]

INJECTION_KINDS = ("load", "wind", "solar")
"""Kinds of injections; `Injections.kind` is a position in it. A load consumes, the others produce."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Distribution(FrozenArrays):
    """Buses and lines of a network that is operated radially.

    Attributes
    ----------
    bus_id : array of int64 or str, shape (buses,)
    slack : array of bool, shape (buses,)
        Where the network is fed: one bus. Where its two limits of voltage are equal it is fed at that
        voltage, else at 1 per unit.
    voltage_min_pu, voltage_max_pu : array, shape (buses,)
        Limits of voltage magnitude; 0 and inf: none.
    base_kv : array, shape (buses,)
        Nominal line-to-line voltage.
    line_id : array of int64 or str, shape (lines,)
    tail, head : array of int32, shape (lines,)
        Buses at the ends; the direction carries no meaning.
    r_ohm, x_ohm : array, shape (lines,)
        Series impedance of the positive sequence; between buses of different `base_kv` (a transformer) at
        the lower of the two voltages.
    limit_kw : array, shape (lines,)
        Most active power in either direction; inf: none.
    """

    KINDS: ClassVar[Mapping[str, type]] = {"slack": np.bool_, "tail": np.int32, "head": np.int32}
    bus_id: Array
    slack: Array
    voltage_min_pu: Array
    voltage_max_pu: Array
    base_kv: Array
    line_id: Array
    tail: Array
    head: Array
    r_ohm: Array
    x_ohm: Array
    limit_kw: Array

    @property
    def buses(self) -> int:
        """Number of buses."""
        return len(self.bus_id)

    @property
    def lines(self) -> int:
        """Number of lines."""
        return len(self.line_id)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Injections(FrozenArrays):
    """Loads, wind and solar plants: their forecasts and how far these may be off.

    Attributes
    ----------
    injection_id : array of int64 or str, shape (injections,)
    bus : array of int32, shape (injections,)
    kind : array of int8, shape (injections,)
        Position in `INJECTION_KINDS`.
    power_kw : array, shape (injections, steps)
        Forecast: consumption of a load, production of a plant, >= 0.
    reactive_kvar : array, shape (injections, steps)
        Consumed by a load, produced by a plant; follows the power at constant power factor.
    half_width_kw : array, shape (injections, steps)
        The power may be off by so much either way, >= 0.
    gamma : array, shape (injections,)
        Own share of the half width that is protected against, 0 to 1; nan: the study's.
    """

    KINDS: ClassVar[Mapping[str, type]] = {"bus": np.int32, "kind": np.int8}
    injection_id: Array
    bus: Array
    kind: Array
    power_kw: Array
    reactive_kvar: Array
    half_width_kw: Array
    gamma: Array

    @classmethod
    def none(cls, steps: int) -> Injections:
        """Return injections under which nothing is drawn or produced anywhere."""
        empty, flat = np.zeros(0), np.zeros((0, steps))
        return cls(np.zeros(0, object), empty, empty, flat, flat, flat, empty)

    def __len__(self) -> int:
        return len(self.injection_id)

    @property
    def sign(self) -> Array:
        """+1 where the power is consumed, -1 where it is produced, shape (injections,)."""
        return np.where(self.kind == 0, 1.0, -1.0)

    def drawn(self, buses: int) -> tuple[Array, Array]:
        """Return consumption at buses by the forecast [kW, kvar], both of shape (buses, steps)."""
        drawn = np.zeros((2, buses, self.power_kw.shape[1]))
        sign = self.sign[:, None]
        np.add.at(drawn[0], self.bus, sign * self.power_kw)
        np.add.at(drawn[1], self.bus, sign * self.reactive_kvar)
        return drawn[0], drawn[1]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Forecasts(FrozenArrays):
    """Past forecasts and their outcomes: the source of conformal margins.

    Attributes
    ----------
    day : array of int64, shape (days,)
        Numbers of the days, ascending.
    forecast_kw, outcome_kw : array, shape (days, injections, steps)
        In the order of `Injections`; nan where the tables hold no row.
    """

    KINDS: ClassVar[Mapping[str, type]] = {"day": np.int64}
    day: Array
    forecast_kw: Array
    outcome_kw: Array


_ROUNDING = 1e-9


def rank_of(days: int, coverage: float) -> int:
    """Return the rank, from 1, of the past score that covers a new one: ceil((days + 1) coverage)."""
    return max(1, math.ceil((days + 1) * coverage - _ROUNDING))


def days_needed(coverage: float) -> int:
    """Return the fewest past days for which that rank exists."""
    days = max(1, math.floor(coverage / (1.0 - coverage)) - 1)
    while rank_of(days, coverage) > days:
        days += 1
    return days
