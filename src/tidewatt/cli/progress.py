"""Progress of a running study: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from tidewatt.report.words import RUNG_NAMES, amount, percent

if TYPE_CHECKING:
    from tidewatt.result import Progress

__all__ = ["Reporter", "reporter"]

_EVERY_S = 10.0  # between lines where there is no terminal


class Reporter(Protocol):
    """Shows progress while it is entered; call it with each report."""

    def __call__(self, report: Progress) -> None:
        """Show one report."""

    def step(self, name: str) -> None:
        """Say that something without reports of its own begins."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def reporter(relative_gap: float, label: str = "") -> Reporter:
    """A bar where standard error is a terminal, lines elsewhere; `relative_gap` is where bars end."""
    if sys.stderr.isatty():
        return _Bar(relative_gap, label)
    return _Lines(label)


def _words(report: Progress) -> str:
    """Cost, bound and gap of a report, as far as there are any."""
    parts = []
    if math.isfinite(report.primal):
        parts.append(f"cost {amount(report.primal)}")
    if math.isfinite(report.bound):
        parts.append(f"bound {amount(max(report.bound, 0.0))}")
    if math.isfinite(report.gap):
        parts.append(f"gap {percent(report.gap)}")
    return ", ".join([*parts, report.note] if report.note else parts)


class _Lines:
    """A line when something new begins, every ten seconds, and where it ended."""

    def __init__(self, label: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._label = f"{label}: " if label else ""
        self._clock = clock
        self._phase = ""
        self._last = -math.inf
        self._held: Progress | None = None  # the latest report, where it was not printed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: object) -> None:
        self._end()

    def __call__(self, report: Progress) -> None:
        now = self._clock()
        if report.phase == self._phase and now - self._last < _EVERY_S:
            self._held = report
            return
        if report.phase != self._phase:
            self._end()
        self._phase, self._last, self._held = report.phase, now, None
        self._show(report)

    def step(self, name: str) -> None:
        self._end()
        self._phase = name
        self._last = self._clock()
        self._print(name)

    def _end(self) -> None:
        if self._held is not None:
            self._show(self._held)
            self._held = None

    def _show(self, report: Progress) -> None:
        name = RUNG_NAMES.get(report.phase, report.phase)
        words = _words(report)
        passes = f", pass {report.iteration:,}" if report.iteration else ""
        self._print(f"{name}{passes}{': ' + words if words else ''} [{report.seconds:.0f} s]")

    def _print(self, text: str) -> None:
        print(f"{self._label}{text}", file=sys.stderr, flush=True)


class _Bar:
    """A bar a phase: its length is how far the gap has come, on a log scale, to the one asked."""

    def __init__(self, relative_gap: float, label: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        console = Console(stderr=True)
        columns: list[Any] = [SpinnerColumn(), TextColumn("{task.description}")]
        if console.width >= 70:
            columns.append(BarColumn(bar_width=max(10, min(30, console.width - 90))))
        columns += [TextColumn("{task.fields[words]}"), TimeElapsedColumn()]
        self._progress = Progress(*columns, console=console, refresh_per_second=5)
        self._narrow = console.width < 100
        self._target = max(relative_gap, 1e-12)
        self._label = f"{label}: " if label else ""
        self._task: Any = None
        self._phase = ""
        self._widest = 1.0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *ended: object) -> None:
        self._finish(complete=kind is None)
        self._progress.stop()

    def __call__(self, report: Progress) -> None:
        if report.phase != self._phase:
            self.step(report.phase)
        done = None
        if math.isfinite(report.gap):
            gap = max(report.gap, 1e-300)
            self._widest = max(self._widest, gap) if self._widest > 1.0 else max(1.0, gap)
            done = 1.0 if gap <= self._target else math.log(self._widest / gap) / math.log(
                self._widest / self._target
            )  # fmt: skip
        words = f"gap {percent(report.gap)}" if self._narrow and math.isfinite(report.gap) else _words(report)
        passes = f"pass {report.iteration:,}" if report.iteration else ""
        self._progress.update(
            self._task,
            total=None if done is None else 1.0,
            completed=done or 0.0,
            words=", ".join(part for part in (passes, words) if part),
        )

    def step(self, name: str) -> None:
        self._finish(complete=True)
        self._phase, self._widest = name, 1.0
        shown = f"{self._label}{RUNG_NAMES.get(name, name)}"
        self._task = self._progress.add_task(shown, total=None, words="")

    def _finish(self, *, complete: bool) -> None:
        if self._task is None:
            return
        if complete:
            self._progress.update(self._task, total=1.0, completed=1.0)
        self._progress.stop_task(self._task)
        self._task = None
