"""Few crowded stations and days of requests, for searches that end at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.unit.simulation.charging_days import requests_of, stations_of
from tidewatt.configuration.evaluation import Evaluator
from tidewatt.configuration.limits import Limits
from tidewatt.domain.stations import Stations
from tidewatt.execution.threads import Threads
from tidewatt.options.configuration import CONFIGURATION, ConfigurationOptions
from tidewatt.options.simulation import SIMULATION
from tidewatt.simulation.queueing.charges import Requests


def limits_for(stations: Stations, parameters: ConfigurationOptions, **given: Any) -> Limits:
    """Sites hold what is installed; no feeders."""
    columns: dict[str, Any] = {
        "station_id": stations.station_id,
        "fast_before": stations.fast,
        "normal_before": stations.normal,
        "fast_least": stations.fast_min,
        "normal_least": stations.normal_min,
        "total_high": stations.fast + stations.normal,
        "fixed": stations.fixed,
        "fast_kw": stations.fast_kw,
        "normal_kw": stations.normal_kw,
        "feeder": stations.feeder,
        "feeder_id": np.zeros(0),
        "feeder_room_kw": np.zeros(0),
        "fast_price": parameters["fast_cost"],
        "normal_price": parameters["normal_cost"],
        "resale": np.ones(len(stations)),
        "budget": parameters["budget"],
        "station_cost_must_not_rise": parameters["station_cost_must_not_rise"],
    }
    return Limits(**{**columns, **given})


def crowd(seed: int, stations: int, requests: int) -> Requests:
    """Requests within four hours, all over the place."""
    rng = np.random.default_rng(seed)
    to = rng.integers(60_000, 900_000, (requests, stations))
    return requests_of(np.sort(rng.uniform(600.0, 840.0, requests)), to, taste_seed=seed)


def evaluator_of(
    seed: int,
    stations: int = 12,
    requests: int = 80,
    days: int = 2,
    threads: Threads | None = None,
    fast: Any = None,
    normal: Any = None,
    limits: dict[str, Any] | None = None,
    fixed: Any = None,
    **given: Any,
) -> Evaluator:
    """Judges plans of random stations; the source's income, so that waits count."""
    rng = np.random.default_rng(seed)
    built = stations_of(
        rng.integers(0, 3, stations) if fast is None else fast,
        rng.integers(1, 5, stations) if normal is None else normal,
        fixed=np.zeros(stations, bool) if fixed is None else fixed,
    )
    asked = {"income_per_month": 78_045.0, "evaluations": 300, "seed": seed, **given}
    parameters = CONFIGURATION.resolve(**asked)
    return Evaluator.of_requests(
        [crowd(1000 * seed + day, stations, requests) for day in range(days)],
        built,
        parameters,
        limits_for(built, parameters, **(limits or {})),
        threads,
        simulation=SIMULATION.resolve(taste_min=0.5),
    )
