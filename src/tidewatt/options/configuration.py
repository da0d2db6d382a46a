"""Options of `configure`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Literal, TypedDict

from tidewatt.options.declaration import Option, OptionSet, Seed, Threads, TimeLimit
from tidewatt.options.simulation import SIMULATION

__all__ = ["CONFIGURATION", "DAY_OPTIONS", "ConfigurationOptions"]

# How many days there are, their seed, and when and with what it all stops are options of the study itself.
_OWN = ("replications", "tolerance", "statistic", "time_limit_s", "seed", "threads")
DAY_OPTIONS = tuple(name for name in SIMULATION.every if name not in _OWN)
"""Options of `simulate` that also apply to the days simulated by `configure`."""

_PAPER = "Qu and Zhao 2023"
_COMMON = "common, not verified"


class ConfigurationOptions(TypedDict, total=False):
    """What plans cost, how they are sought and how they are judged. Money is in units of `money_unit`."""

    weights: Annotated[
        tuple[float, float, float, float],
        Option(
            (1.0, 1.0, 1.0, 1.0),
            "Weights of the costs of stations, drivers, grid and traffic, not all 0.",
            least=0,
            source="conf-1; Qu and Zhao give none: equal ones are a stated default, not a finding",
        ),
    ]
    mode: Annotated[
        Literal["corrected", "paper-equation", "paper-table"],
        Option(
            "corrected",
            "Formulas: `corrected`, as printed in the source (`paper-equation`), or as used for its "
            "tables (`paper-table`).",
        ),
    ]
    search: Annotated[
        Literal["memetic", "local", "genetic", "genetic-plain", "pareto"],
        Option("memetic", "How plans are sought. `pareto` needs the extra search."),
    ]
    fast_cost: Annotated[
        float, Option(10.0, "Cost of a fast charger, in `money_unit`.", least=0, source=_PAPER)
    ]
    normal_cost: Annotated[
        float, Option(3.0, "Cost of a normal charger, in `money_unit`.", least=0, source=_PAPER)
    ]
    expansion_cost_per_kw: Annotated[
        float,
        Option(
            0.9,
            "Cost per kW by which a station's peak exceeds the one before, in `money_unit`, before annuity.",
            least=0,
            source="eta1 of Qu and Zhao 2023",
        ),
    ]
    dissatisfaction_cost: Annotated[
        float,
        Option(
            0.02,
            "Cost of a driver who waits too long, in `money_unit`.",
            least=0,
            source="eta2 of Qu and Zhao 2023",
        ),
    ]
    peak_valley_cost_per_kw: Annotated[
        float,
        Option(
            1e-4,
            "Cost per kW between peak and valley of a station, in `money_unit` a day.",
            least=0,
            source="eta3 of Qu and Zhao 2023",
        ),
    ]
    variance_cost_per_kw2: Annotated[
        float,
        Option(
            1e-6,
            "Cost per kW^2 of variance of a station's load, in `money_unit` a day.",
            least=0,
            source="a hundredth of eta4 of Qu and Zhao 2023, which would dwarf every other cost",
        ),
    ]
    congestion_cost: Annotated[
        float,
        Option(
            0.017,
            "Cost of a minute with all roads at half their free speed, in `money_unit`.",
            least=0,
            source="eta5 of Qu and Zhao 2023",
        ),
    ]
    income_per_month: Annotated[
        float,
        Option(
            78_045.0 / 12,
            "Drivers' monthly income in the scenario's money, for 8 hours on 30 days.",
            least=0,
            source="a twelfth of the 78,045 of Qu and Zhao 2023, who take a year's income for a month's",
        ),
    ]
    money_unit: Annotated[
        float,
        Option(10_000.0, "Amount of the scenario's money in one unit of cost.", least=1e-12, source=_PAPER),
    ]
    discount_rate: Annotated[
        float, Option(0.08, "Discount rate of annuities, per year.", least=1e-9, most=10, source=_COMMON)
    ]
    life_years: Annotated[
        float,
        Option(
            10.0,
            "Planned life of chargers at stations that do not give one.",
            least=0.1,
            most=100,
            unit="years",
            source=_COMMON,
        ),
    ]
    age_years: Annotated[
        float,
        Option(
            0.0,
            "Age of chargers at stations that do not give one.",
            least=0,
            most=100,
            unit="years",
            source=_COMMON,
        ),
    ]
    patience_min: Annotated[
        float,
        Option(
            38.0,
            "Wait at which half of the drivers are dissatisfied.",
            least=0,
            most=1440,
            unit="min",
            source=_PAPER,
        ),
    ]
    patience_slope_per_min: Annotated[
        float,
        Option(
            1.0,
            "How sharply dissatisfaction rises about `patience_min`.",
            least=1e-6,
            most=1000,
            unit="per minute",
            source=_PAPER,
        ),
    ]
    budget: Annotated[
        float,
        Option(
            math.inf,
            "Limit on purchases minus sales, in `money_unit`, before annuity. Below 0, at least that much "
            "must be earned by sales.",
            infinite="no limit",
        ),
    ]
    accepted_wait_min: Annotated[
        float,
        Option(
            15.0,
            "Longest delay that coordinated charging may add to the end of a charge.",
            least=0,
            most=1440,
            unit="min",
        ),
    ]
    days_train: Annotated[
        int, Option(4, "Number of replayed days on which the search judges plans.", least=1, most=1000)
    ]
    days_test: Annotated[int, Option(20, "Fresh days for the verdict.", least=2, most=10_000)]
    evaluations: Annotated[int, Option(20_000, "Maximum number of plans to try.", least=1, most=10**9)]
    population: Annotated[
        int,
        Option(40, "Plans of a generation of the genetic searches.", least=4, most=100_000, source=_PAPER),
    ]
    elites: Annotated[
        int,
        Option(
            4,
            "Best plans that are copied unchanged, fewer than `population`.",
            least=1,
            most=10_000,
            source=_PAPER,
        ),
    ]
    station_cost_must_not_rise: Annotated[
        bool, Option(True, "Require that the stations' total cost does not rise.", source="conf-18")
    ]
    feeder_headroom: Annotated[
        bool,
        Option(
            True,
            "Require that chargers above those installed fit the least headroom of the feeder, by nameplate "
            "power.",
        ),
    ]
    time_limit_s: TimeLimit
    seed: Seed
    threads: Threads


def _together(p: ConfigurationOptions) -> Iterator[tuple[str, str, str]]:
    """Yield conflicts between options that are valid one by one."""
    if not any(p["weights"]):
        yield "weights", "all are 0", "Give four numbers, not all 0: stations, drivers, grid, traffic"
    if p["elites"] >= p["population"]:
        problem = f"found {p['elites']} in a population of {p['population']}"
        yield "elites", problem, "Give fewer elites, or a larger population"


CONFIGURATION = OptionSet("configuration", ConfigurationOptions, _together)
