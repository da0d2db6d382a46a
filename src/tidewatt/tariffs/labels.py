"""From solved problems to labelled tables and the figures of ``summary.json``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from tidewatt.domain.arrays import Array
from tidewatt.result import RunInfo, Status, priced
from tidewatt.tariffs.central import Case
from tidewatt.tariffs.outcomes import Outcomes
from tidewatt.tariffs.own import Decentralised, power_error_bound_kw
from tidewatt.tariffs.prices import Prices
from tidewatt.tariffs.problem import Progressed, Solution, TariffProblem
from tidewatt.tariffs.sweep import binding

__all__ = [
    "FoundTariffs",
    "aggregator_table",
    "dataset",
    "history_table",
    "line_table",
    "site_table",
    "summarise",
    "tariff_table",
    "toll_table",
    "voltage_table",
]


def _over(name: str, ids: Array, steps: int) -> dict[str, Array]:
    """Return columns of ids and steps, with steps varying fastest."""
    return {name: np.repeat(ids, steps), "step": np.tile(np.arange(steps), len(ids))}


def tariff_table(case: Case, prices: Prices | None, interval: tuple[Array, Array] | None) -> pd.DataFrame:
    """Return one row per site and step; no rows if nothing is published."""
    steps, ids = case.scenario.horizon.steps, case.sites.site_id
    shape = (len(ids), steps)
    low, high = interval if interval is not None else (np.full(shape, np.nan),) * 2
    columns: dict[str, Array] = _over("site_id", ids, steps)
    given = prices is not None
    none = np.zeros(shape)
    for name, values in {
        "tariff_per_kwh": prices.tariff if prices else none,
        "line_part_per_kwh": prices.line_part if prices else none,
        "voltage_part_per_kwh": prices.voltage_part if prices else none,
        "charger_price": prices.charger_price if prices else none,
        "interval_low": low,
        "interval_high": high,
    }.items():
        columns[name] = values.ravel()
    return _rows(columns, given)


def toll_table(case: Case, prices: Prices | None) -> pd.DataFrame:
    """Return one row per link and step with a toll."""
    toll = prices.toll if prices is not None else np.zeros((case.roads.links, case.scenario.horizon.steps))
    link, step = np.nonzero(toll > 0)
    return pd.DataFrame(
        {"link_id": case.roads.link_id[link], "step": step, "toll_per_vehicle": toll[link, step]}
    )


def _grid(case: Case, kind: int, solution: Solution | None) -> tuple[Array, dict[str, Array]]:
    """Return rows of one kind: their elements, and values over (rows, steps) at the plan's power."""
    rows = case.rows
    of = rows.kind == kind
    power = (
        np.zeros((len(case.sites), case.scenario.horizon.steps))
        if solution is None
        else solution.power_kw.sum(axis=0)
    )
    nominal = rows.nominal[of] + rows.sensitivity[of] @ power
    duals = {
        name: (case.over_all_rows(getattr(solution, name)) if solution else np.zeros_like(rows.nominal))[of]
        for name in ("dual_high", "dual_low")
    }
    values = {
        "low": rows.low[of],
        "high": rows.high[of],
        "nominal": nominal,
        "worst_high": nominal + rows.margin_high[of],
        "worst_low": nominal - rows.margin_low[of],
        **duals,
    }
    return rows.element[of], values


def line_table(case: Case, solution: Solution | None) -> pd.DataFrame:
    """Return one row per line and step: flow with vehicles by forecast, and within the uncertainty set."""
    element, values = _grid(case, 0, solution)
    columns: dict[str, Array] = _over(
        "line_id", case.distribution.line_id[element], case.rows.nominal.shape[1]
    )
    columns |= {
        "limit_kw": values["high"].ravel(),
        **{f"{name}_kw": values[name].ravel() for name in ("nominal", "worst_high", "worst_low")},
        **{name: values[name].ravel() for name in ("dual_high", "dual_low")},
    }
    return _rows(columns, solution is not None)


def voltage_table(case: Case, solution: Solution | None) -> pd.DataFrame:
    """Return one row per bus and step, without the slack: magnitudes from the rows' squares."""
    element, values = _grid(case, 1, solution)
    columns: dict[str, Array] = _over("bus_id", case.distribution.bus_id[element], case.rows.nominal.shape[1])
    named = {
        "voltage_min_pu": "low",
        "voltage_max_pu": "high",
        "nominal_pu": "nominal",
        "worst_high_pu": "worst_high",
        "worst_low_pu": "worst_low",
    }
    columns |= {name: np.sqrt(np.clip(values[source], 0.0, None)).ravel() for name, source in named.items()}
    columns |= {name: values[name].ravel() for name in ("dual_high", "dual_low")}
    return _rows(columns, solution is not None)


def aggregator_table(
    case: Case, prices: Prices | None, central: Array, own: Array, tariff_only: Array
) -> pd.DataFrame:
    """Return one row per aggregator, site and step.

    `cost` is what the central plan's energy costs at price and tariff.

    The price an aggregator pays rises with what it draws: ``dt (c + beta P + R) P`` (tariff-17).

    Parameters
    ----------
    central, own, tariff_only : array, shape (aggregators, sites, steps)
        Power by the central plan, under the published prices, and under the tariff alone [kW].
    """
    steps, sites = case.scenario.horizon.steps, len(case.sites)
    aggregators = case.aggregators
    columns: dict[str, Array] = {
        "aggregator_id": np.repeat(aggregators.aggregator_id, sites * steps),
        "site_id": np.tile(np.repeat(case.sites.site_id, steps), len(aggregators)),
        "step": np.tile(np.arange(steps), len(aggregators) * sites),
    }
    if prices is None:
        price = np.zeros_like(central)
    else:
        beta = aggregators.price_sensitivity_per_kwh_kw[:, None, None]
        price = case.sites.price_per_kwh + beta * central + prices.tariff
    cost = case.scenario.horizon.step_h * price * central
    columns |= {
        "central_kw": central.ravel(),
        "own_kw": own.ravel(),
        "own_tariff_only_kw": tariff_only.ravel(),
        "cost": cost.ravel(),
    }
    return _rows(columns, prices is not None)


