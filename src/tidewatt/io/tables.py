"""Tables of a scenario folder, or in memory, with every column checked for type and presence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidewatt.domain.arrays import Array
from tidewatt.errors import Issue
from tidewatt.io.files import CsvFile, MemoryTable, ParquetTable, Source, Unreadable
from tidewatt.io.schema import OTHER_TABLES, TABLES, Column, did_you_mean

__all__ = ["SHOWN", "IdColumn", "Table", "Tables"]

SHOWN = 5
"""How many ids a message names."""

_NUMBER = r"^[+-]?((\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?|[iI][nN][fF]([iI][nN][iI][tT][yY])?|[nN][aA][nN])$"
_INTEGER = r"^(0|-?[1-9][0-9]{0,17})$"


@dataclass(frozen=True, slots=True)
class IdColumn:
    """A column of ids: each row's position among the distinct values, -1 where the cell is empty."""

    codes: Array
    values: pa.Array

    def text(self, row: int) -> str:
        """The id of a row as the user wrote it."""
        code = int(self.codes[row])
        return "(empty)" if code < 0 else str(self.values[code].as_py())

    def positions(self, known: pa.Array) -> Array:
        """Position of each row's id in `known`: -1 where empty, -2 where unknown.

        Ids match by what is written: 7 and "7" are the same id, "007" is another.
        """
        values = self.values
        if values.type != known.type:
            values, known = values.cast(pa.string()), known.cast(pa.string())
        found = pc.index_in(values, value_set=known).fill_null(-2).to_numpy(zero_copy_only=False)
        return np.asarray(np.append(found, -1).astype(np.int32)[self.codes])


class Table:
    """One table, its columns converted on demand; problems go to the list of issues."""

    def __init__(self, name: str, source: Source, issues: list[Issue]) -> None:
        self.name, self.source, self.issues = name, source, issues
        self.rows = source.rows
        self.columns = TABLES[name]
        self.rejected = np.zeros(self.rows, bool)
        self._label: Callable[[int], str] = lambda row: f"row {row + 1}"
        names = source.names
        if not source.readable:  # reported where it was opened
            return
        for column in sorted({c for c in names if names.count(c) > 1}):
            self.issue(column, "the column occurs more than once", "Keep one of them")
        for column in names:
            if column not in self.columns and not column.startswith("x_"):
                hint = did_you_mean(column, [c for c in self.columns if c not in names] or self.columns)
                fix = f"Rename it ({hint}), or start its name with x_ to carry it along"
                self.issue(column, f"unknown column {column!r}", fix)
        for spec in self.columns.values():
            if spec.required and spec.name not in names:
                self.issue(spec.name, "the column is missing", f"Add it: {spec.meaning}")
        if not self.rows:
            self.issue("", "the table has no rows", "Fill it, or check how it was written")

    def issue(self, field: str, problem: str, fix: str, rows: Array | None = None) -> None:
        """Report a problem, with the first few rows it concerns."""
        shown = () if rows is None else tuple(self._label(int(row)) for row in rows[:SHOWN])
        count = 1 if rows is None else len(rows)
        self.issues.append(Issue(self.name, field, problem, fix, shown, count))

    def label_rows(self, ids: IdColumn, *, unique: bool) -> None:
        """Name rows by an id from now on, with the row number where ids repeat."""
        if unique:
            self._label = ids.text
        else:
            self._label = lambda row: f"{ids.text(row)} (row {row + 1})"

    def has(self, column: str) -> bool:
        """Whether the table has this column."""
        return column in self.source.names

    def extras(self) -> list[str]:
        """Names of the columns carried along."""
        return [name for name in dict.fromkeys(self.source.names) if name.startswith("x_")]

    def numbers(self, name: str, *, default: float | Array | None = None) -> Array:
        """A column as float64, shape (rows,).

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
        """Column as float64 with null where empty or unusable, and which cells are unusable."""
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
                self.issue(spec.name, f"{value!r} is not {spec.meaning}", _number_advice(value), rows)
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

    def ids(self, name: str, *, required: bool | None = None) -> IdColumn:
        """A column of ids, outer spaces removed; empty cells are reported where it is required."""
        spec = self.columns[name]
        if not self.has(name):
            return IdColumn(np.full(self.rows, -1, np.int32), pa.array([], pa.string()))
        encoded = _encoded(self.source.column(name))
        if encoded is None:
            self.issue(name, "the column holds lists or structures", f"Give {spec.meaning}")
            return IdColumn(np.full(self.rows, -1, np.int32), pa.array([], pa.string()))
        ids = _clean_ids(encoded, as_written=self.source.textual)
        if (spec.required if required is None else required) and (ids.codes < 0).any():
            rows = np.flatnonzero(ids.codes < 0)
            self.issue(name, "the id is empty", f"Fill it ({spec.meaning}), or remove the row", rows)
        return ids

    def values(self, name: str) -> Array | None:
        """A column carried along: float64 where it holds numbers, else texts; None where absent."""
        if not self.has(name):
            return None
        column = self.source.column(name)
        spec = self.columns.get(name)
        if spec is not None and spec.kind == "number":
            return self.numbers(name)
        kind = column.type
        if spec is None and (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            return _numpy(column.cast(pa.float64(), safe=False))
        encoded = _encoded(column)
        if encoded is None:
            self.issue(name, "the column holds lists or structures", "Give texts or numbers")
            return None
        words = np.append(np.asarray(encoded.values.cast(pa.string()).to_pylist(), object), "")
        return np.asarray(words[encoded.codes])


def _flat(column: pa.ChunkedArray) -> pa.Array:
    array = column.combine_chunks()
    return array.chunk(0) if isinstance(array, pa.ChunkedArray) else array


def _numpy(column: pa.ChunkedArray) -> Array:
    values: Array = _flat(column).to_numpy(zero_copy_only=False)
    return values


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _encoded(column: pa.ChunkedArray) -> IdColumn | None:
    """Distinct values and their positions; None where cells are no scalars."""
    kind = column.type
    if pa.types.is_null(kind):
        return IdColumn(np.full(len(column), -1, np.int32), pa.array([], pa.string()))
    if pa.types.is_nested(kind) and not pa.types.is_dictionary(kind):
        return None
    if not pa.types.is_dictionary(kind):
        column = column.dictionary_encode()
    array = _flat(column.unify_dictionaries()) if column.num_chunks != 1 else column.chunk(0)
    if len(array) == 0:
        return IdColumn(np.zeros(0, np.int32), pa.array([], pa.string()))
    codes = array.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32, copy=False)
    values = array.dictionary
    if pa.types.is_nested(values.type) or pa.types.is_binary(values.type):
        return None
    return IdColumn(codes, values)


def _clean_ids(raw: IdColumn, *, as_written: bool) -> IdColumn:
    """Integers as int64, all else as trimmed text; whole floats are integers that met a nan.

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
    used = text.filter(pa.array(~void)) if void.any() else text
    if as_written and len(used) and pc.all(pc.match_substring_regex(used, _INTEGER)).as_py():
        return IdColumn(codes, pc.if_else(pa.array(void), "0", text).cast(pa.int64()))
    return IdColumn(codes, text)


