"""A small valid scenario as tables, to write, read and spoil."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tidewatt.io.scenario.config import toml_text

STEPS = 24


class Small:
    """Three vehicles, two feeders under one bank, one day by the hour; written as CSV or Parquet."""

    def __init__(self) -> None:
        self.config: dict[str, object] = {
            "name": "small",
            "horizon": {"start": "2027-01-11T00:00:00", "step_min": 60, "steps": STEPS},
            "coordination": {"relative_gap": 1e-3},
            "sampling": {"adoption": 0.3},
        }
        step = list(range(STEPS))
        self.tables: dict[str, pd.DataFrame] = {
            "vehicles": pd.DataFrame(
                {
                    "vehicle_id": ["V1", "V2", "V3"],
                    "battery_kwh": [60.0, 40.0, 75.0],
                    "soc_initial": [0.5, 0.6, 0.7],
                    "soc_min": 0.1,
                    "soc_max": 0.9,
                    "soc_final_min": 0.5,
                    "charge_efficiency": 0.9,
                    "max_charge_kw": [11.0, 7.4, np.inf],
                    "weight": 1.0,
                }
            ),
            "dwells": pd.DataFrame(
                {
                    "vehicle_id": ["V1", "V1", "V1", "V2", "V2", "V3"],
                    "arrive_min": [0.0, 510, 1080, 0, 600, 0],
                    "depart_min": [480.0, 1020, 1440, 540, 1440, 1440],
                    "feeder_id": ["F1", "F2", "F1", "F2", None, "F1"],
                    "charger_kw": [7.4, 0, 7.4, 3.7, 11, 7.4],
                    "place": ["home", "work", "home", "home", "shop", "home"],
                }
            ),
            "trips": pd.DataFrame(
                {
                    "vehicle_id": ["V1", "V1", "V2"],
                    "depart_min": [480.0, 1020, 540],
                    "arrive_min": [510.0, 1080, 600],
                    "energy_kwh": [5.0, 7, 4],
                }
            ),
            "feeders": pd.DataFrame(
                {
                    "feeder_id": ["F1", "F2"],
                    "bank_id": ["B1", "B1"],
                    "rating_kw": [20.0, 30],
                    "upgrade_cost_per_kw": [1.0, 2],
                }
            ),
            "banks": pd.DataFrame({"bank_id": ["B1"], "rating_kw": [45.0], "upgrade_cost_per_kw": [3.0]}),
            "headroom": pd.DataFrame(
                {
                    "feeder_id": ["F1"] * STEPS + ["F2"] * STEPS,
                    "step": step * 2,
                    "headroom_kw": [8.0] * STEPS + [12.0] * STEPS,
                }
            ),
        }

    def set(self, table: str, column: str, row: int, value: object) -> Small:
        """Put a value into a cell; the column is added where it is missing."""
        frame = self.tables[table]
        cells = (
            frame[column].astype(object) if column in frame else pd.Series([None] * len(frame), dtype=object)
        )
        cells.iloc[row] = value
        frame[column] = cells
        return self

    def use_base_load(self, load_kw: float = 9.0) -> Small:
        """Describe feeders by ratings and base load instead of headroom."""
        self.tables["base_load"] = self.tables.pop("headroom").rename(columns={"headroom_kw": "load_kw"})
        self.tables["base_load"]["load_kw"] = load_kw
        return self

    def use_pieces(self) -> Small:
        """Give F1 a cost that rises at 4 kW, and the bank one that rises at 10 kW."""
        self.tables["upgrade_costs"] = pd.DataFrame(
            {
                "feeder_id": ["F1", "F1", None, None],
                "bank_id": [None, None, "B1", "B1"],
                "above_kw": [0.0, 4, 0, 10],
                "cost_per_kw": [1.0, 5, 2, 2.5],
            }
        )
        return self

    def write(self, folder: Path, form: str = "csv") -> Path:
        """Write ``scenario.toml`` and the tables."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "scenario.toml").write_text(toml_text(self.config), encoding="utf-8")
        for name, frame in self.tables.items():
            if form == "csv":
                frame.to_csv(folder / f"{name}.csv", index=False)
            else:
                frame.to_parquet(folder / f"{name}.parquet", index=False)
        return folder
