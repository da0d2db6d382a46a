"""Checks that the parameters of every study share."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Mapping
from dataclasses import fields
from numbers import Integral, Real
from typing import Any

from tidewatt.errors import Issue

__all__ = ["asked_values", "instead", "is_number"]


def asked_values(
    study: str,
    parameters: type,
    given: Mapping[str, Any],
    overrides: Mapping[str, Any],
    problem: Callable[[str, Any, Any], str],
) -> tuple[dict[str, Any], list[Issue]]:
    """What was asked for, and what is wrong with it one by one.

    Parameters
    ----------
    study : str
        Name of the study, for the issues.
    parameters : type
        Dataclass of its parameters, each with a default.
    given, overrides : mapping
        Of the scenario, and of the call: where these are not None, they win.
    problem : callable
        From a name, its value and its default to what to give instead, empty where the value is good.

    Returns
    -------
    values : dict
    issues : list of Issue
        Unknown names first, then wrong values, in the order of the parameters.
    """
    values = {**given, **{key: value for key, value in overrides.items() if value is not None}}
    known = {field.name: field.default for field in fields(parameters)}
    fix = f"Use one of {', '.join(known)}"
    issues = [Issue(study, key, f"unknown parameter {key!r}", fix) for key in values if key not in known]
    for key, default in known.items():
        if key in values and (better := problem(key, values[key], default)):
            issues.append(Issue(study, key, f"found {values[key]!r}", better))
    return values, issues


def instead(
    key: str,
    value: Any,
    default: Any,
    words: Mapping[str, tuple[str, ...]],
    limits: Mapping[str, tuple[float, float]],
    may_be_infinite: Container[str],
) -> str:
    """What to give instead of a word, a flag or a number; empty where the value is good.

    Parameters
    ----------
    key : str
        Name of the parameter.
    value, default : object
        What was given; the default, whose type says whether a flag or a whole number is meant.
    words, limits : mapping
        Words, and least and most numbers, by parameter.
    may_be_infinite : container of str
        Parameters for which an infinite number says that there is no limit.
    """
    if key in words:
        return "" if value in words[key] else f"Use one of {', '.join(words[key])}"
    if isinstance(default, bool):
        return "" if isinstance(value, bool) else "Use true or false"
    low, high = limits[key]
    whole = isinstance(default, int)
    good = is_number(value) and (not whole or isinstance(value, Integral)) and low <= value <= high
    good = good and (math.isfinite(value) or key in may_be_infinite)
    kind = "a whole number" if whole else "a number"
    if math.isinf(low):
        return "" if good else f"Give {kind}"
    last = "" if key in may_be_infinite else ", not infinite"
    allowed = f"from {low:g} to {high:g}" if math.isfinite(high) else f"of {low:g} or more{last}"
    return "" if good else f"Give {kind} {allowed}"


def is_number(value: Any) -> bool:
    """Whether it is a number that is not nan; true and false are none."""
    return isinstance(value, Real) and not isinstance(value, bool) and not math.isnan(value)
