"""Shards of work on this process's threads.

Kernels release the interpreter lock, so plain threads use every core, and Ctrl-C is heard between shards.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from types import TracebackType
from typing import TypeVar

__all__ = ["Threads"]

T = TypeVar("T")
S = TypeVar("S")


class Threads:
    """Runs one function over shards; results come back in the order of the shards.

    Parameters
    ----------
    count : int
        Number of threads; 0: one per processor this process may use.
    """

    def __init__(self, count: int = 0) -> None:
        usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        self.count = count or usable or 1
        self._pool = ThreadPoolExecutor(self.count) if self.count > 1 else None

    def map(self, function: Callable[[S], T], shards: Sequence[S]) -> list[T]:
        """Apply `function` to each shard, concurrently where threads allow."""
        if self._pool is None or len(shards) == 1:
            return [function(shard) for shard in shards]
        work = [self._pool.submit(function, shard) for shard in shards]
        try:
            return [each.result() for each in work]
        except BaseException:
            # On Ctrl-C too: nobody may write to shared arrays once the caller goes on.
            for each in work:
                each.cancel()
            wait(work)
            raise

    def __enter__(self) -> Threads:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
