"""What is asked of `configure`, and everything that is wrong with it, found before the search starts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, NamedTuple

from tidewatt.configuration.clashes import problems
from tidewatt.configuration.limits import Limits, limits_of
from tidewatt.configuration.parameters import Parameters
from tidewatt.domain.checks.scenario import check
from tidewatt.domain.scenario import Scenario
from tidewatt.errors import Issue, ScenarioError, extra
from tidewatt.simulation.parameters import Parameters as SimulationParameters

__all__ = ["Asked", "validated"]


class Asked(NamedTuple):
    """What is asked for, and good.

    Attributes
    ----------
    parameters : Parameters
    simulation : SimulationParameters
        Of the days that plans are judged on.
    limits : Limits
    """

    parameters: Parameters
    simulation: SimulationParameters
    limits: Limits


def validated(
    scenario: Scenario, asked: Mapping[str, Any], simulation: Mapping[str, Any] | None = None
) -> Asked:
    """Parameters and limits of a study.

    Parameters
    ----------
    scenario : Scenario
    asked : mapping
        Parameters of `configure`; None leaves one to the scenario or its default.
    simulation : mapping, optional
        Parameters of the simulated days, likewise. Seed and threads are those of `configure`.

    Raises
    ------
    ScenarioError
        With everything that is wrong at once: parameters, scenario, limits that clash, prices that lack,
        stations that nobody can reach.
    """
    issues: list[Issue] = []
    parameters = simulated = limits = None
    try:
        parameters = Parameters.of(scenario.parameters.get("configuration", {}), **asked)
    except ScenarioError as error:
        issues += error.issues
    if parameters is not None and parameters.search == "pareto" and find_spec("pymoo") is None:
        fix = f"Install tidewatt with its extra: {extra('search')}; or choose another search"
        issues.append(Issue("configuration", "search", "the Pareto search needs pymoo", fix))
    try:
        simulated = SimulationParameters.of(
            scenario.parameters.get("simulation", {}), **_days(simulation or {}, parameters)
        )
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


def _days(given: Mapping[str, Any], parameters: Parameters | None) -> dict[str, Any]:
    """Parameters of the days: as many replications as will be asked for, none of them cut short."""
    p = parameters or Parameters()
    many = {"replications": max(p.days_train, p.days_test), "time_limit_s": math.inf}
    return {**given, **many, "seed": p.seed, "threads": p.threads}
