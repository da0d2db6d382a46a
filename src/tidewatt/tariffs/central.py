"""The central problem: rows of the grid with their margins, and the vehicles' problem built on them."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.distribution import Distribution, Injections
from tidewatt.domain.radial import Feeder, feeder_of
from tidewatt.domain.scenario import Scenario
from tidewatt.domain.travel import Aggregators, ChargingSites, StepRoads, Travel
from tidewatt.options.tariffs import TariffOptions
from tidewatt.result import Progress
from tidewatt.tariffs.feeder import rows_of
from tidewatt.tariffs.problem import GridRows, Influence, Progressed, Solution, TariffProblem
from tidewatt.tariffs.robust import margins

__all__ = ["Case", "Solver", "case_of", "solve", "taken"]


def solve(
    problem: TariffProblem,
    *,
    formulation: str = "arcs",
    paths_per_od: int = 4,
    pool_initial_soc: bool = False,
    soc_step: float | str = "auto",
    rounding: str = "inner",
    relative_gap: float = 1e-9,
    time_limit_s: float = math.inf,
    traffic: bool = True,
    elastic: bool = False,
    warm: Solution | None = None,
    on_progress: Callable[[Progressed], None] | None = None,
    on_kind: Callable[[int, int, int], None] | None = None,
) -> Solution:
    """Solve the central problem, or an aggregator's own.

    Parameters
    ----------
    problem : TariffProblem
    formulation : str
        ``arcs`` (every unit of flow is a possible vehicle) or ``paths`` (pools charge over a path).
    paths_per_od : int
        Of ``paths``.
    pool_initial_soc : bool
        Of ``paths``: whether vehicles that depart with different charge share it, too.
    soc_step, rounding
        Of ``arcs``: the step of the state of charge, or ``auto``; ``inner`` (plans can be driven) or
        ``outer`` (a bound).
    relative_gap : float
        To be proved.
    time_limit_s : float
    traffic : bool
        Whether `Solution.traffic` is wanted.
    elastic : bool
        Limits may be exceeded, as little as possible; cost comes second (tariff-21).
    warm : Solution, optional
        Of nearly the same problem.
    on_progress : callable, optional
        Called with a `Progressed` after every program.
    on_kind : callable, optional
        Of ``arcs``: called now and then while cheapest plans are sought, with the number of programs solved
        so far, of how many kinds of vehicles plans are found, and how many kinds there are.

    Returns
    -------
    Solution
    """
    if formulation == "paths":
        from tidewatt.tariffs.paths.solution import solve_paths

        return solve_paths(
            problem,
            paths_per_od=paths_per_od,
            pool_initial_soc=pool_initial_soc,
            relative_gap=relative_gap,
            time_limit_s=time_limit_s,
            traffic=traffic,
            elastic=elastic,
            on_progress=on_progress,
        )
    if formulation != "arcs":
        raise ValueError(f"formulation must be arcs or paths, found {formulation!r}")
    from tidewatt.tariffs.arcs.solution import solve_arcs

    return solve_arcs(
        problem,
        soc_step=soc_step,
        rounding=rounding,
        relative_gap=relative_gap,
        time_limit_s=time_limit_s,
        traffic=traffic,
        elastic=elastic,
        warm=warm,
        on_progress=on_progress,
        on_kind=on_kind,
    )


_ROUNDING = 1e-7
"""Share by which the cost may lie below its bound, because constraints hold to some digits only."""

_FINER = 4
"""The outer bound uses steps finer by this factor, which brings it within one per cent or less."""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A scenario prepared for solving.

    Attributes
    ----------
    scenario : Scenario
    parameters : TariffOptions
    feeder : Feeder
    rows : GridRows
        All lines and voltages, with their margins.
    influence : Influence
        Of the injections on all rows.
    reachable : array of int64
        Rows that vehicles influence and that have a limit: those of the problem.
    """

    scenario: Scenario
    parameters: TariffOptions
    feeder: Feeder
    rows: GridRows
    influence: Influence
    reachable: Array

    @property
    def roads(self) -> StepRoads:
        """Roads in steps."""
        assert self.scenario.step_roads is not None
        return self.scenario.step_roads

    @property
    def sites(self) -> ChargingSites:
        """Charging sites."""
        assert self.scenario.sites is not None
        return self.scenario.sites

    @property
    def aggregators(self) -> Aggregators:
        """Aggregators, which buy energy."""
        assert self.scenario.aggregators is not None
        return self.scenario.aggregators

    @property
    def travel(self) -> Travel:
        """Groups of vehicles."""
        assert self.scenario.travel is not None
        return self.scenario.travel

    @property
    def distribution(self) -> Distribution:
        """Buses and lines."""
        assert self.scenario.distribution is not None
        return self.scenario.distribution

    @property
    def injections(self) -> Injections:
        """Loads and plants."""
        assert self.scenario.injections is not None
        return self.scenario.injections

    def with_margins(self, parameters: TariffOptions) -> Case:
        """Return the same rows, with the margins of other parameters (tariff-15, tariff-16)."""
        low, high = margins(self.influence, self.injections, self.rows, parameters, self.scenario.forecasts)
        return replace(self, parameters=parameters, rows=replace(self.rows, margin_low=low, margin_high=high))

    def without_margins(self) -> Case:
        """Return the same rows without margins, as if forecasts were certain."""
        none = np.zeros_like(self.rows.nominal)
        return replace(self, rows=replace(self.rows, margin_low=none, margin_high=none))

    def problem(self) -> TariffProblem:
        """Return the central problem (tariff-8)."""
        horizon, sites = self.scenario.horizon, self.sites
        price = np.repeat(sites.price_per_kwh[None], len(self.aggregators), axis=0)
        return TariffProblem(
            steps=horizon.steps,
            step_h=horizon.step_h,
            roads=self.roads,
            sites=sites,
            aggregators=self.aggregators,
            travel=self.travel,
            rows=taken(self.rows, self.reachable),
            price_per_kwh=price,
            toll=np.zeros((self.roads.links, horizon.steps)),
            charger_price=np.zeros((len(sites), horizon.steps)),
        )

    def over_all_rows(self, of_reachable: Array) -> Array:
        """Return values of the problem's rows among all rows, 0 elsewhere, shape (rows, steps)."""
        values = np.zeros(self.rows.nominal.shape)
        values[self.reachable] = of_reachable
        return values


