"""Trips and coordinates in TNTP form, and points in GeoJSON."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.errors import Issue
from tidewatt.io.importers.tntp_text import SPLIT, Faults, figures, head_count, head_of, lines_of

__all__ = ["Points", "Trips", "read_points", "read_trips"]

_PAIR = re.compile(r"([^\s:;]+)\s*:\s*([^\s:;]+)")


@dataclass(frozen=True, slots=True)
class Trips:
    """Trips between zones; all of shape (pairs,) where nothing else is said.

    Attributes
    ----------
    zones : int
        As the head says; 0 where it does not.
    total : float
        All trips as the head says; nan where it does not.
    origin, destination : array of int64
        Numbers of zones.
    trips : array
    """

    zones: int
    total: float
    origin: Array
    destination: Array
    trips: Array


@dataclass(frozen=True, slots=True)
class Points:
    """Coordinates of nodes: numbers, x and y, each of shape (points,); whether they are degrees for sure."""

    node: Array
    x: Array
    y: Array
    degrees: bool


def read_trips(path: Path, issues: list[Issue]) -> Trips | None:
    """A trips file; problems go to `issues`, None where nothing could be made of it."""
    lines = lines_of(path, issues)
    if not lines:
        return None
    head = head_of(lines)
    zones = head_count(head, "NUMBER OF ZONES", path, issues)
    faults = Faults(path, issues)
    origin = 0
    rows: list[tuple[int, int, float]] = []
    for number, line in enumerate(lines, 1):
        text = line.split("~")[0].strip()
        if not text or text.startswith("<"):
            continue
        if text[:6].lower() == "origin":
            figure = text[6:].strip(" :;\t")
            origin = int(figure) if figure.isdigit() else 0
            if not origin:
                faults.add(number, "", f"{text[:40]!r} names no zone", "Write Origin and the zone's number")
            continue
        pairs = _PAIR.findall(text)
        rest = _PAIR.sub("", text).replace(";", "").strip()
        if rest or not pairs:
            fix = "Write pairs of zone : trips; fetch the file again if it was cut off"
            faults.add(number, "", f"no pairs of zone and trips: {text[:60]!r}", fix)
        for zone, trips in pairs:
            parsed = figures([zone, trips])
            if parsed is None or not parsed[0].is_integer():
                fix = "Write pairs of zone : trips with decimal points"
                faults.add(number, "", f"no number: {zone} : {trips}", fix)
            elif not origin:
                faults.add(
                    number, "", "trips before the first Origin line", "Put Origin and a zone before them"
                )
            else:
                rows.append((origin, int(parsed[0]), parsed[1]))
    faults.close()
    if not rows:
        if not faults.found:
            issues.append(Issue(path.name, "", "the file holds no trips", "Fetch it again, or remove it"))
        return None
    table = np.array(rows, float)
    total = figures([head.get("TOTAL OD FLOW", "nan").rstrip(";").split("~")[0].strip().replace(",", "")])
    return Trips(
        zones,
        total[0] if total else math.nan,
        table[:, 0].astype(np.int64),
        table[:, 1].astype(np.int64),
        table[:, 2],
    )


def read_points(path: Path, issues: list[Issue]) -> Points | None:
    """Coordinates from a node file or from points in GeoJSON; None where there are none."""
    if path.suffix.lower() in (".geojson", ".json"):
        return _geojson(path, issues)
    faults = Faults(path, issues)
    rows: list[list[float]] = []
    for number, line in enumerate(lines_of(path, issues), 1):
        text = line.split("~")[0].strip()
        if not text or text.startswith("<") or (not rows and text[0].isalpha()):
            continue
        cells = [cell for cell in SPLIT.split(text) if cell]
        row = figures(cells[:3])
        if row is None or len(row) < 3 or not row[0].is_integer():
            fix = "Give a node's number, x and y in a line; fetch the file again if it was cut off"
            faults.add(number, "", f"no node with coordinates: {text[:60]!r}", fix)
        else:
            rows.append(row)
    faults.close()
    if not rows:
        return None
    table = np.array(rows)
    return Points(table[:, 0].astype(np.int64), table[:, 1], table[:, 2], False)


def _geojson(path: Path, issues: list[Issue]) -> Points | None:
    """Points with a property ``id`` or ``node``; None where the file has no points, but links say."""
    try:
        content = json.loads(path.read_text("utf-8-sig"))
        features = [f for f in content["features"] if (f.get("geometry") or {}).get("type") == "Point"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"{type(error).__name__}: {error}"[:100]
        problem = f"the file is no GeoJSON ({what})"
        issues.append(Issue(path.name, "", problem, "Fetch it again, or remove it"))
        return None
    rows = []
    for number, feature in enumerate(features, 1):
        properties = {str(k).lower(): v for k, v in (feature.get("properties") or {}).items()}
        name = next((properties[k] for k in ("id", "node", "node_id") if k in properties), None)
        place = feature["geometry"].get("coordinates") or ()
        row = figures([str(name), *map(str, place[:2])])
        if row is None or len(row) < 3:
            fix = "Give each point a property id with the node's number"
            issues.append(Issue(path.name, "", f"point {number} has no id or no coordinates", fix))
            return None
        rows.append(row)
    if not rows:
        return None
    named = str(content.get("crs", "")).upper()
    table = np.array(rows)
    degrees = "crs" not in content or content["crs"] is None or "CRS84" in named or "4326" in named
    return Points(table[:, 0].astype(np.int64), table[:, 1], table[:, 2], degrees)
