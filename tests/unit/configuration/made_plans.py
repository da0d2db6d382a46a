"""A town whose stations are configured once, for all tests of results."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from tests.unit.simulation.made_days import town
from tidewatt.configuration.result import Configuration
from tidewatt.configuration.study import configure
from tidewatt.domain.scenario import Scenario

MONEY = {"money_unit": 1000.0, "fast_cost": 4.0, "normal_cost": 0.5, "income_per_month": 4800.0}
DAYS = {"vehicles": 150, "soc_initial": [0.1, 0.5], "trips_per_day": 4000.0}


def crowded(*, places: bool = True) -> Scenario:
    """The town with room for two more chargers at every station, and little in the batteries."""
    made = town(places=places)
    s = made.stations
    assert s is not None
    stations = replace(s, max_total=s.fast + s.normal + 2.0, age_years=np.array([1.0, 2.0, np.nan, 4.0]))
    return replace(made, stations=stations, parameters={"simulation": DAYS, "configuration": MONEY})


@cache
def configured(*, coordinated: bool = True, search: str = "memetic", places: bool = True) -> Configuration:
    """Not to be changed."""
    return configure(
        crowded(places=places),
        coordinated=coordinated,
        search=search,
        evaluations=120,
        population=10,
        days_train=2,
        days_test=3,
        threads=1,
        seed=3,
    )
