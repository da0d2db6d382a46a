"""A day of 50,000 electric vehicles on real roads: time and memory, and how they grow."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.machine import memory_mib, reset_peak_memory
from benchmarks.networks import PHILADELPHIA
from benchmarks.registry import Case, Job, Options, Row, register
from benchmarks.tables import markdown, provenance
from benchmarks.towns import STATIONS, missing, town

if TYPE_CHECKING:
    from tidewatt.simulation.replications import Worker

VEHICLES = 50_000
LINKS = (20_000, 40_000, 80_000)
FLEETS = (10_000, 20_000, 50_000, 100_000, 200_000)
QUICK_LINKS = (2_000, 4_000)
QUICK_FLEETS = (500, 1_000)
DAYS = 2
"""Days that are timed after the first; the best is reported, as other programs may disturb one."""

_COLD = """
import tidewatt
tidewatt.simulate(tidewatt.example("city"), vehicles=200, replications=1, threads=1)
"""


def jobs(options: Options) -> Iterator[Job]:
    """Yield the real network; more links at the same fleet; more vehicles on the same links; compilation."""
    own = {"seed": options.seed}
    links = QUICK_LINKS if options.quick else LINKS
    fleets = options.sizes or (QUICK_FLEETS if options.quick else FLEETS)
    vehicles = QUICK_FLEETS[0] if options.quick else VEHICLES
    if not options.quick:
        given = {**own, "town": PHILADELPHIA, "vehicles": VEHICLES, "modes": ["1", "2", "2 days at once"]}
        yield Job("simulate", PHILADELPHIA, "day", given)
    for count in links:
        yield Job(
            "simulate",
            f"{count}",
            "links",
            {**own, "town": f"{count}", "vehicles": vehicles, "modes": ["1"]},
        )
    for fleet in fleets:
        given = {**own, "town": f"{links[1]}", "vehicles": fleet, "modes": ["1"]}
        yield Job("simulate", f"{fleet}", "vehicles", given)
    yield Job("simulate", "example", "compile", {})


def skip(job: Job, rows: list[Row]) -> str | None:
    """Real data are not part of the program."""
    return missing(str(job.given["town"])) if "town" in job.given else None


def measure(given: dict[str, Any]) -> list[Row]:
    """One scenario, prepared once; days one at a time with one and two threads, and two at once."""
    if "town" not in given:
        return [_compilation()]
    from tidewatt.execution.threads import Threads
    from tidewatt.options.simulation import SIMULATION
    from tidewatt.simulation.preparation import world_of
    from tidewatt.simulation.replications import workers_of
    from tidewatt.synthesis.demand import trips_matrix

    _warm_up()
    scenario = town(given["town"], seed=given["seed"])
    asked = SIMULATION.resolve(scenario.parameters, vehicles=given["vehicles"], seed=given["seed"])
    reset_peak_memory()
    gravity = _clocks(lambda: trips_matrix(scenario, trips_per_day=asked["trips_per_day"]))[0]
    rows: list[Row] = []
    with Threads(1) as one, Threads(2) as two:
        prepared, world = _clocks(lambda: world_of(scenario, asked, two))
        shared: Row = {
            "vehicles": given["vehicles"],
            "links": world.roads.links,
            "zones": world.roads.zones,
            "stations": len(world.stations),
            "gravity_s": gravity[0],
            "prepare_s": prepared[0],
            "prepare_cpu_s": prepared[1],
        }
        for mode in given["modes"]:
            threads = one if mode == "1" else two
            # A single replication gives its router all threads; of several each has one.
            count = threads.count if "at once" in mode else 1
            stage = replace(world, parameters=replace(asked, replications=count))
            routed, workers = _clocks(partial(workers_of, stage, threads))
            rows.append({**shared, "threads": mode, "router_s": routed[0], **_days(workers, threads)})
    return rows


def _days(workers: list[Worker], threads: Any) -> Row:
    """Return the first day, and the best of those after it."""

    def day(number: int) -> list[Any]:
        tasks = [(worker, len(workers) * number + k) for k, worker in enumerate(workers)]
        if len(tasks) == 1:
            return [workers[0].replicate(1 + number)]
        return list(threads.map(lambda task: task[0].replicate(1 + task[1]), tasks))

    (first_s, _), _ = _clocks(lambda: day(0))
    timings = [_clocks(partial(day, number)) for number in range(1, 1 + DAYS)]
    figures = timings[0][1][0].figures
    each = len(workers)
    return {
        "first_s": first_s / each,
        "day_s": min(wall for (wall, _), _ in timings) / each,
        "cpu_s": min(cpu for (_, cpu), _ in timings) / each,
        "peak_mib": memory_mib()[1],
        "trips": figures["trips"],
        "charges": figures["charges"],
        "mean_speed_kmh": figures["mean_speed_kmh"],
        "mean_wait_min": figures["mean_wait_min"],
        "vehicle_minutes": _driven(timings[0][1][0]),
        "status": "done",
    }


def _driven(outcome: Any) -> float:
    """Vehicle minutes on the road: what movement has to do."""
    return float(outcome.series["vehicles"][1:3].sum())


def _clocks(action: Callable[[], Any]) -> tuple[tuple[float, float], Any]:
    """Wall and processor time of an action [s], and what it returned."""
    wall, cpu = time.perf_counter(), time.process_time()
    done = action()
    return (time.perf_counter() - wall, time.process_time() - cpu), done


def _warm_up() -> None:
    """Everything compiled or read from numba's cache."""
    from tidewatt.simulation.study import simulate
    from tidewatt.synthesis.city import city

    for threads in (1, 2):
        simulate(city(), vehicles=200, replications=2, threads=threads)
    simulate(city(), vehicles=200, replications=1, threads=2)


