"""One vehicle's projection beside general solvers; synthesis; reading and writing scenarios."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.linear_program import Floats, Ints, limits
from benchmarks.machine import timed
from benchmarks.registry import Case, Job, Options, Row, register
from benchmarks.scenarios import week
from benchmarks.tables import markdown, number, provenance
from tidewatt.compilation.kernel import kernel
from tidewatt.domain.scenario import Scenario
from tidewatt.kernels.charging import subproblem

PROJECTIONS = ("tidewatt", "numpy", "piqp", "highs-qp")
ONE_BY_ONE = 100
"""Vehicles given to the solvers that take milliseconds for each."""


@dataclass(frozen=True, slots=True)
class Vehicles:
    """Vehicles as the kernel sees them, and a point to project for each.

    Attributes
    ----------
    first : array, shape (vehicles + 1,)
        Offsets into opportunities.
    edge : array, shape (opportunities + 1,)
        Offsets into variables.
    """

    first: Ints
    edge: Ints
    v: Floats
    cap: Floats
    lower: Floats
    upper: Floats


def vehicles_of(scenario: Scenario) -> Vehicles:
    """Vehicles with something to decide, and signals like those of a running solver."""
    lim = limits(scenario)
    count = np.bincount(lim.vehicle, minlength=len(scenario.fleet))
    first = np.concatenate([[0], np.cumsum(count[count > 0])])
    edge = np.searchsorted(lim.opportunity, np.arange(len(lim.vehicle) + 1))
    rng = np.random.default_rng(0)
    # Unmanaged charging, pushed away from the evening: most limits stay slack, some bind.
    v = lim.unmanaged_kw - 3.0 * rng.random(len(lim.power_kw)) * (lim.unmanaged_kw > 0)
    return Vehicles(first, edge, v + rng.normal(0.0, 0.5, len(v)), lim.power_kw, lim.least, lim.most)


@kernel
def _project_all(first, edge, v, cap, lower, upper, x):
    most = 0
    for i in range(len(first) - 1):
        most = max(most, first[i + 1] - first[i])
    mu, scale = np.zeros(most), np.ones(len(v))
    stack = np.zeros((most + 2, 5))
    for i in range(len(first) - 1):
        a, b = first[i], first[i + 1]
        mu[:] = 0.0
        m = b - a
        subproblem.project(v, cap, scale, edge[a : b + 1], lower[a:b], upper[a:b], m, mu, stack)
        for j in range(m):
            for k in range(edge[a + j], edge[a + j + 1]):
                x[k] = min(max(v[k] - mu[j], 0.0), cap[k])


def _by_kernel(f: Vehicles, count: int) -> Floats:
    x = np.zeros(f.edge[f.first[count]])
    _project_all(f.first[: count + 1], f.edge, f.v, f.cap, f.lower, f.upper, x)
    return x


def _level(v: Floats, cap: Floats, target: float) -> float:
    """Return the mu with sum clip(v - mu, 0, cap) = target, by sorting the points where the slope changes."""
    at = np.concatenate([v - cap, v])
    order = np.argsort(at)
    at = at[order]
    slope = np.cumsum(np.where(order < len(v), -1.0, 1.0))
    total = cap.sum() + np.concatenate([[0.0], np.cumsum(slope[:-1] * np.diff(at))])
    k = int(np.clip(np.searchsorted(-total, -target) - 1, 0, len(at) - 1))
    return float(at[k] + (target - total[k]) / slope[k]) if slope[k] else float(at[k])


def _by_numpy(f: Vehicles, count: int) -> Floats:
    """Return the kernel's decomposition in array operations."""
    x = np.zeros(f.edge[f.first[count]])
    for i in range(count):
        a, b = int(f.first[i]), int(f.first[i + 1])
        todo = [(a, b, 0.0, False, 0.0)]
        while todo:
            j0, j1, start, pinned, end = todo.pop()
            here = slice(f.edge[j0], f.edge[j1])
            v, cap = f.v[here], f.cap[here]
            if pinned:
                y = np.clip(v - _level(v, cap, end - start), 0.0, cap)
            else:
                y = np.clip(v, 0.0, cap)
                least, most = f.lower[j1 - 1] - start, f.upper[j1 - 1] - start
                if not least <= y.sum() <= most:
                    y = np.clip(v - _level(v, cap, least if y.sum() < least else most), 0.0, cap)
            e = start + np.cumsum(np.add.reduceat(y, f.edge[j0:j1] - f.edge[j0]))[:-1]
            short, over = f.lower[j0 : j1 - 1] - e, e - f.upper[j0 : j1 - 1]
            worst = np.maximum(short, over)
            if len(worst) and worst.max() > 1e-9:
                j = int(worst.argmax())
                bound = float(f.lower[j0 + j] if short[j] > over[j] else f.upper[j0 + j])
                todo += [(j0, j0 + j + 1, start, True, bound), (j0 + j + 1, j1, bound, pinned, end)]
            else:
                x[here] = y
    return x


