"""One replication: vehicles drive, decide, queue and charge, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.kernels.traffic import ARRIVED, AT_NODE, AT_STATION, append_paths, move, path_kwh, rest_kwh
from tidewatt.simulation.charging import ChargingDay
from tidewatt.simulation.drivers import Drivers
from tidewatt.simulation.ledger import Ledger, Reason
from tidewatt.simulation.requests import Requests, joined
from tidewatt.simulation.sessions import Sessions
from tidewatt.simulation.world import SHORTEST_STOP_MIN, SIDE_STREET_KMH

if TYPE_CHECKING:
    from tidewatt.simulation.routers import Router
    from tidewatt.simulation.world import World
    from tidewatt.synthesis.plans import Plans

__all__ = ["Day", "run_day"]

PARKED, DRIVING, TO_STATION, QUEUEING, CHARGING = range(5)
_KEPT_INTERVALS = 32
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
    """

    requests: Requests
    charging: ChargingDay
    ledger: Ledger


def run_day(
    world: World, plans: Plans, drivers: Drivers, router: Router, charging: ChargingDay, taste_seed: int = 0
) -> Day:
    """Simulate all days of one replication.

    Parameters
    ----------
    world : World
        Roads, stations and models that all replications share.
    plans : Plans
        What every vehicle wants to do.
    drivers : Drivers
        Batteries and thresholds.
    router : Router
        Shortest paths on this network; its link times are renewed here.
    charging : ChargingDay
        Empty stations.
    taste_seed : int
        What `charging` draws the drivers' tastes from; kept with the requests, for a replay.
    """
    loop = _Loop(world, plans, drivers, router, charging)
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
    return Day(joined(loop.batches, len(world.stations), taste_seed), charging, loop.ledger)


