"""One rung of the flexibility ladder: solve it, then prove it on the schedule that is handed out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tidewatt.coordination.admm import Sharing, solve_admm
from tidewatt.coordination.certificate import Proof, feasible_prices, prove
from tidewatt.coordination.monitor import Monitor
from tidewatt.coordination.newton import Proximal, solve_newton
from tidewatt.coordination.parameters import Parameters
from tidewatt.coordination.problem import Levels, Problem
from tidewatt.coordination.shards import Shards, Tally
from tidewatt.domain.arrays import Array
from tidewatt.domain.schedule import Schedule
from tidewatt.execution.threads import Threads
from tidewatt.result import Certificate, Progress, Status

__all__ = ["Rung", "solve_rung", "unmanaged_rung"]

State = Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Rung:
    """Outcome of one rung.

    Attributes
    ----------
    problem : Problem
        What was solved.
    power : array, shape (variables,)
        Schedules in double precision [kW].
    load : array, shape (levels, steps)
        Load of feeders, then banks [kW].
    proof : Proof or None
        Published prices and what they prove; None for unmanaged charging.
    certificate : Certificate
    status : Status
    history : pandas.DataFrame
    tally : Tally
    """

    problem: Problem
    power: Array
    load: Array
    proof: Proof | None
    certificate: Certificate
    status: Status
    history: pd.DataFrame
    tally: Tally

    def overload(self) -> Array:
        """Largest overload of each level over the horizon, the floor included [kW] (coord-3)."""
        levels = self.problem.levels
        return levels.overload(self.load) + levels.floor

    def schedule(self) -> Schedule:
        """The schedule, opportunities in the scenario's order of dwells."""
        fleet, dwell = self.problem.fleet, self.problem.dwell
        order = np.argsort(dwell, kind="stable")
        counts = np.diff(fleet.edge)[order]
        first = np.r_[0, np.cumsum(counts)].astype(np.int64)
        take = np.repeat(fleet.edge[:-1][order] - first[:-1], counts) + np.arange(first[-1])
        return Schedule(dwell[order], fleet.step[order], first, self.power[take])


def unmanaged_rung(problem: Problem, threads: Threads, shards: int) -> Rung:
    """Plug in on arrival, full power until full: the outcome of a rule."""
    vehicles = Shards(problem, threads, shards, single=False)
    vehicles.start_unmanaged()
    load = problem.levels.lift(vehicles.load(vehicles.x))
    cost = problem.levels.cost(load)
    empty = pd.DataFrame()
    return Rung(problem, vehicles.x, load, None, Certificate(cost, cost), Status.EXACT, empty, vehicles.tally)


def solve_rung(
    name: str,
    problem: Problem,
    unmanaged_cost: float,
    parameters: Parameters,
    threads: Threads,
    *,
    report: Callable[[Progress], None] | None = None,
    resume: State | None = None,
    keep: Callable[[State], None] | None = None,
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
        Receives a state to go on from, now and then.
    """
    shards = Shards(problem, threads, parameters.shards)
    monitor = Monitor(name, parameters, unmanaged_cost, shards.tally, report)
    # Prices of zero prove that no schedule costs less than what is there without vehicles.
    monitor.bound = problem.levels.base_cost
    monitor.dual = np.zeros_like(problem.levels.headroom)
    sharing: Sharing | None = None
    proximal: Proximal | None = None
    best: Array | None = None
    if resume is not None:
        sharing, proximal, best = _restore(resume, shards, monitor)
    else:
        shards.start_unmanaged()

    def save(state: Sharing | Proximal, best: Array) -> None:
        if keep is not None:
            keep(_state(state, best, shards, monitor))

    if parameters.solver == "admm":
        _, best = solve_admm(shards, monitor, seed=parameters.seed, state=sharing, best=best, keep=save)
    else:
        best = solve_newton(shards, monitor, seed=parameters.seed, state=proximal, best=best, keep=save)

    shards.x = np.zeros(0, best.dtype)  # centres are no longer needed; room for the schedules
    power = shards.polish(best)
    del best
    load = problem.levels.lift(shards.load(power))
    dual = spend_on_floors(problem.levels, feasible_prices(problem.levels, monitor.dual))
    proof = prove(shards, dual, power)
    return Rung(
        problem,
        power,
        load,
        proof,
        certificate(problem, load, proof),
        monitor.status or Status.ITERATION_LIMIT,
        pd.DataFrame(monitor.rows),
        shards.tally,
    )


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


def _state(state: Sharing | Proximal, best: Array, shards: Shards, monitor: Monitor) -> State:
    common = {
        "x": shards.x,
        "best": best,
        "mu": state.mu,
        "best_dual": monitor.dual,
        "primal": monitor.primal,
        "bound": monitor.bound,
        "seconds": monitor.seconds,
        "rows": pd.DataFrame(monitor.rows).to_json(orient="split"),
        **{f"tally_{k}": getattr(shards.tally, k) for k in Tally.__slots__},
    }
    if isinstance(state, Sharing):
        return {**common, "rho": state.rho, "z": state.z, "u": state.u, "passes": state.passes}
    return {**common, "sigma": state.sigma, "damping": state.damping, "dual": state.dual}


def _restore(kept: State, shards: Shards, monitor: Monitor) -> tuple[Sharing | None, Proximal | None, Array]:
    import io

    shards.x[:] = kept["x"]
    best = np.array(kept["best"], shards.x.dtype)
    mu = np.array(kept["mu"])
    monitor.primal, monitor.bound = float(kept["primal"]), float(kept["bound"])
    monitor.dual = np.array(kept["best_dual"])
    monitor.spent_s = float(kept["seconds"])
    monitor.rows = pd.read_json(io.StringIO(str(kept["rows"])), orient="split").to_dict("records")
    for k in Tally.__slots__:
        setattr(shards.tally, k, int(kept[f"tally_{k}"]))
    if "rho" in kept:
        z, u = np.array(kept["z"]), np.array(kept["u"])
        return Sharing(float(kept["rho"]), z, u, mu, int(kept["passes"])), None, best
    dual = np.array(kept["dual"])
    return None, Proximal(float(kept["sigma"]), float(kept["damping"]), dual, mu), best