def _each(
    f: Vehicles, count: int, solve: Callable[[Floats, Floats, Floats, Floats, Floats], Floats]
) -> Floats:
    """Vehicle by vehicle through a general solver: v, cap, rows of the nested sums, and their bounds."""
    parts = []
    for i in range(count):
        a, b = int(f.first[i]), int(f.first[i + 1])
        begin, end = f.edge[a], f.edge[b]
        nested = (np.arange(begin, end)[None, :] < f.edge[a + 1 : b + 1, None]).astype(float)
        parts.append(solve(f.v[begin:end], f.cap[begin:end], nested, f.lower[a:b], f.upper[a:b]))
    return np.concatenate(parts)


def _piqp(v: Floats, cap: Floats, nested: Floats, lower: Floats, upper: Floats) -> Floats:
    import piqp
    import scipy.sparse as sp

    n = len(v)
    solver = piqp.SparseSolver()
    solver.settings.eps_abs, solver.settings.eps_rel = 1e-8, 1e-9
    identity, rows = sp.csc_matrix(sp.eye(n)), sp.csc_matrix(nested)
    none = sp.csc_matrix((0, n))
    solver.setup(identity, -v, none, np.zeros(0), rows, lower, upper, np.zeros(n), cap)
    solver.solve()
    return np.array(solver.result.x)


def _highs_qp(v: Floats, cap: Floats, nested: Floats, lower: Floats, upper: Floats) -> Floats:
    import highspy

    n = len(v)
    model = highspy.HighsModel()
    lp, hessian = model.lp_, model.hessian_
    lp.num_col_, lp.num_row_ = n, len(lower)
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = -v, np.zeros(n), cap
    lp.row_lower_, lp.row_upper_ = lower, upper
    filled = nested.sum(axis=1).astype(int)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = np.concatenate([[0], np.cumsum(filled)])
    lp.a_matrix_.index_ = np.concatenate([np.arange(k) for k in filled])
    lp.a_matrix_.value_ = np.ones(filled.sum())
    hessian.dim_ = n
    hessian.start_, hessian.index_, hessian.value_ = np.arange(n + 1), np.arange(n), np.ones(n)
    highs = highspy.Highs()
    highs.silent()
    highs.passModel(model)
    highs.run()
    return np.asarray(highs.getSolution().col_value)


def jobs(options: Options) -> Iterator[Job]:
    """Projection by four means, synthesis, writing and reading."""
    for vehicles in options.sizes or ((200,) if options.quick else (10_000,)):
        for solver in PROJECTIONS:
            given = {"what": "projection", "solver": solver, "vehicles": vehicles, "seed": options.seed}
            yield Job("kernels", f"{vehicles}", f"projection: {solver}", given, options.limit_s + 300.0)
    for vehicles in options.sizes or ((1_000,) if options.quick else (100_000, 1_000_000)):
        for what in ("synthesis", "files"):
            given = {"what": what, "vehicles": vehicles, "seed": options.seed}
            yield Job("kernels", f"{vehicles}", what, given, options.limit_s + 900.0)


def measure(given: dict[str, Any]) -> list[Row]:
    """One of the phases."""
    return {"projection": _projection, "synthesis": _synthesis, "files": _files}[given["what"]](given)


