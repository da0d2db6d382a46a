"""What the files of a simulation claim, read without any trust in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import xarray as xr

from tidewatt.domain.arrays import Array
from tidewatt.domain.scenario import Scenario
from tidewatt.verification.common.claims import check_files, read_json
from tidewatt.verification.common.expected import always, columns_of, read_table
from tidewatt.verification.common.findings import CheckList

__all__ = ["ClaimedDays", "Events", "positions", "read_days", "read_events"]

_KINDS = ("fast", "normal")
_WANTED = (
    *(*always("simulation"), "itineraries/scenario.toml"),
    *(f"itineraries/{table}.parquet" for table in ("vehicles", "dwells", "trips", "feeders")),
)
_MEASURES = (
    *("decide_min", "arrive_min", "start_min", "end_min"),
    *("energy_kwh", "detour_min", "wait_min", "price_per_kwh"),
)


@dataclass(frozen=True, slots=True, eq=False)
class ClaimedDays:
    """The content of a simulation's folder, without the events.

    Attributes
    ----------
    folder : Path
        Where it stands.
    summary : mapping
        ``summary.json``.
    unserved, stations, history : DataFrame
        Tables.
    series, roads : Dataset
        ``stations.nc`` and ``links.nc``.
    replications, days, minutes : int
        How often what was repeated, days in each, and minutes in each.
    """

    folder: Path
    summary: Mapping[str, Any]
    unserved: pd.DataFrame
    stations: pd.DataFrame
    history: pd.DataFrame
    series: xr.Dataset
    roads: xr.Dataset
    replications: int
    days: int
    minutes: int

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Parameters that the summary states."""
        found: Mapping[str, Any] = self.summary.get("parameters") or {}
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """All charges; arrays of shape (charges,).

    Attributes
    ----------
    replication, vehicle, station, kind : array of int64
        Vehicle and station by position, -1 where unknown; kind 0 fast, 1 normal, -1 otherwise.
    decide_min, arrive_min, start_min, end_min, energy_kwh, detour_min, wait_min, price_per_kwh : array
    """

    replication: Array
    vehicle: Array
    station: Array
    kind: Array
    decide_min: Array
    arrive_min: Array
    start_min: Array
    end_min: Array
    energy_kwh: Array
    detour_min: Array
    wait_min: Array
    price_per_kwh: Array

    def __len__(self) -> int:
        return len(self.replication)

    @property
    def charge_min(self) -> Array:
        """Time at the charger."""
        return np.asarray(self.end_min - self.start_min)


def read_days(folder: Path, certificate: Mapping[str, Any], ledger: CheckList) -> ClaimedDays | None:
    """Check that every file is there and unchanged, and read all but the events.

    Returns
    -------
    Days or None
        None where reading on makes no sense; the ledger says why.
    """
    listed = {str(name): str(digest) for name, digest in certificate["files"].items()}
    if not check_files(folder, listed, _WANTED, ledger):
        return None
    summary = read_json(folder / "summary.json")
    with xr.open_dataset(folder / "stations.nc", engine="h5netcdf") as data:
        series = data.load()
    with xr.open_dataset(folder / "links.nc", engine="h5netcdf") as data:
        roads = data.load()
    minute = series["minute"].to_numpy().astype(np.float64)
    days = len(minute) // 1440
    whole = days > 0 and np.array_equal(minute, np.arange(1440.0 * days))
    if not ledger.add("minutes", whole, f"{len(minute):,} from 0, must be whole days of 1,440"):
        return None
    parts = [key for key in ("replications", "vehicles") if summary[key] != int(summary[key])]
    if not ledger.add(
        "whole numbers", not parts, f"not whole: {', '.join(parts)}" if parts else "as should be"
    ):
        return None
    lacking = [name for name in columns_of("simulation", "stations.nc") if name not in series.variables]
    lacking += [name for name in columns_of("simulation", "links.nc") if name not in roads.variables]
    if not ledger.add("series", not lacking, f"missing: {', '.join(lacking)}" if lacking else "all there"):
        return None
    return ClaimedDays(
        folder,
        summary,
        read_table(folder, "simulation", "unserved.parquet"),
        read_table(folder, "simulation", "stations.parquet"),
        read_table(folder, "simulation", "history.csv"),
        series,
        roads,
        int(summary["replications"]),
        days,
        1440 * days,
    )


def read_events(days: ClaimedDays, scenario: Scenario, vehicle_id: Array, ledger: CheckList) -> Events | None:
    """Return the events with vehicles and stations by position.

    Returns
    -------
    Events or None
        None where columns are missing or their measures are no numbers.
    """
    path = days.folder / "events.parquet"
    names = pq.read_schema(path).names
    wanted = list(columns_of("simulation", "events.parquet"))
    if not ledger.add("columns of events", names == wanted, f"found: {', '.join(names)}"):
        return None
    frame = pd.read_parquet(path)
    assert scenario.stations is not None
    measures = {name: frame[name].to_numpy(np.float64) for name in _MEASURES}
    odd = [name for name, values in measures.items() if not np.isfinite(values).all()]
    if not ledger.add("numbers", not odd, f"not finite: {', '.join(odd)}" if odd else "all finite"):
        return None
    return Events(
        frame["replication"].to_numpy(np.int64),
        positions(frame["vehicle_id"], vehicle_id),
        positions(frame["station_id"], scenario.stations.station_id),
        positions(frame["charger"], np.array(_KINDS, object)),
        **measures,
    )


def positions(column: pd.Series[Any], ids: Array) -> Array:
    """Return each cell's position in `ids`, compared as text; -1 where unknown, shape (rows,)."""
    codes, values = pd.factorize(column)
    known = pd.Index([str(i) for i in ids])
    place = np.append(known.get_indexer(pd.Index([str(value) for value in values])), -1)
    return np.asarray(place[codes], np.int64)
