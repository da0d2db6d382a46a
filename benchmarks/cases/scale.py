"""A hundred thousand and a million vehicles: time and memory to a certified gap of 1e-3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.cases.runs import measured, milestones
from benchmarks.machine import memory_mib, timed
from benchmarks.registry import Case, Job, Options, Row, register
from benchmarks.scenarios import ROOM, TIGHT, warm_up, week
from benchmarks.tables import markdown, provenance

SIZES = {100_000: 400, 1_000_000: 1_000}
QUICK = {2_000: 8}
ROOMS = {"as filed": 0.0, "little room": ROOM, "tight": TIGHT}
"""Mean headroom over mean unmanaged load; 0: as the region has it."""


def jobs(options: Options) -> Iterator[Job]:
    """Each size with the default solver; 15-minute steps over a week."""
    sizes = {v: SIZES.get(v, max(2, v // 250)) for v in options.sizes} or (QUICK if options.quick else SIZES)
    for vehicles, feeders in sizes.items():
        limit = max(options.limit_s, 3600.0)
        for phase, room in ROOMS.items():
            given = {
                "vehicles": vehicles,
                "feeders": feeders,
                "room": room,
                "limit_s": limit,
                "threads": options.threads,
                "seed": options.seed,
            }
            yield Job("scale", f"{vehicles}", phase, given, 1.5 * limit + 1200.0)


def measure(given: dict[str, Any]) -> list[Row]:
    """One size."""
    warm_s, _ = timed(lambda: warm_up("newton", given["threads"]))
    synthesis_s, scenario = timed(
        lambda: week(
            given["vehicles"],
            step_min=15.0,
            feeders=given["feeders"],
            room=given["room"],
            seed=given["seed"],
        )
    )
    resting, before = memory_mib()
    row, result = measured(
        scenario,
        relative_gap=1e-3,
        solver="newton",
        threads=given["threads"],
        time_limit_s=given["limit_s"],
    )
    extra: Row = {
        "warm_up_s": warm_s,
        "synthesis_s": synthesis_s,
        "synthesis_peak_mib": before,
        "scenario_mib": resting,
    }
    if row.get("passes"):
        extra["us_per_vehicle_and_pass"] = 1e6 * row["solve_s"] / row["passes"] / row["vehicles"]
        # What a pass really had to answer: vehicles that see no price are skipped.
        if row.get("answered"):
            extra["us_per_answer"] = 1e6 * row["solve_s"] / row["answered"]
    return [{**row, **extra, **milestones(result)}]


def table(rows: list[Row]) -> str:
    """Return a row a size."""
    latest = {(r["phase"], int(r["size"])): r for r in rows}
    columns = {
        "feeders": "feeders",
        "steps": "steps",
        "variables": "variables",
        "status": "status",
        "objective": "cost",
        "gap": "gap",
        "seconds": "wall [s]",
        "peak_mib": "peak memory [MiB]",
        "passes": "passes",
        "us_per_vehicle_and_pass": "µs a vehicle and pass",
        "us_per_answer": "µs an update made",
        "synthesis_s": "synthesis [s]",
    }
    body = [
        [f"{size:,}, {phase}", *(r.get(k) or "" for k in columns)]
        for (phase, size), r in sorted(latest.items())
    ]
    parts = [markdown(["vehicles", *columns.values()], body)]
    for phase in sorted({phase for phase, _ in latest}):
        pace = [
            float(r["us_per_vehicle_and_pass"])
            for (p, _), r in sorted(latest.items())
            if p == phase and r.get("us_per_vehicle_and_pass")
        ]
        if len(pace) > 1:
            parts.append(
                f"Time per vehicle and pass, {phase}, largest to smallest: {pace[-1] / pace[0] - 1.0:+.0%}."
            )
    parts.append("Wall time is the whole study, from a scenario in memory to its result. " + provenance(rows))
    return "\n\n".join(parts)


register(Case("scale", "100,000 and 1,000,000 vehicles to a certified 1e-3", jobs, measure, table))
