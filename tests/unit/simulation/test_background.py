"""Flow of the other traffic: near the equilibrium, the same for any number of threads."""

from __future__ import annotations

import numpy as np
import pytest

from tests.verification.road_scenarios import at_random, roads_of
from tidewatt.assignment.study import assign
from tidewatt.execution.threads import Threads
from tidewatt.routing.network import network_of
from tidewatt.simulation.background import background_flow
from tidewatt.simulation.driving.models import Bpr, Urban


def table_of(scenario):
    """Demand as a matrix over zones."""
    trips = np.zeros((scenario.roads.zones, scenario.roads.zones))
    np.add.at(trips, (scenario.demand.origin, scenario.demand.destination), scenario.demand.trips)
    return trips


def flow_of(roads, trips, threads=1, **more):
    with Threads(threads) as workers:
        return background_flow(network_of(roads), roads, trips, workers=workers, **more)


@pytest.mark.parametrize("seed", range(6))
def test_it_comes_to_the_equilibrium(seed):
    """Without it: the other traffic chooses roads that nobody would choose."""
    scenario = at_random(seed)
    roads = scenario.roads
    flow = flow_of(roads, table_of(scenario), gap=1e-4, max_iterations=1000)
    exact = assign(scenario, relative_gap=1e-10)
    moved = exact.links["flow_veh"].sum()
    rising = (roads.bpr_alpha > 0) & (roads.bpr_beta > 0) & (roads.free_time_min > 0)
    assert np.abs(flow - exact.links["flow_veh"])[rising].max() < 0.02 * moved


def test_every_trip_starts_and_ends_where_it_should():
    """Without it: vehicles vanish on the way when flows are gathered down the trees."""
    scenario = at_random(5)
    roads, trips = scenario.roads, table_of(scenario)
    np.fill_diagonal(trips, 0.0)
    flow = flow_of(roads, trips)
    balance = np.bincount(roads.head, flow, roads.nodes) - np.bincount(roads.tail, flow, roads.nodes)
    due = np.zeros(roads.nodes)
    np.add.at(due, roads.zone_node, trips.sum(axis=0) - trips.sum(axis=1))
    np.testing.assert_allclose(balance, due, atol=1e-9)


def test_threads_do_not_change_the_flow():
    """Without it: a simulation of one seed differs from machine to machine."""
    scenario = at_random(7, nodes=40)
    one, two = (flow_of(scenario.roads, table_of(scenario), n, gap=1e-3) for n in (1, 2))
    assert one.tobytes() == two.tobytes()


def test_trips_of_nobody_and_to_nowhere_load_nothing():
    """Without it: one zone that cannot be reached ends every simulation, or fills the roads with nan."""
    roads = roads_of(3, [(0, 1), (1, 0)], zones=(0, 1, 2), capacity_veh_h=10.0)
    assert not flow_of(roads, np.zeros((3, 3))).any()
    trips = np.array([[9.0, 4.0, 5.0], [1.0, 0.0, 0.0], [2.0, 0.0, 3.0]])
    np.testing.assert_allclose(flow_of(roads, trips), [4.0, 1.0])


def test_a_speed_flow_model_takes_the_place_of_the_cost_functions():
    """Without it: a simulation with another model gets the other traffic of the default one."""
    scenario = at_random(2, beta=4.0)
    roads, trips = scenario.roads, table_of(scenario)
    own = flow_of(roads, trips, gap=1e-4, max_iterations=300)
    same = flow_of(roads, trips, gap=1e-4, max_iterations=300, speed_flow=Bpr())
    other = flow_of(roads, trips, gap=1e-4, max_iterations=300, speed_flow=Urban())
    assert np.abs(own - same).max() < 0.05 * own.max()
    assert np.abs(own - other).max() > 0.05 * own.max()
