"""The statements of a MATPOWER case file: tables, and the assignments that convert their units.

Case files are programs. Read are the assignments that such files consist of: matrices of numbers, scalars,
columns set to expressions of columns and scalars, and the constants that name columns. Any other statement
could change the figures, so it is an issue and never passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from tidewatt.errors import Issue
from tidewatt.io.importers.matpower_expressions import (
    CONSTANTS,
    Names,
    NotUnderstood,
    Value,
    evaluated,
    place,
)

__all__ = ["Case", "run"]

_REMEDY = "Load the case in MATLAB or Octave and write it with savecase, which applies every statement"
_SHOWN = 60
_FIELD = re.compile(r"(\w+)\.(\w+)$")
_PLACED = re.compile(r"(\w+)\.(\w+)\s*\((.*)\)$", re.S)


@dataclass(slots=True)
class Case:
    """What a case file defines.

    Attributes
    ----------
    tables : dict of str to array or float
        Fields of the case, such as ``bus`` and ``baseMVA``.
    ignored : list of str
        Fields that hold texts or structures.
    conversions : list of str
        Statements that changed a table after it was given.
    lines : dict of str to list of int
        Line number of every row of a table, for messages.
    """

    tables: dict[str, Value] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    conversions: list[str] = field(default_factory=list)
    lines: dict[str, list[int]] = field(default_factory=dict)


def run(lines: list[str], file: str, issues: list[Issue]) -> Case:
    """The case after all statements of its file; what is not understood becomes an issue.

    Parameters
    ----------
    lines : list of str
        The file.
    file : str
        Its name, for messages.
    issues : list of Issue
        Gets what is wrong.
    """
    case, names, variable = Case(), Names({}, {}), "mpc"
    names.tables = case.tables
    for line, statement in _statements(lines):
        text = " ".join(statement.split())
        try:
            if text.startswith("function"):
                variable = _output(text)
            else:
                _execute(statement, text, line, variable, case, names)
        except NotUnderstood as error:
            shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
            problem = f"the statement `{shown}` is not understood ({error})"
            issues.append(Issue(file, "", problem, _REMEDY, (f"line {error.line or line}",)))
    return case


def _output(text: str) -> str:
    """Name of the structure that the function returns."""
    found = re.match(r"function\s+(\w+)\s*=", text)
    if found is None:
        raise NotUnderstood("a case of version 1, or no case; version 2 returns one structure")
    return found[1]


def _execute(statement: str, text: str, line: int, variable: str, case: Case, names: Names) -> None:
    if text in ("end", "endfunction", "return"):
        return
    if text == "define_constants":
        for known in CONSTANTS.values():
            names.scalars.update(known)
        return
    left, equals, right = (part.strip() for part in _split(statement))
    if not equals:
        raise NotUnderstood("it is no assignment")
    if left.startswith("[") and right in CONSTANTS:
        given = re.split(r"[\s,]+", left.strip("[] \t\n\v"))
        names.scalars.update(zip(given, CONSTANTS[right].values(), strict=False))
    elif re.fullmatch(r"\w+", left):
        names.scalars[left] = evaluated(right, names, variable)
    elif (found := _FIELD.match(left)) and found[1] == variable:
        _define(found[2], right, line + statement[: statement.index("=")].count("\n"), variable, case, names)
    elif (found := _PLACED.match(left)) and found[1] == variable:
        table = case.tables.get(found[2])
        if not isinstance(table, np.ndarray):
            raise NotUnderstood(f"there is no table {found[2]} before it")
        rows, columns = place(found[3], names, variable, table.shape)
        value = evaluated(right, names, variable)
        try:
            table[np.ix_(rows, columns)] = value
        except ValueError:
            raise NotUnderstood("the two sides differ in shape") from None
        case.conversions.append(text)
    else:
        raise NotUnderstood("only the case itself and plain names can be set")


def _define(name: str, right: str, line: int, variable: str, case: Case, names: Names) -> None:
    """Set a field of the case to a matrix, a number, or something that is passed over."""
    if right[:1] in ("{", "'", '"') or right.startswith("struct"):
        case.ignored.append(name)
    elif right.startswith("[") and right.endswith("]"):
        case.tables[name], case.lines[name] = _matrix(right[1:-1], line, names, variable)
    else:
        case.tables[name] = evaluated(right, names, variable)


def _matrix(body: str, line: int, names: Names, variable: str) -> tuple[Value, list[int]]:
    rows: list[list[float]] = []
    at: list[int] = []
    for text in body.split("\n"):
        for part in text.split(";"):
            # Spaces end a cell, but not around an operator.
            cells = re.split(r"[\s,]+", re.sub(r"\s*([*/^])\s*", r"\1", part).strip())
            if cells != [""]:
                rows.append([_cell(cell, line, names, variable) for cell in cells])
                at.append(line)
            line += part.count("\v")
        line += 1
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        odd = next(n for n, row in zip(at, rows, strict=True) if len(row) != len(rows[0]))
        raise NotUnderstood(f"its rows have {' and '.join(map(str, sorted(widths)))} columns", odd)
    return np.array(rows, float).reshape(len(rows), max(widths, default=0)), at


def _cell(cell: str, line: int, names: Names, variable: str) -> float:
    try:
        return float(cell)
    except ValueError:
        pass
    try:
        value = evaluated(cell, names, variable)
    except NotUnderstood:
        raise NotUnderstood(f"{cell!r} is no number", line) from None
    if isinstance(value, np.ndarray):
        raise NotUnderstood(f"{cell!r} is not one number", line)
    return value


def _split(statement: str) -> tuple[str, str, str]:
    """Both sides of an assignment."""
    found = re.search(r"(?<![=~<>!])=(?!=)", statement)
    if found is None:
        return statement, "", ""
    return statement[: found.start()], "=", statement[found.end() :]


def _statements(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Statements without comments and their first line; line ends within brackets are kept.

    A line that is continued leaves a vertical tab, so that lines can still be counted.
    """
    text, start, depth, block = "", 1, 0, False
    for number, raw in enumerate(lines, 1):
        if raw.strip() in ("%{", "#{", "%}", "#}"):
            block = raw.strip()[1] == "{"
        parts, depth, goes_on = _parts("" if block else raw, depth)
        for k, part in enumerate(parts):
            if not text.strip():
                text, start = "", number
            text += part
            if k < len(parts) - 1 and text.strip():
                yield start, text
                text = ""
        if goes_on:
            text += "\v"
        elif depth > 0:
            text += "\n"
        elif text.strip():
            yield start, text
            text = ""
    if text.strip():
        yield start, text


def _parts(raw: str, depth: int) -> tuple[list[str], int, bool]:
    """A line cut at the ends of its statements, the depth of brackets, and whether it is continued."""
    parts: list[str] = []
    begin, k, quote = 0, 0, ""
    while k < len(raw):
        char = raw[k]
        if quote:
            quote = "" if char == quote else quote
        elif char == '"' or (char == "'" and not re.search(r"[\w\])}'.]$", raw[:k])):
            quote = char
        elif char == "%" or raw.startswith("...", k):
            return [*parts, raw[begin:k]], depth, char == "."
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth = max(depth - 1, 0)
        elif char in ";," and depth == 0:
            parts.append(raw[begin:k])
            begin = k + 1
        k += 1
    return [*parts, raw[begin:]], depth, False
