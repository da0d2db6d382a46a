"""What came out for plans, and how it is kept: one row of numbers a plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from tidewatt.configuration.costs import Costs
from tidewatt.domain.arrays import Array
from tidewatt.kernels.queue.figures import FIGURES

__all__ = ["INFEASIBLE", "WIDTH", "Judged", "figures_of_days", "judged_rows"]

INFEASIBLE = 1e9
"""Score from which on plans break a limit; more by how much they break it."""

_COSTS = len(Costs._fields)
WIDTH = 3 + _COSTS + len(FIGURES)
"""Numbers kept of a plan: objective, score, whether it keeps all limits, costs, figures."""


class Judged(NamedTuple):
    """What came out for some plans; arrays of shape (plans,), means over the days.

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
    """Means over days, and over charges where the name says mean."""
    charges, found = of_days["charges"], []
    for name in FIGURES:
        values = of_days[name]
        if name.startswith("mean_"):
            found.append((values * charges).sum(axis=1) / np.maximum(charges.sum(axis=1), 1.0))
        else:
            found.append(values.mean(axis=1))
    return found


def judged_rows(rows: Array) -> Judged:
    """Rows of `WIDTH` numbers, one a plan, by name."""
    columns = rows.T.copy()
    return Judged(
        objective=columns[0],
        score=columns[1],
        feasible=columns[2] > 0.5,
        costs=Costs(*columns[3 : 3 + _COSTS]),
        figures=dict(zip(FIGURES, columns[3 + _COSTS :], strict=True)),
    )
