"""The path formulation: vehicles and their energy, pooled over the vehicles of a path (tariff-19, tariff-20).

Of one commodity (aggregator, origin, destination, final SOC) on one path, with t steps along link i and c of
a battery used on it, at the start or end of steps:

- ``flow`` vehicles that start link i in a step, having waited for it where they had to. The source lets them
  wait at the link's end, which is the same t steps later: a stock ``wait`` before the link is its queue.
- at nodes with a charging site, ``wait`` is also the source's station queue, and ``charge`` the vehicles at each
  level. Who enters, who drives by and who is plugged in or out follow from these, cost nothing and meet
  no limit, so they are no columns. A vehicle that pauses goes back to the queue and frees its charger.
- each of these has an energy beside it, in batteries. Columns hold what exceeds the least one: at plain nodes
  soc_min after the link ahead, at sites soc_min; so the lower limits of tariff-20 are bounds.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.tariffs.path_choice import PathChoice
from tidewatt.tariffs.path_program import Program
from tidewatt.tariffs.problem import Problem

__all__ = ["PathModel", "PathStop", "path_model"]


@dataclass(frozen=True, slots=True, eq=False)
class PathStop:
    """Columns at one node of a path, and of the link that leaves it.

    Attributes
    ----------
    link, node : int
    site : int
        -1: none.
    first : int
        Earliest step in which the link can be started; `flow` holds the steps from it on.
    flow, flow_surplus, wait, wait_surplus, charge_surplus : array of columns
        Stocks end one step before `flow`.
    flow_least, wait_least : float
        SOC that surpluses count from; at chargers it is soc_min.
    levels : array, shape (levels,)
        Levels of the site that vehicles can use for a whole step.
    charge : array of columns, shape (levels, steps)
    arriving : array of columns
        Who comes to the node, by the link before or by departing.
    arriving_step : array
    """

    link: int
    node: int
    site: int
    first: int
    flow: Array
    flow_surplus: Array
    wait: Array
    wait_surplus: Array
    charge_surplus: Array
    flow_least: float
    wait_least: float
    levels: Array
    charge: Array
    arriving: Array
    arriving_step: Array


@dataclass(slots=True, eq=False)
class PathModel:
    """The program and where its rows and columns are.

    Attributes
    ----------
    program : Program
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

    program: Program
    left: Array
    power: Array
    paths: list[tuple[int, list[PathStop]]]
    grid: Array
    road: Array
    charger: Array
    relaxed: dict[str, Array] = field(default_factory=dict)


def path_model(
    problem: Problem, paths_per_od: int, elastic: bool = False, pool_initial_soc: bool = True
) -> PathModel:
    """All columns and rows, for at most `paths_per_od` paths of each pair of origin and destination."""
    program, travel, sites = Program(), problem.travel, problem.sites
    left = program.column(np.zeros(len(travel)), travel.vehicles)
    demand = program.equals(travel.vehicles)
    program.enter(program.equal, demand, left, 1.0)
    shape = (len(problem.aggregators), len(sites), problem.steps)
    model = PathModel(program, left, np.full(shape, -1), [], *(np.zeros(0, np.int64) for _ in range(3)))

    choice = PathChoice.of(problem.roads)
    chosen: dict[tuple[int, int], list[Array]] = {}
    keys = np.stack([travel.aggregator, travel.origin, travel.destination], axis=1)
    final = np.maximum(travel.soc_final_min, problem.aggregators.soc_min[travel.aggregator])
    initial = np.zeros(len(travel)) if pool_initial_soc else travel.soc_initial
    commodities, member = np.unique(np.column_stack([keys, final, initial]), axis=0, return_inverse=True)
    on_road: list[tuple[Array, Array]] = []
    for number, (aggregator, origin, destination, soc_final, _) in enumerate(commodities):
        pair = (int(origin), int(destination))
        if pair not in chosen:
            chosen[pair] = choice.paths(*pair, paths_per_od, problem.steps)
        groups = np.flatnonzero(member.ravel() == number)
        for links in chosen[pair]:
            stops = _path(problem, model, int(aggregator), float(soc_final), links, groups, demand, elastic)
            model.paths.append((int(aggregator), stops)) if stops else None
            for stop in stops:
                leaving = np.arange(len(stop.flow)) + stop.first
                leaving += int(problem.roads.free_flow_steps[stop.link]) - 1
                on_road.append((stop.link * problem.steps + leaving, stop.flow))
    _shared(problem, model, on_road, elastic)
    return model


