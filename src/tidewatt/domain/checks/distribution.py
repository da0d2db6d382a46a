"""Check buses, lines, injections and past forecasts, and whether loads alone exceed limits."""

from __future__ import annotations

import math

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.checks.findings import Findings, named, unique
from tidewatt.domain.distribution import Distribution, Forecasts, Injections, days_needed
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.radial import Feeder, feeder_of, loops, unreached
from tidewatt.domain.scenario import Scenario
from tidewatt.domain.travel import ChargingSites
from tidewatt.options.tariffs import TARIFF

__all__ = ["check_base_load", "check_distribution"]

_SLACK_SHARE = 1e-9
"""Excess that counts as rounding, as a share of the limit."""


def check_base_load(
    d: Distribution, injections: Injections, sites: ChargingSites | None, horizon: Horizon, report: Findings
) -> None:
    """Report lines and buses that loads and plants alone push beyond a limit, in their worst step.

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
    report : Findings
    """
    feeder = feeder_of(d)
    power, reactive = injections.drawn(d.buses)
    least, most = _reach(d, sites)
    width = _widths(injections, d.buses)
    _loaded_lines(d, feeder, power, (least, most), feeder.flow_kw(width[0]), horizon, report)
    fall = feeder.no_load_pu[:, None] ** 2 - feeder.squared_pu(*width)
    _voltages(d, feeder, (power, reactive), (least, most), fall, horizon, report)


def _widths(injections: Injections, buses: int) -> tuple[Array, Array]:
    """Return half widths at each bus for gamma 1 [kW], and kvar at constant power factor, (buses, steps)."""
    own = np.where(np.isfinite(injections.gamma), injections.gamma, 1.0)[:, None]
    kw = own * injections.half_width_kw
    known = injections.power_kw != 0
    ratio = np.divide(injections.reactive_kvar, injections.power_kw, out=np.zeros(kw.shape), where=known)
    widths = np.zeros((2, buses, kw.shape[1]))
    np.add.at(widths[0], injections.bus, kw)
    np.add.at(widths[1], injections.bus, np.abs(ratio) * kw)
    return widths[0], widths[1]


def _reach(d: Distribution, sites: ChargingSites | None) -> tuple[Array, Array]:
    """Return the least and most power that each bus's chargers can draw, shape (buses,)."""
    least, most = np.zeros((2, d.buses))
    if sites is not None:
        for total, of_sites in zip((least, most), sites.power_range_kw(), strict=True):
            np.add.at(total, sites.bus, of_sites)
    return least, most


def _loaded_lines(
    d: Distribution,
    feeder: Feeder,
    power: Array,
    reach: tuple[Array, Array],
    margin: Array,
    horizon: Horizon,
    report: Findings,
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
        f"loads and plants alone overload the line: {d.line_id[line]} carries "
        f"{abs(flow[line, at]):.6g} kW against a limit of {d.limit_kw[line]:.6g} kW, {horizon.named(at)}"
    )
    raised = "Raise limit_kw by at least these amounts"
    if margin[line].any():
        # The worst step with its margin may be another one than without.
        needed = math.ceil(10.0 * float((over[line] + margin[line]).max() + d.limit_kw[line])) / 10.0
        whole = f"{d.line_id[line]} to {needed:g} kW with gamma 1"
        raised += f", plus the margin for uncertain forecasts ({whole})"
    fix = f"{raised}, or lower the injections beyond the line: charging cannot fix this"
    _report(report, "lines", "limit_kw", problem, fix, d.line_id[found], step, by, "kW", horizon)


def _voltages(
    d: Distribution,
    feeder: Feeder,
    drawn: tuple[Array, Array],
    reach: tuple[Array, Array],
    margin: Array,
    horizon: Horizon,
    report: Findings,
) -> None:
    """Check voltages; the slack's limits are ignored, as its voltage is held."""
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
            f"{voltage[bus, at]:.5f} against a limit of {limit[bus]:g} pu, {horizon.named(at)}"
        )
        change = "Lower" if sense > 0 else "Raise"
        source = "loads" if sense > 0 else "plants"
        if margin[bus].any():
            worst = squared[bus] + relief[bus] - sense * margin[bus]
            needed = np.sqrt(max(float(worst.min() if sense > 0 else worst.max()), 0.0))
            needed = math.floor(needed * 1e4) / 1e4 if sense > 0 else math.ceil(needed * 1e4) / 1e4
            name_to = f"{name} (at {d.bus_id[bus]} to {needed:g}, to cover the margin for gamma 1 too)"
        else:
            name_to = name
        fix = f"{change} {name_to}, lower the {source}, or correct impedances and base_kv: "
        fix += "charging cannot fix this"
        _report(report, "buses", name, problem, fix, d.bus_id[found], step, by, "pu", horizon)


def _worst(over: Array, limit: Array) -> tuple[Array, Array, Array]:
    """Return elements beyond their limit, the step in which each is worst, and by how much."""
    step = over.argmax(axis=1)
    by = over[np.arange(len(over)), step]
    slack = _SLACK_SHARE * np.where(np.isfinite(limit), np.maximum(limit, 1.0), 1.0)
    found = np.flatnonzero(by > slack)
    return found, step[found], by[found]


