"""A scenario from integration-capacity tables: headroom is the remaining hosting capacity."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.grid import NO_BANK, CostPieces, Grid
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.scenario import Scenario
from tidewatt.errors import Issue, ScenarioError
from tidewatt.io.importers.base_load import over_steps, planning_week
from tidewatt.io.importers.filings.ica_tables import CapacityTables, read_capacity_tables
from tidewatt.io.importers.filings.upgrade_costs import check_upgrade_cost, cost_sentences
from tidewatt.io.importers.report import ImportReport
from tidewatt.io.importers.vehicles import (
    KW_PER_CUSTOMER,
    RESIDENTIAL_SHARE,
    check_options,
    check_shares,
    places_of,
    populate,
    size_fleet,
)
from tidewatt.synthesis.diary import Diary
from tidewatt.synthesis.habits import Habits

__all__ = ["import_ica"]


def import_ica(
    files: Sequence[Path | str],
    *,
    adoption: float,
    capacity: str = "B_md",
    month: int | None = None,
    vehicles: int | None = None,
    represent: float | None = None,
    missing: Literal["drop", "impute"] = "drop",
    horizon: Horizon | None = None,
    year: int = 2027,
    step_min: float = 15.0,
    seed: int = 0,
    habits: Habits | None = None,
    diary: Diary | None = None,
    upgrade_cost_per_kw: float = 1.0,
    residential_share: float = RESIDENTIAL_SHARE,
    name: str | None = None,
) -> tuple[Scenario, ImportReport]:
    """Turn month-by-hour hosting capacity of feeders into a scenario with vehicles.

    Parameters
    ----------
    files : sequence of paths
        Parquet or CSV, one row a feeder, month and hour; or folders of such.
    adoption : float
        Share of vehicles that are electric, 0..1.
    capacity : str
        Column taken as headroom, one of `CAPACITIES`. The default is the median over the feeder's
        line segments of the lower of thermal and voltage limit: what fits when charging is spread
        over the feeder. ``B_p1`` asks that nine segments in ten could take it all, ``T_mx`` counts
        the strongest segment's thermal limit alone.
    month : int or None
        Month of the capacity, 1..12; None: each feeder's own month of the least mean capacity.
    vehicles, represent, horizon, step_min, seed, habits, diary, name
        As for `import_gna`; real vehicles are counted from residential customers.
    missing : {"drop", "impute"}
        Feeders with a missing capacity in any of the 288 month-hours are left out; or the value
        becomes the median of the feeder's same hour in other months, else of its other values, else
        of the same month and hour at other feeders.
    year : int
        Year of the week when no horizon is given.
    upgrade_cost_per_kw : float
        Cost of a kW of overload.
    residential_share : float
        Residential customers among all, where only the total is known.

    Returns
    -------
    Scenario, ImportReport
        Feeders without banks and ratings, which the tables do not give.

    Raises
    ------
    ScenarioError
        Everything wrong with files and options, at once.
    """
    habits = habits or Habits()
    issues = check_options(
        adoption=adoption, vehicles=vehicles, represent=represent, missing=missing, seed=seed
    )
    issues += check_shares(month=month, year=year, residential_share=residential_share, step_min=step_min)
    issues += check_upgrade_cost(upgrade_cost_per_kw, ddor=False)
    tables = None
    try:
        tables = read_capacity_tables(files, capacity)
    except ScenarioError as error:
        issues += error.issues
    if issues or tables is None:
        raise ScenarioError(issues)
    complete = tables.complete(tables.capacity_kw)
    filled = tables.capacity_kw if missing == "drop" else _fill(tables.capacity_kw)
    kept = np.flatnonzero(tables.complete(filled))
    if not len(kept):
        raise ScenarioError(
            [
                Issue(
                    "ica",
                    capacity,
                    "no feeder has a value in all 288 month-hours",
                    "Choose another capacity column, or --missing impute",
                )
            ]
        )
    horizon = horizon or planning_week(year, step_min)
    day = _day(filled[kept], month)
    headroom = over_steps(day, day, horizon)
    peak_kw, customers, homes = _customers(tables, residential_share)
    grid = Grid(
        tables.feeder_id[kept],
        np.empty(0, object),
        np.full(len(kept), NO_BANK),
        headroom,
        np.empty((0, horizon.steps)),
        CostPieces.linear(np.full(len(kept), float(upgrade_cost_per_kw))),
        CostPieces.linear(np.empty(0)),
        np.full(len(kept), np.nan),
        np.empty(0),
        None,
        {"customers": np.round(customers[kept]), "name": tables.name[kept]},
    )
    size = size_fleet(float(homes[kept].sum()), adoption=adoption, vehicles=vehicles, represent=represent)
    source = ", ".join(Path(f).resolve().name for f in files)
    scenario = populate(
        name or f"hosting-capacity-{capacity}",
        grid,
        horizon,
        places_of(homes[kept], peak_kw[kept], habits),
        size,
        seed=seed,
        habits=habits,
        diary=diary,
        sampling={
            "adoption": adoption,
            "method": "vehicles live on feeders in proportion to residential customers; equal weights",
            "source": source,
        },
    )
    return scenario, _report(
        tables,
        complete,
        kept,
        source,
        capacity,
        month,
        len(scenario.fleet),
        size.electric,
        cost_sentences(upgrade_cost_per_kw),
    )


def _fill(capacity_kw: Array) -> Array:
    """Fill missing values from the feeder itself, else from other feeders; keep the shape."""
    filled = capacity_kw.copy()
    for over in (1, (1, 2), 0):
        hole = ~np.isfinite(filled)
        if not hole.any():
            break
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # all missing: the next wider group fills it
            guess = np.nanmedian(capacity_kw, axis=over, keepdims=True)
        filled[hole] = np.broadcast_to(guess, filled.shape)[hole]
    return filled


def _day(capacity_kw: Array, month: int | None) -> Array:
    """Return capacity by hour, shape (feeders, 24), of the month or of each feeder's tightest month."""
    if month is not None:
        return np.asarray(capacity_kw[:, month - 1])
    tightest = capacity_kw.mean(axis=2).argmin(axis=1)
    return np.asarray(capacity_kw[np.arange(len(capacity_kw)), tightest])


