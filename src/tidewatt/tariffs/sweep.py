"""The study over sizes of the uncertainty set: cost, tariffs and violations by gamma."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.errors import Issue, ScenarioError
from tidewatt.options.tariffs import TARIFF, TariffOptions
from tidewatt.tariffs.central import Case, Solver
from tidewatt.tariffs.outcomes import sample
from tidewatt.tariffs.prices import prices_of
from tidewatt.tariffs.problem import Solution
from tidewatt.tariffs.validation import beyond_reach

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["binding", "gammas_of", "swept"]

_BINDING_PRICE = 1e-6
"""A limit binds where its dual changes tariffs by more than this, per kWh."""


def gammas_of(asked: Sequence[float] | float, parameters: TariffOptions) -> list[float]:
    """Return the gammas of a sweep, ascending, without repeats.

    Raises
    ------
    ScenarioError
        Where values are no shares, or the set has no gamma.
    """
    issues = []
    several: list[Any] = list(asked) if isinstance(asked, Iterable) else [asked]
    declared = TARIFF.every["gamma"]
    bad = [gamma for gamma in several if not declared.accepts(gamma)]
    if bad or not several:
        found = ", ".join(repr(gamma) for gamma in bad[:5]) or "none"
        issues.append(
            Issue("tariff", "sweep_gamma", f"found {found}", "Give one or more numbers from 0 to 1")
        )
    if parameters["uncertainty"] == "conformal":
        problem = "conformal margins have no gamma"
        fix = "Sweep with box, budget or ellipsoid, or change coverage"
        issues.append(Issue("tariff", "sweep_gamma", problem, fix))
    if issues:
        raise ScenarioError(issues)
    return sorted({float(gamma) for gamma in several})


def binding(case: Case, solution: Solution, kind: int) -> list[object]:
    """Return ids of lines (kind 0) or buses (1) whose limits bind in some step, in table order."""
    rows = case.rows
    dual = case.over_all_rows(np.maximum(solution.dual_high, solution.dual_low)).max(axis=1, initial=0.0)
    weight = np.abs(rows.sensitivity).max(axis=1, initial=0.0) / case.scenario.horizon.step_h
    found = rows.element[(rows.kind == kind) & (dual * weight > _BINDING_PRICE)]
    ids = case.distribution.bus_id if kind else case.distribution.line_id
    listed: list[object] = ids[np.unique(found)].tolist()
    return listed


def swept(case: Case, central: Solution, gammas: Sequence[float], solver: Solver) -> pd.DataFrame:
    """Return one row per gamma, in order; each solve starts from the last, and all face the same outcomes.

    Where no plan keeps all limits, only the status is given.
    """
    import pandas as pd

    listed: list[dict[str, object]] = []
    warm = central
    plans: dict[str, Array] = {}
    for gamma in gammas:
        at = case.with_margins({**case.parameters, "gamma": gamma})
        if beyond_reach(at):  # also of rows that no vehicle moves, which are not in the problem
            listed.append({"gamma": gamma, "status": "infeasible"})
            continue
        problem = at.problem()
        solution = solver.solve(f"sweep, gamma {gamma:g}", problem, warm=warm)
        row: dict[str, object] = {"gamma": gamma, "status": solution.status}
        if solution.status == "solved":
            warm = solution
            tariff = prices_of(problem, solution).tariff
            charged = np.maximum(solution.power_kw, 0.0).sum(axis=0)
            energy = charged.sum()
            row |= {
                "cost": solution.cost,
                "lower_bound_cost": solution.bound,
                "largest_tariff_per_kwh": float(tariff.max(initial=0.0)),
                "mean_tariff_per_kwh": float((tariff * charged).sum() / energy) if energy > 0 else 0.0,
                "binding_lines": len(binding(at, solution, 0)),
            }
            plans[repr(gamma)] = solution.power_kw.sum(axis=0)
        listed.append(row)
    if plans:
        outcomes = sample(
            case.influence,
            case.injections,
            case.rows,
            plans,
            case.parameters,
            flows=False,
            on_step=solver.counter("sweep, outcomes", case.scenario.horizon.steps),
        )
        for row in listed:
            if (plan := repr(row["gamma"])) in plans:
                row["violation_rate"] = outcomes.rate(plan)
    columns = (
        "gamma",
        "status",
        "cost",
        "lower_bound_cost",
        "largest_tariff_per_kwh",
        "mean_tariff_per_kwh",
        "violation_rate",
        "binding_lines",
    )
    table = pd.DataFrame(listed, columns=pd.Index(columns))
    return table.astype({name: "float64" for name in columns if name != "status"})
