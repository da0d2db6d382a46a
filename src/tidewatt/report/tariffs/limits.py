"""Draw line flows and voltages under tariffs, beside their limits and margins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tidewatt.report.style import COLOURS, blank, new_figure, power_scale, styled
from tidewatt.report.tariffs.prices import clock_axis, of_steps, step_edges_min, why_nothing
from tidewatt.report.words import count, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tidewatt.domain.arrays import Array
    from tidewatt.tariffs.result import Tariffs

__all__ = ["line_limits", "line_outcomes", "voltage_limits", "voltages_bind"]

_MOST_LINES = 4
_MOST_LINES_COMPARED = 3
_PLANS = {"deterministic": COLOURS["unmanaged"], "robust": COLOURS["coordinated"]}
_NEAR = 0.9
"""Share of its limit from which a line's flow is also drawn close up."""

_BINDS = 1e-6
"""Duals below this share of the largest are what a solver leaves."""


@styled
def line_limits(result: Tariffs) -> Figure:
    """Draw the flow of the most loaded lines beside their limits, by forecast and in the worst case.

    Parameters
    ----------
    result : Tariffs
        Fresh or loaded.

    Returns
    -------
    matplotlib.figure.Figure
        A row a line: nominal flow, band of the worst cases, limits [kW or MW], and bars under the steps in
        which the limit sets a price; beside it a closer look where flow comes near the limit.
    """
    edges, table = step_edges_min(result), result.lines
    limits = table[np.isfinite(table["limit_kw"].to_numpy(float))] if len(table) else table
    if not len(limits):
        title = "No line has a limit" if len(table) else "No flows to show"
        figure, axes = new_figure(title, 1, 1, figsize=(10.4, 3.0))
        blank(axes[0, 0], "nothing to compare flows with" if len(table) else why_nothing(result))
        return figure
    steps = len(edges) - 1
    lines, limit = of_steps(limits, "line_id", "limit_kw", steps)
    nominal, high, low, dual_high, dual_low = (
        of_steps(limits, "line_id", name, steps)[1]
        for name in ("nominal_kw", "worst_high_kw", "worst_low_kw", "dual_high", "dual_low")
    )
    dual = np.nan_to_num(dual_high + dual_low)
    binds = dual > _BINDS * max(float(dual.max()), 1e-9)
    loading = np.nanmax(np.maximum(high, -low) / np.where(limit > 0, limit, np.nan), axis=1, initial=0.0)
    binding = int(binds.any(axis=1).sum())
    title = "No line limit binds"
    if binding:
        title = f"{binding} of {count(len(lines), 'limited line')} bind{'s' if binding == 1 else ''} "
        title += f"in {count(int(binds.any(axis=0).sum()), 'step')}"
    title += ": flow at the forecast and with its margins"
    order = np.lexsort((-loading, -dual.sum(axis=1)))[:_MOST_LINES]
    close = (loading[order] >= _NEAR) | binds[order].any(axis=1)
    columns = 2 if close.any() else 1
    order = order[close] if close.any() else order[: max(1, int((loading[order] >= 0.5).sum()))]
    size = (6.0 * columns + (0.0 if columns == 2 else 4.4), 2.4 * len(order) + 1.2)
    figure, axes = new_figure(title, len(order), columns, figsize=size, sharex=True)
    for row, k in zip(axes, order, strict=True):
        values = (nominal[k], low[k], high[k], limit[k], binds[k])
        _line(row[0], edges, *values, whole=loading[k] > 0.3)
        row[0].set_title(f"{lines[k]}, at worst at {percent(float(loading[k]))} of its limit")
        if columns == 2:
            _line(row[1], edges, *values, whole=True)
            scale = power_scale(np.concatenate([high[k], low[k], limit[k]]))[0]
            _come_closer(row[1], low[k] * scale, high[k] * scale, limit[k] * scale)
            row[1].set_title("closer (axis cut)")
    _finish(figure, axes, edges)
    return figure