def _drop(codes: Array, void: Array) -> Array:
    if not void.any():
        return codes
    return np.where(np.append(void, True)[codes], -1, codes).astype(np.int32)


def _number_advice(value: str) -> str:
    plain = value.replace(" ", "")
    if "," in plain and plain.replace(",", "").replace(".", "").lstrip("+-").isdigit():
        return "Write a decimal point and no thousands separator"
    if ":" in plain or plain.count("-") >= 2 or plain.count("/") >= 2:
        return "Give minutes since the start of the horizon, not dates or times of day"
    if plain.endswith("%"):
        return "Write a fraction: 0.8 for 80 %"
    if plain[:1].isdigit():
        return "Write the number alone; units stand in the column's name"
    if plain.lower() in {"na", "n/a", "null", "none", "-", "?", "#n/a"}:
        return "Fill the cell; where the column is optional, leave it empty"
    return "Write a number"


class Tables:
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

    def open(self, name: str) -> Table:
        """The table; an empty one where it is absent."""
        return Table(name, self._sources.get(name, MemoryTable.unreadable()), self._issues)

    @classmethod
    def of_folder(cls, folder: Path, issues: list[Issue]) -> Tables:
        """Open ``<table>.parquet`` or ``<table>.csv`` of every table; Parquet wins."""
        sources: dict[str, Source] = {}
        for path in sorted(folder.iterdir()):
            suffix, name = path.suffix.lower(), path.stem
            if suffix not in {".parquet", ".csv"} or path.name.startswith("."):
                continue
            if name not in TABLES:
                if name not in OTHER_TABLES:
                    fix = f"Rename or move it ({did_you_mean(name, TABLES)})"
                    issues.append(Issue(path.name, "", f"{name!r} is no table of a scenario", fix))
                continue
            if suffix == ".csv" and path.with_suffix(".parquet").exists():
                continue
            try:
                reader = ParquetTable if suffix == ".parquet" else CsvFile
                sources[name] = reader(path, issues)
            except Unreadable as error:
                issues.append(Issue(path.name, "", error.problem, error.fix))
                sources[name] = MemoryTable.unreadable()
        return cls(sources, issues)

    @classmethod
    def of_frames(cls, tables: Mapping[str, Any], issues: list[Issue]) -> Tables:
        """Take pandas DataFrames, or whatever pyarrow makes a table of."""
        sources: dict[str, Source] = {}
        for name, frame in tables.items():
            if name in TABLES:
                try:
                    sources[name] = MemoryTable.of_frame(frame)
                except Unreadable as error:
                    issues.append(Issue(name, "", error.problem, error.fix))
                    sources[name] = MemoryTable.unreadable()
            elif name not in OTHER_TABLES:
                fix = f"Correct its name ({did_you_mean(str(name), TABLES)})"
                issues.append(Issue(str(name), "", f"{name!r} is no table of a scenario", fix))
        return cls(sources, issues)
