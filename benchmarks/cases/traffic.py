"""A day of the same trips on the same small network: tidewatt, UXsim and SUMO."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import memory_mib
from benchmarks.registry import Case, Job, Options, Row, register
from benchmarks.tables import markdown, provenance
from benchmarks.traffic_peers import PEERS, Traffic, missing, run
from tidewatt.domain.scenario import Scenario
from tidewatt.routing.network import network_of
from tidewatt.synthesis.city import city

LINKS, ZONES, STATIONS = 960, 40, 20
FLEETS = (5_000, 50_000)
QUICK = (500,)


def jobs(options: Options) -> Iterator[Job]:
    """Few vehicles, that hardly meet, and many; every simulator on one thread."""
    for vehicles in options.sizes or (QUICK if options.quick else FLEETS):
        for simulator in ("tidewatt", *PEERS):
            given = {"vehicles": vehicles, "simulator": simulator, "seed": options.seed}
            yield Job("traffic", f"{vehicles}", simulator, given, 2.0 * options.limit_s)


def skip(job: Job, rows: list[Row]) -> str | None:
    """Peers are optional."""
    simulator = str(job.given["simulator"])
    return None if simulator == "tidewatt" else missing(simulator)


def measure(given: dict[str, Any]) -> list[Row]:
    """One simulator; trips are those that tidewatt's vehicles want to make."""
    from tidewatt.execution.threads import Threads
    from tidewatt.options.simulation import SIMULATION
    from tidewatt.simulation.preparation import world_of
    from tidewatt.simulation.replications import workers_of
    from tidewatt.simulation.study import simulate

    scenario = city(given["seed"], links=LINKS, zones=ZONES, stations=STATIONS, vehicles=given["vehicles"])
    # No other traffic: all that the roads carry are these vehicles.
    asked = SIMULATION.resolve(scenario.parameters, replications=1, background=0.0, seed=given["seed"])
    with Threads(1) as threads:
        if given["simulator"] == "tidewatt":
            simulate(city(), vehicles=200, replications=1, threads=1)
        begin = time.perf_counter()
        world = world_of(scenario, asked, threads)
        worker = workers_of(world, threads)[0]
        setup = time.perf_counter() - begin
        plans, _, day = worker.run(0)
        inner = plans.origin == plans.destination
        row: Row = {"vehicles": given["vehicles"], "links": world.roads.links, "trips": int((~inner).sum())}
        if given["simulator"] == "tidewatt":
            walls, cpus = [], []
            for _ in range(3):
                wall, cpu = time.perf_counter(), time.process_time()
                worker.replicate(0)
                walls.append(time.perf_counter() - wall)
                cpus.append(time.process_time() - cpu)
            mean, ended = _trip_times(plans, day)
            row |= {"setup_s": setup, "wall_s": min(walls), "cpu_s": min(cpus), "mean_min": mean}
            row |= {"ended": ended, "charges": len(day.requests.minute)}
        else:
            answer = run(given["simulator"], _traffic(scenario, plans, inner, asked["renew_min"]))
            row |= {name: getattr(answer, name) for name in answer.__slots__}
    return [{**row, "status": "done", "peak_mib": memory_mib()[1]}]


def _traffic(scenario: Scenario, plans: Any, inner: NDArray[Any], renew_min: float) -> Traffic:
    """Return the trips between zones, in order of departure."""
    roads = scenario.roads
    assert roads is not None
    order = np.argsort(plans.depart_min, kind="stable")
    order = order[~inner[order]]
    node = roads.zone_node
    return Traffic(
        roads,
        60.0 * plans.depart_min[order],
        network_of(roads).depart_node[node[plans.origin[order]]],
        node[plans.destination[order]],
        60.0 * renew_min,
    )


def _trip_times(plans: Any, day: Any) -> tuple[float, int]:
    """Mean time of trips between zones that were not interrupted to charge [min], and their number."""
    legs = day.ledger.legs.table()
    order = np.lexsort((legs["depart"], legs["vehicle"]))
    vehicle, station = legs["vehicle"][order].astype(int), legs["station"][order]
    minutes = (legs["arrive"] - legs["depart"])[order]
    arrives = station < 0
    # Legs that end at a destination are the vehicle's trips in their order.
    before = np.cumsum(arrives) - arrives
    first = np.searchsorted(vehicle, np.arange(plans.vehicles))
    trip = plans.first[vehicle] + before - np.append(before, 0)[np.minimum(first, len(before) - 1)][vehicle]
    whole = arrives & ~np.concatenate([[False], (station[:-1] >= 0) & (vehicle[1:] == vehicle[:-1])])
    trip = trip[whole]
    between = plans.origin[trip] != plans.destination[trip]
    return float(minutes[whole][between].mean()), int(between.sum())


def table(rows: list[Row]) -> str:
    """One table a size."""
    latest = {(int(r["size"]), r["phase"]): r for r in rows}
    columns = {
        "wall_s": "a day [s]",
        "cpu_s": "processor time [s]",
        "setup_s": "setting up [s]",
        "mean_min": "mean trip [min]",
        "ended": "trips ended",
        "charges": "charges on the way",
    }
    parts = []
    for size in sorted({size for size, _ in latest}):
        found = {phase: r for (s, phase), r in latest.items() if s == size}
        done = [[phase, *(r.get(k, "") for k in columns)] for phase, r in found.items() if r.get("cpu_s")]
        if done:
            first = next(r for r in found.values() if r.get("cpu_s"))
            parts.append(f"**{size:,} vehicles**, {int(first['trips']):,} trips, {first['links']} links")
            parts.append(markdown(["simulator", *columns.values()], done))
        parts += [f"{p}: {r['status']}, {r['note']}" for p, r in found.items() if not r.get("cpu_s")]
    return "\n\n".join([*parts, provenance(rows)])


register(Case("traffic", "the same trips in tidewatt, UXsim and SUMO", jobs, measure, table, skip))
