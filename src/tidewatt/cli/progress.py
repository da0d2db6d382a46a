"""Progress of a running study: a bar on a terminal, an occasional line elsewhere."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from tidewatt.compilation.record import RECORD
from tidewatt.report.words import RUNG_NAMES, amount, percent

if TYPE_CHECKING:
    from tidewatt.result import Progress

__all__ = ["Days", "Gap", "Measure", "Reporter", "reporter", "span"]

_EVERY_S = 10.0  # between lines where there is no terminal


def _compiling() -> str:
    return f"compiling kernels ({'once; kept for later runs' if RECORD.kept else 'they cannot be kept'})"


class Reporter(Protocol):
    """Shows progress while it is entered; call it with each report."""

    def __call__(self, report: Progress) -> None:
        """Show one report."""

    def step(self, name: str) -> None:
        """Say that a step without reports of its own begins."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Measure(Protocol):
    """What a study's reports mean: how far it has come, in words and as a share."""

    def name(self, phase: str) -> str:
        """Return a phase's name as it is shown to the user."""

    def begin(self) -> None:
        """Begin a phase and forget the previous one."""

    def words(self, report: Progress, *, short: bool = False) -> tuple[str, str]:
        """Return how many rounds are done and what they found; empty if there is nothing to say."""

    def share(self, report: Progress) -> float | None:
        """Return how much is done, 0..1; None if that is not known."""


class Gap:
    """Reports of `coordinate`: the gap falls, on a log scale, to the one asked for.

    Parameters
    ----------
    relative_gap : float
        The one asked.
    """

    def __init__(self, relative_gap: float) -> None:
        self._target = max(relative_gap, 1e-12)
        self._widest = 1.0

    def name(self, phase: str) -> str:
        """Return the rung's name."""
        return RUNG_NAMES.get(phase, phase)

    def begin(self) -> None:
        """Begin another rung."""
        self._widest = 1.0

    def words(self, report: Progress, *, short: bool = False) -> tuple[str, str]:
        """Return the number of passes; cost, bound and gap as far as they are known."""
        passes = f"pass {report.iteration:,}" if report.iteration else ""
        if short and math.isfinite(report.gap):
            return passes, f"gap {percent(report.gap)}"
        parts = []
        if math.isfinite(report.primal):
            parts.append(f"cost {amount(report.primal)}")
        if math.isfinite(report.bound):
            parts.append(f"bound {amount(max(report.bound, 0.0))}")
        if math.isfinite(report.gap):
            parts.append(f"gap {percent(report.gap)}")
        return passes, ", ".join([*parts, report.note] if report.note else parts)

    def share(self, report: Progress) -> float | None:
        """Return how far the gap has fallen from its widest value."""
        if not math.isfinite(report.gap):
            return None
        gap = max(report.gap, 1e-300)
        self._widest = max(self._widest, gap) if self._widest > 1.0 else max(1.0, gap)
        if gap <= self._target:
            return 1.0
        return math.log(self._widest / gap) / math.log(self._widest / self._target)


class Days:
    """Reports of `simulate`: replications, and beta, which falls with their square root (sim-11).

    Parameters
    ----------
    replications : int
        Where the run ends.
    tolerance : float
        Beta at which it ends before.
    time_limit_s : float
        When it ends anyhow [s].
    """

    def __init__(self, replications: int, tolerance: float, time_limit_s: float = math.inf) -> None:
        self._most, self._tolerance, self._limit_s = replications, tolerance, time_limit_s
        self.begin()

    def name(self, phase: str) -> str:
        """Return the phase's name as the study calls it."""
        return phase

    def begin(self) -> None:
        """Forget the speed of the previous phase."""
        self._first: tuple[int, float] | None = None

    def words(self, report: Progress, *, short: bool = False) -> tuple[str, str]:
        """Return the replications done; beta, note and time left."""
        left = self._left_s(report)
        done = f"replication {report.iteration:,} of {self._most:,}" if report.iteration else ""
        parts = [f"beta {percent(report.gap)}"] if math.isfinite(report.gap) else []
        if not short and math.isfinite(report.gap):
            parts[0] += f" (asked {percent(self._tolerance)})"
        if report.note and not short:
            parts.append(report.note)
        if math.isfinite(left):
            parts.append(f"about {span(left)} left")
        return done, ", ".join(parts)

    def share(self, report: Progress) -> float | None:
        """Return how much of the replications needed by the stop rule that ends the run first is done."""
        if not report.iteration:
            return None
        return min(report.iteration / max(self._needed(report), 1.0), 1.0)

    def _needed(self, report: Progress) -> float:
        """Estimate the replications at which a stop rule will end the run; beta of only a few says little."""
        if not math.isfinite(report.gap) or report.iteration < 5 or self._tolerance <= 0:
            return float(self._most)
        return min(float(self._most), report.iteration * (report.gap / self._tolerance) ** 2)

    def _left_s(self, report: Progress) -> float:
        if not report.iteration:
            return math.inf
        if self._first is None:
            self._first = report.iteration, report.seconds
        rounds, seconds = report.iteration - self._first[0], report.seconds - self._first[1]
        if rounds < 1:
            return math.inf
        more = max(self._needed(report) - report.iteration, 0.0) * seconds / rounds
        return min(more, max(self._limit_s - report.seconds, 0.0))