def _path(
    problem: Problem, model: PathModel, aggregator: int, soc_final: float, links: Array, groups: Array,
    demand: Array, elastic: bool,
) -> list[PathStop]:  # fmt: skip
    """One commodity on one path; no stops where nobody can use it."""
    program, roads, travel = model.program, problem.roads, problem.travel
    fleet, step_h, steps = problem.aggregators, problem.step_h, problem.steps
    battery, soc_min, soc_max = (
        float(part[aggregator]) for part in (fleet.battery_kwh, fleet.soc_min, fleet.soc_max)
    )
    time_cost = float(fleet.time_value_per_h[aggregator]) * step_h
    takes = roads.free_flow_steps[links]
    uses = roads.energy_kwh[links] / battery
    site_at = {int(node): site for site, node in enumerate(problem.sites.node)}
    nodes = roads.tail[links].tolist()
    at = [site_at.get(node, -1) for node in nodes]
    after = np.append(np.full(len(links) - 1, soc_min), soc_final)
    least = after + uses
    last = steps - np.cumsum(takes[::-1])[::-1]
    groups = groups[travel.depart_step[groups] <= last[0]]
    # Where no site is on the way, nobody can add what the best-charged group lacks.
    stranded = max(at) < 0 and float(travel.soc_initial[groups].max(initial=0.0)) < soc_final + uses.sum()
    if not len(groups) or (least > soc_max + 1e-12).any() or stranded:
        return []
    depart = travel.depart_step[groups]
    first = int(depart.min()) + np.append(0, np.cumsum(takes)[:-1])
    # Nobody is on the path before having departed: with that, every column is bounded.
    most_at_origin = np.cumsum(np.bincount(depart, travel.vehicles[groups], minlength=steps))

    coming = program.column(np.zeros(len(groups)), travel.vehicles[groups])
    program.enter(program.equal, demand[groups], coming, 1.0)
    coming_step, coming_energy = depart, travel.soc_initial[groups]
    coming_surplus = np.zeros(0, np.int64)
    stops: list[PathStop] = []
    for i, link in enumerate(links.tolist()):
        span = int(last[i] - first[i]) + 1
        t = first[i] + np.arange(span)
        most = most_at_origin[np.clip(t - int(takes[:i].sum()), 0, steps - 1)]
        site, charging = at[i], at[i] >= 0
        wait_least = soc_min if charging else float(least[i])
        room_flow, room_wait = soc_max - float(least[i]), soc_max - wait_least
        exit_step = t + int(takes[i]) - 1
        flow = program.column(time_cost * takes[i] + problem.toll[link, exit_step], most)
        flow_surplus = program.column(np.zeros(span), room_flow * most)
        wait = program.column(np.full(span - 1, time_cost), most[:-1])
        wait_surplus = program.column(np.zeros(span - 1), room_wait * most[:-1])

        bal, energy = program.equals(np.zeros(span)), program.equals(np.zeros(span))
        enter = program.enter
        for stock, surplus, floor, now in (
            (flow, flow_surplus, float(least[i]), slice(0, span)),
            (wait, wait_surplus, wait_least, slice(0, span - 1)),
        ):
            enter(program.equal, bal[now], stock, -1.0)
            enter(program.equal, energy[now], stock, -floor)
            enter(program.equal, energy[now], surplus, -1.0)
        enter(program.equal, bal[1:], wait, 1.0)
        enter(program.equal, energy[1:], wait, wait_least)
        enter(program.equal, energy[1:], wait_surplus, 1.0)
        enter(program.equal, bal[coming_step - first[i]], coming, 1.0)
        enter(program.equal, energy[coming_step - first[i]], coming, coming_energy)
        if len(coming_surplus):
            enter(program.equal, energy, coming_surplus, 1.0)
        for stock, surplus, room in ((flow, flow_surplus, room_flow), (wait, wait_surplus, room_wait)):
            full = program.within(np.full(len(stock), -np.inf), np.zeros(len(stock)))
            enter(program.limit, full, surplus, 1.0)
            enter(program.limit, full, stock, -room)

        levels, charge, charge_surplus = np.zeros(0, np.int64), np.zeros((0, span - 1), np.int64), flow[:0]
        if charging:
            levels, charge, charge_surplus = _charging(
                problem, model, aggregator, site, t[:-1], most[:-1], bal, energy, elastic
            )
        stops.append(
            PathStop(
                link, nodes[i], site, int(first[i]), flow, flow_surplus, wait, wait_surplus, charge_surplus,
                float(least[i]), wait_least, levels, charge, coming, coming_step,
            )
        )  # fmt: skip
        coming, coming_step, coming_surplus = flow, t + int(takes[i]), flow_surplus
        coming_energy = np.full(span, float(least[i]) - float(uses[i]))
    # Those that reach the destination bring at least the final SOC: `least` of the last link holds it.
    return stops


