"""The state of an unfinished rung as plain arrays and numbers, and back."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from tidewatt.coordination.admm import Sharing
from tidewatt.coordination.monitor import Monitor
from tidewatt.coordination.newton import Proximal
from tidewatt.coordination.shards import Shards, Tally
from tidewatt.domain.arrays import Array

__all__ = ["State", "restore", "snapshot"]

State = Mapping[str, Any]


def snapshot(state: Sharing | Proximal | None, best: Array, shards: Shards, monitor: Monitor) -> State:
    """What it takes to go on; of a rung that is done (`state` None), what it takes to hand it out."""
    common = {
        "best": best,
        "dual_best": monitor.dual,
        "bound": monitor.bound,
        "seconds": monitor.seconds,
        "rows": pd.DataFrame(monitor.rows).to_json(orient="split"),
        **{f"tally_{k}": getattr(shards.tally, k) for k in Tally.__slots__},
    }
    if state is None:
        return common
    common |= {"x": shards.x, "mu": state.mu}
    if isinstance(state, Sharing):
        return {**common, "rho": state.rho, "z": state.z, "u": state.u, "passes": state.passes}
    return {**common, "sigma": state.sigma, "damping": state.damping, "dual": state.dual}


def restore(kept: State, shards: Shards, monitor: Monitor) -> tuple[Sharing | Proximal | None, Array]:
    """Set shards and monitor as they were; returns the solver's state and the best schedules."""
    best = np.array(kept["best"], shards.x.dtype)
    # An interruption may have caught the best schedules half replaced: what counts is what they cost now.
    monitor.primal = shards.problem.levels.cost(shards.problem.levels.lift(shards.load(best)))
    monitor.bound, monitor.dual = float(kept["bound"]), np.array(kept["dual_best"])
    monitor.spent_s = float(kept["seconds"])
    rows = pd.read_json(io.StringIO(str(kept["rows"])), orient="split").to_dict("records")
    monitor.rows = [{str(name): float(value) for name, value in row.items()} for row in rows]
    for k in Tally.__slots__:
        setattr(shards.tally, k, int(kept[f"tally_{k}"]))
    monitor.passes_before = shards.tally.passes
    if "mu" not in kept:
        # A rung that had reached its end; the limits may be wider now.
        monitor.finished()
        shards.x[:] = best
        return None, best
    shards.x[:] = kept["x"]
    mu = np.array(kept["mu"])
    if "rho" in kept:
        z, u = np.array(kept["z"]), np.array(kept["u"])
        return Sharing(float(kept["rho"]), z, u, mu, int(kept["passes"])), best
    return Proximal(float(kept["sigma"]), float(kept["damping"]), np.array(kept["dual"]), mu), best
