"""Vehicles, roads, chargers and power at least cost: two formulations behind one call."""

from __future__ import annotations

import math
from collections.abc import Callable

from tidewatt.tariffs.problem import Problem, Progressed, Solution

__all__ = ["solve"]


def solve(
    problem: Problem,
    *,
    formulation: str = "arcs",
    paths_per_od: int = 4,
    pool_initial_soc: bool = False,
    soc_step: float | str = "auto",
    rounding: str = "inner",
    relative_gap: float = 1e-9,
    time_limit_s: float = math.inf,
    traffic: bool = True,
    elastic: bool = False,
    warm: Solution | None = None,
    on_progress: Callable[[Progressed], None] | None = None,
    on_kind: Callable[[int, int, int], None] | None = None,
) -> Solution:
    """Solve the central problem, or an aggregator's own.

    Parameters
    ----------
    problem : Problem
    formulation : str
        ``arcs`` (every unit of flow is a possible vehicle) or ``paths`` (pools charge over a path).
    paths_per_od : int
        Of ``paths``.
    pool_initial_soc : bool
        Of ``paths``: whether vehicles that depart with different charge share it, too.
    soc_step, rounding
        Of ``arcs``: the step of the state of charge, or ``auto``; ``inner`` (plans can be driven) or
        ``outer`` (a bound).
    relative_gap : float
        To be proved.
    time_limit_s : float
    traffic : bool
        Whether `Solution.traffic` is wanted.
    elastic : bool
        Limits may be exceeded, as little as possible; cost comes second (tariff-21).
    warm : Solution, optional
        Of nearly the same problem.
    on_progress : callable, optional
        Called with a `Progressed` after every program.
    on_kind : callable, optional
        Of ``arcs``: called now and then while cheapest plans are sought, with the number of programs solved
        so far, of how many kinds of vehicles plans are found, and how many kinds there are.

    Returns
    -------
    Solution
    """
    if formulation == "paths":
        from tidewatt.tariffs.paths.solution import solve_paths

        return solve_paths(
            problem,
            paths_per_od=paths_per_od,
            pool_initial_soc=pool_initial_soc,
            relative_gap=relative_gap,
            time_limit_s=time_limit_s,
            traffic=traffic,
            elastic=elastic,
            on_progress=on_progress,
        )
    if formulation != "arcs":
        raise ValueError(f"formulation is {formulation!r}; give arcs or paths")
    from tidewatt.tariffs.arcs.solution import solve_arcs

    return solve_arcs(
        problem,
        soc_step=soc_step,
        rounding=rounding,
        relative_gap=relative_gap,
        time_limit_s=time_limit_s,
        traffic=traffic,
        elastic=elastic,
        warm=warm,
        on_progress=on_progress,
        on_kind=on_kind,
    )
