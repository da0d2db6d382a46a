"""The itineraries of a simulation's first replication, against its charges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tidewatt.domain.arrays import Array
from tidewatt.domain.checks.scenario import check
from tidewatt.domain.scenario import Scenario
from tidewatt.domain.stations import Stations
from tidewatt.verification.ledger import Ledger, count
from tidewatt.verification.simulated_claims import Days, Events, positions
from tidewatt.verification.tables import read_tables

__all__ = ["check_dwells", "read_itineraries"]

_NEAR = 1e-6


def read_itineraries(ledger: Ledger, days: Days) -> Scenario:
    """Read them, and check that they are a sound scenario of the claimed vehicles."""
    found = read_tables(days.folder / "itineraries")
    issues = check(found)
    good = "nothing is wrong with them"
    ledger.add("itineraries", not issues, "; ".join(map(str, issues[:3])) if issues else good)
    n, claimed = len(found.fleet), int(days.summary["vehicles"])
    ledger.add("vehicles", n == claimed, f"{count(n, 'vehicle')} in the itineraries, {claimed:,} claimed")
    length = found.horizon.minutes == days.minutes
    ledger.add("itineraries: horizon", length, f"{found.horizon.minutes:g} min, {days.minutes:,} simulated")
    return found


def check_dwells(ledger: Ledger, days: Days, events: Events, found: Scenario, stations: Stations) -> None:
    """Check that stops at stations are the charges of replication 0, in both directions."""
    table = _dwells(days.folder / "itineraries" / "dwells.parquet", found, stations)
    mine = events.replication == 0
    mine &= events.start_min < days.minutes
    kw = events.energy_kwh * 60.0 / np.maximum(events.charge_min, 1e-12)
    end = np.minimum(events.end_min, days.minutes)
    own = np.stack([events.vehicle, events.station, events.start_min, end, kw], axis=1)[mine]
    if not ledger.add("stops at stations", len(table) == len(own), f"{len(table):,}, {len(own):,} charges"):
        return
    own = own[np.lexsort((own[:, 2], own[:, 0]))]
    table = table[np.lexsort((table[:, 2], table[:, 0]))]
    names = ("vehicle", "station", "begin [min]", "end [min]", "power [kW]")
    for column, name in enumerate(names):
        scale = max(float(np.abs(own[:, column]).max(initial=0.0)), 1.0)
        ledger.equal(f"stops at stations: {name}", table[:, column], own[:, column], _NEAR * scale)


def _dwells(path: Path, found: Scenario, stations: Stations) -> Array:
    """Vehicle, station, begin, end and power of the stops at stations, shape (stops, 5)."""
    frame = pd.read_parquet(path)
    if "station_id" not in frame:
        return np.zeros((0, 5))
    name = frame["station_id"].astype(object)
    frame = frame[name.notna() & (name.astype(str) != "")]
    columns = [
        positions(frame["vehicle_id"], found.fleet.vehicle_id),
        positions(frame["station_id"], stations.station_id),
        *(frame[column].to_numpy(np.float64) for column in ("arrive_min", "depart_min", "charger_kw")),
    ]
    return np.stack(columns, axis=1).astype(np.float64)
