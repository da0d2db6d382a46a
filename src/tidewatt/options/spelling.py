"""What a misspelt name was probably meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["did_you_mean", "nearest"]

_ALIKE = 0.6
"""Lowest share of common letters at which a word counts as a misspelling of another."""


def nearest(name: str, known: Iterable[str], alike: float = 0.5) -> str | None:
    """Return the known name most similar to `name`, or None if none shares enough letters."""
    lowered = {str(other).lower(): other for other in known}
    found = difflib.get_close_matches(name.strip().lower(), list(lowered), n=1, cutoff=alike)
    return lowered[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the hint that names the nearest known name, or lists them all."""
    names = [str(other) for other in known]
    best = nearest(name, names, _ALIKE)
    return f"did you mean {best!r}?" if best else f"known names are {', '.join(names)}"
