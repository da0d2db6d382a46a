"""Costs of plans from what happened at stations on simulated or replayed days."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tidewatt.configuration import costs
from tidewatt.configuration.costs import Costs
from tidewatt.domain.arrays import Array
from tidewatt.domain.stations import Stations
from tidewatt.options.configuration import ConfigurationOptions
from tidewatt.simulation.queueing.replay import Patience

__all__ = ["ages_of", "costs_of_days", "patience_of", "retrofit_of", "shares_of_days"]


def patience_of(parameters: ConfigurationOptions) -> Patience:
    """Return how drivers react to a wait (conf-13), for the replay."""
    return Patience(parameters["patience_min"], parameters["patience_slope_per_min"])


def ages_of(stations: Stations, parameters: ConfigurationOptions) -> tuple[Array, Array]:
    """Return planned life and age of every station [years]; the parameters' values where none is given."""
    return (
        np.where(np.isnan(stations.life_years), parameters["life_years"], stations.life_years),
        np.where(np.isnan(stations.age_years), parameters["age_years"], stations.age_years),
    )


def retrofit_of(stations: Stations, parameters: ConfigurationOptions, fast: Array, normal: Array) -> Array:
    """Return the cost of each station's retrofit (conf-3) [money_unit a day], shape (..., stations)."""
    p = parameters
    return costs.retrofit_by_station(
        np.asarray(fast) - stations.fast,
        np.asarray(normal) - stations.normal,
        p["fast_cost"],
        p["normal_cost"],
        *ages_of(stations, p),
        p["discount_rate"],
        p["mode"],
    )


def costs_of_days(
    stations: Stations,
    parameters: ConfigurationOptions,
    by_station: Mapping[str, Array],
    paid: Array,
    fast: Array,
    normal: Array,
    before: Mapping[str, Array],
    traffic: Array,
) -> Costs:
    """Return the costs of every plan on every day.

    Parameters
    ----------
    stations : Stations
        With what is installed.
    parameters : ConfigurationOptions
    by_station : mapping of str to array, shape (plans, days, stations)
        As in `ReplayedPlans`: ``revenue``, ``detour_min``, ``wait_min``, ``charge_min``, ``dissatisfaction``,
        ``peak_load_kw``, ``valley_load_kw``, ``load_variance_kw2``; ``energy_kwh`` for ``paper-equation``.
    paid : array, shape (plans, days)
        What drivers paid, in the scenario's money.
    fast, normal : array of int, shape (plans, stations)
        Chargers.
    before : mapping of str to array, shape (days, stations)
        ``peak_load_kw`` with what is installed, on the same days; in ``paper-equation`` also ``revenue`` and
        ``energy_kwh``.
    traffic : array, shape (plans, days)
        From `congestion`.

    Returns
    -------
    Costs
        Arrays of shape (plans, days), for figures over days take ``.mean()``. A peak above the one before
        counts day by day: so the mean estimates its expectation without bias, however few days there are.

    Raises
    ------
    AssertionError
        Where stations do not earn what drivers pay.
    """
    p, of = parameters, by_station
    per_kw, per_kw_before = np.ones(()), np.ones(())
    if p["mode"] == "paper-equation":
        per_kw, per_kw_before = _earned_per_kw(of), _earned_per_kw(before)
    peak, valley = of["peak_load_kw"] * per_kw, of["valley_load_kw"] * per_kw
    retrofit = retrofit_of(stations, p, fast, normal).sum(axis=-1)[:, None]
    earned = costs.revenue(of["revenue"], p["money_unit"])
    fees = costs.fees(paid, p["money_unit"])
    costs.check_same_money(earned, fees)
    per_min = costs.money_per_min(p["income_per_month"], p["money_unit"], p["mode"])
    return Costs.of_parts(
        retrofit=np.broadcast_to(retrofit, earned.shape),
        revenue=earned,
        expansion=costs.expansion(
            peak,
            before["peak_load_kw"] * per_kw_before,
            p["expansion_cost_per_kw"],
            *ages_of(stations, p),
            p["discount_rate"],
            p["mode"],
        ),
        time=costs.driver_time(of["detour_min"], of["wait_min"], of["charge_min"], per_min),
        fees=fees,
        dissatisfaction=p["dissatisfaction_cost"] * of["dissatisfaction"].sum(axis=-1),
        peak_valley=costs.peak_valley(peak, valley, p["peak_valley_cost_per_kw"]),
        variance=costs.variance(of["load_variance_kw2"] * per_kw**2, p["variance_cost_per_kw2"]),
        traffic=np.broadcast_to(traffic, earned.shape),
    )


def shares_of_days(
    stations: Stations,
    parameters: ConfigurationOptions,
    by_station: Mapping[str, Array],
    fast: Array,
    normal: Array,
    peak_before_kw: Array,
) -> Array:
    """Return every station's share of the costs of plans, as means over days.

    Parameters
    ----------
    stations, parameters, by_station, fast, normal
        As in `costs_of_days`.
    peak_before_kw : array, shape (days, stations)
        With what is installed.

    Returns
    -------
    array, shape (2, plans, stations)
        In the weighted costs but for traffic; in the cost of stations (conf-2). In ``paper-equation`` grid
        and expansion are those of power, not of earnings.
    """
    p = parameters
    of = {name: values[..., None] for name, values in by_station.items()}  # stations apart: sums of one
    life, age = ages_of(stations, p)
    mode = "corrected" if p["mode"] == "paper-equation" else p["mode"]
    earned = costs.revenue(of["revenue"], p["money_unit"])
    above = costs.expansion(
        of["peak_load_kw"],
        peak_before_kw[..., None],
        p["expansion_cost_per_kw"],
        life[:, None],
        age[:, None],
        p["discount_rate"],
        mode,
    )
    per_min = costs.money_per_min(p["income_per_month"], p["money_unit"], p["mode"])
    time = costs.driver_time(of["detour_min"], of["wait_min"], of["charge_min"], per_min)
    valleys = costs.peak_valley(of["peak_load_kw"], of["valley_load_kw"], p["peak_valley_cost_per_kw"])
    grid = valleys + costs.variance(of["load_variance_kw2"], p["variance_cost_per_kw2"])
    w, angry = p["weights"], p["dissatisfaction_cost"] * by_station["dissatisfaction"]
    of_station = (above - earned).mean(axis=1) + retrofit_of(stations, p, fast, normal)
    others = (w[1] * (time + earned + angry) + w[2] * grid).mean(axis=1)
    return np.stack([w[0] * of_station + others, of_station])


def _earned_per_kw(of: Mapping[str, Array]) -> Array:
    """Return what a kW earns in a minute (conf-7), at each station's mean price of the day."""
    energy = of["energy_kwh"]
    price = np.divide(of["revenue"], energy, out=np.zeros_like(energy), where=energy > 0.0)
    return costs.earned_per_min(np.ones_like(energy), price)
