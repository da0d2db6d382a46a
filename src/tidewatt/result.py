"""What every study's result carries besides its own tables."""

from __future__ import annotations

import enum
import math
import platform
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from tidewatt.domain.shown import Shown, figure

__all__ = ["Certificate", "Checkpoint", "Progress", "Result", "RunInfo", "Status", "money", "priced"]


class Status(enum.Enum):
    """How a study ended; the value says what that means and what to try next."""

    CERTIFIED = "The asked gap is proved."
    TIME_LIMIT = (
        "Stopped on time before what was asked for was reached: allow more time, or resume from the "
        "checkpoint where one is kept."
    )
    ITERATION_LIMIT = (
        "Stopped on iterations before the asked gap was proved: allow more, or resume from the checkpoint "
        "where one is kept."
    )
    STALLED = "No further progress in double precision: ask for a larger gap, or try the other solver."
    REPLICATIONS = "All replications asked for were run; beta says how far the mean may still move."
    TOLERANCE = "The variance coefficient of the statistic fell to the tolerance."
    EVALUATIONS = (
        "All requested plans were tried; the best is not a proved optimum: allow more evaluations, or try "
        "another seed."
    )
    UNMET = (
        "No plan was found that keeps all limits: allow more evaluations, or relax the limits that the "
        "summary says are broken."
    )
    INFEASIBLE = (
        "No plan serves all vehicles within all limits: the diagnosis names the limits, places, times and "
        "amounts of the least relaxation that would do."
    )
    DEVIATING = (
        "The asked gap is proved, but under the published prices aggregators draw other power than planned: "
        "publish all prices that are needed, or ask for a smaller gap."
    )
    EXACT = "Nothing to decide: the figure is the outcome of a rule, not of an optimisation."

    @property
    def reached(self) -> bool:
        """Whether the requested goal was reached."""
        return self in (
            Status.CERTIFIED,
            Status.EXACT,
            Status.REPLICATIONS,
            Status.TOLERANCE,
            Status.EVALUATIONS,
        )


class Result(Shown):
    """Base of all studies' results: what each can say about itself."""

    __slots__ = ()
    # Key of the summary: label and unit; the unit "money" is that of the result's costs.
    HEADLINES: ClassVar[Mapping[str, tuple[str, str]]] = {}
    TABLES: ClassVar[tuple[str, ...]] = ()

    figures: Mapping[str, Any]

    if TYPE_CHECKING:

        @property
        def status(self) -> Status:
            """How the study ended."""

    def summary(self) -> dict[str, Any]:
        """Return the figures of ``summary.json``; keys end in their units."""
        return dict(self.figures)

    def _facts(self) -> Iterator[tuple[str, str]]:
        """Yield the scenario, the status, headline figures with units, tables, and what to do next."""
        yield "of", str(self.figures.get("scenario") or "a scenario without a name")
        yield "status", self.status.name
        for key, (label, unit) in self.HEADLINES.items():
            value = self.figures.get(key)
            if value is not None:
                yield (
                    label,
                    f"{figure(float(value))} {money(self.figures) if unit == 'money' else unit}".strip(),
                )
        yield "tables", ", ".join(name for name in self.TABLES if getattr(self, name) is not None)
        fresh = getattr(self, "scenario", None) is not None
        yield "go on with", f"summary(), tidewatt.{'save' if fresh else 'verify'}"


def money(figures: Mapping[str, Any]) -> str:
    """Return the unit of a summary's costs, such as ``USD``; empty if the scenario does not say."""
    named = (figures.get("cost_unit"), figures.get("currency"))  # absent before 2026-12
    return next((each for each in named if isinstance(each, str) and each), "")


def priced(unit: str, currency: str) -> str:
    """Return a unit containing the word cost, such as ``cost per kWh``, with the currency if there is one."""
    return unit.replace("cost", currency, 1) if currency else unit


