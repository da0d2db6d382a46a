"""Expressions of MATPOWER case files: arithmetic over numbers, named scalars and columns of tables."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from tidewatt.domain.arrays import Array

__all__ = ["CONSTANTS", "Names", "NotUnderstood", "Value", "evaluated", "place"]

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
    """A statement cannot be read; the text says which part, `line` where if that is known."""

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
    """The value of an expression.

    Raises
    ------
    NotUnderstood
        Where it holds anything but arithmetic over what is defined.
    """
    reader = _Reader(text, names, variable)
    value = reader.sum()
    reader.finish()
    return value


def place(text: str, names: Names, variable: str, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Rows and columns, counted from 0, that an index in parentheses selects."""
    reader = _Reader(text, names, variable)
    chosen = reader.indices(shape)
    reader.finish()
    return chosen


class _Reader:
    """Recursive descent over one expression."""

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
        """The next token where it is one of `signs`, which is then passed; else empty."""
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
            raise NotUnderstood(f"{name!r} is not defined before it")
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
    """Elementwise arithmetic; products and quotients of matrices proper are not."""
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
