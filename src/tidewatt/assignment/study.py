"""`assign`: the static user equilibrium (Wardrop 1952) as Beckmann's convex problem (sim-13, sim-14)."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from os import PathLike
from typing import Unpack

import pandas as pd

from tidewatt.assignment.conjugate import conjugate, loader
from tidewatt.assignment.convergence import AssignedFlows, GapMonitor
from tidewatt.assignment.problem import EquilibriumProblem, NoPath, link_times_min, pack, unreachable
from tidewatt.assignment.projection import project
from tidewatt.assignment.result import Equilibrium
from tidewatt.domain.checks.scenario import check
from tidewatt.domain.scenario import Scenario, scenario_of
from tidewatt.errors import Issue, ScenarioError, SolveWarning
from tidewatt.execution.threads import Threads
from tidewatt.options.assignment import ASSIGNMENT, AssignmentOptions
from tidewatt.options.calls import documented
from tidewatt.result import Progress, RunInfo, Status

__all__ = ["assign"]

_PATIENCE = 1000
# Equilibria keep no checkpoint, so nothing can be resumed.
_STOPPED = {
    Status.TIME_LIMIT: "Stopped on time before the asked gap was reached: allow more time.",
    Status.ITERATION_LIMIT: "Stopped on iterations before the asked gap was reached: allow more.",
}


@documented(ASSIGNMENT)
def assign(
    scenario: Scenario | str | PathLike[str],
    *,
    progress: Callable[[Progress], None] | None = None,
    **options: Unpack[AssignmentOptions],
) -> Equilibrium:
    """Find link flows at which no driver has a cheaper path: the static user equilibrium.

    Cost is time (sim-1) plus weighted toll and length, as the roads' weights say. Trips within a zone use
    no link; they are left out and counted.

    Parameters
    ----------
    scenario : Scenario or path
        With roads and demand; or the folder that holds them.
    progress : callable, optional
        Receives a `Progress` an iteration.
    **options
        What is not given, or None, comes from the scenario's ``[assign]``, else from the default.

    Returns
    -------
    Equilibrium
        Flows and times by link. Its status says whether the gap was reached.

    Warns
    -----
    SolveWarning
        Where the gap was not reached, or trips of other periods were left out.

    Raises
    ------
    ScenarioError
        With what is wrong with the scenario or the options; trips without any path are named by zone.
    """
    begin = time.perf_counter()
    scenario = scenario_of(scenario)
    p = ASSIGNMENT.resolve(scenario.parameters, **options)
    if issues := check(scenario):
        raise ScenarioError(issues)
    if scenario.roads is None or scenario.demand is None or not scenario.roads.links:
        missing = "links" if scenario.roads is None else "demand"
        fix = "Import a road network with trips: tidewatt import tntp, or import gmns."
        raise ScenarioError([Issue(missing, "", "the scenario has none", fix)])
    problem = pack(scenario.roads, scenario.demand, p["start_min"])
    monitor = GapMonitor(p, progress, scenario.roads.time_unit_min)
    with Threads(p["threads"]) as workers:
        try:
            outcome = _solve(problem, monitor, workers)
        except NoPath:
            raise unreachable(problem, scenario.roads) from None
    if not outcome.status.reached:
        what = _STOPPED.get(outcome.status, outcome.status.value)
        warnings.warn(SolveWarning(f"gap {monitor.gap:.2g}. {what}"), stacklevel=2)
    if problem.other_trips > 1e-9 * problem.demand_trips:
        left = f"{problem.other_trips:g} trips in other periods were left out; choose one with start_min."
        warnings.warn(SolveWarning(left), stacklevel=2)
    return _labelled(scenario, problem, outcome, begin)


def _solve(problem: EquilibriumProblem, monitor: GapMonitor, workers: Threads) -> AssignedFlows:
    if monitor.goal["method"] == "gradient-projection":
        return project(problem, monitor, workers)
    monitor.patience = _PATIENCE  # its gap goes up and down
    load = loader(problem.star, problem.tail, problem.pairs, workers)
    return conjugate(problem.costs, load, monitor)


def _labelled(
    scenario: Scenario, problem: EquilibriumProblem, outcome: AssignedFlows, begin: float
) -> Equilibrium:
    roads = scenario.roads
    assert roads is not None
    time_min = link_times_min(problem.costs, outcome.flow)
    links = pd.DataFrame({"link_id": roads.link_id, "flow_veh": outcome.flow, "travel_time_min": time_min})
    history = pd.DataFrame(
        outcome.monitor.rows, columns=["iteration", "objective", "relative_gap", "seconds"]
    )
    run = RunInfo.since(begin, 0, scenario.sha256())
    goal, last = outcome.monitor.goal, history.iloc[-1]
    moved = math.fsum(problem.pairs.demand)
    figures = {
        "scenario": scenario.name,
        "status": outcome.status.name,
        "method": goal["method"],
        "objective": float(last["objective"]),
        "relative_gap": float(last["relative_gap"]),
        "relative_gap_asked": goal["relative_gap"],
        "iterations": int(last["iteration"]),
        "demand_trips": problem.demand_trips,
        "intrazonal_trips": problem.intrazonal_trips,
        "unassigned_trips": problem.intrazonal_trips,
        "other_period_trips": problem.other_trips,
        "start_min": problem.start_min,
        "period_h": problem.period_h,
        "mean_travel_time_min": math.fsum(time_min * outcome.flow) / moved,
        "mean_distance_km": math.fsum(roads.length_km * outcome.flow) / moved,
        "zones": roads.zones,
        "links": roads.links,
        "pairs": len(problem.pairs.demand),
        "paths": None if outcome.paths is None else int((outcome.paths.flow > 0).sum()),
        "wall_s": run.wall_s,
        "peak_memory_mib": run.peak_memory_mib,
        "version": run.version,
        "scenario_sha256": run.scenario_sha256,
    }
    return Equilibrium(links, history, outcome.status, run, figures, scenario)
