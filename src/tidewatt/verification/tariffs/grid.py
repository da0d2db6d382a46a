"""Line flows, bus voltages and the margins of their limits, computed in another way."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import breadth_first_order
from scipy.sparse.linalg import splu

from tidewatt.domain.arrays import Array
from tidewatt.domain.distribution import Distribution, Forecasts, Injections
from tidewatt.domain.travel import ChargingSites

__all__ = ["LimitRows", "VerifiedNetwork", "margins_of", "rows_of"]

_STEP_KW = 0.5
"""Change of power in either direction for finite differences of AC flows [kW]."""


@dataclass(frozen=True, slots=True, eq=False)
class LimitRows:
    """Lines, then buses but the slack (squared voltages), as linear functions of sites and injections.

    Attributes
    ----------
    lines : int
        The first so many rows are lines.
    bus : array of int, shape (buses - 1,)
        Whose voltages the others are.
    nominal : array, shape (rows, steps)
        At the forecast, without vehicles.
    per_site : array, shape (rows, sites)
        Per kW drawn.
    per_active, per_reactive : array, shape (rows, injections)
        Per kW and kvar consumed at the injection's bus.
    low, high : array, shape (rows,)
    """

    lines: int
    bus: Array
    nominal: Array
    per_site: Array
    per_active: Array
    per_reactive: Array
    low: Array
    high: Array

    def terms(self, injections: Injections) -> Array:
        """Return the effect of 1 kW more of each injection, kvar in proportion, (rows, injections, steps)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(injections.power_kw != 0, injections.reactive_kvar / injections.power_kw, 0.0)
        effect = self.per_active[:, :, None] + self.per_reactive[:, :, None] * ratio[None]
        return np.asarray(effect * injections.sign[None, :, None])


class VerifiedNetwork:
    """A radial network, as the balance of its buses.

    Parameters
    ----------
    d : Distribution

    Raises
    ------
    ValueError
        It is not fed at one bus, or is no tree.
    """

    def __init__(self, d: Distribution) -> None:
        slack = np.flatnonzero(d.slack)
        if len(slack) != 1 or d.lines != d.buses - 1:
            raise ValueError("the network is not fed at one bus, or is no tree")
        self.slack = int(slack[0])
        self.others = np.delete(np.arange(d.buses), self.slack)
        line = np.arange(d.lines)
        inflow = sp.coo_matrix(
            (np.repeat([1.0, -1.0], d.lines), (np.append(d.head, d.tail), np.append(line, line))),
            (d.buses, d.lines),
        ).tocsr()
        graph = sp.coo_matrix((np.ones(d.lines), (d.tail, d.head)), (d.buses, d.buses))
        reached, before = breadth_first_order(graph, self.slack, directed=False)
        if len(reached) != d.buses:
            raise ValueError("the network is not connected")
        self.away = np.where(before[d.head] == d.tail, 1.0, -1.0)
        self.near = np.where(self.away > 0, d.tail, d.head)
        # Rows of buses, columns of lines, which are directed away from the slack from here on.
        balance = inflow[self.others] @ sp.diags(self.away)
        self._flows, self._drops = splu(balance.tocsc()), splu(balance.T.tocsc())
        base = 1e3 * np.minimum(d.base_kv[d.tail], d.base_kv[d.head]) ** 2
        self.r, self.x = d.r_ohm / base, d.x_ohm / base
        low, high = d.voltage_min_pu[self.slack], d.voltage_max_pu[self.slack]
        self.fed_at = float(low) if low == high else 1.0

    def carried(self, drawn: Array) -> Array:
        """Return the flow of lines if buses draw this, (buses, n) to (lines, n)."""
        return _solved(self._flows, np.asarray(drawn)[self.others])

    def dropped(self, drop: Array) -> Array:
        """Return the sum of line drops up to each bus but the slack, (lines, n) to (buses - 1, n)."""
        return _solved(self._drops, drop)

    def linear(self, active: Array, reactive: Array) -> Array:
        """Return flows and drops of squared voltage without losses, (buses, n) to (rows, n)."""
        flow = self.carried(active)
        drop = self.r[:, None] * flow + self.x[:, None] * self.carried(reactive)
        return np.concatenate([flow, -2.0 * self.dropped(drop)])

    def alternating(self, active: Array, reactive: Array) -> Array:
        """Return flows at ends towards the slack and squared voltages, lossy, (buses, n) to (rows, n)."""
        drawn = np.asarray(active + 1j * reactive)
        voltage = np.full(drawn.shape, self.fed_at, complex)
        z = (self.r + 1j * self.x)[:, None]
        for _ in range(1000):
            current = self.carried(np.conj(drawn / voltage))
            after = self.fed_at - self.dropped(z * current)
            change = float(np.abs(after - voltage[self.others]).max(initial=0.0))
            voltage[self.others] = after
            if change < 1e-14:
                break
        if not change < 1e-9:
            raise ValueError("no AC flow was found")
        current = self.carried(np.conj(drawn / voltage))
        flow = (voltage[self.near] * np.conj(current)).real
        return np.concatenate([flow, np.abs(voltage[self.others]) ** 2])


