"""What every vehicle wants to do, before roads decide how long it takes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from tidewatt.domain.arrays import Array, freeze
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.roads import FleetTypes, Roads
from tidewatt.domain.shown import Shown
from tidewatt.errors import Issue, ScenarioError
from tidewatt.synthesis.diary import Diary
from tidewatt.synthesis.habits import Habits
from tidewatt.synthesis.layout import lay_out
from tidewatt.synthesis.places import FeederPlaces
from tidewatt.synthesis.statistics import with_types

__all__ = ["DayPlans", "plan_days", "zone_places"]

INTRAZONAL_KM = 5.0
"""Longest trip within a zone [km]: zones of cities are rarely wider."""

_KINDS = {
    **dict.fromkeys(("start_zone", "origin", "destination"), np.int32),
    **{"first": np.int64, "place": np.int8, "type": np.int16},
}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DayPlans(Shown):
    """Trips that vehicles want to make; trips of vehicle i are rows ``first[i]:first[i + 1]``, in time order.

    Attributes
    ----------
    first : array of int64, shape (vehicles + 1,)
        CSR offsets of trips. Dwells are the rows ``first + arange``: vehicle i has one more dwell than trips,
        and dwell ``first[i] + i`` stands before its first trip.
    start_zone : array of int32, shape (vehicles,)
        Zone where the vehicle stands at minute 0.
    standing_min : array, shape (vehicles,)
        How long it has stood there then, at most a day; 0 for those on their way, who start at its end.
    depart_min : array, shape (trips,)
        Wanted departure [minutes since the start of the horizon], >= 0 and before its end. Who is still
        under way departs on arrival.
    origin, destination : array of int32, shape (trips,)
        Zones; each trip starts where the one before ended.
    distance_km : array, shape (trips,)
        Distance in the diary [km]: for trips within a zone, which no road network resolves, at most
        `INTRAZONAL_KM`.
    place : array of int8, shape (trips + vehicles,)
        What for the vehicle stands there: position in `statistics.PURPOSES`.
    charger_kw : array, shape (trips + vehicles,)
        Power of the charger at that destination [kW]; 0: none.
    type : array of int16, shape (vehicles,)
        Position in the types that were drawn from.
    """

    first: Array
    start_zone: Array
    standing_min: Array
    depart_min: Array
    origin: Array
    destination: Array
    distance_km: Array
    place: Array
    charger_kw: Array
    type: Array

    def __post_init__(self) -> None:
        for name in self.__slots__:
            object.__setattr__(self, name, freeze(getattr(self, name), _KINDS.get(name, np.float64)))

    @property
    def vehicles(self) -> int:
        """Number of vehicles."""
        return len(self.type)

    @property
    def trips(self) -> int:
        """Number of trips."""
        return len(self.depart_min)


def zone_places(roads: Roads, trips: Array) -> FeederPlaces:
    """Return homes and destinations by zone, derived from a matrix of trips between zones.

    Homes follow the zones' own figures where there are any, else the matrix's row sums. Workplaces and other
    destinations are drawn from the row of the home zone; one without trips of its own uses the column sums.

    Parameters
    ----------
    roads : Roads
        Its zones.
    trips : array, shape (zones, zones)
        Trips from zone to zone; only ratios within rows matter (and of row sums, where zones have no homes).

    Returns
    -------
    Places
        All of them on the studied network. It holds one table of (zones, zones).
    """
    trips = np.asarray(trips, np.float64)
    outgoing, incoming = trips.sum(axis=1), trips.sum(axis=0)
    total = float(outgoing.sum())
    if not total > 0:
        raise ScenarioError(
            [
                Issue(
                    "demand",
                    "trips",
                    "there are no trips at all",
                    "Give trips between zones, or homes and jobs of zones",
                )
            ]
        )
    given = np.nan_to_num(roads.homes)
    # Zones from which nobody travels have no homes in the matrix either.
    homes = given if given.sum() > 0 else outgoing
    table = np.cumsum(trips, axis=1)
    empty = np.flatnonzero(outgoing <= 0)
    table[empty] = np.cumsum(incoming)
    table /= table[:, -1:]
    # Rounding must not leave a draw beyond the last zone with trips.
    table[table >= 1.0 - 1e-12] = 1.0
    return FeederPlaces(homes, incoming, incoming, 0.0, 0.0, table=table)


def plan_days(
    places: FeederPlaces,
    vehicles: int,
    days: int,
    start: datetime,
    *,
    seed: int = 0,
    habits: Habits | None = None,
    diary: Diary | None = None,
    types: FleetTypes | None = None,
) -> DayPlans:
    """Return what `vehicles` want to do on `days` days from `start`.

    The synthesis is that of `week.synthesise`.

    Parameters
    ----------
    places : FeederPlaces
        Homes and destinations by zone, see `zone_places`.
    vehicles, days : int
        Numbers of vehicles and of whole days, > 0.
    start : datetime
        Minute 0; the weekday counts.
    seed : int
        Same seed, same plans, whatever the machine.
    habits : Habits, optional
        Assumptions; the defaults if not given.
    diary : Diary, optional
        Day chains instead of the embedded statistics.
    types : FleetTypes, optional
        What vehicles are drawn from, by share; `vehicle_types.default_types` if not given.

    Returns
    -------
    Plans
        A trip that departs before the end belongs to the horizon, even if it arrives after.

    Raises
    ------
    ScenarioError
        If no vehicle or day is asked for, the diary is empty or no type has a share.
    """
    if days < 1:
        raise ScenarioError([Issue("simulation", "days", f"{days} days asked for", "Ask for at least 1")])
    habits = habits or Habits()
    if types is not None:
        habits = with_types(habits, types)
    # Nobody's state of charge is needed here: one day before minute 0 settles where vehicles stand.
    laid = lay_out(
        places,
        vehicles,
        Horizon(start, 60.0, 24 * days),
        seed=seed,
        habits=habits,
        diary=diary,
        warm_up_days=1,
        open_ends=True,
    )
    first, zone = laid.trips.first, laid.dwells.feeder
    owner = np.repeat(np.arange(vehicles), np.diff(first))
    dwell = np.arange(len(owner)) + owner
    origin, destination = zone[dwell], zone[dwell + 1]
    km = np.where(origin == destination, np.minimum(laid.trips.km, INTRAZONAL_KM), laid.trips.km)
    begin = first[:-1] + np.arange(vehicles)
    standing = np.clip(-laid.dwells.arrive[begin], 0.0, 1440.0)
    return DayPlans(
        first,
        zone[begin],
        standing,
        laid.trips.depart,
        origin,
        destination,
        km,
        laid.dwells.place,
        laid.dwells.kw,
        laid.battery,
    )
