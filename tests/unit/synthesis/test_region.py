"""Made-up regions: their grid, their scale, how hard they are."""

from datetime import datetime

import numpy as np
import pytest

from tests.unit.synthesis.energy import load_by_feeder
from tidewatt.domain.horizon import Horizon
from tidewatt.errors import ScenarioError
from tidewatt.synthesis import statistics as st
from tidewatt.synthesis.examples import EXAMPLES, example
from tidewatt.synthesis.region import region

HOURLY = Horizon(datetime(2027, 1, 11), 60.0, 168)


@pytest.fixture(scope="module")
def small():
    return region(feeders=30, vehicles=2000, horizon=HOURLY, seed=4)


def test_ratings_and_headroom_resemble_the_filing():
    """Made-up feeders with other headroom than real ones would answer another question."""
    grid = region(feeders=400, vehicles=50, horizon=HOURLY, feeder_scale=1.0, seed=1).grid
    headroom = grid.headroom_kw.min(axis=1) / grid.rating_kw
    filing = np.interp([0.25, 0.5, 0.75], st.QUANTILES, st.FEEDER_HEADROOM)
    np.testing.assert_allclose(np.quantile(headroom, [0.25, 0.5, 0.75]), filing, atol=0.06)
    ratings = np.interp([0.25, 0.5, 0.75], st.QUANTILES, st.FEEDER_RATING_MW)
    np.testing.assert_allclose(np.quantile(grid.rating_kw, [0.25, 0.5, 0.75]), 1000 * ratings, rtol=0.1)
    assert 0.01 < (headroom < 0).mean() < 0.06


@pytest.mark.parametrize("tightness", [1.0, 3.0])
def test_headroom_is_what_ratings_leave(tightness):
    """A bank whose headroom disagrees with its rating and feeders would be another one after saving."""
    grid = region(feeders=30, vehicles=20, horizon=HOURLY, tightness=tightness, seed=4).grid
    np.testing.assert_allclose(grid.headroom_kw, grid.rating_kw[:, None] - grid.base_load_kw)
    load = np.zeros_like(grid.bank_headroom_kw)
    on = grid.bank >= 0
    np.add.at(load, grid.bank[on], grid.base_load_kw[on])
    np.testing.assert_allclose(grid.bank_headroom_kw, grid.bank_rating_kw[:, None] - load)


def test_tightness_divides_headroom():
    """The knob of hard benchmark cases has to turn what it says."""
    loose, tight = (
        region(feeders=30, vehicles=20, horizon=HOURLY, tightness=k, seed=4).grid for k in (1.0, 4.0)
    )
    positive = loose.headroom_kw > 0
    np.testing.assert_allclose(4 * tight.headroom_kw[positive], loose.headroom_kw[positive])
    np.testing.assert_allclose(tight.headroom_kw[~positive], loose.headroom_kw[~positive], rtol=1e-6)


def test_banks_have_three_to_six_feeders_and_some_feeders_none(small):
    """Solvers treat feeders without bank apart; the default region has to contain some."""
    grid = region(feeders=300, vehicles=20, horizon=HOURLY, seed=0).grid
    sizes = np.bincount(grid.bank[grid.bank >= 0])
    assert (sizes[:-1] >= 3).all()
    assert (sizes <= 6).all()
    assert 0.01 < (grid.bank < 0).mean() < 0.15


def test_weight_keeps_loading_in_proportion(small):
    """Fewer vehicles on the same feeders must stand for more each, or small studies show no problem."""
    one, half = (
        region(feeders=30, vehicles=n, horizon=HOURLY, feeder_scale=0.5, seed=4) for n in (2000, 1000)
    )
    np.testing.assert_allclose(one.fleet.weight.sum(), half.fleet.weight.sum())
    total = one.sampling["vehicles_total"] * one.sampling["adoption"]
    np.testing.assert_allclose(one.fleet.weight.sum(), total, rtol=1e-3)


def test_a_seed_gives_one_region(small):
    """Benchmarks and reports name a seed: it has to mean the same scenario."""
    again = region(feeders=30, vehicles=2000, horizon=HOURLY, seed=4)
    other = region(feeders=30, vehicles=2000, horizon=HOURLY, seed=5)
    assert small.sha256() == again.sha256() != other.sha256()


def test_the_default_region_is_overloaded_here_and_there():
    """The demonstration needs a problem, and one that is not everywhere: 10 to 40 % of feeders."""
    short = region(seed=0, horizon=Horizon(HOURLY.start, 60.0, 1))
    assert len(short.fleet) == 20_000
    assert abs(short.fleet.weight.mean() - 1) < 0.05
    scale = short.grid.rating_kw[0] / region(seed=0, vehicles=1, feeder_scale=1.0).grid.rating_kw[0]
    # A quarter of the vehicles on the same grid: the loads are the same but for chance.
    scenario = region(seed=0, vehicles=5000, feeder_scale=scale)
    assert abs(scenario.fleet.weight.mean() - 4) < 0.2
    excess = (load_by_feeder(scenario) - scenario.grid.headroom_kw).max(axis=1)
    before = (-scenario.grid.headroom_kw).max(axis=1)
    assert 0.1 < (excess > 0).mean() < 0.4
    assert np.clip(before, 0, None).sum() < 0.4 * np.clip(excess, 0, None).sum()


def test_impossible_regions_are_refused():
    """Everything out of range is named at once rather than failing deep inside numpy."""
    with pytest.raises(ScenarioError) as error:
        region(feeders=0, vehicles=0, adoption=2.0, tightness=0.0)
    assert {issue.field for issue in error.value.issues} == {"feeders", "vehicles", "adoption", "tightness"}


WITH_FEEDERS = [name for name in EXAMPLES if name not in ("demo", "city") and not name.startswith("tariff")]


@pytest.mark.parametrize("name", WITH_FEEDERS)
def test_examples_are_sound_and_overloaded(name):
    """An example without any overload has nothing to show; one with errors teaches the wrong thing."""
    scenario = example(name)
    assert scenario.name == name
    load = load_by_feeder(scenario)
    assert (load > scenario.grid.headroom_kw).any()
    assert scenario.sha256() == example(name).sha256()


def test_examples_are_what_they_say():
    """Each example stands for one feature of the model."""
    assert (example("commute").grid.bank < 0).all()
    assert (np.diff(example("piecewise").grid.cost.first) == 3).all()
    assert set(example("weights").fleet.weight) == {1.0, 2.0, 5.0}
    village = example("village")
    assert (village.grid.feeders, village.grid.banks, len(village.fleet)) == (3, 1, 40)


def test_unknown_examples_name_the_known_ones():
    """A typing error should be mended from the message alone."""
    with pytest.raises(ScenarioError, match="village"):
        example("vilage")
