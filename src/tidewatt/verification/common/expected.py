"""The files of every kind of result and their content: a second list, independent of the writers'.

A test compares it with what is written. A name that the writers lost, or added unseen, shows up there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd
import xarray as xr

__all__ = ["always", "columns_of", "read_series", "read_table", "sometimes"]

# Columns, variables or keys that each file has at least, by kind of result.
_ALWAYS: Mapping[str, Mapping[str, str]] = {
    "coordination": {
        "summary.json": (
            "scenario status status_advice vehicles vehicles_short missing_energy_kwh feeders banks steps "
            "variables base_overload_kw base_upgrade_cost unmanaged_overload_kw "
            "unmanaged_feeders_overloaded unmanaged_upgrade_cost coordinated_overload_kw "
            "coordinated_feeders_overloaded coordinated_upgrade_cost lower_bound_cost absolute_gap "
            "relative_gap gap_of_savings total_regret_cost grid_slack_cost iterations vehicle_updates "
            "vehicle_updates_skipped wall_s peak_memory_mib seed version scenario_sha256"
        ),
        "feeders.parquet": (
            "feeder_id bank_id unmanaged_overload_kw unmanaged_upgrade_cost coordinated_overload_kw "
            "coordinated_upgrade_cost base_overload_kw headroom_worst_step_kw price_total"
        ),
        "banks.parquet": (
            "bank_id unmanaged_overload_kw unmanaged_upgrade_cost coordinated_overload_kw "
            "coordinated_upgrade_cost base_overload_kw headroom_worst_step_kw price_total"
        ),
        "vehicles.parquet": "vehicle_id energy_kwh missing_energy_kwh cost cheapest_cost regret_cost",
        "loads.nc": (
            "feeder bank step time headroom_kw unmanaged_kw coordinated_kw price bank_headroom_kw "
            "bank_unmanaged_kw bank_coordinated_kw bank_price"
        ),
        "schedule.parquet": "vehicle_id dwell step feeder_id power_kw",
        "history.csv": (
            "rung iteration projections bounds primal bound gap primal_residual dual_residual penalty "
            "answered skipped seconds"
        ),
    },
    "simulation": {
        "summary.json": (
            "scenario status stop_rule replications beta statistic days vehicles trips unreachable_trips "
            "links stations charges_per_day charges_fast charges_normal unserved unserved_by_reason "
            "energy_kwh revenue mean_detour_min mean_detour_min_ci95 mean_wait_min mean_wait_min_ci95 "
            "p95_wait_min mean_charge_min mean_charge_min_ci95 queue_peak queue_peak_min peak_load_kw "
            "peak_load_kw_ci95 mean_profile_peak_kw peak_valley_kw traffic_flow_veh_per_min "
            "mean_speed_kmh energy_balance_error_kwh vehicle_conservation_error littles_law_max_error "
            "wall_s peak_memory_mib seed version scenario_sha256 day_chains parameters"
        ),
        "events.parquet": (
            "replication vehicle_id station_id charger decide_min arrive_min start_min end_min energy_kwh "
            "detour_min wait_min price_per_kwh"
        ),
        "unserved.parquet": "replication vehicle_id minute soc reason",
        "stations.parquet": (
            "station_id node_id x y fast normal charges energy_kwh revenue mean_wait_min p95_wait_min "
            "peak_load_kw queue_peak utilisation"
        ),
        "stations.nc": (
            "station minute state power_kw revenue_per_h queue_vehicles occupied_chargers load_kw "
            "load_kw_low load_kw_high load_kw_p05 load_kw_p95 queue_total queue_total_low "
            "queue_total_high queue_total_p05 queue_total_p95 destination_kw vehicles"
        ),
        "links.nc": "link interval_min flow_veh_h speed_kmh",
        "history.csv": (
            "replication statistic beta charges energy_kwh revenue mean_detour_min mean_wait_min "
            "mean_charge_min peak_load_kw queue_peak trips unserved seconds"
        ),
    },
    "equilibrium": {
        "summary.json": (
            "scenario status method objective relative_gap relative_gap_asked iterations demand_trips "
            "intrazonal_trips unassigned_trips other_period_trips start_min period_h mean_travel_time_min "
            "mean_distance_km zones links pairs paths wall_s peak_memory_mib version scenario_sha256"
        ),
        "links.parquet": "link_id flow_veh travel_time_min",
        "history.csv": "iteration objective relative_gap seconds",
    },
    "configuration": {
        "summary.json": (
            "scenario status mode search information weights days_train days_test evaluations replays "
            "wall_s objective_train objective objective_ci95 before after stations_changed fast_before "
            "fast_after normal_before normal_after constraints replay_error coordinated seed version "
            "scenario_sha256 limits charges_before charges_after unserved_before unserved_after vehicles "
            "stations links peak_memory_mib parameters simulation"
        ),
        "plan.parquet": (
            "station_id node_id x y fast_before fast_after normal_before normal_after retrofit_cost "
            "wait_before_min wait_after_min peak_before_kw peak_after_kw utilisation_before "
            "utilisation_after charges_before charges_after"
        ),
        "costs.csv": "figure unit before before_ci95 after after_ci95 change change_ci95",
        "days.csv": (
            "day plan f1 f1_1 f1_2 f1_3 f2 f2_1 f2_2 f2_3 f3 f3_peak_valley f3_variance f4 charges "
            "charges_fast charges_normal unserved energy_kwh revenue mean_detour_min mean_wait_min "
            "mean_charge_min peak_load_kw peak_valley_kw queue_peak traffic_flow_veh_per_min objective "
            "replayed_objective replayed_wait_min"
        ),
        "profiles.nc": "plan minute load_kw queue_vehicles",
        "history.csv": "evaluations best_objective mean_wait_min seconds",
    },
    "tariffs": {
        "summary.json": (
            "scenario status status_advice formulation uncertainty gamma coverage coverage_scope start "
            "step_min steps nodes links sites aggregators vehicles groups lines buses columns rows "
            "grid_rows arcs_generated iterations soc_step soc_rounding linearisation loss_margin cost "
            "lower_bound_cost relative_gap deterministic_cost robust_cost_increase largest_tariff_per_kwh "
            "largest_toll_per_vehicle largest_charger_price published decentralisation_error_kw "
            "decentralisation_error_tariff_only_kw decentralisation_flow_error_kw "
            "decentralisation_error_bound_kw binding_lines binding_buses energy_kwh prices_needed soc_gap "
            "pooling_gap outer_bound_cost paths_cost violation_rate_robust violation_rate_deterministic "
            "samples ac_voltage_error_pu ac_flow_error_kw ac_exceeded_lines ac_exceeded_buses "
            "unserved_vehicles solver_status notes build_s solve_s wall_s peak_memory_mib seed version "
            "scenario_sha256"
        ),
        "tariffs.parquet": (
            "site_id step tariff_per_kwh line_part_per_kwh voltage_part_per_kwh charger_price "
            "interval_low interval_high"
        ),
        "tolls.parquet": "link_id step toll_per_vehicle",
        "lines.parquet": "line_id step limit_kw nominal_kw worst_high_kw worst_low_kw dual_high dual_low",
        "voltages.parquet": (
            "bus_id step voltage_min_pu voltage_max_pu nominal_pu worst_high_pu worst_low_pu dual_high "
            "dual_low"
        ),
        "aggregators.parquet": "aggregator_id site_id step central_kw own_kw own_tariff_only_kw cost",
        "sites.parquet": "site_id step entering bypassing queue charging discharging soc_mean",
        "outcomes.parquet": "line_id step plan low_kw p05_kw median_kw p95_kw high_kw violated",
        "flows.nc": "link step time link_flow link_queue",
        "history.csv": "iteration columns cost bound relative_gap seconds",
    },
}
_SOMETIMES: Mapping[str, Mapping[str, str]] = {
    "coordination": {
        "schedule_session.parquet": "vehicle_id dwell step feeder_id power_kw",
        "soc.parquet": "vehicle_id minute soc",
    },
    "configuration": {
        "front.parquet": "plan f1 f2 f3 f4 fast normal",
    },
    "tariffs": {
        "gamma.csv": (
            "gamma status cost lower_bound_cost largest_tariff_per_kwh mean_tariff_per_kwh violation_rate "
            "binding_lines"
        ),
        "diagnosis.csv": "limit element_id step amount unit remedy",
    },
}

# What a file may have besides.
_OPTIONAL: Mapping[str, Mapping[str, str]] = {
    "coordination": {
        "summary.json": (
            "currency cost_unit unavoidable_upgrade_cost avoidable_upgrade_cost unmanaged_banks_overloaded "
            "session_overload_kw session_feeders_overloaded session_banks_overloaded session_upgrade_cost "
            "coordinated_banks_overloaded session_lower_bound_cost session_relative_gap session_status"
        ),
        "feeders.parquet": (
            "session_overload_kw session_upgrade_cost base_upgrade_cost name customers longitude latitude"
        ),
        "banks.parquet": "session_overload_kw session_upgrade_cost base_upgrade_cost name",
        "loads.nc": (
            "longitude latitude customers session_kw session_price bank_session_kw bank_session_price "
            "base_load_kw rating_kw"
        ),
    },
    "simulation": {"summary.json": "currency"},
    "configuration": {
        "summary.json": "currency cost_unit",
        "profiles.nc": "load_one_day_kw load_coordinated_kw",
    },
    "tariffs": {
        "summary.json": "currency",
        "flows.nc": (
            "site road_dual charger_dual aggregator destination soc_final_min action index start_step "
            "end_step node level level_end soc power_kw vehicles"
        ),
    },
}
_LEVEL_UNITS = {
    "kW": (
        "unmanaged_overload_kw session_overload_kw coordinated_overload_kw base_overload_kw "
        "headroom_worst_step_kw"
    ),
    "cost": "unmanaged_upgrade_cost session_upgrade_cost coordinated_upgrade_cost base_upgrade_cost",
    "cost per kW": "price_total",
}
# What columns and variables are in, by unit; ``cost`` stands for the scenario's money.
_UNITS: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "coordination": {
        "feeders.parquet": {**_LEVEL_UNITS, "degrees": "longitude latitude"},
        "banks.parquet": _LEVEL_UNITS,
        "vehicles.parquet": {
            "kWh, grid side": "energy_kwh",
            "kWh, battery side": "missing_energy_kwh",
            "cost": "cost cheapest_cost regret_cost",
        },
        "loads.nc": {
            "degrees": "longitude latitude",
            "kW": (
                "headroom_kw unmanaged_kw session_kw coordinated_kw bank_headroom_kw bank_unmanaged_kw "
                "bank_session_kw bank_coordinated_kw base_load_kw rating_kw"
            ),
            "cost per kW": "price session_price bank_price bank_session_price",
        },
        "schedule.parquet": {"kW, grid side": "power_kw"},
        "schedule_session.parquet": {"kW, grid side": "power_kw"},
        "soc.parquet": {"min": "minute", "1": "soc"},
    },
    "simulation": {
        "events.parquet": {
            "min": "decide_min arrive_min start_min end_min detour_min wait_min",
            "kWh": "energy_kwh",
            "cost per kWh": "price_per_kwh",
        },
        "unserved.parquet": {"min": "minute", "1": "soc"},
        "stations.parquet": {
            "1/day": "charges",
            "kWh/day": "energy_kwh",
            "cost/day": "revenue",
            "min": "mean_wait_min p95_wait_min",
            "kW": "peak_load_kw",
            "vehicles": "queue_peak",
            "1": "utilisation",
        },
        "stations.nc": {
            "min": "minute",
            "kW": "power_kw load_kw load_kw_low load_kw_high load_kw_p05 load_kw_p95 destination_kw",
            "cost/h": "revenue_per_h",
            "vehicles": (
                "queue_vehicles queue_total queue_total_low queue_total_high queue_total_p05 "
                "queue_total_p95 vehicles"
            ),
            "chargers": "occupied_chargers",
        },
        "links.nc": {"min": "interval_min", "vehicles/h": "flow_veh_h", "km/h": "speed_kmh"},
    },
    "equilibrium": {"links.parquet": {"vehicles": "flow_veh", "min": "travel_time_min"}},
    "configuration": {
        "plan.parquet": {
            "cost/day": "retrofit_cost",
            "min": "wait_before_min wait_after_min",
            "kW": "peak_before_kw peak_after_kw",
            "1": "utilisation_before utilisation_after",
            "1/day": "charges_before charges_after",
        },
        "profiles.nc": {
            "min": "minute",
            "kW": "load_kw load_one_day_kw load_coordinated_kw",
            "vehicles": "queue_vehicles",
        },
        "front.parquet": {"cost/day": "f1 f2 f3 f4", "chargers": "fast normal"},
    },
    "tariffs": {
        "tariffs.parquet": {
            "cost per kWh": (
                "tariff_per_kwh line_part_per_kwh voltage_part_per_kwh interval_low interval_high"
            ),
            "cost per charger and step": "charger_price",
        },
        "tolls.parquet": {"cost per vehicle": "toll_per_vehicle"},
        "lines.parquet": {
            "kW": "limit_kw nominal_kw worst_high_kw worst_low_kw",
            "cost per kW": "dual_high dual_low",
        },
        "voltages.parquet": {
            "1": "voltage_min_pu voltage_max_pu nominal_pu worst_high_pu worst_low_pu",
            "cost per squared per unit": "dual_high dual_low",
        },
        "aggregators.parquet": {"kW": "central_kw own_kw own_tariff_only_kw", "cost": "cost"},
        "sites.parquet": {"vehicles": "entering bypassing queue charging discharging", "1": "soc_mean"},
        "outcomes.parquet": {"kW": "low_kw p05_kw median_kw p95_kw high_kw", "1": "violated"},
        "flows.nc": {
            "vehicles": "link_flow link_queue vehicles",
            "cost per vehicle": "road_dual",
            "cost per charger and step": "charger_dual",
            "1": "soc_final_min start_step end_step soc",
            "kW": "power_kw",
        },
    },
}
_CERTIFICATE = "format scenario scenario_absolute scenario_sha256 run files"
_CERTIFICATE_OF = {"coordination": "rungs statuses counts missing_energy_kwh"}
_CERTIFICATE_OF_OTHERS = "kind status"
# What no check derives: what the run itself knew or was told, what it tried on its way, and what only
# simulating or drawing again would show. Names are columns, variables or keys; `rows` stands for which rows
# there are.
_RUN = {"certificate.json": "run scenario scenario_absolute", "summary.json": "currency"}
_FILED: Mapping[str, Mapping[str, str]] = {
    "coordination": {
        **_RUN,
        "certificate.json": f"{_RUN['certificate.json']} counts",
        "summary.json": f"{_RUN['summary.json']} cost_unit",
        "history.csv": (
            "rows iteration projections bounds primal_residual dual_residual penalty answered skipped seconds"
        ),
    },
    "simulation": {
        **_RUN,
        "summary.json": (
            f"{_RUN['summary.json']} parameters day_chains days mean_speed_kmh unreachable_trips wall_s "
            "peak_memory_mib"
        ),
        "links.nc": "flow_veh_h speed_kmh",
        "stations.nc": "destination_kw",
        "unserved.parquet": "rows replication vehicle_id minute soc",
        "history.csv": "trips seconds",
    },
    "equilibrium": {
        **_RUN,
        "summary.json": "method paths relative_gap_asked start_min wall_s peak_memory_mib",
        "history.csv": "objective relative_gap seconds",
    },
    "configuration": {
        **_RUN,
        "summary.json": f"{_RUN['summary.json']} cost_unit parameters simulation limits replays coordinated",
        "history.csv": "rows mean_wait_min seconds",
        "costs.csv": "unit",
        "days.csv": "energy_kwh f2_3 replayed_wait_min traffic_flow_veh_per_min unserved",
        "plan.parquet": "charges_before charges_after peak_before_kw wait_before_min wait_after_min",
        "profiles.nc": "load_kw load_one_day_kw load_coordinated_kw",
    },
    "tariffs": {
        **_RUN,
        "summary.json": (
            f"{_RUN['summary.json']} arcs_generated build_s columns coverage coverage_scope "
            "decentralisation_error_bound_kw formulation grid_rows iterations linearisation notes "
            "outer_bound_cost paths_cost rows samples soc_rounding soc_step solve_s solver_status "
            "violation_rate_deterministic violation_rate_robust"
        ),
        "gamma.csv": (
            "rows gamma status cost lower_bound_cost largest_tariff_per_kwh violation_rate binding_lines"
        ),
        "history.csv": "iteration columns seconds",
        "outcomes.parquet": "rows plan p05_kw",
        "sites.parquet": "soc_mean",
        "tariffs.parquet": "interval_low interval_high",
    },
}


def always(kind: str) -> tuple[str, ...]:
    """Return the files that every result of a kind has, apart from its certificate and scenarios."""
    return tuple(_ALWAYS[kind])


def sometimes(kind: str) -> tuple[str, ...]:
    """Return the files that only some results of a kind have."""
    return tuple(_SOMETIMES.get(kind, ()))


def columns_of(kind: str, file: str) -> tuple[str, ...]:
    """Return the columns, variables or keys that a file must have."""
    return tuple({**_ALWAYS[kind], **_SOMETIMES.get(kind, {})}[file].split())


def optional_columns(kind: str, file: str) -> tuple[str, ...]:
    """Return the columns, variables or keys that a file may have besides."""
    return tuple(_OPTIONAL.get(kind, {}).get(file, "").split())


def units_of(kind: str, file: str) -> dict[str, str]:
    """Return what the columns or variables of a file are in, by their names."""
    by_unit = _UNITS[kind].get(file, {})
    return {name: unit for unit, names in by_unit.items() for name in names.split()}


def keys_of_certificate(kind: str) -> tuple[set[str], set[str]]:
    """Return the keys that a certificate must have, and those that it may have besides."""
    own = _CERTIFICATE_OF.get(kind, _CERTIFICATE_OF_OTHERS)
    return {*_CERTIFICATE.split(), *own.split()}, {"kind"} if kind in _CERTIFICATE_OF else set()


def filed(kind: str) -> Mapping[str, tuple[str, ...]]:
    """Return what of a result is as whoever ran the study filed it, derived by no check, by file."""
    return {file: tuple(names.split()) for file, names in _FILED[kind].items()}


def read_table(folder: Path, kind: str, file: str) -> pd.DataFrame:
    """Return a table of a result.

    Raises
    ------
    ValueError
        Where columns are missing.
    """
    path = folder / file
    if path.suffix == ".parquet":
        table = pd.read_parquet(path)
    elif tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1):
        # Before, it gives back the numbers that were written only if asked.
        table = pd.read_csv(path, float_precision="round_trip")
    else:
        table = pd.read_csv(path)
    if len(table):  # a history without rows may have no columns
        _check(kind, file, table.columns)
    return table


def read_series(folder: Path, kind: str, file: str) -> xr.Dataset:
    """Return the series of a NetCDF file of a result.

    Raises
    ------
    ValueError
        Where variables are missing.
    """
    with xr.open_dataset(folder / file, engine="h5netcdf") as data:
        loaded = data.load()
    _check(kind, file, map(str, loaded.variables))
    return loaded


def _check(kind: str, file: str, found: Iterable[str]) -> None:
    missing = sorted(set(columns_of(kind, file)) - set(found))
    if missing:
        raise ValueError(f"{file} lacks {', '.join(missing)}")
