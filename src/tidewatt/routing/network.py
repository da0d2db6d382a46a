"""The road network in the form that kernels need: arrays over nodes that may all be driven through."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.roads import Roads

__all__ = ["RoadNetwork", "network_of"]


class RoadNetwork(NamedTuple):
    """Links between nodes; a node that must not be driven through is split in two.

    Links that leave such a node start at its copy, links that enter it end at the node itself: no path
    passes. Link order is that of the roads.

    Attributes
    ----------
    nodes : int
        Nodes including copies; the first ones are the roads' own.
    tail, head : array of int32, shape (links,)
    depart_node : array of int32, shape (nodes of the roads,)
        Node from which one departs; one arrives at the node of the same number.
    x_km, y_km : array, shape (nodes,)
        nan where unknown.
    """

    nodes: int
    tail: Array
    head: Array
    depart_node: Array
    x_km: Array
    y_km: Array


def network_of(roads: Roads) -> RoadNetwork:
    """Split the nodes of `roads` that are not driven through."""
    split = np.flatnonzero(~roads.through)
    depart = np.arange(roads.nodes, dtype=np.int32)
    depart[split] = roads.nodes + np.arange(len(split), dtype=np.int32)
    x, y = roads.xy_km()
    return RoadNetwork(
        nodes=roads.nodes + len(split),
        tail=depart[roads.tail],
        head=np.ascontiguousarray(roads.head),
        depart_node=depart,
        x_km=np.concatenate([x, x[split]]),
        y_km=np.concatenate([y, y[split]]),
    )
