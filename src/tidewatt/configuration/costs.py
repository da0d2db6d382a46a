"""What a plan of stations costs stations, drivers, grid and traffic: one function per equation.

Source: Qu & Zhao, "Optimal configuration of electric vehicle charging stations considering load
spatiotemporal distribution", Power & Energy Engineering 39 (5), 2023,
doi 10.3969/j.issn.2096-8299.2023.05.005; its equations (1) to (15) are conf-1 to conf-15. What had to be
corrected stands with each. Costs are per day and in `money_unit` (10,000 yuan in the source); stations are
the last axis of every array.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from tidewatt.domain.arrays import Array

__all__ = [
    "DAYS_PER_YEAR",
    "Costs",
    "annuity",
    "check_same_money",
    "dissatisfaction",
    "driver_cost",
    "driver_time",
    "earned_per_min",
    "expansion",
    "fees",
    "grid_cost",
    "load_variance_kw2",
    "money_per_min",
    "objective",
    "paid_for",
    "peak_valley",
    "remaining_years",
    "retrofit",
    "retrofit_by_station",
    "revenue",
    "station_cost",
    "variance",
]

DAYS_PER_YEAR = 365.0
WORKING_MIN = 60.0 * 8.0 * 30.0
"""Working minutes of a month, as the source counts them."""

Number = Any
"""A float or an array of them."""


class Costs(NamedTuple):
    """Costs of a plan per day, in `money_unit`: floats, or arrays over plans or days.

    Attributes
    ----------
    f1, f1_1, f1_2, f1_3
        Of the stations: f1 = retrofit - revenue + expansion.
    f2, f2_1, f2_2, f2_3
        Of the drivers: f2 = time + fees + dissatisfaction.
    f3, f3_peak_valley, f3_variance
        Of the grid: the sum of both.
    f4
        Of traffic.
    """

    f1: Number
    f1_1: Number
    f1_2: Number
    f1_3: Number
    f2: Number
    f2_1: Number
    f2_2: Number
    f2_3: Number
    f3: Number
    f3_peak_valley: Number
    f3_variance: Number
    f4: Number

    @classmethod
    def of_parts(
        cls,
        *,
        retrofit: Number,
        revenue: Number,
        expansion: Number,
        time: Number,
        fees: Number,
        dissatisfaction: Number,
        peak_valley: Number,
        variance: Number,
        traffic: Number,
    ) -> Costs:
        """Sum the parts into costs (conf-2, conf-9, conf-14)."""
        return cls(
            station_cost(retrofit, revenue, expansion),
            retrofit,
            revenue,
            expansion,
            driver_cost(time, fees, dissatisfaction),
            time,
            fees,
            dissatisfaction,
            grid_cost(peak_valley, variance),
            peak_valley,
            variance,
            traffic,
        )

    def totals(self) -> Iterator[Number]:
        """Yield f1, f2, f3 and f4."""
        return iter((self.f1, self.f2, self.f3, self.f4))

    def mean(self, axis: int = -1) -> Costs:
        """Return means along an axis, such as over days; parts still add up."""
        return Costs(*(np.mean(part, axis=axis) for part in self))


def objective(weights: Sequence[float], costs: Costs, before: Costs) -> Number:
    """Return the weighted change of all costs against the installed plan (conf-1)."""
    return sum(w * (now - then) for w, now, then in zip(weights, costs.totals(), before.totals()))


# --- stations --------------------------------------------------------------------------------------


def station_cost(retrofit: Number, revenue: Number, expansion: Number) -> Number:
    """Return the cost of the stations, net of their earnings (conf-2)."""
    return retrofit - revenue + expansion


def remaining_years(life_years: Number, age_years: Number) -> Number:
    """Return what is left of the planned life, 0 or more."""
    return np.maximum(np.subtract(life_years, age_years), 0.0)


def annuity(years: Number, rate: float) -> Number:
    """Return the annual payment that repays a capital sum with interest over some years (conf-4).

    The printed formula divides by zero where no years are left. `retrofit` and `expansion` ask for one year
    at least: the whole capital then falls into it.
    """
    years = np.asarray(years, np.float64)
    return rate / -np.expm1(-years * np.log1p(rate))


def paid_for(change: Array, life_years: Number, age_years: Number, mode: str) -> Array:
    """Return the chargers paid for; sold ones count at their salvage value (conf-5).

    Parameters
    ----------
    change : array of int, shape (..., stations)
        Chargers after less before.
    life_years, age_years : float or array, shape (stations,)
    mode : str
        ``corrected``: sold at the remaining share of life. ``paper-equation``: remaining life over age, as
        printed. ``paper-table``: at full price.
    """
    change = np.asarray(change, np.float64)
    return np.where(change >= 0.0, change, change * salvage(life_years, age_years, mode))


def salvage(life_years: Number, age_years: Number, mode: str) -> Number:
    """Return what a sold charger brings, as a share of a new one's price (conf-5)."""
    if mode == "paper-table":
        return np.ones_like(np.asarray(life_years, np.float64))
    left = remaining_years(life_years, age_years)
    with np.errstate(divide="ignore", invalid="ignore"):
        return left / np.asarray(life_years if mode == "corrected" else age_years, np.float64)


