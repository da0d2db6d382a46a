"""Which zones and stations can be reached on the roads, however long that takes."""

from __future__ import annotations

from typing import Any

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.roads import Roads

__all__ = ["Reach"]


class Reach:
    """Reachability on a road network whose centroids are not driven through.

    A node with ``through = False`` gets a second place, at which trips start and no link ends, so that no
    path leads through it.

    Parameters
    ----------
    roads : Roads
        With valid indices.
    """

    def __init__(self, roads: Roads) -> None:
        from scipy.sparse import csr_array

        self.roads = roads
        split = np.flatnonzero(~roads.through)
        self.start = np.arange(roads.nodes)
        self.start[split] = roads.nodes + np.arange(len(split))
        self.places = roads.nodes + len(split)
        shape = (self.places, self.places)
        ones = np.ones(roads.links, np.int8)
        tail, head = self.start[roads.tail], roads.head
        self._out: Any = csr_array((ones, (tail, head)), shape=shape)
        self._into: Any = csr_array((ones, (head, tail)), shape=shape)
        self.zone_start, self.zone_end = self.start[roads.zone_node], roads.zone_node.astype(np.int64)
        # The largest piece in which one can drive about; other places get there or not.
        labels = self._pieces()
        streets = np.flatnonzero(roads.through)
        inside = labels[streets] if len(streets) else labels
        size = np.bincount(inside, minlength=1)
        self._main = np.flatnonzero(labels == size.argmax()) if len(inside) else inside
        self.to_main = self._seen(self._into, self._main[:1])
        self.from_main = self._seen(self._out, self._main[:1])

    def _pieces(self) -> Array:
        """Return the strongly connected piece of each place."""
        from scipy.sparse.csgraph import connected_components

        return np.asarray(connected_components(self._out, connection="strong")[1])

    def main_piece(self) -> Array:
        """Return the nodes of the largest piece; bool of shape (nodes,).

        These are the nodes of the largest strongly connected piece that are driven through, and of the others
        those with a link from one of these and a link to one. All nodes where none is driven through.
        """
        roads = self.roads
        if not roads.through.any():
            return np.ones(roads.nodes, bool)
        piece = np.zeros(roads.nodes, bool)
        piece[self._main[self._main < roads.nodes]] = True
        piece &= roads.through
        left, entered = np.zeros(roads.nodes, bool), np.zeros(roads.nodes, bool)
        left[roads.tail[piece[roads.head]]] = True
        entered[roads.head[piece[roads.tail]]] = True
        return np.asarray(piece | (~roads.through & left & entered))

    def _seen(self, graph: Any, places: Array) -> Array:
        """Return the places reachable from any of the given ones, themselves included; shape (places,)."""
        from scipy.sparse.csgraph import breadth_first_order

        seen = np.zeros(self.places, bool)
        for place in places:
            if not seen[place]:
                seen[breadth_first_order(graph, int(place), return_predecessors=False)] = True
        return seen

    def reached_from(self, places: Array) -> Array:
        """Return the places that can be reached from any of the given ones."""
        return self._seen(self._out, places)

    def reaching(self, places: Array) -> Array:
        """Return the places from which any of the given ones can be reached."""
        return self._seen(self._into, places)

    def zones_connected(self) -> tuple[Array, Array]:
        """Return whether each zone can reach another one, and whether another one can reach it."""
        start, end = self.zone_start, self.zone_end
        out, into = self.to_main[start], self.from_main[end]
        leaves, entered = _others(out, into), _others(into, out)
        for zone in np.flatnonzero(~leaves):
            leaves[zone] = np.delete(self.reached_from(start[zone : zone + 1])[end], zone).any()
        for zone in np.flatnonzero(~entered):
            entered[zone] = np.delete(self.reaching(end[zone : zone + 1])[start], zone).any()
        return leaves, entered

    def pairs(self, origin: Array, destination: Array) -> Array:
        """Return whether each destination can be reached from its origin; trips within a zone can."""
        good = self.to_main[self.zone_start[origin]] & self.from_main[self.zone_end[destination]]
        good |= origin == destination
        rest = np.flatnonzero(~good)
        rest = rest[np.argsort(origin[rest], kind="stable")]
        zones, first = np.unique(origin[rest], return_index=True)
        for zone, rows in zip(zones, np.split(rest, first[1:])):
            seen = self.reached_from(self.zone_start[zone : zone + 1])
            good[rows] = seen[self.zone_end[destination[rows]]]
        return np.asarray(good)


def _others(mine: Array, theirs: Array) -> Array:
    """Return whether each one's own flag is set along with some other one's flag of the other kind."""
    return np.asarray(mine & (theirs.sum() - theirs > 0))
