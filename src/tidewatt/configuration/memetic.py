"""Memetic search: blocks of moves find a good region, genes are crossed there, single moves finish."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tidewatt.configuration.blocks import Blocks
from tidewatt.configuration.bounds import Limits
from tidewatt.configuration.candidates import Candidates
from tidewatt.configuration.evaluation import Evaluator
from tidewatt.configuration.genetic import Genetic
from tidewatt.configuration.local import Local
from tidewatt.domain.arrays import Array

__all__ = ["Memetic"]

GENETIC_SHARE = 0.25
"""Of the evaluations: when blocks and the genetic search end at the latest."""

SPREAD = 0.01
"""Share of genes changed in the first population of the genetic search: its start is good already."""


class Memetic:
    """`Blocks` while they help, `Genetic` around their plan, `Local` from the best one on.

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
        self._evaluations = evaluations
        self._population, self._elites = population, elites
        self._phase = 0
        self._part: Blocks | Genetic | Local = self._begin(fast, normal)

    @property
    def best(self) -> Candidates:
        """The best plan so far, alone."""
        return self._part.best

    def step(self, room: int) -> None:
        """A step of the search whose turn it is."""
        while self._phase < 2 and self._over(room):
            self._phase += 1
            best = self._part.best
            self._part = self._begin(best.fast[0], best.normal[0])
        self._part.step(room)

    def state(self) -> dict[str, Any]:
        """Arrays and numbers from which to go on."""
        return {**self._part.state(), "phase": self._phase}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self._phase = int(state["phase"])
        self._part = self._begin(np.asarray(state["fast"])[0], np.asarray(state["normal"])[0])
        self._part.restore(state)

    def _over(self, room: int) -> bool:
        used = 1.0 - room / self._evaluations
        worn = isinstance(self._part, Blocks) and self._part.worn
        return worn or used >= GENETIC_SHARE

    def _begin(self, fast: Array, normal: Array) -> Blocks | Genetic | Local:
        start = (self._evaluator, self._limits, fast, normal, self._rng)
        if self._phase == 0:
            return Blocks(*start)
        if self._phase == 1:
            return Genetic(*start, population=self._population, elites=self._elites, spread=SPREAD)
        return Local(*start)
