"""Loads, plants, capacitors and shunt reactors of an OpenDSS circuit, phases added up."""

from __future__ import annotations

import math
from collections.abc import Callable

from tidewatt.io.importers.network_choices import NetworkChoices
from tidewatt.io.importers.network_draft import Injected, Network
from tidewatt.io.importers.opendss_numbers import rpn, values
from tidewatt.io.importers.opendss_text import Circuit, Element

__all__ = ["add_injections", "bus_of", "is_series"]

Fault = Callable[[Element, str, str], None]


def bus_of(text: str) -> str:
    """Name of a bus without the nodes behind its points."""
    return text.strip().lower().partition(".")[0]


def is_series(element: Element) -> bool:
    """Whether a capacitor or reactor stands between two buses."""
    other = bus_of(element.given.get("bus2", ""))
    return bool(other) and other != bus_of(element.given.get("bus1", ""))


def add_injections(network: Network, circuit: Circuit, choices: NetworkChoices, fault: Fault) -> None:
    """Add what consumes and produces, in kW and kvar of all phases together."""
    multiplier = rpn(circuit.options.get("loadmult", "1"))
    others = 0
    for load in circuit.of("load"):
        kw, kvar = (multiplier * value for value in _demand(load))
        others += load.number("model", 1.0) != 1
        _add(network, load, kw, kvar, choices.plants, fault)
    if others:
        network.assumptions.append(
            f"{others:,} loads that depend on voltage (models other than 1) draw what they draw at 1 per unit"
        )
    for plant in circuit.of("generator"):
        kw, kvar = _generation(plant, plant.number("kw", 1000.0))
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


def _add(network: Network, element: Element, kw: float, kvar: float, plant: str, fault: Fault) -> None:
    if not (math.isfinite(kw) and math.isfinite(kvar)):
        fault(element, "its power cannot be told", "Give kw with kvar or pf, as numbers")
    elif (bus := _known_bus(network, element, fault)) is not None:
        network.power(f"{element.kind}.{element.name}", bus, kw, kvar, plant)


def _constant(network: Network, element: Element, kw: float, kvar: float, fault: Fault) -> None:
    if not math.isfinite(kvar):
        fault(element, "its kvar cannot be told", "Give kvar as numbers")
    elif (bus := _known_bus(network, element, fault)) is not None and kvar:
        network.injections.append(Injected(f"{element.kind}.{element.name}", bus, "constant", kw, kvar))


def _known_bus(network: Network, element: Element, fault: Fault) -> str | None:
    bus = bus_of(element.given.get("bus1", ""))
    if bus in network.buses:
        return bus
    fault(element, f"no line or transformer ends at its bus {bus!r}", "Correct bus1")
    return None


def _demand(load: Element) -> tuple[float, float]:
    """Power of a load in kW and kvar, by whichever figures it gives; what was given later counts."""
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
    """Reactive power in kvar at a power factor, whose sign is that of the kvar."""
    if not 0 < abs(factor) <= 1:
        return math.nan
    return math.copysign(kw * math.tan(math.acos(abs(factor))), factor * kw if kw else factor)
