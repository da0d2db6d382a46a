"""`assign` beside link flows and objectives that others computed, and networks solved by hand."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tests.verification.road_scenarios import real, roads_of, scenario_of
from tidewatt.assignment.study import assign
from tidewatt.options.assignment import ASSIGNMENT

METHODS = ASSIGNMENT.every["method"].words

# Objectives as published with the networks (github.com/bstabler/TransportationNetworks), to their digits;
# Anaheim's as gap 1e-14 ends at, published to nine.
OBJECTIVES = {"SiouxFalls": 4231335.28711, "Anaheim": 1286032.17110, "Barcelona": 1265654.92203}


def best_known(folder):
    """Flows of the links as published: columns from, to, volume, cost."""
    rows = next(folder.glob("*_flow.tntp")).read_text().splitlines()
    return np.array([row.split()[:4] for row in rows if re.match(r"\s*\d", row)], float)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_best_known_flows_are_met(name, tmp_path_factory):
    """Without it: a wrong cost, unit or centroid would still give a plausible equilibrium, of other roads."""
    scenario, folder = real(name, tmp_path_factory.mktemp(name))
    result = assign(scenario, relative_gap=1e-12)
    assert result.status.reached
    assert result.figures["objective"] == pytest.approx(OBJECTIVES[name], rel=1e-11)
    published = best_known(folder)
    roads = scenario.roads
    assert np.array_equal(roads.node_id[roads.tail].astype(float), published[:, 0])
    assert np.array_equal(roads.node_id[roads.head].astype(float), published[:, 1])
    # Where cost does not rise with flow, flows are not unique.
    rising = (roads.bpr_alpha > 0) & (roads.bpr_beta > 0)
    flow = result.links["flow_veh"].to_numpy()
    assert np.abs(flow - published[:, 2])[rising].max() < 1e-3
    assert np.abs(result.links["travel_time_min"] - published[:, 3]).max() < 1e-8


@pytest.mark.parametrize("name", OBJECTIVES)
def test_gap_of_1e_10_is_reached_in_few_rounds(name, tmp_path_factory):
    """Without it: convergence could stall at rounding, or creep as Frank-Wolfe does, unnoticed."""
    scenario, _ = real(name, tmp_path_factory.mktemp(name))
    result = assign(scenario, relative_gap=1e-10)
    assert result.figures["relative_gap"] <= 1e-10
    assert result.figures["iterations"] <= 30


@pytest.mark.slow
def test_a_network_of_28000_links_is_solved(tmp_path_factory):
    """Without it: links of no time, 50,000 pairs and long paths are never tried."""
    scenario, _ = real("Berlin-Center", tmp_path_factory.mktemp("berlin"))
    result = assign(scenario, relative_gap=1e-6)
    assert result.figures["relative_gap"] <= 1e-6
    assert result.figures["objective"] == pytest.approx(20817213.2, rel=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_braess_paradox(method):
    """Without it: the textbook case, where a new road makes everyone slower, may come out wrong."""
    # Two narrow links (1 + 10 x), two wide ones (50 + x), and a bridge (10 + x) between them; six vehicles.
    ends = [(3, 0), (0, 1), (0, 2), (1, 3), (2, 3), (1, 2)]  # the first one leads back
    figures = {
        "free_time_min": np.array([1.0, 1, 50, 50, 1, 10]),
        "bpr_alpha": np.array([0.0, 10, 0.02, 0.02, 10, 0.1]),
        "bpr_beta": np.ones(6),
    }
    without = {name: value[:5] for name, value in figures.items()}
    trips = [(0, 1, 6.0)]
    before = assign(
        scenario_of(roads_of(4, ends[:5], zones=(0, 3), **without), trips), relative_gap=1e-9, method=method
    )
    np.testing.assert_allclose(before.links["flow_veh"][1:], 3.0, atol=1e-6)
    assert before.figures["mean_travel_time_min"] == pytest.approx(31 + 53)
    after = assign(
        scenario_of(roads_of(4, ends, zones=(0, 3), **figures), trips), relative_gap=1e-9, method=method
    )
    # Outer paths y each, the bridge z: 51 + 11 y + 10 z = 12 + 20 y + 21 z and 2 y + z = 6.
    y, z = 27 / 13, 24 / 13
    np.testing.assert_allclose(after.links["flow_veh"][1:], [y + z, y, y, y + z, z], atol=1e-5)
    assert after.figures["mean_travel_time_min"] == pytest.approx(51 + 11 * y + 10 * z, rel=1e-6)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("trips", [50.0, 400.0])
def test_two_parallel_links_in_closed_form(method, trips):
    """Without it: a road that is not used before another is slow enough may carry flow, or never fill."""
    roads = roads_of(
        2,
        [(0, 1), (0, 1), (1, 0)],
        zones=(0, 1),
        free_time_min=np.array([10.0, 12.0, 1.0]),
        bpr_alpha=np.array([0.15, 0.0, 0.0]),
        capacity_veh_h=100.0,
    )
    result = assign(scenario_of(roads, [(0, 1, trips)]), relative_gap=1e-12, method=method)
    full = 100.0 * ((12 / 10 - 1) / 0.15) ** 0.25  # where the first link takes as long as the second
    first = min(trips, full)
    np.testing.assert_allclose(result.links["flow_veh"], [first, trips - first, 0], rtol=1e-6, atol=1e-6)
    area = 10 * first + 10 * 0.15 * first**5 / 100**4 / 5 + 12 * (trips - first)
    assert result.figures["objective"] == pytest.approx(area, rel=1e-10)


def test_toll_and_length_count_by_their_weights():
    """Without it: tolled links are chosen as if they were free, or time is told with the toll in it."""
    roads = roads_of(
        2,
        [(0, 1), (0, 1), (1, 0)],
        zones=(0, 1),
        free_time_min=10.0,
        bpr_alpha=0.1,
        bpr_beta=1.0,
        capacity_veh_h=10.0,
        toll=np.array([2.0, 0.0, 0.0]),
        length_km=np.array([1.0, 3.0, 1.0]),
        toll_weight_min=1.5,
        distance_weight_min_per_km=0.5,
        time_unit_min=0.01,
    )
    result = assign(scenario_of(roads, [(0, 1, 40.0)]), relative_gap=1e-12)
    # 10 + x / 10 + 3.5 = 10 + (40 - x) / 10 + 1.5
    x = np.array([10.0, 30.0])
    np.testing.assert_allclose(result.links["flow_veh"][:2], x, rtol=1e-9)
    np.testing.assert_allclose(result.links["travel_time_min"][:2], 10 + x / 10, rtol=1e-9)
    area = (10 * x + x**2 / 20 + np.array([3.5, 1.5]) * x).sum()
    assert result.figures["objective"] == pytest.approx(area / 0.01, rel=1e-12)
