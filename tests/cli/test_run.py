"""The run that all commands share: what it says of interruptions, of warnings, and on narrow terminals."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings

import pytest

import tidewatt
from tidewatt.cli.console import print_table
from tidewatt.cli.progress import Gap
from tidewatt.cli.run import carry_out, earlier_summary
from tidewatt.errors import Interrupted, SolveWarning

RUN = {"measure": Gap(1e-3), "name": "coordinate", "scenario_folder": None}


@pytest.fixture(scope="module")
def village():
    return tidewatt.example("village")


@pytest.mark.parametrize(
    ("resume", "words"), [(None, "Nothing was written"), (False, "No checkpoint had been written yet")]
)
def test_an_interruption_says_what_is_left(village, tmp_path, resume, words):
    """Without it: whoever stops a run is sent to a checkpoint that is not there, or misses one that is."""

    def study(progress, checkpoint=None, resume=False):
        raise KeyboardInterrupt

    with pytest.raises(Interrupted, match=words):
        carry_out(study, village, tmp_path, **RUN, resume=resume)
    if resume is not None:

        def later(progress, checkpoint, resume):
            checkpoint.save({"coordinated": {"iteration": 1}})
            raise KeyboardInterrupt

        with pytest.raises(Interrupted, match="add --resume to continue"):
            carry_out(later, village, tmp_path, **RUN, resume=resume)


@pytest.mark.parametrize("notes", [True, False])
def test_warnings_are_said_where_the_summary_does_not(village, tmp_path, capsys, notes):
    """Without it: a study that stopped early looks as if it had ended, or says so twice."""
    found = tidewatt.coordinate(village, threads=1, session=False)

    def study(progress):
        warnings.warn("stopped early", SolveWarning, stacklevel=1)
        return found

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SolveWarning)
        carry_out(study, village, tmp_path / "r", **RUN, notes=notes)
    assert ("Note: stopped early" in capsys.readouterr().err) == notes
    (tmp_path / "r" / "notes.txt").write_text("mine", "utf-8")
    carry_out(study, village, tmp_path / "r", **RUN, notes=notes)
    assert "held what is no part of a result: notes.txt. It is now in" in capsys.readouterr().err
    assert tidewatt.load(tmp_path / "r").status.reached
    # What stands there now is known again, but not for another scenario, nor by a key that it lacks.
    assert earlier_summary(tmp_path / "r", village, lambda figures: figures["banks"] == 1) is not None
    assert earlier_summary(tmp_path / "r", tidewatt.example("commute"), lambda figures: True) is None
    assert earlier_summary(tmp_path / "r", village, lambda figures: figures["plans"]) is None


def test_a_table_is_read_row_by_row_where_it_does_not_fit(monkeypatch, capsys):
    """Without it: columns of a table on a narrow terminal run into each other, or brackets are markup."""
    columns, rows = ("a day", "before", "after"), [("wait [min]", "12.5", "3.1"), ("  of these", "", "1")]
    monkeypatch.setenv("COLUMNS", "40")
    print_table(columns, rows, title="A town")
    assert capsys.readouterr().out == "\nA town\nwait [min]: before 12.5; after 3.1\nof these: after 1\n\n"
    monkeypatch.setenv("COLUMNS", "100")
    print_table(columns, rows, title="A town")
    wide = capsys.readouterr().out
    assert "wait [min]" in wide and "before" in wide.split("wait")[0]


@pytest.mark.skipif(os.name == "nt", reason="the size of files is not limited here")
@pytest.mark.parametrize("limit_kib", [4, 40])
def test_files_that_may_not_grow_are_an_error_with_a_remedy(village, tmp_path, limit_kib):
    """Without it: HDF5 ends the process where the disk is full, with no word and half a result."""
    tidewatt.write_scenario(village, tmp_path / "v")
    code = (
        "import resource, sys\nfrom tidewatt.cli import main\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit_kib * 1024},) * 2)\nsys.exit(main(sys.argv[1:]))"
    )
    words = ["coordinate", tmp_path / "v", "--out", tmp_path / "r", "--no-figures", "--no-session"]
    ended = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert "raise the limit (ulimit -f)" in ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["v"]
