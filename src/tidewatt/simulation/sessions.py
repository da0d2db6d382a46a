"""Charges as they happened."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from tidewatt.domain.arrays import Array

__all__ = ["FAST", "NORMAL", "Sessions"]

FAST, NORMAL = 0, 1


@dataclass(frozen=True, slots=True, eq=False)
class Sessions:
    """Charges in the order in which vehicles came to stations; arrays of shape (sessions,).

    Attributes
    ----------
    request : array of int64
        Number of the request, from 0, as they were decided.
    vehicle, station : array of int32
    kind : array of int8
        `FAST` or `NORMAL`.
    decide_min, arrive_min, start_min, end_min : array
        Minutes since the start of the horizon.
    detour_min : array
        Driving that the stop adds.
    energy_kwh : array
        Grid side.
    power_kw : array
        Full power of the session: what charger and vehicle both stand.
    price_per_kwh : array
        Price of the minute in which charging starts.
    soc, battery_kwh : array
        State of charge at the start, and capacity.
    """

    request: Array
    vehicle: Array
    station: Array
    kind: Array
    decide_min: Array
    arrive_min: Array
    start_min: Array
    end_min: Array
    detour_min: Array
    energy_kwh: Array
    power_kw: Array
    price_per_kwh: Array
    soc: Array
    battery_kwh: Array

    def __len__(self) -> int:
        return len(self.request)

    @property
    def wait_min(self) -> Array:
        """Time in the queue."""
        return np.asarray(self.start_min - self.arrive_min)

    @property
    def charge_min(self) -> Array:
        """Time at the charger."""
        return np.asarray(self.end_min - self.start_min)

    @property
    def revenue(self) -> Array:
        """Money for each charge."""
        return np.asarray(self.price_per_kwh * self.energy_kwh)

    def rows(self, index: Array) -> Sessions:
        """Some sessions, by index, mask or order."""
        return Sessions(*(getattr(self, field.name)[index] for field in fields(self)))
