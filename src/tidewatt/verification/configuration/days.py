"""Costs and figures of the fresh days, and how the summary derives from them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tidewatt.domain.arrays import Array
from tidewatt.domain.scenario import Scenario
from tidewatt.verification.common.findings import CheckList
from tidewatt.verification.configuration.plan import kept_limits
from tidewatt.verification.simulation.series import student

if TYPE_CHECKING:
    from tidewatt.verification.configuration.claims import ClaimedPlans

__all__ = ["PLANS", "check_costs", "check_days", "check_summary", "mean_of"]

PLANS = ("before", "after")
_SUMS: dict[str, Callable[[pd.DataFrame], pd.Series[float]]] = {
    "f1": lambda t: t["f1_1"] - t["f1_2"] + t["f1_3"],
    "f2": lambda t: t["f2_1"] + t["f2_2"] + t["f2_3"],
    "f3": lambda t: t["f3_peak_valley"] + t["f3_variance"],
    "f2_2": lambda t: t["f1_2"],
    "charges": lambda t: t["charges_fast"] + t["charges_normal"],
}
_FIGURES = (
    *(
        "f1",
        "f1_1",
        "f1_2",
        "f1_3",
        "f2",
        "f2_1",
        "f2_2",
        "f2_3",
        "f3",
        "f3_peak_valley",
        "f3_variance",
        "f4",
    ),
    *("mean_detour_min", "mean_wait_min", "mean_charge_min", "peak_load_kw", "peak_valley_kw", "queue_peak"),
    "traffic_flow_veh_per_min",
)
_MORE = ("charges", "charges_fast", "charges_normal", "unserved", "energy_kwh", "revenue")
_STATUSES = ("evaluations", "time_limit", "unmet")


def _near(values: Array, share: float = 1e-9) -> float:
    return share * max(float(np.abs(np.nan_to_num(values)).max(initial=0.0)), 1e-6)


def _by_plan(found: ClaimedPlans, plan: str) -> pd.DataFrame:
    return found.days[found.days["plan"] == plan].reset_index(drop=True)


def mean_of(found: ClaimedPlans, plan: str, name: str) -> float:
    """Return the mean over days, or over all charges where the name says mean."""
    table = _by_plan(found, plan)
    values = table[name].to_numpy(np.float64)
    if name.startswith("mean_"):
        charges = table["charges"].to_numpy(np.float64)
        return math.fsum(values * charges) / math.fsum(charges) if charges.sum() > 0 else 0.0
    return math.fsum(values) / len(values)


def check_days(ledger: CheckList, found: ClaimedPlans) -> bool:
    """Check ``days.csv`` row by row; return whether reading on makes sense."""
    p, f, days = found.parameters, found.summary, found.days
    m = int(f["days_test"])
    rows = days["plan"].tolist() == ["before"] * m + ["after"] * m
    rows &= days["day"].tolist() == [*range(m), *range(m)] and m >= 2
    numbers = days.drop(columns=["plan"]).to_numpy(np.float64)
    rows &= bool(np.isfinite(numbers).all())
    if not ledger.add("days", rows, f"{len(days):,} rows for {m:,} days before and after"):
        return False
    for name, own in _SUMS.items():
        mine = own(days).to_numpy(np.float64)
        ledger.equal(f"days: {name}", days[name], mine, _near(days[name].to_numpy(np.float64)))
    unit = float(p["money_unit"])
    ledger.equal("days: revenue", days["f1_2"], days["revenue"] / unit, _near(days["f1_2"].to_numpy()))
    per_min = float(p["income_per_month"]) / (60.0 * 8.0 * 30.0)
    per_min /= 1.0 if p["mode"] == "paper-equation" else unit
    stop = days["mean_detour_min"] + days["mean_wait_min"] + days["mean_charge_min"]
    each = float(found.summary["simulation"]["days"])
    # Means are over all charges of a replication, charges are those of a day.
    ledger.equal(
        "days: drivers' time",
        days["f2_1"],
        per_min * days["charges"] * stop,
        _near(days["f2_1"].to_numpy(), 1e-8),
    )
    least = ["f1_2", "f2_1", "f2_2", "f2_3", "f3_peak_valley", "f3_variance", "f4", "f1_3", *_MORE]
    least += ["mean_wait_min", "mean_charge_min", "peak_load_kw", "peak_valley_kw", "queue_peak"]
    negative = [name for name in least if (days[name] < -1e-9).any()]
    ledger.add("days: signs", not negative, f"negative: {', '.join(negative)}" if negative else "none wrong")
    most = float(p["dissatisfaction_cost"]) * days["charges"] * (1 + 1e-9)
    ledger.add("days: dissatisfaction", bool((days["f2_3"] <= most + 1e-12).all()), "at most one a charge")
    if p["mode"] != "paper-equation":
        limit = 1440.0 * float(p["congestion_cost"]) * (1 + 1e-6)
        ledger.add("days: traffic", bool((days["f4"] <= limit).all()), f"at most {limit:.6g} a day")
    ledger.add(
        "days: peaks",
        bool((days["peak_valley_kw"] <= days["peak_load_kw"] * (1 + 1e-9)).all()),
        f"peak less valley at most the peak; days of {each:g} days",
    )
    before, after = (_by_plan(found, plan) for plan in PLANS)
    none = float(np.abs(before[["f1_1", "f1_3"]].to_numpy()).max(initial=0.0))
    ledger.add("days: nothing built before", none == 0.0, f"retrofit and expansion {none:g}")
    retrofit = math.fsum(found.plan["retrofit_cost"])
    ledger.equal("days: retrofit", after["f1_1"], np.full(m, retrofit), 1e-9 * max(abs(retrofit), 1e-3))
    change = sum(w * (after[f"f{k}"] - before[f"f{k}"]) for k, w in enumerate(p["weights"], 1))
    ledger.equal("days: objective", after["objective"], change, _near(days["f2"].to_numpy()))
    ledger.equal("days: objective before", before["objective"], np.zeros(m), 0.0)
    return True


def check_costs(ledger: CheckList, found: ClaimedPlans) -> None:
    """Check ``costs.csv``: means and intervals over the days."""
    table, m = found.costs, int(found.summary["days_test"])
    if not ledger.add("costs: rows", table["figure"].tolist() == [*_FIGURES, *_MORE], f"{len(table):,} rows"):
        return
    names = np.array(table["figure"].tolist(), object)
    columns = {name: table[name].to_numpy(np.float64) for name in table.columns[2:]}
    values = {
        plan: np.stack([_by_plan(found, plan)[name].to_numpy(np.float64) for name in table["figure"]])
        for plan in PLANS
    }
    width = student(m - 1) / math.sqrt(m)
    for plan in PLANS:
        mine = np.array([mean_of(found, plan, name) for name in table["figure"]])
        ledger.equal(f"costs: {plan}", columns[plan], mine, 1e-9 * (np.abs(mine) + 1e-6), "", names)
        half = width * values[plan].std(axis=1, ddof=1)
        slack = 1e-7 * (np.abs(mine) + 1e-6)
        ledger.equal(f"costs: {plan}_ci95", columns[f"{plan}_ci95"], half, slack, "", names)
    change = columns["after"] - columns["before"]
    slack = 1e-9 * (np.abs(columns["after"]) + np.abs(columns["before"]) + 1e-6)
    ledger.equal("costs: change", columns["change"], change, slack, "", names)
    half = width * (values["after"] - values["before"]).std(axis=1, ddof=1)
    ledger.equal("costs: change_ci95", columns["change_ci95"], half, 100 * slack, "", names)


def check_summary(
    ledger: CheckList, found: ClaimedPlans, scenario: Scenario, certificate: dict[str, Any]
) -> None:
    """Check ``summary.json`` against the days, the search and the certificate."""
    f, p, m = found.summary, found.parameters, int(found.summary["days_test"])
    means = {plan: {name: mean_of(found, plan, name) for name in _FIGURES} for plan in PLANS}
    for plan in PLANS:
        said = np.array([float(f[plan].get(name, math.nan)) for name in _FIGURES])
        mine = np.array(list(means[plan].values()))
        ledger.equal(f"summary: {plan}", said, mine, 1e-9 * (np.abs(mine) + 1e-6), "", np.array(_FIGURES))
        one = float(f[plan]["f1_1"]) - float(f[plan]["f1_2"]) + float(f[plan]["f1_3"])
        ledger.equal(f"summary: f1 {plan}", float(f[plan]["f1"]), one, 1e-9 * (abs(one) + 1e-3))
    weights = [float(f["weights"][name]) for name in ("stations", "drivers", "grid", "traffic")]
    ledger.add("summary: weights", weights == [float(w) for w in p["weights"]], str(weights))
    own = math.fsum(
        w * (float(f["after"][f"f{k}"]) - float(f["before"][f"f{k}"])) for k, w in enumerate(weights, 1)
    )
    scale = 1e-9 * (sum(abs(float(f["before"][f"f{k}"])) for k in range(1, 5)) + 1e-6)
    ledger.equal("summary: objective", float(f["objective"]), own, scale)
    after = _by_plan(found, "after")
    spread = after["objective"].to_numpy(np.float64).std(ddof=1) * student(m - 1) / math.sqrt(m)
    ledger.equal("summary: objective_ci95", float(f["objective_ci95"]), spread, 1e-6 * spread + 1e-12)
    held = means["after"]["f1"] <= means["before"]["f1"] + 1e-9 * max(1.0, abs(means["before"]["f1"]))
    ledger.add(
        "limits: cost_18",
        f["constraints"].get("cost_18") is held,
        f"{'kept' if held else 'NOT kept'} on the fresh days",
    )
    error = float(after["replayed_objective"].mean()) - float(f["objective"])
    ledger.equal("summary: replay_error", float(f["replay_error"]["objective"]), error, scale)
    charges = _by_plan(found, "before")["charges"].to_numpy(np.float64)
    replayed = after["replayed_wait_min"].to_numpy(np.float64)
    wait = float(replayed @ charges / charges.sum()) if charges.sum() > 0 else 0.0
    ledger.equal(
        "summary: replay_error of waits",
        float(f["replay_error"]["mean_wait_min"]),
        wait - means["after"]["mean_wait_min"],
        1e-8 * (wait + 1e-3),
    )
    same = {
        f"{name}_{plan}": mean_of(found, plan, name) for plan in PLANS for name in ("charges", "unserved")
    }
    for name, value in same.items():
        ledger.equal(f"summary: {name}", float(f.get(name, math.nan)), value, 1e-9 * (value + 1e-6))
    _check_search(ledger, found, scenario)
    run = certificate.get("run")
    told = run if isinstance(run, dict) else {}
    good = f.get("scenario_sha256") == certificate.get("scenario_sha256") == told.get("scenario_sha256")
    good &= f.get("scenario") == scenario.name and f.get("seed") == told.get("seed") == p["seed"]
    good &= f.get("version") == told.get("version") and f["search"] == p["search"]
    good &= f["days_test"] == p["days_test"] and f["days_train"] == p["days_train"]
    good &= f["information"] == f["simulation"]["information"]
    good &= f["vehicles"] == f["simulation"]["vehicles"]
    ledger.add("summary: scenario, parameters, run", good, "must match certificate and scenario")
    status = str(f["status"])
    good = status in _STATUSES and status.upper() == str(certificate.get("status"))
    ledger.add("status", good, status)


def _check_search(ledger: CheckList, found: ClaimedPlans, scenario: Scenario) -> None:
    """Check ``history.csv``: the plans tried increase, the best objective falls to the one claimed."""
    f, p, table = found.summary, found.parameters, found.history
    tried, best = (table[name].to_numpy(np.float64) for name in ("evaluations", "best_objective"))
    good = bool((np.diff(tried) >= 0).all()) and len(table) > 0
    last = int(tried[-1]) if len(table) else 0
    good &= last == int(f["evaluations"]) <= int(p["evaluations"])
    ledger.add("history: evaluations", good, f"{last:,} of {int(p['evaluations']):,} allowed plans tried")
    some = best[np.isfinite(best)]
    falls = bool((np.diff(some) <= 1e-12).all())
    ledger.add("history: best_objective", falls, "never rises" if falls else "rises")
    if len(some) and f["status"] != "unmet":
        ledger.equal(
            "history: objective_train",
            float(some[-1]),
            float(f["objective_train"]),
            1e-9 * (abs(some[-1]) + 1e-6),
        )
    stations = scenario.stations
    assert stations is not None
    if all(kept_limits(scenario, stations, p, stations.fast, stations.normal).values()):
        # The search can always fall back on changing nothing.
        ledger.add(
            "history: no worse than installed",
            float(f["objective_train"]) <= 1e-9,
            f"objective {float(f['objective_train']):g} on the days of the search",
        )
