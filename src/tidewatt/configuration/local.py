"""Local search: one station's chargers change a little, and stay changed where that is better."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tidewatt.configuration.bounds import Limits
from tidewatt.configuration.candidates import Candidates, judged
from tidewatt.configuration.evaluation import Evaluator
from tidewatt.configuration.repairs import repair
from tidewatt.domain.arrays import Array

__all__ = ["Local"]

BATCH = 16
"""Neighbours judged side by side, however many threads there are: so they do not change the outcome."""

JUMPS = 0.15
"""Share of moves that draw a station's chargers anew."""

SWAPS = 0.25
"""Share of moves that make one kind of charger the other, or take one to another station."""


class Local:
    """Moves at single stations, accepted where the plan does not get worse.

    Of a batch of moves all those that are good alone are tried together; the best of them alone is taken
    where they are worse than that.

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
        self.plan = judged(evaluator, *repair(limits, fast[None], normal[None], rng))

    @property
    def best(self) -> Candidates:
        """The best plan so far, alone."""
        return self.plan

    def step(self, room: int) -> None:
        """A batch of moves, then those that were good together."""
        if not len(self._free):
            return
        fast, normal = self._moves(min(BATCH, room))
        tried = judged(self._evaluator, *repair(self._limits, fast, normal, self._rng))
        good = np.flatnonzero(tried.score < self.plan.score[0])
        if len(good) > 1 and room > BATCH:
            tried = tried.and_also(self._together(tried.at(good)))
        best = tried.best()
        if best.score[0] <= self.plan.score[0]:
            self.plan = best

    def state(self) -> dict[str, Any]:
        """Arrays and numbers from which to go on."""
        return dict(self.plan._asdict())

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.plan = Candidates(*(np.asarray(state[name]) for name in Candidates._fields))

    def _together(self, good: Candidates) -> Candidates:
        """All changes of some plans at once, the best one's where they meet."""
        fast, normal = self.plan.fast[0].copy(), self.plan.normal[0].copy()
        for i in np.argsort(-good.score, kind="stable"):
            changed = (good.fast[i] != self.plan.fast[0]) | (good.normal[i] != self.plan.normal[0])
            fast[changed], normal[changed] = good.fast[i, changed], good.normal[i, changed]
        return judged(self._evaluator, *repair(self._limits, fast[None], normal[None], self._rng))

    def _moves(self, count: int) -> tuple[Array, Array]:
        """Neighbours: steps of up to 2, jumps, and swaps."""
        rng, limits = self._rng, self._limits
        fast = np.repeat(self.plan.fast, count, axis=0)
        normal = np.repeat(self.plan.normal, count, axis=0)
        for f, n in zip(fast, normal, strict=True):
            s, what = rng.choice(self._free), rng.random()
            if what < JUMPS:
                f[s] = rng.integers(limits.fast_low[s], max(limits.fast_high[s], limits.fast_low[s]) + 1)
                most = max(limits.total_high[s] - f[s], limits.normal_low[s])
                n[s] = rng.integers(limits.normal_low[s], most + 1)
            elif what < JUMPS + SWAPS:
                self._swap(f, n, s)
            else:
                step = np.array([0, 0])
                while not step.any():
                    step = rng.integers(-2, 3, 2)
                f[s] += step[0]
                n[s] += step[1]
        return fast, normal

    def _swap(self, fast: Array, normal: Array, s: int) -> None:
        rng = self._rng
        if rng.random() < 0.5:
            change = int(rng.choice([-1, 1]))
            fast[s] += change
            normal[s] -= change
        else:
            kind = fast if rng.random() < 0.5 else normal
            kind[s] -= 1
            kind[rng.choice(self._free)] += 1
