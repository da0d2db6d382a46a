"""Day chains: from a diary table, or made from embedded statistics."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tidewatt.domain.arrays import Array, freeze
from tidewatt.domain.shown import Shown
from tidewatt.synthesis import statistics as st

__all__ = ["Diary", "embedded_diary", "travel_min"]

HOME, WORK, ESCORT, ERRAND = 0, 1, 4, 5
LATEST_MIN = 24.25 * 60.0


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Diary(Shown):
    """Car trips of person-days, rows sorted by person-day and departure.

    Attributes
    ----------
    person : array of int64 or str, shape (trips,)
        The person-day (or vehicle-day) a trip belongs to; consecutive rows of one value are a chain.
    depart_min, arrive_min : array, shape (trips,)
        Minutes since midnight of that day; may pass 1440.
    distance_km : array, shape (trips,)
        Driven distance [km], >= 0.
    purpose : array of str or int8, shape (trips,)
        Purpose at the destination: one of `statistics.PURPOSES`, or its position there.
    weekend : array of bool, shape (trips,)
        Whether the day is a Saturday or Sunday.
    weight : array, shape (trips,)
        Expansion weight of the chain; that of its first row counts.
    """

    person: Array
    depart_min: Array
    arrive_min: Array
    distance_km: Array
    purpose: Array
    weekend: Array
    weight: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "person", np.asarray(self.person))
        for name in ("depart_min", "arrive_min", "distance_km", "weight"):
            object.__setattr__(self, name, freeze(getattr(self, name)))
        object.__setattr__(self, "weekend", freeze(self.weekend, np.bool_))
        purpose = np.asarray(self.purpose)
        if purpose.dtype.kind not in "iu":
            codes = {name: code for code, name in enumerate(st.PURPOSES)}
            purpose = np.array([codes.get(str(p), codes["other"]) for p in purpose], np.int8)
        object.__setattr__(self, "purpose", freeze(purpose, np.int8))

    def __len__(self) -> int:
        return len(self.depart_min)


def travel_min(distance_km: Array) -> Array:
    """Return travel time by car [min]: 4 min to start and park, faster on longer ways, after MiD 2017."""
    speed_kmh = 22.0 + 18.0 * np.log1p(distance_km / 5.0)
    minutes: Array = 4.0 + 60.0 * distance_km / speed_kmh
    return minutes


@lru_cache(maxsize=4)
def embedded_diary(person_days: int = 24_000, seed: int = 0, part_time_share: float = 0.12) -> Diary:
    """Draw chains from the embedded statistics: 2 to 5 trips, home to home.

    A third each are work days, other weekdays and weekend days; weights make no difference between
    chains of one kind, as the week's synthesis chooses the kind first. `part_time_share` of the work
    days are half as long.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,)))
    kind = np.arange(person_days) % 3  # 0 work day, 1 other weekday, 2 weekend
    weekend = (kind == 2).astype(np.int64)
    trips = _pick(st.TRIPS_PER_DAY[weekend], rng) + 2
    purpose = _sequences(kind, weekend, trips, rng)
    longest = purpose.shape[1]

    depart, arrive = np.zeros((2, person_days, longest))
    distance = np.zeros((person_days, longest))
    origin_km, clock, at = np.zeros(person_days), np.zeros(person_days), np.full(person_days, HOME)
    tours = (purpose == HOME).sum(axis=1) > 1
    part_time = rng.random(person_days) < part_time_share
    for k in range(longest):
        to = np.maximum(purpose[:, k], HOME)
        row = np.maximum(to - 1, 0)
        # The place's own distance from home and the angle between two places give their distance.
        place_km = np.exp(rng.normal(np.log(st.TRIP_KM[row, 0]), st.TRIP_KM[row, 1]))
        place_km = np.where(to == HOME, 0.0, np.clip(place_km, 0.7, 180.0))
        angle = rng.uniform(0.0, np.pi, person_days)
        leg = np.sqrt(np.maximum(place_km**2 + origin_km**2 - 2 * place_km * origin_km * np.cos(angle), 0.0))
        distance[:, k] = np.maximum(leg, 0.5)
        # A stop before work does not move the commute to the hours of shopping.
        hours_of = np.where((kind == 0) & (k == 0), WORK - 1, row)
        by_hour = st.DEPARTURES_BY_HOUR[weekend, hours_of]
        leaving_home = _departure(by_hour, clock + (20.0 if k else 0.0), rng)
        # Of several tours in a day each begins at the earlier of two draws, to leave room for the next.
        earlier = np.minimum(leaving_home, _departure(by_hour, clock + (20.0 if k else 0.0), rng))
        leaving_home = np.where(tours & (hours_of != WORK - 1), earlier, leaving_home)
        depart[:, k] = np.where(at == HOME, leaving_home, clock)
        arrive[:, k] = depart[:, k] + travel_min(distance[:, k]) * np.exp(rng.normal(0.0, 0.15, person_days))
        stay = np.exp(rng.normal(np.log(st.STAY_MIN[row, 0]), st.STAY_MIN[row, 1]))
        stay = np.where((to == WORK) & part_time, 0.5 * stay, stay)
        clock = arrive[:, k] + np.where(to == HOME, 0.0, np.clip(stay, 3.0, 840.0))
        at, origin_km = to, place_km

    # A second tour that would end after midnight is left out.
    used: Array = np.greater_equal(purpose, 0)
    second = (np.cumsum(purpose == HOME, axis=1) - (purpose == HOME)) > 0
    late: Array = np.any((arrive > LATEST_MIN) & used, axis=1, keepdims=True)
    used &= ~(late & second)
    person = np.repeat(np.arange(person_days), longest).reshape(used.shape)
    return Diary(
        person[used],
        np.round(depart[used]),
        np.round(arrive[used]),
        np.round(distance[used], 2),
        purpose[used],
        np.broadcast_to(kind[:, None] == 2, used.shape)[used],
        np.ones(int(used.sum())),
    )


