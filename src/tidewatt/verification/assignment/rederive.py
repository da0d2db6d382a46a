"""A result of `assign` re-derived from its files and its scenario's files alone (sim-1, sim-13, sim-14)."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tidewatt.domain.arrays import Array
from tidewatt.domain.roads import Demand, Roads
from tidewatt.verification.common.claims import check_files, find_scenario, read_json
from tidewatt.verification.common.expected import always, read_table
from tidewatt.verification.common.findings import CheckList, VerificationReport, amount, count

__all__ = ["verify_equilibrium"]

_CHUNK = 2_000_000  # distances held at once while shortest paths are sought


def verify_equilibrium(
    folder: Path,
    certificate: dict[str, Any],
    ledger: CheckList,
    scenario_folder: str | os.PathLike[str] | None,
) -> VerificationReport:
    """Re-derive every claim of a result of `assign`.

    Flows have to balance the trips at every node, and to pass no node that is not driven through. Times
    follow from flows, the objective from its closed form, and the gap from shortest paths by
    `scipy.sparse.csgraph`. Balance does not tell whose trips use a link; a flow that mixed them up to drive
    less would stand out by a gap below nought.
    """
    if not check_files(folder, certificate["files"], always("equilibrium"), ledger):
        return ledger.report()
    scenario = find_scenario(folder, certificate, ledger, scenario_folder)
    if scenario is None:
        return ledger.report()
    roads, demand = scenario.roads, scenario.demand
    if roads is None or demand is None:
        ledger.add("roads", False, "the scenario has no roads or no demand")
        return ledger.report()
    summary = read_json(folder / "summary.json")
    links = read_table(folder, "equilibrium", "links.parquet")
    history = read_table(folder, "equilibrium", "history.csv")
    if not ledger.add(
        "links",
        [str(each) for each in links["link_id"]] == [str(each) for each in roads.link_id],
        f"{len(links):,} named, {roads.links:,} in the scenario",
    ):
        return ledger.report()
    flow = links["flow_veh"].to_numpy(np.float64)
    if not ledger.add("flows", bool(np.all(np.isfinite(flow) & (flow >= 0))), "must be finite, not below 0"):
        return ledger.report()

    trips, inside, period_h = _trips(roads, demand, summary, ledger)
    _balance(roads, trips, flow, ledger)
    capacity = roads.capacity_veh_h * period_h
    power = (flow / capacity) ** roads.bpr_beta
    time_min = roads.free_time_min * (1.0 + roads.bpr_alpha * power)
    fixed_min = roads.toll_weight_min * np.nan_to_num(roads.toll)
    fixed_min = fixed_min + roads.distance_weight_min_per_km * np.nan_to_num(roads.length_km)
    said = links["travel_time_min"].to_numpy(np.float64)
    ledger.equal("travel times", said, time_min, 1e-9 * (1.0 + time_min), "min", roads.link_id)

    area = (roads.free_time_min + fixed_min) * flow
    area += roads.free_time_min * roads.bpr_alpha * flow * power / (roads.bpr_beta + 1.0)
    objective = math.fsum(area) / roads.time_unit_min
    ledger.equal("objective", summary["objective"], objective, 1e-10 * abs(objective))

    cost = time_min + fixed_min
    total, least = math.fsum(cost * flow), _least(roads, trips, cost)
    gap = (total - least) / total if total > 0 else 0.0
    ledger.equal("relative gap", summary["relative_gap"], max(gap, 0.0), 1e-12 + 1e-6 * abs(gap))
    ledger.add(
        "nobody drives less than the shortest paths take",
        gap >= -1e-11,
        f"gap {gap:.3g}, allowed down to -1e-11",
    )
    _status(certificate, summary, gap, ledger)
    ledger.add("summary: scenario", summary.get("scenario") == scenario.name, f"{summary.get('scenario')!r}")
    _summary(roads, trips, inside, demand, period_h, flow, time_min, summary, ledger)
    _history(history, summary, ledger)
    derived = (
        f"Verified: flows of {count(roads.links, 'link')} carry {amount(trips.sum())} trips of "
        f"{count(int(np.count_nonzero(trips)), 'OD pair')} from end to end;",
        f"together, drivers could save at most {max(gap, 0.0):.3g} of their cost by changing paths.",
    )
    bound = objective - max(total - least, 0.0) / roads.time_unit_min
    facts = (f"The objective is {objective:.12g}; no flows reach less than {bound:.12g}.",)
    return ledger.report(facts=facts, derived=derived)


def _trips(
    roads: Roads, demand: Demand, summary: Mapping[str, Any], ledger: CheckList
) -> tuple[Array, float, float]:
    """Return trips between zones that use links, trips that use none, and the hours they apply to."""
    start = summary.get("start_min")
    timed = ~np.isnan(demand.start_min)
    if start is None:
        rows, period_h = ~timed, roads.period_h
    else:
        rows = demand.start_min == float(start)
        ends = np.unique(demand.end_min[rows])
        period_h = (float(ends[0]) - float(start)) / 60.0 if len(ends) == 1 else math.nan
    table = np.zeros((roads.zones, roads.zones))
    np.add.at(table, (demand.origin[rows], demand.destination[rows]), demand.trips[rows])
    same = roads.zone_node[:, None] == roads.zone_node[None, :]
    inside = math.fsum(table[same])
    table[same] = 0.0
    ledger.add(
        "period",
        bool(rows.any()) and period_h == summary.get("period_h"),
        f"{int(rows.sum()):,} rows of demand"
        + (" without a window" if start is None else f" from minute {start:g}")
        + f", {period_h:g} h",
    )
    return table, inside, period_h


def _balance(roads: Roads, trips: Array, flow: Array, ledger: CheckList) -> None:
    """Check that flow into and out of every node matches the trips that end and start there."""
    nodes = roads.nodes
    enters = np.bincount(roads.head, weights=flow, minlength=nodes)
    leaves = np.bincount(roads.tail, weights=flow, minlength=nodes)
    ends = np.bincount(roads.zone_node, weights=trips.sum(axis=0), minlength=nodes)
    starts = np.bincount(roads.zone_node, weights=trips.sum(axis=1), minlength=nodes)
    allowed = 1e-9 * (1.0 + enters + leaves)
    ledger.equal("balance at nodes", enters - leaves, ends - starts, allowed, "vehicles", roads.node_id)
    closed = ~roads.through
    if closed.any():
        ids = roads.node_id[closed]
        name = "nobody drives through a centroid"
        ledger.equal(name, enters[closed], ends[closed], allowed[closed], "vehicles", ids)


def _least(roads: Roads, trips: Array, cost: Array) -> float:
    """Return the sum of trips times the cost of the cheapest path [vehicle minutes]."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import dijkstra

    # Links that leave a closed node start at a copy of it, so that no path passes.
    nodes = 2 * roads.nodes
    departs = np.where(roads.through, np.arange(roads.nodes), roads.nodes + np.arange(roads.nodes))
    tail, head = departs[roads.tail].astype(np.int64), roads.head.astype(np.int64)
    order = np.lexsort((cost, head, tail))
    first = np.ones(len(order), bool)  # of parallel links only the cheapest
    first[1:] = (np.diff(tail[order]) != 0) | (np.diff(head[order]) != 0)
    order = order[first]
    offsets = np.concatenate([[0], np.cumsum(np.bincount(tail[order], minlength=nodes))])
    graph = csr_array((cost[order], head[order].astype(np.int32), offsets.astype(np.int32)), (nodes, nodes))
    sources = np.flatnonzero(trips.sum(axis=1) > 0)
    parts = []
    step = max(_CHUNK // nodes, 1)
    for i in range(0, len(sources), step):
        some = sources[i : i + step]
        reach = dijkstra(graph, indices=departs[roads.zone_node[some]])[:, roads.zone_node]
        parts.append(math.fsum((trips[some][trips[some] > 0] * reach[trips[some] > 0]).tolist()))
    return math.fsum(parts)


def _status(
    certificate: Mapping[str, Any], summary: Mapping[str, Any], gap: float, ledger: CheckList
) -> None:
    asked, said = float(summary["relative_gap_asked"]), str(summary["status"])
    reached = gap <= asked * (1.0 + 1e-6) + 1e-12
    ledger.add(
        "status",
        said == certificate.get("status") and (said == "CERTIFIED") <= reached,
        f"{said}; requested gap {asked:g}, found {gap:.3g}",
    )


def _summary(
    roads: Roads,
    trips: Array,
    inside: float,
    demand: Demand,
    period_h: float,
    flow: Array,
    time_min: Array,
    summary: Mapping[str, Any],
    ledger: CheckList,
) -> None:
    """Check every other figure of the summary."""
    moved = math.fsum(trips[trips > 0])
    mine = {
        "demand_trips": moved + inside,
        "intrazonal_trips": inside,
        "unassigned_trips": inside,
        "other_period_trips": math.fsum(demand.trips) - moved - inside,
        "period_h": period_h,
        "mean_travel_time_min": math.fsum(time_min * flow) / moved if moved else math.nan,
        "mean_distance_km": math.fsum(np.nan_to_num(roads.length_km) * flow) / moved if moved else math.nan,
        "zones": roads.zones,
        "links": roads.links,
        "pairs": int(np.count_nonzero(trips)),
    }
    names = list(mine)
    own = np.array([float(mine[name]) for name in names])
    theirs = np.array([float(summary.get(name, math.nan)) for name in names])
    slack = 1e-9 * (
        np.abs(own) + math.fsum(demand.trips) * np.array([name.endswith("trips") for name in names])
    )
    ledger.equal("summary", theirs, own, slack, "", np.array(names, object))


def _history(history: pd.DataFrame, summary: Mapping[str, Any], ledger: CheckList) -> None:
    """Check that iterations and clock increase, and end at the summary's figures."""
    last = history.iloc[-1]
    counts = history["iteration"].tolist() == list(range(len(history)))
    clock = bool((history["seconds"].diff().dropna() >= 0).all())
    ends = (int(last["iteration"]), float(last["objective"]), float(last["relative_gap"])) == (
        summary["iterations"],
        summary["objective"],
        summary["relative_gap"],
    )
    what = f"{count(len(history), 'row')}; the last one has the summary's figures"
    ledger.add("history", counts and clock and ends, what if ends else f"ends at {last.to_dict()}")
