"""Draw simulated days: load, queues, waits, what the fleet does, speeds and flows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MultipleLocator, PercentFormatter

from tidewatt.domain.roads import ROAD_CLASSES
from tidewatt.report.style import COLOURS, blank, new_figure, power_scale, styled
from tidewatt.report.words import amount, clock, count, percent, power

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tidewatt.domain.arrays import Array
    from tidewatt.domain.roads import Roads
    from tidewatt.simulation.result import Simulation

__all__ = ["fleet_day", "load_and_queue", "road_speeds", "time_axis", "waits"]

_STATES = {
    "driving": ("driving", COLOURS["coordinated"]),
    "to_station": ("driving to a station", COLOURS["session"]),
    "queueing": ("queueing", COLOURS["unmanaged"]),
    "charging": ("charging at a station", COLOURS["bank"]),
}
_WINDOW_MIN = 15
_FEWEST = 5
_FEWEST_AN_HOUR = 5


@styled
def load_and_queue(result: Simulation) -> Figure:
    """Draw the load of all stations and the vehicles in their queues over the day, with bands.

    Parameters
    ----------
    result : Simulation
        Fresh or loaded.

    Returns
    -------
    matplotlib.figure.Figure
        Two axes, one above the other.
    """
    f, data = result.figures, result.data
    minute = data["minute"].to_numpy()
    title = "No vehicle charges on the way"
    if float(f["charges_per_day"]) > 0:
        load, queue = data["load_kw"].to_numpy(), data["queue_total"].to_numpy()  # means over days, as drawn
        peak_min = 15 * round(int(load.argmax()) % 1440 / 15)
        title = f"{amount(float(f['charges_per_day']), 3)} charges a day draw up to "
        title += f"{power(float(load.max()))} {'in the mean' if int(f['replications']) > 1 else ''}"
        title = f"{title.rstrip()}, most about {clock(peak_min)}; "
        waiting = f"{amount(float(queue.max()), 2)} vehicles queue at {clock(int(queue.argmax()) % 1440)}"
        title += waiting if queue.max() > 0 else "nobody queues"
    figure, axes = new_figure(title, 2, 1, figsize=(10.4, 6.2), sharex=True)
    scale, unit = power_scale(data["load_kw_p95"].to_numpy())
    _band(axes[0, 0], result, "load_kw", COLOURS["coordinated"], scale)
    axes[0, 0].set_ylabel(f"load of all stations [{unit}]")
    _band(axes[1, 0], result, "queue_total", COLOURS["unmanaged"], 1.0)
    axes[1, 0].set_ylabel("vehicles in queues")
    time_axis(axes[1, 0], minute)
    return figure


def _band(ax: Axes, result: Simulation, name: str, colour: str, scale: float) -> None:
    """Draw the mean over days, its interval, and the range of nine days in ten."""
    data, m = result.data, int(result.figures["replications"])
    minute = data["minute"].to_numpy() + 0.5
    mean = data[name].to_numpy() * scale
    if m >= _FEWEST:  # bands of fewer days say more of chance than of days
        low, high = (data[f"{name}_{end}"].to_numpy() * scale for end in ("p05", "p95"))
        ax.fill_between(minute, low, high, color=colour, alpha=0.15, linewidth=0, label="nine days in ten")
        low, high = (data[f"{name}_{end}"].to_numpy() * scale for end in ("low", "high"))
        label = "95 % interval of the mean"
        ax.fill_between(minute, low, high, color=colour, alpha=0.35, linewidth=0, label=label)
    ax.plot(minute, mean, color=colour, linewidth=1.6, label=f"mean of {count(m, 'day')}")
    ax.set_ylim(bottom=0)
    ax.legend(loc="upper left", fontsize=8.5)


def time_axis(ax: Axes, minute: Array) -> None:
    """Label an axis in minutes with hours of the day, or with days where there are several."""
    last = float(minute[-1]) + 1
    ax.set_xlim(0, last)
    if last <= 1440:
        ax.xaxis.set_major_locator(MultipleLocator(180))
        ax.xaxis.set_major_formatter(lambda value, at: f"{int(value // 60):02d}:{int(value % 60):02d}")
        ax.set_xlabel("time of day")
    else:
        ax.xaxis.set_major_locator(MultipleLocator(1440))
        ax.xaxis.set_major_formatter(lambda value, at: f"{value / 1440:g}")
        ax.set_xlabel("days")


@styled
def fleet_day(result: Simulation) -> Figure:
    """Draw what vehicles do over the day, without those parked, and what is charged where.

    Parameters
    ----------
    result : Simulation
        Fresh or loaded.

    Returns
    -------
    matplotlib.figure.Figure
        Two axes: vehicles by state, and load at stations and at destinations.
    """
    data, fleet = result.data, float(result.figures["vehicles"])
    states = [str(each) for each in data["state"].to_numpy().tolist()]
    values = data["vehicles"].to_numpy() / fleet
    minute = data["minute"].to_numpy()
    away = 1 - values[states.index("parked")]
    at = int(away.argmax())
    title = f"At most {percent(float(away[at]))} of {count(int(fleet), 'vehicle')} are not parked, "
    title += f"at {clock(float(at % 1440))}"
    figure, axes = new_figure(title, 2, 1, figsize=(10.4, 6.2), sharex=True)
    rows = [values[states.index(name)] for name in _STATES]
    names, colours = zip(*_STATES.values(), strict=True)
    axes[0, 0].stackplot(minute + 0.5, rows, labels=names, colors=colours, alpha=0.85, linewidth=0)
    axes[0, 0].yaxis.set_major_formatter(PercentFormatter(1.0))
    axes[0, 0].set_ylabel("share of vehicles")
    axes[0, 0].legend(loc="upper left", fontsize=8.5)
    ways = {
        "home, work, other": ("destination_kw", COLOURS["base"]),
        "stations": ("load_kw", COLOURS["bank"]),
    }
    loads = [_smooth(data[name].to_numpy()) for name, _ in ways.values()]
    scale, unit = power_scale(np.sum(loads, axis=0))
    axes[1, 0].stackplot(
        minute + 0.5,
        [load * scale for load in loads],
        labels=list(ways),
        colors=[colour for _, colour in ways.values()],
        alpha=0.85,
        linewidth=0,
    )
    axes[1, 0].set_ylabel(f"charging, not managed [{unit}]")
    axes[1, 0].legend(loc="upper right", fontsize=8.5)
    axes[1, 0].set_title(f"means over {_WINDOW_MIN} min", fontsize=9)
    time_axis(axes[1, 0], minute)
    return figure


def _smooth(values: Array) -> Array:
    """Return the running mean; near both ends, of what is there."""
    half = _WINDOW_MIN // 2
    run = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(len(values))
    low, high = np.maximum(at - half, 0), np.minimum(at + half + 1, len(values))
    smooth: Array = (run[high] - run[low]) / (high - low)
    return smooth


@styled
def waits(result: Simulation) -> Figure:
    """Draw how long drivers wait, and what a stop costs them in all.

    Parameters
    ----------
    result : Simulation
        Fresh or loaded.

    Returns
    -------
    matplotlib.figure.Figure
        Two axes: share of drivers that wait longer than a time, and the parts of a stop by the hour.
    """
    events = result.events
    wait = np.sort(events["wait_min"].to_numpy(float))
    none = float((wait <= 0).mean()) if len(wait) else 1.0
    title = "Nobody waits for a charger" if len(wait) else "No vehicle charges on the way"
    if len(wait) and none < 1:
        late = float(result.figures["p95_wait_min"])
        title = f"{percent(none)} of drivers do not wait; one in twenty waits more than {amount(late, 2)} min"
        if late <= 0:
            title = f"{percent(1 - none)} of drivers wait for a charger, {_mean_of(wait)} on average"
    figure, axes = new_figure(title, 1, 2, figsize=(10.4, 4.4))
    _longer(axes[0, 0], wait, none, float(result.figures["p95_wait_min"]))
    _parts(axes[0, 1], result)
    return figure


def _mean_of(wait: Array) -> str:
    return f"{amount(float(wait[wait > 0].mean()), 2)} min"


def _longer(ax: Axes, wait: Array, none: float, late: float) -> None:
    if not len(wait) or none >= 1:
        blank(ax, "no vehicle has to wait" if len(wait) else "no vehicle charges on the way")
        return
    some = wait > 0
    longer = 1 - np.arange(1, len(wait) + 1) / len(wait)
    at, share = np.append(0, wait[some]), np.append(1 - none, longer[some])
    ax.step(at, share, where="post", color=COLOURS["unmanaged"], linewidth=2)
    ax.set_title("how many wait longer")
    ax.set_xlabel("wait [min]")
    ax.set_ylabel("drivers who wait longer")
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0 if none < 0.95 else 1))
    ax.set_xlim(0, max(float(np.quantile(wait, 0.999)), 1.0))
    ax.set_ylim(0, 1.15 * max(1 - none, 0.01))
    ax.plot([0], [1 - none], "o", color=COLOURS["unmanaged"], clip_on=False)
    ax.annotate(f"{percent(1 - none)} wait at all", (0, 1 - none), xytext=(8, 4), textcoords="offset points")
    if late > 0:
        ax.plot([late], [0.05], "o", color="black", markersize=5)
        ax.annotate(
            f"5 % wait more than {amount(late, 2)} min",
            (late, 0.05),
            xytext=(8, 6),
            textcoords="offset points",
        )


def _parts(ax: Axes, result: Simulation) -> None:
    """Draw detour, wait and charging time by the hour in which a driver decides to charge."""
    events = result.events
    if not len(events):
        blank(ax, "no vehicle charges on the way")
        return
    hour = (events["decide_min"].to_numpy(float) // 60 % 24).astype(int)
    number = np.bincount(hour, minlength=24)
    parts = {
        "detour": (events["detour_min"].to_numpy(float), COLOURS["session"]),
        "wait": (events["wait_min"].to_numpy(float), COLOURS["unmanaged"]),
        "charging": ((events["end_min"] - events["start_min"]).to_numpy(float), COLOURS["bank"]),
    }
    below = np.zeros(24)
    # Hours with hardly a charge would draw chance as if it were a finding.
    some = number >= max(_FEWEST_AN_HOUR, 0.002 * number.sum())
    if not some.any():
        blank(ax, f"too few charges for means by the hour:\nfewer than {_FEWEST_AN_HOUR} in each")
        return
    for name, (values, colour) in parts.items():
        mean = np.bincount(hour, values, minlength=24) / np.maximum(number, 1) * some
        ax.bar(np.arange(24) + 0.5, mean, bottom=below, width=0.86, color=colour, label=name)
        below += mean
    ax.set_title("what a stop takes")
    ax.set_xlim(0, 24)
    ax.xaxis.set_major_locator(MultipleLocator(3))
    ax.grid(False, axis="x")
    ax.set_xlabel("hour of the decision to charge")
    ax.set_ylabel("mean time [min]")
    ax.set_ylim(0, 1.2 * max(float(below.max()), 1e-9))
    ax.legend(loc="upper left", ncols=3, fontsize=8.5)


_SHADES = dict(zip(ROAD_CLASSES, ("#0072B2", "#009E73", "#E69F00", "#BBBBBB"), strict=True))


@styled
def road_speeds(result: Simulation, roads: Roads | None = None) -> Figure:
    """Draw how fast traffic moves over the day: distribution over links, and by class.

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
    ax.set_ylabel("speed relative to the link's fastest")
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
    """Return space-mean speed: kilometres over hours driven; links count equally where nobody drives."""
    weight = np.where(weight.sum(axis=0) > 0, weight, 1.0)
    result: Array = weight.sum(axis=0) / (weight / values).sum(axis=0)
    return result


def _quantiles(values: Array, weight: Array, shares: tuple[float, ...]) -> list[Array]:
    """Return the values below which these shares of the weight lie, interval by interval."""
    weight = np.where(weight.sum(axis=0) > 0, weight, 1.0)
    found = np.empty((len(shares), values.shape[1]))
    for k in range(values.shape[1]):
        order = np.argsort(values[:, k])
        run = np.cumsum(weight[order, k])
        found[:, k] = values[order, k][np.searchsorted(run, np.array(shares) * run[-1])]
    return list(found)
