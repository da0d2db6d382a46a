"""Rows of a radial network: its linear power flow, and the limits of lines and voltages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.distribution import Distribution, Injections
from tidewatt.domain.radial import Feeder, feeder_of
from tidewatt.domain.travel import ChargingSites
from tidewatt.errors import Issue, ScenarioError
from tidewatt.options.tariffs import TariffOptions
from tidewatt.tariffs.problem import GridRows, Influence

__all__ = [
    "Feeder",
    "Linear",
    "Swept",
    "about_forecast",
    "at_no_load",
    "drawn",
    "feeder_of",
    "rows_of",
    "swept",
]

_MOST_SWEEPS = 500
_TOLERANCE_PU = 1e-13


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """Flows and squared voltages by forecast, and their change per kW or kvar more at some buses.

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
    """AC power flow by backward and forward sweeps.

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
    """Linearise at no load (LinDistFlow): exact if nothing is drawn, else lossless (tariff-11, tariff-12).

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
    """Compute AC flow by sweeps: backward for currents up to the slack, forward for voltages down from it.

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
    """Return the AC flow of the forecast and its derivatives: exact, losses included, without vehicles.

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
    """Return derivatives of flows and squared voltages by bus consumption, by sweeps of the differential."""
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
    """Raise if any step has no solution."""
    bad = np.flatnonzero(np.isnan(flow.losses_kw))
    if len(bad):
        problem = "no AC flow carries the forecast: the lines' impedances are too high for it"
        fix = 'Lower loads, correct r_ohm, x_ohm or base_kv, or give linearisation = "no-load"'
        steps = tuple(f"step {step}" for step in bad[:5])
        raise ScenarioError([Issue("injections", "power_kw", problem, fix, steps, len(bad))])


def drawn(
    feeder: Feeder, injections: Injections, sites: ChargingSites, site_kw: Array | None = None
) -> tuple[Array, Array]:
    """Return consumption at buses by the forecast.

    Parameters
    ----------
    feeder : Feeder
    injections : Injections
    sites : ChargingSites
    site_kw : array, shape (sites, steps), optional
        Power of vehicles, at unity power factor; none without it.

    Returns
    -------
    power_kw, reactive_kvar : array, shape (buses, steps)
    """
    power, reactive = injections.drawn(feeder.buses)
    if site_kw is not None:
        np.add.at(power, sites.bus, site_kw)
    return power, reactive


def rows_of(
    feeder: Feeder,
    distribution: Distribution,
    injections: Injections,
    sites: ChargingSites,
    parameters: TariffOptions,
) -> tuple[GridRows, Influence]:
    """Return limits of every line, then every bus but the slack, as rows of site power (tariff-13, -14).

    Line limits are narrowed by ``parameters.loss_margin`` times the most that loads beyond the line draw in
    any step, forecast and half width, in both directions and every step, though never below 0. Plants and
    vehicles do not count in it.

    Parameters
    ----------
    feeder : Feeder
        Of the distribution.
    distribution : Distribution
    injections : Injections
    sites : ChargingSites
        They draw at unity power factor.
    parameters : TariffOptions
        ``linearisation`` and ``loss_margin``.

    Returns
    -------
    rows : GridRows
        With margins of 0; also rows without sensitivity or limits.
    influence : Influence

    Raises
    ------
    ScenarioError
        There is no AC flow of the forecast to linearise about.
    """
    steps = sites.price_per_kwh.shape[1]
    power, reactive = drawn(feeder, injections, sites)
    about = about_forecast if parameters["linearisation"] == "forecast" else at_no_load
    at = np.concatenate([injections.bus, sites.bus]).astype(np.int64)
    linear = about(feeder, power, reactive, at)
    buses = np.delete(np.arange(feeder.buses), feeder.root)
    active, reactively, nominal = (_stacked(part, buses) for part in _parts(linear))
    limit = distribution.limit_kw - _lost(feeder, injections, parameters["loss_margin"])
    limit = np.maximum(limit, 0.0)
    least, most = distribution.voltage_min_pu[buses], distribution.voltage_max_pu[buses]
    # A limit of 0 is none, and squares of an approximation may fall below 0.
    low = np.concatenate([-limit, np.where(least > 0, least**2, -np.inf)])
    high = np.concatenate([limit, most**2])
    rows = GridRows(
        kind=np.repeat(np.array([0, 1], np.int8), [feeder.lines, len(buses)]),
        element=np.concatenate([np.arange(feeder.lines), buses]).astype(np.int32),
        sensitivity=active[:, len(injections) :],
        nominal=nominal,
        low=np.repeat(low[:, None], steps, axis=1),
        high=np.repeat(high[:, None], steps, axis=1),
        margin_low=np.zeros_like(nominal),
        margin_high=np.zeros_like(nominal),
    )
    known = injections.power_kw != 0
    ratio = np.divide(injections.reactive_kvar, injections.power_kw, out=np.zeros(known.shape), where=known)
    sign, uncertain = injections.sign, slice(0, len(injections))
    return rows, Influence(sign * active[:, uncertain], sign * reactively[:, uncertain], ratio)


def _parts(linear: Linear) -> tuple[tuple[Array, Array], ...]:
    return (
        (linear.flow_per_kw, linear.squared_per_kw),
        (linear.flow_per_kvar, linear.squared_per_kvar),
        (linear.flow_kw, linear.squared_pu),
    )


def _stacked(part: tuple[Array, Array], buses: Array) -> Array:
    """Stack line rows and bus rows into one array."""
    return np.concatenate([part[0], part[1][buses]])


def _lost(feeder: Feeder, injections: Injections, share: float) -> Array:
    """Return by how much line limits are narrowed, shape (lines,)."""
    if share == 0.0 or not len(injections):
        return np.zeros(feeder.lines)
    load = np.zeros((feeder.buses, injections.power_kw.shape[1]))
    worst = injections.power_kw + injections.half_width_kw
    np.add.at(load, injections.bus, np.where((injections.sign > 0)[:, None], worst, 0.0))
    most: Array = feeder.flow_kw(load).max(axis=1)
    return share * most