def _solved(system: Any, right: Array) -> Array:
    """Solve a real system for real or complex right-hand sides."""
    if not np.iscomplexobj(right):
        return np.asarray(system.solve(np.ascontiguousarray(right, np.float64)))
    real, imaginary = (np.ascontiguousarray(part) for part in (right.real, right.imag))
    return np.asarray(system.solve(real) + 1j * system.solve(imaginary))


def rows_of(
    network: VerifiedNetwork,
    d: Distribution,
    injections: Injections,
    sites: ChargingSites,
    said: dict[str, Any],
) -> LimitRows:
    """Return all rows at the forecast (tariff-11 to tariff-14), linearised as the summary says."""
    steps, count = sites.price_per_kwh.shape[1], d.buses
    active, reactive = np.zeros((count, steps)), np.zeros((count, steps))
    load = np.zeros((count, steps))
    for i in range(len(injections)):
        bus, sign = injections.bus[i], injections.sign[i]
        active[bus] += sign * injections.power_kw[i]
        reactive[bus] += sign * injections.reactive_kvar[i]
        if sign > 0:
            load[bus] += injections.power_kw[i] + injections.half_width_kw[i]
    one = np.eye(count)
    if said["linearisation"] == "forecast":
        nominal = network.alternating(active, reactive)
        base = np.concatenate([np.zeros(d.lines), np.full(count - 1, network.fed_at**2)])
        step = np.abs(nominal - base[:, None]).argmax(axis=1)
        per = [np.zeros((len(nominal), count)) for _ in range(2)]
        for t in np.unique(step):
            at = active[:, t, None], reactive[:, t, None]
            for k, h in enumerate(((_STEP_KW * one, 0 * one), (0 * one, _STEP_KW * one))):
                up = network.alternating(at[0] + h[0], at[1] + h[1])
                down = network.alternating(at[0] - h[0], at[1] - h[1])
                per[k][step == t] = ((up - down) / (2 * _STEP_KW))[step == t]
    else:
        nominal = network.linear(active, reactive)
        nominal[d.lines :] += network.fed_at**2
        per = [network.linear(one, 0 * one), network.linear(0 * one, one)]
    limit = d.limit_kw - float(said["loss_margin"]) * network.carried(load).max(axis=1, initial=0.0)
    limit = np.maximum(limit, 0.0)
    least, most = d.voltage_min_pu[network.others], d.voltage_max_pu[network.others]
    return LimitRows(
        lines=d.lines,
        bus=network.others,
        nominal=nominal,
        per_site=per[0][:, sites.bus],
        per_active=per[0][:, injections.bus],
        per_reactive=per[1][:, injections.bus],
        low=np.concatenate([-limit, np.where(least > 0, least**2, -np.inf)]),
        high=np.concatenate([limit, most**2]),
    )


_NONE = 1e-9
_LEAST_SCALE = 0.01


