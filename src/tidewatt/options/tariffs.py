"""Options of `tariff`."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from tidewatt.options.declaration import Option, OptionSet, Seed, Threads, TimeLimit

__all__ = ["TARIFF", "TariffOptions"]


class TariffOptions(TypedDict, total=False):
    """How `tariff` states and solves its problems, and what it protects them against."""

    formulation: Annotated[
        Literal["arcs", "paths", "both"],
        Option(
            "arcs",
            "`arcs` (every unit of flow is a possible vehicle), `paths` (as in the source; pools the state "
            "of charge of vehicles on one path), or `both`, which gives the gap between them.",
        ),
    ]
    paths_per_od: Annotated[
        int,
        Option(
            4,
            "Number of paths, fewest steps first, for each OD pair in `paths`.",
            least=1,
            most=1000,
        ),
    ]
    pool_initial_soc: Annotated[
        bool,
        Option(
            False,
            "Let `paths` pool the charge of all vehicles of a path, as the source does, not only of vehicles "
            "that depart with the same charge.",
        ),
    ]
    uncertainty: Annotated[
        Literal["box", "budget", "ellipsoid", "conformal"],
        Option(
            "box",
            "Set of outcomes that limits are protected against: `box` (all off at once), `budget` (only so "
            "many), `ellipsoid`, or `conformal` (from past forecasts and outcomes; uses `coverage` instead "
            "of `gamma`).",
        ),
    ]
    gamma: Annotated[
        float,
        Option(
            1.0,
            "Size of the uncertainty set; at 0, forecasts are exact. "
            "Injections with a gamma of their own keep it "
            "in `box`.",
            least=0,
            most=1,
        ),
    ]
    coverage: Annotated[
        float,
        Option(0.95, "Share of days that `conformal` margins shall cover.", least=1e-6, most=1.0 - 1e-9),
    ]
    coverage_scope: Annotated[
        Literal["row_step", "joint"],
        Option(
            "row_step",
            "What these margins cover: `row_step` "
            "(each limit and step by itself; some limit may still be exceeded on "
            "most days), or `joint` (all together).",
        ),
    ]
    soc_step: Annotated[
        float | Literal["auto"],
        Option(
            "auto",
            "Step of the state of charge in `arcs`, a fraction of the battery. `auto`: a quarter of what the "
            "main level gains in a step, or a whole part of that, at most about 0.022.",
            least=1e-4,
            most=0.5,
        ),
    ]
    soc_rounding: Annotated[
        Literal["inner", "outer", "both"],
        Option(
            "inner",
            "`inner` (every plan can be driven), `outer` (a lower bound), or `both`: the answer is the inner "
            "one, the bound comes from the outer one.",
        ),
    ]
    loss_margin: Annotated[
        float,
        Option(
            0.0,
            "Share of every line's worst downstream load by which its limit is narrowed for losses.",
            least=0,
            most=1,
        ),
    ]
    linearisation: Annotated[
        Literal["no-load", "forecast"],
        Option(
            "no-load",
            "Where power flow is linearised: at `no-load` (LinDistFlow), or about the AC flow of the "
            "`forecast`.",
        ),
    ]
    relative_gap: Annotated[float, Option(1e-9, "Gap to prove of the operator's problem.", least=0, most=1)]
    publish: Annotated[
        Literal["auto", "tariff", "all"],
        Option(
            "auto",
            "What aggregators are told: the `tariff`, `all` prices (also tolls and charger prices), or what "
            "is needed (`auto`).",
        ),
    ]
    samples: Annotated[
        int,
        Option(
            10_000, "Number of outcomes drawn to count violated limits; 0: none.", least=0, most=10_000_000
        ),
    ]
    kwh_per_km: Annotated[
        float,
        Option(
            0.18,
            "Consumption, used where the links table has roads but no steps.",
            least=1e-6,
            most=100,
            unit="kWh/km",
            scenario_only=True,
        ),
    ]
    vehicle_share: Annotated[
        float,
        Option(
            1.0,
            "Share of road capacity left for these vehicles, used where the links table has roads but no "
            "steps.",
            least=1e-9,
            most=1,
            scenario_only=True,
        ),
    ]
    time_limit_s: TimeLimit
    seed: Seed
    threads: Threads


TARIFF = OptionSet("tariff", TariffOptions)
