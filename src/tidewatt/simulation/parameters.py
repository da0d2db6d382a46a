"""Parameters of `simulate`."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidewatt.domain.parameter_checks import asked_values, instead, is_number
from tidewatt.errors import Issue, ScenarioError

__all__ = ["Parameters"]

WORDS: dict[str, tuple[str, ...]] = {
    "statistic": ("energy_kwh", "charges", "revenue", "peak_load_kw", "mean_wait_min", "mean_detour_min"),
    "speed_flow": ("bpr", "urban"),
    "choice": ("cost", "logit", "regret"),
    "information": ("none", "arrived", "reserved"),
    "router": ("builtin", "pyroutingkit", "dijkstra"),
}
_LIMITS: dict[str, tuple[float, float]] = {
    "vehicles": (1, 10**8),
    "days": (1, 366),
    "trips_per_day": (0.0, math.inf),
    "replications": (1, 10**7),
    "tolerance": (0.0, 1.0),
    "time_limit_s": (0.0, math.inf),
    "step_min": (0.05, 60.0),
    "renew_min": (1.0, 1440.0),
    "background": (0.0, 100.0),
    "background_gap": (1e-12, 1.0),
    "value_of_time_per_h": (0.0, math.inf),
    "taste_min": (0.0, 1440.0),
    "regret_scale": (1e-9, math.inf),
    "target_soc": (0.0, 1.0),
    "taper_soc": (0.0, 1.0),
    "charge_efficiency": (1e-9, 1.0),
    "temperature_c": (-50.0, 60.0),
    "seed": (0, 2**63),
    "threads": (0, 4096),
}


@dataclass(frozen=True, slots=True)
class Parameters:
    """What to ask of `simulate`; (+) marks a value not verified against a primary source.

    Attributes
    ----------
    vehicles : int
        Electric vehicles.
    days : int
        Days in one replication.
    trips_per_day : float
        All vehicle trips of a weekday, where zones but no demand table say who travels; 0: 4 a home.
    replications : int
        Stop after so many (source: 1,000).
    tolerance : float
        Stop when the variance coefficient beta (sim-11) of `statistic` is at most this (source: 0.05 %).
    statistic : str
        What beta watches, a day's value: ``energy_kwh`` (of charges on the way), ``charges``, ``revenue``,
        ``peak_load_kw``, ``mean_wait_min``, ``mean_detour_min``.
    time_limit_s : float
        Stop after this many seconds.
    step_min : float
        Time step (source: 1 min); a divisor of `renew_min`.
    renew_min : float
        How often speeds and routes are renewed; a divisor of a day.
    speed_flow : str
        ``bpr`` (sim-1) or ``urban`` (sim-2).
    feedback : bool
        Whether the vehicles' own flow slows the roads.
    background : float
        Scales the other traffic, which comes from the demand table; 0: empty roads.
    background_gap : float
        Relative gap (sim-14) of the other traffic's equilibrium.
    router : str
        ``builtin``, ``pyroutingkit`` (extra ``fast-routing``) or ``dijkstra``; travel times are identical.
    choice : str
        How a station is chosen: ``cost`` (sim-6), ``logit`` (sim-7) or ``regret`` (sim-8).
    information : str
        What drivers know of queues: ``none``, ``arrived``, ``reserved`` (sim-9).
    value_of_time_per_h : float
        In the scenario's money (+).
    taste_min : float
        Scale of the random part of a station's cost, fixed for each vehicle and station [min] (+).
    regret_scale : float
        Weight of differences in the random-regret choice [1/min] (+).
    threshold_soc : (float, float)
        A driver's own threshold is drawn between these: lower at the destination, and the driver charges on
        the way (+).
    soc_initial : (float, float)
        State of charge with which vehicles came to where they stand at minute 0 is drawn between these (+);
        chargers there have charged them since.
    target_soc : float
        A charge on the way asks for what would fill the battery to this (+).
    taper_soc : float
        Above this state of charge the power falls linearly (sim-10); 1: not at all.
    charge_efficiency : float
        Battery-side energy per grid-side energy.
    temperature_c : float
        Outside temperature (sim-4).
    seed : int
        Seed of every random choice.
    threads : int
        Worker threads; 0: one per processor. Does not change the result.
    """

    vehicles: int = 10_000
    days: int = 1
    trips_per_day: float = 0.0
    replications: int = 1000
    tolerance: float = 5e-4
    statistic: str = "energy_kwh"
    time_limit_s: float = math.inf
    step_min: float = 1.0
    renew_min: float = 15.0
    speed_flow: str = "bpr"
    feedback: bool = True
    background: float = 1.0
    background_gap: float = 1e-2
    router: str = "builtin"
    choice: str = "cost"
    information: str = "arrived"
    value_of_time_per_h: float = 20.0
    taste_min: float = 2.0
    regret_scale: float = 0.1
    threshold_soc: tuple[float, float] = (0.15, 0.3)
    soc_initial: tuple[float, float] = (0.25, 0.95)
    target_soc: float = 0.9
    taper_soc: float = 1.0
    charge_efficiency: float = 0.9
    temperature_c: float = 20.0
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
        values, issues = asked_values("simulation", cls, given, overrides, _problem)
        if not issues:
            for key in ("threshold_soc", "soc_initial"):
                if key in values:
                    values[key] = tuple(map(float, values[key]))
            made = cls(**values)
            issues = _together(made)
            if not issues:
                return made
        raise ScenarioError(issues)

    def days_drawn(self) -> dict[str, Any]:
        """Those that decide what a replication is like, not how many there are or how they are computed."""
        every = dataclasses.asdict(self)
        return {name: value for name, value in every.items() if name not in _NOT_OF_DAYS}


_NOT_OF_DAYS = ("replications", "tolerance", "statistic", "time_limit_s", "router", "threads")


def _problem(key: str, value: Any, default: Any) -> str:
    """What to give instead of a value; empty where it is good."""
    if isinstance(default, tuple):
        pair = isinstance(value, (tuple, list)) and len(value) == 2 and all(map(is_number, value))
        good = pair and 0 <= value[0] <= value[1] <= 1
        return "" if good else "Give two fractions from 0 to 1, the lower one first, as [0.15, 0.3]"
    return instead(key, value, default, WORDS, _LIMITS, ("time_limit_s",))


def _together(p: Parameters) -> list[Issue]:
    """What is wrong with parameters that are good one by one."""
    issues = []
    for small, large, name in (
        (p.step_min, p.renew_min, "renew_min"),
        (p.renew_min, 1440.0, "a day (1440 min)"),
        (p.step_min, 1440.0, "a day (1440 min)"),
    ):
        parts = large / small
        if abs(parts - round(parts)) > 1e-9 or parts < 1:
            field = "renew_min" if small == p.renew_min and large == 1440.0 else "step_min"
            problem = f"{name} is not a whole number of {small:g} min"
            issues.append(Issue("simulation", field, problem, "Choose a divisor, such as 1 and 15 min"))
    if p.target_soc <= p.threshold_soc[1]:
        problem = f"{p.target_soc:g} is not above the highest threshold_soc, {p.threshold_soc[1]:g}"
        issues.append(Issue("simulation", "target_soc", problem, "Give a higher fraction, such as 0.9"))
    if p.choice == "regret" and p.value_of_time_per_h <= 0.0:
        fix = "Give a value above 0: regret weighs payment in minutes"
        issues.append(Issue("simulation", "value_of_time_per_h", "found 0 with choice = regret", fix))
    return list(dict.fromkeys(issues))
