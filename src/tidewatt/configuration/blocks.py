"""Many moves at once: what each of them changes shows in the costs of its station and of those around.

Stations far from each other hardly share drivers. So one replay tells of many moves, though not as surely as
a replay of each alone; those that look good are put together and judged as a plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tidewatt.configuration.bounds import Limits
from tidewatt.configuration.candidates import Candidates, judged
from tidewatt.configuration.evaluation import Evaluator
from tidewatt.configuration.local import moved
from tidewatt.configuration.repairs import repair
from tidewatt.domain.arrays import Array

__all__ = ["Blocks"]

PLANS = 8
"""Plans of many moves in a step."""

AROUND = 6
"""Stations, itself included, whose costs count as those of a move."""

SHARES = (1.0, 0.4)
"""Of the moves that look good, best first, are put together."""

PRICES = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Of the cost of stations, which must not rise (conf-18), against the objective: moves are chosen at each."""

WORN = 3.0
"""Moves in a plan below which single ones are better."""


class Blocks:
    """Moves at many stations, judged together; fewer at a time whenever nothing comes of them.

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
        self._around = evaluator.nearest(AROUND)
        self.plan = judged(evaluator, *repair(limits, fast[None], normal[None], rng))
        self._parts = np.zeros((2, 0, limits.stations))  # of the plan; none yet
        self._moves = len(self._free) / (2 * AROUND)

    @property
    def best(self) -> Candidates:
        """The best plan so far, alone."""
        return self.plan

    @property
    def worn(self) -> bool:
        """Whether single moves are the better way from here."""
        return self._moves < WORN

    def step(self, room: int) -> None:
        """Plans of many moves, then plans of those moves that looked good."""
        rng, limits = self._rng, self._limits
        if not self._parts.size:
            self.plan, self._parts = self._judged(self.plan.fast, self.plan.normal)
            room -= 1
        if room < 1:
            return
        count = min(PLANS, room)
        fast, normal = np.repeat(self.plan.fast, count, axis=0), np.repeat(self.plan.normal, count, axis=0)
        blocks = [self._block(f, n) for f, n in zip(fast, normal, strict=True)]
        fast, normal = repair(limits, fast, normal, rng)
        tried, parts = self._judged(fast, normal)
        if room > count:
            change = parts - self._parts
            moves = [
                (*change[:, plan, self._around[s]].sum(axis=1).tolist(), plan, s)
                for plan, block in enumerate(blocks)
                for s in block
            ]
            together = repair(limits, *self._together(moves, fast, normal), rng)
            second, more = self._judged(together[0][: room - count], together[1][: room - count])
            tried, parts = tried.and_also(second), np.concatenate([parts, more], axis=1)
        best = int(np.argmin(tried.score))
        if tried.score[best] < self.plan.score[0]:
            self.plan, self._parts = tried.at(slice(best, best + 1)), parts[:, best : best + 1]
        else:
            self._moves /= 1.25

    def state(self) -> dict[str, Any]:
        """Arrays and numbers from which to go on."""
        return {**self.plan._asdict(), "parts": self._parts, "moves": self._moves}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.plan = Candidates(*(np.asarray(state[name]) for name in Candidates._fields))
        self._parts, self._moves = np.asarray(state["parts"]), float(state["moves"])

    def _judged(self, fast: Array, normal: Array) -> tuple[Candidates, Array]:
        found, parts = self._evaluator.judge_by_station(fast, normal)
        return Candidates(fast, normal, found.score, found.figures["mean_wait_min"]), parts

    def _block(self, fast: Array, normal: Array) -> list[int]:
        """Move at stations far from each other, in place; which ones."""
        used = np.zeros(self._limits.stations, bool)
        block: list[int] = []
        for s in self._rng.permutation(self._free).tolist():
            if len(block) >= max(self._moves, 1.0):
                break
            if not used[self._around[s]].any():
                moved(fast, normal, s, self._limits, self._rng)
                used[self._around[s]] = True
                block.append(s)
        return block

    def _together(
        self, moves: list[tuple[float, float, int, int]], fast: Array, normal: Array
    ) -> tuple[Array, Array]:
        """Plans of the moves that look good, at several prices of the cost of stations."""
        plans_fast, plans_normal = [], []
        for price in PRICES if self._limits.station_cost_must_not_rise else PRICES[:1]:
            good = sorted((a + price * b, plan, s) for a, b, plan, s in moves if a + price * b < 0.0)
            best = {s: plan for _, plan, s in reversed(good)}  # of each station's moves the best
            order = list(dict.fromkeys(s for _, _, s in good))
            for share in SHARES:
                f, n = self.plan.fast[0].copy(), self.plan.normal[0].copy()
                for s in order[: max(round(share * len(order)), 1)]:
                    f[s], n[s] = fast[best[s], s], normal[best[s], s]
                plans_fast.append(f)
                plans_normal.append(n)
        return np.array(plans_fast), np.array(plans_normal)