def _yearly_share(life_years: Number, age_years: Number, rate: float, mode: str) -> Number:
    if mode == "paper-table":
        return np.ones_like(np.asarray(life_years, np.float64))
    left = remaining_years(life_years, age_years)
    with np.errstate(divide="ignore"):
        return annuity(np.maximum(left, 1.0) if mode == "corrected" else left, rate)


def retrofit_by_station(
    fast_change: Array,
    normal_change: Array,
    fast_cost: float,
    normal_cost: float,
    life_years: Number,
    age_years: Number,
    rate: float,
    mode: str,
) -> Array:
    """Return the retrofit cost of each station (conf-3).

    Parameters
    ----------
    fast_change, normal_change : array of int, shape (..., stations)
        Chargers after less before.
    fast_cost, normal_cost : float
        Of a new charger [money_unit].
    life_years, age_years : float or array, shape (stations,)
        Planned life, and age.
    rate : float
        Of interest per year.
    mode : str
        ``paper-table``: neither interest nor age counts, as in the source's Table 2.

    Returns
    -------
    array, shape (..., stations)
        Money units a day; negative where chargers are sold.
    """
    fast = fast_cost * paid_for(fast_change, life_years, age_years, mode)
    normal = normal_cost * paid_for(normal_change, life_years, age_years, mode)
    share = _yearly_share(life_years, age_years, rate, mode)
    cost: Array = (fast + normal) * share / DAYS_PER_YEAR
    return cost


def retrofit(*args: Any, **named: Any) -> Array:
    """Return the retrofit cost of all stations (conf-3); arguments as for `retrofit_by_station`."""
    return np.asarray(retrofit_by_station(*args, **named).sum(axis=-1))


def revenue(earned: Array, money_unit: float) -> Array:
    """Return what stations earn in a day (conf-6).

    Parameters
    ----------
    earned : array, shape (..., stations)
        Payments, in the scenario's money. The source calls this series power: here they are two.
    money_unit : float
        The scenario's money in a money unit.
    """
    return np.asarray(np.sum(earned, axis=-1) / money_unit)


def earned_per_min(power_kw: Array, price_per_kwh: Array) -> Array:
    """Return the money that a power earns per minute (conf-7).

    The source puts this, not the power, into conf-8, conf-14 and conf-15; ``paper-equation`` does so too.
    """
    return np.asarray(np.multiply(power_kw, price_per_kwh) / 60.0)


