"""Rows of a radial network: what sites and injections do to lines and voltages, and the limits of these."""

from __future__ import annotations

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.distribution import Distribution, Injections
from tidewatt.domain.radial import Feeder, feeder_of
from tidewatt.domain.travel import ChargingSites
from tidewatt.tariffs.linearised import Linear, about_forecast, at_no_load
from tidewatt.tariffs.parameters import Parameters
from tidewatt.tariffs.problem import GridRows, Influence

__all__ = ["Feeder", "drawn", "feeder_of", "rows_of"]


def drawn(
    feeder: Feeder, injections: Injections, sites: ChargingSites, site_kw: Array | None = None
) -> tuple[Array, Array]:
    """Consumption of buses at the forecast.

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
    parameters: Parameters,
) -> tuple[GridRows, Influence]:
    """Limits of every line, then every bus but the slack, as rows of the sites' power (tariff-13, tariff-14).

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
    parameters : Parameters
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
    about = about_forecast if parameters.linearisation == "forecast" else at_no_load
    at = np.concatenate([injections.bus, sites.bus]).astype(np.int64)
    linear = about(feeder, power, reactive, at)
    buses = np.delete(np.arange(feeder.buses), feeder.root)
    active, reactively, nominal = (_stacked(part, buses) for part in _parts(linear))
    limit = distribution.limit_kw - _lost(feeder, injections, parameters.loss_margin)
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
    """Of lines and buses, those of all rows."""
    return np.concatenate([part[0], part[1][buses]])


def _lost(feeder: Feeder, injections: Injections, share: float) -> Array:
    """By how much line limits are narrowed, shape (lines,)."""
    if share == 0.0 or not len(injections):
        return np.zeros(feeder.lines)
    load = np.zeros((feeder.buses, injections.power_kw.shape[1]))
    worst = injections.power_kw + injections.half_width_kw
    np.add.at(load, injections.bus, np.where((injections.sign > 0)[:, None], worst, 0.0))
    most: Array = feeder.flow_kw(load).max(axis=1)
    return share * most
