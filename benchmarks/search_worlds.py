"""Worlds for benchmarks of searches: stations that are too small for their drivers, and days of requests."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from benchmarks.cases.replay import SPEED_KMH, city
from tidewatt.configuration.evaluation import Evaluator
from tidewatt.configuration.limits import Limits
from tidewatt.domain.stations import Stations
from tidewatt.execution.threads import Threads
from tidewatt.options.configuration import CONFIGURATION
from tidewatt.options.simulation import SIMULATION
from tidewatt.simulation.queueing.charges import Requests

__all__ = ["FRESH_DAYS", "TRAIN_DAYS", "World", "evaluator_of", "first_population"]

TRAIN_DAYS, FRESH_DAYS = 4, 12
SIDE_KM = 30.0


@dataclass(frozen=True, slots=True)
class World:
    """What is searched.

    Attributes
    ----------
    stations, charges : int
        Stations, and requests a day.
    information : str
        What drivers know of queues.
    cost_must_not_rise : bool
        Whether (18) holds.
    fast_share, normal_share : float
        Chargers drawn like the source's, divided by these.
    weights : (float, float, float, float)
        Of stations, drivers, grid and traffic.
    """

    stations: int = 240
    charges: int = 3500
    information: str = "arrived"
    cost_must_not_rise: bool = False
    fast_share: float = 16.0
    normal_share: float = 6.0
    weights: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)

    @property
    def label(self) -> str:
        """As in tables."""
        return f"{self.information}{', (18)' if self.cost_must_not_rise else ''}"


def _stations(world: World, rng: np.random.Generator) -> Stations:
    """Chargers drawn like the source's (2 x 2..10 fast, 2 x 3..15 normal), then a share of them."""
    n = world.stations
    fast, normal = 2.0 * rng.integers(2, 11, n), 2.0 * rng.integers(3, 16, n)
    fast, normal = fast / world.fast_share, normal / world.normal_share
    base, _ = city(1, 0)
    columns = {
        name: getattr(base, name)[:n]
        for name in base.__slots__
        if isinstance(getattr(base, name), np.ndarray) and len(getattr(base, name)) >= n
    }
    columns |= {
        "fast": np.floor(fast + rng.random(n)).astype(int),
        "normal": np.floor(normal + rng.random(n)).astype(int),
        "price_fast_per_kwh": np.full(n, 1.4),
        "price_normal_per_kwh": np.full(n, 1.2),
        "price_first": np.zeros(n + 1),
    }
    return replace(base, **columns)


def _day(world: World, place: np.ndarray, seed: int) -> Requests:
    """Return requests over the square, most in the afternoon."""
    rng, n = np.random.default_rng([seed, 7]), world.charges
    origin, target = rng.random((2, n, 2)) * SIDE_KM

    def drive_ms(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.abs(a - b).sum(axis=-1) / SPEED_KMH * 3.6e6

    return Requests(
        minute=np.sort(rng.normal(17.0, 4.0, n) % 24.0 * 60.0),
        vehicle=rng.permutation(n),
        energy_kwh=rng.uniform(15.0, 45.0, n),
        fast_kw=rng.choice([60.0, 90.0, 150.0], n),
        normal_kw=np.full(n, 40.0),
        battery_kwh=np.full(n, 60.0),
        soc=np.full(n, 0.2),
        direct_ms=drive_ms(origin, target),
        to_ms=drive_ms(origin[:, None], place[None]),
        onward_ms=drive_ms(place[None], target[:, None]),
        taste_seed=seed,
    )


def evaluator_of(
    world: World,
    evaluations: int,
    seed: int,
    threads: Threads | None = None,
    *,
    fresh: bool = False,
    days: tuple[int, ...] | None = None,
) -> Evaluator:
    """Judges plans on the days of the search, or on fresh ones (all, or some by number).

    Stations and days are the same for every seed.

    Drivers' time counts 5.42 a minute, as printed by the source.
    """
    rng = np.random.default_rng(1)
    stations = _stations(world, rng)
    place = rng.random((world.stations, 2)) * SIDE_KM
    p = CONFIGURATION.resolve(
        weights=world.weights,
        income_per_month=78_045.0,
        evaluations=evaluations,
        seed=seed,
        station_cost_must_not_rise=world.cost_must_not_rise,
    )
    limits = Limits(
        stations.station_id,
        stations.fast,
        stations.normal,
        stations.fast_min,
        stations.normal_min,
        stations.fast + stations.normal,
        stations.fixed,
        stations.fast_kw,
        stations.normal_kw,
        stations.feeder,
        np.zeros(0),
        np.zeros(0),
        p["fast_cost"],
        p["normal_cost"],
        np.ones(world.stations),
        p["budget"],
        p["station_cost_must_not_rise"],
    )
    first = 1000 if fresh else 0
    numbers = days if days is not None else range(FRESH_DAYS if fresh else TRAIN_DAYS)
    return Evaluator.of_requests(
        [_day(world, place, first + number) for number in numbers],
        stations,
        p,
        limits,
        threads,
        simulation=SIMULATION.resolve(information=world.information, value_of_time_per_h=27.0),
    )


def first_population(limits: Limits, count: int, seed: int) -> np.ndarray:
    """Return what is installed, then plans around it: fast before normal, shape (count, 2 stations)."""
    rng = np.random.default_rng([seed, 3])
    installed = np.concatenate([limits.fast_before, limits.normal_before])
    high = np.concatenate([limits.fast_high, limits.normal_high])
    drawn = rng.integers(0, high + 1, (count, len(high)))
    plans = np.where(rng.random(drawn.shape) < 0.05, drawn, installed)
    plans[0] = installed
    return plans
