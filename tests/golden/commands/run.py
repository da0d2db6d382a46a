"""Run a command as a user does, and take from its words what differs from run to run."""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from tidewatt.cli import main
from tidewatt.cli.app import app

WIDTH = 120
INTERRUPTED = 130


class Ended(NamedTuple):
    """Exit status, standard output and standard error of a command."""

    status: int
    out: str
    err: str


def run(words: Sequence[str], folder: Path) -> Ended:
    """Run one command in a folder."""
    out, err = io.StringIO(), io.StringIO()
    with _inside(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(list(words))
    if status == INTERRUPTED:
        raise KeyboardInterrupt
    return Ended(status, plain(out.getvalue(), folder), progressless(plain(err.getvalue(), folder)))


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    former, columns = Path.cwd(), os.environ.get("COLUMNS")
    os.chdir(folder)
    os.environ["COLUMNS"] = str(WIDTH)
    app.console = Console()  # else help is laid out for the terminal of the first command of the process
    try:
        yield
    finally:
        app.console = None
        os.chdir(former)
        if columns is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = columns


_PLAIN = (
    (re.compile(r"[─━═╭╮╰╯│]"), " "),
    (re.compile(r"\b\d(?:\.\d+)?e-(?:0[89]|1\d|2\d|3\d\d)\b"), "0"),  # rounding
    (re.compile(r"(?<=largest difference )-?[\d.,]+(?:e[-+]\d+)?"), "D"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "SHA256"),
    (re.compile(r"(?<=\bwall_s: )[\d.e-]+|(?<=\bpeak_memory_mib: )[\d.]+"), "*"),
    (re.compile(r"[ \t]+$", re.MULTILINE), ""),
    (re.compile(r"\n{3,}"), "\n\n"),
)


def plain(text: str, folder: Path) -> str:
    """Words without the place they were written at, times, fingerprints, boxes and rounding."""
    for place in (str(folder.resolve()), str(folder)):
        text = text.replace(place, "HERE")
    for pattern, instead in _PLAIN:
        text = pattern.sub(instead, text)
    return text.strip("\n")


_REPORT = re.compile(r"^.* \[(?:\d+ (?:s|min|h) ?)+\]$")


# Whether kernels have to be compiled depends on what ran before.
_COMPILING = re.compile(r"compiling kernels|.*were spent compiling")


def progressless(text: str) -> str:
    """Standard error without progress: which phases report, and how often, depends on the machine."""
    kept = [line for line in text.splitlines() if not _REPORT.match(line) and not _COMPILING.match(line)]
    return "\n".join(kept)
