"""What can go wrong, in words a user can act on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = [
    "Interrupted",
    "Issue",
    "OutputError",
    "ScenarioError",
    "ScenarioWarning",
    "SolveWarning",
    "TidewattError",
    "extra",
]


class TidewattError(Exception):
    """Base of every error that tidewatt raises on purpose; its text is meant for users."""


class SolveWarning(UserWarning):
    """A study finished, but something in its outcome deserves a second look."""


class ScenarioWarning(UserWarning):
    """A scenario was read, but not everything in its folder."""


class Interrupted(TidewattError):
    """A study was stopped by the user; a checkpoint, if one was asked for, has been kept."""


class OutputError(TidewattError):
    """A file could not be written; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that is wrong with a scenario.

    Attributes
    ----------
    table : str
        Table (or file) where it was found, for example ``"dwells"``.
    field : str
        Column or key; empty when the whole table is meant.
    problem : str
        What is wrong, with the values found and the range allowed.
    fix : str
        What to do about it.
    ids : tuple of str
        The first few ids (or row numbers, as ``"row 12"``) concerned.
    count : int
        How many rows are concerned in all.
    """

    table: str
    field: str
    problem: str
    fix: str
    ids: tuple[str, ...] = ()
    count: int = 1

    def __str__(self) -> str:
        where = f"{self.table}.{self.field}" if self.field else self.table
        shown = ", ".join(self.ids)
        more = f" and {self.count - len(self.ids)} more" if self.count > len(self.ids) else ""
        who = f" [{shown}{more}]" if self.ids else ""
        return f"{where}{who}: {self.problem}. {self.fix}"


class ScenarioError(TidewattError):
    """A scenario cannot be used; carries every issue found, not just the first."""

    def __init__(self, issues: Iterable[Issue]) -> None:
        self.issues = tuple(issues)
        super().__init__(self.issues)

    def __str__(self) -> str:
        n = len(self.issues)
        head = f"{n} problem{'s' if n != 1 else ''} found"
        return "\n".join([head, *(f"  - {issue}" for issue in self.issues)])


def extra(name: str) -> str:
    """Return how to install tidewatt with an extra, from an index or from a checkout."""
    return f"pip install 'tidewatt[{name}]', or from a checkout .venv/bin/pip install '.[{name}]'"
