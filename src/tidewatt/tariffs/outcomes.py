"""What becomes of plans when injections differ from forecast: outcomes drawn, violations counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.distribution import Forecasts, Injections
from tidewatt.options.tariffs import TariffOptions
from tidewatt.tariffs.problem import GridRows, Influence

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["QUANTILES", "Outcomes", "outcome_table", "sample"]

QUANTILES = {"low_kw": 0.0, "p05_kw": 0.05, "median_kw": 0.5, "p95_kw": 0.95, "high_kw": 1.0}
"""Columns of the table of outcomes, and the share of outcomes that is not above."""

_LARGEST_BLOCK = 4_000_000
"""Largest count of values held at once, per array of rows."""

_LARGEST_DRAW = 20_000_000
"""The same of outcomes, which are drawn anew for every block of rows where they do not fit."""

_TOLERANCE = 1e-6
"""Share by which a limit may be exceeded and still counts as kept: plans have finite precision."""

_PURPOSE = 0x0C0E
"""Keeps these draws apart from all others of the same seed."""


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """Plans under the same sampled outcomes.

    Attributes
    ----------
    plans : tuple of str
    samples : int
        Drawn; 0 where there was nothing to draw from.
    violation_rate : array, shape (plans,)
        Share of the samples in which any row exceeds a limit in any step; nan without samples.
    violated : array, shape (plans, rows, steps)
        The same by row and step.
    quantiles : array, shape (QUANTILES, plans, lines, steps)
        Flow of each line [kW], rows of kind 0 in their order; of no line where flows were not asked for.
    """

    plans: tuple[str, ...]
    samples: int
    violation_rate: Array
    violated: Array
    quantiles: Array

    def rate(self, plan: str) -> float | None:
        """Return the violation rate of one plan; None without samples."""
        return float(self.violation_rate[self.plans.index(plan)]) if self.samples else None


def sample(
    influence: Influence,
    injections: Injections,
    rows: GridRows,
    plans: Mapping[str, Array],
    parameters: TariffOptions,
    forecasts: Forecasts | None = None,
    *,
    flows: bool = True,
    on_step: Callable[[int], None] | None = None,
) -> Outcomes:
    """Draw outcomes and count which limits each plan exceeds.

    For ``box``, ``budget`` and ``ellipsoid`` alike, every injection is drawn uniformly within its whole half
    width, whatever `gamma` and the set: outcomes are the same for all plans and all sizes of the set, so that
    their rates compare. Injections and steps are drawn independently of each other; errors that last for
    hours or move together exceed limits on fewer days, but for longer.

    For ``conformal``, whole past days are drawn with replacement, so that errors keep how they move together.
    These days are the ones that set the margins: the rate of fresh days is somewhat higher, and there are
    no more different outcomes than complete days.

    Limits themselves are compared, without margins, and count as kept up to a millionth of them.

    Parameters
    ----------
    influence : Influence
    injections : Injections
    rows : GridRows
        Nominal values and limits.
    plans : mapping of str to array
        Power [kW] of all aggregators at each site, shape (sites, steps), by the plan's name.
    parameters : TariffOptions
        ``samples``, ``seed``, ``uncertainty``.
    forecasts : Forecasts, optional
        Past days, for ``conformal``.
    flows : bool
        Whether to find quantiles of flows; without them only limits that come near are looked at.
    on_step : callable, optional
        Receives the number of each step that is done.
    """
    draw, farthest, samples = _drawn(influence, injections, parameters, forecasts)
    names, shape = tuple(plans), rows.nominal.shape
    lines = np.flatnonzero((rows.kind == 0) & flows)
    planned = np.array([rows.nominal + rows.sensitivity @ plans[name] for name in names])
    violated = np.zeros((len(names), *shape))
    quantiles = np.zeros((len(QUANTILES), len(lines), shape[1]))
    if not samples:
        rate = np.full(len(names), np.nan)
        return Outcomes(names, 0, rate, violated, quantiles[:, None] + planned[None][:, :, lines])
    ever = np.zeros((len(names), samples), bool)
    most = (rows.high + _slack(rows.high))[None] - planned
    least = (rows.low - _slack(rows.low))[None] - planned
    rows_at_once = max(1, _LARGEST_BLOCK // samples)
    line_of_row = np.full(shape[0], -1)
    line_of_row[lines] = np.arange(len(lines))
    for step in range(shape[1]):
        effect = influence.of_step(step)
        far = farthest(step, effect)
        near = (far > most[:, :, step].min(axis=0)) | (-far < least[:, :, step].max(axis=0))
        looked_at = np.flatnonzero(near | (line_of_row >= 0))
        blocks = [looked_at[first : first + rows_at_once] for first in range(0, len(looked_at), rows_at_once)]
        for block, off in zip(blocks, draw(step, (effect[block] for block in blocks)), strict=True):
            highest, lowest = off.max(axis=1), off.min(axis=1)
            for k in range(len(names)):
                above, below = most[k, block, step], least[k, block, step]
                broken = np.flatnonzero((highest > above) | (lowest < below))
                some = off[broken]
                over = (some > above[broken, None]) | (some < below[broken, None])
                violated[k, block[broken], step] = over.mean(axis=1)
                ever[k] |= over.any(axis=0)
            line = line_of_row[block] >= 0
            quantiles[:, line_of_row[block][line], step] = _quantiles(off[line])
        if on_step is not None:
            on_step(step)
    return Outcomes(
        names, samples, ever.mean(axis=1), violated, quantiles[:, None] + planned[None][:, :, lines]
    )


def _quantiles(values: Array) -> Array:
    """Return quantiles of each row, (QUANTILES, rows), as numpy does; sorting once is four times as fast."""
    ascending = np.sort(values, axis=1)
    at = np.array(list(QUANTILES.values())) * (values.shape[1] - 1)
    below = np.floor(at).astype(np.int64)
    share = at - below
    above = np.minimum(below + 1, values.shape[1] - 1)
    return np.asarray((ascending[:, below] * (1 - share) + ascending[:, above] * share).T)


def _slack(limit: Array) -> Array:
    """Return the tolerance within which a limit counts as kept."""
    return np.where(np.isfinite(limit), _TOLERANCE * np.maximum(np.abs(limit), 1.0), 0.0)


_Draw = Callable[[int, Iterable[Array]], Iterator[Array]]
_Farthest = Callable[[int, Array], Array]


def _drawn(
    influence: Influence, injections: Injections, parameters: TariffOptions, forecasts: Forecasts | None
) -> tuple[_Draw, _Farthest, int]:
    """Return how outcomes are drawn, how far they may shift rows, and how many there are.

    Returns
    -------
    draw : callable
        By how much rows are off in a step, (rows, samples), for each of several blocks of effects (rows,
        injections); all meet the same outcomes.
    farthest : callable
        By how much at most, either way, shape (rows,), given the step and effects.
    samples : int
    """
    samples, number = parameters["samples"], len(injections)
    if parameters["uncertainty"] == "conformal":
        days = _complete_days(influence, forecasts)
        if forecasts is None or not len(days):
            return lambda step, blocks: iter(()), lambda step, effect: np.zeros(len(effect)), 0
        pick = np.random.default_rng([parameters["seed"], _PURPOSE]).integers(len(days), size=samples)
        error = np.nan_to_num(forecasts.outcome_kw[days] - forecasts.forecast_kw[days])

        def past(step: int, blocks: Iterable[Array]) -> Iterator[Array]:
            for effect in blocks:
                yield (effect @ error[:, :, step].T)[:, pick]

        return past, lambda step, effect: np.abs(effect) @ np.abs(error[:, :, step]).max(axis=0), samples
    at_once = max(1, _LARGEST_DRAW // max(number, 1))

    def uniform(step: int, blocks: Iterable[Array]) -> Iterator[Array]:
        width, kept = injections.half_width_kw[:, step], None
        for effect in blocks:
            off = np.empty((len(effect), samples))
            rng = np.random.default_rng([parameters["seed"], _PURPOSE, step])
            for first in range(0, samples, at_once):
                some = min(at_once, samples - first)
                # Sample by sample, so that the first thousand are the same however many are drawn.
                error = rng.uniform(-1.0, 1.0, (some, number)) * width if kept is None else kept
                off[:, first : first + some] = effect @ error.T
                kept = error if some == samples else None
            yield off

    return uniform, lambda step, effect: np.abs(effect) @ injections.half_width_kw[:, step], samples


def _complete_days(influence: Influence, forecasts: Forecasts | None) -> Array:
    """Return positions of past days that have the errors of every injection that affects any row."""
    if forecasts is None:
        return np.zeros(0, np.int64)
    moves = (influence.active != 0).any(axis=0) | (influence.reactive != 0).any(axis=0)
    error = forecasts.outcome_kw[:, moves] - forecasts.forecast_kw[:, moves]
    return np.flatnonzero(np.isfinite(error).all(axis=(1, 2)))


def outcome_table(outcomes: Outcomes, rows: GridRows, line_id: Array) -> pd.DataFrame:
    """Return the result's table ``outcomes``: lines under drawn outcomes, plan by plan.

    Empty without samples.

    Parameters
    ----------
    outcomes : Outcomes
        Of `rows`.
    rows : GridRows
    line_id : array, shape (lines,)
        Of the distribution grid.
    """
    import pandas as pd

    of_lines = np.flatnonzero(rows.kind == 0)
    steps = rows.nominal.shape[1]
    plans = outcomes.plans if outcomes.samples else ()
    ids = np.asarray(line_id)[rows.element[of_lines]]
    each = len(of_lines) * steps
    columns = {
        "line_id": np.tile(np.repeat(ids, steps), len(plans)),
        "step": np.tile(np.arange(steps), len(plans) * len(of_lines)),
        "plan": np.repeat(np.array(plans, object), each),
    }
    for k, name in enumerate(QUANTILES):
        columns[name] = outcomes.quantiles[k, : len(plans)].ravel()
    columns["violated"] = outcomes.violated[: len(plans), of_lines].ravel()
    return pd.DataFrame(columns)
