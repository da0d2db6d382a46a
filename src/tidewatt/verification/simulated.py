"""A result of `simulate` re-derived from its files and its scenario's files alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tidewatt.verification.claims import find_scenario
from tidewatt.verification.ledger import Ledger, Report, count
from tidewatt.verification.simulated_claims import positions, read_days, read_events
from tidewatt.verification.simulated_events import check_events, check_queues, check_unserved
from tidewatt.verification.simulated_itineraries import check_dwells, read_itineraries
from tidewatt.verification.simulated_series import check_roads, check_series, check_states, profiles_of
from tidewatt.verification.simulated_summary import check_history, check_stations, check_summary, per_day

__all__ = ["verify_simulation"]

_WHAT = (
    "Verified: every charge can have happened as recorded, every queue was served first come, first served,",
    "and all loads, waits and figures follow from the charges. That drivers behave so is not verified: that",
    "is the model's assumption.",
)


def verify_simulation(
    folder: Path,
    certificate: dict[str, Any],
    ledger: Ledger,
    scenario_folder: str | os.PathLike[str] | None,
) -> Report:
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
