"""Read buses, lines and injections of a network that pandapower wrote as JSON."""

from __future__ import annotations

import cmath
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tidewatt.domain.scenario import Scenario
from tidewatt.errors import Issue, ScenarioError
from tidewatt.io.importers.grids.network_choices import NetworkChoices
from tidewatt.io.importers.grids.network_draft import Bus, Injected, Line, NetworkDraft
from tidewatt.io.importers.grids.network_scenario import as_scenario
from tidewatt.io.importers.report import ImportReport

__all__ = ["PandapowerTables", "Row", "add_injections", "add_lines", "import_pandapower", "read_tables"]

_REMEDY = "Write the network with pandapower.to_json(net, FILE), of pandapower 2 or newer"
_SHOWN = 5


class Row(Mapping[str, Any]):
    """One element: cells by column; null and missing cells are treated alike."""

    __slots__ = ("cells", "index")

    def __init__(self, index: int, cells: Mapping[str, Any]) -> None:
        self.index, self.cells = index, cells

    def __getitem__(self, name: str) -> Any:
        return self.cells[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.cells)

    def __len__(self) -> int:
        return len(self.cells)

    def number(self, name: str, default: float = math.nan) -> float:
        """Return a number; the default if the cell is empty or not a number."""
        value = self.cells.get(name)
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                return default
        return default if value is None or math.isnan(value) else float(value)

    def whole(self, name: str) -> int:
        """Return an integer such as a bus index; -1 if there is none."""
        value = self.number(name)
        return int(value) if value == value and value % 1 == 0 else -1

    def says(self, name: str, default: bool) -> bool:
        """Return a true-or-false cell."""
        value = self.cells.get(name)
        return default if value is None else bool(value)

    def text(self, name: str) -> str:
        """Return a text in lower case; empty if there is none."""
        value = self.cells.get(name)
        return value.lower() if isinstance(value, str) else ""


class PandapowerTables:
    """Tables by name, with the issues found in their cells.

    Attributes
    ----------
    file : str
        Name of the file.
    issues : list of Issue
    """

    def __init__(self, file: str, issues: list[Issue]) -> None:
        self.file, self.issues = file, issues
        self.content: dict[str, Any] = {}
        self._read: dict[str, list[Row]] = {}
        self._bad: dict[tuple[str, str, str], list[tuple[int, object]]] = {}

    def rows(self, table: str) -> list[Row]:
        """Return the elements of a table; none if the table is absent."""
        if table not in self._read:
            self._read[table] = [] if table not in self.content else self._rows(table)
        return self._read[table]

    def in_service(self, table: str) -> list[Row]:
        """Return the elements that are in service."""
        return [row for row in self.rows(table) if row.says("in_service", True)]

    def number(self, table: str, row: Row, name: str, wanted: str, least: float = -math.inf) -> float:
        """Return a required number; report an issue if it is missing or below `least`."""
        value = row.number(name)
        if not (math.isfinite(value) and value >= least):
            self.bad(table, row, name, wanted)
            return 1.0
        return value

    def bad(self, table: str, row: Row, name: str, wanted: str) -> None:
        """Record a cell that cannot be used; those of one column become one issue."""
        self._bad.setdefault((table, name, wanted), []).append((row.index, row.cells.get(name)))

    def close(self) -> None:
        """Report the recorded cells."""
        for (table, name, wanted), cells in self._bad.items():
            first = cells[0][1]
            problem = "the cell is empty" if first is None else f"found {first!r}"
            shown = tuple(str(index) for index, _ in cells[:_SHOWN])
            self.issues.append(
                Issue(self.file, f"{table}.{name}", problem, f"Give {wanted}", shown, len(cells))
            )
        self._bad.clear()

    def _rows(self, table: str) -> list[Row]:
        try:
            return _frame(self.content[table])
        except (ValueError, TypeError, KeyError, AttributeError):
            self.issues.append(Issue(self.file, table, "the table cannot be read", _REMEDY))
            return []


