"""A scenario folder read a second time, from the contract alone, to check what was made of it."""

from __future__ import annotations

import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tidewatt.domain.arrays import Array
from tidewatt.domain.fleet import Fleet
from tidewatt.domain.grid import NO_BANK, CostPieces, Grid
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.mobility import OFF_GRID, Dwells, Trips
from tidewatt.domain.scenario import Scenario

__all__ = ["read_tables"]

_FLEET_DEFAULTS = {
    "soc_min": 0.1,
    "soc_max": 1.0,
    "charge_efficiency": 0.9,
    "max_charge_kw": np.inf,
    "weight": 1.0,
    "max_discharge_kw": 0.0,
}


class _Table:
    """One table: columns of text (empty where nothing is given) or of numbers (nan there)."""

    def __init__(self, folder: Path, name: str) -> None:
        parquet, csv = folder / f"{name}.parquet", folder / f"{name}.csv"
        self.name = name
        self.exists = True
        if parquet.is_file():
            self._columns = pq.read_table(parquet)
        elif csv.is_file():
            self._columns = pa.Table.from_pandas(_read_csv(csv), preserve_index=False)
        else:
            self.exists = False
            self._columns = pa.table({})

    def __len__(self) -> int:
        return int(self._columns.num_rows)

    def has(self, column: str) -> bool:
        return column in self._columns.column_names

    def _strings(self, column: str) -> Any:
        """Cells as Arrow text, null where nothing is given."""
        cells = self._columns[column].combine_chunks()
        if pa.types.is_dictionary(cells.type):
            cells = cells.cast(cells.type.value_type)
        if pa.types.is_floating(cells.type):  # whole numbers with gaps, as data frames hold them
            gaps = pc.is_nan(cells)
            cells = pc.if_else(gaps, pa.scalar(None, cells.type), cells).cast(pa.int64())
        return pc.utf8_trim_whitespace(cells.cast(pa.string()))

    def text(self, column: str) -> Array:
        """Cells as text, empty where nothing is given, shape (rows,)."""
        if not self.has(column):
            return np.full(len(self), "", object)
        return np.asarray(pc.fill_null(self._strings(column), "").to_numpy(zero_copy_only=False), object)

    def places(self, column: str, ids: Array, missing: int) -> Array:
        """Position of every cell in `ids`, `missing` where it is empty or unknown, shape (rows,)."""
        if not self.has(column):
            return np.full(len(self), missing, np.int64)
        cells, known = self._strings(column), pa.array(list(ids), pa.string())
        found = pc.index_in(cells, value_set=known)
        if found.null_count:  # whole numbers that a spreadsheet or data frame wrote as 7.0
            whole = pc.replace_substring_regex(cells, r"^(-?\d+)\.0+$", r"\1")
            found = pc.coalesce(found, pc.index_in(whole, value_set=known))
        return np.asarray(pc.fill_null(found, missing).to_numpy(zero_copy_only=False), np.int64)

    def numbers(self, column: str, default: float | Array = np.nan) -> Array:
        """Cells as float64, `default` where nothing is given, shape (rows,)."""
        if not self.has(column):
            return np.broadcast_to(np.asarray(default, np.float64), (len(self),)).copy()
        cells = self._columns[column].combine_chunks()
        if pa.types.is_dictionary(cells.type):
            cells = cells.cast(cells.type.value_type)
        if pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type):
            text = np.asarray(pc.fill_null(cells, "").to_numpy(zero_copy_only=False), object)
            text[text == ""] = "nan"
            values = text.astype(np.float64)  # Python's own conversion: correctly rounded
        else:
            values = cells.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False).astype(np.float64)
        return np.where(np.isnan(values), default, values)


def _read_csv(path: Path) -> pd.DataFrame:
    """Every cell as text; separated by what the header holds most of, rows without any cell left out."""
    with path.open(encoding="utf-8-sig") as file:
        header = next((line for line in file if line.strip()), "")
    separator = max(",;\t", key=header.count)
    frame = pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    frame.columns = frame.columns.str.strip()
    return frame[(frame != "").any(axis=1)].reset_index(drop=True)


def _sorted_rows(table: _Table, fleet_ids: Array, start: str, end: str) -> tuple[Array, Array]:
    """Order of rows by vehicle, start and end, and the offsets of the vehicles."""
    owner = table.places("vehicle_id", fleet_ids, -1)
    if np.any(owner < 0):
        raise ValueError(f"{table.name}: row {int(np.argmin(owner))} is of no vehicle of the fleet")
    order = np.lexsort((table.numbers(end), table.numbers(start), owner))
    first = np.zeros(len(fleet_ids) + 1, np.int64)
    np.cumsum(np.bincount(owner, minlength=len(fleet_ids)), out=first[1:])
    return order, first


def _by_step(table: _Table, id_column: str, ids: Array, value: str, steps: int) -> Array:
    """Values by (element, step), nan where the table has no row."""
    out = np.full((len(ids), steps), np.nan)
    if table.exists and table.has(id_column) and len(ids):
        row = table.places(id_column, ids, -1)
        step = table.numbers("step").astype(np.int64)
        mine = (row >= 0) & (step >= 0) & (step < steps)
        out[row[mine], step[mine]] = table.numbers(value)[mine]
    return out


