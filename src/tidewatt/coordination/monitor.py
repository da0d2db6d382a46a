"""What a running solver knows about itself: best schedule, best prices, history, and when to stop."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from tidewatt.coordination.certificate import Proof
from tidewatt.coordination.shards import Tally
from tidewatt.domain.arrays import Array
from tidewatt.options.coordination import CoordinationOptions
from tidewatt.result import Certificate, Progress, Status

__all__ = ["SolveMonitor"]


class SolveMonitor:
    """Keeps track of one rung's progress.

    Parameters
    ----------
    rung : str
    parameters : CoordinationOptions
    unmanaged_cost : float
        Objective of unmanaged charging; the scale of the absolute gap.
    tally : Tally
    report : callable, optional
        Receives a Progress after every certified iteration.
    """

    def __init__(
        self,
        rung: str,
        parameters: CoordinationOptions,
        unmanaged_cost: float,
        tally: Tally,
        report: Callable[[Progress], None] | None = None,
    ) -> None:
        self.rung = rung
        self.parameters = parameters
        self.unmanaged_cost = unmanaged_cost
        self.tally = tally
        self.primal = np.inf
        self.bound = -np.inf
        self.dual: Array = np.zeros((0, 0))
        self.rows: list[dict[str, float]] = []
        self.status: Status | None = None
        self.spent_s = 0.0
        self.passes_before = 0
        self._report = report
        self._begin = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Wall time of this rung so far, including earlier runs that it resumed from [s]."""
        return self.spent_s + time.perf_counter() - self._begin

    @property
    def gap(self) -> float:
        """Relative gap so far."""
        if not np.isfinite(self.primal) or not np.isfinite(self.bound):
            return float("inf")
        return Certificate(self.primal, self.bound).relative_gap(self.unmanaged_cost)

    def proved(self, proof: Proof) -> bool:
        """Record a bound; return True if it is the best so far."""
        better = proof.bound > self.bound
        if better:
            self.bound, self.dual = proof.bound, proof.dual
        return better

    def record(self, primal_residual: float, dual_residual: float, penalty: float) -> None:
        """Record a row of history and report progress."""
        self.rows.append(
            {
                "iteration": self.tally.passes,
                "projections": self.tally.projections,
                "bounds": self.tally.bounds,
                "primal": self.primal,
                "bound": self.bound,
                "gap": self.gap,
                "primal_residual": primal_residual,
                "dual_residual": dual_residual,
                "penalty": penalty,
                "answered": self.tally.answered,
                "skipped": self.tally.skipped,
                "seconds": self.seconds,
            }
        )
        self.tell()

    def tell(self, note: str = "") -> None:
        """Report progress."""
        if self._report is not None:
            self._report(
                Progress(self.rung, self.tally.passes, self.primal, self.bound, self.gap, self.seconds, note)
            )

    def finished(self) -> bool:
        """Return whether to stop, and set `status` to the reason."""
        p = self.parameters
        if (
            self.gap <= p["relative_gap"]
            or self.primal - self.bound <= p["absolute_gap"] * self.unmanaged_cost
        ):
            self.status = Status.CERTIFIED
        elif self.out_of_budget():
            pass
        return self.status is not None

    def out_of_budget(self) -> bool:
        """Return whether this run's time or passes are used up, and set `status` if so."""
        if self.seconds - self.spent_s >= self.parameters["time_limit_s"]:
            self.status = Status.TIME_LIMIT
        elif self.tally.passes - self.passes_before >= self.parameters["max_passes"]:
            self.status = Status.ITERATION_LIMIT
        return self.status is not None
