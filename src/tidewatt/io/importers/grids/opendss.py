"""Read an OpenDSS circuit as a balanced positive-sequence network."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from tidewatt.domain.scenario import Scenario
from tidewatt.errors import Issue, ScenarioError
from tidewatt.io.importers.grids.network_choices import NetworkChoices
from tidewatt.io.importers.grids.network_draft import Bus, Injected, Line, NetworkDraft
from tidewatt.io.importers.grids.network_scenario import as_scenario
from tidewatt.io.importers.grids.opendss_impedances import (
    line_impedance,
    phases_of,
    reactor_impedance,
    source_impedance,
    winding_kv,
)
from tidewatt.io.importers.grids.opendss_text import Circuit, Element, read_circuit, rpn, values
from tidewatt.io.importers.report import ImportReport

__all__ = ["add_injections", "averaged", "bus_of", "import_opendss", "is_series", "tell"]

_MEANS = ("r_ohm", "x_ohm", "ratio")
_UNEVEN = 1e-9
"""Ratios that differ by less than this count as equal."""


def averaged(units: list[tuple[Line, bool]], draft: NetworkDraft) -> list[Line]:
    """Average single-phase units between the same buses, which share the load; return the transformers."""
    banks: dict[tuple[str, str], list[Line]] = {}
    for unit, alone in units:
        if alone:
            banks.setdefault((unit.tail, unit.head), []).append(unit)
    means = {
        ends: {name: sum(getattr(unit, name) for unit in bank) / len(bank) for name in _MEANS}
        for ends, bank in banks.items()
    }
    out = []
    for unit, alone in units:
        mean = means[unit.tail, unit.head] if alone else {}
        if alone and abs(unit.ratio - mean["ratio"]) > _UNEVEN:
            draft.note("mean ratio of the single-phase units", unit.line_id)
        out.append(replace(unit, **mean))
    return out


def tell(draft: NetworkDraft, circuit: Circuit) -> None:
    """Count what the file holds, and say what the balanced equivalent leaves out."""
    elements = {kind: len(circuit.of(kind)) for kind in ("line", "transformer", "load", "capacitor")}
    draft.counts |= {f"{kind}s_in_the_file": number for kind, number in elements.items()}
    codes = circuit.elements.get("linecode", {})
    fewer = [x for x in circuit.of("line") if phases_of(x, codes.get(x.text("linecode"))) < 3]
    draft.assumptions.append(
        "the circuit is its balanced equivalent: loads are summed over phases, mutual impedances averaged; "
        "are means over phases, unbalance is not seen"
    )
    if fewer:
        draft.assumptions.append(
            f"{len(fewer):,} lines of one or two phases have their impedance times 3 / phases, so that "
            "voltage drops and losses match their full load"
        )
    if controls := circuit.of("regcontrol"):
        draft.assumptions.append(
            f"{len(controls):,} controls of regulators do not act: taps stay as the file gives them, "
            "or neutral where it gives none"
        )
    if shapes := sum("daily" in each.given or "yearly" in each.given for each in circuit.of("load")):
        draft.assumptions.append(f"the load shapes of {shapes:,} loads are ignored (--load-shape)")
    if circuit.of("capcontrol"):
        draft.assumptions.append("controls of capacitors do not act: all are on as the file gives them")
    if float(rpn(circuit.options.get("year", "0"))) > 1:
        draft.assumptions.append(f"load growth is not applied, up to the year {circuit.options['year']}")
    draft.drop("disabled", circuit.disabled())
    for what, names in (
        ("commands that leave the circuit as it is", circuit.commands_passed_over),
        ("elements of classes that do not matter at one load level", circuit.passed_over),
    ):
        if names:
            draft.assumptions.append(f"{what} are passed over: {', '.join(names)}")


Fault = Callable[[Element, str, str], None]


def bus_of(text: str) -> str:
    """Return the name of a bus without the nodes after its dots."""
    return text.strip().lower().partition(".")[0]


def is_series(element: Element) -> bool:
    """Return whether a capacitor or reactor stands between two buses."""
    other = bus_of(element.given.get("bus2", ""))
    return bool(other) and other != bus_of(element.given.get("bus1", ""))


def add_injections(network: NetworkDraft, circuit: Circuit, choices: NetworkChoices, fault: Fault) -> None:
    """Add consumption and production, in kW and kvar of all phases together."""
    multiplier = rpn(circuit.options.get("loadmult", "1"))
    generation = rpn(circuit.options.get("genmult", "1"))
    others = 0
    for load in circuit.of("load"):
        kw, kvar = (multiplier * value for value in _demand(load))
        others += load.number("model", 1.0) != 1
        _add(network, load, kw, kvar, choices.plants, fault)
    if others:
        network.assumptions.append(
            f"{others:,} voltage-dependent loads (models other than 1) draw their power at 1 per unit"
        )
    for plant in circuit.of("generator"):
        kw, kvar = (generation * value for value in _generation(plant, plant.number("kw", 1000.0)))
        _add(network, plant, -kw, -kvar, choices.plants, fault)
    for plant in circuit.of("pvsystem"):
        peak = (
            plant.number("pmpp", 500.0) * plant.number("irradiance", 1.0) * plant.number("%pmpp", 100.0) / 100
        )
        kw, kvar = _generation(plant, min(peak, plant.number("kva", math.inf)), 1.0)
        _add(network, plant, -kw, -kvar, "solar", fault)
    for capacitor in circuit.of("capacitor"):
        if is_series(capacitor):
            fault(capacitor, "it stands in series", "Add its reactance to the line beside it")
            continue
        steps = [rpn(each) for each in values(capacitor.given.get("kvar", "1200"))]
        states = [rpn(each) for each in values(capacitor.given.get("states", ""))] or [1.0] * len(steps)
        if len(steps) == 1 and capacitor.number("numsteps", 1.0) > 1:
            steps = steps * len(states)
            steps = [each / len(states) for each in steps]
        _constant(network, capacitor, 0.0, -sum(a * b for a, b in zip(steps, states, strict=False)), fault)
    for reactor in circuit.of("reactor"):
        if not is_series(reactor):
            _constant(network, reactor, 0.0, reactor.number("kvar", 100.0), fault)
    network.drop("storage, which is taken to be idle", (each.name for each in circuit.of("storage")))


def _add(network: NetworkDraft, element: Element, kw: float, kvar: float, plant: str, fault: Fault) -> None:
    if not (math.isfinite(kw) and math.isfinite(kvar)):
        fault(element, "its power cannot be told", "Give kw with kvar or pf, as numbers")
    elif (bus := _known_bus(network, element, fault)) is not None:
        network.power(f"{element.kind}.{element.name}", bus, kw, kvar, plant)


def _constant(network: NetworkDraft, element: Element, kw: float, kvar: float, fault: Fault) -> None:
    if not math.isfinite(kvar):
        fault(element, "its kvar cannot be told", "Give kvar as numbers")
    elif (bus := _known_bus(network, element, fault)) is not None and kvar:
        network.injections.append(Injected(f"{element.kind}.{element.name}", bus, "constant", kw, kvar))


def _known_bus(network: NetworkDraft, element: Element, fault: Fault) -> str | None:
    bus = bus_of(element.given.get("bus1", ""))
    if bus in network.buses:
        return bus
    fault(element, f"no line or transformer ends at its bus {bus!r}", "Correct bus1")
    return None


def _demand(load: Element) -> tuple[float, float]:
    """Return a load's power in kW and kvar from the figures given; later ones take precedence."""
    factor = load.number("pf", 0.88)
    if load.after("xfkva", "kw"):
        kw = load.number("xfkva") * load.number("allocationfactor", 0.5) * abs(factor)
    elif load.after("kwh", "kw"):
        kw = load.number("kwh") / (load.number("kwhdays", 30.0) * 24.0) * load.number("cfactor", 4.0)
    elif load.after("kva", "kw"):
        kw = load.number("kva") * abs(factor)
    else:
        kw = load.number("kw")
    if load.after("kvar", "kw"):
        return kw, load.number("kvar")
    if not math.isnan(load.ratio):
        return kw, kw * load.ratio
    return kw, _reactive(kw, factor)


