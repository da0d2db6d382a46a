"""What the summary, the sweep, the outcomes and the history say, against the tables and each other."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.scenario import Scenario
from tidewatt.result import Status
from tidewatt.verification.common.findings import CheckList
from tidewatt.verification.tariffs.claims import Published
from tidewatt.verification.tariffs.grid import LimitRows, VerifiedNetwork
from tidewatt.verification.tariffs.vehicles import Vehicles

__all__ = [
    "check_alternating",
    "check_gamma",
    "check_history",
    "check_outcomes",
    "check_sites",
    "check_summary",
]

_STANDARD_ERRORS = 6.0  # more than which no median of an honest result is off, over some million rows
_QUANTILES = ("low_kw", "p05_kw", "median_kw", "p95_kw", "high_kw")


def check_history(ledger: CheckList, found: Published) -> None:
    """Check that the history ends at the claimed figures."""
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


def check_outcomes(ledger: CheckList, found: Published, s: Scenario, rows: LimitRows, power: Array) -> None:
    """Check sampled outcomes: not drawn again, but they must fit quantiles, forecasts and limits.

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
        "outcomes: violations", bool((out != inside).all()), "only and always where outcomes exceed the limit"
    )
    # A quantile lies between two samples: of n, those above the upper one are beyond whatever it is beyond.
    n = max(int(f["samples"]), 1)
    fewest, tail = (n - math.ceil(0.95 * (n - 1))) / n, (n - 1 - math.floor(0.95 * (n - 1))) / n
    beyond = (p95 > limit + slack) | (p05 < -limit - slack)
    least = np.where(beyond, fewest - 1e-9, 0.0)
    most = np.where(beyond, 1.0, 2.0 * tail + 1e-9)
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
            f"violation_rate_{plan}", bool(kept), f"{rate}, must be from a line's largest to their sum"
        )
    if f["uncertainty"] == "conformal":
        return
    mine = (o["plan"] == "robust").to_numpy()
    value = (rows.nominal + rows.per_site @ power)[at]
    whole = np.einsum("rit,it->rt", np.abs(rows.terms(s.injections)), s.injections.half_width_kw)
    reach = whole[at] + 1e-6 * (1.0 + np.abs(value))
    # The median of n samples scatters by its standard error, which is at most reach / sqrt(n).
    middle = min(max(0.5, _STANDARD_ERRORS / math.sqrt(n)), 1.0) * reach
    near = (high <= value + reach) & (low >= value - reach) & (np.abs(values[:, 2] - value) <= middle)
    near = np.where(mine, near, high - low <= 2.0 * reach)
    ledger.add("outcomes: range", bool(near.all()), "must be within the half widths")


def check_gamma(ledger: CheckList, found: Published, s: Scenario) -> None:
    """Check a sweep: larger sets cost no less, and this result's own gamma is reported consistently."""
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
        "gamma: cost", bool((cost[1:] >= bound[:-1] - scale[1:]).all()), "must not fall as gamma grows"
    )
    ledger.add("gamma: bounds", bool((np.abs(cost - bound) <= scale).all()), "prove the costs")
    mean, largest = (
        table[name].to_numpy(np.float64) for name in ("mean_tariff_per_kwh", "largest_tariff_per_kwh")
    )
    ledger.add("gamma: tariffs", bool((mean <= largest + 1e-9).all()), "the mean must not exceed the largest")
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


_BINDING_PRICE = 1e-6
"""A limit counts as binding where its dual changes tariffs by more than this, per kWh."""
_SAME_KW = 0.05
"""Power that differs by less than this counts as the same [kW]."""
_AC_ALLOWED = 1e-6  # relative of flows, per unit of voltages