@dataclass(frozen=True, slots=True)
class Certificate:
    """A proved bracket around the optimum of one rung of the ladder (coord-4).

    Attributes
    ----------
    upgrade_cost : float
        Objective of the schedule found, in the scenario's money: the optimum is not above it.
    lower_bound_cost : float
        Dual bound, in the scenario's money: the optimum is not below it.
    total_regret_cost : float
        Sum over vehicles of what they pay under the prices less their own cheapest schedule.
    grid_slack_cost : float
        Upgrade cost less the value of load above headroom at the prices.
    """

    upgrade_cost: float
    lower_bound_cost: float
    total_regret_cost: float = 0.0
    grid_slack_cost: float = 0.0

    @property
    def absolute_gap(self) -> float:
        """Upper less lower end of the bracket, in the scenario's money, >= 0."""
        return max(self.upgrade_cost - self.lower_bound_cost, 0.0)

    def relative_gap(self, unmanaged_upgrade_cost: float) -> float:
        """Return the gap relative to the upgrade cost, counted as at least 1e-9 of the unmanaged one."""
        scale = max(self.upgrade_cost, 1e-9 * unmanaged_upgrade_cost)
        return self.absolute_gap / scale if scale > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Progress:
    """One report from a running study to the caller's callback.

    Attributes
    ----------
    phase : str
        What is being done, for example ``"coordinated"``.
    iteration : int
        Passes over the vehicles so far.
    primal, bound, gap : float
        Best upgrade cost, best proved bound, relative gap so far (nan where there is none yet).
    seconds : float
        Since the phase began.
    note : str
        Anything worth a word.
    """

    phase: str
    iteration: int
    primal: float
    bound: float
    gap: float
    seconds: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """Where a result comes from.

    Attributes
    ----------
    seed : int
        Seed of every random choice.
    version : str
        Version of tidewatt.
    scenario_sha256 : str
        Fingerprint of the scenario.
    wall_s : float
        Wall time [s].
    peak_memory_mib : float
        Largest resident memory of the process [MiB]; nan where the system does not tell.
    versions : mapping
        Versions of numpy, numba and python.
    """

    seed: int
    version: str
    scenario_sha256: str
    wall_s: float
    peak_memory_mib: float
    versions: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def since(cls, begin: float, seed: int, scenario_sha256: str) -> RunInfo:
        """Return the run information, as of now, of a run that began at ``time.perf_counter()`` = `begin`."""
        from importlib.metadata import version

        return cls(
            seed=seed,
            version=version("tidewatt"),
            scenario_sha256=scenario_sha256,
            wall_s=time.perf_counter() - begin,
            peak_memory_mib=_peak_memory_mib(),
            versions={
                "python": platform.python_version(),
                **{name: version(name) for name in ("numpy", "numba")},
            },
        )


def _peak_memory_mib() -> float:
    """Return the peak resident memory of this process so far; nan if the system does not report it."""
    if sys.platform == "win32":
        import ctypes
        from ctypes import wintypes

        class Counters(ctypes.Structure):
            """PROCESS_MEMORY_COUNTERS of psapi.h."""

            _fields_ = [
                ("cb", wintypes.DWORD),
                ("PageFaultCount", wintypes.DWORD),
                ("PeakWorkingSetSize", ctypes.c_size_t),
                ("others", ctypes.c_size_t * 7),
            ]

        counters = Counters(ctypes.sizeof(Counters))
        system = ctypes.WinDLL("kernel32")
        system.GetCurrentProcess.restype = wintypes.HANDLE
        system.K32GetProcessMemoryInfo.argtypes = (wintypes.HANDLE, ctypes.POINTER(Counters), wintypes.DWORD)
        process = system.GetCurrentProcess()
        found = system.K32GetProcessMemoryInfo(process, ctypes.byref(counters), counters.cb)
        return counters.PeakWorkingSetSize / 2**20 if found else math.nan
    try:
        import resource
    except ImportError:
        return math.nan
    per_mib = 2**20 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / per_mib


class Checkpoint(Protocol):
    """Where the state of an unfinished study is kept."""

    def due(self) -> bool:
        """Return whether it is time to save again."""

    def load(self) -> Mapping[str, Mapping[str, Any]] | None:
        """Return what was saved last, or None if nothing was."""

    def save(self, state: Mapping[str, Mapping[str, Any]]) -> None:
        """Keep a state: values by name, by part of the study."""
