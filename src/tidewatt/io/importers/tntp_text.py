"""Text of TNTP files: lines, heads and faults in words."""

from __future__ import annotations

import math
import re
from pathlib import Path

from tidewatt.errors import Issue

__all__ = ["SPLIT", "Faults", "figures", "head_count", "head_of", "lines_of"]

_SHOWN = 5
SPLIT = re.compile(r"[\s,;]+")
"""What stands between the cells of a row."""


class Faults:
    """Faults of one kind, gathered line by line into one issue."""

    def __init__(self, path: Path, issues: list[Issue]) -> None:
        self.path, self.issues = path, issues
        self.found: dict[tuple[str, str], list[tuple[int, str]]] = {}

    def add(self, line: int, field: str, problem: str, fix: str) -> None:
        """Note a fault of a line; those with the same remedy become one issue."""
        self.found.setdefault((field, fix), []).append((line, problem))

    def close(self) -> None:
        """Report what was found."""
        for (field, fix), lines in self.found.items():
            shown = tuple(f"line {line}" for line, _ in lines[:_SHOWN])
            self.issues.append(Issue(self.path.name, field, lines[0][1], fix, shown, len(lines)))


def lines_of(path: Path, issues: list[Issue]) -> list[str]:
    """The lines of a text file; none where it is no text."""
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
        problem = "the file holds zero bytes, so is no text"
        issues.append(Issue(path.name, "", problem, "Fetch it again, or save it as UTF-8"))
        return []
    # Names may be in any encoding; the figures are ASCII.
    return raw.decode("utf-8-sig", "replace").splitlines()


def head_of(lines: list[str]) -> dict[str, str]:
    """What stands in angle brackets, by words in capitals."""
    head = {}
    for line in lines:
        found = re.match(r"\s*<([^>]*)>(.*)", line)
        if found:
            head[" ".join(found[1].upper().split())] = found[2].strip()
    return head


def head_count(head: dict[str, str], word: str, path: Path, issues: list[Issue], fix: str = "") -> int:
    """A whole number of the head; 0 where it is missing, which is an issue if there is a `fix`."""
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
    """Cells as finite numbers; None where one is none."""
    try:
        row = [float(cell) for cell in cells]
    except ValueError:
        return None
    return row if all(map(math.isfinite, row)) else None
