"""The study `tariff`: prices that keep the grid within its limits, and what they lead to.

After Huang, Wu, Oren, Li and Liu 2015 (doi 10.1109/TPWRS.2015.2394330) for dynamic tariffs through quadratic
programming: the duals of one central problem, published as tariffs, lead aggregators that each solve a
problem of their own to the central plan. That they do is computed anew in every run. Equations (tariff-1 to
tariff-22) are stated in ``docs/equations/tariff.md``.
"""

from __future__ import annotations

import dataclasses
import time
import warnings
from collections.abc import Callable, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Unpack

import numpy as np

from tidewatt.domain.scenario import Scenario, scenario_of
from tidewatt.errors import SolveWarning, TidewattError
from tidewatt.execution.threads import Threads
from tidewatt.options.calls import documented
from tidewatt.options.tariffs import TARIFF, TariffOptions
from tidewatt.result import Progress, RunInfo, Status
from tidewatt.tariffs.ac import ac_check
from tidewatt.tariffs.central import Case, Solver
from tidewatt.tariffs.diagnosis import diagnosis_table, diagnosis_words
from tidewatt.tariffs.labels import (
    FoundTariffs,
    aggregator_table,
    dataset,
    history_table,
    line_table,
    site_table,
    summarise,
    tariff_table,
    toll_table,
    voltage_table,
)
from tidewatt.tariffs.outcomes import Outcomes, outcome_table, sample
from tidewatt.tariffs.own import decentralised
from tidewatt.tariffs.prices import DECENTRALISED_KW, intervals
from tidewatt.tariffs.problem import Progressed, TariffProblem
from tidewatt.tariffs.result import Tariffs
from tidewatt.tariffs.sweep import gammas_of, swept
from tidewatt.tariffs.validation import validated

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["tariff"]


@documented(TARIFF)
def tariff(
    scenario: Scenario | str | PathLike[str],
    *,
    progress: Callable[[Progress], None] | None = None,
    sweep_gamma: Sequence[float] | float | None = None,
    **options: Unpack[TariffOptions],
) -> Tariffs:
    """Find tariffs per site and step under which charging keeps lines and voltages within their limits.

    One central problem is solved to a proved gap, its limits narrowed so that they hold wherever within the
    uncertainty set loads and plants end up. Its duals are the tariffs. Then every aggregator solves its own
    problem under them, and what they do is compared with the central plan.

    Parameters
    ----------
    scenario : Scenario or path
        With roads in steps, charging sites, aggregators, travel, buses and lines; injections where there
        are any. Or the folder that holds them.
    progress : callable, optional
        Receives a `Progress` now and then: phase, programs solved, cost, bound and gap.
    sweep_gamma : sequence of float or float, optional
        Solve also with these sizes of the uncertainty set, 0 to 1; ``conformal`` has none.
    **options
        What is not given, or None, comes from the scenario's ``[tariff]``, else from the default.

    Returns
    -------
    Tariffs
        Prices, flows, worst cases of lines and voltages, and aggregators' own plans beside the central one.
        Nothing is published unless the central problem and every aggregator's are solved.

    Warns
    -----
    SolveWarning
        Where nothing is published, or aggregators deviate from the plan.

    Raises
    ------
    ScenarioError
        With everything that is wrong with the scenario or the parameters, at once.

    Examples
    --------
    >>> import tidewatt
    >>> result = tidewatt.tariff(tidewatt.example("tariff-20-17"), samples=1000)  # doctest: +SKIP
    >>> result.summary()["decentralisation_error_kw"] < 0.05  # doctest: +SKIP
    True
    """
    begin = time.perf_counter()
    case = validated(scenario_of(scenario), options)
    gammas = None if sweep_gamma is None else gammas_of(sweep_gamma, case.parameters)
    solver, problem = Solver(case.parameters, progress), case.problem()
    reports: list[Progressed] = []
    found = FoundTariffs(solver.solve("central", problem, history=reports), notes=_kept_gammas(case))
    if found.central.status == "solved":
        _beside(case, problem, found, solver)
        with Threads(case.parameters["threads"]) as threads:
            found.decentralised = decentralised(
                problem, found.central, case.parameters["publish"], solver, threads
            )
    elif found.central.status in ("infeasible", "stalled"):
        _diagnose(case, problem, found, solver)
    if found.published is not None:
        found.outcomes = _sampled(case, found, case.parameters["samples"], solver)
        solver.tell("AC flow")
        found.ac = _ac(case, found)
        solver.tell("intervals")
        found.interval = intervals(problem, found.central, found.published.responses.prices)
    gamma = None if gammas is None else swept(case, found.central, gammas, solver)
    return _labelled(case, problem, found, reports, gamma, solver, begin)


def _beside(case: Case, problem: TariffProblem, found: FoundTariffs, solver: Solver) -> None:
    """Solve the cases compared with the plan: certain forecasts, rounding outwards, pooled batteries."""
    p, central = case.parameters, found.central
    if not (case.rows.margin_low.any() or case.rows.margin_high.any()):
        found.deterministic = central
    else:
        certain = case.without_margins().problem()
        found.deterministic = solver.solve("deterministic", certain, warm=central, traffic=False)
    if p["soc_rounding"] == "both" and p["formulation"] != "paths":
        step = central.soc_step
        found.outer = solver.solve(
            "outer", problem, rounding="outer", soc_step=step, finer=True, traffic=False
        )
    if p["formulation"] == "both":
        found.pooled = solver.solve("paths", problem, formulation="paths", traffic=False)


