"""Passes to each gap, both solvers, easy and hard scenarios."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.cases.runs import GAPS, measured, milestones
from benchmarks.registry import Case, Job, Options, Row, register
from benchmarks.scenarios import VARIANTS, variant, warm_up
from benchmarks.tables import markdown, number, provenance

SIZES = (1_000, 10_000)
QUICK = (200,)


def jobs(options: Options) -> Iterator[Job]:
    """Every variant with both solvers."""
    for vehicles in options.sizes or (QUICK if options.quick else SIZES):
        for name in VARIANTS:
            for solver in ("newton", "admm"):
                given = {
                    "vehicles": vehicles,
                    "variant": name,
                    "solver": solver,
                    "limit_s": options.limit_s,
                    "threads": options.threads,
                    "seed": options.seed,
                }
                yield Job("passes", f"{vehicles}", f"{name}: {solver}", given, 2.0 * options.limit_s + 300.0)


def measure(given: dict[str, Any]) -> list[Row]:
    """One variant with one solver, to the tightest gap."""
    warm_up(given["solver"], given["threads"])
    scenario = variant(given["variant"], given["vehicles"], given["seed"])
    row, result = measured(
        scenario,
        relative_gap=GAPS[-1],
        solver=given["solver"],
        threads=given["threads"],
        time_limit_s=given["limit_s"],
    )
    return [{"variant": given["variant"], "solver": given["solver"], **row, **milestones(result)}]


def table(rows: list[Row]) -> str:
    """Return passes (and seconds) to each gap."""
    latest = {(int(r["size"]), r["phase"]): r for r in rows}
    body = []
    for (size, phase), r in sorted(latest.items(), key=lambda item: item[0][0]):
        if not r.get("passes"):
            body.append([f"{size:,}", phase, r.get("status", ""), *[""] * (len(GAPS) + 2)])
            continue
        cells = []
        for gap in GAPS:
            passes = number(r.get(f"passes_{gap:.0e}"))
            cells.append(f"{passes} ({number(r[f'seconds_{gap:.0e}'])} s)" if passes else "-")
        skipped, answered = float(r.get("skipped") or 0), float(r.get("answered") or 0)
        share = f"{skipped / (skipped + answered):.0%}" if skipped + answered else ""
        body.append([f"{size:,}", phase, number(r["variables"]), *cells, number(r["gap"]), share])
    head = ["vehicles", "scenario: solver", "variables", *(f"to {g:g}" for g in GAPS), "reached", "skipped"]
    return (
        markdown(head, body)
        + "\n\nPasses are projections and bounds of every vehicle. Skipped: vehicle updates that could not"
        " matter and were not made, of all. " + provenance(rows)
    )


register(Case("passes", "passes to 1e-1 .. 1e-4, both solvers, easy and hard", jobs, measure, table))