def read_tables(path: Path, issues: list[Issue]) -> PandapowerTables:
    """Return the tables of a file; raise issues if it is not a pandapower network."""
    tables = PandapowerTables(path.name, issues)
    try:
        raw = path.read_bytes()
    except OSError as error:
        problem = f"the file cannot be read ({error.strerror})"
        issues.append(Issue(path.name, "", problem, "Check its name and permissions"))
        return tables
    try:
        content = json.loads(raw.decode("utf-8-sig"))
        while isinstance(content, dict) and "_object" in content:
            content = content["_object"]
            content = json.loads(content) if isinstance(content, str) else content
    except (ValueError, RecursionError):
        issues.append(Issue(path.name, "", "the file is no JSON", _REMEDY))
        return tables
    if not isinstance(content, dict) or "bus" not in content:
        issues.append(Issue(path.name, "", "the file holds no network of pandapower", _REMEDY))
        return tables
    tables.content = content
    if not tables.rows("bus") and not issues:
        issues.append(Issue(path.name, "bus", "the network has no buses", "Give a network with buses"))
    return tables


def _frame(frame: Any) -> list[Row]:
    """Return the rows of a data frame, whichever layout its text has."""
    if isinstance(frame, Mapping) and "_object" in frame:
        frame = frame["_object"]
    if isinstance(frame, str):
        frame = json.loads(frame)
    if isinstance(frame, list):  # records
        return [Row(k, dict(cells)) for k, cells in enumerate(frame)]
    if {"columns", "index", "data"} <= frame.keys():  # split
        names = frame["columns"]
        return [
            Row(int(index), dict(zip(names, cells, strict=True)))
            for index, cells in zip(frame["index"], frame["data"], strict=True)
        ]
    by_index: dict[int, dict[str, Any]] = {}  # columns
    for name, cells in frame.items():
        for index, cell in cells.items():
            by_index.setdefault(int(index), {})[name] = cell
    return [Row(index, by_index[index]) for index in sorted(by_index)]


_KW = 1e3
_SOLAR, _WIND = ("pv", "solar"), ("wp", "wind", "wt")
_NOT_RADIAL = ("trafo3w", "dcline", "xward", "svc", "ssc", "tcsc", "vsc", "b2b_vsc", "line_dc")
_BUS = "the index of a bus in the bus table"


def add_lines(network: NetworkDraft, tables: PandapowerTables, choices: NetworkChoices) -> None:
    """Add lines, impedances and transformers in service, and buses joined by closed switches."""
    opened: dict[str, set[int]] = {"l": set(), "t": set()}
    for row in tables.rows("switch"):
        kind, closed = row.text("et"), row.says("closed", True)
        if kind == "b" and closed:
            ends = _ends(network, tables, "switch", row, "bus", "element")
            network.same += [ends] if ends else []
        elif not closed:
            opened.setdefault(kind, set()).add(row.whole("element"))
    charging: dict[int, float] = {}
    hertz = tables.content.get("f_hz")
    hertz = float(hertz) if isinstance(hertz, int | float) else 50.0
    for row in _closed(network, tables, "line", opened["l"]):
        _add_line(network, tables, row, choices, hertz, charging)
    for row in _closed(network, tables, "trafo", opened["t"]):
        _add_transformer(network, tables, row, choices)
    for row in _closed(network, tables, "impedance", set()):
        _add_impedance(network, tables, row)
    total = sum(charging.values())
    for bus, kvar in charging.items():
        network.injections.append(Injected(f"charging {bus}", bus, "constant", 0.0, -kvar))
    if total:
        network.assumptions.append(
            f"{total:,.4g} kvar of line charging (at 1 per unit) are injected at the ends of lines"
        )


def _closed(network: NetworkDraft, tables: PandapowerTables, table: str, opened: set[int]) -> Iterator[Row]:
    """Yield the elements that conduct; record the others."""
    rows = tables.rows(table)
    network.drop(f"{table}: out of service", (r.index for r in rows if not r.says("in_service", True)))
    live = tables.in_service(table)
    network.drop(f"{table}: a switch is open", (row.index for row in live if row.index in opened))
    yield from (row for row in live if row.index not in opened)


