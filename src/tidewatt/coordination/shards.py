"""Vehicles in shards: each answers signals for its own range, results add up in a fixed order."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from tidewatt.coordination.problem import ChargingProblem, block_ends
from tidewatt.domain.arrays import Array
from tidewatt.execution.threads import Threads
from tidewatt.kernels.charging import curvature, passes
from tidewatt.kernels.charging.fleet import count_marked, earliest_pass, load_pass

__all__ = ["Curvature", "Shards", "Tally"]

LARGE = 40_000_000
"""Number of variables from which schedules are stored in single precision between passes."""


@dataclass(slots=True)
class Tally:
    """Work done: passes, and vehicle updates made or skipped."""

    projections: int = 0
    bounds: int = 0
    answered: int = 0
    skipped: int = 0
    segments: int = 0

    @property
    def passes(self) -> int:
        """Passes over the vehicles of any kind."""
        return self.projections + self.bounds


Runs = tuple[int, Array, Array, Array, Array]
"""Rows of one shard, then the row offsets, first slots, ends and values of its runs of M."""


@dataclass(frozen=True, slots=True)
class Curvature:
    """Hessian parts of every shard on the candidate slots: diagonal, and runs of the pinned segments."""

    diagonal: Array
    segments: list[Runs]


class Shards:
    """All vehicles of a problem, their centres `x`, and the operations on them.

    Parameters
    ----------
    problem : ChargingProblem
    threads : Threads
    count : int
        Number of shards a block; 0: by problem size.
    single : bool, optional
        Whether to hold schedules in single precision; default: only large problems.
    """

    def __init__(
        self, problem: ChargingProblem, threads: Threads, count: int = 0, *, single: bool | None = None
    ) -> None:
        self.problem = problem
        self.fleet = problem.fleet
        self.tally = Tally()
        self._threads = threads
        vehicles = len(problem.fleet.first) - 1
        # So many shards a block; a small problem is not worth a thread's while.
        count = count or int(np.clip(problem.variables // 4_000_000, 1, 8))
        ends = block_ends(vehicles)
        self.blocks = [self._split(int(a), int(b), count) for a, b in itertools.pairwise(ends)]
        self.ranges = list(itertools.chain(*self.blocks)) or [(0, 0)]
        dtype = np.float32 if (problem.variables > LARGE if single is None else single) else np.float64
        self.x = np.zeros(problem.variables, dtype)
        self._shape = (problem.levels.feeders + 1, problem.levels.steps)
        self._room = [1024] * len(self.ranges)

    def _split(self, begin: int, end: int, count: int) -> list[tuple[int, int]]:
        """Split vehicles into ranges with about equally many variables."""
        size = self.fleet.edge[self.fleet.first[begin : end + 1]]
        inner = begin + np.searchsorted(size, np.linspace(size[0], size[-1], count + 1)[1:-1])
        cuts = np.unique(np.r_[begin, inner, end])
        return [(int(a), int(b)) for a, b in itertools.pairwise(cuts)]

    def start_unmanaged(self) -> None:
        """Set the centres to unmanaged charging."""
        self._threads.map(lambda r: earliest_pass(self.fleet, *r, self.x), self.ranges)

    def load(self, x: Array, place: Array | None = None) -> Array:
        """Return the load of schedules `x`, shape (feeders + 1, steps) [kW] (coord-2).

        `place` says where each opportunity's variables begin; default: as in the centres.
        """
        at = self.fleet.edge if place is None else place

        def one(r: tuple[int, int]) -> Array:
            out = np.zeros(self._shape)
            load_pass(self.fleet, *r, x, at, out)
            return out

        return _total(self._threads.map(one, self.ranges))

    def weight(self) -> Array:
        """Return the sum of ``weight x scale`` over all variables of each (feeder, step): n of coord-6."""
        fleet = self.fleet
        dwell = np.diff(fleet.edge)
        value = np.repeat(fleet.weight, np.diff(fleet.first)) * fleet.scale
        # Each dwell adds its value over a range of steps: mark the ends, then run a sum along time.
        feeders, steps = self._shape
        change = np.zeros((feeders, steps + 1))
        np.add.at(change, (fleet.feeder, fleet.step), value)
        np.subtract.at(change, (fleet.feeder, fleet.step + dwell), value)
        present = np.zeros((feeders, steps + 1), np.int64)
        np.add.at(present, (fleet.feeder, fleet.step), 1)
        np.subtract.at(present, (fleet.feeder, fleet.step + dwell), 1)
        total = np.cumsum(change, axis=1)[:, :-1]
        return np.where(np.cumsum(present, axis=1)[:, :-1] > 0, total, 0.0)

    def project(self, signal: Array, step: Array, mu: Array, block: int) -> tuple[Array, int]:
        """Project one block of vehicles against `signal` in place (coord-6); return the change of load."""
        marked = count_marked(signal != 0.0)

        def one(r: tuple[int, int]) -> tuple[Array, int]:
            out = np.zeros(self._shape)
            n = passes.project_pass(self.fleet, *r, self.x, signal, marked, step, mu, out)
            return out, n

        parts = self._threads.map(one, self.blocks[block]) or [(np.zeros(self._shape), 0)]
        return _total([load for load, _ in parts]), sum(n for _, n in parts)

    def respond(self, price: Array, sigma: float, mu: Array) -> tuple[float, Array]:
        """Return the proximal response to prices: its value, and its load less the centres' (coord-10)."""
        priced = count_marked(price > 0.0)

        def one(r: tuple[int, int]) -> tuple[float, int, int, Array]:
            out = np.zeros(self._shape)
            done = passes.respond_pass(self.fleet, *r, self.x, price, priced, sigma, mu, out)
            return *done, out

        parts = self._threads.map(one, self.ranges)
        answered = sum(part[1] for part in parts)
        self.tally.projections += 1
        self.tally.answered += answered
        self.tally.skipped += len(self.fleet.first) - 1 - answered
        self.tally.segments += sum(part[2] for part in parts)
        return float(np.sum([part[0] for part in parts])), _total([part[3] for part in parts])

    def recentre(self, price: Array, sigma: float, mu: Array, out: Array) -> None:
        """Write the responses found with `mu` to `out`, which may be the centres themselves."""
        self._threads.map(
            lambda r: passes.recentre_pass(self.fleet, *r, self.x, price, sigma, mu, out), self.ranges
        )

    def bound(self, price: Array, x: Array, place: Array | None = None) -> tuple[Array, Array]:
        """Return proved least cost and own cost of every vehicle under `price`, unweighted (coord-5)."""
        at = self.fleet.edge if place is None else place
        priced = count_marked(price > 0.0)
        eps = 1e-12 * max(float(price.max(initial=0.0)), 1e-300)
        vehicles = len(self.fleet.first) - 1
        least, cost = np.zeros(vehicles), np.zeros(vehicles)
        answered = sum(
            self._threads.map(
                lambda r: passes.bound_pass(self.fleet, *r, x, at, price, priced, eps, least, cost),
                self.ranges,
            )
        )
        self.tally.bounds += 1
        self.tally.answered += answered
        self.tally.skipped += vehicles - answered
        return least, cost

    def polish(self, x: Array, place: Array) -> Array:
        """Return double-precision schedules, feasible to rounding; opportunity q begins at ``place[q]``."""
        out = np.zeros(self.problem.variables)
        self._threads.map(lambda r: passes.polish_pass(self.fleet, *r, x, place, out), self.ranges)
        return out

    def curvature(self, price: Array, sigma: float, mu: Array, slot: Array) -> Curvature:
        """Return the generalised Hessian on slots (coord-11); `slot` (feeders + 1, steps), else -1."""
        marked = count_marked(slot >= 0)
        slots = int(slot.max(initial=-1)) + 1

        def one(s: int) -> tuple[Array, Runs]:
            while True:
                room = self._room[s]
                rise = np.zeros(slots + 1)
                row = np.empty(room // 4 + 2, np.int64)
                begin, end = np.empty(room, np.int32), np.empty(room, np.int32)
                entry = np.empty(room, np.float32)
                rows, runs = curvature.curvature_pass(
                    self.fleet,
                    *self.ranges[s],
                    self.x,
                    price,
                    sigma,
                    mu,
                    slot,
                    marked,
                    rise,
                    row,
                    begin,
                    end,
                    entry,
                )
                if rows >= 0:
                    self._room[s] = max(1024, int(1.1 * runs) + self.fleet.longest[1], 5 * rows)
                    return rise, (rows, row[: rows + 1], begin[:runs], end[:runs], entry[:runs])
                self._room[s] = 2 * room + self.fleet.longest[1] + 5 * self.fleet.longest[0]

        parts = self._threads.map(one, list(range(len(self.ranges))))
        return Curvature(np.cumsum(_total([d for d, _ in parts]))[:-1], [m for _, m in parts])

    def segments_product(self, parts: Curvature, total: Array) -> Array:
        """Return ``M' M y`` as differences along the slots, from the running totals of y."""
        work = [m for m in parts.segments if m[0]]

        def one(m: Runs) -> Array:
            rise = np.zeros(len(total))
            curvature.segments_product(*m, total, rise)
            return rise

        # Threads only pay where there is much to do.
        many = sum(len(m[-1]) for m in work) > 100_000
        rises = self._threads.map(one, work) if many else [one(m) for m in work]
        return _total(rises or [np.zeros(len(total))])


def _total(parts: list[Array]) -> Array:
    """Return the sum in the order of the shards, so that it does not depend on the threads."""
    out: Array = parts[0]
    for part in parts[1:]:
        out += part
    return out
