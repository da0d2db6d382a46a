"""What a simulation's tables and summary say, against the charges."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.scenario import Scenario
from tidewatt.verification.common.findings import CheckList
from tidewatt.verification.simulation.claims import ClaimedDays, Events
from tidewatt.verification.simulation.series import Profiles, student

__all__ = ["check_history", "check_stations", "check_summary"]

_BALANCE_KWH = 1e-6
_OF_A_DAY = ("charges", "energy_kwh", "revenue", "unserved")
_REASONS = ("charged_today", "no_station_reachable", "ran_empty", "within_zone")
_RULES = {"tolerance": "TOLERANCE", "replications": "REPLICATIONS", "time_limit": "TIME_LIMIT"}
FEWEST = 10
"""Fewest replications after which the tolerance may end a run."""


def _near(values: Array | float, share: float = 1e-8) -> float:
    return share * max(float(np.abs(np.nan_to_num(np.asarray(values, float))).max(initial=0.0)), 1.0)


def _means(values: Array, group: Array, groups: int, empty: float) -> Array:
    """Return the mean of the values in each group, `empty` if there are none, shape (groups,)."""
    number = np.bincount(group, minlength=groups)
    total = np.bincount(group, values, minlength=groups)
    return np.where(number > 0, total / np.maximum(number, 1), empty)


def per_day(days: ClaimedDays, events: Events, own: Profiles) -> dict[str, Array]:
    """Return figures of every replication, shape (replications,), by their names in ``history.csv``."""
    e, m = events, days.replications
    low = np.bincount(days.unserved["replication"].to_numpy(np.int64), minlength=m)[:m]
    figures = {
        "charges": np.bincount(e.replication, minlength=m) / days.days,
        "energy_kwh": np.bincount(e.replication, e.energy_kwh, minlength=m) / days.days,
        "revenue": np.bincount(e.replication, e.energy_kwh * e.price_per_kwh, minlength=m) / days.days,
        "mean_detour_min": _means(e.detour_min, e.replication, m, 0.0),
        "mean_wait_min": _means(e.start_min - e.arrive_min, e.replication, m, 0.0),
        "mean_charge_min": _means(e.charge_min, e.replication, m, 0.0),
        "queue_peak": own.queue.max(axis=1),
        "unserved": low / days.days,
    }
    if own.constant:
        figures["peak_load_kw"] = own.load_kw.max(axis=1)
    return figures


def beta(values: Array) -> float:
    """Return the standard error of a mean over days, relative to that mean (sim-11)."""
    m = len(values)
    if m < 2:
        return math.nan
    error, mean = float(values.std(ddof=1)) / math.sqrt(m), abs(float(values.mean()))
    return error / mean if mean > 0 else math.inf if error > 0 else 0.0


def check_history(ledger: CheckList, days: ClaimedDays, figures: dict[str, Array]) -> None:
    """Check ``history.csv`` day by day."""
    table, m = days.history, days.replications
    rows = np.array_equal(table["replication"].to_numpy(), np.arange(m))
    if not ledger.add("history: replications", rows, f"{len(table):,} rows, {m:,} replications claimed"):
        return
    for name, mine in figures.items():
        ledger.equal(f"history: {name}", table[name].to_numpy(np.float64), mine, _near(mine))
    watched, said = str(days.summary["statistic"]), table["statistic"].to_numpy(np.float64)
    if watched in figures:
        ledger.equal("history: statistic", said, figures[watched], _near(figures[watched]))
    else:
        ledger.equal("history: statistic", said, table[watched].to_numpy(np.float64), 0.0)
    mine = np.array([beta(said[: k + 1]) for k in range(m)])
    theirs = table["beta"].to_numpy(np.float64)
    ledger.equal("history: beta", np.nan_to_num(theirs, nan=-1.0), np.nan_to_num(mine, nan=-1.0), 1e-9)


def check_stations(
    ledger: CheckList, days: ClaimedDays, events: Events, own: Profiles, scenario: Scenario
) -> None:
    """Check ``stations.parquet``."""
    stations, roads, table, e = scenario.stations, scenario.roads, days.stations, events
    assert stations is not None and roads is not None
    n, each = len(stations), days.replications * days.days
    for name, ids in (("station_id", stations.station_id), ("node_id", roads.node_id[stations.node])):
        same = [str(i) for i in table[name].tolist()] == [str(i) for i in ids]
        ledger.add(f"stations: {name}", same, f"{len(table):,} rows, {n:,} in the scenario")
        if not same:
            return
    chargers = stations.fast + stations.normal
    used = own.station["occupied_chargers"].mean(axis=1)
    wait = e.start_min - e.arrive_min
    rows = [wait[e.station == s] for s in range(n)] if n * len(e) < 2e8 else _groups(wait, e.station, n)
    figures = {
        "x": roads.x[stations.node],
        "y": roads.y[stations.node],
        "fast": stations.fast,
        "normal": stations.normal,
        "charges": np.bincount(e.station, minlength=n) / each,
        "energy_kwh": np.bincount(e.station, e.energy_kwh, minlength=n) / each,
        "revenue": np.bincount(e.station, e.energy_kwh * e.price_per_kwh, minlength=n) / each,
        "mean_wait_min": _means(wait, e.station, n, math.nan),
        "p95_wait_min": np.array([np.quantile(row, 0.95) if len(row) else math.nan for row in rows]),
        "queue_peak": own.station["queue_vehicles"].max(axis=1),
        "utilisation": np.where(chargers > 0, used / np.maximum(chargers, 1), math.nan),
    }
    if own.constant:
        figures["peak_load_kw"] = own.station["power_kw"].max(axis=1)
    for name, mine in figures.items():
        theirs = table[name].to_numpy(np.float64)
        # Stations without a charge have no mean: nan on both sides.
        gaps = np.isnan(mine) & np.isnan(theirs)
        ledger.equal(
            f"stations: {name}",
            np.where(gaps, 0.0, theirs),
            np.where(gaps, 0.0, mine),
            _near(mine, 1e-7),
            "",
            stations.station_id,
        )


def _groups(values: Array, group: Array, groups: int) -> list[Array]:
    order = np.argsort(group, kind="stable")
    return np.split(values[order], np.cumsum(np.bincount(group, minlength=groups))[:-1])


def check_summary(
    ledger: CheckList,
    days: ClaimedDays,
    events: Events,
    own: Profiles,
    figures: dict[str, Array],
    scenario: Scenario,
    certificate: dict[str, object],
) -> None:
    """Check ``summary.json`` figure by figure."""
    f, m, e, table = days.summary, days.replications, events, days.history
    assert scenario.stations is not None and scenario.roads is not None
    fast = np.bincount(e.replication, e.kind == 0, minlength=m) / days.days
    reason = days.unserved["reason"].astype(str)
    queue = own.queue.mean(axis=0)
    states = days.series["vehicles"].to_numpy().astype(np.float64)
    mine: dict[str, float] = {
        "links": scenario.roads.links,
        "stations": len(scenario.stations),
        "beta": beta(table["statistic"].to_numpy(np.float64)),
        "trips": float(table["trips"].mean()),
        "charges_per_day": figures["charges"].mean(),
        "charges_fast": fast.mean(),
        "charges_normal": figures["charges"].mean() - fast.mean(),
        "unserved": figures["unserved"].mean(),
        "energy_kwh": figures["energy_kwh"].mean(),
        "revenue": figures["revenue"].mean(),
        "mean_detour_min": _mean(e.detour_min),
        "mean_wait_min": _mean(e.start_min - e.arrive_min),
        "p95_wait_min": float(np.quantile(e.start_min - e.arrive_min, 0.95)) if len(e) else 0.0,
        "mean_charge_min": _mean(e.charge_min),
        "queue_peak": queue.max(),
        "queue_peak_min": float(queue.argmax() % 1440),
        "traffic_flow_veh_per_min": states[1:3].sum() / days.minutes,
    }
    if own.constant:
        load = own.load_kw
        mine |= {
            "peak_load_kw": figures["peak_load_kw"].mean(),
            "peak_valley_kw": (load.max(axis=1) - load.min(axis=1)).mean(),
            "mean_profile_peak_kw": load.mean(axis=0).max(),
        }
    for name in ("mean_detour_min", "mean_wait_min", "mean_charge_min", "peak_load_kw"):
        if name in figures and m > 1:
            error = float(figures[name].std(ddof=1)) / math.sqrt(m)
            mine[f"{name}_ci95"] = student(m - 1) * error
    for key, value in mine.items():
        told = f.get(key)
        theirs = math.nan if told is None else float(told)
        if math.isnan(value) and told is None:
            continue
        if key == "queue_peak_min":  # equal peaks: either minute will do
            good = 0 <= theirs < days.minutes and queue.max() - queue[_at(theirs, queue)] <= _near(queue)
            if not queue.max() > 0:  # nobody ever queues
                good = theirs == 0
            ledger.add("summary: queue_peak_min", good, f"minute {theirs:g}")
            continue
        ledger.equal(f"summary: {key}", theirs, value, _near(value, 1e-7))
    by_reason = {str(name): number / m / days.days for name, number in reason.value_counts().items()}
    said = {
        str(name): float(number) for name, number in (f.get("unserved_by_reason") or {}).items() if number
    }
    same = set(f.get("unserved_by_reason") or {}) == set(_REASONS)
    same &= said.keys() == {name for name, number in by_reason.items() if number} and all(
        abs(said[name] - by_reason[name]) < 1e-9 * max(by_reason[name], 1.0) for name in said
    )
    ledger.add(
        "summary: unserved_by_reason", same, ", ".join(f"{k}: {v:g}" for k, v in said.items()) or "none"
    )
    _check_rule(ledger, days, certificate)
    _check_words(ledger, days, scenario, certificate)
    _check_own(ledger, days, scenario)


def _at(minute: float, queue: Array) -> int:
    """Return, among all days, the minute at this time of day with the highest value."""
    options = np.arange(int(minute), len(queue), 1440)
    return int(options[np.argmax(queue[options])])


def _mean(values: Array) -> float:
    return float(values.mean()) if len(values) else 0.0


def _check_rule(ledger: CheckList, days: ClaimedDays, certificate: dict[str, object]) -> None:
    """Check that the stop rule said to have ended the run could have done so."""
    f = days.summary
    rule, status = str(f.get("stop_rule")), str(f.get("status")).upper()
    good = _RULES.get(rule) == status == str(certificate.get("status"))
    tolerance, most = days.parameters.get("tolerance"), days.parameters.get("replications")
    if rule == "tolerance":
        good &= days.replications >= FEWEST and f.get("beta") is not None
        good &= tolerance is None or float(f.get("beta") or 0.0) <= float(tolerance)
    if rule == "replications" and most is not None:
        good &= int(most) == days.replications
    ledger.add("stop rule", good, f"{rule}, status {status}")


def _check_words(
    ledger: CheckList, days: ClaimedDays, scenario: Scenario, certificate: dict[str, object]
) -> None:
    """Check that what is repeated in several places agrees."""
    f, run = days.summary, certificate.get("run")
    told = run if isinstance(run, dict) else {}
    good = f.get("scenario_sha256") == certificate.get("scenario_sha256") == told.get("scenario_sha256")
    good &= f.get("scenario") == scenario.name and f.get("seed") == told.get("seed")
    good &= f.get("version") == told.get("version") and int(f.get("days", days.days)) == days.days
    good &= int(days.parameters.get("vehicles", f["vehicles"])) == int(f["vehicles"])
    ledger.add("summary: scenario, days, run", good, "must match certificate and scenario")


def _check_own(ledger: CheckList, days: ClaimedDays, scenario: Scenario) -> None:
    """Check the run's own findings: energy, vehicles and queues are conserved."""
    f = days.summary
    roads = scenario.roads
    assert roads is not None
    claims: dict[str, Callable[[float], bool]] = {
        "energy_balance_error_kwh": lambda value: 0 <= value <= _BALANCE_KWH,
        "vehicle_conservation_error": lambda value: value == 0,
        "littles_law_max_error": lambda value: 0 <= value <= 1e-6,
        "unreachable_trips": lambda value: value >= 0,
    }
    real = (roads.length_km > 0) & (roads.free_time_min > 0)
    free = 60.0 * roads.length_km[real] / roads.free_time_min[real]
    fastest = max(float(free.max(initial=0.0)), 30.0)  # side streets
    claims["mean_speed_kmh"] = lambda value: 0 <= value <= fastest * (1 + 1e-9)
    for name, good in claims.items():
        told = f.get(name)
        value = math.nan if told is None else float(told)
        ledger.add(f"summary: {name}", good(value), f"{value:g}")
