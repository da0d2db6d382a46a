"""Figures of the roads of a simulation: speeds and flows over the day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import PercentFormatter

from tidewatt.domain.roads import ROAD_CLASSES
from tidewatt.report.days import time_axis
from tidewatt.report.style import COLOURS, new_figure, styled
from tidewatt.report.words import clock, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tidewatt.domain.arrays import Array
    from tidewatt.domain.roads import Roads
    from tidewatt.simulation.result import Simulation

__all__ = ["road_speeds"]

_SHADES = dict(zip(ROAD_CLASSES, ("#0072B2", "#009E73", "#E69F00", "#BBBBBB"), strict=True))


@styled
def road_speeds(result: Simulation, roads: Roads | None = None) -> Figure:
    """How fast traffic moves over the day, weighted by who drives: distribution over links, and by class.

    Speeds are relative to each link's fastest of the day, so that slow and fast roads stand in one figure.

    Parameters
    ----------
    result : Simulation
        Fresh or loaded.
    roads : Roads, optional
        Lengths and classes of links; by default those of the result's scenario, where it has them. Without
        them every link counts alike and classes are not told apart.

    Returns
    -------
    matplotlib.figure.Figure
        Two axes, one above the other: speed relative to the fastest, and mean speed by class of road.
    """
    if roads is None and result.scenario is not None:
        roads = result.scenario.roads
    data = result.data
    speed, flow = (data[name].to_numpy().astype(float) for name in ("speed_kmh", "flow_veh_h"))
    length = np.ones(len(speed)) if roads is None else roads.length_km
    real = np.isfinite(speed).all(axis=1) & (speed > 0).all(axis=1) & (length > 0)
    speed, weight = speed[real], flow[real] * length[real, None]
    minute = data["interval_min"].to_numpy().astype(float)
    width = float(minute[1] - minute[0]) if len(minute) > 1 else 1440.0
    fastest = speed.max(axis=1, keepdims=True)
    low, middle, high = _quantiles(speed / fastest, weight, (0.05, 0.25, 0.5))
    slow = int(np.argmin(_mean(speed / fastest, weight)))
    title = f"At {clock(minute[slow] % 1440)}, half of all traffic moves at less than {percent(high[slow])} "
    title += f"of the fastest speed of its road, a twentieth at less than {percent(low[slow])}"
    if high.min() > 0.995:
        title = "Traffic hardly slows: half of it moves at the fastest speed of its road all day"
    figure, axes = new_figure(title, 2, 1, figsize=(10.4, 6.2), sharex=True)
    ax = axes[0, 0]
    at = np.append(minute, minute[-1] + width)

    def steps(values: Array) -> Array:
        return np.append(values, values[-1])

    ax.fill_between(
        at,
        steps(low),
        1,
        step="post",
        color=COLOURS["coordinated"],
        alpha=0.12,
        linewidth=0,
        label="all but the slowest twentieth",
    )
    ax.fill_between(
        at,
        steps(middle),
        1,
        step="post",
        color=COLOURS["coordinated"],
        alpha=0.25,
        linewidth=0,
        label="all but the slowest quarter",
    )
    ax.step(at, steps(high), where="post", color=COLOURS["coordinated"], linewidth=1.8, label="median")
    ax.set_ylabel("speed over the link's fastest")
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.set_ylim(max(0.0, min(float(low.min()) - 0.08, 0.7)), 1.005)
    ax.legend(loc="lower left", fontsize=8.5, title="by vehicle kilometres", title_fontsize=8)
    _by_class(axes[1, 0], speed, weight, None if roads is None else roads.road_class[real], at)
    time_axis(axes[1, 0], np.array([at[-1] - 1]))
    return figure


def _by_class(ax: Axes, speed: Array, weight: Array, grade: Array | None, at: Array) -> None:
    groups = {"all roads": np.ones(len(speed), bool)}
    if grade is not None:
        groups = {name: grade == position for position, name in enumerate(ROAD_CLASSES)}
    for name, mine in groups.items():
        if mine.any():
            mean = _mean(speed[mine], weight[mine])
            colour = _SHADES.get(name, COLOURS["coordinated"])
            ax.step(at, np.append(mean, mean[-1]), where="post", color=colour, linewidth=1.8, label=name)
    ax.set_ylabel("mean speed [km/h]")
    ax.set_ylim(bottom=0)
    ax.legend(loc="lower left", fontsize=8.5, ncols=4)


def _mean(values: Array, weight: Array) -> Array:
    """Space-mean speed: kilometres driven over hours driven; links count alike where nobody drives."""
    weight = np.where(weight.sum(axis=0) > 0, weight, 1.0)
    result: Array = weight.sum(axis=0) / (weight / values).sum(axis=0)
    return result


def _quantiles(values: Array, weight: Array, shares: tuple[float, ...]) -> list[Array]:
    """Values below which these shares of the weight lie, interval by interval."""
    weight = np.where(weight.sum(axis=0) > 0, weight, 1.0)
    found = np.empty((len(shares), values.shape[1]))
    for k in range(values.shape[1]):
        order = np.argsort(values[:, k])
        run = np.cumsum(weight[order, k])
        found[:, k] = values[order, k][np.searchsorted(run, np.array(shares) * run[-1])]
    return list(found)
