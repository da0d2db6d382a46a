"""What surrounds the code: workflows, make targets, versions and metadata agree with each other."""

from __future__ import annotations

import re
import runpy
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PAGES = [*WORKFLOWS, ROOT / ".ci" / "run", ROOT / "CONTRIBUTING.md"]
TARGETS = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text("utf-8"), re.M))


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_targets_that_are_called_exist(page: Path) -> None:
    """Without it a renamed make target breaks a workflow, or the page for newcomers."""
    called = set(re.findall(r"(?:^|run: |`)make ([a-z][\w-]*)", page.read_text("utf-8"), re.M))
    assert called and called <= TARGETS


def test_targets_that_are_no_files_are_declared() -> None:
    """Without it `make docs` does nothing, as there is a folder of that name."""
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.M)
    assert phony and set(phony.group(1).split()) == TARGETS


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda p: p.name)
def test_workflows_are_bound(workflow: Path) -> None:
    """Without it a run could write to the repository, hang for hours, or use whatever an action is today."""
    text = workflow.read_text("utf-8")
    assert re.search(r"^permissions:\n  contents: read$", text, re.M)
    assert text.count("runs-on:") == text.count("timeout-minutes:")
    assert all(re.search(r"@(v\d+|release/v\d+)$", used) for used in re.findall(r"uses: (\S+)", text))
    assert workflow.name == "release.yml" or "write" not in text


def test_supported_versions_of_python_are_tested() -> None:
    """Without it the index could promise a Python on which the tests never run."""
    promised = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    matrix = re.search(r"python: \[(.*)\]", (ROOT / ".github/workflows/ci.yml").read_text("utf-8"))
    assert matrix and re.findall(r"3\.\d+", matrix.group(1)) == promised
    assert PROJECT["requires-python"] == f">={promised[0]}"


def test_lowest_versions_are_read_from_the_project() -> None:
    """Without it the tests of the lowest versions could run with newer ones, and a minimum mean nothing."""
    lowest = runpy.run_path(str(ROOT / ".ci" / "oldest.py"))["lowest"]
    found = lowest((ROOT / "pyproject.toml").read_text("utf-8"))
    numpy = re.search(r"numpy>=(\S+)", " ".join(PROJECT["dependencies"]))
    assert numpy and f"numpy=={numpy.group(1)}" in found
    assert len(found) == len(PROJECT["dependencies"]) + len(PROJECT["optional-dependencies"]["test"])


def test_extras_are_tested_at_their_own_minimum() -> None:
    """Without it an extra's minimum could be lower than the version that is tested."""
    extras = PROJECT["optional-dependencies"]
    assert set(extras["gis"] + extras["search"] + extras["ac"]) <= set(extras["test"])


def test_types_are_shipped() -> None:
    """Without it mypy ignores every type of tidewatt in a user's project."""
    assert (ROOT / "src" / "tidewatt" / "py.typed").is_file()


def test_every_page_is_in_the_menu() -> None:
    """Without it a page is built that no menu leads to."""
    menu = set(re.findall(r"([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.M))
    assert menu == {page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")}
