"""What is wrong with charging stations."""

from __future__ import annotations

import math

import numpy as np

from tidewatt.domain.checks.findings import Findings, lengths_differ, named, out_of_range, unique
from tidewatt.domain.stations import Stations

__all__ = ["MEDIAN_SNAP_KM", "check_stations", "misshapen_stations"]

MEDIAN_SNAP_KM = 2.0
"""Stations whose median distance from the roads is above this belong to another network."""

_WINDOWS = (
    *("price_start_min", "price_end_min"),
    *("window_price_fast_per_kwh", "window_price_normal_per_kwh"),
)
_STATIONS = tuple(
    name for name in Stations.__slots__ if name not in ("station_id", "price_first", "attributes", *_WINDOWS)
)
_DAY_MIN = 1440.0


def misshapen_stations(stations: Stations, nodes: int, feeders: int, report: Findings) -> None:
    """Report arrays that differ in length, and indices that refer to nothing."""
    lengths_differ(report, "stations", stations, _STATIONS, len(stations))
    out_of_range(report, "stations", "node_id", stations.node, nodes)
    out_of_range(report, "stations", "feeder_id", stations.feeder, feeders, none=True)
    first, windows = stations.price_first, len(stations.price_start_min)
    lengths_differ(report, "station_prices", stations, _WINDOWS, windows)
    rising = len(first) == len(stations) + 1 and first[0] == 0 and (np.diff(first) >= 0).all()
    if not rising or first[-1] != windows:
        problem = "the offsets do not divide the windows among the stations"
        fix = f"Give {len(stations) + 1} rising offsets from 0 to {windows}"
        report.add("station_prices", "price_first", problem, fix)


def check_stations(stations: Stations, report: Findings) -> None:
    """Check chargers, power, prices and locations."""
    table, s, inf = "stations", stations, math.inf
    who = named(s.station_id)
    unique(report, table, "station_id", s.station_id)
    for name in ("fast", "normal"):
        counts = getattr(s, name)
        bad = np.flatnonzero(counts < 0)
        report.values(table, name, counts, bad, "0 or more", "Give the number of chargers", who)
        power, fix = (
            getattr(s, f"{name}_kw"),
            "Give the power of one charger in kW, even where there are none",
        )
        report.within(table, f"{name}_kw", power, 0, inf, "above 0", fix, who, low_open=True)
        report.within(
            table,
            f"price_{name}_per_kwh",
            getattr(s, f"price_{name}_per_kwh"),
            0,
            inf,
            "0 or more",
            "Give a price per kWh",
            who,
        )
        report.within(
            table,
            f"{name}_min",
            getattr(s, f"{name}_min"),
            0,
            inf,
            "0 or more",
            "Give a number of chargers",
            who,
        )
    none = (s.fast == 0) & (s.normal == 0)
    fix = "Give fast or normal chargers, remove the station, or set closed = true if that is intended"
    report.rows(table, "fast", "the station has no chargers", fix, np.flatnonzero(none & ~s.closed), who)
    fix = "Set closed = false, or remove its chargers"
    report.rows(
        table, "closed", "the station is closed but has chargers", fix, np.flatnonzero(s.closed & ~none), who
    )
    for name in ("max_total", "age_years", "life_years", "snap_km"):
        values = getattr(s, name)
        bad = np.flatnonzero(~np.isnan(values) & ~((values >= 0) & (values < inf)))
        report.values(table, name, values, bad, "0 or more", "Correct it, or leave the cell empty", who)
    _places(s, report)
    _windows(s, report)


def _places(stations: Stations, report: Findings) -> None:
    """Check that stations lie on the network."""
    who = named(stations.station_id)
    known = stations.snap_km[np.isfinite(stations.snap_km)]
    if len(known) and np.median(known) > MEDIAN_SNAP_KM:
        far = np.flatnonzero(stations.snap_km > MEDIAN_SNAP_KM)
        problem = f"half of the stations lie more than {np.median(known):.3g} km from the road network"
        fix = (
            f"Check their coordinates and crs (a median up to {MEDIAN_SNAP_KM:g} km is fine); to put "
            "another city's "
            "stations on this network, use tidewatt import stations --place by-demand"
        )
        report.rows("stations", "snap_km", problem, fix, far, who)


def _windows(stations: Stations, report: Findings) -> None:
    """Check price windows by time of day: within the day, and not overlapping."""
    table, start, end = "station_prices", stations.price_start_min, stations.price_end_min
    owner = np.repeat(np.arange(len(stations)), np.diff(stations.price_first))

    def who(row: int) -> str:
        return str(stations.station_id[owner[row]])

    wrong = ~((start >= 0) & (end <= _DAY_MIN) & (start < end))
    if wrong.any():
        rows = np.flatnonzero(wrong)
        problem = f"from {start[rows[0]]:g} to {end[rows[0]]:g} is not a window within one day"
        fix = (
            "Give minutes of the day, the start before the end, both from 0 to 1440; "
            "split a window that crosses midnight in two"
        )
        report.rows(table, "start_min", problem, fix, rows, who)
    same = (owner[1:] == owner[:-1]) & ~wrong[1:] & ~wrong[:-1]
    rows = np.flatnonzero(same & (start[1:] < end[:-1])) + 1
    if len(rows):
        row = rows[0]
        problem = f"the window from {start[row]:g} overlaps the one before, which ends at {end[row - 1]:g}"
        report.rows(table, "start_min", problem, "Change the windows so that they do not overlap", rows, who)
    for kind in ("fast", "normal"):
        values = getattr(stations, f"window_price_{kind}_per_kwh")
        bad = np.flatnonzero(~np.isnan(values) & ~((values >= 0) & (values < math.inf)))
        fix = "Give a price per kWh, or leave the cell empty to use the station's own price"
        report.values(table, f"price_{kind}_per_kwh", values, bad, "0 or more", fix, who)
