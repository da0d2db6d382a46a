"""The register of benchmarks: case x size x phase, each a job that runs in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

__all__ = ["CASES", "Case", "Job", "Options", "Row", "register"]

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks.

    Attributes
    ----------
    quick : bool
        Small sizes only, to see that everything runs.
    limit_s : float
        Time limit of every solve [s].
    threads : int
        Threads of tidewatt and of its peers alike.
    seed : int
        Seed of the scenarios.
    sizes : tuple of int
        Numbers of vehicles to run instead of the case's own.
    """

    quick: bool = False
    limit_s: float = 900.0
    threads: int = 2
    seed: int = 0
    sizes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """One thing to measure.

    Attributes
    ----------
    case, size, phase : str
        What is measured.
    given : dict
        Arguments for the case's measure, plain enough for JSON.
    limit_s : float
        After this the process is ended, and a row says so [s].
    """

    case: str
    size: str
    phase: str
    given: dict[str, Any] = field(default_factory=dict)
    limit_s: float = 3600.0


@dataclass(frozen=True, slots=True)
class Case:
    """A benchmark: which jobs it has, how one is measured, and how rows become a table.

    Attributes
    ----------
    jobs : callable
        Options -> the jobs, in the order they run.
    measure : callable
        (given) -> rows; runs in the job's own process.
    table : callable
        All rows -> Markdown.
    skip : callable
        (job, rows so far of this run) -> reason not to run it, or None.
    """

    name: str
    about: str
    jobs: Callable[[Options], Iterator[Job]]
    measure: Callable[[dict[str, Any]], list[Row]]
    table: Callable[[list[Row]], str]
    skip: Callable[[Job, list[Row]], str | None] = lambda job, rows: None


CASES: dict[str, Case] = {}
"""Every case by name, in the order they run."""


def register(case: Case) -> Case:
    """Add a case."""
    CASES[case.name] = case
    return case
