"""One table of a scenario folder, read a second time: text or numbers, whatever the file holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tidewatt.domain.arrays import Array

__all__ = ["ClaimedTable"]


class ClaimedTable:
    """One table: columns of text (empty where nothing is given) or of numbers (nan there)."""

    def __init__(self, folder: Path, name: str) -> None:
        parquet, csv = folder / f"{name}.parquet", folder / f"{name}.csv"
        self.name = name
        self.exists = True
        if parquet.is_file():
            self._columns = pq.read_table(parquet)
        elif csv.is_file():
            self._columns = pa.Table.from_pandas(_read_csv(csv), preserve_index=False)
        else:
            self.exists = False
            self._columns = pa.table({})

    def __len__(self) -> int:
        return int(self._columns.num_rows)

    def has(self, column: str) -> bool:
        """Return whether the column is there."""
        return column in self._columns.column_names

    def _strings(self, column: str) -> Any:
        """Return cells as Arrow text, null where nothing is given."""
        cells = self._columns[column].combine_chunks()
        if pa.types.is_dictionary(cells.type):
            cells = cells.cast(cells.type.value_type)
        if pa.types.is_floating(cells.type):  # whole numbers with gaps, as data frames hold them
            gaps = pc.is_nan(cells)
            cells = pc.if_else(gaps, pa.scalar(None, cells.type), cells).cast(pa.int64())
        return pc.utf8_trim_whitespace(cells.cast(pa.string()))

    def text(self, column: str) -> Array:
        """Return cells as text, empty where nothing is given, shape (rows,)."""
        if not self.has(column):
            return np.full(len(self), "", object)
        return np.asarray(pc.fill_null(self._strings(column), "").to_numpy(zero_copy_only=False), object)

    def places(self, column: str, ids: Array, missing: int) -> Array:
        """Return each cell's position in `ids`, `missing` where it is empty or unknown, shape (rows,)."""
        if not self.has(column):
            return np.full(len(self), missing, np.int64)
        cells, known = self._strings(column), pa.array(list(ids), pa.string())
        found = pc.index_in(cells, value_set=known)
        if found.null_count:  # whole numbers that a spreadsheet or data frame wrote as 7.0
            whole = pc.replace_substring_regex(cells, r"^(-?\d+)\.0+$", r"\1")
            found = pc.coalesce(found, pc.index_in(whole, value_set=known))
        return np.asarray(pc.fill_null(found, missing).to_numpy(zero_copy_only=False), np.int64)

    def numbers(self, column: str, default: float | Array = np.nan) -> Array:
        """Return cells as float64, `default` where nothing is given, shape (rows,)."""
        if not self.has(column):
            return np.broadcast_to(np.asarray(default, np.float64), (len(self),)).copy()
        cells = self._columns[column].combine_chunks()
        if pa.types.is_dictionary(cells.type):
            cells = cells.cast(cells.type.value_type)
        if pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type):
            text = np.asarray(pc.fill_null(cells, "").to_numpy(zero_copy_only=False), object)
            text[text == ""] = "nan"
            values = text.astype(np.float64)  # Python's own conversion: correctly rounded
        else:
            values = cells.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False).astype(np.float64)
        return np.where(np.isnan(values), default, values)


def _read_csv(path: Path) -> pd.DataFrame:
    """Return every cell as text, leaving out rows without any cell."""
    with path.open(encoding="utf-8-sig") as file:
        header = next((line for line in file if line.strip()), "")
    separator = max(",;\t", key=header.count)
    frame = pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    frame.columns = frame.columns.str.strip()
    return frame[(frame != "").any(axis=1)].reset_index(drop=True)
