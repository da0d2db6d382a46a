"""Where a table's columns come from: a Parquet file, a CSV file, or memory."""

from __future__ import annotations

import codecs
import os
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from tidewatt.errors import Issue
from tidewatt.io.scenario.schema import TABLES

__all__ = ["CsvFile", "MemoryTable", "ParquetTable", "Source", "Unreadable"]


_SAVE_AS_UTF8 = "Save it as CSV with the encoding UTF-8 (not Latin-1 or Windows-1252)"


class Unreadable(Exception):
    """A file that is not a table."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(problem)
        self.problem, self.fix = problem, fix


class Source(Protocol):
    """Columns by name. `textual`: the file has no types, so ids are taken as written.

    `readable` is False for a file that could not be read, which has been reported already.
    """

    names: list[str]
    rows: int
    textual: bool
    readable: bool

    def column(self, name: str) -> pa.ChunkedArray:
        """Read and return a column."""


class ParquetTable:
    """A Parquet file, read column by column so that one column at a time is in memory twice."""

    textual = False
    readable = True

    def __init__(self, path: Path, issues: list[Issue]) -> None:
        self._path = path
        try:
            ids = [c.name for spec in TABLES.values() for c in spec.values() if c.kind != "number"]
            self._file = pq.ParquetFile(
                path,
                read_dictionary=_text_columns(path, ids),
                memory_map=os.name != "nt",  # there a mapped file could not be replaced
                page_checksum_verification=True,
            )
            self.names = [str(name) for name in self._file.schema_arrow.names]
            self.rows = int(self._file.metadata.num_rows)
            self._spoilt: set[str] = set()
        except (pa.ArrowException, OSError, ValueError) as error:
            raise _unreadable_parquet(path, error) from error
        self._issues = issues

    def column(self, name: str) -> pa.ChunkedArray:
        """Return a column; where its pages are damaged, return nulls and report an issue."""
        try:
            column = self._file.read(columns=[name], use_threads=True).column(0)
            column.validate(
                full=True
            )  # damage may decode: indices beyond a dictionary, bytes that are no text
            if len(column) != self.rows:
                raise ValueError(f"{len(column)} rather than {self.rows} rows")
            return column
        except (pa.ArrowException, OSError, ValueError, IndexError) as error:
            if name not in self._spoilt:
                self._spoilt.add(name)
                problem = f"the column cannot be read ({_first_line(error)})"
                self._issues.append(Issue(self._path.name, name, problem, "Write or copy the file again"))
            return pa.chunked_array([pa.nulls(self.rows)])


def _text_columns(path: Path, ids: list[str]) -> list[str]:
    schema = pq.read_schema(path)
    return [
        f.name
        for f in schema
        if f.name in ids and (pa.types.is_string(f.type) or pa.types.is_large_string(f.type))
    ]


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__


def _unreadable_parquet(path: Path, error: BaseException) -> Unreadable:
    if isinstance(error, PermissionError):
        return Unreadable("permission denied", "Check the permissions of the file")
    if path.is_dir():
        return Unreadable("it is a folder, not a file", "Write the table into one file")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as failure:
        return Unreadable(f"it cannot be read ({failure.strerror})", "Check the permissions of the file")
    if size == 0:
        return Unreadable("the file is empty", "Write the table again")
    if start != b"PAR1":
        return Unreadable(
            "it is not a Parquet file", f"Name it {path.stem}.csv if it is CSV, or write it again"
        )
    return Unreadable("the Parquet file is truncated or damaged", "Write or copy the file again")


class MemoryTable:
    """A table in memory."""

    textual = False

    def __init__(self, table: pa.Table, *, readable: bool = True) -> None:
        self._table, self.readable = table, readable
        self.names = [str(name) for name in table.column_names]
        self.rows = table.num_rows

    @classmethod
    def unreadable(cls) -> MemoryTable:
        """Return a placeholder for a table that could not be read."""
        return cls(pa.table({}), readable=False)

    @classmethod
    def of_frame(cls, frame: Any) -> MemoryTable:
        """Wrap a pandas DataFrame (ignoring its index), a pyarrow Table or a mapping of columns."""
        if isinstance(frame, pa.Table):
            return cls(frame)
        try:
            pairs = [(str(name), frame.iloc[:, i]) for i, name in enumerate(frame.columns)]
        except AttributeError:
            try:
                pairs = [(str(name), column) for name, column in dict(frame).items()]
            except (TypeError, ValueError) as error:
                problem = f"a {type(frame).__name__} is no table"
                raise Unreadable(problem, "Give a pandas DataFrame") from error
        arrays = [_array(column) for _, column in pairs]
        if len({len(array) for array in arrays}) > 1:
            raise Unreadable("its columns differ in length", "Give every column the same number of rows")
        return cls(pa.Table.from_arrays(arrays, names=[name for name, _ in pairs]))

    def column(self, name: str) -> pa.ChunkedArray:
        """Return a column; the first where the name occurs twice."""
        return self._table.column(self.names.index(name))


def _array(column: Any) -> pa.Array | pa.ChunkedArray:
    try:
        return pa.array(column, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):  # cells of several types
        cells = [None if _void(cell) else _plain(cell) for cell in column]
        return pa.array(cells, pa.string())


def _void(cell: Any) -> bool:
    return cell is None or (isinstance(cell, float) and cell != cell)


def _plain(cell: Any) -> str:
    text = str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)
    return text.encode("utf-8", "replace").decode("utf-8")


class CsvFile(MemoryTable):
    """A CSV file: UTF-8, a header line, cells separated by comma, semicolon or tab."""

    textual = True

    def __init__(self, path: Path, issues: list[Issue]) -> None:
        try:
            with path.open("rb") as file:
                head = file.read(1 << 16)
        except IsADirectoryError:
            raise Unreadable("it is a folder, not a file", "Write the table into one file") from None
        except OSError as error:
            problem = f"the file cannot be read ({error.strerror})"
            raise Unreadable(problem, "Check the permissions of the file") from error
        _refuse_foreign_bytes(path, head)
        _require_utf8(path)
        header = (
            head.removeprefix(codecs.BOM_UTF8).lstrip(b"\r\n").split(b"\n", 1)[0].decode("utf-8", "replace")
        )
        separator = max(",;\t", key=header.count)
        ragged: list[str] = []

        def skip(row: Any) -> str:
            ragged.append(f"{row.actual_columns} cells rather than {row.expected_columns}: {row.text!r}")
            return "skip"

        parse = pcsv.ParseOptions(
            delimiter=separator, newlines_in_values=b'"' in head, invalid_row_handler=skip
        )
        table = _read(path, parse, ragged)
        names = [name.strip().strip('"') for name in table.column_names]
        table = table.rename_columns(names)
        if ragged:
            fix = "Give each row as many cells as the header; use decimal points and quote texts with commas"
            issues.append(Issue(path.stem, "", f"a row has {ragged[0]}", fix, count=len(ragged)))
        super().__init__(_without_blank_rows(table))


def _refuse_foreign_bytes(path: Path, head: bytes) -> None:
    if not head.strip():
        raise Unreadable("the file is empty", "Write the table with a header line and rows")
    if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) or head[1:2] == b"\0":
        raise Unreadable("the file is encoded in UTF-16", "Save it with the encoding UTF-8")
    if head[:4] == b"PAR1":
        raise Unreadable("it is a Parquet file", f"Name it {path.stem}.parquet")
    if head[:2] == b"PK":
        raise Unreadable("it is a spreadsheet or archive, not CSV", "Export the sheet as CSV (UTF-8)")
    if head[:2] == b"\x1f\x8b":
        raise Unreadable("it is compressed", "Unpack it, or write Parquet")


def _read(path: Path, parse: pcsv.ParseOptions, ragged: list[str]) -> pa.Table:
    known = TABLES[path.stem]
    numbers = {c.name: pa.float64() if c.kind == "number" else pa.string() for c in known.values()}
    options = {"strings_can_be_null": True, "quoted_strings_can_be_null": True, "null_values": [""]}
    try:
        return pcsv.read_csv(
            path, parse_options=parse, convert_options=pcsv.ConvertOptions(column_types=numbers, **options)
        )
    except (pa.ArrowException, OSError, ValueError):
        # Some cell is no number: take every cell as text, and find it later.
        ragged.clear()
        try:
            names = pcsv.open_csv(path, parse_options=parse).schema.names
        except (pa.ArrowException, OSError, ValueError):
            names = []
        texts = {name: pa.string() for name in [*names, *numbers]}
        ragged.clear()
        try:
            return pcsv.read_csv(
                path, parse_options=parse, convert_options=pcsv.ConvertOptions(column_types=texts, **options)
            )
        except (pa.ArrowException, OSError, ValueError) as error:
            problem = f"the file is not CSV ({_first_line(error)})"
            raise Unreadable(problem, "Write it again with a header line and rows") from error


def _require_utf8(path: Path) -> None:
    """Decode the file once, as what pyarrow makes of an invalid byte depends on its position."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    before = 0
    with path.open("rb") as file:
        while block := file.read(1 << 24):
            if b"\0" in block:
                raise Unreadable("it holds NUL bytes, so it is not text", _SAVE_AS_UTF8)
            kept = len(decoder.getstate()[0])
            try:
                decoder.decode(block)
            except UnicodeDecodeError as bad:
                line = 1 + before + block[: max(bad.start - kept, 0)].count(b"\n")
                problem = f"line {line} is not UTF-8 (byte 0x{bad.object[bad.start]:02x})"
                raise Unreadable(problem, _SAVE_AS_UTF8) from bad
            before += block.count(b"\n")
        if decoder.getstate()[0]:
            raise Unreadable("the file ends in the middle of a character", "Write or copy the file again")


def _without_blank_rows(table: pa.Table) -> pa.Table:
    """Drop rows of separators alone, with which spreadsheets end tables."""
    if not table.num_columns or any(column.null_count == 0 for column in table.columns):
        return table
    blank = table.column(0).is_null()
    for column in table.columns[1:]:
        blank = pc.and_(blank, column.is_null())
    return table.filter(pc.invert(blank))
