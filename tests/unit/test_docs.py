"""The pages of docs/ say what the code does: every column, key, option and command, and nothing else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tidewatt

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted(DOCS.rglob("*.md")),
]
NAME = re.compile(r"`([^`]+)`")


def text(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def without_code(page: str) -> str:
    return re.sub(r"^```.*?^```$", "", page, flags=re.M | re.S)


def section(page: str, heading: str) -> str:
    """What stands below a heading, up to the next one of its level or above."""
    found = re.search(rf"^(#+) `?{re.escape(heading)}`?$", page, re.M)
    assert found, f"no heading {heading!r}"
    level = len(found.group(1))
    rest = page[found.end() :]
    end = re.search(rf"^#{{1,{level}}} ", rest, re.M)
    return rest[: end.start()] if end else rest


def rows(part: str) -> list[list[str]]:
    """Cells of all table rows, heads and rules left out."""
    lines = [line for line in part.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    rules = {k for k, row in enumerate(cells) if all(re.fullmatch(r"-+", cell) for cell in row)}
    return [row for k, row in enumerate(cells) if k not in rules and k + 1 not in rules]


def first_names(part: str) -> list[str]:
    """Names in backticks in the first cells."""
    return [name for row in rows(part) for name in NAME.findall(row[0])]


def anchors(page: str) -> set[str]:
    """Link targets of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", without_code(page), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


def agrees(shown: str, printed: str) -> bool:
    """Same words, and numbers that differ by no more than the asked gap and rounding leave open."""
    one, other = (" ".join(NUMBER.sub("#", line).split()) for line in (shown, printed))
    pairs = zip(*([float(n.replace(",", "")) for n in NUMBER.findall(line)] for line in (shown, printed)))
    return one == other and all(abs(a - b) <= 3e-3 * max(a, b) for a, b in pairs)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("village") / "result"
    result = tidewatt.coordinate(tidewatt.example("village"), threads=1)
    return tidewatt.save(result, folder, soc=True)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_relative_links_resolve(page: Path) -> None:
    """Without it a page that was renamed, or a picture never committed, would leave readers with nothing."""
    content = without_code(page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", content):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), f"{page.name} links to {target}, which does not exist"
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file.read_text(encoding="utf-8")), (
                f"{page.name}: no heading for {target}"
            )


def test_the_index_lists_every_page() -> None:
    """Without it a page could exist that nobody finds."""
    index = text("README.md")
    for page in sorted(DOCS.rglob("*.md")):
        name = page.relative_to(DOCS).as_posix()
        assert name == "README.md" or f"]({name})" in index, f"docs/README.md does not list {name}"


def test_scenario_columns_are_those_of_the_schema() -> None:
    """Without it users could look for a column that is not read, miss one that is, or trust old defaults."""
    from tidewatt.io.scenario.schema import TABLES

    page = text("data-dictionary.md")
    for table, columns in TABLES.items():
        described = {NAME.findall(row[0])[0]: row for row in rows(section(page, table))}
        assert list(described) == list(columns), table
        for name, column in columns.items():
            kind, default = described[name][1], described[name][4]
            assert kind == ("whole number" if name == "step" else column.kind), f"{table}.{name}"
            if column.required:
                assert default == "needed", f"{table}.{name}"
            elif column.kind == "flag":
                assert default == ("true" if column.default else "false"), f"{table}.{name}"
            elif column.default is not None:
                assert float(default) == column.default, f"{table}.{name}"
            else:
                assert default != "needed", f"{table}.{name}"


def test_keys_of_the_toml_are_those_of_the_models() -> None:
    """Without it a key of scenario.toml could stay secret, or be promised and refused."""
    from tidewatt.io.scenario import config

    part = section(text("data-dictionary.md"), "scenario.toml")
    whole, horizon, sampling, roads = re.split(r"^`\[\w+\]`", part, flags=re.M)
    models: dict[str, Any] = {whole: config.ConfigModel, horizon: config.HorizonModel}
    models |= {sampling: config.SamplingModel, roads: config.RoadsModel}
    for described, model in models.items():
        assert sorted(first_names(described)) == sorted(model.model_fields), model.__name__


