"""Folders are replaced as a whole, whatever stops it and at whatever step."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tidewatt.errors import OutputError
from tidewatt.io import replacement
from tidewatt.io.lock import folder_lock, home_of
from tidewatt.io.replacement import Fate, replaced_folder, settle, settled

STEPS = ("rename", "replace", "unlink", "rmdir", "mkdir", "fsync", "remove", "open")
"""System calls at which a process is killed."""


def fate(name: str) -> Fate:
    """Old files go, a checkpoint is taken over, notes are not ours."""
    return {"checkpoint": "carry", "notes.txt": "apart"}.get(name, "drop")  # type: ignore[return-value]


def fill(folder: Path, text: str) -> None:
    """Put a result with a subfolder into a folder."""
    (folder / "deep").mkdir(parents=True, exist_ok=True)
    (folder / "a.txt").write_text(text)
    (folder / "deep" / "b.txt").write_text(text)


def content(folder: Path) -> dict[str, str]:
    """Every file below a folder that is not of a swap, with its text."""
    return {
        file.relative_to(folder).as_posix(): file.read_text()
        for file in folder.rglob("*")
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    }


OLD = {"a.txt": "old", "deep/b.txt": "old", "stale.txt": "old", "checkpoint/state": "here"}
NEW = {"a.txt": "new", "deep/b.txt": "new", "checkpoint/state": "here"}


def old_folder(folder: Path) -> Path:
    """A folder with a result, a checkpoint and a file of the user's."""
    fill(folder, "old")
    (folder / "stale.txt").write_text("old")
    (folder / "checkpoint").mkdir()
    (folder / "checkpoint" / "state").write_text("here")
    return folder


