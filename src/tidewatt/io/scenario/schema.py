"""Tables and columns of a scenario: what exists, what is needed, what an empty cell means."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

__all__ = [
    "NETWORK_TABLES",
    "SOC",
    "TABLES",
    "Column",
    "a_flag",
    "a_text",
    "an_id",
    "columns_of",
    "in_steps",
    "may",
    "must",
    "table_of",
]

SOC = "a fraction of the battery from 0 to 1"
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


def an_id(name: str, required: bool = True) -> Column:
    """Return a column of ids."""
    return Column(name, "id", required, meaning="a whole number or a text")


def a_text(name: str) -> Column:
    """Return an optional column of texts."""
    return Column(name, "text", meaning="a text")


def must(name: str, meaning: str, stand_in: float = 0.0) -> Column:
    """Return a required column of numbers, with no empty cell allowed."""
    return Column(name, "number", True, stand_in=stand_in, meaning=meaning)


def may(name: str, meaning: str, default: float | None = None, stand_in: float | None = None) -> Column:
    """Return an optional column of numbers; `default` is what an empty cell means."""
    fallback = default if stand_in is None else stand_in
    return Column(name, "number", False, default, 0.0 if fallback is None else fallback, meaning)


def a_flag(name: str, default: bool) -> Column:
    """Return an optional column of true/false values."""
    return Column(name, "flag", False, float(default), float(default), "true or false")


def table_of(*columns: Column) -> dict[str, Column]:
    """Return columns by name."""
    return {column.name: column for column in columns}


NETWORK_TABLES: dict[str, dict[str, Column]] = {
    "charging_sites": table_of(
        an_id("site_id"),
        an_id("node_id"),
        an_id("bus_id"),
        must("chargers", "a whole number of chargers, at least 0", 1.0),
    ),
    "charger_levels": table_of(
        an_id("site_id"),
        an_id("level_id"),
        must("power_kw", "kW of one charger, not 0; below 0 where the vehicle discharges", 1.0),
    ),
    "aggregators": table_of(
        an_id("aggregator_id"),
        must("battery_kwh", "kWh above 0", 1.0),
        may("charge_efficiency", "a fraction above 0, at most 1", 0.9),
        may("discharge_efficiency", "a fraction above 0, at most 1"),
        may("soc_min", SOC, 0.1),
        may("soc_max", SOC, 1.0),
        must("time_value_per_h", "cost of a vehicle-hour on the way, at least 0"),
        must("price_sensitivity_per_kwh_kw", "price per kWh that each extra kW adds, above 0", 1.0),
    ),
    "travel": table_of(
        an_id("aggregator_id"),
        an_id("origin_node_id"),
        an_id("destination_node_id"),
        must("depart_step", "a whole number from 0"),
        must("soc_initial", SOC, 0.5),
        may("soc_final_min", SOC),
        must("vehicles", "a number above 0", 1.0),
    ),
    "energy_prices": table_of(
        an_id("site_id", False),
        must("step", "a whole number from 0"),
        must("price_per_kwh", "price per kWh before any tariff, a number"),
    ),
    "buses": table_of(
        an_id("bus_id"),
        Column("slack", "flag", True, 0.0, 0.0, "true at the one bus that feeds the network, else false"),
        may("voltage_min_pu", "voltage in per unit, at least 0; 0: no limit", 0.0),
        may("voltage_max_pu", "voltage in per unit, at least voltage_min_pu; inf: no limit", float("inf")),
        must("base_kv", "nominal line-to-line voltage in kV, above 0", 1.0),
    ),
    "lines": table_of(
        an_id("line_id"),
        an_id("from_bus_id"),
        an_id("to_bus_id"),
        must("r_ohm", "series resistance in ohm, at least 0", 1.0),
        must("x_ohm", "series reactance in ohm, at least 0", 1.0),
        may("limit_kw", "kW in either direction, above 0, or inf for no limit", float("inf")),
    ),
    "injections": table_of(
        an_id("injection_id"),
        an_id("bus_id"),
        Column("kind", "text", True, meaning="load, wind or solar"),
        must("step", "a whole number from 0"),
        must("power_kw", "kW, at least 0: what a load consumes or a plant produces"),
        may("reactive_kvar", "kvar: what a load consumes or a plant produces", 0.0),
        may("half_width_kw", "kW by which the power may be off, at least 0", 0.0),
        may("gamma", "a share from 0 to 1"),
    ),
    "forecasts": table_of(
        an_id("injection_id"),
        must("day", "a whole number"),
        must("step", "a whole number from 0"),
        must("forecast_kw", "kW, a number"),
        must("outcome_kw", "kW, a number"),
    ),
    "provenance": table_of(
        *(Column(name, "text", True, meaning="a text") for name in ("table", "field")),
        a_text("value"),
        Column("status", "text", True, meaning="published or chosen"),
        a_text("source"),
    ),
}
"""Tables of travel in steps, of the distribution grid and of where figures come from."""


_MINUTES = "minutes since the start of the horizon, a number"
_DAY_MINUTES = "minutes of the day from 0 to 1440"
_PRICE = "price per kWh, at least 0"
_PLACE = (may("longitude", "degrees"), may("latitude", "degrees"))

TABLES: dict[str, dict[str, Column]] = {
    "vehicles": table_of(
        an_id("vehicle_id"),
        must("battery_kwh", "kWh above 0", 1.0),
        must("soc_initial", SOC, 0.5),
        may("soc_min", SOC, 0.1),
        may("soc_max", SOC, 1.0),
        may("soc_final_min", SOC),
        may("charge_efficiency", "a fraction above 0, at most 1", 0.9),
        may("max_charge_kw", "kW above 0, or inf for no limit", float("inf")),
        may("weight", "a number above 0", 1.0),
        may("discharge_efficiency", "a fraction above 0, at most 1"),
        may("max_discharge_kw", "kW, at least 0", 0.0),
    ),
    "dwells": table_of(
        an_id("vehicle_id"),
        must("arrive_min", _MINUTES),
        must("depart_min", _MINUTES),
        Column("feeder_id", "id", True, meaning="a feeder, or empty where not on the grid studied"),
        must("charger_kw", "kW, 0 where there is no charger"),
        a_text("place"),
        a_text("station_id"),
        *_PLACE,
    ),
    "trips": table_of(
        an_id("vehicle_id"),
        must("depart_min", _MINUTES),
        must("arrive_min", _MINUTES),
        must("energy_kwh", "kWh, at least 0"),
        may("distance_km", "km"),
        a_text("origin"),
        a_text("destination"),
    ),
    "feeders": table_of(
        an_id("feeder_id"),
        may("rating_kw", "kW, at least 0"),
        an_id("bank_id", False),
        may("upgrade_cost_per_kw", "cost per kW, at least 0", 1.0),
        may("customers", "a number"),
        *_PLACE,
        a_text("name"),
    ),
    "banks": table_of(
        an_id("bank_id"),
        may("rating_kw", "kW, at least 0"),
        may("upgrade_cost_per_kw", "cost per kW, at least 0", 1.0),
        a_text("name"),
    ),
    "headroom": table_of(
        an_id("feeder_id", False),
        an_id("bank_id", False),
        must("step", "a whole number from 0"),
        must("headroom_kw", "kW; negative where overloaded already, inf for no limit"),
    ),
    "base_load": table_of(
        an_id("feeder_id"),
        must("step", "a whole number from 0"),
        must("load_kw", "kW"),
    ),
    "upgrade_costs": table_of(
        an_id("feeder_id", False),
        an_id("bank_id", False),
        must("above_kw", "kW of overload from which the cost applies"),
        must("cost_per_kw", "cost per further kW, at least 0"),
    ),
    "nodes": table_of(
        an_id("node_id"),
        may("x", "a coordinate in the system that crs names"),
        may("y", "a coordinate in the system that crs names"),
        an_id("zone_id", False),
        a_flag("through", True),
    ),
    "links": table_of(
        an_id("link_id"),
        an_id("from_node_id"),
        an_id("to_node_id"),
        must("length_km", "km, at least 0", 1.0),
        must("capacity_veh_h", "vehicles per hour of the whole direction, above 0", 1.0),
        may("free_speed_kmh", "km/h above 0"),
        may("free_time_min", "minutes, 0 only at connectors"),
        may("lanes", "a number above 0"),
        a_text("road_class"),
        may("bpr_alpha", "a number, at least 0", 0.15),
        may("bpr_beta", "a number, at least 0", 4.0),
        may("toll", "money, at least 0", 0.0),
        a_text("geometry"),
        may(
            "capacity_per_step",
            "vehicles that can leave the link in a step, above 0; inf: no limit",
            stand_in=1.0,
        ),
        may("free_flow_steps", "a whole number of steps, at least 1", stand_in=1.0),
        may("energy_kwh", "kWh that one vehicle uses on the link, at least 0"),
    ),
    "zones": table_of(
        an_id("zone_id"),
        an_id("node_id"),
        may("homes", "a number, at least 0"),
        may("jobs", "a number, at least 0"),
        may("other", "a number, at least 0"),
        an_id("feeder_id", False),
    ),
    "demand": table_of(
        an_id("origin_zone_id"),
        an_id("destination_zone_id"),
        must("trips", "vehicle trips, at least 0"),
        may("start_min", _DAY_MINUTES),
        may("end_min", _DAY_MINUTES),
    ),
    "fleet": table_of(
        an_id("type"),
        must("share", "a relative frequency, at least 0", 1.0),
        must("battery_kwh", "kWh above 0", 1.0),
        must("kwh_per_km", "kWh per km above 0", 1.0),
        must("max_fast_kw", "kW above 0", 1.0),
        must("max_normal_kw", "kW above 0", 1.0),
    ),
    "stations": table_of(
        an_id("station_id"),
        an_id("node_id"),
        must("fast", "a whole number of chargers, at least 0", 1.0),
        must("normal", "a whole number of chargers, at least 0", 1.0),
        must("fast_kw", "kW of one charger, above 0", 1.0),
        must("normal_kw", "kW of one charger, above 0", 1.0),
        an_id("feeder_id", False),
        a_text("bus_id"),
        may("price_fast_per_kwh", _PRICE, 0.0),
        may("price_normal_per_kwh", _PRICE, 0.0),
        may("max_total", "a number of chargers, at least 0"),
        may("age_years", "years, at least 0"),
        may("life_years", "years, at least 0"),
        a_flag("fixed", False),
        a_flag("closed", False),
        may("fast_min", "a number of chargers, at least 0", 0.0),
        may("normal_min", "a number of chargers, at least 0", 0.0),
        a_text("budget_group"),
        may("snap_km", "km, at least 0"),
    ),
    "station_prices": table_of(
        an_id("station_id"),
        must("start_min", _DAY_MINUTES),
        must("end_min", _DAY_MINUTES, 1440.0),
        may("price_fast_per_kwh", _PRICE),
        may("price_normal_per_kwh", _PRICE),
    ),
    **NETWORK_TABLES,
}
"""Tables that this version reads, with their columns."""

_ROAD_COLUMNS = ("length_km", "capacity_veh_h", "free_speed_kmh", "free_time_min")
_STEP_COLUMNS = ("capacity_per_step", "free_flow_steps", "energy_kwh")


def in_steps(names: Iterable[str]) -> tuple[bool, bool]:
    """Return whether columns of `links` describe roads in steps, and whether they describe ordinary roads."""
    there = set(names)
    steps = not there.isdisjoint(_STEP_COLUMNS)
    return steps, not steps or not there.isdisjoint(_ROAD_COLUMNS)


def columns_of(table: str, names: Iterable[str]) -> dict[str, Column]:
    """Return the columns that a table may have, given those that it has.

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
