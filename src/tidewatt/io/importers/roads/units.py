"""Units that road networks come in, as users write them: ``mi``, ``0.01h``, ``degrees``."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from tidewatt.errors import Issue, ScenarioError

__all__ = ["COORDINATES", "LENGTHS_KM", "SPEEDS_KMH", "TIMES_MIN", "coordinate_unit", "unit"]

LENGTHS_KM: Mapping[str, float] = {
    **dict.fromkeys(("km", "kilometer", "kilometers", "kilometre", "kilometres"), 1.0),
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), 0.001),
    **dict.fromkeys(("mi", "mile", "miles"), 1.609344),
    **dict.fromkeys(("ft", "foot", "feet"), 0.0003048),
}
TIMES_MIN: Mapping[str, float] = {
    **dict.fromkeys(("min", "minute", "minutes"), 1.0),
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1.0 / 60.0),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 60.0),
}
SPEEDS_KMH: Mapping[str, float] = {
    **dict.fromkeys(("km/h", "kmh", "kph", "kmph"), 1.0),
    **dict.fromkeys(("mph", "mi/h"), 1.609344),
    "m/s": 3.6,
    "ft/s": 1.09728,
    "ft/min": 0.018288,
}
COORDINATES = "degrees, km, m, mi, ft, a multiple such as 0.01mi, or a code such as EPSG:32618"

_WRITTEN = re.compile(r"\s*([0-9.]+(?:[eE][+-]?[0-9]+)?)?\s*\*?\s*([A-Za-z/]+)\s*")


def unit(text: str, known: Mapping[str, float], option: str) -> float:
    """Return the value of a unit such as ``mi`` or ``0.01h``.

    Raises
    ------
    ScenarioError
        For words that are no such unit.
    """
    found = _parse(text, known)
    if found is None:
        shortest: dict[float, str] = {}
        for word, value in known.items():
            shortest.setdefault(value, word)
        words = ", ".join(shortest.values())
        fix = f"Give one of {words}, or a multiple of one, such as 0.01{next(iter(known))}"
        raise ScenarioError([Issue(option, "", f"{text!r} is no unit", fix)])
    return found


def coordinate_unit(text: str, option: str) -> tuple[str, float]:
    """Return the reference system of coordinates, and the factor that converts them to it.

    Raises
    ------
    ScenarioError
        For words that are neither.
    """
    word = text.strip()
    if word.lower() in ("degrees", "degree", "deg", "lonlat", "wgs84"):
        return "EPSG:4326", 1.0
    if re.fullmatch(r"[A-Za-z]+:\w+", word):
        return word.upper(), 1.0
    found = _parse(word, LENGTHS_KM)
    if found is None:
        raise ScenarioError([Issue(option, "", f"{text!r} is no unit of coordinates", f"Give {COORDINATES}")])
    return "km", found


def _parse(text: str, known: Mapping[str, float]) -> float | None:
    written = _WRITTEN.fullmatch(text)
    if written is None or written[2].lower() not in known:
        return None
    try:
        factor = float(written[1]) if written[1] else 1.0
    except ValueError:
        return None
    value = factor * known[written[2].lower()]
    return value if 0.0 < value < math.inf else None
