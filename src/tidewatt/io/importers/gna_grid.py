"""Feeders and banks of a filing as a grid, with base load over the horizon."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.grid import NO_BANK, CostPieces, Grid
from tidewatt.domain.horizon import Horizon
from tidewatt.io.importers.gna_banks import BankMap
from tidewatt.io.importers.gna_figures import Figures
from tidewatt.io.importers.gna_filing import Filing
from tidewatt.io.importers.ica_tables import CapacityTables
from tidewatt.io.importers.shapes import default_shape, over_steps
from tidewatt.io.importers.upgrade_costs import upgrade_cost

__all__ = ["FiledGrid", "build_grid"]


@dataclass(frozen=True, slots=True, eq=False)
class FiledGrid:
    """The grid, and where it comes from in the filing.

    Attributes
    ----------
    grid : Grid
        Feeders and banks with figures.
    feeder, bank : array of int64, shape (feeders,) and (banks,)
        Rows of the filing.
    homes : array, shape (feeders,)
        Residential customers, told or estimated.
    in_tables, profiled : array of bool, shape (feeders,)
        Whether the capacity tables have the feeder; and whether its load shape is theirs.
    """

    grid: Grid
    feeder: Array
    bank: Array
    homes: Array
    in_tables: Array
    profiled: Array


def build_grid(
    filing: Filing,
    banks: BankMap,
    figures: Figures,
    inside: Array,
    tables: CapacityTables | None,
    horizon: Horizon,
    *,
    month: int | None,
    cost_per_kw: float | str,
    kw_per_customer: float,
    residential_share: float,
    residential_load_share: float,
) -> FiledGrid:
    """Keep what lies `inside` and has figures; parameters as in `import_gna`."""
    known = np.isfinite(figures.rating_kw) & np.isfinite(figures.loading_kw)
    feeder = np.flatnonzero(inside & known & (filing.kind == "feeder"))
    above = banks.bank[feeder]
    bank = np.unique(above[(above >= 0) & known[above]])
    place = np.full(len(known), NO_BANK)
    place[bank] = np.arange(len(bank))
    carried = np.where(above >= 0, place[above], NO_BANK)
    rating, loading = figures.rating_kw[feeder], figures.loading_kw[feeder]
    bank_rating = figures.rating_kw[bank]
    match = _matches(filing.facility_id[feeder], tables)
    profiled = _profiled(match, tables)
    shape = default_shape(residential_load_share)
    base_kw = _feeder_base(loading, match, profiled, tables, month, shape, horizon)
    bank_base_kw = _bank_base(figures.loading_kw[bank], base_kw, carried)
    customers, homes = _customers(loading, match, tables, kw_per_customer, residential_share)
    grid = Grid(
        filing.facility_id[feeder],
        filing.facility_id[bank],
        carried,
        rating[:, None] - base_kw,
        bank_rating[:, None] - bank_base_kw,
        CostPieces.linear(upgrade_cost(rating, cost_per_kw)),
        CostPieces.linear(upgrade_cost(bank_rating, cost_per_kw)),
        rating,
        bank_rating,
        base_kw,
        {"customers": np.round(customers), "name": filing.name[feeder]},
        {"name": filing.name[bank]},
    )
    return FiledGrid(grid, feeder, bank, homes, match >= 0, profiled)


def _matches(ids: Array, tables: CapacityTables | None) -> Array:
    """Row of each feeder in the capacity tables, -1 where absent; shape (feeders,)."""
    rows = {feeder: row for row, feeder in enumerate(tables.feeder_id)} if tables else {}
    return np.asarray([rows.get(feeder, -1) for feeder in ids], np.int64)


def _profiled(match: Array, tables: CapacityTables | None) -> Array:
    """Whether a feeder's shape comes from the tables: complete, never negative, not flat zero."""
    if tables is None:
        return np.zeros(len(match), bool)
    load = tables.load_kw
    usable = tables.complete(load)
    usable[usable] = (load[usable].min(axis=(1, 2)) >= 0) & (load[usable].max(axis=(1, 2)) > 0)
    profiled: Array = (match >= 0) & usable[match]
    return profiled


def _feeder_base(
    loading_kw: Array,
    match: Array,
    profiled: Array,
    tables: CapacityTables | None,
    month: int | None,
    shape: Array,
    horizon: Horizon,
) -> Array:
    """Base load, shape (feeders, steps): the year's peak hour is the filing's loading."""
    day = np.repeat(shape[None], len(loading_kw), axis=0)
    for row in np.flatnonzero(profiled):
        load = tables.load_kw[match[row]]  # type: ignore[union-attr]
        of_month = load[month - 1] if month else load[int(load.max(axis=1).argmax())]
        day[row] = of_month / load.max()
    return loading_kw[:, None] * over_steps(day[:, 0], day[:, 1], horizon)


def _bank_base(loading_kw: Array, base_kw: Array, carried: Array) -> Array:
    """Base load of banks, shape (banks, steps): that of the kept feeders, scaled to the filed peak."""
    base = np.zeros((len(loading_kw), base_kw.shape[1]))
    on = carried >= 0
    np.add.at(base, carried[on], base_kw[on])
    peak = base.max(axis=1, keepdims=True)
    # Feeders without any load leave no shape: the bank's loading is then taken as constant.
    return loading_kw[:, None] * np.where(peak > 0, base / np.where(peak > 0, peak, 1.0), 1.0)


def _customers(
    loading_kw: Array,
    match: Array,
    tables: CapacityTables | None,
    kw_per_customer: float,
    residential_share: float,
) -> tuple[Array, Array]:
    """All and residential customers, from the tables where known, else from the loading."""
    customers = loading_kw / kw_per_customer
    homes = customers * residential_share
    if tables is not None:
        for of_tables, values in ((tables.customers, customers), (tables.residential, homes)):
            told = (match >= 0) & np.isfinite(of_tables[match])
            values[told] = of_tables[match[told]]
    return customers, homes
