"""The path formulation: vehicles and their energy, pooled over the vehicles of a path (tariff-19, tariff-20).

Of one commodity (aggregator, origin, destination, final SOC) on one path, with t steps along link i and c of
a battery used on it, at the start or end of steps:

- ``flow`` vehicles that start link i in a step, having waited for it where they had to. The source lets them
  wait at the link's end, which is the same t steps later: a stock ``wait`` before the link is its queue.
- at nodes with a charging site, ``wait`` is also the source's station queue, and ``charge`` the vehicles at
  each level. Who enters, who drives by and who is plugged in or out follow from these, cost nothing and meet
  no limit, so they are no columns. A vehicle that pauses goes back to the queue and frees its charger.
- each of these has an energy beside it, in batteries. Columns hold what exceeds the least one: at plain nodes
  soc_min after the link ahead, at sites soc_min; so the lower limits of tariff-20 are bounds.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.travel import StepRoads
from tidewatt.tariffs.paths.quadratic import QuadraticProgram
from tidewatt.tariffs.paths.stops import PathStop, path_stops
from tidewatt.tariffs.problem import TariffProblem

__all__ = ["PathChoice", "PathModel", "path_model"]


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
        """Return the path choice for one network."""
        return cls(roads, [np.flatnonzero(roads.tail == node) for node in range(roads.nodes)])

    def steps_to(self, destination: int) -> Array:
        """Return the fewest steps from every node to `destination`, (nodes,); inf if there is no way."""
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
        """Return at most `count` simple paths as arrays of links, fewest steps first.

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


@dataclass(slots=True, eq=False)
class PathModel:
    """The program, and where its rows and columns are.

    Attributes
    ----------
    program : QuadraticProgram
    left : array of columns, shape (groups,)
        Vehicles that nothing serves.
    power : array of columns, shape (aggregators, sites, steps)
        -1 where an aggregator never charges.
    paths : list of (aggregator, stops)
    grid, road, charger : arrays of rows
        -1 where no limit can bind; shapes (rows, steps), (links, steps) and (sites, steps).
    relaxed : mapping of str to array of columns
        Of an elastic program, how far limits are exceeded; -1 where there is no row.
    """

    program: QuadraticProgram
    left: Array
    power: Array
    paths: list[tuple[int, list[PathStop]]]
    grid: Array
    road: Array
    charger: Array
    relaxed: dict[str, Array] = field(default_factory=dict)


def path_model(
    problem: TariffProblem, paths_per_od: int, elastic: bool = False, pool_initial_soc: bool = False
) -> PathModel:
    """Build all columns and rows, for at most `paths_per_od` paths per origin-destination pair."""
    program, travel, sites = QuadraticProgram(), problem.travel, problem.sites
    left = program.column(np.zeros(len(travel)), travel.vehicles)
    demand = program.equals(travel.vehicles)
    program.enter(program.equal, demand, left, 1.0)
    shape = (len(problem.aggregators), len(sites), problem.steps)
    none = np.zeros(0, np.int64)
    model = PathModel(program, left, np.full(shape, -1), [], none, none, none)

    choice = PathChoice.of(problem.roads)
    chosen: dict[tuple[int, int], list[Array]] = {}
    keys = np.stack([travel.aggregator, travel.origin, travel.destination], axis=1)
    final = np.maximum(travel.soc_final_min, problem.aggregators.soc_min[travel.aggregator])
    initial = np.zeros(len(travel)) if pool_initial_soc else travel.soc_initial
    commodities, member = np.unique(np.column_stack([keys, final, initial]), axis=0, return_inverse=True)
    for number, (aggregator, origin, destination, soc_final, _) in enumerate(commodities):
        pair = (int(origin), int(destination))
        groups = np.flatnonzero(member.ravel() == number)
        if pair[0] == pair[1]:
            _there(program, travel.vehicles[groups], demand[groups])
            continue
        if pair not in chosen:
            chosen[pair] = choice.paths(*pair, paths_per_od, problem.steps)
        for links in chosen[pair]:
            stops = path_stops(
                problem, program, int(aggregator), float(soc_final), links, groups, demand, elastic
            )
            if stops:
                model.paths.append((int(aggregator), stops))
    _power(problem, model, elastic)
    _capacities(problem, model, elastic)
    _grid(problem, model, elastic)
    return model


def _there(program: QuadraticProgram, vehicles: Array, demand: Array) -> None:
    """Add columns of vehicles that are at their destination from the start."""
    program.enter(program.equal, demand, program.column(np.zeros(len(vehicles)), vehicles), 1.0)


def _power(problem: TariffProblem, model: PathModel, elastic: bool) -> None:
    """Add columns and rows for what each aggregator draws at each site (tariff-6)."""
    program, sites, fleet = model.program, problem.sites, problem.aggregators
    for aggregator, stops in model.paths:
        for stop in stops:
            for plug in stop.charging:
                model.power[aggregator, plug.site, stop.first + np.arange(len(plug.surplus))] = 0
    balance = np.full(model.power.shape, -1)
    for aggregator, site in np.argwhere((model.power == 0).any(axis=2)):
        step = np.flatnonzero(model.power[aggregator, site] == 0)
        kw = sites.level_kw[sites.level_first[site] : sites.level_first[site + 1]]
        count = float(problem.travel.vehicles[problem.travel.aggregator == aggregator].sum())
        count = count if elastic else min(count, float(sites.chargers[site]))
        model.power[aggregator, site, step] = program.column(
            problem.price_per_kwh[aggregator, site, step] * problem.step_h,
            np.full(len(step), count * kw.max(initial=0.0)),
            least=count * kw.min(initial=0.0),
            square=2.0 * float(fleet.price_sensitivity_per_kwh_kw[aggregator]) * problem.step_h,
        )
        balance[aggregator, site, step] = program.equals(np.zeros(len(step)))
        program.enter(
            program.equal, balance[aggregator, site, step], model.power[aggregator, site, step], -1.0
        )
    for aggregator, stops in model.paths:
        for stop in stops:
            for plug in stop.charging:
                step = stop.first + np.arange(len(plug.surplus))
                for level, column in zip(plug.levels.tolist(), plug.vehicles):
                    row = balance[aggregator, plug.site, step]
                    program.enter(program.equal, row, column, float(sites.level_kw[level]))


