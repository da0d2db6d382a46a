"""Compiled functions that are kept on disk are those of the sources that are there now."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import numba
import pytest

import tidewatt
from tidewatt.compilation import kernel as room
from tidewatt.compilation.record import RECORD

SOURCE = Path(tidewatt.__file__).parent
HOUSE = {
    "__init__.py": "",
    "numbers.py": "RATE = 2.0\n",
    "inner.py": """
from tidewatt.compilation.kernel import kernel

@kernel
def twice(x):
    return 2.0 * x
""",
    "middle.py": """
from tidewatt.compilation.kernel import kernel
from house import inner

@kernel
def more(x):
    return inner.twice(x) + 1.0
""",
    "outer.py": """
from house.numbers import (
    RATE,
)
from house.middle import more
from tidewatt.compilation.kernel import kernel

@kernel
def far(x):
    return more(x)

@kernel(fastmath=True)
def rated(x):
    return RATE * x
""",
}
PROBE = """
from house.outer import far, rated
from tidewatt.compilation.record import RECORD
print(far(3.0), rated(3.0), RECORD.kernels)
"""


@pytest.fixture
def house(tmp_path):
    (tmp_path / "house").mkdir()
    for name, text in HOUSE.items():
        (tmp_path / "house" / name).write_text(text, "utf-8")
    return tmp_path


def command(home, program=PROBE):
    return [
        sys.executable,
        "-c",
        f"import sys; sys.path[:0] = [{str(home)!r}, {str(SOURCE.parent)!r}]\n{program}",
    ]


def run(home, program=PROBE):
    ended = subprocess.run(command(home, program), capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return [float(each) for each in ended.stdout.split()]


def edit(path, old, new):
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def test_a_change_reaches_kernels_that_call_it_from_other_modules(house):
    """Without it: a kernel goes on with the code of a function, or a constant, that is no longer there."""
    assert run(house) == [7.0, 6.0, 4]
    assert run(house) == [7.0, 6.0, 0]
    edit(house / "house" / "inner.py", "2.0 * x", "5.0 * x")
    assert run(house) == [16.0, 6.0, 4]
    edit(house / "house" / "numbers.py", "2.0", "4.0")
    assert run(house) == [16.0, 12.0, 2]
    assert run(house) == [16.0, 12.0, 0]


def test_a_change_in_a_kernel_of_tidewatt_reaches_its_callers(tmp_path):
    """Without it: the cache is sound in small packages, and the real kernels are cached some other way."""
    package = tmp_path / "tidewatt"
    for name in ("kernels", "compilation"):
        shutil.copytree(SOURCE / name, package / name, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "__init__.py").write_text("", "utf-8")
    callee = next(path for path in package.rglob("*.py") if "\ndef detour_min(" in path.read_text("utf-8"))
    module = ".".join(callee.relative_to(tmp_path).with_suffix("").parts)
    (package / "caller.py").write_text(
        f"from {module} import detour_min\nfrom tidewatt.compilation.kernel import kernel\n\n"
        "@kernel\ndef caller(to_ms):\n    return detour_min(to_ms, 0, 0)\n",
        "utf-8",
    )
    program = (
        f"sys.path.remove({str(SOURCE.parent)!r})\nfrom tidewatt.caller import caller\nprint(caller(60_000))"
    )
    assert run(tmp_path, program) == [1.0]
    edit(callee, "added / 60000.0", "added / 30000.0")
    assert run(tmp_path, program) == [2.0]


def test_entries_are_replaced(house):
    """Without it: every edit of a file leaves compiled code behind that nothing will ever read."""
    run(house)
    cache = house / "house" / "__pycache__"
    before = sorted(path.name for path in cache.glob("*.nb[ic]"))
    edit(house / "house" / "outer.py", "@kernel\n", "# A line more.\n\n@kernel\n")
    edit(house / "house" / "inner.py", "2.0 * x", "5.0 * x")
    run(house)
    assert sorted(path.name for path in cache.glob("*.nb[ic]")) == before
    assert len(before) == 8


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
def test_damaged_entries_are_compiled_again(house, suffix):
    """Without it: a file cut short by a full disk stops every run until someone deletes it by hand."""
    run(house)
    for path in (house / "house" / "__pycache__").glob(f"*.{suffix}"):
        path.write_bytes(path.read_bytes()[:200])
    assert run(house) == [7.0, 6.0, 4]
    assert run(house) == [7.0, 6.0, 0]


def test_processes_that_start_together(house):
    """Without it: processes that compile the same kernels into one folder stop each other."""
    begun = [
        subprocess.Popen(command(house), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for each in begun:
        words, fault = each.communicate()
        assert each.returncode == 0, fault
        assert words.split()[:2] == ["7.0", "6.0"]


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """A kernel in a module of its own, imported anew by each call, with its cache below `tmp_path`."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "lone_kernel.py").write_text(HOUSE["inner.py"], "utf-8")
    monkeypatch.syspath_prepend(tmp_path)

    def imported():
        sys.modules.pop("lone_kernel", None)
        return importlib.import_module("lone_kernel").twice

    yield imported
    sys.modules.pop("lone_kernel", None)


def test_an_entry_for_other_types_is_not_taken(fresh, tmp_path):
    """Without it: what two processes saved at once, one over the other, is run on the wrong types."""
    twice = fresh()
    assert (twice(3.0), twice(3)) == (6.0, 6.0)
    first, second = sorted((tmp_path / "cache").rglob("*.nbc"))
    shutil.copyfile(second, first)
    assert fresh()(3.5) == 7.0


def test_without_a_folder_each_process_compiles_for_itself(fresh, monkeypatch):
    """Without it: where no folder can be written, importing tidewatt fails."""
    monkeypatch.setattr(RECORD, "kept", True)

    def refused(function):
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr(room, "_Cache", refused)
    assert fresh()(3.0) == 6.0
    assert not RECORD.kept


def test_a_full_disk_costs_time_only(fresh, monkeypatch):
    """Without it: a study ends because its compiled kernels could not be kept."""
    monkeypatch.setattr(RECORD, "kept", True)

    def full(*given):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(room.FunctionCache, "save_overload", full)
    assert fresh()(3.0) == 6.0
    assert not RECORD.kept


def test_uncompiled_kernels_are_the_functions_themselves(fresh, monkeypatch):
    """Without it: kernels cannot be stepped through, nor their coverage measured."""
    monkeypatch.setattr(numba.config, "DISABLE_JIT", True)
    assert type(fresh()).__name__ == "function"


def test_all_compiled_functions_are_kernels():
    """Without it: someone's `numba.njit(cache=True)` brings back code that is no longer there."""
    others = [
        path
        for path in SOURCE.rglob("*.py")
        if "njit" in path.read_text("utf-8") and path.parent.name != "compilation"
    ]
    assert others == []
