"""Charges as they happened."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.kernels.queue import figures

__all__ = ["FAST", "NORMAL", "SERIES", "Sessions", "station_series"]

FAST, NORMAL = 0, 1
SERIES = ("power_kw", "revenue_per_h", "queue_vehicles", "occupied_chargers")


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


def station_series(
    sessions: Sessions, stations: int, minutes: int, *, taper_soc: float = 1.0, charge_efficiency: float = 1.0
) -> dict[str, Array]:
    """Series by station and minute, means over each minute.

    Parameters
    ----------
    sessions : Sessions
    stations, minutes : int
        Shape of the series; what lies beyond the last minute wraps to the first ones.
    taper_soc, charge_efficiency : float
        As in `Parameters`.

    Returns
    -------
    dict of str to array, each of shape (stations, minutes)
        ``power_kw``, ``revenue_per_h`` (money), ``queue_vehicles``, ``occupied_chargers``.
    """
    out = np.zeros((len(SERIES), stations, minutes))
    figures.station_series(
        sessions.station,
        sessions.arrive_min,
        sessions.start_min,
        sessions.end_min,
        sessions.power_kw,
        sessions.energy_kwh,
        sessions.soc,
        sessions.battery_kwh,
        sessions.price_per_kwh,
        float(taper_soc),
        float(charge_efficiency),
        out,
    )
    return dict(zip(SERIES, out))
