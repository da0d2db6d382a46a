"""How the tests of the command line run it: in this process, or as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tidewatt.cli import main


class Ended(NamedTuple):
    """Exit status, standard output and standard error of a command."""

    status: int
    out: str
    err: str


@pytest.fixture
def tidewatt(capsys, monkeypatch):
    """Run the program in this process, on a terminal of a given width."""

    def run(*words, columns=80):
        monkeypatch.setenv("COLUMNS", str(columns))
        capsys.readouterr()
        status = main([str(word) for word in words])
        return Ended(status, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def process():
    """Start the program as a process of its own; returns the Popen."""

    def start(*words, **how):
        how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | how
        environment = {**os.environ, "NUMBA_NUM_THREADS": "1"} | how.pop("env", {})
        code = "import sys; from tidewatt.cli import main; sys.exit(main())"
        return subprocess.Popen([sys.executable, "-c", code, *map(str, words)], env=environment, **how)

    return start


@pytest.fixture(scope="session")
def village(tmp_path_factory) -> Path:
    """A small scenario: 3 feeders, 1 bank, 40 vehicles."""
    folder = tmp_path_factory.mktemp("scenarios") / "village"
    assert main(["example", "village", str(folder)]) == 0
    return folder


@pytest.fixture(scope="session")
def solved(village, tmp_path_factory) -> Path:
    """The village, coordinated once, with figures; not to be changed."""
    out = tmp_path_factory.mktemp("results") / "village"
    assert main(["coordinate", str(village), "--out", str(out), "--threads", "1"]) == 0
    return out
