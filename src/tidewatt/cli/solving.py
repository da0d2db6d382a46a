"""Progress of `tariff`: programs solved, and the gap falling."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tidewatt.report.words import amount, percent

if TYPE_CHECKING:
    from tidewatt.result import Progress

__all__ = ["Steps"]

_ASKED = 1e-9
_NAMES = {
    "central": "the operator's problem",
    "outer": "rounding outwards",
    "paths": "pooling on paths",
    "deterministic": "trusting the forecasts",
    "own problems": "aggregators' own problems",
    "outcomes": "drawing outcomes",
    "sweep, outcomes": "sweep, drawing outcomes",
    "AC flow": "checking by AC flow",
    "intervals": "how far prices may move",
    "diagnosis": "what stands in the way",
}


class Steps:
    """Reports of `tariff`; the gap falls, on a log scale, to what is asked by default."""

    def name(self, phase: str) -> str:
        """As readers call it."""
        return _NAMES.get(phase, phase)

    def begin(self) -> None:
        """Nothing is carried from one phase to the next."""

    def words(self, report: Progress, *, short: bool = False) -> tuple[str, str]:
        """Programs solved, or how many aggregators or steps; cost and gap, as far as there are any."""
        if _counted(report):
            return f"{report.iteration:,} {report.note}", ""
        rounds = f"round {report.iteration:,}" if report.iteration else ""
        parts = []
        if math.isfinite(report.primal) and not short:
            parts.append(f"cost {amount(report.primal)}")
        if math.isfinite(report.gap):
            parts.append(f"gap {percent(report.gap)}" if report.gap > 1e-6 else f"gap {report.gap:.0e}")
        if report.note:
            parts.append(report.note)
        return rounds, ", ".join(parts)

    def share(self, report: Progress) -> float | None:
        """How far the gap has come from 1 to what is asked, or which share of a number is done."""
        if most := _counted(report):
            return min(report.iteration / most, 1.0)
        if not math.isfinite(report.gap):
            return None
        return min(max(math.log(max(report.gap, _ASKED)) / math.log(_ASKED), 0.0), 1.0)


def _counted(report: Progress) -> int:
    """Of how many a report counts; 0 where it counts nothing."""
    of, _, number = report.note.partition(" ")
    return int(number) if of == "of" and report.iteration else 0
