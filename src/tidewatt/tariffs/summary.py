"""The figures of ``summary.json``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.result import RunInfo, Status
from tidewatt.tariffs.central import Case
from tidewatt.tariffs.outcomes import Outcomes
from tidewatt.tariffs.own import Decentralised, power_error_bound_kw
from tidewatt.tariffs.problem import Problem, Solution
from tidewatt.tariffs.sweep import binding

__all__ = ["Found", "summarise"]


@dataclass(slots=True, eq=False)
class Found:
    """What a study has found so far; None where it has not come to it.

    Attributes
    ----------
    central : Solution
    outer, pooled, deterministic, elastic : Solution or None
        With the state of charge rounded outwards; in the paths formulation; when forecasts hold; with
        limits that may be exceeded.
    decentralised : Decentralised or None
        None unless the central problem is solved.
    outcomes : Outcomes or None
        Of the plans under sampled outcomes.
    interval : tuple of array or None
        Least and most tariff.
    ac_exceeded : tuple of list of id
        Lines and buses whose limits the AC flow of the plan exceeds.
    ac : tuple of float or None
        By how much voltages [pu] and flows [kW] are off the AC flow at most.
    notes : list of str
    """

    central: Solution
    outer: Solution | None = None
    pooled: Solution | None = None
    deterministic: Solution | None = None
    elastic: Solution | None = None
    decentralised: Decentralised | None = None
    outcomes: Outcomes | None = None
    interval: tuple[Array, Array] | None = None
    ac: tuple[float, float] | None = None
    ac_exceeded: tuple[list[Any], list[Any]] | None = None
    notes: list[str] = field(default_factory=list)

    def violation_rate(self, plan: str) -> float | None:
        """Share of outcomes in which a plan exceeds some limit; None where none were drawn."""
        sampled = self.outcomes
        return sampled.rate(plan) if sampled is not None and plan in sampled.plans else None

    @property
    def published(self) -> Decentralised | None:
        """What is published: nothing unless all problems are solved."""
        d = self.decentralised
        good = self.central.status == "solved" and d is not None
        return d if good and d is not None and d.responses.status == "solved" else None


def summarise(case: Case, problem: Problem, found: Found, status: Status, run: RunInfo) -> dict[str, Any]:
    """The keys of ``summary.json``; None where a figure was not computed."""
    p, central, horizon = case.parameters, found.central, case.scenario.horizon
    published = found.published
    solved = central.status == "solved"
    figures: dict[str, Any] = {
        "scenario": case.scenario.name,
        "status": status.name.lower(),
        "status_advice": status.value,
        "formulation": p.formulation,
        "uncertainty": p.uncertainty,
        "gamma": None if p.uncertainty == "conformal" else p.gamma,
        "coverage": p.coverage if p.uncertainty == "conformal" else None,
        "coverage_scope": p.coverage_scope if p.uncertainty == "conformal" else None,
        "start": horizon.start.isoformat(),
        "step_min": horizon.step_min,
        "steps": horizon.steps,
        "nodes": case.roads.nodes,
        "links": case.roads.links,
        "sites": len(case.sites),
        "aggregators": len(case.aggregators),
        "vehicles": round(float(case.travel.vehicles.sum()), 6),
        "groups": len(case.travel),
        "lines": case.distribution.lines,
        "buses": case.distribution.buses,
        "columns": central.columns,
        "rows": central.rows,
        "grid_rows": len(case.reachable),
        "arcs_generated": central.arcs,
        "iterations": central.iterations,
        "soc_step": _number(central.soc_step),
        "soc_rounding": p.soc_rounding,
        "linearisation": p.linearisation,
        "loss_margin": p.loss_margin,
        "cost": _number(central.cost) if central.status != "infeasible" else None,
        "lower_bound_cost": _number(central.bound) if central.status != "infeasible" else None,
        "relative_gap": _number(central.relative_gap) if central.status != "infeasible" else None,
        **_deterministic(central, found.deterministic),
        **_prices(problem, central, found),
        "binding_lines": binding(case, central, 0) if solved else [],
        "binding_buses": binding(case, central, 1) if solved else [],
        "energy_kwh": _energy(central, problem.step_h) if solved else None,
        "prices_needed": list(published.needed) if published is not None else [],
        **_bounds(found),
        "violation_rate_robust": found.violation_rate("robust"),
        "violation_rate_deterministic": found.violation_rate("deterministic"),
        "samples": p.samples,
        "ac_voltage_error_pu": found.ac[0] if found.ac is not None else None,
        "ac_flow_error_kw": found.ac[1] if found.ac is not None else None,
        "ac_exceeded_lines": found.ac_exceeded[0] if found.ac_exceeded is not None else None,
        "ac_exceeded_buses": found.ac_exceeded[1] if found.ac_exceeded is not None else None,
        "unserved_vehicles": _unserved(found),
        "solver_status": _statuses(found),
        "notes": list(dict.fromkeys([*central.notes, *found.notes])),
        "build_s": central.build_s,
        "solve_s": central.solve_s,
        "wall_s": run.wall_s,
        "peak_memory_mib": run.peak_memory_mib,
        "seed": run.seed,
        "version": run.version,
        "scenario_sha256": run.scenario_sha256,
    }
    return figures


def _deterministic(central: Solution, deterministic: Solution | None) -> dict[str, Any]:
    if deterministic is None or deterministic.status != "solved":
        return {"deterministic_cost": None, "robust_cost_increase": None}
    cost = deterministic.cost
    increase = (central.cost - cost) / abs(cost) if cost else None
    return {"deterministic_cost": cost, "robust_cost_increase": increase}


def _prices(problem: Problem, central: Solution, found: Found) -> dict[str, Any]:
    names = (
        "largest_tariff_per_kwh",
        "largest_toll_per_vehicle",
        "largest_charger_price",
        "published",
        "decentralisation_error_kw",
        "decentralisation_error_tariff_only_kw",
        "decentralisation_flow_error_kw",
        "decentralisation_error_bound_kw",
    )
    d = found.published
    if d is None or problem.rows is None:
        return dict.fromkeys(names)
    prices, error = d.responses.prices, d.responses.power_kw - central.power_kw
    lines = problem.rows.sensitivity[problem.rows.kind == 0]
    only = d.tariff_only
    values = (
        float(prices.tariff.max(initial=0.0)),
        float(prices.toll.max(initial=0.0)),
        float(prices.charger_price.max(initial=0.0)),
        list(prices.names),
        d.responses.error_kw(central.power_kw),
        only.error_kw(central.power_kw) if only.status == "solved" else None,
        float(np.abs(lines @ error.sum(axis=0)).max(initial=0.0)),
        _number(power_error_bound_kw(problem, central, d.responses)),
    )
    return dict(zip(names, values, strict=True))


def _bounds(found: Found) -> dict[str, Any]:
    """What rounding the state of charge and pooling it are worth, as shares of the cost."""
    central = found.central
    figures: dict[str, Any] = {}
    for name, other, value in (
        ("soc_gap", found.outer, found.outer.bound if found.outer is not None else None),
        ("pooling_gap", found.pooled, found.pooled.cost if found.pooled is not None else None),
    ):
        good = other is not None and other.status == "solved" and central.status == "solved"
        figures[name] = None
        if good and value is not None:
            figures[name] = (central.cost - value) / max(1.0, abs(central.cost))
    figures["outer_bound_cost"] = _number(found.outer.bound) if found.outer is not None else None
    figures["paths_cost"] = (
        found.pooled.cost if found.pooled is not None and found.pooled.status == "solved" else None
    )
    return figures


def _unserved(found: Found) -> float:
    """Vehicles that cannot be served even where limits give way; else those that the plan leaves."""
    last = found.elastic if found.elastic is not None else found.central
    left = float(last.unserved.sum())
    return left if left > 1e-6 * max(1.0, len(last.unserved)) else 0.0


def _energy(central: Solution, step_h: float) -> float:
    return float(np.maximum(central.power_kw, 0.0).sum() * step_h)


def _statuses(found: Found) -> dict[str, Any]:
    """How each program ended."""
    named = {
        "central": found.central,
        "outer": found.outer,
        "paths": found.pooled,
        "deterministic": found.deterministic,
        "elastic": found.elastic,
    }
    statuses: dict[str, Any] = {name: s.status for name, s in named.items() if s is not None}
    if found.decentralised is not None:
        statuses["own"] = list(found.decentralised.responses.statuses)
    return statuses


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
