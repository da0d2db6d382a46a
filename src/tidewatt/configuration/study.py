"""`configure`: how many fast and normal chargers every station should have, given how drivers react.

After sections 2 and 3 of Qu and Zhao 2023 (doi 10.3969/j.issn.2096-8299.2023.05.005): plans are judged by
what they cost stations, drivers, grid and traffic on days replayed with the same drivers, the best one by
full simulation on fresh days. Equations (conf-1 to conf-18) are stated in ``docs/equations/conf.md``.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from os import PathLike
from typing import TYPE_CHECKING, Unpack

from tidewatt.configuration.evaluation import Evaluator
from tidewatt.configuration.labels import (
    cost_table,
    cost_unit,
    dataset,
    day_table,
    front_table,
    plan_table,
    summarise,
)
from tidewatt.configuration.loads import CoordinatedLoad, coordinated_load
from tidewatt.configuration.result import Configuration
from tidewatt.configuration.search import FoundPlan, Kept, SearchProgress, search
from tidewatt.configuration.validation import Asked, validated
from tidewatt.configuration.verdict import Verdict, days_of, judge_on_fresh_days
from tidewatt.domain.scenario import Scenario, scenario_of
from tidewatt.execution.threads import Threads
from tidewatt.options.calls import documented
from tidewatt.options.configuration import CONFIGURATION, ConfigurationOptions
from tidewatt.options.simulation import SimulationOptions
from tidewatt.result import Checkpoint, Progress, RunInfo, Status
from tidewatt.simulation.preparation import world_of

if TYPE_CHECKING:
    import pandas as pd

    from tidewatt.simulation.world import World

__all__ = ["configure"]


@documented(CONFIGURATION)
def configure(
    scenario: Scenario | str | PathLike[str],
    *,
    coordinated: bool = False,
    simulation: SimulationOptions | None = None,
    progress: Callable[[Progress], None] | None = None,
    checkpoint: Checkpoint | None = None,
    resume: bool = False,
    **options: Unpack[ConfigurationOptions],
) -> Configuration:
    """Find numbers of fast and normal chargers for every station.

    Plans are sought on few days and judged on fresh ones by full simulation. The plan is the best that was
    found: there is no proof that none is better.

    Parameters
    ----------
    scenario : Scenario or path
        With roads, demand or zones that say who travels, and stations with prices; or the folder that holds
        them.
    coordinated : bool
        Judge the loads of both plans under coordinated charging too, within ``accepted_wait_min``.
    simulation : SimulationOptions, optional
        Options of the simulated days, such as ``{"vehicles": 2000, "information": "none"}``; the others come
        from the scenario's ``[simulation]``, else from the defaults.
    progress : callable, optional
        Receives a `Progress` now and then: phase, days or evaluations so far, best objective.
    checkpoint : Checkpoint, optional
        Where to keep the search; also on Ctrl-C.
    resume : bool
        Go on from `checkpoint`.
    **options
        What is not given, or None, comes from the scenario's ``[configuration]``, else from the default.

    Returns
    -------
    Configuration
        The plan, costs before and after with confidence intervals, loads and queues.

    Raises
    ------
    ScenarioError
        With everything that is wrong with the scenario or the parameters, at once.
    KeyboardInterrupt
        On Ctrl-C, after the checkpoint was saved.

    Examples
    --------
    >>> import tidewatt
    >>> result = tidewatt.configure(
    ...     tidewatt.example("city"), simulation={"vehicles": 500}, evaluations=20, days_train=1, days_test=2
    ... )
    >>> result.summary()["constraints"]["site"]
    True
    """
    begin = time.perf_counter()
    tell = _teller(progress, begin)
    tell("preparing", 0)
    scenario = scenario_of(scenario)
    question = validated(scenario, options, simulation)
    p, limits = question.parameters, question.limits
    with Threads(p["threads"]) as threads:
        world = world_of(scenario, question.simulation, threads)
        train = days_of(world, range(p["days_train"]), threads, lambda done: tell("simulating days", done))
        evaluator = Evaluator(world, train, p, limits, threads)
        found = search(
            p["search"],
            evaluator,
            limits,
            world.stations.plan,
            p,
            on_progress=_searching(progress),
            checkpoint=None if checkpoint is None else Kept(checkpoint, question),
            resume=resume,
        )
        del train
        verdict = judge_on_fresh_days(
            world, p, limits, found.fast, found.normal, threads, lambda done: tell("fresh days", done)
        )
        loads = None
        if coordinated:
            tell("coordinating", 0)
            loads = _coordinated(world, question, found, verdict)
    run = RunInfo.since(begin, p["seed"], scenario.sha256())
    status = _status(found)
    return Configuration(
        plan=plan_table(world, question, found.fast, found.normal, verdict),
        costs=cost_table(verdict, cost_unit(world, question.parameters["money_unit"]), scenario.currency),
        days=day_table(verdict),
        data=dataset(verdict, loads),
        history=_history(found),
        front=front_table(found.front),
        status=status,
        run=run,
        figures=summarise(world, question, found, evaluator.replays, verdict, loads, status, run),
        scenario=scenario,
    )


def _status(found: FoundPlan) -> Status:
    if not found.feasible:
        return Status.UNMET
    return Status.TIME_LIMIT if found.on_time else Status.EVALUATIONS


def _coordinated(
    world: World, question: Asked, found: FoundPlan, verdict: Verdict
) -> dict[str, CoordinatedLoad]:
    """Return loads of the first fresh day, before and after."""
    sessions = verdict.days[0].sessions
    assert sessions is not None
    p, s = question.parameters, world.stations
    plans = {"before": (s.fast, s.normal), "after": (found.fast, found.normal)}
    return {
        plan: coordinated_load(
            world.scenario,
            charges,
            built,
            p["accepted_wait_min"],
            round(world.minutes),
            p["threads"],
        )
        for (plan, built), charges in zip(plans.items(), sessions, strict=True)
    }


def _history(found: FoundPlan) -> pd.DataFrame:
    import pandas as pd

    table = pd.DataFrame(found.history)
    return table.astype({"evaluations": int})


def _teller(progress: Callable[[Progress], None] | None, begin: float) -> Callable[[str, int], None]:
    def tell(phase: str, done: int) -> None:
        if progress is not None:
            seconds = time.perf_counter() - begin
            progress(Progress(phase, done, math.nan, math.nan, math.nan, seconds))

    return tell


def _searching(progress: Callable[[Progress], None] | None) -> Callable[[SearchProgress], None] | None:
    if progress is None:
        return None

    def tell(report: SearchProgress) -> None:
        wait = f"mean wait {report.mean_wait_min:.2f} min"
        progress(
            Progress(
                "searching",
                report.evaluations,
                report.best_objective,
                math.nan,
                math.nan,
                report.seconds,
                wait,
            )
        )

    return tell
