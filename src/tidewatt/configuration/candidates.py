"""Plans that a search holds, with their scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from tidewatt.configuration.evaluation import Evaluator
from tidewatt.domain.arrays import Array

__all__ = ["Candidates", "Searcher", "judged"]


class Candidates(NamedTuple):
    """A set of plans.

    Attributes
    ----------
    fast, normal : array of int64, shape (plans, stations)
        Chargers.
    score : array, shape (plans,)
        Lower is better.
    wait_min : array, shape (plans,)
        Mean wait, for those who watch.
    """

    fast: Array
    normal: Array
    score: Array
    wait_min: Array

    def at(self, rows: Any) -> Candidates:
        """Return the plans in some rows."""
        return Candidates(*(np.atleast_1d(part[rows]) if part.ndim == 1 else part[rows] for part in self))

    def and_also(self, other: Candidates) -> Candidates:
        """Return these plans followed by others."""
        return Candidates(*(np.concatenate(parts) for parts in zip(self, other, strict=True)))

    def best(self) -> Candidates:
        """Return the best one, the first among equals."""
        return self.at(slice(best := int(np.argmin(self.score)), best + 1))


def judged(evaluator: Evaluator, fast: Array, normal: Array) -> Candidates:
    """Judge plans and return them with their scores."""
    found = evaluator.judge(fast, normal)
    return Candidates(np.array(fast), np.array(normal), found.score, found.figures["mean_wait_min"])


class Searcher(Protocol):
    """A way to seek plans, one step after another."""

    @property
    def best(self) -> Candidates:
        """The best plan found so far, as a single row."""

    def step(self, room: int) -> None:
        """Judge some plans, at most `room` of which are new."""

    def state(self) -> dict[str, Any]:
        """Return the arrays and numbers needed to resume."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Resume from a saved state."""
