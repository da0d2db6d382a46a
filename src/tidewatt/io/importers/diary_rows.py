"""Which rows of a diary make sense, and the chains that the others form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.errors import Issue, ScenarioError
from tidewatt.io.importers.diary_formats import RawDiary

__all__ = ["SoundRows", "judge"]

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
    """Rows to use, by owner and departure.

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
    """Sort rows and set aside those that cannot be.

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
    """Whether a trip starts after the last kept one of its owner has ended; rows sorted."""
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