def _ends(
    network: NetworkDraft, tables: PandapowerTables, table: str, row: Row, one: str, other: str
) -> tuple[int, int] | None:
    """Return the buses of an element; None if one is out of service (recorded) or unknown (an issue)."""
    ends = row.whole(one), row.whole(other)
    known = (
        {each.index for each in tables.rows("bus")} if not set(ends) <= network.buses.keys() else set(ends)
    )
    for name, bus in zip((one, other), ends, strict=True):
        if bus not in known:
            tables.bad(table, row, name, _BUS)
            return None
    if not set(ends) <= network.buses.keys():
        network.drop(f"{table}: a bus is out of service", [row.index])
        return None
    return ends


def _add_line(
    network: NetworkDraft,
    tables: PandapowerTables,
    row: Row,
    choices: NetworkChoices,
    hertz: float,
    charging: dict[int, float],
) -> None:
    ends = _ends(network, tables, "line", row, "from_bus", "to_bus")
    if ends is None:
        return
    km = tables.number("line", row, "length_km", "km, 0 or more", 0.0)
    count = max(row.number("parallel", 1.0), 1.0)
    r, x = (
        tables.number("line", row, name, "ohm per km, 0 or more", 0.0) * km / count
        for name in ("r_ohm_per_km", "x_ohm_per_km")
    )
    if r == 0 and x == 0:
        network.same.append(ends)
        return
    kv = network.buses[ends[0]].base_kv
    most = (
        row.number("max_i_ka")
        * row.number("df", 1.0)
        * count
        * row.number("max_loading_percent", 100.0)
        / 100
    )
    limit = math.sqrt(3) * kv * most * _KW * choices.rating_factor if most > 0 else math.inf
    network.lines.append(Line(f"line {row.index}", *ends, r, x, limit))
    half = math.pi * hertz * row.number("c_nf_per_km", 0.0) * 1e-9 * km * count * kv**2 * _KW
    for bus in ends if half else ():
        charging[bus] = charging.get(bus, 0.0) + half


def _add_transformer(
    network: NetworkDraft, tables: PandapowerTables, row: Row, choices: NetworkChoices
) -> None:
    ends = _ends(network, tables, "trafo", row, "hv_bus", "lv_bus")
    if ends is None:
        return
    kva, high, low, short, loss = (
        tables.number("trafo", row, name, f"{what} above 0", 1e-12)
        for name, what in (
            ("sn_mva", "MVA"),
            ("vn_hv_kv", "kV"),
            ("vn_lv_kv", "kV"),
            ("vk_percent", "percent"),
            ("vkr_percent", "percent"),
        )
    )
    kva *= _KW * max(row.number("parallel", 1.0), 1.0)
    if loss > short:
        tables.bad("trafo", row, "vkr_percent", "at most vk_percent")
        return
    if row.says("tap_dependency_table", False):
        network.warnings.append(
            f"trafo {row.index}: its tap-dependent impedances are not read; the one at neutral is used"
        )
    high, low = _tapped(row, "tap", high, low)
    high, low = _tapped(row, "tap2", high, low)
    ohm = low**2 / (kva / _KW)
    r, x = loss / 100 * ohm, math.sqrt(short**2 - loss**2) / 100 * ohm
    kv_high, kv_low = (network.buses[bus].base_kv for bus in ends)
    if kv_high < kv_low:
        r, x = (value * (high / low) ** 2 for value in (r, x))
    share = row.number("df", 1.0) * row.number("max_loading_percent", 100.0) / 100
    ratio = low / high * kv_high / kv_low
    limit = kva * share * choices.rating_factor
    network.lines.append(Line(f"trafo {row.index}", *ends, r, x, limit, ratio))
    iron = row.number("pfe_kw", 0.0) * max(row.number("parallel", 1.0), 1.0)
    magnetising = math.sqrt(max((row.number("i0_percent", 0.0) / 100 * kva) ** 2 - iron**2, 0.0))
    if iron or magnetising:
        network.injections.append(Injected(f"iron {row.index}", ends[0], "constant", iron, magnetising))


