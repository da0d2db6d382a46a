"""Limits of plans: what is allowed, plans made to fit, and why none fits."""

from tidewatt.configuration.bounds import (
    Limits,
    allowed,
    capital,
    limits_of,
    smallest_headroom_kw,
    station_cost_holds,
)
from tidewatt.configuration.clashes import clash, problems
from tidewatt.configuration.repairs import repair

__all__ = [
    "Limits",
    "allowed",
    "capital",
    "clash",
    "limits_of",
    "problems",
    "repair",
    "smallest_headroom_kw",
    "station_cost_holds",
]
