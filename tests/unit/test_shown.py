"""What structures and results show of themselves."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

import tidewatt
from tidewatt.domain.stations import StationPlan
from tidewatt.io.results import load, save
from tidewatt.synthesis.examples import EXAMPLES

LONGEST = 300


def parts(value: Any) -> Iterator[Any]:
    """Every dataclass within a value, itself included."""
    if isinstance(value, Mapping):
        for each in value.values():
            yield from parts(each)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield value
        for each in dataclasses.fields(value):
            yield from parts(getattr(value, each.name))


def solved(name: str) -> Any:
    """The smallest result of a study."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if name == "coordinate":
            return tidewatt.coordinate(tidewatt.example("village"), relative_gap=0.1)
        if name == "tariff":
            return tidewatt.tariff(tidewatt.example("tariff-20-17"), relative_gap=0.5, samples=2)
        city = tidewatt.example("city")
        if name == "assign":
            return tidewatt.assign(city, relative_gap=0.1)
        few = {"vehicles": 100, "replications": 1, "threads": 1}
        if name == "simulate":
            return tidewatt.simulate(city, **few)
        return tidewatt.configure(
            city, simulation={"vehicles": 100}, evaluations=4, days_train=1, days_test=2, threads=1
        )


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_part_of_an_example_is_shown_in_a_few_lines(name: str) -> None:
    """A notebook that ends in a scenario or a part of it would be flooded with numbers."""
    for part in parts(tidewatt.example(name)):
        shown = repr(part)
        assert type(part).__name__ in shown and len(shown) < LONGEST, shown[:500]
        if hasattr(part, "_repr_html_"):
            assert len(part._repr_html_()) < 5000


@pytest.mark.parametrize("name", ["coordinate", "assign", "simulate", "configure", "tariff"])
def test_every_part_of_a_result_is_shown_in_a_few_lines(name: str, tmp_path: Any) -> None:
    """A result must say how it ended, its first figures and how to go on, fresh or loaded."""
    result = solved(name)
    for part in parts(result):
        assert len(repr(part)) < LONGEST, repr(part)[:500]
    fresh = repr(result)
    assert f"status {result.status.name}" in fresh and "tidewatt.save" in fresh
    for key, (label, _) in result.HEADLINES.items():
        assert label in fresh or result.figures[key] is None
    assert "<th" in result._repr_html_() and result.status.name in result._repr_html_()
    save(result, tmp_path / "out")
    again = repr(load(tmp_path / "out"))
    assert len(again) < LONGEST and again == fresh.replace("tidewatt.save", "tidewatt.verify")


def test_names_are_no_markup_and_leave_room() -> None:
    """A name from a file must neither run as HTML in a notebook nor push the counts out of sight."""
    village = tidewatt.example("village")
    odd = dataclasses.replace(village, name="<script>alert(1)</script>" + "x" * 400, currency="<b>")
    assert "<script>" not in odd._repr_html_() and "&lt;script&gt;" in odd._repr_html_()
    assert "&lt;b&gt;" in odd._repr_html_()
    assert len(repr(odd)) < LONGEST and "vehicles 40" in repr(odd)


def test_odd_arrays_are_shown() -> None:
    """Arrays that are empty, of one value or without a number must not raise where they are shown."""
    plan = StationPlan(np.array([3, 3]), np.array([], np.int64))
    assert repr(plan) == "<StationPlan: fast [2] 3; normal [0]>"
    assert "nan" in repr(dataclasses.replace(tidewatt.example("city").demand, trips=np.full(3600, np.nan)))


def test_nouns_are_shown_without_pandas() -> None:
    """Looking at a scenario must not take the second that importing pandas takes."""
    code = (
        "import sys, tidewatt; s = tidewatt.example('village'); repr(s); repr(s.fleet); s._repr_html_();"
        "assert 'pandas' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
