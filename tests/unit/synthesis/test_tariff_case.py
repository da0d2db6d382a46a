"""The completed 20-node, 17-bus case."""

import numpy as np
import pytest

import tidewatt
from tidewatt.synthesis.tariff_case import PROVENANCE


@pytest.fixture(scope="module")
def case():
    return tidewatt.example("tariff-20-17")


def test_published_figures_are_kept(case):
    """These are all the source says: with others it would be another case."""
    t, nodes, grid = case.travel, list(case.step_roads.node_id), case.distribution
    for origin, destination in (("T9", "T1"), ("T4", "T10")):
        pair = (t.origin == nodes.index(origin)) & (t.destination == nodes.index(destination))
        assert t.vehicles[pair].sum() == pytest.approx(5000.0)
        assert t.vehicles[pair] @ t.soc_initial[pair] == pytest.approx(2000.0, abs=0.01)
    limits = dict(zip(grid.line_id, grid.limit_kw, strict=True))
    assert [limits[line] for line in ("L1", "L2", "L3", "L4")] == [800.0, 300.0, 750.0, 350.0]
    road = list(case.step_roads.link_id).index("T1-T2")
    assert case.step_roads.capacity_per_step[road] == 200.0
    assert case.step_roads.free_flow_steps[road] == 5
    assert set(case.aggregators.soc_min) == {0.2} and set(case.aggregators.soc_max) == {1.0}
    np.testing.assert_allclose(case.injections.half_width_kw, 0.1 * case.injections.power_kw)
    assert case.step_roads.nodes == 20 and grid.buses == 17


def test_every_number_says_whether_it_was_published(case):
    """A reader must not take what was chosen for what was published."""
    assert case.provenance == PROVENANCE
    assert {row[3] for row in PROVENANCE} == {"published", "chosen"}
    tables = {row[0] for row in PROVENANCE}
    assert tables >= {
        *("nodes", "links", "charging_sites", "charger_levels", "aggregators", "travel", "energy_prices"),
        *("buses", "lines", "injections", "forecasts"),
    }


def test_past_days_stay_within_the_half_widths(case):
    """Else the box would not hold what its own past shows."""
    past, now = case.forecasts, case.injections
    off = np.abs(past.outcome_kw - past.forecast_kw)
    assert (off <= now.half_width_kw + 1e-9).all()
    assert off.mean() > 0.1 * now.half_width_kw.mean()


def test_seed_moves_the_past_only():
    """The published case must not depend on a seed."""
    one, two = tidewatt.example("tariff-20-17", seed=1), tidewatt.example("tariff-20-17", seed=2)
    assert (one.forecasts.outcome_kw != two.forecasts.outcome_kw).any()
    np.testing.assert_array_equal(one.injections.power_kw, two.injections.power_kw)


def test_with_discharging_batteries_are_not_dumped():
    """Without a state of charge to arrive with, selling what the battery held would pay."""
    case = tidewatt.example("tariff-20-17-v2g")
    assert (case.sites.level_kw < 0).any()
    t = case.travel
    assert set(t.soc_final_min[t.soc_initial > 0.4]) == {0.3}
    assert set(t.soc_final_min[t.soc_initial < 0.4]) == {0.2}
