"""What is counted while vehicles move: trip legs, dwells, reasons, road conditions, states."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.kernels.roads.movement import tally
from tidewatt.simulation.driving.vehicles import SLOW_KW

if TYPE_CHECKING:
    from tidewatt.simulation.driving.vehicles import Drivers, Motion
    from tidewatt.simulation.queueing.charging import ChargingDay
    from tidewatt.simulation.world import World
    from tidewatt.synthesis.plans import DayPlans

__all__ = ["DayLedger", "LedgerRows", "Reason"]


class Reason(enum.Enum):
    """Why a vehicle that ran low did not charge on the way, or ran empty."""

    CHARGED_TODAY = "charged_today"
    NO_STATION = "no_station_reachable"
    RAN_EMPTY = "ran_empty"
    WITHIN_ZONE = "within_zone"


class LedgerRows:
    """A table that grows by batches of rows."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self._batches: list[tuple[Array, ...]] = []

    def add(self, *columns: Array) -> None:
        """Append rows; columns in the order of `names`, copied."""
        if len(columns[0]):
            self._batches.append(tuple(np.array(column) for column in columns))

    def table(self) -> dict[str, Array]:
        """Return all rows, by column."""
        if not self._batches:
            return {name: np.zeros(0) for name in self.names}
        columns = zip(*self._batches, strict=True)
        return {name: np.concatenate(column) for name, column in zip(self.names, columns, strict=True)}


