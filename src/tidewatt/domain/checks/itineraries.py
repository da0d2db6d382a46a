"""Whether each vehicle's dwells and trips make an itinerary: in the horizon, in order, not overlapping."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.checks.findings import Findings
from tidewatt.domain.fleet import Dwells, Trips
from tidewatt.domain.scenario import Scenario

__all__ = ["TOLERANCE_MIN", "check_itineraries"]

TOLERANCE_MIN = 1e-6
"""Times that differ by less than this [min] count as equal: sums of decimals round."""

_ROWS_AT_ONCE = 1 << 21


def check_itineraries(scenario: Scenario, report: Findings) -> None:
    """Report what is wrong with dwells and trips, each on their own and together."""
    d, t, ids = scenario.dwells, scenario.trips, scenario.fleet.vehicle_id
    dwell, trip = _numbered("dwell", d.first, ids), _numbered("trip", t.first, ids)
    _times("dwells", ("arrive_min", d.arrive_min), ("depart_min", d.depart_min), scenario, report, dwell)
    _times("trips", ("depart_min", t.depart_min), ("arrive_min", t.arrive_min), scenario, report, trip)
    fix = "Give kW, 0 where there is no charger"
    report.within("dwells", "charger_kw", d.charger_kw, 0, math.inf, "0 or more", fix, dwell)
    fix = "Give kWh drawn from the battery; a trip that gains energy counts as 0"
    report.within("trips", "energy_kwh", t.energy_kwh, 0, math.inf, "0 or more", fix, trip)
    distance = np.asarray(t.attributes.get("distance_km", ()))
    below = np.flatnonzero(distance < 0) if distance.dtype.kind in "fiu" else np.zeros(0, int)
    fix = "Give km, or leave the cell empty"
    report.values("trips", "distance_km", distance, below, "0 or more", fix, trip)
    _apart("dwells", d.first, ("arrive_min", d.arrive_min), d.depart_min, report, dwell)
    _apart("trips", t.first, ("depart_min", t.depart_min), t.arrive_min, report, trip)
    _trips_between_dwells(d, t, report, trip)


def _numbered(kind: str, first: Array, ids: Array) -> Callable[[int], str]:
    def name(row: int) -> str:
        vehicle = int(np.searchsorted(first, row, side="right")) - 1
        return f"{ids[vehicle]} ({kind} {row - int(first[vehicle])})"

    return name


def _times(
    table: str,
    start: tuple[str, Array],
    end: tuple[str, Array],
    scenario: Scenario,
    report: Findings,
    who: Callable[[int], str],
) -> None:
    minutes = scenario.horizon.minutes
    allowed = f"0 to {minutes:g}"
    fix = "Cut it at the ends of the horizon, or lengthen the horizon; times are minutes since its start"
    for name, values in (start, end):
        report.within(table, name, values, -TOLERANCE_MIN, minutes + TOLERANCE_MIN, allowed, fix, who)
    backwards = np.flatnonzero(end[1] < start[1])
    if len(backwards):
        row = backwards[0]
        problem = f"{end[0]} {end[1][row]:g} is before {start[0]} {start[1][row]:g}"
        report.rows(table, end[0], problem, "Swap or correct the two times", backwards, who)


def _apart(
    table: str,
    first: Array,
    start: tuple[str, Array],
    end: Array,
    report: Findings,
    who: Callable[[int], str],
) -> None:
    """Report rows of a vehicle that are out of time order or overlap."""
    name, begin = start
    if len(begin) < 2:
        return
    overlapping = begin[1:] < end[:-1] - TOLERANCE_MIN
    starts = first[1:-1]
    overlapping[starts[(starts > 0) & (starts < len(begin))] - 1] = False  # another vehicle's
    rows = np.flatnonzero(overlapping) + 1
    if len(rows):
        row = int(rows[0])
        one = table.removesuffix("s")
        problem = f"the {one} from {begin[row]:g} overlaps the one before, which ends at {end[row - 1]:g}"
        fix = f"Shorten or remove one of the two: a vehicle's {table} must not overlap"
        report.rows(table, name, problem, fix, rows, who)


def _blocks(first: Array) -> Iterator[tuple[int, int]]:
    """Yield ranges of vehicles with some millions of rows each, so that temporaries stay small."""
    vehicles, start = len(first) - 1, 0
    while start < vehicles:
        stop = int(np.searchsorted(first, first[start] + _ROWS_AT_ONCE, side="right")) - 1
        stop = min(max(stop, start + 1), vehicles)
        yield start, stop
        start = stop


def _trips_between_dwells(d: Dwells, t: Trips, report: Findings, who: Callable[[int], str]) -> None:
    """Check that no trip begins before the dwell that precedes its arrival has ended."""
    found: list[Array] = []
    example, name = "", "depart_min"
    for start, stop in _blocks(d.first):
        rows, dwells = slice(t.first[start], t.first[stop]), slice(d.first[start], d.first[stop])
        depart, arrive = t.depart_min[rows], t.arrive_min[rows]
        begin, end = d.arrive_min[dwells], d.depart_min[dwells]
        if not len(depart) or not len(begin):
            continue
        # One rising key over all vehicles of the block: a vehicle's number, then its minute.
        span = 1.0 + max(_largest(array) for array in (depart, arrive, begin, end))
        count = stop - start
        trip_vehicle = np.repeat(np.arange(count), np.diff(t.first[start : stop + 1]))
        dwell_vehicle = np.repeat(np.arange(count), np.diff(d.first[start : stop + 1]))
        tolerance = max(TOLERANCE_MIN, 4 * np.spacing(span * count))
        key = dwell_vehicle * span + _inside(begin, span)
        last = np.searchsorted(key, trip_vehicle * span + _inside(arrive, span) - tolerance) - 1
        known = np.maximum(last, 0)
        own = (last >= 0) & (dwell_vehicle[known] == trip_vehicle)
        bad = np.flatnonzero(own & (end[known] > depart + tolerance) & (arrive >= depart))
        if len(bad):
            if not found:
                i, j = bad[0], known[bad[0]]
                name = "arrive_min" if begin[j] >= depart[i] else "depart_min"
                example = f"{depart[i]:g} to {arrive[i]:g} overlaps its dwell from {begin[j]:g} to {end[j]:g}"
            found.append(bad + rows.start)
    if found:
        fix = "Correct the times: a vehicle is either parked or driving"
        report.rows("trips", name, f"the trip from {example}", fix, np.concatenate(found), who)


def _largest(values: Array) -> float:
    finite = values[np.isfinite(values)] if not np.isfinite(values.max()) else values
    return float(np.abs(finite).max(initial=0.0))


def _inside(minutes: Array, span: float) -> Array:
    """Clip minutes to the span, so that nan, inf or negative values stay in their vehicle's key range."""
    if minutes.min() >= 0 and minutes.max() < span:
        return minutes
    return np.asarray(np.clip(np.nan_to_num(minutes, nan=0.0), 0.0, math.nextafter(span, 0.0)))
