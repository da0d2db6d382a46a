"""Vehicles, their trips and dwells (rows sorted by vehicle and time), and when they charge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from tidewatt.domain.arrays import Array, freeze, identifiers
from tidewatt.domain.shown import Shown

__all__ = ["OFF_GRID", "Dwells", "Fleet", "Schedule", "Trips"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Fleet(Shown):
    """The vehicles of a scenario, one array per property; all of shape (vehicles,).

    Attributes
    ----------
    vehicle_id : array of int64 or str
        Unique ids, as given.
    battery_kwh : array
        Usable capacity at state of charge 1 [kWh], > 0.
    soc_initial, soc_min, soc_max, soc_final_min : array
        State of charge as a fraction of `battery_kwh`, 0..1: at minute 0, least and most at any
        time, and least at the end.
    charge_efficiency : array
        Battery-side energy per grid-side energy, (0, 1].
    max_charge_kw : array
        On-board limit, grid side [kW], > 0, may be inf.
    weight : array
        How many real vehicles this one stands for, > 0.
    discharge_efficiency : array
        Grid-side energy per battery-side energy when feeding back, (0, 1].
    max_discharge_kw : array
        Limit when feeding back, grid side [kW], >= 0.
    attributes : mapping of str to array, each of shape (vehicles,)
        Columns carried along: ``x_*``.
    """

    vehicle_id: Array
    battery_kwh: Array
    soc_initial: Array
    soc_min: Array
    soc_max: Array
    soc_final_min: Array
    charge_efficiency: Array
    max_charge_kw: Array
    weight: Array
    discharge_efficiency: Array
    max_discharge_kw: Array
    attributes: Mapping[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "vehicle_id", identifiers(self.vehicle_id))
        for name in self.__slots__:
            if name not in ("vehicle_id", "attributes"):
                object.__setattr__(self, name, freeze(getattr(self, name)))

    def __len__(self) -> int:
        return len(self.vehicle_id)


OFF_GRID = -1
"""Feeder index of a dwell that is not on the studied grid."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Dwells(Shown):
    """Dwells of vehicles. Rows of vehicle i: ``first[i]:first[i + 1]``, in time order.

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


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Trips(Shown):
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


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Schedule(Shown):
    """Power of charging opportunities (dwells with a charger) over the steps they touch.

    Opportunities stand in the order of the scenario's dwells. Steps of opportunity q:
    ``first_step[q] + 0, 1, ...``; their powers: ``power_kw[first[q]:first[q + 1]]``.

    Attributes
    ----------
    dwell : array of int64, shape (opportunities,)
        Row of the scenario's dwells.
    first_step : array of int32, shape (opportunities,)
        First step that the dwell touches.
    first : array of int64, shape (opportunities + 1,)
        CSR offsets into `power_kw`.
    power_kw : array, shape (variables,)
        Grid-side power averaged over the step [kW], >= 0.
    """

    dwell: Array
    first_step: Array
    first: Array
    power_kw: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "dwell", freeze(self.dwell, np.int64))
        object.__setattr__(self, "first_step", freeze(self.first_step, np.int32))
        object.__setattr__(self, "first", freeze(self.first, np.int64))
        object.__setattr__(self, "power_kw", freeze(self.power_kw, self.power_kw.dtype))

    def rows(self, dwells: Dwells, begin: int = 0, end: int | None = None) -> tuple[Array, ...]:
        """Return the powers that are not 0, in the order of vehicle, dwell and step.

        Parameters
        ----------
        dwells : Dwells
            Of the scenario that this is a schedule of.
        begin, end : int, optional
            First and last but one opportunity to look at; by default all.

        Returns
        -------
        vehicle, dwell, step, feeder, power_kw : array, shape (rows,)
            Row of the vehicle; dwell among all dwells of the vehicle, from 0, int32; step, int32; row of
            the feeder (-1: not on the studied grid); power [kW].
        """
        first = self.first[begin : (len(self.dwell) if end is None else end) + 1]
        power = self.power_kw[first[0] : first[-1]]
        place = np.flatnonzero(power)
        opportunity = np.repeat(np.arange(len(first) - 1), np.diff(first))[place]
        step = self.first_step[begin + opportunity] + (place + first[0] - first[opportunity])
        dwell = self.dwell[begin + opportunity]
        owner = np.searchsorted(dwells.first, self.dwell[begin : begin + len(first) - 1], side="right") - 1
        vehicle = owner[opportunity]
        return (
            vehicle,
            (dwell - dwells.first[vehicle]).astype(np.int32),
            step.astype(np.int32),
            dwells.feeder[dwell],
            power[place],
        )
