"""`assign`: the static user equilibrium (Wardrop 1952) as Beckmann's convex problem (sim-13, sim-14)."""

from __future__ import annotations

import math
import platform
import resource
import sys
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version

import pandas as pd

from tidewatt.assignment.conjugate import conjugate, loader
from tidewatt.assignment.convergence import AssignedFlows, GapMonitor, Goal
from tidewatt.assignment.problem import EquilibriumProblem, NoPath, link_times_min, pack, unreachable
from tidewatt.assignment.projection import project
from tidewatt.assignment.result import Equilibrium
from tidewatt.domain.checks.scenario import check
from tidewatt.domain.scenario import Scenario
from tidewatt.errors import Issue, ScenarioError, SolveWarning
from tidewatt.execution.threads import Threads
from tidewatt.result import Progress, RunInfo, Status

__all__ = ["METHODS", "assign"]

_PATIENCE = 1000
METHODS = ("gradient-projection", "biconjugate-frank-wolfe")
# Equilibria keep no checkpoint, so nothing can be resumed.
_STOPPED = {
    Status.TIME_LIMIT: "Stopped on time before the asked gap was reached: allow more time.",
    Status.ITERATION_LIMIT: "Stopped on iterations before the asked gap was reached: allow more.",
}


def assign(
    scenario: Scenario,
    *,
    relative_gap: float = 1e-6,
    max_iterations: int = 10_000,
    time_limit_s: float = math.inf,
    method: str = "gradient-projection",
    start_min: float | None = None,
    threads: int = 0,
    progress: Callable[[Progress], None] | None = None,
) -> Equilibrium:
    """Find link flows under which no driver has a cheaper path: the static user equilibrium.

    Cost is time (sim-1) plus weighted toll and length, as the roads' weights say. Trips within a zone use
    no link; they are left out and counted.

    Parameters
    ----------
    scenario : Scenario
        With roads and demand.
    relative_gap : float
        Stop when the drivers' cost exceeds what the cheapest paths would cost by at most this share (sim-14).
    max_iterations : int
        Stop after so many rounds of shortest paths.
    time_limit_s : float
        Stop at the end of the round in which so many seconds are over.
    method : str
        ``gradient-projection`` (over paths; exact to rounding) or ``biconjugate-frank-wolfe`` (over links;
        little memory, slow below a gap of 1e-4).
    start_min : float, optional
        Take the trips whose window starts at this minute of the day, on the capacity of that window. By
        default trips without a window, on the capacity of the roads' period; where there are none and all
        trips share one window, those.
    threads : int
        Worker threads; 0: one a processor. They do not change the result.
    progress : callable, optional
        Receives a `Progress` an iteration.

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
        With what is wrong with the scenario or the arguments; trips without any path are named by zone.
    """
    begin = time.perf_counter()
    issues = _arguments(relative_gap, max_iterations, time_limit_s, method, threads)
    if issues := [*issues, *check(scenario)]:
        raise ScenarioError(issues)
    if scenario.roads is None or scenario.demand is None or not scenario.roads.links:
        missing = "links" if scenario.roads is None else "demand"
        fix = "Import a road network with trips: tidewatt import tntp, or import gmns."
        raise ScenarioError([Issue(missing, "", "the scenario has none", fix)])
    problem = pack(scenario.roads, scenario.demand, start_min)
    monitor = GapMonitor(
        Goal(relative_gap, max_iterations, time_limit_s), progress, scenario.roads.time_unit_min
    )
    with Threads(threads) as workers:
        try:
            outcome = _solve(problem, monitor, workers, method)
        except NoPath:
            raise unreachable(problem, scenario.roads) from None
    if not outcome.status.reached:
        what = _STOPPED.get(outcome.status, outcome.status.value)
        warnings.warn(SolveWarning(f"gap {monitor.gap:.2g}. {what}"), stacklevel=2)
    if problem.other_trips > 1e-9 * problem.demand_trips:
        left = f"{problem.other_trips:g} trips of other periods were left out; start_min names a period."
        warnings.warn(SolveWarning(left), stacklevel=2)
    return _labelled(scenario, problem, outcome, method, begin)


def _solve(problem: EquilibriumProblem, monitor: GapMonitor, workers: Threads, method: str) -> AssignedFlows:
    if method == METHODS[0]:
        return project(problem, monitor, workers)
    monitor.patience = _PATIENCE  # its gap goes up and down
    load = loader(problem.star, problem.tail, problem.pairs, workers)
    return conjugate(problem.costs, load, monitor)


def _arguments(
    relative_gap: float, max_iterations: int, time_limit_s: float, method: str, threads: int
) -> list[Issue]:
    wrong = []
    if not 0 <= relative_gap < 1:
        wrong.append(("relative_gap", f"found {relative_gap!r}", "Give a number from 0 to 1, such as 1e-6."))
    if not max_iterations >= 1:
        wrong.append(("max_iterations", f"found {max_iterations!r}", "Give a whole number of at least 1."))
    if not time_limit_s >= 0:
        wrong.append(("time_limit_s", f"found {time_limit_s!r}", "Give seconds, at least 0."))
    if method not in METHODS:
        wrong.append(("method", f"found {method!r}", f"Use one of {', '.join(METHODS)}."))
    if not threads >= 0:
        wrong.append(("threads", f"found {threads!r}", "Give a whole number of at least 0."))
    return [Issue("assign", *each) for each in wrong]


def _labelled(
    scenario: Scenario, problem: EquilibriumProblem, outcome: AssignedFlows, method: str, begin: float
) -> Equilibrium:
    roads = scenario.roads
    assert roads is not None
    time_min = link_times_min(problem.costs, outcome.flow)
    links = pd.DataFrame({"link_id": roads.link_id, "flow_veh": outcome.flow, "travel_time_min": time_min})
    history = pd.DataFrame(
        outcome.monitor.rows, columns=["iteration", "objective", "relative_gap", "seconds"]
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)
    run = RunInfo(
        seed=0,
        version=version("tidewatt"),
        scenario_sha256=scenario.sha256(),
        wall_s=time.perf_counter() - begin,
        peak_memory_mib=peak,
        versions={
            "python": platform.python_version(),
            **{name: version(name) for name in ("numpy", "numba")},
        },
    )
    last = history.iloc[-1]
    moved = math.fsum(problem.pairs.demand)
    figures = {
        "scenario": scenario.name,
        "status": outcome.status.name,
        "method": method,
        "objective": float(last["objective"]),
        "relative_gap": float(last["relative_gap"]),
        "relative_gap_asked": outcome.monitor.goal.relative_gap,
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
        "peak_memory_mib": peak,
        "version": run.version,
        "scenario_sha256": run.scenario_sha256,
    }
    return Equilibrium(links, history, outcome.status, run, figures, scenario)
