"""States of the arcs formulation: time, node and surplus of charge over the least-energy way on (tariff-1).

Vehicles of one aggregator that go to one destination and need the same charge there are one kind. Its levels
count the surplus of charge from what the least-energy way needs, so that a vehicle on that way never loses
anything to rounding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.kernels.arcs.surplus import Expanded
from tidewatt.tariffs.problem import TariffProblem

__all__ = ["ChargeStates", "VehicleKind", "levels_of", "soc_steps"]

MOST_AUTO = 0.022  # a finer step than the quarter of a gain pays off little
_ROUNDING = 1e-9
_LOST = 1e-6  # share of a charger's power below which its loss is rounding


@dataclass(frozen=True, slots=True, eq=False)
class VehicleKind:
    """Interchangeable vehicles: one aggregator, one destination, one least final charge.

    Attributes
    ----------
    aggregator, destination : int
    soc_final_min : float
    expanded : Expanded
    levels : int
        Levels of every node, from 0.
    soc_base : array, shape (nodes,)
        State of charge at level 0.
    starts : array of int64, shape (starts,)
        States in which vehicles depart, without repeats, sorted.
    vehicles : array, shape (starts,)
    """

    aggregator: int
    destination: int
    soc_final_min: float
    expanded: Expanded
    levels: int
    soc_base: Array
    starts: Array
    vehicles: Array


@dataclass(frozen=True, slots=True, eq=False)
class ChargeStates:
    """All kinds of vehicles, and what a charger level means to each aggregator.

    Attributes
    ----------
    kinds : list of VehicleKind
    soc_step : array, shape (aggregators,)
    site, level : array of int64, shape (options,)
        Of every way to charge or discharge; the first ones are the charger levels in order. From outside,
        those follow again as they are inside.
    gain : array of int64, shape (aggregators, options)
        Steps of the state of charge in a time step.
    power_kw : array, shape (aggregators, options)
        What the charger draws for that, losses included (tariff-7); negative when discharging; 0: not used.
    group_kind, group_state : array of int64, shape (groups,)
        Where each group of `Travel` departs; kind -1: outside the bounds of its charge.
    notes : tuple of str
    """

    kinds: list[VehicleKind]
    soc_step: Array
    site: Array
    level: Array
    gain: Array
    power_kw: Array
    group_kind: Array
    group_state: Array
    notes: tuple[str, ...]


def levels_of(
    problem: TariffProblem, soc_step: float | str = "auto", rounding: str = "inner"
) -> ChargeStates:
    """Return levels, rounded so that every plan can be driven (``inner``) or none is lost (``outer``).

    From outside, a vehicle's level is never below its state of charge: departures, gains and highest levels
    are rounded up, what links and discharging take down, and what is beyond the highest level is dropped.
    Powers are the chargers' own, or those of inner levels, so that every plan of either has its like at the
    same cost.
    """
    if rounding not in ("inner", "outer"):
        raise ValueError(f"rounding must be inner or outer, found {rounding!r}")
    step = soc_steps(problem, soc_step)
    travel, roads, sites = problem.travel, problem.roads, problem.sites
    destinations, where = np.unique(travel.destination, return_inverse=True)
    need_kwh = _least_energy(roads.nodes, roads.tail, roads.head, roads.energy_kwh, destinations)
    first_link, links = _grouped(roads.tail, roads.nodes)
    of_level, gain, power_kw = _chargers(problem, step, rounding)
    site = np.repeat(np.arange(len(sites)), np.diff(sites.level_first))[of_level]
    option = [_grouped(sites.node[site], roads.nodes, kw != 0) for kw in power_kw]

    keys = np.stack([travel.aggregator, where, _ranks(travel.soc_final_min)], axis=1)
    distinct, first, kind = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    kind = kind.reshape(-1).astype(np.int64)
    group_state = np.full(len(travel), -1, np.int64)
    order = np.argsort(kind, kind="stable")
    bounds = np.searchsorted(kind[order], np.arange(len(distinct) + 1))
    kinds = []
    for k, (m, d, _) in enumerate(distinct):
        groups = order[bounds[k] : bounds[k + 1]]
        final, delta = float(travel.soc_final_min[first[k]]), float(step[m])
        battery = float(problem.aggregators.battery_kwh[m])
        ahead = need_kwh[:, d] / battery
        offset = delta * _offset(
            (travel.soc_initial[groups] - final - ahead[travel.origin[groups]]) / delta, rounding
        )
        base = np.where(np.isfinite(ahead), final + ahead + offset, 0.0)
        up, down = (_up, _down) if rounding == "inner" else (_down, _up)
        low = _up((problem.aggregators.soc_min[m] - base) / delta)
        high = down((problem.aggregators.soc_max[m] - base) / delta)
        floor = int(low.min())
        low, high = low - floor, np.where(np.isfinite(ahead), high - floor, -1)
        with np.errstate(invalid="ignore"):
            drop = (roads.energy_kwh / battery + ahead[roads.head] - ahead[roads.tail]) / delta
        used = np.maximum(0, up(np.where(np.isfinite(drop), drop, 0.0)))
        expanded = Expanded(
            int(destinations[d]),
            -floor,
            low,
            high,
            first_link,
            links,
            roads.head.astype(np.int64),
            np.asarray(roads.free_flow_steps, np.int64),
            used,
            option[m][0],
            option[m][1],
            gain[m],
            rounding == "outer",
        )
        levels = max(1, int(high.max()) + 1)
        origin = travel.origin[groups]
        level = down((travel.soc_initial[groups] - base[origin]) / delta) - floor
        level = np.minimum(level, high[origin])
        good = (level >= low[origin]) & (travel.depart_step[groups] < problem.steps)
        state = (travel.depart_step[groups] * roads.nodes + origin) * levels + level
        group_state[groups] = np.where(good, state, -1)
        starts, inverse = np.unique(state[good], return_inverse=True)
        vehicles = np.bincount(inverse, travel.vehicles[groups][good], len(starts))
        base_soc = base + floor * delta
        kinds.append(
            VehicleKind(int(m), int(destinations[d]), final, expanded, levels, base_soc, starts, vehicles)
        )
    return ChargeStates(
        kinds,
        step,
        site,
        of_level,
        gain,
        power_kw,
        np.where(group_state >= 0, kind, -1),
        group_state,
        _notes(problem, power_kw) if rounding == "inner" else (),
    )


def _offset(spare: Array, rounding: str) -> float:
    """Return the offset of the first level, as a share of a step, at which rounding costs least.

    A group starts some part of a level above one. What it loses to rounding at its start and on arrival is
    that part where the offset is not above it, and a level more where it is; from outside, the reverse.
    """
    spare = spare[np.isfinite(spare)]
    part = spare - np.floor(spare)
    part = np.where(np.minimum(part, 1.0 - part) < _ROUNDING, 0.0, part)
    if not len(part):
        return 0.0
    return float(part.min() if rounding == "inner" else part.max())


def soc_steps(problem: TariffProblem, soc_step: float | str = "auto") -> Array:
    """Return each aggregator's step of the state of charge.

    ``auto``: a quarter of what the strongest level gains, or a whole part of that, at most `MOST_AUTO`; of
    those down to half as fine the one by which levels lose least.
    """
    aggregators, power = problem.aggregators, problem.sites.level_kw
    if soc_step != "auto":
        return np.full(len(aggregators), float(soc_step))
    steps = np.full(len(aggregators), MOST_AUTO)
    for m in range(len(aggregators)):
        gain = np.sort(np.abs(_gains(problem, m)))
        gain = gain[gain > 0]
        if not (power > 0).any():
            continue
        quarter = float(_gains(problem, m).max()) / 4.0
        coarsest = max(1, math.ceil(quarter / MOST_AUTO - _ROUNDING))
        parts = np.arange(coarsest, 2 * coarsest + 1)
        lost = [float(np.sum(np.round(gain / (quarter / n) % 1.0, 9) * (quarter / n) / gain)) for n in parts]
        steps[m] = quarter / parts[int(np.argmin(np.round(lost, 9)))]
    return steps


def _gains(problem: TariffProblem, m: int) -> Array:
    """Return the change of the state of charge by every level in a step."""
    aggregators, power = problem.aggregators, problem.sites.level_kw
    kwh = power * problem.step_h
    charged = kwh * aggregators.charge_efficiency[m]
    change: Array = np.where(power > 0, charged, kwh / aggregators.discharge_efficiency[m])
    return change / float(aggregators.battery_kwh[m])


def _chargers(problem: TariffProblem, step: Array, rounding: str) -> tuple[Array, Array, Array]:
    """Return levels, and each aggregator's gain and draw at them, in steps of charge (tariff-7)."""
    aggregators, asked = problem.aggregators, problem.sites.level_kw
    exact = np.array([_gains(problem, m) / step[m] for m in range(len(aggregators))])
    exact = exact.reshape(len(aggregators), len(asked))
    gain = np.asarray(np.sign(exact), np.int64) * _down(np.abs(exact))
    kwh = gain * (step * aggregators.battery_kwh)[:, None]
    through = np.where(
        gain > 0, 1.0 / aggregators.charge_efficiency[:, None], aggregators.discharge_efficiency[:, None]
    )
    power = kwh * through / problem.step_h
    level = np.arange(len(asked))
    if rounding == "inner":
        return level, gain, power
    wide = np.where(exact > 0, _up(exact), gain)
    same = wide == gain
    full = np.where(same & (gain != 0) & (np.abs(np.abs(exact) - np.abs(gain)) < _ROUNDING), power, asked)
    both = np.concatenate([wide, gain], axis=1)
    reduced = np.where(np.abs(full - power) > _ROUNDING * np.abs(asked), power, 0.0)
    return np.tile(level, 2), both, np.concatenate([full, reduced], axis=1)


