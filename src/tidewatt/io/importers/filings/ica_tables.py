"""Tables of integration capacity: load and hosting capacity by feeder, month and hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from tidewatt.domain.arrays import Array
from tidewatt.errors import Issue, ScenarioError
from tidewatt.io.importers.tables import nearest_words, read_table, tables_of

__all__ = ["CAPACITIES", "CapacityTables", "read_capacity_tables"]

CAPACITIES = tuple(f"{limit}_{q}" for limit in "BTV" for q in ("mn", "p1", "q1", "md", "q3", "p9", "mx"))
"""Capacity columns: combined (B), thermal (T) or voltage (V) limit; minimum, 10th, 25th, 50th, 75th,
90th percentile or maximum over the feeder's line segments."""

_CUSTOMERS = ("ResCust", "ComCust", "IndCust", "AgrCust", "OthCust", "TotCust")


@dataclass(frozen=True, slots=True, eq=False)
class CapacityTables:
    """What the files say about each feeder.

    Attributes
    ----------
    feeder_id, name : array of str, shape (feeders,)
        Ids (digits without leading zeros) and names.
    load_kw : array, shape (feeders, 12, 24)
        High load (90th percentile) by month and hour [kW]; nan where missing.
    capacity_kw : array, shape (feeders, 12, 24)
        Hosting capacity for load [kW] in the column asked for; nan where missing.
    residential, customers : array, shape (feeders,)
        Residential and all customers; nan where missing.
    """

    feeder_id: Array
    name: Array
    load_kw: Array
    capacity_kw: Array
    residential: Array
    customers: Array

    def complete(self, values_kw: Array) -> Array:
        """Return whether a feeder has a value in all 288 month-hours; shape (feeders,)."""
        return np.asarray(np.isfinite(values_kw).all(axis=(1, 2)))


def read_capacity_tables(files: Sequence[Path | str], capacity: str = "B_md") -> CapacityTables:
    """Read and join files with one row per feeder, month and hour.

    Parameters
    ----------
    files : sequence of paths
        Parquet or CSV, or folders of such.
    capacity : str
        One of `CAPACITIES`; nan throughout where the files lack the column.

    Raises
    ------
    ScenarioError
        Unreadable files, missing columns, months or hours out of range, repeated month-hours.
    """
    issues: list[Issue] = []
    if capacity not in CAPACITIES:
        issues.append(
            Issue(
                "options",
                "capacity",
                f"{capacity!r} is not a capacity column",
                f"Did you mean {nearest_words(capacity, CAPACITIES)}?",
            )
        )
    if not files:
        issues.append(Issue("options", "ica", "no files are given", "Give at least one file"))
    frames = []
    paths = []
    for given in map(Path, files):
        try:
            paths += tables_of(given)
        except ScenarioError as error:
            issues += error.issues
    for path in paths:
        try:
            frame = read_table(path)
        except ScenarioError as error:
            issues += error.issues
            continue
        lacking = [c for c in ("FeederID", "Month", "Hour") if c not in frame]
        if "h_kW" not in frame and capacity not in frame:
            lacking.append(f"h_kW or {capacity}")
        if lacking:
            issues.append(
                Issue(
                    path.name,
                    ", ".join(lacking),
                    "the columns are missing",
                    "Give integration-capacity tables, one row per feeder, month and hour",
                )
            )
            continue
        issues += _month_hours(path, frame)
        frames.append(frame)
    if issues:
        raise ScenarioError(issues)
    joined = pd.concat(frames, ignore_index=True)
    repeated = joined.duplicated(["FeederID", "Month", "Hour"])
    if repeated.any():
        ids = joined.FeederID[repeated].astype(str).unique()
        raise ScenarioError(
            [
                Issue(
                    "ica",
                    "FeederID",
                    "the same month and hour is given twice for a feeder",
                    "Give each file once",
                    tuple(ids[:5]),
                    len(ids),
                )
            ]
        )
    return _pack(joined, capacity)


def _month_hours(path: Path, frame: pd.DataFrame) -> list[Issue]:
    issues = []
    for name, low, high in (("Month", 1, 12), ("Hour", 0, 23)):
        value = pd.to_numeric(frame[name], errors="coerce")
        wrong = ~(value.between(low, high) & (value % 1 == 0))
        if wrong.any():
            rows = np.flatnonzero(wrong) + 2
            found = frame[name][wrong].iloc[0]
            issues.append(
                Issue(
                    path.name,
                    name,
                    f"{found!r} is not a whole number in {low}..{high}",
                    "Correct it",
                    tuple(f"row {r}" for r in rows[:5]),
                    len(rows),
                )
            )
    return issues


def _identifier(value: object) -> str:
    """Reduce ``182291101.0`` and ``"0182291101"`` to digits without leading zeros; keep other text."""
    text = str(value).strip().removesuffix(".0")
    return str(int(text)) if text.isdigit() else str(value).strip()


def _pack(frame: pd.DataFrame, capacity: str) -> CapacityTables:
    key = frame.FeederID.map(_identifier)
    code, ids = pd.factorize(key)
    where = (code, frame.Month.to_numpy(int) - 1, frame.Hour.to_numpy(int))

    def cube(column: str) -> Array:
        values = np.full((len(ids), 12, 24), np.nan)
        if column in frame:
            number = pd.to_numeric(frame[column], errors="coerce").to_numpy(float)
            values[where] = np.where(np.isfinite(number), number, np.nan)
        return values

    def count(column: str) -> Array:
        if column not in frame:
            return np.full(len(ids), np.nan)
        by_feeder = pd.to_numeric(frame[column], errors="coerce").groupby(code).max()
        return by_feeder.reindex(range(len(ids))).to_numpy(float)

    names = np.asarray(ids, object)
    if "Feeder_Name" in frame:
        names = frame.Feeder_Name.astype(str).groupby(code).first().reindex(range(len(ids))).to_numpy(object)
    residential, customers = count(_CUSTOMERS[0]), count(_CUSTOMERS[-1])
    return CapacityTables(
        np.asarray(ids, object), names, cube("h_kW"), cube(capacity), residential, customers
    )
