"""`coordinate`: the certified best case of charging flexibility, rung by rung.

The question is that of MAC (mobility-aware coordinated charging, arXiv 2604.11999): how much of the
overload-driven upgrade need can flexible charging spare at most? The formulation (coord-1 to coord-3), the
certificate (coord-4, coord-5) and both solvers are stated in ``docs/equations/coord.md``.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from os import PathLike
from typing import Any, Unpack

import pandas as pd

from tidewatt.coordination.labels import level_tables, loads, summarise, vehicle_table
from tidewatt.coordination.ladder import SolvedRung, solve_rung, unmanaged_rung
from tidewatt.coordination.problem import pack, session_problem
from tidewatt.coordination.result import Coordination
from tidewatt.domain.checks.scenario import check
from tidewatt.domain.scenario import Scenario, scenario_of
from tidewatt.errors import Issue, ScenarioError, SolveWarning
from tidewatt.execution.threads import Threads
from tidewatt.options.calls import documented
from tidewatt.options.coordination import COORDINATION, CoordinationOptions
from tidewatt.result import Checkpoint, Progress, RunInfo

__all__ = ["coordinate"]


@documented(COORDINATION)
def coordinate(
    scenario: Scenario | str | PathLike[str],
    *,
    progress: Callable[[Progress], None] | None = None,
    checkpoint: Checkpoint | None = None,
    resume: bool = False,
    **options: Unpack[CoordinationOptions],
) -> Coordination:
    """Find the most that flexible charging can save in feeder upgrades, with proof.

    Climbs the flexibility ladder: unmanaged (plug in, full power until full), session-flexible (each stay
    draws what it would unmanaged, at other times of the stay), mobility-aware (any schedule that leaves
    every trip its energy). The last two are optimised and certified.

    Parameters
    ----------
    scenario : Scenario or path
        Vehicles, trips, dwells and grid; or the folder that holds them.
    progress : callable, optional
        Receives a `Progress` now and then.
    checkpoint : Checkpoint, optional
        Where to keep the state of an unfinished run; also on Ctrl-C.
    resume : bool
        Go on from `checkpoint`.
    **options
        What is not given, or None, comes from the scenario's ``[coordination]``, else from the default.

    Returns
    -------
    Coordination
        Loads, prices, schedules and certificates by rung. Its status says whether the gap was reached.

    Warns
    -----
    SolveWarning
        Where a rung ended without reaching the asked gap.

    Raises
    ------
    ScenarioError
        With everything that is wrong with the scenario or the parameters, at once.
    KeyboardInterrupt
        On Ctrl-C, after the checkpoint was saved.

    Examples
    --------
    >>> import tidewatt
    >>> result = tidewatt.coordinate(tidewatt.example("village"), relative_gap=1e-4)
    >>> result.certificate.lower_bound_cost <= result.certificate.upgrade_cost
    True
    """
    begin = time.perf_counter()
    scenario = scenario_of(scenario)
    parameters = COORDINATION.resolve(scenario.parameters, **options)
    if issues := check(scenario):
        raise ScenarioError(issues)
    if issues := _lacking(scenario):
        raise ScenarioError(issues)
    kept = (checkpoint.load() or {}) if resume and checkpoint is not None else {}
    done: dict[str, Mapping[str, Any]] = {}

    def keeper(rung: str) -> Callable[[Callable[[], Mapping[str, Any]], bool], None]:
        def keep(state: Callable[[], Mapping[str, Any]], now: bool) -> None:
            if checkpoint is not None and (now or checkpoint.due()):
                checkpoint.save({**done, rung: state()})

        return keep

    problem, missing_kwh = pack(scenario)
    with Threads(parameters["threads"]) as workers:
        unmanaged, power = unmanaged_rung(problem, workers, parameters["shards"])
        tasks = {"coordinated": problem}
        if parameters["session"]:
            tasks = {"session": session_problem(problem, power), **tasks}
        del power
        if progress is not None:
            cost = unmanaged.certificate.upgrade_cost
            progress(Progress("unmanaged", 0, cost, cost, 0.0, time.perf_counter() - begin))
        rungs, cost = {"unmanaged": unmanaged}, unmanaged.certificate.upgrade_cost
        for name, task in tasks.items():
            keep = None if checkpoint is None else keeper(name)
            rungs[name] = solve_rung(
                name, task, cost, parameters, workers, report=progress, resume=kept.get(name), keep=keep
            )
            if (state := rungs[name].state) is not None:
                done[name] = state
    for name, rung in rungs.items():
        if not rung.status.reached:
            gap = rung.certificate.relative_gap(cost)
            warnings.warn(SolveWarning(f"{name}: gap {gap:.2g}. {rung.status.value}"), stacklevel=2)
    return _labelled(scenario, rungs, missing_kwh, parameters, begin)


def _lacking(scenario: Scenario) -> list[Issue]:
    """Return what a scenario with only roads or a network lacks."""
    parts = {
        "vehicles": len(scenario.fleet),
        "dwells": len(scenario.dwells),
        "trips": len(scenario.trips),
        "feeders": scenario.grid.feeders,
    }
    lacking = [table for table, rows in parts.items() if not rows]
    others = (scenario.roads, scenario.step_roads, scenario.distribution)
    if not lacking or all(part is None for part in others):  # `check` judges the scenarios of this study
        return []
    problem = f"coordinate needs vehicles, dwells, trips and feeders; the scenario lacks {', '.join(lacking)}"
    fix = "Let `tidewatt simulate` drive vehicles on the roads for days and write their itineraries"
    if "feeders" in lacking:
        fix = f"Add feeders and headroom, then: {fix}"
    return [Issue(lacking[0], "", problem, fix)]


def _labelled(
    scenario: Scenario,
    rungs: Mapping[str, SolvedRung],
    missing_kwh: Any,
    parameters: CoordinationOptions,
    begin: float,
) -> Coordination:
    data = loads(scenario, rungs)
    feeders, banks = level_tables(scenario, rungs, data)
    solved = {name: rung for name, rung in rungs.items() if rung.proof is not None}
    history = pd.concat([rung.history.assign(rung=name) for name, rung in solved.items()])
    vehicles = vehicle_table(scenario, rungs["coordinated"], missing_kwh)
    schedules = {name: rung.schedule for name, rung in solved.items() if rung.schedule is not None}
    run = RunInfo.since(begin, parameters["seed"], scenario.sha256())
    return Coordination(
        data=data,
        feeders=feeders,
        banks=banks,
        vehicles=vehicles,
        history=history[["rung", *(c for c in history.columns if c != "rung")]].reset_index(drop=True),
        certificates={name: rung.certificate for name, rung in rungs.items()},
        statuses={name: rung.status for name, rung in rungs.items()},
        run=run,
        figures=summarise(scenario, rungs, missing_kwh, run),
        schedules=schedules,
        scenario=scenario,
    )
