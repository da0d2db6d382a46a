"""Find everything that is wrong with the input of `configure` before the search starts."""

from __future__ import annotations

import math
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np

from tidewatt.configuration.accounts import ages_of
from tidewatt.configuration.limits import Limits, added_kw, broken_budget, broken_feeders, capital, limits_of
from tidewatt.domain.arrays import Array
from tidewatt.domain.checks.findings import Findings, named
from tidewatt.domain.checks.scenario import check
from tidewatt.domain.scenario import Scenario
from tidewatt.domain.stations import Stations
from tidewatt.errors import Issue, ScenarioError, extra
from tidewatt.options.configuration import CONFIGURATION, DAY_OPTIONS, ConfigurationOptions
from tidewatt.options.simulation import SIMULATION, SimulationOptions

__all__ = ["Asked", "clash", "problems", "validated"]

_SHOWN = 5


def clash(limits: Limits) -> list[Issue]:
    """Return why no plan keeps the limits, with the conflicting numbers; empty if some plan does.

    The plan of fewest chargers is asked: no limit but the minima is broken by taking chargers away.
    """
    report = Findings()
    _clash_at_sites(limits, report)
    _clash_of_feeders(limits, report)
    _clash_with_budget(limits, report)
    return report.issues


def _clash_at_sites(limits: Limits, report: Findings) -> None:
    who, s = named(limits.station_id), limits
    installed, low = s.fast_before + s.normal_before, s.fast_low + s.normal_low

    def say(rows: Array, field: str, problem: str, fix: str, *numbers: Array) -> None:
        if len(rows):
            report.rows(
                "stations", field, problem.format(*(int(n[rows[0]]) for n in numbers)), fix, rows, who
            )

    say(
        np.flatnonzero(s.fixed & (installed > s.total_high)),
        "max_total",
        "the station is fixed at {} chargers, but max_total is {}",
        "Raise max_total, or let the station change",
        installed,
        s.total_high,
    )
    say(
        np.flatnonzero(~s.fixed & (low > s.total_high)),
        "max_total",
        "fast_min {} and normal_min {} add up to more than max_total {} (default: as installed)",
        "Raise max_total, or lower fast_min or normal_min",
        s.fast_low,
        s.normal_low,
        s.total_high,
    )
    for kind in ("fast", "normal"):
        least, before = getattr(s, f"{kind}_least"), getattr(s, f"{kind}_before")
        say(
            np.flatnonzero(s.fixed & (before < least)),
            f"{kind}_min",
            f"the station is fixed at {{}} {kind} chargers, but {kind}_min is {{}}",
            f"Lower {kind}_min, or let the station change",
            before,
            least,
        )


def _clash_of_feeders(limits: Limits, report: Findings) -> None:
    s = limits
    needed = added_kw(s, s.fast_low, s.normal_low)
    for feeder in np.flatnonzero(broken_feeders(s, s.fast_low, s.normal_low)):
        at = np.flatnonzero(s.feeder == feeder)
        more = (s.fast_low > s.fast_before) | (s.normal_low > s.normal_before)
        stations = [str(name) for name in s.station_id[at[more[at]]]]
        problem = (
            f"feeder {s.feeder_id[feeder]} has {s.feeder_room_kw[feeder]:,.6g} kW of headroom, and fast_min "
            f"and normal_min of its stations need {needed[feeder]:,.6g} kW more than is installed"
        )
        fix = "Lower fast_min or normal_min there, raise the headroom, or set feeder_headroom = false"
        report.add("stations", "fast_min", problem, fix, stations[:_SHOWN], len(stations))


def _clash_with_budget(limits: Limits, report: Findings) -> None:
    s = limits
    if not broken_budget(s, s.fast_low, s.normal_low):
        return
    least = float(capital(s, s.fast_low, s.normal_low))
    if least > 0:
        problem = (
            f"the budget is {s.budget:,.6g}, and what fast_min and normal_min ask for costs {least:,.6g}"
        )
    else:
        problem = f"the budget is {s.budget:,.6g}, and selling all that may go brings only {-least:,.6g}"
    fix = f"Give a budget of {least:,.6g} or more, or lower fast_min, normal_min"
    if s.fixed.any():
        fix += ", or fix fewer stations"
    report.add("configuration", "budget", problem, fix)


