"""Figures of tariffs: what is drawn is what the tables say, and whatever is missing is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread
from matplotlib.patches import StepPatch

from tests.unit.report.made_tariffs import LINES, STEPS, gamma_table, made_tariffs
from tidewatt.report.figures import write_figures
from tidewatt.report.tariffs.limits import line_limits, line_outcomes, voltage_limits, voltages_bind
from tidewatt.report.tariffs.prices import cost_over_gamma, site_day, step_edges_min, tariff_map
from tidewatt.result import Status

USUAL = ["tariff_map", "line_limits", "site_day"]


def steps(ax):
    """Curves in steps: label, upper values and lower values (None of a line) of each."""
    return [
        (p.get_label(), *(p.get_data()[k] for k in (0, 2))) for p in ax.patches if isinstance(p, StepPatch)
    ]


def stairs(ax, label):
    """Values of a curve in steps."""
    (values,) = [upper for name, upper, _ in steps(ax) if name == label]
    return values


def band(ax, label):
    """Lower and upper values of a band in steps."""
    (values,) = [(lower, upper) for name, upper, lower in steps(ax) if name == label]
    return values


def texts(figure):
    """Everything written into axes."""
    return " | ".join(text.get_text() for ax in figure.axes for text in ax.texts)


def of(table, by, one, column):
    """A column of one line or site."""
    return table.loc[table[by] == one, column].to_numpy(float)


def test_figures_of_a_result_and_of_what_it_lacks(tmp_path):
    """Without it: a result's pictures are not written, are blank, or fail for want of a sweep or samples."""
    full = made_tariffs(gamma=gamma_table())
    written = write_figures(full, tmp_path / "full")
    assert [path.stem for path in written] == [*USUAL, "line_outcomes", "cost_over_gamma"]
    for path in written:
        picture = imread(path)
        assert picture.shape[0] > 400 and picture.shape[1] > 1000, path
        assert picture[..., :3].std() > 0.02, f"{path} is blank"
    bare = write_figures(made_tariffs(samples=False), tmp_path / "bare", formats=("svg",))
    assert [path.stem for path in bare] == USUAL


def test_clock_starts_where_the_horizon_does():
    """Without it: a loaded result, which has no scenario, shows its tariffs at the wrong time of day."""
    result = made_tariffs()
    late = replace(result, figures={**result.figures, "start": "2027-01-11T06:30:00"})
    assert step_edges_min(late)[[0, 1, -1]] == pytest.approx([390, 405, 390 + 1440])
    assert "at F2 at 15:30" in tariff_map(late).get_suptitle()
    ticks = [label.get_text() for label in tariff_map(late).axes[0].get_xticklabels()]
    assert "08:00" in ticks and "02:00" in ticks  # past midnight
    week = replace(result, figures={**result.figures, "step_min": 60.0})
    assert tariff_map(week).axes[0].get_xlabel() == "days"


def test_map_shows_the_tariffs_of_the_table():
    """Without it: colours belong to other sites or steps, or hide where none is due."""
    result = made_tariffs()
    figure = tariff_map(result)
    drawn = figure.axes[0].collections[0].get_array().filled(0.0).reshape(4, STEPS)
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == ["F1", "F2", "F3", "F4"]
    for k, site in enumerate(("F1", "F2", "F3", "F4")):
        assert drawn[k] == pytest.approx(of(result.tariffs, "site_id", site, "tariff_per_kwh"))
    assert figure.get_suptitle() == "The tariff reaches 0.618 per kWh at F2 at 09:00"
    assert figure.axes[1].get_ylabel() == "tariff [the scenario's money per kWh]"


def test_tables_in_another_order_give_the_same_map():
    """Without it: rows sorted by step are drawn as if sorted by site."""
    result = made_tariffs()
    by_step = result.tariffs.sort_values(["step", "site_id"], kind="stable")
    maps = [tariff_map(replace(result, tariffs=table)).axes[0] for table in (result.tariffs, by_step)]
    first, second = (ax.collections[0].get_array().filled(-1.0) for ax in maps)
    assert (first == second).all()


def test_no_tariff_and_negative_tariffs_and_many_sites():
    """Without it: nothing to show ends in a traceback, or payments look like charges."""
    assert "no limit of the grid binds" in tariff_map(made_tariffs(binding=False)).get_suptitle()
    result = made_tariffs()
    paid = result.tariffs.assign(tariff_per_kwh=-result.tariffs["tariff_per_kwh"])
    figure = tariff_map(replace(result, tariffs=paid))
    norm = figure.axes[0].collections[0].norm
    assert norm.vcenter == 0 and norm.vmin == -norm.vmax
    assert "-0.618" in figure.get_suptitle()
    many = pd.concat([paid.assign(site_id=paid["site_id"] + str(k)) for k in range(15)])
    figure = tariff_map(replace(result, tariffs=many))
    assert "40 sites of 60" in figure.axes[0].get_title("left")
    assert len(figure.axes[0].get_yticklabels()) == 40


