"""docs/configure.md and the data dictionary say what `configure` does."""

from __future__ import annotations

import numpy as np

from tests.unit.test_docs import first_names, section, text
from tidewatt.configuration.costs import Costs
from tidewatt.configuration.validation import clash


def test_costs_of_the_summary_are_those_of_the_code() -> None:
    """Without it a cost could be left out of the page that explains them."""
    names = first_names(section(text("data-dictionary.md"), "Summary of `configure`"))
    start = names.index("f1")
    assert names[start : start + len(Costs._fields)] == list(Costs._fields)


def test_the_messages_shown_are_those_printed() -> None:
    """Without it the page could show words that no run prints."""
    from tests.unit.configuration.test_limits import limits

    shown = text("configure.md")
    fixed = clash(limits(fixed=[False, True, False], total_high=[8, 4, 6]))
    poor = clash(limits(budget=-60.0))
    feeder = clash(
        limits(
            station_id=np.array([7, 9, 13]),
            feeder_id=np.array(["F3"]),
            feeder_room_kw=[200.0],
            fast_least=[4, 6, 0],
            normal_least=[3, 2, 0],
            total_high=[20, 20, 6],
        )
    )
    for issue in (*fixed, *poor):
        assert str(issue) in shown
    assert str(feeder[0]).split(". Lower")[0] in shown


def test_every_file_of_a_result_is_described(tmp_path) -> None:
    """Without it a file of a result could be there without a word, or be promised and missing."""
    import tidewatt
    from tests.unit.configuration.made_plans import configured, crowded

    tidewatt.write_scenario(crowded(), tmp_path / "s")
    tidewatt.save(configured(), tmp_path / "r", scenario_folder=tmp_path / "s")
    described = set(first_names(section(text("configure.md"), "Files of a result")))
    written = {file.name + "/" * file.is_dir() for file in (tmp_path / "r").iterdir()}
    assert written | {"front.parquet", "figures/"} == described


def test_keys_of_a_result_are_described() -> None:
    """Without it a key of the summary's parts could stay secret, or be promised in vain."""
    from tests.unit.configuration.made_plans import configured

    result, page = configured(), text("data-dictionary.md")
    names = first_names(section(page, "Summary of `configure`"))
    assert names[names.index("f1") :] == list(result.figures["before"])
    rows_of_costs = first_names(section(page, "`costs.csv`"))
    assert rows_of_costs[-6:] == result.costs["figure"].tolist()[-6:]
