"""The charging kernel against PIQP (projection) and HiGHS (cheapest schedule) on thousands of vehicles."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tidewatt.kernels.charging import subproblem

piqp = pytest.importorskip("piqp", reason="needs the dev extra")
highspy = pytest.importorskip("highspy", reason="needs the dev extra")

KINDS = (
    "plain",
    "ties",
    "zero_width_bounds",
    "fractions_of_a_step",
    "two_dwells_in_a_step",
    "one_dwell",
    "hundreds_of_dwells",
    "short",
    "no_power",
)


def vehicle(kind: str, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """A feasible vehicle: point, price, limits and bounds on cumulative energy."""
    dwells = {"one_dwell": 1, "hundreds_of_dwells": int(rng.integers(200, 320))}.get(
        kind, int(rng.integers(2, 9))
    )
    length = rng.integers(1, 4 if kind == "hundreds_of_dwells" else 12, dwells)
    if kind == "two_dwells_in_a_step":
        length[rng.random(dwells) < 0.6] = 1
    edge = np.concatenate([[0], np.cumsum(length)])
    n = int(edge[-1])
    cap = np.repeat(rng.choice([3.7, 7.2, 11.0, 50.0], dwells), length)
    if kind in ("fractions_of_a_step", "two_dwells_in_a_step"):
        cap[edge[:-1]] *= rng.uniform(1e-4, 1.0, dwells)
        cap[edge[1:] - 1] *= rng.uniform(1e-4, 1.0, dwells)
    if kind == "no_power":
        cap[rng.random(n) < 0.5] = 0.0
    could = np.add.reduceat(cap, edge[:-1])
    upper = np.cumsum(rng.uniform(0.0, 1.2, dwells) * could.mean()) + rng.uniform(0.0, 2.0) * cap.max()
    if kind == "ties":
        upper = np.round(upper)
    energy, e = np.zeros(dwells), 0.0
    for j in range(dwells):
        e = max(e, min(e + could[j], upper[j]))
        energy[j] = e
    wish = upper - rng.uniform(0.0, 1.5) * could.mean()
    if kind == "zero_width_bounds":
        wish = np.where(rng.random(dwells) < 0.5, upper, wish)
    if kind == "short":
        wish = upper + 1.0
    lower = np.maximum.accumulate(np.minimum(wish, energy))
    if kind == "zero_width_bounds":
        # Session-like: what is drawn by the end of every dwell is prescribed.
        if rng.random() < 0.5:
            lower = energy.copy()
        upper = np.where(upper < energy, energy, upper)
        upper = np.where(rng.random(dwells) < 0.5, np.maximum(lower, energy), upper)
        upper = np.minimum.accumulate(upper[::-1])[::-1]
        upper = np.maximum(upper, lower)
    v = rng.normal(0.0, 12.0, n)
    price = np.maximum(0.0, rng.normal(0.3, 1.0, n))
    scale = rng.uniform(0.3, 4.0, dwells)
    if kind == "ties":
        v, price, scale = np.round(v / 6.0) * 6.0, np.round(price), np.ones(dwells)
        cap = np.full(n, 7.0)
        return vehicle_bounds(v, cap, scale, edge, price, rng)
    return {"v": v, "cap": cap, "scale": scale, "edge": edge, "lower": lower, "upper": upper, "price": price}


def vehicle_bounds(v, cap, scale, edge, price, rng) -> dict[str, np.ndarray]:
    """Whole-number bounds for a vehicle all of whose steps look alike."""
    could = np.add.reduceat(cap, edge[:-1])
    upper = np.cumsum(np.round(rng.uniform(0.0, 1.0, len(could)) * could))
    energy = np.zeros(len(could))
    e = 0.0
    for j in range(len(could)):
        e = min(e + could[j], upper[j])
        energy[j] = e
    lower = np.maximum.accumulate(np.minimum(np.floor(upper * rng.uniform(0.2, 1.0)), energy))
    return {"v": v, "cap": cap, "scale": scale, "edge": edge, "lower": lower, "upper": upper, "price": price}


def projected(a: dict[str, np.ndarray], warm: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The kernel's projection and its multipliers."""
    m, scale = len(a["scale"]), np.repeat(a["scale"], np.diff(a["edge"]))
    mu = np.zeros(m) if warm is None else warm.copy()
    stack = np.zeros((m + 2, 5))
    subproblem.project(a["v"], a["cap"], scale, a["edge"], a["lower"], a["upper"], m, mu, stack)
    return np.clip(a["v"] - np.repeat(mu, np.diff(a["edge"])) * scale, 0.0, a["cap"]), mu


def check_feasible(a: dict[str, np.ndarray], x: np.ndarray) -> None:
    """Limits hold to rounding."""
    energy = np.cumsum(np.add.reduceat(x, a["edge"][:-1]))
    slack = 1e-8 * (1.0 + np.abs(a["upper"]).max())
    assert (x >= 0).all() and (x <= a["cap"]).all()
    assert (energy >= a["lower"] - slack).all(), (energy - a["lower"]).min()
    assert (energy <= a["upper"] + slack).all(), (a["upper"] - energy).min()


def outside_projection(a: dict[str, np.ndarray]) -> np.ndarray:
    """The same projection by PIQP's interior-point method."""
    n = len(a["v"])
    weight = 1.0 / np.repeat(a["scale"], np.diff(a["edge"]))
    nested = (np.arange(n)[None, :] < a["edge"][1:, None]).astype(float)
    solver = piqp.DenseSolver()
    solver.settings.eps_abs, solver.settings.eps_rel = 1e-9, 1e-10
    solver.settings.max_iter = 400
    # PIQP wants an interior: bounds of zero width are opened by far less than the comparison allows.
    wide = np.maximum(a["upper"], a["lower"] + 1e-9)
    solver.setup(
        np.diag(weight),
        -weight * a["v"],
        np.zeros((0, n)),
        np.zeros(0),
        nested,
        a["lower"],
        wide,
        np.zeros(n),
        np.maximum(a["cap"], 1e-9),
    )
    status = solver.solve()
    assert status == piqp.PIQP_SOLVED, status
    return np.array(solver.result.x)