class _Loop:
    """State of all vehicles; one array a property, of shape (vehicles,)."""

    def __init__(
        self, world: World, plans: Plans, drivers: Drivers, router: Router, charging: ChargingDay
    ) -> None:
        n, links = len(plans.first) - 1, world.roads.links
        self.world, self.plans, self.drivers = world, plans, drivers
        self.router, self.charging = router, charging
        self.ledger = Ledger(world, plans, drivers)
        self.trip = plans.first[:-1].copy()  # the next one, or the one under way
        self.zone = plans.start_zone.copy()
        self.stored = drivers.stored_kwh.copy()
        self.state = np.zeros(n, np.int8)
        self.parked_since = np.zeros(n)
        self.leave = np.full(n, np.inf)  # when a parked vehicle sets out
        self.release = np.full(n, np.inf)  # when a charge ends, or a trip off the network
        planned = self.trip < plans.first[1:]
        self.leave[planned] = plans.depart_min[self.trip[planned]]
        self.last_request_day = np.full(n, -1, np.int32)
        self.now = np.zeros(n)
        self.pos, self.end = np.zeros(n, np.int64), np.zeros(n, np.int64)
        self.part = np.zeros(n)
        self.leg_row = np.full(n, -1, np.int32)
        self.station = np.full(n, -1, np.int32)
        self.station_min = np.full(n, np.inf)
        self.wants = np.zeros(n, np.bool_)
        self.driven, self.rescued, self.km = np.zeros(n), np.zeros(n), np.zeros(n)
        self.active, self.count = np.zeros(n, np.int32), 0
        self.path, self.used = np.zeros(1 << 20, np.int32), 0
        self.start_min = np.full(n, np.inf)
        self.asking: list[tuple[float, int, int]] = []
        self.link_ms = np.zeros((_KEPT_INTERVALS, links), np.int32)
        self.link_kwh = np.zeros((_KEPT_INTERVALS, links))
        self.entered = np.zeros(links, np.int64)
        self.out_vehicle, self.out_what = np.zeros(n, np.int32), np.zeros(n, np.int8)
        self.row = 0
        self.batches: list[Requests] = []

    def busy(self) -> bool:
        """Whether anyone still drives, or is on the way to or at a station."""
        return self.count > 0 or bool((self.state > DRIVING).any()) or bool(np.isfinite(self.release).any())

    # --- every few minutes ---------------------------------------------------------------------

    def renew(self, interval: int) -> None:
        """Renew speeds, routes of those who drive into trouble, and note what the roads carry."""
        world = self.world
        flow, time_min = world.conditions(interval, self.entered)
        self.ledger.roads(interval, flow, time_min)
        self.entered[:] = 0
        self.row = interval % _KEPT_INTERVALS
        self.link_ms[self.row] = np.rint(time_min * 60000.0)
        self.link_kwh[self.row] = world.link_kwh(time_min)
        self.router.renew(self.link_ms[self.row])
        self._compact()
        self._reconsider(interval)

    def _reconsider(self, interval: int) -> None:
        """Drivers whose way has become dearer may look for a station at the next node (sim-5)."""
        n = self.count
        if not n:
            return
        rest = np.zeros(n)
        rest_kwh(self.active, n, self.pos, self.end, self.part, self.path, self.link_kwh[self.row], rest)
        who = self.active[:n]
        day = int(interval * self.world.parameters.renew_min // 1440.0)
        free = (self.state[who] == DRIVING) & (self.last_request_day[who] < day) & ~self.wants[who]
        who = who[free]
        self.wants[who] = self._low(who, rest[free] * self.drivers.factor[who])

    def _low(self, who: Array, need_kwh: Array) -> Array:
        battery = self.drivers.battery_kwh[who]
        soc = self.stored[who] / battery
        after = (self.stored[who] - need_kwh) / battery
        return np.asarray(self.world.decision.wants(soc, after, self.drivers.threshold_soc[who]), bool)

    def _compact(self) -> None:
        """Forget the paths of those who arrived, where that frees most of the store."""
        if self.used < len(self.path) // 2:
            return
        who = self.active[: self.count]
        length = self.end[who] - self.pos[who]
        first = np.concatenate([[0], np.cumsum(length)])
        kept = np.empty(max(len(self.path), 2 * int(first[-1])), np.int32)
        rows = np.repeat(self.pos[who] - first[:-1], length) + np.arange(first[-1])
        kept[: first[-1]] = self.path[rows]
        self.pos[who], self.end[who] = first[:-1], first[1:]
        self.path, self.used = kept, int(first[-1])

    # --- every step ----------------------------------------------------------------------------

    def step(self, begin: float, until: float) -> None:
        """Move everyone from `begin` to `until`; those who arrive in between go on from then."""
        self._release(until)
        self._move(0, until)
        moved = self.count
        self._set_out(until)
        if self.asking:
            self._look_for_station(begin)
        self._move(moved, until)  # those who set out in this step drive its rest
        self._sessions(self.charging.advance(until))
        self.state[(self.start_min <= until) & (self.state == QUEUEING)] = CHARGING
        inside = int(np.count_nonzero(np.isfinite(self.release) & (self.state == DRIVING)))
        self.ledger.count(until, until - begin, self.state, self.count, inside, self.charging)

    def _move(self, begin: int, until: float) -> None:
        """Drive; who looks for a station at a node asks there."""
        self.count, out = move(
            self.active, begin, self.count, until, self.row, self.now, self.pos, self.end, self.part, self.leg_row,
            self.station_min, self.wants, self.path, self.link_ms, self.link_kwh, self.world.roads.length_km,
            self.drivers.factor, self.stored, self.driven, self.rescued, self.km,
            self.entered, self.out_vehicle, self.out_what,
        )  # fmt: skip
        who, what = self.out_vehicle[:out], self.out_what[:out]
        for i in who[what == AT_NODE].tolist():
            self.wants[i] = False
            self.asking.append(
                (float(self.now[i]), i, int(self.world.roads.head[self.path[self.pos[i] - 1]]))
            )
        at_station = who[what == AT_STATION]
        self.state[at_station] = QUEUEING
        self.leg_row[at_station] = -1
        zone = np.full(len(at_station), -1, np.int32)
        self.ledger.leg_ends(
            at_station, self.now, self.driven, self.km, self.rescued, self.station[at_station], zone
        )
        self._park(who[what == ARRIVED].copy())

    def _park(self, who: Array) -> None:
        """Arrive at the destination; the next trip begins as planned, or at once where that is over."""
        if not len(who):
            return
        plans = self.plans
        self.zone[who] = plans.destination[self.trip[who]]
        station = np.full(len(who), -1, np.int32)
        self.ledger.leg_ends(who, self.now, self.driven, self.km, self.rescued, station, self.zone[who])
        self.state[who] = PARKED
        self.parked_since[who] = self.now[who]
        self.trip[who] += 1
        self._plan_leave(who)

    def _plan_leave(self, who: Array) -> None:
        left = self.trip[who] < self.plans.first[who + 1]
        some = who[left]
        stop = np.maximum(SHORTEST_STOP_MIN, self.world.parameters.step_min)
        self.leave[some] = np.maximum(self.plans.depart_min[self.trip[some]], self.parked_since[some] + stop)
        self.leave[who[~left]] = np.inf
        self.leave[some[self.leave[some] >= self.world.minutes]] = np.inf

    def _release(self, until: float) -> None:
        """Vehicles that finish charging drive on; those on a trip within their zone arrive."""
        who = np.flatnonzero(self.release < until).astype(np.int32)
        if not len(who):
            return
        self.now[who] = self.release[who]
        self.release[who] = np.inf
        charged = self.state[who] == CHARGING
        self._park(who[~charged])
        who = who[charged]
        if len(who):
            self.stored[who] += self.ledger.charged(who)
            self.start_min[who] = np.inf
            node = self.world.stations.node[self.station[who]]
            self.station[who] = -1
            self._drive(who, node, self.world.zone_node[self.plans.destination[self.trip[who]]])

    def _set_out(self, until: float) -> None:
        """Start the trips that are due; those who would run low look for a station first."""
        who = np.flatnonzero(self.leave < until).astype(np.int32)
        if not len(who):
            return
        self._charge_parked(who)
        self.now[who] = self.leave[who]
        self.leave[who] = np.inf
        origin, destination = self.zone[who], self.plans.destination[self.trip[who]]
        inside = origin == destination
        self._within_zone(who[inside])
        who, origin, destination = who[~inside], origin[~inside], destination[~inside]
        if not len(who):
            return
        node = self.world.zone_node[origin]
        need, direct = self._drive(who, node, self.world.zone_node[destination], hold=True)
        lost = direct < 0
        self._skip(who[lost])
        who, need, node = who[~lost], need[~lost], node[~lost]
        low = self._low(who, need)
        day = (self.now[who] // 1440.0).astype(np.int32)
        again = low & (self.last_request_day[who] >= day)
        self.ledger.ran_low(who[again], self.now, self.stored, Reason.CHARGED_TODAY)
        asks = low & ~again
        self._join(who[~asks])
        self.asking += zip(self.now[who[asks]].tolist(), who[asks].tolist(), node[asks].tolist(), strict=True)

    def _drive(
        self, who: Array, origin: Array, destination: Array, *, hold: bool = False
    ) -> tuple[Array, Array]:
        """Put vehicles on the shortest way; returns what it takes [kWh] and how long it takes [ms]."""
        routes = self.router.routes(origin, destination)
        begin = self._lay(who, routes.first, routes.links)
        need = np.zeros(len(who))
        path_kwh(routes.first, routes.links, self.link_kwh[self.row], need)
        self.pos[who], self.end[who] = begin[:-1], begin[1:]
        self.part[who] = 0.0
        self.leg_row[who] = -1
        if not hold:
            self._join(who)
        return need * self.drivers.factor[who], routes.time_ms

    def _lay(self, who: Array, first: Array, links: Array) -> Array:
        """Store paths; returns where each begins."""
        need = self.used + int(first[-1] - first[0])
        if need > len(self.path):
            self.path = np.concatenate([self.path, np.zeros(max(len(self.path), need), np.int32)])
        begin: Array = first - first[0] + self.used
        self.used = append_paths(first, links, self.path, self.used)
        return begin

    def _join(self, who: Array) -> None:
        """Start driving."""
        self.state[who] = DRIVING
        self.active[self.count : self.count + len(who)] = who
        self.count += len(who)
        self.ledger.leg_begins(who, self.now, self.driven, self.km)

    def _charge_parked(self, who: Array) -> None:
        """What the charger at the place gave since arrival: full power at once until full."""
        self.stored[who] += self.ledger.dwelt(
            who, self.trip, self.zone, self.parked_since, self.leave, self.stored
        )

    def _within_zone(self, who: Array) -> None:
        """Trips that never reach the network: the diary's distance at the speed of side streets."""
        if not len(who):
            return
        km = self.plans.distance_km[self.trip[who]]
        used = km * self.world.side_street_kwh_per_km * self.drivers.factor[who]
        self.ledger.leg_begins(who, self.now, self.driven, self.km)
        self.state[who] = DRIVING
        self.release[who] = self.now[who] + 60.0 * km / SIDE_STREET_KMH
        self.km[who] += km
        self.driven[who] += used
        self.rescued[who] += np.maximum(used - self.stored[who], 0.0)
        self.stored[who] = np.maximum(self.stored[who] - used, 0.0)

    def _skip(self, who: Array) -> None:
        """Trips to where no road leads are not made."""
        if len(who):
            self.ledger.unreachable += len(who)
            self.parked_since[who] = self.now[who]
            self.trip[who] += 1
            self._plan_leave(who)

    # --- charging on the way -------------------------------------------------------------------

    def _look_for_station(self, begin: float) -> None:
        """Requests in order of time; who finds a station turns there, the others drive on."""
        asking, self.asking = sorted(self.asking), []
        minute = np.maximum([time for time, _, _ in asking], begin)
        who = np.array([i for _, i, _ in asking], np.int32)
        node = np.array([at for _, _, at in asking], np.int32)
        self.last_request_day[who] = (minute // 1440.0).astype(np.int32)
        target = self.world.zone_node[self.plans.destination[self.trip[who]]]
        direct = self.router.routes(node, target)
        drivers, p = self.drivers, self.world.parameters
        batch = Requests(
            minute=minute,
            vehicle=who,
            energy_kwh=(p.target_soc * drivers.battery_kwh[who] - self.stored[who]) / p.charge_efficiency,
            fast_kw=drivers.fast_kw[who],
            normal_kw=drivers.normal_kw[who],
            battery_kwh=drivers.battery_kwh[who],
            soc=self.stored[who] / drivers.battery_kwh[who],
            direct_ms=direct.time_ms,
            to_ms=self.router.to_few(node),
            onward_ms=self.router.from_few(target),
        )
        self.batches.append(batch)
        self.ledger.asked_kwh[who] = batch.energy_kwh
        station, arrive = self.charging.decide(batch)
        found = station >= 0
        self.now[who] = minute
        if found.any():
            going = who[found]
            self.station[going], self.station_min[going] = station[found], arrive[found]
            self._drive(going, node[found], self.world.stations.node[station[found]])
            self.state[going] = TO_STATION
            self.leg_row[going] = self.row
        lost = ~found
        if lost.any():
            self.ledger.ran_low(who[lost], self.now, self.stored, Reason.NO_STATION)
            self._drive(who[lost], node[lost], target[lost])

    def _sessions(self, started: Sessions) -> None:
        """When queues let vehicles charge, and until when: known as soon as they arrive."""
        self.start_min[started.vehicle] = started.start_min
        self.release[started.vehicle] = started.end_min

    # --- at the end ----------------------------------------------------------------------------

    def settle(self) -> None:
        """Close the books: the last stays, and vehicles that ran empty."""
        since = np.where(self.state == PARKED, self.parked_since, np.inf)
        self.ledger.close(self.trip, self.zone, since, self.stored, self.driven, self.rescued)
