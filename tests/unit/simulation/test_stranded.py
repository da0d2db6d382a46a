"""Vehicles whose way back is missing."""

from __future__ import annotations

import dataclasses

import numpy as np

from tests.unit.simulation.charging_days import stations_of
from tests.verification.road_scenarios import roads_of, scenario_of
from tidewatt.domain.checks import check
from tidewatt.execution.threads import Threads
from tidewatt.simulation.itineraries import itineraries
from tidewatt.simulation.parameters import Parameters
from tidewatt.simulation.replications import workers_of
from tidewatt.simulation.setting import world_of


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
    p = Parameters.of({"vehicles": 80, "threads": 1, "soc_initial": [0.1, 0.3]})
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
