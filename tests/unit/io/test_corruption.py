"""Whatever cells, bytes and keys are changed: the answer is a scenario or a list of issues."""

from __future__ import annotations

import datetime
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.io.small_scenario import Small
from tests.unit.io.small_tariffs import SmallTariffs
from tidewatt.domain.scenario import Scenario
from tidewatt.errors import ScenarioError
from tidewatt.io.scenario.reading import read_scenario, scenario_from_tables
from tidewatt.io.scenario.writing import write_scenario

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ["V1", "F2", "B1", " V2 ", "nan", "inf", "1e400", "1,5", "08:00", "\0", '"', ",", "\n", "\ud800"]
    ),
    st.datetimes(),
    st.dates(),
    st.binary(max_size=4),
    st.lists(st.integers(), max_size=2),
    st.sampled_from([np.float32(3), np.int8(7), datetime.timedelta(minutes=5)]),
)
PLACES = [(name, column) for name, frame in Small().use_pieces().tables.items() for column in frame.columns]
PLACES += [("vehicles", "x_new"), ("headroom", "bank_id"), ("dwells", "station_id"), ("feeders", "customers")]
TARIFF_PLACES = [(name, column) for name, frame in SmallTariffs().tables.items() for column in frame.columns]
TARIFF_PLACES += [("energy_prices", "site_id"), ("injections", "gamma"), ("links", "length_km")]
TARIFF_CELL = st.tuples(st.sampled_from(TARIFF_PLACES), st.integers(0, 47), ODD)
CELL = st.tuples(st.sampled_from(PLACES), st.integers(0, 47), ODD)


def outcome(call) -> Scenario | ScenarioError:
    """A scenario, or the error that lists what is wrong."""
    try:
        return call()
    except ScenarioError as error:
        assert error.issues
        assert all(issue.table and issue.problem and issue.fix for issue in error.issues)
        str(error)
        return error


def spoilt(cells) -> Small:
    """The small scenario with cells changed."""
    small = Small().use_pieces()
    for (table, column), row, value in cells:
        small.set(table, column, row % len(small.tables[table]), value)
    return small


@settings(max_examples=250, deadline=None)
@given(st.lists(CELL, min_size=1, max_size=4))
def test_any_cell_in_frames(cells) -> None:
    """A strange cell would end in a traceback."""
    small = spoilt(cells)
    result = outcome(lambda: scenario_from_tables(small.tables, small.config))
    if isinstance(result, Scenario):
        with tempfile.TemporaryDirectory() as folder:
            write_scenario(result, folder)
            assert read_scenario(folder).sha256() == result.sha256()


@settings(max_examples=150, deadline=None)
@given(st.lists(TARIFF_CELL, min_size=1, max_size=3), st.lists(st.sampled_from(TARIFF_PLACES), max_size=1))
def test_any_cell_of_tariffs(cells, dropped) -> None:
    """A strange cell or a missing column would end in a traceback, or what is read be lost in writing."""
    small = SmallTariffs()
    for (table, column), row, value in cells:
        small.set(table, column, row % len(small.tables[table]), value)
    for table, column in dropped:
        small.tables[table] = small.tables[table].drop(columns=column, errors="ignore")
    result = outcome(lambda: scenario_from_tables(small.tables, small.config))
    if isinstance(result, Scenario):
        with tempfile.TemporaryDirectory() as folder:
            write_scenario(result, folder)
            again = read_scenario(folder)
            assert again.sha256() == result.sha256() and again.provenance == result.provenance


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(CELL, min_size=1, max_size=3))
def test_any_cell_in_csv(cells) -> None:
    """A strange cell in a file would end in a traceback."""
    small = spoilt(cells)
    with tempfile.TemporaryDirectory() as folder:
        try:
            small.write(Path(folder))
        except (UnicodeEncodeError, ValueError):
            return  # pandas cannot write it
        outcome(lambda: read_scenario(folder))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(["csv", "parquet"]),
    st.sampled_from(["scenario.toml", "vehicles", "dwells", "trips", "feeders", "headroom"]),
    st.integers(0, 5000),
    st.one_of(st.none(), st.binary(max_size=6)),
)
def test_any_bytes(form: str, name: str, place: int, insert: bytes | None) -> None:
    """A file damaged in any place, or cut there, would end in a traceback."""
    with tempfile.TemporaryDirectory() as place_of_folder:
        folder = Small().write(Path(place_of_folder), form)
        path = folder / (name if name.endswith("toml") else f"{name}.{form}")
        content = path.read_bytes()
        at = place % len(content)
        end = b"" if insert is None else insert + content[at + len(insert) :]
        path.write_bytes(content[:at] + end)
        outcome(lambda: read_scenario(folder))


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(
        [
            "",
            "name",
            "horizon",
            "horizon.start",
            "horizon.step_min",
            "horizon.steps",
            "sampling",
            "coordination.seed",
        ]
    ),
    st.one_of(ODD, st.dictionaries(st.text(max_size=5), ODD, max_size=2)),
)
def test_any_configuration(key: str, value: object) -> None:
    """A strange value in the configuration would end in a traceback."""
    small = Small()
    config = small.config
    *sections, last = key.split(".")
    place = config
    for section in sections:
        place = place[section]  # type: ignore[assignment]
    place[last] = value
    outcome(lambda: scenario_from_tables(small.tables, config))
