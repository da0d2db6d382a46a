"""One rung of the flexibility ladder: solve it, then prove it on the schedule that is handed out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tidewatt.coordination.admm import Sharing, solve_admm
from tidewatt.coordination.certificate import Proof, feasible_prices, prove
from tidewatt.coordination.levels import Levels
from tidewatt.coordination.monitor import Monitor
from tidewatt.coordination.newton import Proximal, solve_newton
from tidewatt.coordination.parameters import Parameters
from tidewatt.coordination.problem import Problem
from tidewatt.coordination.shards import Shards, Tally
from tidewatt.coordination.snapshot import State, restore, snapshot
from tidewatt.domain.arrays import Array
from tidewatt.domain.fleet import Schedule
from tidewatt.execution.threads import Threads
from tidewatt.result import Certificate, Progress, Status

__all__ = ["Rung", "solve_rung", "unmanaged_rung"]


@dataclass(frozen=True, slots=True, eq=False)
class Rung:
    """Outcome of one rung.

    Attributes
    ----------
    problem : Problem
        What was solved.
    schedule : Schedule or None
        Power in double precision; None for unmanaged charging, which follows from its rule.
    load : array, shape (levels, steps)
        Load of feeders, then banks [kW].
    proof : Proof or None
        Published prices and what they prove; None for unmanaged charging.
    certificate : Certificate
    status : Status
    history : pandas.DataFrame
    tally : Tally
    state : mapping, optional
        What a resumed run needs to hand this rung out again; only with a checkpoint.
    """

    problem: Problem
    schedule: Schedule | None
    load: Array
    proof: Proof | None
    certificate: Certificate
    status: Status
    history: pd.DataFrame
    tally: Tally
    state: State | None = None

    def overload(self) -> Array:
        """Largest overload of each level over the horizon, the floor included [kW] (coord-3)."""
        levels = self.problem.levels
        return levels.overload(self.load) + levels.floor


def unmanaged_rung(problem: Problem, threads: Threads, shards: int = 0) -> tuple[Rung, Array]:
    """Plug in on arrival, full power until full: the outcome of a rule. Also its power [kW]."""
    vehicles = Shards(problem, threads, shards, single=False)
    vehicles.start_unmanaged()
    load = problem.levels.lift(vehicles.load(vehicles.x))
    cost = problem.levels.cost(load)
    bracket = Certificate(cost, cost)
    rung = Rung(problem, None, load, None, bracket, Status.EXACT, pd.DataFrame(), vehicles.tally)
    return rung, vehicles.x


def solve_rung(
    name: str,
    problem: Problem,
    unmanaged_cost: float,
    parameters: Parameters,
    threads: Threads,
    *,
    report: Callable[[Progress], None] | None = None,
    resume: State | None = None,
    keep: Callable[[Callable[[], State], bool], None] | None = None,
) -> Rung:
    """Solve a rung with the asked solver, then certify the schedule handed out.

    Parameters
    ----------
    name : str
        Rung, for reports.
    problem : Problem
    unmanaged_cost : float
        Objective of unmanaged charging.
    parameters : Parameters
    threads : Threads
    report : callable, optional
        Receives Progress.
    resume : mapping, optional
        State that `keep` received earlier.
    keep : callable, optional
        Receives what makes a state to go on from, and whether it must be kept now.
    """
    shards = Shards(problem, threads, parameters.shards)
    monitor = Monitor(name, parameters, unmanaged_cost, shards.tally, report)
    # Prices of zero prove that no schedule costs less than what is there without vehicles.
    monitor.bound = problem.levels.base_cost
    monitor.dual = np.zeros_like(problem.levels.headroom)
    state: Sharing | Proximal | None = None
    best: Array | None = None
    if resume is None:
        shards.start_unmanaged()
    else:
        state, best = restore(resume, shards, monitor)
    latest: list[tuple[Sharing | Proximal | None, Array]] = []

    def register(state: Sharing | Proximal, best: Array) -> None:
        latest[:] = [(state, best)]
        if keep is not None:
            keep(lambda: snapshot(state, best, shards, monitor), False)

    try:
        if monitor.status is None and not monitor.finished():
            seed = parameters.seed
            if parameters.solver == "admm":
                shared = state if isinstance(state, Sharing) else None
                best = solve_admm(shards, monitor, seed=seed, state=shared, best=best, keep=register)
            else:
                best = solve_newton(shards, monitor, seed=seed, state=state, best=best, keep=register)
    except KeyboardInterrupt:
        if keep is not None and latest:
            keep(lambda: snapshot(*latest[0], shards, monitor), True)
        raise
    if keep is not None and latest and monitor.status in (Status.TIME_LIMIT, Status.ITERATION_LIMIT):
        keep(lambda: snapshot(*latest[0], shards, monitor), True)
    if best is None:
        best = shards.x
    state_done = None if keep is None else snapshot(None, best, shards, monitor)

    shards.x = np.zeros(0, best.dtype)  # centres are no longer needed; room for the schedule
    schedule, place = _hand_out(shards, best)
    load = problem.levels.lift(shards.load(schedule.power_kw, place))
    dual = spend_on_floors(problem.levels, feasible_prices(problem.levels, monitor.dual))
    proof = prove(shards, dual, schedule.power_kw, place)
    bracket = certificate(problem, load, proof)
    return Rung(
        problem,
        schedule,
        load,
        proof,
        bracket,
        _final_status(monitor, bracket),
        pd.DataFrame(monitor.rows),
        shards.tally,
        state_done,
    )


def _final_status(monitor: Monitor, bracket: Certificate) -> Status:
    """How the rung ended, by the certificate that is handed out rather than by the last one on the way."""
    asked, scale = monitor.parameters, monitor.unmanaged_cost
    enough = bracket.relative_gap(scale) <= asked.relative_gap
    if enough or bracket.absolute_gap <= asked.absolute_gap * scale:
        return Status.CERTIFIED
    # Rounding the schedule may have cost a hair more than was to spare.
    return Status.STALLED if monitor.status in (None, Status.CERTIFIED) else monitor.status


def _hand_out(shards: Shards, best: Array) -> tuple[Schedule, Array]:
    """The schedule in the order of the scenario's dwells, and where it has each opportunity's variables."""
    fleet, dwell = shards.fleet, shards.problem.dwell
    order = np.argsort(dwell, kind="stable")
    first = np.r_[0, np.cumsum(np.diff(fleet.edge)[order])].astype(np.int64)
    place = np.empty(len(order), np.int64)
    place[order] = first[:-1]
    power = shards.polish(best, place)
    return Schedule(dwell[order], fleet.step[order], first, power), place


def certificate(problem: Problem, load: Array, proof: Proof) -> Certificate:
    """Bracket the optimum, and split the gap into regret and grid slack, both >= 0."""
    levels, weight = problem.levels, problem.fleet.weight
    cost = levels.cost(load)
    regret = float(np.sum(weight * (proof.cost - proof.least)))
    worth = float(
        np.sum(proof.dual * (load - levels.headroom)) - levels.conjugate(proof.dual.sum(axis=1)).sum()
    )
    return Certificate(cost, proof.bound, regret, cost - levels.base_cost - worth)


def spend_on_floors(levels: Levels, dual: Array) -> Array:
    """Spend what is left of the budget of levels with a floor on their worst step (coord-7).

    Their overload cannot fall below the floor, so the first slope of their cost is due in full; the bound
    can only gain.
    """
    out = dual.copy()
    left = np.maximum(levels.slope[levels.first[:-1]] - dual.sum(axis=1), 0.0)
    at = np.flatnonzero((levels.floor > 0) & (left > 0))
    out[at, levels.headroom[at].argmin(axis=1)] += left[at]
    return out