def case_of(scenario: Scenario, parameters: TariffOptions) -> Case:
    """Return grid rows (tariff-11 to tariff-14) and margins of a checked scenario."""
    assert scenario.distribution is not None
    assert scenario.injections is not None
    assert scenario.sites is not None
    feeder = feeder_of(scenario.distribution)
    rows, influence = rows_of(feeder, scenario.distribution, scenario.injections, scenario.sites, parameters)
    limited = np.isfinite(rows.low).any(axis=1) | np.isfinite(rows.high).any(axis=1)
    reachable = np.flatnonzero((rows.sensitivity != 0).any(axis=1) & limited)
    case = Case(scenario, parameters, feeder, rows, influence, reachable)
    return case.with_margins(parameters)


def taken(rows: GridRows, index: Array) -> GridRows:
    """Return some of the rows."""
    return GridRows(**{name: getattr(rows, name)[index] for name in GridRows.__slots__})


class Solver:
    """Solves problems of one study within its time limit, and reports on them.

    Parameters
    ----------
    parameters : TariffOptions
    progress : callable, optional
        Receives a `Progress` now and then; never from two threads at once.
    """

    def __init__(self, parameters: TariffOptions, progress: Callable[[Progress], None] | None) -> None:
        self.parameters = parameters
        self._progress = progress
        self._begin = time.perf_counter()
        self._lock = threading.Lock()

    def tell(self, phase: str, iteration: int = 0, note: str = "") -> None:
        """Report a phase without figures."""
        self._report(Progress(phase, iteration, math.nan, math.nan, math.nan, self._seconds(), note))

    def counter(self, phase: str, steps: int) -> Callable[[int], None]:
        """Return a callback that reports each step of the horizon when it is done."""
        return lambda step: self.tell(phase, step + 1, f"of {steps}")

    def solve(
        self,
        phase: str,
        problem: TariffProblem,
        *,
        formulation: str | None = None,
        rounding: str | None = None,
        finer: bool = False,
        history: list[Progressed] | None = None,
        warm: Solution | None = None,
        **options: Any,
    ) -> Solution:
        """Solve a problem as the parameters ask, except for explicit arguments.

        Parameters
        ----------
        phase : str
            What to call it in reports; empty: no reports.
        finer : bool
            At a finer step of the state of charge.
        history : list, optional
            Receives every report of the solver.
        warm : Solution, optional
            To start from.
        **options
            For `tidewatt.tariffs.central.solve`: ``traffic``, ``elastic``, ``soc_step``.
        """
        p = self.parameters
        formulation = formulation or ("paths" if p["formulation"] == "paths" else "arcs")
        rounding = rounding or ("outer" if p["soc_rounding"] == "outer" else "inner")
        step = options.pop("soc_step", p["soc_step"])
        begin, before = time.perf_counter(), 0

        def on_progress(report: Progressed) -> None:
            seconds, iteration = time.perf_counter() - begin, before + report.iteration
            if history is not None:
                history.append(replace(report, iteration=iteration, seconds=seconds))
            if phase:
                self._report(
                    Progress(phase, iteration, report.cost, report.bound, report.relative_gap, seconds)
                )

        def on_kind(solved: int, done: int, kinds: int) -> None:
            if phase:
                self.tell(
                    phase, before + solved, f"cheapest plans of {done:,} of {kinds:,} kinds of vehicles"
                )

        def once(warm: Solution | None) -> Solution:
            return solve(
                problem,
                formulation=formulation,
                paths_per_od=p["paths_per_od"],
                pool_initial_soc=p["pool_initial_soc"],
                soc_step=step / _FINER if finer else step,
                rounding=rounding,
                relative_gap=p["relative_gap"],
                time_limit_s=max(p["time_limit_s"] - self._seconds(), 0.0),
                warm=warm,
                on_progress=on_progress,
                on_kind=on_kind,
                **options,
            )

        found = once(warm)
        if found.status == "stalled" and formulation == "arcs":
            # From the arcs that are in use the last digits are often to be had.
            before = found.iterations
            again = once(found)
            if again.status == "solved" or abs(again.relative_gap) < abs(found.relative_gap):
                spent = {
                    name: getattr(found, name) + getattr(again, name)
                    for name in ("iterations", "build_s", "solve_s")
                }
                found = replace(again, **spent, notes=found.notes)
        above = found.relative_gap < -max(_ROUNDING, p["relative_gap"])
        if found.status == "solved" and above and not options.get("elastic"):
            # A bound above the cost proves nothing: some limit is not kept in double precision.
            note = f"The bound lies above the cost by {-found.relative_gap:.2g} of it."
            found = replace(found, status="stalled", notes=(*found.notes, note))
        return found

    def _report(self, report: Progress) -> None:
        if self._progress is not None:
            with self._lock:
                self._progress(report)

    def _seconds(self) -> float:
        return time.perf_counter() - self._begin