def check_summary(
    ledger: CheckList, found: Published, s: Scenario, certificate: dict[str, Any], rows: LimitRows
) -> None:
    """Check the figures of ``summary.json`` that follow from the tables, the scenario or each other."""
    f = found.summary
    run = certificate.get("run")
    told = run if isinstance(run, dict) else {}
    good = f["scenario_sha256"] == certificate.get("scenario_sha256") == told.get("scenario_sha256")
    good &= f["seed"] == told.get("seed") and f["version"] == told.get("version")
    good &= f["scenario"] == s.name and f["status"] == str(certificate.get("status")).lower()
    good &= f["start"] == s.horizon.start.isoformat()
    name = str(certificate.get("status"))
    good &= name in Status.__members__ and f["status_advice"] == Status[name].value
    ledger.add("summary: where it comes from", good, f"{s.name}, {f['status']}, must match the certificate")
    assert s.step_roads is not None
    assert s.sites is not None
    assert s.aggregators is not None
    assert s.travel is not None
    assert s.distribution is not None
    counts = {
        "steps": s.horizon.steps,
        "step_min": s.horizon.step_min,
        "nodes": s.step_roads.nodes,
        "links": s.step_roads.links,
        "sites": len(s.sites),
        "aggregators": len(s.aggregators),
        "groups": len(s.travel),
        "lines": s.distribution.lines,
        "buses": s.distribution.buses,
    }
    wrong = [name for name, own in counts.items() if f[name] != own]
    ledger.add("summary: counts", not wrong, f"wrong: {', '.join(wrong)}" if wrong else "as in the scenario")
    vehicles = float(s.travel.vehicles.sum())
    ledger.equal("summary: vehicles", float(f["vehicles"]), vehicles, 1e-9 * vehicles)
    if "cost" not in f or f["cost"] is None or not len(found.tables):
        return
    t, a = found.tables["tariffs"], found.tables["aggregators"]
    for name, values in (
        ("largest_tariff_per_kwh", t["tariff_per_kwh"]),
        ("largest_toll_per_vehicle", found.toll),
        ("largest_charger_price", t["charger_price"]),
    ):
        ledger.equal(f"summary: {name}", float(f[name]), float(values.max(initial=0.0)), 1e-12)
    power = a["central_kw"]
    energy = float(np.maximum(power, 0.0).sum()) * s.horizon.step_h
    ledger.equal("summary: energy_kwh", float(f["energy_kwh"]), energy, 1e-9 * (1.0 + energy))
    own, only = (a[name] - power for name in ("own_kw", "own_tariff_only_kw"))
    limited = np.isfinite(rows.high[: rows.lines])
    flow = rows.per_site[: rows.lines][limited] @ own.sum(axis=0)
    for name, value in (
        ("decentralisation_error_kw", np.abs(own).max(initial=0.0)),
        ("decentralisation_error_tariff_only_kw", np.abs(only).max(initial=0.0)),
        ("decentralisation_flow_error_kw", np.abs(flow).max(initial=0.0)),
    ):
        if f[name] is not None:
            ledger.equal(f"summary: {name}", float(f[name]), float(value), 1e-8, "kW")
    same = float(f["decentralisation_error_kw"]) < _SAME_KW
    ledger.add(
        "summary: status", (f["status"] == "certified") == same, f"{f['status']}, {_SAME_KW:g} kW allowed"
    )
    names = ["tariff"]
    names += ["tolls"] if found.toll.any() else []
    names += ["charger_prices"] if t["charger_price"].any() else []
    ledger.add("summary: published", f["published"] == names, f"{f['published']}, in the tables {names}")
    needed = f["prices_needed"]
    enough = f["decentralisation_error_tariff_only_kw"]
    good = set(needed) >= {"tariff"} and set(needed) <= {"tariff", "tolls", "charger_prices"}
    good &= len(needed) > 1 or enough is None or float(enough) < _SAME_KW
    ledger.add("summary: prices_needed", good, f"{needed}; off by {enough} kW under the tariff alone")
    lines, buses = (found.tables[name] for name in ("lines", "voltages"))
    weight = np.abs(rows.per_site).max(axis=1, initial=0.0) / s.horizon.step_h
    for name, table, part, ids in (
        ("binding_lines", lines, slice(0, rows.lines), s.distribution.line_id),
        ("binding_buses", buses, slice(rows.lines, None), s.distribution.bus_id[rows.bus]),
    ):
        dual = np.maximum(table["dual_high"], table["dual_low"]).max(axis=1, initial=0.0)
        mine = [str(i) for i in ids[dual * weight[part] > _BINDING_PRICE]]
        ledger.add(f"summary: {name}", [str(i) for i in f[name]] == mine, f"{mine}")
    cost, scale = float(f["cost"]), max(1.0, abs(float(f["cost"])))
    if f["deterministic_cost"] is not None:
        certain = float(f["deterministic_cost"])
        increase = (cost - certain) / abs(certain) if certain else 0.0
        ledger.equal(
            "summary: robust_cost_increase", float(f["robust_cost_increase"] or 0.0), increase, 1e-12
        )
        ledger.add("summary: deterministic_cost", certain <= cost + 1e-7 * scale, "at most the robust cost")
    for gap, other in (("soc_gap", "outer_bound_cost"), ("pooling_gap", "paths_cost")):
        if f[gap] is not None:
            ledger.equal(f"summary: {gap}", float(f[gap]), (cost - float(f[other])) / scale, 1e-10)
    if f["soc_gap"] is not None:
        ledger.add(
            "summary: outer_bound_cost",
            float(f["outer_bound_cost"]) <= cost + 1e-7 * scale,
            "not above the cost",
        )
    ledger.add("summary: unserved_vehicles", f["unserved_vehicles"] == 0.0, f"{f['unserved_vehicles']}")


