"""The same charges at the same chargers, coordinated within the wait that drivers accept."""

from __future__ import annotations

import heapq
from typing import Any, NamedTuple

import numpy as np

from tidewatt.configuration import costs
from tidewatt.coordination.study import coordinate
from tidewatt.domain.arrays import Array
from tidewatt.domain.fleet import Dwells, Fleet, Trips
from tidewatt.domain.grid import NO_BANK, CostPieces, Grid
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.scenario import Scenario
from tidewatt.options.configuration import ConfigurationOptions
from tidewatt.simulation.queueing.charges import FAST, NORMAL, Sessions

__all__ = ["STEP_MIN", "CoordinatedLoad", "coordinated_load", "departures", "dwells_at_chargers"]

STEP_MIN = 5.0
"""Step of coordinated loads [min]; the unmanaged loads shown beside them are averaged over it too."""

RELATIVE_GAP = 1e-3

MARGIN = 1e-9
"""Share of its energy that a stay may lack through rounding."""


class CoordinatedLoad(NamedTuple):
    """A day's load of all stations, unmanaged and coordinated.

    Attributes
    ----------
    unmanaged_kw, coordinated_kw : array, shape (stations, steps)
        Means over steps of `STEP_MIN`; what lies beyond the day wraps to its start.
    station_peaks_kw, lower_bound_kw : float
        Sum over stations of the highest coordinated load, and what no schedule can go below (coord-4).
    unmanaged_station_peaks_kw : float
        The same sum, unmanaged.
    """

    unmanaged_kw: Array
    coordinated_kw: Array
    station_peaks_kw: float
    lower_bound_kw: float
    unmanaged_station_peaks_kw: float

    def figures(self, parameters: ConfigurationOptions) -> dict[str, dict[str, float]]:
        """Return grid costs (conf-14) and peaks by way of charging, for the summary."""

        def of(power_kw: Array, peaks_kw: float) -> dict[str, float]:
            spread = costs.load_variance_kw2(power_kw)
            peak_valley = costs.peak_valley(
                power_kw.max(axis=1), power_kw.min(axis=1), parameters["peak_valley_cost_per_kw"]
            )
            variance = costs.variance(spread, parameters["variance_cost_per_kw2"])
            return {
                "f3": float(costs.grid_cost(peak_valley, variance)),
                "f3_peak_valley": float(peak_valley),
                "f3_variance": float(variance),
                "peak_load_kw": float(power_kw.sum(axis=0).max(initial=0.0)),
                "station_peaks_kw": peaks_kw,
            }

        return {
            "unmanaged": of(self.unmanaged_kw, self.unmanaged_station_peaks_kw),
            "coordinated": of(self.coordinated_kw, self.station_peaks_kw)
            | {"lower_bound_kw": self.lower_bound_kw},
        }


def departures(sessions: Sessions, chargers: tuple[Array, Array], accepted_wait_min: float) -> Array:
    """Return until when each charge may last: its end plus the accepted wait, or until its charger is needed.

    Parameters
    ----------
    sessions : Sessions
    chargers : (array, array)
        Fast and normal chargers, each of shape (stations,). Whoever starts takes the one that has been free
        for longest.
    accepted_wait_min : float

    Returns
    -------
    array, shape (sessions,)
        Minutes; none before the charge's end.
    """
    until: Array = sessions.end_min + accepted_wait_min
    for kind, built in ((FAST, chargers[0]), (NORMAL, chargers[1])):
        for station in np.unique(sessions.station[sessions.kind == kind]).tolist():
            rows = np.flatnonzero((sessions.kind == kind) & (sessions.station == station))
            rows = rows[np.argsort(sessions.start_min[rows], kind="stable")]
            free: list[tuple[float, int]] = [(-np.inf, -1)] * int(built[station])  # since when, after whom
            for row in rows.tolist():
                _, last = heapq.heappop(free)
                if last >= 0:
                    start = float(sessions.start_min[row])
                    until[last] = min(until[last], max(start, float(sessions.end_min[last])))
                heapq.heappush(free, (float(sessions.end_min[row]), row))
    return until