def _capacities(problem: TariffProblem, model: PathModel, elastic: bool) -> None:
    """Add rows for roads, at the step in which a link is left (tariff-3), and for chargers (tariff-4)."""
    steps = problem.steps
    on_road: list[tuple[Array, Array]] = []
    plugged: list[tuple[Array, Array]] = []
    for _, stops in model.paths:
        for stop in stops:
            leaves = (
                stop.first + np.arange(len(stop.flow)) + int(problem.roads.free_flow_steps[stop.link]) - 1
            )
            on_road.append((stop.link * steps + leaves, stop.flow))
            for plug in stop.charging:
                step = stop.first + np.arange(len(plug.surplus))
                plugged += [(plug.site * steps + step, column) for column in plug.vehicles]
    everyone = float(problem.travel.vehicles.sum())
    for name, limit, entries in (
        ("roads", problem.roads.capacity_per_step, on_road),
        ("chargers", problem.sites.chargers.astype(float), plugged),
    ):
        rows = _capacity(model.program, np.repeat(limit, steps), entries)
        if elastic:
            model.relaxed[name] = _excess(model.program, rows, -1.0, everyone).reshape(-1, steps)
        if name == "roads":
            model.road = rows.reshape(-1, steps)
        else:
            model.charger = rows.reshape(-1, steps)


def _capacity(program: QuadraticProgram, limit: Array, entries: list[tuple[Array, Array]]) -> Array:
    """Add rows for limits that could be exceeded, and return them; -1 elsewhere."""
    where, column = (np.concatenate([np.zeros(0, np.int64), *(e[k] for e in entries)]) for k in (0, 1))
    most = np.concatenate([np.zeros(0), *program.most])
    # Columns are bounded by the limit itself already, which the solver is not told: hence also where equal.
    could = np.bincount(where, most[column], minlength=len(limit)) >= limit
    rows = np.full(len(limit), -1)
    rows[could] = program.within(np.full(int(could.sum()), -np.inf), limit[could])
    kept = could[where]
    program.enter(program.limit, rows[where[kept]], column[kept], 1.0)
    return rows


def _excess(program: QuadraticProgram, rows: Array, sign: float, most: float) -> Array:
    """Return the columns by which rows may be exceeded; -1 where there is no row."""
    columns = np.full(len(rows), -1)
    kept = rows >= 0
    columns[kept] = program.column(np.zeros(int(kept.sum())), np.full(int(kept.sum()), most))
    program.enter(program.limit, rows[kept], columns[kept], sign)
    return columns


def _grid(problem: TariffProblem, model: PathModel, elastic: bool) -> None:
    """Add rows of lines and voltages that vehicles could bring to their limits."""
    program, grid, sites = model.program, problem.rows, problem.sites
    shape = (0 if grid is None else len(grid), problem.steps)
    model.grid = np.full(shape, -1)
    if grid is None:
        return
    lowest = np.zeros(len(sites))
    highest = np.zeros(len(sites))
    for site in range(len(sites)):
        kw = sites.level_kw[sites.level_first[site] : sites.level_first[site + 1]]
        lowest[site], highest[site] = kw.min(initial=0.0), kw.max(initial=0.0)
    # With chargers relaxed, all vehicles might charge at once.
    count = np.maximum(sites.chargers, problem.travel.vehicles.sum() if elastic else 0.0)
    up, down = np.maximum(grid.sensitivity, 0.0), np.minimum(grid.sensitivity, 0.0)
    top = (up @ (count * highest) + down @ (count * lowest))[:, None]
    bottom = (up @ (count * lowest) + down @ (count * highest))[:, None]
    could = (top > grid.most) | (bottom < grid.least)
    model.grid[could] = program.within(grid.least[could], grid.most[could])
    for site in range(len(sites)):
        for aggregator in range(len(problem.aggregators)):
            column = model.power[aggregator, site]
            row, step = np.nonzero(could & (column >= 0)[None, :] & (grid.sensitivity[:, [site]] != 0.0))
            program.enter(program.limit, model.grid[row, step], column[step], grid.sensitivity[row, site])
    if elastic:
        most = 1.0 + float(np.abs(top).max(initial=0.0) + np.abs(bottom).max(initial=0.0))
        flat = model.grid.ravel()
        slack = [np.where(np.isfinite(limit), limit, 0.0) for limit in (grid.least, grid.most)]
        most += float(max(np.abs(part).max(initial=0.0) for part in slack))
        model.relaxed["rows_high"] = _excess(program, flat, -1.0, most).reshape(shape)
        model.relaxed["rows_low"] = _excess(program, flat, 1.0, most).reshape(shape)
