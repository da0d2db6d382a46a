"""Trip diaries with the column names of their surveys, and which of their rows make sense."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from tidewatt.domain.arrays import Array
from tidewatt.errors import Issue, ScenarioError
from tidewatt.io.importers.tables import nearest_words

__all__ = ["RawDiary", "SoundRows", "judge", "recognise"]

_KM_PER_MILE = 1.609344
_PAST_MIDNIGHT_MIN = 360.0

# NHTS WHYTO codes (2017 and 2022) and WHYTRP1S summary codes.
_WHYTO = {
    1: "home",
    2: "home",
    3: "work",
    4: "work",
    6: "escort",
    8: "errand",
    9: "escort",
    10: "escort",
    11: "shop",
    12: "errand",
    13: "leisure",
    14: "errand",
    15: "leisure",
    16: "leisure",
    17: "leisure",
    18: "errand",
    19: "leisure",
}
_WHYTRP1S = {
    1: "home",
    10: "work",
    20: "errand",
    30: "errand",
    40: "shop",
    50: "leisure",
    70: "escort",
    80: "leisure",
}
# Words met in VISTA's purposes and in free text, first match counts.
_WORDS = (
    ("home", "home"),
    ("someone", "escort"),
    ("escort", "escort"),
    ("child", "escort"),
    ("work", "work"),
    ("commut", "work"),
    ("business", "errand"),
    ("buy", "shop"),
    ("shop", "shop"),
    ("grocer", "shop"),
    ("social", "leisure"),
    ("recreation", "leisure"),
    ("leisure", "leisure"),
    ("visit", "leisure"),
    ("sport", "leisure"),
    ("meal", "leisure"),
    ("education", "errand"),
    ("school", "errand"),
    ("errand", "errand"),
    ("medical", "errand"),
    ("health", "errand"),
    ("something", "errand"),
)


@dataclass(frozen=True, slots=True, eq=False)
class RawDiary:
    """Unchecked rows of a diary; arrays of shape (trips,), nan where unreadable.

    Attributes
    ----------
    format : str
        ``"tidewatt"``, ``"VISTA"`` or ``"NHTS"``.
    row : array of int64
        Row number in the file, from 1 below the header.
    person : array of str
        Vehicle, or person-day.
    depart_min, arrive_min : array
        Minutes since midnight of the day, or since the start of the table's horizon.
    distance_km : array
        Driven distance [km].
    purpose : array of str
        Purpose at the destination, one of `statistics.PURPOSES`.
    weekend : array of bool
        Whether the day is a weekend day; False where the table does not say.
    weight : array
        Expansion weight, 1 where not given.
    not_driven : int
        Rows of other modes or passengers, not among the trips.
    says_weekend : bool
        Whether the table says which days are weekend days.
    """

    format: str
    row: Array
    person: Array
    depart_min: Array
    arrive_min: Array
    distance_km: Array
    purpose: Array
    weekend: Array
    weight: Array
    not_driven: int
    says_weekend: bool


def recognise(path: Path, frame: pd.DataFrame) -> RawDiary:
    """Recognise the survey by its columns and convert its rows to one form.

    Raises
    ------
    ScenarioError
        No known form has all of its columns; names what the nearest one lacks.
    """
    by_key = {_key(str(name)): str(name) for name in frame.columns}
    fits = []
    for form in _FORMS:
        found = {
            field: next((by_key[_key(n)] for n in names if _key(n) in by_key), None)
            for field, names in form.columns.items()
        }
        lacking = [form.columns[field][0] for field in form.needed if found[field] is None]
        if not lacking:
            return _convert(form, frame, {k: v for k, v in found.items() if v is not None})
        fits.append((len(lacking) / len(form.needed), form, lacking))
    _, form, lacking = min(fits, key=lambda fit: fit[0])
    known = nearest_words(lacking[0], [str(c) for c in frame.columns][:40])
    raise ScenarioError(
        [
            Issue(
                path.name,
                ", ".join(lacking),
                f"the columns are missing for a diary in the {form.name} format",
                f"Name the columns as documented (the table has {known})",
            )
        ]
    )


@dataclass(frozen=True, slots=True)
class _Form:
    name: str
    columns: Mapping[str, tuple[str, ...]]
    needed: tuple[str, ...]
    minutes: Callable[[pd.Series], Array]
    km: float
    purpose: Callable[[pd.Series, str], Array]


def _key(name: str) -> str:
    return "".join(c for c in name.casefold() if c.isalnum())


def _numbers(column: pd.Series) -> Array:
    values: Array = pd.to_numeric(column, errors="coerce").to_numpy(float)
    return np.where(np.isfinite(values), values, np.nan)


def _hhmm(column: pd.Series) -> Array:
    clock = _numbers(column)
    hour, minute = np.divmod(clock, 100.0)
    minutes: Array = np.where((clock >= 0) & (hour <= 24) & (minute < 60), 60.0 * hour + minute, np.nan)
    return minutes


def _worded(column: pd.Series, name: str) -> Array:
    said = {}
    for value in column.unique():
        text = str(value).casefold()
        said[value] = next((to for word, to in _WORDS if word in text), "other")
    return column.map(said).to_numpy(object)


def _coded(column: pd.Series, name: str) -> Array:
    codes = _WHYTRP1S if _key(name) == "whytrp1s" else _WHYTO
    number = pd.to_numeric(column, errors="coerce")
    if number.notna().sum() == 0:
        return _worded(column, name)
    return number.map(codes).fillna("other").to_numpy(object)


_FORMS = (
    _Form(
        "tidewatt",
        {
            "person": ("vehicle_id", "person_id", "vehicle", "person"),
            "depart": ("depart_min",),
            "arrive": ("arrive_min",),
            "distance": ("distance_km",),
            "purpose": ("purpose", "destination"),
            "weekend": ("weekend",),
            "weight": ("weight",),
        },
        ("person", "depart", "arrive", "distance", "purpose"),
        _numbers,
        1.0,
        _worded,
    ),
    _Form(
        "VISTA",
        {
            "person": ("PERSID",),
            "depart": ("STARTIME",),
            "arrive": ("ARRTIME",),
            "distance": ("CUMDIST",),
            "purpose": ("DESTPURP1", "DESTPURP2"),
            "mode": ("LINKMODE", "MODE1"),
            "weekday_weight": ("WDTRIPWGT",),
            "weekend_weight": ("WETRIPWGT",),
        },
        ("person", "depart", "arrive", "distance", "purpose", "mode"),
        _numbers,
        1.0,
        _worded,
    ),
    _Form(
        "NHTS",
        {
            "household": ("HOUSEID", "Household"),
            "vehicle": ("VEHID", "Vehicle ID", "VEHCASEID", "TRPHHVEH"),
            "member": ("PERSONID", "Person ID"),
            "depart": ("STRTTIME", "Trip start time (HHMM)"),
            "arrive": ("ENDTIME", "Trip end time (HHMM)"),
            "distance": ("VMT_MILE", "Vehicle miles traveled", "TRPMILES", "Miles traveled"),
            "purpose": ("WHYTO", "why to", "WHYTRP1S"),
            "weekend": ("TDWKND", "If Weekend"),
            "driver": ("DRVR_FLG",),
            "weight": ("WTTRDFIN", "Scaling Factor Applied", "WTTRDFIN5D"),
        },
        ("household", "depart", "arrive", "distance", "purpose"),
        _hhmm,
        _KM_PER_MILE,
        _coded,
    ),
)


def _convert(form: _Form, frame: pd.DataFrame, names: dict[str, str]) -> RawDiary:
    driven = _driven(frame, names)
    table = frame[driven]

    def column(field: str) -> pd.Series:
        return table[names[field]]

    depart, arrive = form.minutes(column("depart")), form.minutes(column("arrive"))
    if form.name == "NHTS":
        # Clock times: an arrival a little before the departure is past midnight.
        after = (arrive < depart) & (arrive + 1440.0 - depart <= _PAST_MIDNIGHT_MIN)
        arrive = np.where(after, arrive + 1440.0, arrive)
    distance = form.km * _numbers(column("distance"))
    weekend, weight, says = _day_kind(table, names)
    return RawDiary(
        form.name,
        np.flatnonzero(driven) + 1,
        _persons(table, names),
        depart,
        arrive,
        distance,
        form.purpose(column("purpose"), names["purpose"]),
        weekend,
        weight,
        int((~driven).sum()),
        says,
    )


def _driven(frame: pd.DataFrame, names: dict[str, str]) -> Array:
    """Return whether a row is a trip by a car's driver, so that no car counts twice; shape (rows,)."""
    if "mode" in names:
        mode = frame[names["mode"]].astype(str).str.casefold()
        return mode.str.contains("driver", na=False).to_numpy(bool)
    driven = np.ones(len(frame), bool)
    if "driver" in names:
        driven &= _numbers(frame[names["driver"]]) == 1
    if "vehicle" in names:
        vehicle = pd.to_numeric(frame[names["vehicle"]], errors="coerce")
        driven &= ~(vehicle < 0).to_numpy(bool)  # NHTS: negative codes say no household vehicle
    return driven


