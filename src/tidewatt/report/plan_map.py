"""Where a plan adds chargers and where it takes them away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import TwoSlopeNorm
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import offset_copy

from tidewatt.report.stations import _roads, _short
from tidewatt.report.style import COLOURS, blank, new_figure, styled
from tidewatt.report.words import count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tidewatt.configuration.result import Configuration
    from tidewatt.domain.roads import Roads

__all__ = ["changes"]

_NAMED = 18


@styled
def changes(result: Configuration, roads: Roads | None = None) -> Figure:
    """Chargers added and taken away: on a map, and station by station.

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
    """Colour: change of fast chargers; area: charges a day."""
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
    ax.set_title("area: charges a day")
    ax.grid(False)
    ax.set_xticks([])
    ax.set_yticks([])
    for side in ax.spines.values():
        side.set_visible(False)
    ax.legend(loc="lower left", fontsize=8.5, frameon=True, framealpha=0.85, edgecolor="none")


def _ranking(ax: Axes, result: Configuration) -> None:
    """The stations with most charges among those that change: chargers of both kinds, before and after."""
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
