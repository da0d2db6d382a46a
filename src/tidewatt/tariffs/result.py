"""The result of `tariff`, labelled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tidewatt.domain.scenario import Scenario
from tidewatt.result import Result, RunInfo, Status

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["Tariffs"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Tariffs(Result):
    """Published prices, what they lead to, and the proof that they do.

    Attributes
    ----------
    tariffs : pandas.DataFrame
        ``site_id``, ``step``, ``tariff_per_kwh``, ``line_part_per_kwh``, ``voltage_part_per_kwh``,
        ``charger_price``, ``interval_low``, ``interval_high`` (between them every tariff supports the same
        plan; nan where not looked for).
    tolls : pandas.DataFrame
        ``link_id``, ``step``, ``toll_per_vehicle``; rows above 0.
    lines : pandas.DataFrame
        ``line_id``, ``step``, ``limit_kw``, ``nominal_kw`` (with vehicles, at the forecast),
        ``worst_high_kw``, ``worst_low_kw`` (within the uncertainty set), ``dual_high``, ``dual_low``
        (cost per kW, >= 0). Flow from the slack is positive.
    voltages : pandas.DataFrame
        ``bus_id``, ``step``, ``voltage_min_pu``, ``voltage_max_pu``, ``nominal_pu``, ``worst_high_pu``,
        ``worst_low_pu``, ``dual_high``, ``dual_low`` (cost per squared per unit).
    aggregators : pandas.DataFrame
        ``aggregator_id``, ``site_id``, ``step``, ``central_kw``, ``own_kw``, ``own_tariff_only_kw``, ``cost``
        (of the energy at price and tariff, in the step).
    sites : pandas.DataFrame
        ``site_id``, ``step``, ``entering``, ``bypassing``, ``queue``, ``charging``, ``discharging``,
        ``soc_mean``.
    outcomes : pandas.DataFrame
        Lines under sampled outcomes: ``line_id``, ``step``, ``plan`` (robust, deterministic), ``low_kw``,
        ``p05_kw``, ``median_kw``, ``p95_kw``, ``high_kw``, ``violated`` (share of the samples). Empty
        without samples.
    gamma : pandas.DataFrame or None
        Of a sweep: ``gamma``, ``status``, ``cost``, ``lower_bound_cost``, ``largest_tariff_per_kwh``,
        ``mean_tariff_per_kwh`` (over the energy charged), ``violation_rate``, ``binding_lines``.
    diagnosis : pandas.DataFrame
        Where no plan keeps all limits: ``limit`` (line, voltage, road, chargers, demand), ``element_id``,
        ``step``, ``amount``, ``unit``, ``remedy``: the least relaxation that would do. Empty otherwise.
    data : xarray.Dataset
        Over (link, step): ``link_flow``, ``link_queue``, ``road_dual``; over (site, step):
        ``charger_dual`` (of all limits, also of those whose price is not published); over ``arc`` in the
        arcs formulation what `tidewatt.tariffs.problem.Traffic` says.
    history : pandas.DataFrame
        ``iteration``, ``columns``, ``cost``, ``bound``, ``relative_gap``, ``seconds``.
    status : Status
    run : RunInfo
    figures : mapping
        The summary, key by key, as in ``summary.json``.
    scenario : Scenario, optional
        None in a loaded result.
    """

    HEADLINES: ClassVar[Mapping[str, tuple[str, str]]] = {
        "cost": ("cost", "money"),
        "lower_bound_cost": ("proved lower bound", "money"),
        "largest_tariff_per_kwh": ("largest tariff per kWh", "money"),
    }
    TABLES: ClassVar[tuple[str, ...]] = ("tariffs", "lines", "voltages", "sites", "diagnosis", "data")

    tariffs: pd.DataFrame
    tolls: pd.DataFrame
    lines: pd.DataFrame
    voltages: pd.DataFrame
    aggregators: pd.DataFrame
    sites: pd.DataFrame
    outcomes: pd.DataFrame
    gamma: pd.DataFrame | None
    diagnosis: pd.DataFrame
    data: xr.Dataset
    history: pd.DataFrame
    status: Status
    run: RunInfo
    figures: Mapping[str, Any]
    scenario: Scenario | None = None
