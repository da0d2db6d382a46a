"""Lines and voltages that loads and plants alone put beyond their limits, whatever vehicles do."""

from __future__ import annotations

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
    one that plants overload the other way, as far as the chargers there reach.

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
    _lines(d, feeder, power, (least, most), horizon, report)
    _voltages(d, feeder, power, reactive, (least, most), horizon, report)


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
    fix = (
        "Raise limit_kw by these amounts at least, or lower the injections beyond the line: no vehicle helps"
    )
    _report(report, "lines", "limit_kw", problem, fix, d.line_id[found], step, by, "kW", horizon)


def _voltages(
    d: Distribution,
    feeder: Feeder,
    power: Array,
    reactive: Array,
    reach: tuple[Array, Array],
    horizon: Horizon,
    report: Report,
) -> None:
    """Bounds of the slack are no limits: it is held."""
    others = np.arange(d.buses) != feeder.root
    least, most = (feeder.squared_pu(part, np.zeros(d.buses)) - feeder.no_load_pu**2 for part in reach)
    squared = feeder.squared_pu(power, reactive)
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
        fix = f"{change} {name}, lower the {source}, or correct impedances and base_kv: no vehicle helps"
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
