"""Shortest paths on road networks, tidewatt's routers beside RoutingKit, scipy and igraph."""

from __future__ import annotations

import importlib.util
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import numba
import numpy as np

from benchmarks.networks import PHILADELPHIA, available, load
from benchmarks.registry import Case, Job, Options, Row, register
from benchmarks.tables import markdown, number, provenance

ROUTERS = ("builtin", "pyroutingkit", "dijkstra")
PEERS = {"scipy": "scipy", "igraph": "igraph"}
STATIONS, REPEATS = 240, 7
DAY = {"renewals": 96, "routes": 130_000, "requests": 5_000}
"""A day of 50,000 vehicles: speeds renewed every 15 minutes, trips and ways to stations, requests."""


def jobs(options: Options) -> Iterator[Job]:
    """Every router on every network; whole days for those that can."""
    sizes = [str(s) for s in options.sizes] or (["3000"] if options.quick else [PHILADELPHIA, "80000"])
    for size in sizes:
        for router in (*ROUTERS, *PEERS):
            given = {"network": size, "router": router, "threads": 1, "seed": options.seed}
            yield Job("routing", size, router, given)
        for router in ("builtin", "pyroutingkit"):
            for threads in sorted({1, options.threads}):
                given = {"network": size, "router": router, "threads": threads, "seed": options.seed}
                shrink = 50 if options.quick else 1
                yield Job("routing", size, f"day, {router}, {threads}", {**given, "day": shrink})


def measure(given: dict[str, Any]) -> list[Row]:
    """One router on one network."""
    if not available(given["network"]):
        return [{"status": "not run", "note": "network not at hand"}]
    router = given["router"]
    if router not in ("builtin", "dijkstra") and importlib.util.find_spec(router) is None:
        return [{"status": "not run", "note": f"{router} not installed"}]
    made = load(given["network"])
    rng = np.random.default_rng(given["seed"])
    few = rng.choice(made[3], STATIONS, replace=len(made[3]) < STATIONS).astype(np.int32)
    peer = f"{router} {version(router)}" if router not in ("builtin", "dijkstra") else ""
    row = {"status": "done", "router": router, "peer": peer, "nodes": made[0].nodes, "links": len(made[1])}
    if "day" in given:
        return [row | _day(given, made, few, rng)]
    return [row | (_peer if router in PEERS else _router)(given, made, few, rng)]


def _best(action: Callable[[], Any], repeats: int = REPEATS) -> float:
    """Shortest of several runs [s]."""
    found = []
    for _ in range(repeats):
        begin = time.perf_counter()
        action()
        found.append(time.perf_counter() - begin)
    return min(found)


def _router(given: dict[str, Any], made: Any, few: Any, rng: np.random.Generator) -> Row:
    network, time_ms, zones, corners = made
    with tempfile.TemporaryDirectory() as folder:
        numba.config.CACHE_DIR = folder  # nothing is compiled yet: how long that takes is part of it
        from benchmarks.routing_peers import router_of
        from tidewatt.kernels.roads import dijkstra as roads_dijkstra

        pairs = 60 if given["router"] == "dijkstra" else 1400
        origin, destination = rng.choice(zones, (2, pairs)).astype(np.int32)
        place = rng.choice(corners, min(pairs, 200)).astype(np.int32)

        def first_use() -> Any:
            router = router_of(given["router"], network, few)
            router.renew(time_ms)
            router.routes(origin, destination)
            router.to_few(place)
            return router

        first_s = _best(first_use, 1)
        row = {"first_use_s": first_s}
        router = first_use()
        if given["router"] != "dijkstra":
            row["prepare_s"] = _best(lambda: router_of(given["router"], network, few), 3)
            row["renew_ms"] = 1e3 * _best(lambda: router.renew(time_ms), 3 * REPEATS)
        else:
            star, cost = (
                roads_dijkstra.star_of(network.nodes, network.tail, network.head),
                time_ms.astype(np.int64),
            )
            start = int(network.depart_node[zones[0]])
            roads_dijkstra.one_to_all(star, cost, start, np.int64(-1))
            row["one_to_all_ms"] = 1e3 * _best(
                lambda: roads_dijkstra.one_to_all(star, cost, start, np.int64(-1)), 3 * REPEATS
            )

        def routes() -> float:
            router.renew(time_ms)
            return _best(lambda: router.routes(origin, destination), 1)

        def times() -> float:
            router.renew(time_ms)
            return _best(lambda: router.to_few(place), 1)

        repeats = 1 if given["router"] == "dijkstra" else REPEATS
        row["route_us"] = 1e6 * min(routes() for _ in range(repeats)) / pairs
        row["few_us"] = 1e6 * min(times() for _ in range(repeats)) / len(place)
        row["off_ms"] = _off(
            network, time_ms, origin, destination, router.routes(origin, destination).time_ms
        )
    return row


