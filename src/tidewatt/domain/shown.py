"""How structures of arrays are displayed: a short `repr`, and a table in notebooks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Shown", "figure"]

_LONGEST = 280
"""Maximum length of a `repr` [characters]: a few lines of a terminal."""
_LONGEST_FACT = 90
"""Maximum length of one fact in a `repr`, so that a long name leaves room for the others."""


class Shown:
    """Base of dataclasses with ``repr=False``; the default would print every number of their arrays.

    A subclass overrides `_facts` where there is more to say than what each field holds.
    """

    __slots__ = ()

    def _facts(self) -> Iterator[tuple[str, str]]:
        """Yield what is worth showing, as name and text, the most important first."""
        for each in fields(self):  # type: ignore[arg-type]
            value = getattr(self, each.name)
            if value is not None:
                yield each.name, _brief(value)

    def __repr__(self) -> str:
        text = type(self).__name__
        for number, (name, said) in enumerate(self._facts()):
            more = f"{name} {_cut(said, _LONGEST_FACT)}".strip()
            if len(text) + len(more) > _LONGEST:
                return f"<{text}; ...>"
            text += f"{'; ' if number else ': '}{more}"
        return f"<{text}>"

    def _repr_html_(self) -> str:
        """Return the same as an HTML table, which notebooks show in place of `repr`."""
        rows = "".join(
            f'<tr><th style="text-align: left">{escape(name)}</th>'
            f'<td style="text-align: left">{escape(said)}</td></tr>'
            for name, said in self._facts()
        )
        return f"<table><caption>{escape(type(self).__name__)}</caption>{rows}</table>"


def figure(value: float) -> str:
    """Write a number with about four digits."""
    return f"{value:,.0f}" if 1e3 <= abs(value) < 1e15 else f"{value:.4g}"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _brief(value: Any) -> str:
    """Describe a field: the shape of an array, and its range of values or its first and last."""
    import numpy as np  # here, because the program's help imports this module and must stay quick

    if isinstance(value, np.ndarray):
        shape = " x ".join(f"{size:,}" for size in value.shape)
        return f"[{shape}] {_range(value)}".strip()
    if isinstance(value, Shown) or is_dataclass(value):
        return f"({type(value).__name__})"
    if isinstance(value, dict | tuple | list):
        return f"({len(value):,})" if value else "(none)"
    return _cut(str(value), _LONGEST_FACT)


def _range(array: np.ndarray[Any, Any]) -> str:
    import numpy as np

    if not array.size:
        return ""
    if array.dtype.kind not in "iuf":
        first, last = (_cut(str(each), 20) for each in (array.flat[0], array.flat[-1]))
        return first if array.size == 1 else f"{first} ... {last}"
    flat = array.ravel()
    low, high = (
        figure(float(np.fmin.reduce(flat))),
        figure(float(np.fmax.reduce(flat))),
    )
    return low if low == high else f"{low} to {high}"
