"""One measured run of `coordinate`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from benchmarks.machine import memory_mib, reset_peak_memory, timed
from benchmarks.registry import Row
from tidewatt.coordination.result import Coordination
from tidewatt.domain.scenario import Scenario

__all__ = ["GAPS", "measured", "milestones"]

GAPS = (1e-1, 1e-2, 1e-3, 1e-4)


def measured(scenario: Scenario, **given: Any) -> tuple[Row, Coordination]:
    """Wall time, memory and outcome of one `coordinate`, without the session rung."""
    from tidewatt.coordination.study import coordinate

    reset_peak_memory()
    seconds, result = timed(lambda: coordinate(scenario, session=False, **given))
    _, peak = memory_mib()
    proof = result.certificate
    unmanaged = result.certificates["unmanaged"].upgrade_cost
    row: Row = {
        "status": result.status.name.lower(),
        "seconds": seconds,
        "peak_mib": peak,
        "vehicles": len(scenario.fleet),
        "feeders": scenario.grid.feeders,
        "banks": scenario.grid.banks,
        "steps": scenario.horizon.steps,
        "variables": result.figures.get("variables", ""),
        "unmanaged_cost": unmanaged,
        "objective": proof.upgrade_cost,
        "lower_bound": proof.lower_bound_cost,
        "gap": proof.relative_gap(unmanaged),
    }
    history = result.history[result.history["rung"] == "coordinated"]
    for name in ("answered", "skipped", "projections", "bounds"):
        if name in history and len(history):
            row[name] = int(history[name].max())
    if len(history):
        row["passes"] = int(history["iteration"].max())
        row["solve_s"] = float(history["seconds"].max())
    return row, result


def milestones(result: Coordination) -> Row:
    """Return passes and seconds to each gap of `GAPS`, from the best ends of the bracket so far."""
    history = result.history[result.history["rung"] == "coordinated"].sort_values("iteration")
    primal = np.minimum.accumulate(history["primal"].to_numpy(float))
    bound = np.maximum.accumulate(history["bound"].to_numpy(float))
    floor = 1e-9 * result.certificates["unmanaged"].upgrade_cost
    scale = np.maximum(primal, floor)
    gap = np.where(scale > 0, (primal - bound) / np.where(scale > 0, scale, 1.0), 0.0)
    row: Row = {}
    for target in GAPS:
        reached = np.flatnonzero(gap <= target)
        at = int(reached[0]) if len(reached) else -1
        row[f"passes_{target:.0e}"] = int(history["iteration"].iloc[at]) if at >= 0 else math.nan
        row[f"seconds_{target:.0e}"] = float(history["seconds"].iloc[at]) if at >= 0 else math.nan
    return row
