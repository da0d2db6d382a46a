"""Tariffs: the published case, real roads with a real grid, growth, and the full model by another solver."""

from __future__ import annotations

import importlib.util
import time
import warnings
from collections.abc import Iterator
from typing import Any

from benchmarks.machine import memory_mib, reset_peak_memory
from benchmarks.registry import Case, Job, Options, Row, register
from benchmarks.tables import first_words, markdown, provenance
from benchmarks.tariff_cases import EXAMPLES, JOINED, SOC_STEP, grown, missing, problem_of, scenario_of
from tidewatt.tariffs.problem import Solution, TariffProblem

MAIN_GAIN = 15.0 * 0.93 * 0.25 / 40.0
"""SOC that the main level of the published case gains in a step; steps that do not divide it lose power."""
PARTS = (2, 4, 8, 16)
SIDES, STEPS, SMALL_SIDES = (4, 6, 8, 12), (48, 96, 192), (3, 4)
QUICK_SIDES, QUICK_STEPS = (4,), (48,)
REPEATS = 3
"""The best of so many solves counts: everything else on a machine only makes them slower."""


def jobs(options: Options) -> Iterator[Job]:
    """Whole studies; then single solves of central problems that grow; then small ones beside the peer."""
    limit = options.limit_s
    common = {"seed": options.seed, "threads": options.threads, "limit_s": limit}

    def job(size: str, phase: str, **given: Any) -> Job:
        return Job("tariffs", size, phase, {**common, **given}, 3.0 * limit + 300.0)

    names = EXAMPLES[:1] if options.quick else (*EXAMPLES, *JOINED)
    for name in names:
        for formulation in ("arcs",) if name in JOINED else ("arcs", "paths"):
            yield job(name, f"study, {formulation}", what="study", name=name, formulation=formulation)
    for parts in PARTS[:2] if options.quick else PARTS:
        step = MAIN_GAIN / parts
        yield job(EXAMPLES[0], f"SOC step {step:.4f}", what="solve", name=EXAMPLES[0], soc_step=step)
    for count in (1, 2, 4) if options.quick else (1, 2, 4, 6, 8):
        phase = f"{count} paths"
        yield job(EXAMPLES[0], phase, what="solve", name=EXAMPLES[0], formulation="paths", paths=count)
    for side in QUICK_SIDES if options.quick else SIDES:
        for steps in QUICK_STEPS if options.quick else STEPS:
            if steps < 4 * side:
                continue
            for formulation in ("arcs", "paths"):
                given = {"side": side, "steps": steps, "formulation": formulation}
                yield job(f"{side * side} nodes, {steps} steps", formulation, what="solve", **given)
    for side in SMALL_SIDES:
        for v2g in (False, True):
            for solver in ("arcs", "cvxpy with Clarabel"):
                size = f"{side * side} nodes, 24 steps{', both ways' if v2g else ''}"
                given = {"side": side, "steps": 24, "v2g": v2g, "peer": solver != "arcs"}
                yield job(size, f"small, {solver}", what="solve", **given)


def skip(job: Job, rows: list[Row]) -> str | None:
    """Return data that is not at hand, and a peer that is optional."""
    if job.given.get("peer") and importlib.util.find_spec("cvxpy") is None:
        return "cvxpy is not installed"
    return missing(str(job.given.get("name", "")))


def measure(given: dict[str, Any]) -> list[Row]:
    """One row."""
    _warm_up()
    if given["what"] == "study":
        return [_study(given)]
    problem = _problem(given)
    row: Row = {"groups": len(problem.travel), "links": problem.roads.links, "sites": len(problem.sites)}
    return [row | (_peer(problem) if given.get("peer") else _solve(problem, given))]


def _problem(given: dict[str, Any]) -> TariffProblem:
    if "name" in given:
        return problem_of(scenario_of(given["name"], given["seed"]))
    return grown(given["side"], given["steps"], v2g=given.get("v2g", False), seed=given["seed"])


def _warm_up() -> None:
    """Compile, or load from the cache, what solving needs."""
    from tidewatt.tariffs.central import solve

    for formulation in ("arcs", "paths"):
        solve(grown(3, 24), formulation=formulation, soc_step=SOC_STEP)


