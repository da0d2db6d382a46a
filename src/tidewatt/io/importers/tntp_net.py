"""Network files in TNTP form."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.errors import Issue
from tidewatt.io.importers.tntp_text import SPLIT, Faults, figures, head_count, head_of, lines_of

__all__ = ["Net", "read_net"]

_SHOWN = 5
_COLUMNS = (
    *("init_node", "term_node", "capacity", "length", "free_flow_time"),
    *("b", "power", "speed", "toll", "link_type"),
)
_NEEDED = 7  # speed, toll and type may be absent
_UNIT = re.compile(r"([A-Za-z][A-Za-z _]*?)\s*\(([^)]*)\)")


@dataclass(frozen=True, slots=True)
class Net:
    """Rows of a network file, and what its head says.

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
    """A network file; problems go to `issues`, None where nothing could be made of it."""
    lines = lines_of(path, issues)
    if not lines:
        return None
    head = head_of(lines)
    fix = "Add it before <END OF METADATA>: the zones are nodes 1 to this number"
    zones = head_count(head, "NUMBER OF ZONES", path, issues, fix)
    fix = "Add it: nodes of a lower number are not driven through; 1 if all may be"
    first_through = head_count(head, "FIRST THRU NODE", path, issues, fix)
    nodes = head_count(head, "NUMBER OF NODES", path, issues)
    links = head_count(head, "NUMBER OF LINKS", path, issues)
    columns = _net_rows(path, lines, issues)
    rows = len(columns["capacity"])
    if links and rows != links and rows:
        problem = f"{rows:,} links, <NUMBER OF LINKS> says {links:,}"
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
                problem = f"node {columns[name][bad[0]]}, <NUMBER OF NODES> says 1 to {nodes:,}"
                fix = "Correct the node or the line"
                shown = tuple(f"link {row + 1}" for row in bad[:_SHOWN])
                issues.append(Issue(path.name, name, problem, fix, shown, len(bad)))
        if zones > nodes:
            problem = f"{zones:,} zones, but {nodes:,} nodes"
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
            problem = f"{len(cells)} figures, not {len(order)}: {text[:60]!r}"
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
    """Order of columns where the header names all that is needed in TNTP's words."""
    words = [word.lower() for word in SPLIT.split(text.lstrip("~ \t")) if word]
    return words if set(_COLUMNS[:_NEEDED]) <= set(words) else None
