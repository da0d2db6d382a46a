"""Static user equilibrium: iterations and seconds to each decade of gap; other traffic of a large city."""

from __future__ import annotations

import importlib.util
import tarfile
import tempfile
import time
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import memory_mib, reset_peak_memory
from benchmarks.registry import Case, Job, Options, Row, register
from benchmarks.tables import markdown, number, provenance

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "roads"
NETWORKS = {"SiouxFalls": 1e-10, "Anaheim": 1e-10, "Barcelona": 1e-10, "Berlin-Center": 1e-6}
"""Networks and the gap to reach on them."""

PUBLISHED = {"SiouxFalls": 4231335.28711, "Anaheim": 1286032.17110, "Barcelona": 1265654.92203}
METHODS = ("gradient-projection", "biconjugate-frank-wolfe")
PEER = "aequilibrae"
GAPS = tuple(10.0**-k for k in range(1, 11))
FW_LIMIT_S, PEER_ITERATIONS = 60.0, {"Berlin-Center": 40}
REPEATS = 3
CITY_TRIPS = 3e6


def jobs(options: Options) -> Iterator[Job]:
    """Every network with both methods and the peer, and the other traffic of Philadelphia."""
    for name in ["SiouxFalls"] if options.quick else NETWORKS:
        for method in (*METHODS, PEER):
            given = {"network": name, "method": method, "threads": options.threads}
            limit = min(options.limit_s, FW_LIMIT_S) if method == METHODS[1] else options.limit_s
            yield Job("assignment", name, method, {**given, "limit_s": limit}, options.limit_s + 120.0)
    if not options.quick:
        for gap in (1e-2, 1e-3):
            given = {"network": "Philadelphia", "method": "blocks", "gap": gap, "threads": options.threads}
            given["seed"] = options.seed
            yield Job("assignment", "Philadelphia", f"other traffic to {gap:g}", given, 900.0)


def measure(given: dict[str, Any]) -> list[Row]:
    """One network with one method."""
    archive = DATA / f"{given['network']}.tar.xz"
    if not archive.exists():
        return [{"status": "not run", "note": "network not at hand"}]
    if given["method"] == PEER and importlib.util.find_spec(PEER) is None:
        return [{"status": "not run", "note": f"{PEER} not installed"}]
    from tidewatt.io.importers.roads.tntp import import_tntp

    with tempfile.TemporaryDirectory() as folder, tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
        where = next(Path(folder).rglob("*_net.tntp")).parent
        units = {"capacity_period_h": 24.0} if given["network"] == "Philadelphia" else {}
        scenario, _ = import_tntp(where, **units)
    if given["method"] == "blocks":
        return [_blocks(scenario, given)]
    return [_peer(scenario, given) if given["method"] == PEER else _own(scenario, given)]


def _own(scenario: Any, given: dict[str, Any]) -> Row:
    """Return the best of several runs after one that compiles."""
    from tidewatt.assignment.study import assign

    asked = {"method": given["method"], "threads": given["threads"]}
    warnings.simplefilter("ignore")
    begin = time.perf_counter()
    assign(scenario, max_iterations=1, **asked)
    first = time.perf_counter() - begin
    reset_peak_memory()
    gap = NETWORKS[given["network"]]
    runs = []
    for _ in range(REPEATS if given["method"] == METHODS[0] else 1):
        runs.append(assign(scenario, relative_gap=gap, time_limit_s=given["limit_s"], **asked))
    best = min(runs, key=lambda run: float(run.figures["wall_s"]))
    figures = best.figures
    history = zip(
        best.history["iteration"], best.history["seconds"], best.history["relative_gap"], strict=True
    )
    return {
        "status": best.status.name,
        "method": given["method"],
        "pairs": figures["pairs"],
        "links": figures["links"],
        "paths": figures["paths"],
        "threads": given["threads"],
        "first_use_s": first,
        "seconds": figures["wall_s"],
        "iterations": figures["iterations"],
        "gap": figures["relative_gap"],
        "objective": repr(figures["objective"]),
        "published": PUBLISHED.get(given["network"], ""),
        "peak_mib": memory_mib()[1],
        **_milestones(history),
    }


