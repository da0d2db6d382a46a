"""Vehicles whose way back is missing, or that never come by a station."""

from __future__ import annotations

import dataclasses

import numpy as np

from tests.unit.simulation.charging_days import stations_of
from tests.verification.road_scenarios import roads_of, scenario_of
from tidewatt.domain.checks.scenario import check
from tidewatt.execution.threads import Threads
from tidewatt.options.simulation import SIMULATION
from tidewatt.simulation.driving.ledger import Reason
from tidewatt.simulation.itineraries import itineraries
from tidewatt.simulation.preparation import world_of
from tidewatt.simulation.replications import outcome_of, workers_of


def test_who_cannot_get_home_has_no_charger_of_home_where_he_stands() -> None:
    """Loads would show home charging in zones where nobody of these lives, on the wrong feeders."""
    # Two pairs of places, and a road from the first to the second that nobody can drive back.
    roads = roads_of(
        4,
        [(0, 1), (1, 0), (1, 2), (2, 3), (3, 2)],
        zones=range(4),
        capacity_veh_h=900.0,
        length_km=5.0,
        free_time_min=6.0,
        period_h=24.0,
    )
    made = scenario_of(roads, [(0, 2, 3000.0), (0, 1, 500.0), (1, 0, 500.0), (2, 3, 50.0), (3, 2, 50.0)])
    made = dataclasses.replace(made, stations=stations_of([2], [0], node=np.array([1])))
    p = SIMULATION.resolve(vehicles=80, threads=1, soc_initial=[0.1, 0.3])
    with Threads(1) as threads:
        world = world_of(made, p, threads)
        plans, drivers, day = workers_of(world, threads)[0].run(0)
    assert day.ledger.unreachable > 10
    assert day.ledger.energy_error_kwh() < 1e-9 and day.ledger.conservation_error == 0
    stays = day.ledger.stays.table()
    row, who = stays["stay"].astype(int), stays["vehicle"].astype(int)
    first = row == plans.first[who] + who
    before = plans.destination[np.maximum(row - who - 1, 0)]
    planned = np.where(first, plans.start_zone[who], before)
    elsewhere = stays["zone"] != planned
    assert elsewhere.sum() > 10
    assert (stays["kw"][elsewhere] == 0).all() and (stays["kwh"][elsewhere] == 0).all()
    assert (stays["kw"][~elsewhere] > 0).any()
    assert check(itineraries(world, plans, drivers, day)) == []


def test_who_runs_low_without_leaving_the_zone_leaves_a_reason() -> None:
    """Vehicles would arrive nearly empty, and no table would say why they did not charge."""
    roads = roads_of(2, [(0, 1), (1, 0)], zones=range(2), capacity_veh_h=900.0, length_km=5.0)
    made = scenario_of(roads, [(0, 0, 3000.0), (1, 1, 3000.0)])
    made = dataclasses.replace(made, stations=stations_of([2], [0], node=np.array([1])))
    p = SIMULATION.resolve(vehicles=40, threads=1, soc_initial=[0.0, 0.1])
    with Threads(1) as threads:
        world = world_of(made, p, threads)
        _, _, day = workers_of(world, threads)[0].run(0)
    assert not len(day.requests)
    reasons = {list(Reason)[int(reason)] for reason in day.ledger.low.table()["reason"]}
    assert Reason.WITHIN_ZONE in reasons and Reason.NO_STATION not in reasons
    figures = outcome_of(world, day, 0.0).figures
    assert figures["within_zone"] > 0 and figures["trips"] > 0
    assert sum(figures[reason.value] for reason in Reason) == figures["unserved"]
