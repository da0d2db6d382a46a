"""Files, commands, Python and pages know every option, from its one declaration."""

from __future__ import annotations

import dataclasses
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tidewatt
from tidewatt.cli import main
from tidewatt.errors import ScenarioError
from tidewatt.io.scenario.config import parse_config
from tidewatt.options.__main__ import written
from tidewatt.options.declaration import OptionSet
from tidewatt.options.studies import STUDIES

ROOT = Path(__file__).parents[3]
VERBS = {
    "coordination": "coordinate",
    "simulation": "simulate",
    "assign": "assign",
    "configuration": "configure",
    "tariff": "tariff",
}
EVERY = [pytest.param(section, options, id=section) for section, options in STUDIES.items()]
HORIZON = {"start": "2027-01-11T00:00:00", "step_min": 15.0, "steps": 96}


def help_of(verb: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "400")
    assert main([verb, "--help"]) == 0
    return " ".join(re.sub("[│╭╮╰╯─]", " ", capsys.readouterr().out).split())


def of_file(section: str, given: dict[str, Any]) -> list[str]:
    issues: list[Any] = []
    parse_config({"horizon": HORIZON, section: given}, issues)
    return [f"{issue.problem}. {issue.fix}" for issue in issues]


@pytest.mark.parametrize(("section", "options"), EVERY)
def test_a_command_has_a_flag_with_range_and_default_for_each(
    section: str, options: OptionSet[Any], capsys, monkeypatch
) -> None:
    """Without it an option could be found in Python only, or its default be a riddle."""
    shown = help_of(VERBS[section], capsys, monkeypatch)
    for one in options.of_calls.values():
        assert f" {one.flag} " in shown, one.name
        assert one.number is None or one.allowed[2:] in shown, one.name
        assert isinstance(one.option.default, bool) or f"[default: {one.default}]" in shown, one.name
    for name in options.every.keys() - options.of_calls.keys():
        assert f"--{name.replace('_', '-')}" not in shown


@pytest.mark.parametrize(("section", "options"), EVERY)
def test_python_shows_keyword_and_help_of_each(section: str, options: OptionSet[Any]) -> None:
    """Without it editors complete nothing, and help() leaves users to search the documentation."""
    function = getattr(tidewatt, VERBS[section])
    keywords = inspect.signature(function).parameters
    for name, one in options.of_calls.items():
        assert keywords[name].default == one.option.default
        said = f"\n{name} : {one.type_name}, default {one.option.default!r}\n"
        assert said in inspect.getdoc(function)
        assert " ".join(one.option.help.split()) in " ".join(function.__doc__.split())
    assert "**options" not in function.__doc__


