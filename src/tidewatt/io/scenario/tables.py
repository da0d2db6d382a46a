"""Tables of a scenario, with every column checked for type and presence, and columns of ids."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidewatt.domain.arrays import Array
from tidewatt.errors import Issue, ScenarioWarning
from tidewatt.io.scenario.files import CsvFile, MemoryTable, ParquetTable, Source, Unreadable
from tidewatt.io.scenario.schema import TABLES, Column, columns_of
from tidewatt.options.spelling import did_you_mean

__all__ = ["SHOWN", "IdColumn", "ScenarioTable", "ScenarioTables", "clean_ids", "encoded", "flat"]

_INTEGER = r"^(0|-?[1-9][0-9]{0,17})$"


@dataclass(frozen=True, slots=True)
class IdColumn:
    """A column of ids: each row's position among the distinct values, -1 where the cell is empty."""

    codes: Array
    values: pa.Array

    def text(self, row: int) -> str:
        """Return the non-empty id of a row, as the user wrote it."""
        return str(self.values[int(self.codes[row])].as_py())

    def positions(self, known: pa.Array) -> Array:
        """Return the position of each row's id in `known`: -1 where empty, -2 where unknown.

        Ids match by what is written: 7, "7" and "7.0" are the same id, "007" is another.
        """
        values = self.values
        if values.type != known.type:
            values, known = values.cast(pa.string()), known.cast(pa.string())
        found = pc.index_in(values, value_set=known).fill_null(-2).to_numpy(zero_copy_only=False)
        if pa.types.is_string(values.type) and (found == -2).any():
            whole = pc.replace_substring_regex(values, r"^(-?\d+)\.0+$", r"\1")  # integers that met a nan
            again = pc.index_in(whole, value_set=known.cast(pa.string())).fill_null(-2)
            found = np.where(found == -2, again.to_numpy(zero_copy_only=False), found)
        return np.asarray(np.append(found, -1).astype(np.int32)[self.codes])


def flat(column: pa.ChunkedArray) -> pa.Array:
    """Return a column as one array."""
    array = column.combine_chunks()
    return array.chunk(0) if isinstance(array, pa.ChunkedArray) else array


def encoded(column: pa.ChunkedArray) -> IdColumn | None:
    """Return distinct values and their positions; None if cells are not scalars."""
    kind = column.type
    if pa.types.is_null(kind):
        return IdColumn(np.full(len(column), -1, np.int32), pa.array([], pa.string()))
    if pa.types.is_nested(kind) and not pa.types.is_dictionary(kind):
        return None
    if not pa.types.is_dictionary(kind):
        column = column.dictionary_encode()
    array = flat(column.unify_dictionaries()) if column.num_chunks != 1 else column.chunk(0)
    if len(array) == 0:
        return IdColumn(np.zeros(0, np.int32), pa.array([], pa.string()))
    codes = array.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32, copy=False)
    values = array.dictionary
    if pa.types.is_nested(values.type) or pa.types.is_binary(values.type):
        return None
    return IdColumn(codes, values)


def clean_ids(raw: IdColumn, *, as_written: bool) -> IdColumn:
    """Return integers as int64, all else as trimmed text; floats become integers if a nan made them float.

    A text column becomes integers only where its file has no types (`as_written`, CSV) and every
    text is the plain form of an integer: "007" stays a text.
    """
    values, codes = raw.values, raw.codes
    if pa.types.is_floating(values.type):
        numbers = values.to_numpy(zero_copy_only=False).astype(np.float64)
        nan = np.isnan(numbers)
        whole = np.where(nan, 0.0, numbers)
        if np.all(np.isfinite(whole)) and np.all(whole == np.round(whole)) and np.all(abs(whole) < 2**53):
            return IdColumn(_drop(codes, nan), pa.array(whole.astype(np.int64)))
        return IdColumn(_drop(codes, nan), pa.array([str(v) for v in numbers.tolist()]))
    if pa.types.is_integer(values.type):
        try:
            return IdColumn(codes, values.cast(pa.int64()))
        except pa.ArrowInvalid:
            return IdColumn(codes, values.cast(pa.string()))
    text = pc.utf8_trim_whitespace(values.cast(pa.string()))
    void = pc.fill_null(pc.equal(text, ""), True).to_numpy(zero_copy_only=False)
    codes = _drop(codes, void)
    text = text.fill_null("")
    if not text.equals(values):  # texts that differed by outer spaces are one id now
        again = text.dictionary_encode()
        place = again.indices.to_numpy(zero_copy_only=False).astype(np.int32)
        codes = np.append(place, -1).astype(np.int32)[codes]
        text = again.dictionary
        void = pc.equal(text, "").to_numpy(zero_copy_only=False)
    used = text.filter(pa.array(~void)) if void.any() else text
    if as_written and len(used) and pc.all(pc.match_substring_regex(used, _INTEGER)).as_py():
        return IdColumn(codes, pc.if_else(pa.array(void), "0", text).cast(pa.int64()))
    return IdColumn(codes, text)


