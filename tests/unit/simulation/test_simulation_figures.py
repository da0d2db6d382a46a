"""Figures of simulations, from an empty day to many stations."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.image import imread

from tests.unit.simulation.made_days import hand_made, town
from tidewatt.io.results import load, save
from tidewatt.report import figures
from tidewatt.report.words import amount, power

NAMES = ["load_and_queue", "station_map", "waits", "fleet_day", "road_speeds"]


def one_day():
    return hand_made(replications=1)


def no_places():
    return hand_made(town(places=False))


def without_roads():
    return dataclasses.replace(hand_made(), scenario=None)


def nobody_waits():
    return hand_made(share=0.05)


def nobody_charges():
    """Days on which no vehicle runs low."""
    made = hand_made()
    zero = {
        name: made.data[name] * 0.0 for name in made.data.data_vars if name not in ("vehicles", "speed_kmh")
    }
    stations = made.stations.assign(charges=0.0, peak_load_kw=0.0, mean_wait_min=np.nan, p95_wait_min=np.nan)
    still = {"charges_per_day": 0.0, "peak_load_kw": 0.0, "queue_peak": 0.0, "p95_wait_min": 0.0}
    return dataclasses.replace(
        made,
        data=made.data.assign(zero),
        events=made.events.iloc[:0],
        stations=stations,
        figures={**made.figures, **still},
    )


def few_charge():
    """Days with three charges, of which none waits."""
    made = hand_made()
    data = made.data.assign({name: made.data[name] * 0.0 for name in made.data.data_vars if "queue" in name})
    return dataclasses.replace(
        made,
        data=data,
        events=made.events.iloc[:3].assign(wait_min=0.0),
        stations=made.stations.assign(mean_wait_min=0.0, p95_wait_min=0.0),
        figures={**made.figures, "charges_per_day": 1.0, "queue_peak": 0.0, "p95_wait_min": 0.0},
    )


def in_degrees():
    scenario = town()
    roads = scenario.roads
    roads = dataclasses.replace(roads, x=13.0 + roads.x / 70, y=52.0 + roads.y / 111, crs="EPSG:4326")
    return hand_made(dataclasses.replace(scenario, roads=roads))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "make",
    [hand_made, one_day, no_places, without_roads, nobody_waits, nobody_charges, few_charge, in_degrees],
)
def test_every_figure_is_drawn_without_a_warning(make, tmp_path):
    """Without it: quiet days, a single day or unknown places end in an exception or a blank picture."""
    written = figures.write_figures(make(), tmp_path)
    assert [path.stem for path in written] == NAMES
    for path in written:
        picture = imread(path)
        assert picture.shape[0] > 500 and picture.shape[1] > 1000, path
        assert picture[..., :3].std() > 0.02, f"{path} is blank"


@pytest.mark.parametrize("name", NAMES)
def test_axes_carry_quantities_and_units(name):
    """Without it: a figure loses a panel, its title or the name of an axis, and none can read it."""
    figure = getattr(figures, name)(hand_made())
    assert len(figure.get_suptitle()) > 20
    assert len(figure.axes) == (3 if name == "station_map" else 2)
    for ax in figure.axes[1 if name == "station_map" else 0 :]:
        assert ax.get_ylabel() or ax.get_yticklabels(), name


def test_load_and_queue_draws_the_means_and_their_bands():
    """Without it: the curve is not what the result says, or bands are of another series."""
    made = hand_made(replications=5)
    ax = figures.load_and_queue(made).axes[0]
    (line,) = ax.get_lines()
    load = made.data["load_kw"].to_numpy()
    assert np.asarray(line.get_ydata()) == pytest.approx(load)
    wide, narrow = (np.ptp(c.get_paths()[0].get_extents().get_points()[:, 1]) for c in ax.collections)
    assert wide == pytest.approx(float(made.data["load_kw_p95"].max()), rel=1e-6)
    assert narrow == pytest.approx(float(made.data["load_kw_high"].max()), rel=1e-6)


def test_few_days_have_no_bands():
    """Without it: two days that happen to differ draw a band from nothing to thrice the load."""
    assert not figures.load_and_queue(hand_made(replications=3)).axes[0].collections


def test_stations_are_drawn_where_they_are_on_their_roads():
    """Without it: the map shows stations beside the roads, or areas that say nothing of the load."""
    made = hand_made()
    ax = figures.station_map(made).axes[0]
    (shown,) = [c for c in ax.collections if isinstance(c, PathCollection) and len(c.get_offsets()) == 4]
    places = {tuple(place) for place in np.asarray(shown.get_offsets()).round(6).tolist()}
    assert places == set(zip(made.stations["x"], made.stations["y"], strict=True))
    order = np.argsort(-made.stations["peak_load_kw"].to_numpy())
    assert (np.diff(shown.get_sizes()) <= 0).all()
    waits = made.stations["mean_wait_min"].to_numpy()[order]
    np.testing.assert_allclose(np.asarray(shown.get_array()), waits)
    assert sum(len(c.get_paths()) for c in ax.collections if isinstance(c, LineCollection)) == 48


def test_small_days_say_what_there_is_not_to_draw():
    """Without it: three charges draw an empty panel up to 1e-9 min, and no queue is one of 0 at midnight."""
    made = few_charge()
    assert [len(ax.texts) for ax in figures.waits(made).axes] == [1, 1]
    assert "too few charges" in figures.waits(made).axes[1].texts[0].get_text()
    assert figures.load_and_queue(made).get_suptitle().endswith("nobody queues")
    assert len(figures.station_map(made).axes) == 2  # a map and a ranking by load, no colours of waits
    idle = figures.station_map(nobody_charges()).axes
    assert [text.get_text() for text in idle[-1].texts] == ["no station is used"]


def test_the_title_says_the_peaks_that_are_drawn():
    """Without it: mean curves stand under a headline of single days' peaks, which none of them reaches."""
    made = hand_made(replications=5)
    title = figures.load_and_queue(made).get_suptitle()
    assert f"draw up to {power(float(made.data['load_kw'].max()))} in the mean" in title
    assert f"{amount(float(made.data['queue_total'].max()), 2)} vehicles queue" in title


