"""One rung of the flexibility ladder: solve it, then certify the schedule that is returned."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tidewatt.coordination.admm import Sharing, solve_admm
from tidewatt.coordination.certificate import Proof, feasible_prices, prove
from tidewatt.coordination.levels import GridLevels
from tidewatt.coordination.monitor import SolveMonitor
from tidewatt.coordination.newton import Proximal, solve_newton
from tidewatt.coordination.problem import ChargingProblem
from tidewatt.coordination.shards import Shards, Tally
from tidewatt.domain.arrays import Array
from tidewatt.domain.fleet import Schedule
from tidewatt.execution.threads import Threads
from tidewatt.options.coordination import CoordinationOptions
from tidewatt.result import Certificate, Progress, Status

__all__ = ["SolvedRung", "State", "restore", "snapshot", "solve_rung", "unmanaged_rung"]

State = Mapping[str, Any]


def snapshot(state: Sharing | Proximal | None, best: Array, shards: Shards, monitor: SolveMonitor) -> State:
    """Return what is needed to resume; for a finished rung (`state` None), what its output needs."""
    common = {
        "best": best,
        "dual_best": monitor.dual,
        "bound": monitor.bound,
        "seconds": monitor.seconds,
        "rows": pd.DataFrame(monitor.rows).to_json(orient="split"),
        **{f"tally_{k}": getattr(shards.tally, k) for k in Tally.__slots__},
    }
    if state is None:
        return common
    common |= {"x": shards.x, "mu": state.mu}
    if isinstance(state, Sharing):
        return {**common, "rho": state.rho, "z": state.z, "u": state.u, "passes": state.passes}
    return {**common, "sigma": state.sigma, "damping": state.damping, "dual": state.dual}


def restore(kept: State, shards: Shards, monitor: SolveMonitor) -> tuple[Sharing | Proximal | None, Array]:
    """Restore shards and monitor; return the solver's state and the best schedules."""
    best = np.array(kept["best"], shards.x.dtype)
    # An interruption may have caught the best schedules half replaced: what counts is what they cost now.
    monitor.primal = shards.problem.levels.cost(shards.problem.levels.lift(shards.load(best)))
    monitor.bound, monitor.dual = float(kept["bound"]), np.array(kept["dual_best"])
    monitor.spent_s = float(kept["seconds"])
    rows = pd.read_json(io.StringIO(str(kept["rows"])), orient="split").to_dict("records")
    monitor.rows = [{str(name): float(value) for name, value in row.items()} for row in rows]
    for k in Tally.__slots__:
        setattr(shards.tally, k, int(kept[f"tally_{k}"]))
    monitor.passes_before = shards.tally.passes
    if "mu" not in kept:
        # A rung that had reached its end; the limits may be wider now.
        monitor.finished()
        shards.x[:] = best
        return None, best
    shards.x[:] = kept["x"]
    mu = np.array(kept["mu"])
    if "rho" in kept:
        z, u = np.array(kept["z"]), np.array(kept["u"])
        return Sharing(float(kept["rho"]), z, u, mu, int(kept["passes"])), best
    return Proximal(float(kept["sigma"]), float(kept["damping"]), np.array(kept["dual"]), mu), best


