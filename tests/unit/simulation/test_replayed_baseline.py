"""A simulated day and the replay of its requests."""

from __future__ import annotations

import numpy as np

import tidewatt
from tidewatt.execution.threads import Threads
from tidewatt.options.simulation import SIMULATION
from tidewatt.simulation.preparation import world_of
from tidewatt.simulation.queueing.replay import replay
from tidewatt.simulation.replications import workers_of


def test_replay_of_the_simulated_plan_is_the_simulated_day() -> None:
    """Plans would be compared with a baseline that never happened."""
    city = tidewatt.example("city")
    p = SIMULATION.resolve(city.parameters, vehicles=1500, feedback=False, threads=1)
    with Threads(1) as threads:
        _, _, day = workers_of(world_of(city, p, threads), threads)[0].run(0)
    simulated = day.charging.sessions()
    again = replay(day.requests, city.stations, None, p).sessions
    assert len(simulated) > 30
    for name in simulated.__slots__:
        np.testing.assert_array_equal(getattr(again, name), getattr(simulated, name), err_msg=name)
