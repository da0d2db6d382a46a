"""Results put together by hand, so that figures are tested without a solver."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from tidewatt.coordination.result import RUNGS, Coordination
from tidewatt.result import Certificate, RunInfo, Status


def hand_made(
    feeders=12,
    steps=96 * 7,
    banks=3,
    *,
    size_kw=300.0,
    base=True,
    places=False,
    costs=1.0,
    session=True,
    seed=1,
) -> Coordination:
    """A result whose unmanaged rung peaks in the evening and whose coordinated rung fills the nights.

    Parameters
    ----------
    feeders, steps, banks : int
        Sizes.
    size_kw : float
        Mean charging load [kW]; 0 leaves every feeder within its limit.
    base, places, session : bool
        Whether base load, places and the session rung are known.
    costs : float or array of shape (feeders,)
        Upgrade cost per kW.
    """
    rng = np.random.default_rng(1)
    hour = np.arange(steps) * 0.25 % 24
    size = rng.lognormal(0, 0.8, feeders)[:, None] * size_kw
    load = {
        "unmanaged": size * 3 * np.exp(-(((hour - 19) / 2.5) ** 2)) + 0.1 * size,
        "session": size * 1.7 * np.exp(-(((hour - 21) / 4.0) ** 2)) + 0.1 * size,
        "coordinated": size * (0.85 + 0.4 * np.cos((hour - 3) / 24 * 2 * np.pi)),
    }
    if not session:
        del load["session"]
    base_kw = 4000 * (0.8 + 0.25 * np.sin((hour - 12) / 24 * 2 * np.pi)) + 300 * rng.random((feeders, 1))
    headroom = 4800 + 500 * rng.random((feeders, 1)) - base_kw
    price = np.where(headroom < np.quantile(headroom, 0.02, axis=1)[:, None], 1.0, 0.0)
    price *= (load["coordinated"] > headroom).any(1)[:, None]
    price = price / np.maximum(price.sum(1), 1)[:, None] * np.broadcast_to(costs, feeders)[:, None]
    ids = np.array([f"F{i:04d}" for i in range(feeders)], object)
    bank_of = np.arange(feeders) % max(banks, 1)
    bank_ids = np.array([f"B{i}" for i in range(banks)], object)
    kinds = {"headroom_kw": headroom, "price": price, **{f"{r}_kw": v for r, v in load.items()}}
    if session:
        kinds["session_price"] = price
    if base:
        kinds["base_load_kw"] = base_kw
    data = {name: (("feeder", "step"), value) for name, value in kinds.items()}
    member = (bank_of[None, :] == np.arange(banks)[:, None]).astype(float)
    for name, value in kinds.items():
        data[f"bank_{name}"] = (("bank", "step"), member @ value * (0.2 if "price" in name else 1.0))
    start = np.datetime64("2027-01-11T00:00", "ms")
    time = start + (np.arange(steps) * 15).astype("timedelta64[m]")
    dataset = xr.Dataset(data, {"feeder": ids, "bank": bank_ids, "time": ("step", time)})

    table = pd.DataFrame({"feeder_id": ids, "bank_id": bank_ids[bank_of] if banks else [None] * feeders})
    if places:
        table["longitude"] = -122.3 + 0.2 * rng.random(feeders)
        table["latitude"] = 37.7 + 0.2 * rng.random(feeders)
    per_kw = np.broadcast_to(np.asarray(costs, float), feeders)
    for rung, value in load.items():
        table[f"{rung}_overload_kw"] = np.maximum((value - headroom).max(1), 0)
        table[f"{rung}_upgrade_cost"] = table[f"{rung}_overload_kw"] * per_kw
    table["base_overload_kw"] = np.maximum((-headroom).max(1), 0)
    table["headroom_worst_step_kw"] = headroom.min(1)
    table["price_total"] = price.sum(1)
    bank_table = pd.DataFrame({"bank_id": bank_ids})
    for rung in load:
        bank_table[f"{rung}_overload_kw"] = 0.0
        bank_table[f"{rung}_upgrade_cost"] = 0.0

    vehicles = 500
    pays = np.where(rng.random(vehicles) < 0.6, 0.0, rng.lognormal(-3, 1, vehicles))
    over = pays * 10 ** rng.uniform(-8, -0.5, vehicles) * (rng.random(vehicles) < 0.4)
    cars = pd.DataFrame({"vehicle_id": np.arange(vehicles), "energy_kwh": 50.0, "missing_energy_kwh": 0.0})
    cars["cost"], cars["cheapest_cost"], cars["regret_cost"] = pays, pays - over, over

    total = {r: float(table[f"{r}_upgrade_cost"].sum()) for r in load}
    k = np.arange(1, 31)
    rows = []
    for rung in [r for r in load if r != "unmanaged"]:
        end = total[rung]
        primal, bound = end * (1 + 3 * 0.75**k), end * (1 - 1.5 * 0.78**k) - 1e-4 * end
        gap = (primal - bound) / np.maximum(primal, 1e-12)
        part = {"rung": rung, "iteration": k * 4, "primal": primal, "bound": bound, "gap": gap}
        part |= {"primal_residual": 0.0, "dual_residual": 0.0, "penalty": 1.0, "seconds": 0.3 * k}
        rows.append(pd.DataFrame(part))
    certificates = {r: Certificate(v, v if r == "unmanaged" else 0.999 * v) for r, v in total.items()}
    figures = {"scenario": "by hand", "status": "CERTIFIED", "vehicles": vehicles, "vehicles_short": 2}
    figures |= {"missing_energy_kwh": 3.25, "feeders": feeders, "steps": steps, "variables": 100_000}
    for rung in RUNGS:
        if rung in load:
            figures[f"{rung}_overload_kw"] = float(table[f"{rung}_overload_kw"].sum())
            figures[f"{rung}_feeders_overloaded"] = int((table[f"{rung}_overload_kw"] > 1e-3).sum())
            figures[f"{rung}_upgrade_cost"] = total[rung]
    last = certificates["coordinated"]
    figures |= {"lower_bound_cost": last.lower_bound_cost, "absolute_gap": last.absolute_gap}
    figures |= {"relative_gap": last.relative_gap(total["unmanaged"]), "total_regret_cost": float(over.sum())}
    figures |= {"gap_of_savings": 1e-3, "grid_slack_cost": 0.0, "iterations": 120, "wall_s": 9.0, "seed": 0}
    figures |= {"base_overload_kw": float(table["base_overload_kw"].sum()), "peak_memory_mib": 300.0}
    return Coordination(
        data=dataset,
        feeders=table,
        banks=bank_table,
        vehicles=cars,
        history=pd.concat(rows, ignore_index=True),
        certificates=certificates,
        statuses={r: Status.EXACT if r == "unmanaged" else Status.CERTIFIED for r in load},
        run=RunInfo(0, "0.1.0", "0" * 64, 9.0, 300.0),
        figures=figures,
    )
