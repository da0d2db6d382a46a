"""Parameters of `tariff`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidewatt.domain.parameter_checks import asked_values, instead, is_number
from tidewatt.errors import ScenarioError

__all__ = ["Parameters"]

WORDS: dict[str, tuple[str, ...]] = {
    "formulation": ("arcs", "paths", "both"),
    "uncertainty": ("box", "budget", "ellipsoid", "conformal"),
    "coverage_scope": ("row_step", "joint"),
    "soc_rounding": ("inner", "outer", "both"),
    "linearisation": ("no-load", "forecast"),
    "publish": ("auto", "tariff", "all"),
}
_LIMITS: dict[str, tuple[float, float]] = {
    "paths_per_od": (1, 1000),
    "gamma": (0.0, 1.0),
    "coverage": (1e-6, 1.0 - 1e-9),
    "loss_margin": (0.0, 1.0),
    "relative_gap": (0.0, 1.0),
    "samples": (0, 10_000_000),
    "kwh_per_km": (1e-6, 100.0),
    "vehicle_share": (1e-9, 1.0),
    "time_limit_s": (0.0, math.inf),
    "seed": (0, 2**63),
    "threads": (0, 4096),
}
_MAY_BE_INFINITE = ("time_limit_s",)
_LEAST_SOC_STEP, _MOST_SOC_STEP = 1e-4, 0.5


@dataclass(frozen=True, slots=True)
class Parameters:
    """What to ask of `tariff`.

    Attributes
    ----------
    formulation : str
        ``arcs``: every unit of flow is a possible vehicle. ``paths``: the source's, which pools the state of
        charge of a path's vehicles. ``both``: arcs, and paths beside it for the pooling gap.
    paths_per_od : int
        Fewest-step paths of each pair of origin and destination in ``paths``.
    pool_initial_soc : bool
        Whether ``paths`` pools the charge of all vehicles of a path, as the source does, or only of those
        that depart with the same.
    uncertainty : str
        Set that limits are protected against: ``box``, ``budget``, ``ellipsoid`` or ``conformal``.
    gamma : float
        Size of the set, 0 (forecasts hold) to 1; not used by ``conformal``.
    coverage : float
        Share of days that a ``conformal`` margin is to cover.
    coverage_scope : str
        Whether each row and step is covered by itself (``row_step``) or all of them together (``joint``).
    soc_step : float or str
        Step of the state of charge in ``arcs``, a fraction of the battery; ``auto``: a quarter of what the
        main level gains in a step, or a whole part of that, at most about 0.022.
    soc_rounding : str
        ``inner``: every plan can be driven. ``outer``: a bound below. ``both``: the answer is the
        inner one, the bound comes from the outer one.
    loss_margin : float
        Share of every line's worst downstream load by which its limit is narrowed for losses.
    linearisation : str
        Where power flow is linearised: at ``no-load`` (LinDistFlow), or about the AC flow of the
        ``forecast``.
    relative_gap : float
        Asked of the central problem.
    publish : str
        What aggregators are told: the ``tariff``, ``all`` prices (also tolls and charger prices), or those
        that are needed (``auto``).
    samples : int
        Outcomes drawn to count violations; 0: none.
    kwh_per_km, vehicle_share : float
        Where roads in steps are derived from `Roads`, which is when the scenario is read: consumption, and
        the share of the capacity that is these vehicles'. Only the scenario's ``[tariff]`` can set them.
    time_limit_s : float
        Stop solving after this many seconds.
    seed : int
        Seed of every random choice.
    threads : int
        Worker threads; 0: one per processor. Does not change the result.
    """

    formulation: str = "arcs"
    paths_per_od: int = 4
    pool_initial_soc: bool = False
    uncertainty: str = "box"
    gamma: float = 1.0
    coverage: float = 0.95
    coverage_scope: str = "row_step"
    soc_step: float | str = "auto"
    soc_rounding: str = "inner"
    loss_margin: float = 0.0
    linearisation: str = "no-load"
    relative_gap: float = 1e-9
    publish: str = "auto"
    samples: int = 10_000
    kwh_per_km: float = 0.18
    vehicle_share: float = 1.0
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
        values, issues = asked_values("tariff", cls, given, overrides, _problem)
        if issues:
            raise ScenarioError(sorted(issues, key=lambda issue: issue.field))
        return cls(**values)


def _problem(key: str, value: Any, default: Any) -> str:
    """What to give instead of a value; empty where it is good."""
    if key == "soc_step":
        good = value == "auto" or (is_number(value) and _LEAST_SOC_STEP <= value <= _MOST_SOC_STEP)
        return "" if good else f"Give auto, or a number from {_LEAST_SOC_STEP:g} to {_MOST_SOC_STEP:g}"
    return instead(key, value, default, WORDS, _LIMITS, _MAY_BE_INFINITE)
