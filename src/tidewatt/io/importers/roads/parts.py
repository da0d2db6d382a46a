"""What importers of road networks share: weights of zones, stray pieces, and a scenario around roads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.checks.scenario import check
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.reach import Reach
from tidewatt.domain.roads import ROAD_CLASSES, Demand, Roads
from tidewatt.domain.scenario import Scenario
from tidewatt.errors import Issue, ScenarioError

__all__ = ["Repair", "Repaired", "bare_scenario", "nearest_weights", "repaired", "sound"]

Repair = Literal["none", "drop", "connect"]
_CONNECTOR_KMH = 30.0
_CONNECTOR_VEH_H = 1000.0
_LEAST_KM = 0.01  # coordinates may coincide, and a link that is driven through must take time
_START = datetime(2027, 1, 11)  # a Monday
_STEP_MIN, _STEPS = 15.0, 672


def bare_scenario(
    name: str, roads: Roads, demand: Demand | None, simulation: Mapping[str, Any] | None = None
) -> Scenario:
    """Return a scenario of roads and demand alone, over a week from Monday in steps of 15 min."""
    return Scenario.bare(
        name,
        Horizon(_START, _STEP_MIN, _STEPS),
        parameters={"simulation": dict(simulation)} if simulation else {},
        roads=roads,
        demand=demand,
    )


def sound(scenario: Scenario) -> Scenario:
    """Return the scenario, or raise if anything is wrong with it.

    Raises
    ------
    ScenarioError
        With everything that `check` finds.
    """
    if issues := check(scenario):
        raise ScenarioError(issues)
    return scenario


def nearest_weights(roads: Roads) -> Array:
    """Return for each zone's node how many road nodes it is nearest to, shape (zones,).

    A weight for homes and jobs where nothing else is known: streets are dense where people are. 1
    everywhere where coordinates are missing. Centroids themselves are no road nodes.
    """
    from scipy.spatial import cKDTree

    x, y = roads.xy_km()
    places = np.column_stack([x, y])
    known = np.isfinite(places).all(axis=1)
    zones = np.flatnonzero(known[roads.zone_node])
    streets = np.flatnonzero(known & roads.through)
    if len(zones) < roads.zones or not len(streets):
        return np.ones(roads.zones)
    _, nearest = cKDTree(places[roads.zone_node]).query(places[streets])
    return np.bincount(nearest, minlength=roads.zones).astype(float)


@dataclass(frozen=True, slots=True)
class Repaired:
    """A network after its repair.

    Attributes
    ----------
    roads, demand : Roads, Demand or None
    zone : array of int64
        Former position of every zone that was kept.
    counts : mapping of str to number
        What was dropped or added, for the report.
    dropped : mapping of str to tuple of str
        Ids left out, by reason.
    assumptions : tuple of str
    """

    roads: Roads
    demand: Demand | None
    zone: Array
    counts: dict[str, float]
    dropped: dict[str, tuple[str, ...]]
    assumptions: tuple[str, ...] = ()


def repaired(roads: Roads, demand: Demand | None, how: Repair) -> Repaired:
    """Make the network connected.

    Parameters
    ----------
    roads, demand : Roads, Demand or None
    how : {"none", "drop", "connect"}
        ``drop`` keeps the largest piece: see `tidewatt.domain.reach.Reach.main_piece`.
        ``connect`` joins every stray piece by a link each way, driven at 30 km/h, to the nearest node of
        that piece that may be driven through.

    Raises
    ------
    ScenarioError
        If pieces are to be connected whose nodes have no coordinates.
    """
    whole = Repaired(roads, demand, np.arange(roads.zones), {}, {})
    if how == "none" or not roads.links:
        return whole
    main = Reach(roads).main_piece()
    if main.all():
        return whole
    return _without(roads, demand, main) if how == "drop" else _connected(roads, demand, main)


def _without(roads: Roads, demand: Demand | None, main: Array) -> Repaired:
    links = main[roads.tail] & main[roads.head]
    zones = main[roads.zone_node]
    number, zone_number = np.cumsum(main) - 1, np.cumsum(zones) - 1
    kept: dict[str, Any] = {name: getattr(roads, name)[main] for name in ("node_id", "x", "y", "through")}
    link_columns = (
        *("link_id", "tail", "head", "length_km", "capacity_veh_h", "free_time_min", "road_class"),
        *("bpr_alpha", "bpr_beta", "toll", "lanes"),
    )
    kept |= {name: getattr(roads, name)[links] for name in link_columns}
    kept |= {"tail": number[kept["tail"]], "head": number[kept["head"]]}
    for name in ("zone_id", "zone_node", "homes", "jobs", "other", "zone_feeder"):
        kept[name] = getattr(roads, name)[zones]
    kept["zone_node"] = number[kept["zone_node"]]
    kept["link_attributes"] = {name: values[links] for name, values in roads.link_attributes.items()}
    dropped = {
        "nodes not connected to the largest piece": _texts(roads.node_id[~main]),
        "links not connected to the largest piece": _texts(roads.link_id[~links]),
        "zones not connected to the largest piece": _texts(roads.zone_id[~zones]),
    }
    counts: dict[str, float] = {}
    if demand is not None:
        rows = zones[demand.origin] & zones[demand.destination]
        counts["trips_left_out"] = float(demand.trips[~rows].sum())
        demand = Demand(
            zone_number[demand.origin[rows]],
            zone_number[demand.destination[rows]],
            demand.trips[rows],
            demand.start_min[rows],
            demand.end_min[rows],
        )
    return Repaired(replace(roads, **kept), demand, np.flatnonzero(zones), counts, dropped)


def _connected(roads: Roads, demand: Demand | None, main: Array) -> Repaired:
    x, y = roads.xy_km()
    known = np.isfinite(x) & np.isfinite(y)
    lacking = np.flatnonzero(~main & ~known)
    if len(lacking) or not (known & main & roads.through).any():
        problem = "pieces can be connected only where nodes have coordinates"
        fix = "Give coordinates (--node-unit gives the unit of a node file), or use --repair drop"
        raise ScenarioError([Issue("--repair", "connect", problem, fix, _texts(roads.node_id[lacking[:5]]))])
    before = roads.links
    # Streets first: centroids of a piece come along, those that only start or only end trips remain.
    roads = _joined(roads, _street_pieces(roads, ~main & roads.through), main)
    if not roads.through.all():
        main = Reach(roads).main_piece()
        roads = _joined(roads, [np.array([node]) for node in np.flatnonzero(~main)], main)
    added = roads.links - before
    counts = {"connectors_added": float(added)}
    if added:
        counts["longest_connector_km"] = float(roads.length_km[before:].max())
    sentence = (
        f"connectors between pieces are straight and driven at {_CONNECTOR_KMH:g} km/h, "
        f"with a capacity of {_CONNECTOR_VEH_H:,.0f} vehicles per hour"
    )
    return Repaired(roads, demand, np.arange(roads.zones), counts, {}, (sentence,))


def _street_pieces(roads: Roads, stray: Array) -> list[Array]:
    """Return the strongly connected pieces of stray nodes that are driven through."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    links = np.flatnonzero(stray[roads.tail] & stray[roads.head])
    pairs = roads.tail[links], roads.head[links]
    graph = csr_array((np.ones(len(links)), pairs), shape=(roads.nodes, roads.nodes))
    piece = np.asarray(connected_components(graph, connection="strong")[1])
    nodes = np.flatnonzero(stray)
    nodes = nodes[np.argsort(piece[nodes], kind="stable")]
    return np.split(nodes, np.flatnonzero(np.diff(piece[nodes])) + 1) if len(nodes) else []


