"""Which paths the path formulation offers: the k simple ones of fewest steps between two nodes."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.travel import StepRoads

__all__ = ["PathChoice"]


@dataclass(frozen=True, slots=True, eq=False)
class PathChoice:
    """Finds simple paths in order of their free-flow steps.

    Partial paths are extended in the order of the fewest steps that they can end with (steps so far plus
    the least to the destination), so that paths come out in order and nothing longer is looked at.

    Attributes
    ----------
    roads : StepRoads
    leaving : list of array
        Links that leave each node.
    """

    roads: StepRoads
    leaving: list[Array]

    @classmethod
    def of(cls, roads: StepRoads) -> PathChoice:
        """For one network."""
        return cls(roads, [np.flatnonzero(roads.tail == node) for node in range(roads.nodes)])

    def steps_to(self, destination: int) -> Array:
        """Fewest steps from every node to `destination`, shape (nodes,); inf where there is no way."""
        from scipy.sparse import coo_matrix
        from scipy.sparse.csgraph import dijkstra

        roads = self.roads
        # Of parallel links the quickest; a sparse matrix would add them up.
        order = np.argsort(-roads.free_flow_steps, kind="stable")
        quickest = {(int(roads.tail[a]), int(roads.head[a])): int(roads.free_flow_steps[a]) for a in order}
        ends = np.array(list(quickest), dtype=np.int64).reshape(-1, 2)
        steps = np.array(list(quickest.values()), dtype=float)
        backward = coo_matrix((steps, (ends[:, 1], ends[:, 0])), shape=(roads.nodes, roads.nodes))
        found: Array = dijkstra(backward.tocsr(), indices=np.array([destination]))[0]
        return found

    def paths(self, origin: int, destination: int, count: int, most_steps: int) -> list[Array]:
        """At most `count` simple paths as arrays of links, fewest steps first.

        None takes more than `most_steps`: nobody could arrive within the horizon.
        """
        roads, to_go = self.roads, self.steps_to(destination)
        found: list[Array] = []
        if not np.isfinite(to_go[origin]):
            return found
        # Among ties the longer partial path goes first, or all ties of a grid would be laid out before any
        # ends; the running number keeps the rest apart.
        heap: list[tuple[float, int, float, int, int, int, tuple[int, ...], frozenset[int]]] = []
        heapq.heappush(heap, (float(to_go[origin]), 0, 0.0, 0, 0, origin, (), frozenset((origin,))))
        pushed = 0
        while heap and len(found) < count:
            ends_with, _, energy, _, steps, node, links, visited = heapq.heappop(heap)
            if ends_with > most_steps:
                break
            if node == destination:
                found.append(np.array(links, dtype=np.int64))
                continue
            for link in self.leaving[node].tolist():
                head = int(roads.head[link])
                if head in visited or not np.isfinite(to_go[head]):
                    continue
                later = steps + int(roads.free_flow_steps[link])
                pushed += 1
                order = (later + float(to_go[head]), -len(links) - 1, energy + float(roads.energy_kwh[link]))
                heapq.heappush(heap, (*order, pushed, later, head, (*links, link), visited | {head}))
        return found
