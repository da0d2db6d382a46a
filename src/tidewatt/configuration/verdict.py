"""The verdict on a plan: full simulations of the installed plan and of the new one, on fresh days."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from tidewatt.configuration import costs
from tidewatt.configuration.accounts import costs_of_days
from tidewatt.configuration.costs import Costs
from tidewatt.configuration.evaluation import Evaluator
from tidewatt.configuration.limits import Limits
from tidewatt.configuration.traffic import congestion_of_day
from tidewatt.domain.arrays import Array
from tidewatt.domain.scenario import Scenario
from tidewatt.execution.threads import Threads
from tidewatt.options.configuration import ConfigurationOptions
from tidewatt.simulation.driving.day import Day
from tidewatt.simulation.queueing.charges import Sessions
from tidewatt.simulation.replications import Worker, outcome_of, workers_of
from tidewatt.simulation.world import World

__all__ = ["FIGURES", "FRESH", "DayOf", "FreshDay", "Verdict", "built", "days_of", "judge_on_fresh_days"]

FRESH = 1_000_000
"""Number of the first fresh day: days of the search count from 0, so that none is in both."""

FIGURES = (
    *("charges", "charges_fast", "charges_normal", "unserved", "energy_kwh", "revenue"),
    *("mean_detour_min", "mean_wait_min", "mean_charge_min", "peak_load_kw", "peak_valley_kw", "queue_peak"),
    "traffic_flow_veh_per_min",
)
"""Figures of a simulated day that are kept."""


class DayOf(NamedTuple):
    """One fully simulated day under one plan.

    Attributes
    ----------
    costs : Costs
        Of floats.
    figures : mapping of str to float
        By the names in `FIGURES`.
    by_station : mapping of str to array, shape (stations,)
        Sums over charges, and peaks: as in `ReplayedDay`; ``charges``, ``occupied_chargers`` (mean).
    load_kw, queue_vehicles : array, shape (minutes,)
        Of all stations.
    """

    costs: Costs
    figures: Mapping[str, float]
    by_station: Mapping[str, Array]
    load_kw: Array
    queue_vehicles: Array


class FreshDay(NamedTuple):
    """A fresh day, simulated with the installed plan and the new one, for the same drivers.

    Attributes
    ----------
    before, after : DayOf
    replayed_objective, replayed_wait_min : float
        What replaying the first under the plan says of the second.
    sessions : (Sessions, Sessions) or None
        Charges before and after, of the first day alone.
    """

    before: DayOf
    after: DayOf
    replayed_objective: float
    replayed_wait_min: float
    sessions: tuple[Sessions, Sessions] | None


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What the fresh days say.

    Attributes
    ----------
    days : list of FreshDay
    objective : array, shape (days,)
        Weighted change of costs of each day (conf-1).
    """

    days: list[FreshDay]
    objective: Array

    def values(self, plan: str, name: str) -> Array:
        """Return a cost or figure of ``before`` or ``after`` by day, shape (days,)."""
        every: list[DayOf] = [getattr(day, plan) for day in self.days]
        if name in Costs._fields:
            return np.array([getattr(day.costs, name) for day in every])
        return np.array([day.figures[name] for day in every])

    def mean(self, plan: str, name: str) -> float:
        """Return the mean over days, or over all charges where the name says mean."""
        values = self.values(plan, name)
        if name.startswith("mean_"):
            charges = self.values(plan, "charges")
            return float(values @ charges / charges.sum()) if charges.sum() > 0 else 0.0
        return float(values.mean())

    def stations(self, plan: str, name: str) -> Array:
        """Return the mean over days of a station's figure, shape (stations,)."""
        return np.asarray(np.mean([getattr(day, plan).by_station[name] for day in self.days], axis=0))

    def profile(self, plan: str, name: str) -> Array:
        """Return the mean over days of ``load_kw`` or ``queue_vehicles`` by minute."""
        return np.asarray(np.mean([getattr(getattr(day, plan), name) for day in self.days], axis=0))


def built(scenario: Scenario, fast: Array, normal: Array) -> Scenario:
    """Return the scenario with a plan built.

    Where a site had no limit of its own, what was installed stays its limit; one left without chargers is
    marked as closed.
    """
    s = scenario.stations
    assert s is not None
    most = np.where(np.isnan(s.max_total), s.fast + s.normal, s.max_total)
    closed = (fast == 0) & (normal == 0)
    return replace(scenario, stations=replace(s, fast=fast, normal=normal, max_total=most, closed=closed))


