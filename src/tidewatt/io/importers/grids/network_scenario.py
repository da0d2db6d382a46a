"""The scenario made from a draft of buses, lines and injections, whichever file it comes from."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from tidewatt.domain.distribution import INJECTION_KINDS, Distribution, Injections
from tidewatt.domain.scenario import Scenario
from tidewatt.errors import Issue, ScenarioError
from tidewatt.io.importers.grids.network_choices import NetworkChoices
from tidewatt.io.importers.grids.network_draft import (
    Bus,
    BusId,
    Line,
    NetworkDraft,
    fed,
    fused,
    in_parallel,
    ratios,
)
from tidewatt.io.importers.report import ImportReport
from tidewatt.io.importers.roads.parts import sound

__all__ = ["as_scenario"]

_LOW_PU, _HIGH_PU = 0.9, 1.1
_RATIO = 1e-9
"""Ratios that differ from 1 by less than this count as 1."""
_OPTIONS = {
    "voltage_min_pu": "--voltage-min",
    "voltage_max_pu": "--voltage-max",
    "limit_kw": "--rating-factor or --limit-kw",
}


def as_scenario(network: NetworkDraft, name: str, choices: NetworkChoices) -> tuple[Scenario, ImportReport]:
    """Return the scenario of a draft.

    Buses that are one joined, parallel lines combined, what is not fed left out.

    Raises
    ------
    ScenarioError
        With everything that `check` finds, such as loops.
    """
    _join(network)
    _keep_fed(network)
    _limits(network, choices)
    turned = _turn_ratios(network)
    distribution = _distribution(network, choices, turned)
    injections = _injections(network, choices)
    parts = {"distribution": distribution, "injections": injections}
    try:
        scenario = sound(Scenario.bare(name, choices.horizon, **parts))
    except ScenarioError as error:
        raise ScenarioError(map(_with_option, error.issues)) from None
    report = ImportReport(
        network.source,
        network.counts | _counts(network),
        network.dropped,
        network.imputed,
        (*network.assumptions, *choices.sentences({each.kind for each in network.injections})),
        tuple(network.warnings),
    )
    return scenario, report


def _with_option(issue: Issue) -> Issue:
    """Return an issue that an option can fix, naming the option."""
    option = _OPTIONS.get(issue.field, "")
    return replace(issue, fix=f"{issue.fix} ({option} sets it at the import)") if option else issue


def _join(network: NetworkDraft) -> None:
    """Merge buses that are one, and combine parallel lines."""
    into = fused(network.buses, network.same, network.slack)
    if joined := [bus for bus, kept in into.items() if bus != kept]:
        network.imputed["merged with the bus at the other end of a switch or zero-impedance line"] = tuple(
            map(str, joined)
        )
    network.buses = {bus: value for bus, value in network.buses.items() if into[bus] == bus}
    lines = [replace(line, tail=into[line.tail], head=into[line.head]) for line in network.lines]
    network.drop("lines with both ends at the same bus", (x.line_id for x in lines if x.tail == x.head))
    lines, combined = in_parallel([line for line in lines if line.tail != line.head])
    network.lines = lines
    if combined:
        network.imputed["lines in parallel, combined into one"] = tuple(map(str, combined))
    network.injections = [replace(each, bus=into[each.bus]) for each in network.injections]


def _keep_fed(network: NetworkDraft) -> None:
    """Leave out what is not connected to the slack, and say how much load that is."""
    reached = fed(network.slack, ((line.tail, line.head) for line in network.lines))
    away = [bus for bus in network.buses if bus not in reached]
    if not away:
        return
    lost = [each for each in network.injections if each.bus not in reached]
    network.drop("buses that the slack does not feed", away)
    network.drop("lines that the slack does not feed", (x.line_id for x in network.lines if x.tail in away))
    network.drop("loads and plants at those buses", (each.injection_id for each in lost))
    if kw := sum(each.power_kw for each in lost if each.kind == "load"):
        network.warnings.append(
            f"{kw:,.10g} kW of load stand at buses that the slack does not feed: left out"
        )
    network.buses = {bus: value for bus, value in network.buses.items() if bus in reached}
    network.lines = [line for line in network.lines if line.tail in reached]
    network.injections = [each for each in network.injections if each.bus in reached]


def _limits(network: NetworkDraft, choices: NetworkChoices) -> None:
    """Fill in limits that the file does not give, and say so."""
    free = [line for line in network.lines if math.isinf(line.limit_kw)]
    if free and choices.limit_kw is not None:
        network.imputed[f"limit of {choices.limit_kw:,.10g} kW (--limit-kw)"] = tuple(
            str(line.line_id) for line in free
        )
        network.lines = [
            replace(line, limit_kw=choices.limit_kw) if math.isinf(line.limit_kw) else line
            for line in network.lines
        ]
    elif free:
        network.assumptions.append(
            f"{len(free):,} of {len(network.lines):,} lines have no limit (--limit-kw gives one)"
        )
    if len(free) < len(network.lines):
        network.assumptions.append(
            f"limits in kW are ratings in kVA times {choices.rating_factor:g} (--rating-factor)"
        )


def _turn_ratios(network: NetworkDraft) -> dict[BusId, float]:
    """Return every bus's no-load voltage, per unit of its nominal voltage over the slack's."""
    turned = ratios(network.slack, network.lines)
    taps = [line for line in network.lines if abs(line.ratio - 1.0) > _RATIO]
    if taps:
        beyond = sum(abs(value - 1.0) > _RATIO for value in turned.values())
        least, most = min(turned.values()), max(turned.values())
        network.imputed["off-nominal ratio, kept fixed"] = tuple(str(line.line_id) for line in taps)
        network.assumptions.append(
            f"base_kv of {beyond:,} buses beyond such ratios is {least:.4g} to {most:.4g} times the nominal "
            "voltage; their per-unit limits are rescaled so that they stay the same in kV"
        )
    return turned


def _distribution(network: NetworkDraft, choices: NetworkChoices, turned: dict[BusId, float]) -> Distribution:
    buses, place = list(network.buses.values()), {bus: k for k, bus in enumerate(network.buses)}
    slack = np.array([bus == network.slack for bus in network.buses])
    low = _voltages(network, choices.voltage_min_pu, [bus.low_pu for bus in buses], _LOW_PU, "--voltage-min")
    high = _voltages(
        network, choices.voltage_max_pu, [bus.high_pu for bus in buses], _HIGH_PU, "--voltage-max"
    )
    ratio = np.array([turned[bus] for bus in network.buses])
    low, high = low / ratio, high / ratio
    low[slack] = high[slack] = network.slack_pu
    network.assumptions.append(f"the slack is fed at {network.slack_pu:g} per unit")
    lines = [_at_lower(line, network.buses, turned) for line in network.lines]

    def column(name: str) -> list[Any]:
        return [getattr(line, name) for line in lines]

    return Distribution(
        bus_id=list(network.buses),  # type: ignore[arg-type]
        slack=slack,
        voltage_min_pu=low,
        voltage_max_pu=high,
        base_kv=ratio * np.array([bus.base_kv for bus in buses]),
        line_id=column("line_id"),  # type: ignore[arg-type]
        tail=np.array([place[bus] for bus in column("tail")], np.int32),
        head=np.array([place[bus] for bus in column("head")], np.int32),
        r_ohm=np.array(column("r_ohm"), float),
        x_ohm=np.array(column("x_ohm"), float),
        limit_kw=np.array(column("limit_kw"), float),
    )


def _at_lower(line: Line, buses: dict[BusId, Bus], turned: dict[BusId, float]) -> Line:
    """Return a line with its impedance, given at the head if nominal voltages agree, at the lower voltage."""
    same = buses[line.tail].base_kv == buses[line.head].base_kv
    if same and turned[line.head] > turned[line.tail]:
        square = (turned[line.head] / turned[line.tail]) ** 2
        return replace(line, r_ohm=line.r_ohm / square, x_ohm=line.x_ohm / square)
    return line


def _voltages(
    network: NetworkDraft, asked: float | None, given: list[float], default: float, option: str
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return voltage limits at every bus: those asked for, else the file's, else the default."""
    if asked is not None:
        network.assumptions.append(f"voltage limit of {asked:g} per unit at every bus ({option})")
        return np.full(len(given), asked)
    limits = np.array(given, float)
    none = np.isnan(limits)
    if none.any():
        network.assumptions.append(
            f"voltage limit of {default:g} per unit where the file gives none ({option})"
        )
    return np.where(none, default, limits)


