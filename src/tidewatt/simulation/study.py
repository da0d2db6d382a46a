"""`simulate`: driving, deciding, queueing and charging, minute by minute (Monte Carlo).

After section 1 of Qu and Zhao 2023 (doi 10.3969/j.issn.2096-8299.2023.05.005): vehicles on a road network
whose speeds follow the traffic, charging decisions from what is left in the battery, queues at stations, days
repeated until their number or the statistic's variance coefficient (sim-11) ends it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from os import PathLike
from typing import TYPE_CHECKING, Unpack

from tidewatt.domain.scenario import Scenario, scenario_of
from tidewatt.errors import TidewattError
from tidewatt.execution.threads import Threads
from tidewatt.options.calls import documented
from tidewatt.options.simulation import SIMULATION, SimulationOptions, days_drawn
from tidewatt.result import Checkpoint, Progress, RunInfo, Status
from tidewatt.simulation.labels import (
    dataset,
    event_table,
    history_table,
    station_table,
    summarise,
    unserved_table,
)
from tidewatt.simulation.preparation import world_of
from tidewatt.simulation.replications import Worker, workers_of
from tidewatt.simulation.result import Simulation
from tidewatt.simulation.totals import FEWEST, Totals, beta

if TYPE_CHECKING:
    from tidewatt.simulation.driving.models import ChargingDecision, SpeedFlow
    from tidewatt.simulation.queueing.choice import StationChoice
    from tidewatt.simulation.world import World
    from tidewatt.synthesis.diary import Diary
    from tidewatt.synthesis.habits import Habits

__all__ = ["simulate"]


@documented(SIMULATION)
def simulate(
    scenario: Scenario | str | PathLike[str],
    *,
    decision_model: ChargingDecision | None = None,
    choice_model: StationChoice | None = None,
    speed_flow_model: SpeedFlow | None = None,
    diary: Diary | None = None,
    habits: Habits | None = None,
    progress: Callable[[Progress], None] | None = None,
    checkpoint: Checkpoint | None = None,
    resume: bool = False,
    **options: Unpack[SimulationOptions],
) -> Simulation:
    """Simulate days of electric vehicles on real roads, and how they charge on the way.

    Every replication draws the fleet and its day anew, from a seed of its own, so that replications are
    independent. What is simulated is a model of drivers; nothing is optimised or proved.

    Parameters
    ----------
    scenario : Scenario or path
        With roads, stations, and demand or zones that say who travels; or the folder that holds them.
    decision_model : ChargingDecision, optional
        Who charges on the way; what the option ``decision`` says if not given (sim-5).
    choice_model : StationChoice, optional
        Which station; what the parameter ``choice`` says if not given (sim-6 to sim-8).
    speed_flow_model : SpeedFlow, optional
        How flow slows roads; what the parameter ``speed_flow`` says if not given (sim-1, sim-2).
    diary : Diary, optional
        Day chains instead of the embedded statistics.
    habits : Habits, optional
        Assumptions about who drives and who has a charger where.
    progress : callable, optional
        Receives a `Progress` now and then: replications so far, mean of the statistic, beta.
    checkpoint : Checkpoint, optional
        Where to keep what is done; also on Ctrl-C.
    resume : bool
        Go on from `checkpoint`.
    **options
        What is not given, or None, comes from the scenario's ``[simulation]``, else from the default.

    Returns
    -------
    Simulation
        Loads, queues, speeds, every charge, and itineraries for `coordinate`.

    Raises
    ------
    ScenarioError
        With everything that is wrong with the scenario or the parameters, at once.
    KeyboardInterrupt
        On Ctrl-C, after the checkpoint was saved.

    Examples
    --------
    >>> import tidewatt
    >>> result = tidewatt.simulate(tidewatt.example("city"), vehicles=500, replications=2)
    >>> result.summary()["vehicle_conservation_error"]
    0.0
    """
    begin = time.perf_counter()
    scenario = scenario_of(scenario)
    parameters = SIMULATION.resolve(scenario.parameters, **options)
    _say(progress, "preparing", Totals(), parameters, begin)
    with Threads(parameters["threads"]) as threads:
        world = world_of(
            scenario, parameters, threads, decision_model, choice_model, speed_flow_model, diary, habits
        )
        kept = (checkpoint.load() if checkpoint is not None and resume else None) or {}
        if kept:
            _same_days(str(kept["progress"].get("parameters", "{}")), parameters)
        totals = Totals.of(kept) if kept else Totals()
        workers = workers_of(world, threads)
        status = _run(world, totals, workers, threads, begin, progress, checkpoint)
        travelled = workers[0].itineraries()
    run = RunInfo.since(begin, parameters["seed"], scenario.sha256())
    events = event_table(world, totals)
    return Simulation(
        data=dataset(world, totals),
        events=events,
        unserved=unserved_table(totals),
        stations=station_table(world, totals, events),
        history=history_table(world, totals),
        status=status,
        run=run,
        figures=summarise(world, totals, events, status, run),
        itineraries=travelled,
        scenario=scenario,
    )


def _run(
    world: World,
    totals: Totals,
    workers: list[Worker],
    threads: Threads,
    begin: float,
    progress: Callable[[Progress], None] | None,
    checkpoint: Checkpoint | None,
) -> Status:
    """Run replications, as many at once as there are workers, until a stop rule holds.

    The rules are asked after each one in the order of their numbers: how many run at once changes nothing.
    """
    p = world.parameters
    try:
        while (status := _stop(totals, p, begin)) is None:
            numbers = range(totals.count, min(totals.count + len(workers), p["replications"]))
            tasks = list(zip(workers, numbers, strict=False))
            for outcome in threads.map(lambda task: task[0].replicate(task[1]), tasks):
                if _stop(totals, p, begin) is None or not totals.count:
                    totals.add(outcome)
            _say(progress, "simulating", totals, p, begin)
            if checkpoint is not None and checkpoint.due():
                _keep(checkpoint, totals, p)
    except KeyboardInterrupt:
        _keep(checkpoint, totals, p)
        raise
    if status is Status.TIME_LIMIT:
        _keep(checkpoint, totals, p)
    return status


def _keep(checkpoint: Checkpoint | None, totals: Totals, p: SimulationOptions) -> None:
    """Save what is done so far, and the settings it was done with."""
    if checkpoint is not None and totals.count:
        state = totals.state()
        state["progress"]["parameters"] = json.dumps(days_drawn(p), default=str)
        checkpoint.save(state)


def _same_days(kept: str, p: SimulationOptions) -> None:
    """Raise if a checkpoint's replications are of other days than those requested now."""
    before, now = json.loads(kept), json.loads(json.dumps(days_drawn(p), default=str))
    changed = [
        f"{name} = {value}, now {now.get(name)}" for name, value in before.items() if value != now.get(name)
    ]
    if changed:
        raise TidewattError(
            f"The checkpoint was made with other parameters ({'; '.join(changed)}). "
            "Resume with those, or start anew without resuming."
        )


def _stop(totals: Totals, p: SimulationOptions, begin: float) -> Status | None:
    m = totals.count
    if m >= FEWEST and beta(totals.values(p["statistic"])) <= p["tolerance"]:
        return Status.TOLERANCE
    if m >= p["replications"]:
        return Status.REPLICATIONS
    if m and time.perf_counter() - begin > p["time_limit_s"]:
        return Status.TIME_LIMIT
    return None


def _say(
    progress: Callable[[Progress], None] | None,
    phase: str,
    totals: Totals,
    p: SimulationOptions,
    begin: float,
) -> None:
    if progress is not None:
        values = totals.values(p["statistic"])
        mean = float(values.mean()) if len(values) else float("nan")
        seconds = time.perf_counter() - begin
        progress(Progress(phase, totals.count, mean, float("nan"), beta(values), seconds))