@pytest.fixture(params=["beside", "inside"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the new content is written: inside, where the folder is mounted."""
    if request.param == "inside":
        mounted = os.path.ismount
        monkeypatch.setattr(os.path, "ismount", lambda path: Path(path).name == "r" or mounted(path))
    return str(request.param)


def test_replaced_as_a_whole(tmp_path: Path, place: str) -> None:
    """Stale figures would stand beside new numbers, or the user's notes and the checkpoint would be gone."""
    folder = old_folder(tmp_path / "r")
    (folder / "notes.txt").write_text("mine")
    with replaced_folder(folder, fate=fate) as temporary:
        fill(temporary, "new")
        assert content(folder) == OLD | {"notes.txt": "mine"}
    assert content(folder) == NEW
    assert (tmp_path / "r-kept" / "notes.txt").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r", "r-kept"]
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_what_is_kept_apart_overwrites_nothing(tmp_path: Path) -> None:
    """Notes of today would replace those of yesterday."""
    folder = tmp_path / "r"
    for text in ("1", "2"):
        with replaced_folder(folder, fate=fate) as temporary:
            fill(temporary, text)
        (folder / "notes.txt").write_text(text)
    with replaced_folder(folder, fate=fate) as temporary:
        fill(temporary, "3")
    assert content(tmp_path / "r-kept") == {"notes.txt": "1", "notes-2.txt": "2"}


@pytest.mark.parametrize("kind", [KeyboardInterrupt, ValueError, OSError])
def test_failure_leaves_the_old_folder(tmp_path: Path, place: str, kind: type[BaseException]) -> None:
    """A full disk or Ctrl-C would cost the result that was there, or leave debris beside it."""
    folder = old_folder(tmp_path / "r")
    with (
        pytest.raises(OutputError if kind is OSError else kind),
        replaced_folder(folder, fate=fate) as temporary,
    ):
        fill(temporary, "new")
        raise kind
    assert content(folder) == OLD
    assert [path.name for path in tmp_path.iterdir()] == ["r"]
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def dying(at: int, calls: list[int]) -> Iterator[tuple[str, Callable[..., object]]]:
    """System calls that end the process before the one of number `at`."""
    for name in STEPS:
        real = getattr(os, name)

        def call(*args: object, real: Callable[..., object] = real, **options: object) -> object:
            calls.append(1)
            if len(calls) == at:
                os._exit(9)
            return real(*args, **options)

        yield name, call


def killed_at(folder: Path, at: int) -> int:
    """Replace the folder in a child process that is killed at its n-th system call; return its status."""
    child = os.fork()
    if child == 0:
        calls: list[int] = []
        try:
            with replaced_folder(folder, fate=fate) as temporary:
                fill(temporary, "new")
                for name, call in dying(at, calls):
                    setattr(os, name, call)
            os._exit(0)
        except BaseException:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_killed_at_every_system_call(tmp_path: Path, place: str) -> None:
    """A run killed while its result is put in place would leave none, a mixture, or no checkpoint."""
    found = set()
    for at in range(1, 200):
        folder = old_folder(tmp_path / str(at) / "r")
        status = killed_at(folder, at)
        assert status in (0, 9)
        read = content(settled(folder))
        assert read in (OLD, NEW), f"killed at call {at}"
        found.add(read["a.txt"])
        with folder_lock(folder):
            settle(folder)
        assert content(folder) == read
        assert [path.name for path in folder.parent.iterdir()] == ["r"], f"killed at call {at}"
        assert not [path for path in folder.iterdir() if path.name.startswith(".")], f"killed at call {at}"
        if status == 0:
            break
    assert status == 0 and at > 10 and found == {"old", "new"}


def test_leftovers_of_earlier_versions_go(tmp_path: Path) -> None:
    """Folders half written by killed runs would stay for ever."""
    folder = old_folder(tmp_path / "r")
    fill(tmp_path / ".r-0123abcd.part", "half")
    fill(tmp_path / ".other-0123abcd.part", "half")
    (folder / ".sweep-0123abcd.part.csv").write_text("half")
    (folder / "checkpoint" / ".state-0123abcd.part.json").write_text("half")
    with folder_lock(folder):
        settle(folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".other-0123abcd.part", "r"]
    assert {path.name for path in folder.rglob(".*")} == set()


def test_link_to_a_folder_stays_a_link(tmp_path: Path) -> None:
    """A result on another disk, linked to, would be written on this one."""
    real = old_folder(tmp_path / "disk" / "r")
    (tmp_path / "r").symlink_to(real)
    with replaced_folder(tmp_path / "r", fate=fate) as temporary:
        fill(temporary, "new")
    assert (tmp_path / "r").is_symlink() and content(real) == NEW


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    """Two runs with the same --out would mix their files, or one would be lost after hours."""
    folder = tmp_path / "r"
    with folder_lock(folder), folder_lock(folder):
        refused: list[str] = []

        def other_thread() -> None:
            try:
                with folder_lock(folder):
                    pass
            except OutputError as error:
                refused.append(str(error))

        thread = threading.Thread(target=other_thread)
        thread.start()
        thread.join()
        assert refused and "another run" in refused[0]
        code = f"from tidewatt.io.lock import folder_lock\nwith folder_lock({str(folder)!r}): pass"
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert other.returncode == 1 and "being written by another run" in other.stderr
    assert not list(tmp_path.iterdir())
    with folder_lock(folder):
        pass


def test_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    """After a crash nobody could write the folder any more."""
    folder = tmp_path / "r"
    code = (
        "import os\nfrom tidewatt.io.lock import folder_lock\n"
        f"with folder_lock({str(folder)!r}):\n  os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    assert [path.name for path in tmp_path.iterdir()] == [".r.lock"]
    with folder_lock(folder):
        pass
    assert not list(tmp_path.iterdir())


def test_reader_says_what_keeps_a_swap_from_being_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who reads what another is just writing would get a traceback, or wait for ever."""
    folder = old_folder(tmp_path / "r")
    (tmp_path / ".r.swap").write_text('{"carry": [], "new": []}')
    monkeypatch.setattr(replacement, "_READER_WAITS_S", 0.1)
    with folder_lock(folder):
        caught: list[str] = []

        def read() -> None:
            try:
                settled(folder)
            except OutputError as error:
                caught.append(str(error))

        thread = threading.Thread(target=read)
        thread.start()
        thread.join()
    assert caught and "another run" in caught[0]
    assert content(settled(folder)) == OLD


def test_where_the_new_content_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is mounted, as into a container, could not be replaced."""
    folder = old_folder(tmp_path / "r")
    assert home_of(folder) == tmp_path
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    assert home_of(folder) == folder
