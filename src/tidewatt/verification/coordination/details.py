"""What stands beside the proof in a result of `coordinate`: names, places, states of charge, the search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from tidewatt.compilation.kernel import kernel
from tidewatt.domain.arrays import Array
from tidewatt.verification.common.claims import Claims
from tidewatt.verification.common.findings import CheckList, count
from tidewatt.verification.coordination.rungs import Own, VerifiedRung, money_tolerance

__all__ = ["check_certificate", "check_details", "check_search", "check_soc"]

_SOC = "soc.parquet"
_NEAR_SOC = 1e-6
"""Rounding of powers that are stored in single precision, summed over a week."""
_GROWS = ("iteration", "projections", "bounds", "answered", "skipped", "seconds")
_LATER = ("base_upgrade_cost",)
_LATER_FIGURES = (
    "unavoidable_upgrade_cost",
    "avoidable_upgrade_cost",
    "unmanaged_banks_overloaded",
    "session_banks_overloaded",
    "coordinated_banks_overloaded",
)
"""What earlier versions did not file; it comes all together or not at all."""


def check_details(claims: Claims, ledger: CheckList, own: Own) -> None:
    """Check names, customers and places of feeders and banks, step numbers, and that nothing lacks."""
    grid = own.scenario.grid
    loads, feeders, banks = claims.loads, claims.tables["feeders"], claims.tables["banks"]
    wrong = []
    for name, given in grid.attributes.items():
        said = {"feeders.parquet": feeders[name].to_numpy() if name in feeders else None}
        if name != "name":
            said["loads.nc"] = loads[name].to_numpy() if name in loads.variables else None
        wrong += [f"{file}: {name}" for file, values in said.items() if not _same(values, given)]
    # Earlier versions filed no names of banks.
    now = all(name in claims.summary for name in _LATER_FIGURES)
    named = banks["name"].to_numpy() if "name" in banks else None
    expected = grid.bank_attributes.get("name")
    if (named is not None or (now and expected is not None)) and not _same(named, expected):
        wrong.append("banks.parquet: name")
    for name in ("name", "customers", "longitude", "latitude"):
        if name not in grid.attributes:
            wrong += [f"feeders.parquet: {name}"] if name in feeders else []
            wrong += [f"loads.nc: {name}"] if name in loads.variables else []
    # Series that a scenario may lack are there where it has them, and only there.
    series = {"base_load_kw": grid.base_load_kw, "rating_kw": grid.rating_kw}
    for name, values in series.items():
        has = values is not None and bool(np.isfinite(values).any())
        wrong += [f"loads.nc: {name}"] if has != (name in loads.variables) else []
    steps = own.scenario.horizon.steps
    wrong += [] if np.array_equal(loads["step"].to_numpy(), np.arange(steps)) else ["loads.nc: step"]
    ledger.add(
        "names, customers, places and steps are the scenario's",
        not wrong,
        ", ".join(wrong) or f"those of {count(len(grid.feeder_id), 'feeder')}",
    )
    later = [name in claims.summary for name in _LATER_FIGURES]
    later += [name in table for table in (feeders, banks) for name in _LATER]
    ledger.add(
        "summary: no figure was left out",
        all(later) or not any(later),
        "all are there"
        if all(later)
        else "not filed by an earlier version"
        if not any(later)
        else "some lack",
    )


def _same(said: Any, given: Array | None) -> bool:
    """Return whether a column is the scenario's: text by text, numbers exactly, gaps as gaps."""
    if said is None or given is None or len(said) != len(given):
        return False
    if given.dtype.kind in "fiu":
        numbers = pd.to_numeric(pd.Series(said), errors="coerce").to_numpy(np.float64)
        return bool(np.array_equal(numbers, given.astype(np.float64), equal_nan=True))
    return all(
        (("" if pd.isna(a) else str(a)) == ("" if pd.isna(b) else str(b))) for a, b in zip(said, given)
    )


def check_certificate(claims: Claims, ledger: CheckList, own: Own, found: Mapping[str, VerifiedRung]) -> None:
    """Check what the certificate says of unmanaged charging, and which rungs it speaks of."""
    rungs, statuses = claims.certificate.get("rungs", {}), claims.certificate.get("statuses", {})
    said = rungs.get("unmanaged")
    values = [said.get(key) if isinstance(said, Mapping) else None for key in _BRACKET]
    numbers = [float(v) if isinstance(v, int | float) and not isinstance(v, bool) else np.nan for v in values]
    ledger.equal(
        "certificate: unmanaged charging, which is not optimised",
        np.array(numbers),
        np.array([own.unmanaged_cost, own.unmanaged_cost, 0.0, 0.0]),
        money_tolerance(own, own.unmanaged_cost),
    )
    wanted = {"unmanaged", *found}
    ledger.add(
        "certificate: rungs",
        set(rungs) == wanted == set(statuses) and statuses.get("unmanaged") == "EXACT",
        f"brackets of {', '.join(rungs)}; statuses of {', '.join(statuses)}",
    )


