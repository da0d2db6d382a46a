"""Tables of one row a record, from CSV or Parquet, with every failure in words."""

from __future__ import annotations

import difflib
import lzma
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import pandas as pd
import pyarrow as pa

from tidewatt.io.importers.sheets import a_folder, unreadable

__all__ = ["nearest_words", "read_table", "tables_of"]

_TABLES = (".parquet", ".csv")


def tables_of(path: Path) -> list[Path]:
    """A folder's Parquet and CSV files in order of name (of one table in both forms, Parquet); else `path`.

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
    """A table with its columns as given; CSV (also gzipped or xz) or Parquet, told by the content.

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
    """The known words nearest to `value`, case aside, as a phrase; all of them when none is near."""
    words = list(known)
    lower = {word.casefold(): word for word in words}
    near = difflib.get_close_matches(value.casefold(), list(lower), count, 0.5)
    return " or ".join(lower[word] for word in near) if near else ", ".join(words)
