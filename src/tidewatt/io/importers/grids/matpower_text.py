"""The statements and expressions of a MATPOWER case file."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.errors import Issue

__all__ = ["CONSTANTS", "MatpowerCase", "Names", "NotUnderstood", "Value", "evaluated", "place", "run"]

Value: TypeAlias = float | Array
"""A number, or a matrix of shape (rows, columns)."""

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eEdD][-+]?\d+)?)|(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?)"
    r"|(?P<sign>\.\*|\./|\.\^|[-+*/^()\[\],:]))"
)
_FUNCTIONS: Final[dict[str, Callable[[Value], Value]]] = {
    name: getattr(np, numpy)
    for name, numpy in {
        **{each: each for each in ("sqrt", "sin", "cos", "tan", "abs", "exp", "log")},
        **{"asin": "arcsin", "acos": "arccos", "atan": "arctan"},
    }.items()
}
_NUMBERS: Final = {"pi": math.pi, "Inf": math.inf, "inf": math.inf, "NaN": math.nan, "nan": math.nan}


def _numbered(names: str, numbers: list[int]) -> dict[str, Value]:
    return dict(zip(names.split(), map(float, numbers), strict=True))


CONSTANTS: Final[dict[str, dict[str, Value]]] = {
    "idx_bus": _numbered(
        "PQ PV REF NONE BUS_I BUS_TYPE PD QD GS BS BUS_AREA VM VA BASE_KV ZONE VMAX VMIN "
        "LAM_P LAM_Q MU_VMAX MU_VMIN",
        [*range(1, 5), *range(1, 18)],
    ),
    "idx_brch": _numbered(
        "F_BUS T_BUS BR_R BR_X BR_B RATE_A RATE_B RATE_C TAP SHIFT BR_STATUS PF QF PT QT MU_SF MU_ST "
        "ANGMIN ANGMAX MU_ANGMIN MU_ANGMAX",
        [*range(1, 12), *range(14, 20), 12, 13, 20, 21],
    ),
    "idx_gen": _numbered(
        "GEN_BUS PG QG QMAX QMIN VG MBASE GEN_STATUS PMAX PMIN MU_PMAX MU_PMIN MU_QMAX MU_QMIN "
        "PC1 PC2 QC1MIN QC1MAX QC2MIN QC2MAX RAMP_AGC RAMP_10 RAMP_30 RAMP_Q APF",
        [*range(1, 11), *range(22, 26), *range(11, 22)],
    ),
    "idx_cost": _numbered("PW_LINEAR POLYNOMIAL MODEL STARTUP SHUTDOWN NCOST COST", [1, 2, *range(1, 6)]),
}
"""Constants by the function that returns them, in its order: types, then numbers of columns from 1."""


class NotUnderstood(Exception):
    """A statement cannot be read; the text says which part, and `line` where, if that is known."""

    def __init__(self, problem: str, line: int = 0) -> None:
        super().__init__(problem)
        self.line = line


@dataclass(slots=True)
class Names:
    """What expressions may refer to.

    Attributes
    ----------
    scalars : dict of str to number or array
        Plain names.
    tables : dict of str to number or array
        Fields of the case.
    """

    scalars: dict[str, Value]
    tables: dict[str, Value]


def evaluated(text: str, names: Names, variable: str) -> Value:
    """Return the value of an expression.

    Raises
    ------
    NotUnderstood
        Where it holds anything but arithmetic over what is defined.
    """
    reader = _ExpressionReader(text, names, variable)
    value = reader.sum()
    reader.finish()
    return value


def place(text: str, names: Names, variable: str, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Return the rows and columns, counted from 0, that an index in parentheses selects."""
    reader = _ExpressionReader(text, names, variable)
    chosen = reader.indices(shape)
    reader.finish()
    return chosen


