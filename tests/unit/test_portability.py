"""Nothing needs modules that only POSIX systems have."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import tidewatt
from tidewatt.io import replacement

POSIX_ONLY = ("resource", "fcntl", "termios", "grp", "pwd", "pty", "tty", "posix", "syslog", "curses")
BLOCK = "import sys\nfor name in ('resource', 'fcntl', 'termios'): sys.modules[name] = None\n"
STUDIES = """
import warnings
import tidewatt
from pathlib import Path

warnings.simplefilter("ignore")
warnings.filterwarnings("error", category=EncodingWarning, module="tidewatt")
home = Path(sys.argv[1])

def read(name):
    tidewatt.write_scenario(tidewatt.example(name), home / name)
    return tidewatt.read_scenario(home / name)

def seen(name, result, scenario):
    tidewatt.save(result, home / "results" / name, scenario_folder=home / scenario)
    tidewatt.load(home / "results" / name)
    report = tidewatt.verify(home / "results" / name)
    assert report.ok, report.text()
    print(name)

village, city, roads = map(read, ("village", "city", "tariff-20-17"))
seen("coordinate", tidewatt.coordinate(village), "village")
seen("simulate", tidewatt.simulate(city, vehicles=200, replications=2), "city")
seen("assign", tidewatt.assign(city), "city")
seen("configure", tidewatt.configure(
    city, simulation={"vehicles": 200}, evaluations=20, days_train=1, days_test=2), "city")
seen("tariff", tidewatt.tariff(roads), "tariff-20-17")
"""


def run(program, *given):
    command = [sys.executable, "-X", "warn_default_encoding", "-c", BLOCK + program, *map(str, given)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.slow
def test_every_study_without_posix_modules(tmp_path):
    """Without it: on Windows a study ends with ModuleNotFoundError, or text is not UTF-8."""
    assert run(STUDIES, tmp_path).split() == ["coordinate", "simulate", "assign", "configure", "tariff"]


def test_the_program_without_posix_modules(tmp_path):
    """Without it: the commands need what only the Python functions do without."""
    program = "from tidewatt.cli import main\nsys.exit(main(['example', 'village', sys.argv[1]]))"
    run(program, tmp_path / "village")
    assert (tmp_path / "village" / "scenario.toml").is_file()


def test_posix_modules_are_not_imported_at_the_top_of_a_module():
    """Without it: a module that no test of studies imports fails on Windows alone."""
    found = []
    for path in Path(tidewatt.__file__).parent.rglob("*.py"):
        for node in ast.parse(path.read_text("utf-8")).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            found += [(path.name, name) for name in names if name in POSIX_ONLY]
    assert found == []


def test_a_folder_takes_the_place_of_an_empty_one(tmp_path, monkeypatch):
    """Without it: on Windows, which renames nothing over a folder, results need a new folder."""
    rename = Path.rename

    def windows(source, target):
        if Path(target).is_dir():
            raise PermissionError(13, "Permission denied")
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", windows)
    (tmp_path / "out").mkdir()
    with replacement.replaced_folder(tmp_path / "out") as temporary:
        (temporary / "a.txt").write_text("x", "utf-8")
    assert (tmp_path / "out" / "a.txt").is_file()
