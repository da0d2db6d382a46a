"""Genetic search: plans are crossed station by station, mutated slightly and repaired; the best are kept.

A plan has two chromosomes, fast and normal chargers, and a station's two genes stay together: crossing them
apart would give chargers for which there is no room.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tidewatt.configuration.candidates import Candidates, judged
from tidewatt.configuration.evaluation import Evaluator
from tidewatt.configuration.limits import Limits, repair
from tidewatt.domain.arrays import Array

__all__ = ["Genetic"]

CROSSED = 0.9
"""Share of pairs that are crossed."""

POINTS = 8
"""Points at which chromosomes are cut."""

CHANGES = 2.0
"""Changes in an offspring, on average."""

FIRST_CHANGES = 0.05
"""Share of genes changed in the first population."""


class Genetic:
    """Multi-chromosome genetic search, warm-started.

    Parameters
    ----------
    evaluator : Evaluator
    limits : Limits
    fast, normal : array of int, shape (stations,)
        Plan in the first population.
    rng : numpy.random.Generator
    population : int
        Plans in a generation.
    elites : int
        Best ones that are sure to stay, and to be parents.
    strengthened : bool
        Whether parents and offspring compete together, so that the best of both stay; else offspring take the
        place of all parents but the elites.
    spread : float
        Share of genes changed in the first population, around the plan to start from.
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
        elites: int = 4,
        strengthened: bool = True,
        spread: float = FIRST_CHANGES,
    ) -> None:
        self._evaluator, self._limits, self._rng = evaluator, limits, rng
        self._size, self._elites = population, min(elites, population)
        self._strengthened, self._spread = strengthened, spread
        self._free = np.flatnonzero(~limits.fixed)
        self.plans = judged(evaluator, *repair(limits, fast[None], normal[None], rng))
        self._begun = False

    @property
    def best(self) -> Candidates:
        """The best plan found so far, as a single row."""
        return self.plans.best()

    def step(self, room: int) -> None:
        """Breed one generation."""
        if not self._begun:
            self._begun = True
            children = self._first(self.plans.fast[0], self.plans.normal[0])
            merged = True
        else:
            children = self._changed(*self._crossed(*self._parents()))
            merged = self._strengthened
        fast, normal = repair(self._limits, children[0][:room], children[1][:room], self._rng)
        offspring = judged(self._evaluator, fast, normal)
        if merged:
            self.plans = _fittest(self.plans.and_also(offspring), self._size)
        else:
            elite = _fittest(self.plans, self._elites)
            rest = offspring.at(np.argsort(offspring.score, kind="stable"))
            self.plans = elite.and_also(rest.at(slice(0, self._size - self._elites)))

    def state(self) -> dict[str, Any]:
        """Return the arrays and numbers needed to resume."""
        return {**self.plans._asdict(), "begun": int(self._begun)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Resume from a saved state."""
        self.plans = Candidates(*(np.asarray(state[name]) for name in Candidates._fields))
        self._begun = bool(state["begun"])

    def _first(self, fast: Array, normal: Array) -> tuple[Array, Array]:
        """Return plans around the first one."""
        rng, limits = self._rng, self._limits
        shape = (self._size - 1, limits.stations)
        drawn = []
        for given, low, high in (
            (fast, limits.fast_low, limits.fast_high),
            (normal, limits.normal_low, limits.normal_high),
        ):
            anew = rng.integers(low, np.maximum(high, low) + 1, shape)
            drawn.append(np.where(rng.random(shape) < self._spread, anew, given))
        return drawn[0], drawn[1]

    def _parents(self) -> tuple[Array, Array]:
        """Return the elites and the winners of two-way tournaments."""
        scores, count = self.plans.score, len(self.plans.score)
        pairs = self._rng.integers(0, count, (self._size, 2))
        chosen = np.where(scores[pairs[:, 0]] <= scores[pairs[:, 1]], pairs[:, 0], pairs[:, 1])
        chosen[: self._elites] = np.argsort(scores, kind="stable")[: self._elites][: len(chosen)]
        chosen = self._rng.permutation(chosen)
        return self.plans.fast[chosen], self.plans.normal[chosen]

    def _crossed(self, fast: Array, normal: Array) -> tuple[Array, Array]:
        """Cross pairs: they exchange the stations between every other cut."""
        rng, (plans, stations) = self._rng, fast.shape
        pairs = plans // 2
        cuts = rng.integers(0, stations + 1, (pairs, POINTS))
        inside = (np.arange(stations) >= cuts[:, :, None]).sum(axis=1) % 2 == 1
        inside &= (rng.random(pairs) < CROSSED)[:, None]
        other = np.arange(plans)
        other[: 2 * pairs] = other[: 2 * pairs].reshape(-1, 2)[:, ::-1].ravel()
        mask = np.zeros((plans, stations), bool)
        mask[: 2 * pairs] = np.repeat(inside, 2, axis=0)
        return np.where(mask, fast[other], fast), np.where(mask, normal[other], normal)

    def _changed(self, fast: Array, normal: Array) -> tuple[Array, Array]:
        """Mutate a few genes up or down, mostly by one or two."""
        rng = self._rng
        share = CHANGES / max(2 * len(self._free), 1)
        parts = []
        for genes in (fast, normal):
            step = rng.geometric(0.4, genes.shape) * rng.choice([-1, 1], genes.shape)
            parts.append(genes + np.where(rng.random(genes.shape) < share, step, 0))
        return parts[0], parts[1]


def _fittest(plans: Candidates, count: int) -> Candidates:
    """Return the best distinct plans; repeat some only if there are too few."""
    both = np.concatenate([plans.fast, plans.normal], axis=1)
    _, first = np.unique(both, axis=0, return_index=True)
    first = np.sort(first)
    order = first[np.argsort(plans.score[first], kind="stable")][:count]
    return plans.at(np.resize(order, min(count, len(plans.score))))