def problems(stations: Stations, parameters: ConfigurationOptions, limits: Limits) -> list[Issue]:
    """Return what is wrong with stations and limits that `check` lets pass.

    Only `configure` asks for them.

    Prices and ages that lack, numbers below zero, limits that clash.
    """
    report = Findings()
    who = named(stations.station_id)
    for name in ("fast", "normal", "fast_min", "normal_min"):
        values = getattr(stations, name)
        fix = "Give the number of chargers"
        report.values("stations", name, values, np.flatnonzero(values < 0), "0 or more", fix, who)
    if not report.issues:
        _prices(stations, limits, report)
        _ages(stations, parameters, report)
        report.issues += clash(limits)
    return report.issues


def _prices(stations: Stations, limits: Limits, report: Findings) -> None:
    """Report stations without a price: they would earn nothing, which is hardly intended."""
    for kind, price in zip(("fast", "normal"), stations.prices_by_minute(), strict=True):
        possible = np.maximum(getattr(limits, f"{kind}_high"), getattr(stations, kind)) > 0
        free = np.flatnonzero(possible & ~(price > 0.0).any(axis=1))
        fix = f"Give price_{kind}_per_kwh, or a window in station_prices; use 1e-6 for free charging. "
        fix += f"For all stations at once: tidewatt import stations ... --price-{kind} PRICE"
        problem = f"{kind} charging has no price at any time of day, so revenue cannot be calculated"
        report.rows("stations", f"price_{kind}_per_kwh", problem, fix, free, named(stations.station_id))


def _ages(stations: Stations, parameters: ConfigurationOptions, report: Findings) -> None:
    """Check ages: the printed formulas divide by the age and by the remaining life."""
    life, age = ages_of(stations, parameters)
    who = named(stations.station_id)
    none = np.flatnonzero(life <= 0.0)
    report.rows(
        "stations", "life_years", "the life is 0 years", "Give a life, or leave the cell empty", none, who
    )
    if parameters["mode"] == "paper-equation":
        bad = np.flatnonzero((age <= 0.0) | (age >= life))
        report.values(
            "stations",
            "age_years",
            age,
            bad,
            "above 0 and below life_years in paper-equation",
            "Give age_years here or under [configuration], or choose another mode",
            who,
        )


class Asked(NamedTuple):
    """What is asked for, after validation.

    Attributes
    ----------
    parameters : ConfigurationOptions
    simulation : SimulationOptions
        Of the days that plans are judged on.
    limits : Limits
    """

    parameters: ConfigurationOptions
    simulation: SimulationOptions
    limits: Limits


def validated(
    scenario: Scenario, options: ConfigurationOptions, simulation: SimulationOptions | None = None
) -> Asked:
    """Return the validated ConfigurationOptions and limits of a study.

    Parameters
    ----------
    scenario : Scenario
    options : ConfigurationOptions
        Those of the call.
    simulation : SimulationOptions, optional
        Those of the call for the simulated days. Seed and threads are those of `configure`.

    Raises
    ------
    ScenarioError
        With everything that is wrong at once: parameters, scenario, limits that clash, prices that lack,
        stations that nobody can reach.
    """
    issues: list[Issue] = []
    parameters = simulated = limits = None
    try:
        parameters = CONFIGURATION.resolve(scenario.parameters, **options)
    except ScenarioError as error:
        issues += error.issues
    if parameters is not None and parameters["search"] == "pareto" and find_spec("pymoo") is None:
        fix = f"Install tidewatt with its extra: {extra('search')}; or choose another search"
        issues.append(Issue("configuration", "search", "the Pareto search needs pymoo", fix))
    for name in sorted((simulation or {}).keys() & SIMULATION.every.keys() - set(DAY_OPTIONS)):
        fix = "Leave it out: configure has its own days, seed, threads and limits"
        issues.append(Issue("simulation", name, "it has no effect on the days that configure simulates", fix))
    try:
        simulated = SIMULATION.resolve(scenario.parameters, **_days(simulation or {}, parameters))
    except ScenarioError as error:
        issues += error.issues
    if scenario.stations is None or not len(scenario.stations):
        fix = "Add the table stations, or import one: tidewatt import stations"
        issues.append(Issue("stations", "", "there is no charging station to configure", fix))
    elif parameters is not None:
        limits = limits_of(scenario, parameters)
        issues += problems(scenario.stations, parameters, limits)
    issues += check(scenario)
    if issues or parameters is None or simulated is None or limits is None:
        raise ScenarioError(dict.fromkeys(issues))
    return Asked(parameters, simulated, limits)


def _days(given: SimulationOptions, parameters: ConfigurationOptions | None) -> SimulationOptions:
    """Return the options of the days: all requested replications, none cut short."""
    p = parameters or CONFIGURATION.resolve()
    return {
        **given,
        "replications": max(p["days_train"], p["days_test"]),
        "time_limit_s": math.inf,
        "seed": p["seed"],
        "threads": p["threads"],
    }
