"""What the summary, the sweep, the outcomes and the history say, against the tables and each other."""

from __future__ import annotations

from typing import Any

import numpy as np

from tidewatt.domain.scenario import Scenario
from tidewatt.verification.ledger import Ledger
from tidewatt.verification.tariff_claims import Published
from tidewatt.verification.tariff_grid import Network, Rows
from tidewatt.verification.tariff_vehicles import Vehicles

__all__ = ["check_alternating", "check_sites", "check_summary"]

_BINDING_PRICE = 1e-6
"""A limit counts as binding where its dual moves tariffs by more, per kWh."""
_SAME_KW = 0.05
"""Power that differs by less counts as the same."""
_AC_ALLOWED = 1e-6  # relative of flows, per unit of voltages


def check_summary(
    ledger: Ledger, found: Published, s: Scenario, certificate: dict[str, Any], rows: Rows
) -> None:
    """Check the figures of ``summary.json`` that follow from the tables, the scenario or each other."""
    f = found.summary
    run = certificate.get("run")
    told = run if isinstance(run, dict) else {}
    good = f["scenario_sha256"] == certificate.get("scenario_sha256") == told.get("scenario_sha256")
    good &= f["seed"] == told.get("seed") and f["version"] == told.get("version")
    good &= f["scenario"] == s.name and f["status"] == str(certificate.get("status")).lower()
    ledger.add("summary: where it comes from", good, f"of {s.name}, {f['status']}, as in the certificate")
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
        "summary: status", (f["status"] == "certified") == same, f"{f['status']}, {_SAME_KW:g} kW count"
    )
    names = ["tariff"]
    names += ["tolls"] if found.toll.any() else []
    names += ["charger_prices"] if t["charger_price"].any() else []
    ledger.add("summary: published", f["published"] == names, f"{f['published']}, the tables {names}")
    needed = f["prices_needed"]
    enough = f["decentralisation_error_tariff_only_kw"]
    good = set(needed) >= {"tariff"} and set(needed) <= {"tariff", "tolls", "charger_prices"}
    good &= len(needed) > 1 or enough is None or float(enough) < _SAME_KW
    ledger.add("summary: prices_needed", good, f"{needed}; under the tariff alone {enough} kW off")
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
        ledger.add("summary: deterministic_cost", certain <= cost + 1e-7 * scale, "not above the robust cost")
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


def check_sites(ledger: Ledger, found: Published, s: Scenario, vehicles: Vehicles) -> None:
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
    ledger.add("sites: soc_mean", kept, "between the least and the most of all vehicles")


def check_alternating(ledger: Ledger, found: Published, s: Scenario, network: Network, rows: Rows) -> None:
    """Recompute by how much the linear flow is off the AC flow, where the summary says it."""
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
