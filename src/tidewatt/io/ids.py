"""Columns of ids: distinct values, and what each row has of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidewatt.domain.arrays import Array

__all__ = ["IdColumn", "clean_ids", "encoded", "flat"]

_INTEGER = r"^(0|-?[1-9][0-9]{0,17})$"


@dataclass(frozen=True, slots=True)
class IdColumn:
    """A column of ids: each row's position among the distinct values, -1 where the cell is empty."""

    codes: Array
    values: pa.Array

    def text(self, row: int) -> str:
        """The id of a row, which is not empty, as the user wrote it."""
        return str(self.values[int(self.codes[row])].as_py())

    def positions(self, known: pa.Array) -> Array:
        """Position of each row's id in `known`: -1 where empty, -2 where unknown.

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
    """A column as one array."""
    array = column.combine_chunks()
    return array.chunk(0) if isinstance(array, pa.ChunkedArray) else array


def encoded(column: pa.ChunkedArray) -> IdColumn | None:
    """Distinct values and their positions; None where cells are no scalars."""
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
