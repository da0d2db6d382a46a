"""From sums over replications to a labelled result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from tidewatt.domain.arrays import Array
from tidewatt.result import RunInfo, Status, priced
from tidewatt.simulation.driving.ledger import Reason
from tidewatt.simulation.driving.models import speeds_kmh
from tidewatt.simulation.result import STATES
from tidewatt.simulation.totals import SERIES, Totals, beta, half_width

if TYPE_CHECKING:
    from tidewatt.simulation.world import World

__all__ = ["dataset", "event_table", "history_table", "station_table", "summarise", "unserved_table"]

_UNITS = {
    "power_kw": "kW",
    "revenue_per_h": "cost/h",
    "queue_vehicles": "vehicles",
    "occupied_chargers": "chargers",
    "load_kw": "kW",
    "queue_total": "vehicles",
    "destination_kw": "kW",
    "vehicles": "vehicles",
    "flow_veh_h": "vehicles/h",
    "speed_kmh": "km/h",
}
_NORMAL_95 = 1.6448536269514722


def dataset(world: World, totals: Totals) -> xr.Dataset:
    """Return means over replications, with bands (sim-12) for the sums over stations."""
    p = world.parameters
    variables: dict[str, Any] = {name: (("station", "minute"), totals.mean(name)) for name in SERIES}
    for name in ("load_kw", "queue_total"):
        mean, deviation = totals.spread(name)
        half = half_width(deviation, totals.count)
        variables[name] = ("minute", mean)
        variables[f"{name}_low"] = ("minute", np.maximum(mean - half, 0.0))
        variables[f"{name}_high"] = ("minute", mean + half)
        variables[f"{name}_p05"] = ("minute", np.maximum(mean - _NORMAL_95 * deviation, 0.0))
        variables[f"{name}_p95"] = ("minute", mean + _NORMAL_95 * deviation)
    variables["destination_kw"] = ("minute", totals.mean("destination_kw"))
    variables["vehicles"] = (("state", "minute"), totals.mean("vehicles"))
    speed = _not_above(
        speeds_kmh(world.roads, totals.mean("time_min")),
        speeds_kmh(world.roads, world.roads.free_time_min),
    )
    variables["flow_veh_h"] = (("link", "interval_min"), totals.mean("flow_veh_h").T.astype(np.float32))
    variables["speed_kmh"] = (("link", "interval_min"), speed.T)
    data = xr.Dataset(
        variables,
        coords={
            "station": world.stations.station_id,
            "minute": np.arange(int(world.minutes)),
            "interval_min": np.arange(world.intervals) * p["renew_min"],
            "link": world.roads.link_id,
            "state": list(STATES),
        },
    )
    for variable in map(str, data.data_vars):
        unit = _UNITS.get(variable) or _UNITS[variable.rsplit("_", 1)[0]]
        data[variable].attrs["units"] = priced(unit, world.scenario.currency)
    return data


def _not_above(values: Array, bound: Array) -> Array:
    """Cast to single precision, staying below `bound`: rounding up would make empty roads faster."""
    most = bound.astype(np.float32)
    most = np.where(most > bound, np.nextafter(most, np.float32(0.0)), most)
    return np.minimum(values.astype(np.float32), most)


def event_table(world: World, totals: Totals) -> pd.DataFrame:
    """Return one row per charge."""
    columns = {name: np.concatenate([e[name] for e in totals.events]) for name in totals.events[0]}
    return pd.DataFrame(
        {
            "replication": _replications(totals.events, np.int32),
            "vehicle_id": columns["vehicle"].astype(np.int64) + 1,
            "station_id": _ids(columns["station"], world.stations.station_id),
            "charger": _named(columns["kind"], ["fast", "normal"]),
            "decide_min": columns["decide"],
            "arrive_min": columns["arrive"],
            "start_min": columns["start"],
            "end_min": columns["end"],
            "energy_kwh": columns["energy"],
            "detour_min": columns["detour"],
            "wait_min": columns["wait"],
            "price_per_kwh": columns["price"],
        }
    )


def unserved_table(totals: Totals) -> pd.DataFrame:
    """Return one row per vehicle and time that ran low and did not charge on the way, with the reason."""
    columns = {name: np.concatenate([u[name] for u in totals.unserved]) for name in totals.unserved[0]}
    reasons = [reason.value for reason in Reason]
    return pd.DataFrame(
        {
            "replication": _replications(totals.unserved, np.int32),
            "vehicle_id": columns["vehicle"].astype(np.int64) + 1,
            "minute": columns["minute"],
            "soc": columns["soc"],
            "reason": _named(columns["reason"], reasons),
        }
    )


def _named(codes: Array, names: list[str]) -> pd.Categorical[str]:
    return pd.Categorical.from_codes(codes.astype(np.int8), pd.Index(names))


def _ids(position: Array, ids: Array) -> Any:
    """Return ids by position; text as categories, which stay small however many charges there are."""
    rows = position.astype(np.int64)
    return pd.Categorical.from_codes(rows, pd.Index(ids)) if ids.dtype == object else ids[rows]


def _replications(tables: list[Mapping[str, Array]], dtype: Any) -> Array:
    lengths = [len(next(iter(table.values()))) for table in tables]
    return np.repeat(np.arange(len(tables), dtype=dtype), lengths)


def history_table(world: World, totals: Totals) -> pd.DataFrame:
    """Return one row per replication, with the variance coefficient so far (sim-11)."""
    values = totals.values(world.parameters["statistic"])
    columns = (
        *("charges", "energy_kwh", "revenue", "mean_detour_min", "mean_wait_min", "mean_charge_min"),
        *("peak_load_kw", "queue_peak", "trips", "unserved", "seconds"),
    )
    return pd.DataFrame(
        {
            "replication": np.arange(totals.count),
            "statistic": values,
            "beta": [beta(values[: m + 1]) for m in range(totals.count)],
            **{name: totals.values(name) for name in columns},
        }
    )


def station_table(world: World, totals: Totals, events: pd.DataFrame) -> pd.DataFrame:
    """Return one row per station: what a day brings there on average."""
    stations, roads = world.stations, world.roads
    days = totals.count * world.parameters["days"]
    number = np.concatenate([e["station"] for e in totals.events]).astype(np.int64)
    energy, wait = events["energy_kwh"].to_numpy(), events["wait_min"].to_numpy()
    n = len(stations)
    charges = np.bincount(number, minlength=n)
    order = np.argsort(number, kind="stable")
    groups = np.split(wait[order], np.cumsum(charges)[:-1])
    chargers = stations.fast + stations.normal
    price = events["price_per_kwh"].to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_wait = np.bincount(number, wait, minlength=n) / charges
        used = totals.mean("occupied_chargers").mean(axis=1) / chargers
    return pd.DataFrame(
        {
            "station_id": stations.station_id,
            "node_id": roads.node_id[stations.node],
            "x": roads.x[stations.node],
            "y": roads.y[stations.node],
            "fast": stations.fast,
            "normal": stations.normal,
            "charges": charges / days,
            "energy_kwh": np.bincount(number, energy, minlength=n) / days,
            "revenue": np.bincount(number, energy * price, minlength=n) / days,
            "mean_wait_min": mean_wait,
            "p95_wait_min": [np.quantile(g, 0.95) if len(g) else np.nan for g in groups],
            "peak_load_kw": totals.mean("power_kw").max(axis=1),
            "queue_peak": totals.mean("queue_vehicles").max(axis=1),
            "utilisation": np.where(chargers > 0, used, np.nan),
        }
    )


def summarise(
    world: World, totals: Totals, events: pd.DataFrame, status: Status, run: RunInfo
) -> dict[str, Any]:
    """Return the keys of ``summary.json``; means over replications of a day's figures."""
    p, m = world.parameters, totals.count

    def mean(name: str) -> float:
        return float(np.mean(totals.values(name)))

    def ci95(name: str) -> float:
        values = totals.values(name)
        return float(half_width(float(np.std(values, ddof=1)) if m > 1 else 0.0, m))

    wait = events["wait_min"].to_numpy()
    load, _ = totals.spread("load_kw")
    queue, _ = totals.spread("queue_total")
    rules = {Status.TOLERANCE: "tolerance", Status.REPLICATIONS: "replications"}
    reasons = (reason.value for reason in Reason)
    errors = ("energy_balance_error_kwh", "vehicle_conservation_error", "littles_law_max_error")
    return {
        "scenario": world.scenario.name,
        "currency": world.scenario.currency,
        "status": status.name.lower(),
        "stop_rule": rules.get(status, "time_limit"),
        "replications": m,
        "beta": beta(totals.values(p["statistic"])),
        "statistic": p["statistic"],
        "days": p["days"],
        "vehicles": p["vehicles"],
        "trips": mean("trips"),
        "unreachable_trips": mean("unreachable_trips"),
        "links": world.roads.links,
        "stations": len(world.stations),
        "charges_per_day": mean("charges"),
        "charges_fast": mean("charges_fast"),
        "charges_normal": mean("charges_normal"),
        "unserved": mean("unserved"),
        "unserved_by_reason": {reason: mean(reason) for reason in reasons},
        "energy_kwh": mean("energy_kwh"),
        "revenue": mean("revenue"),
        "mean_detour_min": _weighted(totals, "mean_detour_min"),
        "mean_detour_min_ci95": ci95("mean_detour_min"),
        "mean_wait_min": _weighted(totals, "mean_wait_min"),
        "mean_wait_min_ci95": ci95("mean_wait_min"),
        "p95_wait_min": float(np.quantile(wait, 0.95)) if len(wait) else 0.0,
        "mean_charge_min": _weighted(totals, "mean_charge_min"),
        "mean_charge_min_ci95": ci95("mean_charge_min"),
        "queue_peak": float(queue.max(initial=0.0)),
        "queue_peak_min": float(np.argmax(queue)) % 1440.0,
        "peak_load_kw": mean("peak_load_kw"),
        "peak_load_kw_ci95": ci95("peak_load_kw"),
        "mean_profile_peak_kw": float(load.max(initial=0.0)),
        "peak_valley_kw": mean("peak_valley_kw"),
        "traffic_flow_veh_per_min": mean("traffic_flow_veh_per_min"),
        "mean_speed_kmh": mean("mean_speed_kmh"),
        **{name: float(totals.values(name).max()) for name in errors},
        "wall_s": run.wall_s,
        "peak_memory_mib": run.peak_memory_mib,
        "seed": run.seed,
        "version": run.version,
        "scenario_sha256": run.scenario_sha256,
        "day_chains": "statistics" if world.diary is None else "diary",
        "parameters": dict(p),
    }


def _weighted(totals: Totals, name: str) -> float:
    """Return the mean over charges: replications count by their charges."""
    charges = totals.values("charges")
    return float(totals.values(name) @ charges / charges.sum()) if charges.sum() > 0 else 0.0
