"""A day of charging replayed for plans of stations, by what drivers know and how they choose."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.registry import Case, Job, Options, Row, register
from benchmarks.tables import markdown, number, provenance
from tidewatt.domain.stations import Stations
from tidewatt.execution.threads import Threads
from tidewatt.options.simulation import SIMULATION
from tidewatt.simulation.queueing.charges import Requests
from tidewatt.simulation.queueing.charging import ChargingDay
from tidewatt.simulation.queueing.replay import prepare, replay, replay_many

SIZES = (5_000, 20_000)
QUICK = (500,)
STATIONS = 240
PLANS = 64
SPEED_KMH = 35.0


def city(charges: int, seed: int) -> tuple[Stations, Requests]:
    """Stations and requests spread over 30 by 30 km of right-angled streets, most in the afternoon."""
    rng = np.random.default_rng(seed)
    nan, zero = np.full(STATIONS, np.nan), np.zeros(STATIONS)
    stations = Stations(
        station_id=np.arange(STATIONS),
        node=np.arange(STATIONS),
        fast=rng.integers(0, 3, STATIONS),
        normal=rng.integers(0, 4, STATIONS),
        fast_kw=np.full(STATIONS, 120.0),
        normal_kw=np.full(STATIONS, 30.0),
        feeder=np.full(STATIONS, -1),
        price_fast_per_kwh=np.full(STATIONS, 1.5),
        price_normal_per_kwh=np.full(STATIONS, 1.0),
        max_total=nan,
        age_years=nan,
        life_years=nan,
        fixed=np.zeros(STATIONS, bool),
        fast_min=zero,
        normal_min=zero,
        snap_km=nan,
        price_first=np.zeros(STATIONS + 1),
        price_start_min=[],
        price_end_min=[],
        window_price_fast_per_kwh=[],
        window_price_normal_per_kwh=[],
    )
    place, origin, target = (rng.random((n, 2)) * 30.0 for n in (STATIONS, charges, charges))

    def drive_ms(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.abs(a - b).sum(axis=-1) / SPEED_KMH * 3.6e6

    requests = Requests(
        minute=np.sort(rng.normal(17.0, 4.0, charges) % 24.0 * 60.0),
        vehicle=rng.permutation(charges),
        energy_kwh=rng.uniform(15.0, 45.0, charges),
        fast_kw=rng.choice([60.0, 90.0, 150.0], charges),
        normal_kw=np.full(charges, 40.0),
        battery_kwh=np.full(charges, 60.0),
        soc=np.full(charges, 0.2),
        direct_ms=drive_ms(origin, target),
        to_ms=drive_ms(origin[:, None], place[None]),
        onward_ms=drive_ms(place[None], target[:, None]),
        taste_seed=seed,
    )
    return stations, requests


def jobs(options: Options) -> Iterator[Job]:
    """Every rule of choice with everything that drivers may know."""
    for charges in options.sizes or (QUICK if options.quick else SIZES):
        for choice in SIMULATION.every["choice"].words:
            for information in SIMULATION.every["information"].words:
                given = {
                    "charges": charges,
                    "choice": choice,
                    "information": information,
                    "threads": options.threads,
                    "seed": options.seed,
                }
                yield Job("replay", f"{charges}", f"{choice}, {information}", given, options.limit_s + 300.0)


def _best_ms(action: Callable[[], Any], times: int) -> float:
    found = []
    for _ in range(times):
        begin = time.perf_counter()
        action()
        found.append(time.perf_counter() - begin)
    return 1e3 * min(found)


def measure(given: dict[str, Any]) -> list[Row]:
    """Return preparation, one thread, several threads, step by step; the best of several runs."""
    stations, requests = city(given["charges"], given["seed"])
    parameters = SIMULATION.resolve(choice=given["choice"], information=given["information"])
    begin = time.perf_counter()
    first = replay(requests, stations, None, parameters)
    cold_s = time.perf_counter() - begin
    day = prepare(requests, stations, parameters)
    fast, normal = np.repeat(stations.fast[None], PLANS, 0), np.repeat(stations.normal[None], PLANS, 0)

    def step_by_step() -> None:
        whole = ChargingDay(stations, parameters=parameters, seed=given["seed"], capacity=len(requests))
        whole.decide(requests)
        whole.finish()

    replay_many([day], stations, fast[:1], normal[:1], parameters)
    step_by_step()
    with Threads(given["threads"]) as threads:
        many = _best_ms(lambda: replay_many([day], stations, fast, normal, parameters, threads=threads), 3)
    return [
        {
            "cold_s": cold_s,
            "prepare_ms": _best_ms(lambda: prepare(requests, stations, parameters), 3),
            "plan_ms": _best_ms(lambda: replay_many([day], stations, fast, normal, parameters), 3) / PLANS,
            "plan_threads_ms": many / PLANS,
            "step_by_step_ms": _best_ms(step_by_step, 3),
            "mean_wait_min": first.figures["mean_wait_min"],
            "mean_detour_min": first.figures["mean_detour_min"],
        }
    ]


def table(rows: list[Row]) -> str:
    """Milliseconds a day."""
    latest = {(int(r["size"]), r["phase"]): r for r in rows}
    columns = ("plan_ms", "plan_threads_ms", "prepare_ms", "step_by_step_ms", "cold_s", "mean_wait_min")
    body = [
        [f"{size:,}", phase, *(number(r.get(name)) for name in columns)]
        for (size, phase), r in sorted(latest.items(), key=lambda item: item[0][0])
    ]
    head = [
        "charges",
        "choice, information",
        "a plan [ms]",
        "with threads [ms]",
        "to prepare [ms]",
        "step by step [ms]",
        "first call [s]",
        "mean wait [min]",
    ]
    return (
        markdown(head, body)
        + f"\n\nOver all {STATIONS} stations, figures and station loads by minute included. Prepared once a"
        " day for any number of plans; the first call of a process reads compiled code from disk, or"
        " compiles. " + provenance(rows)
    )


register(Case("replay", "a day of charging again, for plans of stations", jobs, measure, table))
