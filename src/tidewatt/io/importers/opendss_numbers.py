"""Numbers and arrays as OpenDSS scripts write them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Final

__all__ = ["rpn", "values"]


def rpn(text: str) -> float:
    """A number, or the value of a calculation in reverse Polish notation; nan where it is neither."""
    stack: list[float] = []
    for word in text.replace(",", " ").split():
        try:
            stack.append(float(word))
            continue
        except ValueError:
            pass
        try:
            if word in _BINARY:
                last = stack.pop()
                stack.append(_BINARY[word](stack.pop(), last))
            else:
                stack.append(_UNARY[word.lower()](stack.pop()))
        except (KeyError, IndexError, ValueError, ZeroDivisionError, OverflowError):
            return math.nan
    return stack[0] if len(stack) == 1 else math.nan


_BINARY: Final[dict[str, Callable[[float, float], float]]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "^": lambda a, b: a**b,
}
_UNARY: Final[dict[str, Callable[[float], float]]] = {
    "sqr": lambda a: a * a,
    "sqrt": math.sqrt,
    "inv": lambda a: 1.0 / a,
    "ln": math.log,
    "exp": math.exp,
    "log10": math.log10,
}


def values(text: str) -> list[str]:
    """Entries of an array."""
    return [each for each in re.split(r"[\s,|]+", text.strip()) if each]
