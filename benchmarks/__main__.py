"""Run benchmarks: ``python -m benchmarks [CASE...] [--quick]``.

Every job runs in a process of its own, so that one that fails, hangs or takes too much memory costs only
itself; rows are written as they come, to ``benchmarks/results/<case>.csv``.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.cases import load_cases
from benchmarks.machine import machine
from benchmarks.registry import CASES, Case, Job, Options, Row

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).resolve().parent / "results"


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point."""
    load_cases()
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="cases:\n" + "\n".join(f"  {c.name:<10} {c.about}" for c in CASES.values()),
    )
    parser.add_argument("cases", nargs="*", metavar="CASE", help="which to run; default: all")
    parser.add_argument("--quick", action="store_true", help="small sizes only, written beside the others")
    parser.add_argument("--limit", type=float, default=900.0, help="seconds for every solve (default 900)")
    parser.add_argument("--threads", type=int, default=2, help="of tidewatt and of peers (default 2)")
    parser.add_argument("--seed", type=int, default=0, help="of the scenarios (default 0)")
    parser.add_argument(
        "--sizes", type=int, nargs="*", default=[], help="numbers of vehicles, instead of the case's"
    )
    parser.add_argument("--only", default="", help="only jobs whose size and phase contain this text")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the CSV files")
    parser.add_argument("--fresh", action="store_true", help="forget earlier rows of these cases")
    parser.add_argument("--table", action="store_true", help="only print the tables of what is there")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    parser.add_argument("--answer", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.job:
        return _measure(json.loads(args.job), args.answer)
    if unknown := [name for name in args.cases if name not in CASES]:
        parser.error(f"no case {', '.join(unknown)}; there are {', '.join(CASES)}")
    cases = [CASES[name] for name in args.cases or CASES]
    options = Options(args.quick, args.limit, args.threads, args.seed, tuple(args.sizes))
    for case in cases:
        path = args.out / f"{case.name}{'-quick' if args.quick else ''}.csv"
        if not args.table:
            if args.fresh:
                path.unlink(missing_ok=True)
            _run(case, options, path, args.only)
        if rows := _read(path):
            print(f"\n## {case.name}\n\n{case.table(rows)}\n", flush=True)
    return 0


def _run(case: Case, options: Options, path: Path, only: str) -> None:
    """All jobs of a case, one after the other."""
    done: list[Row] = []
    for job in case.jobs(options):
        label = f"{case.name} / {job.size} / {job.phase}"
        if only not in label:
            continue
        begin = time.perf_counter()
        reason = case.skip(job, done)
        rows = [{"status": "not run", "note": reason}] if reason else _isolated(job)
        rows = [{**machine(), "case": job.case, "size": job.size, "phase": job.phase, **row} for row in rows]
        done += rows
        _append(path, rows)
        what = "; ".join(f"{r.get('status', 'done')} {r.get('note', '')}".strip() for r in rows)
        print(f"{label}: {what} ({time.perf_counter() - begin:.0f} s)", file=sys.stderr, flush=True)


def _isolated(job: Job) -> list[Row]:
    """Return a job's rows, from a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "rows.json"
        task = json.dumps({"case": job.case, "given": job.given})
        command = [sys.executable, "-m", "benchmarks", "--job", task, "--answer", str(answer)]
        env = dict(os.environ, PYTHONPATH=os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
        with tempfile.TemporaryFile("w+") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)
            try:
                code = process.wait(timeout=job.limit_s)
            except subprocess.TimeoutExpired:
                return [
                    {
                        "status": "ended",
                        "note": f"no answer after {job.limit_s:.0f} s",
                        "seconds": job.limit_s,
                    }
                ]
            finally:
                process.kill()
                process.wait()
            if answer.exists():
                return list(json.loads(answer.read_text()))
            log.seek(0)
            last = (log.read().strip().splitlines() or ["no message"])[-1]
    return [{"status": "failed", "note": f"exit {code}: {last[:200]}"}]


def _measure(task: dict[str, object], answer: Path) -> int:
    """One job, in this process."""
    case = CASES[str(task["case"])]
    rows = case.measure(dict(task["given"]))  # type: ignore[call-overload]
    answer.write_text(json.dumps(rows, default=float))
    return 0


def _read(path: Path) -> list[Row]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _append(path: Path, rows: list[Row]) -> None:
    """Add rows; columns seen for the first time go to the right."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = _read(path) + rows
    columns = list(dict.fromkeys(key for row in rows for key in row))
    part = path.with_suffix(".part")
    with part.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    part.replace(path)


if __name__ == "__main__":
    sys.exit(main())