def test_waits_say_how_many_wait_longer():
    """Without it: the curve misses a share of drivers, and its title says another figure than the summary."""
    made = hand_made()
    figure = figures.waits(made)
    wait = made.events["wait_min"].to_numpy()
    line = max(figure.axes[0].get_lines(), key=lambda line: len(line.get_xdata()))
    minutes, share = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
    for at in (0, len(minutes) // 2, len(minutes) - 1):
        assert share[at] == pytest.approx((wait > minutes[at] + 1e-12).mean(), abs=1e-12)
    assert f"{100 * (wait <= 0).mean():.1f} %" in figure.get_suptitle()


def test_speeds_are_weighted_by_who_drives():
    """Without it: empty side streets hide that all traffic crawls."""
    made = hand_made()
    flow = np.zeros((48, 96), np.float32)
    speed = np.full((48, 96), 50.0, np.float32)
    flow[0], speed[0, 40:] = 1000.0, 25.0
    dims = ("link", "interval_min")
    data = made.data.assign(flow_veh_h=(dims, flow), speed_kmh=(dims, speed))
    figure = figures.road_speeds(dataclasses.replace(made, data=data))
    (median,) = figure.axes[0].get_lines()
    assert np.asarray(median.get_ydata())[[0, 50]] == pytest.approx([1.0, 0.5])
    grade = int(made.scenario.roads.road_class[0])
    line = next(
        a for a in figure.axes[1].get_lines() if a.get_label() == ("expressway", "arterial", "branch")[grade]
    )
    assert np.asarray(line.get_ydata())[[0, 50]] == pytest.approx([50.0, 25.0])


def test_a_loaded_simulation_is_drawn_alike(tmp_path):
    """Without it: pictures drawn after loading differ from those of the run."""
    made = hand_made()
    save(made, tmp_path / "out", scenario_folder=tmp_path / "s")
    first = figures.write_figures(made, tmp_path / "a")
    again = figures.write_figures(load(tmp_path / "out"), tmp_path / "b", roads=made.scenario.roads)
    for one, other in zip(first, again, strict=True):
        assert (imread(one) == imread(other)).all(), one.name


def test_results_without_pictures_are_told_apart(tmp_path):
    """Without it: a kind of result without figures leaves an empty folder, or a traceback."""
    assert figures.write_figures(object(), tmp_path / "none") == []
    assert not (tmp_path / "none").exists()
