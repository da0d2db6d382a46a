"""Plans judged on replayed days: the same drivers, requests and roads for every plan."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tidewatt.configuration import costs
from tidewatt.configuration.accounts import costs_of_days, patience_of, shares_of_days
from tidewatt.configuration.costs import Costs
from tidewatt.configuration.limits import Limits, allowed, station_cost_holds
from tidewatt.configuration.traffic import congestion_of_day, traffic_of_days
from tidewatt.domain.arrays import Array
from tidewatt.domain.stations import Stations
from tidewatt.execution.threads import Threads
from tidewatt.kernels.queue.figures import FIGURES
from tidewatt.options.configuration import ConfigurationOptions
from tidewatt.options.simulation import SIMULATION, SimulationOptions
from tidewatt.simulation.driving.day import Day
from tidewatt.simulation.queueing.charges import Requests
from tidewatt.simulation.queueing.choice import StationChoice
from tidewatt.simulation.queueing.replay import PreparedDay, ReplayedPlans, prepare, replay_many
from tidewatt.simulation.world import World

__all__ = ["INFEASIBLE", "WIDTH", "Evaluator", "Judged", "TrafficEffect", "figures_of_days", "judged_rows"]

INFEASIBLE = 1e9
"""Lowest score of a plan that breaks a limit; the size of the violation is added to it."""

_COSTS = len(Costs._fields)
WIDTH = 3 + _COSTS + len(FIGURES)
"""Number of values kept per plan: objective, score, whether it keeps all limits, costs, figures."""


class Judged(NamedTuple):
    """Results for some plans; arrays of shape (plans,), means over the days.

    Attributes
    ----------
    objective : array
        Weighted change of costs against what is installed (conf-1).
    score : array
        What a search makes small: the objective of plans that keep all limits; `INFEASIBLE` and more of
        others, so that any plan that keeps them is better.
    feasible : array of bool
    costs : Costs
        Of arrays.
    figures : mapping of str to array
        By the names in `FIGURES`.
    """

    objective: Array
    score: Array
    feasible: Array
    costs: Costs
    figures: Mapping[str, Array]


def figures_of_days(of_days: Mapping[str, Array]) -> list[Array]:
    """Return means over days, or over charges where the name says mean."""
    charges, found = of_days["charges"], []
    for name in FIGURES:
        values = of_days[name]
        if name.startswith("mean_"):
            found.append((values * charges).sum(axis=1) / np.maximum(charges.sum(axis=1), 1.0))
        else:
            found.append(values.mean(axis=1))
    return found


def judged_rows(rows: Array) -> Judged:
    """Unpack rows of `WIDTH` numbers, one per plan, by name."""
    columns = rows.T.copy()
    return Judged(
        objective=columns[0],
        score=columns[1],
        feasible=columns[2] > 0.5,
        costs=Costs(*columns[3 : 3 + _COSTS]),
        figures=dict(zip(FIGURES, columns[3 + _COSTS :], strict=True)),
    )


_SUMS = frozenset(FIGURES) - {"mean_detour_min", "mean_wait_min", "mean_charge_min", "peak_load_kw"}
_SUMS = (_SUMS - {"peak_valley_kw", "queue_peak"}) | {"detour_min", "wait_min", "charge_min"}
NEAR_SAMPLE = 400
"""Number of charging requests sampled to find which stations are near each other."""


class TrafficEffect(NamedTuple):
    """Cost of traffic on a day with the installed plan, and what each drive to a station adds.

    Attributes
    ----------
    installed : float
        (conf-16) [money_unit].
    effect : array of float32, shape (requests, stations)
        Of driving by a station instead of straight on [money_unit].
    """

    installed: float
    effect: Array


class Evaluator:
    """Judges each plan once and remembers what came out.

    Drivers who find no station cost nothing in the source's equations. So a plan may not leave more of them
    than what is installed does; that is a limit like the others.

    Parameters
    ----------
    world : World
    days : sequence of Day
        Simulated with what is installed.
    parameters : ConfigurationOptions
    limits : Limits
    threads : Threads, optional
        Their number changes nothing.

    Attributes
    ----------
    before : Judged
        What is installed, a single plan.
    evaluations : int
        Plans judged by replay, without the installed one.
    asked : int
        Plans judged, those included that were remembered.
    replays : int
        Days replayed for that.
    """

    def __init__(
        self,
        world: World,
        days: Sequence[Day],
        parameters: ConfigurationOptions,
        limits: Limits,
        threads: Threads | None = None,
    ) -> None:
        effects = traffic_of_days(world, parameters, list(days), threads)
        self._begin(
            [day.requests for day in days],
            world.stations,
            parameters,
            limits,
            threads,
            world.parameters,
            world.prices,
            world.choice,
            [
                TrafficEffect(congestion_of_day(world, parameters, day), effect)
                for day, effect in zip(days, effects, strict=True)
            ],
        )

    @classmethod
    def of_requests(
        cls,
        requests: Sequence[Requests],
        stations: Stations,
        parameters: ConfigurationOptions,
        limits: Limits,
        threads: Threads | None = None,
        *,
        simulation: SimulationOptions | None = None,
        prices: tuple[Array, Array] | None = None,
        choice: StationChoice | None = None,
        traffic: Sequence[TrafficEffect] | None = None,
    ) -> Evaluator:
        """Judge on days of requests alone; without `traffic`, traffic costs nothing."""
        made = cls.__new__(cls)
        made._begin(
            requests,
            stations,
            parameters,
            limits,
            threads,
            simulation or SIMULATION.resolve(),
            prices or stations.prices_by_minute(),
            choice,
            traffic,
        )
        return made

    def _begin(
        self,
        requests: Sequence[Requests],
        stations: Stations,
        parameters: ConfigurationOptions,
        limits: Limits,
        threads: Threads | None,
        simulation: SimulationOptions,
        prices: tuple[Array, Array],
        choice: StationChoice | None,
        traffic: Sequence[TrafficEffect] | None,
    ) -> None:
        if not requests:
            raise ValueError("plans need at least one day to be judged on")
        self.stations, self.parameters, self.limits = stations, parameters, limits
        self._threads, self._simulation = threads, simulation
        self._days: list[PreparedDay] = [
            prepare(day, stations, simulation, prices=prices, choice=choice, threads=threads)
            for day in requests
        ]
        self._effects = [day.effect for day in traffic] if traffic else None
        self._rows = np.zeros((1024, WIDTH))
        self._keys: list[bytes] = []
        self._row_of: dict[bytes, int] = {}
        self.asked = self.replays = self._again = 0
        self._traffic = np.array([day.installed for day in traffic] if traffic else [0.0])
        fast, normal = stations.fast[None], stations.normal[None]
        self._installed = self._replay(fast, normal)
        self._traffic = self._traffic - self._installed.effects[0]
        self._costs_before = Costs(*(float(part[0]) for part in self._costs(self._installed, fast, normal)))
        shares = self._shares(self._installed, fast, normal).sum(axis=-1, keepdims=True)
        charges = self._installed.by_station["charges"][0].mean(axis=0).sum()
        self._per_charge = shares / max(float(charges), 1.0)
        self.before = self.judge(fast, normal)
        self.asked = self.replays = 0

    @property
    def days(self) -> int:
        """Number of days."""
        return len(self._days)

    @property
    def evaluations(self) -> int:
        """Number of plans judged by replay, not counting the installed one."""
        return len(self._keys) - 1 + self._again

    def judge(self, fast: Array, normal: Array) -> Judged:
        """Judge plans.

        Parameters
        ----------
        fast, normal : array of int, shape (plans, stations)
        """
        fast, normal = (np.ascontiguousarray(np.atleast_2d(built), np.int64) for built in (fast, normal))
        keys = [_digest(f, n) for f, n in zip(fast, normal, strict=True)]
        fresh = {key: plan for plan, key in reversed(list(enumerate(keys))) if key not in self._row_of}
        if fresh:
            plans = sorted(fresh.values())
            done = self._replay(fast[plans], normal[plans])
            self._remember([keys[plan] for plan in plans], self._rows_of(done, fast[plans], normal[plans]))
        self.asked += len(keys)
        return judged_rows(self._rows[[self._row_of[key] for key in keys]])

    def judge_by_station(self, fast: Array, normal: Array) -> tuple[Judged, Array]:
        """Judge plans, and attribute their costs to stations.

        All plans are replayed, and count, even if they were judged before. A station that loses chargers
        loses drivers, whose costs then arise elsewhere: so each charge is taken to bring along what one costs
        on average with what is installed, and only the rest belongs to the station.

        Returns
        -------
        Judged
        shares : array, shape (2, plans, stations)
            Parts of stations in the objective but for traffic, and in the cost of stations. Differences
            between plans, summed over all stations that matter, are those of the whole.
        """
        fast, normal = (np.ascontiguousarray(np.atleast_2d(built), np.int64) for built in (fast, normal))
        done = self._replay(fast, normal)
        rows = self._rows_of(done, fast, normal)
        keys = [_digest(f, n) for f, n in zip(fast, normal, strict=True)]
        fresh = {key: plan for plan, key in reversed(list(enumerate(keys))) if key not in self._row_of}
        plans = sorted(fresh.values())
        self._again += len(keys) - len(plans)
        self._remember([keys[plan] for plan in plans], rows[plans])
        self.asked += len(keys)
        charges = done.by_station["charges"].mean(axis=1)
        return judged_rows(rows), self._shares(done, fast, normal) - self._per_charge * charges

    def _shares(self, done: ReplayedPlans, fast: Array, normal: Array) -> Array:
        peak = self._installed.by_station["peak_load_kw"][0]
        return shares_of_days(self.stations, self.parameters, done.by_station, fast, normal, peak)

    def nearest(self, count: int) -> Array:
        """Return the stations nearest to each, itself first: int array, shape (stations, at most `count`).

        Near are stations to which the same drivers drive equally long: roads or coordinates are not needed.
        """
        sample = np.concatenate([day.requests.to_ms[::9] for day in self._days])[:NEAR_SAMPLE]
        times = np.where(sample >= 0, sample, np.nan) / 60_000.0
        apart = np.zeros((len(self.stations), len(self.stations)))
        for s in range(len(self.stations)):
            gap = np.abs(times - times[:, s : s + 1])
            apart[s] = np.nan_to_num(gap, nan=1e4).mean(axis=0)
            apart[s, s] = -1.0
        return np.argsort(apart, axis=1, kind="stable")[:, :count]

    def remembered(self, fast: Array, normal: Array) -> Judged:
        """Return the results of plans judged before, without counting as evaluations."""
        plans = zip(np.atleast_2d(fast), np.atleast_2d(normal), strict=True)
        return judged_rows(self._rows[[self._row_of[_digest(f, n)] for f, n in plans]])

    def state(self) -> dict[str, Any]:
        """Return what is remembered, for a checkpoint; this is cheap, as rows never change once written."""
        return {
            "keys": np.frombuffer(b"".join(self._keys), np.uint8),
            "rows": self._rows[: len(self._keys)],
            "asked": self.asked,
            "replays": self.replays,
            "again": self._again,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore what `state` returned, and forget everything else."""
        packed, size = np.asarray(state["keys"], np.uint8).tobytes(), _DIGEST_BYTES
        keys = [packed[i : i + size] for i in range(0, len(packed), size)]
        self._keys, self._row_of = [], {}
        self._remember(keys, np.asarray(state["rows"]))
        self.asked, self.replays = int(state["asked"]), int(state["replays"])
        self._again = int(state["again"])

    def _remember(self, keys: list[bytes], rows: Array) -> None:
        begin, end = len(self._keys), len(self._keys) + len(keys)
        if end > len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros((max(end, len(self._rows)), WIDTH))])
        self._rows[begin:end] = rows
        self._keys += keys
        self._row_of.update(zip(keys, range(begin, end), strict=True))

    def _replay(self, fast: Array, normal: Array) -> ReplayedPlans:
        days = self._simulation["days"]
        done = replay_many(
            self._days,
            self.stations,
            fast,
            normal,
            self._simulation,
            self._threads,
            minutes=1440 * days,
            patience=patience_of(self.parameters),
            effects=self._effects,
        )
        if days > 1:  # sums over several days become a day's
            for table in (done.figures, done.by_station):
                for name in table.keys() & _SUMS:
                    table[name] /= days
        self.replays += len(fast) * self.days
        return done

    def _costs(self, done: ReplayedPlans, fast: Array, normal: Array) -> Costs:
        return costs_of_days(
            self.stations,
            self.parameters,
            done.by_station,
            done.figures["revenue"],
            fast,
            normal,
            {name: values[0] for name, values in self._installed.by_station.items()},
            self._traffic + done.effects,
        ).mean()

    def _rows_of(self, done: ReplayedPlans, fast: Array, normal: Array) -> Array:
        """Return rows of objective, score, feasible, costs and figures."""
        found, before = self._costs(done, fast, normal), self._costs_before
        objective = costs.objective(self.parameters["weights"], found, before)
        lost = (done.figures["unserved"] - self._installed.figures["unserved"]).mean(axis=1)
        rise = np.zeros(len(fast))
        if self.limits.station_cost_must_not_rise:
            rise = np.where(station_cost_holds(found.f1, before.f1), 0.0, found.f1 - before.f1)
        outside = ~allowed(self.limits, fast, normal)
        broken = outside | (lost > 1e-9) | (rise > 0.0)
        violation = 1e6 * outside + np.maximum(lost, 0.0) + rise
        score = np.where(broken, INFEASIBLE + violation, objective)
        return np.column_stack([objective, score, ~broken, *found, *figures_of_days(done.figures)])


_DIGEST_BYTES = 16


def _digest(fast: Array, normal: Array) -> bytes:
    """Return a digest that stands for a plan; that two plans share one is practically impossible."""
    counts = np.concatenate([fast, normal]).astype(np.int64)
    return hashlib.blake2b(counts.tobytes(), digest_size=_DIGEST_BYTES).digest()