def _line(
    ax: Axes,
    edges: Array,
    nominal: Array,
    low: Array,
    high: Array,
    limit: Array,
    binds: Array,
    *,
    whole: bool,
) -> None:
    """Draw a line's flow and its limit; unless `whole`, omit a limit far above the flow."""
    scale, unit = power_scale(np.concatenate([high, low, *([limit] if whole else [])]))
    ax.stairs(
        high * scale,
        edges,
        baseline=low * scale,
        fill=True,
        linewidth=0,
        alpha=0.35,
        color=COLOURS["coordinated"],
        label="margins against uncertainty",
    )
    ax.stairs(
        nominal * scale,
        edges,
        baseline=None,
        color=COLOURS["coordinated"],
        linewidth=1.6,
        label="at the forecast",
    )
    if whole:
        _limit(ax, edges, limit, float(low.min()), scale)
    else:
        ax.annotate("limit far above", (0.99, 0.97), xycoords="axes fraction", ha="right", va="top")
    bottom, top = min(0.0, ax.get_ylim()[0]), ax.get_ylim()[1]
    foot = bottom - 0.07 * (top - bottom)
    if binds.any():
        ax.bar(
            edges[:-1][binds],
            bottom - foot,
            np.diff(edges)[binds],
            foot,
            align="edge",
            color=COLOURS["unmanaged"],
            label="the limit sets a price",
        )
    ax.set_ylim(foot, top)
    ax.set_ylabel(f"flow [{unit}]")


def _come_closer(ax: Axes, low: Array, high: Array, limit: Array) -> None:
    """Crop the flow axis near the limit, or near its negative where flow reverses.

    Flows may be of one plan, shape (steps,), or of several, shape (plans, steps).
    """
    back = float(np.max(-low / limit)) > float(np.max(high / limit))
    above, below = (-low, -high) if back else (high, low)
    near = above >= _NEAR * limit
    room = 0.25 * max(float((above - below)[near].max(initial=0.0)), 0.01 * float(limit.max()))
    ends = float(below[near].min(initial=float(limit.min()))) - room
    far = float(np.maximum(above, limit).max()) + room
    ax.set_ylim(*((-far, -ends) if back else (ends, far)))


def _limit(ax: Axes, edges: Array, limit: Array, least: float, scale: float) -> None:
    """Draw the limit with some room above, and its negative where reverse flow comes halfway there."""
    look: Any = {"baseline": None, "color": COLOURS["limit"], "linewidth": 1.6}
    ax.stairs(limit * scale, edges, label="limit", **look)
    lowest = ax.get_ylim()[0]
    if least < -0.5 * float(limit.min()):
        ax.stairs(-limit * scale, edges, **look)
        lowest = min(lowest, -1.08 * float(limit.max()) * scale)
    ax.set_ylim(lowest, max(ax.get_ylim()[1], 1.08 * float(limit.max()) * scale))


def _finish(figure: Figure, axes: Array, edges: Array) -> None:
    """Label the time axis of the lowest panel, and put one legend under all."""
    for ax in axes[-1]:
        clock_axis(ax, edges)
    handles: dict[str, Any] = {}
    for ax in axes.ravel():
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    figure.legend(list(handles.values()), list(handles), loc="outside lower left", ncols=4, fontsize=8.5)


