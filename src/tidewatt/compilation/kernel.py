"""The decorator of every compiled function, and the cache in which its compiled form is kept.

numba keeps compiled functions on disk, and looks only at the file in which a function stands to see whether
it has changed. But the compiled form of a function holds that of all it calls and every constant it reads,
those of other modules too. Here each entry carries a digest of all the sources it may have been made from,
and an entry with another digest is compiled again and replaced.
"""

from __future__ import annotations

import functools
import hashlib
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, overload

from numba import njit
from numba.core import event, sigutils
from numba.core.caching import CompileResultCacheImpl, FunctionCache

from tidewatt.compilation.record import RECORD

__all__ = ["digest", "kernel"]

# Imports at the top of a module: what stands inside functions does not reach compiled code.
_IMPORT = re.compile(r"^(?:from|import)[ \t]+([\w.]+)(?:[ \t]+import[ \t]+(\([^)]*\)|.*))?", re.MULTILINE)


@overload
def kernel(function: Callable[..., Any], /) -> Any: ...
@overload
def kernel(**options: Any) -> Callable[[Callable[..., Any]], Any]: ...
def kernel(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Compile a function when it is first called, and keep what was compiled for later runs.

    While it runs, the interpreter lock is free: threads run side by side.

    Parameters
    ----------
    function : callable
        Takes and returns numbers, arrays and named tuples of them.
    **options
        Of `numba.njit`, for example ``fastmath``.

    Returns
    -------
    numba dispatcher
        The function itself where ``NUMBA_DISABLE_JIT`` is set.
    """
    if function is None:
        return lambda function: _compiled(function, options)
    return _compiled(function, options)


def _compiled(function: Callable[..., Any], options: dict[str, Any]) -> Any:
    dispatcher = njit(nogil=True, **options)(function)
    if dispatcher is not function:
        # Where no folder can be written, or the sources not be read, each process compiles for itself.
        with suppress(RuntimeError, OSError):
            dispatcher._cache = _Cache(function)
    return dispatcher


@functools.cache
def digest(module: str) -> str:
    """Return the digest of a module's source and of every tidewatt module it imports.

    Parameters
    ----------
    module : str
        Name of a module that is imported, or has got as far as its first function.

    Returns
    -------
    str
        Differs where any of these sources differs.
    """
    packages = {name.partition(".")[0] for name in (module, __name__)}
    found: dict[str, str] = {}
    left = [module]
    while left:
        name = left.pop()
        if name not in found and name in sys.modules and name.partition(".")[0] in packages:
            found[name], imported = _source(name)
            left += imported if name != __name__ else ()  # what stands beside the decorator compiles nothing
    return hashlib.sha256("".join(f"{name} {found[name]}\n" for name in sorted(found)).encode()).hexdigest()


@functools.cache
def _source(name: str) -> tuple[str, tuple[str, ...]]:
    """Return the digest of a module's own source, and the names that may be modules it imports.

    Read once, as soon as the module is being imported: a file that is edited while the process runs must
    not vouch for what was compiled from its former text.
    """
    path = getattr(sys.modules[name], "__file__", None)
    text = Path(path).read_bytes() if path else b""
    imported = []
    for source, members in _IMPORT.findall(text.decode("utf-8", "replace")):
        imported += [source, *(f"{source}.{member}" for member in re.findall(r"\w+", members))]
    return hashlib.sha256(text).hexdigest(), tuple(imported)


class _Entries(CompileResultCacheImpl):  # type: ignore[misc]
    """What is written to a cache entry, and how its files are named."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._digest = digest(function.__module__)

    def get_filename_base(self, fullname: str, abiflags: str) -> str:
        """Leave out the line number, so that a function that moves replaces its earlier entries."""
        base = re.sub(r"[<>]", "", fullname)
        return f"{base}.py{sys.version_info.major}{sys.version_info.minor}{abiflags}"

    def reduce(self, data: Any) -> Any:
        return self._digest, super().reduce(data)

    def rebuild(self, target_context: Any, reduced_data: Any) -> Any:
        """Return None, so that it is compiled anew, if an entry was made from other sources."""
        made_from, content = reduced_data
        return super().rebuild(target_context, content) if made_from == self._digest else None


class _Cache(FunctionCache):  # type: ignore[misc]
    """A cache whose faults can cost time, but never break the run or give a wrong result."""

    _impl_class = _Entries

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            found = super().load_overload(sig, target_context)
        except Exception:
            # A damaged file, or one that names a class which is no longer there: numba reads such an index
            # again before it writes, so that the function's entries go altogether.
            self._without_failing(self.flush)
            return None
        # Two processes that save at once may give the same file to two combinations of types.
        types, _ = sigutils.normalize_signature(sig)
        return found if found is not None and tuple(found.signature.args) == tuple(types) else None

    def save_overload(self, sig: Any, data: Any) -> None:
        self._without_failing(lambda: super(_Cache, self).save_overload(sig, data))

    @staticmethod
    def _without_failing(write: Callable[[], None]) -> None:
        try:
            write()
        except OSError:
            RECORD.kept = False


class _Listener(event.Listener):  # type: ignore[misc]
    """Pass numba's compile events on; it emits none for what comes from the cache."""

    def on_start(self, event: Any) -> None:
        RECORD.begin(kept=isinstance(event.data["dispatcher"]._cache, FunctionCache))

    def on_end(self, event: Any) -> None:
        RECORD.end()


event.register("numba:compile", _Listener())
