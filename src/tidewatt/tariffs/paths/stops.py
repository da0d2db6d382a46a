"""Columns and rows of one commodity on one path (tariff-19, tariff-20); `model` says which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.tariffs.paths.quadratic import QuadraticProgram
from tidewatt.tariffs.problem import TariffProblem

__all__ = ["Charging", "PathStop", "level_gains", "path_stops"]

_ROUND_OFF = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Charging:
    """Columns of one site at one stop of a path.

    Attributes
    ----------
    site : int
    levels : array, shape (levels,)
        Those of the site that vehicles can use for a whole step.
    vehicles : array of columns, shape (levels, steps)
    surplus : array of columns, shape (steps,)
        Energy beyond soc_min at the start of the step, of all levels.
    """

    site: int
    levels: Array
    vehicles: Array
    surplus: Array


@dataclass(frozen=True, slots=True, eq=False)
class PathStop:
    """Columns at one node of a path, and of the link that leaves it.

    Attributes
    ----------
    link, node : int
    first : int
        Earliest step in which somebody can be there. `flow` holds the steps from it on, `wait` and `charging`
        all of them but the last, after which nobody can go on and arrive.
    flow, flow_surplus, wait, wait_surplus : array of columns
    wait_least : float
        SOC that `wait_surplus` counts from.
    charging : tuple of Charging
        One for each site of the node.
    arriving : array of columns
        Who comes to the node, by the link before or by departing.
    arriving_step : array
    """

    link: int
    node: int
    first: int
    flow: Array
    flow_surplus: Array
    wait: Array
    wait_surplus: Array
    wait_least: float
    charging: tuple[Charging, ...]
    arriving: Array
    arriving_step: Array


def level_gains(problem: TariffProblem, aggregator: int) -> Array:
    """Return how much of a battery each level charges per vehicle and step, with losses either way."""
    fleet, power = problem.aggregators, problem.sites.level_kw
    through = np.where(
        power > 0.0, fleet.charge_efficiency[aggregator], 1.0 / fleet.discharge_efficiency[aggregator]
    )
    gains: Array = through * power * problem.step_h / fleet.battery_kwh[aggregator]
    return gains


def path_stops(
    problem: TariffProblem,
    program: QuadraticProgram,
    aggregator: int,
    soc_final: float,
    links: Array,
    groups: Array,
    demand: Array,
    elastic: bool,
) -> list[PathStop]:
    """Return the stops of one commodity on one path, without the destination; none if unusable.

    Parameters
    ----------
    groups : array of int
        The commodity's groups of `Travel`.
    demand : array of rows, shape (groups of `Travel`,)
    elastic : bool
        Whether roads and chargers may be exceeded.
    """
    roads, travel, fleet = problem.roads, problem.travel, problem.aggregators
    soc_min, soc_max = float(fleet.soc_min[aggregator]), float(fleet.soc_max[aggregator])
    gains, sites = level_gains(problem, aggregator), problem.sites
    nodes = roads.tail[links].tolist()
    at = [np.flatnonzero((sites.node == node) & ((sites.chargers > 0) | elastic)).tolist() for node in nodes]
    usable = [[_usable(problem, gains, site, soc_max - soc_min) for site in here] for here in at]
    takes, uses = roads.free_flow_steps[links], roads.energy_kwh[links] / fleet.battery_kwh[aggregator]
    least = uses + np.append(np.full(len(links) - 1, soc_min), soc_final)
    last = problem.steps - np.cumsum(takes[::-1])[::-1]
    groups = groups[travel.depart_step[groups] <= last[0]]
    depart, initial = travel.depart_step[groups], travel.soc_initial[groups]
    if not len(groups) or (least > soc_max + _ROUND_OFF).any():
        return []
    # Pooled, no vehicle brings more to the first site, or to the end, than the best charged do; columns that
    # this forces to 0 are left out, for duals of what forces them grow without limit.
    before = np.array(
        [not any(len(part) for here in usable[: i + 1] for part in here) for i in range(len(links))]
    )
    brought = initial.max() - np.append(0.0, np.cumsum(uses)[:-1])
    if (before & (brought < least - _ROUND_OFF)).any():
        return []
    first = int(depart.min()) + np.append(0, np.cumsum(takes)[:-1])
    # Nobody is on the path before having departed: with that, every column is bounded.
    departed = np.cumsum(np.bincount(depart, travel.vehicles[groups], minlength=problem.steps))
    time_cost = float(fleet.time_value_per_h[aggregator]) * problem.step_h

    coming = program.column(np.zeros(len(groups)), travel.vehicles[groups])
    enter, equal = program.enter, program.equal
    enter(equal, demand[groups], coming, 1.0)
    coming_step, coming_soc = depart, initial
    coming_surplus = np.zeros(0, np.int64)
    stops: list[PathStop] = []
    for i, link in enumerate(links.tolist()):
        t = np.arange(first[i], last[i] + 1)
        most = departed[np.clip(t - int(takes[:i].sum()), 0, problem.steps - 1)]
        vehicles, energy = program.equals(np.zeros(len(t))), program.equals(np.zeros(len(t)))
        cost = time_cost * takes[i] + problem.toll[link, t + int(takes[i]) - 1]
        pass_most = most if elastic else np.minimum(most, roads.capacity_per_step[link])
        flow, flow_surplus = _stock(program, cost, pass_most, soc_max - float(least[i]))
        wait_least = soc_min if at[i] else float(least[i])
        wait, wait_surplus = _stock(program, np.full(len(t) - 1, time_cost), most[:-1], soc_max - wait_least)
        for stock, surplus, floor, then in (
            (flow, flow_surplus, float(least[i]), slice(None)),
            (wait, wait_surplus, wait_least, slice(0, -1)),
        ):
            enter(equal, vehicles[then], stock, -1.0)
            enter(equal, energy[then], stock, -floor)
            enter(equal, energy[then], surplus, -1.0)
        enter(equal, vehicles[1:], wait, 1.0)
        enter(equal, energy[1:], wait, wait_least)
        enter(equal, energy[1:], wait_surplus, 1.0)
        enter(equal, vehicles[coming_step - first[i]], coming, 1.0)
        enter(equal, energy[coming_step - first[i]], coming, coming_soc)
        if len(coming_surplus):
            enter(equal, energy[coming_step - first[i]], coming_surplus, 1.0)
        charging = []
        for site, levels in zip(at[i], usable[i]):
            if len(levels) and len(t) > 1:
                charge_cost = time_cost + problem.charger_price[site, t[:-1]]
                plug_most = most[:-1] if elastic else np.minimum(most[:-1], sites.chargers[site])
                room = soc_max - soc_min
                columns, surplus = _plugged(
                    program, gains[levels], soc_min, room, charge_cost, plug_most, vehicles, energy
                )
                charging.append(Charging(site, levels, columns, surplus))
        stops.append(
            PathStop(
                link,
                nodes[i],
                int(first[i]),
                flow,
                flow_surplus,
                wait,
                wait_surplus,
                wait_least,
                tuple(charging),
                coming,
                coming_step,
            )
        )
        # `least` of the last link holds the final SOC, so whoever ends it has arrived.
        coming, coming_step, coming_surplus = flow, t + int(takes[i]), flow_surplus
        coming_soc = np.full(len(t), float(least[i]) - float(uses[i]))
    return stops


def _usable(problem: TariffProblem, gains: Array, site: int, room: float) -> Array:
    """Return the levels of a site that fit into the battery for a whole step."""
    mine = np.arange(problem.sites.level_first[site], problem.sites.level_first[site + 1])
    found: Array = mine[(np.abs(gains[mine]) <= room + 1e-12) & (gains[mine] != 0.0)]
    return found


def _stock(program: QuadraticProgram, cost: Array, most: Array, room: float) -> tuple[Array, Array]:
    """Add columns of vehicles, and of their energy beyond the least, at most `room` each (tariff-20)."""
    stock = program.column(cost, most)
    surplus = program.column(np.zeros(len(cost)), room * most)
    full = program.within(np.full(len(cost), -np.inf), np.zeros(len(cost)))
    program.enter(program.limit, full, surplus, 1.0)
    program.enter(program.limit, full, stock, -room)
    return stock, surplus


def _plugged(
    program: QuadraticProgram,
    gains: Array,
    soc_min: float,
    room: float,
    cost: Array,
    most: Array,
    vehicles: Array,
    energy: Array,
) -> tuple[Array, Array]:
    """Add columns of vehicles at each site level, and of their energy beyond soc_min at the step's start."""
    count, enter = len(cost), program.enter
    columns = np.stack([program.column(cost, most) for _ in gains])
    surplus = program.column(np.zeros(count), len(gains) * room * most)
    enter(program.equal, energy[:-1], surplus, -1.0)
    enter(program.equal, energy[1:], surplus, 1.0)
    full = program.within(np.full(count, -np.inf), np.zeros(count))
    enter(program.limit, full, surplus, 1.0)
    # Without discharging, energy within limits at the end of the step was so at its start.
    two_ways = bool((gains < 0.0).any())
    if two_ways:
        before, empty = (program.within(np.full(count, -np.inf), np.zeros(count)) for _ in range(2))
        enter(program.limit, before, surplus, 1.0)
        enter(program.limit, empty, surplus, -1.0)
    for gain, column in zip(gains.tolist(), columns):
        enter(program.equal, vehicles[:-1], column, -1.0)
        enter(program.equal, vehicles[1:], column, 1.0)
        enter(program.equal, energy[:-1], column, -soc_min)
        enter(program.equal, energy[1:], column, soc_min + gain)
        enter(program.limit, full, column, gain - room)
        if two_ways:
            enter(program.limit, before, column, -room)
            enter(program.limit, empty, column, -gain)
    return columns, surplus
