"""Other searches on the same objective: geatpy's strengthened elite, pymoo's GA, nevergrad.

All start from the same first population, have their plans repaired like ours, and stop after as many
different plans.
"""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np

from benchmarks.search_worlds import first_population
from tidewatt.configuration.evaluation import Evaluator
from tidewatt.configuration.limits import repair

__all__ = ["PEERS", "missing", "seek"]

PEERS = {
    "geatpy SEGA": "geatpy",
    "pymoo GA": "pymoo",
    "nevergrad NGOpt": "nevergrad",
    "nevergrad DiscreteOnePlusOne": "nevergrad",
}
"""Package behind every peer."""

POPULATION = 40


def missing(peer: str) -> str | None:
    """Why a peer cannot run here, or None."""
    package = PEERS.get(peer)
    if package is None or importlib.util.find_spec(package) is not None:
        return None
    return f"{'geatpy-rs' if package == 'geatpy' else package} is not installed"


class _Spent(Exception):
    """All evaluations are used."""


class _Judge:
    """Scores of plans, repaired first; remembers the best, and stops a peer by raising."""

    def __init__(self, evaluator: Evaluator, seed: int) -> None:
        self.evaluator, self.rng = evaluator, np.random.default_rng([seed, 5])
        self.score, self.best = np.inf, np.zeros(0)

    def repaired(self, plans: np.ndarray) -> np.ndarray:
        s = self.evaluator.limits.stations
        plans = np.rint(np.atleast_2d(plans)).astype(np.int64)
        return np.hstack(repair(self.evaluator.limits, plans[:, :s], plans[:, s:], self.rng))

    def __call__(self, plans: np.ndarray) -> np.ndarray:
        s, budget = self.evaluator.limits.stations, self.evaluator.parameters["evaluations"]
        left = budget - self.evaluator.evaluations
        if left <= 0 or self.evaluator.asked >= 20 * budget:
            raise _Spent
        scores = np.full(len(plans), np.inf)
        found = self.evaluator.judge(plans[:left, :s], plans[:left, s:]).score
        scores[:left] = found
        if found.min() < self.score:
            self.score, self.best = float(found.min()), plans[int(found.argmin())].copy()
        return scores


def seek(peer: str, evaluator: Evaluator, seed: int) -> np.ndarray:
    """Return the best plan that a peer finds: fast before normal, shape (2 stations,)."""
    judge = _Judge(evaluator, seed)
    np.random.seed(seed)  # noqa: NPY002 - geatpy and nevergrad draw from it
    try:
        if peer.startswith("geatpy"):
            _geatpy(judge, seed)
        elif peer.startswith("pymoo"):
            _pymoo(judge, seed)
        else:
            _nevergrad(judge, peer.split()[1], seed)
    except _Spent:
        pass
    return judge.best


def _bounds(judge: _Judge) -> tuple[np.ndarray, np.ndarray]:
    limits = judge.evaluator.limits
    return (
        np.concatenate([limits.fast_low, limits.normal_low]),
        np.concatenate([limits.fast_high, limits.normal_high]),
    )


def _geatpy(judge: _Judge, seed: int) -> None:
    import geatpy

    low, high = _bounds(judge)
    half = len(low) // 2
    parts = (slice(0, half), slice(half, None))

    class Plans(geatpy.Problem):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__("plans", 1, [1], len(low), [1] * len(low), low, high)

        def aimFunc(self, population: Any) -> None:
            plans = judge.repaired(population.Phen)
            scores = judge(plans)
            population.Phen = plans.astype(float)
            population.Chroms = [plans[:, part].astype(float) for part in parts]
            population.ObjV = np.where(np.isfinite(scores), scores, 1e12)[:, None]

    problem = Plans()
    indices = [list(range(half)), list(range(half, 2 * half))]
    fields = [
        geatpy.crtfld("RI", problem.varTypes[i], problem.ranges[:, i], problem.borders[:, i]) for i in indices
    ]

    def population(chroms: Any = None) -> Any:
        return geatpy.PsyPopulation(["RI", "RI"], fields, POPULATION, Chroms=chroms, EncoIdxs=indices)

    first = judge.repaired(first_population(judge.evaluator.limits, POPULATION, seed)).astype(float)
    start = population([first[:, part] for part in parts])
    start.Phen = first
    problem.aimFunc(start)
    algorithm = geatpy.soea_psy_SEGA_templet(problem, population(), MAXGEN=10**9, logTras=0)
    algorithm.verbose, algorithm.drawing = False, 0
    algorithm.run(start)


def _pymoo(judge: _Judge, seed: int) -> None:
    from pymoo.algorithms.soo.nonconvex.ga import GA
    from pymoo.core.problem import Problem
    from pymoo.core.repair import Repair
    from pymoo.operators.crossover.sbx import SBX
    from pymoo.operators.mutation.pm import PM
    from pymoo.operators.repair.rounding import RoundingRepair
    from pymoo.optimize import minimize

    low, high = _bounds(judge)

    class Plans(Problem):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(n_var=len(low), n_obj=1, xl=low, xu=high, vtype=int)

        def _evaluate(self, x: Any, out: Any, *args: Any, **kwargs: Any) -> None:
            out["F"] = judge(np.asarray(x, np.int64))[:, None]

    class Fit(Repair):  # type: ignore[misc]
        def _do(self, problem: Any, x: Any, **kwargs: Any) -> Any:
            return judge.repaired(x)

    algorithm = GA(
        pop_size=POPULATION,
        sampling=judge.repaired(first_population(judge.evaluator.limits, POPULATION, seed)),
        crossover=SBX(prob=0.9, eta=3.0, vtype=float, repair=RoundingRepair()),
        mutation=PM(eta=3.0, vtype=float, repair=RoundingRepair()),
        repair=Fit(),
        eliminate_duplicates=True,
    )
    minimize(Plans(), algorithm, ("n_gen", 10**9), seed=seed, verbose=False)


def _nevergrad(judge: _Judge, name: str, seed: int) -> None:
    import nevergrad

    low, high = _bounds(judge)
    first = judge.repaired(first_population(judge.evaluator.limits, POPULATION, seed))
    start = first[int(np.argmin(judge(first)))]
    plan = nevergrad.p.Array(init=start.astype(float), lower=low - 0.49, upper=high + 0.49)
    plan = plan.set_integer_casting()
    plan.random_state.seed(seed)
    optimizer = nevergrad.optimizers.registry[name](
        plan, budget=judge.evaluator.parameters["evaluations"], num_workers=1
    )
    while True:
        asked = optimizer.ask()
        optimizer.tell(asked, float(judge(judge.repaired(asked.value))[0]))