def check_sites(ledger: CheckList, found: Published, s: Scenario, vehicles: Vehicles) -> None:
    """Check ``sites.parquet`` and the flows of links against the arcs (tariff-5)."""
    assert s.sites is not None
    assert s.step_roads is not None
    assert s.travel is not None
    t, a, steps = found.tables["sites"], vehicles.arcs, s.horizon.steps
    site = np.repeat(np.arange(len(s.sites)), np.diff(s.sites.level_first))
    level, link, wait = (a["action"] == action for action in (2, 0, 1))
    for name, some in (
        ("charging", level & (a["power_kw"] > 0)),
        ("discharging", level & ~(a["power_kw"] > 0)),
    ):
        own = np.zeros((len(s.sites), steps))
        np.add.at(own, (site[a["index"][some]], a["start_step"][some]), a["vehicles"][some])
        ledger.equal(f"sites: {name}", t[name], own, 1e-7, "vehicles")
    flow, queue = (found.flows[name].to_numpy() for name in ("link_flow", "link_queue"))
    ledger.equal("flows: link_flow", flow, vehicles.link_flow.sum(axis=0), 1e-7, "vehicles")
    waits, arrivals, starts = (np.zeros((s.step_roads.nodes, steps)) for _ in range(3))
    np.add.at(waits, (a["node"][wait], a["start_step"][wait]), a["vehicles"][wait])
    head = s.step_roads.head[a["index"][link]]
    within = (a["end_step"][link] < steps) & (head != a["destination"][link])
    np.add.at(arrivals, (head[within], a["end_step"][link][within]), a["vehicles"][link][within])
    ended = (a["end_step"][link] < steps) & ~within
    exits = np.zeros_like(arrivals)
    np.add.at(exits, (head[ended], a["end_step"][link][ended]), a["vehicles"][link][ended])
    np.add.at(starts, (s.travel.origin, s.travel.depart_step), s.travel.vehicles)
    seen = np.zeros_like(waits)
    np.add.at(seen, s.sites.node, t["queue"])
    for k in range(s.step_roads.links):
        takes = int(s.step_roads.free_flow_steps[k])
        if takes < steps:
            seen[s.step_roads.tail[k], : steps - takes] += queue[k, takes:]
    slack = 1e-6 * max(1.0, float(s.travel.vehicles.max(initial=0.0)))
    ledger.equal("queues of sites and links: all who wait", seen, waits, slack, "vehicles")
    passing = np.zeros_like(waits)
    np.add.at(passing, s.sites.node, t["entering"])
    for y in np.unique(s.sites.node, return_index=True)[1]:
        passing[s.sites.node[y]] += t["bypassing"][y]
    here = np.unique(s.sites.node)
    over = (passing - arrivals - exits - starts)[here].max(initial=0.0)
    under = (arrivals - passing)[here].max(initial=0.0)
    ledger.add(
        "sites: entering and bypassing",
        bool(max(over, under) <= slack),
        f"together all who come, {max(over, under):.2g} vehicles off",
    )
    least = min(float(t[name].min(initial=0.0)) for name in ("entering", "bypassing", "queue"))
    ledger.add("sites: signs", least >= 0 and float(queue.min(initial=0.0)) >= 0, "none is negative")
    weight, count = np.zeros((len(s.sites), steps)), np.zeros((len(s.sites), steps))
    at = (site[a["index"][level]], a["start_step"][level])
    np.add.at(weight, at, (a["vehicles"] * a["soc"])[level])
    np.add.at(count, at, a["vehicles"][level])
    alone = (count > 1e-3) & (t["queue"] < 1e-7)
    mean = weight / np.maximum(count, 1e-12)
    ledger.equal("sites: soc_mean of those who charge", t["soc_mean"][alone], mean[alone], 1e-4)
    there = (t["queue"] + count) > 1e-3
    soc = t["soc_mean"][there]
    kept = bool(((soc >= a["soc"].min(initial=1.0) - 1e-6) & (soc <= a["soc"].max(initial=0.0) + 1e-6)).all())
    ledger.add("sites: soc_mean", kept, "must be between the lowest and highest of all vehicles")