def _notes(problem: TariffProblem, power_kw: Array) -> tuple[str, ...]:
    """Return a note on every charger level that is weakened by the step of the state of charge."""
    notes = []
    asked = problem.sites.level_kw
    lost = 1.0 - np.abs(power_kw) / np.maximum(np.abs(asked), 1e-300)
    for m in range(len(power_kw)):
        seen: set[float] = set()
        for i in np.flatnonzero((lost[m] > _LOST) & (asked != 0)):
            if float(asked[i]) not in seen:
                seen.add(float(asked[i]))
                what = "charging" if asked[i] > 0 else "discharging"
                notes.append(
                    f"For aggregator {problem.aggregators.aggregator_id[m]}, {what} at {abs(asked[i]):g} kW "
                    f"is modelled as {abs(power_kw[m, i]):.4g} kW, a whole number of steps of the state of "
                    "charge: a smaller soc_step comes closer."
                )
    return tuple(notes)


def _least_energy(nodes: int, tail: Array, head: Array, energy_kwh: Array, destinations: Array) -> Array:
    """Return least energy from nodes to destinations [kWh], shape (nodes, destinations); inf: no way."""
    least = np.full((nodes, len(destinations)), np.inf)
    least[destinations, np.arange(len(destinations))] = 0.0
    for _ in range(nodes):
        better = least.copy()
        np.minimum.at(better, tail, least[head] + energy_kwh[:, None])
        if (better >= least - 1e-12).all():
            break
        least = better
    return least


def _grouped(owner: Array, owners: int, wanted: Array | None = None) -> tuple[Array, Array]:
    """Return CSR offsets and members by owner, for the wanted ones."""
    order = np.argsort(owner, kind="stable").astype(np.int32)
    if wanted is not None:
        order = order[wanted[order]]
    first = np.zeros(owners + 1, np.int64)
    np.cumsum(np.bincount(owner[order], minlength=owners), out=first[1:])
    return first, order


def _ranks(values: Array) -> Array:
    return np.unique(values, return_inverse=True)[1].reshape(-1)


def _up(x: Array) -> Array:
    return np.asarray(np.ceil(x - _ROUNDING), np.int64)


def _down(x: Array) -> Array:
    return np.asarray(np.floor(x + _ROUNDING), np.int64)
