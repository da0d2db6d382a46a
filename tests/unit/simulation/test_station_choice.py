"""Choice of a station: tastes, logit, regret, and rules from outside."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import stats

from tests.unit.simulation.charging_days import random_day, requests_of, run_day, same, stations_of
from tidewatt.domain.stations import StationPlan
from tidewatt.kernels.queue.stations import level_kwh, taste_min
from tidewatt.options.simulation import SIMULATION
from tidewatt.simulation.queueing.charging import ChargingDay
from tidewatt.simulation.queueing.choice import GeneralisedCost, Logit, RandomRegret, StationChoice, choice_of
from tidewatt.simulation.queueing.packing import rules_of


def tastes(choice: str, scale: float, seed: int = 0, vehicles: int = 4000, stations: int = 5) -> np.ndarray:
    """Tastes, shape (vehicles, stations)."""
    rules = rules_of(SIMULATION.resolve(choice=choice, taste_min=scale), None, seed)
    return np.array([[taste_min(rules, v, s) for s in range(stations)] for v in range(vehicles)])


@pytest.mark.parametrize(
    ("choice", "law"),
    [("cost", stats.norm(0, 3.0)), ("logit", stats.gumbel_l(3.0 * np.euler_gamma, 3.0))],
)
def test_tastes_follow_their_law(choice: str, law: stats.rv_continuous) -> None:
    """Without it the random part could be skewed, or alike for neighbours (sim-7)."""
    drawn = tastes(choice, 3.0)
    assert stats.kstest(drawn.ravel(), law.cdf).pvalue > 0.01
    assert abs(law.mean()) < 1e-12
    off = np.corrcoef(drawn.T) - np.eye(5)
    assert np.abs(off).max() < 0.06
    assert np.abs(np.corrcoef(drawn[:-1, 0], drawn[1:, 0])[0, 1]) < 0.06
    assert np.abs(np.corrcoef(drawn[:, 0], tastes(choice, 3.0, 1)[:, 0])[0, 1]) < 0.06


def test_tastes_do_not_depend_on_plans() -> None:
    """Without it plans would be compared on different drivers."""
    made, asked = random_day(1, 80, 6)
    seen: list[np.ndarray] = []

    class Remember:
        def costs(self, detour_min, wait_min, charge_min, payment, taste):
            seen.append(taste.copy())
            return taste

    for plan in (StationPlan(np.full(6, 1), np.full(6, 1)), StationPlan(np.full(6, 9), np.full(6, 0))):
        usable = dataclasses.replace(asked, fast_kw=np.full(80, 100.0))
        run_day(made, usable, SIMULATION.resolve(), plan, Remember())
    assert len(seen) == 160
    assert all(np.array_equal(a, b) for a, b in zip(seen[:80], seen[80:], strict=True))


def test_logit_shares() -> None:
    """Without it `logit` would be some other model than the multinomial logit (sim-7)."""
    n, scale, per_h = 40_000, 4.0, 20.0
    detours = np.array([0, 2, 5, 9]) * 60_000
    asked = requests_of(np.arange(n) * 1e-3, np.tile(detours, (n, 1)), np.zeros((n, 4), int))
    p = SIMULATION.resolve(choice="logit", taste_min=scale, value_of_time_per_h=per_h, information="none")
    done = run_day(stations_of([1] * 4, [0] * 4), asked, p)
    weight = np.exp(-detours / 60_000 / scale)
    count = np.bincount(done.station, minlength=4)
    assert stats.chisquare(count, n * weight / weight.sum()).pvalue > 0.01


def test_regret_minimises_regret() -> None:
    """Without it `regret` would choose by something else than the formula (sim-8)."""

    class Outside(RandomRegret):
        """A subclass has no kernel: this is the formula in numpy."""

    for seed in range(8):
        made, asked = random_day(seed, 120, 6)
        for scale in (0.02, 0.1, 5.0):
            p = SIMULATION.resolve(
                choice="regret",
                regret_scale=scale,
                information=SIMULATION.every["information"].words[seed % 3],
            )
            outside = Outside(p["value_of_time_per_h"], scale)
            assert same(run_day(made, asked, p), run_day(made, asked, p, choice=outside)), (seed, scale)


def test_regret_by_hand() -> None:
    """Without it all regret formulas here could be wrong alike (sim-8)."""
    a, b = np.array([3.0, 5.0]), np.array([4.0, 1.0])
    zero = np.zeros(2)
    found = RandomRegret(60.0, 0.5).costs(a, b, zero, zero, zero)
    one = np.log1p(np.exp(0.5 * (3 - 5))) + np.log1p(np.exp(0.5 * (4 - 1))) + 2 * np.log(2)
    other = np.log1p(np.exp(0.5 * (5 - 3))) + np.log1p(np.exp(0.5 * (1 - 4))) + 2 * np.log(2)
    assert found == pytest.approx([one, other])


def test_regret_compromises() -> None:
    """Without it regret could be a linear cost under another name: it favours the middle."""
    # Least detour, least wait, and a middle one that costs the same in sum.
    detour, wait = np.array([0.0, 20.0, 10.0]), np.array([20.0, 0.0, 10.0])
    zero = np.zeros(3)
    costs = GeneralisedCost(60.0).costs(detour, wait, zero, zero, zero)
    assert costs == pytest.approx([20.0] * 3)
    assert RandomRegret(60.0, 0.3).costs(detour, wait, zero, zero, zero).argmin() == 2


@pytest.mark.parametrize("choice", ["cost", "logit"])
@pytest.mark.parametrize("information", SIMULATION.every["information"].words)
def test_a_rule_from_outside_gives_identical_events(choice: str, information: str) -> None:
    """Without it a researcher's own rule would meet other queues than the built-in ones."""

    @dataclasses.dataclass(frozen=True)
    class Own:
        per_h: float
        gumbel: bool

        def costs(self, detour_min, wait_min, charge_min, payment, taste):
            per_min = self.per_h / 60.0
            return per_min * (detour_min + taste + charge_min) + payment + per_min * wait_min

    for seed in range(5):
        made, asked = random_day(seed)
        p = SIMULATION.resolve(choice=choice, information=information)
        own = Own(p["value_of_time_per_h"], choice == "logit")
        assert isinstance(own, StationChoice)
        assert same(run_day(made, asked, p), run_day(made, asked, p, choice=own))
        assert same(run_day(made, asked, p), run_day(made, asked, p, choice=choice_of(p)))