def _drop(codes: Array, void: Array) -> Array:
    if not void.any():
        return codes
    return np.where(np.append(void, True)[codes], -1, codes).astype(np.int32)


SHOWN = 5
"""How many ids a message names."""

_MAY_BE_EMPTY = ("injections",)
"""Tables that may be empty below the header: the scenario then has none of these."""

_NUMBER = r"^[+-]?((\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?|[iI][nN][fF]([iI][nN][iI][tT][yY])?|[nN][aA][nN])$"


class ScenarioTable:
    """One table, its columns converted on demand; problems go to the list of issues."""

    def __init__(self, name: str, source: Source, issues: list[Issue]) -> None:
        self.name, self.source, self.issues = name, source, issues
        self.rows = source.rows
        self.columns = columns_of(name, source.names)
        self.rejected = np.zeros(self.rows, bool)
        self.nested = False
        self._label: Callable[[int], str] = lambda row: f"row {row + 1}"
        names = source.names
        if not source.readable:  # reported where it was opened
            return
        if names and not any(name in self.columns for name in names):
            needed = ", ".join(c.name for c in self.columns.values() if c.required)
            problem = f"none of its columns is known: {', '.join(map(repr, names[:8]))}"
            self.issue("", problem, f"Begin with a line of column names, at least {needed}")
            return
        for column in sorted({c for c in names if names.count(c) > 1}):
            self.issue(column, "the column occurs more than once", "Keep one of them")
        for column in names:
            if column not in self.columns and not column.startswith("x_"):
                hint = did_you_mean(column, self.columns)
                fix = f"Rename it ({hint}), or start its name with x_ to carry it along"
                self.issue(column, f"unknown column {column!r}", fix)
        for spec in self.columns.values():
            if spec.required and spec.name not in names:
                self.issue(spec.name, "the column is missing", f"Add it: {spec.meaning}")
        if not self.rows and name not in _MAY_BE_EMPTY:
            self.issue("", "the table has no rows", "Fill it, or check how it was written")

    def issue(self, field: str, problem: str, fix: str, rows: Array | None = None) -> None:
        """Report a problem, with the first few rows it concerns."""
        shown = () if rows is None else tuple(self._label(int(row)) for row in rows[:SHOWN])
        count = 1 if rows is None else len(rows)
        self.issues.append(Issue(self.name, field, problem, fix, shown, count))

    def label_rows(self, *ids: IdColumn, unique: bool) -> None:
        """Name rows by their (first filled) id from now on, with the row number where ids repeat."""

        def label(row: int) -> str:
            name = next((column.text(row) for column in ids if column.codes[row] >= 0), None)
            if name is None:
                return f"row {row + 1}"
            return name if unique else f"{name} (row {row + 1})"

        self._label = label

    @property
    def usable(self) -> bool:
        """Whether the table has rows and every column that it needs."""
        return self.rows > 0 and all(self.has(c.name) for c in self.columns.values() if c.required)

    def has(self, column: str) -> bool:
        """Return whether the table has this column."""
        return column in self.source.names

    def extras(self) -> list[str]:
        """Return the names of the columns carried along."""
        return [name for name in dict.fromkeys(self.source.names) if name.startswith("x_")]

    def numbers(self, name: str, *, default: float | Array | None = None) -> Array:
        """Return a column as float64, shape (rows,).

        Empty cells of an optional column mean `default`, by default the schema's, nan where it has
        none. Unusable cells are reported, take a stand-in and mark their row in `rejected`. nan and
        inf pass: what they mean depends on the column, and `check` judges them.
        """
        spec = self.columns.get(name, Column(name))
        if default is None:
            default = spec.stand_in if spec.required else spec.default
        filling = np.broadcast_to(np.asarray(np.nan if default is None else default, float), (self.rows,))
        if not self.has(name):
            return filling.copy()
        column, unusable = self._parsed(self.source.column(name), spec)
        if not column.null_count:
            return _numpy(column)
        missing = _numpy(column.is_null())
        if spec.required:
            blank = np.flatnonzero(missing & ~unusable)
            if len(blank):
                self.issue(name, "the cell is empty", f"Fill it: {spec.meaning}", blank)
            self.rejected |= missing
        values = _numpy(column.fill_null(0.0)).copy()
        values[missing] = filling[missing]
        return values

    def _parsed(self, column: pa.ChunkedArray, spec: Column) -> tuple[pa.ChunkedArray, Array]:
        """Return a column as float64 with null where empty or unusable, and which cells are unusable."""
        none = np.zeros(1, bool)
        kind = column.type
        if pa.types.is_float64(kind):
            return column, none
        if pa.types.is_dictionary(kind):
            column = column.cast(kind.value_type)
            kind = column.type
        if pa.types.is_null(kind):
            return pa.chunked_array([pa.nulls(self.rows, pa.float64())]), none
        if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
            return column.cast(pa.float64(), safe=False), none
        if _is_text(kind):
            text = pc.utf8_trim_whitespace(column.cast(pa.string()))
            text = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
            good = pc.match_substring_regex(text, _NUMBER)
            unusable = _numpy(pc.fill_null(pc.invert(good), False))
            if unusable.any():
                rows = np.flatnonzero(unusable)
                value = text[int(rows[0])].as_py()
                self.issue(spec.name, f"{value!r} is not {spec.meaning}", _number_advice(value, spec), rows)
            text = pc.if_else(pc.fill_null(good, False), text, pa.scalar(None, pa.string()))
            return pc.cast(text, pa.float64()), unusable
        filled = _numpy(column.is_valid())
        rows = np.flatnonzero(filled)
        if len(rows):
            fix = f"Give {spec.meaning}"
            if pa.types.is_temporal(kind) and spec.name.endswith("_min"):
                fix = "Give minutes since the start of the horizon, not dates or times of day"
            value = column[int(rows[0])].as_py()
            self.issue(spec.name, f"{str(value)!r} is of the type {kind}, not {spec.meaning}", fix, rows)
        return pa.chunked_array([pa.nulls(self.rows, pa.float64())]), filled

    def flags(self, name: str) -> Array:
        """Return a true/false column as bool, shape (rows,); empty cells mean the schema's default."""
        spec = self.columns[name]
        filling = np.full(self.rows, bool(spec.default))
        if not self.has(name):
            return filling
        column = encoded(self.source.column(name))
        if column is None:
            self.issue(name, "the column holds lists or structures", "Write true or false")
            return filling
        values = column.values.to_pylist()
        words = [_flag(value) for value in values]
        blank = np.append(np.array([str(value).strip() == "" for value in values], bool), True)[column.codes]
        unknown = np.append(np.array([word is None for word in words], bool), False)[column.codes]
        wrong = np.flatnonzero(unknown & ~blank)
        if len(wrong):
            shown = str(column.text(int(wrong[0])))
            self.issue(name, f"{shown!r} is neither true nor false", "Write true or false", wrong)
        known = np.append(np.array([bool(word) for word in words], bool), False)[column.codes]
        return np.asarray(np.where(blank, filling, known))

    def ids(self, name: str) -> IdColumn:
        """Return a column of ids, outer spaces removed; all empty where the column is absent."""
        nothing = IdColumn(np.full(self.rows, -1, np.int32), pa.array([], pa.string()))
        if not self.has(name):
            return nothing
        column_ids = encoded(self.source.column(name))
        if column_ids is None:
            self.issue(name, "the column holds lists or structures", f"Give {self.columns[name].meaning}")
            self.nested = True
            return nothing
        return clean_ids(column_ids, as_written=self.source.textual)

    def filled(self, name: str, ids: IdColumn) -> None:
        """Report rows whose id is empty."""
        rows = np.flatnonzero(ids.codes < 0)
        if len(rows) and self.has(name) and not self.nested:
            self.issue(
                name, "the id is empty", f"Fill it ({self.columns[name].meaning}), or remove the row", rows
            )

    def values(self, name: str) -> Array | None:
        """Return a column carried along: float64 if it holds numbers, else text; None if absent."""
        if not self.has(name):
            return None
        column = self.source.column(name)
        spec = self.columns.get(name)
        if spec is not None and spec.kind == "number":
            return self.numbers(name)
        kind = column.type
        if spec is None and (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            return _numpy(column.cast(pa.float64(), safe=False))
        column_ids = encoded(column)
        if column_ids is None:
            self.issue(name, "the column holds lists or structures", "Give texts or numbers")
            return None
        words = np.append(np.asarray(column_ids.values.cast(pa.string()).to_pylist(), object), "")
        return np.asarray(words[column_ids.codes])


def _numpy(column: pa.ChunkedArray) -> Array:
    values: Array = flat(column).to_numpy(zero_copy_only=False)
    return values


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _flag(value: Any) -> bool | None:
    """Return the flag that a cell states; None if it states neither."""
    text = str(value).strip().lower()
    if text in ("true", "yes", "1", "1.0", "t", "y"):
        return True
    return False if text in ("false", "no", "0", "0.0", "f", "n") else None


def _number_advice(value: str, spec: Column) -> str:
    plain = value.replace(" ", "")
    if "," in plain and plain.replace(",", "").replace(".", "").lstrip("+-").isdigit():
        return "Write a decimal point and no thousands separator"
    if ":" in plain or plain.count("-") >= 2 or plain.count("/") >= 2:
        if not spec.name.endswith("_min"):
            return f"Give {spec.meaning}"
        if spec.meaning.startswith("minutes of the day"):
            return f"Give {spec.meaning}: 510 for 8:30"
        return "Give minutes since the start of the horizon, not dates or times of day"
    if plain.endswith("%"):
        return "Write a fraction: 0.8 for 80 %"
    if plain[:1].isdigit():
        return "Write the number alone; units stand in the column's name"
    if plain.lower() in {"na", "n/a", "null", "none", "-", "?", "#n/a"}:
        return "Fill the cell; where the column is optional, leave it empty"
    return "Write a number"


class ScenarioTables:
    """The tables of a scenario by name; those that are absent or unreadable are reported."""

    def __init__(self, sources: Mapping[str, Source], issues: list[Issue]) -> None:
        self._sources, self._issues = sources, issues

    def __contains__(self, name: str) -> bool:
        return name in self._sources

    def require(self, *names: str) -> None:
        """Report those tables that are missing."""
        for name in names:
            if name not in self:
                columns = ", ".join(c.name for c in TABLES[name].values() if c.required)
                fix = f"Add {name}.parquet or {name}.csv with the columns {columns}"
                self._issues.append(Issue(name, "", "the table is missing", fix))

    def open(self, name: str) -> ScenarioTable:
        """Return the table, or an empty one if it is absent."""
        return ScenarioTable(name, self._sources.get(name, MemoryTable.unreadable()), self._issues)

    @classmethod
    def of_folder(cls, folder: Path, issues: list[Issue]) -> ScenarioTables:
        """Open each table's ``<table>.parquet`` or ``<table>.csv``; Parquet wins, with a warning."""
        sources: dict[str, Source] = {}
        for path in sorted(folder.iterdir()):
            suffix, name = path.suffix.lower(), path.stem
            if suffix not in {".parquet", ".csv"} or path.name.startswith("."):
                continue
            if name not in TABLES:
                fix = f"Rename or move it ({did_you_mean(name, TABLES)})"
                issues.append(Issue(path.name, "", f"{name!r} is no table of a scenario", fix))
                continue
            if suffix == ".csv" and path.with_suffix(".parquet").exists():
                other = path.with_suffix(".parquet").name
                text = f"{path.name} is not read, {other} stands beside it"
                warnings.warn(text, ScenarioWarning, stacklevel=3)
                continue
            try:
                reader = ParquetTable if suffix == ".parquet" else CsvFile
                sources[name] = reader(path, issues)
            except Unreadable as error:
                issues.append(Issue(path.name, "", error.problem, error.fix))
                sources[name] = MemoryTable.unreadable()
        return cls(sources, issues)

    @classmethod
    def of_frames(cls, tables: Mapping[str, Any], issues: list[Issue]) -> ScenarioTables:
        """Take pandas DataFrames, or anything that pyarrow can turn into a table."""
        sources: dict[str, Source] = {}
        for name, frame in tables.items():
            if name in TABLES:
                try:
                    sources[name] = MemoryTable.of_frame(frame)
                except Unreadable as error:
                    issues.append(Issue(name, "", error.problem, error.fix))
                    sources[name] = MemoryTable.unreadable()
            else:
                fix = f"Correct its name ({did_you_mean(str(name), TABLES)})"
                issues.append(Issue(str(name), "", f"{name!r} is no table of a scenario", fix))
        return cls(sources, issues)
