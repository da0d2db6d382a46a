"""A result of `tariff` made by hand: four sites, five lines, a day in quarter hours."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from tidewatt.result import RunInfo, Status
from tidewatt.tariffs.result import Tariffs

__all__ = ["gamma_table", "made_tariffs"]

STEPS = 96
SITES = ("F1", "F2", "F3", "F4")
LINES = {"E1-E2": np.inf, "E5-F1": 800.0, "E5-F2": 300.0, "E5-F3": 750.0, "E5-F4": 350.0, "E6-E7": 5000.0}


def gamma_table(lost: bool = False) -> pd.DataFrame:
    """A sweep; with `lost`, nothing keeps all limits at the largest gamma."""
    gamma = np.linspace(0, 1, 6)
    table = pd.DataFrame(
        {
            "gamma": gamma,
            "status": "solved",
            "cost": 14000 * (1 + 0.0285 * gamma**1.3),
            "lower_bound_cost": 14000 * (1 + 0.0285 * gamma**1.3) - 1e-5,
            "largest_tariff_per_kwh": 0.43 + 0.34 * gamma,
            "mean_tariff_per_kwh": 0.2 + 0.2 * gamma,
            "violation_rate": np.clip(1 - gamma, 0, 1) ** 0.3,
            "binding_lines": 2.0,
        }
    )
    if lost:
        table.loc[5, table.columns[2:]] = np.nan
        table.loc[5, "status"] = "infeasible"
    return table


def made_tariffs(*, binding: bool = True, samples: bool = True, **replaced: Any) -> Tariffs:
    """Tariffs at F2 and F3 from 09:00 to 15:00, when their lines are full at worst.

    Parameters
    ----------
    binding : bool
        Whether any limit binds.
    samples : bool
        Whether outcomes were sampled.
    **replaced
        Fields of the result.
    """
    step = np.arange(STEPS)
    hour = (step + 0.5) / 4
    load = 0.55 + 0.35 * np.exp(-(((hour - 12) / 4) ** 2)) + 0.25 * np.exp(-(((hour - 19) / 2.5) ** 2))
    day = (hour > 9) & (hour < 15)
    visits = np.exp(-(((hour - 12) / 3) ** 2))
    share = {"F1": 0.5, "F2": 1.0, "F3": 0.9, "F4": 0.4}
    tariffs, sites = [], []
    for k, site in enumerate(SITES):
        value = np.where(day & (k in (1, 2)), (0.8 - 0.02 * hour) * (1 - 0.2 * (k == 2)), 0.0) * binding
        tariffs.append(
            {
                "site_id": site,
                "step": step,
                "tariff_per_kwh": value,
                "line_part_per_kwh": value,
                "voltage_part_per_kwh": 0.0,
                "charger_price": 0.0,
                "interval_low": np.nan,
                "interval_high": np.nan,
            }
        )
        charging = 110 * share[site] * visits
        soc = np.where(charging > 1, 0.3 + 0.2 * visits, np.nan)
        sites.append(
            {
                "site_id": site,
                "step": step,
                "entering": charging / 3,
                "bypassing": 10.0,
                "queue": np.where(day, 40 * share[site] * visits, 0.0),
                "charging": charging,
                "discharging": 0.0,
                "soc_mean": soc,
            }
        )
    lines, outcomes = [], []
    for k, (line, limit) in enumerate(LINES.items()):
        size = 700.0 if not np.isfinite(limit) else limit
        margin = 0.08 * size * load
        room = 0.999 * size - margin
        nominal = np.where(day & (k in (2, 3)), room, np.minimum(size * 0.6 * load * (k != 5) + 20, room))
        dual = np.where(day & (k in (2, 3)), 0.15, 0.0) * binding
        lines.append(
            {
                "line_id": line,
                "step": step,
                "limit_kw": limit,
                "nominal_kw": nominal,
                "worst_high_kw": nominal + margin,
                "worst_low_kw": nominal - margin,
                "dual_high": dual,
                "dual_low": 0.0,
            }
        )
        for plan, more in (("robust", 0.0), ("deterministic", np.where(dual > 0, 0.9 * margin, 0.0))):
            middle = nominal + more
            outcomes.append(
                {
                    "line_id": line,
                    "step": step,
                    "plan": plan,
                    "low_kw": middle - 0.9 * margin,
                    "p05_kw": middle - 0.5 * margin,
                    "median_kw": middle,
                    "p95_kw": middle + 0.5 * margin,
                    "high_kw": middle + 0.9 * margin,
                    "violated": np.where((plan == "deterministic") & (dual > 0), 0.47, 0.0),
                }
            )
    table = pd.concat([pd.DataFrame(part) for part in outcomes], ignore_index=True)
    fields: dict[str, Any] = {
        "tariffs": pd.concat([pd.DataFrame(part) for part in tariffs], ignore_index=True),
        "tolls": pd.DataFrame({"link_id": [], "step": [], "toll_per_vehicle": []}),
        "lines": pd.concat([pd.DataFrame(part) for part in lines], ignore_index=True),
        "voltages": pd.DataFrame(),
        "aggregators": pd.DataFrame(),
        "sites": pd.concat([pd.DataFrame(part) for part in sites], ignore_index=True),
        "outcomes": table if samples else table.iloc[:0],
        "gamma": None,
        "diagnosis": pd.DataFrame(),
        "data": xr.Dataset(),
        "history": pd.DataFrame(),
        "status": Status.CERTIFIED,
        "run": RunInfo(0, "0", "0" * 64, 1.0, 1.0),
        "figures": {
            "start": "2027-01-11T00:00:00",
            "step_min": 15.0,
            "steps": STEPS,
            "violation_rate_robust": 0.0 if samples else None,
            "violation_rate_deterministic": 0.98 if samples else None,
        },
    }
    return Tariffs(**{**fields, **replaced})