class DayLedger:
    """The records of one replication.

    Attributes
    ----------
    legs : LedgerRows
        Drives: vehicle, depart and arrive [min], energy [kWh], distance [km], station (-1: to the
        destination),
        zone of the destination.
    stays : LedgerRows
        Stays at home, work and other destinations: vehicle, row of the plans' dwells, zone,
        arrive and depart [min], power of the charger [kW], energy charged (grid side) [kWh].
    low : LedgerRows
        Vehicles that ran low and did not charge: vehicle, minute, state of charge, reason (by position).
    flow_veh_h, time_min : array, shape (intervals, links)
        Conditions on the roads.
    states : array, shape (5, minutes)
        Vehicles in each state at the end of every minute.
    conservation_error : int
        Largest difference between vehicles by state and by the lists that hold them.
    unreachable : int
        Trips not made because no road leads there.
    """

    def __init__(self, world: World, plans: DayPlans, drivers: Drivers) -> None:
        n, links = len(plans.first) - 1, world.roads.links
        self._plans, self._drivers, self._world = plans, drivers, world
        self.legs = LedgerRows("vehicle", "depart", "arrive", "kwh", "km", "station", "zone")
        self.stays = LedgerRows("vehicle", "stay", "zone", "arrive", "depart", "kw", "kwh")
        self.low = LedgerRows("vehicle", "minute", "soc", "reason")
        self.flow_veh_h = np.zeros((world.intervals, links), np.float32)
        self.time_min = np.zeros((world.intervals, links), np.float32)
        self.states = np.zeros((5, int(world.minutes)), np.int64)
        self.conservation_error = 0
        self.unreachable = 0
        self.asked_kwh = np.zeros(n)
        self.charged_kwh = np.zeros(n)  # battery side, on the way and at destinations
        self._open = np.zeros(n, np.bool_)
        self._ran_empty = np.zeros(n, np.bool_)
        self._leg_begin, self._leg_kwh, self._leg_km = np.zeros(n), np.zeros(n), np.zeros(n)
        self._planned_zone = np.insert(plans.destination, plans.first[:-1], plans.start_zone)
        # At destinations power is what both sides allow; strong chargers feed the battery directly.
        self._slow, self._strong = drivers.normal_kw, drivers.fast_kw

    def roads(self, interval: int, flow_veh_h: Array, time_min: Array) -> None:
        """Record conditions from the start of an interval on."""
        self.flow_veh_h[interval] = flow_veh_h
        self.time_min[interval] = time_min

    def leg_begins(self, who: Array, motion: Motion) -> None:
        """Record that vehicles set out; one that turns off to a station continues its leg."""
        new = who[~self._open[who]]
        self._open[new] = True
        self._leg_begin[new] = motion.now_min[new]
        self._leg_kwh[new], self._leg_km[new] = motion.driven_kwh[new], motion.driven_km[new]

    def leg_ends(self, who: Array, motion: Motion, station: Array | int, zone: Array | int) -> None:
        """Record that vehicles arrive: at a station, or at their destination (-1: neither)."""
        if not len(who):
            return
        self._open[who] = False
        empty = who[(motion.rescued_kwh[who] > 0) & ~self._ran_empty[who]]
        self._ran_empty[empty] = True
        self.ran_low(empty, motion, Reason.RAN_EMPTY)
        self.legs.add(
            who,
            self._leg_begin[who],
            motion.now_min[who],
            motion.driven_kwh[who] - self._leg_kwh[who],
            motion.driven_km[who] - self._leg_km[who],
            _each(station, len(who)),
            _each(zone, len(who)),
        )

    def dwelt(self, who: Array, trip: Array, zone: Array, since: Array, until: Array, stored: Array) -> Array:
        """Charge immediately at full power during a dwell; return what the batteries gained [kWh]."""
        row = trip[who] + who  # stays: one more than trips
        # Where no road led to the place that was planned, its charger is not here either.
        here = zone[who] == self._planned_zone[row]
        charger = np.where(here, self._plans.charger_kw[row], 0.0)
        limit = np.where(charger > SLOW_KW, self._strong[who], self._slow[who])
        kw = np.minimum(charger, limit)
        efficiency = self._world.parameters["charge_efficiency"]
        room = np.maximum(self._drivers.battery_kwh[who] - stored[who], 0.0)
        hours = np.maximum(until[who] - since[who], 0.0) / 60.0
        gained: Array = np.minimum(kw * hours * efficiency, room)
        self.charged_kwh[who] += gained
        self.stays.add(who, row, zone[who], since[who], until[who], kw, gained / efficiency)
        return gained

    def charged(self, who: Array) -> Array:
        """Record charges at stations; return what the batteries gained [kWh]."""
        gained: Array = self.asked_kwh[who] * self._world.parameters["charge_efficiency"]
        self.charged_kwh[who] += gained
        return gained

    def ran_low(self, who: Array, motion: Motion, reason: Reason) -> None:
        """Record vehicles that ran low but did not charge on the way, or that ran empty."""
        if len(who):
            soc = motion.stored_kwh[who] / self._drivers.battery_kwh[who]
            number = list(Reason).index(reason)
            self.low.add(who, motion.now_min[who], soc, np.full(len(who), number, np.int8))

    def count(
        self, minute: float, step_min: float, state: Array, driving: int, inside: int, charging: ChargingDay
    ) -> None:
        """Count vehicles by state at the end of a step, and check against the lists that hold them."""
        if minute > self.states.shape[1] + 1e-9:
            return
        found = np.zeros(5, np.int64)
        tally(state, found)
        listed = (driving + inside, charging.queue_now(minute), charging.occupied_now(minute))
        wrong = max(
            abs(int(found[1] + found[2]) - listed[0]),
            abs(int(found[3]) - listed[1]),
            abs(int(found[4]) - listed[2]),
            abs(int(found.sum()) - len(state)),
        )
        self.conservation_error = max(self.conservation_error, wrong)
        first, last = int(np.floor(minute - step_min + 1e-9)), int(np.floor(minute + 1e-9))
        self.states[:, first:last] = found[:, None]

    def close(self, trip: Array, zone: Array, parked_since: Array, motion: Motion) -> None:
        """Close the dwells that last until the end, and record what batteries hold after them.

        Attributes `stored_kwh`, `driven_kwh` and `rescued_kwh` (what an empty battery could not give) are
        known from now on; all of shape (vehicles,).
        """
        who = np.flatnonzero(parked_since < self._world.minutes).astype(np.int32)
        end = np.full(len(trip), float(self._world.minutes))
        gained = self.dwelt(who, trip, zone, parked_since, end, motion.stored_kwh)
        self.stored_kwh = motion.stored_kwh.copy()
        self.stored_kwh[who] += gained
        self.driven_kwh, self.rescued_kwh = motion.driven_kwh, motion.rescued_kwh

    def energy_error_kwh(self) -> float:
        """Return any vehicle's largest difference between its battery's change and its energy in and out."""
        change = self.stored_kwh - self._drivers.stored_kwh
        balance = self.charged_kwh + self.rescued_kwh - self.driven_kwh
        return float(np.abs(change - balance).max(initial=0.0))


def _each(value: Array | int, count: int) -> Array:
    """Repeat a single value for all; for few, `numpy.broadcast_to` would take six times as long."""
    return np.full(count, value) if isinstance(value, int) else value
