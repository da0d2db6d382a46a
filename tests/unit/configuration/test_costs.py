"""Costs of station plans against hand calculations, in all three modes."""

from __future__ import annotations

import csv
import math
import tomllib
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tidewatt.configuration import accounts, costs
from tidewatt.configuration import traffic as configuration_traffic
from tidewatt.errors import ScenarioError
from tidewatt.options.configuration import CONFIGURATION
from tidewatt.simulation.driving.models import Bpr, Urban

TABLE = Path(__file__).parents[2] / "golden" / "station_table"
MODES = ("corrected", "paper-equation", "paper-table")


def printed_table() -> list[dict[str, str]]:
    with (TABLE / "table.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def half_up(value: float, places: int) -> str:
    """Rounded as in print. Twelve digits first: a double just below a half is that half."""
    return str(Decimal(f"{value:.12f}").quantize(Decimal(10) ** -places, ROUND_HALF_UP))


def test_retrofit_costs_of_the_published_table() -> None:
    """Without it the mode that claims to be the source's Table 2 could be anything."""
    known = tomllib.loads((TABLE / "figures.toml").read_text("utf-8"))
    rows = printed_table()
    assert len(rows) == 53
    change = {
        kind: np.array([int(r[f"{kind}_after"]) - int(r[f"{kind}_before"]) for r in rows])
        for kind in ("fast", "normal")
    }
    found = costs.retrofit_by_station(
        change["fast"],
        change["normal"],
        known["fast_cost"],
        known["normal_cost"],
        10.0,
        3.0,
        0.08,
        "paper-table",
    )
    differ = {}
    for row, value in zip(rows, found, strict=True):
        if (shown := half_up(value, known["places"])) != row["retrofit_cost"]:
            differ[int(row["station_id"])] = shown
    assert differ == {known["misprint"]["station_id"]: known["misprint"]["cost_of_counts"]}


def test_the_misprint_is_one_digit() -> None:
    """Without it the explanation of the row that differs would be a guess."""
    for fast_before, fast_after, normal_before, normal_after in (
        (20, 15, 16, 6),
        (20, 18, 26, 6),
        (23, 18, 16, 6),
    ):
        cost = costs.retrofit(
            np.array([fast_after - fast_before]),
            np.array([normal_after - normal_before]),
            10.0,
            3.0,
            10.0,
            0.0,
            0.08,
            "paper-table",
        )
        assert half_up(float(cost), 6) == "-0.219178"


def test_the_published_table_breaks_its_own_limit_where_said() -> None:
    """Without it the reason for a site limit of its own would rest on four numbers nobody checked."""
    known = tomllib.loads((TABLE / "figures.toml").read_text("utf-8"))["beyond_the_limit"]["station_id"]
    beyond = [
        int(r["station_id"])
        for r in printed_table()
        if int(r["fast_after"]) + int(r["normal_after"]) > int(r["fast_before"]) + int(r["normal_before"])
    ]
    assert sorted(beyond) == known


# --- conf-1, conf-2, conf-9 ------------------------------------------------------------------------


def some_costs(f: float) -> costs.Costs:
    return costs.Costs.of_parts(
        retrofit=1.0 * f,
        revenue=5.0 * f,
        expansion=0.5 * f,
        time=2.0 * f,
        fees=5.0 * f,
        dissatisfaction=0.25 * f,
        peak_valley=0.3 * f,
        variance=0.1 * f,
        traffic=4.0 * f,
    )


def test_sums_of_parts() -> None:
    """Without it revenue could be added instead of subtracted, or a part be left out of its sum."""
    c = some_costs(1.0)
    assert c.f1 == pytest.approx(1.0 - 5.0 + 0.5)
    assert c.f2 == pytest.approx(7.25)
    assert c.f3 == pytest.approx(0.4)
    assert list(c.totals()) == [c.f1, c.f2, c.f3, 4.0]


def test_objective_is_the_weighted_change() -> None:
    """Without it a plan could be judged by its cost, not by what it changes, or by the wrong weight."""
    weights = (1.0, 2.0, 10.0, 0.5)
    before, after = some_costs(1.0), some_costs(3.0)
    assert costs.objective(weights, after, before) == pytest.approx(
        2 * (-3.5 + 2 * 7.25 + 10 * 0.4 + 0.5 * 4.0)
    )
    assert costs.objective(weights, before, before) == 0.0


def test_fees_cancel_where_both_sides_weigh_the_same() -> None:
    """Without it money that drivers hand to stations could create or destroy value."""
    before = some_costs(1.0)._asdict()
    more = before | {name: before[name] + 7.0 for name in ("f1_2", "f2_2", "f2")} | {"f1": before["f1"] - 7.0}
    change = costs.objective((3.0, 3.0, 1.0, 1.0), costs.Costs(**more), costs.Costs(**before))
    assert change == pytest.approx(0.0, abs=1e-12)


def test_means_over_days_still_add_up() -> None:
    """Without it the totals of a table over days could differ from the sums of its parts."""
    days = np.array([[1.0, 2.0, 6.0], [0.5, 0.5, 2.0]])
    mean = some_costs(days).mean()  # type: ignore[arg-type]
    np.testing.assert_allclose(mean.f1, mean.f1_1 - mean.f1_2 + mean.f1_3)
    np.testing.assert_allclose(mean.f1, [-3.5 * 3, -3.5])


# --- conf-3 to conf-5, conf-8 ----------------------------------------------------------------------


@pytest.mark.parametrize(("years", "rate"), [(1, 0.08), (10, 0.08), (25, 0.03), (10, 1e-9)])
def test_annuity_pays_the_capital_back(years: int, rate: float) -> None:
    """Without it chargers could be paid back too slowly or too fast: nothing is owed after the last year."""
    owed = 1.0
    for _ in range(years):
        owed = owed * (1 + rate) - float(costs.annuity(years, rate))
    assert owed == pytest.approx(0.0, abs=1e-9)


def test_annuity_of_ten_years_is_the_textbook_figure() -> None:
    """Without it a formula that merely adds up could stand for another one."""
    assert float(costs.annuity(10, 0.08)) == pytest.approx(0.14902948869707, rel=1e-12)
    assert float(costs.annuity(1, 0.08)) == pytest.approx(1.08)


def test_annuity_as_printed_has_none_at_the_end_of_life() -> None:
    """Without it the gap in the printed formula could be filled silently in the mode of that name."""
    cost = costs.retrofit_by_station(
        np.array([1]), np.array([0]), 10.0, 3.0, 10.0, 10.0, 0.08, "paper-equation"
    )
    assert np.isinf(cost).all()
    fine = costs.retrofit_by_station(np.array([1]), np.array([0]), 10.0, 3.0, 10.0, 10.0, 0.08, "corrected")
    assert fine[0] == pytest.approx(10.0 * 1.08 / 365)


@pytest.mark.parametrize(
    ("mode", "sold"), [("corrected", 7.5 / 10.0), ("paper-equation", 7.5 / 2.5), ("paper-table", 1.0)]
)
def test_what_sold_chargers_bring(mode: str, sold: float) -> None:
    """Without it the printed salvage, under which used chargers sell above their price, could come back."""
    np.testing.assert_allclose(costs.paid_for(np.array([4, 0, -2]), 10.0, 2.5, mode), [4.0, 0.0, -2.0 * sold])


@pytest.mark.parametrize("mode", MODES)
def test_retrofit_by_hand(mode: str) -> None:
    """Without it a kind of charger, the annuity or the year could be missing from the cost of a retrofit."""
    life, age, rate = np.array([10.0, 8.0]), np.array([2.0, 4.0]), 0.05
    fast, normal = np.array([2, -1]), np.array([-3, 4])
    found = costs.retrofit_by_station(fast, normal, 10.0, 3.0, life, age, rate, mode)
    by_hand = []
    for z, z0, df, dn in zip(life, age, fast, normal, strict=True):
        left = z - z0
        share = {"corrected": left / z, "paper-equation": left / z0, "paper-table": 1.0}[mode]
        growth = (1 + rate) ** left
        yearly = 1.0 if mode == "paper-table" else rate * growth / (growth - 1)
        worth = sum(q * (d if d > 0 else d * share) for q, d in ((10.0, df), (3.0, dn)))
        by_hand.append(yearly * worth / 365)
    np.testing.assert_allclose(found, by_hand, rtol=1e-12)
    total = costs.retrofit(fast, normal, 10.0, 3.0, life, age, rate, mode)
    assert float(total) == pytest.approx(sum(by_hand))


@pytest.mark.parametrize("mode", MODES)
def test_more_chargers_never_cost_less(mode: str) -> None:
    """Without it a plan could earn money by buying, which the searches would find."""
    change = np.arange(-10, 11)
    cost = costs.retrofit_by_station(change, np.zeros(21), 10.0, 3.0, 10.0, 4.0, 0.08, mode)
    assert (np.diff(cost) > 0).all() and cost[10] == 0.0


@pytest.mark.parametrize("mode", MODES)
def test_expansion_counts_rises_of_peaks_only(mode: str) -> None:
    """Without it a station whose peak falls could pay for another one whose peak rises."""
    peak, before = np.array([[100.0, 20.0, 80.0]]), np.array([50.0, 60.0, 80.0])
    found = costs.expansion(peak, before, 0.9, 10.0, 0.0, 0.08, mode)
    yearly = 0.14902948869707 if mode == "corrected" else 1.0
    np.testing.assert_allclose(found, [0.9 * 50.0 * yearly / 365], rtol=1e-12)


# --- conf-6, conf-7, conf-12 -----------------------------------------------------------------------


def test_revenue_is_the_sum_over_minutes_of_what_power_earns() -> None:
    """Without it energy, power and money could be mixed up, as in the source."""
    power = np.array([[60.0, 120.0, 0.0], [30.0, 30.0, 30.0]])  # three minutes at two stations
    rate = costs.earned_per_min(power, np.array([[1.0], [2.0]]))
    np.testing.assert_allclose(rate, [[1.0, 2.0, 0.0], [1.0, 1.0, 1.0]])
    assert float(costs.revenue(rate.sum(axis=1), 10_000.0)) == pytest.approx(6e-4)
    assert float(costs.fees(6.0, 10_000.0)) == pytest.approx(6e-4)


def test_books_that_disagree_are_noticed() -> None:
    """Without it an error in the replay's sums would change a plan's worth unseen."""
    costs.check_same_money(np.array([1.0, 2.0]), np.array([1.0, 2.0 + 1e-12]))
    with pytest.raises(AssertionError, match=r"differ by 0\.5"):
        costs.check_same_money(np.array([1.0, 2.0]), np.array([1.0, 2.5]))


# --- conf-10, conf-11, conf-13 ---------------------------------------------------------------------


def test_a_minute_as_printed_and_by_the_year() -> None:
    """Without it the two readings of the source's income could not be told apart."""
    assert costs.money_per_min(78_045.0, 1.0, "corrected") == pytest.approx(5.4198, abs=1e-4)
    assert costs.money_per_min(78_045.0, 1e4, "corrected") == pytest.approx(5.4198e-4, abs=1e-8)
    assert costs.money_per_min(78_045.0, 1e4, "paper-table") == pytest.approx(5.4198e-4, abs=1e-8)
    assert costs.money_per_min(78_045.0, 1e4, "paper-equation") == pytest.approx(5.4198, abs=1e-4)
    income = CONFIGURATION.resolve()["income_per_month"]
    assert costs.money_per_min(income, 1.0, "corrected") == pytest.approx(0.45165, abs=1e-5)


def test_time_is_detour_wait_and_charge() -> None:
    """Without it one of the three states could go uncounted."""
    found = costs.driver_time(np.array([[1.0, 2.0]]), np.array([[10.0, 20.0]]), np.array([[100.0, 0.0]]), 0.5)
    np.testing.assert_allclose(found, [66.5])


def test_dissatisfaction_by_hand() -> None:
    """Without it the threshold or the slope could have the wrong sign or unit."""
    waits = np.array([0.0, 38.0, 1000.0])
    assert float(costs.dissatisfaction(waits, 0.02)) == pytest.approx(0.02 * 1.5)
    soft = float(costs.dissatisfaction(np.array([20.0]), 1.0, 10.0, 0.1))
    assert soft == pytest.approx(1 / (1 + math.exp(0.1 * (10.0 - 20.0))))


# --- conf-14, conf-15 ------------------------------------------------------------------------------


def test_grid_by_hand() -> None:
    """Without it the two parts, of very different size, could be swapped, or a variance be that of a peak."""
    power = np.array([[0.0, 10.0, 20.0, 10.0], [5.0, 5.0, 5.0, 5.0]])
    variance = costs.load_variance_kw2(power)
    np.testing.assert_allclose(variance, [50.0, 0.0])
    valley = costs.peak_valley(power.max(axis=1), power.min(axis=1), 1e-4)
    assert float(costs.grid_cost(valley, costs.variance(variance, 1e-6))) == pytest.approx(20e-4 + 50e-6)


def test_variance_stays_below_peaks_at_the_default() -> None:
    """Without it the source's coefficient, under which variance dwarfs all else, could return."""
    p = CONFIGURATION.resolve()
    power = np.zeros((1, 1440))
    power[0, 540:1200] = 240.0  # two fast chargers, eleven hours a day
    valley = costs.peak_valley(power.max(axis=1), power.min(axis=1), p["peak_valley_cost_per_kw"])
    assert 0 < costs.variance(costs.load_variance_kw2(power), p["variance_cost_per_kw2"]) < valley


# --- conf-16 ---------------------------------------------------------------------------------------


def test_slowness_is_zero_when_free_and_one_at_half_the_speed() -> None:
    """Without it the printed term, a gain in congestion, infinite at a fifth of the speed, could return."""
    free = np.full(5, 2.0)
    found = configuration_traffic.slowness(np.array([2.0, 4.0, 8.0, 1e6, 2.0 / 0.75]), free)
    quarter = 1 - math.log(math.e - 2 * (math.e - 1) * 0.25)
    np.testing.assert_allclose(found, [0.0, 1.0, 1.0, 1.0, quarter], atol=1e-15)
    assert (np.diff(configuration_traffic.slowness(np.linspace(2.0, 6.0, 50), np.full(50, 2.0))) >= 0).all()
    assert configuration_traffic.slowness(np.array([0.0]), np.array([0.0])) == 0.0


def test_slowness_as_printed_but_for_its_sign() -> None:
    """Without it the printed mode could be in other units than km/h, or reward congestion."""
    # 1 km in 2 min is 30 km/h; free it is 60 km/h: 30 km/h lost.
    found = configuration_traffic.slowness(
        np.array([2.0]), np.array([1.0]), "paper-equation", np.array([1.0])
    )
    printed = 1 - math.log(2 * (1 - math.e) * (30.0 - 60.0) + math.e)
    assert printed < 0
    np.testing.assert_allclose(found, [-printed])


def test_congestion_is_a_mean_over_links_and_a_sum_over_minutes() -> None:
    """Without it the cost would grow with the number of roads, or shrink with longer intervals."""
    time, free = np.array([[1.0, 2.0], [2.0, 1.0], [2.0, 2.0]]), np.ones(2)
    assert configuration_traffic.congestion(time, free, 0.017, 15.0) == pytest.approx(0.017 / 2 * 15 * 4)
    finer = np.repeat(time, 3, axis=0)
    assert configuration_traffic.congestion(finer, free, 0.017, 5.0) == pytest.approx(0.017 / 2 * 15 * 4)
    jam = np.full((96, 7), 1e3)
    assert configuration_traffic.congestion(jam, np.ones(7), 0.017, 15.0) == pytest.approx(24.48)


def three_roads() -> SimpleNamespace:
    return SimpleNamespace(
        length_km=np.array([1.0, 2.0, 0.5]),
        free_time_min=np.array([1.0, 1.5, 1.0]),
        capacity_veh_h=np.array([600.0, 2000.0, 300.0]),
        bpr_alpha=np.full(3, 0.15),
        bpr_beta=np.full(3, 4.0),
        road_class=np.array([1, 0, 2]),
    )


@pytest.mark.parametrize("mode", ["corrected", "paper-equation"])
@pytest.mark.parametrize("model", [Bpr(), Urban()], ids=["bpr", "urban"])
def test_marginal_congestion_is_what_one_more_vehicle_costs(model: Bpr | Urban, mode: str) -> None:
    """Without it the search would believe that detours congest roads more or less than they do."""
    roads, rng = three_roads(), np.random.default_rng(3)
    flow = rng.uniform(0.2, 1.2, (4, 3)) * roads.capacity_veh_h

    def cost(flows: np.ndarray) -> float:
        time = np.stack(
            [np.clip(model.time_min(roads, f), roads.free_time_min, 20.0 * roads.length_km) for f in flows]
        )
        return configuration_traffic.congestion(time, roads.free_time_min, 0.017, 15.0, mode, roads.length_km)

    marginal = configuration_traffic.marginal_congestion(roads, flow, model, 0.017, 15.0, mode)
    for interval in range(3):
        for link in range(3):
            more = flow.copy()
            more[interval + 1, link] += 4.0  # one vehicle in 15 min
            assert marginal[interval, link] == pytest.approx(cost(more) - cost(flow), abs=1e-12)
    assert (marginal[3] == 0).all() and (marginal[:3] >= 0).all() and marginal.max() > 0


# --- costs of days ---------------------------------------------------------------------------------


def two_stations(**changes: object) -> SimpleNamespace:
    given = {
        "fast": np.array([2, 1]),
        "normal": np.array([0, 4]),
        "life_years": np.array([np.nan, 8.0]),
        "age_years": np.array([np.nan, 4.0]),
    }
    return SimpleNamespace(**(given | changes))


def one_day() -> dict[str, np.ndarray]:
    values = {
        "revenue": [600.0, 300.0],
        "energy_kwh": [300.0, 100.0],
        "detour_min": [10.0, 5.0],
        "wait_min": [20.0, 0.0],
        "charge_min": [100.0, 200.0],
        "dissatisfaction": [0.5, 0.1],
        "peak_load_kw": [240.0, 100.0],
        "valley_load_kw": [0.0, 20.0],
        "load_variance_kw2": [900.0, 400.0],
    }
    return {name: np.array([[given]]) for name, given in values.items()}


def test_costs_of_a_day_by_hand() -> None:
    """Without it a cost could be computed from another column of the replay, or in another unit."""
    p = CONFIGURATION.resolve(income_per_month=144_000.0)  # 10 a minute
    before = {"peak_load_kw": np.array([[180.0, 150.0]])}
    fast, normal, paid = np.array([[3, 1]]), np.array([[0, 2]]), np.array([[900.0]])
    c = accounts.costs_of_days(two_stations(), p, one_day(), paid, fast, normal, before, np.array([[2.5]]))
    annuity = {years: 0.08 / (1 - 1.08**-years) for years in (4, 10)}
    retrofit = (10.0 * annuity[10] - 2 * 3.0 * 0.5 * annuity[4]) / 365
    expected = {
        "f1_1": retrofit,
        "f1_2": 0.09,
        "f1_3": 0.9 * 60.0 * annuity[10] / 365,
        "f2_1": 335.0 * 10.0 / 1e4,
        "f2_2": 0.09,
        "f2_3": 0.02 * 0.6,
        "f3_peak_valley": 1e-4 * 320.0,
        "f3_variance": 1e-6 * 1300.0,
        "f4": 2.5,
    }
    for name, value in expected.items():
        np.testing.assert_allclose(getattr(c, name), [[value]], rtol=1e-12, err_msg=name)


def test_costs_of_a_day_as_printed() -> None:
    """Without it the printed mode could leave earnings out of loads, or convert money the source does not."""
    p = CONFIGURATION.resolve(mode="paper-equation", income_per_month=144_000.0)
    stations = two_stations(age_years=np.array([5.0, 4.0]))
    day = one_day()
    before = {
        "peak_load_kw": np.array([[180.0, 150.0]]),
        "revenue": day["revenue"][0],
        "energy_kwh": day["energy_kwh"][0],
    }
    unchanged = stations.fast[None], stations.normal[None]
    c = accounts.costs_of_days(stations, p, day, np.array([[900.0]]), *unchanged, before, np.array([[0.0]]))
    per_kw = np.array([2.0, 3.0]) / 60.0  # price of a kWh, in a minute
    np.testing.assert_allclose(c.f2_1, [[3350.0]])
    np.testing.assert_allclose(c.f1_3, [[0.9 * 60.0 * per_kw[0] / 365]])
    np.testing.assert_allclose(c.f3_peak_valley, [[1e-4 * (240.0 * per_kw[0] + 80.0 * per_kw[1])]])
    np.testing.assert_allclose(c.f3_variance, [[1e-6 * (900.0 * per_kw[0] ** 2 + 400.0 * per_kw[1] ** 2)]])


def test_retrofits_of_nothing_cost_nothing() -> None:
    """Without it the plan that is installed could have a cost of change."""
    stations = two_stations()
    for mode in ("corrected", "paper-table"):
        cost = accounts.retrofit_of(
            stations, CONFIGURATION.resolve(mode=mode), stations.fast[None], stations.normal[None]
        )
        assert (cost == 0).all()


def test_days_with_other_books_are_refused() -> None:
    """Without it revenue and fees could come from different days."""
    before = {"peak_load_kw": np.array([[180.0, 150.0]])}
    with pytest.raises(AssertionError, match="differ"):
        accounts.costs_of_days(
            two_stations(),
            CONFIGURATION.resolve(),
            one_day(),
            np.array([[800.0]]),
            np.array([[2, 1]]),
            np.array([[0, 4]]),
            before,
            np.array([[0.0]]),
        )


# --- parameters ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"weights": [0, 0, 0, 0]}, "weights"),
        ({"weights": [1, -1, 1, 1]}, "weights"),
        ({"weights": [1, 1, 1]}, "weights"),
        ({"weights": [1, 1, math.nan, 1]}, "weights"),
        ({"mode": "printed"}, "mode"),
        ({"fast_cost": -1.0}, "fast_cost"),
        ({"days_train": 0}, "days_train"),
        ({"station_cost_must_not_rise": 1}, "station_cost_must_not_rise"),
        ({"feeders": True}, "feeders"),
        ({"elites": 40}, "elites"),
        ({"income_per_month": math.inf}, "income_per_month"),
    ],
)
def test_bad_parameters_are_named(given: dict[str, object], field: str) -> None:
    """Without it a run could search for hours under weights or costs that mean nothing."""
    with pytest.raises(ScenarioError) as error:
        CONFIGURATION.resolve(**given)
    assert [issue.field for issue in error.value.issues] == [field]


def test_overrides_win_and_none_does_not() -> None:
    """Without it an option of the command could be lost to the scenario's table."""
    made = CONFIGURATION.resolve(
        {"configuration": {"weights": [1, 2, 3, 4], "budget": -5}}, budget=7.0, mode=None
    )
    assert made["weights"] == (1.0, 2.0, 3.0, 4.0) and made["budget"] == 7.0 and made["mode"] == "corrected"
