"""The same day of charging for other plans of stations: same drivers, same traffic, same requests.

What drivers ask for, when and where, is frozen, and so are speeds and later trips. Choices, queues and
charges are those of `ChargingDay`, event by event.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.stations import StationPlan, Stations
from tidewatt.execution.threads import Threads
from tidewatt.kernels.queue import figures as queue_figures
from tidewatt.kernels.queue import replaying
from tidewatt.kernels.queue.records import RANKED, ChoiceRules, Queue, records
from tidewatt.options.simulation import SIMULATION, SimulationOptions
from tidewatt.simulation.queueing.charges import Requests, Sessions, station_series
from tidewatt.simulation.queueing.charging import ChargingDay
from tidewatt.simulation.queueing.choice import StationChoice
from tidewatt.simulation.queueing.packing import outside, queue_of, rules_of, sessions_of, take_in

__all__ = ["Patience", "PreparedDay", "ReplayedDay", "ReplayedPlans", "prepare", "replay", "replay_many"]

DEPTH = 64
"""Stations of each driver that are sorted beforehand; where they do not settle a choice, all are scanned."""


@dataclass(frozen=True, slots=True, eq=False)
class PreparedDay:
    """Requests with each driver's stations sorted: made once, replayed for any number of plans.

    Attributes
    ----------
    requests : Requests
    queue : Queue
        The requests as kernels keep them; to be copied before anything happens to them.
    rules : ChoiceRules
        How drivers choose.
    table : records
        Each driver's stations by rising cost without any wait.
    """

    requests: Requests
    queue: Queue
    rules: ChoiceRules
    table: Any

    def at(self, chargers: int, most: int) -> Queue:
        """Return a copy in which a day can be replayed.

        Parameters
        ----------
        chargers, most : int
            To make room for: chargers in all, and at one station.
        """
        return self.queue._replace(
            stations=self.queue.stations.copy(),
            charges=self.queue.charges.copy(),
            free=np.zeros(chargers + most),
            coming=self.queue.coming.copy(),
            size=np.zeros(2, np.int64),
            shortlist=self.queue.shortlist.copy(),
            minutes=self.queue.minutes.copy(),
        )


def prepare(
    requests: Requests,
    stations: Stations,
    parameters: SimulationOptions,
    *,
    prices: tuple[Array, Array] | None = None,
    choice: StationChoice | None = None,
    depth: int = DEPTH,
    threads: Threads | None = None,
) -> PreparedDay:
    """Sort each driver's stations by their cost at zero wait.

    Parameters
    ----------
    requests : Requests
    stations : Stations
    parameters : SimulationOptions
    prices : (array, array), optional
        Price of fast and of normal charging by minute of the day, each of shape (stations, 1440).
    choice : StationChoice, optional
        A built-in rule instead of the parameters'.
    depth : int
        Stations kept for each driver; changes memory and speed, never an outcome.
    threads : Threads, optional

    Returns
    -------
    PreparedDay
    """
    if requests.stations != len(stations):
        raise ValueError(f"travel times to {requests.stations} stations, but there are {len(stations)}")
    if outside(choice):
        raise ValueError("only built-in rules of choice are replayed in one pass: use replay")
    n = len(requests)
    rules = rules_of(parameters, choice, requests.taste_seed)
    queue = queue_of(stations, stations.plan, prices, n)
    take_in(queue, rules, requests, 0)
    table = records((n, max(1, min(depth, len(stations))) + 1), RANKED)
    parts = threads.count if threads else 1
    edges = np.linspace(0, n, parts + 1).astype(int).tolist()

    def fill(part: int) -> None:
        begin, end = edges[part], edges[part + 1]
        replaying.rank_stations(queue, rules, requests.to_ms, requests.onward_ms, begin, end, table)

    if threads:
        threads.map(fill, range(parts))
    else:
        fill(0)
    return PreparedDay(requests, queue, rules, table)


AT_ONCE = 8
"""Plans a thread replays before it listens for an interruption."""


class Patience(NamedTuple):
    """How drivers react to a wait: dissatisfaction 1 / (1 + exp(steepness (half - wait))).

    Attributes
    ----------
    half_min : float
        Wait that half of them put up with (source: 38 min).
    steepness_per_min : float
        Source: 1/min.
    """

    half_min: float = 38.0
    steepness_per_min: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class ReplayedDay:
    """One day under one plan.

    Attributes
    ----------
    sessions : Sessions
        Every charge.
    station : array of int32, shape (requests,)
        Where each request was sent, -1: nowhere.
    figures : dict of str to float
        ``charges``, ``charges_fast``, ``charges_normal``, ``unserved``, ``energy_kwh``, ``revenue``,
        ``mean_detour_min``, ``mean_wait_min``, ``mean_charge_min``, ``peak_load_kw``, ``peak_valley_kw``,
        ``queue_peak``, ``dissatisfaction`` (sum over drivers).
    by_station : dict of str to array, shape (stations,)
        ``charges``, ``energy_kwh``, ``revenue``, ``detour_min``, ``wait_min`` and ``charge_min`` (sums),
        ``dissatisfaction``, ``peak_load_kw``, ``valley_load_kw``, ``load_variance_kw2``.
    parameters : SimulationOptions
    minutes : int
        Horizon; charges beyond it wrap to its start in loads and queues.
    """

    sessions: Sessions
    station: Array
    figures: dict[str, float]
    by_station: dict[str, Array]
    parameters: SimulationOptions
    minutes: int

    def series(self) -> dict[str, Array]:
        """Return series by station and minute: see `station_series`."""
        p = self.parameters
        stations = len(self.by_station["charges"])
        return station_series(
            self.sessions,
            stations,
            self.minutes,
            taper_soc=p["taper_soc"],
            charge_efficiency=p["charge_efficiency"],
        )


@dataclass(frozen=True, slots=True, eq=False)
class ReplayedPlans:
    """Days under many plans.

    Attributes
    ----------
    figures : dict of str to array, shape (plans, days)
        As in `ReplayedDay`.
    by_station : dict of str to array, shape (plans, days, stations)
        As in `ReplayedDay`.
    effects : array, shape (plans, days)
        Sums of the tables of `effects` over the stations chosen; 0 without them.
    """

    figures: dict[str, Array]
    by_station: dict[str, Array]
    effects: Array


def replay(
    requests: Requests,
    stations: Stations,
    plan: StationPlan | None = None,
    parameters: SimulationOptions | None = None,
    *,
    prices: tuple[Array, Array] | None = None,
    choice: StationChoice | None = None,
    minutes: int = 1440,
    patience: Patience | None = None,
) -> ReplayedDay:
    """Replay one day under one plan.

    Parameters
    ----------
    requests : Requests
        Of a simulated day, with its `taste_seed`.
    stations : Stations
    plan : StationPlan, optional
        What is built; what is installed where not given.
    parameters : SimulationOptions, optional
    prices : (array, array), optional
        Price of fast and of normal charging by minute of the day, each of shape (stations, 1440).
    choice : StationChoice, optional
        Another rule than the parameters'.
    minutes : int
        Horizon of the requests.
    patience : Patience, optional

    Returns
    -------
    ReplayedDay
    """
    parameters, plan = parameters or SIMULATION.resolve(), plan or stations.plan
    if outside(choice):
        day = ChargingDay(stations, plan, prices, parameters, requests.taste_seed, len(requests), choice)
        day.decide(requests)
        day.finish()
        queue, rules = day.queue, day.rules
    else:
        made = prepare(requests, stations, parameters, prices=prices, choice=choice)
        queue, rules = made.at(*_room(plan.fast, plan.normal)), made.rules
        replaying.replay_day(
            queue, rules, made.table, requests.to_ms, requests.onward_ms, plan.fast, plan.normal
        )
    return _summed_up(queue, rules, requests, parameters, minutes, patience or Patience())


def replay_many(
    days: Sequence[Requests | PreparedDay],
    stations: Stations,
    fast: Array,
    normal: Array,
    parameters: SimulationOptions | None = None,
    threads: Threads | None = None,
    *,
    prices: tuple[Array, Array] | None = None,
    minutes: int = 1440,
    patience: Patience | None = None,
    effects: Sequence[Array] | None = None,
) -> ReplayedPlans:
    """Replay days for many plans, in parallel; the number of threads changes nothing.

    Parameters
    ----------
    days : sequence of Requests or PreparedDay
        `prepare` days that are replayed again and again.
    stations : Stations
    fast, normal : array of int, shape (plans, stations)
        Chargers under each plan.
    parameters : SimulationOptions, optional
    threads : Threads, optional
    prices : (array, array), optional
        As in `prepare`, for days that are not prepared.
    minutes : int
        Horizon of the requests.
    patience : Patience, optional
    effects : sequence of array, shape (requests, stations), optional
        What a request brings about at each station, such as traffic on the way there; one table a day.

    Returns
    -------
    ReplayedPlans
    """
    parameters = parameters or SIMULATION.resolve()
    fast, normal = (np.ascontiguousarray(np.atleast_2d(built), np.int64) for built in (fast, normal))
    if fast.shape != normal.shape or fast.shape[1] != len(stations):
        raise ValueError(f"plans have shapes {fast.shape} and {normal.shape}; want {len(stations)} columns")
    made = [
        day
        if isinstance(day, PreparedDay)
        else prepare(day, stations, parameters, prices=prices, threads=threads)
        for day in days
    ]
    plans, feeling = len(fast), np.array(patience or Patience(), np.float64)
    figures = np.zeros((len(made), plans, len(queue_figures.FIGURES)))
    by_station = np.zeros((len(made), plans, len(stations), len(queue_figures.BY_STATION)))
    tables = [
        np.ascontiguousarray(table, np.float32)
        for table in (effects or [np.zeros((0, len(stations)))] * len(made))
    ]
    for table, day in zip(tables, made, strict=True):
        if table.shape not in ((0, len(stations)), (len(day.requests), len(stations))):
            raise ValueError(f"effects have shape {table.shape}, but there are {len(day.requests)} requests")
    sums = np.zeros((len(made), plans))

    def work(shard: tuple[int, int]) -> None:
        number, begin = shard
        day, end = made[number], min(begin + AT_ONCE, plans)
        queue_figures.replay_plans(
            day.at(*_room(fast[begin:end], normal[begin:end])),
            day.rules,
            day.table,
            day.requests.to_ms,
            day.requests.onward_ms,
            feeling,
            minutes_of(minutes, len(stations)),
            tables[number],
            fast[begin:end],
            normal[begin:end],
            figures[number, begin:end],
            by_station[number, begin:end],
            sums[number, begin:end],
        )

    shards = [(number, begin) for number in range(len(made)) for begin in range(0, plans, AT_ONCE)]
    if threads:
        threads.map(work, shards)
    else:
        for shard in shards:
            work(shard)
    return ReplayedPlans(
        {name: figures[:, :, i].T.copy() for i, name in enumerate(queue_figures.FIGURES)},
        {
            name: by_station[:, :, :, i].swapaxes(0, 1).copy()
            for i, name in enumerate(queue_figures.BY_STATION)
        },
        sums.T.copy(),
    )


def minutes_of(minutes: int, stations: int) -> queue_figures.Minutes:
    """Return work arrays for sums by minute."""
    return queue_figures.Minutes(
        np.zeros((minutes + 2, stations)),
        np.zeros((minutes + 2, 1)),
        np.zeros((minutes + 2, 1)),
        np.zeros((5, stations)),
    )


def _room(fast: Array, normal: Array) -> tuple[int, int]:
    """Return the chargers in total and at one station, each the largest over some plans."""
    chargers = np.atleast_2d(fast + normal)
    return int(chargers.sum(axis=1).max(initial=0)), int(chargers.max(initial=0))


def _summed_up(
    queue: Queue,
    rules: ChoiceRules,
    requests: Requests,
    parameters: SimulationOptions,
    minutes: int,
    patience: Patience,
) -> ReplayedDay:
    figures = np.zeros(len(queue_figures.FIGURES))
    by_station = np.zeros((requests.stations, len(queue_figures.BY_STATION)))
    queue_figures.figures_of_day(
        queue,
        rules,
        len(requests),
        np.array(patience, np.float64),
        minutes_of(minutes, requests.stations),
        figures,
        by_station,
    )
    return ReplayedDay(
        sessions=sessions_of(queue, 0, int(queue.size[1])),
        station=queue.charges["station"][: len(requests)].copy(),
        figures=dict(zip(queue_figures.FIGURES, figures.tolist())),
        by_station={name: by_station[:, i].copy() for i, name in enumerate(queue_figures.BY_STATION)},
        parameters=parameters,
        minutes=minutes,
    )
