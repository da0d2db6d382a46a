"""What OpenStreetMap's tags say of a road, and what is assumed where they say nothing.

Speeds, lanes and capacities by kind of road are round figures for networks in and around cities; none is
taken from a manual. A road's own ``maxspeed`` and ``lanes`` come first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["KINDS", "Kind", "Road", "road_of"]


class Kind(NamedTuple):
    """Figures for a kind of road: class, free speed, lanes of a direction, vehicles per hour and lane."""

    road_class: str
    speed_kmh: float
    lanes: float
    lane_veh_h: float


KINDS: Mapping[str, Kind] = {
    "motorway": Kind("expressway", 110.0, 2.0, 2000.0),
    "motorway_link": Kind("expressway", 60.0, 1.0, 1500.0),
    "trunk": Kind("expressway", 80.0, 2.0, 1800.0),
    "trunk_link": Kind("expressway", 50.0, 1.0, 1400.0),
    "primary": Kind("arterial", 60.0, 2.0, 1000.0),
    "primary_link": Kind("arterial", 45.0, 1.0, 900.0),
    "secondary": Kind("arterial", 50.0, 1.0, 900.0),
    "secondary_link": Kind("arterial", 40.0, 1.0, 800.0),
    "tertiary": Kind("branch", 45.0, 1.0, 700.0),
    "tertiary_link": Kind("branch", 35.0, 1.0, 600.0),
    "unclassified": Kind("branch", 40.0, 1.0, 600.0),
    "residential": Kind("branch", 30.0, 1.0, 500.0),
    "living_street": Kind("branch", 10.0, 1.0, 300.0),
}
"""Values of ``highway`` that become links; service roads, tracks and paths do not."""

_CLOSED = ("no", "private", "agricultural", "forestry", "delivery")
_SPEED = re.compile(r"(\d+(?:\.\d+)?)\s*(mph|km/h|kmh|kph)?")
_KM_PER_MILE = 1.609344


class Road(NamedTuple):
    """A road as its tags describe it.

    Attributes
    ----------
    road_class : str
    speed_kmh : float
    forward, backward : bool
        Directions that may be driven, along the way and against it.
    lanes_forward, lanes_backward : float
    lane_veh_h : float
    assumed : tuple of str
        What the tags do not say.
    """

    road_class: str
    speed_kmh: float
    forward: bool
    backward: bool
    lanes_forward: float
    lanes_backward: float
    lane_veh_h: float
    assumed: tuple[str, ...]


def road_of(tags: Mapping[str, str]) -> Road | None:
    """The road that tags describe; None where motor traffic has none."""
    kind = KINDS.get(tags.get("highway", ""))
    if kind is None or tags.get("area") == "yes":
        return None
    # The most special key decides.
    access = next((tags[k] for k in ("motorcar", "motor_vehicle", "vehicle", "access") if k in tags), "yes")
    if access in _CLOSED:
        return None
    forward, backward = _directions(tags)
    assumed = []
    speed = _speed(tags.get("maxspeed", ""))
    if speed is None:
        speed = kind.speed_kmh
        assumed.append("free speed")
    ahead, back = _lanes(tags, kind, forward and backward)
    if ahead is None or back is None:
        ahead = back = kind.lanes
        assumed.append("lanes")
    return Road(kind.road_class, speed, forward, backward, ahead, back, kind.lane_veh_h, tuple(assumed))


def _directions(tags: Mapping[str, str]) -> tuple[bool, bool]:
    word = tags.get("oneway", "")
    if word in ("yes", "true", "1"):
        return True, False
    if word in ("-1", "reverse"):
        return False, True
    implied = tags["highway"] in ("motorway", "motorway_link") or tags.get("junction") in (
        "roundabout",
        "circular",
    )
    return True, not (implied and word not in ("no", "false", "0"))


def _speed(text: str) -> float | None:
    """Speed limit in km/h; None where it is no number, as in ``none`` or ``DE:urban``."""
    found = _SPEED.fullmatch(text.split(";")[0].strip().lower())
    if found is None:
        return None
    speed = float(found[1]) * (_KM_PER_MILE if found[2] == "mph" else 1.0)
    return speed if speed > 0 else None


def _lanes(tags: Mapping[str, str], kind: Kind, both: bool) -> tuple[float | None, float | None]:
    """Lanes along and against the way; those of both directions are halved."""
    total = _count(tags.get("lanes", ""))
    ahead, back = _count(tags.get("lanes:forward", "")), _count(tags.get("lanes:backward", ""))
    if not both:
        one = ahead or back or total
        return one, one
    half = None if total is None else max(total / 2.0, 1.0)
    return ahead or half, back or half


def _count(text: str) -> float | None:
    word = text.split(";")[0].strip()
    return float(word) if word.isdigit() and word != "0" else None