@pytest.mark.parametrize("section", STUDIES)
def test_a_mistake_gets_the_same_words_from_every_door(
    section: str, capsys, monkeypatch, tmp_path: Path
) -> None:
    """Without it users would learn three languages for one mistake."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ScenarioError) as caught:
        getattr(tidewatt, VERBS[section])(tidewatt.example("village"), threads=-1)
    found = [issue for issue in caught.value.issues if issue.field == "threads"]
    words = [f"{issue.problem}. {issue.fix}" for issue in found]
    assert of_file(section, {"threads": -1}) == words
    assert main([VERBS[section], "none", "--out", "r", "--threads", "-1"]) == 2
    assert words[0] in capsys.readouterr().err


@pytest.mark.parametrize("section", STUDIES)
def test_a_misspelt_option_is_refused_with_the_nearest_one(section: str, capsys) -> None:
    """Without it a key of a section would be read and do nothing."""
    assert of_file(section, {"threds": 1}) == [
        "unknown option 'threds'. Correct or remove it: did you mean 'threads'?"
    ]
    assert main([VERBS[section], "none", "--out", "r", "--threds", "1"]) == 2
    said = "unknown option '--threds'. Correct or remove it: did you mean '--threads'?"
    assert said in capsys.readouterr().err


def test_a_section_of_assign_acts(tmp_path: Path) -> None:
    """Without it [assign] would be read and have no effect."""
    scenario = tidewatt.example("city")
    given = {**scenario.parameters, "assign": {"relative_gap": 0.5, "method": "biconjugate-frank-wolfe"}}
    tidewatt.write_scenario(dataclasses.replace(scenario, parameters=given), tmp_path / "city")
    figures = tidewatt.assign(tmp_path / "city").summary()
    assert (figures["relative_gap_asked"], figures["method"]) == (0.5, "biconjugate-frank-wolfe")


def test_no_limit_may_stand_in_every_section() -> None:
    """Without it a limit that Python takes could be refused in a file."""
    for section in STUDIES:
        assert of_file(section, {"time_limit_s": float("inf")}) == []


def test_a_study_takes_the_folder_of_a_scenario(tmp_path: Path) -> None:
    """Without it a path ends in an AttributeError."""
    tidewatt.write_scenario(tidewatt.example("village"), tmp_path / "v")
    of_text = tidewatt.coordinate(str(tmp_path / "v"), threads=1)
    of_path = tidewatt.coordinate(tmp_path / "v", threads=1)
    assert of_text.certificate == of_path.certificate
    with pytest.raises(TypeError, match="path of its folder, found int"):
        tidewatt.coordinate(7)  # type: ignore[arg-type]


def test_tables_of_the_pages_are_those_of_the_declarations() -> None:
    """Without it pages go stale; `python -m tidewatt.options docs` writes them anew."""
    pages = [path.read_text("utf-8") for path in sorted((ROOT / "docs").glob("*.md"))]
    for page in pages:
        assert written(page) == page
    for section in STUDIES:
        assert sum(f"<!-- options: {section} -->" in page for page in pages) == 1, section


@pytest.mark.parametrize("section", STUDIES)
def test_every_flag_of_a_command_is_on_its_page(section: str, capsys, monkeypatch) -> None:
    """Without it what only the command has could be found in --help alone."""
    name = "roads" if section == "assign" else VERBS[section]
    page = (ROOT / "docs" / f"{name}.md").read_text("utf-8")
    page += (ROOT / "docs" / "simulate.md").read_text("utf-8") if section == "configuration" else ""
    for flag in set(re.findall(r" (--[a-z][a-z0-9-]+) ", help_of(VERBS[section], capsys, monkeypatch))):
        assert flag in page, flag


_ADDED = """
    extra_care: Annotated[int, Option(3, "Look so many times.", least=1, most=9, unit="times")]
"""
_LOOK = """
import inspect, tidewatt
from tidewatt.cli import main
from tidewatt.io.scenario.config import parse_config
from tidewatt.options.__main__ import table
from tidewatt.options.studies import STUDIES
for given in (3, 12):
    issues = []
    parse_config({"horizon": {"start": "2027-01-11T00:00:00", "step_min": 15.0, "steps": 96},
                  "tariff": {"extra_care": given}}, issues)
    print("file", given, *issues)
print("python", inspect.signature(tidewatt.tariff).parameters["extra_care"])
print("help", "extra_care : int, default 3" in tidewatt.tariff.__doc__)
print("page", table(STUDIES["tariff"]))
print("value", STUDIES["tariff"].resolve(extra_care=4)["extra_care"])
main(["tariff", "--help"])
main(["tariff", "none", "--out", "r", "--extra-care", "12"])
"""


def test_one_declaration_adds_an_option_everywhere(tmp_path: Path) -> None:
    """Without it an option has to be written once more for every door, and one of them is forgotten."""
    for path in (ROOT / "src" / "tidewatt").rglob("*.py"):
        copy = tmp_path / "tidewatt" / path.relative_to(ROOT / "src" / "tidewatt")
        copy.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text("utf-8")
        if path.parts[-2:] == ("options", "tariffs.py"):
            text = text.replace("    formulation: Annotated[", f"{_ADDED}    formulation: Annotated[", 1)
        copy.write_text(text, "utf-8")
    env = dict(os.environ, PYTHONPATH=str(tmp_path), COLUMNS="200")
    done = subprocess.run(
        [sys.executable, "-c", _LOOK], env=env, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    words = "found 12. Give a whole number from 1 to 9 times"
    assert "file 3\n" in done.stdout and f"tariff.extra_care: {words}" in done.stdout
    assert "python extra_care: int = 3\n" in done.stdout
    assert "help True\n" in done.stdout and "value 4\n" in done.stdout
    row = (
        "| `extra_care` | 3 times | a whole number from 1 to 9 times | `--extra-care` | Look so many times. |"
    )
    assert row in done.stdout
    assert re.search(
        r"--extra-care( INT)? +Look so many times\. A whole number from 1 to 9 times\.", done.stdout
    )
    assert f"tariff.extra_care: {words}" in done.stderr
