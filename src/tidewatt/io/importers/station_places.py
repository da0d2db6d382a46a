"""Road nodes for stations whose own places are not those of the network: spread like demand."""

from __future__ import annotations

import itertools

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.reach import Reach
from tidewatt.domain.roads import Demand, Roads
from tidewatt.io.importers.road_parts import nearest_weights

__all__ = ["nearest_zone", "places_by_demand", "station_nodes"]


def places_by_demand(
    stations: int, roads: Roads, demand: Demand | None, random: np.random.Generator
) -> tuple[Array, str]:
    """Road nodes for stations, spread like demand.

    Zones are walked in the order of their places along a space-filling curve, and stations are put at equal
    steps of the zones' summed weight from a random start: a zone gets its share of them, rounded up or down,
    and neighbours together do too. Within a zone the node is drawn among those nearer to it than to other
    zones, none twice while others are left. Which station stands where is random.

    Parameters
    ----------
    stations : int
        How many.
    roads, demand : Roads, Demand or None
        The weight of a zone is its share of all homes plus its share of all jobs; where it has neither, its
        share of trip ends; else its share of road nodes.
    random : numpy.random.Generator

    Returns
    -------
    array of int64, shape (stations,)
        Nodes.
    str
        Which weight was taken.
    """
    weight, meaning = _weights(roads, demand)
    order = _along_curve(roads)
    edge = np.cumsum(weight[order])
    at = (np.arange(stations) + random.random()) / stations * edge[-1]
    zone = order[np.minimum(np.searchsorted(edge, at, side="right"), roads.zones - 1)]
    random.shuffle(zone)
    members = _members(roads)
    node = np.empty(stations, np.int64)
    for each in np.unique(zone):
        here = np.flatnonzero(zone == each)
        there = random.permutation(members[each])
        node[here] = np.resize(there, len(here))
    return node, meaning


def station_nodes(roads: Roads) -> Array:
    """Nodes where a station can stand: driven through, reached from the largest piece and back."""
    nodes = np.flatnonzero(roads.through & Reach(roads).main_piece())
    used = np.zeros(roads.nodes, bool)
    used[roads.tail] = used[roads.head] = True
    return nodes[used[nodes]]


def _weights(roads: Roads, demand: Demand | None) -> tuple[Array, str]:
    weight, words = np.zeros(roads.zones), []
    for name in ("homes", "jobs"):
        values = np.nan_to_num(getattr(roads, name))
        if values.sum() > 0:
            weight += values / values.sum()
            words.append(name)
    if words:
        return weight, " and ".join(words)
    if demand is not None and demand.trips.sum() > 0:
        ends = np.concatenate([demand.origin, demand.destination])
        return np.bincount(ends, np.tile(demand.trips, 2), roads.zones), "trip ends"
    return nearest_weights(roads), "road nodes"


def _along_curve(roads: Roads) -> Array:
    """Zones in order along a Z-order curve; as they stand where coordinates are missing."""
    place = np.column_stack(roads.xy_km())[roads.zone_node]
    if not np.isfinite(place).all():
        return np.arange(roads.zones)
    low, span = place.min(axis=0), max(float(np.ptp(place, axis=0).max()), 1e-9)
    cell = np.minimum((place - low) / span * 2**16, 2**16 - 1).astype(np.int64)
    key = np.zeros(roads.zones, np.int64)
    for bit in range(16):
        key |= ((cell[:, 0] >> bit) & 1) << (2 * bit)
        key |= ((cell[:, 1] >> bit) & 1) << (2 * bit + 1)
    return np.argsort(key, kind="stable")


def nearest_zone(roads: Roads, nodes: Array) -> Array:
    """Zone whose node is nearest to each node; -1 where coordinates are missing."""
    from scipy.spatial import cKDTree

    place = np.column_stack(roads.xy_km())
    centre = place[roads.zone_node]
    result = np.full(len(nodes), -1)
    known = np.isfinite(place[nodes]).all(axis=1)
    if len(centre) and np.isfinite(centre).all() and known.any():
        result[known] = cKDTree(centre).query(place[nodes[known]])[1]
    return result


def _members(roads: Roads) -> list[Array]:
    """Nodes of each zone where a station can stand: those nearest to it, else those next to its node."""
    nodes = station_nodes(roads)
    zone = nearest_zone(roads, nodes)
    order = np.argsort(zone, kind="stable")
    edges = np.searchsorted(zone[order], np.arange(roads.zones + 1))
    members = [nodes[order[a:b]] for a, b in itertools.pairwise(edges)]
    can = np.zeros(roads.nodes, bool)
    can[nodes] = True
    for each in np.flatnonzero(np.diff(edges) == 0):
        home = roads.zone_node[each]
        beside = np.unique(np.r_[home, roads.head[roads.tail == home], roads.tail[roads.head == home]])
        members[each] = beside[can[beside]] if can[beside].any() else nodes
    return members
