"""Embedded statistics of driving, vehicles and feeders, each with its source.

Sources
-------
MiD 2017 : *Mobilität in Deutschland 2017*, car trips by departure hour and purpose, and trips per
    day, as tabulated by emobpy 0.6.2 (Gaete-Morales et al. 2021, doi 10.1038/s41597-021-00932-9).
NHTS 2022 : *National Household Travel Survey* 2022, US Department of Transportation, vehicle file.
VISTA : *Victorian Integrated Survey of Travel and Activity* 2012-18, 486 car-driver trips.
GNA 2023 : PG&E 2023 Grid Needs Assessment, forecast for 2027, nine Bay Area divisions: 594 feeders
    and 296 banks whose rating and loading are public.
DDOR 2023 : PG&E 2023 Distribution Deferral Opportunity Report, unit costs of candidate upgrades.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from tidewatt.domain.arrays import Array, freeze
from tidewatt.domain.roads import FleetTypes
from tidewatt.errors import Issue, ScenarioError
from tidewatt.synthesis.habits import Habits

__all__ = [
    "BANK_HEADROOM",
    "DAY_SHAPES",
    "DEPARTURES_BY_HOUR",
    "FEEDER_HEADROOM",
    "FEEDER_RATING_MW",
    "PURPOSES",
    "PURPOSE_SHARE",
    "QUANTILES",
    "STAY_MIN",
    "TRIPS_PER_DAY",
    "TRIP_KM",
    "UPGRADE_COST_PER_KW",
    "VEHICLES_PER_HOUSEHOLD",
    "default_types",
    "with_types",
]

PURPOSES: Final = ("home", "work", "shop", "leisure", "escort", "errand", "other")
"""Purposes of trips and places; the position is the code used in arrays."""


def _day(night: float, *blocks: float) -> list[float]:
    """Return hourly values from those of 6-8, 9-10, 11-13, 14-16, 17-19, 20-22 h; the last tapers off."""
    hours = [night] * 24
    for value, begin, end in zip(blocks, (6, 9, 11, 14, 17, 20), (9, 11, 14, 17, 20, 23)):
        hours[begin:end] = [value] * (end - begin)
    hours[20:23] = [1.6 * blocks[-1], blocks[-1], 0.4 * blocks[-1]]
    return hours


_DEPARTURES: list[list[list[float]]] = [
    [  # weekdays; rows shop, leisure, escort, errand, other; work has its own row in front
        [6, 6, 6, 6, 6, 60, 160, 235, 225, 105, 40, 22, 24, 26, 30, 20, 15, 10, 7, 7, 7, 7, 7, 6],
        _day(0, 13, 86, 84, 74, 91, 13),
        _day(1, 10, 45, 64, 77, 98, 47),
        _day(1, 57, 65, 40, 93, 73, 20),
        _day(1, 17, 75, 80, 83, 80, 20),
        _day(1, 17, 75, 80, 83, 80, 20),
    ],
    [  # weekends: Saturday and Sunday together
        _day(6, 121, 106, 57, 27, 17, 10),
        _day(0, 22, 140, 115, 58, 37, 7),
        _day(1, 9, 58, 86, 105, 66, 23),
        _day(1, 9, 62, 90, 86, 70, 28),
        _day(1, 9, 84, 105, 86, 59, 17),
        _day(1, 9, 84, 105, 86, 59, 17),
    ],
]
DEPARTURES_BY_HOUR: Final[Array] = freeze(_DEPARTURES)
"""Relative number of departures by hour, shape (2, 6, 24): weekday or weekend; to work, shop,
leisure, escort, errand, other. MiD 2017, published in blocks of two and three hours; the weekday
commute is peaked at 7-9 h and evenings fall off by the hour, where the blocks are flat."""

PURPOSE_SHARE: Final[Array] = freeze([[0.105, 0.1635, 0.062, 0.072, 0.02], [0.13, 0.31, 0.051, 0.082, 0.02]])
"""Relative shares of shop, leisure, escort, errand, other among stops other than home and work,
shape (2, 5): weekday, weekend. MiD 2017 (errands parted in errand and other)."""

TRIPS_PER_DAY: Final[Array] = freeze([[0.4625, 0.129, 0.1935, 0.215], [0.5833, 0.0833, 0.1945, 0.1389]])
"""Shares of 2, 3, 4 and 5 trips among days with driving, shape (2, 4): weekday, weekend. MiD 2017."""

TRIP_KM: Final[Array] = freeze([[14.5, 0.75], [5.0, 0.8], [9.5, 1.05], [5.5, 0.8], [5.5, 0.85], [9.0, 1.0]])
"""Distance of a place from home: median [km] and standard deviation of its logarithm; work, shop,
leisure, escort, errand, other. Spread and order as in VISTA (medians 8.8, 3.6, 7.2, 4.1, 3.2 km),
scaled by 1.5 so that a vehicle drives what NHTS 2022 cars do (median 7,200 miles a year)."""

STAY_MIN: Final[Array] = freeze(
    [[505.0, 0.12], [28.0, 0.6], [105.0, 0.6], [7.0, 0.6], [35.0, 0.7], [60.0, 0.8]]
)
"""Length of a stay: median [min] and standard deviation of its logarithm; order as in `TRIP_KM`.
VISTA medians (work 470 with part-time days, of whom `Habits.part_time_share` take half)."""

VEHICLES_PER_HOUSEHOLD: Final = 1.8
"""Vehicles per household in the Bay Area (ACS 2021); the United States has 2.0 (NHTS 2022)."""

QUANTILES: Final[Array] = freeze(
    [0, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99, 1]
)
"""Probabilities of `FEEDER_HEADROOM` and `FEEDER_RATING_MW`."""

FEEDER_RATING_MW: Final[Array] = freeze(
    [
        1.6,
        1.98,
        2.09,
        2.28,
        2.5,
        3.68,
        9.52,
        10.69,
        11.57,
        11.87,
        12.19,
        12.83,
        21.11,
        21.41,
        21.41,
        23.56,
        33.07,
    ]
)
"""Feeder ratings at `QUANTILES` [MW]. GNA 2023."""

FEEDER_HEADROOM: Final[Array] = freeze(
    [
        -0.947,
        -0.501,
        -0.307,
        -0.125,
        0.003,
        0.042,
        0.096,
        0.158,
        0.204,
        0.295,
        0.37,
        0.464,
        0.601,
        0.696,
        0.755,
        0.842,
        1.039,
    ]
)
"""(rating - peak loading) / rating of feeders at `QUANTILES`. GNA 2023."""

BANK_HEADROOM: Final[Array] = freeze(
    [
        -0.626,
        -0.347,
        -0.216,
        -0.154,
        -0.017,
        0.046,
        0.108,
        0.171,
        0.242,
        0.328,
        0.425,
        0.521,
        0.675,
        0.724,
        0.789,
        1.002,
        1.164,
    ]
)
"""(rating - peak loading) / rating of banks at `QUANTILES`. GNA 2023."""

UPGRADE_COST_PER_KW: Final[Array] = freeze([[0.0, 1500.0, 4000.0, 8000.0], [3700.0, 1900.0, 900.0, 470.0]])
"""Upgrade cost [$/kW] by the size of the upgrade [kW]. DDOR 2023: about 3,700 for 1-2 MW, about 470
above 8 MW; the two values between are interpolated on a log scale."""

DAY_SHAPES: Final[Array] = freeze(
    [
        [
            [56, 52, 49, 48, 48, 51, 58, 64, 63, 60, 58, 57, 58, 60, 64, 70, 79, 89, 97, 100, 97, 89, 77, 65],
            [58, 54, 51, 49, 49, 51, 55, 61, 66, 68, 68, 67, 67, 68, 71, 76, 83, 91, 97, 99, 95, 87, 76, 66],
        ],
        [
            [52, 50, 49, 49, 51, 56, 65, 76, 86, 93, 97, 99, 99, 100, 99, 97, 93, 87, 81, 76, 71, 65, 59, 55],
            [50, 48, 47, 47, 48, 50, 54, 58, 63, 68, 71, 73, 74, 74, 73, 72, 70, 68, 66, 64, 61, 58, 54, 52],
        ],
    ]
)
"""Load of a feeder by hour in percent of its peak, shape (2, 2, 24): residential or commercial
customers; weekday or weekend. Typical North American class-load shapes in round figures: evening
peak of homes at 19 h, midday plateau of shops and offices."""


NAMES = ("small", "compact", "family", "suv", "pickup")
MAX_FAST_KW = (50.0, 100.0, 150.0, 170.0, 150.0)
MAX_NORMAL_KW = (7.2, 11.0, 11.0, 11.0, 11.0)


def default_types(habits: Habits | None = None) -> FleetTypes:
    """Return the vehicle classes of `Habits.battery` with their power at fast and normal chargers.

    Highest fast-charging powers are manufacturers' round figures for models of 2020 to 2023 of each class;
    on-board chargers are single-phase 7.2 kW in small cars and three-phase 11 kW in others (+: not verified
    model by model). Classes beyond the five embedded ones take what the last one does.
    """
    battery_kwh, kwh_per_km, share = np.array((habits or Habits()).battery).T
    row = np.minimum(np.arange(len(share)), len(NAMES) - 1)
    extra = np.arange(len(share)) - row
    return FleetTypes(
        type_id=np.array([NAMES[r] + (f"-{e + 1}" if e else "") for r, e in zip(row, extra)], dtype=object),
        share=share,
        battery_kwh=battery_kwh,
        kwh_per_km=kwh_per_km,
        max_fast_kw=np.array(MAX_FAST_KW)[row],
        max_normal_kw=np.array(MAX_NORMAL_KW)[row],
    )


def with_types(habits: Habits, types: FleetTypes) -> Habits:
    """Return the same habits, vehicles drawn from `types`: row k of `Habits.battery` is type k.

    Raises
    ------
    ScenarioError
        If no type has a share above 0.
    """
    total = float(types.share.sum()) if len(types) else 0.0
    if not total > 0:
        raise ScenarioError([Issue("fleet", "share", "no share is above 0", "Give some type a share")])
    share = types.share / total
    return replace(habits, battery=tuple(zip(types.battery_kwh, types.kwh_per_km, share)))
