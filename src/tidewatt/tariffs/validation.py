"""What `tariff` needs of a scenario, and limits that no vehicle behaviour could keep."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tidewatt.domain.checks.scenario import check
from tidewatt.domain.distribution import Injections
from tidewatt.domain.scenario import Scenario
from tidewatt.errors import Issue, ScenarioError
from tidewatt.options.tariffs import TARIFF, TariffOptions
from tidewatt.tariffs.central import Case, case_of

__all__ = ["beyond_reach", "validated"]

_PARTS = {
    "step_roads": ("links", "nodes, links (with capacity_per_step, free_flow_steps and energy_kwh)"),
    "sites": ("charging_sites", "charging_sites, charger_levels, energy_prices"),
    "aggregators": ("aggregators", "aggregators"),
    "travel": ("travel", "travel"),
    "distribution": ("buses", "buses, lines"),
}
_KEPT = 1e-6
"""Limits exceeded by less than this, in kW or squared per unit, count as kept."""


def validated(scenario: Scenario, options: TariffOptions) -> Case:
    """Return the TariffOptions and rows of a scenario that `tariff` can work with.

    Raises
    ------
    ScenarioError
        With everything that is wrong at once: with the parameters, else with the scenario, else with limits
        that no charging or discharging could keep.
    """
    if scenario.injections is None and scenario.forecasts is None:
        scenario = replace(scenario, injections=Injections.none(scenario.horizon.steps))
    parameters = TARIFF.resolve(scenario.parameters, **options)
    # What is asked for now decides what is needed, not what the scenario would ask for.
    checked = replace(scenario, parameters={**scenario.parameters, TARIFF.section: dict(parameters)})
    issues = check(checked) + _lacking(scenario)
    if issues:
        raise ScenarioError(issues)
    case = case_of(scenario, parameters)
    if issues := beyond_reach(case):
        raise ScenarioError(issues)
    return case


def _lacking(scenario: Scenario) -> list[Issue]:
    """Return an issue for each missing part."""
    issues = []
    for part, (table, tables) in _PARTS.items():
        if getattr(scenario, part) is None:
            problem = f"tariff needs the table {table}, and the scenario has none"
            issues.append(Issue(table, "", problem, f"Add {tables}"))
    if scenario.travel is not None and not len(scenario.travel):
        issues.append(Issue("travel", "", "there are no vehicles", "Add a row for each group of vehicles"))
    return issues


def beyond_reach(case: Case) -> list[Issue]:
    """Return issues for limits that forecast and margin break whatever vehicles do, per element and side."""
    rows, (least_kw, most_kw) = case.rows, case.sites.power_range_kw()
    up, down = np.maximum(rows.sensitivity, 0.0), np.minimum(rows.sensitivity, 0.0)
    lowest = (up @ least_kw + down @ most_kw)[:, None]
    highest = (up @ most_kw + down @ least_kw)[:, None]
    ids = (case.distribution.line_id, case.distribution.bus_id)
    issues = []
    for side, beyond, margin, limit in (
        ("above", lowest - rows.most, rows.margin_high, rows.high),
        ("below", rows.least - highest, rows.margin_low, rows.low),
    ):
        for row in np.flatnonzero((beyond > _KEPT).any(axis=1)):
            kind, element = int(rows.kind[row]), int(rows.element[row])
            step = int(np.argmax(beyond[row]))
            at = case.scenario.horizon.named(step)
            value, room = float(rows.nominal[row, step]), float(margin[row, step])
            allowed = float(limit[row, step])
            flow = kind == 0
            if flow:
                found, most = f"{value:.6g} kW and a margin of {room:.6g} kW", f"{allowed:.6g} kW"
                over = f"{float(beyond[row, step]):.6g} kW"
            else:
                worst = np.sqrt(max(value + (room if side == "above" else -room), 0.0))
                found, most = f"{worst:.5f} pu with its margin", f"{np.sqrt(allowed):.5f} pu"
                over = f"{abs(worst - np.sqrt(allowed)):.5f} pu"
            problem = (
                f"without vehicles the forecast is {found} in {at}: {over} {side} the limit of "
                f"{most}, and no vehicles could bring it back"
            )
            fix = "Change the limit, the injections or their half widths, or ask for a smaller gamma"
            if case.parameters["uncertainty"] == "conformal":
                fix = "Change the limit or the injections, or ask for a smaller coverage"
            column = "limit_kw" if flow else f"voltage_{'max' if side == 'above' else 'min'}_pu"
            count = int((beyond[row] > _KEPT).sum())
            name = (str(ids[kind][element]),)
            issues.append(Issue(("lines", "buses")[kind], column, problem, fix, name, count))
    return issues