def _sequences(kind: Array, weekend: Array, trips: Array, rng: np.random.Generator) -> Array:
    """Return the destinations of each chain, shape (chains, 5), -1 after the last; always ending at home."""
    n = len(kind)
    stops = 2 + np.stack([_pick(st.PURPOSE_SHARE[weekend], rng) for _ in range(3)], axis=1)
    x, y, z = stops.T
    short = np.array([ESCORT, ERRAND])[(rng.random(n) < 0.4).astype(np.int64)]
    home, none, work = np.zeros(n, np.int64), np.full(n, -1), np.full(n, WORK)
    # A commuter's stops lie before work (a third) or after it; half the days of four trips have both.
    before = (kind == 0) & (rng.random(n) < 0.35)
    both = (kind == 0) & (rng.random(n) < 0.5)
    main = np.where(kind == 0, work, x)
    first, second = np.where(before, short, main), np.where(before, main, y)
    four = np.stack([main, home, z, home, none], axis=1)
    four[both] = np.stack([short, main, z, home, none], axis=1)[both]
    table = np.stack(
        [
            np.stack([main, home, none, none, none], axis=1),
            np.stack([first, second, home, none, none], axis=1),
            four,
            np.stack([first, second, home, z, home], axis=1),
        ]
    )
    sequences: Array = table[trips - 2, np.arange(n)]
    return sequences


def _pick(shares: Array, rng: np.random.Generator) -> Array:
    """Pick one column per row, by that row's relative shares."""
    cumulative = np.cumsum(shares, axis=1)
    drawn = rng.random(len(shares))[:, None] * cumulative[:, -1:]
    column: Array = np.minimum((drawn >= cumulative).sum(axis=1), shares.shape[1] - 1)
    return column


def _departure(by_hour: Array, earliest_min: Array, rng: np.random.Generator) -> Array:
    """Return departures [min] by hourly weights, none before `earliest_min`."""
    cumulative = np.concatenate([np.zeros((len(by_hour), 1)), np.cumsum(by_hour, axis=1)], axis=1)
    hour = np.clip(earliest_min / 60.0, 0.0, 23.999)
    whole = hour.astype(np.int64)
    rows = np.arange(len(by_hour))
    below = cumulative[rows, whole] + (hour - whole) * by_hour[rows, whole]
    drawn = below + rng.random(len(by_hour)) * np.maximum(cumulative[:, -1] - below, 1e-9)
    slot = np.clip((drawn[:, None] >= cumulative[:, 1:]).sum(axis=1), 0, 23)
    inside = (drawn - cumulative[rows, slot]) / np.maximum(by_hour[rows, slot], 1e-9)
    minutes: Array = np.maximum(60.0 * (slot + np.clip(inside, 0.0, 1.0)), earliest_min)
    return minutes