def _generation(plant: Element, kw: float, factor: float = 0.88) -> tuple[float, float]:
    if not math.isnan(plant.ratio):
        return kw, kw * plant.ratio
    if plant.kind != "generator" and plant.after("kvar", "pf"):
        return kw, plant.number("kvar")
    return kw, _reactive(kw, plant.number("pf", factor))


def _reactive(kw: float, factor: float) -> float:
    """Return reactive power in kvar at a power factor, which has the sign of the kvar."""
    if not 0 < abs(factor) <= 1:
        return math.nan
    return math.copysign(kw * math.tan(math.acos(abs(factor))), factor * kw if kw else factor)


_BEHIND = "source"
"""Bus behind the impedance of the source."""
_SHOWN = 5
_SNAP = 0.15
"""A bus takes the nearest voltage base if it lies within this share of it."""
_UNSUPPORTED = ("isource", "vccs", "indmach012")


def import_opendss(
    file: Path | str, *, choices: NetworkChoices | None = None, name: str | None = None
) -> tuple[Scenario, ImportReport]:
    """Import buses, lines and injections of a circuit that OpenDSS scripts define.

    Parameters
    ----------
    file : path
        The master ``.dss`` file; what it redirects to is read as well.
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
        With everything that is wrong with options and files, at once.
    """
    path, choices = Path(file), choices or NetworkChoices()
    issues = choices.issues()
    circuit = read_circuit(path, issues)
    if issues:
        raise ScenarioError(issues)
    reader = _CircuitReader(circuit, choices, issues)
    network = reader.network()
    reader.close()
    if issues:
        raise ScenarioError(issues)
    return as_scenario(network, name or path.stem, choices)


