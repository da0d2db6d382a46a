"""The commands still say and find what was recorded of them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.golden.commands import records
from tests.golden.commands.cases import GROUPS, Group, chosen

FAST = [group for group in GROUPS if not group.slow]


class Runs:
    """Groups run in one folder, each once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[str, records.Record] = {}

    def record(self, group: Group) -> records.Record:
        """The record of a group, after those it needs."""
        for each, _ in chosen([group.name], slow=False):
            if each.name not in self._made:
                self._made[each.name] = records.record(each, self._folder, 1)
        return self._made[group.name]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """A folder for all groups."""
    return Runs(tmp_path_factory.mktemp("commands"))


@pytest.mark.skipif(
    sys.platform != "linux", reason="searches round otherwise with another system's mathematics"
)
@pytest.mark.parametrize("group", FAST, ids=lambda group: group.name)
def test_commands_do_as_recorded(group: Group, runs: Runs) -> None:
    """Without it a change meant for one study could alter figures, files or words of another unseen."""
    changed = records.differences(records.kept(group), runs.record(group))
    again = f"python -m tests.golden.commands --record {group.name}"
    assert not changed, f"If this is meant, run `{again}`.\n{changed}"


def test_numbers_agree_within_the_tolerance_alone() -> None:
    """Without it the comparison above could find any two records the same, or none on another processor."""
    line = "load_kw: float64 sum 1000 min -2 max 30 at 1 2 3 4 5"
    assert records.same(line, line.replace("1000", "1000.0005"))
    assert not records.same(line, line.replace("1000", "1000.01"))
    assert not records.same(line, line.replace("30", "30.0001"))
    assert not records.same(line, line.replace("float64", "float32"))
    gap = "relative_gap: 0.0501"
    assert records.same(gap, "relative_gap: 0.0499") and not records.same(gap, "relative_gap: 0.04")
    assert not records.same("--relative-gap  [default: 0.001]", "--relative-gap  [default: 0.00101]")
    assert not records.same("id: text crc 10000000", "id: text crc 10000001")
    before = {"numbers/a.txt": f"# loads.nc\n{line}\n", "words/a.txt": "$ tidewatt\nfine\n"}
    after = {"numbers/a.txt": before["numbers/a.txt"].replace("-2", "-3"), "words/a.txt": "$ tidewatt\nbad\n"}
    assert records.differences(before, before) == ""
    found = records.differences(before, after)
    assert "# loads.nc" in found and "min -3" in found and "-fine" in found and "+bad" in found
