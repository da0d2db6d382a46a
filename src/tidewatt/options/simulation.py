"""Options of `simulate`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypedDict

from tidewatt.options.declaration import Option, OptionSet, Seed, Threads, TimeLimit
from tidewatt.plugins import CHOICES, METHODS, Plugin, plugins

__all__ = ["NOT_OF_DAYS", "SIMULATION", "SimulationOptions", "days_drawn"]

_ASSUMED = "assumed, not verified"
_DAY_MIN = 1440.0


def _models() -> dict[str, Plugin]:
    """Return the models of installed packages; none may have the name of a built-in one."""
    return plugins(CHOICES, [word for option in METHODS for word in SIMULATION.every[option].words])


class SimulationOptions(TypedDict, total=False):
    """What `simulate` is to simulate, and when it stops."""

    vehicles: Annotated[
        int,
        Option(
            10_000,
            "Number of electric vehicles. More than the demand can explain is an error.",
            least=1,
            most=10**8,
        ),
    ]
    days: Annotated[
        int, Option(1, "Days in one replication; use 7 for itineraries of a week.", least=1, most=366)
    ]
    trips_per_day: Annotated[
        float,
        Option(
            0.0,
            "All vehicle trips of a weekday, for scenarios with zones but no demand table.",
            least=0,
            default_words="0: 4 per home, if homes are counts",
        ),
    ]
    replications: Annotated[
        int,
        Option(1000, "Stop after this many replications.", least=1, most=10**7, source="Qu and Zhao 2023"),
    ]
    tolerance: Annotated[
        float,
        Option(
            5e-4,
            "Stop when beta, the standard error of the mean of `statistic` over that mean, is at most this.",
            least=0,
            most=1,
            source="sim-11; Qu and Zhao 2023",
        ),
    ]
    statistic: Annotated[
        Literal["energy_kwh", "charges", "revenue", "peak_load_kw", "mean_wait_min", "mean_detour_min"],
        Option("energy_kwh", "What beta watches: a day's value, `energy_kwh` of charges on the way."),
    ]
    time_limit_s: TimeLimit
    step_min: Annotated[
        float,
        Option(
            1.0,
            "Time step, a divisor of `renew_min`.",
            least=0.05,
            most=60,
            unit="min",
            source="Qu and Zhao 2023",
        ),
    ]
    renew_min: Annotated[
        float,
        Option(
            15.0,
            "How often speeds and routes are renewed, a divisor of a day.",
            least=1,
            most=_DAY_MIN,
            unit="min",
        ),
    ]
    speed_flow: Annotated[
        Literal["bpr", "urban"] | str,
        Option(
            "bpr",
            "Speed from flow: `bpr`, or the `urban` model by road class.",
            source="sim-1, sim-2",
            plugins=_models,
        ),
    ]
    feedback: Annotated[bool, Option(True, "Let the vehicles' own flow slow the roads.")]
    background: Annotated[
        float,
        Option(
            1.0,
            "Scale of the other traffic, which comes from the demand table; 0: empty roads.",
            least=0,
            most=100,
        ),
    ]
    background_gap: Annotated[
        float,
        Option(
            1e-2,
            "Relative gap of the other traffic's equilibrium.",
            least=1e-12,
            most=1,
            source="sim-14",
        ),
    ]
    router: Annotated[
        Literal["builtin", "dijkstra"],
        Option("builtin", "Method for shortest paths; all give the same travel times."),
    ]
    decision: Annotated[
        Literal["threshold"] | str,
        Option(
            "threshold",
            "Who charges on the way: those who would be below their own `threshold` at the destination.",
            source="sim-5",
            plugins=_models,
        ),
    ]
    choice: Annotated[
        Literal["cost", "logit", "regret"] | str,
        Option(
            "cost",
            "How a station is chosen: least generalised `cost`, multinomial `logit`, or random `regret`.",
            source="sim-6 to sim-8",
            plugins=_models,
        ),
    ]
    information: Annotated[
        Literal["none", "arrived", "reserved"],
        Option(
            "arrived",
            "What drivers know of queues: nothing (`none`), who is at a station (`arrived`), or also who is "
            "on the way (`reserved`).",
            source="sim-9",
        ),
    ]
    value_of_time_per_h: Annotated[float, Option(20.0, "In the scenario's money.", least=0, source=_ASSUMED)]
    taste_min: Annotated[
        float,
        Option(
            2.0,
            "Scale of the random part of a station's cost, fixed for each vehicle and station.",
            least=0,
            most=_DAY_MIN,
            unit="min",
            source=_ASSUMED,
        ),
    ]
    regret_scale: Annotated[
        float,
        Option(
            0.1,
            "Weight of differences in the random-regret choice.",
            least=1e-9,
            unit="per minute",
            source=_ASSUMED,
        ),
    ]
    threshold_soc: Annotated[
        tuple[float, float],
        Option(
            (0.15, 0.3),
            "A driver's own threshold is drawn between these, the lower one first: who would be below it at "
            "the destination charges on the way.",
            least=0,
            most=1,
            source=_ASSUMED,
        ),
    ]
    soc_initial: Annotated[
        tuple[float, float],
        Option(
            (0.25, 0.95),
            "State of charge on arrival at the place where a vehicle stands at minute 0 is drawn between "
            "these, the lower one first; chargers there have charged them since.",
            least=0,
            most=1,
            source=_ASSUMED,
        ),
    ]
    target_soc: Annotated[
        float,
        Option(
            0.9,
            "State of charge up to which drivers charge on the way.",
            least=0,
            most=1,
            source=_ASSUMED,
        ),
    ]
    taper_soc: Annotated[
        float,
        Option(
            1.0,
            "Above this state of charge the power falls linearly to a fifth; 1: it never falls.",
            least=0,
            most=1,
            source="sim-10",
        ),
    ]
    charge_efficiency: Annotated[
        float, Option(0.9, "Energy into the battery per energy from the grid.", least=1e-9, most=1)
    ]
    temperature_c: Annotated[
        float,
        Option(20.0, "Outside temperature.", least=-50, most=60, unit="degrees Celsius", source="sim-4"),
    ]
    seed: Seed
    threads: Threads


NOT_OF_DAYS = ("replications", "tolerance", "statistic", "time_limit_s", "router", "threads")
"""Options that say how many replications there are or how they are computed, not what one is like."""


def days_drawn(options: SimulationOptions) -> dict[str, Any]:
    """Return the options that determine what a replication is like."""
    return {name: value for name, value in options.items() if name not in NOT_OF_DAYS}


def _together(p: SimulationOptions) -> Iterator[tuple[str, str, str]]:
    """Yield conflicts between options that are valid one by one."""
    for pair, (low, high) in (("threshold_soc", p["threshold_soc"]), ("soc_initial", p["soc_initial"])):
        if low > high:
            yield pair, f"found {low:g} before {high:g}", "Give the lower one first, as 0.15 and 0.3"
    for small, large, name in (
        (p["step_min"], p["renew_min"], "renew_min"),
        (p["renew_min"], _DAY_MIN, "a day (1440 min)"),
        (p["step_min"], _DAY_MIN, "a day (1440 min)"),
    ):
        parts = large / small
        if abs(parts - round(parts)) > 1e-9 or parts < 1:
            field = "renew_min" if small == p["renew_min"] and large == _DAY_MIN else "step_min"
            problem = f"{name} is not a whole number of {small:g} min"
            yield field, problem, "Choose a divisor, such as 1 and 15 min"
    if p["target_soc"] <= p["threshold_soc"][1]:
        problem = f"{p['target_soc']:g} is not above the highest threshold_soc, {p['threshold_soc'][1]:g}"
        yield "target_soc", problem, "Give a higher fraction, such as 0.9"
    if p["choice"] == "regret" and p["value_of_time_per_h"] <= 0.0:
        fix = "Give a value above 0: regret weighs payment in minutes"
        yield "value_of_time_per_h", "found 0 with choice = regret", fix


SIMULATION = OptionSet("simulation", SimulationOptions, _together)