def _joined(roads: Roads, pieces: list[Array], main: Array) -> Roads:
    """Add a link each way between every piece and the nearest node of the main one."""
    from scipy.spatial import cKDTree

    if not pieces:
        return roads
    places = np.column_stack(roads.xy_km())
    targets = np.flatnonzero(main & roads.through & np.isfinite(places).all(axis=1))
    tree = cKDTree(places[targets])
    inner, outer, km = [], [], []
    for piece in pieces:
        distance, nearest = map(np.asarray, tree.query(places[piece]))
        best = int(distance.argmin())
        inner.append(piece[best])
        outer.append(targets[nearest[best]])
        km.append(max(float(distance[best]), _LEAST_KM))
    length = np.repeat(km, 2)
    n = len(length)
    added: dict[str, Any] = {
        "tail": np.column_stack([inner, outer]).ravel(),
        "head": np.column_stack([outer, inner]).ravel(),
        "length_km": length,
        "capacity_veh_h": np.full(n, _CONNECTOR_VEH_H),
        "free_time_min": 60.0 * length / _CONNECTOR_KMH,
        "road_class": np.full(n, ROAD_CLASSES.index("connector"), np.int8),
        "bpr_alpha": np.full(n, 0.15),
        "bpr_beta": np.full(n, 4.0),
        "toll": np.zeros(n),
        "lanes": np.full(n, np.nan),
        "link_id": _new_ids(roads.link_id, n),
    }
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(roads, name), values]) for name, values in added.items()
    }
    blank = {name: _blank(values, n) for name, values in roads.link_attributes.items()}
    return replace(roads, **joined, link_attributes=blank)


def _new_ids(ids: Array, count: int) -> Array:
    """Return ids for added links that no other link has."""
    if ids.dtype.kind == "i":
        return np.asarray(int(ids.max(initial=0)) + 1 + np.arange(count))
    taken = set(ids.tolist())
    names = (name for k in range(count + len(ids)) if (name := f"connector-{k + 1}") not in taken)
    return np.asarray([next(names) for _ in range(count)], object)


def _blank(values: Array, count: int) -> Array:
    fill: Any = np.nan if values.dtype.kind == "f" else ""
    return np.concatenate([values, np.full(count, fill, values.dtype)])


def _texts(ids: Array) -> tuple[str, ...]:
    return tuple(map(str, ids.tolist()))
