"""Scenarios for benchmarks of `simulate`: a real region where its files are at hand, and made-up cities."""

from __future__ import annotations

import lzma
import tarfile
import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks.networks import DATA, PHILADELPHIA, available
from tidewatt.domain.scenario import Scenario
from tidewatt.synthesis.city import city

__all__ = ["STATIONS", "TRIPS_PER_DAY", "missing", "town"]

STATIONS = 240
TRIPS_PER_DAY = 4_500_000.0
"""Trips of all vehicles on the real network, assumed: its documentation counts 14.3 million between zones, by
an unknown way of counting; with 4.5 million vehicles drive 40 km/h on average, as in a large region."""

STATION_TABLE = DATA.parent / "stations" / "stevcdp_stations.csv.gz"


def missing(name: str) -> str | None:
    """Why a scenario cannot be made; None where it can."""
    if not available(name):
        return f"files of {name} are not at hand"
    if not name.isdigit() and not STATION_TABLE.exists():
        return "no table of stations at hand"
    return None


def town(name: str, *, seed: int = 0) -> Scenario:
    """Return a scenario with 240 stations.

    A real network by name, or a city of as many links as `name` says.
    """
    if name.isdigit():
        links = int(name)
        return city(seed, links=links, zones=max(links // 50, 20), stations=min(STATIONS, links // 25))
    assert name == PHILADELPHIA
    from tidewatt.io.importers.roads.tntp import import_tntp
    from tidewatt.io.importers.stations.stations import import_stations

    with tempfile.TemporaryDirectory() as folder:
        with lzma.open(DATA / f"{name}.tar.xz") as packed, tarfile.open(fileobj=packed) as files:
            files.extractall(folder, filter="data")
        roads, _ = import_tntp(
            next(Path(folder).rglob("*_net.tntp")).parent,
            length_unit="mi",
            node_unit="0.01mi",
            capacity_period_h=24.0,
            toll_weight=0.055,
            demand=False,
            trips_per_day=TRIPS_PER_DAY,
        )
    # Another city's stations, at random nodes of the zones, more of them where there are more homes and jobs.
    scenario, _ = import_stations(STATION_TABLE, into=roads, place="by-demand", limit=STATIONS, seed=seed)
    return replace(scenario, name=f"{name} with {STATIONS} stations")
