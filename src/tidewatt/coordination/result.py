"""The result of `coordinate`: the flexibility ladder, labelled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tidewatt.domain.fleet import Schedule
from tidewatt.domain.scenario import Scenario
from tidewatt.result import Certificate, RunInfo, Status

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["RUNGS", "Coordination"]

RUNGS = ("unmanaged", "session", "coordinated")
"""Rungs of the flexibility ladder, lowest first."""


@dataclass(frozen=True, slots=True, eq=False)
class Coordination:
    """What `coordinate` found, and the proof of how good it is.

    Attributes
    ----------
    data : xarray.Dataset
        Over (feeder, step): ``headroom_kw``, ``unmanaged_kw``, ``session_kw``, ``coordinated_kw``,
        ``price``, ``session_price`` [cost per kW]; ``base_load_kw`` where known. Over (bank, step) the
        same names with the prefix ``bank_``. A vehicle at a feeder pays its price plus its bank's.
        Coordinates ``feeder``, ``bank`` (ids) and ``time`` (start of each step). Units in attributes.
    feeders : pandas.DataFrame
        A row a feeder: ``feeder_id``, ``bank_id``, ``{rung}_overload_kw`` and ``{rung}_upgrade_cost``
        for each rung, ``base_overload_kw``, ``headroom_worst_step_kw``, ``price_total``.
    banks : pandas.DataFrame
        The same for banks, with ``bank_id``.
    vehicles : pandas.DataFrame
        A row a vehicle: ``vehicle_id``, ``energy_kwh`` (grid side), ``missing_energy_kwh``,
        ``cost``, ``cheapest_cost``, ``regret_cost`` (weighted, under the coordinated prices).
    history : pandas.DataFrame
        A row per certified iteration: ``rung``, ``iteration``, ``primal``, ``bound``, ``gap``,
        ``primal_residual``, ``dual_residual``, ``penalty``, ``seconds``.
    certificates : mapping of str to Certificate
        By rung.
    statuses : mapping of str to Status
        By rung.
    run : RunInfo
        Where it comes from.
    figures : mapping
        The summary, key by key, as in ``summary.json``.
    schedules : mapping of str to Schedule
        By rung; empty in a result loaded from files.
    read_schedule : callable, optional
        Reads a rung's schedule table of a loaded result.
    scenario : Scenario, optional
        What was coordinated; saving needs it to label the schedules. None in a loaded result.
    """

    data: xr.Dataset
    feeders: pd.DataFrame
    banks: pd.DataFrame
    vehicles: pd.DataFrame
    history: pd.DataFrame
    certificates: Mapping[str, Certificate]
    statuses: Mapping[str, Status]
    run: RunInfo
    figures: Mapping[str, Any]
    schedules: Mapping[str, Schedule] = field(default_factory=dict)
    read_schedule: Callable[[str], pd.DataFrame] | None = None
    scenario: Scenario | None = None

    @property
    def status(self) -> Status:
        """How the coordinated rung ended."""
        return self.statuses["coordinated"]

    @property
    def certificate(self) -> Certificate:
        """The bracket around the optimum of the coordinated rung."""
        return self.certificates["coordinated"]

    def summary(self) -> dict[str, Any]:
        """The figures of ``summary.json``; units are suffixes of the keys."""
        return dict(self.figures)
