"""Parameters of `configure`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidewatt.domain.parameter_checks import asked_values, instead, is_number
from tidewatt.errors import Issue, ScenarioError

__all__ = ["Parameters"]

WORDS: dict[str, tuple[str, ...]] = {
    "mode": ("corrected", "paper-equation", "paper-table"),
    "search": ("memetic", "local", "genetic", "genetic-plain", "pareto"),
}
_LIMITS: dict[str, tuple[float, float]] = {
    "fast_cost": (0.0, math.inf),
    "normal_cost": (0.0, math.inf),
    "expansion_cost_per_kw": (0.0, math.inf),
    "dissatisfaction_cost": (0.0, math.inf),
    "peak_valley_cost_per_kw": (0.0, math.inf),
    "variance_cost_per_kw2": (0.0, math.inf),
    "congestion_cost": (0.0, math.inf),
    "income_per_month": (0.0, math.inf),
    "money_unit": (1e-12, math.inf),
    "discount_rate": (1e-9, 10.0),
    "life_years": (0.1, 100.0),
    "age_years": (0.0, 100.0),
    "patience_min": (0.0, 1440.0),
    "patience_slope_per_min": (1e-6, 1e3),
    "budget": (-math.inf, math.inf),
    "accepted_wait_min": (0.0, 1440.0),
    "days_train": (1, 1000),
    "days_test": (2, 10_000),
    "evaluations": (1, 10**9),
    "population": (4, 100_000),
    "elites": (1, 10_000),
    "time_limit_s": (0.0, math.inf),
    "seed": (0, 2**63),
    "threads": (0, 4096),
}
_MAY_BE_INFINITE = ("budget", "time_limit_s")


@dataclass(frozen=True, slots=True)
class Parameters:
    """What to ask of `configure`. Money is in `money_unit` of the scenario's; (+): not verified.

    Attributes
    ----------
    weights : (float, float, float, float)
        Of the costs of stations, drivers, grid and traffic (conf-1). The source gives none; equal ones are a
        stated default, not a finding.
    mode : str
        ``corrected``, ``paper-equation`` (as printed) or ``paper-table`` (what its Table 2 was made with).
    search : str
        How plans are sought.
    fast_cost, normal_cost : float
        Of one charger of each kind (source: 10 and 3, in 10,000 yuan).
    expansion_cost_per_kw : float
        Of a kW of a station's peak above the one before, before annuity (source: eta1 = 0.9).
    dissatisfaction_cost : float
        Of a driver who waits too long (source: eta2 = 0.02).
    peak_valley_cost_per_kw : float
        Of a kW between peak and valley of a station (source: eta3 = 1e-4).
    variance_cost_per_kw2 : float
        Of a kW^2 of a station's variance. 1e-6: the source's eta4 = 1e-4 would dwarf every other term.
    congestion_cost : float
        Of traffic (source: eta5 = 0.017).
    income_per_month : float
        Drivers' income in the scenario's money, at 8 hours on 30 days. The source takes 78,045, a year's, for
        a month's: 5.42 a minute. The default is a twelfth: 0.45 a minute.
    money_unit : float
        The scenario's money in one unit of all costs (source: 10,000 yuan).
    discount_rate : float
        Of annuities (+).
    life_years, age_years : float
        Planned life and age of chargers at stations that do not say (+).
    patience_min, patience_slope_per_min : float
        Wait at which half of the drivers are dissatisfied, and how sharply (source: 38 and 1).
    budget : float
        Most that all retrofits together may cost, before annuity, sales counted; inf: no limit; below 0: so
        much must be sold.
    accepted_wait_min : float
        By how much coordinated charging may delay the end of a charge.
    days_train, days_test : int
        Replayed days that a plan is judged on in the search, and fresh ones for the verdict.
    evaluations : int
        Plans that the search may try.
    population, elites : int
        Of the genetic search (source: 40 and 4).
    station_cost_must_not_rise : bool
        Whether (18) of the source holds: the stations' cost in total must not rise.
    feeder_headroom : bool
        Whether chargers above those installed must fit the least headroom of the feeder, by nameplate power.
    time_limit_s : float
        Stop the search after this many seconds.
    seed : int
        Seed of every random choice.
    threads : int
        Worker threads; 0: one per processor. Does not change the result.
    """

    weights: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    mode: str = "corrected"
    search: str = "memetic"
    fast_cost: float = 10.0
    normal_cost: float = 3.0
    expansion_cost_per_kw: float = 0.9
    dissatisfaction_cost: float = 0.02
    peak_valley_cost_per_kw: float = 1e-4
    variance_cost_per_kw2: float = 1e-6
    congestion_cost: float = 0.017
    income_per_month: float = 78_045.0 / 12
    money_unit: float = 10_000.0
    discount_rate: float = 0.08
    life_years: float = 10.0
    age_years: float = 0.0
    patience_min: float = 38.0
    patience_slope_per_min: float = 1.0
    budget: float = math.inf
    accepted_wait_min: float = 15.0
    days_train: int = 4
    days_test: int = 20
    evaluations: int = 20_000
    population: int = 40
    elites: int = 4
    station_cost_must_not_rise: bool = True
    feeder_headroom: bool = True
    time_limit_s: float = math.inf
    seed: int = 0
    threads: int = 0

    @classmethod
    def of(cls, given: Mapping[str, Any], **overrides: Any) -> Parameters:
        """Parameters from a scenario's table, then from those `overrides` that are not None.

        Raises
        ------
        ScenarioError
            With everything that is wrong at once.
        """
        values, issues = asked_values("configuration", cls, given, overrides, _problem)
        if not issues:
            if "weights" in values:
                values["weights"] = tuple(map(float, values["weights"]))
            made = cls(**values)
            if made.elites < made.population:
                return made
            problem = f"found {made.elites} in a population of {made.population}"
            issues.append(
                Issue("configuration", "elites", problem, "Give fewer elites, or a larger population")
            )
        raise ScenarioError(sorted(issues, key=lambda issue: issue.field))


def _problem(key: str, value: Any, default: Any) -> str:
    """What to give instead of a value; empty where it is good."""
    if key == "weights":
        four = isinstance(value, (tuple, list)) and len(value) == 4 and all(map(is_number, value))
        good = four and all(0 <= v < math.inf for v in value) and sum(value) > 0
        return "" if good else "Give four numbers of 0 or more, not all 0: stations, drivers, grid, traffic"
    return instead(key, value, default, WORDS, _LIMITS, _MAY_BE_INFINITE)