def _compilation() -> Row:
    """Return a small study with numba's cache empty and filled, each in a process of its own."""
    with tempfile.TemporaryDirectory() as cache:
        env = {**os.environ, "NUMBA_CACHE_DIR": cache}
        took = []
        for _ in range(3):
            begin = time.perf_counter()
            subprocess.run([sys.executable, "-c", _COLD], env=env, check=True, capture_output=True)
            took.append(time.perf_counter() - begin)
    return {"status": "done", "cold_s": took[0], "warm_s": min(took[1:])}


def table(rows: list[Row]) -> str:
    """Return the real network, then growth with links and with vehicles."""
    latest = {(r["phase"], r["size"], r.get("threads", "")): r for r in rows}
    parts = []
    for phase, title in (
        ("day", f"Real roads, {VEHICLES:,} vehicles, {STATIONS} stations"),
        ("links", "Made-up cities: growth with links"),
        ("vehicles", "Made-up city: growth with vehicles"),
    ):
        found = [r for (p, _, _), r in latest.items() if p == phase]
        if found:
            parts += [f"**{title}**", _table(found)]
        done = [r for r in found if r.get("cpu_s")]
        if phase != "day" and len(done) > 1:
            parts.append(_growth(done, phase))
    parts += [
        f"A small study in a new process: {float(r['warm_s']):.1f} s, "
        f"{float(r['cold_s']):.0f} s where everything is compiled first (once per installation)."
        for (phase, _, _), r in latest.items()
        if phase == "compile" and r.get("cold_s")
    ]
    return "\n\n".join([*parts, provenance(rows)])


def _table(rows: list[Row]) -> str:
    columns = {
        "links": "links",
        "vehicles": "vehicles",
        "threads": "threads",
        "day_s": "a day [s]",
        "cpu_s": "processor time [s]",
        "gravity_s": "gravity [s]",
        "prepare_s": "preparation [s]",
        "router_s": "hierarchy [s]",
        "peak_mib": "peak memory [MiB]",
        "trips": "trips",
        "charges": "charges",
        "mean_speed_kmh": "mean speed [km/h]",
    }
    done = [[r[key] for key in columns] for r in rows if r.get("cpu_s")]
    lines = [markdown(list(columns.values()), done)] if done else []
    return "\n\n".join(
        lines + [f"{r['size']}: {r['status']}, {r['note']}" for r in rows if not r.get("cpu_s")]
    )


def _growth(rows: list[Row], name: str) -> str:
    """How processor time grows with what grows, from the smallest case to the largest."""
    rows = sorted(rows, key=lambda r: float(r[name]))
    more = float(rows[-1][name]) / float(rows[0][name])
    longer = float(rows[-1]["cpu_s"]) / float(rows[0]["cpu_s"])
    return f"{more:.1f} times the {name} take {longer:.1f} times the processor time."


register(Case("simulate", "a day of 50,000 vehicles on 40,003 links; growth", jobs, measure, table, skip))