class _ExpressionReader:
    """Recursive-descent parser for one expression."""

    def __init__(self, text: str, names: Names, variable: str) -> None:
        self.names, self.variable = names, variable
        self.tokens: list[tuple[str, str]] = []
        self.at = 0
        position, text = 0, text.strip()
        while position < len(text):
            found = _TOKEN.match(text, position)
            if found is None:
                raise NotUnderstood(f"at {text[position : position + 12]!r}")
            self.tokens.append((found.lastgroup or "", found[found.lastgroup or 0]))
            position = found.end()

    def finish(self) -> None:
        if self.at < len(self.tokens):
            raise NotUnderstood(f"at {self.tokens[self.at][1]!r}")

    def next_is(self, *signs: str) -> str:
        """Return the next token and move past it if it is one of `signs`; else return an empty string."""
        if self.at < len(self.tokens) and self.tokens[self.at] in [("sign", sign) for sign in signs]:
            self.at += 1
            return self.tokens[self.at - 1][1]
        return ""

    def must(self, sign: str) -> None:
        if not self.next_is(sign):
            raise NotUnderstood(f"a {sign!r} is missing")

    def sum(self) -> Value:
        value = self.product()
        while sign := self.next_is("+", "-"):
            value = _combined(sign, value, self.product())
        return value

    def product(self) -> Value:
        value = self.signed()
        while sign := self.next_is("*", "/", ".*", "./"):
            value = _combined(sign, value, self.signed())
        return value

    def signed(self) -> Value:
        if self.next_is("-"):
            return -self.signed()
        if self.next_is("+"):
            return self.signed()
        value = self.atom()
        while sign := self.next_is("^", ".^"):
            exponent = -self.atom() if self.next_is("-") else self.atom()
            value = _combined(sign, value, exponent)
        return value

    def atom(self) -> Value:
        if self.next_is("("):
            value = self.sum()
            self.must(")")
            return value
        if self.next_is("["):
            return self.listed()
        if self.at == len(self.tokens):
            raise NotUnderstood("it ends too early")
        kind, text = self.tokens[self.at]
        self.at += 1
        if kind == "number":
            return float(text.lower().replace("d", "e"))
        if kind == "name":
            return self.named(text)
        raise NotUnderstood(f"at {text!r}")

    def named(self, name: str) -> Value:
        structure, dot, field = name.partition(".")
        if dot:
            value = self.names.tables.get(field) if structure == self.variable else None
        elif name in _FUNCTIONS and self.next_is("("):
            argument = self.sum()
            self.must(")")
            return _FUNCTIONS[name](argument)
        else:
            value = self.names.scalars.get(name, _NUMBERS.get(name))
        if value is None:
            raise NotUnderstood(f"{name!r} is not defined at this point")
        if self.next_is("("):
            if not isinstance(value, np.ndarray):
                raise NotUnderstood(f"{name!r} is no table")
            rows, columns = self.indices(value.shape)
            self.must(")")
            value = value[np.ix_(rows, columns)]
            return float(value[0, 0]) if value.size == 1 else value
        return value

    def indices(self, shape: tuple[int, ...]) -> tuple[Array, Array]:
        rows = self.index(shape[0])
        self.must(",")
        return rows, self.index(shape[1])

    def index(self, size: int) -> Array:
        if self.next_is(":"):
            return np.arange(size)
        value = self.bound(size)
        if self.next_is(":"):
            last = self.bound(size)
            value = np.arange(_whole(value), _whole(last) + 1, dtype=float)
        chosen = np.ravel(np.asarray(value, float))
        if (chosen != np.floor(chosen)).any() or (chosen < 1).any() or (chosen > size).any():
            raise NotUnderstood(f"an index is none of 1 to {size}")
        return chosen.astype(np.int64) - 1

    def bound(self, size: int) -> Value:
        if self.at < len(self.tokens) and self.tokens[self.at] == ("name", "end"):
            self.at += 1
            return float(size)
        return self.sum()

    def listed(self) -> Value:
        values = []
        while not self.next_is("]"):
            value = self.sum()
            if isinstance(value, np.ndarray):
                raise NotUnderstood("a table within brackets")
            values.append(value)
            self.next_is(",")
        return np.array([values], float)


def _whole(value: Value) -> int:
    if isinstance(value, np.ndarray) or value != math.floor(value):
        raise NotUnderstood("a range has bounds that are no whole numbers")
    return int(value)


def _combined(sign: str, left: Value, right: Value) -> Value:
    """Apply elementwise arithmetic; true matrix products and quotients are not supported."""
    several = isinstance(left, np.ndarray), isinstance(right, np.ndarray)
    if (sign == "*" and all(several)) or (sign == "/" and several[1]) or (sign == "^" and any(several)):
        raise NotUnderstood(f"{sign!r} between matrices")
    try:
        with np.errstate(all="ignore"):
            match sign[-1]:
                case "+":
                    return left + right
                case "-":
                    return left - right
                case "*":
                    return left * right
                case "/":
                    return left / right
                case _:
                    return left**right
    except ZeroDivisionError:
        raise NotUnderstood("a division by 0") from None
    except (ValueError, OverflowError):
        raise NotUnderstood("its parts differ in shape, or a number is too large") from None


_REMEDY = "Load the case in MATLAB or Octave and write it with savecase, which applies every statement"
_SHOWN = 60
_FIELD = re.compile(r"(\w+)\.(\w+)$")
_PLACED = re.compile(r"(\w+)\.(\w+)\s*\((.*)\)$", re.S)


@dataclass(slots=True)
class MatpowerCase:
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


def run(lines: list[str], file: str, issues: list[Issue]) -> MatpowerCase:
    """Return the case after all statements of its file; those that cannot be read become issues.

    Parameters
    ----------
    lines : list of str
        The file.
    file : str
        Its name, for messages.
    issues : list of Issue
        Gets what is wrong.
    """
    case, names, variable = MatpowerCase(), Names({}, {}), "mpc"
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
    """Return the name of the structure that the function returns."""
    found = re.match(r"function\s+(\w+)\s*=", text)
    if found is None:
        raise NotUnderstood("the file is a version 1 case or not a case; version 2 returns one structure")
    return found[1]


def _execute(statement: str, text: str, line: int, variable: str, case: MatpowerCase, names: Names) -> None:
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
            raise NotUnderstood(f"table {found[2]} is not defined at this point")
        rows, columns = place(found[3], names, variable, table.shape)
        value = evaluated(right, names, variable)
        try:
            table[np.ix_(rows, columns)] = value
        except ValueError:
            raise NotUnderstood("the two sides differ in shape") from None
        case.conversions.append(text)
    else:
        raise NotUnderstood("only the case itself and plain names can be set")


def _define(name: str, right: str, line: int, variable: str, case: MatpowerCase, names: Names) -> None:
    """Set a field of the case to a matrix, a number, or something that is ignored."""
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
    """Return both sides of an assignment."""
    found = re.search(r"(?<![=~<>!])=(?!=)", statement)
    if found is None:
        return statement, "", ""
    return statement[: found.start()], "=", statement[found.end() :]


def _statements(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Yield statements without comments and their first line; line ends within brackets are kept.

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
    """Return a line split into statements, the bracket depth, and whether the line is continued."""
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
