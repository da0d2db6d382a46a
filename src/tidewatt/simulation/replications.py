"""Replications, each with seeds of its own on one of the workers, and what is kept of them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.execution.threads import Threads
from tidewatt.routing.routers import Router, make_router
from tidewatt.simulation.driving.day import Day, run_day
from tidewatt.simulation.driving.ledger import DayLedger, Reason
from tidewatt.simulation.driving.vehicles import Drivers, draw_drivers
from tidewatt.simulation.itineraries import itineraries
from tidewatt.simulation.queueing.charges import Sessions
from tidewatt.simulation.queueing.charging import ChargingDay
from tidewatt.simulation.totals import DayOutcome
from tidewatt.synthesis.plans import DayPlans, plan_days

if TYPE_CHECKING:
    from tidewatt.domain.scenario import Scenario
    from tidewatt.simulation.world import World

__all__ = ["Worker", "outcome_of", "workers_of"]


def outcome_of(world: World, day: Day, seconds: float) -> DayOutcome:
    """Return figures per day, series by minute and events of a replication.

    Parameters
    ----------
    world : World
        Shared parts.
    day : Day
        What happened.
    seconds : float
        How long it took.
    """
    ledger, days = day.ledger, world.parameters["days"]
    sessions = day.charging.sessions()
    events = _events(sessions)
    series = day.charging.series(int(world.minutes))
    series["destination_kw"] = _destination_kw(ledger, int(world.minutes))
    series["vehicles"] = ledger.states
    series["flow_veh_h"], series["time_min"] = ledger.flow_veh_h, ledger.time_min
    low = ledger.low.table()
    reasons = np.bincount(low["reason"].astype(np.int64), minlength=len(Reason))
    legs, load = ledger.legs.table(), series["power_kw"].sum(axis=0)
    queue, wait = series["queue_vehicles"].sum(axis=0), events["wait"]
    # A trip is one drive, however often it is interrupted to charge.
    trips = int(np.count_nonzero(legs["station"] < 0))
    driving_h = float((legs["arrive"] - legs["depart"]).sum()) / 60.0
    fast = int(np.count_nonzero(events["kind"] == 0))
    figures = {
        "charges": len(wait) / days,
        "charges_fast": fast / days,
        "charges_normal": (len(wait) - fast) / days,
        "energy_kwh": float(events["energy"].sum()) / days,
        "revenue": float((events["energy"] * events["price"]).sum()) / days,
        "mean_detour_min": _mean(events["detour"]),
        "mean_wait_min": _mean(wait),
        "mean_charge_min": _mean(events["end"] - events["start"]),
        "peak_load_kw": float(load.max(initial=0.0)),
        "peak_valley_kw": float(load.max() - load.min()),
        "queue_peak": float(queue.max(initial=0.0)),
        "queue_peak_min": float(np.argmax(queue)) % 1440.0,
        "trips": trips / days,
        "unreachable_trips": ledger.unreachable / days,
        "unserved": len(low["vehicle"]) / days,
        **{reason.value: number / days for reason, number in zip(Reason, reasons, strict=True)},
        "traffic_flow_veh_per_min": float(ledger.states[1:3].sum()) / world.minutes,
        "mean_speed_kmh": float(legs["km"].sum()) / driving_h if driving_h > 0 else 0.0,
        "energy_balance_error_kwh": ledger.energy_error_kwh(),
        "vehicle_conservation_error": float(ledger.conservation_error),
        "littles_law_max_error": _littles_law(events, series["queue_vehicles"], len(world.stations)),
        "seconds": seconds,
    }
    unserved = {name: low[name] for name in ("vehicle", "minute", "soc", "reason")}
    return DayOutcome(figures, series, events, unserved)


def _events(sessions: Sessions) -> dict[str, Array]:
    """Return columns of charges in the order in which drivers decided."""
    rows = sessions.rows(np.argsort(sessions.request))
    return {
        "vehicle": rows.vehicle,
        "station": rows.station,
        "kind": rows.kind,
        "decide": rows.decide_min,
        "arrive": rows.arrive_min,
        "start": rows.start_min,
        "end": rows.end_min,
        "energy": rows.energy_kwh,
        "detour": rows.detour_min,
        "wait": rows.wait_min,
        "price": rows.price_per_kwh,
    }


def _mean(values: Array) -> float:
    return float(values.mean()) if len(values) else 0.0


def _littles_law(events: Mapping[str, Array], queue: Array, stations: int) -> float:
    """Return any station's largest relative difference between queues by minute and the sum of waits."""
    waits = np.bincount(events["station"].astype(np.int64), events["wait"], minlength=stations)
    by_minute = queue.sum(axis=1)
    return float((np.abs(by_minute - waits) / np.maximum(waits, 1.0)).max(initial=0.0))


def _destination_kw(ledger: DayLedger, minutes: int) -> Array:
    """Return the mean charging power by minute at home, work and other destinations, shape (minutes,)."""
    stays = ledger.stays.table()
    some = stays["kwh"] > 0
    begin, kw = stays["arrive"][some], stays["kw"][some]
    end = np.minimum(begin + stays["kwh"][some] * 60.0 / kw, minutes)
    # Energy drawn until each full minute: the difference is the mean power of the minute, exactly.
    drawn = np.zeros(minutes + 2)
    for instant, sign in ((begin, 1.0), (end, -1.0)):
        whole = np.floor(instant).astype(np.int64)
        part = instant - whole
        np.add.at(drawn, whole, sign * kw * (1.0 - part))
        np.add.at(drawn, whole + 1, sign * kw * part)
    result: Array = np.cumsum(drawn)[:minutes]
    return result


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
        """Draw and simulate replication `number`; the result does not depend on what was run before."""
        world, p = self.world, self.world.parameters
        plan_seed, driver_seed, taste_seed = np.random.SeedSequence(p["seed"], spawn_key=(40, number)).spawn(
            3
        )
        plan, taste = (
            int(s.generate_state(1, np.uint64)[0] >> np.uint64(1)) for s in (plan_seed, taste_seed)
        )
        plans = plan_days(
            world.places,
            p["vehicles"],
            p["days"],
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

    def replicate(self, number: int) -> DayOutcome:
        """Return what is kept of replication `number`."""
        begin = time.perf_counter()
        done = self.run(number)
        if number == 0:
            self._first = done
        return outcome_of(self.world, done[2], time.perf_counter() - begin)

    def itineraries(self) -> Scenario:
        """Return the itineraries of the first replication; rerun it if another run made it."""
        plans, drivers, day = self._first or self.run(0)
        return itineraries(self.world, plans, drivers, day)


def workers_of(world: World, threads: Threads) -> list[Worker]:
    """Return as many workers as threads and replications allow; a single one gets all threads to route."""
    p = world.parameters
    count = min(threads.count, p["replications"])

    def make(number: int) -> Worker:
        inner = threads if count == 1 else None
        kind: Any = p["router"]  # one of the names that the parameters allow
        router = make_router(world.network, world.stations.node, kind=kind, threads=inner)
        return Worker(world, router)

    return threads.map(make, range(count)) if count > 1 else [make(0)]
