"""Figures of plans: drawn from fresh and loaded results, with and without places, fronts and coordination."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.configuration.made_plans import configured
from tidewatt.report.configuration.plans import (
    changes,
    load_before_after,
    pareto_front,
    queue_before_after,
    search_progress,
)
from tidewatt.report.figures import write_figures


def test_titles_say_what_the_figures_say() -> None:
    """Without it a picture could carry another result's headline."""
    f = configured().figures
    title = changes(configured()).get_suptitle()
    assert f"{f['stations_changed']} stations of 4 changed" in title
    assert f"{f['fast_before']} → {f['fast_after']}" in title
    assert "Memetic search" in search_progress(configured()).get_suptitle()
    assert "min before" in queue_before_after(configured()).get_suptitle()
    assert "Each day's own peak load" in load_before_after(configured()).get_suptitle()


def test_coordinated_loads_are_drawn_where_there_are_any() -> None:
    """Without it the comparison asked for is missing from the pictures, or empty axes are in them."""
    assert len(load_before_after(configured()).axes) == 2
    lines = load_before_after(configured()).axes[1].get_lines()
    assert [line.get_label() for line in lines] == [
        *("before, unmanaged", "after, unmanaged", "before, coordinated", "after, coordinated")
    ]
    assert len(load_before_after(configured(coordinated=False)).axes) == 1


def test_smoothing_keeps_the_energy() -> None:
    """Without it loads drawn could lie beside those of the files."""
    result = configured()
    ax = load_before_after(result).axes[0]
    drawn = np.asarray(ax.get_lines()[0].get_ydata(), float)
    assert drawn.sum() == pytest.approx(float(result.data["load_kw"].sel(plan="before").sum()))


def test_without_places_there_is_a_ranking_alone() -> None:
    """Without it a scenario without coordinates cannot be drawn."""
    result = configured(coordinated=False, places=False)
    assert len(changes(result).axes) == 1


def test_nothing_changed_and_nothing_found_are_said() -> None:
    """Without it a plan that changes nothing ends in a traceback after hours of search."""
    result = configured()
    same = result.plan.assign(
        fast_after=result.plan["fast_before"], normal_after=result.plan["normal_before"]
    )
    figure = changes(replace(result, plan=same))
    assert any("no station changes" in text.get_text() for ax in figure.axes for text in ax.texts)
    none = replace(result, history=result.history.assign(best_objective=np.inf))
    assert any("no plan" in text.get_text() for text in search_progress(none).axes[0].texts)


def test_a_front_is_drawn_pair_by_pair(tmp_path) -> None:
    """Without it a Pareto search shows no trade-off."""
    pytest.importorskip("pymoo", reason="the Pareto search needs the extra `search`")
    result = configured(search="pareto", coordinated=False)
    axes = pareto_front(result).axes
    assert len(axes) == 4
    assert len(axes[0].collections[0].get_offsets()) == len(result.front)
    names = [path.stem for path in write_figures(result, tmp_path)]
    assert names == ["convergence", "queue_before_after", "load_before_after", "changes", "front"]