def margins_of(
    rows: LimitRows, injections: Injections, forecasts: Forecasts | None, said: dict[str, Any]
) -> tuple[Array, Array]:
    """Return margins below and above, shape (rows, steps) (tariff-15, tariff-16).

    The box by its worst corner; the budget by the dual of its linear program, least over the prices of the
    budget at which the dual bends; the ellipsoid at its farthest point; conformal margins by counting days.

    Raises
    ------
    ValueError
        The set is unknown, or the past days are too few.
    """
    effect = rows.terms(injections)
    word = said["uncertainty"]
    if word == "conformal":
        return _conformal(rows, effect, injections, forecasts, said)
    gamma = float(said["gamma"])
    own = np.isfinite(injections.gamma)
    scale = np.where(own, injections.gamma, gamma if word == "box" else 1.0)
    width = injections.half_width_kw * scale[:, None]
    if word == "box":
        corner = np.where(effect > 0, 1.0, -1.0) * width
        worst = np.einsum("rit,rit->rt", effect, corner)
    elif word == "budget":
        worst = _budget(np.abs(effect) * width, gamma)
    elif word == "ellipsoid":
        direction = effect * width
        length = np.sqrt(np.einsum("rit,rit->rt", direction, direction))
        radius = gamma * np.sqrt(_count(np.abs(direction)))
        unit = np.divide(direction, length[:, None], out=np.zeros_like(direction), where=length[:, None] > 0)
        worst = radius * np.einsum("rit,rit->rt", unit, direction)
    else:
        raise ValueError(f"uncertainty {word!r} is unknown")
    return worst, worst


def _count(terms: Array) -> Array:
    most = terms.max(axis=1, keepdims=True, initial=0.0)
    return np.asarray((terms > _NONE * most).sum(axis=1))


def _budget(terms: Array, gamma: float) -> Array:
    """Return the minimum over q >= 0 of budget times q plus what terms exceed q, (rows, steps)."""
    budget = gamma * _count(terms)
    best = terms.sum(axis=1)  # q = 0
    for i in range(terms.shape[1]):
        q = terms[:, i]
        best = np.minimum(best, budget * q + np.maximum(terms - q[:, None], 0.0).sum(axis=1))
    return np.asarray(best)


def _conformal(
    rows: LimitRows, effect: Array, injections: Injections, forecasts: Forecasts | None, said: dict[str, Any]
) -> tuple[Array, Array]:
    if forecasts is None:
        raise ValueError("conformal margins need past forecasts")
    off = forecasts.outcome_kw - forecasts.forecast_kw
    error = np.einsum("rit,dit->drt", effect, np.nan_to_num(off))
    moves = effect != 0
    lacking = np.einsum("rit,dit->drt", moves.astype(float), np.isnan(off).astype(float)) > 0
    moved, coverage = moves.any(axis=1), float(said["coverage"])
    if said["coverage_scope"] == "joint":
        margin = _joint(rows, error, lacking, np.abs(effect), injections, coverage) * moved
        return margin, margin
    sides = []
    for way in (-1.0, 1.0):
        margin = np.zeros(moved.shape)
        for r, t in np.argwhere(moved):
            scores = np.sort(way * error[~lacking[:, r, t], r, t])
            margin[r, t] = max(float(scores[_rank(len(scores), coverage)]), 0.0)
        sides.append(margin)
    return sides[0], sides[1]


def _joint(
    rows: LimitRows, error: Array, lacking: Array, effect: Array, injections: Injections, coverage: float
) -> Array:
    scale = np.einsum("rit,it->rt", effect, injections.half_width_kw)
    if not scale.any():
        scale = np.einsum("rit,it->rt", effect, injections.power_kw)
    largest = scale.max(axis=1, initial=0.0)
    for part in (slice(0, rows.lines), slice(rows.lines, None)):
        some = float(largest[part].max(initial=0.0))
        largest[part] = np.where(largest[part] > 0, largest[part], some if some > 0 else 1.0)
    scale = np.maximum(scale, _LEAST_SCALE * largest[:, None])
    limited = np.isfinite(rows.high), np.isfinite(rows.low)
    complete = ~lacking[:, limited[0] | limited[1]].any(axis=(1, 2))
    relative = error[complete] / scale
    above, below = relative[:, limited[0]], -relative[:, limited[1]]
    scores = np.maximum(above.max(axis=(1, 2), initial=-np.inf), below.max(axis=(1, 2), initial=-np.inf))
    return np.asarray(max(float(np.sort(scores)[_rank(len(scores), coverage)]), 0.0) * scale)


def _rank(days: int, coverage: float) -> int:
    """Return the position, from 0, of the score that gives the coverage."""
    rank = math.ceil((days + 1) * coverage - 1e-9)
    if rank > days:
        raise ValueError(f"{days} past days are too few for a coverage of {coverage:g}")
    return rank - 1