@dataclass(frozen=True, slots=True, eq=False)
class SolvedRung:
    """Outcome of one rung.

    Attributes
    ----------
    problem : ChargingProblem
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

    problem: ChargingProblem
    schedule: Schedule | None
    load: Array
    proof: Proof | None
    certificate: Certificate
    status: Status
    history: pd.DataFrame
    tally: Tally
    state: State | None = None

    def overload(self) -> Array:
        """Return the largest overload of each level over the horizon, floor included [kW] (coord-3)."""
        levels = self.problem.levels
        return levels.overload(self.load) + levels.floor


def unmanaged_rung(problem: ChargingProblem, threads: Threads, shards: int = 0) -> tuple[SolvedRung, Array]:
    """Charge on arrival at full power until full; return the outcome of this rule and its power [kW]."""
    vehicles = Shards(problem, threads, shards, single=False)
    vehicles.start_unmanaged()
    load = problem.levels.lift(vehicles.load(vehicles.x))
    cost = problem.levels.cost(load)
    bracket = Certificate(cost, cost)
    rung = SolvedRung(problem, None, load, None, bracket, Status.EXACT, pd.DataFrame(), vehicles.tally)
    return rung, vehicles.x


def solve_rung(
    name: str,
    problem: ChargingProblem,
    unmanaged_cost: float,
    parameters: CoordinationOptions,
    threads: Threads,
    *,
    report: Callable[[Progress], None] | None = None,
    resume: State | None = None,
    keep: Callable[[Callable[[], State], bool], None] | None = None,
) -> SolvedRung:
    """Solve a rung with the requested solver, then certify the schedule that is returned.

    Parameters
    ----------
    name : str
        Rung, for reports.
    problem : ChargingProblem
    unmanaged_cost : float
        Objective of unmanaged charging.
    parameters : CoordinationOptions
    threads : Threads
    report : callable, optional
        Receives Progress.
    resume : mapping, optional
        State that `keep` received earlier.
    keep : callable, optional
        Receives what makes a state to go on from, and whether it must be kept now.
    """
    shards = Shards(problem, threads, parameters["shards"])
    monitor = SolveMonitor(name, parameters, unmanaged_cost, shards.tally, report)
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
            seed = parameters["seed"]
            if parameters["solver"] == "admm":
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
    return SolvedRung(
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


def _final_status(monitor: SolveMonitor, bracket: Certificate) -> Status:
    """Return how the rung ended, judged by its final certificate."""
    asked, scale = monitor.parameters, monitor.unmanaged_cost
    enough = bracket.relative_gap(scale) <= asked["relative_gap"]
    if enough or bracket.absolute_gap <= asked["absolute_gap"] * scale:
        return Status.CERTIFIED
    # Rounding the schedule may have cost a hair more than was to spare.
    return Status.STALLED if monitor.status in (None, Status.CERTIFIED) else monitor.status


def _hand_out(shards: Shards, best: Array) -> tuple[Schedule, Array]:
    """Return the schedule in the scenario's dwell order, and where each opportunity's variables are."""
    fleet, dwell = shards.fleet, shards.problem.dwell
    order = np.argsort(dwell, kind="stable")
    first = np.r_[0, np.cumsum(np.diff(fleet.edge)[order])].astype(np.int64)
    place = np.empty(len(order), np.int64)
    place[order] = first[:-1]
    power = shards.polish(best, place)
    return Schedule(dwell[order], fleet.step[order], first, power), place


def certificate(problem: ChargingProblem, load: Array, proof: Proof) -> Certificate:
    """Bracket the optimum, and split the gap into regret and grid slack, both >= 0."""
    levels, weight = problem.levels, problem.fleet.weight
    cost = levels.cost(load)
    regret = float(np.sum(weight * (proof.cost - proof.least)))
    worth = float(
        np.sum(proof.dual * (load - levels.headroom)) - levels.conjugate(proof.dual.sum(axis=1)).sum()
    )
    return Certificate(cost, proof.bound, regret, cost - levels.base_cost - worth)


def spend_on_floors(levels: GridLevels, dual: Array) -> Array:
    """Spend the remaining price budget of levels with a floor on their worst step (coord-7).

    Their overload cannot fall below the floor, so the first slope of their cost is due in full; the bound
    can only gain.
    """
    out = dual.copy()
    left = np.maximum(levels.slope[levels.first[:-1]] - dual.sum(axis=1), 0.0)
    at = np.flatnonzero((levels.floor > 0) & (left > 0))
    out[at, levels.headroom[at].argmin(axis=1)] += left[at]
    return out
