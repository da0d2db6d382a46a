"""Margins from past errors: their ranks, what they cover on fresh days, and days that are missing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.tariffs.grid_rows import (
    INJECTIONS,
    STEPS,
    errors_as_forecasts,
    injections_of,
    rows_of,
    some_influence,
)
from tidewatt.domain.distribution import Forecasts, days_needed
from tidewatt.errors import ScenarioError
from tidewatt.options.tariffs import TARIFF
from tidewatt.tariffs.robust import margins


def ask(errors, coverage=0.9, scope="row_step", seed=0, injections=None):
    """Margins from past errors of shape (days, injections, steps)."""
    asked = TARIFF.resolve(uncertainty="conformal", coverage=coverage, coverage_scope=scope)
    influence = some_influence(seed)
    past = errors if errors is None or isinstance(errors, Forecasts) else errors_as_forecasts(errors)
    return margins(influence, injections or injections_of(seed), rows_of(influence), asked, past)


def skewed_days(rng, days):
    """Errors that lean to one side, move together, and are larger at some injections and steps."""
    common = rng.normal(size=(days, 1, 1))
    own = rng.exponential(1.0, (days, INJECTIONS, STEPS)) - 0.7
    return (common + own) * np.arange(1, INJECTIONS + 1)[:, None] * np.array([1.0, 4.0, 0.5])


def row_errors(errors, seed=0):
    """Errors of the rows, (days, rows, steps), written out."""
    influence = some_influence(seed)
    effect = influence.active[:, :, None] + influence.ratio * influence.reactive[:, :, None]
    return np.einsum("rit,dit->drt", effect, errors)


def test_margin_is_the_score_of_its_rank():
    """Without it: the rank is off by one, or one direction is read off the other's scores."""
    errors = skewed_days(np.random.default_rng(3), 30)
    low, high = ask(errors, coverage=0.9)
    of_rows = row_errors(errors)
    for row, step in np.ndindex(high.shape):
        ascending = sorted(of_rows[:, row, step])
        rank = 28  # ceil(31 * 0.9)
        assert high[row, step] == pytest.approx(max(ascending[rank - 1], 0.0))
        assert low[row, step] == pytest.approx(max(-ascending[30 - rank], 0.0))
    assert (np.abs(high - low) > 0.05 * high.max()).any(), "directions are alike although errors lean"


@pytest.mark.parametrize("scope", ("row_step", "joint"))
def test_fresh_days_are_covered_as_often_as_promised(scope):
    """Without it: margins that claim 90 % cover fewer of the days to come."""
    rng, trials, days = np.random.default_rng(11), 400, 30
    covered_high, covered_low, together = [], [], []
    for _ in range(trials):
        errors = skewed_days(rng, days + 1)
        low, high = ask(errors[:-1], coverage=0.9, scope=scope)
        fresh = row_errors(errors[-1:])[0]
        covered_high.append(fresh <= high)
        covered_low.append(-fresh <= low)
        no_upper = np.array([False, False, True, True])[:, None]
        together.append(((fresh <= high) | no_upper).all() and (-fresh <= low).all())
    exact = 28 / 31  # of a continuous score; a margin that is cut off at 0 covers more
    spread = np.sqrt(exact * (1 - exact) / trials)
    if scope == "joint":
        assert abs(np.mean(together) - exact) < 3.5 * spread
        return
    for covered in (np.mean(covered_high, axis=0), np.mean(covered_low, axis=0)):
        assert (covered > exact - 4 * spread).all()
        assert abs(covered.mean() - exact) < 3.5 * spread
    assert np.mean(together) < exact - 4 * spread, "the joint question would be no harder"


def test_joint_margins_follow_the_scale_of_each_row():
    """Without it: kW and squared voltages are compared as bare numbers, and lines decide alone."""
    errors = skewed_days(np.random.default_rng(5), 40)
    low, high = ask(errors, scope="joint")
    influence, injections = some_influence(0), injections_of(0)
    effect = influence.active[:, :, None] + influence.ratio * influence.reactive[:, :, None]
    scale = (np.abs(effect) * injections.half_width_kw).sum(axis=1)
    ratio = high / scale
    assert ratio == pytest.approx(np.full_like(ratio, ratio[0, 0]))
    assert low == pytest.approx(high)


def test_too_few_days_say_how_many_are_needed():
    """Without it: a rank beyond the last day silently becomes the largest error seen."""
    errors = skewed_days(np.random.default_rng(0), 20)
    for scope in ("row_step", "joint"):
        ask(errors[:19], coverage=0.95, scope=scope)
        with pytest.raises(ScenarioError, match=r"needs 19 past days.*found 18"):
            ask(errors[:18], coverage=0.95, scope=scope)
    with pytest.raises(ScenarioError, match="found 0"):
        ask(None)
    with pytest.raises(ScenarioError, match="needs 99 past days"):
        ask(errors, coverage=0.99)


@pytest.mark.parametrize("coverage", (0.1, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999))
def test_days_needed_are_enough_and_no_fewer(coverage):
    """Without it: the advice in the error leads to the same error, or asks for more than it takes."""
    errors = np.random.default_rng(1).normal(size=(days_needed(coverage), INJECTIONS, STEPS))
    ask(errors, coverage=coverage)
    if len(errors) > 1:
        with pytest.raises(ScenarioError):
            ask(errors[1:], coverage=coverage)


def test_missing_errors_cost_days_only_where_they_matter():
    """Without it: one meter's gap voids days for rows it does not move, or counts as an error of 0."""
    errors = skewed_days(np.random.default_rng(9), 12)
    effect = some_influence(0).active
    line, other = 0, int(np.flatnonzero(effect[0] == 0)[0])
    full = ask(errors, coverage=0.9)[1]
    gappy = errors.copy()
    gappy[:4, other, 1] = np.nan
    with pytest.raises(ScenarioError, match=r"needs 9 past days.*found 8"):
        ask(gappy, coverage=0.9)  # both voltages are moved by all
    gappy[:4, other, 1] = errors[:4, other, 1]
    gappy[:3, other, 1] = np.nan
    high = ask(gappy, coverage=0.9)[1]
    assert high[line] == pytest.approx(full[line])
    left = row_errors(errors)[3:, 2, 1]
    assert high[2, 1] == pytest.approx(max(sorted(left)[8], 0.0))


def test_without_half_widths_joint_errors_are_measured_against_the_power():
    """Without it: a scenario that gives past days instead of half widths divides by 0."""
    errors = skewed_days(np.random.default_rng(5), 40)
    none = injections_of(0)
    none = replace(none, half_width_kw=np.zeros_like(none.half_width_kw))
    low, high = ask(errors, scope="joint", injections=none)
    assert np.isfinite(high).all() and (high > 0).all() and (low == high).all()
