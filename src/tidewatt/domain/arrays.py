"""How structures of arrays are frozen: every array read-only, of one dtype, contiguous."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tidewatt.domain.shown import Shown

__all__ = ["Array", "FrozenArrays", "freeze", "identifiers", "offsets"]

Array = NDArray[Any]


def freeze(values: ArrayLike, dtype: Any = np.float64) -> Array:
    """Return a read-only contiguous array of `dtype`; copies only when it has to."""
    array = np.ascontiguousarray(values, dtype=dtype)
    if array.flags.writeable:
        array = array.view()
        array.flags.writeable = False
    return array


def identifiers(values: ArrayLike | Iterable[Any]) -> Array:
    """Return ids as given: int64 if all are integers, otherwise an object array of str."""
    array = np.asarray(values if isinstance(values, np.ndarray) else list(values))  # type: ignore[arg-type]
    if array.dtype.kind in "iu":
        return freeze(array, np.int64)
    if array.dtype.kind != "O":
        array = array.astype(object)
    return freeze(array, object)


def offsets(owner: Array, owners: int) -> Array:
    """Return CSR offsets, shape (owners + 1,), of rows sorted by `owner` (index of each row's owner)."""
    first = np.zeros(owners + 1, np.int64)
    np.cumsum(np.bincount(owner, minlength=owners), out=first[1:])
    return freeze(first, np.int64)


class FrozenArrays(Shown):
    """Base of frozen dataclasses that hold nothing but arrays: ids by name, the rest of a stated dtype.

    A subclass says in ``KINDS`` which fields are not float64.
    """

    __slots__ = ()
    KINDS: ClassVar[Mapping[str, Any]] = {}

    def __post_init__(self) -> None:
        names: tuple[str, ...] = tuple(self.__slots__)
        for name in names:
            value = getattr(self, name)
            frozen = (
                identifiers(value)
                if name.endswith("_id")
                else freeze(value, self.KINDS.get(name, np.float64))
            )
            object.__setattr__(self, name, frozen)