def days_of(
    world: World, numbers: range, threads: Threads, told: Callable[[int], None] | None = None
) -> list[Day]:
    """Simulate days in full with the installed plan, as many at once as there are threads."""
    workers = workers_of(world, threads)
    done: list[Day] = []
    for first in range(0, len(numbers), len(workers)):
        tasks = list(zip(workers, numbers[first : first + len(workers)], strict=False))
        done += threads.map(lambda task: task[0].run(task[1])[2], tasks)
        if told is not None:
            told(len(done))
    return done


def judge_on_fresh_days(
    world: World,
    parameters: ConfigurationOptions,
    limits: Limits,
    fast: Array,
    normal: Array,
    threads: Threads,
    told: Callable[[int], None] | None = None,
) -> Verdict:
    """Simulate fresh days with the installed plan and with a new one.

    Parameters
    ----------
    world : World
        With what is installed.
    parameters : ConfigurationOptions
    limits : Limits
    fast, normal : array of int64, shape (stations,)
        The plan.
    threads : Threads
        Their number changes nothing.
    told : callable, optional
        Told how many days are done.
    """
    scenario = built(world.scenario, fast, normal)
    assert scenario.stations is not None
    new = replace(world, scenario=scenario, stations=scenario.stations)
    # Both plans of a day on one router: each renews it.
    workers = [(worker, Worker(new, worker.router)) for worker in workers_of(world, threads)]
    inner = threads if len(workers) == 1 else None

    def work(task: tuple[tuple[Worker, Worker], int]) -> FreshDay:
        (old_worker, new_worker), number = task
        day, other = old_worker.run(FRESH + number)[2], new_worker.run(FRESH + number)[2]
        before = day_of(world, parameters, day, None)
        after = day_of(world, parameters, other, before, fast, normal)
        replayed = Evaluator(world, [day], parameters, limits, inner).judge(fast, normal)
        return FreshDay(
            before,
            after,
            float(replayed.objective[0]),
            float(replayed.figures["mean_wait_min"][0]),
            (day.charging.sessions(), other.charging.sessions()) if number == 0 else None,
        )

    days: list[FreshDay] = []
    while len(days) < parameters["days_test"]:
        numbers = range(len(days), min(len(days) + len(workers), parameters["days_test"]))
        days += threads.map(work, list(zip(workers, numbers, strict=False)))
        if told is not None:
            told(len(days))
    change = [costs.objective(parameters["weights"], day.after.costs, day.before.costs) for day in days]
    return Verdict(days, np.array(change, np.float64))


def day_of(
    world: World,
    parameters: ConfigurationOptions,
    day: Day,
    before: DayOf | None,
    fast: Array | None = None,
    normal: Array | None = None,
) -> DayOf:
    """Return costs and figures of a simulated day; without a plan, those of the installed one.

    Parameters
    ----------
    world : World
        With what is installed, whose peaks and ages count.
    before : DayOf or None
        The same day with what is installed; None: this is it.
    """
    outcome = outcome_of(world, day, 0.0)
    events, power = outcome.events, outcome.series["power_kw"]
    at, n, days = events["station"].astype(np.int64), len(world.stations), world.parameters["days"]

    def summed(values: Array) -> Array:
        return np.asarray(np.bincount(at, values, minlength=n) / days)

    felt = costs.dissatisfaction(
        events["wait"][:, None], 1.0, parameters["patience_min"], parameters["patience_slope_per_min"]
    )
    by_station = {
        "charges": summed(np.ones(len(at))),
        "energy_kwh": summed(events["energy"]),
        "revenue": summed(events["energy"] * events["price"]),
        "detour_min": summed(events["detour"]),
        "wait_min": summed(events["wait"]),
        "charge_min": summed(events["end"] - events["start"]),
        "dissatisfaction": summed(felt),
        "peak_load_kw": power.max(axis=1),
        "valley_load_kw": power.min(axis=1),
        "load_variance_kw2": costs.load_variance_kw2(power),
        "occupied_chargers": outcome.series["occupied_chargers"].mean(axis=1),
    }
    installed = by_station if before is None else before.by_station
    found = costs_of_days(
        world.stations,
        parameters,
        {name: values[None, None] for name, values in by_station.items()},
        np.full((1, 1), outcome.figures["revenue"]),
        (world.stations.fast if fast is None else fast)[None],
        (world.stations.normal if normal is None else normal)[None],
        {name: values[None] for name, values in installed.items()},
        np.full((1, 1), congestion_of_day(world, parameters, day)),
    )
    return DayOf(
        Costs(*(float(part[0, 0]) for part in found)),
        {name: float(outcome.figures[name]) for name in FIGURES},
        by_station,
        power.sum(axis=0),
        outcome.series["queue_vehicles"].sum(axis=0),
    )