@styled
def line_outcomes(result: Tariffs) -> Figure:
    """Draw the lines that a plan for the forecast overloads most often: that plan beside the robust one.

    Parameters
    ----------
    result : Tariffs
        With sampled outcomes, fresh or loaded.

    Returns
    -------
    matplotlib.figure.Figure
        A row a line, a column a plan: bands of the flow under the outcomes, and the limit [kW or MW].
    """
    edges, table = step_edges_min(result), result.outcomes
    figures = result.figures
    plans = [plan for plan in _PLANS if len(table) and (table["plan"] == plan).any()]
    figure: Figure
    if not plans:
        figure, axes = new_figure("No outcomes were sampled", 1, 1, figsize=(10.4, 3.0))
        blank(axes[0, 0], "ask for samples to compare plans under uncertainty")
        return figure
    steps = len(edges) - 1
    names = ("low_kw", "p05_kw", "median_kw", "p95_kw", "high_kw", "violated")
    lines = list(dict.fromkeys(table["line_id"].tolist()))
    by_plan = {
        plan: {name: of_steps(table[table["plan"] == plan], "line_id", name, steps)[1] for name in names}
        for plan in plans
    }
    ids, limits = of_steps(result.lines, "line_id", "limit_kw", steps)
    limit = np.array([limits[ids.index(line)] if line in ids else np.full(steps, np.inf) for line in lines])
    worst = np.max([by_plan[plan]["violated"].max(axis=1) for plan in plans], axis=0)
    largest = np.max([np.maximum(by_plan[p]["high_kw"], -by_plan[p]["low_kw"]) for p in plans], axis=0)
    loading = np.where(np.isfinite(limit) & (limit > 0), largest / np.maximum(limit, 1e-9), 0.0).max(axis=1)
    order = np.lexsort((-loading, -worst))[:_MOST_LINES_COMPARED]
    order = order[worst[order] > 0] if worst.any() else order[:1]
    title = "Plans under the same sampled outcomes"
    rates = {plan: figures.get(f"violation_rate_{plan}") for plan in plans}
    if all(rate is not None for rate in rates.values()):
        shares = ", ".join(f"{percent(float(rates[plan] or 0.0))} ({plan} plan)" for plan in plans)
        title = f"Outcomes in which some limit is exceeded in the linear model: {shares}"
    size = (5.6 * len(plans) + 0.4, 2.6 * len(order) + 1.2)
    figure, axes = new_figure(title, len(order), len(plans), figsize=size, sharex=True, sharey="row")
    for row, k in enumerate(order):
        scale, unit = power_scale(np.concatenate([limit[k], largest[k]]))
        for column, plan in enumerate(plans):
            ax, of = axes[row, column], {name: values[k] for name, values in by_plan[plan].items()}
            _bands(ax, edges, of, scale, plan)
            if np.isfinite(limit[k]).any():
                _limit(ax, edges, limit[k], float(of["low_kw"].min()), scale)
            share = float(of["violated"].max())
            said = (
                f"exceeded in {percent(share)} of the outcomes of its worst step"
                if share > 0
                else "never exceeded"
            )
            ax.set_title(f"{lines[k]}, {plan}: {said}")
        axes[row, 0].set_ylabel(f"flow [{unit}]")
        if np.isfinite(limit[k]).all() and loading[k] >= _NEAR:
            lowest, highest = (
                np.array([by_plan[plan][name][k] for plan in plans]) * scale for name in ("low_kw", "high_kw")
            )
            _come_closer(axes[row, 0], lowest, highest, limit[k] * scale)
            axes[row, 0].set_ylabel(f"flow [{unit}], axis cut")
    _finish(figure, axes, edges)
    return figure


def _bands(ax: Axes, edges: Array, of: dict[str, Array], scale: float, plan: str) -> None:
    colour = _PLANS[plan]
    for low, high, alpha, label in (
        ("low_kw", "high_kw", 0.18, "all outcomes"),
        ("p05_kw", "p95_kw", 0.35, "nine in ten"),
    ):
        ax.stairs(
            of[high] * scale,
            edges,
            baseline=of[low] * scale,
            fill=True,
            color=colour,
            alpha=alpha,
            linewidth=0,
            label=f"{plan}: {label}",
        )
    ax.stairs(
        of["median_kw"] * scale, edges, baseline=None, color=colour, linewidth=1.6, label=f"{plan}: median"
    )


