"""Roads whose travel times are whole steps, and what rounding to them does."""

from __future__ import annotations

import numpy as np

from tidewatt.domain.arrays import Array, identifiers
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.roads import Roads
from tidewatt.domain.travel import StepRoads
from tidewatt.synthesis.joined.rules import Rules
from tidewatt.synthesis.joined.ways import Ways, ways_of

__all__ = ["contracted", "in_steps", "rounding"]

_MUCH = 0.5  # change of the mean time of a trip from which on a case is no longer that of the roads


def in_steps(roads: Roads, horizon: Horizon, share: float, rules: Rules) -> StepRoads:
    """Every link by itself; `share` of its capacity is left to the vehicles."""
    return StepRoads(
        node_id=roads.node_id,
        link_id=roads.link_id,
        tail=roads.tail,
        head=roads.head,
        capacity_per_step=roads.capacity_veh_h * (horizon.step_min / 60.0 * share),
        free_flow_steps=_steps(roads.free_time_min, horizon),
        energy_kwh=roads.length_km * rules.kwh_per_km,
    )


def contracted(roads: Roads, keep: Array, horizon: Horizon, rules: Rules) -> tuple[StepRoads, Array]:
    """Direct links between all pairs of nodes, without capacities.

    Parameters
    ----------
    keep : array of int64
        Nodes that stay, ascending.

    Returns
    -------
    StepRoads
    array of int64, shape (nodes of `roads`,)
        Where each node is now; -1: gone.
    """
    ways = ways_of(roads, keep)
    minutes, km = ways.minutes[:, keep], ways.km[:, keep]
    i, j = np.nonzero(np.isfinite(minutes) & ~np.eye(len(keep), dtype=bool))
    node = np.full(roads.nodes, -1, np.int64)
    node[keep] = np.arange(len(keep))
    ids = roads.node_id[keep]
    direct = StepRoads(
        node_id=ids,
        link_id=identifiers([f"{ids[a]} to {ids[b]}" for a, b in zip(i, j, strict=True)]),
        tail=i,
        head=j,
        capacity_per_step=np.full(len(i), np.inf),
        free_flow_steps=_steps(minutes[i, j], horizon),
        energy_kwh=km[i, j] * rules.kwh_per_km,
    )
    return direct, node


def rounding(
    ways: Ways, trips: Array, hops: Array, horizon: Horizon, contract: bool
) -> tuple[str, tuple[str, ...]]:
    """What rounding to steps does to the mean time of a trip, in a sentence; a warning where it is much.

    Parameters
    ----------
    ways : Ways
        On the roads as they are.
    trips, hops : array, shape (starts, nodes)
        Trips, and the fewest steps that they take.
    contract : bool
        Whether links are direct already.
    """
    rows, ends = np.nonzero(trips)
    weight = trips[rows, ends] / trips.sum()
    exact = float(weight @ ways.minutes[rows, ends])
    whole = float(weight @ hops[rows, ends]) * horizon.step_min
    times = (
        f"a trip takes {exact:.1f} min on the empty roads, {whole:.1f} min in steps of "
        f"{horizon.step_min:g} min ({whole / exact - 1.0:+.0%})"
    )
    if abs(whole / exact - 1.0) <= _MUCH:
        return times, ()
    shorter = "take shorter steps (--step-min, or a grid in shorter steps where it is a scenario)"
    advice = shorter if contract else f"{shorter}, or join direct links (--contract)"
    return times, (f"{times}: to come closer, {advice}",)


def _steps(minutes: Array, horizon: Horizon) -> Array:
    return np.maximum(np.rint(minutes / horizon.step_min), 1).astype(np.int64)
