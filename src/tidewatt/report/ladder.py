"""Pictures of a coordination: what each rung needs, and how that grows with adoption."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from tidewatt.report.style import (
    COLOURS,
    cost_axis,
    cost_scale,
    new_figure,
    power_scale,
    rungs_of,
    styled,
)
from tidewatt.report.words import RUNG_NAMES, amount, percent

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tidewatt.coordination.result import Coordination
    from tidewatt.domain.arrays import Array

__all__ = ["sweep", "upgrade_need"]


@styled
def upgrade_need(result: Coordination) -> Figure:
    """How much grid each rung of the flexibility ladder needs, with the proved bound marked.

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
    axes[0, 1].set_title(f"feeders overloaded, of {int(figures['feeders']):,}")
    axes[0, 1].set_ylabel("feeders")
    axes[0, 1].yaxis.set_major_locator(MaxNLocator(integer=True))
    if not same:
        factor, label = cost_scale(cost)
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
    if before <= 0:
        return "No upgrade is needed, whatever drivers do"
    if after <= 1e-9 * before:  # the rest is rounding
        return "Mobility-aware charging spares every upgrade"
    base = float(figures.get("base_upgrade_cost") or 0.0)
    added = before - base
    if added <= 1e-9 * before:
        return "Charging adds nothing to the upgrades that are due without it"
    of = "of the upgrade cost that charging adds" if base > 1e-3 * before else "of the upgrade cost"
    more = (after - result.certificates["coordinated"].lower_bound_cost) / added
    return (
        f"Mobility-aware charging spares {percent((before - after) / added)} {of}; "
        f"proved: at most {percent(max(more, 1e-6))} more is possible"
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
        ax.hlines(height, at - 0.38, at + 0.38, color="black", linewidth=2.2, label="proved: cannot be lower")


@styled
def sweep(table: pd.DataFrame) -> Figure:
    """Upgrade cost and overloaded feeders as more vehicles become electric.

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
    factor, label = cost_scale(table["unmanaged_upgrade_cost"].to_numpy(float))
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