def expansion(
    peak_kw: Array,
    peak_before_kw: Array,
    cost_per_kw: float,
    life_years: Number,
    age_years: Number,
    rate: float,
    mode: str,
) -> Array:
    """Return the cost of supplying higher peaks (conf-8), here annuitised like that of chargers.

    Parameters
    ----------
    peak_kw, peak_before_kw : array, shape (..., stations)
        Highest load of the day. In ``paper-equation``: highest earnings in a minute (`earned_per_min`).
    """
    share = _yearly_share(life_years, age_years, rate, mode) if mode == "corrected" else 1.0
    above = np.maximum(np.subtract(peak_kw, peak_before_kw), 0.0)
    return np.asarray((cost_per_kw * share * above).sum(axis=-1) / DAYS_PER_YEAR)


# --- drivers ---------------------------------------------------------------------------------------


def driver_cost(time: Number, fees: Number, dissatisfaction: Number) -> Number:
    """Return the cost of the drivers (conf-9)."""
    return time + fees + dissatisfaction


def money_per_min(income_per_month: float, money_unit: float, mode: str) -> float:
    """Return what a driver's minute is worth [money_unit].

    ``paper-equation`` leaves it in the scenario's money.
    """
    return income_per_month / WORKING_MIN / (1.0 if mode == "paper-equation" else money_unit)


def driver_time(detour_min: Array, wait_min: Array, charge_min: Array, per_min: float) -> Array:
    """Return the cost of drivers' time: driving to stations, queueing and charging (conf-10, conf-11).

    Parameters
    ----------
    detour_min, wait_min, charge_min : array, shape (..., stations)
        Sums over charges. The way to a station counts by its detour: the rest is driven anyway.
    per_min : float
        From `money_per_min`.
    """
    return np.asarray(per_min * np.sum(np.add(np.add(detour_min, wait_min), charge_min), axis=-1))


def fees(paid: Number, money_unit: float) -> Number:
    """Return what drivers pay for energy (conf-12): the stations' revenue, seen from the drivers."""
    return np.asarray(paid) / money_unit


def check_same_money(f1_2: Number, f2_2: Number) -> None:
    """Check that stations earn what drivers pay (conf-6, conf-12): with equal weights the two cancel.

    Raises
    ------
    AssertionError
        Where they differ by more than rounding: the books are wrong.
    """
    if not np.allclose(f1_2, f2_2, rtol=1e-9, atol=1e-12):
        worst = float(np.max(np.abs(np.subtract(f1_2, f2_2))))
        raise AssertionError(f"stations' revenue and drivers' fees differ by {worst:g}")


def dissatisfaction(
    wait_min: Array, cost: float, patience_min: float = 38.0, slope_per_min: float = 1.0
) -> Array:
    """Return the cost of drivers who waited too long (conf-13).

    Parameters
    ----------
    wait_min : array, shape (..., drivers)
        Wait of each who charged; summed over.
    cost : float
        Of a driver who gave up all patience [money_unit].
    patience_min, slope_per_min : float
        Wait at which half of that is reached, and how sharply; the source prints 38 and 1.
    """
    from scipy.special import expit

    return np.asarray(cost * expit(slope_per_min * (np.asarray(wait_min) - patience_min)).sum(axis=-1))


# --- grid ------------------------------------------------------------------------------------------


def grid_cost(peak_valley: Number, variance: Number) -> Number:
    """Return the cost of the grid (conf-14); its parts differ much in size and are reported apart."""
    return peak_valley + variance


def peak_valley(peak_kw: Array, valley_kw: Array, cost_per_kw: float) -> Array:
    """Return the cost of the differences between stations' peaks and valleys (conf-14)."""
    return np.asarray(cost_per_kw * np.subtract(peak_kw, valley_kw).sum(axis=-1))


def variance(variance_kw2: Array, cost_per_kw2: float) -> Array:
    """Return the cost of the variance of stations' loads within the day (conf-14)."""
    return np.asarray(cost_per_kw2 * np.sum(variance_kw2, axis=-1))


def load_variance_kw2(power_kw: Array) -> Array:
    """Return a load's variance over the minutes, its last axis (conf-15); the source prints the peak's."""
    return np.asarray(np.var(power_kw, axis=-1))
