"""Where vehicles are, added up from the flow on arcs (tariff-5)."""

from __future__ import annotations

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.kernels.arcs.segments import leaving
from tidewatt.tariffs.arcs.levels import Levels
from tidewatt.tariffs.arcs.network import Arcs
from tidewatt.tariffs.problem import Problem, Traffic

__all__ = ["traffic_of"]

_NOBODY = 1e-8  # vehicles; less is what the solver leaves


def traffic_of(problem: Problem, levels: Levels, arcs: Arcs, flow: Array) -> Traffic:
    """Vehicles at sites and on links.

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
    return Traffic(
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


def _soc(levels: Levels, arcs: Arcs) -> Array:
    """State of charge at the start of every arc."""
    soc = np.empty(len(arcs))
    for i, k in enumerate(levels.kinds):
        mine = arcs.kind == i
        soc[mine] = k.soc_base[arcs.node[mine]] + arcs.level[mine] * levels.soc_step[k.aggregator]
    return soc


def _labelled(problem: Problem, levels: Levels, arcs: Arcs, flow: Array, soc: Array) -> dict[str, Array]:
    """Arcs in use, as `Traffic` says."""
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
    """Positions of the members of every owner."""
    order = np.argsort(owner, kind="stable")
    return np.split(order, np.searchsorted(owner[order], np.arange(1, owners)))
