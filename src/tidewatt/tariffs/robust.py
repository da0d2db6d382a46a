"""Margins by which limits are narrowed, so that they hold wherever in a set injections end up (tariff-15).

No uncertain number multiplies a decision: what injections may add to a row, at worst, does not depend on what
vehicles do. The worst case over a set is therefore a number, the set's support function, and costs neither
variables nor rows.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.distribution import Forecasts, Injections
from tidewatt.tariffs.conformal import conformal_margins
from tidewatt.tariffs.parameters import Parameters
from tidewatt.tariffs.problem import GridRows, Influence

__all__ = ["margins"]

_LARGEST_BLOCK = 2_000_000
"""Numbers held at once, per array."""

_NEGLIGIBLE = 1e-9
"""Terms below this share of the row's largest are round-off and do not count."""


def margins(
    influence: Influence,
    injections: Injections,
    rows: GridRows,
    parameters: Parameters,
    forecasts: Forecasts | None,
) -> tuple[Array, Array]:
    """By how much each limit of each row and step is narrowed (tariff-15, tariff-16).

    With the term of injection i, ``|effect on the row| * half width``, and n terms that are not 0:

    ``box``
        The sum of the terms, each times `gamma`, or times the injection's own gamma where it has one.
    ``budget``
        The largest terms, `gamma` n of them; the last one in part where that is no whole number.
    ``ellipsoid``
        The root of the sum of squares times `gamma` sqrt(n). At 1 the ellipsoid goes through the corners of
        the box, hence beyond its sides: it protects at least as much as the box.
    ``conformal``
        See `tidewatt.tariffs.conformal.conformal_margins`.

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
    parameters : Parameters
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
    if parameters.uncertainty == "conformal":
        scale = _margin(influence, injections.half_width_kw, "box", 1.0)
        if not scale.any():  # no half widths: errors are then measured against the power itself
            scale = _margin(influence, injections.power_kw, "box", 1.0)
        return conformal_margins(
            influence, forecasts, rows, scale, parameters.coverage, joint=parameters.coverage_scope == "joint"
        )
    own = injections.gamma
    left = parameters.gamma if parameters.uncertainty == "box" else 1.0
    width = injections.half_width_kw * np.where(np.isnan(own), left, own)[:, None]
    size = 1.0 if parameters.uncertainty == "box" else parameters.gamma
    margin = _margin(influence, width, parameters.uncertainty, size)
    return margin, margin.copy()


def _margin(influence: Influence, width_kw: Array, shape: str, size: float) -> Array:
    """Support function of a set of this shape and size in the direction of every row, (rows, steps)."""
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
    """|effect| times width in blocks of rows and steps: which, and the terms (rows, injections, steps)."""
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
