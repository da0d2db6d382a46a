"""Rows of a filing, from CSV (plain or gzipped) or from a workbook, with every failure in words."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from pathlib import Path
from typing import Any

from tidewatt.errors import Issue, ScenarioError

__all__ = ["Sheet", "a_folder", "read_sheets", "unreadable"]

Sheet = list[list[Any]]
"""Rows of cells; an empty cell is an empty string."""


def unreadable(path: Path, problem: str, fix: str) -> ScenarioError:
    """The error for a file that cannot be read at all."""
    return ScenarioError([Issue(path.name, "", problem, fix)])


def a_folder(path: Path, *patterns: str) -> ScenarioError:
    """The error for a folder in place of a file, with the files in it that may be meant."""
    there = sorted({file.name for pattern in patterns for file in path.glob(pattern)})
    fix = f"Name the file in it: {', '.join(there[:3])}" if there else "Name a file"
    return ScenarioError([Issue(str(path), "", "it is a folder, not a file", fix)])


def read_sheets(path: Path) -> dict[str, Sheet]:
    """Every sheet of a file, by name; a CSV file is one sheet.

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
