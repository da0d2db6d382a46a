"""tidewatt beside outside solvers on the identical linear program."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks import peers
from benchmarks.cases.runs import measured
from benchmarks.linear_program import linear_program
from benchmarks.machine import memory_mib, timed
from benchmarks.registry import Case, Job, Options, Row, register
from benchmarks.scenarios import ROOM, warm_up, week
from benchmarks.tables import first_words, markdown, number, provenance

SIZES = (1_000, 3_000, 10_000)
QUICK = (100, 300)
GAPS = (1e-2, 1e-3, 1e-4)
OWN = ("tidewatt-newton", "tidewatt-admm")


def jobs(options: Options) -> Iterator[Job]:
    """Every solver at every gap, tidewatt first; simplex, which knows no gap, once."""
    for vehicles in options.sizes or (QUICK if options.quick else SIZES):
        for gap in GAPS:
            for solver in (*OWN, *peers.PEERS):
                if solver == "highs-simplex" and gap != GAPS[0]:
                    continue
                given = {
                    "vehicles": vehicles,
                    "gap": gap,
                    "solver": solver,
                    "limit_s": options.limit_s,
                    "threads": options.threads,
                    "seed": options.seed,
                }
                # A peer may look at the clock late: in factorising, in presolve, at the end.
                yield Job("peers", f"{vehicles}", f"{solver} {gap:g}", given, 1.3 * options.limit_s + 300.0)


def skip(job: Job, rows: list[Row]) -> str | None:
    """Reason not to run: a peer that is not installed, or did not finish at a looser gap."""
    solver, gap = str(job.given["solver"]), float(job.given["gap"])
    if solver not in OWN and (reason := peers.missing(solver)):
        return reason
    for row in rows:
        same = row.get("solver") == solver and str(row["size"]) == job.size
        if same and float(row.get("gap_asked", gap)) > gap and not row.get("finished"):
            return f"did not finish at {float(row['gap_asked']):g}"
    return None


def measure(given: dict[str, Any]) -> list[Row]:
    """One solver at one size and gap."""
    solver, gap, threads = given["solver"], given["gap"], given["threads"]
    scenario = week(given["vehicles"], room=ROOM, seed=given["seed"])
    own: Row = {"solver": solver, "gap_asked": gap, "threads": threads, "limit_s": given["limit_s"]}
    if solver in OWN:
        method = solver.removeprefix("tidewatt-")
        compile_s, _ = timed(lambda: warm_up(method, threads))
        row, _ = measured(
            scenario, relative_gap=gap, solver=method, threads=threads, time_limit_s=given["limit_s"]
        )
        finished = row["status"] == "certified"
        return [
            {**own, **row, "warm_up_s": compile_s, "schedule_cost": row["objective"], "finished": finished}
        ]
    build_s, program = timed(lambda: linear_program(scenario))
    found = peers.solve(
        scenario, program, solver, relative_gap=gap, time_limit_s=given["limit_s"], threads=threads
    )
    row = {
        "status": found.status,
        "seconds": found.seconds,
        "peak_mib": memory_mib()[1],
        "vehicles": len(scenario.fleet),
        "feeders": scenario.grid.feeders,
        "banks": scenario.grid.banks,
        "steps": scenario.horizon.steps,
        "variables": program.charging,
        "objective": found.objective,
        "schedule_cost": found.schedule_cost,
        "infeasibility": found.infeasibility,
        "finished": found.finished,
        "build_s": build_s,
    }
    return [{**own, **row}]


def table(rows: list[Row]) -> str:
    """Seconds by solver, and how much faster tidewatt is than the best peer that finished."""
    latest = {(int(r["size"]), r["phase"]): r for r in rows}
    parts = []
    for size in sorted({size for size, _ in latest}):
        mine = {phase: r for (s, phase), r in latest.items() if s == size}
        some = next((r for r in mine.values() if r.get("variables")), {})
        body, times = [], {}
        for solver in (*OWN, *peers.PEERS):
            cells, notes = [], []
            for gap in GAPS:
                r = mine.get(f"{solver} {GAPS[0] if solver == 'highs-simplex' else gap:g}", {})
                if str(r.get("finished")) == "True":
                    times[solver, gap] = float(r["seconds"])
                    cells.append(number(r["seconds"]) + " s")
                else:
                    cells.append(f"- ({first_words(r.get('note') or r.get('status', 'not run'))})")
                if r.get("schedule_cost"):
                    notes.append(number(r["schedule_cost"], 6))
            body.append([solver, *cells, " / ".join(dict.fromkeys(notes))])
        best = {gap: [t for (s, g), t in times.items() if g == gap and s not in OWN] for gap in GAPS}
        ratio = []
        for gap in GAPS:
            newton = times.get((OWN[0], gap))
            ratio.append(f"{min(best[gap]) / newton:,.1f} x" if best[gap] and newton else "")
        body.append(["newton faster than the best peer", *ratio, ""])
        head = ["solver", *(f"gap {g:g}" for g in GAPS), "cost of schedule"]
        parts.append(
            f"**{size:,} vehicles**, {some.get('feeders', '?')} feeders, {some.get('steps', '?')} steps, "
            f"{number(some.get('variables'))} variables, {some.get('threads', '?')} threads\n\n"
            + markdown(head, body)
        )
    parts.append(
        "tidewatt's time is the whole study, its gap certified; a peer's is the solve alone, stopped by its "
        "own residuals at the same tolerance. " + provenance(rows)
    )
    return "\n\n".join(parts)


register(
    Case("peers", "against HiGHS and OR-tools on the identical linear program", jobs, measure, table, skip)
)
