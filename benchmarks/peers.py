"""Outside solvers on the linear program: HiGHS (simplex, IPX, HiPO, PDLP) and OR-tools' PDLP.

Tolerances are the loosest that can be matched to the gap asked: the peers are never asked for more than
tidewatt is. They stop on their own residuals, not on a certificate; what their schedule really costs and
by how much it breaks its limits is reported beside their time.
"""

from __future__ import annotations

import importlib.util
import time
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.linear_program import Floats, LinearProgram, upgrade_cost
from tidewatt.domain.scenario import Scenario

__all__ = ["PEERS", "PeerResult", "missing", "solve"]

PEERS = ("highs-simplex", "highs-ipx", "highs-hipo", "highs-pdlp", "ortools-pdlp")
"""Every peer known here, whether installed or not."""


@dataclass(frozen=True, slots=True)
class PeerResult:
    """What a peer found.

    Attributes
    ----------
    status : str
        In the peer's own word.
    finished : bool
        Whether it met its tolerances in time.
    seconds : float
        Wall time of the solve alone, with the model handed over before.
    objective : float
        As reported by the peer.
    schedule_cost : float
        What its schedule, clipped to 0 and P, really costs (coord-3).
    infeasibility : float
        Largest violation of a row or bound, in kW or kW times steps.
    power_kw : array, shape (charging,)
        Its schedule, clipped.
    """

    peer: str
    status: str
    finished: bool
    seconds: float
    objective: float
    schedule_cost: float
    infeasibility: float
    power_kw: Floats


def missing(peer: str) -> str | None:
    """Why a peer cannot run here, or None."""
    package = "ortools" if peer.startswith("ortools") else "highspy"
    if importlib.util.find_spec(package) is None:
        return f"{package} is not installed"
    if peer == "highs-hipo":
        import highspy

        highs = highspy.Highs()
        highs.silent()
        if highs.setOptionValue("solver", "hipo") != highspy.HighsStatus.kOk:
            return "this HiGHS has no HiPO: install highspy-extras of the same version"
    return None


def solve(
    scenario: Scenario,
    program: LinearProgram,
    peer: str,
    *,
    relative_gap: float = 1e-9,
    time_limit_s: float = 900.0,
    threads: int = 1,
) -> PeerResult:
    """Solve with one peer; raises ModuleNotFoundError where it is not installed."""
    if reason := missing(peer):
        raise ModuleNotFoundError(reason)
    run = _ortools if peer.startswith("ortools") else _highs
    # Costs of thousands a kW break IPX's absolute tolerances and slow the others: all get them as shares.
    scale = float(program.cost.max(initial=0.0)) or 1.0
    scaled = replace(program, cost=program.cost / scale)
    status, finished, seconds, objective, x = run(scaled, peer, relative_gap, time_limit_s, threads)
    objective *= scale
    row = program.matrix @ x
    broken = np.concatenate(
        [program.row_lower - row, row - program.row_upper, program.lower - x, x - program.upper]
    )
    power = np.clip(x[: program.charging], 0.0, program.limits.power_kw)
    cost = upgrade_cost(scenario, program, power) if np.isfinite(x).all() else float("nan")
    worst = float(broken.max(initial=0.0))
    return PeerResult(peer, status, finished, seconds, objective, cost, worst, power)


def _highs(
    program: LinearProgram, peer: str, gap: float, time_limit_s: float, threads: int
) -> tuple[str, bool, float, float, Floats]:
    import highspy

    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(program.cost), len(program.row_lower)
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = program.cost, program.lower, program.upper
    lp.row_lower_, lp.row_upper_ = program.row_lower, program.row_upper
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = program.matrix.indptr
    lp.a_matrix_.index_ = program.matrix.indices
    lp.a_matrix_.value_ = program.matrix.data
    method = peer.removeprefix("highs-")
    highs = highspy.Highs()
    highs.silent()
    highs.resetGlobalScheduler(True)
    options: dict[str, str | float] = {
        "solver": method,
        "time_limit": time_limit_s,
        "threads": threads,
        "run_crossover": "off",
        "ipm_optimality_tolerance": min(gap, 1e-2),
        "pdlp_optimality_tolerance": gap,
    }
    # Simplex knows no gap; its feasibility tolerances stay at their default.
    if method != "simplex":
        for name in ("primal", "dual"):
            options[f"{name}_feasibility_tolerance"] = options[f"{name}_residual_tolerance"] = max(gap, 1e-10)
        options["optimality_tolerance"] = max(gap, 1e-10)
    for name, value in options.items():
        if highs.setOptionValue(name, value) != highspy.HighsStatus.kOk:
            raise ValueError(f"HiGHS refuses {name} = {value}")
    highs.passModel(lp)
    begin = time.perf_counter()
    highs.run()
    seconds = time.perf_counter() - begin
    status = highs.getModelStatus()
    x = np.asarray(highs.getSolution().col_value, dtype=float)
    if len(x) != len(program.cost):
        x = np.full(len(program.cost), np.nan)
    # Without crossover HiGHS may call a point within tolerance "unknown": residuals then say how good it is.
    done = status == highspy.HighsModelStatus.kOptimal
    objective = float(highs.getInfo().objective_function_value)
    return highs.modelStatusToString(status).lower(), done, seconds, objective, x


def _ortools(
    program: LinearProgram, peer: str, gap: float, time_limit_s: float, threads: int
) -> tuple[str, bool, float, float, Floats]:
    import scipy.sparse as sp
    from ortools.pdlp import solve_log_pb2, solvers_pb2
    from ortools.pdlp.python import pdlp

    qp = pdlp.QuadraticProgram()
    qp.resize_and_initialize(len(program.cost), len(program.row_lower))
    qp.objective_vector = program.cost
    qp.variable_lower_bounds, qp.variable_upper_bounds = program.lower, program.upper
    qp.constraint_lower_bounds, qp.constraint_upper_bounds = program.row_lower, program.row_upper
    qp.constraint_matrix = sp.csc_matrix(program.matrix)
    parameters = solvers_pb2.PrimalDualHybridGradientParams()
    parameters.num_threads = threads
    parameters.presolve_options.use_glop = True
    criteria = parameters.termination_criteria
    criteria.time_sec_limit = time_limit_s
    criteria.simple_optimality_criteria.eps_optimal_relative = gap
    criteria.simple_optimality_criteria.eps_optimal_absolute = min(gap, 1e-6)
    begin = time.perf_counter()
    result = pdlp.primal_dual_hybrid_gradient(qp, parameters)
    seconds = time.perf_counter() - begin
    reason = result.solve_log.termination_reason
    done = reason == solve_log_pb2.TERMINATION_REASON_OPTIMAL
    name = solve_log_pb2.TerminationReason.Name(reason).removeprefix("TERMINATION_REASON_").lower()
    x = np.asarray(result.primal_solution, dtype=float)
    return name, done, seconds, float(program.cost @ x), x