def _tapped(row: Row, tap: str, high: float, low: float) -> tuple[float, float]:
    """Return a transformer's voltages at its tap; phase shifts have no effect in a radial network."""
    steps = row.number(f"{tap}_pos", 0.0) - row.number(f"{tap}_neutral", 0.0)
    turn = cmath.rect(1.0, math.radians(row.number(f"{tap}_step_degree", 0.0)))
    ideal = row.text(f"{tap}_changer_type") == "ideal" or row.says(f"{tap}_phase_shifter", False)
    factor = 1.0 if ideal else abs(1.0 + steps * row.number(f"{tap}_step_percent", 0.0) / 100 * turn)
    return (high, low * factor) if row.text(f"{tap}_side") == "lv" else (high * factor, low)


def _add_impedance(network: NetworkDraft, tables: PandapowerTables, row: Row) -> None:
    ends = _ends(network, tables, "impedance", row, "from_bus", "to_bus")
    if ends is None:
        return
    mva = tables.number("impedance", row, "sn_mva", "MVA above 0", 1e-12)
    r, x = (
        tables.number("impedance", row, name, "per unit, 0 or more", 0.0) for name in ("rft_pu", "xft_pu")
    )
    ohm = min(network.buses[bus].base_kv for bus in ends) ** 2 / mva
    if r == 0 and x == 0:
        network.same.append(ends)
    else:
        network.lines.append(Line(f"impedance {row.index}", *ends, r * ohm, x * ohm))


def add_injections(network: NetworkDraft, tables: PandapowerTables, choices: NetworkChoices) -> None:
    """Add loads, plants, shunts and the like in service.

    An issue for what has no place in a radial network.
    """
    for table in _NOT_RADIAL:
        rows = tables.in_service(table)
        if rows:
            tables.bad(table, rows[0], "in_service", f"another model: elements of {table} are not supported")
    varying = []
    for table in ("load", "asymmetric_load", "sgen", "asymmetric_sgen", "gen", "storage", "motor"):
        produces = table in ("sgen", "asymmetric_sgen", "gen")
        for row in tables.in_service(table):
            if (bus := _bus(network, tables, table, row)) is None:
                continue
            kw, kvar = (_KW * value for value in _power(table, row))
            if not (math.isfinite(kw) and math.isfinite(kvar)):
                tables.bad(table, row, "p_mw", "MW and Mvar that are finite numbers")
                continue
            sign = -1.0 if produces else 1.0
            plant = _plant(row, choices) if produces else choices.plants
            network.power(f"{table} {row.index}", bus, sign * kw, sign * kvar, plant)
            shares = (cell for name, cell in row.items() if name.startswith("const_"))
            if any(isinstance(share, int | float) and share > 0 for share in shares):
                varying.append(f"{table} {row.index}")
    if varying:
        network.imputed["constant power, although it depends on voltage"] = tuple(varying)
    for table in ("shunt", "ward"):
        for row in tables.in_service(table):
            if (bus := _bus(network, tables, table, row)) is not None:
                kw, kvar = (_KW * value for value in _power(table, row))
                network.injections.append(Injected(f"{table} {row.index}", bus, "constant", kw, kvar))
    if tables.in_service("gen"):
        network.assumptions.append("generators (gen) produce their power, but do not hold their voltage")


def _bus(network: NetworkDraft, tables: PandapowerTables, table: str, row: Row) -> int | None:
    bus = row.whole("bus")
    if bus in network.buses:
        return bus
    if any(each.index == bus for each in tables.rows("bus")):
        network.drop(f"{table}: the bus is out of service", [row.index])
    else:
        tables.bad(table, row, "bus", _BUS)
    return None


def _power(table: str, row: Row) -> tuple[float, float]:
    """Return MW and Mvar of an element, in its own sign convention."""
    scaling = row.number("scaling", 1.0)
    if table.startswith("asymmetric"):
        p, q = (sum(row.number(f"{part}_{phase}_{unit}", 0.0) for phase in "abc") for part, unit in _PARTS)
    elif table == "motor":
        share = row.number("loading_percent", 100.0) / row.number("efficiency_percent", 100.0)
        p = row.number("pn_mech_mw") * share
        q = p * math.tan(math.acos(min(max(row.number("cos_phi", 1.0), 1e-3), 1.0)))
    elif table == "ward":
        p, q = (row.number(f"{x}s_{u}", 0.0) + row.number(f"{x}z_{u}", 0.0) for x, u in _PARTS)
    else:
        p, q = row.number("p_mw"), row.number("q_mvar", 0.0)
        scaling = row.number("step", 1.0) if table == "shunt" else scaling
    return p * scaling, q * scaling


