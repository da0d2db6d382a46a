"""Flows of lines and voltages of buses, from balances of buses solved as sparse systems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import breadth_first_order
from scipy.sparse.linalg import splu

from tidewatt.domain.arrays import Array
from tidewatt.domain.distribution import Distribution, Injections
from tidewatt.domain.travel import ChargingSites

__all__ = ["Network", "Rows", "rows_of"]

_STEP_KW = 0.5
"""Differences of AC flows are taken over so much either way."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Lines, then buses but the slack (voltages squared), as linear functions of sites and injections.

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
        """Effect of a kW more of each injection, its kvar in proportion, (rows, injections, steps)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(injections.power_kw != 0, injections.reactive_kvar / injections.power_kw, 0.0)
        effect = self.per_active[:, :, None] + self.per_reactive[:, :, None] * ratio[None]
        return np.asarray(effect * injections.sign[None, :, None])


class Network:
    """A network whose lines make a tree, as the balance of its buses.

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
        """Flow of lines where buses draw this, (buses, n) to (lines, n)."""
        return _solved(self._flows, np.asarray(drawn)[self.others])

    def dropped(self, drop: Array) -> Array:
        """Sum of drops of lines up to each bus but the slack, (lines, n) to (buses - 1, n)."""
        return _solved(self._drops, drop)

    def linear(self, active: Array, reactive: Array) -> Array:
        """Flows and drops of squared voltage without losses, (buses, n) to (rows, n)."""
        flow = self.carried(active)
        drop = self.r[:, None] * flow + self.x[:, None] * self.carried(reactive)
        return np.concatenate([flow, -2.0 * self.dropped(drop)])

    def alternating(self, active: Array, reactive: Array) -> Array:
        """Flows at the ends towards the slack and squared voltages with losses, (buses, n) to (rows, n)."""
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
    """Solution of a real system for real or complex right-hand sides."""
    if not np.iscomplexobj(right):
        return np.asarray(system.solve(np.ascontiguousarray(right, np.float64)))
    real, imaginary = (np.ascontiguousarray(part) for part in (right.real, right.imag))
    return np.asarray(system.solve(real) + 1j * system.solve(imaginary))


def rows_of(
    network: Network, d: Distribution, injections: Injections, sites: ChargingSites, said: dict[str, Any]
) -> Rows:
    """All rows at the forecast (tariff-11 to tariff-14), by the summary's linearisation and loss margin."""
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
    return Rows(
        lines=d.lines,
        bus=network.others,
        nominal=nominal,
        per_site=per[0][:, sites.bus],
        per_active=per[0][:, injections.bus],
        per_reactive=per[1][:, injections.bus],
        low=np.concatenate([-limit, np.where(least > 0, least**2, -np.inf)]),
        high=np.concatenate([limit, most**2]),
    )
