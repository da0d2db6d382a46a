"""Power flow of a radial network as a linear function of what buses draw, and the AC flow beside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.radial import Feeder
from tidewatt.errors import Issue, ScenarioError

__all__ = ["Linear", "Swept", "about_forecast", "at_no_load", "swept"]

_MOST_SWEEPS = 500
_TOLERANCE_PU = 1e-13


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """Flows and squared voltages at the forecast, and what a kW or kvar more at some buses does to them.

    Attributes
    ----------
    flow_kw : array, shape (lines, steps)
        From the slack, at the end towards it.
    squared_pu : array, shape (buses, steps)
    flow_per_kw, flow_per_kvar : array, shape (lines, buses asked for)
    squared_per_kw, squared_per_kvar : array, shape (buses, buses asked for)
    """

    flow_kw: Array
    squared_pu: Array
    flow_per_kw: Array
    flow_per_kvar: Array
    squared_per_kw: Array
    squared_per_kvar: Array


@dataclass(frozen=True, slots=True, eq=False)
class Swept:
    """AC power flow.

    Attributes
    ----------
    voltage : array of complex, shape (buses, steps)
        Per unit.
    current : array of complex, shape (lines, steps)
        From the slack, per unit of 1 kW.
    flow_kw : array, shape (lines, steps)
        Active power from the slack, at the end towards it: losses of the line are in.
    losses_kw : array, shape (steps,)
    """

    voltage: Array
    current: Array
    flow_kw: Array
    losses_kw: Array


def at_no_load(feeder: Feeder, power_kw: Array, reactive_kvar: Array, at: Array) -> Linear:
    """LinDistFlow: exact where nothing is drawn, without losses elsewhere (tariff-11, tariff-12).

    Parameters
    ----------
    feeder : Feeder
    power_kw, reactive_kvar : array, shape (buses, steps)
        Consumption at the forecast.
    at : array of int64, shape (buses asked for,)
    """
    unit = np.zeros((feeder.buses, len(at)))
    unit[at, np.arange(len(at))] = 1.0
    beyond = feeder.downstream(unit)
    return Linear(
        flow_kw=feeder.flow_kw(power_kw),
        squared_pu=feeder.squared_pu(power_kw, reactive_kvar),
        flow_per_kw=beyond,
        flow_per_kvar=np.zeros_like(beyond),
        squared_per_kw=-2.0 * feeder.along(feeder.r_pu[:, None] * beyond),
        squared_per_kvar=-2.0 * feeder.along(feeder.x_pu[:, None] * beyond),
    )


def swept(feeder: Feeder, power_kw: Array, reactive_kvar: Array) -> Swept:
    """AC flow by backward and forward sweeps: currents up to the slack, voltages down from it.

    Parameters
    ----------
    feeder : Feeder
    power_kw, reactive_kvar : array, shape (buses, steps)
        Consumption at any voltage.

    Returns
    -------
    Swept
        nan in steps without a solution: more is drawn than the lines can carry.
    """
    drawn = power_kw + 1j * reactive_kvar
    drawn[feeder.root] = 0.0  # drawn ahead of every line
    z = (feeder.r_pu + 1j * feeder.x_pu)[:, None]
    start = np.repeat(feeder.no_load_pu[:, None].astype(complex), drawn.shape[1], axis=1)
    voltage, change = start, np.full(drawn.shape[1], np.inf)
    with np.errstate(all="ignore"):  # steps without a solution overflow
        for _ in range(_MOST_SWEEPS):
            current = feeder.downstream(np.conj(drawn / voltage))
            after = start - feeder.along(z * current)
            change = np.abs(after - voltage).max(axis=0)
            voltage = after
            if not (change > _TOLERANCE_PU).any():
                break
        voltage[:, ~(change <= _TOLERANCE_PU)] = np.nan
        current = feeder.downstream(np.conj(drawn / voltage))
    flow = (voltage[feeder.parent[feeder.child]] * np.conj(current)).real
    losses = (feeder.r_pu[:, None] * np.abs(current) ** 2).sum(axis=0)
    return Swept(voltage, current, flow, losses)


def about_forecast(feeder: Feeder, power_kw: Array, reactive_kvar: Array, at: Array) -> Linear:
    """The AC flow of the forecast and its derivatives: exact, losses included, without vehicles.

    Derivatives differ little from step to step; those of a line or bus are taken in the step in which the
    forecast moves it farthest from no load, where limits are nearest.

    Parameters
    ----------
    feeder : Feeder
    power_kw, reactive_kvar : array, shape (buses, steps)
        Consumption at the forecast.
    at : array of int64, shape (buses asked for,)

    Raises
    ------
    ScenarioError
        There is no AC flow of some steps.
    """
    flow = swept(feeder, power_kw, reactive_kvar)
    _solved(flow)
    squared = np.abs(flow.voltage) ** 2
    line_step = np.abs(flow.flow_kw).argmax(axis=1)
    bus_step = np.abs(squared - feeder.no_load_pu[:, None] ** 2).argmax(axis=1)
    buses, place = np.unique(at, return_inverse=True)
    per = [np.zeros((n, len(buses))) for n in (feeder.lines, feeder.lines, feeder.buses, feeder.buses)]
    for step in np.union1d(line_step, bus_step):
        drawn = power_kw[:, step] + 1j * reactive_kvar[:, step]
        of_lines, of_buses = line_step == step, bus_step == step
        for kind, unit in enumerate((1.0, 1j)):
            by_flow, by_squared = _derivatives(feeder, flow, drawn, int(step), buses, unit)
            per[kind][of_lines] = by_flow[of_lines]
            per[2 + kind][of_buses] = by_squared[of_buses]
    return Linear(flow.flow_kw, squared, *(part[:, place] for part in per))


def _derivatives(
    feeder: Feeder, flow: Swept, drawn: Array, step: int, buses: Array, unit: complex
) -> tuple[Array, Array]:
    """Of flows and squared voltages by what is drawn at buses: sweeps of the flow's differential."""
    voltage, current = flow.voltage[:, step, None], flow.current[:, step, None]
    drawn = drawn[:, None].copy()
    drawn[feeder.root] = 0.0
    z = (feeder.r_pu + 1j * feeder.x_pu)[:, None]
    more = np.zeros((feeder.buses, len(buses)), complex)
    more[buses, np.arange(len(buses))] = unit
    more[feeder.root] = 0.0
    of_voltage = np.zeros_like(more)
    for _ in range(_MOST_SWEEPS):
        of_current = feeder.downstream(np.conj(more / voltage - drawn * of_voltage / voltage**2))
        after = -feeder.along(z * of_current)
        settled = np.abs(after - of_voltage).max() <= 1e-12 * np.abs(after).max()
        of_voltage = after
        if settled:
            break
    ahead = feeder.parent[feeder.child]
    by_flow = (of_voltage[ahead] * np.conj(current) + voltage[ahead] * np.conj(of_current)).real
    return by_flow, 2.0 * (np.conj(voltage) * of_voltage).real


def _solved(flow: Swept) -> None:
    """Raise where steps have no solution."""
    bad = np.flatnonzero(np.isnan(flow.losses_kw))
    if len(bad):
        problem = "no AC flow carries the forecast: the lines' impedances are too high for it"
        fix = 'Lower loads, correct r_ohm, x_ohm or base_kv, or give linearisation = "no-load"'
        steps = tuple(f"step {step}" for step in bad[:5])
        raise ScenarioError([Issue("injections", "power_kw", problem, fix, steps, len(bad))])
