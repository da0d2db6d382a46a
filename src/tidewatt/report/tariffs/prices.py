"""Figures of tariffs: where and when they apply, what happens at the sites, and what protection costs."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import TwoSlopeNorm
from matplotlib.ticker import MultipleLocator, PercentFormatter

from tidewatt.report.style import COLOURS, blank, cost_axis, new_figure, styled
from tidewatt.report.words import amount, clock, count, in_money, money_name, percent

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tidewatt.domain.arrays import Array
    from tidewatt.tariffs.result import Tariffs

__all__ = [
    "clock_axis",
    "cost_over_gamma",
    "of_steps",
    "site_day",
    "step_edges_min",
    "tariff_map",
    "why_nothing",
]

_MOST_SITES_MAPPED = 40
_MOST_SITES_DRAWN = 4
_NO_TARIFF = 1e-6
"""Tariff per kWh up to which a limit does not bind: it is solver noise."""


def step_edges_min(result: Tariffs) -> Array:
    """Return step edges in minutes from midnight of the first day, shape (steps + 1,)."""
    f = result.figures
    if result.scenario is not None:
        horizon = result.scenario.horizon
        start, step_min, steps = horizon.start, float(horizon.step_min), int(horizon.steps)
    else:
        start, step_min, steps = (
            datetime.fromisoformat(str(f["start"])),
            float(f["step_min"]),
            int(f["steps"]),
        )
    return 60.0 * start.hour + start.minute + start.second / 60.0 + step_min * np.arange(steps + 1)


def clock_axis(ax: Axes, edges_min: Array) -> None:
    """Label an axis in minutes with hours of the day, or with days where there are several."""
    ax.set_xlim(edges_min[0], edges_min[-1])
    span = edges_min[-1] - edges_min[0]
    width = ax.get_position().width * ax.figure.get_size_inches()[0]  # type: ignore[union-attr]
    fits = span / max(width * 2.0, 1.0)
    ticks = (15, 30, 60, 120, 180, 240, 360, 720, 1440, 2880, 10080)
    ax.xaxis.set_major_locator(MultipleLocator(next((k for k in ticks if k >= fits), 10080)))
    if span <= 2880:
        last = edges_min[-1] - 1e-6  # unlabelled: the next axes' first label stands there
        ax.xaxis.set_major_formatter(
            lambda value, at: "" if value >= last else f"{int(value // 60) % 24:02d}:{int(value % 60):02d}"
        )
        ax.set_xlabel("time of day")
    else:
        ax.xaxis.set_major_formatter(lambda value, at: f"{value / 1440:g}")
        ax.set_xlabel("days")


def of_steps(table: pd.DataFrame, by: str, column: str, steps: int) -> tuple[list[Any], Array]:
    """Return ids in table order, and one of their columns by step, (ids, steps); nan where absent."""
    ids = list(dict.fromkeys(table[by].tolist()))
    values = np.full((len(ids), steps), np.nan)
    position = {one: k for k, one in enumerate(ids)}
    row = np.array([position[one] for one in table[by].tolist()], np.int64)
    values[row, table["step"].to_numpy(np.int64)] = table[column].to_numpy(float)
    return ids, values


def why_nothing(result: Tariffs) -> str:
    """Return why a result has no plan to draw."""
    infeasible = result.status.name == "INFEASIBLE"
    return "no plan keeps all limits: see the diagnosis" if infeasible else "no plan was proved"


@styled
def tariff_map(result: Tariffs) -> Figure:
    """Draw the tariff of every site over the horizon.

    Parameters
    ----------
    result : Tariffs
        Fresh or loaded.

    Returns
    -------
    matplotlib.figure.Figure
        Sites down, time across, tariff per kWh as the colour.
    """
    edges = step_edges_min(result)
    sites, tariff = of_steps(result.tariffs, "site_id", "tariff_per_kwh", len(edges) - 1)
    if not sites:
        figure, axes = new_figure("No tariffs were published", 1, 1, figsize=(10.4, 3.0))
        blank(axes[0, 0], why_nothing(result))
        return figure
    size = np.nan_to_num(np.abs(tariff))
    site, step = (int(k) for k in np.unravel_index(int(size.argmax()), size.shape))
    some = bool(size[site, step] > _NO_TARIFF)
    title = "No tariff: no limit of the grid binds"
    if some:
        reached = in_money(amount(float(tariff[site, step]), 3), result.figures)
        title = f"The tariff reaches {reached} per kWh at {sites[site]} "
        title += f"at {clock(edges[step])}"
    shown = np.arange(len(sites))
    if len(sites) > _MOST_SITES_MAPPED:
        shown = np.sort(np.argsort(-size.max(axis=1), kind="stable")[:_MOST_SITES_MAPPED])
    figure, axes = new_figure(title, 1, 1, figsize=(10.4, min(1.9 + 0.42 * len(shown), 10.0)))
    ax = axes[0, 0]
    ax.grid(False)
    lowest, highest = float(np.nanmin(tariff)), float(np.nanmax(tariff))
    if lowest < -_NO_TARIFF:  # sites are paid to draw: both signs, and white in between
        most = max(highest, -lowest)
        look: dict[str, Any] = {"cmap": "PuOr_r", "norm": TwoSlopeNorm(0.0, -most, most)}
    else:
        look = {"cmap": "YlGnBu", "vmin": 0.0, "vmax": highest if some else 1.0}
    ax.set_facecolor("#EBEBEB")
    drawn = np.where(size[shown] > _NO_TARIFF, tariff[shown], np.nan)
    mesh = ax.pcolormesh(edges, np.arange(len(shown) + 1), drawn, **look)
    ax.hlines(np.arange(1, len(shown)), edges[0], edges[-1], color="white", linewidth=1.5)
    ax.set_yticks(np.arange(len(shown)) + 0.5, [str(sites[k]) for k in shown])
    ax.tick_params(axis="y", length=0)
    ax.invert_yaxis()
    ax.set_ylabel("charging site")
    note = "grey: no tariff"
    if len(shown) < len(sites):
        note = f"the {count(len(shown), 'site')} of {len(sites):,} with the largest tariffs; {note}"
    ax.set_title(note)
    clock_axis(ax, edges)
    if some:
        figure.colorbar(
            mesh,
            ax=ax,
            label=f"tariff [{money_name(result.figures)} per kWh]",
            pad=0.01,
            aspect=max(8, 2 * len(shown)),
        )
    return figure


@styled
def site_day(result: Tariffs) -> Figure:
    """Draw charging and queueing vehicles at the busiest sites, and their state of charge.

    Parameters
    ----------
    result : Tariffs
        Fresh or loaded.

    Returns
    -------
    matplotlib.figure.Figure
        Vehicles above, mean state of charge [%] below, a column a site.
    """
    edges, table = step_edges_min(result), result.sites
    steps, names = len(edges) - 1, ("queue", "charging", "discharging", "soc_mean")
    if not len(table):
        figure, axes = new_figure("No vehicles to show", 1, 1, figsize=(10.4, 3.0))
        blank(axes[0, 0], why_nothing(result))
        return figure
    sites, _ = of_steps(table, "site_id", "queue", steps)
    queue, charging, discharging, soc = (of_steps(table, "site_id", name, steps)[1] for name in names)
    busy = np.nan_to_num(charging + discharging + queue).sum(axis=1)
    shown = np.sort(np.argsort(-busy, kind="stable")[:_MOST_SITES_DRAWN])
    title = "Nobody waits for a charger"
    longest = np.nan_to_num(queue)
    if longest.max() >= 0.5:
        site, step = (int(k) for k in np.unravel_index(int(longest.argmax()), longest.shape))
        title = (
            f"The longest queue is {count(round(float(longest[site, step])), 'vehicle')}, at {sites[site]} "
        )
        title += f"at {clock(edges[step])}"
    if len(shown) < len(sites):
        title += f"; the {count(len(shown), 'busiest site')} of {len(sites):,}"
    figure, axes = new_figure(
        title,
        2,
        len(shown),
        figsize=(max(3.1 * len(shown) + 1.0, 7.0), 5.6),
        sharex=True,
        height_ratios=[1.6, 1.0],
    )
    for column, k in enumerate(shown):
        above, below = axes[0, column], axes[1, column]
        above.stairs(
            charging[k],
            edges,
            fill=True,
            color=COLOURS["coordinated"],
            alpha=0.45,
            linewidth=0,
            label="charging",
        )
        if np.nan_to_num(discharging).any():
            above.stairs(
                -discharging[k],
                edges,
                fill=True,
                color=COLOURS["bank"],
                alpha=0.6,
                linewidth=0,
                label="discharging (below 0)",
            )
        above.stairs(
            queue[k], edges, baseline=None, color=COLOURS["unmanaged"], linewidth=1.6, label="in the queue"
        )
        above.set_title(str(sites[k]))
        below.stairs(soc[k], edges, baseline=None, color=COLOURS["price"], linewidth=1.8)
        if not np.nan_to_num(discharging).any():
            above.set_ylim(bottom=0)
        below.set_ylim(0, min(1.0, 1.25 * float(np.nan_to_num(soc[shown]).max(initial=0.4))))
        below.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        clock_axis(below, edges)
    axes[0, 0].set_ylabel("vehicles")
    axes[1, 0].set_ylabel("mean state of charge\nof those at the site [%]")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower left", ncols=3, fontsize=8.5)
    return figure


@styled
def cost_over_gamma(result: Tariffs) -> Figure:
    """Draw what robustness costs, how it changes tariffs, and how often limits are still exceeded.

    Parameters
    ----------
    result : Tariffs
        Of a sweep over gamma, fresh or loaded.

    Returns
    -------
    matplotlib.figure.Figure
        Cost, tariffs [per kWh] and violation rate [%] over gamma: three axes.
    """
    table = result.gamma
    figure, axes = new_figure(_gamma_title(table), 1, 3, figsize=(12.4, 4.2))
    if table is None or not np.isfinite(table["cost"].to_numpy(float)).any():
        for ax in axes[0]:
            blank(ax, "no plan was proved")
        return figure
    gamma = table["gamma"].to_numpy(float)
    curves = (
        ("cost", "cost", COLOURS["coordinated"], "o-"),
        ("lower_bound_cost", "proved bound", COLOURS["limit"], ":"),
        ("largest_tariff_per_kwh", "largest", COLOURS["unmanaged"], "o-"),
        ("mean_tariff_per_kwh", "mean over the energy charged", COLOURS["coordinated"], "s--"),
        ("violation_rate", "", COLOURS["unmanaged"], "o-"),
    )
    for (name, label, colour, line), at in zip(curves, (0, 0, 1, 1, 2), strict=True):
        values = table[name].to_numpy(float)
        axes[0, at].plot(gamma, values, line, color=colour, markersize=5, linewidth=1.8, label=label)
    of = money_name(result.figures)
    labels = (
        f"cost of travel and energy [{of}]",
        f"tariff [{of} per kWh]",
        "outcomes that exceed a limit [%]",
    )
    lost = gamma[~np.isfinite(table["cost"].to_numpy(float))]
    for ax, label in zip(axes[0], labels, strict=True):
        ax.set_ylabel(label)
        ax.set_xlabel("gamma (0: forecasts are trusted)")
        ax.set_xlim(min(0.0, gamma.min()) - 0.02, max(1.0, gamma.max()) + 0.02)
        for value in lost:
            ax.axvspan(value - 0.02, value + 0.02, color="#BBBBBB", alpha=0.5, linewidth=0)
    cost_axis(axes[0, 0])
    axes[0, 0].legend(fontsize=8.5, loc="upper left")
    axes[0, 1].legend(fontsize=8.5, loc="upper left")
    axes[0, 1].set_ylim(bottom=min(0.0, axes[0, 1].get_ylim()[0]))
    axes[0, 2].yaxis.set_major_formatter(PercentFormatter(1.0))
    if not np.isfinite(table["violation_rate"].to_numpy(float)).any():
        blank(axes[0, 2], "no outcomes were sampled")
    else:
        axes[0, 2].set_ylim(-0.02, max(1.1 * float(np.nanmax(table["violation_rate"])), 0.1))
    if lost.size:
        axes[0, 0].set_title("grey: no plan within all limits")
    return figure


def _gamma_title(table: pd.DataFrame | None) -> str:
    solved = None if table is None else table[np.isfinite(table["cost"].to_numpy(float))].sort_values("gamma")
    if solved is None or len(solved) < 2:
        return "Cost over gamma"
    first, last = solved.iloc[0], solved.iloc[-1]
    low, high = float(first["cost"]), float(last["cost"])
    title = f"From gamma {float(first['gamma']):g} to {float(last['gamma']):g} the cost "
    change = high / low - 1 if low > 0 else float("nan")
    if np.isfinite(change):
        title += (
            "stays the same"
            if abs(change) < 1e-6
            else (f"{'rises' if change > 0 else 'falls'} by {percent(abs(change))}")
        )
    else:
        title += f"goes from {amount(low)} to {amount(high)}"
    rates = [float(row["violation_rate"]) for row in (first, last)]
    if np.isfinite(rates).all():
        title += (
            f"; limits are exceeded in {percent(rates[1])} of the outcomes instead of {percent(rates[0])}"
        )
    return title
