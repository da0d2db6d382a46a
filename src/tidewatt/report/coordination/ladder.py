"""Draw what each rung needs, how it grows with adoption, and how the bound was reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from tidewatt.report.coordination.conclusions import NOTHING, short_of
from tidewatt.report.style import (
    COLOURS,
    blank,
    cost_axis,
    cost_scale,
    new_figure,
    power_scale,
    rungs_of,
    styled,
)
from tidewatt.report.words import RUNG_NAMES, amount, at_least, in_money, money_name, percent
from tidewatt.result import money

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tidewatt.coordination.result import Coordination
    from tidewatt.domain.arrays import Array

__all__ = ["convergence", "regret", "sweep", "upgrade_need"]


@styled
def upgrade_need(result: Coordination) -> Figure:
    """Draw how much grid upgrade each rung of the flexibility ladder needs, and the proved bound.

    Parameters
    ----------
    result : Coordination
        Fresh or loaded.

    Returns
    -------
    matplotlib.figure.Figure
        Axes: overload by rung, feeders overloaded by rung, and upgrade cost by rung where a kW does not
        cost the same everywhere.
    """
    rungs, figures = rungs_of(result), result.figures
    overload = np.array([float(figures[f"{rung}_overload_kw"]) for rung in rungs])
    cost = np.array([float(figures[f"{rung}_upgrade_cost"]) for rung in rungs])
    bounds = {
        r: c.lower_bound_cost for r, c in result.certificates.items() if r != "unmanaged" and r in rungs
    }
    # One price for all kW: cost says nothing that overload does not, and bounds hold in kW too.
    per_kw = cost[0] / overload[0] if overload[0] > 0 else 1.0
    same = bool(np.allclose(cost, per_kw * overload, rtol=1e-6, atol=1e-9 * max(cost.max(), 1.0)))
    figure, axes = new_figure(_need_title(result), 1, 2 if same else 3, figsize=(10.4 if same else 13.0, 4.4))
    scale, unit = power_scale(overload)
    _bars(axes[0, 0], rungs, overload * scale, unit)
    axes[0, 0].set_title("sum of largest overloads")
    axes[0, 0].set_ylabel(f"overload of feeders and banks [{unit}]")
    _mark_base(axes[0, 0], float(figures.get("base_overload_kw") or 0.0), overload, scale)
    if same:
        _mark_bounds(axes[0, 0], rungs, bounds, scale / per_kw)
    number = np.array([int(figures[f"{rung}_feeders_overloaded"]) for rung in rungs])
    _bars(axes[0, 1], rungs, number, "")
    axes[0, 1].set_title(f"overloaded feeders, of {int(figures['feeders']):,}")
    axes[0, 1].set_ylabel("feeders")
    axes[0, 1].yaxis.set_major_locator(MaxNLocator(integer=True))
    if not same:
        factor, label = cost_scale(cost, money(figures))
        _bars(axes[0, 2], rungs, cost * factor, "")
        axes[0, 2].set_title("upgrade cost")
        axes[0, 2].set_ylabel(label)
        cost_axis(axes[0, 2])
        _mark_base(axes[0, 2], float(figures.get("base_upgrade_cost") or 0.0), cost, factor)
        _mark_bounds(axes[0, 2], rungs, bounds, factor)
    for ax in axes[0]:
        if ax.get_legend_handles_labels()[0]:
            ax.set_ylim(top=1.13 * ax.get_ylim()[1])  # room for the legend above bars of one height
            ax.legend(loc="upper right", fontsize=8.5)
    return figure


def _need_title(result: Coordination) -> str:
    figures = result.figures
    before, after = float(figures["unmanaged_upgrade_cost"]), float(figures["coordinated_upgrade_cost"])
    short = short_of(figures)
    if before <= 0:
        # What vehicles that fall short lack was not charged, and might have needed upgrades.
        lacking = f"Nothing is overloaded, but {short} cannot charge what their trips need"
        return lacking if short else "No upgrade is needed under unmanaged charging"
    if after <= NOTHING * before:  # the rest is rounding
        lacking = f"; {short} cannot charge what their trips need" if short else ""
        return f"Mobility-aware charging spares every upgrade{lacking}"
    base = float(figures.get("base_upgrade_cost") or 0.0)
    added = before - base
    if added <= 1e-9 * before:
        return "Charging adds nothing to the upgrades that are due without it"
    of = "of the upgrade cost that charging adds" if base > 1e-3 * before else "of the upgrade cost"
    more = (after - result.certificates["coordinated"].lower_bound_cost) / added
    return (
        f"Mobility-aware charging spares {percent((before - after) / added)} {of}; "
        f"proved: at most another {percent(max(more, 1e-6))} can be avoided"
    )


def _mark_base(ax: Axes, base: float, values: Array, scale: float) -> None:
    if base > 1e-3 * values.max(initial=0.0):
        ax.axhline(
            base * scale, color="#555555", linestyle=":", linewidth=1.8, label="there before any vehicle"
        )


def _bars(ax: Axes, rungs: list[str], values: Array, unit: str) -> None:
    at = np.arange(len(rungs))
    ax.bar(at, values, width=0.62, color=[COLOURS[rung] for rung in rungs])
    for x, value in zip(at, values):
        ax.annotate(
            f"{amount(float(value), 3)} {unit}".strip(),
            (x, value),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontweight="bold",
        )
    ax.set_xticks(at, [RUNG_NAMES[rung] for rung in rungs])
    ax.grid(False, axis="x")
    largest = float(values.max(initial=0.0))
    ax.set_ylim(0, 1.15 * largest if largest > 0 else 1.0)


def _mark_bounds(ax: Axes, rungs: list[str], bounds: dict[str, float], scale: float) -> None:
    at = np.array([rungs.index(rung) for rung in bounds])
    height = np.array([max(bound, 0.0) * scale for bound in bounds.values()])
    if bounds:
        ax.hlines(height, at - 0.38, at + 0.38, color="black", linewidth=2.2, label="proved lower bound")


@styled
def sweep(table: pd.DataFrame) -> Figure:
    """Draw upgrade cost and overloaded feeders as adoption rises.

    Parameters
    ----------
    table : pandas.DataFrame
        A row an adoption: ``adoption`` (0..1), ``{rung}_upgrade_cost``, ``{rung}_feeders_overloaded``,
        ``lower_bound_cost``, as in ``sweep.csv``.

    Returns
    -------
    matplotlib.figure.Figure
        Two axes: upgrade cost and feeders overloaded, against adoption.
    """
    table = table.sort_values("adoption")
    blank = table["adoption"].mask(table["adoption"].notna())  # for a rung that was not solved
    rungs = [rung for rung in RUNG_NAMES if table.get(f"{rung}_upgrade_cost", blank).notna().any()]
    last = table.iloc[-1]
    before, after = float(last["unmanaged_upgrade_cost"]), float(last["coordinated_upgrade_cost"])
    title = f"At {percent(float(last['adoption']))} electric, "
    title += (
        f"mobility-aware charging spares {percent(1 - after / before)} of the upgrade cost"
        if before > 0
        else "no upgrade is needed"
    )
    figure, axes = new_figure(title, 1, 2, figsize=(10.4, 4.6))
    share = 100 * table["adoption"].to_numpy(float)
    factor, label = cost_scale(table["unmanaged_upgrade_cost"].to_numpy(float), money(dict(last)))
    for rung in rungs:
        for ax, key, scale in zip(axes[0], ("upgrade_cost", "feeders_overloaded"), (factor, 1.0)):
            ax.plot(
                share, table[f"{rung}_{key}"] * scale, color=COLOURS[rung], marker="o", label=RUNG_NAMES[rung]
            )
    axes[0, 0].plot(
        share,
        np.maximum(table["lower_bound_cost"], 0.0) * factor,
        color="black",
        linestyle="--",
        linewidth=1.2,
        label="proved bound",
    )
    axes[0, 0].set_ylabel(label)
    cost_axis(axes[0, 0])
    axes[0, 1].set_ylabel("feeders overloaded")
    axes[0, 1].yaxis.set_major_locator(MaxNLocator(integer=True))
    for ax in axes[0]:
        ax.set_xlabel("vehicles that are electric [%]")
        ax.set_ylim(bottom=0)
        ax.legend(fontsize=8.5)
    return figure


@styled
def convergence(result: Coordination) -> Figure:
    """Draw how schedule and bound converge, against passes and against time.

    Parameters
    ----------
    result : Coordination
        Fresh or loaded.

    Returns
    -------
    matplotlib.figure.Figure
        Four axes: upgrade cost and bound (top), relative gap (bottom), against passes (left) and
        seconds (right).
    """
    gap = float(result.figures["relative_gap"])
    cost = in_money(amount(float(result.figures["coordinated_upgrade_cost"]), 6), result.figures)
    bound = in_money(at_least(float(result.figures["lower_bound_cost"])), result.figures)
    title = f"Schedule found: {cost}; proved bound: {bound}; relative gap {gap:.2g}"
    figure, axes = new_figure(title, 2, 2, sharex="col", figsize=(10.4, 6.6))
    # A run that ended before its first certified pass has no rows, and then no columns either.
    history = result.history.reindex(columns=["rung", "iteration", "primal", "bound", "gap", "seconds"])
    groups = [(r, part) for r in RUNG_NAMES if len(part := history[history["rung"] == r])]
    factor, cost_label = cost_scale(history["primal"].to_numpy(float), money(result.figures))
    for column, (key, label) in enumerate(
        (("iteration", "passes over the vehicles"), ("seconds", "time [s]"))
    ):
        for rung, part in groups:
            _bracket(axes[0, column], rung, part, key, factor)
            share = part["gap"].where(part["gap"] > 0)
            if not share.notna().any():
                continue
            axes[1, column].plot(part[key], share, color=COLOURS[rung], marker=".", label=RUNG_NAMES[rung])
        axes[1, column].set_xlabel(label)
        axes[1, column].set_yscale("log")
    if not groups:
        for ax in axes.ravel():
            blank(ax, "nothing was iterated")
        return figure
    _cost_axes(axes[0], history["primal"].to_numpy(float) * factor)
    axes[0, 0].set_ylabel(cost_label)
    axes[1, 0].set_ylabel("relative gap")
    axes[0, 1].legend(fontsize=8.5)
    for ax in axes[1]:
        if ax.has_data():
            ax.legend(fontsize=8.5)
        else:
            blank(ax, "schedule and bound agreed from the start")
    return figure


def _bracket(ax: Axes, rung: str, part: pd.DataFrame, key: str, factor: float) -> None:
    colour, name = COLOURS[rung], RUNG_NAMES[rung]
    ax.plot(part[key], part["primal"] * factor, color=colour, label=f"{name}: schedule")
    ax.plot(part[key], part["bound"] * factor, color=colour, linestyle="--", label=f"{name}: bound")


def _cost_axes(row: Array, primal: Array) -> None:
    primal = primal[np.isfinite(primal) & (primal > 0)]
    for ax in row:
        if primal.size and primal.max() > 30 * primal.min():
            ax.set_yscale("log")
            ax.set_ylim(0.3 * primal.min(), 1.5 * primal.max())
        else:
            ax.set_ylim(0, 1.05 * primal.max() if primal.size else 1.0)
        cost_axis(ax)


@styled
def regret(result: Coordination) -> Figure:
    """Draw how much vehicles could still save by ignoring the plan, at the prices found.

    Parameters
    ----------
    result : Coordination
        Fresh or loaded.

    Returns
    -------
    matplotlib.figure.Figure
        Two axes: vehicles by regret relative to what they pay, and what vehicles pay against the
        cheapest they could.
    """
    table = result.vehicles
    cost, cheapest = table["cost"].to_numpy(float), table["cheapest_cost"].to_numpy(float)
    over = np.maximum(table["regret_cost"].to_numpy(float), 0.0)
    # What double precision leaves of equal sums is not regret.
    floor = 1e-9 * max(float(cost.max(initial=0.0)), 1e-300)
    paying, regretting = cost > floor, over > floor
    total = float(over.sum())
    whole = float(result.figures.get("coordinated_upgrade_cost", 0.0))
    title = f"{int(regretting.sum()):,} of {len(cost):,} vehicles could pay less at these prices"
    if total < whole:
        together = in_money(amount(total, 3), result.figures)
        title += f"; together {together}, {percent(total / whole)} of the upgrade cost"
    figure, axes = new_figure(title, 1, 2, figsize=(10.4, 4.4))
    _regret_bars(axes[0, 0], over[paying] / cost[paying])
    ax = axes[0, 1]
    if not paying.any():
        blank(ax, "no vehicle meets a price")
        return figure
    order = np.argsort(cost[paying])[::-1]
    rank = np.arange(1, len(order) + 1)
    ax.plot(rank, np.cumsum(cost[paying][order]), color=COLOURS["coordinated"], label="under the plan")
    ax.plot(
        rank,
        np.cumsum(cheapest[paying][order]),
        color=COLOURS["unmanaged"],
        linestyle="--",
        label="each vehicle's cheapest",
    )
    ax.set_title("payments, summed from the largest")
    ax.set_xlabel("vehicles that meet a price")
    ax.set_ylabel(f"sum of payments [{money_name(result.figures)}]")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    cost_axis(ax)
    ax.set_ylim(bottom=0)
    ax.legend(loc="lower right", fontsize=8.5)
    return figure


def _regret_bars(ax: Axes, share: Array) -> None:
    ax.set_title("vehicles that meet a price, by what they could save")
    if not share.size:
        blank(ax, "no vehicle meets a price")
        return
    edges = np.array([1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1])
    number = np.bincount(np.searchsorted(edges, share, side="right"), minlength=len(edges) + 1)
    names = ["nothing", "<0.001 %", "<0.01 %", "<0.1 %", "<1 %", "<10 %", "more"]
    ax.bar(np.arange(len(number)), number, color=COLOURS["coordinated"], width=0.7)
    for x, n in enumerate(number):
        ax.annotate(f"{n:,}", (x, n), xytext=(0, 3), textcoords="offset points", ha="center", fontsize=8.5)
    ax.set_xticks(np.arange(len(number)), names)
    ax.set_xlabel("saving as a share of what the vehicle pays")
    ax.set_ylabel("vehicles")
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(False, axis="x")
