"""A stored schedule, walked once in chunks: whether every row is allowed, and what all add up to."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tidewatt.compilation.kernel import kernel
from tidewatt.domain.arrays import Array
from tidewatt.domain.scenario import Scenario
from tidewatt.verification.coordination.cheapest import _share, step_span
from tidewatt.verification.coordination.needs import Needs

__all__ = ["Drawn", "walk_schedule"]

POWER_TOLERANCE = 1e-6
"""Excess of a power over its limit, relative and in kW, that single precision may cause."""

_FAULTS = (
    "vehicle unknown",
    "no such dwell",
    "no charger there",
    "step outside the dwell",
    "power below 0 or not a number",
    "power above the charger's",
    "another feeder than the dwell's",
    "twice, or out of order",
)
_COLUMNS = ("vehicle_id", "dwell", "step", "feeder_id", "power_kw")
_BATCH_ROWS = 2_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """What a schedule adds up to.

    Attributes
    ----------
    rows : int
        Rows read.
    energy_kwh : array, shape (dwells,)
        Drawn in each dwell of the scenario, grid side [kWh].
    load_kw : array, shape (feeders, steps)
        Load, weighted [kW].
    cost : array, shape (vehicles,)
        What each vehicle pays under the prices, weighted.
    faults : dict of str to str
        What is wrong with rows, by kind: how many, and the first.
    """

    rows: int
    energy_kwh: Array
    load_kw: Array
    cost: Array
    faults: dict[str, str] = field(default_factory=dict)


@kernel
def _add_rows(
    vehicle: Array,
    feeder: Array,
    unnamed: Array,
    ordinal: Array,
    at: Array,
    power: Array,
    first: Array,
    arrive_min: Array,
    depart_min: Array,
    dwell_feeder: Array,
    limit_kw: Array,
    weight: Array,
    price: Array,
    step_min: float,
    last: int,
    energy: Array,
    load: Array,
    cost: Array,
    fault_count: Array,
    fault_row: Array,
) -> int:
    """Check rows one by one and add valid ones to `energy` [kW steps], `load` and `cost`.

    Each bad row is blamed once, for the first thing wrong with it: `fault_count` and `fault_row` (the
    first such row) by kind, in the order of `_FAULTS`. Returns the key of the last good row.
    """
    steps = price.shape[1]
    for k in range(len(power)):
        i, kind, row, t = vehicle[k], -1, 0, 0
        key = last
        if i < 0:
            kind = 0
        elif not (0 <= ordinal[k] < first[i + 1] - first[i]) or ordinal[k] != np.floor(ordinal[k]):
            kind = 1
        else:
            row = first[i] + int(ordinal[k])
            if not limit_kw[row] > 0:
                kind = 2
            else:
                begin, end = step_span(arrive_min[row], depart_min[row], step_min, steps)
                if not (begin <= at[k] < end) or at[k] != np.floor(at[k]):
                    kind = 3
                elif not power[k] >= 0:
                    kind = 4
                else:
                    t = int(at[k])
                    most = limit_kw[row] * _share(arrive_min[row], depart_min[row], step_min, t)
                    key = row * steps + t
                    here = dwell_feeder[row]
                    if not power[k] <= most * (1 + POWER_TOLERANCE) + POWER_TOLERANCE:
                        kind = 5
                    elif (here >= 0 and feeder[k] != here) or (here < 0 and not unnamed[k]):
                        kind = 6
                    elif key <= last:
                        kind = 7
        if kind >= 0:
            if fault_count[kind] == 0:
                fault_row[kind] = k
            fault_count[kind] += 1
            continue
        last = key
        energy[row] += power[k]
        if dwell_feeder[row] >= 0:
            drawn = weight[i] * power[k]
            load[dwell_feeder[row], t] += drawn
            cost[i] += drawn * price[dwell_feeder[row], t]
    return last


def _codes(column: pa.ChunkedArray, known: pd.Index) -> tuple[Array, Array]:
    """Return each id's row in `known` (-1: absent), and whether the cell is empty."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    names = np.asarray(column.dictionary.cast(pa.string()).to_numpy(zero_copy_only=False), object)
    places = np.append(known.get_indexer(pd.Index(names, dtype=object)), -1)
    codes = pc.fill_null(column.indices, len(names)).to_numpy(zero_copy_only=False)
    return places[codes], codes == len(names)


def _numbers(column: pa.ChunkedArray) -> Array:
    values = pc.fill_null(column.cast(pa.float64(), safe=False), float("nan"))
    return np.asarray(values.to_numpy(zero_copy_only=False), np.float64)


def walk_schedule(path: Path, scenario: Scenario, needs: Needs, price: Array) -> Drawn:
    """Read a schedule table and check each row against the scenario.

    Parameters
    ----------
    path : Path
        The Parquet file, rows by vehicle, dwell and step.
    scenario : Scenario
        All ids as text.
    needs : Needs
        Its charging opportunities.
    price : array, shape (feeders, steps)
        What a vehicle pays [cost per kW].

    Returns
    -------
    Drawn
        Rows at fault are left out of the sums.

    Raises
    ------
    ValueError, OSError, pyarrow.ArrowException
        Where the file is not such a table.
    """
    fleet, dwells, grid, horizon = scenario.fleet, scenario.dwells, scenario.grid, scenario.horizon
    steps, step = horizon.steps, horizon.step_min
    vehicles = pd.Index(fleet.vehicle_id, dtype=object)
    feeders = pd.Index(grid.feeder_id, dtype=object)
    limit = np.zeros(len(dwells))
    limit[needs.dwell] = needs.power_kw
    energy, load = np.zeros(len(dwells)), np.zeros((grid.feeders, steps))
    cost = np.zeros(len(fleet))
    faults: dict[str, tuple[int, str]] = {}
    rows, last = 0, -1

    table = pq.ParquetFile(path)
    lacking = set(_COLUMNS) - set(table.schema_arrow.names)
    if lacking:
        raise ValueError(f"{path.name} lacks the columns {', '.join(sorted(lacking))}")
    for batch in table.iter_batches(batch_size=_BATCH_ROWS, columns=list(_COLUMNS)):
        if not batch.num_rows:
            continue
        vehicle, _ = _codes(batch.column("vehicle_id"), vehicles)
        feeder, unnamed = _codes(batch.column("feeder_id"), feeders)
        ordinal, at = _numbers(batch.column("dwell")), _numbers(batch.column("step"))
        power = _numbers(batch.column("power_kw"))
        count, row = np.zeros(len(_FAULTS), np.int64), np.zeros(len(_FAULTS), np.int64)
        last = _add_rows(
            vehicle,
            feeder,
            unnamed,
            ordinal,
            at,
            power,
            dwells.first,
            dwells.arrive_min,
            dwells.depart_min,
            dwells.feeder,
            limit,
            fleet.weight,
            price,
            step,
            last,
            energy,
            load,
            cost,
            count,
            row,
        )
        for kind in np.flatnonzero(count):
            k = int(row[kind])
            name = fleet.vehicle_id[vehicle[k]] if vehicle[k] >= 0 else "unknown"
            first = f"row {rows + k}, vehicle {name}, dwell {ordinal[k]:g}, step {at[k]:g}, {power[k]:.9g} kW"
            before, said = faults.get(_FAULTS[kind], (0, first))
            faults[_FAULTS[kind]] = (before + int(count[kind]), said)
        rows += batch.num_rows
    told = {
        kind: f"{count} row{'s' if count > 1 else ''} (first: {said})"
        for kind, (count, said) in faults.items()
    }
    return Drawn(rows, energy * horizon.step_h, load, cost, told)
