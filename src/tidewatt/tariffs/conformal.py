"""Margins from past forecast errors, with a share of days that they cover and no assumed set (tariff-16)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.distribution import Forecasts, days_needed, rank_of
from tidewatt.errors import Issue, ScenarioError
from tidewatt.tariffs.problem import GridRows, Influence

__all__ = ["conformal_margins", "row_errors"]

_LEAST_SCALE = 0.01
"""Share of a row's largest scale that its scale never falls below."""


def conformal_margins(
    influence: Influence,
    forecasts: Forecasts | None,
    rows: GridRows,
    scale: Array,
    coverage: float,
    *,
    joint: bool,
) -> tuple[Array, Array]:
    """Margins that past errors, mapped through the rows, stay within on a share of days (tariff-16).

    The error of a row on a past day is what its value would have been off by had the day been planned on
    its forecast; its score above is that error, below the negative of it. Of n days, the margin is the
    ceil((n + 1) coverage)-th smallest score, and not below 0. As far as the coming day is exchangeable with
    the past ones, its error exceeds the margin with a probability of at most 1 - coverage:

    each row and step
        One by one, each direction for itself. A day counts for a row and step if it has the errors of every
        injection that moves the row.
    jointly
        The score of a day is the largest of all its errors at limits that exist, both directions, each
        divided by its row's `scale` so that kW and voltages compare; the margin is that score's rank times
        the scale. Then all limits hold together with the coverage. The scale comes from the coming day and
        not from past errors, as the rank would otherwise not keep its meaning. A day counts if it is
        complete.

    Parameters
    ----------
    influence : Influence
    forecasts : Forecasts or None
        Past days.
    rows : GridRows
        For which limits there are.
    scale : array, shape (rows, steps)
        What an error of usual size is, >= 0; raised to 1 % of the row's largest.
    coverage : float
        Between 0 and 1.
    joint : bool
        All limits together, or each row and step for itself.

    Returns
    -------
    margin_low, margin_high : array, shape (rows, steps)

    Raises
    ------
    ScenarioError
        When the rank exceeds the number of days: what is needed is said.
    """
    shape = rows.nominal.shape
    if forecasts is None or not len(forecasts.day):
        raise _too_few(coverage, 0)
    if joint:
        margin = _joint(influence, forecasts, rows, _raised(scale, rows.kind), coverage)
        return margin, margin.copy()
    low, high = np.zeros(shape), np.zeros(shape)
    fewest: int | None = None
    for step, error in row_errors(influence, forecasts):
        moved = (influence.of_step(step) != 0).any(axis=1)
        days = np.isfinite(error).sum(axis=0)
        rank = np.array([rank_of(int(n), coverage) for n in days])
        short = moved & (rank > days)
        if short.any():
            found = int(days[short].min())
            fewest = found if fewest is None else min(fewest, found)
            continue
        ascending = np.sort(error, axis=0)  # days without a figure come last
        at = np.arange(len(days))
        high[:, step] = np.where(moved, ascending[np.minimum(rank, len(error)) - 1, at], 0.0)
        low[:, step] = np.where(moved, -ascending[np.maximum(days - rank, 0), at], 0.0)
    if fewest is not None:
        raise _too_few(coverage, fewest)
    return np.maximum(low, 0.0), np.maximum(high, 0.0)


def _joint(
    influence: Influence, forecasts: Forecasts, rows: GridRows, scale: Array, coverage: float
) -> Array:
    above, below = np.isfinite(rows.high), np.isfinite(rows.low)
    score = np.full(len(forecasts.day), -np.inf)
    for step, error in row_errors(influence, forecasts):
        relative = error / scale[:, step]
        for there, scores in ((above[:, step], relative), (below[:, step], -relative)):
            # nan, where a figure is missing, is the largest of all
            score = np.maximum(score, scores[:, there].max(axis=1, initial=-np.inf))
    complete = score[~np.isnan(score)]
    rank = rank_of(len(complete), coverage)
    if rank > len(complete):
        raise _too_few(coverage, len(complete))
    return max(float(np.sort(complete)[rank - 1]), 0.0) * np.where(_moved(influence), scale, 0.0)


def _moved(influence: Influence) -> Array:
    """Which rows injections move in which step, shape (rows, steps)."""
    steps = range(influence.ratio.shape[1])
    return np.stack([(influence.of_step(step) != 0).any(axis=1) for step in steps], axis=1)


def _raised(scale: Array, kind: Array) -> Array:
    """Scales above 0 everywhere, lest an error where none was thought of decide alone."""
    largest = scale.max(axis=1, initial=0.0)
    for k in np.unique(kind):
        of_kind = kind == k
        some = float(largest[of_kind].max(initial=0.0))
        largest[of_kind & (largest <= 0)] = some if some > 0 else 1.0
    return np.asarray(np.maximum(scale, _LEAST_SCALE * largest[:, None]))


def row_errors(influence: Influence, forecasts: Forecasts) -> Iterator[tuple[int, Array]]:
    """Step by step, what rows would have been off by on past days, shape (days, rows).

    Nan where an error is missing of an injection that moves the row.
    """
    for step in range(influence.ratio.shape[1]):
        effect = influence.of_step(step)
        error = forecasts.outcome_kw[:, :, step] - forecasts.forecast_kw[:, :, step]
        missing = ~np.isfinite(error)
        of_rows = np.where(missing, 0.0, error) @ effect.T
        if missing.any():
            of_rows[missing.astype(float) @ (effect != 0).T.astype(float) > 0] = np.nan
        yield step, of_rows


def _too_few(coverage: float, found: int) -> ScenarioError:
    problem = (
        f"a coverage of {coverage:g} needs {days_needed(coverage):,} past days with a forecast and an "
        f"outcome of every injection in every step; found {found:,}"
    )
    fix = "Add days, lower coverage, or ask for another uncertainty (box, budget, ellipsoid)"
    return ScenarioError([Issue("forecasts", "day", problem, fix)])
