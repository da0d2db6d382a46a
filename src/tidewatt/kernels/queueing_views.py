"""How kernels of queueing call each other: arrays without counted references, functions without wrappers.

numba counts references atomically wherever an array is taken out of a tuple or handed on, which in a loop
over events costs more than the events. A view without an owner is not counted; whoever called the kernel
from Python keeps the arrays alive.
"""

from __future__ import annotations

from typing import Any

import numba
from numba import njit, types
from numba.extending import intrinsic

__all__ = ["inlined", "inner", "uncounted"]

# Called by kernels only: what Python or C would need to call them is not compiled.
_WITHIN: dict[str, Any] = {"cache": True, "nogil": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
inner: Any = njit(**_WITHIN)
# Handing on many arrays costs more than the smallest kernels do.
inlined: Any = njit(forceinline=True, **_WITHIN)


def _without_owner(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    array = context.make_array(kind)(context, builder, value=value)
    array.meminfo = array.meminfo.type(None)
    array.parent = array.parent.type(None)
    return array._getvalue()


@intrinsic
def _uncounted(typing, arrays):
    """The same array, or named tuple with the same arrays, without owners."""

    def build(context, builder, signature, arguments):
        kind, value = signature.args[0], arguments[0]
        if isinstance(kind, types.Array):
            return _without_owner(context, builder, kind, value)
        for i, member in enumerate(kind):
            if isinstance(member, types.Array):
                part = _without_owner(context, builder, member, builder.extract_value(value, i))
                value = builder.insert_value(value, part, i)
        return value

    return arrays(arrays), build


def _as_it_is(arrays):
    return arrays


uncounted: Any = _as_it_is if numba.config.DISABLE_JIT else _uncounted  # type: ignore[attr-defined]