class _CircuitReader:
    """Turns elements into a draft of a network."""

    def __init__(self, circuit: Circuit, choices: NetworkChoices, issues: list[Issue]) -> None:
        self.circuit, self.choices, self.issues = circuit, choices, issues
        self.draft = NetworkDraft(", ".join(dict.fromkeys(circuit.files)))
        self.hertz = rpn(circuit.options.get("defaultbasefrequency", "60"))
        self.units: list[tuple[Line, bool]] = []
        self.banked: list[set[str]] = []
        self.charging: dict[str, float] = {}
        self.faults: dict[tuple[str, str, str], list[str]] = {}

    def fault(self, element: Element, problem: str, fix: str) -> None:
        """Record what is wrong with an element; similar faults in a file become one issue."""
        file, _, line = element.where.rpartition(":")
        named = f"{element.kind}.{element.name}, line {line}"
        self.faults.setdefault((file, problem, fix), []).append(named)

    def close(self) -> None:
        """Report the faults."""
        for (file, problem, fix), named in self.faults.items():
            self.issues.append(Issue(file, "", problem, fix, tuple(named[:_SHOWN]), len(named)))

    def network(self) -> NetworkDraft:
        sources = self.circuit.of("vsource")
        for kind in _UNSUPPORTED:
            for element in self.circuit.of(kind):
                self.fault(element, "elements of its class are not supported", "Remove or replace it")
        for element in sources[1:]:
            self.fault(element, "it is a second source", "Keep one: a radial network is fed at one bus")
        if not sources:
            fix = "Begin with `New Circuit.NAME basekv=... pu=...`"
            self.issues.append(Issue(self.circuit.file, "", "no circuit is defined", fix))
            return self.draft
        conducting = self._conducting()
        self._bases(sources[0], conducting)
        self._source(sources[0])
        self.banked = [set(self._buses_of(each)) for each in conducting if each.kind == "transformer"]
        for element in conducting:
            if element.kind == "transformer":
                self._transformer(element)
            else:
                self._line(element)
        self.draft.lines += averaged(self.units, self.draft)
        for bus, kvar in self.charging.items():
            self.draft.injections.append(Injected(f"charging {bus}", bus, "constant", 0.0, -kvar))
        add_injections(self.draft, self.circuit, self.choices, self.fault)
        tell(self.draft, self.circuit)
        return self.draft

    def _conducting(self) -> list[Element]:
        """Return lines, series reactors and transformers that are closed."""
        switched: dict[str, bool] = {}
        for control in self.circuit.of("swtcontrol"):
            state = control.text("state") or control.text("action") or control.text("normal", "closed")
            switched[control.text("switchedobj")] = state.startswith("o")
        every = self.circuit.of("line") + [each for each in self.circuit.of("reactor") if is_series(each)]
        every += self.circuit.of("transformer")
        opened = [each for each in every if switched.get(f"{each.kind}.{each.name}", each.opened)]
        self.draft.drop("open", (f"{each.kind}.{each.name}" for each in opened))
        self.draft.counts["switches_open"] = len(opened)
        # Buses at open ends are buses, although nothing feeds them there.
        for each in opened:
            for bus in self._buses_of(each):
                self.draft.buses.setdefault(bus, Bus(math.nan))
        return [each for each in every if each not in opened]

    def _buses_of(self, element: Element) -> tuple[str, str]:
        if element.kind == "transformer":
            one, other = (self._winding(element, k).get("bus", "") for k in (1, 2))
        else:
            one, other = (element.given.get(name, "") for name in ("bus1", "bus2"))
        return bus_of(one), bus_of(other)

    def _winding(self, transformer: Element, number: int) -> dict[str, str]:
        code = self.circuit.elements.get("xfmrcode", {}).get(transformer.text("xfmrcode"))
        inherited = code.windings.get(number, {}) if code else {}
        return inherited | transformer.windings.get(number, {})

    def _bases(self, source: Element, conducting: Iterable[Element]) -> None:
        """Find every bus's nominal voltage: from the source through transformers to the nearest base."""
        bases = [rpn(each) for each in values(self.circuit.options.get("voltagebases", ""))]
        beside: dict[str, list[tuple[str, float]]] = {}
        for element in conducting:
            one, other = self._buses_of(element)
            if not one or not other:
                self.fault(element, "one of its two buses is missing", "Give both")
                continue
            ratio = 1.0
            if element.kind == "transformer":
                high, low = (winding_kv(element, self._winding(element, k)) for k in (1, 2))
                if not (high > 0 and low > 0):
                    self.fault(element, "kv of a winding is no number above 0", "Give kv of both windings")
                    continue
                ratio = low / high
            beside.setdefault(one, []).append((other, ratio))
            beside.setdefault(other, []).append((one, 1.0 / ratio))
            for bus in (one, other):
                self.draft.buses.setdefault(bus, Bus(math.nan))
        start, kv = bus_of(source.given.get("bus1", "sourcebus")), source.number("basekv", 115.0)
        if not kv > 0:
            self.fault(source, "basekv is no number above 0", "Give it in kV, line to line")
            kv = 1.0
        self.draft.buses[start] = Bus(kv)
        left = [start]
        while left:
            bus = left.pop()
            for other, ratio in beside.get(bus, ()):
                if math.isnan(self.draft.buses[other].base_kv):
                    near = self.draft.buses[bus].base_kv * ratio
                    base = min(bases, key=lambda each: abs(each - near), default=near)
                    self.draft.buses[other] = Bus(base if abs(base / near - 1.0) < _SNAP else near)
                    left.append(other)
        self.draft.counts["buses"] = len(self.draft.buses)
        # Islands: any base does, they are left out.
        self.draft.buses = {b: v if v.base_kv > 0 else Bus(kv) for b, v in self.draft.buses.items()}

    def _source(self, source: Element) -> None:
        """Add the slack, behind the impedance of the source."""
        start, kv = bus_of(source.given.get("bus1", "sourcebus")), source.number("basekv", 115.0)
        impedance, pu = source_impedance(source), source.number("pu", 1.0)
        if not (0.5 < pu < 1.5 and impedance.real >= 0 and impedance.imag >= 0):
            self.fault(source, "pu or the impedance is no usable number", "Give pu near 1, and 0 ohm or more")
            impedance, pu = 0j, 1.0
        self.draft.slack, self.draft.slack_pu = start, pu
        if impedance:
            name = _BEHIND
            while name in self.draft.buses:
                name += "_"
            self.draft.slack = name
            self.draft.buses = {name: Bus(kv), **self.draft.buses}
            self.draft.lines.append(Line("vsource.source", name, start, impedance.real, impedance.imag))

    def _line(self, line: Element) -> None:
        one, other = self._buses_of(line)
        code = self.circuit.elements.get("linecode", {}).get(line.text("linecode"))
        if line.text("switch", "n")[:1] in ("y", "t"):
            self.draft.same.append((one, other))
            return
        if line.text("linecode") and code is None:
            self.fault(
                line, f"there is no linecode {line.text('linecode')!r}", "Define it, or redirect to its file"
            )
            return
        found = line_impedance(line, code, self.hertz) if line.kind == "line" else reactor_impedance(line)
        if found is None or not (found[0].real >= 0 and found[0].imag >= 0):
            fix = "Give a linecode, r1 and x1, or rmatrix and xmatrix; geometries of wires are not computed"
            self.fault(line, "its impedance is missing or no usable number", fix)
            return
        impedance, nf = found
        if impedance == 0:
            self.draft.same.append((one, other))
            return
        phases, kv = phases_of(line, code), self.draft.buses[one].base_kv
        if phases < 3 and {one, other} in self.banked:
            self.draft.drop("lines of one phase beside a transformer", [f"line.{line.name}"])
            return
        ampere = line.number("normamps", code.number("normamps") if code else math.nan)
        limit = (
            math.sqrt(3) * kv * ampere * phases / 3 * self.choices.rating_factor if ampere > 0 else math.inf
        )
        name = f"{line.kind}.{line.name}"
        self.draft.lines.append(Line(name, one, other, impedance.real, impedance.imag, limit))
        if kvar := math.tau * self.hertz * nf * 1e-9 * kv**2 * 1e3:
            for bus in (one, other):
                self.charging[bus] = self.charging.get(bus, 0.0) + kvar / 2

    def _transformer(self, transformer: Element) -> None:
        code = self.circuit.elements.get("xfmrcode", {}).get(transformer.text("xfmrcode"))
        given = (code.given if code else {}) | transformer.given
        merged = replace(transformer, given=given)
        windings = [self._winding(transformer, k) for k in (1, 2, 3)]
        several = {bus_of(each["bus"]) for each in windings[1:] if "bus" in each}
        if len(several) > 1:
            fix = "Replace it by two transformers of two windings"
            self.fault(transformer, "three windings at three buses are not supported", fix)
            return
        first, second = windings[:2]
        kva = rpn(first.get("kva", "1000"))
        percent = [rpn(each.get("%r", "0.2")) for each in (first, second)]
        r = merged.number("%loadloss") if "%loadloss" in given else sum(percent)
        x = merged.number("xhl", merged.number("x12", 7.0))
        taps = [rpn(each.get("tap", "1")) for each in (first, second)]
        if not (kva > 0 and r >= 0 and x >= 0 and min(taps) > 0):
            fix = "Give kva, taps and impedances as numbers, kva and taps above 0"
            self.fault(transformer, "kva, %r, xhl or a tap is no usable number", fix)
            return
        one, other = self._buses_of(transformer)
        kv = [winding_kv(merged, each) for each in (first, second)]
        base = [self.draft.buses[bus].base_kv for bus in (one, other)]
        # Leakage is told per unit of the turns in use.
        side = kv[1] * taps[1] if base[1] <= base[0] else kv[0] * taps[0]
        ohm = side**2 / (kva / 1e3) / 100
        ratio = kv[1] * taps[1] / (kv[0] * taps[0]) * base[0] / base[1]
        name = f"transformer.{transformer.name}"
        limit = kva * self.choices.rating_factor
        unit = Line(name, one, other, r * ohm, x * ohm, limit, ratio)
        self.units.append((unit, merged.number("phases", 3.0) < 3))
        iron, current = (merged.number(each, 0.0) / 100 * kva for each in ("%noloadloss", "%imag"))
        if iron > 0 or current > 0:
            self.draft.injections.append(Injected(f"iron {name}", other, "constant", iron, current))
