"""Margins of sets: against enumeration of extreme points and against a solver, and how they grow."""

from __future__ import annotations

import itertools
from dataclasses import replace

import cvxpy as cp
import numpy as np
import pytest

from tests.unit.tariffs.grid_rows import injections_of, rows_of, some_influence
from tidewatt.options.tariffs import TARIFF
from tidewatt.tariffs import robust
from tidewatt.tariffs.robust import margins

GAMMAS = (0.0, 0.15, 0.5, 0.77, 1.0)


def ask(shape, gamma, influence, injections):
    """Margins of one set, both directions."""
    rows = rows_of(influence)
    low, high = margins(influence, injections, rows, TARIFF.resolve(uncertainty=shape, gamma=gamma), None)
    assert low.shape == high.shape == rows.nominal.shape
    return low, high


def effects(influence, step, row):
    """Effect of every injection on a row, written out."""
    number = influence.active.shape[1]
    return [
        influence.active[row, i] + influence.ratio[i, step] * influence.reactive[row, i]
        for i in range(number)
    ]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("gamma", GAMMAS)
def test_box_is_its_worst_corner(gamma, seed):
    """Without it: a corner of the box, with signs as each row sees them, breaks a limit that was promised."""
    influence = some_influence(seed)
    injections = injections_of(seed)
    low, high = ask("box", gamma, influence, injections)
    for row, step in np.ndindex(high.shape):
        s, width = effects(influence, step, row), injections.half_width_kw[:, step]
        corners = [
            sum(a * b * c for a, b, c in zip(s, signs, gamma * width, strict=True))
            for signs in itertools.product((-1, 1), repeat=len(s))
        ]
        assert high[row, step] == pytest.approx(max(corners), abs=1e-12)
        assert low[row, step] == pytest.approx(-min(corners), abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("gamma", GAMMAS)
def test_budget_is_its_worst_extreme_point(gamma, seed):
    """Without it: the budget protects against fewer simultaneous deviations than it says."""
    influence, injections = some_influence(seed), injections_of(seed)
    low, high = ask("budget", gamma, influence, injections)
    for row, step in np.ndindex(high.shape):
        term = np.array(effects(influence, step, row)) * injections.half_width_kw[:, step]
        moving = term[term != 0]
        whole, part = divmod(gamma * len(moving), 1.0)
        # Extreme points of |z| <= 1, sum |z| <= gamma n: so many at their end, one at the rest.
        points = [
            sum(f * z for f, z in zip(order, [1.0] * int(whole) + [part], strict=False))
            for choice in itertools.permutations(moving, min(int(whole) + 1, len(moving)))
            for order in (np.abs(choice), np.array(choice), -np.array(choice))
        ]
        assert high[row, step] == pytest.approx(max(points, default=0.0), abs=1e-12)
        assert low[row, step] == high[row, step]


@pytest.mark.parametrize("gamma", (0.3, 1.0))
def test_ellipsoid_is_what_a_solver_finds(gamma):
    """Without it: the radius, or which terms span the ellipsoid, is not what the equation says."""
    influence, injections = some_influence(5), injections_of(5)
    _, high = ask("ellipsoid", gamma, influence, injections)
    for row, step in np.ndindex(high.shape):
        term = np.array(effects(influence, step, row)) * injections.half_width_kw[:, step]
        moving = term[term != 0]
        if not len(moving):
            assert high[row, step] == 0
            continue
        z = cp.Variable(len(moving))
        inside = [cp.norm(z, 2) <= gamma * np.sqrt(len(moving))]
        unit = np.abs(moving).max()  # of order 1 for the solver's tolerances
        worst = unit * cp.Problem(cp.Maximize(moving / unit @ z), inside).solve(solver=cp.CLARABEL)
        assert high[row, step] == pytest.approx(worst, rel=1e-6)


@pytest.mark.parametrize("shape", ("box", "budget", "ellipsoid"))
def test_margins_grow_with_gamma_from_nothing(shape):
    """Without it: a larger set may cost less, or gamma 0 does not mean that forecasts hold."""
    influence, injections = some_influence(1), injections_of(1)
    by_gamma = np.stack([ask(shape, gamma, influence, injections)[1] for gamma in np.linspace(0, 1, 21)])
    assert (by_gamma[0] == 0).all()
    assert (np.diff(by_gamma, axis=0) >= -1e-12).all()
    assert (by_gamma[-1] > by_gamma[5]).any()


def test_sets_are_nested_at_full_size():
    """Without it: budget or ellipsoid at 1 protect against less than the box they are said to contain."""
    influence, injections = some_influence(2), injections_of(2)
    box, budget, ellipsoid = (
        ask(shape, 1.0, influence, injections)[1] for shape in ("box", "budget", "ellipsoid")
    )
    assert budget == pytest.approx(box)
    assert (ellipsoid >= box - 1e-12).all()


def test_own_gammas_go_before_the_studys():
    """Without it: an injection that is metered, or known badly, is treated like all others."""
    influence, injections = some_influence(3), injections_of(3)
    own = replace(injections, gamma=np.array([0.0, 0.25, np.nan, 1.0, np.nan]))
    _, high = ask("box", 0.5, influence, own)
    share = [0.0, 0.25, 0.5, 1.0, 0.5]
    for row, step in np.ndindex(high.shape):
        s = effects(influence, step, row)
        by_hand = sum(abs(s[i]) * share[i] * injections.half_width_kw[i, step] for i in range(5))
        assert high[row, step] == pytest.approx(by_hand, abs=1e-12)
    narrower = replace(
        injections, half_width_kw=injections.half_width_kw * np.array([0, 0.25, 1, 1, 1])[:, None]
    )
    for shape in ("budget", "ellipsoid"):
        assert ask(shape, 0.5, influence, own)[1] == pytest.approx(ask(shape, 0.5, influence, narrower)[1])


@pytest.mark.parametrize("shape", ("box", "budget", "ellipsoid"))
@pytest.mark.parametrize("block", (1, 7, 40))
def test_blocks_do_not_show(monkeypatch, shape, block):
    """Without it: large networks, done block by block, get margins of the wrong rows or steps."""
    influence, injections = some_influence(4), injections_of(4)
    whole = ask(shape, 0.6, influence, injections)[1]
    monkeypatch.setattr(robust, "_LARGEST_BLOCK", block)
    assert ask(shape, 0.6, influence, injections)[1] == pytest.approx(whole, abs=0)


def test_round_off_is_no_term():
    """Without it: sensitivities that are zero but for round-off lengthen the budget into the whole box."""
    influence, injections = some_influence(1), injections_of(1)
    tiny = replace(influence, active=influence.active + np.where(influence.active == 0, 1e-15, 0.0))
    exact, noisy = (ask("budget", 0.5, some, injections)[1] for some in (influence, tiny))
    assert noisy == pytest.approx(exact, abs=1e-9)
