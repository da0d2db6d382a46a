"""Local search: change one station's chargers a little, and keep the change if it is better."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tidewatt.configuration.candidates import Candidates, judged
from tidewatt.configuration.evaluation import Evaluator
from tidewatt.configuration.limits import Limits, repair
from tidewatt.domain.arrays import Array

__all__ = ["Local", "moved"]

BATCH = 16
"""Neighbours judged per batch. It is fixed, so the number of threads does not change the outcome."""

JUMPS = 0.15
"""Share of moves that draw a station's chargers anew."""

SWAPS = 0.15
"""Share of moves that make one kind of charger the other."""

TRANSFERS = 0.1
"""Share of moves that take a charger to another station."""

AGAIN = 0.15
"""Probability that a move continues at another station: some changes pay off only together."""

PATIENCE = 25
"""Batches without a better plan after which a few stations are changed at random, and all begins there."""

KICK = 3
"""Stations changed then."""


class Local:
    """Moves at single stations, accepted where the plan does not get worse.

    Of a batch of moves all those that are good alone are tried together; the best of them alone is taken
    where they are worse than that. Where moves no longer help, the search leaves the best plan by a kick, and
    comes back unless that led to a better one.

    Parameters
    ----------
    evaluator : Evaluator
    limits : Limits
    fast, normal : array of int, shape (stations,)
        Plan to start from.
    rng : numpy.random.Generator
    """

    def __init__(
        self, evaluator: Evaluator, limits: Limits, fast: Array, normal: Array, rng: np.random.Generator
    ) -> None:
        self._evaluator, self._limits, self._rng = evaluator, limits, rng
        self._free = np.flatnonzero(~limits.fixed)
        self.plan = self._best = judged(evaluator, *repair(limits, fast[None], normal[None], rng))
        self._idle = 0

    @property
    def best(self) -> Candidates:
        """The best plan found so far, as a single row."""
        return self._best

    def step(self, room: int) -> None:
        """Try a batch of moves, then the good ones together."""
        if not len(self._free):
            return
        if self._idle >= PATIENCE:
            self._kick()
            room -= 1
        if room < 1:
            return
        fast, normal = self._moves(min(BATCH, room))
        tried = judged(self._evaluator, *repair(self._limits, fast, normal, self._rng))
        good = np.flatnonzero(tried.score < self.plan.score[0])
        if len(good) > 1 and room > BATCH:
            tried = tried.and_also(self._together(tried.at(good)))
        found = tried.best()
        self._idle = 0 if found.score[0] < self.plan.score[0] else self._idle + 1
        if found.score[0] <= self.plan.score[0]:
            self.plan = found
        if found.score[0] < self._best.score[0]:
            self._best = found

    def state(self) -> dict[str, Any]:
        """Return the arrays and numbers needed to resume."""
        best = {f"best_{name}": values for name, values in self._best._asdict().items()}
        return {**self.plan._asdict(), **best, "idle": self._idle}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Resume from a saved state."""
        self.plan = Candidates(*(np.asarray(state[name]) for name in Candidates._fields))
        self._best = Candidates(*(np.asarray(state[f"best_{name}"]) for name in Candidates._fields))
        self._idle = int(state["idle"])

    def _kick(self) -> None:
        fast, normal = self._best.fast.copy(), self._best.normal.copy()
        for s in self._rng.choice(self._free, min(KICK, len(self._free)), replace=False).tolist():
            moved(fast[0], normal[0], s, self._limits, self._rng)
        self.plan = judged(self._evaluator, *repair(self._limits, fast, normal, self._rng))
        self._idle = 0

    def _together(self, good: Candidates) -> Candidates:
        """Combine the changes of several plans; where they collide, the best plan's change wins."""
        fast, normal = self.plan.fast[0].copy(), self.plan.normal[0].copy()
        for i in np.argsort(-good.score, kind="stable"):
            changed = (good.fast[i] != self.plan.fast[0]) | (good.normal[i] != self.plan.normal[0])
            fast[changed], normal[changed] = good.fast[i, changed], good.normal[i, changed]
        return judged(self._evaluator, *repair(self._limits, fast[None], normal[None], self._rng))

    def _moves(self, count: int) -> tuple[Array, Array]:
        """Return neighbours: steps of up to 2, jumps, and swaps."""
        fast = np.repeat(self.plan.fast, count, axis=0)
        normal = np.repeat(self.plan.normal, count, axis=0)
        for f, n in zip(fast, normal, strict=True):
            self._move(f, n)
            while self._rng.random() < AGAIN:
                self._move(f, n)
        return fast, normal

    def _move(self, fast: Array, normal: Array) -> None:
        s = int(self._rng.choice(self._free))
        if self._rng.random() < TRANSFERS:
            kind = fast if self._rng.random() < 0.5 else normal
            kind[s] -= 1
            kind[self._rng.choice(self._free)] += 1
        else:
            moved(fast, normal, s, self._limits, self._rng)


def moved(fast: Array, normal: Array, s: int, limits: Limits, rng: np.random.Generator) -> None:
    """Change one station's chargers, in place: in steps of up to 2, by swapping kinds, or at random.

    Parameters
    ----------
    fast, normal : array of int, shape (stations,)
        A plan; it may need repair afterwards.
    s : int
        The station.
    limits : Limits
    rng : numpy.random.Generator
    """
    what = rng.random()
    if what < JUMPS:
        fast[s] = rng.integers(limits.fast_low[s], max(limits.fast_high[s], limits.fast_low[s]) + 1)
        most = max(limits.total_high[s] - fast[s], limits.normal_low[s])
        normal[s] = rng.integers(limits.normal_low[s], most + 1)
    elif what < JUMPS + SWAPS:
        change = int(rng.choice([-1, 1]))
        fast[s] += change
        normal[s] -= change
    else:
        step = np.zeros(2, np.int64)
        while not step.any():
            step = rng.integers(-2, 3, 2)
        fast[s] += step[0]
        normal[s] += step[1]
