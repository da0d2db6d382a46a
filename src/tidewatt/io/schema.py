"""Tables and columns of a scenario: what exists, what is needed, what an empty cell means."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

__all__ = ["TABLES", "Column", "columns_of", "did_you_mean", "in_steps", "nearest"]

Kind = Literal["id", "number", "text", "flag"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name : str
        Its name; a unit is its suffix.
    kind : {"id", "number", "text", "flag"}
        What its cells are; a flag is true or false.
    required : bool
        Whether the column must exist and every cell be filled.
    default : float, optional
        What an empty or absent cell of an optional number or flag means.
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


def _flag(name: str, default: bool) -> Column:
    return Column(name, "flag", False, float(default), float(default), "true or false")


def _table(*columns: Column) -> dict[str, Column]:
    return {column.name: column for column in columns}


_MINUTES = "minutes since the start of the horizon, a number"
_SOC = "a fraction of the battery from 0 to 1"
_DAY_MINUTES = "minutes of the day from 0 to 1440"
_PRICE = "price per kWh, at least 0"
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
    "nodes": _table(
        _id("node_id"),
        _may("x", "a coordinate in the system that crs names"),
        _may("y", "a coordinate in the system that crs names"),
        _id("zone_id", False),
        _flag("through", True),
    ),
    "links": _table(
        _id("link_id"),
        _id("from_node_id"),
        _id("to_node_id"),
        _must("length_km", "km, at least 0", 1.0),
        _must("capacity_veh_h", "vehicles per hour of the whole direction, above 0", 1.0),
        _may("free_speed_kmh", "km/h above 0"),
        _may("free_time_min", "minutes, 0 only at connectors"),
        _may("lanes", "a number above 0"),
        _text("road_class"),
        _may("bpr_alpha", "a number, at least 0", 0.15),
        _may("bpr_beta", "a number, at least 0", 4.0),
        _may("toll", "money, at least 0", 0.0),
        _text("geometry"),
        _may(
            "capacity_per_step",
            "vehicles that leave the link in a step, above 0; inf: no limit",
            stand_in=1.0,
        ),
        _may("free_flow_steps", "a whole number of steps, at least 1", stand_in=1.0),
        _may("energy_kwh", "kWh of one vehicle for the link, at least 0"),
    ),
    "zones": _table(
        _id("zone_id"),
        _id("node_id"),
        _may("homes", "a number, at least 0"),
        _may("jobs", "a number, at least 0"),
        _may("other", "a number, at least 0"),
        _id("feeder_id", False),
    ),
    "demand": _table(
        _id("origin_zone_id"),
        _id("destination_zone_id"),
        _must("trips", "vehicle trips, at least 0"),
        _may("start_min", _DAY_MINUTES),
        _may("end_min", _DAY_MINUTES),
    ),
    "fleet": _table(
        _id("type"),
        _must("share", "a relative frequency, at least 0", 1.0),
        _must("battery_kwh", "kWh above 0", 1.0),
        _must("kwh_per_km", "kWh per km above 0", 1.0),
        _must("max_fast_kw", "kW above 0", 1.0),
        _must("max_normal_kw", "kW above 0", 1.0),
    ),
    "stations": _table(
        _id("station_id"),
        _id("node_id"),
        _must("fast", "a whole number of chargers, at least 0", 1.0),
        _must("normal", "a whole number of chargers, at least 0", 1.0),
        _must("fast_kw", "kW of one charger, above 0", 1.0),
        _must("normal_kw", "kW of one charger, above 0", 1.0),
        _id("feeder_id", False),
        _text("bus_id"),
        _may("price_fast_per_kwh", _PRICE, 0.0),
        _may("price_normal_per_kwh", _PRICE, 0.0),
        _may("max_total", "a number of chargers, at least 0"),
        _may("age_years", "years, at least 0"),
        _may("life_years", "years, at least 0"),
        _flag("fixed", False),
        _flag("closed", False),
        _may("fast_min", "a number of chargers, at least 0", 0.0),
        _may("normal_min", "a number of chargers, at least 0", 0.0),
        _text("budget_group"),
        _may("snap_km", "km, at least 0"),
    ),
    "station_prices": _table(
        _id("station_id"),
        _must("start_min", _DAY_MINUTES),
        _must("end_min", _DAY_MINUTES, 1440.0),
        _may("price_fast_per_kwh", _PRICE),
        _may("price_normal_per_kwh", _PRICE),
    ),
    "charging_sites": _table(
        _id("site_id"),
        _id("node_id"),
        _id("bus_id"),
        _must("chargers", "a whole number of chargers, at least 0", 1.0),
    ),
    "charger_levels": _table(
        _id("site_id"),
        _id("level_id"),
        _must("power_kw", "kW of one charger, not 0; below 0 where the vehicle discharges", 1.0),
    ),
    "aggregators": _table(
        _id("aggregator_id"),
        _must("battery_kwh", "kWh above 0", 1.0),
        _may("charge_efficiency", "a fraction above 0, at most 1", 0.9),
        _may("discharge_efficiency", "a fraction above 0, at most 1"),
        _may("soc_min", _SOC, 0.1),
        _may("soc_max", _SOC, 1.0),
        _must("time_value_per_h", "cost of a vehicle-hour on the way, at least 0"),
        _must("price_sensitivity_per_kwh_kw", "price per kWh that a kW more adds, above 0", 1.0),
    ),
    "travel": _table(
        _id("aggregator_id"),
        _id("origin_node_id"),
        _id("destination_node_id"),
        _must("depart_step", "a whole number from 0"),
        _must("soc_initial", _SOC, 0.5),
        _may("soc_final_min", _SOC),
        _must("vehicles", "a number above 0", 1.0),
    ),
    "energy_prices": _table(
        _id("site_id", False),
        _must("step", "a whole number from 0"),
        _must("price_per_kwh", "price per kWh before any tariff, a number"),
    ),
    "buses": _table(
        _id("bus_id"),
        Column("slack", "flag", True, 0.0, 0.0, "true at the one bus that feeds the network, else false"),
        _may("voltage_min_pu", "voltage in per unit, at least 0; 0: no limit", 0.0),
        _may("voltage_max_pu", "voltage in per unit, at least voltage_min_pu; inf: no limit", float("inf")),
        _must("base_kv", "nominal line-to-line voltage in kV, above 0", 1.0),
    ),
    "lines": _table(
        _id("line_id"),
        _id("from_bus_id"),
        _id("to_bus_id"),
        _must("r_ohm", "series resistance in ohm, at least 0", 1.0),
        _must("x_ohm", "series reactance in ohm", 1.0),
        _may("limit_kw", "kW in either direction, at least 0, or inf for no limit", float("inf")),
    ),
    "injections": _table(
        _id("injection_id"),
        _id("bus_id"),
        Column("kind", "text", True, meaning="load, wind or solar"),
        _must("step", "a whole number from 0"),
        _must("power_kw", "kW, at least 0: what a load consumes or a plant produces"),
        _may("reactive_kvar", "kvar: what a load consumes or a plant produces", 0.0),
        _may("half_width_kw", "kW by which the power may be off, at least 0", 0.0),
        _may("gamma", "a share from 0 to 1"),
    ),
    "forecasts": _table(
        _id("injection_id"),
        _must("day", "a whole number"),
        _must("step", "a whole number from 0"),
        _must("forecast_kw", "kW, at least 0"),
        _must("outcome_kw", "kW, at least 0"),
    ),
    "provenance": _table(
        *(Column(name, "text", True, meaning="a text") for name in ("table", "field")),
        _text("value"),
        Column("status", "text", True, meaning="published or chosen"),
        _text("source"),
    ),
}
"""Tables that this version reads, with their columns."""

_ROAD_COLUMNS = ("length_km", "capacity_veh_h", "free_speed_kmh", "free_time_min")
_STEP_COLUMNS = ("capacity_per_step", "free_flow_steps", "energy_kwh")


def in_steps(names: Iterable[str]) -> tuple[bool, bool]:
    """Whether columns of `links` describe roads in steps, and whether they describe roads by themselves."""
    there = set(names)
    steps = not there.isdisjoint(_STEP_COLUMNS)
    return steps, not steps or not there.isdisjoint(_ROAD_COLUMNS)


def columns_of(table: str, names: Iterable[str]) -> dict[str, Column]:
    """The columns that a table may have, given those that it has.

    Links are described by themselves, in steps or both: one column of a description asks for the others.
    """
    columns = TABLES[table]
    if table != "links":
        return columns
    steps, roads = in_steps(names)
    asked = dict.fromkeys(_STEP_COLUMNS, steps) | dict.fromkeys(("length_km", "capacity_veh_h"), roads)
    return {
        name: replace(column, required=asked.get(name, column.required)) for name, column in columns.items()
    }


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