def _customers(tables: CapacityTables, residential_share: float) -> tuple[Array, Array, Array]:
    """Return peak load [kW], all and residential customers of each feeder, given or estimated."""
    highest = np.where(np.isfinite(tables.load_kw), tables.load_kw, -np.inf).max(axis=(1, 2))
    customers = np.where(np.isfinite(tables.customers), tables.customers, np.nan)
    peak = np.where(highest > 0, highest, KW_PER_CUSTOMER * customers)
    customers = np.where(np.isfinite(customers), customers, peak / KW_PER_CUSTOMER)
    homes = np.where(np.isfinite(tables.residential), tables.residential, residential_share * customers)
    return np.nan_to_num(peak), np.nan_to_num(customers), np.nan_to_num(homes)


def _report(
    tables: CapacityTables,
    complete: Array,
    kept: Array,
    source: str,
    capacity: str,
    month: int | None,
    vehicles: int,
    electric: float,
    costs: tuple[str, ...],
) -> ImportReport:
    ids, left = tables.feeder_id, np.ones(len(tables.feeder_id), bool)
    left[kept] = False
    filled = kept[~complete[kept]]
    counts: dict[str, float] = {
        "feeders_in_files": len(ids),
        "feeders_complete": int(complete.sum()),
        "feeders": len(kept),
        "missing_values": int((~np.isfinite(tables.capacity_kw)).sum()),
        "vehicles": vehicles,
        "real_electric_vehicles": round(electric),
    }
    when = f"month {month}" if month else "each feeder's month of the least mean capacity"
    return ImportReport(
        source,
        counts,
        {"feeders with missing capacity": tuple(ids[left])},
        {"missing capacity of feeders": tuple(ids[filled])},
        (f"headroom is {capacity} of {when}, alike on all days", "no banks: the tables name none", *costs),
    )
