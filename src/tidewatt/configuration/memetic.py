"""Memetic search: a genetic search finds a good region, moves at single stations finish the plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tidewatt.configuration.bounds import Limits
from tidewatt.configuration.candidates import Candidates
from tidewatt.configuration.evaluation import Evaluator
from tidewatt.configuration.genetic import Genetic
from tidewatt.configuration.local import Local
from tidewatt.domain.arrays import Array

__all__ = ["Memetic"]

GENETIC_SHARE = 0.5
"""Of the evaluations."""


class Memetic:
    """`Genetic` for a share of all evaluations, `Local` from its best plan on.

    Parameters
    ----------
    evaluator, limits, fast, normal, rng, population, elites
        As of `Genetic`.
    evaluations : int
        What the search may use in all.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        limits: Limits,
        fast: Array,
        normal: Array,
        rng: np.random.Generator,
        *,
        evaluations: int,
        population: int = 40,
        elites: int = 4,
    ) -> None:
        self._evaluator, self._limits, self._rng = evaluator, limits, rng
        self._genetic = Genetic(evaluator, limits, fast, normal, rng, population=population, elites=elites)
        self._local: Local | None = None
        self._left = round(GENETIC_SHARE * evaluations)

    @property
    def best(self) -> Candidates:
        """The best plan so far, alone."""
        return (self._local or self._genetic).best

    def step(self, room: int) -> None:
        """A generation, or a batch of moves."""
        before = self._evaluator.asked
        if self._local is None and self._left > 0:
            self._genetic.step(min(room, self._left))
            self._left -= self._evaluator.asked - before
            return
        if self._local is None:
            best = self._genetic.best
            self._local = Local(self._evaluator, self._limits, best.fast[0], best.normal[0], self._rng)
        self._local.step(room)

    def state(self) -> dict[str, Any]:
        """Arrays and numbers from which to go on."""
        part = self._local or self._genetic
        return {**part.state(), "left": self._left, "local": int(self._local is not None)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self._left = int(state["left"])
        if state["local"]:
            fast, normal = np.asarray(state["fast"]), np.asarray(state["normal"])
            self._local = Local(self._evaluator, self._limits, fast[0], normal[0], self._rng)
            self._local.restore(state)
        else:
            self._genetic.restore(state)
