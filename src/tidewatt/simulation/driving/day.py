"""One replication: vehicles set out, decide, arrive, queue and charge, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.kernels.roads.movement import ARRIVED, AT_NODE, AT_STATION
from tidewatt.simulation.driving.ledger import DayLedger, Reason
from tidewatt.simulation.driving.vehicles import Drivers, Motion
from tidewatt.simulation.queueing.charges import Requests, Sessions, joined
from tidewatt.simulation.queueing.charging import ChargingDay
from tidewatt.simulation.world import SHORTEST_STOP_MIN, SIDE_STREET_KMH

if TYPE_CHECKING:
    from tidewatt.routing.routers import Router
    from tidewatt.simulation.world import World
    from tidewatt.synthesis.plans import DayPlans

__all__ = ["Day", "Loop", "run_day"]

PARKED, DRIVING, TO_STATION, QUEUEING, CHARGING = range(5)


class Loop:
    """Decisions of all drivers; one array per property, of shape (vehicles,)."""

    def __init__(
        self,
        world: World,
        plans: DayPlans,
        drivers: Drivers,
        motion: Motion,
        router: Router,
        charging: ChargingDay,
    ) -> None:
        n = plans.vehicles
        self.world, self.plans, self.drivers = world, plans, drivers
        self.motion, self.router, self.charging = motion, router, charging
        self.ledger = DayLedger(world, plans, drivers)
        self.trip = plans.first[:-1].copy()  # the next one, or the one under way
        self.zone = plans.start_zone.copy()
        self.state = np.zeros(n, np.int8)
        self.parked_since = np.zeros(n)
        self.leave = np.full(n, np.inf)  # when a parked vehicle sets out
        planned = self.trip < plans.first[1:]
        self.leave[planned] = plans.depart_min[self.trip[planned]]
        self.routed = np.zeros(n, np.bool_)  # a parked vehicle whose way is known
        self.need_kwh, self.direct_ms = np.zeros(n), np.zeros(n, np.int32)
        self.last_request_day = np.full(n, -1, np.int32)
        self.turned_away = np.zeros(n, np.bool_)  # the last request found no station
        self.asking: list[tuple[float, int, int]] = []  # minute, vehicle, node
        self.station = np.full(n, -1, np.int32)
        self.start_min = np.full(n, np.inf)  # of the charge
        self.release = np.full(n, np.inf)  # when a charge ends, or a trip off the network
        self.batches: list[Requests] = []
        self.ends = [np.zeros((0, 2), np.int32)]

    def busy(self) -> bool:
        """Return whether anyone is still driving, heading for a station or at one."""
        return bool((self.state != PARKED).any())

    # --- every few minutes ---------------------------------------------------------------------

    def renew(self, interval: int) -> None:
        """Renew speeds, find drivers who will run low, and route those who leave soon."""
        self.ledger.roads(interval, *self.motion.renew(interval))
        minute = interval * self.world.parameters["renew_min"]
        self._reconsider(int(minute // 1440.0))
        self._foresee(minute + self.world.parameters["renew_min"])

    def _reconsider(self, day: int) -> None:
        """Let drivers whose way has become dearer look for a station at the next node (sim-5)."""
        motion = self.motion
        who, rest = motion.active[: motion.count], motion.rest_kwh()
        free = (self.state[who] == DRIVING) & (self.last_request_day[who] < day) & ~motion.wants[who]
        who = who[free]
        motion.wants[who] = self._low(who, rest[free])

    def _foresee(self, until: float) -> None:
        """Route all parked vehicles that leave before the next renewal: one batch instead of many."""
        self.routed[:] = False
        who = np.flatnonzero(self.leave < until).astype(np.int32)
        destination = self.plans.destination[self.trip[who]]
        self._find_ways(who[self.zone[who] != destination])

    def _find_ways(self, who: Array) -> None:
        if len(who):
            node = self.world.zone_node
            origin, destination = node[self.zone[who]], node[self.plans.destination[self.trip[who]]]
            self.need_kwh[who], self.direct_ms[who] = self.motion.route(who, origin, destination)
            self.routed[who] = True

    def _low(self, who: Array, need_kwh: Array) -> Array:
        battery, stored = self.drivers.battery_kwh[who], self.motion.stored_kwh[who]
        after = (stored - need_kwh) / battery
        wants = self.world.decision.wants(stored / battery, after, self.drivers.threshold_soc[who])
        # Nobody stops for nothing: a millionth of the battery at least.
        return np.asarray(wants, bool) & (stored < (self.world.parameters["target_soc"] - 1e-6) * battery)

    # --- every step ----------------------------------------------------------------------------

    def step(self, begin: float, until: float) -> None:
        """Move everyone from `begin` to `until`; those who arrive in between continue from there."""
        self._release(self.release < until)
        self._move(0, until)
        moved = self.motion.count
        self._set_out(until)
        if self.asking:
            self._look_for_station(begin)
        self._move(moved, until)  # those who set out in this step drive its rest
        self._sessions(self.charging.advance(until))
        self.state[(self.start_min <= until) & (self.state == QUEUEING)] = CHARGING
        moved = self.motion.count
        self._release(self.release <= until)  # charges that began in this step, too
        self._move(moved, until)
        inside = int(np.count_nonzero(np.isfinite(self.release) & (self.state == DRIVING)))
        self.ledger.count(until, until - begin, self.state, self.motion.count, inside, self.charging)

    def _move(self, begin: int, until: float) -> None:
        motion = self.motion
        who, what = motion.move(begin, until)
        for i in who[what == AT_NODE].tolist():
            motion.wants[i] = False
            self.asking.append((float(motion.now_min[i]), i, motion.node_before(i)))
        stopped = who[what == AT_STATION]
        self.state[stopped] = QUEUEING
        self.ledger.leg_ends(stopped, motion, self.station[stopped], -1)
        self._park(who[what == ARRIVED])

    def _park(self, who: Array) -> None:
        """Park at the destination; the next trip begins as planned, or soon if its time is past."""
        if len(who):
            self.motion.wants[who] = False  # there was no further node at which to look for a station
            self.zone[who] = self.plans.destination[self.trip[who]]
            self.ledger.leg_ends(who, self.motion, -1, self.zone[who])
            self._stay(who)

    def _stay(self, who: Array) -> None:
        self.state[who] = PARKED
        self.parked_since[who] = self.motion.now_min[who]
        self.trip[who] += 1
        left = self.trip[who] < self.plans.first[who + 1]
        some = who[left]
        stop = max(SHORTEST_STOP_MIN, self.world.parameters["step_min"])
        leave = np.maximum(self.plans.depart_min[self.trip[some]], self.parked_since[some] + stop)
        self.leave[some] = np.where(leave < self.world.minutes, leave, np.inf)
        self.leave[who[~left]] = np.inf

    def _release(self, done: Array) -> None:
        """Let vehicles that finish charging drive on, and those on a trip within their zone arrive."""
        who = np.flatnonzero(done).astype(np.int32)
        if not len(who):
            return
        motion = self.motion
        motion.now_min[who] = self.release[who]
        self.release[who] = np.inf
        charged = self.state[who] == CHARGING
        self._park(who[~charged])
        who = who[charged]
        if len(who):
            motion.stored_kwh[who] += self.ledger.charged(who)
            self.start_min[who] = np.inf
            node = self.world.stations.node[self.station[who]]
            self.station[who] = -1
            motion.route(who, node, self.world.zone_node[self.plans.destination[self.trip[who]]])
            self._enter_road(who, DRIVING)

    def _set_out(self, until: float) -> None:
        """Start the trips that are due; those who would run low look for a station first."""
        who = np.flatnonzero(self.leave < until).astype(np.int32)
        if not len(who):
            return
        motion = self.motion
        motion.stored_kwh[who] += self.ledger.dwelt(
            who, self.trip, self.zone, self.parked_since, self.leave, motion.stored_kwh
        )
        motion.now_min[who] = self.leave[who]
        self.leave[who] = np.inf
        inside = self.zone[who] == self.plans.destination[self.trip[who]]
        self._within_zone(who[inside])
        who = who[~inside]
        self._find_ways(who[~self.routed[who]])
        lost = self.direct_ms[who] < 0
        if lost.any():
            self.ledger.unreachable += int(lost.sum())
            self._stay(who[lost])
            who = who[~lost]
        low = self._low(who, self.need_kwh[who])
        again = self.last_request_day[who] >= (motion.now_min[who] // 1440.0).astype(np.int32)
        away = self.turned_away[who]
        self.ledger.ran_low(who[low & again & ~away], motion, Reason.CHARGED_TODAY)
        self.ledger.ran_low(who[low & again & away], motion, Reason.NO_STATION)
        self._enter_road(who[~low | again], DRIVING)
        asks = who[low & ~again]
        node = self.world.zone_node[self.zone[asks]]
        self.asking += zip(motion.now_min[asks].tolist(), asks.tolist(), node.tolist(), strict=True)

    def _enter_road(self, who: Array, state: int) -> None:
        self.state[who] = state
        self.motion.join(who)
        self.ledger.leg_begins(who, self.motion)

    def _within_zone(self, who: Array) -> None:
        """Drive trips within a zone, off the network: the diary's distance at the speed of side streets."""
        if not len(who):
            return
        km = self.plans.distance_km[self.trip[who]]
        kwh = km * self.world.side_street_kwh_per_km * self.drivers.factor[who]
        self.ledger.ran_low(who[self._low(who, kwh)], self.motion, Reason.WITHIN_ZONE)
        self.ledger.leg_begins(who, self.motion)
        self.state[who] = DRIVING
        took = np.maximum(60.0 * km / SIDE_STREET_KMH, self.world.parameters["step_min"])
        self.release[who] = self.motion.now_min[who] + took
        self.motion.drive_elsewhere(who, km, kwh)

    # --- charging on the way -------------------------------------------------------------------

    def _look_for_station(self, begin: float) -> None:
        """Serve requests in time order: drivers who find a station turn there, the others drive on."""
        asking, self.asking = sorted(self.asking), []
        minute = np.maximum([time for time, _, _ in asking], begin)
        who = np.array([i for _, i, _ in asking], np.int32)
        node = np.array([at for _, _, at in asking], np.int32)
        motion = self.motion
        motion.now_min[who] = minute
        self.last_request_day[who] = (minute // 1440.0).astype(np.int32)
        target = self.world.zone_node[self.plans.destination[self.trip[who]]]
        batch = self._requests(minute, who, node, target)
        self.batches.append(batch)
        self.ends.append(np.column_stack([node, target]).astype(np.int32))
        self.ledger.asked_kwh[who] = batch.energy_kwh
        station, arrive = self.charging.decide(batch)
        found = station >= 0
        self.turned_away[who] = ~found
        going, lost = who[found], who[~found]
        if len(going):
            self.station[going] = station[found]
            motion.route(going, node[found], self.world.stations.node[station[found]])
            motion.head_for_station(going, arrive[found])
            self._enter_road(going, TO_STATION)
        if len(lost):
            self.ledger.ran_low(lost, motion, Reason.NO_STATION)
            motion.route(lost, node[~found], target[~found])
            self._enter_road(lost, DRIVING)

    def _requests(self, minute: Array, who: Array, node: Array, target: Array) -> Requests:
        drivers, p = self.drivers, self.world.parameters
        battery, stored = drivers.battery_kwh[who], self.motion.stored_kwh[who]
        return Requests(
            minute=minute,
            vehicle=who,
            energy_kwh=np.maximum(p["target_soc"] * battery - stored, 0.0) / p["charge_efficiency"],
            fast_kw=drivers.fast_kw[who],
            normal_kw=drivers.normal_kw[who],
            battery_kwh=battery,
            soc=stored / battery,
            direct_ms=self.router.routes(node, target).time_ms,
            to_ms=self.router.to_few(node),
            onward_ms=self.router.from_few(target),
        )

    def _sessions(self, started: Sessions) -> None:
        """Find when each vehicle starts and ends charging: known as soon as it arrives."""
        self.start_min[started.vehicle] = started.start_min
        self.release[started.vehicle] = started.end_min

    # --- at the end ----------------------------------------------------------------------------

    def settle(self) -> None:
        """Close the ledger: the last dwells, and what batteries hold."""
        since = np.where(self.state == PARKED, self.parked_since, np.inf)
        self.ledger.close(self.trip, self.zone, since, self.motion)


_OVERTIME_MIN = 12 * 60.0


class Day(NamedTuple):
    """What happened in one replication.

    Attributes
    ----------
    requests : Requests
        Who looked for a station, when, and how far all of them were.
    charging : ChargingDay
        Queues and sessions, run to the end.
    ledger : DayLedger
        Everything else that was counted on the way.
    ends : array of int32, shape (requests, 2)
        Node where each request was made, and of its destination.
    """

    requests: Requests
    charging: ChargingDay
    ledger: DayLedger
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
    step, horizon = world.parameters["step_min"], world.minutes
    per_interval = round(world.parameters["renew_min"] / step)
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
