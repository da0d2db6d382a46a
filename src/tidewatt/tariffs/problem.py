"""What is solved: vehicles on roads in steps, charging within rows of grid limits. Arrays, no labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.travel import Aggregators, ChargingSites, StepRoads, Travel

__all__ = ["GridRows", "Influence", "Progressed", "RoadTraffic", "Solution", "TariffProblem"]


@dataclass(frozen=True, slots=True, eq=False)
class GridRows:
    """Limits of lines and voltages as rows of the sites' power: low <= nominal + sensitivity P <= high.

    Rows without any sensitivity are not here: vehicles cannot change them, so they are checked beforehand.

    Attributes
    ----------
    kind : array of int8, shape (rows,)
        0 line (kW), 1 voltage (squared per unit).
    element : array of int32, shape (rows,)
        Line or bus.
    sensitivity : array, shape (rows, sites)
        Per kW that a site draws.
    nominal : array, shape (rows, steps)
        Without vehicles, at the forecast.
    low, high : array, shape (rows, steps)
        Limits; -inf and inf where there is none.
    margin_low, margin_high : array, shape (rows, steps)
        By how much each limit is narrowed, >= 0.
    """

    kind: Array
    element: Array
    sensitivity: Array
    nominal: Array
    low: Array
    high: Array
    margin_low: Array
    margin_high: Array

    def __len__(self) -> int:
        return len(self.kind)

    @property
    def least(self) -> Array:
        """Lower bound of `sensitivity` times power, shape (rows, steps)."""
        return self.low + self.margin_low - self.nominal

    @property
    def most(self) -> Array:
        """Upper bound of `sensitivity` times power, shape (rows, steps)."""
        return self.high - self.margin_high - self.nominal


@dataclass(frozen=True, slots=True, eq=False)
class Influence:
    """What uncertain injections do to the rows: the source of margins.

    An injection that is off by 1 kW of `power_kw` in step t moves row r by
    ``active[r, i] + ratio[i, t] * reactive[r, i]``. Whether it consumes or produces is in the sign.

    Attributes
    ----------
    active : array, shape (rows, injections)
        Per kW more of the injection's `power_kw`: kW of a line, squared per unit of a voltage.
    reactive : array, shape (rows, injections)
        The same per kvar more of its `reactive_kvar`.
    ratio : array, shape (injections, steps)
        kvar per kW, constant as the power moves; 0 where the forecast is 0.
    """

    active: Array
    reactive: Array
    ratio: Array

    def of_step(self, step: int) -> Array:
        """Return the effect of 1 kW more of each injection in a step, shape (rows, injections)."""
        effect: Array = self.active + self.ratio[:, step] * self.reactive
        return effect


@dataclass(frozen=True, slots=True, eq=False)
class TariffProblem:
    """One central problem, or an aggregator's own.

    Attributes
    ----------
    steps : int
    step_h : float
    roads : StepRoads
    sites : ChargingSites
    aggregators : Aggregators
    travel : Travel
    rows : GridRows or None
        None: no grid limits (an aggregator's own problem).
    price_per_kwh : array, shape (aggregators, sites, steps)
        Of energy, tariffs included where they are published.
    toll : array, shape (links, steps)
        Per vehicle that leaves the link in the step; zeros in the central problem.
    charger_price : array, shape (sites, steps)
        Per charger in use for the step; zeros in the central problem.
    """

    steps: int
    step_h: float
    roads: StepRoads
    sites: ChargingSites
    aggregators: Aggregators
    travel: Travel
    rows: GridRows | None
    price_per_kwh: Array
    toll: Array
    charger_price: Array


@dataclass(frozen=True, slots=True, eq=False)
class RoadTraffic:
    """Where vehicles are, added up; every array over (sites, steps) or (links, steps).

    Attributes
    ----------
    entering, bypassing, queue, charging, discharging : array, shape (sites, steps)
        Vehicles that arrive at the site's node in the step and stay to charge or drive on without; that wait
        there before charging; that charge or discharge.
    soc_mean : array, shape (sites, steps)
        Of those in queue or at chargers at the start of the step; nan where nobody is.
    link_flow : array, shape (links, steps)
        Vehicles that leave the link in the step.
    link_queue : array, shape (links, steps)
        Vehicles that wait at the link's end (tariff-5).
    arcs : mapping of str to array, each of shape (arcs,)
        In the arcs formulation, positive flows: ``aggregator``, ``destination`` (node),
        ``soc_final_min``, ``action`` (0 link, 1 wait, 2 level), ``index`` (link, node or level),
        ``start_step``, ``end_step``, ``node`` (at the start), ``level`` and ``level_end`` (surplus levels),
        ``soc`` (at the start), ``power_kw`` (of one vehicle), ``vehicles``. Empty in the paths
        formulation.
    """

    entering: Array
    bypassing: Array
    queue: Array
    charging: Array
    discharging: Array
    soc_mean: Array
    link_flow: Array
    link_queue: Array
    arcs: dict[str, Array] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progressed:
    """One report of the solver.

    Attributes
    ----------
    iteration, columns : int
    cost, bound, relative_gap, seconds : float
    """

    iteration: int
    columns: int
    cost: float
    bound: float
    relative_gap: float
    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """The solution of a problem.

    Attributes
    ----------
    status : str
        ``solved`` (the asked gap is proved), ``infeasible`` (vehicles are left although nothing can serve
        them), ``time`` or ``stalled``. Nothing is published of any but the first.
    cost : float
        Of time and energy, in the scenario's money (tariff-8).
    bound : float
        No plan costs less (tariff-9).
    relative_gap : float
        (cost - bound) / max(1, |cost|); of an elastic solution that of cost and penalties together.
    power_kw : array, shape (aggregators, sites, steps)
    dual_high, dual_low : array, shape (rows, steps)
        Cost per unit (kW, or squared per unit) of each limit, >= 0; of shape (0, steps) without rows.
    toll : array, shape (links, steps)
        Cost per vehicle of the road capacity, >= 0.
    charger_price : array, shape (sites, steps)
        Cost per charger and step, >= 0.
    unserved : array, shape (groups,)
        Vehicles of each group of `Travel` that no plan serves.
    traffic : RoadTraffic or None
        None where it was not asked for.
    columns, rows, arcs, iterations : int
        Size of the last program solved; arcs generated; programs solved.
    soc_step : float
        Step of the surplus levels; nan in the paths formulation.
    build_s, solve_s : float
    relaxed : mapping of str to array
        Of an elastic solution, by how much limits were exceeded: ``rows_low`` and ``rows_high``
        (rows, steps), ``roads`` (links, steps), ``chargers`` (sites, steps). Empty otherwise.
    notes : tuple of str
        What deserves a word, such as chargers that lose power to the step.
    """

    status: str
    cost: float
    bound: float
    relative_gap: float
    power_kw: Array
    dual_high: Array
    dual_low: Array
    toll: Array
    charger_price: Array
    unserved: Array
    traffic: RoadTraffic | None
    columns: int
    rows: int
    arcs: int
    iterations: int
    soc_step: float
    build_s: float
    solve_s: float
    relaxed: Mapping[str, Array] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def tariff_per_kwh(self, rows: GridRows, step_h: float) -> tuple[Array, Array]:
        """Return the tariff's parts from lines and voltages, each of shape (sites, steps) (tariff-10)."""
        dual = (self.dual_high - self.dual_low) / step_h
        line, voltage = (np.where((rows.kind == kind)[:, None], dual, 0.0) for kind in (0, 1))
        return rows.sensitivity.T @ line, rows.sensitivity.T @ voltage
