"""A small valid road network with demand and stations as tables, to write, read and spoil."""

from __future__ import annotations

import pandas as pd

from tests.unit.io.small_scenario import Small


class SmallRoads(Small):
    """A square of streets with two centroids, demand, two types of vehicles and two stations; two days."""

    def __init__(self) -> None:
        self.config = {
            "name": "small roads",
            "crs": "km",
            "horizon": {"start": "2027-01-11T00:00:00", "step_min": 15, "steps": 192},
            "roads": {"period_h": 2.0, "time_unit_min": 0.6},
            "simulation": {"vehicles": 50, "threshold_soc": [0.2, 0.3]},
        }
        # A ring a-b-c-d in both directions; centroids y at a and z at c, one connector each way.
        ring = [("a", "b"), ("b", "c"), ("c", "d"), ("d", "a")]
        ends = ring + [(j, i) for i, j in ring] + [("y", "a"), ("a", "y"), ("z", "c"), ("c", "z")]
        n = len(ring) * 2
        none = [None] * n
        self.tables: dict[str, pd.DataFrame] = {
            "nodes": pd.DataFrame(
                {
                    "node_id": list("abcdyz"),
                    "x": [0.0, 1, 1, 0, None, None],
                    "y": [0.0, 0, 1, 1, None, None],
                    "through": [True] * 4 + [False] * 2,
                }
            ),
            "links": pd.DataFrame(
                {
                    "link_id": [f"L{k}" for k in range(len(ends))],
                    "from_node_id": [i for i, _ in ends],
                    "to_node_id": [j for _, j in ends],
                    "length_km": [1.0] * n + [0.0] * 4,
                    "capacity_veh_h": 900.0,
                    "free_speed_kmh": [30.0, 50, 90, 30, 30, 50, 90, 30] + [None] * 4,
                    "free_time_min": none + [0.0] * 4,
                    "toll": [0.0, 1.5] + [0.0] * (n + 2),
                    "geometry": ["LINESTRING (0 0, 1 0)"] + [None] * (n + 3),
                }
            ),
            "zones": pd.DataFrame(
                {"zone_id": [1, 2], "node_id": ["y", "z"], "homes": [400.0, 100], "jobs": [50.0, 300]}
            ),
            "demand": pd.DataFrame(
                {"origin_zone_id": [1, 2, 1], "destination_zone_id": [2, 1, 1], "trips": [120.0, 80.5, 7]}
            ),
            "fleet": pd.DataFrame(
                {
                    "type": ["compact", "van"],
                    "share": [0.8, 0.2],
                    "battery_kwh": [50.0, 75],
                    "kwh_per_km": [0.16, 0.24],
                    "max_fast_kw": [100.0, 80],
                    "max_normal_kw": [11.0, 7.4],
                }
            ),
            "stations": pd.DataFrame(
                {
                    "station_id": ["S1", "S2"],
                    "node_id": ["b", "d"],
                    "fast": [2, 0],
                    "normal": [0, 6],
                    "fast_kw": 120.0,
                    "normal_kw": 7.0,
                    "price_fast_per_kwh": [0.5, None],
                    "max_total": [8.0, None],
                    "fixed": [True, None],
                    "snap_km": [0.01, 0.3],
                    "bus_id": ["17", None],
                }
            ),
            "station_prices": pd.DataFrame(
                {
                    "station_id": ["S1", "S1", "S2"],
                    "start_min": [600.0, 0, 0],
                    "end_min": [1200.0, 600, 1440],
                    "price_fast_per_kwh": [0.7, 0.4, None],
                    "price_normal_per_kwh": [None, None, 0.25],
                }
            ),
        }

    def add_grid(self) -> SmallRoads:
        """Two feeders with headroom, which supply zone 1 and station S2."""
        self.tables["feeders"] = pd.DataFrame({"feeder_id": ["F1", "F2"]})
        steps = list(range(192))
        self.tables["headroom"] = pd.DataFrame(
            {"feeder_id": ["F1"] * 192 + ["F2"] * 192, "step": steps * 2, "headroom_kw": 100.0}
        )
        self.set("zones", "feeder_id", 0, "F1").set("stations", "feeder_id", 1, "F2")
        return self