def _diagnose(case: Case, problem: TariffProblem, found: FoundTariffs, solver: Solver) -> None:
    """Find the least relaxation; if some is needed, the solver stalled because no plan exists."""
    elastic = solver.solve("diagnosis", problem, elastic=True)
    needed = elastic.status == "solved" and len(diagnosis_table(case, elastic)) > 0
    if found.central.status == "infeasible" or needed:
        found.elastic, found.central = elastic, dataclasses.replace(found.central, status="infeasible")


def _kept_gammas(case: Case) -> list[str]:
    """Return a note on injections that the study's gamma does not affect."""
    own = int(np.isfinite(case.injections.gamma).sum())
    if case.parameters["uncertainty"] != "box" or not own:
        return []
    return [f"Of {len(case.injections)} injections, {own} keep a gamma of their own, whatever the study's."]


def _sampled(case: Case, found: FoundTariffs, samples: int, solver: Solver) -> Outcomes:
    """Evaluate plans under the same sampled outcomes."""
    plans = {"robust": found.central.power_kw.sum(axis=0)}
    if found.deterministic is not None and found.deterministic.status == "solved":
        plans["deterministic"] = found.deterministic.power_kw.sum(axis=0)
    parameters: TariffOptions = {**case.parameters, "samples": samples}
    forecasts, on_step = case.scenario.forecasts, solver.counter("outcomes", case.scenario.horizon.steps)
    return sample(case.influence, case.injections, case.rows, plans, parameters, forecasts, on_step=on_step)


def _ac(case: Case, found: FoundTariffs) -> tuple[float, float] | None:
    """Return the error of the linear rows against AC flow; None without the extra or an AC solution."""
    power = found.central.power_kw.sum(axis=0)
    try:
        checked = ac_check(case.feeder, case.injections, case.sites, power)
    except TidewattError as error:
        found.notes.append(str(error))
        return None
    if lost := int(np.isnan(checked.losses_kw).sum()):
        found.notes.append(
            f"No AC flow carries the plan in {lost} of {len(checked.losses_kw)} steps: the lines' impedances "
            "are too high for the power that the linear flow lets through."
        )
        return None
    lines, buses = checked.exceeded(case.distribution)
    found.ac_exceeded = case.distribution.line_id[lines].tolist(), case.distribution.bus_id[buses].tolist()
    return checked.errors(case.rows, power)


def _status(found: FoundTariffs) -> Status:
    """Return what was proved about the central problem and about every aggregator's."""
    named = {"time": Status.TIME_LIMIT, "stalled": Status.STALLED, "infeasible": Status.INFEASIBLE}
    if found.central.status != "solved":
        return named[found.central.status]
    assert found.decentralised is not None
    if (own := found.decentralised.responses.status) != "solved":
        # Its part of the central plan is a plan for every aggregator: without one, precision is at its end.
        return Status.TIME_LIMIT if own == "time" else Status.STALLED
    error = found.decentralised.responses.error_kw(found.central.power_kw)
    if error >= DECENTRALISED_KW:
        needed = ", ".join(found.decentralised.needed)
        found.notes.append(f"Power differs from the plan by up to {error:.3g} kW; prices needed: {needed}.")
        return Status.DEVIATING
    return Status.CERTIFIED


def _labelled(
    case: Case,
    problem: TariffProblem,
    found: FoundTariffs,
    reports: list[Progressed],
    gamma: pd.DataFrame | None,
    solver: Solver,
    begin: float,
) -> Tariffs:
    """Return tables and a summary; warn if the requested goal was not reached."""
    diagnosis = diagnosis_table(case, found.elastic)
    if found.elastic is not None:
        found.notes.append(diagnosis_words(case, diagnosis))
    status = _status(found)
    if not status.reached:
        warnings.warn(SolveWarning(" ".join([status.value, *found.notes[-1:]])), stacklevel=3)
    published, outcomes = found.published, found.outcomes
    plan = prices = None
    own = tariff_only = np.zeros_like(found.central.power_kw)
    if published is not None:
        plan, prices = found.central, published.responses.prices
        own, tariff_only = published.responses.power_kw, published.tariff_only.power_kw
    if outcomes is None:
        outcomes = _sampled(case, found, 0, solver)
    run = RunInfo.since(begin, case.parameters["seed"], case.scenario.sha256())
    return Tariffs(
        tariffs=tariff_table(case, prices, found.interval),
        tolls=toll_table(case, prices),
        lines=line_table(case, plan),
        voltages=voltage_table(case, plan),
        aggregators=aggregator_table(case, prices, found.central.power_kw, own, tariff_only),
        sites=site_table(case, plan),
        outcomes=outcome_table(outcomes, case.rows, case.distribution.line_id),
        gamma=gamma,
        diagnosis=diagnosis,
        data=dataset(case, problem, plan),
        history=history_table(reports),
        status=status,
        run=run,
        figures=summarise(case, problem, found, status, run),
        scenario=case.scenario,
    )
