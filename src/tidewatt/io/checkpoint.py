"""Checkpoints of a running study in a folder, where the last complete one is always kept."""

from __future__ import annotations

import json
import os
import shutil
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.errors import OutputError, TidewattError
from tidewatt.io.atomic import atomic_file, explained

__all__ = ["FolderCheckpoint", "State"]

State = Mapping[str, Mapping[str, Array | float | int | str]]
"""What a study needs to resume: values by name, by rung."""

_FORMAT = 1
_POINTER = "state.json"
_FINGERPRINT = "scenario_sha256"


class FolderCheckpoint:
    """Keeps the state of a study in a folder.

    Arrays are written one by one as ``.npy`` (no copy in memory) into a new subfolder; a small
    ``state.json`` is then replaced to point there, and the former subfolder is removed.

    Parameters
    ----------
    folder : path
        Where to keep it; made on the first save.
    every_s : float
        How often to save [s]; see `due`.
    scenario_sha256 : str, optional
        Fingerprint of the scenario being studied: a state of another one is refused.
    study : str
        Whose state it is, so that no other study goes on from it.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        every_s: float = 60.0,
        *,
        scenario_sha256: str | None = None,
        study: str = "",
    ) -> None:
        self.folder = Path(folder)
        self.every_s = every_s
        self.scenario_sha256 = scenario_sha256
        self.study = study
        self._last = time.monotonic()

    def due(self) -> bool:
        """Return whether `every_s` seconds have passed since the last save."""
        return time.monotonic() - self._last >= self.every_s

    def save(self, state: State) -> None:
        """Save a state; the previous one stays until this one is complete.

        Raises
        ------
        OutputError
            Where the disk has too little room or refuses; the former state is kept.
        """
        need = sum(v.nbytes for part in state.values() for v in part.values() if isinstance(v, np.ndarray))
        with explained(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self.folder).free
        if free < need + 2**20:
            raise OutputError(
                f"{self.folder}: a checkpoint needs {need / 2**20:.0f} MiB, but only {free / 2**20:.0f} "
                "MiB are free. "
                "Free some space, or keep checkpoints on another disk; the previous one is unchanged."
            )
        former = self._pointer()
        number = 1 + int(former["number"]) if former else 1
        parts = self.folder / f"state-{number}"
        with explained(parts):
            shutil.rmtree(parts, ignore_errors=True)
            try:
                parts.mkdir()
                content = {rung: self._write(parts, rung, part) for rung, part in state.items()}
            except BaseException:
                shutil.rmtree(parts, ignore_errors=True)
                raise
        pointer = {
            "format": _FORMAT,
            "number": number,
            _FINGERPRINT: self.scenario_sha256 or _fingerprint(state),
            "study": self.study,
            "state": content,
        }
        with atomic_file(self.folder / _POINTER) as temporary:
            temporary.write_text(json.dumps(pointer), "utf-8")
        for other in self.folder.glob("state-*"):
            if other != parts:
                shutil.rmtree(other, ignore_errors=True)
        self._last = time.monotonic()

    def load(self) -> dict[str, dict[str, Array | float | int | str]] | None:
        """Return the state last saved, or None where there is none.

        Raises
        ------
        TidewattError
            Where it is of another scenario or version, or damaged.
        """
        pointer = self._pointer()
        if pointer is None:
            return None
        if pointer.get("format") != _FORMAT:
            raise TidewattError(
                f"{self.folder}: the checkpoint has format {pointer.get('format')!r}; this version reads "
                "format "
                f"format {_FORMAT}. Resume with the version that wrote it or remove the folder to start anew."
            )
        stored = pointer.get(_FINGERPRINT)
        if self.scenario_sha256 is not None and stored is not None and stored != self.scenario_sha256:
            raise TidewattError(
                f"{self.folder}: the checkpoint belongs to another scenario ({stored[:12]}..., not "
                f"{self.scenario_sha256[:12]}...), or the scenario has changed since. "
                "Resume with the scenario it was made for, or remove the folder to start anew."
            )
        parts = self.folder / f"state-{pointer.get('number')}"
        try:
            return {
                rung: {name: _read(parts, entry) for name, entry in part.items()}
                for rung, part in pointer["state"].items()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError) as error:
            raise TidewattError(
                f"{self.folder}: the checkpoint is damaged ({error}). Remove the folder to start anew."
            ) from error

    def clear(self) -> None:
        """Remove what was saved, and the folder if nothing else is in it."""
        (self.folder / _POINTER).unlink(missing_ok=True)
        for parts in self.folder.glob("state-*"):
            shutil.rmtree(parts, ignore_errors=True)
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _pointer(self) -> dict[str, Any] | None:
        try:
            content = json.loads((self.folder / _POINTER).read_text("utf-8"))
            if not isinstance(content, dict):
                raise ValueError("not a JSON object")
            return content
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            raise TidewattError(
                f"{self.folder / _POINTER}: the file cannot be read ({error}). Remove the folder to "
                "start anew."
            ) from error

    @staticmethod
    def _write(parts: Path, rung: str, part: Mapping[str, Array | float | int | str]) -> dict[str, Any]:
        entries: dict[str, Any] = {}
        for name, value in part.items():
            if isinstance(value, np.ndarray):
                file = f"{rung}-{name}.npy"
                with (parts / file).open("wb") as handle:
                    np.save(handle, value, allow_pickle=False)
                    handle.flush()
                    os.fsync(handle.fileno())
                entries[name] = {"file": file, "sum": _checksum(value)}
            else:
                plain = value.item() if isinstance(value, np.generic) else value
                # float.hex holds infinities and nan, and every bit.
                entries[name] = {"float": plain.hex()} if isinstance(plain, float) else {"value": plain}
        return entries


def _checksum(array: Array) -> int:
    """Return the CRC-32 of an array's bytes; contiguous arrays are not copied."""
    return zlib.crc32(np.ascontiguousarray(array).data.cast("B")) if array.size else 0


def _read(parts: Path, entry: Mapping[str, Any]) -> Array | float | int | str:
    if "file" in entry:
        array: Array = np.load(parts / entry["file"], allow_pickle=False)
        if _checksum(array) != entry["sum"]:
            raise ValueError(f"{entry['file']} has changed")
        return array
    if "float" in entry:
        return float.fromhex(entry["float"])
    value: int | str = entry["value"]
    return value


def _fingerprint(state: State) -> str | None:
    """Return the scenario's fingerprint if the state itself holds it."""
    for part in state.values():
        found = part.get(_FINGERPRINT)
        if isinstance(found, str):
            return found
    return None
