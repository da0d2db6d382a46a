"""What is recorded: the groups of commands of ``cases.toml``, and those made from lists of mistakes."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.golden.commands import inputs
from tests.golden.commands.run import run


@dataclass(frozen=True)
class Group:
    """Commands whose outputs are kept in one record.

    `commands` makes them from the folder in which they run, after `setup` has written inputs into it.
    `slow` groups are left out of the test.
    """

    name: str
    commands: Callable[[Path], Sequence[str]]
    setup: Callable[[Path], object] = lambda folder: None
    after: Sequence[str] = ()
    slow: bool = False


SETUP = {
    "small": inputs.small_scenarios,
    "tariff": inputs.small_scenarios,
    "import": inputs.imported,
    "usage": inputs.small_scenarios,
}
# The scenario on which a study's options are given wrong values.
SMALL = {
    "coordinate": "small",
    "simulate": "small_roads",
    "configure": "small_roads",
    "assign": "small_roads",
    "tariff": "small_tariffs",
}
_VALID_BELOW_ZERO = ("--temperature-c", "--budget")
_TAKES_A_VALUE = re.compile(r"^\W*(--[a-z][a-z0-9-]*) [A-Z]", re.MULTILINE)


def wrong_options(folder: Path) -> list[str]:
    """Every option of every study that takes a value, as ``--help`` names them, with a word and with -5."""
    found = []
    for study, scenario in SMALL.items():
        for option in _TAKES_A_VALUE.findall(run([study, "--help"], folder).out):
            if option == "--out":
                continue
            values = ["much"] if option in _VALID_BELOW_ZERO else ["much", "-5"]
            if option == "--weights":
                values = [" ".join([value] * 4) for value in values]
            found += [f"{study} {scenario} --out no {option} {value}" for value in values]
    return found


def _listed() -> list[Group]:
    cases = tomllib.loads((Path(__file__).parent / "cases.toml").read_text("utf-8"))
    return [_group(name, **case) for name, case in cases.items()]


def _group(name: str, *, commands: str, after: Sequence[str] = (), slow: bool = False) -> Group:
    lines = commands.splitlines()
    return Group(name, lambda folder: lines, SETUP.get(name, lambda folder: None), after, slow)


GROUPS = (
    *_listed(),
    Group("wrong_options", wrong_options, inputs.small_scenarios),
    Group("wrong_sections", inputs.checks_of("wrong_sections"), inputs.wrong_sections),
    Group("bad_input", inputs.checks_of("bad_input"), inputs.bad_input),
    Group("bad_roads", inputs.checks_of("bad_roads"), inputs.bad_roads),
    Group("bad_tariffs", inputs.checks_of("bad_tariffs"), inputs.bad_tariffs),
)


def chosen(names: Sequence[str], *, slow: bool) -> list[tuple[Group, bool]]:
    """Groups in their order, each with whether it was asked for or is only needed by one that was."""
    asked = {g.name for g in GROUPS if g.name in names or (not names and (slow or not g.slow))}
    needed = {name for g in GROUPS if g.name in asked for name in g.after}
    return [(g, g.name in asked) for g in GROUPS if g.name in asked | needed]


def unknown(names: Sequence[str]) -> list[str]:
    """Names that no group has."""
    return sorted(set(names) - {g.name for g in GROUPS})
