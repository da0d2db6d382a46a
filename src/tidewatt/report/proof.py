"""Figures of the proof: how schedule and bound closed on each other, and what vehicles could still gain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from tidewatt.report.style import COLOURS, blank, cost_axis, cost_scale, new_figure, styled
from tidewatt.report.words import RUNG_NAMES, amount, at_least, percent

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tidewatt.coordination.result import Coordination
    from tidewatt.domain.arrays import Array

__all__ = ["convergence", "regret"]


@styled
def convergence(result: Coordination) -> Figure:
    """How schedule and bound closed on each other, against passes and against time.

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
    cost = amount(float(result.figures["coordinated_upgrade_cost"]), 6)
    bound = at_least(float(result.figures["lower_bound_cost"]))
    title = f"Schedule found: {cost}; proved bound: {bound}; relative gap {gap:.2g}"
    figure, axes = new_figure(title, 2, 2, sharex="col", figsize=(10.4, 6.6))
    # A run that ended before its first certified pass has no rows, and then no columns either.
    history = result.history.reindex(columns=["rung", "iteration", "primal", "bound", "gap", "seconds"])
    groups = [(r, part) for r in RUNG_NAMES if len(part := history[history["rung"] == r])]
    factor, cost_label = cost_scale(history["primal"].to_numpy(float))
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
            blank(ax, "schedule and bound met at once")
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
    """How much vehicles could still save by ignoring the plan, at the prices found (the equilibrium check).

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
    title += (
        f"; together {amount(total, 3)}, {percent(total / whole)} of the upgrade cost"
        if total < whole
        else ""
    )
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
    ax.set_ylabel("sum of payments [cost units]")
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
