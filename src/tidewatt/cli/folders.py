"""Output folders: found fit to be written before any work starts."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from tidewatt.errors import Issue, ScenarioError

__all__ = ["holds_demo", "holds_result", "new_scenario", "prepared"]

CHECKPOINT = "checkpoint"
SHARE = "adoption_"
"""How the names of a sweep's result folders begin."""
_STARTED = (f"{CHECKPOINT}/state.json", "figures/convergence.png")
"""What a study may have written before its result."""


def holds_nothing(folder: Path) -> bool:
    """Return whether a folder is empty, hidden files aside."""
    return all(file.name.startswith(".") for file in folder.iterdir())


def holds_result(folder: Path) -> bool:
    """Return whether a folder is a result of tidewatt, or the start of one."""
    from tidewatt.io.results.specification import files_of_a_result

    if holds_nothing(folder) or any((folder / name).exists() for name in (*files_of_a_result(), *_STARTED)):
        return True
    # A sweep cut off in its first share.
    return any((share / "scenario" / "scenario.toml").exists() for share in folder.glob(f"{SHARE}*"))


def holds_scenario(folder: Path) -> bool:
    """Return whether a folder is a scenario, or empty."""
    return holds_nothing(folder) or (folder / "scenario.toml").exists()


def holds_demo(folder: Path) -> bool:
    """Return whether a folder is what ``demo`` leaves, or empty."""
    shown = {file.name for file in folder.iterdir() if not file.name.startswith(".")}
    return shown <= {"coordinate", "simulate", "configure", "tariff"}


@contextmanager
def prepared(folder: Path, *, ours: Callable[[Path], bool], what: str, remedy: str = "") -> Iterator[None]:
    """Make an output folder and see that it can be written, before what is inside the block begins.

    Folders made here are taken away again where the block fails without having put anything in them.

    Parameters
    ----------
    folder : Path
        Where the output shall go.
    ours : callable
        Tells whether what stands there may be replaced.
    what : str
        What is written, for messages.
    remedy : str
        What to do besides naming another folder.

    Raises
    ------
    ScenarioError
        Where the folder cannot be made or written, or holds something else.
    """
    made = _missing_parents(folder)
    try:
        _try(folder, ours, what, remedy)
        yield
    except BaseException:
        for each in made:
            with suppress(OSError):
                each.rmdir()
        raise


def new_scenario(folder: Path, overwrite: bool) -> AbstractContextManager[None]:
    """Return `prepared` for a scenario: an empty folder, or with `overwrite` one that holds a scenario."""
    return prepared(
        folder,
        ours=holds_scenario if overwrite else holds_nothing,
        what="scenario",
        remedy="" if overwrite else ", or replace a scenario with --overwrite",
    )


def _try(folder: Path, ours: Callable[[Path], bool], what: str, remedy: str) -> None:
    def refuse(problem: str, fix: str) -> ScenarioError:
        return ScenarioError([Issue("--out", "", f"{folder}: {problem}", fix)])

    if folder.exists() and not folder.is_dir():
        raise refuse("is a file", f"Name a folder for the {what}.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"\0" * 4096)
        kept = not ours(folder)
    except OSError as error:
        reason = os.strerror(error.errno).lower() if error.errno else str(error)
        raise refuse(f"cannot be written ({reason})", "Choose a folder that you may write to.") from None
    if kept:
        first = ", ".join(sorted(file.name for file in folder.iterdir())[:3])
        raise refuse(
            f"holds other files ({first}, ...)",
            f"Nothing was touched: name a new or empty folder for the {what}{remedy}.",
        )


def _missing_parents(folder: Path) -> list[Path]:
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    return missing
