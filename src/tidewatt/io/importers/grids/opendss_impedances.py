"""Positive-sequence impedances from OpenDSS lines and transformers.

An element of fewer than three phases carries the whole load behind it on those: the same drop per unit and
the same losses in a balanced network take 3 / phases times its impedance.
"""

from __future__ import annotations

import cmath
import math

from tidewatt.io.importers.grids.opendss_text import Element, rpn, values

__all__ = ["line_impedance", "phases_of", "reactor_impedance", "source_impedance", "winding_kv"]

_METRES = {
    **{"mi": 1609.344, "kft": 304.8, "km": 1000.0, "m": 1.0, "ft": 0.3048, "in": 0.0254, "cm": 0.01},
    **{"mm": 0.001},
}
_OWN = ("r1", "x1", "rmatrix", "xmatrix")


def phases_of(line: Element, code: Element | None) -> int:
    """Return the phases of a line: its own, else its code's, else 3."""
    given = line.number("phases")
    if math.isnan(given) and code is not None:
        given = code.number("nphases")
    return 3 if math.isnan(given) else max(min(int(given), 3), 1)


def line_impedance(line: Element, code: Element | None, hertz: float) -> tuple[complex, float] | None:
    """Return series impedance [ohm] and capacitance [nF] of a balanced line; None if none are given.

    Parameters
    ----------
    line : Element
    code : Element, optional
        Its line code.
    hertz : float
        Frequency of the circuit.
    """
    names = list(line.given)
    own = [name for name in _OWN if name in line.given]
    # What was set last counts: the code, or the line's own figures.
    from_line = bool(own) and (code is None or max(map(names.index, own)) > names.index("linecode"))
    source = line if from_line else code
    if source is None:
        return None
    phases = phases_of(line, code)
    length = line.number("length", 1.0) * _per(line, source)
    impedance = _series(source, phases, hertz)
    if impedance is None or not math.isfinite(length) or length < 0:
        return None
    nf = _capacitance(source)
    return impedance * length * 3 / phases, nf * length * phases / 3


def _per(line: Element, source: Element) -> float:
    """Return how many impedance length units make one of the line's length units."""
    if source is line:
        return 1.0
    own, per = _METRES.get(line.text("units")), _METRES.get(source.text("units"))
    return own / per if own and per else 1.0


def _series(source: Element, phases: int, hertz: float) -> complex | None:
    """Return impedance per unit length of one phase in balanced operation, among `phases` of them."""
    scale = hertz / source.number("basefreq", hertz)
    if "rmatrix" in source.given or "xmatrix" in source.given:
        parts = [_matrix(source.given.get(name, "0"), phases) for name in ("rmatrix", "xmatrix")]
        if any(part is None for part in parts):
            return None
        (r_own, r_other), (x_own, x_other) = (part or (0.0, 0.0) for part in parts)
        return complex(r_own - r_other, (x_own - x_other) * scale)
    r, x = source.number("r1"), source.number("x1", 0.0)
    if math.isnan(r) or math.isnan(x):
        return None
    if phases == 1:
        # One phase alone: (2 z1 + z0) / 3.
        r, x = ((2 * one + source.number(zero, one)) / 3 for one, zero in ((r, "r0"), (x, "x0")))
    return complex(r, x * scale)


def _matrix(text: str, phases: int) -> tuple[float, float] | None:
    """Return means of diagonal and off-diagonal entries, of a whole matrix or its lower half."""
    rows = [[rpn(each) for each in values(row)] for row in text.split("|")]
    if len(rows) < phases or any(len(row) < k + 1 for k, row in enumerate(rows)):
        return None
    rows = rows[:phases]
    own = [row[k] for k, row in enumerate(rows)]
    other = [row[j] for k, row in enumerate(rows) for j in range(k)]
    means = sum(own) / len(own), sum(other) / len(other) if other else 0.0
    return None if any(map(math.isnan, means)) else means


def _capacitance(source: Element) -> float:
    """Return capacitance in nF per unit length; 0 if none is given."""
    if "cmatrix" in source.given:
        size = len(source.given["cmatrix"].split("|"))
        own, other = _matrix(source.given["cmatrix"], size) or (0.0, 0.0)
        return own - other
    return source.number("c1", 0.0)


def reactor_impedance(reactor: Element) -> tuple[complex, float] | None:
    """Return the impedance of a series reactor [ohm], and no capacitance."""
    phases = max(min(reactor.number("phases", 3.0), 3.0), 1.0)
    r, x = reactor.number("r", 0.0), reactor.number("x")
    if "z1" in reactor.given or "z" in reactor.given:
        parts = [rpn(each) for each in values(reactor.given.get("z1") or reactor.given["z"])]
        r, x = parts if len(parts) == 2 else (math.nan, math.nan)
    if math.isnan(r) or math.isnan(x):
        return None
    return complex(r, x) * 3 / phases, 0.0


def winding_kv(transformer: Element, winding: dict[str, str]) -> float:
    """Return a winding's line-to-line voltage [kV]; a line-to-neutral one is multiplied by sqrt(3)."""
    kv = rpn(winding.get("kv", "12.47"))
    alone = transformer.number("phases", 3.0) == 1
    delta = winding.get("conn", "wye").strip().lower()[:1] in ("d", "l")
    return kv * math.sqrt(3) if alone and not delta else kv


def source_impedance(source: Element) -> complex:
    """Return the positive-sequence impedance behind the source [ohm]."""
    kv = source.number("basekv", 115.0)
    names = list(source.given)
    chosen = [name for name in ("mvasc3", "isc3", "r1", "x1", "z1", "puz1") if name in source.given]
    last = max(chosen, key=names.index, default="mvasc3")
    if last in ("r1", "x1"):
        return complex(source.number("r1", 1.65), source.number("x1", 6.6))
    if last in ("z1", "puz1"):
        parts = [rpn(each) for each in values(source.given[last])]
        ohm = kv**2 / source.number("basemva", 100.0) if last == "puz1" else 1.0
        return complex(*parts[:2]) * ohm if len(parts) > 1 else complex(math.nan)
    mva = source.number("mvasc3", 2000.0)
    if last == "isc3":
        mva = math.sqrt(3) * kv * source.number("isc3") / 1e3
    ratio = source.number("x1r1", 4.0)
    return cmath.rect(kv**2 / mva, math.atan(ratio))
