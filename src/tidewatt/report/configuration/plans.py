"""Draw a plan of stations: where chargers change, loads and queues before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import TwoSlopeNorm
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import offset_copy

from tidewatt.report.simulation.days import time_axis
from tidewatt.report.simulation.stations import _roads, _short
from tidewatt.report.style import COLOURS, blank, new_figure, power_scale, styled
from tidewatt.report.words import amount, count, money_name, percent, power

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tidewatt.configuration.result import Configuration
    from tidewatt.domain.arrays import Array
    from tidewatt.domain.roads import Roads

__all__ = ["changes", "load_before_after", "pareto_front", "queue_before_after", "search_progress"]

_BEFORE, _AFTER = COLOURS["unmanaged"], COLOURS["coordinated"]
_WINDOW_MIN = 15
_COSTS = {"f1": "stations", "f2": "drivers", "f3": "grid", "f4": "traffic"}


@styled
def search_progress(result: Configuration) -> Figure:
    """Draw best objective and its mean wait against the plans tried, and the results on fresh days.

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
        top.set_ylabel(f"objective [{money_name(f)} a day]")
        top.legend(loc="lower left", fontsize=8.5)
    below.step(tried, table["mean_wait_min"], where="post", color=COLOURS["bank"], linewidth=2)
    below.set_ylabel("mean wait of the best plan [min]")
    below.set_xlabel("plans tried")
    below.set_ylim(bottom=0)
    below.set_xlim(0, max(float(tried.max(initial=1.0)), 1.0))
    return figure


@styled
def queue_before_after(result: Configuration) -> Figure:
    """Draw vehicles in queues over the day, before and after.

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
    """Draw the load of all stations over the day, before and after; of one day also coordinated.

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
    """Return means over a window around each minute of a day that wraps around."""
    half = _WINDOW_MIN // 2
    padded = np.concatenate([values[-half:], values, values[:half]])
    run = np.concatenate([[0.0], np.cumsum(padded)])
    return np.asarray((run[2 * half + 1 :] - run[: -2 * half - 1]) / (2 * half + 1))


@styled
def pareto_front(result: Configuration) -> Figure:
    """Draw plans that no other beats in all four costs, pair by pair.

    Parameters
    ----------
    result : Configuration
        Of the Pareto search, fresh or loaded.
    """
    front = result.front
    number = 0 if front is None else len(front)
    title = f"{count(number, 'plan')}, none better than another in all four costs"
    pairs = [("f1", "f2"), ("f1", "f3"), ("f2", "f3"), ("f2", "f4")]
    figure, axes = new_figure(title, 2, 2, figsize=(9.6, 7.4))
    for ax, (across, up) in zip(axes.ravel(), pairs, strict=True):
        if front is None or not number:
            blank(ax, "no plan keeps all limits")
            continue
        ax.scatter(front[across], front[up], s=26, color=_AFTER, alpha=0.75, edgecolor="none")
        ax.set_xlabel(f"cost of {_COSTS[across]} [{money_name(result.figures)} a day]")
        ax.set_ylabel(f"cost of {_COSTS[up]}")
        ax.ticklabel_format(useOffset=False)
        ax.tick_params(labelsize=8)
        ax.locator_params(nbins=5)
    return figure


_NAMED = 18


@styled
def changes(result: Configuration, roads: Roads | None = None) -> Figure:
    """Draw chargers added and removed: on a map, and station by station.

    Parameters
    ----------
    result : Configuration
        Fresh or loaded.
    roads : Roads, optional
        Drawn below the stations; by default those of the result's scenario, where it has them.

    Returns
    -------
    matplotlib.figure.Figure
        Without the map where no station's place is known.
    """
    if roads is None and result.scenario is not None:
        roads = result.scenario.roads
    plan, f = result.plan, result.figures
    x, y = plan["x"].to_numpy(float), plan["y"].to_numpy(float)
    placed = bool(np.isfinite(x).any() and np.isfinite(y).any())
    title = f"{count(int(f['stations_changed']), 'station')} of {len(plan):,} changed: "
    title += f"fast chargers {f['fast_before']:,} → {f['fast_after']:,}, "
    title += f"normal {f['normal_before']:,} → {f['normal_after']:,}"
    layout = {"width_ratios": [1.45, 1.0]} if placed else {}
    figure, axes = new_figure(title, 1, 2 if placed else 1, figsize=(11.4 if placed else 8.0, 6.2), **layout)
    if placed:
        _map(figure, axes[0, 0], result, roads)
    _ranking(axes[0, -1], result)
    return figure