def outside_cheapest(a: dict[str, np.ndarray]) -> float:
    """Cost of the cheapest schedule by HiGHS's simplex."""
    n, m = len(a["price"]), len(a["scale"])
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = n + m, m
    lp.col_cost_ = np.concatenate([a["price"], np.zeros(m)])
    lp.col_lower_ = np.concatenate([np.zeros(n), a["lower"]])
    lp.col_upper_ = np.concatenate([a["cap"], np.maximum(a["upper"], a["lower"])])
    lp.row_lower_ = lp.row_upper_ = np.zeros(m)
    start, index, value = [0], [], []
    for j in range(m):
        mine = list(range(a["edge"][j], a["edge"][j + 1]))
        index += [*mine, n + j] + ([n + j - 1] if j else [])
        value += [1.0] * len(mine) + [-1.0] + ([1.0] if j else [])
        start.append(len(index))
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = start, index, value
    highs = highspy.Highs()
    highs.silent()
    highs.passModel(lp)
    highs.run()
    assert highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
    return float(highs.getInfo().objective_function_value)


def cheapest_bound(a: dict[str, np.ndarray]) -> float:
    """The kernel's bound on the cheapest cost."""
    n, m = len(a["price"]), len(a["scale"])
    eps = 1e-12 * max(1.0, a["price"].max())
    mu, v, stack = np.zeros(m), np.zeros(n), np.zeros((m + 2, 5))
    subproblem.cheapest(
        a["price"], a["cap"], a["edge"], a["lower"], a["upper"], m, eps, v, np.ones(n), mu, stack
    )
    return subproblem.dual_bound(a["price"], a["cap"], a["edge"], a["lower"], a["upper"], m, -eps * mu)


def compare(kind: str, seed: int, cases: int) -> None:
    """Both kernels against both solvers on `cases` vehicles of a kind."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, KINDS.index(kind)]))
    for case in range(cases):
        a = vehicle(kind, rng)
        x, mu = projected(a)
        check_feasible(a, x)
        y = outside_projection(a)
        weight = 1.0 / np.repeat(a["scale"], np.diff(a["edge"]))
        mine, theirs = (float(weight @ (z - a["v"]) ** 2) for z in (x, y))
        assert mine <= theirs + 1e-6 * (1.0 + theirs), (kind, seed, case, mine, theirs)
        # The projection is unique: equal distance means the same point.
        assert np.abs(x - y).max() <= 2e-3 * (1.0 + np.abs(a["v"]).max()), (kind, seed, case)
        again, _ = projected(a, warm=mu + rng.normal(0.0, 5.0, len(mu)))
        assert np.abs(x - again).max() <= 1e-6 * (1.0 + np.abs(x).max()), (kind, seed, case)

        bound = cheapest_bound(a)
        best = outside_cheapest(a)
        scale = 1.0 + float(a["price"] @ a["cap"])
        assert bound <= best + 1e-9 * scale, (kind, seed, case, bound, best)
        assert bound >= best - 1e-6 * scale, (kind, seed, case, bound, best)


@pytest.mark.parametrize("kind", KINDS)
def test_kernel_agrees_with_outside_solvers(kind: str) -> None:
    """Without it a wrong split or bracket would pass as a schedule, below what any schedule can cost."""
    compare(kind, 0, 40 if kind == "hundreds_of_dwells" else 400)


@pytest.mark.parametrize("kind", KINDS)
def test_bound_holds_for_any_multipliers(kind: str) -> None:
    """Without it the certificate would lean on how well the kernel converged (coord-5)."""
    rng = np.random.default_rng(np.random.SeedSequence([7, KINDS.index(kind)]))
    for _ in range(30 if kind != "hundreds_of_dwells" else 3):
        a = vehicle(kind, rng)
        best = outside_cheapest(a)
        m = len(a["scale"])
        nu = rng.normal(0.5, 1.5, m)
        bound = subproblem.dual_bound(a["price"], a["cap"], a["edge"], a["lower"], a["upper"], m, nu)
        assert bound <= best + 1e-9 * (1.0 + abs(best))


def test_earliest_is_full_power_until_full() -> None:
    """Without it unmanaged charging, which sets the ladder's lowest rung and feasibility, could be late."""
    cap = np.array([2.0, 2.0, 1.0, 3.0, 3.0])
    edge = np.array([0, 3, 5])
    x = np.zeros(5)
    energy = subproblem.earliest(cap, edge, np.array([3.5, 5.0]), 2, x)
    assert x.tolist() == [2.0, 1.5, 0.0, 1.5, 0.0]
    assert energy == 5.0


def test_kernel_agrees_without_compilation() -> None:
    """Without it what numba reorders or skips could hide an error that plain Python would show."""
    root = Path(__file__).parents[2]
    code = (
        "from tests.verification.test_charging_kernel import KINDS, compare\n"
        "import tidewatt.kernels.charging.subproblem as c\n"
        "assert not hasattr(c.project, 'signatures'), 'compiled after all'\n"
        "[compare(k, 1, 1 if k == 'hundreds_of_dwells' else 6) for k in KINDS]\n"
    )
    env = dict(os.environ, NUMBA_DISABLE_JIT="1", PYTHONPATH=str(root))
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