def site_table(case: Case, solution: Solution | None) -> pd.DataFrame:
    """Return one row per site and step: vehicles that arrive, wait and charge."""
    steps = case.scenario.horizon.steps
    columns: dict[str, Array] = _over("site_id", case.sites.site_id, steps)
    names = ("entering", "bypassing", "queue", "charging", "discharging", "soc_mean")
    traffic = solution.traffic if solution is not None else None
    for name in names:
        columns[name] = np.zeros(len(columns["step"])) if traffic is None else getattr(traffic, name).ravel()
    return _rows(columns, traffic is not None)


def dataset(case: Case, problem: TariffProblem, solution: Solution | None) -> xr.Dataset:
    """Return flows on links, and the arcs that vehicles use."""
    times = case.scenario.horizon.times()
    coordinates: dict[str, Any] = {
        "link": ("link", case.roads.link_id, {"long_name": "link_id"}),
        "step": ("step", np.arange(problem.steps), {"long_name": "step of the horizon"}),
        "time": ("step", times, {"long_name": "start of the step, local time"}),
    }
    traffic = solution.traffic if solution is not None else None
    none = np.full((case.roads.links, problem.steps), np.nan)
    vehicles = {"units": "vehicles"}
    variables: dict[str, Any] = {
        "link_flow": (
            ("link", "step"),
            none if traffic is None else traffic.link_flow,
            {**vehicles, "long_name": "vehicles that leave the link in the step"},
        ),
        "link_queue": (
            ("link", "step"),
            none if traffic is None else traffic.link_queue,
            {**vehicles, "long_name": "vehicles that wait at the link's end"},
        ),
    }
    if solution is not None and traffic is not None:
        # Also those that are not published, as they ration what one aggregator alone uses: the bound rests
        # on them.
        coordinates["site"] = ("site", case.sites.site_id, {"long_name": "site_id"})
        named = case.scenario.currency
        per_vehicle = {"units": priced("cost per vehicle", named), "long_name": "dual of the link's capacity"}
        per_charger = {
            "units": priced("cost per charger and step", named),
            "long_name": "dual of the number of chargers",
        }
        variables["road_dual"] = (("link", "step"), solution.toll, per_vehicle)
        variables["charger_dual"] = (("site", "step"), solution.charger_price, per_charger)
        variables |= {name: (("arc",), values) for name, values in traffic.arcs.items()}
    return xr.Dataset(variables, coordinates)


def history_table(reports: list[Progressed]) -> pd.DataFrame:
    """Return one row per program solved."""
    names = Progressed.__slots__
    columns = {name: [getattr(report, name) for report in reports] for name in names}
    return pd.DataFrame(columns).astype({"iteration": "int64", "columns": "int64"})


def _rows(columns: dict[str, Array], given: bool) -> pd.DataFrame:
    """Return a table that keeps its columns' types even without rows."""
    table = pd.DataFrame(columns)
    return table if given else table.iloc[:0].copy()


@dataclass(slots=True, eq=False)
class FoundTariffs:
    """What a study has found so far; None for what is still to come.

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
        """Return the share of outcomes in which a plan exceeds some limit; None if none were drawn."""
        sampled = self.outcomes
        return sampled.rate(plan) if sampled is not None and plan in sampled.plans else None

    @property
    def published(self) -> Decentralised | None:
        """The published prices; nothing unless all problems are solved."""
        d = self.decentralised
        good = self.central.status == "solved" and d is not None
        return d if good and d is not None and d.responses.status == "solved" else None


def summarise(
    case: Case, problem: TariffProblem, found: FoundTariffs, status: Status, run: RunInfo
) -> dict[str, Any]:
    """Return the keys of ``summary.json``; None where a figure was not computed."""
    p, central, horizon = case.parameters, found.central, case.scenario.horizon
    published = found.published
    solved = central.status == "solved"
    figures: dict[str, Any] = {
        "scenario": case.scenario.name,
        "currency": case.scenario.currency,
        "status": status.name.lower(),
        "status_advice": status.value,
        "formulation": p["formulation"],
        "uncertainty": p["uncertainty"],
        "gamma": None if p["uncertainty"] == "conformal" else p["gamma"],
        "coverage": p["coverage"] if p["uncertainty"] == "conformal" else None,
        "coverage_scope": p["coverage_scope"] if p["uncertainty"] == "conformal" else None,
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
        "soc_rounding": p["soc_rounding"],
        "linearisation": p["linearisation"],
        "loss_margin": p["loss_margin"],
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
        "samples": p["samples"],
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


def _prices(problem: TariffProblem, central: Solution, found: FoundTariffs) -> dict[str, Any]:
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


def _bounds(found: FoundTariffs) -> dict[str, Any]:
    """Return what rounding and pooling the state of charge are worth, as shares of the cost."""
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


def _unserved(found: FoundTariffs) -> float:
    """Return vehicles that cannot be served even without limits; else those that the plan leaves."""
    last = found.elastic if found.elastic is not None else found.central
    left = float(last.unserved.sum())
    return left if left > 1e-6 * max(1.0, len(last.unserved)) else 0.0


def _energy(central: Solution, step_h: float) -> float:
    return float(np.maximum(central.power_kw, 0.0).sum() * step_h)


def _statuses(found: FoundTariffs) -> dict[str, Any]:
    """Return how each program ended."""
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