def check_alternating(
    ledger: CheckList, found: Published, s: Scenario, network: VerifiedNetwork, rows: LimitRows
) -> None:
    """Recompute the error of the linear flow against the AC flow, if the summary states it."""
    f = found.summary
    if f["ac_voltage_error_pu"] is None:
        return
    assert s.distribution is not None
    assert s.injections is not None
    assert s.sites is not None
    site_kw = found.tables["aggregators"]["central_kw"].sum(axis=0)
    active, reactive = (np.zeros((s.distribution.buses, s.horizon.steps)) for _ in range(2))
    sign = s.injections.sign[:, None]
    np.add.at(active, s.injections.bus, sign * s.injections.power_kw)
    np.add.at(reactive, s.injections.bus, sign * s.injections.reactive_kvar)
    np.add.at(active, s.sites.bus, site_kw)
    exact = network.alternating(active, reactive)
    linear = rows.nominal + rows.per_site @ site_kw
    off = np.abs(linear - exact)[: rows.lines].max(initial=0.0)
    limits = s.distribution.limit_kw[:, None] * (1.0 + _AC_ALLOWED)
    flows = (np.abs(exact[: rows.lines]) > limits).any(axis=1)
    u, bus = exact[rows.lines :], rows.bus
    low = np.maximum(s.distribution.voltage_min_pu[bus, None] - _AC_ALLOWED, 0.0) ** 2
    high = (s.distribution.voltage_max_pu[bus, None] + _AC_ALLOWED) ** 2
    lines = s.distribution.line_id[flows].tolist()
    buses = s.distribution.bus_id[np.sort(bus[((u < low) | (u > high)).any(axis=1)])].tolist()
    same = f["ac_exceeded_lines"] == lines and f["ac_exceeded_buses"] == buses
    ledger.add("AC flow: limits exceeded", same, f"lines {lines}, voltages at {buses}")
    volts = [np.sqrt(np.clip(v[rows.lines :], 0.0, None)) for v in (linear, exact)]
    ledger.equal("AC flow: lines", float(f["ac_flow_error_kw"]), float(off), 1e-3 + 1e-4 * float(off), "kW")
    ledger.equal(
        "AC flow: voltages",
        float(f["ac_voltage_error_pu"]),
        float(np.abs(volts[0] - volts[1]).max(initial=0.0)),
        1e-6,
        "pu",
    )
