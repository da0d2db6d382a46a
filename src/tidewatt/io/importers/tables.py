"""Read foreign tables from CSV, Parquet or workbooks, and find columns that go by several names."""

from __future__ import annotations

import csv
import difflib
import gzip
import io
import lzma
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from tidewatt.domain.arrays import Array
from tidewatt.errors import Issue, ScenarioError

__all__ = [
    "FrameColumns",
    "Sheet",
    "a_folder",
    "nearest_words",
    "read_sheets",
    "read_table",
    "tables_of",
    "unreadable",
]

Sheet = list[list[Any]]
"""Rows of cells; an empty cell is an empty string."""


def unreadable(path: Path, problem: str, fix: str) -> ScenarioError:
    """Return the error for a file that cannot be read at all."""
    return ScenarioError([Issue(path.name, "", problem, fix)])


def a_folder(path: Path, *patterns: str) -> ScenarioError:
    """Return the error for a folder given in place of a file, listing the files that may be meant."""
    there = sorted({file.name for pattern in patterns for file in path.glob(pattern)})
    fix = f"Name the file in it: {', '.join(there[:3])}" if there else "Name a file"
    return ScenarioError([Issue(str(path), "", "it is a folder, not a file", fix)])


def read_sheets(path: Path) -> dict[str, Sheet]:
    """Return every sheet of a file, by name; a CSV file is one sheet.

    Raises
    ------
    ScenarioError
        The file is absent, truncated, of another kind than its name says, or not UTF-8.
    """
    if path.is_dir():
        raise a_folder(path, "*.xlsx", "*.csv*")
    if not path.is_file():
        raise unreadable(path, f"no such file: {path}", "Check the path")
    if path.suffix.lower() in (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"):
        return _workbook(path)
    try:
        raw = path.read_bytes()
        if raw[:2] == b"\x1f\x8b":
            raw = gzip.decompress(raw)
        rows = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"))))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise unreadable(path, f"the gzip stream is broken ({error})", "Fetch the file again") from error
    except UnicodeDecodeError as error:
        raise unreadable(
            path, f"byte {error.start} is not UTF-8", "Save the table as UTF-8 CSV, or give the xlsx"
        ) from error
    except (OSError, csv.Error) as error:
        raise unreadable(path, str(error), "Give a readable CSV, CSV.gz or xlsx file") from error
    return {path.name: [list(row) for row in rows]}


def _workbook(path: Path) -> dict[str, Sheet]:
    import python_calamine as calamine

    try:
        book = calamine.CalamineWorkbook.from_path(str(path))
        return {
            name: book.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in book.sheet_names
        }
    # calamine raises a family of its own errors, and plain ones for broken archives.
    except Exception as error:
        raise unreadable(
            path, f"not a readable workbook ({error})", "Fetch the file again, or save it as xlsx"
        ) from error


_TABLES = (".parquet", ".csv")


def tables_of(path: Path) -> list[Path]:
    """Return a folder's Parquet and CSV files by name; of a table in both formats, the Parquet one.

    Else `path`.

    Raises
    ------
    ScenarioError
        A folder without any.
    """
    if not path.is_dir():
        return [path]
    # Parquet comes last, so that it takes the place of a CSV file of the same name.
    files = sorted(path.iterdir(), key=lambda file: file.suffix.lower() == ".parquet")
    shown = [file for file in files if not file.name.startswith(".") and file.is_file()]
    tables = {file.stem: file for file in shown if file.suffix.lower() in _TABLES}
    if not tables:
        raise unreadable(
            path, "the folder holds no .parquet and no .csv file", "Name the tables, or their folder"
        )
    return sorted(tables.values())


def read_table(path: Path) -> pd.DataFrame:
    """Return a table with its columns as given; CSV (also gzip or xz) or Parquet, detected by content.

    Raises
    ------
    ScenarioError
        The file is absent, truncated, empty or not UTF-8.
    """
    if path.is_dir():
        raise a_folder(path, "*.parquet", "*.csv*")
    if not path.is_file():
        raise unreadable(path, f"no such file: {path}", "Check the path")
    with path.open("rb") as stream:
        head = stream.read(6)
    try:
        if head[:4] == b"PAR1":
            return pd.read_parquet(path)
        compression: Literal["gzip", "xz"] | None = None
        if head[:2] == b"\x1f\x8b":
            compression = "gzip"
        elif head == b"\xfd7zXZ\x00":
            compression = "xz"
        return pd.read_csv(path, encoding="utf-8-sig", compression=compression, low_memory=False)
    except UnicodeDecodeError as error:
        raise unreadable(path, f"byte {error.start} is not UTF-8", "Save the table as UTF-8") from error
    except pd.errors.EmptyDataError as error:
        raise unreadable(path, "the file is empty", "Give a table with a header and rows") from error
    except (pd.errors.ParserError, pa.ArrowException, EOFError, OSError, zlib.error, lzma.LZMAError) as error:
        text = " ".join(str(error).split())[:200]
        raise unreadable(path, f"not a readable CSV or Parquet table ({text})", "Fetch it again") from error


def nearest_words(value: str, known: Iterable[str], count: int = 3) -> str:
    """Return the known words nearest to `value`, ignoring case, as a phrase; all of them if none is near."""
    words = list(known)
    lower = {word.casefold(): word for word in words}
    near = difflib.get_close_matches(value.casefold(), list(lower), count, 0.5)
    return " or ".join(lower[word] for word in near) if near else ", ".join(words)


_SHOWN = 5
_TRUE, _FALSE = ("true", "1", "1.0", "yes", "t"), ("false", "0", "0.0", "no", "f")


class FrameColumns:
    """A table with lower-case column names; problems go to the list of issues."""

    def __init__(self, name: str, frame: pd.DataFrame, issues: list[Issue]) -> None:
        self.name, self.issues = name, issues
        self.frame = frame
        self._places = {
            str(column).strip().lower(): k for k, column in reversed(list(enumerate(frame.columns)))
        }
        self.label: Sequence[object] = [f"row {k + 1}" for k in range(len(frame))]

    def __len__(self) -> int:
        return len(self.frame)

    def find(self, *words: str) -> str | None:
        """Return the first of these names that the table has."""
        return next((word for word in words if word in self._places), None)

    def need(self, meaning: str, *words: str) -> str | None:
        """Return the same, and report it if the table has none of them."""
        found = self.find(*words)
        if found is None:
            there = ", ".join(map(str, self.frame.columns[:8]))
            problem = f"the column is missing (found {there})"
            self.issues.append(Issue(self.name, words[0], problem, f"Add it: {meaning}"))
        return found

    def cells(self, column: str) -> pd.Series:
        """Return a column as it is."""
        return self.frame.iloc[:, self._places[column]]

    def report(self, column: str, problem: str, fix: str, rows: Array) -> None:
        """Report rows, if there are any."""
        if len(rows):
            shown = tuple(str(self.label[int(row)]) for row in rows[:_SHOWN])
            self.issues.append(Issue(self.name, column, problem, fix, shown, len(rows)))

    def numbers(self, column: str | None) -> Array:
        """Return a column as float64, nan where empty or absent; report cells that are not numbers."""
        if column is None:
            return np.full(len(self), np.nan)
        cells = self.cells(column)
        values = pd.to_numeric(cells, errors="coerce").to_numpy(np.float64)
        wrong = np.flatnonzero((np.isnan(values) & cells.notna().to_numpy()) | np.isinf(values))
        if len(wrong):
            fix = "Write numbers with decimal points and without units"
            self.report(column, f"{str(cells.iloc[wrong[0]])!r} is no number", fix, wrong)
        return np.where(np.isinf(values), np.nan, values)

    def flags(self, column: str | None, default: bool) -> Array:
        """Return a column of true/false values."""
        if column is None:
            return np.full(len(self), default)
        words = self.cells(column).fillna("").astype(str).str.strip().str.lower().to_numpy(object)
        known = np.isin(words.astype(str), (*_TRUE, *_FALSE, ""))
        wrong = np.flatnonzero(~known)
        if len(wrong):
            problem = f"{words[wrong[0]]!r} is neither true nor false"
            self.report(column, problem, "Write true or false", wrong)
        return np.where(words == "", default, np.isin(words.astype(str), _TRUE))

    def ids(self, column: str | None) -> Array:
        """Return a column of ids as text, integers without a decimal point; empty where the cell is."""
        if column is None:
            return np.full(len(self), "", object)
        cells = self.cells(column)
        if pd.api.types.is_numeric_dtype(cells):
            values = cells.to_numpy(np.float64)
            texts = [
                "" if np.isnan(v) else str(int(v)) if float(v).is_integer() else str(v)
                for v in values.tolist()
            ]
            return np.asarray(texts, object)
        return np.asarray([str(v).strip() for v in cells.fillna("")], object)

    def own_ids(self, column: str | None) -> Array:
        """Return ids that name the rows from now on; report empty and repeated ones."""
        ids = self.ids(column)
        if column is None:
            return ids
        self.report(column, "the id is empty", "Fill it, or remove the row", np.flatnonzero(ids == ""))
        self.label = [name or f"row {k + 1}" for k, name in enumerate(ids)]
        again = np.flatnonzero(pd.Series(ids).duplicated().to_numpy() & (ids != ""))
        self.report(column, "the id occurs more than once", "Keep one row for each id", again)
        return ids
