"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tidewatt.errors import OutputError

__all__ = ["atomic_file", "explained", "flush"]

_ADVICE = {
    errno.ENOSPC: "the disk is full: free some space or write to another disk",
    errno.EDQUOT: "your disk quota is used up: free some space or write to another disk",
    errno.EFBIG: "a file may not be that large here: raise the limit (ulimit -f) or write to another disk",
    errno.EACCES: "permission denied: choose a folder you may write to, or change its permissions",
    errno.EPERM: "permission denied: choose a folder you may write to, or change its permissions",
    errno.EROFS: "the disk is read-only: choose another folder",
    errno.EISDIR: "a folder of that name already exists: choose another name",
    errno.ENOTDIR: "part of the path is a file, not a folder: choose another path",
    errno.EEXIST: "a file of that name already exists: remove it or choose another name",
    errno.ENAMETOOLONG: "the name is too long: choose a shorter one",
    errno.ENOENT: "the folder for it no longer exists: create it, or choose another",
    errno.EIO: "the disk reports an error: write to another disk",
}


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn an `OSError` inside into an `OutputError` that names `path` and says what to do."""
    try:
        yield
    except OSError as error:
        # pyarrow and h5py raise OSErrors that carry the code only in their text.
        code = error.errno or next((c for c in _ADVICE if os.strerror(c) in str(error)), None)
        advice = _ADVICE.get(code or 0, f"{error}: write to another folder")
        raise OutputError(
            f"{path} was not written, {advice}. The previous contents are unchanged."
        ) from error


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Write a file under a temporary name, and rename it once it is complete.

    The temporary file stands in the same folder (which is made where it is missing), is flushed to
    the disk and renamed when the block ends. Whatever happens before that, a full disk or Ctrl-C
    included, `path` keeps its old content (or stays absent) and the temporary file is removed.

    Parameters
    ----------
    path : path
        Where the file shall stand in the end.

    Yields
    ------
    pathlib.Path
        Where to write; has the same suffix as `path`.

    Raises
    ------
    OutputError
        Where the operating system refuses; the text says what to do.

    Examples
    --------
    >>> with atomic_file("summary.json") as temporary:  # doctest: +SKIP
    ...     temporary.write_text("{}")
    """
    final = Path(path)
    temporary = final.with_name(f".{final.stem[:80]}-{secrets.token_hex(4)}.part{final.suffix}")
    with explained(final):
        try:
            final.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            flush(temporary)
            temporary.replace(final)
            flush(final.parent)
        finally:
            temporary.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Have the operating system write the file (or folder entry) to the disk."""
    if path.is_dir() and os.name == "nt":  # pragma: no cover - folders cannot be opened there
        return
    # Windows flushes only what may be written, and POSIX opens folders only for reading.
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