def _report(
    report: Findings,
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
    """Report the largest first, so that the first few ids are those that matter."""
    order = np.argsort(-by, kind="stable")

    def who(k: int) -> str:
        return f"{ids[k]} by {by[k]:.3g} {unit}, {horizon.named(int(step[k]))}"

    report.rows(table, field, problem, fix, order, who)


_CELLS = ("power_kw", "reactive_kvar", "half_width_kw")
_MOST_ROOT = 1e6
"""Largest accepted root of impedance over voltage [sqrt(ohm) per kV]; real lines are far below it."""

_NAMED = 12
"""Number of lines of a loop that a message names."""


def check_distribution(scenario: Scenario, report: Findings, *, whole: bool = True) -> None:
    """Check network, injections and forecasts; then the base load against limits, if the network is sound.

    Parameters
    ----------
    scenario : Scenario
        With arrays that belong together.
    report : Findings
    whole : bool
        False where rows were left out already: then neither the tree nor the base load is judged.
    """
    d, injections, horizon = scenario.distribution, scenario.injections, scenario.horizon
    if not (math.isfinite(horizon.step_min) and horizon.step_min > 0):
        return  # reported already; steps have no time
    if injections is not None:
        _injections(injections, scenario, report)
    if scenario.forecasts is not None:
        if injections is None:
            report.add(
                "forecasts", "", "the scenario has no injections to go with them", "Add the injections table"
            )
        else:
            _forecasts(scenario.forecasts, injections, report)
    _past_days(scenario, report)
    if d is None:
        return
    before = len(report.issues)
    _buses(d, report)
    _lines(d, report)
    if not whole:
        return
    _radial(d, report)
    sound = len(report.issues) == before
    if sound and injections is not None and all(np.isfinite(getattr(injections, c)).all() for c in _CELLS):
        check_base_load(d, injections, scenario.sites, horizon, report)


def _buses(d: Distribution, report: Findings) -> None:
    table, who, inf = "buses", named(d.bus_id), math.inf
    unique(report, table, "bus_id", d.bus_id)
    fix = "Give the nominal line-to-line voltage in kV"
    report.within(table, "base_kv", d.base_kv, 0, inf, "above 0", fix, who, low_open=True)
    fix = "Give per unit, 0.95 for 95 %, or leave the cell empty for no limit"
    low, high = d.voltage_min_pu, d.voltage_max_pu
    report.within(table, "voltage_min_pu", low, 0, inf, "0 or more", fix, who)
    above = {"low_open": True, "inf_allowed": True}
    report.within(table, "voltage_max_pu", high, 0, inf, "above 0", fix, who, **above)
    crossed = np.flatnonzero(low > high)
    if len(crossed):
        problem = f"{low[crossed[0]]:g} is above voltage_max_pu {high[crossed[0]]:g}"
        fix = "Lower voltage_min_pu or raise voltage_max_pu"
        report.rows(table, "voltage_min_pu", problem, fix, crossed, who)
    slack = np.flatnonzero(d.slack)
    if len(slack) == 0 and d.buses:  # that a table is missing is reported
        report.add(
            table, "slack", "no bus is the slack", "Give slack = true to the bus that feeds the network"
        )
    elif len(slack) > 1:
        fix = "Keep slack = true at one of them: a radial network has one source"
        report.rows(table, "slack", f"{len(slack)} buses are the slack", fix, slack, who)
    off = slack[(low[slack] < high[slack]) & ((low[slack] > 1) | (high[slack] < 1))]
    fix = "Set both voltage_min_pu and voltage_max_pu to the voltage of the slack; otherwise 1 is assumed"
    report.rows(table, "voltage_min_pu", "the voltage limits of the slack exclude 1 per unit", fix, off, who)


def _lines(d: Distribution, report: Findings) -> None:
    table, who = "lines", named(d.line_id)
    unique(report, table, "line_id", d.line_id)
    for name in ("r_ohm", "x_ohm"):
        fix = "Give the series impedance in ohm, not per unit or per km"
        report.within(table, name, getattr(d, name), 0, math.inf, "0 or more", fix, who)
    none = np.flatnonzero((d.r_ohm == 0) & (d.x_ohm == 0))
    fix = "Give its impedance; if it is a closed switch, merge its two buses"
    report.rows(table, "r_ohm", "r_ohm and x_ohm are both 0", fix, none, who)
    # r / (1000 kV^2) is to be a number, and what is made of it, too.
    base_kv = np.minimum(d.base_kv[d.tail], d.base_kv[d.head])
    ohm = np.maximum(d.r_ohm, d.x_ohm)
    beyond = np.flatnonzero((base_kv > 0) & np.isfinite(ohm) & (np.sqrt(np.abs(ohm)) > _MOST_ROOT * base_kv))
    problem = "its impedance is out of all proportion to the voltage of its buses"
    report.rows(table, "r_ohm", problem, "Correct it (ohm), or base_kv (kV)", beyond, who)
    fix = "Give the maximum active power in kW, or leave the cell empty for no limit"
    above = {"low_open": True, "inf_allowed": True}
    report.within(table, "limit_kw", d.limit_kw, 0, math.inf, "above 0", fix, who, **above)


def _radial(d: Distribution, report: Findings) -> None:
    """Check that lines form a tree rooted at the slack."""
    who = named(d.line_id)
    itself = d.tail == d.head
    fix = "Remove the line, or correct one of its buses"
    report.rows("lines", "to_bus_id", "the line ends where it starts", fix, np.flatnonzero(itself), who)
    rings = [ring for ring in loops(d) if len(ring) > 1]

    def ring_of(k: int) -> str:
        names = [who(line) for line in rings[k][:_NAMED]]
        more = len(rings[k]) - len(names)
        return " - ".join(names) + (f" - and {more} more" if more else "")

    problem = "the network is meshed: these lines form a loop"
    if len(rings) > 1:
        problem = f"the network is meshed: lines form {len(rings)} loops"
    fix = "Remove one line of each loop: the one whose switch is normally open"
    report.rows("lines", "", problem, fix, np.arange(len(rings)), ring_of)
    slack = np.flatnonzero(d.slack)
    if len(slack) == 1:
        fix = "Add the line that connects them, or remove them and everything connected to them"
        problem = f"no line connects them to the slack {d.bus_id[slack[0]]}"
        report.rows("buses", "bus_id", problem, fix, unreached(d, int(slack[0])), named(d.bus_id))


def _injections(injections: Injections, scenario: Scenario, report: Findings) -> None:
    table, i, steps = "injections", injections, scenario.horizon.steps
    unique(report, table, "injection_id", i.injection_id)

    def cell(k: int) -> str:
        return f"{i.injection_id[k // steps]} {scenario.horizon.named(k % steps)}"

    kinds = "kind says whether it is consumed (load) or produced (wind, solar)"
    for name, fix in (
        ("power_kw", f"Give kW of 0 or more for every step; {kinds}"),
        ("half_width_kw", "Give the kW by which the power may deviate either way, or 0 for none"),
    ):
        report.within(table, name, getattr(i, name).ravel(), 0, math.inf, "0 or more", fix, cell)
    reactive = i.reactive_kvar.ravel()
    bad = np.flatnonzero(~np.isfinite(reactive))
    report.values(table, "reactive_kvar", reactive, bad, "a finite number", "Give kvar, or 0 for none", cell)
    bad = np.flatnonzero(~np.isnan(i.gamma) & ~((i.gamma >= 0) & (i.gamma <= 1)))
    fix = "Give the share of the half width to protect against, or leave it empty for the study's gamma"
    report.values(table, "gamma", i.gamma, bad, "0 to 1", fix, named(i.injection_id))


def _past_days(scenario: Scenario, report: Findings) -> None:
    """Check that there are enough past days where conformal margins are asked for."""
    asked = TARIFF.lenient(scenario.parameters)
    if asked["uncertainty"] != "conformal":
        return
    if scenario.forecasts is None:
        problem = "conformal margins need past forecasts and their outcomes, but the table is missing"
        fix = "Add it (injection_id, day, step, forecast_kw, outcome_kw), or ask for box, budget or ellipsoid"
        report.add("forecasts", "", problem, fix)
        return
    coverage, days = asked["coverage"], len(scenario.forecasts.day)
    if days < days_needed(coverage):
        problem = (
            f"a coverage of {coverage:g} needs {days_needed(coverage)} past days, but the table holds {days}"
        )
        report.add(
            "forecasts", "day", problem, f"Add days, or ask for a coverage of at most {days / (days + 1):.3g}"
        )


def _forecasts(forecasts: Forecasts, injections: Injections, report: Findings) -> None:
    table, f = "forecasts", forecasts
    shape = f.forecast_kw.shape

    def cell(k: int) -> str:
        day, injection, step = np.unravel_index(k, shape)
        return f"{injections.injection_id[injection]} day {f.day[day]} step {step}"

    late = np.flatnonzero(np.diff(f.day) <= 0) + 1
    fix = "Give each day once, in ascending order"
    report.rows(table, "day", "the days are not in ascending order", fix, late, lambda day: str(f.day[day]))
    known: tuple[Array, Array] = (~np.isnan(f.forecast_kw).ravel(), ~np.isnan(f.outcome_kw).ravel())
    for name, here, there in (("outcome_kw", *known), ("forecast_kw", *known[::-1])):
        other = "forecast" if name == "outcome_kw" else "outcome"
        fix = f"Give {name} with each {other}, or remove the row"
        report.rows(table, name, f"the {other} has no {name}", fix, np.flatnonzero(here & ~there), cell)
        values = getattr(f, name).ravel()
        bad = np.flatnonzero(np.isinf(values))
        report.values(table, name, values, bad, "a finite number", "Give kW as measured", cell)