def _pieces(table: _Table, id_column: str, ids: Array, linear: Array) -> CostPieces:
    """Costs by piece; `linear` where the table has no row of an element."""
    row = table.places(id_column, ids, -1) if table.exists else np.zeros(0, np.int64)
    mine = np.flatnonzero(row >= 0)
    above, cost, owner = np.zeros(0), np.zeros(0), row[mine]
    if len(mine):
        above, cost = table.numbers("above_kw")[mine], table.numbers("cost_per_kw")[mine]
    plain = np.setdiff1d(np.arange(len(ids)), owner)
    owner = np.concatenate([owner, plain])
    above = np.concatenate([above, np.zeros(len(plain))])
    cost = np.concatenate([cost, linear[plain]])
    order = np.lexsort((above, owner))
    first = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(ids)))])
    return CostPieces(first, above[order], cost[order])


def _grid(folder: Path, steps: int) -> Grid:
    feeders, banks = _Table(folder, "feeders"), _Table(folder, "banks")
    headroom, base_load = _Table(folder, "headroom"), _Table(folder, "base_load")
    costs = _Table(folder, "upgrade_costs")
    feeder_id, bank_id = feeders.text("feeder_id"), banks.text("bank_id")
    bank = feeders.places("bank_id", bank_id, NO_BANK)
    rating, bank_rating = feeders.numbers("rating_kw"), banks.numbers("rating_kw")

    given = _by_step(headroom, "feeder_id", feeder_id, "headroom_kw", steps)
    base = _by_step(base_load, "feeder_id", feeder_id, "load_kw", steps)
    left = np.where(np.isnan(given), rating[:, None] - base, given)
    carried = np.where(np.isnan(base), rating[:, None] - left, base)

    under = np.zeros((len(bank_id), steps))
    has_bank = bank >= 0
    np.add.at(under, bank[has_bank], carried[has_bank])
    bank_given = _by_step(headroom, "bank_id", bank_id, "headroom_kw", steps)
    bank_left = np.where(np.isnan(bank_given), bank_rating[:, None] - under, bank_given)
    for name, table, ids in (("feeder", left, feeder_id), ("bank", bank_left, bank_id)):
        if np.isnan(table).any():
            lacking = ids[np.isnan(table).any(axis=1)][0]
            raise ValueError(f"headroom: {name} {lacking} has neither headroom nor rating and base load")
    return Grid(
        feeder_id,
        bank_id,
        bank,
        left,
        bank_left,
        _pieces(costs, "feeder_id", feeder_id, feeders.numbers("upgrade_cost_per_kw", 1.0)),
        _pieces(costs, "bank_id", bank_id, banks.numbers("upgrade_cost_per_kw", 1.0)),
        rating,
        bank_rating,
        None if np.isnan(base).all() else base,
    )


def _fleet(table: _Table) -> Fleet:
    columns: dict[str, Any] = {
        name: table.numbers(name, default) for name, default in _FLEET_DEFAULTS.items()
    }
    initial = table.numbers("soc_initial")
    return Fleet(
        vehicle_id=table.text("vehicle_id"),
        battery_kwh=table.numbers("battery_kwh"),
        soc_initial=initial,
        soc_final_min=table.numbers("soc_final_min", initial),
        discharge_efficiency=table.numbers("discharge_efficiency", columns["charge_efficiency"]),
        **columns,
    )


def read_tables(folder: Path) -> Scenario:
    """Read a scenario folder, apply the contract's defaults, and align it.

    Parameters
    ----------
    folder : Path
        The scenario folder: ``scenario.toml`` and one Parquet or CSV file a table.

    Returns
    -------
    Scenario
        All ids as text.

    Raises
    ------
    ValueError, OSError, KeyError
        What is wrong with the files; the scenario's own checks are not repeated here.
    """
    settings = tomllib.loads((folder / "scenario.toml").read_text("utf-8-sig"))
    time = settings["horizon"]
    start = time["start"]
    if not isinstance(start, datetime):
        start = datetime.fromisoformat(str(start))
    horizon = Horizon(start, float(time["step_min"]), int(time["steps"]))
    fleet = _fleet(_Table(folder, "vehicles"))
    grid = _grid(folder, horizon.steps)

    stays = _Table(folder, "dwells")
    order, first = _sorted_rows(stays, fleet.vehicle_id, "arrive_min", "depart_min")
    dwells = Dwells(
        first,
        stays.numbers("arrive_min")[order],
        stays.numbers("depart_min")[order],
        stays.places("feeder_id", grid.feeder_id, OFF_GRID)[order],
        stays.numbers("charger_kw")[order],
    )
    drives = _Table(folder, "trips")
    order, first = _sorted_rows(drives, fleet.vehicle_id, "depart_min", "arrive_min")
    trips = Trips(
        first,
        drives.numbers("depart_min")[order],
        drives.numbers("arrive_min")[order],
        drives.numbers("energy_kwh")[order],
    )
    return Scenario(settings.get("name") or folder.name, horizon, fleet, dwells, trips, grid)