def _projection(given: dict[str, Any]) -> list[Row]:
    solver = given["solver"]
    if (
        solver in ("piqp", "highs-qp")
        and importlib.util.find_spec({"piqp": "piqp", "highs-qp": "highspy"}[solver]) is None
    ):
        return [{"status": "not run", "note": "not installed"}]
    fleet = vehicles_of(week(given["vehicles"], step_min=15.0, seed=given["seed"]))
    every = len(fleet.first) - 1
    count = {"tidewatt": every, "numpy": min(every, 20 * ONE_BY_ONE)}.get(solver, min(every, ONE_BY_ONE))
    action: Callable[[], Floats] = {
        "tidewatt": lambda: _by_kernel(fleet, count),
        "numpy": lambda: _by_numpy(fleet, count),
        "piqp": lambda: _each(fleet, count, _piqp),
        "highs-qp": lambda: _each(fleet, count, _highs_qp),
    }[solver]
    if solver == "tidewatt":
        _by_kernel(fleet, 1)
    seconds, x = min(
        (timed(action) for _ in range(3 if solver == "tidewatt" else 1)), key=lambda pair: pair[0]
    )
    exact = _by_kernel(fleet, count)
    variables = int(fleet.edge[fleet.first[count]])
    return [
        {
            "status": "done",
            "solver": solver,
            "vehicles": count,
            "variables": variables,
            "seconds": seconds,
            "ns_per_variable": 1e9 * seconds / variables,
            "us_per_vehicle": 1e6 * seconds / count,
            "largest_difference_kw": float(np.abs(x - exact).max()),
        }
    ]


def _synthesis(given: dict[str, Any]) -> list[Row]:
    week(200, step_min=15.0)
    seconds, scenario = timed(lambda: week(given["vehicles"], step_min=15.0, seed=given["seed"]))
    return [
        {
            "status": "done",
            "vehicles": given["vehicles"],
            "rows": len(scenario.dwells) + len(scenario.trips),
            "seconds": seconds,
            "us_per_vehicle": 1e6 * seconds / given["vehicles"],
        }
    ]


def _files(given: dict[str, Any]) -> list[Row]:
    from tidewatt.io.scenario.reading import read_scenario
    from tidewatt.io.scenario.writing import write_scenario

    scenario = week(given["vehicles"], step_min=15.0, seed=given["seed"])
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "region"
        write_s, _ = timed(lambda: write_scenario(scenario, place))
        size = sum(p.stat().st_size for p in place.iterdir()) / 2**20
        read_s, again = timed(lambda: read_scenario(place))
    if again.sha256() != scenario.sha256():
        raise AssertionError("what was read is not what was written")
    return [
        {
            "status": "done",
            "vehicles": given["vehicles"],
            "rows": len(scenario.dwells) + len(scenario.trips),
            "seconds": read_s,
            "write_s": write_s,
            "size_mib": size,
            "us_per_vehicle": 1e6 * read_s / given["vehicles"],
        }
    ]


def table(rows: list[Row]) -> str:
    """Return a row a phase and size."""
    latest = {(int(r["size"]), r["phase"]): r for r in rows}
    columns = {
        "vehicles": "vehicles timed",
        "variables": "variables",
        "rows": "dwells and trips",
        "seconds": "seconds",
        "ns_per_variable": "ns a variable",
        "us_per_vehicle": "µs a vehicle",
        "largest_difference_kw": "off by [kW]",
        "write_s": "writing [s]",
        "size_mib": "MiB",
    }
    body = []
    for (size, phase), r in sorted(latest.items(), key=lambda item: (item[0][1], item[0][0])):
        cells = [r.get(k) or "" for k in columns]
        cells[0] = cells[0] or r.get("note", "")
        body.append([f"{phase} ({number(size)})", *cells])
    return markdown(["phase (size)", *columns.values()], body) + "\n\n" + provenance(rows)


register(Case("kernels", "projection of one vehicle, synthesis, reading and writing", jobs, measure, table))
