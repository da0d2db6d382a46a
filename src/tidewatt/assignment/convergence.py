"""How far an assignment is from equilibrium, and when it stops."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tidewatt.domain.arrays import Array
from tidewatt.kernels.roads.equilibrium import Paths
from tidewatt.options.assignment import AssignmentOptions
from tidewatt.result import Progress, Status

__all__ = ["AssignedFlows", "GapMonitor"]


@dataclass(frozen=True, slots=True, eq=False)
class AssignedFlows:
    """What a solver returns when it stops.

    Attributes
    ----------
    flow : array, shape (links,)
        Vehicles in the period.
    paths : Paths or None
        Path flows, where the solver keeps them.
    monitor : GapMonitor
        The iterations.
    status : Status
    """

    flow: Array
    paths: Paths | None
    monitor: GapMonitor
    status: Status


@dataclass(slots=True)
class GapMonitor:
    """Record every iteration, report it to the caller, and say when to stop.

    Attributes
    ----------
    goal : AssignmentOptions
        When to stop.
    report : callable, optional
        Receives a `Progress` an iteration.
    scale : float
        Minutes in the network's own unit of time; the objective is told in it.
    patience : int
        Iterations without a smaller gap before an assignment counts as stalled.
    """

    goal: AssignmentOptions
    report: Callable[[Progress], None] | None = None
    scale: float = 1.0
    patience: int = 60
    begin: float = field(default_factory=time.perf_counter)
    rows: list[tuple[int, float, float, float]] = field(default_factory=list)
    bound: float = -math.inf
    smallest: float = math.inf
    since: int = 0

    def note(
        self, cost: Array, flow: Array, least: Array, objective_min: Array, note: str = ""
    ) -> Status | None:
        """Record an iteration; return the status to end with, or None to go on.

        Parameters
        ----------
        cost, flow : array, shape (links,)
            Costs under the flows.
        least : array
            Parts of the sum of trips times cheapest cost under these costs [vehicle minutes].
        objective_min : array, shape (links,)
            Parts of the objective (sim-13).
        note : str
            For the caller.
        """
        total = math.fsum(cost * flow)
        excess = max(total - math.fsum(least), 0.0)
        gap = excess / total if total > 0 else 0.0
        objective = math.fsum(objective_min)
        self.bound = max(self.bound, objective - excess)  # the objective is convex
        seconds = time.perf_counter() - self.begin
        iteration = len(self.rows)
        self.rows.append((iteration, objective / self.scale, gap, seconds))
        if self.report is not None:
            told = (objective / self.scale, self.bound / self.scale)
            self.report(Progress("assignment", iteration, *told, gap, seconds, note))
        self.since = 0 if gap < self.smallest else self.since + 1
        self.smallest = min(self.smallest, gap)
        if gap <= self.goal["relative_gap"]:
            return Status.CERTIFIED
        if iteration >= self.goal["max_iterations"]:
            return Status.ITERATION_LIMIT
        if seconds >= self.goal["time_limit_s"]:
            return Status.TIME_LIMIT
        return Status.STALLED if self.since >= self.patience else None

    @property
    def late(self) -> bool:
        """Whether the time limit has passed."""
        return time.perf_counter() - self.begin >= self.goal["time_limit_s"]

    @property
    def gap(self) -> float:
        """The latest gap."""
        return self.rows[-1][2] if self.rows else math.inf
