"""Aggregators' own problems under published prices, and whether they lead to the central plan."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.travel import Travel
from tidewatt.execution.threads import Threads
from tidewatt.tariffs.central import Solver
from tidewatt.tariffs.prices import DECENTRALISED_KW, Prices, prices_of, scarce
from tidewatt.tariffs.problem import Solution, TariffProblem

__all__ = ["Decentralised", "Responses", "decentralised", "own_problem", "power_error_bound_kw", "respond"]


@dataclass(frozen=True, slots=True, eq=False)
class Responses:
    """What aggregators do at given prices, each on its own.

    Attributes
    ----------
    prices : Prices
        What they were told.
    power_kw : array, shape (aggregators, sites, steps)
    cost, bound : float
        Of all of them, prices included; no plans cost less than the bound.
    statuses : tuple of str
        Of the solver, in the order of aggregators that have vehicles.
    """

    prices: Prices
    power_kw: Array
    cost: float
    bound: float
    statuses: tuple[str, ...]

    @property
    def status(self) -> str:
        """``solved`` if all are, else the first other status."""
        return next((status for status in self.statuses if status != "solved"), "solved")

    def error_kw(self, central_kw: Array) -> float:
        """Return the largest difference from the central plan over (aggregator, site, step) [kW]."""
        return float(np.abs(self.power_kw - central_kw).max(initial=0.0))


@dataclass(frozen=True, slots=True, eq=False)
class Decentralised:
    """What was published, and how aggregators respond.

    Attributes
    ----------
    responses : Responses
        Under the published prices.
    tariff_only : Responses
        Under the tariff alone; the same object where nothing else was published.
    needed : tuple of str
        Without these prices aggregators would not choose the central plan together.
    """

    responses: Responses
    tariff_only: Responses
    needed: tuple[str, ...]


def decentralised(
    problem: TariffProblem, central: Solution, publish: str, solver: Solver, threads: Threads
) -> Decentralised:
    """Publish the requested prices and let aggregators respond.

    Needed are, beside the tariff, prices of what several aggregators would otherwise take more of than there
    is. Where that is not enough to bring power within `DECENTRALISED_KW` of the plan, all prices are.
    """
    every = prices_of(problem, central)

    def under(names: tuple[str, ...]) -> Responses:
        return respond(problem, central, every.only(names), solver, threads)

    def apart(responses: Responses) -> bool:
        return responses.status == "solved" and responses.error_kw(central.power_kw) >= DECENTRALISED_KW

    tariff_only = responses = under(("tariff",))
    needed = ("tariff", *scarce(problem, central, every))
    if needed != ("tariff",) and publish == "auto":
        responses = under(needed)
    if publish == "tariff":
        needed = every.names if apart(responses) else needed
    elif (publish == "all" or apart(responses)) and responses.prices.names != every.names:
        responses = under(every.names)
        needed = every.names if apart(tariff_only) else needed
    return Decentralised(responses, tariff_only, needed)


def own_problem(problem: TariffProblem, aggregator: int, prices: Prices) -> TariffProblem:
    """Return one aggregator's problem (tariff-17): its vehicles, with prices in place of grid limits.

    Roads and chargers still limit what its own vehicles do.
    """
    travel = problem.travel
    mine = travel.aggregator == aggregator
    return replace(
        problem,
        travel=Travel(**{name: getattr(travel, name)[mine] for name in Travel.__slots__}),
        rows=None,
        price_per_kwh=problem.price_per_kwh + prices.tariff,
        toll=prices.toll,
        charger_price=prices.charger_price,
    )


def respond(
    problem: TariffProblem, central: Solution, prices: Prices, solver: Solver, threads: Threads
) -> Responses:
    """Let every aggregator that has vehicles solve its own problem."""
    who = np.unique(problem.travel.aggregator).tolist()
    done = 0

    def solve(aggregator: int) -> Solution:
        nonlocal done
        own = own_problem(problem, aggregator, prices)
        solution = solver.solve("", own, warm=central, traffic=False)
        done += 1
        solver.tell("own problems", done, f"of {len(who)}")
        return solution

    return _together(problem, prices, who, threads.map(solve, who))


def _together(problem: TariffProblem, prices: Prices, who: Sequence[int], found: list[Solution]) -> Responses:
    power = np.zeros((len(problem.aggregators), len(problem.sites), problem.steps))
    for aggregator, solution in zip(who, found, strict=True):
        power[aggregator] = solution.power_kw[aggregator]
    return Responses(
        prices=prices,
        power_kw=power,
        cost=float(sum(solution.cost for solution in found)),
        bound=float(sum(solution.bound for solution in found)),
        statuses=tuple(solution.status for solution in found),
    )


def power_error_bound_kw(problem: TariffProblem, central: Solution, responses: Responses) -> float:
    """Return how far aggregators' power may be from the central plan, as a norm of the whole (tariff-18).

    Cost is strongly convex in power: a plan whose cost is within g of the least has power within
    sqrt(g / (beta dt)) of the best plan's. That holds of the central plan at the prices, and of what
    aggregators found.
    """
    prices, traffic = responses.prices, central.traffic
    if traffic is None:
        return math.nan
    paid = problem.step_h * float((prices.tariff * central.power_kw.sum(axis=0)).sum())
    paid += float((prices.toll * traffic.link_flow).sum())
    paid += float((prices.charger_price * (traffic.charging + traffic.discharging)).sum())
    convexity = float(problem.aggregators.price_sensitivity_per_kwh_kw.min()) * problem.step_h
    gaps = (central.cost + paid - responses.bound, responses.cost - responses.bound)
    return sum(math.sqrt(max(gap, 0.0) / convexity) for gap in gaps)
