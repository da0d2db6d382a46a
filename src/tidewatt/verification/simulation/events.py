"""Whether charges can have happened as recorded: times, prices, powers, queues."""

from __future__ import annotations

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.stations import Stations
from tidewatt.verification.common.findings import CheckList, count
from tidewatt.verification.simulation.claims import ClaimedDays, Events

__all__ = ["check_events", "check_queues", "check_unserved"]

SLACK_MIN = 1e-7
"""Tolerance of times [min]: those of a week have eight digits after the decimal point."""


def _none(ledger: CheckList, name: str, wrong: Array, what: str, good: str) -> None:
    """Record that no row is wrong, or how many are and which is the first."""
    rows = np.flatnonzero(wrong)
    bad = f"{count(len(rows), 'row')} {what}, the first is row {rows[0]}" if len(rows) else good
    ledger.add(name, not len(rows), bad)


def check_events(ledger: CheckList, days: ClaimedDays, events: Events, stations: Stations) -> bool:
    """Check every charge on its own; return whether vehicles, stations and kinds are all known."""
    e = events
    unknown = (e.vehicle < 0) | (e.station < 0) | (e.kind < 0)
    unknown |= (e.replication < 0) | (e.replication >= days.replications)
    name = "vehicles, stations, chargers, replications"
    _none(ledger, name, unknown, "of unknown ones", "all of them are the scenario's")
    order = np.lexsort((e.decide_min, e.replication))
    ledger.add("order of events", bool(np.all(np.diff(order) > 0)), "by replication, then by when decided")
    late = (e.decide_min < 0) | (e.arrive_min < e.decide_min) | (e.start_min < e.arrive_min)
    late |= e.end_min <= e.start_min
    _none(ledger, "order of times", late, "out of order", "0 <= decide <= arrive <= start < end")
    ledger.equal("waits", e.wait_min, e.start_min - e.arrive_min, SLACK_MIN, "min")
    detour = (e.detour_min < -SLACK_MIN) | (e.energy_kwh <= 0) | (e.wait_min < 0)
    _none(ledger, "detours and energies", detour, "out of range", "no detour below 0, energies above 0")
    if unknown.any():
        return False
    kw = np.stack([stations.fast_kw, stations.normal_kw])[e.kind, e.station]
    power = e.energy_kwh / np.maximum(e.charge_min / 60.0, 1e-12)
    _none(ledger, "powers", power > kw * (1 + 1e-9), "above the charger's power", "none above its charger's")
    asked = _prices(stations)[e.kind, e.station, np.floor(e.start_min).astype(np.int64) % 1440]
    ledger.equal("prices", e.price_per_kwh, asked, 1e-9, "per kWh")
    day = np.floor(e.decide_min / 1440.0)
    twice = _repeated(e.replication, e.vehicle, day)
    _none(ledger, "one charge a vehicle and day", twice, "charge a vehicle again that day", "none twice")
    return True


def _prices(stations: Stations) -> Array:
    """Return prices by kind, station and minute of the day, shape (2, stations, 1440)."""
    n = len(stations)
    price = np.empty((2, n, 1440))
    price[0], price[1] = stations.price_fast_per_kwh[:, None], stations.price_normal_per_kwh[:, None]
    minute = np.arange(1440.0)
    for s in range(n):
        for w in range(int(stations.price_first[s]), int(stations.price_first[s + 1])):
            inside = minute >= np.floor(stations.price_start_min[w])
            inside &= minute < stations.price_end_min[w]
            for kind, given in enumerate(
                (stations.window_price_fast_per_kwh[w], stations.window_price_normal_per_kwh[w])
            ):
                if np.isfinite(given):
                    price[kind, s, inside] = given
    return price


def _repeated(*keys: Array) -> Array:
    """Return whether a row's keys occurred in an earlier row, shape (rows,)."""
    order = np.lexsort(keys[::-1])
    same = np.ones(max(len(order) - 1, 0), bool)
    for key in keys:
        same &= key[order][1:] == key[order][:-1]
    found = np.zeros(len(order), bool)
    found[order[1:]] = same
    return found


def check_queues(ledger: CheckList, events: Events, stations: Stations) -> None:
    """Check that every line of a station and kind of charger was served first come, first served.

    With c chargers, the vehicle that came as number k starts when it arrives or when the charge that ends as
    number k - c does, whichever is later: not before (more vehicles than chargers would charge), and not
    after (it would wait beside a free charger).
    """
    e = events
    line = (e.replication * len(stations) + e.station) * 2 + e.kind
    chargers = np.stack([stations.fast, stations.normal])[e.kind, e.station]
    _none(ledger, "chargers installed", chargers < 1, "at chargers that do not exist", "all exist")
    come = np.lexsort((e.start_min, e.arrive_min, line))
    start, group, room = e.start_min[come], line[come], chargers[come]
    same = group[1:] == group[:-1]
    before = np.zeros(len(come), bool)
    before[1:] = same & (start[1:] < start[:-1] - SLACK_MIN)
    _none(ledger, "first come, first served", _at(come, before), "served before their turn", "in every line")

    ends = np.lexsort((e.end_min, line))
    first = np.flatnonzero(np.append(True, ~same)) if len(come) else np.zeros(0, np.int64)
    lengths = np.diff(np.append(first, len(come)))
    number = np.arange(len(come)) - np.repeat(first, lengths)
    freed = np.full(len(come), -np.inf)
    full = (number >= room) & (room > 0)
    freed[full] = e.end_min[ends][np.flatnonzero(full) - room[full]]
    crowded = _at(come, start < freed - SLACK_MIN)
    _none(ledger, "occupancy", crowded, "while every charger was taken", "never above the chargers")
    idle = _at(come, start > np.maximum(e.arrive_min[come], freed) + SLACK_MIN)
    _none(ledger, "waits for a reason", idle, "waited beside a free charger", "none beside a free one")


def _at(order: Array, values: Array) -> Array:
    """Return values given in an order, rearranged in the order of rows."""
    found = np.zeros(len(order), bool)
    found[order] = values
    return found


def check_unserved(ledger: CheckList, days: ClaimedDays, events: Events, vehicle: Array) -> None:
    """Check vehicles that ran low and did not charge against charges; `vehicle` by position, -1: unknown."""
    table = days.unserved
    minute, soc = table["minute"].to_numpy(np.float64), table["soc"].to_numpy(np.float64)
    replication = table["replication"].to_numpy(np.int64)
    wrong = (vehicle < 0) | (replication < 0) | (replication >= days.replications)
    wrong |= ~((soc >= -1e-9) & (soc <= 1 + 1e-9)) | ~(minute >= 0)
    _none(ledger, "unserved", wrong, "of unknown vehicles, times or states of charge", "all possible")
    # Who looked for a station in vain does not look again that day either.
    reason = table["reason"].astype(str).to_numpy()
    said, vain = reason == "charged_today", reason == "no_station_reachable"
    fleet = max(int(vehicle.max(initial=0)), int(events.vehicle.max(initial=0))) + 1

    def key(r: Array, v: Array, at_min: Array) -> Array:
        day = np.minimum(np.floor(at_min / 1440.0), days.days + 1).astype(np.int64)
        return np.asarray((r * fleet + v) * (days.days + 2) + day)

    mine = key(replication, vehicle, minute)
    asked = np.concatenate([key(events.replication, events.vehicle, events.decide_min), mine[vain]])
    alone = said & ~np.isin(mine, asked) & ~wrong
    _none(ledger, "charged that day", alone, "name vehicles that did not", "all named vehicles did")
