"""docs/tariff.md and the data dictionary say what `tariff` and `assemble` do."""

from __future__ import annotations

import dataclasses
import inspect
import re
from pathlib import Path

import pytest

import tidewatt
from tests.unit.tariffs.small_cases import small_case
from tests.unit.test_docs import NAME, agrees, first_names, rows, section, text
from tidewatt.errors import SolveWarning


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    """A result with a sweep."""
    folder = tmp_path_factory.mktemp("tariff")
    tidewatt.write_scenario(small_case(), folder / "s")
    result = tidewatt.tariff(small_case(), sweep_gamma=[0.0, 1.0], threads=1, samples=100)
    return tidewatt.save(result, folder / "r", scenario_folder=folder / "s")


@pytest.fixture(scope="module")
def blocked(tmp_path_factory) -> Path:
    """A result of a case that no plan fits into."""
    folder = tmp_path_factory.mktemp("tariff")
    scenario = small_case(line_kw=(250.0, 85.0))
    tidewatt.write_scenario(scenario, folder / "s")
    with pytest.warns(SolveWarning):
        result = tidewatt.tariff(scenario, threads=1, samples=0)
    return tidewatt.save(result, folder / "r", scenario_folder=folder / "s")


def described(part: str) -> dict[str, list[str]]:
    """Rows of a section's tables by the name in their first cell."""
    return {NAME.findall(row[0])[0]: row for row in rows(part)}


def test_every_file_of_a_result_is_described(saved: Path, blocked: Path) -> None:
    """Without it a result could hold files that no page explains."""
    listed = set(first_names(section(text("tariff.md"), "Files of a result")))
    written = {file.name for folder in (saved, blocked) for file in folder.iterdir()}
    assert written | {"figures/"} == listed


def test_statuses_are_those_that_a_run_can_end_with() -> None:
    """Without it a run could end in a way that the page has no advice for, or in another exit status."""
    part = described(section(text("tariff.md"), "When it stops"))
    assert set(part) == {"CERTIFIED", "DEVIATING", "INFEASIBLE", "TIME_LIMIT", "STALLED"}
    for name, row in part.items():
        assert f"exit status {0 if tidewatt.Status[name].reached else 3}" in row[1], name


def test_rules_of_assemble_are_options_that_the_page_may_name() -> None:
    """Without it the page could show an option that the program refuses."""
    from tidewatt.cli.assembly import assemble

    part = section(text("tariff.md"), "A larger case from your own roads and grid")
    named = set(re.findall(r"--([a-z][a-z-]+)", part)) - {"out"}
    assert {"stations", "step-min", "contract"} <= named
    assert {name.replace("-", "_") for name in named} <= set(inspect.signature(assemble).parameters)


def test_symbols_of_the_equations_are_in_the_nomenclature() -> None:
    """Without it a reader of the equations of tariffs finds no list of their symbols."""
    part = text("nomenclature.md")
    assert "Of `tariff`:" in part
    names = set(NAME.findall(part.split("Of `tariff`:")[1].split("## Terms")[0]))
    from tidewatt.domain import distribution, travel

    known = {
        name
        for module in (distribution, travel)
        for cls in vars(module).values()
        if dataclasses.is_dataclass(cls)
        for name in cls.__dataclass_fields__
    }
    for name in ("battery_kwh", "capacity_per_step", "free_flow_steps", "half_width_kw", "limit_kw"):
        assert name in names & known, name


def test_words_of_tariffs_are_explained() -> None:
    """Without it readers meet words whose meaning here is nowhere said."""
    page = text("concepts.md")
    for word in (
        "Aggregator",
        "Dynamic tariff",
        "Decentralisation",
        "Uncertainty set",
        "Conformal margin",
        "Surplus level",
        "Pooling",
        "LinDistFlow",
        "Toll, price of chargers",
    ):
        assert f"**{word}.**" in page or f"**{word}," in page, word
    for heading in ("## Prices for charging", "### Proved, simulated, assumed"):
        assert heading in page


@pytest.mark.slow
def test_the_start_page_shows_what_the_commands_print(tmp_path: Path, monkeypatch, capsys) -> None:
    """Without it the first tariffs that a reader finds could differ from those that the page promises."""
    from tidewatt.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    part = section(text("start.md"), "6. Prices for charging")
    script, shown = (re.search(rf"^```{kind}\n(.*?)^```", part, re.M | re.S) for kind in ("bash", "text"))
    assert script and shown
    for line in script.group(1).splitlines():
        assert main(line.split()[1:]) == 0, line
    out = capsys.readouterr().out.splitlines()
    for line in shown.group(1).splitlines():
        assert line == "..." or any(agrees(line, other) for other in out), f"no longer printed: {line}\n{out}"
