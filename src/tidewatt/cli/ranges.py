"""Options that stand for several values: FROM:TO:STEP, or a comma-separated list."""

from __future__ import annotations

import math

from tidewatt.errors import Issue, ScenarioError

__all__ = ["values_of"]

_MOST = 1001


def values_of(option: str, text: str, what: str, example: str, *, zero: bool) -> list[float]:
    """Return the values from 0 to 1 of ``FROM:TO:STEP`` (ends included) or a comma-separated list, ascending.

    Parameters
    ----------
    option, text : str
        The option and what was given.
    what, example : str
        What the values are, and a range of them, for messages.
    zero : bool
        Whether 0 is allowed.

    Raises
    ------
    ScenarioError
        Where it is neither, or a value is out of its range.
    """

    def refuse(problem: str) -> ScenarioError:
        least = "of at least 0" if zero else "above 0"
        fix = f"Give FROM:TO:STEP like {example}, or {what} {least}, at most 1, separated by commas."
        return ScenarioError([Issue(option, "", f"{text!r}: {problem}", fix)])

    try:
        if ":" in text:
            first, last, step = (float(part) for part in text.split(":"))
            if not step > 0 or not last >= first:
                raise refuse("the step must be above 0 and the end must not be below the start")
            if (last - first) / step >= _MOST:
                raise refuse(f"the range gives more than {_MOST - 1:,} {what}")
            # A step that misses the end by rounding still reaches it.
            values = [
                round(first + k * step, 10) for k in range(math.floor((last - first) / step + 1e-6) + 1)
            ]
        else:
            values = [float(part) for part in text.split(",")]
    except ValueError:
        raise refuse("not numbers") from None
    if not all(0 < value <= 1 or (zero and value == 0) for value in values):
        raise refuse("a value is outside 0 to 1")
    return sorted(set(values))
