"""Writing a scenario folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tidewatt.domain.arrays import Array
from tidewatt.domain.grid import CostPieces, Grid
from tidewatt.domain.scenario import Scenario
from tidewatt.errors import Issue, ScenarioError
from tidewatt.io.atomic import atomic_folder
from tidewatt.io.config import CONFIG_FILE, parse_config, toml_text
from tidewatt.io.networkwriting import network_tables, step_columns
from tidewatt.io.roadwriting import ids_column, nullable, road_section, road_tables
from tidewatt.io.schema import TABLES

__all__ = ["write_scenario"]

_ROWS_AT_ONCE = 1 << 20


def write_scenario(scenario: Scenario, folder: str | os.PathLike[str]) -> None:
    """Write a scenario as a folder of Parquet tables and ``scenario.toml``; all of it or nothing.

    Tables of a scenario that stood in the folder before are replaced, other files are left alone.
    Reading the folder gives a scenario with the same fingerprint.

    Parameters
    ----------
    scenario : Scenario
        What to write.
    folder : path
        Where to; made if missing.

    Raises
    ------
    ScenarioError
        Where the scenario's parameters could not be read back.
    OutputError
        Where the operating system refuses; the text says what to do.
    """
    config = _config(scenario)
    issues: list[Issue] = []
    parse_config(config, issues)
    if issues:
        raise ScenarioError(issues)
    owned = [f"{name}.{suffix}" for name in TABLES for suffix in ("parquet", "csv")]
    with atomic_folder(Path(folder), owned=owned, last=CONFIG_FILE) as temporary:
        (temporary / CONFIG_FILE).write_text(toml_text(config), encoding="utf-8")
        # A scenario of roads or a network alone has neither vehicles nor feeders, and no tables of them.
        other = (scenario.roads, scenario.step_roads, scenario.distribution, scenario.travel)
        alone = all(part is None for part in other)
        if len(scenario.fleet) or alone:
            _write_vehicles(scenario, temporary)
            _write_dwells(scenario, temporary)
            _write_trips(scenario, temporary)
        if scenario.grid.feeders or alone:
            _write_grid(scenario.grid, temporary)
        for name, columns in (*road_tables(scenario), *network_tables(scenario)):
            if name == "links" and scenario.roads is not None and scenario.step_roads is not None:
                columns = {**columns, **step_columns(scenario.step_roads)}
            _write(temporary / f"{name}.parquet", columns)


def _config(scenario: Scenario) -> dict[str, Any]:
    h = scenario.horizon
    parameters = {study: dict(values) for study, values in scenario.parameters.items() if values}
    content: dict[str, Any] = {"name": scenario.name, **parameters.pop("scenario", {})}
    if scenario.roads is not None:
        content.pop("crs", None)
        if scenario.roads.crs:
            content["crs"] = scenario.roads.crs
        parameters["roads"] = road_section(scenario.roads)
    content["horizon"] = {"start": h.start, "step_min": h.step_min, "steps": h.steps}
    if scenario.sampling:
        content["sampling"] = dict(scenario.sampling)
    return content | parameters


def _write_vehicles(scenario: Scenario, folder: Path) -> None:
    fleet = scenario.fleet
    columns = {name: getattr(fleet, name) for name in fleet.__slots__ if name in TABLES["vehicles"]}
    columns["vehicle_id"] = ids_column(fleet.vehicle_id)
    _write(folder / "vehicles.parquet", columns | dict(fleet.attributes))


def _write_dwells(scenario: Scenario, folder: Path) -> None:
    dwells = scenario.dwells
    columns = {
        "vehicle_id": _Repeated(ids_column(scenario.fleet.vehicle_id), dwells.first),
        "arrive_min": dwells.arrive_min,
        "depart_min": dwells.depart_min,
        "feeder_id": _Taken(ids_column(scenario.grid.feeder_id), dwells.feeder),
        "charger_kw": dwells.charger_kw,
    }
    _write(folder / "dwells.parquet", columns | dict(dwells.attributes))


def _write_trips(scenario: Scenario, folder: Path) -> None:
    trips = scenario.trips
    columns = {
        "vehicle_id": _Repeated(ids_column(scenario.fleet.vehicle_id), trips.first),
        "depart_min": trips.depart_min,
        "arrive_min": trips.arrive_min,
        "energy_kwh": trips.energy_kwh,
    }
    _write(folder / "trips.parquet", columns | dict(trips.attributes))


def _write_grid(grid: Grid, folder: Path) -> None:
    feeders, banks = ids_column(grid.feeder_id), ids_column(grid.bank_id)
    levels = [(feeders, grid.headroom_kw, grid.cost), (banks, grid.bank_headroom_kw, grid.bank_cost)]
    columns: dict[str, Any] = {
        "feeder_id": feeders,
        "rating_kw": nullable(grid.rating_kw),
        "upgrade_cost_per_kw": _first_cost(grid.cost),
    }
    if grid.banks:
        columns["bank_id"] = _Taken(banks, grid.bank)
        bank_columns = {
            "bank_id": banks,
            "rating_kw": nullable(grid.bank_rating_kw),
            "upgrade_cost_per_kw": _first_cost(grid.bank_cost),
        }
        _write(folder / "banks.parquet", bank_columns | dict(grid.bank_attributes))
    _write(folder / "feeders.parquet", columns | dict(grid.attributes))

    steps = grid.headroom_kw.shape[1]
    elements = [np.repeat(np.arange(len(ids)), steps) for ids, _, _ in levels]
    headroom = _two_levels(feeders, banks, elements)
    headroom["step"] = np.tile(np.arange(steps, dtype=np.int32), grid.feeders + grid.banks)
    headroom["headroom_kw"] = np.concatenate([np.ravel(values) for _, values, _ in levels])
    _write(folder / "headroom.parquet", headroom)
    if grid.base_load_kw is not None:
        element, step = np.nonzero(~np.isnan(grid.base_load_kw))
        load = grid.base_load_kw[element, step]
        base = {"feeder_id": _Taken(feeders, element), "step": step.astype(np.int32), "load_kw": load}
        _write(folder / "base_load.parquet", base)
    if any(len(cost.cost_per_kw) > len(ids) for ids, _, cost in levels):
        elements = [np.repeat(np.arange(len(ids)), np.diff(cost.first)) for ids, _, cost in levels]
        pieces = _two_levels(feeders, banks, elements)
        pieces["above_kw"] = np.concatenate([cost.above_kw for _, _, cost in levels])
        pieces["cost_per_kw"] = np.concatenate([cost.cost_per_kw for _, _, cost in levels])
        _write(folder / "upgrade_costs.parquet", pieces)


def _two_levels(feeders: pa.Array, banks: pa.Array, elements: list[Array]) -> dict[str, Any]:
    """Columns feeder_id and bank_id of rows of feeders followed by rows of banks."""
    absent = [np.full(len(e), -1) for e in elements]
    columns: dict[str, Any] = {"feeder_id": _Taken(feeders, np.concatenate([elements[0], absent[1]]))}
    if len(banks):
        columns["bank_id"] = _Taken(banks, np.concatenate([absent[0], elements[1]]))
    return columns


def _first_cost(cost: CostPieces) -> Array:
    return np.asarray(cost.cost_per_kw[cost.first[:-1]])


class _Taken:
    """A column ``values[index]``, null where the index is negative, made block by block."""

    def __init__(self, values: pa.Array, index: Array) -> None:
        self.values, self.index = values, index

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, rows: slice) -> pa.Array:
        index = np.asarray(self.index[rows])
        return self.values.take(pa.array(index, mask=index < 0))


class _Repeated(_Taken):
    """A column of the owners of rows in CSR order, made block by block."""

    def __init__(self, values: pa.Array, first: Array) -> None:
        self.values, self.first = values, first

    def __len__(self) -> int:
        return int(self.first[-1])

    def __getitem__(self, rows: slice) -> pa.Array:
        start, stop, _ = rows.indices(len(self))
        owner = np.searchsorted(self.first, np.arange(start, stop), side="right") - 1
        return self.values.take(pa.array(owner))


def _write(path: Path, columns: Mapping[str, Any]) -> None:
    """One Parquet file, a million rows at once so that memory stays small."""
    rows = len(next(iter(columns.values())))
    writer: pq.ParquetWriter | None = None
    try:
        for start in range(0, max(rows, 1), _ROWS_AT_ONCE):
            block = slice(start, min(start + _ROWS_AT_ONCE, rows))
            arrays = [_column(values[block]) for values in columns.values()]
            table = pa.Table.from_arrays(arrays, names=list(columns))
            if writer is None:
                writer = pq.ParquetWriter(
                    path, table.schema, compression="zstd", compression_level=1, write_page_checksum=True
                )
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()


def _column(values: Any) -> pa.Array:
    if isinstance(values, np.ndarray) and values.dtype == object:
        try:
            return pa.array(values, pa.string(), from_pandas=True)
        except pa.ArrowException:  # cells that are not all texts
            return pa.array([None if v is None else str(v) for v in values], pa.string())
    return pa.array(values)
