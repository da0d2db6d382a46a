"""The arcs formulation: every unit of flow is a possible vehicle, solved by exact arc generation."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.kernels.arcs.segments import leaving
from tidewatt.tariffs.arcs.choices import Arcs
from tidewatt.tariffs.arcs.generation import Generated, Generation
from tidewatt.tariffs.arcs.limits import Duals, Penalties
from tidewatt.tariffs.arcs.pricing import Pricing, TimeOver
from tidewatt.tariffs.arcs.states import ChargeStates, VehicleKind, levels_of
from tidewatt.tariffs.problem import Progressed, RoadTraffic, Solution, TariffProblem

__all__ = ["solve_arcs", "traffic_of"]

_NOBODY = 1e-8  # vehicles; less is what the solver leaves


def traffic_of(problem: TariffProblem, levels: ChargeStates, arcs: Arcs, flow: Array) -> RoadTraffic:
    """Return vehicles at sites and on links.

    Those in the same state are one as good as another, so whoever waits there goes on by every way in
    proportion to its flow: waiting counts for the site at which they charge next, or for the link that they
    take next, whichever is first.
    """
    steps, roads, sites = problem.steps, problem.roads, problem.sites
    shape, links_shape = (len(sites), steps), (roads.links, steps)
    drives, charges, waits = arcs.link >= 0, arcs.option >= 0, (arcs.link < 0) & (arcs.option < 0)
    flow = np.where(flow > _NOBODY, flow, 0.0)
    soc = _soc(levels, arcs)
    site = np.where(charges, levels.site[arcs.option], -1) if len(levels.site) else np.full(len(arcs), -1)
    way = np.where(drives, len(sites) + arcs.link, site)

    state_node = arcs.node[arcs.first[:-1]]
    by_node = np.argsort(state_node, kind="stable")
    node_first = np.searchsorted(state_node[by_node], np.arange(roads.nodes + 1))
    share = np.zeros(len(state_node))
    after = np.maximum(arcs.head, 0)
    ends, waiting = np.flatnonzero(drives & (arcs.head >= 0)), np.flatnonzero(waits)
    ends_by = _members(roads.head[arcs.link[ends]], roads.nodes)
    waiting_by = _members(arcs.node[waiting], roads.nodes)
    supply_by = _members(state_node[arcs.supply_state], roads.nodes)

    entering, bypassing, queue, weight = (np.zeros(shape) for _ in range(4))
    for y in range(len(sites)):
        n = int(sites.node[y])
        states = by_node[node_first[n] : node_first[n + 1]]
        leaving(states, arcs.first, arcs.head, way, flow, y, share)
        a = ends[ends_by[n]]
        within = arcs.end_step[a] < steps
        a = a[within]
        entering[y] += np.bincount(arcs.end_step[a], flow[a] * share[after[a]], steps)
        s = arcs.supply_state[supply_by[n]]
        when = arcs.start_step[arcs.first[s]]
        entering[y] += np.bincount(when, arcs.supply[supply_by[n]] * share[s], steps)
        bypassing[y] += np.bincount(arcs.end_step[a], flow[a], steps)
        a = waiting[waiting_by[n]]
        kept = a[arcs.head[a] >= 0]
        held = flow[kept] * share[after[kept]]
        queue[y] += np.bincount(arcs.start_step[kept], held, steps)
        weight[y] += np.bincount(arcs.start_step[kept], held * soc[kept], steps)
    # Whoever charges at another site of the same node does not pass by either.
    for n in np.unique(sites.node).tolist():
        here = np.flatnonzero(sites.node == n)
        arrived = bypassing[here[0]]
        s = arcs.supply_state[supply_by[n]]
        started = np.zeros((len(here), steps))
        for i, at_site in enumerate(here.tolist()):
            states = by_node[node_first[n] : node_first[n + 1]]
            leaving(states, arcs.first, arcs.head, way, flow, at_site, share)
            when = arcs.start_step[arcs.first[s]]
            started[i] = np.bincount(when, arcs.supply[supply_by[n]] * share[s], steps)
        bypassing[here] = np.maximum(arrived - (entering[here] - started).sum(axis=0), 0.0)

    at = np.where(charges, site, 0) * steps + arcs.start_step
    up = charges & (levels.power_kw[arcs.aggregator, arcs.option] > 0) if len(levels.site) else charges
    charging = np.bincount(at[up], flow[up], shape[0] * steps).reshape(shape)
    down = charges & ~up
    discharging = np.bincount(at[down], flow[down], shape[0] * steps).reshape(shape)
    weight += np.bincount(at[charges], (flow * soc)[charges], shape[0] * steps).reshape(shape)
    vehicles = queue + charging + discharging
    soc_mean = np.where(vehicles > 1e-6, weight / np.maximum(vehicles, 1e-6), np.nan)

    link_flow = np.bincount(
        arcs.link[drives] * steps + np.minimum(arcs.end_step[drives], steps) - 1,
        flow[drives],
        roads.links * steps,
    ).reshape(links_shape)
    link_queue = np.zeros(links_shape)
    for link, tail in enumerate(roads.tail):
        n = int(tail)
        a = waiting[waiting_by[n]]
        if not len(a):
            continue
        states = by_node[node_first[n] : node_first[n + 1]]
        leaving(states, arcs.first, arcs.head, way, flow, len(sites) + link, share)
        a = a[arcs.head[a] >= 0]
        when = arcs.start_step[a] + int(roads.free_flow_steps[link])
        inside = when < steps
        link_queue[link] = np.bincount(when[inside], (flow[a] * share[after[a]])[inside], steps)
    return RoadTraffic(
        entering,
        bypassing,
        queue,
        charging,
        discharging,
        soc_mean,
        link_flow,
        link_queue,
        _labelled(problem, levels, arcs, flow, soc),
    )


def _soc(levels: ChargeStates, arcs: Arcs) -> Array:
    """Return the state of charge at the start of every arc."""
    soc = np.empty(len(arcs))
    for i, k in enumerate(levels.kinds):
        mine = arcs.kind == i
        soc[mine] = k.soc_base[arcs.node[mine]] + arcs.level[mine] * levels.soc_step[k.aggregator]
    return soc


def _labelled(
    problem: TariffProblem, levels: ChargeStates, arcs: Arcs, flow: Array, soc: Array
) -> dict[str, Array]:
    """Return arcs in use, labelled as in `RoadTraffic`."""
    used = np.flatnonzero(flow > 0.0)
    kind, drives, charges = arcs.kind[used], arcs.link[used] >= 0, arcs.option[used] >= 0
    option = arcs.option[used]
    level = np.zeros(len(used), np.int64)
    level[charges] = levels.level[option[charges]]
    power = np.zeros(len(used))
    if charges.any():
        power[charges] = levels.power_kw[arcs.aggregator[used][charges], option[charges]]
    return {
        "aggregator": arcs.aggregator[used].astype(np.int32),
        "destination": np.array([k.destination for k in levels.kinds], np.int32)[kind],
        "soc_final_min": np.array([k.soc_final_min for k in levels.kinds])[kind],
        "action": np.where(drives, 0, np.where(charges, 2, 1)).astype(np.int8),
        "index": np.where(drives, arcs.link[used], np.where(charges, level, arcs.node[used])).astype(
            np.int32
        ),
        "start_step": arcs.start_step[used],
        "end_step": arcs.end_step[used],
        "node": arcs.node[used].astype(np.int32),
        "level": arcs.level[used],
        "level_end": arcs.level_end[used],
        "soc": soc[used],
        "power_kw": power,
        "vehicles": flow[used],
    }


def _members(owner: Array, owners: int) -> list[Array]:
    """Return positions of the members of every owner."""
    order = np.argsort(owner, kind="stable")
    return np.split(order, np.searchsorted(owner[order], np.arange(1, owners)))


COST_IN_ELASTIC = 1e-3  # what the dearest kWh or hour weighs against a kWh beyond a limit: cost comes second
_WORTH_PRICES = 20.0  # energy prices that a limit may cost at first; raised where that is too little
_OF_BATTERY = 0.05  # share of a battery that a vehicle beyond a road's capacity counts as


def solve_arcs(
    problem: TariffProblem,
    *,
    soc_step: float | str,
    rounding: str,
    relative_gap: float,
    time_limit_s: float,
    traffic: bool,
    elastic: bool,
    warm: Solution | None,
    on_progress: Callable[[Progressed], None] | None,
    on_kind: Callable[[int, int, int], None] | None = None,
) -> Solution:
    """Find the least cost over all arcs, proved by the cheapest plans at the prices of limits (tariff-9)."""
    began = time.perf_counter()
    if not len(problem.travel):
        return _nobody(problem, elastic)
    levels, until = levels_of(problem, soc_step, rounding), began + time_limit_s
    told = None if on_kind is None else partial(on_kind, 0)
    try:
        levels, unserved = _served(problem, levels, until=until, on_kind=told)
    except TimeOver:
        return _nothing(problem, levels, np.zeros(len(problem.travel)), time.perf_counter() - began, "time")
    penalties = penalties_of(problem, elastic)
    seeds, first = (None, None) if warm is None else _seeds(problem, levels, warm)
    build_s = time.perf_counter() - began
    if unserved.any() and rounding == "inner":
        levels = replace(
            levels, notes=(*levels.notes, *_lost_to_rounding(problem, levels, unserved, soc_step))
        )
    if unserved.any() and not elastic:
        return _nothing(problem, levels, unserved, build_s)
    began = time.perf_counter()
    weight = _elastic_weight(problem) if elastic else 1.0
    try:
        done = Generation(
            problem,
            levels,
            penalties,
            weight=weight,
            elastic=elastic,
            first=first,
            seeds=seeds,
            on_progress=on_progress,
            until=until,
            on_kind=on_kind,
        ).run(relative_gap)
    except TimeOver:
        return _nothing(problem, levels, unserved, build_s, "time")
    solve_s = time.perf_counter() - began
    return _solution(problem, levels, done, unserved, elastic, traffic, build_s, solve_s)


def penalties_of(problem: TariffProblem, elastic: bool) -> Penalties:
    """Return the cost of exceeding limits, per kWh that the same limit could have delivered.

    A row counts by the power that exceeds it, a charger by what its strongest level delivers in a step, a
    vehicle on a road by a twentieth of a battery.
    """
    dt, sites = problem.step_h, problem.sites
    per_kwh = 1.0
    if not elastic:
        per_kwh = _WORTH_PRICES * max(float(np.abs(problem.price_per_kwh).max(initial=0.0)), 0.01)
    rows = np.zeros(0)
    if problem.rows is not None:
        rows = per_kwh * dt / np.abs(problem.rows.sensitivity).max(axis=1)
    strongest = [
        float(np.abs(sites.level_kw[a:b]).max(initial=1.0))
        for a, b in zip(sites.level_first[:-1], sites.level_first[1:], strict=True)
    ]
    battery = float(problem.aggregators.battery_kwh.mean())
    roads = np.full(problem.roads.links, _OF_BATTERY * battery * per_kwh)
    every = (rows, roads, np.array(strongest) * dt * per_kwh)
    return Penalties(*(np.repeat(x[:, None], problem.steps, axis=1) for x in every))


def _elastic_weight(problem: TariffProblem) -> float:
    """Return the weight of cost where limits may be exceeded, whatever the unit of money."""
    per_kwh = float(np.abs(problem.price_per_kwh).max(initial=0.0))
    per_h = float(problem.aggregators.time_value_per_h.max(initial=0.0))
    return COST_IN_ELASTIC / max(1.0, per_kwh, per_h)


def _served(problem: TariffProblem, levels: ChargeStates, **watched: Any) -> tuple[ChargeStates, Array]:
    """Return levels without the vehicles that no plan can serve, and each group's number of these."""
    reachable = Pricing(problem, levels, 1.0, **watched).reachable()
    unserved = np.where(levels.group_kind < 0, problem.travel.vehicles, 0.0)
    kinds: list[VehicleKind] = []
    for i, (k, good) in enumerate(zip(levels.kinds, reachable, strict=True)):
        # Whoever is there already needs no plan.
        away = good & (k.starts // k.levels % problem.roads.nodes != k.destination)
        kinds.append(replace(k, starts=k.starts[away], vehicles=k.vehicles[away]))
        mine = np.flatnonzero(levels.group_kind == i)
        lost = mine[np.isin(levels.group_state[mine], k.starts[~good])]
        unserved[lost] = problem.travel.vehicles[lost]
    return replace(levels, kinds=kinds), unserved


def _lost_to_rounding(
    problem: TariffProblem, levels: ChargeStates, unserved: Array, soc_step: float | str
) -> tuple[str, ...]:
    """Return a note if vehicles may lack a plan only because their charge was rounded."""
    _, surely = _served(problem, levels_of(problem, soc_step, "outer"))
    lost = float(np.maximum(unserved - surely, 0.0).sum())
    if lost <= 0.0:
        return ()
    return (
        f"{lost:.6g} vehicles have no plan when their charge is rounded down to steps of "
        f"{levels.soc_step.max():.4g}; a finer soc_step may find one",
    )


def _seeds(
    problem: TariffProblem, levels: ChargeStates, warm: Solution
) -> tuple[list[Array] | None, Duals | None]:
    """Return arcs and prices to start from, taken from an earlier solution of nearly the same problem."""
    rows = 0 if problem.rows is None else len(problem.rows)
    shape, mine = (rows, problem.steps), problem.price_per_kwh.shape
    fits = warm.power_kw.shape == mine and warm.toll.shape == problem.toll.shape
    if not fits:
        return None, None
    same = warm.dual_high.shape == shape and rows > 0
    zero = np.zeros(shape)
    # Where no grid limits are, the earlier prices are part of the problem's own already.
    first = Duals(
        warm.dual_high if same else zero,
        warm.dual_low if same else zero,
        warm.toll if same else np.zeros_like(warm.toll),
        warm.charger_price if same else np.zeros_like(warm.charger_price),
        warm.power_kw,
    )
    known = {(k.aggregator, k.destination, k.soc_final_min): i for i, k in enumerate(levels.kinds)}
    seeds = [np.zeros(0, np.int64) for _ in levels.kinds]
    if warm.traffic is None or not warm.traffic.arcs:
        return None, first
    links, steps, nodes = problem.roads.links, problem.steps, problem.roads.nodes
    arcs = warm.traffic.arcs
    # What an arc of another structure may not even be numbered by; the rest is looked at once it is.
    most = np.array([links, nodes, len(problem.sites.level_kw)])[np.minimum(arcs["action"], 2)]
    named = (arcs["index"] < most) & (arcs["node"] < nodes) & (arcs["start_step"] < steps)
    arcs = {name: values[named] for name, values in arcs.items()}
    actions = 1 + links + len(levels.site)
    action = np.where(
        arcs["action"] == 0, 1 + arcs["index"], np.where(arcs["action"] == 2, 1 + links + arcs["index"], 0)
    ).astype(np.int64)
    for key, i in known.items():
        k = levels.kinds[i]
        there = (
            (arcs["aggregator"] == key[0])
            & (arcs["destination"] == key[1])
            & (arcs["soc_final_min"] == key[2])
        )
        # By charge rather than by number: levels may have been counted from elsewhere.
        level = np.rint((arcs["soc"] - k.soc_base[arcs["node"]]) / levels.soc_step[k.aggregator]).astype(
            np.int64
        )
        node = arcs["node"].astype(np.int64)
        there &= (level >= k.expanded.low[node]) & (level <= k.expanded.high[node])
        state = (arcs["start_step"] * problem.roads.nodes + node) * k.levels + level
        seeds[i] = np.unique((state * actions + action)[there])
    return seeds, first


def _solution(
    problem: TariffProblem,
    levels: ChargeStates,
    done: Generated,
    unserved: Array,
    elastic: bool,
    traffic: bool,
    build_s: float,
    solve_s: float,
) -> Solution:
    """Return the solution in the problem's own units."""
    solved, duals = done.solved, done.solved.duals
    dt = problem.step_h
    power = power_of(problem, levels, done)
    beta = problem.aggregators.price_sensitivity_per_kwh_kw[:, None, None]
    energy = dt * float(np.sum(problem.price_per_kwh * power + beta * power**2))
    bound = done.bound
    if elastic:
        # No plan that exceeds limits as little costs less.
        own = float(np.dot(done.arcs.cost, solved.flow)) + energy
        bound = own - (solved.cost - done.bound) / done.weight
    # The program's own figure counts what little exceeds limits, or stays near a centre before the end.
    asked = done.status == "solved" and not elastic
    cost = solved.cost if asked else float(np.dot(done.arcs.cost, solved.flow)) + energy
    relaxed = {}
    if elastic:
        relaxed = {
            "rows_low": solved.excess_low,
            "rows_high": solved.excess_high,
            "roads": solved.excess_roads,
            "chargers": solved.excess_chargers,
        }
    return Solution(
        status=done.status,
        cost=cost,
        bound=bound,
        relative_gap=done.relative_gap,
        power_kw=power,
        dual_high=duals.high,
        dual_low=duals.low,
        toll=duals.roads,
        charger_price=duals.chargers,
        unserved=unserved,
        traffic=traffic_of(problem, levels, done.arcs, solved.flow) if traffic else None,
        columns=solved.columns,
        rows=solved.rows,
        arcs=len(done.arcs),
        iterations=done.iterations,
        soc_step=float(levels.soc_step.max()),
        build_s=build_s,
        solve_s=solve_s,
        relaxed=relaxed,
        notes=levels.notes,
    )


def power_of(problem: TariffProblem, levels: ChargeStates, done: Generated) -> Array:
    """Return the power of every aggregator, site and step, from the vehicles (tariff-6)."""
    arcs, flow = done.arcs, done.solved.flow
    shape = problem.price_per_kwh.shape
    at = np.flatnonzero(arcs.option >= 0)
    m, option = arcs.aggregator[at], arcs.option[at]
    where = (m * shape[1] + levels.site[option]) * shape[2] + arcs.start_step[at] if len(at) else at
    kw = levels.power_kw[m, option] * flow[at] if len(at) else np.zeros(0)
    return np.bincount(where, kw, int(np.prod(shape))).reshape(shape)


def _nobody(problem: TariffProblem, elastic: bool) -> Solution:
    """Return the solution in which nobody travels: limits must then hold without any vehicle."""
    zero, rows = np.zeros_like(problem.toll), problem.rows
    none = np.zeros((0 if rows is None else len(rows), problem.steps))
    low, high = none, none
    if rows is not None:
        low, high = np.maximum(rows.least, 0.0), np.maximum(-rows.most, 0.0)
    kept = not low.any() and not high.any()
    at_sites = np.zeros_like(problem.charger_price)
    relaxed = {"rows_low": low, "rows_high": high, "roads": zero, "chargers": at_sites} if elastic else {}
    cost = 0.0 if kept or elastic else np.inf
    traffic = RoadTraffic(*(at_sites,) * 5, np.full_like(at_sites, np.nan), zero, zero)
    return Solution(
        "solved" if kept or elastic else "infeasible",
        cost,
        cost,
        0.0 if kept or elastic else np.inf,
        np.zeros_like(problem.price_per_kwh),
        none,
        none,
        zero,
        at_sites,
        np.zeros(0),
        traffic,
        0,
        0,
        0,
        0,
        np.nan,
        0.0,
        0.0,
        relaxed,
    )


def _nothing(
    problem: TariffProblem, levels: ChargeStates, unserved: Array, build_s: float, status: str = "infeasible"
) -> Solution:
    """Return no solution: vehicles have no plan whatever the limits, or time ran out before the first one."""
    rows = 0 if problem.rows is None else len(problem.rows)
    zero = np.zeros((rows, problem.steps))
    bound = np.inf if status == "infeasible" else -np.inf
    return Solution(
        status,
        np.inf,
        bound,
        np.inf,
        np.zeros_like(problem.price_per_kwh),
        zero,
        zero.copy(),
        np.zeros_like(problem.toll),
        np.zeros_like(problem.charger_price),
        unserved,
        None,
        0,
        0,
        0,
        0,
        float(levels.soc_step.max()),
        build_s,
        0.0,
        {},
        levels.notes,
    )