def _map(figure: Figure, ax: Axes, result: Configuration, roads: Roads | None) -> None:
    """Draw the map: colour shows the change of fast chargers, area the charges per day."""
    plan = result.plan
    x, y = plan["x"].to_numpy(float), plan["y"].to_numpy(float)
    if roads is not None:
        _roads(ax, roads)
    charges = np.maximum(plan["charges_before"].to_numpy(float), plan["charges_after"].to_numpy(float))
    fast = (plan["fast_after"] - plan["fast_before"]).to_numpy(float)
    normal = (plan["normal_after"] - plan["normal_before"]).to_numpy(float)
    most = max(float(np.abs(fast).max(initial=0.0)), 1.0)
    area = 30 + 300 * charges / max(float(charges.max(initial=0.0)), 1e-9)
    order = np.argsort(-area)
    shown = ax.scatter(
        x[order],
        y[order],
        s=area[order],
        c=fast[order],
        cmap="PuOr_r",
        norm=TwoSlopeNorm(0.0, -most, most),
        edgecolor="#333333",
        linewidth=0.7,
        alpha=0.9,
        zorder=4,
    )
    above = offset_copy(ax.transData, fig=figure, y=8, units="points")  # beside the colour
    for sign, marker in ((1, "^"), (-1, "v")):
        some = normal * sign > 0
        ax.scatter(
            x[some],
            y[some],
            s=14,
            marker=marker,
            color="black",
            zorder=5,
            transform=above,
            label=f"{'more' if sign > 0 else 'fewer'} normal chargers",
        )
    bar = figure.colorbar(shown, ax=ax, shrink=0.7, pad=0.01)
    bar.set_label("change of fast chargers")
    bar.outline.set_visible(False)  # type: ignore[operator]
    bar.ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    degrees = roads is not None and roads.crs.upper() in ("EPSG:4326", "OGC:CRS84", "WGS84", "WGS 84")
    shape = 1.0 / max(np.cos(np.deg2rad(float(np.nanmean(y)))), 0.1) if degrees else 1.0
    ax.set_aspect(shape, adjustable="datalim")
    ax.set_title("marker area: charges per day")
    ax.grid(False)
    ax.set_xticks([])
    ax.set_yticks([])
    for side in ax.spines.values():
        side.set_visible(False)
    ax.legend(loc="lower left", fontsize=8.5, frameon=True, framealpha=0.85, edgecolor="none")


def _ranking(ax: Axes, result: Configuration) -> None:
    """Draw the busiest stations that change: chargers of both kinds, before and after."""
    plan = result.plan
    fast = (plan["fast_after"] - plan["fast_before"]).to_numpy(float)
    normal = (plan["normal_after"] - plan["normal_before"]).to_numpy(float)
    changed = np.flatnonzero((fast != 0) | (normal != 0))
    if not len(changed):
        blank(ax, "no station changes")
        return
    key = plan["charges_before"].to_numpy(float)[changed]
    some = changed[np.argsort(-key, kind="stable")][:_NAMED]
    rows = np.arange(len(some))[::-1]
    ax.barh(rows + 0.19, fast[some], height=0.36, color=COLOURS["coordinated"], label="fast")
    ax.barh(rows - 0.19, normal[some], height=0.36, color=COLOURS["session"], label="normal")
    names = [_short(plan["station_id"].iloc[s]) for s in some]
    ax.set_yticks(rows, names, fontsize=8)
    ax.axvline(0.0, color="black", linewidth=0.8)
    ax.set_ylim(-0.7, len(some) - 0.3)
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.grid(False, axis="y")
    ax.set_xlabel("change of chargers")
    more = f", {len(some)} of {len(changed):,}" if len(changed) > len(some) else ""
    ax.set_title(f"most charges first{more}")
    ax.legend(loc="best", fontsize=8.5, frameon=True, framealpha=0.85, edgecolor="none")
