"""Options of every study are checked by one rule and reported in one wording."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import tidewatt
from tidewatt.errors import ScenarioError
from tidewatt.options.coordination import COORDINATION
from tidewatt.options.declaration import Declared, Seed, check_value
from tidewatt.options.simulation import SIMULATION
from tidewatt.options.studies import STUDIES
from tidewatt.options.tariffs import TARIFF

NUMBERS = [
    pytest.param(section, one, id=f"{section}.{one.name}")
    for section, options in STUDIES.items()
    for one in options.every.values()
    if one.number is not None and not one.length
]


def beyond(one: Declared, side: float) -> float:
    """The nearest number that is out of range on a side; nan where there is none."""
    end = one.option.most if side > 0 else one.option.least
    if not math.isfinite(end):
        return math.nan
    return end + side if one.number is int and abs(end) < 2**53 else float(np.nextafter(end, side * math.inf))


@pytest.mark.parametrize(("section", "one"), NUMBERS)
def test_ranges_hold_to_their_ends(section: str, one: Declared) -> None:
    """Without it a value that help and pages allow could be refused, or the other way round."""
    number = int if one.number is int else float
    for end in (one.option.least, one.option.most):
        assert not math.isfinite(end) or one.accepts(number(end))
    assert not one.accepts(beyond(one, 1.0)) and not one.accepts(beyond(one, -1.0))
    assert not one.accepts(True) and not one.accepts(math.nan) and not one.accepts(-math.inf)
    assert one.accepts(math.inf) == bool(one.option.infinite)
    assert one.accepts(10**400) == (one.option.most == math.inf)  # it has no float


def test_values_are_shown_short_and_as_they_were_given() -> None:
    """Without it a message runs over pages, or the command says "found 2.0" where the file says "found 2"."""
    seed = COORDINATION.every["seed"]
    assert seed.issue("coordination", 2.0).problem == seed.issue("coordination", 2).problem == "found 2"
    assert seed.issue("coordination", 2.5).problem == "found 2.5"
    assert len(seed.issue("coordination", 10**400).problem) < 70


@pytest.mark.parametrize("seed", [-1, 10**400, 2.5, "1", True])
def test_a_seed_that_is_none_is_refused_by_functions_too(seed: Any) -> None:
    """Without it NumPy's words, or a traceback, meet whoever asks for an example."""
    for call in (
        lambda: tidewatt.example("village", seed=seed),
        lambda: check_value("f", "seed", Seed, seed),
    ):
        with pytest.raises(ScenarioError, match="Give a whole number from 0 to"):
            call()
    village = tidewatt.example("village")
    with pytest.raises(ScenarioError, match=r"thin\.seed: found"):
        tidewatt.thin(village, 0.1, seed=seed)


@pytest.mark.parametrize("section", STUDIES)
def test_every_default_is_allowed_and_said(section: str) -> None:
    """Without it a study could refuse its own default, or help say nothing of it."""
    for one in STUDIES[section].every.values():
        assert one.option.default is None or one.accepts(one.option.default), one.name
        assert one.default and one.option.help.endswith("."), one.name


@pytest.mark.parametrize("section", STUDIES)
def test_the_same_mistakes_get_the_same_words(section: str) -> None:
    """Without it each study would call a misspelt or wrong option by words of its own."""
    with pytest.raises(ScenarioError) as caught:
        STUDIES[section].resolve(thraeds=1, threads=-1, time_limit_s=math.nan)
    assert [str(issue) for issue in caught.value.issues] == [
        f"{section}.thraeds: unknown option 'thraeds'. Correct or remove it: did you mean 'threads'?",
        f"{section}.time_limit_s: found nan. Give a number of 0 s or more, or inf (no limit)",
        f"{section}.threads: found -1. Give a whole number from 0 to 4,096",
    ]


@pytest.mark.parametrize(
    ("value", "good"),
    [(0.01, True), (np.float64(0.01), True), (1, True), ("0.01", False), ([0.01], False), (True, False)],
)
def test_what_counts_as_a_number(value: Any, good: bool) -> None:
    """Without it numbers from numpy would be refused, or texts computed with."""
    assert (COORDINATION.issues({"relative_gap": value}) == []) == good


def test_the_call_wins_over_the_scenario_and_none_means_not_given() -> None:
    """Without it what a user asks for now could be overruled by a file, or None taken for a value."""
    sections = {"simulation": {"vehicles": 7, "soc_initial": [0, 1]}, "coordination": {"vehicles": 3}}
    found = SIMULATION.resolve(sections, vehicles=None, days=2)
    assert (found["vehicles"], found["days"], found["replications"]) == (7, 2, 1000)
    assert found["soc_initial"] == (0.0, 1.0) and list(found) == list(SIMULATION.every)
    assert SIMULATION.resolve(sections, vehicles=9)["vehicles"] == 9


def test_what_acts_while_a_scenario_is_read_is_refused_later() -> None:
    """Without it a call could give what no longer has an effect."""
    sections = {"tariff": {"kwh_per_km": 0.3}}
    assert TARIFF.resolve(sections)["kwh_per_km"] == 0.3
    with pytest.raises(ScenarioError, match="this has no effect now"):
        TARIFF.resolve(sections, kwh_per_km=0.2)
    assert "kwh_per_km" not in TARIFF.of_calls


def test_wrong_values_of_a_scenario_give_way_to_defaults_in_further_checks() -> None:
    """Without it one wrong option would hide everything else that is wrong."""
    found = SIMULATION.lenient({"simulation": {"step_min": "long", "days": 3, "dayz": 4}})
    assert (found["step_min"], found["days"]) == (1.0, 3)


def test_pairs_come_in_order() -> None:
    """Without it thresholds would be drawn from an empty range."""
    assert [issue.field for issue in SIMULATION.issues({"threshold_soc": [0.3, 0.1]})] == ["threshold_soc"]
