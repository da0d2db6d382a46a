"""A scenario folder read a second time, from the contract alone, to check what was made of it."""

from __future__ import annotations

import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.fleet import OFF_GRID, Dwells, Fleet, Trips
from tidewatt.domain.grid import NO_BANK, CostPieces, Grid
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.scenario import Scenario
from tidewatt.verification.road_tables import read_road_parts
from tidewatt.verification.table import Table
from tidewatt.verification.tariff_tables import read_tariff_parts

__all__ = ["read_tables"]

_FLEET_DEFAULTS = {
    "soc_min": 0.1,
    "soc_max": 1.0,
    "charge_efficiency": 0.9,
    "max_charge_kw": np.inf,
    "weight": 1.0,
    "max_discharge_kw": 0.0,
}


def _sorted_rows(table: Table, fleet_ids: Array, start: str, end: str) -> tuple[Array, Array]:
    """Order of rows by vehicle, start and end, and the offsets of the vehicles."""
    owner = table.places("vehicle_id", fleet_ids, -1)
    if np.any(owner < 0):
        raise ValueError(f"{table.name}: row {int(np.argmin(owner))} is of no vehicle of the fleet")
    order = np.lexsort((table.numbers(end), table.numbers(start), owner))
    first = np.zeros(len(fleet_ids) + 1, np.int64)
    np.cumsum(np.bincount(owner, minlength=len(fleet_ids)), out=first[1:])
    return order, first


def _by_step(table: Table, id_column: str, ids: Array, value: str, steps: int) -> Array:
    """Values by (element, step), nan where the table has no row."""
    out = np.full((len(ids), steps), np.nan)
    if table.exists and table.has(id_column) and len(ids):
        row = table.places(id_column, ids, -1)
        step = table.numbers("step").astype(np.int64)
        mine = (row >= 0) & (step >= 0) & (step < steps)
        out[row[mine], step[mine]] = table.numbers(value)[mine]
    return out


def _pieces(table: Table, id_column: str, ids: Array, linear: Array) -> CostPieces:
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
    feeders, banks = Table(folder, "feeders"), Table(folder, "banks")
    headroom, base_load = Table(folder, "headroom"), Table(folder, "base_load")
    costs = Table(folder, "upgrade_costs")
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


def _fleet(table: Table) -> Fleet:
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
    fleet = _fleet(Table(folder, "vehicles"))
    grid = _grid(folder, horizon.steps)

    stays = Table(folder, "dwells")
    order, first = _sorted_rows(stays, fleet.vehicle_id, "arrive_min", "depart_min")
    dwells = Dwells(
        first,
        stays.numbers("arrive_min")[order],
        stays.numbers("depart_min")[order],
        stays.places("feeder_id", grid.feeder_id, OFF_GRID)[order],
        stays.numbers("charger_kw")[order],
    )
    drives = Table(folder, "trips")
    order, first = _sorted_rows(drives, fleet.vehicle_id, "depart_min", "arrive_min")
    trips = Trips(
        first,
        drives.numbers("depart_min")[order],
        drives.numbers("arrive_min")[order],
        drives.numbers("energy_kwh")[order],
    )
    parts = read_road_parts(folder, settings, grid.feeder_id)
    parts |= read_tariff_parts(folder, settings, horizon, parts.get("roads"))
    return Scenario(settings.get("name") or folder.name, horizon, fleet, dwells, trips, grid, **parts)