_PARTS = (("p", "mw"), ("q", "mvar"))


def _plant(row: Row, choices: NetworkChoices) -> str:
    """Return the kind of a plant, from its type or name."""
    for text in (row.text("type"), row.text("name")):
        if any(word in text for word in _SOLAR):
            return "solar"
        if any(word in text.split()[:1] or text.startswith(word) for word in _WIND):
            return "wind"
    return choices.plants


def import_pandapower(
    file: Path | str, *, choices: NetworkChoices | None = None, name: str | None = None
) -> tuple[Scenario, ImportReport]:
    """Import buses, lines and injections of a network that ``pandapower.to_json`` wrote.

    Parameters
    ----------
    file : path
        The ``.json`` file.
    choices : NetworkChoices, optional
        What the file does not say.
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
    tables = read_tables(path, issues)
    if not tables.content:
        raise ScenarioError(issues)
    network = NetworkDraft(path.name)
    _buses(network, tables)
    _slack(network, tables)
    add_lines(network, tables, choices)
    add_injections(network, tables, choices)
    tables.close()
    if issues:
        raise ScenarioError(issues)
    network.counts |= {name: len(tables.rows(table)) for table, name in _COUNTED.items()}
    return as_scenario(network, name or path.stem, choices)


_COUNTED = {"bus": "buses", "line": "lines", "trafo": "transformers", "switch": "switches"}


def _buses(network: NetworkDraft, tables: PandapowerTables) -> None:
    for row in tables.in_service("bus"):
        kv = tables.number("bus", row, "vn_kv", "kV above 0", 1e-9)
        limits = row.number("min_vm_pu"), row.number("max_vm_pu")
        if limits[0] > limits[1]:
            tables.bad("bus", row, "min_vm_pu", "per unit, at most max_vm_pu")
        network.buses[row.index] = Bus(kv, *limits)
    out = (row.index for row in tables.rows("bus") if not row.says("in_service", True))
    network.drop("bus: out of service", out)


def _slack(network: NetworkDraft, tables: PandapowerTables) -> None:
    """Find the external grid; several count as one if they hold the same voltage."""
    rows = [("ext_grid", row) for row in tables.in_service("ext_grid")]
    rows += [("gen", row) for row in tables.in_service("gen") if row.says("slack", False)]
    rows = [(table, row) for table, row in rows if row.whole("bus") in network.buses]
    fix = "Add an ext_grid in service at the bus that feeds the network"
    if not rows:
        network.slack = next(iter(network.buses), None)
        tables.issues.append(Issue(tables.file, "ext_grid", "there is no slack", fix))
        return
    volts = {row.whole("bus"): row.number("vm_pu", 1.0) for _, row in rows}
    network.slack, network.slack_pu = next(iter(volts.items()))
    if not 0.5 < network.slack_pu < 1.5 or math.isnan(network.slack_pu):
        tables.bad(*rows[0], "vm_pu", "per unit, near 1")
    if max(volts.values()) - min(volts.values()) > 1e-9:
        told = ", ".join(f"bus {bus}: {value:g}" for bus, value in volts.items())
        fix = "Keep one of them in service, or give all the same voltage, so that they can be merged"
        problem = f"sources differ in voltage ({told})"
        tables.issues.append(Issue(tables.file, "ext_grid.vm_pu", problem, fix))
    if len({network.buses[bus].base_kv for bus in volts}) == 1:
        network.same += [(network.slack, bus) for bus in volts if bus != network.slack]
    else:
        fix = "Keep one of them in service"
        tables.issues.append(Issue(tables.file, "ext_grid.bus", "sources stand at several voltages", fix))
