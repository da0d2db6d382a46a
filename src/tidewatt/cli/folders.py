"""Output folders: checked to be writable before any work starts."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

from tidewatt.errors import Issue, ScenarioError

__all__ = ["holds_demo", "holds_result", "new_scenario", "prepared"]


def holds_nothing(folder: Path) -> bool:
    """Return whether a folder is empty, apart from hidden files."""
    return all(file.name.startswith(".") for file in folder.iterdir())


def holds_result(folder: Path) -> bool:
    """Return whether a folder is a tidewatt result, or the start of one."""
    from tidewatt.io.results.specification import CHECKPOINT, SHARE, files_of_a_result

    started = (f"{CHECKPOINT}/state.json", "figures/convergence.png")
    if holds_nothing(folder) or any((folder / name).exists() for name in (*files_of_a_result(), *started)):
        return True
    # A sweep cut off in its first share.
    return any((share / "scenario" / "scenario.toml").exists() for share in folder.glob(f"{SHARE}*"))


def holds_scenario(folder: Path) -> bool:
    """Return whether a folder is a scenario, or empty."""
    return holds_nothing(folder) or (folder / "scenario.toml").exists()


def holds_demo(folder: Path) -> bool:
    """Return whether a folder holds what ``demo`` writes, or is empty."""
    shown = {file.name for file in folder.iterdir() if not file.name.startswith(".")}
    return shown <= {"coordinate", "simulate", "configure", "tariff"}


@contextmanager
def prepared(
    folder: Path, *, ours: Callable[[Path], bool], what: str, remedy: str = "", study: str = ""
) -> Iterator[None]:
    """Make an output folder, see that it can be written, and keep others from writing it during the block.

    A swap that a killed run left is finished first.

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
    study : str
        Refuse the results of other studies than this one.

    Raises
    ------
    ScenarioError
        Where the folder cannot be made or written, or holds something else.
    OutputError
        Where another run writes it.
    """
    from tidewatt.io.lock import folder_lock
    from tidewatt.io.replacement import settle

    made = _missing_parents(folder)
    try:
        with ExitStack() as held:
            with _refused(folder):
                folder.parent.mkdir(parents=True, exist_ok=True)
                held.enter_context(folder_lock(folder))
                settle(folder)
            _try(folder, ours, what, remedy, study)
            yield
    except BaseException:
        for each in made:
            with suppress(OSError):
                each.rmdir()
        raise


def new_scenario(folder: Path, overwrite: bool) -> AbstractContextManager[None]:
    """Do as `prepared` for a scenario: an empty folder, or with `overwrite` one that holds a scenario."""
    return prepared(
        folder,
        ours=holds_scenario if overwrite else holds_nothing,
        what="scenario",
        remedy="" if overwrite else ", or replace a scenario with --overwrite",
    )


def _try(folder: Path, ours: Callable[[Path], bool], what: str, remedy: str, study: str) -> None:
    if folder.exists() and not folder.is_dir():
        raise _refusal(folder, "is a file", f"Name a folder for the {what}.")
    with _refused(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"\0" * 4096)
        kept = not ours(folder)
        other = _study_of(folder) if study and not kept else ""
    if kept:
        first = ", ".join(sorted(file.name for file in folder.iterdir())[:3])
        raise _refusal(
            folder,
            f"holds other files ({first}, ...)",
            f"Nothing was touched: name a new or empty folder for the {what}{remedy}.",
        )
    if other not in ("", study):
        raise _refusal(
            folder,
            f"holds a result of `{other}`",
            f"Nothing was touched: name another folder for the result of `{study}`, or remove that one.",
        )


def _study_of(folder: Path) -> str:
    """Return the study whose result a folder holds; empty where it holds none that says so."""
    import json

    from tidewatt.io.results.folder import KINDS, specification
    from tidewatt.io.results.specification import CERTIFICATE, CHECKPOINT

    if (folder / CERTIFICATE).is_file():
        try:
            kind = json.loads((folder / CERTIFICATE).read_text("utf-8")).get("kind", "coordination")
        except (ValueError, AttributeError):
            return ""
        return specification(kind).study if kind in KINDS else ""
    try:
        return str(json.loads((folder / CHECKPOINT / "state.json").read_text("utf-8")).get("study", ""))
    except (OSError, ValueError, AttributeError):
        return ""


@contextmanager
def _refused(folder: Path) -> Iterator[None]:
    """Turn the operating system's refusal into an issue of the option."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno).lower() if error.errno else str(error)
        problem, fix = f"cannot be written ({reason})", "Choose a folder that you may write to."
        raise _refusal(folder, problem, fix) from None


def _refusal(folder: Path, problem: str, fix: str) -> ScenarioError:
    return ScenarioError([Issue("--out", "", f"{folder}: {problem}", fix)])


def _missing_parents(folder: Path) -> list[Path]:
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    return missing