def test_lines_carry_their_flow_band_and_limit():
    """Without it: flow, worst case and limit of different lines, or in different units, are compared."""
    result = made_tariffs()
    figure = line_limits(result)
    assert figure.get_suptitle().startswith("2 of 5 limited lines bind in 24 steps")
    # The most priced first; each has a closer look beside it, in which its set can be told from its limit.
    drawn = dict(zip(("E5-F2", "E5-F3"), figure.axes[::2], strict=True))
    for line, ax, closer in zip(drawn, figure.axes[::2], figure.axes[1::2], strict=True):
        assert ax.get_title("left").startswith(f"{line}, at worst at 99.9 %")
        assert ax.get_ylim()[0] < 0 < 0.8 * LINES[line] < closer.get_ylim()[0]
        assert closer.get_ylim()[1] > LINES[line] and "axis cut" in closer.get_title("left")
    for line, ax in drawn.items():
        assert ax.get_ylabel() == "flow [kW]"
        assert stairs(ax, "at the forecast") == pytest.approx(of(result.lines, "line_id", line, "nominal_kw"))
        low, high = band(ax, "margins against uncertainty")
        assert high == pytest.approx(of(result.lines, "line_id", line, "worst_high_kw"))
        assert low == pytest.approx(of(result.lines, "line_id", line, "worst_low_kw"))
        assert (stairs(ax, "limit") == LINES[line]).all()
        bars = sum(patch.get_width() > 0 for patch in ax.patches if not isinstance(patch, StepPatch))
        assert bars == int((of(result.lines, "line_id", line, "dual_high") > 0).sum())


def test_reverse_flow_has_its_limit_too():
    """Without it: a line that is full with reverse flow seems to have room."""
    result = made_tariffs()
    lines = result.lines
    back = lines.assign(
        nominal_kw=-lines["nominal_kw"],
        worst_high_kw=-lines["worst_low_kw"],
        worst_low_kw=-lines["worst_high_kw"],
        dual_low=lines["dual_high"],
        dual_high=0.0,
    )
    figure = line_limits(replace(result, lines=back))
    assert figure.get_suptitle().startswith("2 of 5 limited lines bind in 24 steps")
    ax = figure.axes[0]
    levels = {float(upper[0]) for _, upper, _ in steps(ax)}
    assert {300.0, -300.0} <= levels
    assert ax.get_ylim()[0] < -300 and ax.get_ylim()[1] > 300
    closer = figure.axes[1].get_ylim()
    assert closer[0] < -300 < closer[1] < -200


def test_lines_far_from_any_limit_and_without_one():
    """Without it: an uncongested or unlimited network has no picture, or one squeezed flat."""
    result = made_tariffs(binding=False)
    far = replace(result, lines=result.lines.assign(limit_kw=20000.0))
    figure = line_limits(far)
    assert figure.get_suptitle().startswith("No line limit binds") and len(figure.axes) == 1
    assert "limit far above" in texts(figure) and figure.axes[0].get_ylim()[1] < 2000
    unlimited = replace(result, lines=result.lines.assign(limit_kw=np.inf))
    assert "No line has a limit" in line_limits(unlimited).get_suptitle()


def test_sites_show_vehicles_and_state_of_charge():
    """Without it: queues and charging are swapped, or the longest queue is another's."""
    result = made_tariffs()
    figure = site_day(result)
    assert figure.get_suptitle() == "The longest queue is 40 vehicles, at F2 at 11:45"
    assert len(figure.axes) == 8
    above, below = figure.axes[1], figure.axes[5]
    assert above.get_title("left") == "F2"
    assert stairs(above, "in the queue") == pytest.approx(of(result.sites, "site_id", "F2", "queue"))
    assert stairs(above, "charging") == pytest.approx(of(result.sites, "site_id", "F2", "charging"))
    ((_, soc, _),) = steps(below)
    assert soc == pytest.approx(of(result.sites, "site_id", "F2", "soc_mean"), nan_ok=True)
    back = replace(result, sites=result.sites.assign(discharging=5.0))
    assert (stairs(site_day(back).axes[0], "discharging (below 0)") == -5).all()
    still = replace(result, sites=result.sites.assign(queue=0.0))
    assert site_day(still).get_suptitle() == "Nobody waits for a charger"


