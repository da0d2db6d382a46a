"""Trips and dwells of every vehicle, rows sorted by vehicle and time (CSR by vehicle)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from tidewatt.domain.arrays import Array, freeze

__all__ = ["OFF_GRID", "Dwells", "Trips"]

OFF_GRID = -1
"""Feeder index of a dwell that is not on the studied grid."""


@dataclass(frozen=True, slots=True, eq=False)
class Dwells:
    """Stays of vehicles at a place. Rows of vehicle i: ``first[i]:first[i + 1]``, in time order.

    Attributes
    ----------
    first : array of int64, shape (vehicles + 1,)
        CSR offsets.
    arrive_min, depart_min : array, shape (dwells,)
        Minutes since the start of the horizon.
    feeder : array of int32, shape (dwells,)
        Index into the grid's feeders, or `OFF_GRID`.
    charger_kw : array, shape (dwells,)
        Power of the charger there, grid side [kW]; 0: none.
    attributes : mapping of str to array, each of shape (dwells,)
        Columns carried along: ``place``, ``station_id``, ``longitude``, ``latitude``, ``x_*``.
    """

    first: Array
    arrive_min: Array
    depart_min: Array
    feeder: Array
    charger_kw: Array
    attributes: Mapping[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _freeze_rows(self, ("arrive_min", "depart_min", "charger_kw"))
        object.__setattr__(self, "feeder", freeze(self.feeder, np.int32))

    def __len__(self) -> int:
        return len(self.arrive_min)


@dataclass(frozen=True, slots=True, eq=False)
class Trips:
    """Trips of vehicles. Rows of vehicle i: ``first[i]:first[i + 1]``, in time order.

    Attributes
    ----------
    first : array of int64, shape (vehicles + 1,)
        CSR offsets.
    depart_min, arrive_min : array, shape (trips,)
        Minutes since the start of the horizon.
    energy_kwh : array, shape (trips,)
        Energy drawn from the battery, battery side [kWh], >= 0.
    attributes : mapping of str to array, each of shape (trips,)
        Columns carried along: ``distance_km``, ``origin``, ``destination``, ``x_*``.
    """

    first: Array
    depart_min: Array
    arrive_min: Array
    energy_kwh: Array
    attributes: Mapping[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _freeze_rows(self, ("depart_min", "arrive_min", "energy_kwh"))

    def __len__(self) -> int:
        return len(self.depart_min)


def _freeze_rows(rows: Dwells | Trips, names: tuple[str, ...]) -> None:
    object.__setattr__(rows, "first", freeze(rows.first, np.int64))
    for name in names:
        object.__setattr__(rows, name, freeze(getattr(rows, name)))
