"""What users are told about compiling, and the verb that does it once."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tidewatt.cli import compilation
from tidewatt.compilation.record import RECORD


@pytest.fixture(autouse=True)
def record(monkeypatch):
    for name, value in {"kernels": 0, "seconds": 0.0, "kept": True}.items():
        monkeypatch.setattr(RECORD, name, value)


def test_a_run_says_how_long_it_compiled(capsys):
    """Without it: users take the wait of the first run for the speed of the program."""
    with compilation.share_of_compiling():
        RECORD.seconds += 24.0
    assert capsys.readouterr().err == "Of 0 s, 24 s were spent compiling kernels; later runs skip this.\n"


def test_a_run_says_how_its_kernels_could_be_kept(capsys):
    """Without it: where no folder can be written, every run compiles, and nobody learns what to do."""
    with compilation.share_of_compiling():
        RECORD.seconds, RECORD.kept = 24.0, False
    assert "set NUMBA_CACHE_DIR to a folder that can be written" in capsys.readouterr().err


def test_a_run_that_compiled_nothing_says_nothing(capsys):
    """Without it: every command ends with a line about compiling."""
    with compilation.share_of_compiling():
        pass
    assert capsys.readouterr().err == ""


def test_warm_up_says_what_was_compiled(tidewatt, monkeypatch):
    """Without it: one cannot see whether anything was left to compile."""

    def study(folder):
        RECORD.kernels, RECORD.seconds = 3, 0.5

    monkeypatch.setattr(compilation, "_STUDIES", {"tariffs": study})
    status, out, err = tidewatt("warm-up")
    assert (status, out) == (0, "Compiled 3 kernels in 0 s; they are kept, and later runs start at once.\n")
    assert err == "tariffs ...\ntariffs: 3 kernels compiled in 0 s\n"
    status, out, err = tidewatt("warm-up")
    assert out == "Everything is already compiled: runs start at once.\n"
    assert err == "tariffs ...\ntariffs: nothing to compile\n"


ASSIGN = """
import sys
from tidewatt.cli import compilation, main
from tidewatt.compilation.record import RECORD
compilation._STUDIES = {"assignment": compilation._STUDIES["assignment"]}
for arguments in sys.argv[1:]:
    assert main(arguments.split()) == 0
print("compiled", RECORD.kernels)
"""


@pytest.mark.slow
def test_after_warm_up_nothing_is_left_to_compile(tmp_path):
    """Without it: warm-up compiles kernels for other types than runs use, or runs in vain."""

    def run(*arguments):
        ended = subprocess.run(
            [sys.executable, "-c", ASSIGN, *arguments],
            capture_output=True,
            text=True,
            env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")},
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return int(ended.stdout.split("compiled")[-1])

    assert run("warm-up") > 0
    city, result = tmp_path / "city", tmp_path / "result"
    assert run(f"example city {city}", f"assign {city} --out {result}", f"verify {result}") == 0
