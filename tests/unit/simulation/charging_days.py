"""Small days of charging, and a plain simulator of them that shares only the tastes with the kernels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tidewatt.domain.stations import StationPlan, Stations
from tidewatt.kernels.queue.stations import taste_min
from tidewatt.options.simulation import SimulationOptions
from tidewatt.simulation.queueing.charges import Requests, Sessions
from tidewatt.simulation.queueing.charging import ChargingDay
from tidewatt.simulation.queueing.packing import rules_of

Events = dict[int, tuple[int, int, float, float, float]]
"""Request -> station, kind, arrive, start, end."""


def stations_of(fast: Any, normal: Any, **given: Any) -> Stations:
    """Stations with these chargers; 120 and 30 kW, 1.5 and 1.0 per kWh where nothing else is given."""
    n = len(fast)
    nan, zero = np.full(n, np.nan), np.zeros(n)
    columns: dict[str, Any] = {
        "station_id": np.arange(n) + 100,
        "node": np.arange(n),
        "fast": fast,
        "normal": normal,
        "fast_kw": np.full(n, 120.0),
        "normal_kw": np.full(n, 30.0),
        "feeder": np.full(n, -1),
        "price_fast_per_kwh": np.full(n, 1.5),
        "price_normal_per_kwh": np.full(n, 1.0),
        "max_total": nan,
        "age_years": nan,
        "life_years": nan,
        "fixed": np.zeros(n, bool),
        "fast_min": zero,
        "normal_min": zero,
        "snap_km": nan,
        "price_first": np.zeros(n + 1),
        "price_start_min": [],
        "price_end_min": [],
        "window_price_fast_per_kwh": [],
        "window_price_normal_per_kwh": [],
    }
    return Stations(**{**columns, **given})


def requests_of(minute: Any, to_ms: Any, onward_ms: Any = None, **given: Any) -> Requests:
    """Requests of 30 kWh into batteries of 60 kWh at 20 %, of vehicles that stand 150 and 40 kW."""
    minute, to_ms = np.asarray(minute, float), np.asarray(to_ms)
    n = len(minute)
    columns: dict[str, Any] = {
        "minute": minute,
        "vehicle": np.arange(n),
        "energy_kwh": np.full(n, 30.0),
        "fast_kw": np.full(n, 150.0),
        "normal_kw": np.full(n, 40.0),
        "battery_kwh": np.full(n, 60.0),
        "soc": np.full(n, 0.2),
        "direct_ms": np.zeros(n),
        "to_ms": to_ms,
        "onward_ms": to_ms if onward_ms is None else onward_ms,
    }
    return Requests(**{**columns, **given})


def random_day(seed: int, requests: int = 150, stations: int = 6) -> tuple[Stations, Requests]:
    """Few stations, crowded, some out of reach or empty, prices that change in the day, ties in time."""
    rng = np.random.default_rng(seed)
    windows = rng.integers(0, 3, stations)
    begin = rng.integers(0, 1400, windows.sum()).astype(float)
    made = stations_of(
        rng.integers(0, 3, stations),
        rng.integers(0, 4, stations),
        fast_kw=rng.choice([60.0, 120.0], stations),
        price_fast_per_kwh=rng.choice([1.2, 1.5], stations),
        price_first=np.concatenate([[0], np.cumsum(windows)]),
        price_start_min=begin,
        price_end_min=begin + 40,
        window_price_fast_per_kwh=rng.uniform(0.5, 2.5, windows.sum()),
        window_price_normal_per_kwh=np.where(
            rng.random(windows.sum()) < 0.5, np.nan, rng.uniform(0.5, 1.5, windows.sum())
        ),
    )
    # Whole minutes make arrivals coincide with decisions and with each other.
    to = rng.integers(0, 40, (requests, stations)) * 60_000
    onward = rng.integers(0, 40, (requests, stations)) * 60_000 + rng.integers(0, 2, (requests, stations))
    to[rng.random(to.shape) < 0.1] = -1
    onward[rng.random(to.shape) < 0.1] = -1
    asked = requests_of(
        np.sort(rng.integers(600, 800, requests)),
        to,
        onward,
        vehicle=rng.permutation(requests),
        energy_kwh=rng.uniform(15.0, 45.0, requests),
        fast_kw=rng.choice([0.0, 50.0, 150.0], requests, p=[0.1, 0.4, 0.5]),
        normal_kw=rng.choice([0.0, 7.0, 40.0], requests, p=[0.05, 0.25, 0.7]),
        soc=rng.uniform(0.05, 0.25, requests),
        direct_ms=rng.integers(0, 40, requests) * 60_000,
        taste_seed=seed,
    )
    return made, asked


def run_day(
    stations: Stations,
    requests: Requests,
    parameters: SimulationOptions | None = None,
    plan: StationPlan | None = None,
    choice: Any = None,
) -> Sessions:
    """A whole day in one go."""
    day = ChargingDay(stations, plan, None, parameters, requests.taste_seed, 4, choice)
    day.decide(requests)
    day.finish()
    return day.sessions()


def events_of(sessions: Sessions) -> Events:
    """Sessions by request."""
    columns = (sessions.station, sessions.kind, sessions.arrive_min, sessions.start_min, sessions.end_min)
    return {int(r): tuple(c[i].item() for c in columns) for i, r in enumerate(sessions.request)}  # type: ignore[misc]


def same(a: Sessions, b: Sessions) -> bool:
    """Whether two logs are the same to the last bit, in the same order."""
    return all(np.array_equal(getattr(a, name), getattr(b, name), equal_nan=True) for name in a.__slots__)


class PlainDay:
    """Lists and sorting instead of heaps; every station is looked at for every request."""

    def __init__(self, stations: Stations, requests: Requests, parameters: SimulationOptions) -> None:
        self.stations, self.requests, self.parameters = stations, requests, parameters
        self.rules = rules_of(parameters, None, requests.taste_seed)
        self.per_min = parameters["value_of_time_per_h"] / 60.0
        self.price = stations.prices_by_minute()
        self.kw = (stations.fast_kw, stations.normal_kw)
        self.limit = (requests.fast_kw, requests.normal_kw)
        built = (stations.fast, stations.normal)
        self.free = {(s, k): [0.0] * int(built[k][s]) for s in range(len(stations)) for k in (0, 1)}
        self.coming: list[tuple[float, int, int]] = []
        self.done: Events = {}

    def run(self) -> Events:
        """All events."""
        for r in range(len(self.requests)):
            self._arrivals(self.requests.minute[r])
            s = self._choose(r)
            if s >= 0:
                self.coming.append((self._arrive(r, s), r, s))
        self._arrivals(math.inf)
        return self.done

    def _arrive(self, r: int, s: int) -> float:
        return float(self.requests.minute[r] + self.requests.to_ms[r, s] / 60000.0)

    def _arrivals(self, until: float) -> None:
        self.coming.sort()
        while self.coming and self.coming[0][0] <= until:
            at, r, s = self.coming.pop(0)
            self.done[r] = (s, *self._join(self.free, r, s, at))

    def _join(
        self, free: dict[Any, list[float]], r: int, s: int, at: float
    ) -> tuple[int, float, float, float]:
        best: tuple[float, int, float, float] = (math.inf, -1, 0.0, 0.0)
        for k in (0, 1):
            power = min(self.kw[k][s], self.limit[k][r])
            if not free[s, k] or power <= 0:
                continue
            begin, length = max(at, min(free[s, k])), 60.0 * self.requests.energy_kwh[r] / power
            cost = self.per_min * (begin - at + length)
            cost += self.price[k][s, int(at) % 1440] * self.requests.energy_kwh[r]
            if cost < best[0]:
                best = (cost, k, begin, length)
        _, k, begin, length = best
        free[s, k].remove(min(free[s, k]))
        free[s, k].append(begin + length)
        return k, at, float(begin), float(begin + length)

    def _choose(self, r: int) -> int:
        q, p = self.requests, self.parameters
        best, chosen = math.inf, -1
        for s in range(len(self.stations)):
            if q.to_ms[r, s] < 0 or q.onward_ms[r, s] < 0:
                continue
            at, free = self._arrive(r, s), self.free
            if p["information"] == "reserved":
                free = {key: list(values) for key, values in self.free.items() if key[0] == s}
                for other_at, other, there in sorted(self.coming):
                    if there == s and other_at <= at:
                        self._join(free, other, s, other_at)
            added = int(q.to_ms[r, s]) + int(q.onward_ms[r, s]) - int(q.direct_ms[r])
            away = max(added, 0) / 60000.0 + taste_min(self.rules, q.vehicle[r], s)
            for k in (0, 1):
                power = min(self.kw[k][s], self.limit[k][r])
                if not free[s, k] or power <= 0:
                    continue
                wait = 0.0 if p["information"] == "none" else max(min(free[s, k]) - at, 0.0)
                cost = self.per_min * (away + 60.0 * q.energy_kwh[r] / power)
                cost += self.price[k][s, int(q.minute[r]) % 1440] * q.energy_kwh[r]
                cost += self.per_min * wait
                if cost < best:
                    best, chosen = cost, s
        return chosen