def test_every_file_of_a_result_is_described(saved: Path) -> None:
    """Without it a result could hold files that no page explains."""
    named = set(first_names(section(text("coordinate.md"), "Files of a result")))
    there = {file.name for file in saved.iterdir()}
    assert there - named == set() and named - there == {"figures/"}


def test_every_status_and_exit_status_is_described() -> None:
    """Without it a run could end in a way that the page has no advice for."""
    from tidewatt import cli

    names = first_names(part := section(text("coordinate.md"), "When it stops"))
    names += first_names(section(text("simulate.md"), "When it stops"))
    names += first_names(section(text("configure.md"), "When it stops"))
    names += first_names(section(text("tariff.md"), "When it stops"))
    assert set(names) == set(tidewatt.Status.__members__)
    numbers = {int(row[0]) for row in rows(part) if row[0].isdigit()}
    assert numbers == {cli.DONE, cli.PROGRAM_ERROR, cli.BAD_INPUT, cli.NOT_REACHED, cli.INTERRUPTED}


def test_every_command_is_listed() -> None:
    """Without it a verb of the program could be missing from the list of commands, or linger there."""
    from tidewatt.cli.app import app
    from tidewatt.cli.importing import importing

    def verbs(each: Any) -> set[str]:
        return {name for name in each if not name.startswith("-")}

    expected = {f"tidewatt {verb}" for verb in verbs(app) - {"import"}}
    expected |= {f"tidewatt import {source}" for source in verbs(importing)}
    assert set(first_names(section(text("start.md"), "All commands"))) == expected


def test_examples_are_all_named() -> None:
    """Without it an embedded scenario could stay unknown to those who look for one."""
    from tidewatt.synthesis.examples import EXAMPLES

    (row,) = (row for row in rows(text("start.md")) if "tidewatt example" in row[0])
    assert NAME.findall(row[1]) == list(EXAMPLES)


def test_version_is_the_same_everywhere() -> None:
    """Without it a citation or the changelog could name a version that does not exist."""
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    assert re.search(rf"^version: {re.escape(tidewatt.__version__)}$", citation, re.M)
    assert f"## [{tidewatt.__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_python_of_the_start_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without it the first lines that a user types could fail, or print something else than the page says."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", text("start.md"), re.M | re.S)
    assert len(blocks) >= 3
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, "docs/start.md", "exec"), names)
    out = capsys.readouterr().out.splitlines()
    promised = re.findall(r"^ *(?:print\(.*)?\)  # ([\w. ]+)$", "\n".join(blocks), re.M)
    assert len(promised) == 3
    for said in promised:
        assert any(agrees(said, line) for line in out), f"start.md promises {said!r}; printed: {out}"
    prices = names["result"].data["price"].to_numpy()[0, 6:19]
    assert prices.round(1).tolist() == [76.9] * 13


@pytest.mark.slow
def test_shell_of_the_start_page_shows_what_it_prints(tmp_path: Path) -> None:
    """Without it the commands could fail, or the tables beside them be those of an older program."""
    page = text("start.md")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for heading in ("2. A scenario small enough to read", "3. A scenario of your own"):
        part = section(page, heading)
        script, shown = (re.search(rf"^```{kind}\n(.*?)^```", part, re.M | re.S) for kind in ("bash", "text"))
        assert script and shown
        ran = subprocess.run(
            ["bash", "-e", "-c", script.group(1)],
            cwd=tmp_path,
            env=os.environ | {"PATH": path, "COLUMNS": "80"},
            capture_output=True,
            text=True,
            encoding="utf-8",
        )
        assert ran.returncode == 0, ran.stderr
        out = ran.stdout.splitlines()
        for line in shown.group(1).splitlines():
            if line != "..." and not re.search(
                r"\bgap\b|% apart", line
            ):  # how far below the asked gap is chance
                assert any(agrees(line, other) for other in out), f"no longer printed: {line}\n{ran.stdout}"
