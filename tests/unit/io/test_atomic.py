"""Files appear whole or not at all, whatever stops the writing."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.unit.io.small_scenario import Small
from tidewatt.errors import OutputError
from tidewatt.io.atomic import atomic_file
from tidewatt.io.scenario.reading import read_scenario, scenario_from_tables
from tidewatt.io.scenario.writing import write_scenario

REFUSALS = [
    pytest.param(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "disk is full", id="full disk"),
    pytest.param(OSError(errno.EACCES, os.strerror(errno.EACCES)), "may write to", id="permission"),
    pytest.param(OSError(errno.EROFS, os.strerror(errno.EROFS)), "read-only", id="read-only disk"),
    pytest.param(
        OSError("write failed: No space left on device"), "disk is full", id="full disk, from a library"
    ),
]


def test_file_appears_when_complete(tmp_path: Path) -> None:
    """A reader could see a file that is being written."""
    path = tmp_path / "deep" / "figures.csv"
    with atomic_file(path) as temporary:
        assert temporary.suffix == ".csv"
        temporary.write_text("a\n")
        assert not path.exists()
    assert path.read_text() == "a\n"
    assert [p.name for p in path.parent.iterdir()] == ["figures.csv"]


@pytest.mark.parametrize(("refusal", "advice"), REFUSALS)
def test_refused_file(tmp_path: Path, refusal: OSError, advice: str) -> None:
    """A full disk would replace the old file by half of the new one, or leave debris behind."""
    path = tmp_path / "figures.csv"
    path.write_text("old")
    with pytest.raises(OutputError, match=advice) as caught, atomic_file(path) as temporary:
        temporary.write_text("half")
        raise refusal
    assert str(path) in str(caught.value)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_refused_when_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some file systems notice the full disk only when told to flush."""

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="disk is full"), atomic_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("x")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", [KeyboardInterrupt, ValueError])
def test_interrupted_file(tmp_path: Path, kind: type[BaseException]) -> None:
    """Ctrl-C or a programming error would leave half a file, or be turned into something else."""
    with pytest.raises(kind), atomic_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise kind
    assert not list(tmp_path.iterdir())


def test_part_of_path_is_a_file(tmp_path: Path) -> None:
    """The message would be a traceback."""
    (tmp_path / "file").write_text("x")
    with (
        pytest.raises(OutputError, match=r"path|file of that name"),
        atomic_file(tmp_path / "file" / "a.txt") as t,
    ):
        t.write_text("x")


def test_target_is_a_folder(tmp_path: Path) -> None:
    """The message would be a traceback, and the temporary file would stay."""
    (tmp_path / "a.txt").mkdir()
    with (
        pytest.raises(OutputError, match="choose another name"),
        atomic_file(tmp_path / "a.txt") as temporary,
    ):
        temporary.write_text("x")
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize("after", [0, 3])
def test_scenario_on_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, existing: bool, after: int
) -> None:
    """A disk that fills up while a scenario is written would leave half of it, or destroy the old one."""
    small = Small()
    folder = tmp_path / "s"
    if existing:
        small.write(folder)
        expected = read_scenario(folder).sha256()
    scenario = scenario_from_tables(small.set("vehicles", "battery_kwh", 0, 99).tables, small.config)
    original, written = pq.ParquetWriter.write_table, []

    def full(self: pq.ParquetWriter, *args: object, **options: object) -> None:
        if len(written) == after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(1)
        original(self, *args, **options)

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    with pytest.raises(OutputError, match="disk is full"):
        write_scenario(scenario, folder)
    assert [p.name for p in tmp_path.iterdir()] == (["s"] if existing else [])
    if existing:
        assert read_scenario(folder).sha256() == expected
        assert not [p for p in folder.iterdir() if p.name.startswith(".")]
