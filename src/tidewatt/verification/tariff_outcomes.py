"""Sampled outcomes, the sweep over gamma and the history, as far as files can speak for them."""

from __future__ import annotations

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.scenario import Scenario
from tidewatt.verification.ledger import Ledger
from tidewatt.verification.tariff_claims import Published
from tidewatt.verification.tariff_grid import Rows

__all__ = ["check_gamma", "check_history", "check_outcomes"]

_QUANTILES = ("low_kw", "p05_kw", "median_kw", "p95_kw", "high_kw")


def check_history(ledger: Ledger, found: Published) -> None:
    """Check that the history ends at what is claimed."""
    h, f = found.history, found.summary
    scale = np.maximum(1.0, np.abs(h["cost"].to_numpy(np.float64)))
    gap = (h["cost"] - h["bound"]).to_numpy(np.float64) / scale
    steps = np.diff(h["iteration"].to_numpy(np.float64))
    good = len(h) > 0 and bool((steps > 0).all()) and bool((np.diff(h["seconds"]) >= 0).all())
    ledger.add("history: order", good, f"{len(h):,} programs solved")
    said = h["relative_gap"].to_numpy(np.float64)
    known = np.isfinite(said)  # infinite while vehicles are left over
    ledger.equal("history: gaps", said[known], gap[known], 1e-9)
    if good:
        last = h[["cost", "bound"]].iloc[-1].to_numpy(np.float64)
        said = np.array([float(f["cost"]), float(f["lower_bound_cost"])])
        ledger.equal("history: end", last, said, 1e-12 * float(scale[-1]))


def check_outcomes(ledger: Ledger, found: Published, s: Scenario, rows: Rows, power: Array) -> None:
    """Check sampled outcomes: they are not drawn again, but have to fit quantiles, forecasts and limits.

    Outside conformal sets no outcome is beyond the whole half widths about the plan.
    """
    o, f = found.outcomes, found.summary
    assert s.distribution is not None
    assert s.injections is not None
    steps = s.horizon.steps
    if not int(f["samples"]) or not len(o):
        none = f["violation_rate_robust"] is None and f["violation_rate_deterministic"] is None
        ledger.add("outcomes", not len(o) and none, "none were drawn, and no rates are given")
        return
    plans = list(dict.fromkeys(o["plan"].tolist()))
    lines = s.distribution.lines
    line = [str(i) for i in o["line_id"].tolist()]
    good = set(plans) <= {"robust", "deterministic"} and "robust" in plans
    good &= len(o) == len(plans) * lines * steps and not o.duplicated(["plan", "line_id", "step"]).any()
    good &= set(line) == {str(i) for i in s.distribution.line_id}
    if not ledger.add("outcomes: rows", good, f"{len(o):,} rows of {', '.join(map(str, plans))}"):
        return
    place = {str(each): k for k, each in enumerate(s.distribution.line_id)}
    at = np.array([place[i] for i in line]), o["step"].to_numpy(np.int64)
    values = o[list(_QUANTILES)].to_numpy(np.float64)
    ledger.add("outcomes: quantiles", bool((np.diff(values, axis=1) >= -1e-9).all()), "ascend")
    limit, share = rows.high[: rows.lines][at[0]], o["violated"].to_numpy(np.float64)
    slack = 1e-6 * np.maximum(np.where(np.isfinite(limit), limit, 1.0), 1.0)
    low, p05, _, p95, high = values.T
    out, inside = (high > limit + slack) | (low < -limit - slack), share == 0
    ledger.add(
        "outcomes: violations", bool((out != inside).all()), "where outcomes pass the limit, only there"
    )
    least = np.where((p95 > limit + slack) | (p05 < -limit - slack), 0.04, 0.0)
    most = np.where((p95 > limit + slack) | (p05 < -limit - slack), 1.0, 0.101)
    ledger.add("outcomes: shares", bool(((share >= least) & (share <= most)).all()), "as quantiles have it")
    for plan in plans:
        mine = (o["plan"] == plan).to_numpy()
        # Elsewhere than on lines, or in other steps, more may be violated than anywhere.
        rate = f[f"violation_rate_{plan}"]
        kept = rate is not None and float(share[mine].max(initial=0.0)) - 1e-9 <= float(rate)
        together = float(share[mine].sum()) if s.distribution is not None else 1.0
        free = bool(np.isinf(rows.low[rows.lines :]).all() and np.isinf(rows.high[rows.lines :]).all())
        kept &= rate is not None and (not free or float(rate) <= together + 1e-9) and float(rate) <= 1.0
        ledger.add(
            f"violation_rate_{plan}", bool(kept), f"{rate}, between those of single lines and their sum"
        )
    if f["uncertainty"] == "conformal":
        return
    mine = (o["plan"] == "robust").to_numpy()
    value = (rows.nominal + rows.per_site @ power)[at]
    whole = np.einsum("rit,it->rt", np.abs(rows.terms(s.injections)), s.injections.half_width_kw)
    reach = whole[at] + 1e-6 * (1.0 + np.abs(value))
    near = (high <= value + reach) & (low >= value - reach) & (np.abs(values[:, 2] - value) <= 0.5 * reach)
    near = np.where(mine, near, high - low <= 2.0 * reach)
    ledger.add("outcomes: range", bool(near.all()), "within the half widths about the plan")


def check_gamma(ledger: Ledger, found: Published, s: Scenario) -> None:
    """Check a sweep: larger sets cost no less, and this result's own gamma is told alike."""
    g, f = found.gamma, found.summary
    if g is None:
        return
    gamma = g["gamma"].to_numpy(np.float64)
    solved = (g["status"] == "solved").to_numpy()
    good = bool(((gamma >= 0) & (gamma <= 1)).all() and (np.diff(gamma) > 0).all())
    ledger.add("gamma: order", good and len(g) > 0, f"{len(g):,} values from 0 to 1, ascending")
    ledger.add(
        "gamma: infeasible",
        not (solved[1:] & (g["status"] == "infeasible").to_numpy()[:-1]).any(),
        "none is solved beyond one that is infeasible",
    )
    table = g[solved]
    cost, bound = (table[name].to_numpy(np.float64) for name in ("cost", "lower_bound_cost"))
    scale = 1e-7 * np.maximum(1.0, np.abs(cost))
    ledger.add(
        "gamma: cost", bool((cost[1:] >= bound[:-1] - scale[1:]).all()), "does not fall as gamma grows"
    )
    ledger.add("gamma: bounds", bool((np.abs(cost - bound) <= scale).all()), "prove the costs")
    mean, largest = (
        table[name].to_numpy(np.float64) for name in ("mean_tariff_per_kwh", "largest_tariff_per_kwh")
    )
    ledger.add("gamma: tariffs", bool((mean <= largest + 1e-9).all()), "the mean is not above the largest")
    rate = table["violation_rate"].to_numpy(np.float64)
    ledger.add("gamma: violations", bool((np.isnan(rate) | ((rate >= 0) & (rate <= 1))).all()), "from 0 to 1")
    assert s.injections is not None
    # Injections with a gamma of their own are off their forecasts even where the study's gamma is 0.
    plain = not np.isfinite(s.injections.gamma).any()
    for value, name in ((f["gamma"], "cost"), (0.0 if plain else None, "deterministic_cost")):
        if value is None or f[name] is None:
            continue
        here = table["gamma"].to_numpy(np.float64) == float(value)
        if here.any():
            ledger.equal(f"gamma: {name}", cost[here][0], float(f[name]), float(scale[here][0]) * 2)
