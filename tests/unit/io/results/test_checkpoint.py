"""Checkpoints: the last whole state is always there, and only for its own scenario."""

from __future__ import annotations

import json
import math
import shutil
from collections import namedtuple

import numpy as np
import pytest

from tidewatt.errors import OutputError, TidewattError
from tidewatt.io import checkpoint
from tidewatt.io.checkpoint import FolderCheckpoint

STATE = {
    "session": {"x": np.arange(6, dtype=np.float32).reshape(2, 3).T, "passes": 4, "rows": '{"a": "é"}'},
    "coordinated": {
        "mu": np.array([math.inf, -0.0, math.nan]),
        "empty": np.zeros((0, 3)),
        "bound": -math.inf,
        "primal": 0.1 + 0.2,
        "sigma": np.float64(2.0) / 3.0,
        "tally": np.int64(7),
    },
}


def assert_same(found, wanted=STATE):
    assert found.keys() == wanted.keys()
    for rung, part in wanted.items():
        assert found[rung].keys() == part.keys()
        for name, value in part.items():
            np.testing.assert_array_equal(found[rung][name], value)
            if isinstance(value, np.ndarray):
                assert found[rung][name].dtype == value.dtype


def test_a_state_comes_back_bit_for_bit(tmp_path):
    """A resumed run must go on exactly where it stood, infinities and storage types included."""
    kept = FolderCheckpoint(tmp_path / "keep")
    assert kept.load() is None
    kept.save(STATE)
    assert_same(FolderCheckpoint(tmp_path / "keep").load())


def test_only_the_last_state_is_kept(tmp_path):
    """States may hold gigabytes: old ones must go."""
    kept = FolderCheckpoint(tmp_path)
    for number in range(3):
        kept.save({"a": {"x": np.full(3, float(number))}})
    assert_same(kept.load(), {"a": {"x": np.full(3, 2.0)}})
    assert len([p for p in tmp_path.iterdir() if p.is_dir()]) == 1


def test_due_after_its_time(tmp_path, monkeypatch):
    """Saving at every pass would cost more than solving."""
    now = [100.0]
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
    kept = FolderCheckpoint(tmp_path, every_s=60)
    assert not kept.due()
    now[0] += 60
    assert kept.due()
    kept.save(STATE)
    assert not kept.due()


def test_clear_leaves_nothing_of_its_own(tmp_path):
    """After a finished run nothing should be taken up again; files of others stay."""
    kept = FolderCheckpoint(tmp_path / "keep")
    kept.clear()
    kept.save(STATE)
    kept.clear()
    assert not (tmp_path / "keep").exists()
    kept.save(STATE)
    (tmp_path / "keep" / "notes.txt").write_text("mine")
    kept.clear()
    assert [p.name for p in (tmp_path / "keep").iterdir()] == ["notes.txt"]
    assert kept.load() is None


@pytest.mark.parametrize("inside", [False, True])
def test_a_state_of_another_scenario_is_refused(tmp_path, inside):
    """Going on with another scenario's prices would give a wrong start without a word."""
    if inside:
        FolderCheckpoint(tmp_path).save({**STATE, "common": {"scenario_sha256": "a" * 64}})
    else:
        FolderCheckpoint(tmp_path, scenario_sha256="a" * 64).save(STATE)
    assert FolderCheckpoint(tmp_path, scenario_sha256="a" * 64).load() is not None
    with pytest.raises(TidewattError, match="another scenario"):
        FolderCheckpoint(tmp_path, scenario_sha256="b" * 64).load()


def test_another_format_is_refused(tmp_path):
    """A later version's state must not be misread."""
    FolderCheckpoint(tmp_path).save(STATE)
    pointer = json.loads((tmp_path / "state.json").read_text())
    (tmp_path / "state.json").write_text(json.dumps(pointer | {"format": 9}))
    with pytest.raises(TidewattError, match="format 9"):
        FolderCheckpoint(tmp_path).load()


@pytest.mark.parametrize("damage", ["cut", "changed", "gone", "pointer", "list"])
def test_damage_is_said_in_words(tmp_path, damage):
    """A damaged state must be refused, not resumed from garbage."""
    FolderCheckpoint(tmp_path).save(STATE)
    array = next(tmp_path.glob("state-*/session-x.npy"))
    content = array.read_bytes()
    if damage == "cut":
        array.write_bytes(content[:-4])
    elif damage == "changed":
        array.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "gone":
        array.unlink()
    else:
        (tmp_path / "state.json").write_text("[1" if damage == "pointer" else "[1]")
    with pytest.raises(TidewattError, match="Remove the folder"):
        FolderCheckpoint(tmp_path).load()


def test_a_disk_with_too_little_room_is_found_before_writing(tmp_path, monkeypatch):
    """Filling the disk would take the result's place too."""
    kept = FolderCheckpoint(tmp_path)
    kept.save(STATE)
    usage = namedtuple("usage", "total used free")(10, 9, 2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    with pytest.raises(OutputError, match="are free"):
        kept.save({"a": {"x": np.ones(10)}})
    assert_same(kept.load())


def test_a_save_cut_off_keeps_the_former_state(tmp_path, monkeypatch):
    """Ctrl-C while a checkpoint is written must not cost the one before."""
    kept = FolderCheckpoint(tmp_path)
    kept.save(STATE)
    plain, calls = np.save, []

    def cut(*args, **kwargs):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        plain(*args, **kwargs)

    monkeypatch.setattr(np, "save", cut)
    with pytest.raises(KeyboardInterrupt):
        kept.save({"a": {"x": np.ones(3), "y": np.ones(3)}})
    assert_same(FolderCheckpoint(tmp_path).load())
    assert len([p for p in tmp_path.iterdir() if p.is_dir()]) == 1


def test_a_refusing_disk_is_said_in_words(tmp_path):
    """A path that is a file, or may not be written, must not end in a traceback."""
    (tmp_path / "file").write_text("")
    with pytest.raises(TidewattError, match="file"):
        FolderCheckpoint(tmp_path / "file" / "keep").save(STATE)
