"""Prices from the duals of the central problem, and which of them aggregators must be told."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.tariffs.problem import Problem, Solution

__all__ = ["DECENTRALISED_KW", "Prices", "prices_of", "scarce"]

DECENTRALISED_KW = 0.05
"""Power that differs by less from the central plan counts as the same."""

_LEAST_PRICE = 1e-7
"""Tolls and charger prices below are what an interior-point method leaves of 0."""


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """What aggregators are told.

    Attributes
    ----------
    line_part, voltage_part : array, shape (sites, steps)
        Parts of the tariff per kWh, from lines and from voltages (tariff-10).
    toll : array, shape (links, steps)
        Per vehicle that leaves the link in the step, >= 0.
    charger_price : array, shape (sites, steps)
        Per charger and step, >= 0.
    """

    line_part: Array
    voltage_part: Array
    toll: Array
    charger_price: Array

    @property
    def tariff(self) -> Array:
        """Per kWh, shape (sites, steps)."""
        return self.line_part + self.voltage_part

    def only(self, needed: tuple[str, ...]) -> Prices:
        """The tariff, and of tolls and charger prices those that are named; 0 for the others."""
        return replace(
            self,
            toll=self.toll if "tolls" in needed else np.zeros_like(self.toll),
            charger_price=(
                self.charger_price if "charger_prices" in needed else np.zeros_like(self.charger_price)
            ),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Which prices say anything, the tariff always."""
        more = (("tolls", self.toll), ("charger_prices", self.charger_price))
        return ("tariff", *(name for name, price in more if price.any()))


def prices_of(problem: Problem, solution: Solution) -> Prices:
    """All prices that the duals of a solved central problem give."""
    assert problem.rows is not None
    line, voltage = solution.tariff_per_kwh(problem.rows, problem.step_h)
    toll, charger = (
        np.where(price > _LEAST_PRICE, price, 0.0) for price in (solution.toll, solution.charger_price)
    )
    return Prices(line, voltage, toll, charger)


def scarce(problem: Problem, solution: Solution, prices: Prices) -> tuple[str, ...]:
    """Which of tolls and charger prices ration what several aggregators use in the same step.

    What only one of them uses, that one rations itself.
    """
    arcs = solution.traffic.arcs if solution.traffic is not None else {}
    many = len(np.unique(problem.travel.aggregator)) > 1
    found = []
    for name, action, price in (("tolls", 0, prices.toll), ("charger_prices", 2, prices.charger_price)):
        priced = price > 0
        if not (many and priced.any()):
            continue
        if arcs:
            of = (arcs["action"] == action) & (arcs["vehicles"] > 0)
            if action == 0:  # a road is charged for in the step in which it is left
                place, step = arcs["index"][of], arcs["end_step"][of] - 1
            else:
                site = np.repeat(np.arange(len(problem.sites)), np.diff(problem.sites.level_first))
                place, step = site[arcs["index"][of]], arcs["start_step"][of]
            users = np.zeros((len(problem.aggregators), *price.shape), bool)
            users[arcs["aggregator"][of], place, step] = True
            priced = priced & (users.sum(axis=0) > 1)
        if priced.any():
            found.append(name)
    return tuple(found)
