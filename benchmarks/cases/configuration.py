"""Searches for plans of stations: time for a plan, equal evaluations beside peers, generations to the end.

Jobs that have a row already are left out, so that a run can be stopped and taken up again; ``--fresh``
begins anew. ``--sizes`` are numbers of evaluations.
"""

from __future__ import annotations

import csv
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.registry import Case, Job, Options, Row, register
from benchmarks.search_peers import PEERS, missing, seek
from benchmarks.search_worlds import TRAIN_DAYS, World, evaluator_of
from benchmarks.tables import markdown, provenance
from tidewatt.configuration.genetic import Genetic
from tidewatt.configuration.search import search
from tidewatt.execution.threads import Threads

RESULTS = Path(__file__).resolve().parents[1] / "results"
SEARCHES = ("memetic", "local", "genetic", "genetic-plain")
EVALUATIONS, QUICK_EVALUATIONS = 5_000, 300
SEEDS, QUICK_SEEDS = 10, 2
FIGURE_SEEDS, GENERATIONS, QUICK_GENERATIONS = 20, 1000, 30
FIGURE = World(stations=53, charges=800)
"""As many stations as the source's Table 2 has rows."""

GOAL, GOAL_S = 20_000, 600.0


def jobs(options: Options) -> Iterator[Job]:
    """Time for a plan; then each search, seed after seed; then the curves."""
    done = _measured(options.quick)
    for job in _every(options):
        if (job.size, job.phase) not in done:
            yield job


def _every(options: Options) -> Iterator[Job]:
    limit_s = options.limit_s + 3600.0
    for charges in (1300, 3500):
        for information in ("arrived", "reserved"):
            world = World(charges=charges, information=information)
            given = {"what": "time", "world": asdict(world), "threads": options.threads}
            yield Job("configuration", f"{charges} charges", f"a plan, {world.label}", given, limit_s)
    worlds = [World(information=known) for known in ("arrived", "reserved")]
    worlds.append(World(cost_must_not_rise=True))
    for evaluations in options.sizes or (QUICK_EVALUATIONS if options.quick else EVALUATIONS,):
        for seed in range(options.seed, options.seed + (QUICK_SEEDS if options.quick else SEEDS)):
            for world in worlds[:1] if options.quick else worlds:
                for name in (*SEARCHES, *PEERS):
                    given = {
                        "what": "search",
                        "world": asdict(world),
                        "name": name,
                        "evaluations": evaluations,
                        "seed": seed,
                        "threads": options.threads,
                    }
                    phase = f"{name}, {world.label}, seed {seed}"
                    yield Job("configuration", f"{evaluations} evaluations", phase, given, limit_s)
    generations = QUICK_GENERATIONS if options.quick else GENERATIONS
    for seed in range(options.seed, options.seed + (QUICK_SEEDS if options.quick else FIGURE_SEEDS)):
        for name in ("genetic", "genetic-plain"):
            given = {"what": "curve", "name": name, "generations": generations, "seed": seed}
            given |= {"world": asdict(FIGURE), "threads": options.threads}
            yield Job("configuration", f"{generations} generations", f"{name}, seed {seed}", given, limit_s)


def _measured(quick: bool) -> set[tuple[str, str]]:
    path = RESULTS / f"configuration{'-quick' if quick else ''}.csv"
    if not path.exists():
        return set()
    with path.open(newline="") as file:
        return {(r["size"], r["phase"]) for r in csv.DictReader(file) if not r.get("status")}


def skip(job: Job, rows: list[Row]) -> str | None:
    """Peers that are not installed."""
    return missing(str(job.given.get("name", "")))


def measure(given: dict[str, Any]) -> list[Row]:
    """One row."""
    world = World(**given["world"])
    with Threads(given["threads"]) as threads:
        if given["what"] == "time":
            return [_time(world, threads)]
        if given["what"] == "search":
            return [_search(world, threads, given["name"], given["evaluations"], given["seed"])]
        return [_curve(world, threads, given["name"], given["generations"], given["seed"])]


def _time(world: World, threads: Threads) -> Row:
    """Milliseconds a plan, on one thread and on all; the best of several generations of plans."""
    row: Row = {}
    for name, on in (("plan_ms", None), ("plan_threads_ms", threads)):
        evaluator = evaluator_of(world, 100, 0, on)
        limits, rng = evaluator.limits, np.random.default_rng(0)
        genetic = Genetic(evaluator, limits, limits.fast_before, limits.normal_before, rng)
        found = []
        for _ in range(6):
            before, begin = evaluator.evaluations, time.perf_counter()
            genetic.step(1000)
            seconds = time.perf_counter() - begin
            found.append(1e3 * seconds / max(evaluator.evaluations - before, 1))
        row[name] = min(found)
    return row


