"""Buses, lines and injections of a MATPOWER case file."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.scenario import Scenario
from tidewatt.errors import Issue, ScenarioError
from tidewatt.io.importers.grids.matpower_text import MatpowerCase, run
from tidewatt.io.importers.grids.network_choices import NetworkChoices
from tidewatt.io.importers.grids.network_draft import Bus, Injected, Line, NetworkDraft
from tidewatt.io.importers.grids.network_scenario import as_scenario
from tidewatt.io.importers.report import ImportReport
from tidewatt.io.importers.roads.tntp_files import lines_of

__all__ = ["import_matpower"]

_SHOWN = 5
_BUS = {"bus_i": 0, "type": 1, "Pd": 2, "Qd": 3, "Gs": 4, "Bs": 5, "baseKV": 9, "Vmax": 11, "Vmin": 12}
_GEN = {"bus": 0, "Pg": 1, "Qg": 2, "Vg": 5, "status": 7}
_BRANCH = {"fbus": 0, "tbus": 1, "r": 2, "x": 3, "b": 4, "rateA": 5, "ratio": 8, "angle": 9, "status": 10}
_COLUMNS = {"bus": _BUS, "gen": _GEN, "branch": _BRANCH}
"""Columns that are used, by their names in the case format."""
_REFERENCE, _ISOLATED = 3, 4
_TRANSMISSION = ("dcline", "if", "softlims")
"""Fields that describe what a radial network has no place for."""


def import_matpower(
    file: Path | str,
    *,
    choices: NetworkChoices | None = None,
    per_phase: bool = False,
    name: str | None = None,
) -> tuple[Scenario, ImportReport]:
    """Import buses, lines and injections of a MATPOWER case (version 2), with its unit conversions applied.

    Parameters
    ----------
    file : path
        The ``.m`` file.
    choices : NetworkChoices, optional
        What the file does not say.
    per_phase : bool
        Powers and base voltages are those of one phase: three times the power, sqrt(3) the voltage.
    name : str, optional
        Name of the scenario; by default that of the file.

    Returns
    -------
    Scenario, ImportReport

    Raises
    ------
    ScenarioError
        With everything that is wrong with options and file, at once.
    """
    path, choices = Path(file), choices or NetworkChoices()
    issues = choices.issues()
    lines = lines_of(path, issues)
    case = run(lines, path.name, issues) if lines else MatpowerCase()
    tables = _tables(case, path.name, issues) if lines else None
    if issues or tables is None:
        raise ScenarioError(issues)
    base_mva = float(case.tables["baseMVA"]) * (3.0 if per_phase else 1.0)  # type: ignore[arg-type]
    network = _network(tables, base_mva, 3.0 if per_phase else 1.0, choices, path.name, issues)
    if issues:
        raise ScenarioError(issues)
    _tell(network, case, lines, per_phase)
    return as_scenario(network, name or path.stem, choices)


def _tables(case: MatpowerCase, file: str, issues: list[Issue]) -> dict[str, dict[str, Array]] | None:
    """Return the columns that are used, by table; raise issues where they cannot be."""
    before = len(issues)
    base = case.tables.get("baseMVA")
    if not isinstance(base, float) or not 0 < base < math.inf:
        problem = "is missing" if base is None else f"is {base}, not a number above 0"
        issues.append(Issue(file, "baseMVA", problem, "Give the base of the per-unit figures in MVA"))
    tables = {}
    for table, columns in _COLUMNS.items():
        there = case.tables.get(table)
        width = max(columns.values()) + 1
        if not isinstance(there, np.ndarray) or not there.size:
            if table != "gen":
                fix = "Give a case of MATPOWER, version 2"
                issues.append(Issue(file, table, "the table is missing or empty", fix))
                continue
            there = np.zeros((0, width))
        if there.shape[1] < width:
            problem = f"it has {there.shape[1]} columns, but {width} or more are needed"
            issues.append(
                Issue(file, table, problem, "Give the columns of MATPOWER's case format, version 2")
            )
            continue
        tables[table] = {name: there[:, at] for name, at in columns.items()}
        _figures(tables[table], table, case.lines.get(table, []), file, issues)
    for field in _TRANSMISSION:
        rows = case.tables.get(field)
        if isinstance(rows, np.ndarray) and len(rows):
            issues.append(Issue(file, field, "is not supported", "Take the table out if it has no part here"))
    return tables if len(issues) == before else None


def _figures(columns: dict[str, Array], table: str, lines: list[int], file: str, issues: list[Issue]) -> None:
    """Report cells that are not usable numbers."""
    at = lines if len(lines) == len(next(iter(columns.values()))) else None
    checks = [
        (name, ~np.isfinite(values), "a finite number") for name, values in columns.items() if name != "rateA"
    ]
    if table == "bus":
        whole = columns["bus_i"] % 1 == 0
        checks.append(("bus_i", ~(whole & (columns["bus_i"] > 0)), "a whole number above 0"))
        checks.append(("type", ~np.isin(columns["type"], (1, 2, 3, 4)), "1, 2, 3 or 4"))
        checks.append(("baseKV", ~(columns["baseKV"] > 0), "kV above 0, to turn per unit into ohm"))
        checks.append(("Vmin", columns["Vmin"] > columns["Vmax"], "at most Vmax"))
    if table == "branch":
        live = columns["status"] > 0
        checks.append(("r", live & (columns["r"] < 0), "at least 0"))
        checks.append(("ratio", live & (columns["ratio"] < 0), "at least 0; 0: no tap"))
        checks.append(("rateA", ~(columns["rateA"] >= 0), "at least 0; 0: no limit"))
    for name, bad, wanted in checks:
        rows = np.flatnonzero(bad)
        if len(rows):
            shown = tuple(f"line {at[k]}" if at else f"row {k + 1}" for k in rows[:_SHOWN])
            problem = f"found {columns[name][rows[0]]:g}"
            issues.append(Issue(file, f"{table}.{name}", problem, f"Give {wanted}", shown, len(rows)))


def _network(
    tables: dict[str, dict[str, Array]],
    base_mva: float,
    phases: float,
    choices: NetworkChoices,
    file: str,
    issues: list[Issue],
) -> NetworkDraft:
    bus, gen, branch = tables["bus"], tables["gen"], tables["branch"]
    network = NetworkDraft(file)
    ids = bus["bus_i"].astype(np.int64)
    kv = dict(zip(ids.tolist(), (bus["baseKV"] * math.sqrt(phases)).tolist(), strict=True))
    _references(network, bus, gen, branch, file, issues)
    if issues:
        return network
    kw = 1e3 * phases
    isolated = bus["type"] == _ISOLATED
    network.drop("isolated buses", ids[isolated])
    for k in np.flatnonzero(~isolated):
        network.buses[int(ids[k])] = Bus(kv[int(ids[k])], float(bus["Vmin"][k]), float(bus["Vmax"][k]))
        network.power(f"load {ids[k]}", int(ids[k]), kw * bus["Pd"][k], kw * bus["Qd"][k], choices.plants)
    slack = set(ids[bus["type"] == _REFERENCE].tolist())
    network.same += [(network.slack, other) for other in slack if other != network.slack]
    _branches(network, branch, kv, base_mva, kw * choices.rating_factor)
    _shunts(network, bus, branch, base_mva * 1e3, kw)
    _generators(network, gen, slack, kw, choices)
    network.counts |= {"buses": len(ids), "branches": len(branch["fbus"])}
    return network


def _references(
    network: NetworkDraft,
    bus: dict[str, Array],
    gen: dict[str, Array],
    branch: dict[str, Array],
    file: str,
    issues: list[Issue],
) -> None:
    """Find the slack and its voltage; report ids that are repeated or unknown."""
    ids = bus["bus_i"]
    values, times = np.unique(ids, return_counts=True)
    twice = values[times > 1]
    if len(twice):
        shown = tuple(f"{each:g}" for each in twice[:_SHOWN])
        issues.append(
            Issue(
                file,
                "bus.bus_i",
                "the id occurs more than once",
                "Keep one row for each id",
                shown,
                len(twice),
            )
        )
    ends = (
        ("branch", "fbus", branch["fbus"]),
        ("branch", "tbus", branch["tbus"]),
        ("gen", "bus", gen["bus"]),
    )
    for table, column, values in ends:
        unknown = np.unique(values[~np.isin(values, ids)])
        if len(unknown):
            shown = tuple(f"{each:g}" for each in unknown[:_SHOWN])
            problem = "the bus is not in the bus table"
            fix = "Correct the number, or add the bus"
            issues.append(Issue(file, f"{table}.{column}", problem, fix, shown, len(unknown)))
    slack = ids[bus["type"] == _REFERENCE].astype(np.int64).tolist()
    if not slack:
        fix = "Set type 3 for the bus that feeds the network"
        issues.append(Issue(file, "bus.type", "there is no slack (no bus of type 3)", fix))
        return
    live = gen["status"] > 0
    volts = {int(b): float(v) for b, v in zip(gen["bus"][live], gen["Vg"][live], strict=True) if b in slack}
    if len({round(value, 9) for value in volts.values()}) > 1:
        told = ", ".join(f"{each}: {value:g}" for each, value in volts.items())
        fix = "Keep one bus of type 3, or give all of them the same voltage, so that they can be merged"
        issues.append(Issue(file, "gen.Vg", f"slack buses differ in voltage ({told})", fix))
    network.slack, network.slack_pu = slack[0], next(iter(volts.values()), 1.0)
    if not 0.5 < network.slack_pu < 1.5:
        fix = "Give per unit, near 1"
        issues.append(Issue(file, "gen.Vg", f"the slack is fed at {network.slack_pu:g} per unit", fix))


def _branches(
    network: NetworkDraft,
    branch: dict[str, Array],
    kv: dict[int, float],
    base_mva: float,
    limit_kw: float,
) -> None:
    """Add lines, in ohm; `limit_kw` is per unit of `rateA`."""
    on = branch["status"] > 0
    network.drop("branches out of service (status 0)", np.flatnonzero(~on) + 1)
    shifts = []
    for k in np.flatnonzero(on).tolist():
        tail, head = int(branch["fbus"][k]), int(branch["tbus"][k])
        if tail not in network.buses or head not in network.buses:
            network.drop("branches at isolated buses", [k + 1])
            continue
        ohm = min(kv[tail], kv[head]) ** 2 / base_mva
        r, x, rate = float(branch["r"][k]), float(branch["x"][k]), float(branch["rateA"][k])
        if r == 0 and x == 0:
            network.same.append((tail, head))
            continue
        limit = limit_kw * rate if rate > 0 else math.inf
        # The tap is at the side of fbus; 0 means 1.
        ratio = 1.0 / (float(branch["ratio"][k]) or 1.0)
        network.lines.append(Line(k + 1, tail, head, r * ohm, x * ohm, limit, ratio))
        if branch["angle"][k]:
            shifts.append(k + 1)
    if shifts:
        network.imputed["phase shift left out, as it has no effect in a radial network"] = tuple(
            map(str, shifts)
        )


def _shunts(
    network: NetworkDraft, bus: dict[str, Array], branch: dict[str, Array], base_kva: float, kw: float
) -> None:
    """Add shunts, and half of each line's charging at either end, as constant-power loads at 1 per unit."""
    ids = bus["bus_i"].astype(np.int64).tolist()
    active = dict(zip(ids, (kw * bus["Gs"]).tolist(), strict=True))
    reactive = dict(zip(ids, (-kw * bus["Bs"]).tolist(), strict=True))
    shunts = sum(1 for each in ids if active[each] or reactive[each])
    charging = 0.0
    for k in np.flatnonzero((branch["status"] > 0) & (branch["b"] != 0)).tolist():
        half = 0.5 * float(branch["b"][k]) * base_kva
        charging += 2 * half
        for end in ("fbus", "tbus"):
            reactive[int(branch[end][k])] -= half
    for each in network.buses:
        if active[each] or reactive[each]:
            shunt = Injected(f"shunt {each}", each, "constant", active[each], reactive[each])
            network.injections.append(shunt)
    if shunts:
        network.assumptions.append(f"{shunts} shunts are modelled as constant-power loads, as at 1 per unit")
    if charging:
        network.assumptions.append(
            f"{charging:,.4g} kvar of line charging (at 1 per unit) are injected at the ends of lines"
        )


