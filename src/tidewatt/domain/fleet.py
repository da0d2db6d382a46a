"""Vehicles: batteries, limits and weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tidewatt.domain.arrays import Array, freeze, identifiers

__all__ = ["Fleet"]


@dataclass(frozen=True, slots=True, eq=False)
class Fleet:
    """The vehicles of a scenario, one array a property; all of shape (vehicles,).

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
