"""What this process has compiled. Imports nothing heavy, so that progress can look at it at once."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["RECORD", "Record"]


class Record:
    """Count the kernels that were compiled rather than read from the cache, and the time that took.

    numba compiles under one lock, whatever the threads: the outermost compilations never overlap, and the
    kernels that a kernel calls are compiled inside its own.

    Attributes
    ----------
    kernels : int
        Kernels compiled so far, a combination of types each.
    seconds : float
        Time spent on them [s].
    kept : bool
        Whether later runs find all of them in the cache.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.kernels = 0
        self.seconds = 0.0
        self.kept = True
        self._clock = clock
        self._depth = 0
        self._begin = 0.0
        self._watchers: list[Callable[[bool], None]] = []

    def begin(self, *, kept: bool) -> None:
        """Note that a function is being compiled: a kernel, or what numba itself needs inside one."""
        self._depth += 1
        outermost = self._depth == 1
        self.kernels += kept or outermost
        if outermost:
            self.kept &= kept
            self._begin = self._clock()
            self._tell(True)

    def end(self) -> None:
        """Note that the most recent kernel is compiled, or that compiling it failed."""
        self._depth -= 1
        if self._depth == 0:
            self.seconds += self._clock() - self._begin
            self._tell(False)

    def watch(self, watcher: Callable[[bool], None]) -> None:
        """Call `watcher` with True as compiling begins and False as it ends, in the thread that compiles."""
        self._watchers.append(watcher)

    def unwatch(self, watcher: Callable[[bool], None]) -> None:
        """Stop calling `watcher`."""
        self._watchers.remove(watcher)

    def _tell(self, begins: bool) -> None:
        for watcher in tuple(self._watchers):
            watcher(begins)


RECORD = Record()
