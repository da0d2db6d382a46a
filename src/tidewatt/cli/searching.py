"""What reports of `configure` mean: days simulated, plans tried, fresh days."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tidewatt.cli.progress import span
from tidewatt.report.words import amount

if TYPE_CHECKING:
    from tidewatt.options.configuration import ConfigurationOptions
    from tidewatt.result import Progress

__all__ = ["Plans"]


class Plans:
    """Reports of `configure`: days simulated, then plans tried, then fresh days.

    Parameters
    ----------
    parameters : ConfigurationOptions
        For how many of each there will be.
    """

    def __init__(self, parameters: ConfigurationOptions) -> None:
        self._most = {
            "simulating days": parameters["days_train"],
            "searching": parameters["evaluations"],
            "fresh days": parameters["days_test"],
        }
        self._limit_s = parameters["time_limit_s"]
        self.begin()

    def name(self, phase: str) -> str:
        """As readers call it."""
        return {"fresh days": "judging on fresh days"}.get(phase, phase)

    def begin(self) -> None:
        """Forget how fast the phase before was."""
        self._first: tuple[int, float] | None = None

    def words(self, report: Progress, *, short: bool = False) -> tuple[str, str]:
        """How many are done; best objective, wait and time left."""
        most, noun = self._most.get(report.phase), "plan" if report.phase == "searching" else "day"
        done = f"{noun} {report.iteration:,} of {most:,}" if most and report.iteration else ""
        parts = []
        if math.isfinite(report.primal):
            parts.append(f"best objective {amount(report.primal)}")
        if report.note and not short:
            parts.append(report.note)
        left = self._left_s(report)
        if math.isfinite(left):
            parts.append(f"about {span(left)} left")
        return done, ", ".join(parts)

    def share(self, report: Progress) -> float | None:
        """Share of what this phase will do."""
        most = self._most.get(report.phase)
        if not most or not report.iteration:
            return None
        share = report.iteration / most
        if report.phase == "searching" and math.isfinite(self._limit_s):
            share = max(share, report.seconds / max(self._limit_s, 1e-9))
        return min(share, 1.0)

    def _left_s(self, report: Progress) -> float:
        most = self._most.get(report.phase)
        if not most or not report.iteration:
            return math.inf
        if self._first is None:
            self._first = report.iteration, report.seconds
        done, seconds = report.iteration - self._first[0], report.seconds - self._first[1]
        if done < 1:
            return math.inf
        more = max(most - report.iteration, 0) * seconds / done
        return min(more, max(self._limit_s - report.seconds, 0.0)) if report.phase == "searching" else more
