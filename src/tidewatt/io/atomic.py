"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tidewatt.errors import OutputError

__all__ = ["atomic_file", "atomic_folder", "explained"]

_ADVICE = {
    errno.ENOSPC: "the disk is full: free some space or write to another disk",
    errno.EDQUOT: "your disk quota is used up: free some space or write to another disk",
    errno.EACCES: "permission denied: choose a folder you may write to, or change its permissions",
    errno.EPERM: "permission denied: choose a folder you may write to, or change its permissions",
    errno.EROFS: "the disk is read-only: choose another folder",
    errno.EISDIR: "there is a folder of that name: choose another name",
    errno.ENOTDIR: "part of the path is a file, not a folder: choose another path",
    errno.EEXIST: "there is a file of that name: remove it or choose another name",
    errno.ENAMETOOLONG: "the name is too long: choose a shorter one",
    errno.ENOENT: "the folder it should stand in has gone: make it, or choose another",
    errno.EIO: "the disk reports a failure: write to another disk",
}


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn an `OSError` inside into an `OutputError` that names `path` and says what to do."""
    try:
        yield
    except OSError as error:
        # pyarrow and h5py raise OSErrors that carry the code only in their text.
        code = error.errno or next((c for c in _ADVICE if os.strerror(c) in str(error)), None)
        advice = _ADVICE.get(code or 0, f"{error}: write to another place")
        raise OutputError(
            f"{path} was not written, {advice}. What stood there before is unchanged."
        ) from error


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Write a file under a temporary name, and give it its own name once it is complete.

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
            _flush(temporary)
            temporary.replace(final)
            _flush(final.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(
    path: str | os.PathLike[str], *, owned: Iterable[str] = (), last: str | None = None
) -> Iterator[Path]:
    """Write several files that belong together, and put them in place once all are complete.

    Where `path` does not exist yet, or is an empty folder, it appears by a single rename. Where it
    has content, files are replaced one by one when all are complete: `last` is taken away first and
    put in place last, so that a folder caught in between lacks it and is refused by its reader
    rather than read as a mixture. Files of other names are left alone.

    Parameters
    ----------
    path : path
        The folder; missing parents are made.
    owned : iterable of str
        Names to remove from an existing folder where the new content lacks them.
    last : str, optional
        The file without which the folder cannot be read.

    Yields
    ------
    pathlib.Path
        An empty temporary folder to write into.

    Raises
    ------
    OutputError
        Where the operating system refuses; the text says what to do.
    """
    final = Path(path)
    with explained(final):
        final.parent.mkdir(parents=True, exist_ok=True)
        exists = final.is_dir() and any(final.iterdir())
        home = final if exists else final.parent
        temporary = home / f".{final.name[:80]}-{secrets.token_hex(4)}.part"
        try:
            temporary.mkdir()
            yield temporary
            for file in temporary.rglob("*"):
                _flush(file)
            _flush(temporary)
            if exists:
                _replace_content(temporary, final, set(owned), last)
            else:
                if final.is_dir():  # an empty one, over which Windows renames nothing
                    final.rmdir()
                temporary.replace(final)
            _flush(home)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _replace_content(temporary: Path, final: Path, owned: set[str], last: str | None) -> None:
    new = {file.name for file in temporary.iterdir()}
    if last is not None:
        (final / last).unlink(missing_ok=True)
    for name in sorted(owned - new):
        (final / name).unlink(missing_ok=True)
    for name in sorted(new, key=lambda name: (name == last, name)):
        target = final / name
        if target.is_dir() and (temporary / name).is_dir():
            shutil.rmtree(target)
        (temporary / name).replace(target)


def _flush(path: Path) -> None:
    """Have the operating system write the file (or folder entry) to the disk."""
    if path.is_dir() and os.name == "nt":  # pragma: no cover - folders cannot be opened there
        return
    # Windows flushes only what may be written, and POSIX opens folders only for reading.
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
