"""Figures of results, from one feeder to a thousand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hand_made import hand_made
from matplotlib.image import imread

from tidewatt.report import figures
from tidewatt.report.coordination.feeders import default_feeder

CASES = {
    "usual": {},
    "one feeder, no banks, no session rung": {"feeders": 1, "banks": 0, "session": False, "costs": 120.0},
    "a thousand feeders on a map": {
        "feeders": 1000,
        "banks": 50,
        "steps": 96,
        "places": True,
        "base": False,
        "costs": np.linspace(100, 900, 1000),
    },
    "nothing overloaded": {"size_kw": 0.0},
    "one step": {"steps": 1, "feeders": 2},
}
AXES = {"upgrade_need": 2, "feeder_ranking": 2, "feeder_week": 4, "convergence": 4, "regret": 2}


def sweep_table():
    adoption = np.arange(0.1, 0.95, 0.2)
    table = pd.DataFrame({"adoption": adoption, "lower_bound_cost": 900 * adoption})
    for k, rung in enumerate(("unmanaged", "session", "coordinated")):
        table[f"{rung}_upgrade_cost"] = 3000 * adoption / (k + 1)
        table[f"{rung}_feeders_overloaded"] = (40 * adoption).astype(int)
    return table


@pytest.mark.filterwarnings("ignore:'.*deprecated:DeprecationWarning")  # what matplotlib calls in pyparsing
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", CASES)
def test_every_figure_is_drawn_without_a_warning(case, tmp_path):
    """Without it: small, large or empty results end in an exception, or in blank or cramped pictures."""
    result = hand_made(**CASES[case])
    written = figures.write_figures(result, tmp_path)
    assert [path.stem for path in written] == list(AXES)
    for path in written:
        picture = imread(path)
        assert picture.shape[0] > 500 and picture.shape[1] > 1000, path
        assert picture[..., :3].std() > 0.02, f"{path} is blank"
    assert not list(tmp_path.glob(".*")), "a temporary file was left"


@pytest.mark.parametrize("name", AXES)
def test_axes_carry_quantities_and_units(name):
    """Without it: a figure loses a panel, its title or the name of an axis, and none can read it."""
    figure = getattr(figures, name)(hand_made())
    assert len(figure.axes) == AXES[name]
    assert len(figure.get_suptitle()) > 20
    for ax in figure.axes[::2] if name in ("convergence", "feeder_week") else figure.axes:
        assert ax.get_ylabel() or ax.get_yticklabels(), name


def test_upgrade_need_shows_cost_apart_where_kw_differ_in_cost():
    """Without it: with upgrade costs by feeder, the objective and its bound are nowhere to be seen."""
    same = figures.upgrade_need(hand_made(feeders=5, costs=7.0))
    apart = figures.upgrade_need(hand_made(feeders=5, costs=np.array([1.0, 2, 3, 4, 900])))
    assert (len(same.axes), len(apart.axes)) == (2, 3)


def test_bound_is_drawn_at_its_value():
    """Without it: the line that says what is proved could stand anywhere."""
    result = hand_made(feeders=5, size_kw=900.0, costs=7.0)
    ax = figures.upgrade_need(result).axes[0]
    (line,) = [c for c in ax.collections if c.get_label().startswith("proved")]
    drawn = [float(segment[0][1]) for segment in line.get_segments()]
    proved = [result.certificates[r].lower_bound_cost / 7.0 for r in ("session", "coordinated")]
    factor = drawn[1] / proved[1]
    assert factor == pytest.approx(1e-3) or factor == pytest.approx(1.0)
    assert drawn == pytest.approx([p * factor for p in proved])


def test_week_picks_the_feeder_with_the_largest_overload():
    """Without it: the default week shows a feeder where nothing happens."""
    result = hand_made()
    worst = int(result.feeders["unmanaged_overload_kw"].to_numpy().argmax())
    assert default_feeder(result) == worst
    assert str(result.feeders["feeder_id"][worst]) in figures.feeder_week(result).get_suptitle()


def test_week_of_a_named_feeder_and_of_none():
    """Without it: --feeder draws another feeder, or an unknown id ends in an unclear error."""
    result = hand_made()
    assert "F0003" in figures.feeder_week(result, "F0003").get_suptitle()
    with pytest.raises(KeyError, match="no feeder 'F9999'"):
        figures.feeder_week(result, "F9999")


def test_week_stacks_charging_on_base_up_to_the_rating():
    """Without it: curves and limit are not on the same footing, and overloads cannot be read off."""
    result = hand_made()
    at = default_feeder(result)
    ax = figures.feeder_week(result).axes[0]
    lines = {line.get_label(): np.asarray(line.get_ydata()) for line in ax.lines}
    one = result.data.isel(feeder=at)
    rating = (one["base_load_kw"] + one["headroom_kw"]).to_numpy() * 1e-3
    unmanaged = (one["base_load_kw"] + one["unmanaged_kw"]).to_numpy() * 1e-3
    assert lines["rating"][:-1] == pytest.approx(rating)
    assert lines["unmanaged"][:-1] == pytest.approx(unmanaged)


def test_week_copes_with_unlimited_and_negative_headroom():
    """Without it: feeders without a limit, or overloaded before any vehicle, break the picture."""
    for value in (np.inf, -50.0):
        result = hand_made(feeders=2, banks=0)
        result.data["headroom_kw"][:] = value
        figure = figures.feeder_week(result)
        assert len(figure.axes) == 4


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_week_of_a_feeder_without_a_bank_among_others_with(missing):
    """Without it: a feeder without a bank breaks the picture, or shows another feeder's bank price."""
    result = hand_made(feeders=4, banks=2)
    result.feeders["bank_id"] = result.feeders["bank_id"].astype(object)
    result.feeders.loc[1, "bank_id"] = missing
    figure = figures.feeder_week(result, "F0001")
    assert figure.axes[2].get_legend_handles_labels()[1] == ["feeder's own"]


def test_sweep_has_cost_and_feeders_by_rung():
    """Without it: the penetration sweep has no picture."""
    figure = figures.sweep(sweep_table())
    assert [len(ax.lines) for ax in figure.axes] == [4, 3]
    assert "90 %" in figure.get_suptitle()


def test_svg_is_the_same_for_the_same_result(tmp_path):
    """Without it: pictures under version control change with every run."""
    result = hand_made(feeders=3, steps=96)
    first = figures.write_figures(result, tmp_path / "a", formats=("svg",))
    second = figures.write_figures(result, tmp_path / "b", formats=("svg",))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_failed_save_leaves_the_old_picture(tmp_path, monkeypatch):
    """Without it: a full disk or Ctrl-C leaves half a picture under the picture's name."""
    figure = figures.sweep(sweep_table())
    path = figures.save_figure(figure, tmp_path / "sweep.png")
    before = path.read_bytes()

    def cut_off(file, **how):
        file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(figure, "savefig", cut_off)
    with pytest.raises(OSError):
        figures.save_figure(figure, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["sweep.png"]
