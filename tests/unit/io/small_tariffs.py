"""A small valid scenario of tariffs as tables, to write, read and spoil."""

from __future__ import annotations

import pandas as pd

from tests.unit.io.small_scenario import Small

STEPS = 8


class SmallTariffs(Small):
    """A chain of roads a-b-c-d with two sites, on a grid of three buses; four hours in steps of 30 min."""

    def __init__(self) -> None:
        self.config = {
            "name": "small tariffs",
            "horizon": {"start": "2027-01-11T06:00:00", "step_min": 30, "steps": STEPS},
            "tariff": {"gamma": 0.5, "samples": 100},
        }
        ends = [("a", "b"), ("b", "c"), ("c", "d"), ("b", "a"), ("c", "b"), ("d", "c")]
        step = list(range(STEPS))
        self.tables: dict[str, pd.DataFrame] = {
            "nodes": pd.DataFrame({"node_id": list("abcd")}),
            "links": pd.DataFrame(
                {
                    "link_id": [i + j for i, j in ends],
                    "from_node_id": [i for i, _ in ends],
                    "to_node_id": [j for _, j in ends],
                    "capacity_per_step": [50.0, 40, 50] * 2,
                    "free_flow_steps": [1, 2, 1] * 2,
                    "energy_kwh": [2.0, 4, 2] * 2,
                }
            ),
            "charging_sites": pd.DataFrame(
                {"site_id": ["S1", "S2"], "node_id": ["b", "c"], "bus_id": [1, 2], "chargers": [10, 12]}
            ),
            "charger_levels": pd.DataFrame(
                {
                    "site_id": ["S1", "S2", "S1"],
                    "level_id": ["fast", "fast", "slow"],
                    "power_kw": [20.0, 20, 7],
                }
            ),
            "aggregators": pd.DataFrame(
                {
                    "aggregator_id": ["east", "west"],
                    "battery_kwh": [40.0, 30],
                    "charge_efficiency": [0.93, 0.9],
                    "soc_min": [0.2, 0.1],
                    "time_value_per_h": [0.2, 0.0],
                    "price_sensitivity_per_kwh_kw": [1e-3, 2e-3],
                }
            ),
            "travel": pd.DataFrame(
                {
                    "aggregator_id": ["east", "west", "east"],
                    "origin_node_id": ["a", "d", "a"],
                    "destination_node_id": ["d", "a", "c"],
                    "depart_step": [0, 1, 2],
                    "soc_initial": [0.5, 0.6, 0.4],
                    "soc_final_min": [0.5, 0.3, 0.2],
                    "vehicles": [10.0, 12.5, 4],
                }
            ),
            "energy_prices": pd.DataFrame({"step": step, "price_per_kwh": [0.1 + 0.01 * t for t in step]}),
            "buses": pd.DataFrame(
                {
                    "bus_id": [0, 1, 2],
                    "slack": [True, False, False],
                    "voltage_min_pu": [None, 0.9, 0.9],
                    "base_kv": 10.0,
                }
            ),
            "lines": pd.DataFrame(
                {
                    "line_id": ["L1", "L2"],
                    "from_bus_id": [0, 1],
                    "to_bus_id": [1, 2],
                    "r_ohm": [0.4, 0.6],
                    "x_ohm": [0.3, 0.4],
                    "limit_kw": [500.0, 150],
                }
            ),
            "injections": pd.DataFrame(
                {
                    "injection_id": ["town"] * STEPS + ["roof"] * STEPS,
                    "bus_id": [1] * STEPS + [2] * STEPS,
                    "kind": ["load"] * STEPS + ["solar"] * STEPS,
                    "step": step * 2,
                    "power_kw": [60.0 + t for t in step] + [5.0 * t for t in step],
                    "reactive_kvar": [20.0] * STEPS + [0.0] * STEPS,
                    "half_width_kw": [6.0] * STEPS + [0.5 * t for t in step],
                }
            ),
            "forecasts": pd.DataFrame(
                {
                    "injection_id": ["town"] * STEPS * 2,
                    "day": [1] * STEPS + [2] * STEPS,
                    "step": step * 2,
                    "forecast_kw": 60.0,
                    "outcome_kw": [61.0] * STEPS + [58.5] * STEPS,
                }
            ),
            "provenance": pd.DataFrame(
                {
                    "table": ["lines", "links"],
                    "field": ["limit_kw L2", "energy_kwh"],
                    "value": ["150", None],
                    "status": ["published", "chosen"],
                    "source": ["a report", None],
                }
            ),
        }
