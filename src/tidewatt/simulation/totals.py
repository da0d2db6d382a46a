"""Sums over replications: means, variance coefficient, confidence bands."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from tidewatt.domain.arrays import Array

__all__ = ["FEWEST", "DayOutcome", "Totals", "beta", "half_width"]

FEWEST = 10
"""The tolerance rule needs as many replications: two that happen to agree prove nothing."""

SERIES = ("power_kw", "revenue_per_h", "queue_vehicles", "occupied_chargers")


class DayOutcome(NamedTuple):
    """What is kept of one replication.

    Attributes
    ----------
    figures : mapping of str to float
        Per day: ``charges``, ``energy_kwh``, ...
    series : mapping of str to array
        ``power_kw`` ... of shape (stations, minutes), ``destination_kw`` (minutes,), ``vehicles`` (5,
        minutes), ``flow_veh_h`` and ``time_min`` (intervals, links).
    events, unserved : mapping of str to array
        Columns, with vehicles and stations by position.
    """

    figures: Mapping[str, float]
    series: Mapping[str, Array]
    events: Mapping[str, Array]
    unserved: Mapping[str, Array]


class Totals:
    """Everything summed up so far.

    Attributes
    ----------
    count : int
        Replications.
    figures : list of mapping
        Figures of each.
    events, unserved : list of mapping
        Columns of each.
    """

    def __init__(self) -> None:
        self.count = 0
        self.figures: list[Mapping[str, float]] = []
        self.events: list[Mapping[str, Array]] = []
        self.unserved: list[Mapping[str, Array]] = []
        self._sums: dict[str, Array] = {}

    def add(self, outcome: DayOutcome) -> None:
        """Add one replication; the order of replications decides the last bits."""
        self.count += 1
        self.figures.append(outcome.figures)
        self.events.append(outcome.events)
        self.unserved.append(outcome.unserved)
        for name, values in outcome.series.items():
            self._sum(name, values)
        for name, of in (("load_kw", "power_kw"), ("queue_total", "queue_vehicles")):
            total = outcome.series[of].sum(axis=0)
            if f"{name}_shift" not in self._sums:
                self._sums[f"{name}_shift"] = total.copy()  # deviations from the first day cancel less
            self._sum(f"{name}_dev", total - self._sums[f"{name}_shift"])
            self._sum(f"{name}_sq", (total - self._sums[f"{name}_shift"]) ** 2)

    def _sum(self, name: str, values: Array) -> None:
        if name in self._sums:
            self._sums[name] += values
        else:
            self._sums[name] = np.array(values, np.float64)

    def mean(self, name: str) -> Array:
        """Return the mean of a series over replications."""
        result: Array = self._sums[name] / self.count
        return result

    def spread(self, name: str) -> tuple[Array, Array]:
        """Return the mean and standard deviation by minute of ``load_kw`` or ``queue_total``."""
        m = self.count
        dev = self._sums[f"{name}_dev"] / m
        mean = self._sums[f"{name}_shift"] + dev
        variance = (self._sums[f"{name}_sq"] - m * dev**2) / max(m - 1, 1)
        return mean, np.sqrt(np.maximum(variance, 0.0))

    def values(self, name: str) -> Array:
        """Return a figure for every replication, shape (count,)."""
        return np.array([figures[name] for figures in self.figures], np.float64)

    def state(self) -> dict[str, dict[str, Array | float | int | str]]:
        """Return the whole state, for a checkpoint."""
        state: dict[str, dict[str, Array | float | int | str]] = {"sums": dict(self._sums)}
        for table in ("events", "unserved"):
            rows = getattr(self, table)
            lengths = np.array([len(next(iter(row.values()))) for row in rows], np.int64)
            columns = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
            state[table] = {"lengths": lengths, **columns}
        state["figures"] = {name: self.values(name) for name in self.figures[0]}
        state["progress"] = {"count": self.count}
        return state

    @classmethod
    def of(cls, state: Mapping[str, Mapping[str, Array | float | int | str]]) -> Totals:
        """Restore the totals from a checkpoint."""
        totals = cls()
        totals.count = int(state["progress"]["count"])
        totals._sums = {name: np.array(values) for name, values in state["sums"].items()}
        for table in ("events", "unserved"):
            columns = dict(state[table])
            ends = np.cumsum(np.asarray(columns.pop("lengths")))
            parts = {name: np.split(np.asarray(values), ends[:-1]) for name, values in columns.items()}
            getattr(totals, table).extend({n: v[k] for n, v in parts.items()} for k in range(totals.count))
        figures = {name: np.asarray(values) for name, values in state["figures"].items()}
        totals.figures = [{n: float(v[k]) for n, v in figures.items()} for k in range(totals.count)]
        return totals


def beta(values: Array) -> float:
    """Return the variance coefficient of the mean, s / (sqrt(m) x) (sim-11); nan for under two values."""
    m = len(values)
    if m < 2:
        return math.nan
    mean = float(np.mean(values))
    spread = float(np.std(values, ddof=1)) / math.sqrt(m)
    if mean == 0.0:
        return 0.0 if spread == 0.0 else math.inf
    return spread / abs(mean)


def half_width(deviation: Array | float, count: int) -> Array | float:
    """Return half of a mean's 95 % confidence interval (sim-12), by Student's t; nan for one value."""
    if count < 2:
        return deviation * math.nan
    from scipy.special import stdtrit

    result: Array | float = deviation * float(stdtrit(count - 1, 0.975)) / math.sqrt(count)
    return result
