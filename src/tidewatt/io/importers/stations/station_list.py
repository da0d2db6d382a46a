"""Tables of charging stations in the words of those who publish them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from tidewatt.domain.arrays import Array
from tidewatt.errors import Issue, ScenarioError
from tidewatt.io.importers.tables import Sheet, read_sheets, read_table

__all__ = ["StationList", "read_stations"]

_SHOWN = 5
_WORKBOOKS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_WORDS: Mapping[str, tuple[str, ...]] = {
    "station_id": ("station_id", "stationid", "station", "id", "site_id", "num", "name"),
    "latitude": ("latitude", "lat", "la", "y_lat"),
    "longitude": ("longitude", "lon", "lng", "long", "lo", "x_lon"),
    "x": ("x", "easting"),
    "y": ("y", "northing"),
    "fast": ("fast", "fast_count", "fast_num", "fast_chargers", "dc", "dcfc", "dc_count", "ev_dc_fast_num"),
    "normal": (
        *("normal", "normal_count", "slow", "slow_count", "slow_num", "slow_chargers", "ac", "ac_count"),
        *("level2", "level_2", "ev_level2_evse_num"),
    ),
    "total": ("total", "count", "chargers", "charger_count"),
    "fast_kw": ("fast_kw", "fast_power_kw", "dc_kw"),
    "normal_kw": ("normal_kw", "slow_kw", "normal_power_kw", "slow_power_kw", "ac_kw"),
    "price_fast_per_kwh": ("price_fast_per_kwh", "price_fast", "fast_price"),
    "price_normal_per_kwh": ("price_normal_per_kwh", "price_normal", "slow_price", "normal_price"),
}


@dataclass(frozen=True, slots=True)
class StationList:
    """Stations of a table, without rows that are not stations; arrays of shape (stations,).

    Attributes
    ----------
    name : str
        Name of the file.
    rows : int
        Rows of the file.
    station_id : array of str or int64
    x, y : array
        nan where not given.
    degrees : bool
        Whether x and y are longitude and latitude.
    fast, normal : array of int64
        Chargers.
    fast_kw, normal_kw, price_fast_per_kwh, price_normal_per_kwh : array
        nan where not given.
    dropped : mapping of str to tuple of str
        Ids left out, by reason.
    read_as : mapping of str to str
        Columns of the file by what they were taken for.
    """

    name: str
    rows: int
    station_id: Array
    x: Array
    y: Array
    degrees: bool
    fast: Array
    normal: Array
    fast_kw: Array
    normal_kw: Array
    price_fast_per_kwh: Array
    price_normal_per_kwh: Array
    dropped: Mapping[str, tuple[str, ...]]
    read_as: Mapping[str, str]


def read_stations(path: Path) -> StationList:
    """Read a table of stations: CSV (also gzipped or xz), Parquet or a workbook.

    Stations without any charger are left out and reported.

    Raises
    ------
    ScenarioError
        With everything that is wrong at once.
    """
    frame = _workbook(path) if path.suffix.lower() in _WORKBOOKS else read_table(path)
    columns = _columns(frame)
    issues = _missing(path.name, frame, columns)
    if issues:
        raise ScenarioError(issues)
    name = path.name
    ids = _ids(name, frame, columns, issues)
    place = ("longitude", "latitude") if "latitude" in columns else ("x", "y")
    x, y = (_numbers(name, frame, columns, what, ids, issues) for what in place)
    fast = _counts(name, frame, columns, "fast", ids, issues)
    if "normal" in columns:
        normal = _counts(name, frame, columns, "normal", ids, issues)
    elif "total" in columns:
        normal = _counts(name, frame, columns, "total", ids, issues) - fast
        _bad(name, columns["total"], normal < 0, ids, normal + fast, "fewer in all than fast ones", issues)
    else:
        normal = np.zeros(len(frame))
    if place[0] == "longitude":
        for column, values, most in ((place[0], x, 360.0), (place[1], y, 90.0)):
            wrong = np.abs(values) > most
            _bad(name, columns[column], wrong, ids, values, f"not {-most:g} to {most:g} degrees", issues)
    rest = ("fast_kw", "normal_kw", "price_fast_per_kwh", "price_normal_per_kwh")
    figures = {what: _numbers(name, frame, columns, what, ids, issues) for what in rest}
    if issues:
        raise ScenarioError(issues)
    kept = (fast + normal) > 0
    without = {"stations without chargers": tuple(map(str, ids[~kept]))}
    if not kept.any():
        problem = "no row has any chargers" if len(frame) else "the table has no rows"
        raise ScenarioError([Issue(name, "", problem, "Give stations with their numbers of chargers")])
    return StationList(
        name=name,
        rows=len(frame),
        station_id=ids[kept],
        x=x[kept],
        y=y[kept],
        degrees=place[0] == "longitude",
        fast=fast[kept].astype(np.int64),
        normal=normal[kept].astype(np.int64),
        **{what: values[kept] for what, values in figures.items()},
        dropped=without,
        read_as={column: what for what, column in columns.items()},
    )


def _workbook(path: Path) -> pd.DataFrame:
    sheets = read_sheets(path)
    none: Sheet = [[]]
    sheet = next((rows for rows in sheets.values() if len(rows) > 1), none)
    frame = pd.DataFrame(sheet[1:], columns=[str(cell) for cell in sheet[0]])
    return frame.replace("", np.nan).dropna(how="all").reset_index(drop=True)


def _columns(frame: pd.DataFrame) -> dict[str, str]:
    """Return the columns of the file by what they mean."""
    plain = {re.sub(r"[\s\-]+", "_", str(name).strip().lower()): str(name) for name in frame.columns}
    found = {}
    for what, words in _WORDS.items():
        word = next((word for word in words if word in plain), None)
        if word is not None:
            found[what] = plain[word]
    return found


def _missing(name: str, frame: pd.DataFrame, columns: dict[str, str]) -> list[Issue]:
    there = f"found {', '.join(map(str, frame.columns[:8]))}"
    issues = []
    if not {"latitude", "longitude"} <= columns.keys() and not {"x", "y"} <= columns.keys():
        fix = "Name them latitude and longitude, or x and y in the reference system of the scenario"
        issues.append(Issue(name, "", f"no columns say where the stations are ({there})", fix))
    if not {"fast", "normal"} & columns.keys():
        fix = "Name them fast and normal (or slow): numbers of chargers of each kind"
        issues.append(Issue(name, "", f"no column says how many chargers there are ({there})", fix))
    if "normal" in columns or "fast" not in columns:
        columns.pop("total", None)  # of use only where it is fast ones and others
    return issues


def _ids(name: str, frame: pd.DataFrame, columns: dict[str, str], issues: list[Issue]) -> Array:
    if "station_id" not in columns:
        return np.arange(1, len(frame) + 1)
    column = frame[columns["station_id"]]
    numbers = pd.to_numeric(column, errors="coerce")
    if numbers.notna().all() and (numbers == numbers.round()).all() and (numbers.abs() < 2**53).all():
        ids: Array = numbers.to_numpy(np.int64)
    else:
        ids = np.asarray([str(value).strip() for value in column], object)
        empty = np.flatnonzero(column.isna() | (ids == ""))
        if len(empty):
            rows = tuple(f"row {row + 1}" for row in empty[:_SHOWN])
            fix = "Fill it, or remove the row"
            issues.append(Issue(name, columns["station_id"], "the id is empty", fix, rows, len(empty)))
    again = np.flatnonzero(pd.Series(ids).duplicated())
    if len(again):
        shown = tuple(str(ids[row]) for row in again[:_SHOWN])
        fix = "Keep one row for each station: add up its chargers"
        issues.append(
            Issue(name, columns["station_id"], "the id occurs more than once", fix, shown, len(again))
        )
    return ids


def _numbers(
    name: str, frame: pd.DataFrame, columns: dict[str, str], what: str, ids: Array, issues: list[Issue]
) -> Array:
    """Return a column as numbers, nan where empty or absent."""
    if what not in columns:
        return np.full(len(frame), np.nan)
    column = frame[columns[what]]
    values = pd.to_numeric(column, errors="coerce").to_numpy(np.float64)
    wrong = (np.isnan(values) & column.notna().to_numpy()) | np.isinf(values)
    if wrong.any():
        rows = np.flatnonzero(wrong)
        problem = f"{str(column.iloc[rows[0]])!r} is no number"
        shown = tuple(str(ids[row]) for row in rows[:_SHOWN])
        fix = "Write numbers with decimal points and without units"
        issues.append(Issue(name, columns[what], problem, fix, shown, len(rows)))
    return np.where(wrong, np.nan, values)


def _counts(
    name: str, frame: pd.DataFrame, columns: dict[str, str], what: str, ids: Array, issues: list[Issue]
) -> Array:
    """Return numbers of chargers; 0 where empty or absent."""
    values = np.nan_to_num(_numbers(name, frame, columns, what, ids, issues))
    bad = (values < 0) | (values != np.round(values))
    _bad(name, columns.get(what, ""), bad, ids, values, "not a whole number of chargers from 0", issues)
    return np.where(bad, 0.0, values)


def _bad(
    name: str, column: str, wrong: Array, ids: Array, values: Array, what: str, issues: list[Issue]
) -> None:
    rows = np.flatnonzero(wrong)
    if len(rows):
        shown = tuple(str(ids[row]) for row in rows[:_SHOWN])
        problem = f"found {values[rows[0]]:g}, {what}"
        issues.append(Issue(name, column, problem, "Correct the cells", shown, len(rows)))
