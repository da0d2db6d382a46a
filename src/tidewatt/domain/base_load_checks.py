"""Lines and voltages that loads and plants alone put beyond their limits, whatever vehicles do."""

from __future__ import annotations

import math

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.distribution import Distribution, Injections
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.radial import Feeder, feeder_of
from tidewatt.domain.reporting import Report
from tidewatt.domain.travel import ChargingSites

__all__ = ["check_base_load"]

_SLACK_SHARE = 1e-9
"""Rounding that is forgiven, as a share of the limit."""


def check_base_load(
    d: Distribution, injections: Injections, sites: ChargingSites | None, horizon: Horizon, report: Report
) -> None:
    """Report lines and buses that loads and plants alone put beyond a limit, in their worst step.

    Not reported is what vehicles may relieve: discharging beyond a line that is overloaded, charging beyond
    one that plants overload the other way, as far as the chargers there reach. How uncertain forecasts are
    taken to be is not known here; the remedy names what would also hold the margin of gamma 1 (tariff-15).

    Parameters
    ----------
    d : Distribution
        A tree.
    injections : Injections
    sites : ChargingSites or None
    horizon : Horizon
    report : Report
    """
    feeder = feeder_of(d)
    power, reactive = injections.drawn(d.buses)
    least, most = _reach(d, sites)
    width = _widths(injections, d.buses)
    _lines(d, feeder, power, (least, most), feeder.flow_kw(width[0]), horizon, report)
    fall = feeder.no_load_pu[:, None] ** 2 - feeder.squared_pu(*width)
    _voltages(d, feeder, (power, reactive), (least, most), fall, horizon, report)


def _widths(injections: Injections, buses: int) -> tuple[Array, Array]:
    """Half widths at each bus with gamma 1 [kW], and kvar at constant power factor, shape (buses, steps)."""
    own = np.where(np.isnan(injections.gamma), 1.0, injections.gamma)[:, None]
    kw = own * injections.half_width_kw
    known = injections.power_kw != 0
    ratio = np.divide(injections.reactive_kvar, injections.power_kw, out=np.zeros(kw.shape), where=known)
    widths = np.zeros((2, buses, kw.shape[1]))
    np.add.at(widths[0], injections.bus, kw)
    np.add.at(widths[1], injections.bus, np.abs(ratio) * kw)
    return widths[0], widths[1]


def _reach(d: Distribution, sites: ChargingSites | None) -> tuple[Array, Array]:
    """Least and most power that all chargers of each bus can draw, shape (buses,)."""
    least, most = np.zeros((2, d.buses))
    if sites is not None:
        for total, of_sites in zip((least, most), sites.power_range_kw(), strict=True):
            np.add.at(total, sites.bus, of_sites)
    return least, most


def _lines(
    d: Distribution,
    feeder: Feeder,
    power: Array,
    reach: tuple[Array, Array],
    margin: Array,
    horizon: Horizon,
    report: Report,
) -> None:
    flow = feeder.flow_kw(power)
    least, most = (feeder.flow_kw(part)[:, None] for part in reach)
    over = np.maximum(flow + least, -(flow + most)) - d.limit_kw[:, None]
    found, step, by = _worst(over, d.limit_kw)
    if not len(found):
        return
    first = np.argmax(by)
    line, at = found[first], int(step[first])
    problem = (
        f"loads and plants alone load the line beyond its limit: {d.line_id[line]} with "
        f"{abs(flow[line, at]):.6g} kW of {d.limit_kw[line]:.6g} kW, {horizon.named(at)}"
    )
    raised = "Raise limit_kw by these amounts at least"
    if margin[line].any():
        # The worst step with its margin may be another one than without.
        needed = math.ceil(10.0 * float((over[line] + margin[line]).max() + d.limit_kw[line])) / 10.0
        whole = f"{d.line_id[line]} to {needed:g} kW with gamma 1"
        raised += f", and by the margin of uncertain forecasts besides ({whole})"
    fix = f"{raised}, or lower the injections beyond the line: no vehicle helps"
    _report(report, "lines", "limit_kw", problem, fix, d.line_id[found], step, by, "kW", horizon)


def _voltages(
    d: Distribution,
    feeder: Feeder,
    drawn: tuple[Array, Array],
    reach: tuple[Array, Array],
    margin: Array,
    horizon: Horizon,
    report: Report,
) -> None:
    """Bounds of the slack are no limits: it is held."""
    others = np.arange(d.buses) != feeder.root
    least, most = (feeder.squared_pu(part, np.zeros(d.buses)) - feeder.no_load_pu**2 for part in reach)
    squared = feeder.squared_pu(*drawn)
    voltage = np.sqrt(np.maximum(squared, 0.0))
    for name, limit, sense, relief in (
        ("voltage_min_pu", d.voltage_min_pu, 1.0, least),
        ("voltage_max_pu", d.voltage_max_pu, -1.0, most),
    ):
        best = np.sqrt(np.maximum(squared + relief[:, None], 0.0))
        beyond = sense * (limit[:, None] - best)
        beyond[~others] = -np.inf
        found, step, by = _worst(beyond, limit)
        if not len(found):
            continue
        bus, at = found[np.argmax(by)], int(step[np.argmax(by)])
        side = "below" if sense > 0 else "above"
        problem = (
            f"loads and plants alone put the voltage {side} its limit: {d.bus_id[bus]} at "
            f"{voltage[bus, at]:.5f} of {limit[bus]:g} pu, {horizon.named(at)}"
        )
        change = "Lower" if sense > 0 else "Raise"
        source = "loads" if sense > 0 else "plants"
        if margin[bus].any():
            worst = squared[bus] + relief[bus] - sense * margin[bus]
            needed = np.sqrt(max(float(worst.min() if sense > 0 else worst.max()), 0.0))
            needed = math.floor(needed * 1e4) / 1e4 if sense > 0 else math.ceil(needed * 1e4) / 1e4
            name_to = f"{name} (of {d.bus_id[bus]} to {needed:g} to hold the margin of gamma 1, too)"
        else:
            name_to = name
        fix = f"{change} {name_to}, lower the {source}, or correct impedances and base_kv: no vehicle helps"
        _report(report, "buses", name, problem, fix, d.bus_id[found], step, by, "pu", horizon)


def _worst(over: Array, limit: Array) -> tuple[Array, Array, Array]:
    """Elements beyond their limit, the step in which each is most so, and by how much."""
    step = over.argmax(axis=1)
    by = over[np.arange(len(over)), step]
    slack = _SLACK_SHARE * np.where(np.isfinite(limit), np.maximum(limit, 1.0), 1.0)
    found = np.flatnonzero(by > slack)
    return found, step[found], by[found]


def _report(
    report: Report,
    table: str,
    field: str,
    problem: str,
    fix: str,
    ids: Array,
    step: Array,
    by: Array,
    unit: str,
    horizon: Horizon,
) -> None:
    """Largest first, so that the first few ids are those that matter."""
    order = np.argsort(-by, kind="stable")

    def who(k: int) -> str:
        return f"{ids[k]} by {by[k]:.3g} {unit}, {horizon.named(int(step[k]))}"

    report.rows(table, field, problem, fix, order, who)
