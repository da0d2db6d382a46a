"""Figures of a plan of stations: the search, loads and queues before and after, and trade-offs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tidewatt.report.days import time_axis
from tidewatt.report.style import COLOURS, blank, new_figure, power_scale, styled
from tidewatt.report.words import amount, count, percent, power

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tidewatt.configuration.result import Configuration
    from tidewatt.domain.arrays import Array

__all__ = ["load_before_after", "pareto_front", "queue_before_after", "search_progress"]

_BEFORE, _AFTER = COLOURS["unmanaged"], COLOURS["coordinated"]
_WINDOW_MIN = 15
_COSTS = {"f1": "stations", "f2": "drivers", "f3": "grid", "f4": "traffic"}


@styled
def search_progress(result: Configuration) -> Figure:
    """Best objective and its mean wait against the plans tried, and what fresh days say.

    Parameters
    ----------
    result : Configuration
        Fresh or loaded.
    """
    f, table = result.figures, result.history
    tried = table["evaluations"].to_numpy(float)
    best = table["best_objective"].to_numpy(float)
    title = f"{f['search'].capitalize()} search: objective {amount(float(f['objective_train']), 3)} after "
    title += f"{count(int(f['evaluations']), 'plan')}; {amount(float(f['objective']), 3)} on fresh days"
    figure, axes = new_figure(title, 2, 1, figsize=(9.0, 6.0), sharex=True)
    top, below = axes[0, 0], axes[1, 0]
    some = np.isfinite(best)
    if not some.any():
        blank(top, "no plan that keeps all limits was found")
    else:
        top.step(tried[some], best[some], where="post", color=_AFTER, linewidth=2, label="days of the search")
        value, half = float(f["objective"]), float(f["objective_ci95"])
        top.axhspan(value - half, value + half, color=_BEFORE, alpha=0.15, linewidth=0)
        top.axhline(value, color=_BEFORE, linewidth=1.5, label="best plan on fresh days, ± 95 %")
        top.axhline(0.0, color="black", linewidth=0.8)
        top.annotate("installed", (tried[-1], 0.0), xytext=(0, 3), textcoords="offset points", ha="right")
        top.set_ylabel("objective [money units a day]")
        top.legend(loc="lower left", fontsize=8.5)
    below.step(tried, table["mean_wait_min"], where="post", color=COLOURS["bank"], linewidth=2)
    below.set_ylabel("mean wait of the best plan [min]")
    below.set_xlabel("plans tried")
    below.set_ylim(bottom=0)
    below.set_xlim(0, max(float(tried.max(initial=1.0)), 1.0))
    return figure


@styled
def queue_before_after(result: Configuration) -> Figure:
    """Vehicles in queues over the day, before and after.

    Parameters
    ----------
    result : Configuration
        Fresh or loaded.
    """
    before, after = (result.figures[plan] for plan in ("before", "after"))
    wait = [float(figures["mean_wait_min"]) for figures in (before, after)]
    title = f"Mean wait {amount(wait[0], 3)} min before, {amount(wait[1], 3)} min after"
    if wait[0] > 0:
        change = wait[1] / wait[0] - 1
        title += f" ({'+' if change > 0 else '−'}{percent(abs(change))})"
    figure, axes = new_figure(title, 1, 1, figsize=(9.0, 4.0))
    _two_lines(axes[0, 0], result, "queue_vehicles", 1.0)
    axes[0, 0].set_ylabel("vehicles in queues")
    return figure


@styled
def load_before_after(result: Configuration) -> Figure:
    """Load of all stations over the day, before and after; of one day also with coordinated charging.

    Parameters
    ----------
    result : Configuration
        Fresh or loaded.
    """
    f, data = result.figures, result.data
    peaks = [float(f[plan]["peak_load_kw"]) for plan in ("before", "after")]
    # Days peak at different times: the mean day that is drawn has a lower peak.
    title = f"Each day's own peak load is {power(peaks[0])} before, {power(peaks[1])} after in the mean"
    coordinated = "load_coordinated_kw" in data
    if coordinated:
        tight = float(f["coordinated"]["after"]["coordinated"]["station_peaks_kw"])
        loose = float(f["coordinated"]["after"]["unmanaged"]["station_peaks_kw"])
        spared = percent(1 - tight / loose) if loose > 0 else "0 %"
        title += f"; coordinated charging lowers the stations' own peaks by {spared}"
    figure, axes = new_figure(
        title, 2 if coordinated else 1, 1, figsize=(9.0, 6.6 if coordinated else 4.0), sharex=True
    )
    scale, unit = power_scale(data["load_kw"].to_numpy())
    _two_lines(axes[0, 0], result, "load_kw", scale)
    axes[0, 0].set_ylabel(f"load of all stations [{unit}]")
    if coordinated:
        ax, minute = axes[1, 0], data["minute"].to_numpy()
        for name, style, label in (
            ("load_one_day_kw", ":", "unmanaged"),
            ("load_coordinated_kw", "-", "coordinated"),
        ):
            for plan, colour in (("before", _BEFORE), ("after", _AFTER)):
                values = _smooth(data[name].sel(plan=plan).to_numpy()) * scale
                ax.plot(minute + 0.5, values, style, color=colour, linewidth=1.6, label=f"{plan}, {label}")
        ax.set_title(f"one day, means over {_WINDOW_MIN} min", fontsize=9)
        ax.set_ylabel(f"load of all stations [{unit}]")
        ax.set_ylim(0, 1.3 * max(float(ax.get_ylim()[1]), 1e-9))  # room for the legend
        ax.legend(loc="upper left", fontsize=8.5, ncols=2)
        time_axis(ax, minute)
        axes[0, 0].set_xlabel("")
    return figure


def _two_lines(ax: Axes, result: Configuration, name: str, scale: float) -> None:
    data = result.data
    minute = data["minute"].to_numpy()
    for plan, colour in (("before", _BEFORE), ("after", _AFTER)):
        values = data[name].sel(plan=plan).to_numpy() * scale
        ax.plot(minute + 0.5, _smooth(values), color=colour, linewidth=1.8, label=plan)
    ax.set_title(
        f"mean of {count(int(result.figures['days_test']), 'day')}, means over {_WINDOW_MIN} min", fontsize=9
    )
    ax.set_ylim(bottom=0)
    ax.legend(loc="upper left", fontsize=8.5)
    time_axis(ax, minute)


def _smooth(values: Array) -> Array:
    """Means over a window around each minute of a day without end."""
    half = _WINDOW_MIN // 2
    padded = np.concatenate([values[-half:], values, values[:half]])
    run = np.concatenate([[0.0], np.cumsum(padded)])
    return np.asarray((run[2 * half + 1 :] - run[: -2 * half - 1]) / (2 * half + 1))


@styled
def pareto_front(result: Configuration) -> Figure:
    """Plans that no other beats in all four costs, pair by pair.

    Parameters
    ----------
    result : Configuration
        Of the Pareto search, fresh or loaded.
    """
    front = result.front
    number = 0 if front is None else len(front)
    title = f"{count(number, 'plan')} that no other beats in all four costs"
    pairs = [("f1", "f2"), ("f1", "f3"), ("f2", "f3"), ("f2", "f4")]
    figure, axes = new_figure(title, 2, 2, figsize=(9.6, 7.4))
    for ax, (across, up) in zip(axes.ravel(), pairs, strict=True):
        if front is None or not number:
            blank(ax, "no plan keeps all limits")
            continue
        ax.scatter(front[across], front[up], s=26, color=_AFTER, alpha=0.75, edgecolor="none")
        ax.set_xlabel(f"cost of {_COSTS[across]} [money units a day]")
        ax.set_ylabel(f"cost of {_COSTS[up]}")
        ax.ticklabel_format(useOffset=False)
        ax.tick_params(labelsize=8)
        ax.locator_params(nbins=5)
    return figure
