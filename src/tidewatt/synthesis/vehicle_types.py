"""Types of electric vehicles where a scenario names none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tidewatt.domain.roads import FleetTypes
from tidewatt.errors import Issue, ScenarioError
from tidewatt.synthesis.habits import Habits

__all__ = ["default_types", "with_types"]

NAMES = ("small", "compact", "family", "suv", "pickup")
MAX_FAST_KW = (50.0, 100.0, 150.0, 170.0, 150.0)
MAX_NORMAL_KW = (7.2, 11.0, 11.0, 11.0, 11.0)


def default_types(habits: Habits | None = None) -> FleetTypes:
    """The vehicle classes of `Habits.battery` with what they take at fast and at normal chargers.

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
    """The same habits, vehicles drawn from `types`: row k of `Habits.battery` is type k.

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
