"""The result of `simulate`, labelled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tidewatt.domain.scenario import Scenario
from tidewatt.result import Result, RunInfo, Status

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["STATES", "Simulation"]

STATES = ("parked", "driving", "to_station", "queueing", "charging")
"""What a vehicle does in a minute; `charging` means at a station on the way."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Simulation(Result):
    """What happened on the simulated days.

    Attributes
    ----------
    data : xarray.Dataset
        Means over replications. Over (station, minute): ``power_kw``, ``revenue_per_h``,
        ``queue_vehicles``, ``occupied_chargers``. Over (minute,): ``load_kw`` (all stations) and
        ``queue_total``, each with ``_low`` and ``_high`` (sim-12) and ``_p05``, ``_p95`` (spread of single
        days, normal approximation); ``destination_kw`` (home, work and other destinations). Over (state,
        minute): ``vehicles``. Over (link, interval_min): ``flow_veh_h``, ``speed_kmh``. Coordinates
        ``station``, ``link`` (ids), ``minute`` (from 0), ``interval_min`` (start of each interval),
        ``state``. Units in attributes.
    events : pandas.DataFrame
        A row a charge: ``replication``, ``vehicle_id``, ``station_id``, ``charger`` (fast, normal),
        ``decide_min``, ``arrive_min``, ``start_min``, ``end_min``, ``energy_kwh``, ``detour_min``,
        ``wait_min``, ``price_per_kwh``.
    unserved : pandas.DataFrame
        A row a vehicle and day that ran low and did not charge: ``replication``, ``vehicle_id``,
        ``minute``, ``soc``, ``reason``.
    stations : pandas.DataFrame
        A row a station, per day: ``station_id``, ``node_id``, ``x``, ``y``, ``fast``, ``normal``,
        ``charges``, ``energy_kwh``, ``revenue``, ``mean_wait_min``, ``p95_wait_min``, ``peak_load_kw``,
        ``queue_peak``, ``utilisation``.
    history : pandas.DataFrame
        A row a replication: ``replication``, ``statistic``, ``beta`` (nan for the first), ``charges``,
        ``energy_kwh``, ``revenue``, ``mean_detour_min``, ``mean_wait_min``, ``mean_charge_min``,
        ``peak_load_kw``, ``queue_peak``, ``trips``, ``unserved``, ``seconds``.
    status : Status
        Which stop rule ended the run.
    run : RunInfo
        Where it comes from.
    figures : mapping
        The summary, key by key, as in ``summary.json``.
    itineraries : Scenario, optional
        The first replication's vehicles, dwells and trips, for `coordinate`. None in a loaded result.
    scenario : Scenario, optional
        What was simulated. None in a loaded result.
    """

    HEADLINES: ClassVar[Mapping[str, tuple[str, str]]] = {
        "charges_per_day": ("charges", "a day"),
        "mean_wait_min": ("mean wait", "min"),
        "peak_load_kw": ("peak load", "kW"),
    }
    TABLES: ClassVar[tuple[str, ...]] = ("stations", "events", "unserved", "history", "data")

    data: xr.Dataset
    events: pd.DataFrame
    unserved: pd.DataFrame
    stations: pd.DataFrame
    history: pd.DataFrame
    status: Status
    run: RunInfo
    figures: Mapping[str, Any]
    itineraries: Scenario | None = None
    scenario: Scenario | None = None
