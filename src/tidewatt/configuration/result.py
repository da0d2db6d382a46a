"""The result of `configure`, labelled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tidewatt.domain.scenario import Scenario
from tidewatt.result import Result, RunInfo, Status

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["Configuration"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Configuration(Result):
    """The plan that was found, and what it changes.

    Attributes
    ----------
    plan : pandas.DataFrame
        A row a station: ``station_id``, ``node_id``, ``x``, ``y``, ``fast_before``, ``fast_after``,
        ``normal_before``, ``normal_after``, ``retrofit_cost``, ``wait_before_min``, ``wait_after_min``,
        ``peak_before_kw``, ``peak_after_kw``, ``utilisation_before``, ``utilisation_after``,
        ``charges_before``, ``charges_after``.
    costs : pandas.DataFrame
        Before and after in rows ``f1`` ... ``traffic_flow_veh_per_min`` as in ``summary.json``: ``figure``,
        ``unit``, ``before``, ``before_ci95``, ``after``, ``after_ci95``, ``change``, ``change_ci95``.
    days : pandas.DataFrame
        A row a fresh day and plan (``before``, ``after``): ``day``, ``plan``, costs and figures as in
        `costs`, ``objective``, and what a replay says: ``replayed_objective``, ``replayed_wait_min``.
    data : xarray.Dataset
        Over (plan, minute), `plan` being before or after, means of the full simulations: ``load_kw``,
        ``queue_vehicles``. With coordinated charging also ``load_coordinated_kw`` and, beside it,
        ``load_one_day_kw``: of the first fresh day alone, means over 5 minutes.
    history : pandas.DataFrame
        The search: ``evaluations``, ``best_objective``, ``mean_wait_min``, ``seconds``.
    front : pandas.DataFrame or None
        Of the Pareto search: ``plan`` (number), ``f1`` ... ``f4`` on the days of the search, ``fast`` and
        ``normal`` (lists in the order of stations) of each plan that no other beats.
    status : Status
    run : RunInfo
    figures : mapping
        The summary, key by key, as in ``summary.json``.
    scenario : Scenario, optional
        What was configured. None in a loaded result.
    """

    HEADLINES: ClassVar[Mapping[str, tuple[str, str]]] = {
        "objective": ("objective on fresh days", "money"),
        "evaluations": ("plans tried", ""),
    }
    TABLES: ClassVar[tuple[str, ...]] = ("plan", "costs", "days", "history", "front", "data")

    plan: pd.DataFrame
    costs: pd.DataFrame
    days: pd.DataFrame
    data: xr.Dataset
    history: pd.DataFrame
    front: pd.DataFrame | None
    status: Status
    run: RunInfo
    figures: Mapping[str, Any]
    scenario: Scenario | None = None
