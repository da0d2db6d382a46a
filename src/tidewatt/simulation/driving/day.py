"""One replication: vehicles drive, decide, queue and charge, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.simulation.driving.drivers import Drivers
from tidewatt.simulation.driving.ledger import Ledger
from tidewatt.simulation.driving.loop import Loop
from tidewatt.simulation.driving.motion import Motion
from tidewatt.simulation.queueing.charging import ChargingDay
from tidewatt.simulation.queueing.requests import Requests, joined

if TYPE_CHECKING:
    from tidewatt.routing.routers import Router
    from tidewatt.simulation.world import World
    from tidewatt.synthesis.plans import DayPlans

__all__ = ["Day", "run_day"]

_OVERTIME_MIN = 12 * 60.0


class Day(NamedTuple):
    """What happened in one replication.

    Attributes
    ----------
    requests : Requests
        Who looked for a station, when, and how far all of them were.
    charging : ChargingDay
        Queues and sessions, run to the end.
    ledger : Ledger
        Everything else that was counted on the way.
    ends : array of int32, shape (requests, 2)
        Node where each request was made, and of its destination.
    """

    requests: Requests
    charging: ChargingDay
    ledger: Ledger
    ends: Array


def run_day(
    world: World,
    plans: DayPlans,
    drivers: Drivers,
    router: Router,
    charging: ChargingDay,
    taste_seed: int = 0,
) -> Day:
    """Simulate all days of one replication.

    Parameters
    ----------
    world : World
        Roads, stations and models that all replications share.
    plans : DayPlans
        What every vehicle wants to do.
    drivers : Drivers
        Batteries and thresholds.
    router : Router
        Shortest paths on this network; its link times are renewed here.
    charging : ChargingDay
        Empty stations.
    taste_seed : int
        What `charging` draws the drivers' tastes from; kept with the requests, for a replay.

    Notes
    -----
    Nobody sets out after the end; those under way then, and charges, run out.
    """
    loop = Loop(world, plans, drivers, Motion(world, drivers, router), router, charging)
    step, horizon = world.parameters.step_min, world.minutes
    per_interval = round(world.parameters.renew_min / step)
    number = 0
    while number * step < horizon or (loop.busy() and number * step < horizon + _OVERTIME_MIN):
        if number % per_interval == 0 and number * step < horizon:
            loop.renew(number // per_interval)
        loop.step(number * step, (number + 1) * step)
        number += 1
    charging.finish()
    loop.settle()
    requests = joined(loop.batches, len(world.stations), taste_seed)
    return Day(requests, charging, loop.ledger, np.concatenate(loop.ends))
