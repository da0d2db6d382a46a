"""docs/simulate.md and docs/roads.md say what the code does: parameters, options, files, commands."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import tidewatt
from tests.unit.test_docs import NAME, first_names, rows, section, text


def test_statuses_of_simulate_are_described() -> None:
    """Without it a run could end in a way that the page has no advice for."""
    names = first_names(section(text("simulate.md"), "When it stops"))
    assert set(names) == {"REPLICATIONS", "TOLERANCE", "TIME_LIMIT"}
    assert set(names) <= set(tidewatt.Status.__members__)


def test_every_file_of_a_simulation_is_described(tmp_path: Path) -> None:
    """Without it a result could hold files that no page explains."""
    result = tidewatt.simulate(tidewatt.example("city"), vehicles=200, replications=2, threads=1)
    folder = tidewatt.save(result, tmp_path / "result")
    named = set(first_names(section(text("simulate.md"), "Files of a result")))
    there = {file.name for file in folder.iterdir()}
    assert there - named == set() and named - there == {"figures/"}


def test_methods_of_the_interfaces_are_those_of_the_page() -> None:
    """Without it somebody's own model could have a method that nothing calls."""
    from tidewatt.simulation.driving.models import ChargingDecision, SpeedFlow
    from tidewatt.simulation.queueing.choice import StationChoice

    part = rows(section(text("simulate.md"), "Models of your own"))
    interfaces = {
        "decision_model": ChargingDecision,
        "choice_model": StationChoice,
        "speed_flow_model": SpeedFlow,
    }
    assert [NAME.findall(row[0])[0] for row in part] == list(interfaces)
    for row in part:
        argument, method = NAME.findall(row[0])[0], NAME.findall(row[1])[0]
        assert argument in inspect.signature(tidewatt.simulate).parameters
        name, given = re.fullmatch(r"(\w+)\((.*)\)", method).groups()  # type: ignore[union-attr]
        taken = list(inspect.signature(getattr(interfaces[argument], name)).parameters)[1:]
        assert given.split(", ") == taken, argument


@pytest.mark.slow
@pytest.mark.parametrize("page", ["simulate.md", "roads.md"])
def test_python_of_the_page_runs(page: str) -> None:
    """Without it the first lines that a reader copies could fail."""
    blocks = re.findall(r"^```python\n(.*?)^```", text(page), re.M | re.S)
    assert len(blocks) >= 2
    for block in blocks:
        exec(compile(block, page, "exec"), {})
