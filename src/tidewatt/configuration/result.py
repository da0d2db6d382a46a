"""The result of `configure`, labelled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tidewatt.domain.scenario import Scenario
from tidewatt.result import RunInfo, Status

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["Configuration"]


@dataclass(frozen=True, slots=True, eq=False)
class Configuration:
    """The plan that was found, and what it changes.

    Attributes
    ----------
    plan : pandas.DataFrame
        A row a station: ``station_id``, ``node_id``, ``x``, ``y``, ``fast_before``, ``fast_after``,
        ``normal_before``, ``normal_after``, ``retrofit_cost``, ``wait_before_min``, ``wait_after_min``,
        ``peak_before_kw``, ``peak_after_kw``, ``utilisation_before``, ``utilisation_after``.
    costs : pandas.DataFrame
        Before and after in rows ``f1`` ... ``traffic_flow_veh_per_min`` as in ``summary.json``: ``figure``,
        ``unit``, ``before``, ``before_ci95``, ``after``, ``after_ci95``, ``change``, ``change_ci95``.
    data : xarray.Dataset
        Over (plan, minute), `plan` being before or after, means of the full simulations: ``load_kw``,
        ``queue_vehicles``. With coordinated charging also ``load_coordinated_kw``.
    history : pandas.DataFrame
        The search: ``evaluations``, ``best_objective``, ``mean_wait_min``, ``seconds``.
    front : pandas.DataFrame or None
        Of the Pareto search: ``f1`` ... ``f4`` and ``plan`` (number) of each plan that no other beats.
    status : Status
    run : RunInfo
    figures : mapping
        The summary, key by key, as in ``summary.json``.
    scenario : Scenario, optional
        What was configured. None in a loaded result.
    """

    plan: pd.DataFrame
    costs: pd.DataFrame
    data: xr.Dataset
    history: pd.DataFrame
    front: pd.DataFrame | None
    status: Status
    run: RunInfo
    figures: Mapping[str, Any]
    scenario: Scenario | None = None

    def summary(self) -> dict[str, Any]:
        """The figures of ``summary.json``; units are suffixes of the keys."""
        return dict(self.figures)
