"""Margins by which limits are narrowed for uncertain injections (tariff-15, tariff-16)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.distribution import Forecasts, Injections, days_needed, rank_of
from tidewatt.errors import Issue, ScenarioError
from tidewatt.options.tariffs import TariffOptions
from tidewatt.tariffs.problem import GridRows, Influence

__all__ = ["conformal_margins", "margins", "row_errors"]

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
    """Return margins that past errors, mapped through the rows, respect on a share of days (tariff-16).

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
    """Return which rows are moved by injections in which step, shape (rows, steps)."""
    steps = range(influence.ratio.shape[1])
    return np.stack([(influence.of_step(step) != 0).any(axis=1) for step in steps], axis=1)


def _raised(scale: Array, kind: Array) -> Array:
    """Raise scales above 0, so that no error where none was expected can dominate."""
    largest = scale.max(axis=1, initial=0.0)
    for k in np.unique(kind):
        of_kind = kind == k
        some = float(largest[of_kind].max(initial=0.0))
        largest[of_kind & (largest <= 0)] = some if some > 0 else 1.0
    return np.asarray(np.maximum(scale, _LEAST_SCALE * largest[:, None]))


def row_errors(influence: Influence, forecasts: Forecasts) -> Iterator[tuple[int, Array]]:
    """Yield by step the errors of rows on past days, shape (days, rows).

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


_LARGEST_BLOCK = 2_000_000
"""Largest count of values held at once, per array."""

_NEGLIGIBLE = 1e-9
"""Terms below this share of the row's largest are round-off and do not count."""


def margins(
    influence: Influence,
    injections: Injections,
    rows: GridRows,
    parameters: TariffOptions,
    forecasts: Forecasts | None,
) -> tuple[Array, Array]:
    """Return by how much each limit of each row and step is narrowed (tariff-15, tariff-16).

    With the term of injection i, ``|effect on the row| * half width``, and n terms that are not 0:

    ``box``
        The sum of the terms, each times `gamma`, or times the injection's own gamma where it has one.
    ``budget``
        The largest terms, `gamma` n of them; the last one in part where that is no whole number.
    ``ellipsoid``
        The root of the sum of squares times `gamma` sqrt(n). At 1 the ellipsoid goes through the corners of
        the box, hence beyond its sides: it protects at least as much as the box.
    ``conformal``
        See `tidewatt.tariffs.robust.conformal_margins`.

    In ``budget`` and ``ellipsoid`` an injection's own gamma scales its half width, and the study's `gamma`
    the set. All sets but ``conformal`` are symmetric: the margins of both directions are equal.

    Parameters
    ----------
    influence : Influence
        What injections do to the rows.
    injections : Injections
        Half widths and own gammas.
    rows : GridRows
        Which limits there are; its own margins are not read.
    parameters : TariffOptions
        ``uncertainty``, ``gamma``, ``coverage``, ``coverage_scope``.
    forecasts : Forecasts or None
        Past days, for ``conformal``.

    Returns
    -------
    margin_low, margin_high : array, shape (rows, steps)
        kW of a line, squared per unit of a voltage; >= 0.

    Raises
    ------
    ScenarioError
        When ``conformal`` is asked for and there are too few past days.
    """
    if parameters["uncertainty"] == "conformal":
        scale = _margin(influence, injections.half_width_kw, "box", 1.0)
        if not scale.any():  # no half widths: errors are then measured against the power itself
            scale = _margin(influence, injections.power_kw, "box", 1.0)
        return conformal_margins(
            influence,
            forecasts,
            rows,
            scale,
            parameters["coverage"],
            joint=parameters["coverage_scope"] == "joint",
        )
    own = injections.gamma
    left = parameters["gamma"] if parameters["uncertainty"] == "box" else 1.0
    width = injections.half_width_kw * np.where(np.isnan(own), left, own)[:, None]
    size = 1.0 if parameters["uncertainty"] == "box" else parameters["gamma"]
    margin = _margin(influence, width, parameters["uncertainty"], size)
    return margin, margin.copy()


def _margin(influence: Influence, width_kw: Array, shape: str, size: float) -> Array:
    """Return the support function of a set of this shape and size in every row's direction, (rows, steps)."""
    margin = np.zeros((len(influence.active), width_kw.shape[1]))
    for block, steps, terms in _terms(influence, width_kw):
        if shape == "box":
            worst = size * terms.sum(axis=1)
        else:
            number = (terms > _NEGLIGIBLE * terms.max(axis=1, keepdims=True, initial=0.0)).sum(axis=1)
            if shape == "ellipsoid":
                worst = size * np.sqrt(number * (terms**2).sum(axis=1))
            else:
                rank = np.arange(terms.shape[1])[:, None]
                share = np.clip(size * number[:, None, :] - rank, 0.0, 1.0)
                worst = (-np.sort(-terms, axis=1) * share).sum(axis=1)
        margin[block, steps] = worst
    return margin


def _terms(influence: Influence, width_kw: Array) -> Iterator[tuple[slice, slice, Array]]:
    """Yield |effect| times width in blocks: which rows and steps, and terms (rows, injections, steps)."""
    rows, (injections, steps) = len(influence.active), width_kw.shape
    per_row = max(injections, 1)
    rows_at_once = max(1, _LARGEST_BLOCK // per_row)
    steps_at_once = max(1, _LARGEST_BLOCK // (per_row * max(min(rows, rows_at_once), 1)))
    for row in range(0, rows, rows_at_once):
        block = slice(row, row + rows_at_once)
        for step in range(0, steps, steps_at_once):
            some = slice(step, step + steps_at_once)
            effect = influence.active[block, :, None] + (
                influence.reactive[block, :, None] * influence.ratio[None, :, some]
            )
            yield block, some, np.abs(effect, out=effect) * width_kw[None, :, some]