def _peer(given: dict[str, Any], made: Any, few: Any, rng: np.random.Generator) -> Row:
    from benchmarks.routing_peers import Igraph, Scipy

    network, time_ms, zones, corners = made
    origin, destination = rng.choice(zones, (2, 30)).astype(np.int32)
    place = rng.choice(corners, 20)
    kind = {"scipy": Scipy, "igraph": Igraph}[given["router"]]
    prepare_s = _best(lambda: kind(network, few), 1)
    peer: Any = kind(network, few)
    renew_s = _best(lambda: peer.renew(time_ms), 3)
    start = int(network.depart_node[zones[0]])
    found = np.array([peer.route(o, d) for o, d in zip(origin, destination)])
    return {
        "prepare_s": prepare_s,
        "renew_ms": 1e3 * renew_s,
        "one_to_all_ms": 1e3 * _best(lambda: peer.one_to_all(start), 3 * REPEATS),
        "route_us": 1e6 * _best(lambda: [peer.route(o, d) for o, d in zip(origin, destination)], 2) / 30,
        "few_us": 1e6 * _best(lambda: [peer.to_few(o) for o in place], 2) / 20,
        "off_ms": _off(network, time_ms, origin, destination, found),
    }


def _off(network: Any, time_ms: Any, origin: Any, destination: Any, found: Any) -> float:
    """Largest difference of some times from those of a plain search [ms]."""
    from tidewatt.routing.routers import make_router

    some = slice(0, 60)
    reference = make_router(network, np.zeros(0, np.int32), kind="dijkstra")
    reference.renew(time_ms)
    expected = reference.routes(origin[some], destination[some]).time_ms
    known = (expected >= 0) & (origin[some] != destination[some])
    return float(np.abs(found[some] - expected)[known].max(initial=0.0))


def _day(given: dict[str, Any], made: Any, few: Any, rng: np.random.Generator) -> Row:
    """Return a day's questions, spread evenly."""
    from benchmarks.routing_peers import router_of
    from tidewatt.execution.threads import Threads

    network, time_ms, zones, corners = made
    renewals = max(DAY["renewals"] // given["day"], 1)
    each = {name: DAY[name] // DAY["renewals"] for name in ("routes", "requests")}
    with Threads(given["threads"]) as threads:
        router = router_of(given["router"], network, few, threads)
        steps = [
            (
                np.minimum(time_ms * rng.uniform(1.0, 2.0, len(time_ms)), 2**29).astype(np.int32),
                *rng.choice(zones, (2, each["routes"])).astype(np.int32),
                *rng.choice(corners, (2, each["requests"])).astype(np.int32),
            )
            for _ in range(renewals)
        ]

        def run() -> None:
            for now, origin, destination, here, there in steps:
                router.renew(now)
                router.routes(origin, destination)
                router.to_few(here)
                router.from_few(there)

        run()  # compiled, and memory touched
        return {"threads": given["threads"], "day_s": _best(run, 2)}


def table(rows: list[Row]) -> str:
    """Return a row a router and network."""
    latest = {(r["size"], r["phase"]): r for r in rows}
    columns = {
        "first_use_s": "first use, compiling [s]",
        "prepare_s": "prepare [s]",
        "renew_ms": "renew [ms]",
        "one_to_all_ms": "one to all [ms]",
        "route_us": "path [µs]",
        "few_us": f"1 x {STATIONS} times [µs]",
        "day_s": "day [s]",
        "off_ms": "off by [ms]",
    }
    body = []
    for (size, phase), r in latest.items():
        name = f"{size} ({number(r.get('links', ''))} links): {phase}"
        if r["status"] != "done":
            body.append([name, r.get("note", ""), *[""] * (len(columns) - 1)])
            continue
        body.append([f"{name} {r['peer'].removeprefix(r['router'])}", *(r.get(k) or "" for k in columns)])
    return (
        markdown(["network: router", *columns.values()], body)
        + f"\n\nPaths with their links, 1,400 after one renewal. A day: {DAY['renewals']} renewals,"
        f" {DAY['routes']:,} paths, {DAY['requests']:,} requests with times to and from {STATIONS} stations. "
        + provenance(rows)
    )


register(
    Case("routing", "shortest paths, renewals and times to stations, beside peers", jobs, measure, table)
)
