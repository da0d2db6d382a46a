"""Folders that are replaced as a whole, and swaps that are finished by whoever comes next.

The new content is written to a folder beside the old one. A small journal then says that it is complete;
from there on the new content takes the old one's place, whatever happens:

1. The journal ``.NAME.swap`` is written: it names what is carried over from the old folder.
2. The old folder is renamed to ``.NAME.old``, and the new one, ``.NAME.part``, to its place.
3. What is carried over is moved, the old folder is removed, and last the journal.

A process that is killed before the first step leaves the old folder as it was. After it, `settle` finishes
what was begun; whoever reads or writes the folder calls it. A folder that cannot be renamed, because it is
mounted or its parent is not to be written, is replaced in the same way from within, entry by entry.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from tidewatt.errors import OutputError
from tidewatt.io.atomic import atomic_file, explained, flush
from tidewatt.io.lock import folder_lock, home_of

__all__ = ["Fate", "replaced_folder", "settle", "settled"]

Fate = Literal["drop", "carry", "apart"]
"""What becomes of an entry of the old folder: removed with it, taken over, or moved to ``NAME-kept``."""

_READER_WAITS_S = 10.0
"""Renames take milliseconds; a process that was stopped within them may need that long."""


class _Places:
    """Names of what stands beside (or inside) a folder while it is replaced."""

    def __init__(self, folder: Path, home: Path) -> None:
        short = folder.name[:80]
        self.folder, self.home = folder, home
        self.inside = home == folder
        self.part = home / f".{short}.part"
        self.old = home / f".{short}.old"
        self.journal = home / f".{short}.swap"

    @property
    def own(self) -> set[str]:
        """Names that the swap itself uses."""
        return {self.part.name, self.old.name, self.journal.name, f"{self.journal.stem}.lock"}


@contextmanager
def replaced_folder(
    path: str | os.PathLike[str], *, fate: Callable[[str], Fate] = lambda name: "carry"
) -> Iterator[Path]:
    """Write the new content of a folder; when the block ends, it takes the place of the old one as a whole.

    Parameters
    ----------
    path : path
        The folder; missing parents are made.
    fate : callable
        Tells by the name of an entry of the old folder what becomes of it. An entry of the new content
        always takes the place of an old one of the same name.

    Yields
    ------
    pathlib.Path
        An empty folder to write into.

    Raises
    ------
    OutputError
        Where the operating system refuses, or another process writes the folder; the old folder is as it
        was.
    """
    folder = Path(path).resolve()
    with explained(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with folder_lock(folder):
            settle(folder)
            places = _Places(folder, home_of(folder))
            try:
                places.part.mkdir()
                yield places.part
                for file in places.part.rglob("*"):
                    flush(file)
                flush(places.part)
                _commit(places, fate)
            except BaseException:
                if not places.journal.exists():
                    shutil.rmtree(places.part, ignore_errors=True)
                raise
            _finish(places)


def settle(path: str | os.PathLike[str]) -> None:
    """Finish the swap of a folder that a killed process left, and remove what else it left.

    The caller holds the folder's lock.
    """
    folder = Path(path).resolve()
    for home in {home_of(folder), folder.parent, folder}:
        places = _Places(folder, home)
        if places.journal.exists():
            _finish(places)
        elif home.is_dir() and os.access(home, os.W_OK):
            if places.old.is_dir() and not folder.exists():
                places.old.rename(folder)
            for left in [places.part, places.old, *_half_written(places)]:
                _remove(left)


def settled(path: str | os.PathLike[str]) -> Path:
    """Return a folder to read, after any swap of it that was begun is finished.

    Raises
    ------
    OutputError
        Where a swap was begun that cannot be finished from here; the text says why.
    """
    folder = Path(path).resolve()
    journals = [_Places(folder, home).journal for home in (folder.parent, folder)]
    until = time.monotonic() + _READER_WAITS_S
    while any(journal.exists() for journal in journals):
        # Either its writer is at it, and will be done in a moment, or it is dead, and its lock is free.
        try:
            with explained(folder), folder_lock(folder):
                settle(folder)
        except OutputError:
            if time.monotonic() >= until:
                raise
            time.sleep(0.05)
    return Path(path)


def _half_written(places: _Places) -> Iterator[Path]:
    """Return what `atomic_file`, and earlier versions, were writing when they were killed."""
    beside = re.compile(rf"\.?\.{re.escape(places.folder.name[:80])}-[0-9a-f]{{8}}\.part(\.swap)?")
    within = re.compile(r"\..+-[0-9a-f]{8}\.part(\.\w+)?")
    yield from (entry for entry in places.home.iterdir() if beside.fullmatch(entry.name))
    for folder in (places.folder, places.folder / "checkpoint"):
        if folder.is_dir():
            yield from (entry for entry in folder.iterdir() if within.fullmatch(entry.name))


def _remove(entry: Path) -> None:
    """Remove a file or a folder, where it is there and may be removed."""
    if entry.is_dir():
        shutil.rmtree(entry, ignore_errors=True)
    else:
        with suppress(OSError):
            entry.unlink()


def _commit(places: _Places, fate: Callable[[str], Fate]) -> None:
    """Move apart what is not ours, and write the journal: from here on the new content is the folder's."""
    carried: list[str] = []
    if places.folder.is_dir():
        for entry in sorted(places.folder.iterdir()):
            if entry.name in places.own or (places.part / entry.name).exists():
                continue
            becomes = fate(entry.name)
            if becomes == "carry":
                carried.append(entry.name)
            elif becomes == "apart":
                _move_apart(entry, kept_folder(places.folder))
    new = sorted(entry.name for entry in places.part.iterdir())
    with atomic_file(places.journal) as temporary:
        temporary.write_text(json.dumps({"carry": carried, "new": new}), "utf-8")


