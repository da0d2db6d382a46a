"""Replications: each from seeds of its own, on one of the workers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from tidewatt.execution.threads import Threads
from tidewatt.routing.routers import Router, make_router
from tidewatt.simulation.driving.day import Day, run_day
from tidewatt.simulation.driving.drivers import Drivers, draw_drivers
from tidewatt.simulation.itineraries import itineraries
from tidewatt.simulation.outcome import outcome_of
from tidewatt.simulation.queueing.charging import ChargingDay
from tidewatt.simulation.totals import Outcome
from tidewatt.synthesis.plans import DayPlans, plan_days

if TYPE_CHECKING:
    from tidewatt.domain.scenario import Scenario
    from tidewatt.simulation.world import World

__all__ = ["Worker", "workers_of"]


class Worker:
    """Runs replications one after another on a router of its own.

    Parameters
    ----------
    world : World
        What all replications share.
    router : Router
        Nobody else may use it at the same time.
    """

    def __init__(self, world: World, router: Router) -> None:
        self.world, self.router = world, router
        self._first: tuple[DayPlans, Drivers, Day] | None = None

    def run(self, number: int) -> tuple[DayPlans, Drivers, Day]:
        """Draw and simulate replication `number`; the same whatever was run before."""
        world, p = self.world, self.world.parameters
        plan_seed, driver_seed, taste_seed = np.random.SeedSequence(p.seed, spawn_key=(40, number)).spawn(3)
        plan, taste = (
            int(s.generate_state(1, np.uint64)[0] >> np.uint64(1)) for s in (plan_seed, taste_seed)
        )
        plans = plan_days(
            world.places,
            p.vehicles,
            p.days,
            world.scenario.horizon.start,
            seed=plan,
            habits=world.habits,
            diary=world.diary,
            types=world.types,
        )
        drivers = draw_drivers(plans, world.types, p, np.random.default_rng(driver_seed))
        charging = ChargingDay(
            world.stations,
            prices=world.prices,
            parameters=p,
            seed=taste,
            choice=world.choice,
        )
        return plans, drivers, run_day(world, plans, drivers, self.router, charging, taste)

    def replicate(self, number: int) -> Outcome:
        """What is kept of replication `number`."""
        begin = time.perf_counter()
        done = self.run(number)
        if number == 0:
            self._first = done
        return outcome_of(self.world, done[2], time.perf_counter() - begin)

    def itineraries(self) -> Scenario:
        """What vehicles did in the first replication; run again where another run had it."""
        plans, drivers, day = self._first or self.run(0)
        return itineraries(self.world, plans, drivers, day)


def workers_of(world: World, threads: Threads) -> list[Worker]:
    """As many workers as threads and replications; a single one gives its router all threads."""
    p = world.parameters
    count = min(threads.count, p.replications)

    def make(number: int) -> Worker:
        inner = threads if count == 1 else None
        kind: Any = p.router  # one of the names that the parameters allow
        router = make_router(world.network, world.stations.node, kind=kind, threads=inner)
        return Worker(world, router)

    return threads.map(make, range(count)) if count > 1 else [make(0)]
