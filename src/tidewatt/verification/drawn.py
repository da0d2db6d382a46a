"""A stored schedule, walked once in chunks: whether every row is allowed, and what all add up to."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tidewatt.domain.arrays import Array
from tidewatt.domain.scenario import Scenario
from tidewatt.verification.needs import Needs

__all__ = ["Drawn", "walk_schedule"]

POWER_TOLERANCE = 1e-6
"""By which a power may pass its limit, relative and in kW: powers may be stored in single precision."""

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


def _codes(column: pa.ChunkedArray, known: pd.Index) -> tuple[Array, Array]:
    """Row of every id in `known` (-1: not there), and whether the cell is empty."""
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
    energy, load = np.zeros(len(dwells)), np.zeros(grid.feeders * steps)
    cost = np.zeros(len(fleet))
    flat_price = price.ravel()
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
        good = np.ones(len(power), bool)

        def require(
            kind: str,
            holds: Array,
            good: Array = good,
            power: Array = power,
            ordinal: Array = ordinal,
            at: Array = at,
            vehicle: Array = vehicle,
            start: int = rows,
        ) -> None:
            # Every row is blamed once, for the first thing wrong with it.
            wrong = good & ~holds
            if wrong.any():
                k = int(np.argmax(wrong))
                name = fleet.vehicle_id[vehicle[k]] if vehicle[k] >= 0 else "?"
                first = (
                    f"first: row {start + k}, vehicle {name}, dwell {ordinal[k]:g}, step {at[k]:g}, "
                    f"{power[k]:.9g} kW"
                )
                count, said = faults.get(kind, (0, first))
                faults[kind] = (count + int(wrong.sum()), said)
                good &= holds

        require("vehicle unknown", vehicle >= 0)
        per_vehicle = np.diff(dwells.first)
        who = np.maximum(vehicle, 0)
        require("no such dwell", (ordinal >= 0) & (ordinal < per_vehicle[who]) & (ordinal % 1 == 0))
        row = np.where(good, dwells.first[who] + np.where(good, ordinal, 0).astype(np.int64), 0)
        require("no charger there", limit[row] > 0)
        begin = np.floor(dwells.arrive_min[row] / step + 1e-9)
        end = np.maximum(np.ceil(dwells.depart_min[row] / step - 1e-9), begin + 1)
        require("step outside the dwell", (at >= begin) & (at < end) & (at < steps) & (at % 1 == 0))
        when = np.where(good, at, 0).astype(np.int64)
        covered = np.minimum(dwells.depart_min[row], (when + 1) * step)
        covered = covered - np.maximum(dwells.arrive_min[row], when * step)
        most = limit[row] * np.maximum(covered, 0.0) / step
        require("power below 0 or not a number", power >= 0)
        require("power above the charger's", power <= most * (1 + POWER_TOLERANCE) + POWER_TOLERANCE)
        here = dwells.feeder[row]
        require("another feeder than the dwell's", np.where(here >= 0, feeder == here, unnamed))
        key = row * steps + when
        before = np.concatenate([[last], np.maximum.accumulate(np.where(good, key, last))[:-1]])
        require("twice, or out of order", key > before)

        row, when, power, who, here = row[good], when[good], power[good], who[good], here[good]
        if len(row):
            low, high = int(row.min()), int(row.max()) + 1
            energy[low:high] += np.bincount(row - low, power, high - low) * horizon.step_h
            priced = here >= 0
            cell = here[priced].astype(np.int64) * steps + when[priced]
            drawn = power[priced] * fleet.weight[who[priced]]
            load += np.bincount(cell, drawn, len(load))
            low, high = int(who.min()), int(who.max()) + 1
            cost[low:high] += np.bincount(who[priced] - low, drawn * flat_price[cell], high - low)
            last = max(last, int(key[good].max()))
        rows += batch.num_rows
    told = {kind: f"{count} row{'s' if count > 1 else ''} ({said})" for kind, (count, said) in faults.items()}
    return Drawn(rows, energy, load.reshape(grid.feeders, steps), cost, told)
