"""Schedules as Parquet, written in row groups: they may hold hundreds of millions of variables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tidewatt.domain.arrays import Array
from tidewatt.domain.fleet import Schedule
from tidewatt.domain.scenario import Scenario

__all__ = ["write_schedule", "write_soc"]

_CHUNK_VARIABLES = 4_000_000
_CHUNK_DWELLS = 1_000_000


def write_schedule(path: Path, schedule: Schedule, scenario: Scenario) -> None:
    """Write the nonzero powers of a schedule, in the order of vehicle, dwell and step.

    Parameters
    ----------
    path : Path
        The Parquet file: vehicle_id, dwell (0, 1, ... among all dwells of the vehicle), step,
        feeder_id (null: not on the studied grid), power_kw.
    schedule : Schedule
        Opportunities in the order of the scenario's dwells.
    scenario : Scenario
        What it is a schedule of.
    """
    dwells = scenario.dwells
    schema = pa.schema(
        [
            ("vehicle_id", _id_type(scenario.fleet.vehicle_id)),
            ("dwell", pa.int32()),
            ("step", pa.int32()),
            ("feeder_id", _id_type(scenario.grid.feeder_id)),
            ("power_kw", pa.from_numpy_dtype(schedule.power_kw.dtype)),
        ]
    )
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for begin, end in _chunks(schedule.first):
            vehicle, dwell, step, feeder, power = schedule.rows(dwells, begin, end)
            columns = [
                _ids(scenario.fleet.vehicle_id, vehicle),
                pa.array(dwell),
                pa.array(step),
                _ids(scenario.grid.feeder_id, feeder),
                pa.array(power),
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema), row_group_size=len(power) or 1)


def write_soc(path: Path, schedule: Schedule, scenario: Scenario) -> None:
    """Write the state of charge (0..1) at every arrival and departure: vehicle_id, minute, soc."""
    fleet, dwells, trips = scenario.fleet, scenario.dwells, scenario.trips
    owner = _owner(dwells.first)
    charged = np.zeros(len(dwells))
    if len(schedule.dwell):
        power = np.add.reduceat(schedule.power_kw, schedule.first[:-1], dtype=np.float64)
        charged[schedule.dwell] = power * scenario.horizon.step_h
    # Dwells and trips alternate, so their middles tell which came first.
    span = 2.0 * (scenario.horizon.minutes + 1.0)
    trip_at = _owner(trips.first) * span + 0.5 * (trips.depart_min + trips.arrive_min)
    used = np.concatenate([[0.0], np.cumsum(trips.energy_kwh)])
    schema = pa.schema(
        [("vehicle_id", _id_type(fleet.vehicle_id)), ("minute", pa.float64()), ("soc", pa.float64())]
    )
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        begin = 0
        while begin < len(dwells):
            # Whole vehicles only: the sums start anew with each.
            stop = min(begin + _CHUNK_DWELLS, len(dwells))
            stop = int(dwells.first[owner[stop - 1] + 1])
            who = owner[begin:stop]
            middle = 0.5 * (dwells.arrive_min[begin:stop] + dwells.depart_min[begin:stop])
            driven = used[np.searchsorted(trip_at, who * span + middle)] - used[trips.first[who]]
            into = np.concatenate([[0.0], np.cumsum(charged[begin:stop])])
            since = into[dwells.first[who] - begin]
            efficiency, start = fleet.charge_efficiency[who], (fleet.battery_kwh * fleet.soc_initial)[who]
            both = [start - driven + efficiency * (total - since) for total in (into[:-1], into[1:])]
            soc = np.stack(both, axis=1) / fleet.battery_kwh[who][:, None]
            minute = np.stack([dwells.arrive_min[begin:stop], dwells.depart_min[begin:stop]], axis=1)
            columns = [
                _ids(fleet.vehicle_id, np.repeat(who, 2)),
                pa.array(minute.ravel()),
                pa.array(soc.ravel()),
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
            begin = stop


def _owner(first: Array) -> Array:
    return np.repeat(np.arange(len(first) - 1), np.diff(first))


def _chunks(first: Array) -> Iterator[tuple[int, int]]:
    """Yield ranges of opportunities with a few million variables each."""
    begin, count = 0, len(first) - 1
    while begin < count:
        end = int(np.searchsorted(first, first[begin] + _CHUNK_VARIABLES, side="right")) - 1
        end = min(max(end, begin + 1), count)
        yield begin, end
        begin = end


def _id_type(ids: Array) -> Any:
    return pa.int64() if ids.dtype.kind == "i" else pa.dictionary(pa.int32(), pa.string())


def _ids(ids: Array, rows: Array) -> Any:
    """Return row ids as an Arrow array, dictionary-encoded if they are text; null where negative."""
    none = rows < 0
    mask = none if none.any() else None
    rows = np.where(none, 0, rows)
    if ids.dtype.kind == "i":
        return pa.array(ids[rows] if len(ids) else rows.astype(np.int64), mask=mask)
    # Only the stretch of ids that occurs: rows of vehicles are sorted.
    low, high = (int(rows.min()), int(rows.max()) + 1) if len(rows) else (0, 0)
    names = pa.array([str(each) for each in ids[low:high]], pa.string())
    return pa.DictionaryArray.from_arrays(pa.array((rows - low).astype(np.int32), mask=mask), names)
