"""What the balanced equivalent of an OpenDSS circuit makes one, and what it leaves out."""

from __future__ import annotations

from dataclasses import replace

from tidewatt.io.importers.network_draft import Line, Network
from tidewatt.io.importers.opendss_impedances import phases_of
from tidewatt.io.importers.opendss_text import Circuit

__all__ = ["averaged", "tell"]

_MEANS = ("r_ohm", "x_ohm", "ratio")
_UNEVEN = 1e-9
"""Ratios that differ by less are the same."""


def averaged(units: list[tuple[Line, bool]], draft: Network) -> list[Line]:
    """Transformers; single-phase units between the same buses carry like shares, at their means."""
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


def tell(draft: Network, circuit: Circuit) -> None:
    """Count what the file holds, and say what the balanced equivalent leaves out."""
    elements = {kind: len(circuit.of(kind)) for kind in ("line", "transformer", "load", "capacitor")}
    draft.counts |= {f"{kind}s_in_the_file": number for kind, number in elements.items()}
    codes = circuit.elements.get("linecode", {})
    fewer = [x for x in circuit.of("line") if phases_of(x, codes.get(x.text("linecode"))) < 3]
    draft.assumptions.append(
        "the balanced equivalent: loads of all phases are added up, mutual impedances averaged; voltages "
        "are means over phases, unbalance is not seen"
    )
    if fewer:
        draft.assumptions.append(
            f"{len(fewer):,} lines of one or two phases have 3 / phases times their impedance, so that "
            "drops and losses are those of all the load on them"
        )
    if controls := circuit.of("regcontrol"):
        draft.assumptions.append(
            f"{len(controls):,} controls of regulators do not act: taps stay as the file gives them, "
            "neutral where it gives none"
        )
    if shapes := sum("daily" in each.given or "yearly" in each.given for each in circuit.of("load")):
        draft.assumptions.append(f"load shapes of {shapes:,} loads are not read (--load-shape)")
    if circuit.of("capcontrol"):
        draft.assumptions.append("controls of capacitors do not act: all are on as the file gives them")