def _peer(scenario: Any, given: dict[str, Any]) -> Row:
    """AequilibraE's bi-conjugate Frank-Wolfe; seconds are those of its own report."""
    import pandas as pd
    from aequilibrae.matrix import AequilibraeMatrix
    from aequilibrae.paths import Graph, TrafficAssignment, TrafficClass

    roads, demand = scenario.roads, scenario.demand
    zones = roads.zone_node.astype(np.int64) + 1
    graph = Graph()
    graph.network = pd.DataFrame(
        {
            "link_id": np.arange(1, roads.links + 1),
            "a_node": roads.tail.astype(np.int64) + 1,
            "b_node": roads.head.astype(np.int64) + 1,
            "direction": 1,
            "free_flow_time": np.maximum(roads.free_time_min, 1e-9),  # it takes no zeros
            "capacity": roads.capacity_veh_h,
            "alpha": np.where(roads.bpr_beta == 0, 0.0, roads.bpr_alpha),
            "power": np.maximum(roads.bpr_beta, 1.0),  # nor powers below 1
        }
    )
    graph.prepare_graph(zones)
    graph.set_graph("free_flow_time")
    graph.set_blocked_centroid_flows(not roads.through[roads.zone_node].all())
    graph.set_skimming([])
    matrix = AequilibraeMatrix()
    matrix.create_empty(zones=len(zones), matrix_names=["trips"], memory_only=True)
    matrix.index[:] = zones
    trips = np.zeros((len(zones), len(zones)))
    np.add.at(trips, (demand.origin, demand.destination), demand.trips)
    matrix.matrices[:, :, 0] = trips
    matrix.computational_view(["trips"])
    work = TrafficAssignment()
    work.set_classes([TrafficClass("car", graph, matrix)])
    work.set_vdf("BPR")
    work.set_vdf_parameters({"alpha": "alpha", "beta": "power"})
    work.set_capacity_field("capacity")
    work.set_time_field("free_flow_time")
    work.set_algorithm("bfw")
    work.max_iter = PEER_ITERATIONS.get(given["network"], 500)
    work.rgap_target = 1e-6
    work.set_cores(given["threads"])
    reset_peak_memory()
    begin = time.perf_counter()
    work.execute(log_specification=False)
    wall = time.perf_counter() - begin
    report = work.report()
    gap = float(report["rgap"].iloc[-1])
    return {
        "status": "CERTIFIED" if gap <= work.rgap_target else "ITERATION_LIMIT",
        "method": f"{PEER} {version(PEER)} bfw",
        "links": roads.links,
        "threads": given["threads"],
        "seconds": wall,
        "iterations": len(report),
        "gap": gap,
        "peak_mib": memory_mib()[1],
        **_milestones(zip(report["iteration"], report["time"], report["rgap"], strict=True)),
    }


def _milestones(history: Any) -> Row:
    """Return iterations and seconds when each gap was first reached."""
    row: Row = {}
    for iteration, seconds, gap in history:
        for mark in GAPS:
            if gap <= mark and f"seconds_{mark:.0e}" not in row:
                row |= {f"iterations_{mark:.0e}": int(iteration), f"seconds_{mark:.0e}": float(seconds)}
    return row


def _blocks(scenario: Any, given: dict[str, Any]) -> Row:
    """Other traffic of a gravity table by free-flow times on all zones of the city."""
    from tidewatt.execution.threads import Threads
    from tidewatt.kernels.roads.dijkstra import many_to_few, star_of
    from tidewatt.routing.network import network_of
    from tidewatt.simulation.background import background_flow

    roads = scenario.roads
    network = network_of(roads)
    star = star_of(network.nodes, network.tail, network.head)
    departs = network.depart_node[roads.zone_node]
    time_min = many_to_few(star, roads.free_time_min.copy(), departs, roads.zone_node.copy(), np.inf)
    rng = np.random.default_rng(given["seed"])
    trips = np.exp(-0.08 * time_min) * rng.lognormal(0.0, 0.5, (2, roads.zones))[0][:, None]
    trips *= rng.lognormal(0.0, 0.5, roads.zones)
    np.fill_diagonal(trips, 0.0)
    trips *= CITY_TRIPS / trips.sum()
    del time_min
    before = memory_mib()[0]
    reset_peak_memory()
    seconds = []
    with Threads(given["threads"]) as workers:
        for _ in range(REPEATS):
            begin = time.perf_counter()
            flow = background_flow(network, roads, trips, gap=given["gap"], workers=workers)
            seconds.append(time.perf_counter() - begin)
    saturated = float(np.mean(flow > roads.capacity_veh_h * roads.period_h))
    return {
        "status": "done",
        "method": "blocks",
        "pairs": int(np.count_nonzero(trips)),
        "links": roads.links,
        "threads": given["threads"],
        "first_use_s": seconds[0],
        "seconds": min(seconds),
        "gap": given["gap"],
        "peak_mib": memory_mib()[1],
        "more_mib": memory_mib()[1] - before,
        "note": f"{saturated:.1%} of links above capacity",
    }


def table(rows: list[Row]) -> str:
    """Seconds (and iterations) to each gap."""
    latest = {(r["size"], r["phase"]): r for r in rows}
    shown = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-8, 1e-10)
    body, other = [], []
    for (size, phase), r in latest.items():
        if r.get("status") in ("not run", "failed", "ended"):
            body.append([size, phase, f"{r['status']}: {r.get('note', '')}", *[""] * (len(shown) + 1)])
        elif r.get("method") == "blocks":
            cells = [phase, r["pairs"], r["links"], r["seconds"], r["first_use_s"], r["more_mib"], r["note"]]
            other.append([number(cell) for cell in cells])
        else:
            cells = []
            for gap in shown:
                seconds = number(r.get(f"seconds_{gap:.0e}") or None)
                cells.append(f"{seconds} s ({number(r[f'iterations_{gap:.0e}'])})" if seconds else "-")
            body.append([size, r["method"], *cells, number(r["gap"]), number(r["peak_mib"])])
    head = ["network", "method", *(f"to {gap:g}" for gap in shown), "gap reached", "peak MiB"]
    text = markdown(head, body)
    if other:
        names = ["Philadelphia", "OD pairs", "links", "seconds", "first use", "MiB more", ""]
        text += "\n\n" + markdown(names, other)
    return text + "\n\nSeconds (iterations) after compilation. " + provenance(rows)


register(Case("assignment", "user equilibrium to each decade of gap, beside a peer", jobs, measure, table))
