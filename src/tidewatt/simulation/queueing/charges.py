"""Requests to charge on the way, and charges as they happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from tidewatt.domain.arrays import Array, freeze
from tidewatt.domain.shown import Shown
from tidewatt.kernels.queue import figures

__all__ = ["FAST", "NORMAL", "SERIES", "Requests", "Sessions", "joined", "station_series"]

_KINDS = {
    "vehicle": np.int32,
    "direct_ms": np.int32,
    "to_ms": np.int32,
    "onward_ms": np.int32,
}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Requests(Shown):
    """Charging requests by `minute`, ties by row; arrays of shape (requests,).

    They are what a day of traffic leaves for its day of charging: a plan of stations changes where and when
    vehicles charge, not what they ask for.

    Attributes
    ----------
    minute : array
        When the driver decides, minutes since the start of the horizon.
    vehicle : array of int32
        Index of the vehicle: its taste for each station is its own.
    energy_kwh : array
        Energy asked for, grid side.
    fast_kw, normal_kw : array
        The vehicle's limits; 0: cannot use that kind of charger.
    battery_kwh, soc : array
        Capacity, and state of charge with which it comes to a station.
    direct_ms : array of int32
        Travel time to the destination without a stop [ms].
    to_ms, onward_ms : array of int32, shape (requests, stations)
        Travel time to each station, and from there to the destination [ms]; -1: cannot be reached.
    taste_seed : int
        Seed of the drivers' tastes.
    """

    minute: Array
    vehicle: Array
    energy_kwh: Array
    fast_kw: Array
    normal_kw: Array
    battery_kwh: Array
    soc: Array
    direct_ms: Array
    to_ms: Array
    onward_ms: Array
    taste_seed: int = 0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if name != "taste_seed":
                object.__setattr__(self, name, freeze(getattr(self, name), _KINDS.get(name, np.float64)))
        if self.to_ms.ndim != 2 or self.to_ms.shape != self.onward_ms.shape:
            raise ValueError("to_ms and onward_ms must have one row per request and one column per station")
        if len(self.to_ms) != len(self.minute):
            raise ValueError(f"{len(self.minute)} requests but {len(self.to_ms)} rows of travel times")
        if np.any(np.diff(self.minute) < 0):
            raise ValueError("requests must be sorted by minute")

    def __len__(self) -> int:
        return len(self.minute)

    @property
    def stations(self) -> int:
        """Number of stations."""
        return int(self.to_ms.shape[1])

    def rows(self, begin: int, end: int) -> Requests:
        """Return requests `begin` to `end` - 1."""
        part = {f.name: getattr(self, f.name) for f in fields(self)}
        return Requests(**{k: v if k == "taste_seed" else v[begin:end] for k, v in part.items()})


def joined(batches: Sequence[Requests], stations: int, taste_seed: int = 0) -> Requests:
    """Join batches into one: each begins no earlier than the previous one ends.

    Parameters
    ----------
    batches : sequence of Requests
        May be empty.
    stations : int
        Number of stations.
    taste_seed : int
        Seed of the drivers' tastes.
    """
    columns = [f.name for f in fields(Requests) if f.name != "taste_seed"]
    if not batches:
        none = {name: np.zeros((0, stations) if name in ("to_ms", "onward_ms") else 0) for name in columns}
        return Requests(**none, taste_seed=taste_seed)
    together = {name: np.concatenate([getattr(batch, name) for batch in batches]) for name in columns}
    return Requests(**together, taste_seed=taste_seed)


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
        """Return some sessions, by index, mask or order."""
        return Sessions(*(getattr(self, field.name)[index] for field in fields(self)))


def station_series(
    sessions: Sessions, stations: int, minutes: int, *, taper_soc: float = 1.0, charge_efficiency: float = 1.0
) -> dict[str, Array]:
    """Return series by station and minute, as means over each minute.

    Parameters
    ----------
    sessions : Sessions
    stations, minutes : int
        Shape of the series; what lies beyond the last minute wraps to the first ones.
    taper_soc, charge_efficiency : float
        As in `SimulationOptions`.

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
