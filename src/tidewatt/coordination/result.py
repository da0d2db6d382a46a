"""The result of `coordinate`: the flexibility ladder, labelled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.fleet import Schedule
from tidewatt.domain.scenario import Scenario
from tidewatt.errors import TidewattError
from tidewatt.result import Certificate, Result, RunInfo, Status

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["RUNGS", "Coordination"]

RUNGS = ("unmanaged", "session", "coordinated")
"""Rungs of the flexibility ladder, lowest first."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Coordination(Result):
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
    stored_schedules : mapping of str to callable
        By rung, what reads the rung's schedule table from the files of a loaded result.
    scenario : Scenario, optional
        What was coordinated; saving needs it to label the schedules. None in a loaded result.
    """

    HEADLINES: ClassVar[Mapping[str, tuple[str, str]]] = {
        "unmanaged_upgrade_cost": ("unmanaged upgrade cost", "money"),
        "coordinated_upgrade_cost": ("coordinated", "money"),
        "lower_bound_cost": ("proved lower bound", "money"),
    }
    TABLES: ClassVar[tuple[str, ...]] = ("feeders", "banks", "vehicles", "history", "data")

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
    stored_schedules: Mapping[str, Callable[[], pd.DataFrame]] = field(default_factory=dict)
    scenario: Scenario | None = None

    @property
    def status(self) -> Status:
        """How the coordinated rung ended."""
        return self.statuses["coordinated"]

    @property
    def certificate(self) -> Certificate:
        """The bracket around the optimum of the coordinated rung."""
        return self.certificates["coordinated"]

    def read_schedule(self, rung: str) -> pd.DataFrame:
        """Return the schedule of a rung as a table; a loaded result reads it from its folder.

        Parameters
        ----------
        rung : str
            ``coordinated`` or, where that rung was solved, ``session``.

        Returns
        -------
        pandas.DataFrame
            A row a power that is not 0: ``vehicle_id``, ``dwell`` (0, 1, ... among all dwells of the
            vehicle), ``step``, ``feeder_id`` (missing: not on the studied grid), ``power_kw``.

        Raises
        ------
        TidewattError
            Where there is no schedule of that rung.
        """
        if rung in self.stored_schedules:
            return self.stored_schedules[rung]()
        if rung in self.schedules and self.scenario is not None:
            return _schedule_table(self.schedules[rung], self.scenario)
        there = [name for name in RUNGS if name in self.schedules or name in self.stored_schedules]
        raise TidewattError(
            f"There is no schedule of the rung {rung!r}; this result has: {', '.join(there) or 'none'}. "
            f"Rungs are {', '.join(RUNGS)}; the unmanaged schedule follows from the scenario and is not kept."
        )


def _schedule_table(schedule: Schedule, scenario: Scenario) -> pd.DataFrame:
    """Return the table that a result's files hold, with the same types."""
    import pandas as pd

    vehicle, dwell, step, feeder, power = schedule.rows(scenario.dwells)

    def named(ids: Array, row: Array) -> Any:
        if ids.dtype.kind != "i":
            return pd.Categorical.from_codes(row, pd.Index([str(each) for each in ids], dtype=object))
        return ids[row] if (row >= 0).all() else np.where(row >= 0, ids[row], np.nan)

    return pd.DataFrame(
        {
            "vehicle_id": named(scenario.fleet.vehicle_id, vehicle),
            "dwell": dwell,
            "step": step,
            "feeder_id": named(scenario.grid.feeder_id, feeder),
            "power_kw": power,
        }
    )