def _generators(
    network: NetworkDraft, gen: dict[str, Array], slack: set[int], kw: float, choices: NetworkChoices
) -> None:
    """Add generators other than the slack's; one with negative output is a load."""
    network.drop("generators out of service", np.flatnonzero(~(gen["status"] > 0)) + 1)
    idle = []
    for k in np.flatnonzero(gen["status"] > 0).tolist():
        bus = int(gen["bus"][k])
        if bus in slack or bus not in network.buses:
            continue
        power, reactive = kw * float(gen["Pg"][k]), kw * float(gen["Qg"][k])
        if power or reactive:
            network.power(f"generator {k + 1}", bus, -power, -reactive, choices.plants)
        else:
            idle.append(k + 1)
    network.drop("generators without output, whose control of voltage is not modelled", idle)


def _tell(network: NetworkDraft, case: MatpowerCase, lines: list[str], per_phase: bool) -> None:
    """Say which statements changed the figures, and what was assumed."""
    network.counts["statements_applied"] = len(case.conversions)
    network.assumptions += [f"applied the file's `{statement}`" for statement in case.conversions]
    if per_phase:
        network.assumptions.append(
            "powers and base voltages are per phase: powers are multiplied by 3 and voltages by sqrt(3) "
            "(--per-phase)"
        )
    elif any("single-phase" in line or "sqrt(3)" in line for line in lines):
        network.warnings.append(
            "the file mentions single-phase figures or sqrt(3): --per-phase multiplies powers "
            "by 3 and voltages by sqrt(3)"
        )
    if any(each.kind in ("solar", "wind") for each in network.injections):
        network.assumptions.append(
            "negative loads and generators are taken as plants; the file does not say which kind (--plants)"
        )
