"""What an import left out, filled in and assumed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["ImportReport"]

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The account of one import, to be read before its scenario is trusted.

    Attributes
    ----------
    source : str
        Name of the file or files read.
    counts : mapping of str to number
        What was found and what was kept, by name.
    dropped : mapping of str to tuple of str
        Ids left out, by reason.
    imputed : mapping of str to tuple of str
        Ids with a value that the source does not give, by what was filled in.
    assumptions : tuple of str
        Rules and figures that are not from the source, as sentences.
    warnings : tuple of str
        What cannot be right, as sentences.
    """

    source: str
    counts: Mapping[str, float]
    dropped: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    imputed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain lists and numbers, for JSON."""
        return {
            "source": self.source,
            "counts": dict(self.counts),
            "dropped": {reason: list(ids) for reason, ids in self.dropped.items()},
            "imputed": {what: list(ids) for what, ids in self.imputed.items()},
            "assumptions": list(self.assumptions),
            "warnings": list(self.warnings),
        }

    def lines(self) -> list[str]:
        """Return the report in lines for a terminal.

        No counts of 0, and of every list of ids the first few.
        """
        out = [f"Warning: {sentence}" for sentence in self.warnings]
        out.append(f"Imported {self.source}")
        counts = {name.replace("_", " "): value for name, value in self.counts.items() if value != 0}
        out += [f"  {name}: {_number(value)}" for name, value in counts.items()]
        out += [f"  left out, {why}: {_ids(ids)}" for why, ids in self.dropped.items() if ids]
        out += [f"  filled in, {what}: {_ids(ids)}" for what, ids in self.imputed.items() if ids]
        out += [f"  assumed: {sentence}" for sentence in self.assumptions]
        return out


def _number(value: float) -> str:
    if float(value).is_integer() or 1e3 <= abs(value) < 1e15:
        return f"{value:,.0f}"
    return f"{value:,.4g}"


def _ids(ids: tuple[str, ...]) -> str:
    more = ", ..." if len(ids) > _SHOWN else ""
    return f"{len(ids):,} ({', '.join(ids[:_SHOWN])}{more})"
