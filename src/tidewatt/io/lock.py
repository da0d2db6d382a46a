"""A lock on a folder: two processes never write the same one at a time."""

from __future__ import annotations

import errno
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tidewatt.errors import OutputError, SolveWarning

__all__ = ["folder_lock", "home_of"]

_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}
_held: dict[Path, tuple[int, int]] = {}
"""Which thread of this process holds the lock of a folder, and how often it took it."""
_guard = threading.Lock()


def home_of(folder: Path) -> Path:
    """Return where the lock, and what is written for a folder, stand: beside it, else inside.

    Nothing can be put beside a folder that is mounted, or whose parent may not be written.
    """
    parent = folder.parent
    beside = os.access(parent, os.W_OK | os.X_OK) and not os.path.ismount(folder)
    return parent if beside or not folder.is_dir() else folder


@contextmanager
def folder_lock(path: str | os.PathLike[str]) -> Iterator[None]:
    """Hold the lock of a folder while the block runs.

    The thread that holds it may take it again. It is freed when its process ends, however that ends.

    Parameters
    ----------
    path : path
        The folder; its parent has to exist.

    Raises
    ------
    OutputError
        Where another process or thread holds it.
    """
    folder = Path(path).resolve()
    me = threading.get_ident()
    handle: int | None = None
    with _guard:
        owner, times = _held.get(folder, (me, 0))
        file = home_of(folder) / f".{folder.name[:80]}.lock"
        if owner == me and not times:
            handle = _acquired(file)
        if owner != me or (not times and handle is None):
            raise OutputError(
                f"{folder} is being written by another run. Wait until that ends, or name another folder."
            )
        _held[folder] = me, times + 1
    try:
        yield
    finally:
        with _guard:
            times = _held.pop(folder)[1]
            if times > 1:
                _held[folder] = me, times - 1
            elif handle is not None and handle >= 0:
                _release(handle, file)


def _acquired(file: Path) -> int | None:
    """Return a handle that holds the lock, -1 where the file system has no locks, None where it is held."""
    while True:
        try:
            handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
        except PermissionError:  # Windows: it is being removed
            if os.name == "nt":
                return None
            raise
        try:
            if not _lock(handle):
                os.close(handle)
                return None
            # Whoever held it before may have removed the file since it was opened here.
            now = file.stat()
            opened = os.fstat(handle)
            if (now.st_ino, now.st_dev) == (opened.st_ino, opened.st_dev):
                return handle
        except FileNotFoundError:
            pass
        except OSError as error:
            os.close(handle)
            if error.errno not in _UNSUPPORTED:
                raise
            warnings.warn(
                f"{file.parent} is on a file system without locks: see to it that no two runs write the "
                "same folder.",
                SolveWarning,
                stacklevel=4,
            )
            with suppress(OSError):
                file.unlink()
            return -1
        os.close(handle)


def _lock(handle: int) -> bool:
    """Lock an open file; return False where another process has."""
    try:
        import fcntl
    except ImportError:
        return _lock_on_windows(handle)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _lock_on_windows(handle: int) -> bool:
    try:
        import msvcrt
    except ImportError:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from None
    try:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    except PermissionError:
        return False
    return True


def _release(handle: int, file: Path) -> None:
    """Remove the file while it is still locked, then free the lock; Windows removes no open file."""
    with suppress(OSError):
        file.unlink()
    os.close(handle)
    if os.name == "nt":  # pragma: no cover - run on Windows
        with suppress(OSError):
            file.unlink()