_MOST_BUSES = 3


def voltages_bind(result: Tariffs) -> bool:
    """Return whether any voltage limit sets a price; otherwise there is nothing to draw."""
    return bool(_binding(result.voltages, int(result.figures["steps"]))[1].any())


@styled
def voltage_limits(result: Tariffs) -> Figure:
    """Draw voltages at the buses whose limits set prices, by forecast and in the worst case.

    Parameters
    ----------
    result : Tariffs
        Fresh or loaded, with `voltages_bind`.

    Returns
    -------
    matplotlib.figure.Figure
        A row a bus: nominal voltage, band of the worst cases, limits [per unit], and bars under the steps in
        which a limit sets a price.
    """
    edges = step_edges_min(result)
    steps, table = len(edges) - 1, result.voltages
    buses, binds, dual = _binding(table, steps)
    of = {
        name: of_steps(table, "bus_id", name, steps)[1]
        for name in ("voltage_min_pu", "voltage_max_pu", "nominal_pu", "worst_low_pu", "worst_high_pu")
    }
    order = np.argsort(-dual.sum(axis=1), kind="stable")[:_MOST_BUSES]
    order = order[binds[order].any(axis=1)]
    number = int(binds.any(axis=1).sum())
    title = f"{count(number, 'voltage limit')} bind{'s' if number == 1 else ''} "
    title += f"in {count(int(binds.any(axis=0).sum()), 'step')}: at the forecast and with margins"
    figure, axes = new_figure(title, len(order), 1, figsize=(10.4, 2.6 * len(order) + 1.0), sharex=True)
    for ax, k in zip(axes[:, 0], order, strict=True):
        low, high = of["worst_low_pu"][k], of["worst_high_pu"][k]
        ax.stairs(
            high,
            edges,
            baseline=low,
            fill=True,
            linewidth=0,
            alpha=0.35,
            color=COLOURS["coordinated"],
            label="margins against uncertainty",
        )
        ax.stairs(
            of["nominal_pu"][k],
            edges,
            baseline=None,
            color=COLOURS["coordinated"],
            linewidth=1.6,
            label="at the forecast",
        )
        bottom, top = float(low.min()), float(high.max())
        room = 0.12 * max(top - bottom, 1e-4)
        for limit in (of["voltage_min_pu"][k], of["voltage_max_pu"][k]):
            # A limit so far off that it would squeeze the voltage says nothing here.
            if (
                np.isfinite(limit).all()
                and bottom - 2 * room <= limit.min()
                and limit.max() <= top + 2 * room
            ):
                ax.stairs(limit, edges, baseline=None, color=COLOURS["limit"], linewidth=1.6, label="limit")
                bottom, top = min(bottom, float(limit.min())), max(top, float(limit.max()))
        foot = bottom - 1.6 * room
        ax.bar(
            edges[:-1][binds[k]],
            0.6 * room,
            np.diff(edges)[binds[k]],
            foot,
            align="edge",
            color=COLOURS["unmanaged"],
            label="the limit sets a price",
        )
        ax.set_ylim(foot, top + room)
        ax.set_ylabel("voltage [pu]")
        ax.set_title(f"bus {buses[k]}")
    clock_axis(axes[-1, 0], edges)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=4, fontsize=8.5)
    return figure


def _binding(table: object, steps: int) -> tuple[list[object], Array, Array]:
    """Return the buses; by bus and step, whether a limit sets a price, and the duals."""
    import pandas as pd

    assert isinstance(table, pd.DataFrame)
    if not len(table):
        return [], np.zeros((0, steps), bool), np.zeros((0, steps))
    buses, high = of_steps(table, "bus_id", "dual_high", steps)
    dual = np.nan_to_num(high + of_steps(table, "bus_id", "dual_low", steps)[1])
    return buses, dual > _BINDS * max(float(dual.max(initial=0.0)), 1e-9), dual
