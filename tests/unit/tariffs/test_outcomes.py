"""Sampled outcomes: what protected plans withstand, rates that can be worked out by hand, and tables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.tariffs.grid_rows import errors_as_forecasts, injections_of, rows_of, some_influence
from tests.unit.tariffs.small_cases import small_case
from tidewatt.domain.distribution import Injections
from tidewatt.options.tariffs import TARIFF
from tidewatt.tariffs import outcomes
from tidewatt.tariffs.outcomes import QUANTILES, outcome_table, sample
from tidewatt.tariffs.problem import GridRows, Influence
from tidewatt.tariffs.robust import margins
from tidewatt.tariffs.study import tariff

DAYS = 40


def one_line(limit_kw=100.0, half_width_kw=(20.0,), steps=2):
    """One line, one site behind it, loads and no vehicles yet: 60 kW flow, limits both ways."""
    number = len(half_width_kw)
    shape = (1, steps)
    rows = GridRows(
        kind=np.zeros(1, np.int8),
        element=np.zeros(1, np.int32),
        sensitivity=np.ones((1, 1)),
        nominal=np.full(shape, 60.0),
        low=np.full(shape, -limit_kw),
        high=np.full(shape, limit_kw),
        margin_low=np.zeros(shape),
        margin_high=np.zeros(shape),
    )
    power = np.full((number, steps), 60.0 / number)
    injections = Injections(
        injection_id=np.arange(number),
        bus=np.ones(number),
        kind=np.zeros(number),
        power_kw=power,
        reactive_kvar=0 * power,
        half_width_kw=np.repeat(np.array(half_width_kw)[:, None], steps, axis=1),
        gamma=np.full(number, np.nan),
    )
    return Influence(np.ones((1, number)), np.zeros((1, number)), np.zeros((number, steps))), injections, rows


def test_rates_are_those_worked_out_by_hand():
    """Without it: violations are counted with margins, against the wrong plan, or step by step only."""
    influence, injections, rows = one_line()
    asked = TARIFF.resolve(samples=200_000)
    # 60 + 30 +- 20 over 100: a quarter of the outcomes, in each of two independent steps.
    plans = {"robust": np.full((1, 2), 20.0), "deterministic": np.full((1, 2), 30.0)}
    found = sample(influence, injections, rows, plans, asked)
    assert found.rate("robust") == 0.0
    assert found.violated[1, 0] == pytest.approx([0.25, 0.25], abs=0.004)
    assert found.rate("deterministic") == pytest.approx(1 - 0.75**2, abs=0.004)
    assert found.quantiles[:, 1, 0, 0] == pytest.approx([70, 72, 90, 108, 110], abs=0.3)
    assert found.quantiles[:, 0, 0, 1] == pytest.approx([60, 62, 80, 98, 100], abs=0.3)
    # Reverse flow: -60 - 50 +- 20 under -100.
    back = replace(rows, nominal=-rows.nominal)
    found = sample(influence, injections, back, {"robust": np.full((1, 2), -50.0)}, asked)
    assert found.violated[0, 0] == pytest.approx([0.75, 0.75], abs=0.004)


@pytest.mark.parametrize("shape", ("box", "budget", "ellipsoid"))
def test_a_protected_plan_withstands_ten_thousand_outcomes(shape):
    """Without it: what is published as robust fails within the very set it was made for."""
    influence, injections = some_influence(6), injections_of(6)
    rows = rows_of(influence)
    asked = TARIFF.resolve(uncertainty=shape, gamma=1.0, samples=10_000, seed=3)
    low, high = margins(influence, injections, rows, asked, None)
    # As loaded as limits allow: lines from above, voltages from below.
    worst = np.where((rows.kind == 0)[:, None], rows.high - high, rows.low + low)
    at_limit = replace(rows, nominal=worst, sensitivity=np.zeros_like(rows.sensitivity))
    over = np.where((rows.kind == 0)[:, None], 0.6 * high, -0.6 * low)
    nothing = {"robust": np.zeros((2, worst.shape[1]))}
    found = sample(influence, injections, at_limit, nothing, asked)
    assert found.rate("robust") == 0.0
    assert found.quantiles[4, 0].max() > rows.high[:2].max() - 0.6 * high.max(), "nothing came near"
    beyond = sample(influence, injections, replace(at_limit, nominal=worst + over), nothing, asked)
    assert beyond.rate("robust") > 0.2


def test_past_days_are_drawn_whole():
    """Without it: errors of different days are mixed, and what moves together no longer does."""
    influence, injections, rows = one_line(half_width_kw=(20.0, 20.0))
    errors = np.zeros((DAYS, 2, 2))
    errors[:, 0], errors[:, 1] = 30.0, -30.0  # always cancel
    errors[:4] = 15.0  # on a tenth of the days they add up, in both steps
    asked = TARIFF.resolve(uncertainty="conformal", samples=20_000)
    plan = {"robust": np.full((1, 2), 35.0)}
    found = sample(influence, injections, rows, plan, asked, errors_as_forecasts(errors))
    assert found.rate("robust") == pytest.approx(0.1, abs=0.01)
    assert found.violated[0, 0] == pytest.approx([0.1, 0.1], abs=0.01)
    assert found.quantiles[:, 0, 0, 0] == pytest.approx([95, 95, 95, 125, 125])


def test_days_with_gaps_are_left_out_unless_nothing_depends_on_them():
    """Without it: a gap is taken for an error of 0, or one idle meter's gap voids all days."""
    influence, injections, rows = one_line(half_width_kw=(20.0, 20.0))
    errors = np.full((DAYS, 2, 2), 30.0)
    errors[: DAYS // 2, 1, 0] = np.nan
    asked = TARIFF.resolve(uncertainty="conformal", samples=2_000)
    plan = {"robust": np.zeros((1, 2))}
    found = sample(influence, injections, rows, plan, asked, errors_as_forecasts(errors))
    assert found.quantiles[:, 0, 0, 0] == pytest.approx([120.0] * 5)
    errors[:, 1, 0] = np.nan
    assert sample(influence, injections, rows, plan, asked, errors_as_forecasts(errors)).samples == 0
    idle = replace(influence, active=np.array([[1.0, 0.0]]))
    assert sample(idle, injections, rows, plan, asked, errors_as_forecasts(errors)).rate("robust") == 0


def test_a_plan_exactly_at_its_limit_keeps_it():
    """Without it: the last digit of a solver turns every binding line that is certain into a violation."""
    influence, injections, rows = one_line(half_width_kw=(0.0,))
    for excess, rate in ((1e-8, 0.0), (1e-2, 1.0)):
        plan = {"robust": np.full((1, 2), 40.0 + excess)}
        assert sample(influence, injections, rows, plan, TARIFF.resolve(samples=10)).rate("robust") == rate


@pytest.mark.parametrize("uncertainty", ("box", "conformal"))
def test_seed_decides_and_blocks_do_not_show(monkeypatch, uncertainty):
    """Without it: figures change with the memory at hand, or runs cannot be repeated."""
    influence, injections = some_influence(7), injections_of(7)
    rows = rows_of(influence, limit_kw=130.0)
    past = errors_as_forecasts(np.random.default_rng(0).normal(scale=20, size=(DAYS, 5, 3)))
    plans = {"robust": np.zeros((2, 3)), "deterministic": np.full((2, 3), 5.0)}

    def drawn(seed=1):
        asked = TARIFF.resolve(uncertainty=uncertainty, samples=400, seed=seed)
        return sample(influence, injections, rows, plans, asked, past)

    whole, again, other = drawn(), drawn(), drawn(seed=2)
    assert (whole.quantiles == again.quantiles).all() and (whole.violated == again.violated).all()
    assert (whole.violated != other.violated).any()
    monkeypatch.setattr(outcomes, "_LARGEST_BLOCK", 500)
    monkeypatch.setattr(outcomes, "_LARGEST_DRAW", 500)
    blocks = drawn()
    assert blocks.quantiles == pytest.approx(whole.quantiles, rel=1e-12)
    assert (blocks.violated == whole.violated).all()
    assert (blocks.violation_rate == whole.violation_rate).all()
    assert 0 < whole.rate("robust") < whole.rate("deterministic")


@pytest.mark.parametrize("uncertainty", ("box", "conformal"))
def test_limits_that_stay_far_are_no_others_than_those_never_exceeded(uncertainty):
    """Without it: a sweep, which looks only at limits that come near, misses violations of the others."""
    influence, injections = some_influence(7), injections_of(7)
    rows = rows_of(influence, limit_kw=130.0)
    past = errors_as_forecasts(np.random.default_rng(0).normal(scale=20, size=(DAYS, 5, 3)))
    plans = {"robust": np.zeros((2, 3)), "deterministic": np.full((2, 3), 5.0)}
    asked = TARIFF.resolve(uncertainty=uncertainty, samples=400)
    steps: list[int] = []
    whole = sample(influence, injections, rows, plans, asked, past)
    rates = sample(influence, injections, rows, plans, asked, past, flows=False, on_step=steps.append)
    assert (rates.violated == whole.violated).all() and whole.violated.any()
    assert (rates.violation_rate == whole.violation_rate).all()
    assert rates.quantiles.shape == (5, 2, 0, 3) and steps == [0, 1, 2]


@pytest.mark.parametrize("samples", (1, 2, 101, 1000))
def test_quantiles_are_numpys(samples):
    """Without it: bands in the figures are off by a sample, or fail where few are drawn."""
    values = np.random.default_rng(samples).normal(size=(3, samples))
    expected = np.quantile(values, list(QUANTILES.values()), axis=1)
    assert outcomes._quantiles(values) == pytest.approx(expected, abs=1e-12)


def test_table_has_lines_only_under_their_names():
    """Without it: voltages stand among lines, or a line's figures under another's name."""
    influence, injections = some_influence(7), injections_of(7)
    rows = rows_of(influence, limit_kw=130.0)
    swapped = [2, 1, 0, 3]  # a voltage first
    fields = ("kind", "element", "sensitivity", "nominal", "low", "high", "margin_low", "margin_high")
    rows = GridRows(**{name: getattr(rows, name)[swapped] for name in fields})
    influence = Influence(influence.active[swapped], influence.reactive[swapped], influence.ratio)
    plans = {"robust": np.zeros((2, 3)), "deterministic": np.full((2, 3), 5.0)}
    found = sample(influence, injections, rows, plans, TARIFF.resolve(samples=300))
    table = outcome_table(found, rows, np.array(["first", "second"], object))
    columns = ["line_id", "step", "plan", *QUANTILES, "violated"]
    assert list(table.columns) == columns and len(table) == 2 * 2 * 3
    one = table[(table.line_id == "second") & (table.step == 2)].set_index("plan")
    assert one.loc["robust", "median_kw"] == found.quantiles[2, 0, 0, 2]  # element 1 is the second row
    assert one.loc["deterministic", "violated"] == found.violated[1, 1, 2]
    # Two sites, 5 kW each, all behind both lines; outcomes are the same for both plans.
    moved = [one.loc["deterministic", name] - one.loc["robust", name] for name in QUANTILES]
    assert moved == pytest.approx([10.0] * 5)


def test_no_samples_make_an_empty_table():
    """Without it: a study that asks for no samples publishes rates of nothing."""
    influence, injections, rows = one_line()
    found = sample(influence, injections, rows, {"robust": np.zeros((1, 2))}, TARIFF.resolve(samples=0))
    assert found.samples == 0 and found.rate("robust") is None
    table = outcome_table(found, rows, np.array(["line"], object))
    assert not len(table) and list(table.columns) == ["line_id", "step", "plan", *QUANTILES, "violated"]


def test_a_solved_plan_withstands_what_the_other_does_not():
    """Without it: margins and outcomes agree with each other, but not with the plans that are published."""
    result = tariff(small_case(samples=10_000))
    figures = result.summary()
    assert figures["violation_rate_robust"] == 0.0
    assert figures["violation_rate_deterministic"] > 0.5
    flows = result.outcomes[result.outcomes["plan"] == "robust"].merge(result.lines, on=["line_id", "step"])
    assert len(flows) == len(result.lines)
    assert (flows["high_kw"] <= flows["worst_high_kw"] + 1e-6).all()
    assert (flows["low_kw"] >= flows["worst_low_kw"] - 1e-6).all()
    width = flows["worst_high_kw"] - flows["worst_low_kw"]
    assert ((flows["high_kw"] - flows["low_kw"]) > 0.8 * width).all(), "the set is hardly sampled"
    assert (flows["median_kw"] - flows["nominal_kw"]).abs().max() < 0.03 * width.max()
    assert (flows["worst_high_kw"] <= flows["limit_kw"] * (1 + 1e-6)).all()