def _persons(table: pd.DataFrame, names: dict[str, str]) -> Array:
    if "person" in names:
        return table[names["person"]].map(_plain).to_numpy(object)
    parts = [table[names["household"]].map(_plain)]
    owner = "vehicle" if "vehicle" in names else "member"
    if owner in names:
        parts.append(table[names[owner]].map(_plain))
    joined = parts[0]
    for part in parts[1:]:
        joined = joined + "-" + part
    return joined.to_numpy(object)


def _plain(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if pd.isna(value) else str(value).strip()  # type: ignore[call-overload]


def _day_kind(table: pd.DataFrame, names: dict[str, str]) -> tuple[Array, Array, bool]:
    ones = np.ones(len(table))
    if "weekend_weight" in names or "weekday_weight" in names:
        none = np.full(len(table), np.nan)
        week = _numbers(table[names["weekday_weight"]]) if "weekday_weight" in names else none
        end = _numbers(table[names["weekend_weight"]]) if "weekend_weight" in names else none
        weekend = ~(week > 0) & (end > 0)
        weight = np.where(weekend, end, week)
        return weekend, np.where(weight > 0, weight, 1.0), True
    weekend = np.zeros(len(table), bool)
    if "weekend" in names:
        said = table[names["weekend"]]
        text = said.astype(str).str.strip().str.casefold()
        weekend = (text.isin(["true", "yes", "y"]) | (_numbers(said) == 1)).to_numpy(bool)
    weight = _numbers(table[names["weight"]]) if "weight" in names else ones
    return weekend, np.where(weight > 0, weight, 1.0), "weekend" in names


_FASTEST_KMH = 200.0
_SHOWN = 5

_FIXES = {
    "without a person or vehicle": ("person", "Give every trip its owner"),
    "with an unreadable time": ("depart_min", "Give minutes, or HHMM in NHTS tables"),
    "with an unreadable distance": ("distance_km", "Give a number"),
    "with a negative distance": ("distance_km", "Give 0 or more"),
    "arriving before they depart": ("arrive_min", "Correct the times"),
    "faster than 200 km/h": ("distance_km", "Correct distance or times"),
    "departing before the previous trip's arrival": ("depart_min", "Keep one of the overlapping trips"),
}


@dataclass(frozen=True, slots=True, eq=False)
class SoundRows:
    """Usable rows, by owner and departure.

    Attributes
    ----------
    order : array of int64
        Positions in the `RawDiary`.
    dropped : mapping of str to tuple of str
        Rows left out (``"row 12"``), by reason.
    """

    order: Array
    dropped: Mapping[str, tuple[str, ...]]


def judge(path: Path, raw: RawDiary, invalid: Literal["drop", "error"]) -> SoundRows:
    """Sort rows and set aside those that are impossible.

    Raises
    ------
    ScenarioError
        With ``invalid="error"``, every kind of wrong row at once, with row numbers; with either, when
        no row is left.
    """
    with np.errstate(invalid="ignore"):
        lasts_h = np.maximum(raw.arrive_min - raw.depart_min, 1.0) / 60.0
        wrong = {
            "without a person or vehicle": raw.person == "",
            "with an unreadable time": ~(np.isfinite(raw.depart_min) & np.isfinite(raw.arrive_min)),
            "with an unreadable distance": ~np.isfinite(raw.distance_km),
            "with a negative distance": raw.distance_km < 0,
            "arriving before they depart": raw.arrive_min < raw.depart_min,
            "faster than 200 km/h": raw.distance_km / lasts_h > _FASTEST_KMH,
        }
    good = np.ones(len(raw.row), bool)
    dropped = {}
    for reason, mask in wrong.items():
        dropped[reason] = _rows(raw.row[mask & good])
        good &= ~mask
    order = np.flatnonzero(good)
    order = order[np.lexsort((raw.arrive_min[order], raw.depart_min[order], raw.person[order].astype(str)))]
    clear = _clear(raw.person[order], raw.depart_min[order], raw.arrive_min[order])
    dropped["departing before the previous trip's arrival"] = _rows(np.sort(raw.row[order[~clear]]))
    order = order[clear]
    dropped = {reason: rows for reason, rows in dropped.items() if rows}
    if dropped and invalid == "error":
        raise ScenarioError(
            Issue(
                path.name,
                _FIXES[reason][0],
                f"trips {reason}",
                f"{_FIXES[reason][1]}, or have such rows left out",
                rows[:_SHOWN],
                len(rows),
            )
            for reason, rows in dropped.items()
        )
    if not len(order):
        problem = "no usable car trip" + (f": {_said(dropped)}" if dropped else "")
        raise ScenarioError([Issue(path.name, "", problem, "Give a diary with trips by car drivers")])
    return SoundRows(order, dropped)


def _rows(numbers: Array) -> tuple[str, ...]:
    return tuple(f"row {n}" for n in numbers)


def _said(dropped: Mapping[str, tuple[str, ...]]) -> str:
    return ", ".join(f"{len(rows)} {reason}" for reason, rows in dropped.items())


def _clear(person: Array, depart_min: Array, arrive_min: Array) -> Array:
    """Return whether a trip starts after its owner's last kept trip has ended; rows are sorted."""
    clear = np.ones(len(person), bool)
    owner, until = None, -np.inf
    for k, (who, depart, arrive) in enumerate(zip(person, depart_min.tolist(), arrive_min.tolist())):
        if who != owner:
            owner, until = who, -np.inf
        if depart < until:
            clear[k] = False
        else:
            until = arrive
    return clear
