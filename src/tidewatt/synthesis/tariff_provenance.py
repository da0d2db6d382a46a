"""Where every number of the 20-node, 17-bus case comes from."""

from __future__ import annotations

__all__ = ["PROVENANCE", "PROVENANCE_V2G"]

_PUBLISHED, _CHOSEN = "published", "chosen"
_DEMAND = "the source's table of travel demand"
_LIMITS = "the source's table of line limits"
_ROAD = "the source's example of road parameters (its hours read as time steps)"
_TEXT = "the source's text"
_FITTED = "chosen so that tariffs reach the published order of magnitude"
_PLAIN = "chosen: the source does not say"

# Table, field, value, status, source.
PROVENANCE: tuple[tuple[str, ...], ...] = (
    ("travel", "vehicles T9-T1, all departures", "5000", _PUBLISHED, _DEMAND),
    ("travel", "vehicles T4-T10, all departures", "5000", _PUBLISHED, _DEMAND),
    ("travel", "soc_initial, mean", "0.4", _PUBLISHED, f"{_DEMAND}: a total of 2000 for 5000 vehicles"),
    ("travel", "soc_initial, groups", "0.26 (44.5 %), 0.51225 (55.5 %)", _CHOSEN, _FITTED),
    ("travel", "depart_step", "proportional to exp(-((h-10)/3)^2), 7 < h < 14", _CHOSEN, _PLAIN),
    ("travel", "soc_final_min", "0.2", _CHOSEN, "chosen: the least state of charge"),
    ("nodes", "node_id", "20 nodes", _PUBLISHED, _TEXT),
    ("links", "capacity_per_step T1-T2", "200", _PUBLISHED, _ROAD),
    ("links", "free_flow_steps T1-T2", "5", _PUBLISHED, _ROAD),
    ("links", "every other link's ends, capacity and steps", "30 roads, both directions", _CHOSEN, _PLAIN),
    ("links", "energy_kwh", "0.72 per step of the road", _CHOSEN, _FITTED),
    ("charging_sites", "site_id", "F1 to F4", _PUBLISHED, _TEXT),
    ("charging_sites", "node_id", "T6, T5, T8, T12", _CHOSEN, _PLAIN),
    ("charging_sites", "chargers", "120", _CHOSEN, _FITTED),
    ("charger_levels", "power_kw", "15 and 7.5", _CHOSEN, _PLAIN),
    ("aggregators", "aggregator_id", "one for each origin and destination", _CHOSEN, _PLAIN),
    ("aggregators", "soc_min, soc_max", "0.2, 1", _PUBLISHED, _TEXT),
    ("aggregators", "battery_kwh", "40", _CHOSEN, _PLAIN),
    ("aggregators", "charge_efficiency, discharge_efficiency", "0.93", _CHOSEN, _PLAIN),
    ("aggregators", "time_value_per_h", "0.12", _CHOSEN, _FITTED),
    ("aggregators", "price_sensitivity_per_kwh_kw", "0.0007", _CHOSEN, _FITTED),
    (
        *("energy_prices", "price_per_kwh", "0.08 + 0.05 exp(-((h-12)/3)^2) + 0.04 exp(-((h-19)/2)^2)"),
        *(_CHOSEN, _PLAIN),
    ),
    ("buses", "bus_id", "17 buses", _PUBLISHED, _TEXT),
    ("buses", "voltage_min_pu, voltage_max_pu, base_kv", "0.95, 1.05, 10", _CHOSEN, _PLAIN),
    ("lines", "limit_kw L1 (E5-F1)", "800", _PUBLISHED, _LIMITS),
    ("lines", "limit_kw L2 (E5-F2)", "300", _PUBLISHED, _LIMITS),
    ("lines", "limit_kw L3 (E5-F3)", "750", _PUBLISHED, _LIMITS),
    ("lines", "limit_kw L4 (E5-F4)", "350", _PUBLISHED, _LIMITS),
    ("lines", "limit_kw, all others", "5000", _CHOSEN, _PLAIN),
    ("lines", "from_bus_id, to_bus_id, except L1 to L4", "a tree from E1", _CHOSEN, _PLAIN),
    ("lines", "r_ohm, x_ohm", "0.35, 0.32", _CHOSEN, "chosen: a kilometre of medium-voltage overhead line"),
    ("injections", "half_width_kw", "10 % of the forecast", _PUBLISHED, _TEXT),
    ("injections", "power_kw, load-E2 to load-E13", "60 times the shape of load", _CHOSEN, _PLAIN),
    ("injections", "power_kw, load-F1 to load-F4", "100, 120, 500, 130 times it", _CHOSEN, _FITTED),
    ("injections", "power_kw, solar-F3, -E7, -F1", "100, 120, 80 times the shape of sun", _CHOSEN, _PLAIN),
    ("injections", "power_kw, wind-F2, -E9", "40, 150 times the shape of wind", _CHOSEN, _PLAIN),
    (
        *("injections", "shape of load", "0.55 + 0.35 exp(-((h-12)/4)^2) + 0.25 exp(-((h-19)/2.5)^2)"),
        *(_CHOSEN, _PLAIN),
    ),
    ("injections", "shape of sun", "max(0, sin(pi (h-6)/12))^1.2", _CHOSEN, _PLAIN),
    ("injections", "shape of wind", "0.5 + 0.2 cos(2 pi h/24)", _CHOSEN, _PLAIN),
    ("injections", "reactive_kvar", "loads at a power factor of 0.95", _CHOSEN, _PLAIN),
    ("forecasts", "outcome_kw", "60 days drawn within the half widths", _CHOSEN, "made up, by the seed"),
    ("scenario.toml", "tariff.gamma", "1", _PUBLISHED, _TEXT),
    ("scenario.toml", "horizon", "96 steps of 15 min; h = (step + 0.5) / 4", _CHOSEN, _PLAIN),
)

_INSTEAD = {
    ("travel", "soc_final_min"): (
        "0.2 and 0.3",
        "chosen, by group: what is left after the way, so that none sells it",
    ),
    ("charger_levels", "power_kw"): ("15, 7.5 and -15", _PLAIN),
}

PROVENANCE_V2G: tuple[tuple[str, ...], ...] = tuple(
    (table, field, _INSTEAD[table, field][0], _CHOSEN, _INSTEAD[table, field][1])
    if (table, field) in _INSTEAD
    else (table, field, *rest)
    for table, field, *rest in PROVENANCE
)
