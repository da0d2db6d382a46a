"""Memetic search: moves in blocks find a good region, crossover refines it, single moves finish."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tidewatt.configuration.candidates import Candidates, judged
from tidewatt.configuration.evaluation import Evaluator
from tidewatt.configuration.genetic import Genetic
from tidewatt.configuration.limits import Limits, repair
from tidewatt.configuration.local import Local, moved
from tidewatt.domain.arrays import Array

__all__ = ["Blocks", "Memetic"]

PLANS = 8
"""Number of plans with many moves that are tried in one step."""

AROUND = 6
"""Number of nearest stations, itself included, whose costs are attributed to a move at a station."""

SHARES = (1.0, 0.4)
"""Shares of the promising moves, best first, that are combined into one plan."""

PRICES = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Weights of station cost, which must not rise (conf-18), against the objective when choosing moves."""

WORN = 3.0
"""Number of moves per plan below which single moves work better."""


class Blocks:
    """Moves at many stations, judged together; fewer at a time whenever none succeeds.

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
        """The best plan found so far, as a single row."""
        return self.plan

    @property
    def worn(self) -> bool:
        """Whether single moves are the better choice from here on."""
        return self._moves < WORN

    def step(self, room: int) -> None:
        """Try plans of many moves, then plans of the moves that looked good."""
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
        """Return the arrays and numbers needed to resume."""
        return {**self.plan._asdict(), "parts": self._parts, "moves": self._moves}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Resume from a saved state."""
        self.plan = Candidates(*(np.asarray(state[name]) for name in Candidates._fields))
        self._parts, self._moves = np.asarray(state["parts"]), float(state["moves"])

    def _judged(self, fast: Array, normal: Array) -> tuple[Candidates, Array]:
        found, parts = self._evaluator.judge_by_station(fast, normal)
        return Candidates(fast, normal, found.score, found.figures["mean_wait_min"]), parts

    def _block(self, fast: Array, normal: Array) -> list[int]:
        """Make moves at stations far from each other, in place; return these stations."""
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
        """Return plans of the promising moves, at several prices of the station cost."""
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


GENETIC_SHARE = 0.25
"""Share of the evaluations after which blocks and the genetic search end at the latest."""

SPREAD = 0.01
"""Share of genes changed in the genetic search's first population; small, as its start is good already."""


class Memetic:
    """`Blocks` while they help, then `Genetic` around their plan, then `Local` from the best plan on.

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
        """The best plan found so far, as a single row."""
        return self._part.best

    def step(self, room: int) -> None:
        """Take one step of the search that is active now."""
        while self._phase < 2 and self._over(room):
            self._phase += 1
            best = self._part.best
            self._part = self._begin(best.fast[0], best.normal[0])
        self._part.step(room)

    def state(self) -> dict[str, Any]:
        """Return the arrays and numbers needed to resume."""
        return {**self._part.state(), "phase": self._phase}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Resume from a saved state."""
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