def _study(given: dict[str, Any]) -> Row:
    """Return a whole study: central problem, aggregators' own, margins, outcomes."""
    from tidewatt.tariffs.study import tariff

    scenario = scenario_of(given["name"], given["seed"])
    reset_peak_memory()
    resting, _ = memory_mib()
    wall, cpu = time.perf_counter(), time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = tariff(
            scenario,
            formulation=given["formulation"],
            threads=given["threads"],
            time_limit_s=given["limit_s"],
            samples=10_000,
        )
    row: Row = {"study_s": time.perf_counter() - wall, "study_cpu_s": time.process_time() - cpu}
    figures = result.summary()
    wanted = (
        *("status", "cost", "relative_gap", "columns", "rows", "arcs_generated", "iterations"),
        *("build_s", "solve_s", "largest_tariff_per_kwh", "robust_cost_increase"),
        *("decentralisation_error_kw", "decentralisation_error_tariff_only_kw"),
    )
    row |= {name: figures.get(name) for name in wanted}
    row["prices_needed"] = ", ".join(figures.get("prices_needed") or ())
    return {**row, "resting_mib": resting, "peak_mib": memory_mib()[1]}


def _solve(problem: TariffProblem, given: dict[str, Any]) -> Row:
    """One central problem, the best of `REPEATS`, or the first where it takes long."""
    from tidewatt.tariffs.central import solve

    found: list[tuple[float, float, Solution]] = []
    reset_peak_memory()
    resting, _ = memory_mib()
    for _ in range(REPEATS):
        wall, cpu = time.perf_counter(), time.process_time()
        solution = solve(
            problem,
            formulation=given.get("formulation", "arcs"),
            soc_step=given.get("soc_step", SOC_STEP),
            paths_per_od=given.get("paths", 4),
            time_limit_s=given["limit_s"],
            traffic=False,
        )
        found.append((time.perf_counter() - wall, time.process_time() - cpu, solution))
        if found[-1][0] > 30.0:
            break
    seconds, cpu_s, best = min(found, key=lambda item: item[0])
    assert problem.rows is not None
    price = sum(best.tariff_per_kwh(problem.rows, problem.step_h))
    return {
        "status": best.status,
        "seconds": seconds,
        "cpu_s": cpu_s,
        "build_s": best.build_s,
        "solve_s": best.solve_s,
        "cost": best.cost,
        "relative_gap": best.relative_gap,
        "columns": best.columns,
        "rows": best.rows,
        "arcs_generated": best.arcs,
        "iterations": best.iterations,
        "largest_tariff_per_kwh": float(price.max(initial=0.0)),
        "resting_mib": resting,
        "peak_mib": memory_mib()[1],
    }


def _peer(problem: TariffProblem) -> Row:
    """All flows between levels at once: the model that the tests compare with."""
    from tests.verification.tariff_models import by_levels

    reset_peak_memory()
    resting, _ = memory_mib()
    wall = time.perf_counter()
    answer = by_levels(problem, tolerance=1e-9)
    seconds = time.perf_counter() - wall
    return {
        "status": answer.status,
        "seconds": seconds,
        "build_s": seconds - answer.solver_s,
        "solve_s": answer.solver_s,
        "cost": answer.cost,
        "columns": answer.columns,
        "largest_tariff_per_kwh": float(answer.tariff_per_kwh(problem).max(initial=0.0)),
        "resting_mib": resting,
        "peak_mib": memory_mib()[1],
    }


STUDY = {
    "study_s": "study [s]",
    "solve_s": "central problem [s]",
    "columns": "columns",
    "cost": "cost",
    "relative_gap": "proved gap",
    "largest_tariff_per_kwh": "largest tariff [per kWh]",
    "decentralisation_error_kw": "aggregators off by [kW]",
    "decentralisation_error_tariff_only_kw": "told the tariff alone [kW]",
    "prices_needed": "prices needed",
    "peak_mib": "peak memory [MiB]",
}
SOLVE = {
    "seconds": "solve [s]",
    "build_s": "of which building [s]",
    "groups": "groups",
    "columns": "columns",
    "rows": "rows",
    "iterations": "programs",
    "cost": "cost",
    "relative_gap": "proved gap",
    "largest_tariff_per_kwh": "largest tariff [per kWh]",
    "peak_mib": "peak memory [MiB]",
}


def table(rows: list[Row]) -> str:
    """Studies, then single solves."""
    latest = {(r["size"], r["phase"]): r for r in rows}
    parts = []
    for columns, key in ((STUDY, "study_s"), (SOLVE, "seconds")):
        body = [
            [size, phase, r["status"], *(r.get(name, "") for name in columns)]
            for (size, phase), r in latest.items()
            if r.get(key) and r["status"] not in ("ended", "failed", "not run")
        ]
        if body:
            parts.append(markdown(["case", "what", "status", *columns.values()], body))
    for (size, phase), r in latest.items():
        if r["status"] in ("ended", "failed", "not run"):
            parts.append(f"{size}, {phase}: {r['status']}, {first_words(r.get('note', ''), 20)}")
    return "\n\n".join([*parts, provenance(rows)])


register(
    Case(
        "tariffs", "tariffs: studies, growth, and a full model by another solver", jobs, measure, table, skip
    )
)
