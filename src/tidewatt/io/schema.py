"""Tables and columns of a scenario: what exists, what is needed, what an empty cell means."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

__all__ = ["OTHER_TABLES", "TABLES", "Column", "did_you_mean", "nearest"]

Kind = Literal["id", "number", "text"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name : str
        Its name; a unit is its suffix.
    kind : {"id", "number", "text"}
        What its cells are.
    required : bool
        Whether the column must exist and every cell be filled.
    default : float, optional
        What an empty or absent cell of an optional number means.
    stand_in : float
        Harmless value that replaces an unusable cell, so that the other cells can still be checked.
    meaning : str
        What it says, for messages.
    """

    name: str
    kind: Kind = "number"
    required: bool = False
    default: float | None = None
    stand_in: float = 0.0
    meaning: str = "a number"


def _id(name: str, required: bool = True) -> Column:
    return Column(name, "id", required, meaning="a whole number or a text")


def _text(name: str) -> Column:
    return Column(name, "text", meaning="a text")


def _must(name: str, meaning: str, stand_in: float = 0.0) -> Column:
    return Column(name, "number", True, stand_in=stand_in, meaning=meaning)


def _may(name: str, meaning: str, default: float | None = None, stand_in: float | None = None) -> Column:
    fallback = default if stand_in is None else stand_in
    return Column(name, "number", False, default, 0.0 if fallback is None else fallback, meaning)


def _table(*columns: Column) -> dict[str, Column]:
    return {column.name: column for column in columns}


_MINUTES = "minutes since the start of the horizon, a number"
_SOC = "a fraction of the battery from 0 to 1"
_PLACE = (_may("longitude", "degrees"), _may("latitude", "degrees"))

TABLES: dict[str, dict[str, Column]] = {
    "vehicles": _table(
        _id("vehicle_id"),
        _must("battery_kwh", "kWh above 0", 1.0),
        _must("soc_initial", _SOC, 0.5),
        _may("soc_min", _SOC, 0.1),
        _may("soc_max", _SOC, 1.0),
        _may("soc_final_min", _SOC),
        _may("charge_efficiency", "a fraction above 0, at most 1", 0.9),
        _may("max_charge_kw", "kW above 0, or inf for no limit", float("inf")),
        _may("weight", "a number above 0", 1.0),
        _may("discharge_efficiency", "a fraction above 0, at most 1"),
        _may("max_discharge_kw", "kW, at least 0", 0.0),
    ),
    "dwells": _table(
        _id("vehicle_id"),
        _must("arrive_min", _MINUTES),
        _must("depart_min", _MINUTES),
        Column("feeder_id", "id", True, meaning="a feeder, or empty where not on the grid studied"),
        _must("charger_kw", "kW, 0 where there is no charger"),
        _text("place"),
        _text("station_id"),
        *_PLACE,
    ),
    "trips": _table(
        _id("vehicle_id"),
        _must("depart_min", _MINUTES),
        _must("arrive_min", _MINUTES),
        _must("energy_kwh", "kWh, at least 0"),
        _may("distance_km", "km"),
        _text("origin"),
        _text("destination"),
    ),
    "feeders": _table(
        _id("feeder_id"),
        _may("rating_kw", "kW, at least 0"),
        _id("bank_id", False),
        _may("upgrade_cost_per_kw", "cost per kW, at least 0", 1.0),
        _may("customers", "a number"),
        *_PLACE,
        _text("name"),
    ),
    "banks": _table(
        _id("bank_id"),
        _may("rating_kw", "kW, at least 0"),
        _may("upgrade_cost_per_kw", "cost per kW, at least 0", 1.0),
        _text("name"),
    ),
    "headroom": _table(
        _id("feeder_id", False),
        _id("bank_id", False),
        _must("step", "a whole number from 0"),
        _must("headroom_kw", "kW; negative where overloaded already, inf for no limit"),
    ),
    "base_load": _table(
        _id("feeder_id"),
        _must("step", "a whole number from 0"),
        _must("load_kw", "kW"),
    ),
    "upgrade_costs": _table(
        _id("feeder_id", False),
        _id("bank_id", False),
        _must("above_kw", "kW of overload from which the cost applies"),
        _must("cost_per_kw", "cost per further kW, at least 0"),
    ),
}
"""Tables that this version reads, with their columns."""

OTHER_TABLES = frozenset(
    (
        *("nodes", "links", "zones", "demand", "fleet", "stations", "station_prices"),
        *("charging_sites", "charger_levels", "aggregators", "travel", "energy_prices"),
        *("buses", "lines", "injections", "forecasts", "provenance"),
    )
)
"""Tables of other studies, which may stand in the same folder."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, or None where none is alike."""
    names = list(known)
    lowered = {str(other).lower(): other for other in names}
    found = difflib.get_close_matches(name.strip().lower(), list(lowered), n=1, cutoff=0.5)
    return lowered[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The hint that names the nearest known name, or lists them all."""
    names = [str(other) for other in known]
    best = nearest(name, names)
    return f"did you mean {best!r}?" if best else f"known are {', '.join(names)}"
