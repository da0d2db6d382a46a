"""What keeps a scenario from being simulated: said by `check`, and before anything is computed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.unit.simulation.charging_days import stations_of
from tests.verification.road_scenarios import at_random
from tidewatt.domain.scenario import Scenario
from tidewatt.errors import ScenarioError
from tidewatt.execution.threads import Threads
from tidewatt.options.simulation import SIMULATION
from tidewatt.simulation.preparation import check_parameters, world_of
from tidewatt.synthesis.day_shapes import daily_trips
from tidewatt.synthesis.demand import daily_vehicle_trips, fill_intrazonal, trips_matrix


def told(**simulation: object) -> Scenario:
    """A scenario whose ``[simulation]`` says this."""
    stations = stations_of([2, 1], [0, 1])
    return dataclasses.replace(at_random(0), stations=stations, parameters={"simulation": simulation})


def test_check_finds_more_vehicles_than_demand_explains() -> None:
    """Users would learn it from `simulate`, after `tidewatt check` had found nothing wrong."""
    most = int(daily_vehicle_trips(told()) / 2.5)
    assert check_parameters(told(vehicles=most)) == []
    (issue,) = check_parameters(told(vehicles=most + 1))
    assert (issue.table, issue.field) == ("simulation", "vehicles")
    assert f"at most {most:,} vehicles" in issue.fix
    p = SIMULATION.resolve(vehicles=most + 1)
    with Threads(1) as threads, pytest.raises(ScenarioError, match="the demand explains"):
        world_of(told(), p, threads)


def test_options_that_do_not_go_together_are_found() -> None:
    """A step that divides no day, or regret without a value of time, would stop a simulation halfway."""
    issues = SIMULATION.issues({"step_min": 7.0, "choice": "regret", "value_of_time_per_h": 0.0})
    assert {issue.field for issue in issues} == {"step_min", "value_of_time_per_h"}


def test_check_finds_days_that_do_not_begin_at_midnight() -> None:
    """Prices and other traffic would come hours too late: they are counted from minute 0 of the horizon."""
    made = told()
    early = dataclasses.replace(made.horizon, start=made.horizon.start.replace(hour=6))
    (issue,) = check_parameters(dataclasses.replace(made, horizon=early))
    assert (issue.table, issue.field) == ("scenario.toml", "horizon.start")


@pytest.mark.parametrize("hours", [None, (420.0, 540.0)])
def test_trips_of_a_day_are_those_of_the_table(hours: tuple[float, float] | None) -> None:
    """Vehicles would be held against another number of trips than roads are loaded with."""
    made = told()
    if hours is not None:
        n = len(made.demand)
        timed = dataclasses.replace(made.demand, start_min=np.full(n, hours[0]), end_min=np.full(n, hours[1]))
        made = dataclasses.replace(made, demand=timed)
    whole = daily_trips(float(trips_matrix(made).sum()), made.roads.period_h)
    assert daily_vehicle_trips(made) == pytest.approx(whole, rel=1e-12)


def test_gravity_without_coordinates_goes_by_free_times() -> None:
    """Networks without places of nodes, as in some TNTP folders, could not be simulated without a table."""
    made = told(vehicles=50, trips_per_day=2000.0, threads=1)
    homes = np.array([100.0, 400.0, 100.0, 50.0])
    roads = dataclasses.replace(made.roads, homes=homes, jobs=homes[::-1].copy(), other=np.ones(4))
    made = dataclasses.replace(made, roads=roads, demand=None)
    assert np.isnan(roads.x).all()
    p = SIMULATION.resolve(made.parameters)
    with Threads(1) as threads:
        world = world_of(made, p, threads)
    n, time = world.network.nodes, np.rint(roads.free_time_min * 60000.0) / 60000.0
    between = np.full((n, n), np.inf)
    np.fill_diagonal(between, 0.0)
    np.minimum.at(between, (world.network.tail, world.network.head), time)
    for k in range(n):
        between = np.minimum(between, between[:, [k]] + between[[k]])
    cost_min = between[np.ix_(world.network.depart_node[roads.zone_node], roads.zone_node)]
    fill_intrazonal(cost_min)
    trips = trips_matrix(made, trips_per_day=2000.0, cost_min=cost_min)
    drawn = np.diff(world.places.table, axis=1, prepend=0.0)
    np.testing.assert_allclose(drawn / drawn.sum(axis=1, keepdims=True), trips / trips.sum(axis=1)[:, None])
    assert world.background_veh_h.sum() > 0
