"""Read network, trip and coordinate files in TNTP form, and points in GeoJSON."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.errors import Issue

__all__ = [
    "SPLIT",
    "Faults",
    "Net",
    "Points",
    "TntpTrips",
    "figures",
    "head_count",
    "head_of",
    "lines_of",
    "read_net",
    "read_points",
    "read_trips",
]

_SHOWN = 5
SPLIT = re.compile(r"[\s,;]+")
"""What stands between the cells of a row."""


class Faults:
    """Faults of one kind, gathered line by line into one issue."""

    def __init__(self, path: Path, issues: list[Issue]) -> None:
        self.path, self.issues = path, issues
        self.found: dict[tuple[str, str], list[tuple[int, str]]] = {}

    def add(self, line: int, field: str, problem: str, fix: str) -> None:
        """Record a fault in a line; those with the same remedy become one issue."""
        self.found.setdefault((field, fix), []).append((line, problem))

    def close(self) -> None:
        """Report what was found."""
        for (field, fix), lines in self.found.items():
            shown = tuple(f"line {line}" for line, _ in lines[:_SHOWN])
            self.issues.append(Issue(self.path.name, field, lines[0][1], fix, shown, len(lines)))


def lines_of(path: Path, issues: list[Issue]) -> list[str]:
    """Return the lines of a text file; none if it is not text."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        problem = f"the file cannot be read ({error.strerror})"
        issues.append(Issue(path.name, "", problem, "Check its name and permissions"))
        return []
    if not raw.strip():
        issues.append(Issue(path.name, "", "the file is empty", "Fetch it again"))
        return []
    if b"\0" in raw:
        problem = "the file holds NUL bytes, so it is not text"
        issues.append(Issue(path.name, "", problem, "Fetch it again, or save it as UTF-8"))
        return []
    # Names may be in any encoding; the figures are ASCII.
    return raw.decode("utf-8-sig", "replace").splitlines()


def head_of(lines: list[str]) -> dict[str, str]:
    """Return the metadata in angle brackets, keyed by the words in capitals."""
    head = {}
    for line in lines:
        found = re.match(r"\s*<([^>]*)>(.*)", line)
        if found:
            head[" ".join(found[1].upper().split())] = found[2].strip()
    return head


def head_count(head: dict[str, str], word: str, path: Path, issues: list[Issue], fix: str = "") -> int:
    """Return an integer from the header; 0 if it is missing, which is an issue if there is a `fix`."""
    text = head.get(word)
    if text is None:
        if fix:
            issues.append(Issue(path.name, f"<{word}>", "the line is missing", fix))
        return 0
    figure = text.split("~")[0].strip().rstrip(";").replace(",", "").strip()
    try:
        value = float(figure)
        if value < 1 or value != int(value):
            raise ValueError
    except (ValueError, OverflowError):
        problem = f"found {text[:40]!r}, not a whole number above 0"
        issues.append(Issue(path.name, f"<{word}>", problem, "Correct the line"))
        return 0
    return int(value)


def figures(cells: list[str]) -> list[float] | None:
    """Return cells as finite numbers; None if any is not."""
    try:
        row = [float(cell) for cell in cells]
    except ValueError:
        return None
    return row if all(map(math.isfinite, row)) else None


_COLUMNS = (
    *("init_node", "term_node", "capacity", "length", "free_flow_time"),
    *("b", "power", "speed", "toll", "link_type"),
)
_NEEDED = 7  # speed, toll and type may be absent
_UNIT = re.compile(r"([A-Za-z][A-Za-z _]*?)\s*\(([^)]*)\)")


@dataclass(frozen=True, slots=True)
class Net:
    """Rows of a network file, and what its header says.

    Attributes
    ----------
    zones, nodes, links, first_through : int
        As the head says; 0 where it does not.
    columns : mapping of str to array, each of shape (links,)
    units : mapping of str to str
        Units that the original header gives in brackets, by the column's words in lower case.
    """

    zones: int
    nodes: int
    links: int
    first_through: int
    columns: dict[str, Array]
    units: dict[str, str]


