"""Charging stations and what is built there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from tidewatt.domain.arrays import Array, freeze, identifiers
from tidewatt.domain.shown import Shown

__all__ = ["StationPlan", "Stations"]

_WHOLE = {
    **dict.fromkeys(("node", "feeder"), np.int32),
    **dict.fromkeys(("fast", "normal", "price_first"), np.int64),
    **dict.fromkeys(("fixed", "closed"), np.bool_),
}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StationPlan(Shown):
    """Numbers of chargers at every station; both of shape (stations,), int64, >= 0.

    Attributes
    ----------
    fast, normal : array
        Chargers of each kind.
    """

    fast: Array
    normal: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "fast", freeze(self.fast, np.int64))
        object.__setattr__(self, "normal", freeze(self.normal, np.int64))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Stations(Shown):
    """Public charging stations; arrays of shape (stations,) unless noted.

    Attributes
    ----------
    station_id : array of int64 or str
    node : array of int32
        Road node.
    fast, normal : array of int64
        Chargers installed.
    fast_kw, normal_kw : array
        Power of one charger of each kind, > 0.
    feeder : array of int32
        Feeder that supplies it, or `mobility.OFF_GRID`.
    price_fast_per_kwh, price_normal_per_kwh : array
        Price where no window of `station_prices` says otherwise; 0 where not given.
    max_total : array
        Most chargers the site holds; nan where not given.
    age_years, life_years : array
        nan where not given.
    fixed : array of bool
        Whether the station must stay as it is.
    closed : array of bool
        Whether the site has no chargers now: a station that was closed, or one that may be opened. None
        where not given.
    fast_min, normal_min : array
        Fewest chargers of each kind; 0 where not given.
    snap_km : array
        Distance between the given place and the node; nan where not given.
    price_first : array of int64, shape (stations + 1,)
        CSR offsets of price windows by station.
    price_start_min, price_end_min : array, shape (windows,)
        Minutes of the day.
    window_price_fast_per_kwh, window_price_normal_per_kwh : array, shape (windows,)
    attributes : mapping of str to array, each of shape (stations,)
        Columns carried along: ``bus_id``, ``budget_group``, ``x_*``.
    """

    station_id: Array
    node: Array
    fast: Array
    normal: Array
    fast_kw: Array
    normal_kw: Array
    feeder: Array
    price_fast_per_kwh: Array
    price_normal_per_kwh: Array
    max_total: Array
    age_years: Array
    life_years: Array
    fixed: Array
    fast_min: Array
    normal_min: Array
    snap_km: Array
    price_first: Array
    price_start_min: Array
    price_end_min: Array
    window_price_fast_per_kwh: Array
    window_price_normal_per_kwh: Array
    closed: Array = field(default_factory=lambda: np.zeros(0, np.bool_))
    attributes: Mapping[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "station_id", identifiers(self.station_id))
        if not len(self.closed):
            object.__setattr__(self, "closed", np.zeros(len(self.station_id), np.bool_))
        for name in self.__slots__:
            if name not in ("station_id", "attributes"):
                object.__setattr__(self, name, freeze(getattr(self, name), _WHOLE.get(name, np.float64)))

    def __len__(self) -> int:
        return len(self.station_id)

    @property
    def plan(self) -> StationPlan:
        """The installed chargers."""
        return StationPlan(self.fast, self.normal)

    def prices_by_minute(self) -> tuple[Array, Array]:
        """Return prices of fast and normal charging by minute of the day, each of shape (stations, 1440)."""
        fast = np.repeat(self.price_fast_per_kwh[:, None], 1440, axis=1)
        normal = np.repeat(self.price_normal_per_kwh[:, None], 1440, axis=1)
        owner = np.repeat(np.arange(len(self)), np.diff(self.price_first))
        for row, station in enumerate(owner):
            window = slice(int(self.price_start_min[row]), int(np.ceil(self.price_end_min[row])))
            for prices, given in (
                (fast, self.window_price_fast_per_kwh),
                (normal, self.window_price_normal_per_kwh),
            ):
                if np.isfinite(given[row]):
                    prices[station, window] = given[row]
        return fast, normal