_BRACKET = ("upgrade_cost", "lower_bound_cost", "total_regret_cost", "grid_slack_cost")


def check_search(claims: Claims, ledger: CheckList, found: Mapping[str, VerifiedRung], own: Own) -> None:
    """Check that the history is one of a search: monotone, its gap that of its line, its end the bracket."""
    frame = claims.tables["history"]
    if not len(frame):
        return
    ledger.add(
        "history: rungs",
        frame["rung"].tolist()
        == [r for r in ("session", "coordinated") for _ in range((frame["rung"] == r).sum())],
        "session first, then coordinated",
    )
    for rung, each in found.items():
        mine = frame[frame["rung"] == rung]
        slack = 1e-10 * each.scale + money_tolerance(own, each.upgrade_cost)
        primal, bound = mine["primal"].to_numpy(np.float64), mine["bound"].to_numpy(np.float64)
        wrong = [name for name in _GROWS if (np.diff(mine[name].to_numpy(np.float64)) < 0).any()]
        wrong += ["primal"] if (np.diff(primal) > slack).any() else []
        wrong += ["bound"] if (np.diff(bound) < -slack).any() else []
        scale = np.maximum(primal, 1e-9 * own.unmanaged_cost)
        gap = np.divide(np.maximum(primal - bound, 0.0), scale, out=np.zeros(len(mine)), where=scale > 0)
        if not np.allclose(mine["gap"].to_numpy(np.float64), gap, rtol=1e-6, atol=1e-9):
            wrong.append("gap")
        if len(mine):
            wrong += [f"its last {name}" for name, bad in _end(primal[-1], bound[-1], each, slack) if bad]
        ledger.add(
            f"{rung}: history is monotone and ends at the bracket",
            not wrong,
            ", ".join(wrong) or count(len(mine), "line"),
        )


def _end(primal: float, bound: float, each: VerifiedRung, slack: float) -> tuple[tuple[str, bool], ...]:
    """Return whether the last line claims less than the files prove: the end may only have come closer."""
    return (
        ("primal", not primal >= each.upgrade_cost - slack),
        ("bound", not bound <= each.lower_bound_cost + slack),
    )


def check_soc(claims: Claims, ledger: CheckList, own: Own, dwell_kwh: Array) -> None:
    """Check ``soc.parquet``, where there is one: charge at every arrival and departure, from the schedule."""
    path = claims.folder / _SOC
    if _SOC not in claims.certificate["files"]:
        return
    fleet, dwells, trips = own.scenario.fleet, own.scenario.dwells, own.scenario.trips
    table = pq.read_table(path)
    soc = _soc(
        dwells.first,
        dwells.arrive_min,
        dwells.depart_min,
        trips.first,
        trips.depart_min,
        trips.arrive_min,
        trips.energy_kwh,
        dwell_kwh,
        fleet.charge_efficiency,
        fleet.battery_kwh,
        fleet.soc_initial,
    )
    owner = np.repeat(fleet.vehicle_id, 2 * np.diff(dwells.first)).astype(str)
    same = len(table) == len(soc) and bool(np.all(np.array(table["vehicle_id"].to_pylist(), str) == owner))
    if not ledger.add(
        "soc: rows", same, f"{len(table):,}, an arrival and a departure of {len(soc) // 2:,} dwells"
    ):
        return
    minute = np.stack([dwells.arrive_min, dwells.depart_min], axis=1).ravel()
    ledger.equal("soc: minutes", table["minute"].to_numpy(), minute, 1e-9 * (1 + np.abs(minute)), "min")
    ledger.equal("soc: state of charge", table["soc"].to_numpy(), soc, _NEAR_SOC)


@kernel
def _soc(
    first: Array,
    arrive_min: Array,
    depart_min: Array,
    trip_first: Array,
    trip_depart_min: Array,
    trip_arrive_min: Array,
    trip_kwh: Array,
    dwell_kwh: Array,
    efficiency: Array,
    battery_kwh: Array,
    initial: Array,
) -> Array:
    """Return the state of charge at every arrival and departure, driving each vehicle's trips in turn."""
    soc = np.empty(2 * len(arrive_min))
    for i in range(len(first) - 1):
        charge = battery_kwh[i] * initial[i]
        trip = trip_first[i]
        for d in range(first[i], first[i + 1]):
            # Trips and dwells alternate, so that their middles tell which came first.
            while (
                trip < trip_first[i + 1]
                and trip_depart_min[trip] + trip_arrive_min[trip] < arrive_min[d] + depart_min[d]
            ):
                charge -= trip_kwh[trip]
                trip += 1
            soc[2 * d] = charge / battery_kwh[i]
            charge += efficiency[i] * dwell_kwh[d]
            soc[2 * d + 1] = charge / battery_kwh[i]
    return soc
