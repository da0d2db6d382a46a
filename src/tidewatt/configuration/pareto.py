"""Plans that only a preference can decide between: costs of stations, drivers, grid and traffic apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tidewatt.configuration.candidates import Candidates, judged
from tidewatt.configuration.evaluation import INFEASIBLE, Evaluator
from tidewatt.configuration.genetic import Genetic
from tidewatt.configuration.limits import Limits, repair
from tidewatt.domain.arrays import Array
from tidewatt.errors import TidewattError, extra

__all__ = ["Pareto"]


class Pareto(Genetic):
    """NSGA-II: pymoo sorts by dominance and crowding, plans are crossed and changed as in `Genetic`.

    The best by the weights is kept besides, so that there is a plan to report.

    Parameters
    ----------
    evaluator, limits, fast, normal, rng, population
        As of `Genetic`.

    Raises
    ------
    TidewattError
        pymoo is not installed.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        limits: Limits,
        fast: Array,
        normal: Array,
        rng: np.random.Generator,
        *,
        population: int = 40,
    ) -> None:
        self._survivors = _survival()
        super().__init__(evaluator, limits, fast, normal, rng, population=population, elites=0)
        self._best = self.plans.best()

    @property
    def best(self) -> Candidates:
        """The best plan so far by the weighted objective, as a single row."""
        return self._best

    @property
    def front(self) -> dict[str, Array]:
        """Return the plans that no other beats in all four costs, and these costs."""
        good = self.plans.at(self.plans.score < INFEASIBLE)
        totals = self._totals(good)
        more: Array = totals[:, None] - totals
        beaten = (more.min(axis=2) >= 0.0) & (more.max(axis=2) > 0.0)
        kept = np.flatnonzero(~beaten.any(axis=1))
        columns = {f"f{k + 1}": totals[kept, k] for k in range(4)}
        return {"fast": good.fast[kept], "normal": good.normal[kept], **columns}

    def step(self, room: int) -> None:
        """Breed one generation."""
        if self._begun:
            children = self._changed(*self._crossed(*self._parents()))
        else:
            self._begun = True
            children = self._first(self.plans.fast[0], self.plans.normal[0])
        fast, normal = repair(self._limits, children[0][:room], children[1][:room], self._rng)
        offspring = judged(self._evaluator, fast, normal)
        self._best = self._best.and_also(offspring).best()
        both = self.plans.and_also(offspring)
        _, first = np.unique(np.concatenate([both.fast, both.normal], axis=1), axis=0, return_index=True)
        both = both.at(np.sort(first))
        totals, broken = self._totals(both), np.maximum(both.score - INFEASIBLE, 0.0)
        self.plans = both.at(self._survivors(totals, broken, self._size))

    def state(self) -> dict[str, Any]:
        """Return the arrays and numbers needed to resume."""
        return {**super().state(), **{f"best_{k}": v for k, v in self._best._asdict().items()}}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Resume from a saved state."""
        super().restore(state)
        self._best = Candidates(*(np.asarray(state[f"best_{name}"]) for name in Candidates._fields))

    def _parents(self) -> tuple[Array, Array]:
        """Return the winners of two-way tournaments; survivors come in order of rank."""
        pairs = self._rng.integers(0, len(self.plans.score), (self._size, 2))
        chosen = pairs.min(axis=1)
        return self.plans.fast[chosen], self.plans.normal[chosen]

    def _totals(self, plans: Candidates) -> Array:
        found = self._evaluator.remembered(plans.fast, plans.normal).costs
        return np.column_stack(list(found.totals()))


def _survival() -> Any:
    """Return which plans survive, given their costs, how far they break limits, and how many may survive."""
    try:
        from pymoo.core.population import Population
        from pymoo.core.problem import Problem
        from pymoo.operators.survival.rank_and_crowding import RankAndCrowding
    except ImportError as error:
        raise TidewattError(
            "the Pareto search needs pymoo, which is not installed: install tidewatt with its extra: "
            f"{extra('search')}; or choose another search"
        ) from error
    rule = RankAndCrowding()

    def survivors(totals: Array, broken: Array, count: int) -> Array:
        rows = np.arange(len(totals))
        plans = Population.new("X", rows[:, None], "F", totals, "G", broken[:, None])
        problem = Problem(n_var=1, n_obj=totals.shape[1], n_ieq_constr=1)
        kept = rule.do(problem, plans, n_survive=min(count, len(rows)), random_state=np.random.default_rng(0))
        # The best come first. Plans that break limits come by how much, and have neither rank nor crowding.
        order = sorted(
            range(len(kept)),
            key=lambda k: (
                (1, float(broken[kept[k].X[0]]), 0.0)
                if broken[kept[k].X[0]] > 0.0
                else (0, float(kept[k].get("rank")), -float(kept[k].get("crowding")))
            ),
        )
        return np.array([int(kept[k].X[0]) for k in order], np.int64)

    return survivors
