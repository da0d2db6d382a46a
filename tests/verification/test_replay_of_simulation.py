"""The replay of a simulated day against the day itself."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import tidewatt
from tests.unit.simulation.charging_days import same
from tidewatt.execution.threads import Threads
from tidewatt.options.simulation import SIMULATION
from tidewatt.simulation.preparation import world_of
from tidewatt.simulation.queueing.replay import replay
from tidewatt.simulation.replications import workers_of


@pytest.mark.parametrize(("choice", "information"), [("cost", "arrived"), ("logit", "reserved")])
def test_what_is_built_today_replays_to_the_simulated_events(choice: str, information: str) -> None:
    """Without it a plan would be compared with a baseline that was never simulated."""
    scenario = tidewatt.example("city")
    parameters = SIMULATION.resolve(
        vehicles=1500,
        feedback=False,
        choice=choice,
        information=information,
        soc_initial=(0.15, 0.5),
        threads=1,
    )
    with Threads(1) as threads:
        world = world_of(scenario, parameters, threads)
        _, _, day = workers_of(world, threads)[0].run(0)
    assert len(day.requests) > 100
    simulated = day.charging.sessions()
    again = replay(day.requests, world.stations, None, parameters, prices=world.prices)
    assert same(simulated, again.sessions)
    series = day.charging.series(1440)
    for name, values in again.series().items():
        assert np.array_equal(values, series[name]), name


def test_another_plan_keeps_what_drivers_ask_for() -> None:
    """Without it plans would be compared on other charges than those that the traffic brings."""
    parameters = SIMULATION.resolve(vehicles=1500, soc_initial=(0.15, 0.5), threads=1)
    with Threads(1) as threads:
        world = world_of(tidewatt.example("city"), parameters, threads)
        _, _, day = workers_of(world, threads)[0].run(0)
    today = replay(day.requests, world.stations, None, parameters)
    plan = dataclasses.replace(world.stations.plan, fast=2 * world.stations.fast)
    other = replay(day.requests, world.stations, plan, parameters)
    assert other.figures["energy_kwh"] == pytest.approx(today.figures["energy_kwh"])
    assert other.figures["mean_wait_min"] <= today.figures["mean_wait_min"]
    assert not same(today.sessions, other.sessions)
