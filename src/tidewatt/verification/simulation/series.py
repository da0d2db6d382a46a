"""Per-minute series from the charges, and what the files say about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.scenario import Scenario
from tidewatt.verification.common.findings import CheckList
from tidewatt.verification.simulation.claims import ClaimedDays, Events

__all__ = ["Profiles", "check_roads", "check_series", "check_states", "profiles_of", "student"]

_NORMAL_90 = 1.6448536269514722
_STATES = ("parked", "driving", "to_station", "queueing", "charging")


@dataclass(frozen=True, slots=True, eq=False)
class Profiles:
    """Series that follow from the charges.

    Attributes
    ----------
    station : dict of str to array, each of shape (stations, minutes)
        Means over replications, by the names of the files.
    load_kw, queue : array, shape (replications, minutes)
        Sums over stations, day by day.
    constant : bool
        Whether power is constant during a charge, so that loads by minute follow from the events.
    """

    station: dict[str, Array]
    load_kw: Array
    queue: Array
    constant: bool


def _covered(row: Array, begin: Array, end: Array, height: Array, rows: int, minutes: int) -> Array:
    """Return the mean height of intervals in every minute, by row; minutes beyond the last wrap around.

    The time that an interval covers of a minute is a ramp in its ends: each end adds its part of its own
    minute and a whole one to all minutes after, so that running sums give every minute.
    """
    last = int(np.floor(end.max(initial=0.0))) + 2
    width = -(-max(last + 1, minutes) // minutes) * minutes
    ramp = np.zeros(rows * width)
    for time, sign in ((begin, 1.0), (end, -1.0)):
        whole = np.floor(time).astype(np.int64)
        part = time - whole
        at = row * width + whole
        ramp += np.bincount(at, sign * height * (1.0 - part), minlength=rows * width)
        ramp += np.bincount(at + 1, sign * height * part, minlength=rows * width)
    values = np.cumsum(ramp.reshape(rows, width), axis=1)
    folded: Array = values.reshape(rows, width // minutes, minutes).sum(axis=1)
    return folded


def profiles_of(days: ClaimedDays, events: Events, stations: int) -> Profiles:
    """Return the series of all charges; power as the mean over each charge."""
    e, m, minutes = events, days.replications, days.minutes
    kw = e.energy_kwh * 60.0 / np.maximum(e.charge_min, 1e-12)
    ones = np.ones(len(e))
    spans = {
        "power_kw": (e.start_min, e.end_min, kw),
        "revenue_per_h": (e.start_min, e.end_min, kw * e.price_per_kwh),
        "queue_vehicles": (e.arrive_min, e.start_min, ones),
        "occupied_chargers": (e.start_min, e.end_min, ones),
    }
    station = {name: _covered(e.station, *span, stations, minutes) / m for name, span in spans.items()}
    load = _covered(e.replication, *spans["power_kw"], m, minutes)
    queue = _covered(e.replication, *spans["queue_vehicles"], m, minutes)
    taper = days.parameters.get("taper_soc")
    return Profiles(station, load, queue, taper is None or float(taper) >= 1.0)


def check_series(ledger: CheckList, days: ClaimedDays, own: Profiles, station_id: Array) -> None:
    """Check ``stations.nc`` against the charges."""
    data = days.series
    said = [str(each) for each in data["station"].to_numpy().tolist()]
    ledger.add("stations.nc: stations", said == list(map(str, station_id)), f"{len(said):,} named")
    for name, mine in own.station.items():
        values, unit = data[name].to_numpy().astype(np.float64), str(data[name].attrs.get("units", ""))
        if not own.constant and name in ("power_kw", "revenue_per_h"):
            # Power falls during a charge: what a station gives in all still follows.
            ledger.equal(f"{name}: sums", values.sum(axis=1), mine.sum(axis=1), _near(mine.sum(axis=1)), unit)
            continue
        ledger.equal(name, values, mine, _near(mine), unit, station_id)
    _check_totals(ledger, days, own)


def _near(values: Array, share: float = 1e-7) -> float:
    """Return a tolerance for the rounding of sums."""
    return share * max(float(np.abs(values).max(initial=0.0)), 1.0)


def _check_totals(ledger: CheckList, days: ClaimedDays, own: Profiles) -> None:
    """Check the sums over stations and their bands."""
    data, m = days.series, days.replications
    power = data["power_kw"].to_numpy().astype(np.float64)
    load = data["load_kw"].to_numpy().astype(np.float64)
    ledger.equal("load of all stations", load, power.sum(axis=0), _near(load), "kW")
    for name, rows in (("load_kw", own.load_kw), ("queue_total", own.queue)):
        if name == "load_kw" and not own.constant:
            continue
        mean = rows.mean(axis=0)
        spread = rows.std(axis=0, ddof=1) if m > 1 else np.zeros_like(mean)
        half = spread * student(m - 1) / np.sqrt(m) if m > 1 else np.full_like(mean, np.nan)
        bands = {
            "": mean,
            "_p05": np.maximum(mean - _NORMAL_90 * spread, 0.0),
            "_p95": mean + _NORMAL_90 * spread,
        }
        if m > 1:
            bands |= {"_low": np.maximum(mean - half, 0.0), "_high": mean + half}
        for suffix, mine in bands.items():
            values = data[name + suffix].to_numpy().astype(np.float64)
            ledger.equal(
                name + suffix, values, mine, _near(rows, 1e-6), str(data[name].attrs.get("units", ""))
            )


def student(freedom: int) -> float:
    """Return the half width, in standard errors, of a mean's 95 % interval."""
    from scipy.stats import t

    return float(t.ppf(0.975, freedom))