def _charging(
    problem: Problem, model: PathModel, aggregator: int, site: int, t: Array, most: Array, bal: Array,
    energy: Array, elastic: bool,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Vehicles at chargers of one site on one path: usable levels, columns (levels, steps), surplus."""
    program, sites, fleet = model.program, problem.sites, problem.aggregators
    room = float(fleet.soc_max[aggregator] - fleet.soc_min[aggregator])
    soc_min = float(fleet.soc_min[aggregator])
    gains = level_gains(problem, aggregator)
    mine = np.arange(sites.level_first[site], sites.level_first[site + 1])
    levels = mine[(np.abs(gains[mine]) <= room + 1e-12) & (gains[mine] != 0.0)]
    if not len(levels) or not len(t) or not sites.chargers[site]:
        return levels[:0], np.zeros((0, len(t)), np.int64), np.zeros(0, np.int64)
    time_cost = float(fleet.time_value_per_h[aggregator]) * problem.step_h
    cost = time_cost + problem.charger_price[site, t]
    charge = np.stack([program.column(cost, most) for _ in levels])
    surplus = program.column(np.zeros(len(t)), room * most)
    enter, unset = program.enter, model.power[aggregator, site, t] < 0
    if unset.any():
        low, high = sites.level_kw[mine].min(initial=0.0), sites.level_kw[mine].max(initial=0.0)
        count = float(problem.travel.vehicles[problem.travel.aggregator == aggregator].sum())
        count = count if elastic else min(count, float(sites.chargers[site]))
        new = t[unset]
        model.power[aggregator, site, new] = program.column(
            problem.price_per_kwh[aggregator, site, new] * problem.step_h,
            np.full(len(new), high * count),
            least=low * count,
            square=2.0 * float(fleet.price_sensitivity_per_kwh_kw[aggregator]) * problem.step_h,
        )
    enter(program.equal, energy[:-1], surplus, -1.0)
    enter(program.equal, energy[1:], surplus, 1.0)
    full = program.within(np.full(len(t), -np.inf), np.zeros(len(t)))
    enter(program.limit, full, surplus, 1.0)
    two_ways = bool((gains[levels] < 0.0).any())
    if two_ways:
        before, empty = (program.within(np.full(len(t), -np.inf), np.zeros(len(t))) for _ in range(2))
        enter(program.limit, before, surplus, 1.0)
        enter(program.limit, empty, surplus, -1.0)
    for level, column in zip(levels.tolist(), charge):
        enter(program.equal, bal[:-1], column, -1.0)
        enter(program.equal, bal[1:], column, 1.0)
        enter(program.equal, energy[:-1], column, -soc_min)
        enter(program.equal, energy[1:], column, soc_min + gains[level])
        enter(program.limit, full, column, gains[level] - room)
        if two_ways:
            enter(program.limit, before, column, -room)
            enter(program.limit, empty, column, -gains[level])
    return levels, charge, surplus


def level_gains(problem: Problem, aggregator: int) -> Array:
    """By how much of a battery each level charges one vehicle in a step; losses either way."""
    fleet, power = problem.aggregators, problem.sites.level_kw
    through = np.where(
        power > 0.0, fleet.charge_efficiency[aggregator], 1.0 / fleet.discharge_efficiency[aggregator]
    )
    gains: Array = through * power * problem.step_h / fleet.battery_kwh[aggregator]
    return gains


def _shared(problem: Problem, model: PathModel, on_road: list[tuple[Array, Array]], elastic: bool) -> None:
    """Rows that commodities share: power of sites, roads, chargers and the grid."""
    program, sites, steps = model.program, problem.sites, problem.steps
    enter = program.enter
    used = model.power >= 0
    balance = np.full(model.power.shape, -1)
    balance[used] = program.equals(np.zeros(int(used.sum())))
    enter(program.equal, balance[used], model.power[used], -1.0)
    at_charger: list[tuple[Array, Array]] = []
    for aggregator, stops in model.paths:
        for stop in stops:
            if not len(stop.levels):
                continue
            t = stop.first + np.arange(stop.charge.shape[1])
            for level, column in zip(stop.levels.tolist(), stop.charge):
                enter(program.equal, balance[aggregator, stop.site, t], column, float(sites.level_kw[level]))
                at_charger.append((stop.site * steps + t, column))

    road_limit = np.repeat(problem.roads.capacity_per_step, steps)
    charger_limit = np.repeat(sites.chargers.astype(float), steps)
    for name, limit, entries in (("roads", road_limit, on_road), ("chargers", charger_limit, at_charger)):
        rows = _capacity(program, limit, entries)
        shape = (-1, steps)
        if elastic:
            model.relaxed[name] = _excess(program, rows, -1.0, float(problem.travel.vehicles.sum())).reshape(
                shape
            )
        if name == "roads":
            model.road = rows.reshape(shape)
        else:
            model.charger = rows.reshape(shape)
    _grid(problem, model, elastic)


def _capacity(program: Program, limit: Array, entries: list[tuple[Array, Array]]) -> Array:
    """Rows of those limits that something could exceed; -1 elsewhere."""
    where, column = (np.concatenate([np.zeros(0, np.int64), *(e[k] for e in entries)]) for k in (0, 1))
    most = np.concatenate([np.zeros(0), *program.most])
    could = np.bincount(where, most[column], minlength=len(limit)) > limit
    rows = np.full(len(limit), -1)
    rows[could] = program.within(np.full(int(could.sum()), -np.inf), limit[could])
    kept = could[where]
    program.enter(program.limit, rows[where[kept]], column[kept], 1.0)
    return rows


def _excess(program: Program, rows: Array, sign: float, most: float) -> Array:
    """Columns by which rows may be exceeded; -1 where there is no row."""
    columns = np.full(len(rows), -1)
    kept = rows >= 0
    columns[kept] = program.column(np.zeros(int(kept.sum())), np.full(int(kept.sum()), most))
    program.enter(program.limit, rows[kept], columns[kept], sign)
    return columns


def _grid(problem: Problem, model: PathModel, elastic: bool) -> None:
    """Rows of lines and voltages that vehicles could bring to their limits."""
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
