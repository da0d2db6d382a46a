"""Single stations against queueing theory: M/M/c (Erlang C) and M/D/c (Crommelin 1932)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from tests.unit.simulation.charging_days import requests_of, run_day, stations_of
from tidewatt.options.simulation import SIMULATION
from tidewatt.simulation.queueing.charges import Sessions, station_series

CHARGE_MIN = 20.0
ARRIVALS = 400_000
BATCHES = 40


def erlang_c_wait(rate: float, service: float, servers: int) -> float:
    """Mean wait of M/M/c: Erlang's second formula, by the recursion of his first."""
    load = rate * service
    blocked = 1.0
    for k in range(1, servers + 1):
        blocked = load * blocked / (k + load * blocked)
    use = load / servers
    delayed = blocked / (1.0 - use * (1.0 - blocked))
    return delayed * service / (servers * (1.0 - use))


def crommelin_wait(rate: float, service: float, servers: int) -> float:
    """Mean wait of M/D/c from the distribution of vehicles present, one service time to the next.

    After one service time all who were being served are gone and nobody else is: N' = max(N - c, 0) +
    Poisson(rate x service). Its stationary distribution is that of the queue at any time.
    """
    load, n = rate * service, 400
    arriving = stats.poisson.pmf(np.arange(n), load)
    step = np.zeros((n, n))
    for present in range(n):
        left = max(present - servers, 0)
        step[present, left:] = arriving[: n - left]
    step[:, -1] += 1.0 - step.sum(axis=1)
    equations = np.vstack([step.T - np.eye(n), np.ones(n)])
    share = np.linalg.lstsq(equations, np.append(np.zeros(n), 1.0), rcond=None)[0]
    queue = np.maximum(np.arange(n) - servers, 0) @ share
    return float(queue / rate)


def sessions_of_single_station(use: float, servers: int, *, exponential: bool, seed: int) -> Sessions:
    """Poisson arrivals at one station whose charging times come from the energies asked for."""
    rng = np.random.default_rng(seed)
    rate = use * servers / CHARGE_MIN
    minute = np.cumsum(rng.exponential(1.0 / rate, ARRIVALS))
    service = rng.exponential(CHARGE_MIN, ARRIVALS) if exponential else np.full(ARRIVALS, CHARGE_MIN)
    asked = requests_of(
        minute,
        np.zeros((ARRIVALS, 1)),
        energy_kwh=service * 120.0 / 60.0,
        battery_kwh=np.full(ARRIVALS, 1e6),
    )
    return run_day(stations_of([servers], [0]), asked, SIMULATION.resolve(taste_min=0.0))


def band(waits: np.ndarray) -> tuple[float, float]:
    """Mean wait and half-width of its 99 % confidence band, by means over batches; the start is left out."""
    batches = waits[len(waits) // 20 :]
    means = np.array([part.mean() for part in np.array_split(batches, BATCHES)])
    half = stats.t.ppf(0.995, BATCHES - 1) * means.std(ddof=1) / math.sqrt(BATCHES)
    return float(means.mean()), float(half)


def test_formulas_agree_with_known_values() -> None:
    """Without it the yardsticks themselves could be wrong."""
    # M/M/1: rho / (1 - rho) x service; Pollaczek-Khinchine halves it for constant service.
    assert erlang_c_wait(0.8, 1.0, 1) == pytest.approx(4.0)
    assert crommelin_wait(0.8, 1.0, 1) == pytest.approx(2.0, rel=1e-7)
    # Erlang C of 2 erlang offered to 3 servers is 4/9.
    assert erlang_c_wait(2.0, 1.0, 3) == pytest.approx(4 / 9)


@pytest.mark.parametrize("servers", [1, 4])
@pytest.mark.parametrize("use", [0.5, 0.7, 0.9])
def test_mean_wait_of_exponential_charges(use: float, servers: int) -> None:
    """Without it queues could be longer or shorter than chargers and arrivals imply."""
    done = sessions_of_single_station(use, servers, exponential=True, seed=1)
    mean, half = band(done.wait_min)
    theory = erlang_c_wait(use * servers / CHARGE_MIN, CHARGE_MIN, servers)
    assert abs(mean - theory) <= half
    assert half < 0.15 * theory


@pytest.mark.parametrize("servers", [1, 4])
@pytest.mark.parametrize("use", [0.5, 0.7, 0.9])
def test_mean_wait_of_equal_charges(use: float, servers: int) -> None:
    """Without it the spread of charging times could leak into waits that have none."""
    done = sessions_of_single_station(use, servers, exponential=False, seed=2)
    mean, half = band(done.wait_min)
    theory = crommelin_wait(use * servers / CHARGE_MIN, CHARGE_MIN, servers)
    assert abs(mean - theory) <= half
    assert half < 0.15 * theory


def test_little_s_law_over_time() -> None:
    """Without it the queue by minute could be another queue than the one that vehicles wait in."""
    done = sessions_of_single_station(0.8, 3, exponential=True, seed=3)
    span = math.ceil(done.end_min.max())
    series = station_series(done, 1, span)
    rate = len(done) / span
    assert series["queue_vehicles"].mean() == pytest.approx(rate * done.wait_min.mean(), rel=1e-9)
    assert series["occupied_chargers"].mean() == pytest.approx(rate * done.charge_min.mean(), rel=1e-9)
    assert series["occupied_chargers"].max() <= 3.0 + 1e-9


def test_share_that_waits_is_erlang_s() -> None:
    """Without it the mean could be right with the wrong vehicles waiting."""
    done = sessions_of_single_station(0.7, 4, exponential=True, seed=4)
    rate = 0.7 * 4 / CHARGE_MIN
    delayed = erlang_c_wait(rate, CHARGE_MIN, 4) * 4 * (1.0 - 0.7) / CHARGE_MIN
    mean, half = band((done.wait_min > 0).astype(float))
    assert abs(mean - delayed) <= half