def check_states(ledger: CheckList, days: ClaimedDays, events: Events) -> None:
    """Check that no vehicle gets lost, and that those at stations match the charges."""
    states = days.series["vehicles"].to_numpy().astype(np.float64)
    said = [str(each) for each in days.series["state"].to_numpy().tolist()]
    shape = states.shape == (len(_STATES), days.minutes) and said == list(_STATES)
    if not ledger.add("states", shape, f"{', '.join(said)}; {states.shape[-1]:,} minutes"):
        return
    fleet = float(days.summary["vehicles"])
    total = states.sum(axis=0)
    ledger.equal("vehicles conserved", total, np.full(len(total), fleet), 1e-6, "vehicles")
    ledger.add("vehicles in a state", bool(np.all(states >= -1e-9)), "never below 0")
    step = float(days.parameters.get("step_min", 1.0))
    if step > 1.0 or abs(1.0 / step - round(1.0 / step)) > 1e-9:
        return  # states are noted at the end of every step
    for name, begin, end in (
        ("queueing", events.arrive_min, events.start_min),
        ("charging", events.start_min, events.end_min),
    ):
        # At the end of each minute. Who comes or goes at that very moment may be counted there or not.
        inside = _until(begin, days.minutes, "left") - _until(end, days.minutes, "right")
        within = _until(begin, days.minutes, "right") - _until(end, days.minutes, "left")
        said_of = states[_STATES.index(name)]
        nearest = np.clip(said_of, inside / days.replications, within / days.replications)
        ledger.equal(f"vehicles {name}", said_of, nearest, 1e-6, "vehicles")


def _until(times: Array, minutes: int, side: Literal["left", "right"]) -> Array:
    """Return how many times lie before each minute's end, or also at it (right), shape (minutes,)."""
    ends = np.arange(1.0, minutes + 1)
    return np.searchsorted(np.sort(times), ends, side=side).astype(np.float64)


def check_roads(ledger: CheckList, days: ClaimedDays, scenario: Scenario) -> None:
    """Check that nobody drives faster than on empty roads."""
    roads, data = scenario.roads, days.roads
    assert roads is not None
    said = [str(each) for each in data["link"].to_numpy().tolist()]
    ledger.add("links.nc: links", said == list(map(str, roads.link_id)), f"{len(said):,} named")
    begin = data["interval_min"].to_numpy().astype(np.float64)
    even = len(begin) > 0 and np.array_equal(begin, np.arange(len(begin)) * float(days.minutes) / len(begin))
    ledger.add("links.nc: intervals", even, f"{len(begin):,} of {days.minutes / max(len(begin), 1):g} min")
    speed, flow = (data[name].to_numpy().astype(np.float64) for name in ("speed_kmh", "flow_veh_h"))
    if not ledger.add(
        "links.nc: shape", speed.shape == flow.shape and len(speed) == roads.links, str(speed.shape)
    ):
        return
    with np.errstate(divide="ignore", invalid="ignore"):
        free = 60.0 * roads.length_km / roads.free_time_min
    # Links without length or time have no speed.
    real = (roads.length_km > 0) & (roads.free_time_min > 0)
    fast = real & (np.nanmax(speed, axis=1, initial=0.0) > free * (1 + 1e-5))
    slow = real & ~(speed > 0).all(axis=1)
    names = roads.link_id[np.flatnonzero(fast | slow)[:3]]
    found = f"faster than on the empty link, or no speed: link {', '.join(map(str, names))}"
    ledger.add("speeds", not len(names), found if len(names) else "none above that of the empty link")
    ledger.add("flows", bool(np.isfinite(flow).all() and np.all(flow >= 0)), "must be finite, not below 0")