def kept_folder(folder: Path) -> Path:
    """Return where files go that stood in a folder and are none of tidewatt's."""
    return folder.with_name(f"{folder.name}-kept")


def _move_apart(entry: Path, folder: Path) -> None:
    """Move an entry to another folder, under a name that is free there."""
    folder.mkdir(exist_ok=True)
    target, number = folder / entry.name, 1
    while target.exists():
        number += 1
        target = folder / f"{entry.stem}-{number}{entry.suffix}"
    shutil.move(entry, target)


def _finish(places: _Places) -> None:
    """Go on from wherever the swap was left; every step may have been done before."""
    folder, part, old = places.folder, places.part, places.old
    said = json.loads(places.journal.read_text("utf-8"))
    if places.inside:
        _exchange_entries(places, set(said["carry"]), said["new"])
    else:
        if part.exists():
            if folder.exists() and not old.exists():
                folder.rename(old)
            if folder.exists():  # made anew in between, by another program
                if any(folder.iterdir()):
                    _move_apart(folder, kept_folder(folder))
                else:
                    folder.rmdir()
            part.rename(folder)
        for name in said["carry"]:
            if (old / name).exists() and not (folder / name).exists():
                (old / name).rename(folder / name)
    shutil.rmtree(old, ignore_errors=True)
    places.journal.unlink(missing_ok=True)
    flush(places.home)


def _exchange_entries(places: _Places, carried: set[str], new: list[str]) -> None:
    """Replace the entries of a folder one by one; an entry is new where the new folder has it no more."""
    folder, part, old = places.folder, places.part, places.old
    old.mkdir(exist_ok=True)
    for entry in sorted(folder.iterdir()):
        replaced = entry.name in new and (part / entry.name).exists()
        left = entry.name not in new and entry.name not in carried | places.own
        if replaced or left:
            entry.rename(old / entry.name)
    if part.exists():
        for name in new:
            if (part / name).exists():
                (part / name).rename(folder / name)
        shutil.rmtree(part, ignore_errors=True)
