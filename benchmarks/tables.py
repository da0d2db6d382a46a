"""Rows as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["first_words", "markdown", "number", "provenance"]


def number(value: Any, digits: int = 3) -> str:
    """Return a figure as it stands in a table; empty for what is not there."""
    try:
        x = float(value)
    except (TypeError, ValueError):
        return "" if value is None else str(value)
    if x != x:
        return ""
    if x and (abs(x) < 1e-2 or abs(x) >= 1e7):
        return f"{x:.{digits - 1}e}"
    if x == round(x) or abs(x) >= 1000:
        return f"{x:,.0f}"
    return f"{x:.{digits}g}"


def markdown(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table; figures to the right."""
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    lines += ["| " + " | ".join(number(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def provenance(rows: Sequence[dict[str, Any]]) -> str:
    """Machine, dates and versions behind rows."""
    machines = sorted({f"{r['cpu']}, {r['cores']} cores" for r in rows})
    dates = sorted({str(r["date"])[:10] for r in rows})
    versions = sorted({str(r["versions"]) for r in rows})
    span = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    return f"Measured {span} on {'; '.join(machines)} ({'; '.join(versions)})."


def first_words(text: object, words: int = 8) -> str:
    """Return the beginning of a message, fit for a cell."""
    return " ".join(str(text).replace("|", "/").split()[:words])