def _search(world: World, threads: Threads, name: str, evaluations: int, seed: int) -> Row:
    evaluator = evaluator_of(world, evaluations, seed, threads)
    limits, begin = evaluator.limits, time.perf_counter()
    if name in PEERS:
        plan = seek(name, evaluator, seed)
    else:
        found = search(name, evaluator, limits, evaluator.stations.plan, evaluator.parameters)
        plan = np.concatenate([found.fast, found.normal])
    seconds = time.perf_counter() - begin
    parts = plan[: limits.stations], plan[limits.stations :]
    train = evaluator.judge(*parts)
    fresh = evaluator_of(world, evaluations, seed, threads, fresh=True).judge(*parts)
    return {
        "seconds": seconds,
        "objective": float(train.objective[0]),
        "feasible": bool(train.feasible[0]),
        "objective_fresh": float(fresh.objective[0]),
        "wait_min": float(fresh.figures["mean_wait_min"][0]),
        "wait_before_min": float(evaluator.before.figures["mean_wait_min"][0]),
    }


def _curve(world: World, threads: Threads, name: str, generations: int, seed: int) -> Row:
    """Return generations until 95 % of what a search gains in all is gained, as in the source's figure 3."""
    evaluator = evaluator_of(world, 10**9, seed, threads)
    limits, rng = evaluator.limits, np.random.default_rng(seed)
    genetic = Genetic(
        evaluator, limits, limits.fast_before, limits.normal_before, rng, strengthened=name == "genetic"
    )
    best, begin = np.zeros(generations), time.perf_counter()
    for generation in range(generations):
        genetic.step(10**9)
        best[generation] = genetic.best.score[0]
    reached = int(np.argmax(best <= 0.95 * best[-1])) + 1
    marks = np.unique(np.geomspace(1, generations, 25).astype(int))
    return {
        "seconds": time.perf_counter() - begin,
        "objective": best[-1],
        "generations_to_95": reached,
        "curve": " ".join(f"{mark}:{best[mark - 1]:.5g}" for mark in marks),
    }


def table(rows: list[Row]) -> str:
    """Three tables."""
    latest = {(r["size"], r["phase"]): r for r in rows}
    parts = [_times(latest), _searches(latest), _curves(latest)]
    lost = sorted({f"{r['phase'].split(',')[0]}: {r['note']}" for r in latest.values() if r.get("note")})
    return "\n\n".join([*filter(None, parts), *lost, provenance(rows)])


def _times(rows: dict[tuple[str, str], Row]) -> str:
    body = []
    for (size, phase), r in rows.items():
        if r.get("plan_ms"):
            minutes = float(r["plan_threads_ms"]) * GOAL / 60_000.0
            body.append([size, phase, float(r["plan_ms"]), float(r["plan_threads_ms"]), minutes])
    if not body:
        return ""
    head = ["charges a day", "drivers know", "1 thread [ms]", "threads [ms]", f"{GOAL:,} plans [min]"]
    about = f"A plan judged on {TRAIN_DAYS} days at 240 stations; asked for: {GOAL_S / 60:.0f} min or less."
    return markdown(head, body) + "\n\n" + about


def _searches(rows: dict[tuple[str, str], Row]) -> str:
    groups: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for (size, phase), r in rows.items():
        if r.get("objective_fresh"):
            name, rest = phase.split(", ", 1)
            label = rest.rsplit(", ", 1)[0]
            groups[size, label, name].append(r)
    body = []
    for (size, label, name), found in sorted(
        groups.items(), key=lambda item: (item[0][:2], np.median([float(r["objective"]) for r in item[1]]))
    ):
        train, fresh, wait, seconds = (
            np.array([float(r[k]) for r in found])
            for k in ("objective", "objective_fresh", "wait_min", "seconds")
        )
        body.append(
            [
                *(size, label, name, len(found)),
                *(np.median(train), train.min(), train.max()),
                *(np.median(fresh), np.median(wait), np.median(seconds)),
            ]
        )
    if not body:
        return ""
    head = [
        "evaluations",
        "drivers know",
        "search",
        "seeds",
        "objective, median",
        "best",
        "worst",
        "on fresh days, median",
        "wait there [min]",
        "time [s]",
    ]
    return markdown(head, body)


def _curves(rows: dict[tuple[str, str], Row]) -> str:
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for (size, phase), r in rows.items():
        if r.get("generations_to_95"):
            groups[size, phase.split(", ")[0]].append(r)
    body = []
    for (size, name), found in sorted(groups.items()):
        reached, end = (np.array([float(r[k]) for r in found]) for k in ("generations_to_95", "objective"))
        low, middle, high = np.quantile(reached, [0.05, 0.5, 0.95])
        body.append([size, name, len(found), middle, low, high, np.median(end)])
    if not body:
        return ""
    head = ["length", "search", "seeds", "generations to the last 5 %", "5 %", "95 %", "objective, median"]
    return markdown(head, body)


register(Case("configuration", "searches for plans of stations, and peers", jobs, measure, table, skip))