def span(seconds: float) -> str:
    """Return a duration rounded for planning: ``40 s``, ``12 min``, ``3.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{amount(seconds / 3600, 2)} h"


def reporter(measure: Measure | None = None, label: str = "") -> Reporter:
    """Return a bar if standard error is a terminal, else lines; `measure` interprets the reports."""
    measure = measure or Gap(1.0)
    return _Bar(measure, label) if sys.stderr.isatty() else _Lines(measure, label)


class _Lines:
    """One line when a phase begins, every ten seconds, and when it ends."""

    def __init__(self, measure: Measure, label: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._measure = measure
        self._label = f"{label}: " if label else ""
        self._clock = clock
        self._phase = ""
        self._last = -math.inf
        self._held: Progress | None = None  # the latest report, where it was not printed
        self._compiled = False

    def __enter__(self) -> Self:
        RECORD.watch(self._compile)
        return self

    def __exit__(self, *ended: object) -> None:
        RECORD.unwatch(self._compile)
        self._end()

    def __call__(self, report: Progress) -> None:
        now = self._clock()
        if report.phase == self._phase and now - self._last < _EVERY_S:
            self._held = report
            return
        if report.phase != self._phase:
            self._end()
            self._measure.begin()
        self._phase, self._last, self._held = report.phase, now, None
        self._show(report)

    def step(self, name: str) -> None:
        self._end()
        self._phase = name
        self._last = self._clock()
        self._print(name)

    def _compile(self, begins: bool) -> None:
        if not self._compiled:
            self._compiled = True
            self._print(_compiling())

    def _end(self) -> None:
        if self._held is not None:
            self._show(self._held)
            self._held = None

    def _show(self, report: Progress) -> None:
        rounds, words = self._measure.words(report)
        said = ", ".join(part for part in (self._measure.name(report.phase), rounds) if part)
        self._print(f"{said}{': ' + words if words else ''} [{report.seconds:.0f} s]")

    def _print(self, text: str) -> None:
        print(f"{self._label}{text}", file=sys.stderr, flush=True)


class _Bar:
    """One bar per phase, as long as the share that is done."""

    def __init__(self, measure: Measure, label: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        console = Console(stderr=True)
        columns: list[Any] = [SpinnerColumn(), TextColumn("{task.description}")]
        if console.width >= 70:
            columns.append(BarColumn(bar_width=max(10, min(30, console.width - 90))))
        columns += [TextColumn("{task.fields[words]}"), TimeElapsedColumn()]
        self._progress = Progress(*columns, console=console, refresh_per_second=5)
        self._narrow = console.width < 100
        self._measure = measure
        self._label = f"{label}: " if label else ""
        self._task: Any = None
        self._phase = ""
        self._words = ""

    def __enter__(self) -> Self:
        RECORD.watch(self._compile)
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *ended: object) -> None:
        RECORD.unwatch(self._compile)
        self._finish(complete=kind is None)
        self._progress.stop()

    def __call__(self, report: Progress) -> None:
        if report.phase != self._phase:
            self.step(report.phase)
        done = self._measure.share(report)
        words = self._measure.words(report, short=self._narrow)
        self._words = ", ".join(part for part in words if part)
        self._progress.update(
            self._task, total=None if done is None else 1.0, completed=done or 0.0, words=self._words
        )

    def step(self, name: str) -> None:
        self._finish(complete=True)
        self._phase = name
        self._measure.begin()
        self._words = ""
        self._task = self._progress.add_task(f"{self._label}{self._measure.name(name)}", total=None, words="")

    def _compile(self, begins: bool) -> None:
        if self._task is not None:
            self._progress.update(self._task, words=_compiling() if begins else self._words)

    def _finish(self, *, complete: bool) -> None:
        if self._task is None:
            return
        if complete:
            self._progress.update(self._task, total=1.0, completed=1.0)
        self._progress.stop_task(self._task)
        self._task = None
