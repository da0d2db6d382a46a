"""Whether the arcs in ``flows.nc`` are valid vehicle plans that serve the demand, and their sums."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import xarray as xr
from scipy.sparse.csgraph import dijkstra

from tidewatt.domain.arrays import Array
from tidewatt.domain.scenario import Scenario
from tidewatt.verification.common.findings import CheckList

__all__ = ["ARCS", "ArcKind", "Vehicles", "check_vehicles", "energy_ahead"]

ARCS = (
    *("aggregator", "destination", "soc_final_min", "action", "index", "start_step", "end_step", "node"),
    *("level", "level_end", "soc", "power_kw", "vehicles"),
)
_LINK, _WAIT, _LEVEL = 0, 1, 2
_TINY = 1e-9
_LOST = 1e-6
"""Vehicles that may be missing at a state: flows are kept down to 1e-8 each."""


@dataclass(frozen=True, slots=True, eq=False)
class ArcKind:
    """Interchangeable vehicles: one aggregator, one destination, one least charge there.

    Attributes
    ----------
    aggregator, destination : int
    soc_final_min : float
    arcs, groups : array of int
        Positions of its arcs and of its groups of `Travel`.
    soc_step : float
    base : array, shape (nodes,)
        State of charge at level 0; inf where there is no way.
    start : array of int, shape (groups,)
        Level at which each group sets out.
    """

    aggregator: int
    destination: int
    soc_final_min: float
    arcs: Array
    groups: Array
    soc_step: float
    base: Array
    start: Array


@dataclass(frozen=True, slots=True, eq=False)
class Vehicles:
    """Arcs and what they add up to.

    Attributes
    ----------
    arcs : dict of str to array, each of shape (arcs,)
        As `ARCS` names them.
    kinds : list of ArcKind
    power_kw : array, shape (aggregators, sites, steps)
    steps_travelled : array, shape (aggregators,)
        Vehicles times steps.
    link_flow : array, shape (aggregators, links, steps)
    chargers : array, shape (aggregators, sites, steps)
    """

    arcs: dict[str, Array]
    kinds: list[ArcKind]
    power_kw: Array
    steps_travelled: Array
    link_flow: Array
    chargers: Array


def energy_ahead(scenario: Scenario) -> Array:
    """Return the least energy between nodes [kWh], shape (nodes, nodes); inf if there is no way."""
    roads = scenario.step_roads
    assert roads is not None
    # The cheapest of links beside each other; links without energy must remain links.
    order = np.lexsort((roads.energy_kwh, roads.head, roads.tail))
    pair = np.stack([roads.tail[order], roads.head[order]])
    first = np.append(True, (np.diff(pair, axis=1) != 0).any(axis=0))
    energy = np.maximum(roads.energy_kwh[order][first], 1e-300)
    graph = sp.csr_matrix((energy, (pair[0][first], pair[1][first])), (roads.nodes, roads.nodes))
    return np.asarray(dijkstra(graph))


def check_vehicles(
    ledger: CheckList, scenario: Scenario, data: xr.Dataset, rounding: str, soc_step: float
) -> Vehicles | None:
    """Check every arc on its own, then balances, capacities and demand; None if reading on is no use.

    A vehicle on these arcs has at least the charge that they say: links use no less than their energy, and
    chargers add no more than their power gives (the other way round where rounding is ``outer``).
    """
    a = {name: data[name].to_numpy() for name in ARCS}
    roads, sites, travel, who = scenario.step_roads, scenario.sites, scenario.travel, scenario.aggregators
    assert roads is not None
    assert sites is not None
    assert travel is not None
    assert who is not None
    steps, levels = scenario.horizon.steps, len(sites.level_kw)
    size = {_LINK: roads.links, _WAIT: roads.nodes, _LEVEL: levels}
    most = np.array([size.get(int(action), 0) for action in a["action"]])
    good = np.isfinite(a["vehicles"]) & (a["vehicles"] > 0) & (a["index"] >= 0) & (a["index"] < most)
    for name, bound in (("aggregator", len(who)), ("destination", roads.nodes), ("node", roads.nodes)):
        good &= (a[name] >= 0) & (a[name] < bound)
    good &= (a["start_step"] >= 0) & (a["end_step"] <= steps) & (a["end_step"] > a["start_step"])
    good &= np.isfinite(a["soc"]) & np.isfinite(a["power_kw"]) & (a["node"] != a["destination"])
    if not ledger.add(
        "arcs: entries", bool(good.all()), f"{len(good):,} arcs, {int((~good).sum()):,} impossible"
    ):
        return None
    link, wait, level = (a["action"] == kind for kind in (_LINK, _WAIT, _LEVEL))
    site = np.repeat(np.arange(len(sites)), np.diff(sites.level_first))
    head = a["node"].astype(np.int64)
    head[link] = roads.head[a["index"][link]]
    place = np.where(wait, a["index"], a["node"])
    place[link] = roads.tail[a["index"][link]]
    place[level] = sites.node[site[a["index"][level]]]
    ledger.add("arcs: places", bool((place == a["node"]).all()), "must begin where its link or site is")
    takes = np.ones(len(link), np.int64)
    takes[link] = roads.free_flow_steps[a["index"][link]]
    late = a["end_step"] - a["start_step"] != takes
    ledger.add(
        "arcs: times", not late.any(), f"{int(late.sum()):,} take other steps than their link or a stay"
    )
    kinds = _kinds(ledger, scenario, a, soc_step, rounding)
    if kinds is None:
        return None
    _check_charge(ledger, scenario, a, kinds, head, rounding)
    _check_balances(ledger, scenario, a, kinds, head)
    return _sums(ledger, scenario, a, kinds, site)


def _kinds(
    ledger: CheckList, scenario: Scenario, a: dict[str, Array], soc_step: float, rounding: str
) -> list[ArcKind] | None:
    """Return steps and offsets of the levels, as read from the arcs.

    That they are the same everywhere is checked.
    """
    roads, travel, who = scenario.step_roads, scenario.travel, scenario.aggregators
    assert roads is not None
    assert travel is not None
    assert who is not None
    least = energy_ahead(scenario)
    keys = {
        (int(m), int(d), float(s)): None
        for m, d, s in zip(travel.aggregator, travel.destination, travel.soc_final_min, strict=True)
    }
    found, used = [], np.zeros(len(a["soc"]), bool)
    step_of = {m: _soc_step(scenario, a, m, least, soc_step) for m in {key[0] for key in keys}}
    worst = 0.0
    for m, d, final in keys:
        arcs = np.flatnonzero(
            (a["aggregator"] == m) & (a["destination"] == d) & (a["soc_final_min"] == final)
        )
        groups = np.flatnonzero(
            (travel.aggregator == m) & (travel.destination == d) & (travel.soc_final_min == final)
        )
        used[arcs] = True
        if not len(arcs):
            ledger.add("arcs: vehicles", False, f"no arcs of aggregator {who.aggregator_id[m]} to node {d}")
            return None
        ahead = final + least[:, d] / float(who.battery_kwh[m])
        offset = a["soc"][arcs] - ahead[a["node"][arcs]] - a["level"][arcs] * step_of[m]
        centre = float(np.median(offset))
        worst = max(worst, float(np.abs(offset - centre).max()))
        base = ahead + centre
        spare = (travel.soc_initial[groups] - base[travel.origin[groups]]) / step_of[m]
        start = np.floor(spare + _TINY) if rounding == "inner" else np.ceil(spare - _TINY)
        if rounding == "outer":  # what is beyond the highest level is dropped
            most = (float(who.soc_max[m]) - base[travel.origin[groups]]) / step_of[m]
            start = np.minimum(start, np.ceil(most - _TINY))
        if not np.isfinite(start).all():
            ledger.add("arcs: demand", False, "a group has no way to its destination")
            return None
        found.append(ArcKind(m, d, final, arcs, groups, step_of[m], base, start.astype(np.int64)))
    ledger.add(
        "arcs: kinds", bool(used.all()), f"{int((~used).sum()):,} belong to vehicles not in the scenario"
    )
    ledger.add("arcs: charge of levels", worst < 1e-7, f"levels and charge differ by up to {worst:.2g}")
    return found


def _soc_step(scenario: Scenario, a: dict[str, Array], m: int, least: Array, said: float) -> float:
    """Return the step of an aggregator's levels, if its arcs begin on several levels.

    The rise of the surplus of charge, over the levels between the lowest and the highest, of the kind in
    which these are farthest apart.
    """
    who = scenario.aggregators
    assert who is not None
    step, most = said, 0
    for d in np.unique(a["destination"][a["aggregator"] == m]):
        mine = (a["aggregator"] == m) & (a["destination"] == d)
        for final in np.unique(a["soc_final_min"][mine]):
            i = np.flatnonzero(mine & (a["soc_final_min"] == final))
            low, high = i[a["level"][i].argmin()], i[a["level"][i].argmax()]
            levels = int(a["level"][high] - a["level"][low])
            if levels > most:
                ahead = (least[a["node"][high], d] - least[a["node"][low], d]) / float(who.battery_kwh[m])
                step, most = float(a["soc"][high] - a["soc"][low] - ahead) / levels, levels
    return step


def _check_charge(
    ledger: CheckList,
    scenario: Scenario,
    a: dict[str, Array],
    kinds: list[ArcKind],
    head: Array,
    rounding: str,
) -> None:
    roads, sites, who = scenario.step_roads, scenario.sites, scenario.aggregators
    assert roads is not None
    assert sites is not None
    assert who is not None
    m = a["aggregator"]
    link, level = a["action"] == _LINK, a["action"] == _LEVEL
    slack, end, least = np.full(len(m), _TINY), np.empty(len(m)), np.empty(len(m))
    for kind in kinds:
        end[kind.arcs] = kind.base[head[kind.arcs]] + a["level_end"][kind.arcs] * kind.soc_step
        least[kind.arcs] = kind.soc_final_min
        slack[kind.arcs] += 1e-8 if rounding == "inner" else kind.soc_step
    gained = end - a["soc"]
    battery, dt = who.battery_kwh[m], scenario.horizon.step_h
    may = np.zeros(len(m))
    may[link] = -roads.energy_kwh[a["index"][link]] / battery[link]
    kwh = a["power_kw"] * dt
    eta = np.where(kwh > 0, who.charge_efficiency[m], 1.0 / who.discharge_efficiency[m])
    may[level] = (kwh * eta / battery)[level]
    ledger.add(
        "arcs: energy",
        bool((gained <= may + slack).all()),
        f"charge rises by at most {(gained - may).max(initial=-1.0):.2g} more than links and chargers allow",
    )
    bounds = [soc >= who.soc_min[m] - slack for soc in (a["soc"], end)]
    bounds += [soc <= who.soc_max[m] + slack for soc in (a["soc"], end)]
    ledger.add("arcs: bounds of charge", all(bool(b.all()) for b in bounds), "must be soc_min to soc_max")
    arrives = link & (head == a["destination"])
    ledger.add(
        "arcs: charge on arrival", bool((end >= least - slack)[arrives].all()), "at least soc_final_min"
    )
    said = np.zeros(len(m))
    said[level] = sites.level_kw[a["index"][level]]
    # Powers are those of whole levels (tariff-7); rounded outwards, also the chargers' own.
    steps = np.array([_step(kinds, int(x)) for x in range(len(who))])[m]
    through = np.where(said > 0, who.charge_efficiency[m], 1.0 / who.discharge_efficiency[m])
    exact = said * dt * through / battery / steps
    k = np.sign(said) * np.floor(np.abs(exact) + _TINY)
    own = k * steps * battery / (through * dt)
    if rounding == "outer":
        own = np.where(np.abs(a["power_kw"] - said) < np.abs(a["power_kw"] - own), said, own)
    own = np.where(level, own, 0.0)
    ledger.equal("arcs: power of chargers (tariff-7)", a["power_kw"], own, 1e-7 * (1.0 + np.abs(own)), "kW")
    ledger.add(
        "arcs: power within levels",
        bool((np.abs(a["power_kw"]) <= np.abs(said) * (1 + 1e-9)).all()),
        "none may exceed its charger's power",
    )
    moved = a["level_end"] - a["level"]
    if rounding == "inner":
        wrong = np.where(link, moved > 0, moved != k)
    else:
        wrong = moved > np.where(said > 0, np.ceil(exact - _TINY), k)
    ledger.add("arcs: levels", not wrong.any(), f"{int(wrong.sum()):,} rise by other levels than their power")


def _step(kinds: list[ArcKind], aggregator: int) -> float:
    return next((kind.soc_step for kind in kinds if kind.aggregator == aggregator), 1.0)


def _check_balances(
    ledger: CheckList, scenario: Scenario, a: dict[str, Array], kinds: list[ArcKind], head: Array
) -> None:
    """Check that what leaves each state less what enters it equals the vehicles that set out there."""
    travel = scenario.travel
    assert travel is not None
    worst, where, arrived = 0.0, "", 0.0
    for number, kind in enumerate(kinds):
        i, g = kind.arcs, kind.groups
        keys = np.concatenate(
            [
                np.stack([a["start_step"][i], a["node"][i], a["level"][i]], 1),
                np.stack([a["end_step"][i], head[i], a["level_end"][i]], 1),
                np.stack([travel.depart_step[g], travel.origin[g], kind.start], 1),
            ]
        ).astype(np.int64)
        flow = np.concatenate([a["vehicles"][i], -a["vehicles"][i], -travel.vehicles[g]])
        states, which = np.unique(keys, axis=0, return_inverse=True)
        balance = np.bincount(which.reshape(-1), flow, len(states))
        ends = states[:, 1] == kind.destination
        arrived -= float(balance[ends].sum())
        off = np.where(ends, 0.0, np.abs(balance))
        if off.max(initial=0.0) > worst:
            t, n, q = states[int(off.argmax())].tolist()
            worst, where = float(off.max()), f", at kind {number}, step {t}, node {n}, level {q}"
    ledger.add(
        "balance of vehicles (tariff-2)",
        worst <= _LOST * max(1.0, float(travel.vehicles.max())),
        f"largest {worst:.2g} vehicles{where}",
    )
    total = float(travel.vehicles.sum())
    ledger.equal("demand served", arrived, total, 1e-6 * max(1.0, total), "vehicles")


def _sums(
    ledger: CheckList, scenario: Scenario, a: dict[str, Array], kinds: list[ArcKind], site: Array
) -> Vehicles:
    """Return power, travel time, link flows and charger use, and whether the last two keep their limits."""
    roads, sites, who = scenario.step_roads, scenario.sites, scenario.aggregators
    assert roads is not None
    assert sites is not None
    assert who is not None
    steps = scenario.horizon.steps
    power, used = (np.zeros((len(who), len(sites), steps)) for _ in range(2))
    flow = np.zeros((len(who), roads.links, steps))
    link, level = a["action"] == _LINK, a["action"] == _LEVEL
    at = (a["aggregator"][level], site[a["index"][level]], a["start_step"][level])
    np.add.at(power, at, (a["vehicles"] * a["power_kw"])[level])
    np.add.at(used, at, a["vehicles"][level])
    at = (a["aggregator"][link], a["index"][link], a["end_step"][link] - 1)
    np.add.at(flow, at, a["vehicles"][link])
    travelled = np.bincount(
        a["aggregator"], a["vehicles"] * (a["end_step"] - a["start_step"]), minlength=len(who)
    )
    for name, sums, limit in (
        ("capacity of links (tariff-3)", flow.sum(axis=0), roads.capacity_per_step),
        ("chargers (tariff-4)", used.sum(axis=0), sites.chargers),
    ):
        over = (sums - limit[:, None]).max(initial=-np.inf)
        most = 1e-6 * max(1.0, float(np.where(np.isfinite(limit), limit, 0.0).max(initial=0.0)))
        ledger.add(name, bool(over <= most), f"exceeded by at most {max(over, 0.0):.2g}, allowed {most:.2g}")
    return Vehicles(a, kinds, power, travelled, flow, used)
