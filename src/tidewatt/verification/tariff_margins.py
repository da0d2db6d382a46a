"""By how much limits are narrowed, each set another way than the study computes it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.distribution import Forecasts, Injections
from tidewatt.verification.tariff_grid import Rows

__all__ = ["margins_of"]

_NONE = 1e-9
_LEAST_SCALE = 0.01


def margins_of(
    rows: Rows, injections: Injections, forecasts: Forecasts | None, said: dict[str, Any]
) -> tuple[Array, Array]:
    """Margins below and above, shape (rows, steps) (tariff-15, tariff-16).

    The box by its worst corner; the budget by the dual of its linear program, least over the prices of the
    budget at which the dual bends; the ellipsoid at its farthest point; conformal margins by counting days.

    Raises
    ------
    ValueError
        The set is unknown, or the past days are too few.
    """
    effect = rows.terms(injections)
    word = said["uncertainty"]
    if word == "conformal":
        return _conformal(rows, effect, injections, forecasts, said)
    gamma = float(said["gamma"])
    own = np.isfinite(injections.gamma)
    scale = np.where(own, injections.gamma, gamma if word == "box" else 1.0)
    width = injections.half_width_kw * scale[:, None]
    if word == "box":
        corner = np.where(effect > 0, 1.0, -1.0) * width
        worst = np.einsum("rit,rit->rt", effect, corner)
    elif word == "budget":
        worst = _budget(np.abs(effect) * width, gamma)
    elif word == "ellipsoid":
        direction = effect * width
        length = np.sqrt(np.einsum("rit,rit->rt", direction, direction))
        radius = gamma * np.sqrt(_count(np.abs(direction)))
        unit = np.divide(direction, length[:, None], out=np.zeros_like(direction), where=length[:, None] > 0)
        worst = radius * np.einsum("rit,rit->rt", unit, direction)
    else:
        raise ValueError(f"uncertainty {word!r} is unknown")
    return worst, worst


def _count(terms: Array) -> Array:
    most = terms.max(axis=1, keepdims=True, initial=0.0)
    return np.asarray((terms > _NONE * most).sum(axis=1))


def _budget(terms: Array, gamma: float) -> Array:
    """Least over q >= 0 of the budget times q plus what terms exceed q, (rows, steps)."""
    budget = gamma * _count(terms)
    best = terms.sum(axis=1)  # q = 0
    for i in range(terms.shape[1]):
        q = terms[:, i]
        best = np.minimum(best, budget * q + np.maximum(terms - q[:, None], 0.0).sum(axis=1))
    return np.asarray(best)


def _conformal(
    rows: Rows, effect: Array, injections: Injections, forecasts: Forecasts | None, said: dict[str, Any]
) -> tuple[Array, Array]:
    if forecasts is None:
        raise ValueError("conformal margins without past forecasts")
    off = forecasts.outcome_kw - forecasts.forecast_kw
    error = np.einsum("rit,dit->drt", effect, np.nan_to_num(off))
    moves = effect != 0
    lacking = np.einsum("rit,dit->drt", moves.astype(float), np.isnan(off).astype(float)) > 0
    moved, coverage = moves.any(axis=1), float(said["coverage"])
    if said["coverage_scope"] == "joint":
        margin = _joint(rows, error, lacking, np.abs(effect), injections, coverage) * moved
        return margin, margin
    sides = []
    for way in (-1.0, 1.0):
        margin = np.zeros(moved.shape)
        for r, t in np.argwhere(moved):
            scores = np.sort(way * error[~lacking[:, r, t], r, t])
            margin[r, t] = max(float(scores[_rank(len(scores), coverage)]), 0.0)
        sides.append(margin)
    return sides[0], sides[1]


def _joint(
    rows: Rows, error: Array, lacking: Array, effect: Array, injections: Injections, coverage: float
) -> Array:
    scale = np.einsum("rit,it->rt", effect, injections.half_width_kw)
    if not scale.any():
        scale = np.einsum("rit,it->rt", effect, injections.power_kw)
    largest = scale.max(axis=1, initial=0.0)
    for part in (slice(0, rows.lines), slice(rows.lines, None)):
        some = float(largest[part].max(initial=0.0))
        largest[part] = np.where(largest[part] > 0, largest[part], some if some > 0 else 1.0)
    scale = np.maximum(scale, _LEAST_SCALE * largest[:, None])
    limited = np.isfinite(rows.high), np.isfinite(rows.low)
    complete = ~lacking[:, limited[0] | limited[1]].any(axis=(1, 2))
    relative = error[complete] / scale
    above, below = relative[:, limited[0]], -relative[:, limited[1]]
    scores = np.maximum(above.max(axis=(1, 2), initial=-np.inf), below.max(axis=(1, 2), initial=-np.inf))
    return np.asarray(max(float(np.sort(scores)[_rank(len(scores), coverage)]), 0.0) * scale)


def _rank(days: int, coverage: float) -> int:
    """Position of the score that covers, from 0."""
    rank = math.ceil((days + 1) * coverage - 1e-9)
    if rank > days:
        raise ValueError(f"{days} past days are too few for a coverage of {coverage:g}")
    return rank - 1