def _injections(network: NetworkDraft, choices: NetworkChoices) -> Injections:
    place = {bus: k for k, bus in enumerate(network.buses)}
    shapes = {kind: choices.shape(kind) for kind in ("constant", *INJECTION_KINDS)}
    rows, steps = network.injections, choices.steps
    shape = np.array([shapes[each.kind] for each in rows]).reshape(-1, steps)
    power = np.array([each.power_kw for each in rows], float)[:, None] * shape
    sure = np.array([each.kind == "constant" for each in rows], bool)[:, None]
    kinds = ["load" if each.kind == "constant" else each.kind for each in rows]
    return Injections(
        injection_id=[each.injection_id for each in rows],  # type: ignore[arg-type]
        bus=np.array([place[each.bus] for each in rows], np.int32),
        kind=np.array([INJECTION_KINDS.index(kind) for kind in kinds], np.int8),
        power_kw=power,
        reactive_kvar=np.array([each.reactive_kvar for each in rows], float)[:, None] * shape,
        half_width_kw=np.where(sure, 0.0, choices.half_width * power),
        gamma=np.full(len(rows), np.nan),
    )


def _counts(network: NetworkDraft) -> dict[str, float]:
    loads = [each for each in network.injections if each.kind in ("load", "constant")]
    plants = [each for each in network.injections if each.kind not in ("load", "constant")]
    return {
        "buses_kept": len(network.buses),
        "lines_kept": len(network.lines),
        "lines_with_a_limit": sum(math.isfinite(line.limit_kw) for line in network.lines),
        "loads": len(loads),
        "load_kw": sum(each.power_kw for each in loads),
        "load_kvar": sum(each.reactive_kvar for each in loads),
        "plants": len(plants),
        "plants_kw": sum(each.power_kw for each in plants),
    }
