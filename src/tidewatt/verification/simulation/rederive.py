"""Re-derive a result of `simulate` from its files and its scenario's files alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tidewatt.domain.arrays import Array
from tidewatt.domain.checks.scenario import check
from tidewatt.domain.scenario import Scenario
from tidewatt.domain.stations import Stations
from tidewatt.verification.common.claims import find_scenario
from tidewatt.verification.common.findings import CheckList, VerificationReport, count
from tidewatt.verification.common.scenario_tables import read_tables
from tidewatt.verification.simulation.claims import ClaimedDays, Events, positions, read_days, read_events
from tidewatt.verification.simulation.events import check_events, check_queues, check_unserved
from tidewatt.verification.simulation.series import check_roads, check_series, check_states, profiles_of
from tidewatt.verification.simulation.summary import check_history, check_stations, check_summary, per_day

__all__ = ["check_dwells", "read_itineraries", "verify_simulation"]

_NEAR = 1e-6


def read_itineraries(ledger: CheckList, days: ClaimedDays) -> Scenario:
    """Read the itineraries, and check that they are a valid scenario of the claimed vehicles."""
    found = read_tables(days.folder / "itineraries")
    issues = check(found)
    good = "nothing is wrong with them"
    ledger.add("itineraries", not issues, "; ".join(map(str, issues[:3])) if issues else good)
    n, claimed = len(found.fleet), int(days.summary["vehicles"])
    ledger.add("vehicles", n == claimed, f"{count(n, 'vehicle')} in the itineraries, {claimed:,} claimed")
    length = found.horizon.minutes == days.minutes
    ledger.add("itineraries: horizon", length, f"{found.horizon.minutes:g} of {days.minutes:,} min")
    return found


def check_dwells(
    ledger: CheckList, days: ClaimedDays, events: Events, found: Scenario, stations: Stations
) -> None:
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
    """Return vehicle, station, begin, end and power of the stops at stations, shape (stops, 5)."""
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


_WHAT = (
    "Verified: every charge can have happened as recorded, every queue was served first come, first served,",
    "and all loads, waits and figures follow from the charges. Whether drivers behave so is not verified: it",
    "is the model's assumption.",
)


def verify_simulation(
    folder: Path,
    certificate: dict[str, Any],
    ledger: CheckList,
    scenario_folder: str | os.PathLike[str] | None,
) -> VerificationReport:
    """Re-derive every claim of a simulation from its charges.

    The days are not driven again: what is checked is that charges obey prices, powers and queues, that all
    series, tables and figures follow from them, and that roads and itineraries agree with them.
    """
    days = read_days(folder, certificate, ledger)
    scenario = find_scenario(folder, certificate, ledger, scenario_folder) if days is not None else None
    if days is None or scenario is None:
        return ledger.report(derived=_WHAT)
    stations, roads = scenario.stations, scenario.roads
    if stations is None or roads is None:
        ledger.add("scenario", False, "has no roads or no stations")
        return ledger.report(derived=_WHAT)
    found = read_itineraries(ledger, days)
    events = read_events(days, scenario, found.fleet.vehicle_id, ledger)
    if events is None or not check_events(ledger, days, events, stations):
        return ledger.report(derived=_WHAT)
    check_queues(ledger, events, stations)
    check_unserved(ledger, days, events, positions(days.unserved["vehicle_id"], found.fleet.vehicle_id))
    own = profiles_of(days, events, len(stations))
    check_series(ledger, days, own, stations.station_id)
    check_states(ledger, days, events)
    check_roads(ledger, days, scenario)
    figures = per_day(days, events, own)
    check_history(ledger, days, figures)
    check_stations(ledger, days, events, own, scenario)
    check_summary(ledger, days, events, own, figures, scenario, certificate)
    check_dwells(ledger, days, events, found, stations)
    facts = (
        f"Looked at: {count(days.replications, 'replication')}, {count(len(events), 'charge')}, "
        f"{count(len(found.fleet), 'vehicle')}, {count(len(stations), 'station')}, "
        f"{count(roads.links, 'link')}.",
    )
    return ledger.report(facts=facts, derived=_WHAT)
