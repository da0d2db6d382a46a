"""How columns of a scenario's tables are described."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["SOC", "Column", "a_flag", "a_text", "an_id", "may", "must", "table_of"]

SOC = "a fraction of the battery from 0 to 1"
Kind = Literal["id", "number", "text", "flag"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name : str
        Its name; a unit is its suffix.
    kind : {"id", "number", "text", "flag"}
        What its cells are; a flag is true or false.
    required : bool
        Whether the column must exist and every cell be filled.
    default : float, optional
        What an empty or absent cell of an optional number or flag means.
    stand_in : float
        Harmless value that replaces an unusable cell, so that the other cells can still be checked.
    meaning : str
        What it says, for messages.
    """

    name: str
    kind: Kind = "number"
    required: bool = False
    default: float | None = None
    stand_in: float = 0.0
    meaning: str = "a number"


def an_id(name: str, required: bool = True) -> Column:
    """A column of ids."""
    return Column(name, "id", required, meaning="a whole number or a text")


def a_text(name: str) -> Column:
    """An optional column of texts."""
    return Column(name, "text", meaning="a text")


def must(name: str, meaning: str, stand_in: float = 0.0) -> Column:
    """A column of numbers that must be there and filled."""
    return Column(name, "number", True, stand_in=stand_in, meaning=meaning)


def may(name: str, meaning: str, default: float | None = None, stand_in: float | None = None) -> Column:
    """An optional column of numbers; `default` is what an empty cell means."""
    fallback = default if stand_in is None else stand_in
    return Column(name, "number", False, default, 0.0 if fallback is None else fallback, meaning)


def a_flag(name: str, default: bool) -> Column:
    """An optional column of true and false."""
    return Column(name, "flag", False, float(default), float(default), "true or false")


def table_of(*columns: Column) -> dict[str, Column]:
    """Columns by name."""
    return {column.name: column for column in columns}