def read_net(path: Path, issues: list[Issue]) -> Net | None:
    """Read a network file; problems go to `issues`; return None if nothing could be used."""
    lines = lines_of(path, issues)
    if not lines:
        return None
    head = head_of(lines)
    fix = "Add it before <END OF METADATA>: the zones are nodes 1 to this number"
    zones = head_count(head, "NUMBER OF ZONES", path, issues, fix)
    fix = "Add it: traffic does not pass through nodes with lower numbers; use 1 if it may pass all"
    first_through = head_count(head, "FIRST THRU NODE", path, issues, fix)
    nodes = head_count(head, "NUMBER OF NODES", path, issues)
    links = head_count(head, "NUMBER OF LINKS", path, issues)
    columns = _net_rows(path, lines, issues)
    rows = len(columns["capacity"])
    if links and rows != links and rows:
        problem = f"the file has {rows:,} links, but <NUMBER OF LINKS> says {links:,}"
        fix = "Fetch the file again if it was cut off, or correct the line"
        issues.append(Issue(path.name, "<NUMBER OF LINKS>", problem, fix))
    if not rows:
        fix = (
            "Give rows of init_node, term_node, capacity, length, free_flow_time, b, power, speed, toll, type"
        )
        issues.append(Issue(path.name, "", "the file holds no links", fix))
        return None
    if nodes:
        for name in ("init_node", "term_node"):
            bad = np.flatnonzero((columns[name] < 1) | (columns[name] > nodes))
            if len(bad):
                problem = f"found node {columns[name][bad[0]]}, but <NUMBER OF NODES> says 1 to {nodes:,}"
                fix = "Correct the node or the line"
                shown = tuple(f"link {row + 1}" for row in bad[:_SHOWN])
                issues.append(Issue(path.name, name, problem, fix, shown, len(bad)))
        if zones > nodes:
            problem = f"the file has {zones:,} zones, but {nodes:,} nodes"
            issues.append(Issue(path.name, "<NUMBER OF ZONES>", problem, "Correct one of the two lines"))
    header = head.get("ORIGINAL HEADER", "")
    units = {" ".join(name.lower().split()): what.strip().lower() for name, what in _UNIT.findall(header)}
    return Net(zones, nodes, links, first_through, columns, units)


def _net_rows(path: Path, lines: list[str], issues: list[Issue]) -> dict[str, Array]:
    faults = Faults(path, issues)
    order, width = list(_COLUMNS), len(_COLUMNS)
    rows: list[list[float]] = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("<"):
            continue
        if text.startswith("~") or (not rows and text[0].isalpha()):
            order = _header(text) or order
            width = max(len(order), len(_COLUMNS))
            continue
        cells = [cell for cell in SPLIT.split(text.split("~")[0]) if cell]
        if not cells:
            continue
        if len(cells) < min(_NEEDED, len(order)) or len(cells) > width:
            problem = f"the line has {len(cells)} figures, not {len(order)}: {text[:60]!r}"
            fix = "Give each link a line of its own; fetch the file again if it was cut off"
            faults.add(number, "", problem, fix)
            continue
        row = figures(cells)
        if row is None:
            problem = f"no row of numbers: {text[:60]!r}"
            faults.add(number, "", problem, "Give numbers with decimal points; comments begin with ~")
            continue
        if any(not v.is_integer() for v in row[:2]):
            faults.add(number, "init_node", f"node {row[0]:g} to {row[1]:g}", "Give whole numbers of nodes")
            continue
        rows.append(row + [0.0] * (width - len(row)))
    faults.close()
    table = np.array(rows, float) if rows else np.zeros((0, width))
    table = np.column_stack([table, np.zeros(len(rows))])  # what columns that are absent read
    place = {name: order.index(name) if name in order else width for name in _COLUMNS}
    columns = {name: table[:, at] for name, at in place.items()}
    return columns | {name: columns[name].astype(np.int64) for name in ("init_node", "term_node")}


def _header(text: str) -> list[str] | None:
    """Return the column order if the header names every needed column in TNTP's words."""
    words = [word.lower() for word in SPLIT.split(text.lstrip("~ \t")) if word]
    return words if set(_COLUMNS[:_NEEDED]) <= set(words) else None


_PAIR = re.compile(r"([^\s:;]+)\s*:\s*([^\s:;]+)")


@dataclass(frozen=True, slots=True)
class TntpTrips:
    """Trips between zones; all of shape (pairs,) unless noted.

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
    """Node coordinates: numbers, x and y, each of shape (points,), and whether they are surely degrees."""

    node: Array
    x: Array
    y: Array
    degrees: bool


def read_trips(path: Path, issues: list[Issue]) -> TntpTrips | None:
    """Read a trips file; problems go to `issues`; return None if nothing could be used."""
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
    return TntpTrips(
        zones,
        total[0] if total else math.nan,
        table[:, 0].astype(np.int64),
        table[:, 1].astype(np.int64),
        table[:, 2],
    )


def read_points(path: Path, issues: list[Issue]) -> Points | None:
    """Read coordinates from a node file or GeoJSON points; None if there are none."""
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
    """Return points with a property ``id`` or ``node``; None if the file has links instead of points."""
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