def test_plans_are_compared_under_the_same_outcomes():
    """Without it: the robust plan is drawn under the deterministic one's name, or rates are another's."""
    result = made_tariffs()
    figure = line_outcomes(result)
    title = " ".join(figure.get_suptitle().split())
    assert "in the linear model: 98 % (deterministic plan), 0 % (robust plan)" in title
    titles = [ax.get_title("left") for ax in figure.axes]
    assert [title.split(":")[0] for title in titles] == [
        f"{line}, {plan}" for line in ("E5-F2", "E5-F3") for plan in ("deterministic", "robust")
    ]
    assert "47 %" in titles[0] and "never exceeded" in titles[1]
    for ax, plan in zip(figure.axes, ("deterministic", "robust"), strict=False):
        table = result.outcomes[result.outcomes["plan"] == plan]
        assert stairs(ax, f"{plan}: median") == pytest.approx(of(table, "line_id", "E5-F2", "median_kw"))
        low, high = band(ax, f"{plan}: nine in ten")
        assert high == pytest.approx(of(table, "line_id", "E5-F2", "p95_kw"))
        assert low == pytest.approx(of(table, "line_id", "E5-F2", "p05_kw"))
        assert (stairs(ax, "limit") == 300).all()
    alone = replace(result, outcomes=result.outcomes[result.outcomes["plan"] == "robust"])
    assert len(line_outcomes(alone).axes) == 1
    assert "No outcomes" in line_outcomes(made_tariffs(samples=False)).get_suptitle()


def test_sweep_says_what_protection_costs():
    """Without it: cost, tariffs or violations over gamma are drawn from the wrong columns."""
    table = gamma_table()
    figure = cost_over_gamma(made_tariffs(gamma=table))
    title = figure.get_suptitle()
    assert title.startswith("From gamma 0 to 1 the cost rises by 2.8") and "0 % of the outcomes" in title
    columns = [
        ["cost", "lower_bound_cost"],
        ["largest_tariff_per_kwh", "mean_tariff_per_kwh"],
        ["violation_rate"],
    ]
    for ax, names in zip(figure.axes, columns, strict=True):
        assert ax.get_ylabel() and ax.get_xlabel().startswith("gamma")
        for line, name in zip(ax.lines, names, strict=True):
            assert np.asarray(line.get_ydata()) == pytest.approx(table[name].to_numpy())


def test_sweep_with_sizes_that_no_plan_withstands():
    """Without it: a sweep that ends infeasible, as a wide one does, has no picture or hides that."""
    figure = cost_over_gamma(made_tariffs(gamma=gamma_table(lost=True)))
    assert "From gamma 0 to 0.8" in figure.get_suptitle()
    assert "no plan within all limits" in figure.axes[0].get_title("left")
    none = gamma_table().assign(cost=np.nan)
    assert "no plan was proved" in texts(cost_over_gamma(made_tariffs(gamma=none)))
    unsampled = gamma_table().assign(violation_rate=np.nan)
    assert "no outcomes were sampled" in texts(cost_over_gamma(made_tariffs(gamma=unsampled)))


def test_infeasible_results_say_so(tmp_path):
    """Without it: where no plan keeps all limits the pictures end in a traceback."""
    result = made_tariffs()
    empty = {name: getattr(result, name).iloc[:0] for name in ("tariffs", "lines", "sites", "outcomes")}
    nothing = replace(result, **empty)
    assert [path.stem for path in write_figures(nothing, tmp_path)] == USUAL
    for draw in (tariff_map, site_day, line_limits):
        assert "no plan was proved" in texts(draw(nothing))
        assert "see the diagnosis" in texts(draw(replace(nothing, status=Status.INFEASIBLE)))


def test_voltages_are_drawn_where_their_limits_set_prices(tmp_path):
    """Without it: tariffs that come of a voltage have no picture, or one of the wrong bus."""
    made = made_tariffs()
    assert not voltages_bind(made)
    rows = STEPS
    table = pd.concat(
        pd.DataFrame(
            {
                "bus_id": bus,
                "step": np.arange(rows),
                "voltage_min_pu": 0.95,
                "voltage_max_pu": 1.05,
                "nominal_pu": 0.97,
                "worst_high_pu": 0.99,
                "worst_low_pu": low,
                "dual_high": 0.0,
                "dual_low": np.where(np.arange(rows) == 2, dual, 0.0),
            }
        )
        for bus, low, dual in (("calm", 0.96, 0.0), ("scarce", 0.95, 7.0))
    )
    scarce = replace(made, voltages=table)
    assert voltages_bind(scarce)
    figure = voltage_limits(scarce)
    (ax,) = figure.axes
    assert ax.get_title(loc="left") + ax.get_title() == "bus scarce"
    lower, upper = band(ax, "margins against uncertainty")
    np.testing.assert_allclose(lower, 0.95)
    np.testing.assert_allclose(upper, 0.99)
    assert "voltage_limits" in [path.stem for path in write_figures(scarce, tmp_path)]
