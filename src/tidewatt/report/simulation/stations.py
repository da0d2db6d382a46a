"""Figures of charging stations: where they are, how much they draw, and how long drivers wait there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.ticker import MaxNLocator

from tidewatt.report.style import COLOURS, blank, new_figure, power_scale, styled
from tidewatt.report.words import amount, count, power

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tidewatt.domain.arrays import Array
    from tidewatt.domain.roads import Roads
    from tidewatt.simulation.result import Simulation

__all__ = ["station_map"]

_NAMED = 15  # stations that get a line with their name
_MARKED = 5  # stations that are named on the map
_LABEL = "mean wait [min]"
_SHADES = LinearSegmentedColormap.from_list("waits", [COLOURS["bank"], "#F0E442", COLOURS["unmanaged"]])


@styled
def station_map(result: Simulation, roads: Roads | None = None) -> Figure:
    """Draw where stations are, how much they draw and how long drivers wait there.

    Parameters
    ----------
    result : Simulation
        Fresh or loaded.
    roads : Roads, optional
        Drawn below the stations; by default those of the result's scenario, where it has them.

    Returns
    -------
    matplotlib.figure.Figure
        A map and the stations with the longest waits; without the map where no station's place is known.
    """
    if roads is None and result.scenario is not None:
        roads = result.scenario.roads
    table = result.stations
    x, y = table["x"].to_numpy(float), table["y"].to_numpy(float)
    placed = bool(np.isfinite(x).any() and np.isfinite(y).any())
    columns = 2 if placed else 1
    height = 6.0 if placed else 2.0 + 0.26 * min(max(len(table), 7), _NAMED)
    layout = {"width_ratios": [1.55, 1.0]} if placed else {}
    figure, axes = new_figure(_title(result), 1, columns, figsize=(11.4 if placed else 8.0, height), **layout)
    if placed:
        _map(axes[0, 0], result, roads)
    _ranking(axes[0, -1], result)
    return figure


def _title(result: Simulation) -> str:
    table, f = result.stations, result.figures
    if not float(f["charges_per_day"]) > 0:
        return "No vehicle charges on the way"
    charges, wait = table["charges"].to_numpy(float), np.nan_to_num(table["mean_wait_min"].to_numpy(float))
    lost = charges * wait
    if lost.sum() <= 0:
        idle = int((charges <= 0).sum())
        if not idle:
            return f"Nobody waits at any of {count(len(table), 'station')}"
        where = (
            f"the {count(len(table) - idle, 'station')} that {'is' if len(table) - idle == 1 else 'are'} used"
        )
        return f"Nobody waits at {where}; {count(idle, 'other')} {'is' if idle == 1 else 'are'} never used"
    order = np.argsort(-lost)
    few = int(np.searchsorted(np.cumsum(lost[order]) / lost.sum(), 0.5)) + 1
    worst = order[0]
    return (
        f"{count(few, 'station')} of {len(table):,} cause{'s' if few == 1 else ''} half of all waiting; at "
        f"{table['station_id'].iloc[worst]}, which causes most, the mean wait is "
        f"{amount(float(wait[worst]), 2)} min"
    )


def _map(ax: Axes, result: Simulation, roads: Roads | None) -> None:
    table = result.stations
    x, y = table["x"].to_numpy(float), table["y"].to_numpy(float)
    degrees = roads is not None and roads.crs.upper() in (
        "EPSG:4326",
        "OGC:CRS84",
        "WGS84",
        "WGS 84",
        "EPSG:4269",
    )
    if roads is not None:
        _roads(ax, roads)
    peak = np.nan_to_num(table["peak_load_kw"].to_numpy(float))
    wait = np.nan_to_num(table["mean_wait_min"].to_numpy(float))
    used = table["charges"].to_numpy(float) > 0
    most = max(float(peak.max(initial=0.0)), 1e-9)
    ax.scatter(x[~used], y[~used], s=14, facecolor="white", edgecolor="#777777", zorder=3)
    # Stations that draw little are drawn last, so that none hides below another.
    order = np.flatnonzero(used)[np.argsort(-peak[used])]
    shown = ax.scatter(
        x[order],
        y[order],
        s=12 + 330 * peak[order] / most,
        c=wait[order],
        cmap=_SHADES,
        norm=Normalize(0, max(float(np.quantile(wait[used], 0.98)) if used.any() else 1.0, 1.0)),
        edgecolor="#333333",
        linewidth=0.7,
        alpha=0.9,
        zorder=4,
    )
    if (wait[used] > 0).any():
        bar = ax.figure.colorbar(shown, ax=ax, shrink=0.75, pad=0.01, extend="max")
        bar.set_label(_LABEL)
        bar.outline.set_visible(False)  # type: ignore[operator]
    for s in np.argsort(-table["charges"].to_numpy(float) * wait)[:_MARKED]:
        if wait[s] > 0:
            name, box = _short(table["station_id"].iloc[s]), {"fc": "white", "ec": "none", "alpha": 0.75}
            ax.annotate(
                name,
                (x[s], y[s]),
                xytext=(0, -3),
                textcoords="offset points",
                ha="center",
                va="top",
                fontsize=8,
                zorder=5,
                bbox=box | {"boxstyle": "round,pad=0.15"},
            )
    if used.any():
        ax.set_title(f"marker area: peak load, up to {power(most)}")
    shape = 1.0 / max(np.cos(np.deg2rad(float(np.nanmean(y)))), 0.1) if degrees else 1.0
    ax.set_aspect(shape, adjustable="datalim")
    ax.grid(False)
    ax.set_xticks([])
    ax.set_yticks([])
    for side in ax.spines.values():
        side.set_visible(False)


def _roads(ax: Axes, roads: Roads) -> None:
    """Draw links as thin lines; the faster the class, the stronger."""
    ends = np.stack([np.stack([roads.x[n], roads.y[n]], axis=1) for n in (roads.tail, roads.head)], axis=1)
    known = np.isfinite(ends).all(axis=(1, 2))
    for grade, (width, shade) in enumerate(((1.1, "#A9A9A9"), (0.7, "#BDBDBD"), (0.4, "#D2D2D2"))):
        mine = known & (roads.road_class == grade)
        ax.add_collection(LineCollection(list(ends[mine]), linewidths=width, colors=shade, zorder=1))
    ax.margins(0.01)
    ax.autoscale_view()


def _short(name: object) -> str:
    text = str(name)
    return text if len(text) <= 22 else f"{text[:21]}…"


def _ranking(ax: Axes, result: Simulation) -> None:
    """Draw the stations with the longest total wait: mean wait, and how long chargers are occupied."""
    table = result.stations
    wait = np.nan_to_num(table["mean_wait_min"].to_numpy(float))
    late = np.nan_to_num(table["p95_wait_min"].to_numpy(float))
    used = np.nan_to_num(table["utilisation"].to_numpy(float))
    by_waiting = bool((wait > 0).any())
    key = table["charges"].to_numpy(float) * wait if by_waiting else table["peak_load_kw"].to_numpy(float)
    worst: Array = np.argsort(-key, kind="stable")[:_NAMED]
    worst = worst[key[worst] > 0]
    if not len(worst):
        blank(ax, "no station is used")
        return
    rows = np.arange(len(worst))[::-1]
    names = [f"{_short(table['station_id'].iloc[s])} ({100 * used[s]:.0f} %)" for s in worst]
    ax.set_yticks(rows, names, fontsize=8)
    ax.grid(False, axis="y")
    ax.set_ylim(-0.7, len(worst) - 0.3)
    if by_waiting:
        ax.hlines(rows, wait[worst], late[worst], color=COLOURS["base"], linewidth=2.5)
        ax.scatter(wait[worst], rows, s=42, color=COLOURS["unmanaged"], zorder=3, label="mean wait")
        ax.scatter(late[worst], rows, s=26, color="black", zorder=3, label="95th percentile of the wait")
        ax.set_xlabel("wait [min]")
        ax.set_title("most waiting in all (chargers in use)")
        ax.legend(loc="lower right", fontsize=8.5, frameon=True, framealpha=0.85, edgecolor="none")
    else:
        scale, unit = power_scale(key[worst])
        ax.barh(rows, key[worst] * scale, color=COLOURS["bank"], height=0.6)
        ax.set_xlabel(f"peak load [{unit}]")
        ax.set_title("highest peaks (charger utilisation)")
    ax.set_xlim(left=0)
    ax.xaxis.set_major_locator(MaxNLocator(6))
