"""Tables and columns that tariffs are found for."""

from __future__ import annotations

from tidewatt.io.columns import SOC, Column, a_text, an_id, may, must, table_of

__all__ = ["NETWORK_TABLES"]

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
        must("price_sensitivity_per_kwh_kw", "price per kWh that a kW more adds, above 0", 1.0),
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
"""Travel in steps, the distribution grid, and where figures come from."""
