"""Simulated charging sessions beside observed ones: quantiles, and how far the distributions lie apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.machine import timed
from benchmarks.observed_sessions import PAIRS, available, distance, observed, simulated
from benchmarks.registry import Case, Job, Options, Row, register
from benchmarks.tables import markdown, provenance

VEHICLES, QUICK = 20_000, 2_000
COLUMNS = ("start_h", "energy_kwh", "charge_min", "stay_min")


def jobs(options: Options) -> Iterator[Job]:
    """One comparison."""
    for vehicles in options.sizes or (QUICK if options.quick else VEHICLES,):
        yield Job("sessions", f"{vehicles}", "compare", {"vehicles": vehicles, "seed": options.seed})


def skip(job: Job, rows: list[Row]) -> str | None:
    """Observed sessions are not part of the program."""
    return None if available() else "observed sessions are not at hand"


def measure(given: dict[str, Any]) -> list[Row]:
    """Return a row a kind of session, simulated and observed."""
    seconds, ours = timed(lambda: simulated(given["vehicles"], given["seed"]))
    real, rows = observed(), []
    for kind, table in [*ours.items(), *real.items()]:
        row: Row = {"kind": kind, "sessions": len(table), "seconds": seconds, "status": "done"}
        row["beside"] = PAIRS.get(kind.split(",")[0], "") if kind in ours else ""
        for name in COLUMNS:
            for share in (0.05, 0.25, 0.5, 0.75, 0.95):
                row[f"{name}_{100 * share:.0f}"] = float(table[name].quantile(share))
            if row["beside"]:
                row[f"{name}_ks"] = distance(table[name], real[row["beside"]][name])
        rows.append(row)
    return rows


def table(rows: list[Row]) -> str:
    """Quartiles of each kind, and distances."""
    latest = {r["kind"]: r for r in rows if r.get("kind")}
    if not latest:
        return "\n\n".join(f"{r['status']}: {r.get('note', '')}" for r in rows)

    def cell(row: Row, name: str) -> str:
        values = [row.get(f"{name}_{q}", "") for q in (25, 50, 75)]
        return (
            " / ".join(f"{float(v):.1f}" for v in values) if all(v not in ("", "nan") for v in values) else ""
        )

    titles = ["start [h]", "energy [kWh]", "charging [min]", "plugged in [min]"]
    body = [[kind, row["sessions"], *(cell(row, name) for name in COLUMNS)] for kind, row in latest.items()]
    parts = [markdown(["quartiles", "sessions", *titles], body)]
    body = [
        [f"{kind} : {row['beside']}", *(row.get(f"{name}_ks", "") for name in COLUMNS)]
        for kind, row in latest.items()
        if row.get("beside")
    ]
    parts.append(markdown(["largest difference of distributions", *titles], body))
    return "\n\n".join([*parts, provenance(rows)])


register(Case("sessions", "simulated charging sessions beside observed ones", jobs, measure, table, skip))