def dwells_at_chargers(
    sessions: Sessions, depart_min: Array, steps: int, start: Any, name: str
) -> tuple[Scenario, Array]:
    """Return each charge as a vehicle with one dwell, and each station as a feeder without headroom.

    Returns
    -------
    Scenario
        In which the cost of upgrades is the sum of the stations' peaks [kW].
    array of int64
        Which station each feeder is.
    """
    n = len(sessions)
    used, feeder = np.unique(sessions.station, return_inverse=True)
    ones, none = np.ones(n), np.zeros(n)
    need = np.minimum(sessions.energy_kwh, sessions.power_kw * sessions.charge_min / 60.0)
    energy = np.maximum(need * (1.0 - MARGIN), 0.0)
    fleet = Fleet(
        vehicle_id=np.arange(1, n + 1),
        battery_kwh=np.maximum(energy, 1e-9),
        soc_initial=none,
        soc_min=none,
        soc_max=ones,
        soc_final_min=ones,
        charge_efficiency=ones,
        max_charge_kw=sessions.power_kw,
        weight=ones,
        discharge_efficiency=ones,
        max_discharge_kw=none,
    )
    first = np.arange(n + 1)
    stays = Dwells(first, sessions.start_min, depart_min, feeder.reshape(-1), sessions.power_kw)
    empty = np.zeros(0)
    count = len(used)
    grid = Grid(
        feeder_id=used.astype(np.int64),
        bank_id=np.zeros(0, np.int64),
        bank=np.full(count, NO_BANK),
        headroom_kw=np.zeros((count, steps)),
        bank_headroom_kw=np.zeros((0, steps)),
        cost=CostPieces.linear(np.ones(count)),
        bank_cost=CostPieces.linear(empty),
        rating_kw=np.full(count, np.nan),
        bank_rating_kw=empty,
    )
    trips = Trips(np.zeros(n + 1, np.int64), empty, empty, empty)
    return Scenario(name, Horizon(start, STEP_MIN, steps), fleet, stays, trips, grid), used


def coordinated_load(
    scenario: Scenario,
    sessions: Sessions,
    chargers: tuple[Array, Array],
    accepted_wait_min: float,
    minutes: int,
    threads: int = 0,
) -> CoordinatedLoad:
    """Return the least sum of station peaks that the same charges allow, and the load that reaches it.

    Every charge draws its energy from its charger between its start and at most `accepted_wait_min` after
    its end, and leaves before the charger is needed. Power may be split as one likes up to the session's
    own: falling power near full batteries is left out.

    Parameters
    ----------
    scenario : Scenario
        For its start and stations.
    sessions : Sessions
        Of a day.
    chargers : (array, array)
        Fast and normal, each of shape (stations,).
    minutes : int
        Length of the day: what lies beyond wraps to its start.
    threads : int
    """
    assert scenario.stations is not None
    stations, per_day = len(scenario.stations), round(minutes / STEP_MIN)
    if not len(sessions):
        none = np.zeros((stations, per_day))
        return CoordinatedLoad(none, none, 0.0, 0.0, 0.0)
    depart = departures(sessions, chargers, accepted_wait_min)
    steps = max(per_day, int(np.ceil(depart.max() / STEP_MIN)))
    made, used = dwells_at_chargers(sessions, depart, steps, scenario.horizon.start, scenario.name)
    found = coordinate(made, relative_gap=RELATIVE_GAP, session=False, threads=threads)
    every = {}
    for rung in ("unmanaged", "coordinated"):
        load = np.zeros((stations, steps))
        load[used] = found.data[f"{rung}_kw"].to_numpy()
        every[rung] = load
    proof = found.certificate
    return CoordinatedLoad(
        _wrapped(every["unmanaged"], per_day),
        _wrapped(every["coordinated"], per_day),
        float(proof.upgrade_cost),
        float(proof.lower_bound_cost),
        float(every["unmanaged"].max(axis=1).sum()),
    )


def _wrapped(load_kw: Array, steps: int) -> Array:
    """Return the load with what lies beyond the last step added to the first steps."""
    whole = -(-load_kw.shape[1] // steps) * steps
    padded = np.pad(load_kw, ((0, 0), (0, whole - load_kw.shape[1])))
    return np.asarray(padded.reshape(len(load_kw), -1, steps).sum(axis=1))
