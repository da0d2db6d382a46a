"""A case like the source's: queues as long as its before the search, its table of costs after it.

``--sizes`` are numbers of evaluations.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from benchmarks.registry import Case, Job, Options, Row, register
from benchmarks.search_worlds import FRESH_DAYS, TRAIN_DAYS, World, evaluator_of
from benchmarks.tables import markdown, provenance
from tidewatt.configuration.search import search
from tidewatt.execution.threads import Threads

EVALUATIONS, QUICK_EVALUATIONS = 2_000, 100
FAST_SHARE, NORMAL_SHARE = 24.0, 14.0
"""Found by trial, such that drivers wait 11 min and charge 27 min before the search."""

T_95 = 2.201
"""Of 12 days: half the width of the interval of a mean in standard errors."""

FIGURES = {
    "f1": "stations, $F_1$",
    "f1_1": "retrofit, $F_{1\\_1}$",
    "f1_2": "revenue, $F_{1\\_2}$",
    "f1_3": "expansion, $F_{1\\_3}$",
    "f2": "drivers, $F_2$",
    "f2_1": "time, $F_{2\\_1}$",
    "f2_3": "dissatisfaction, $F_{2\\_3}$",
    "f3": "grid, $F_3$",
    "f4": "traffic, $F_4$",
    "mean_detour_min": "detour [min]",
    "mean_wait_min": "wait [min]",
    "mean_charge_min": "charging [min]",
    "peak_load_kw": "peak load [kW]",
    "peak_valley_kw": "peak less valley [kW]",
    "queue_peak": "longest queue, all stations [vehicles]",
}
"""Rows of the source's Table 3 and their parts, as far as a world without roads has them."""


def jobs(options: Options) -> Iterator[Job]:
    """With (18), and without."""
    for evaluations in options.sizes or (QUICK_EVALUATIONS if options.quick else EVALUATIONS,):
        for bound in (True, False):
            world = World(fast_share=FAST_SHARE, normal_share=NORMAL_SHARE, cost_must_not_rise=bound)
            given = {
                "world": asdict(world),
                "evaluations": evaluations,
                "seed": options.seed,
                "threads": options.threads,
            }
            phase = "with (18)" if bound else "without (18)"
            yield Job("calibrated", f"{evaluations} evaluations", phase, given, options.limit_s)


def measure(given: dict[str, Any]) -> list[Row]:
    """One row: costs and figures of 12 fresh days before and after; intervals of changes by day."""
    world, count, seed = World(**given["world"]), given["evaluations"], given["seed"]
    with Threads(given["threads"]) as threads:
        train = evaluator_of(world, count, seed, threads)
        begin = time.perf_counter()
        found = search("memetic", train, train.limits, train.stations.plan, train.parameters)
        seconds = time.perf_counter() - begin
        judged = train.judge(found.fast, found.normal)
        row: Row = {
            "seconds": seconds,
            "evaluations": train.evaluations,
            "weights": " ".join(f"{weight:g}" for weight in world.weights),
            "objective_train": float(judged.objective[0]),
            "feasible": bool(judged.feasible[0]),
            "fast_before": int(train.stations.fast.sum()),
            "fast_after": int(found.fast.sum()),
            "normal_before": int(train.stations.normal.sum()),
            "normal_after": int(found.normal.sum()),
        }
        before, after, change = [], [], []
        for day in range(FRESH_DAYS):
            fresh = evaluator_of(world, count, seed, threads, fresh=True, days=(day,))
            plan = fresh.judge(found.fast, found.normal)
            before.append(_figures(fresh.before))
            after.append(_figures(plan))
            change.append(float(plan.objective[0]))
    row["objective"], row["objective_ci95"] = _mean(np.array(change))
    for name in FIGURES:
        old, new = (np.array([figures[name] for figures in days]) for days in (before, after))
        row[f"{name}_before"], row[f"{name}_after"] = old.mean(), new.mean()
        row[f"{name}_ci95"] = _mean(new - old)[1]
    return [row]


def _figures(judged: Any) -> dict[str, float]:
    return {name: float(value[0]) for name, value in (judged.costs._asdict() | judged.figures).items()}


def _mean(days: np.ndarray) -> tuple[float, float]:
    return float(days.mean()), float(T_95 * days.std(ddof=1) / np.sqrt(len(days)))


def table(rows: list[Row]) -> str:
    """Before and after, for the last run of each kind."""
    latest = {(r["size"], r["phase"]): r for r in rows if not r.get("status")}
    return "\n\n".join([*(_table(size, phase, r) for (size, phase), r in latest.items()), provenance(rows)])


def _table(size: str, phase: str, r: Row) -> str:
    about = (
        f"**{size}, {phase}**: weights {r['weights']}, objective {float(r['objective']):.2f} ± "
        f"{float(r['objective_ci95']):.2f} on {FRESH_DAYS} fresh days, {float(r['objective_train']):.2f} on "
        f"the {TRAIN_DAYS} of the search; fast chargers {r['fast_before']} to {r['fast_after']}, normal "
        f"{r['normal_before']} to {r['normal_after']}"
    )
    body = []
    for name, label in FIGURES.items():
        old, new = float(r[f"{name}_before"]), float(r[f"{name}_after"])
        share = f"{new / old - 1.0:+.1%}" if old else ""
        body.append(
            [label, _cell(old), _cell(new), f"{new - old:+.3g} ± {float(r[f'{name}_ci95']):.2g}", share]
        )
    return about + "\n\n" + markdown(["mean of a day", "before", "after", "change", "relative"], body)


def _cell(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


register(Case("calibrated", "a case like the source's, before and after a search", jobs, measure, table))