def test_rules_that_cannot_be_used_are_refused() -> None:
    """Without it costs that are no numbers would send everybody to the first station."""

    class Wrong:
        def costs(self, detour_min, wait_min, charge_min, payment, taste):
            return detour_min * np.nan

    made, asked = random_day(2)
    with pytest.raises(ValueError, match=r"Wrong\.costs must give one number an alternative"):
        run_day(made, asked, choice=Wrong())
    with pytest.raises(ValueError, match="value_of_time_per_h above 0"):
        ChargingDay(made, parameters={**SIMULATION.resolve(choice="regret"), "value_of_time_per_h": 0.0})


def test_built_in_rules_know_their_numbers() -> None:
    """Without it a rule given with numbers of its own would use the parameters' numbers."""
    made, asked = random_day(4)
    hurried = SIMULATION.resolve(value_of_time_per_h=200.0)
    assert same(run_day(made, asked, hurried), run_day(made, asked, choice=GeneralisedCost(200.0)))
    assert not same(run_day(made, asked), run_day(made, asked, hurried))
    assert isinstance(choice_of(SIMULATION.resolve(choice="logit")), Logit)


def test_time_without_value() -> None:
    """Without it drivers who only mind money would find no station, or one without a charger."""
    asked = requests_of([10.0], [[0, 600_000, 60_000]])
    stations = stations_of([0, 1, 1], [0, 0, 0], price_fast_per_kwh=[0.1, 0.5, 1.0])
    done = run_day(stations, asked, SIMULATION.resolve(value_of_time_per_h=0.0))
    assert done.station.tolist() == [1]


@pytest.mark.parametrize(("soc", "energy", "taper"), [(0.2, 40.0, 0.8), (0.5, 5.0, 0.4), (0.9, 6.0, 0.8)])
def test_taper_against_integration(soc: float, energy: float, taper: float) -> None:
    """Without it the closed form of a tapered charge could miss its time (sim-10)."""
    battery, efficiency, power = 60.0, 0.9, 100.0
    left, at, minutes, step = energy, soc, 0.0, 1e-3
    while left > 0:
        share = 1.0 if at <= taper else 1.0 - 0.8 * (min(at, 1.0) - taper) / (1.0 - taper)
        given = min(share * power * step / 60.0, left)
        minutes += step * given / (share * power * step / 60.0)
        left -= given
        at += efficiency * given / battery
    found = 60.0 * level_kwh(energy, soc, battery, taper, efficiency) / power
    assert found == pytest.approx(minutes, rel=1e-3)
    assert level_kwh(energy, soc, battery, 1.0, efficiency) == energy
