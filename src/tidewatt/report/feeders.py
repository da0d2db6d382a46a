"""Figures of all feeders: which of them need upgrading, and where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from tidewatt.report.style import COLOURS, blank, new_figure, power_scale, rungs_of, styled
from tidewatt.report.words import RUNG_NAMES, count, power

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tidewatt.coordination.result import Coordination
    from tidewatt.domain.arrays import Array

__all__ = ["NEGLIGIBLE_KW", "feeder_ranking"]

_NAMED = 20  # feeders that get a line with their name

# Below this share of a kW an overload is rounding of the solver, not a need.
NEGLIGIBLE_KW = 1e-3


@styled
def feeder_ranking(result: Coordination) -> Figure:
    """Which feeders are overloaded, by how much, under each rung.

    A map where the result knows longitudes and latitudes, otherwise a ranking.

    Parameters
    ----------
    result : Coordination
        Fresh or loaded.

    Returns
    -------
    matplotlib.figure.Figure
        Two axes: two maps, or the worst feeders by name and all feeders ranked.
    """
    first = result.feeders["unmanaged_overload_kw"].to_numpy(float)
    last = result.feeders["coordinated_overload_kw"].to_numpy(float)
    n, m = int((first > NEGLIGIBLE_KW).sum()), int((last > NEGLIGIBLE_KW).sum())
    title = f"{n:,} of {count(len(first), 'feeder')} overloaded when nobody manages charging"
    title += f", {m:,} with mobility-aware charging"
    if not n and not m:
        title = f"None of {count(len(first), 'feeder')} is overloaded, even when nobody manages charging"
    place = _places(result)
    if place is not None:
        return _map(result, title, *place)
    return _ranking(result, title)


def _places(result: Coordination) -> tuple[Array, Array] | None:
    for table in (result.feeders, result.data):
        if "longitude" in table and "latitude" in table:
            x, y = np.asarray(table["longitude"], float), np.asarray(table["latitude"], float)
            if np.isfinite(x).any() and np.isfinite(y).any():
                return x, y
    return None


def _map(result: Coordination, title: str, x: Array, y: Array) -> Figure:
    figure, axes = new_figure(title, 1, 2, sharex=True, sharey=True, figsize=(10.4, 5.4))
    most = max(float(result.feeders["unmanaged_overload_kw"].max()), NEGLIGIBLE_KW)
    for ax, rung in zip(axes[0], ("unmanaged", "coordinated")):
        overload = result.feeders[f"{rung}_overload_kw"].to_numpy(float)
        some = overload > NEGLIGIBLE_KW
        ax.scatter(x[~some], y[~some], s=8, color=COLOURS["base"], label="no overload")
        ax.scatter(
            x[some],
            y[some],
            s=260 * overload[some] / most + 12,
            color=COLOURS[rung],
            alpha=0.65,
            edgecolor="white",
            linewidth=0.6,
            label="overloaded, area by kW",
        )
        total = power(float(overload[some].sum()))
        ax.set_title(f"{RUNG_NAMES[rung]}: {total} over {count(int(some.sum()), 'feeder')}")
        ax.set_xlabel("longitude [°]")
        ax.xaxis.set_major_locator(MaxNLocator(4))
        # A degree of longitude is shorter than one of latitude; keep shapes true at mid-latitude.
        ax.set_aspect(1.0 / max(np.cos(np.deg2rad(float(np.nanmean(y)))), 0.1), adjustable="box")
        ax.legend(loc="best", fontsize=8, markerscale=0.7, frameon=True, framealpha=0.85, edgecolor="none")
    axes[0, 0].set_ylabel("latitude [°]")
    for ax in axes[0]:
        ax.ticklabel_format(useOffset=False)
    return figure


def _ranking(result: Coordination, title: str) -> Figure:
    table = result.feeders.sort_values("unmanaged_overload_kw", ascending=False, kind="stable")
    worst = table[table["unmanaged_overload_kw"] > NEGLIGIBLE_KW].head(_NAMED)
    height = 1.6 + 0.24 * max(len(worst), 12)
    figure, axes = new_figure(title, 1, 2, figsize=(10.4, height), width_ratios=[1.25, 1.0])
    scale, unit = power_scale(table["unmanaged_overload_kw"].to_numpy(float))
    if len(worst):
        _dumbbells(axes[0, 0], worst, rungs_of(result), scale, unit)
    else:
        blank(axes[0, 0], "no feeder is overloaded")
    if 0 < len(worst) < len(table):
        axes[0, 0].set_title(f"the {len(worst)} worst")
    _curves(axes[0, 1], table, rungs_of(result), scale, unit)
    return figure


def _dumbbells(ax: Axes, worst: Any, rungs: list[str], scale: float, unit: str) -> None:
    rows = np.arange(len(worst))[::-1]
    values = np.array([worst[f"{rung}_overload_kw"].to_numpy(float) for rung in rungs]) * scale
    ax.hlines(rows, values.min(0), values.max(0), color=COLOURS["base"], linewidth=2.5)
    for rung, value, size in zip(rungs, values, (70, 42, 20)):
        ax.scatter(value, rows, s=size, color=COLOURS[rung], label=RUNG_NAMES[rung], zorder=3)
    names = [str(name) if len(str(name)) <= 24 else f"{str(name)[:23]}…" for name in worst["feeder_id"]]
    ax.set_yticks(rows, names, fontsize=8)
    ax.set_ylim(-0.7, len(worst) - 0.3)
    ax.set_xlim(left=-0.02 * max(values.max(), 1e-9))
    ax.set_xlabel(f"largest overload in the horizon [{unit}]")
    ax.grid(False, axis="y")
    ax.legend(loc="lower right", fontsize=8.5)


def _curves(ax: Axes, table: Any, rungs: list[str], scale: float, unit: str) -> None:
    rank = np.arange(1, len(table) + 1)
    marker = "o" if len(table) < 15 else None
    shown = 1
    for rung in rungs:
        values = np.sort(table[f"{rung}_overload_kw"].to_numpy(float))[::-1] * scale
        shown = max(shown, int((values > NEGLIGIBLE_KW * scale).sum()))
        ax.plot(rank, values, color=COLOURS[rung], label=RUNG_NAMES[rung], linewidth=2, marker=marker)
    if shown > 60:  # a few feeders carry most of it: let them be seen
        ax.set_xscale("log")
        ax.set_xlim(0.9, 1.1 * shown)
        ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    else:
        ax.set_xlim(0.5, min(shown * 1.08 + 1, len(table) + 0.5))
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    largest = float(table[[f"{rung}_overload_kw" for rung in rungs]].to_numpy(float).max()) * scale
    ax.set_ylim(0, 1.06 * largest if largest > 0 else 1.0)
    ax.set_title("every feeder, ranked within each rung")
    ax.set_xlabel(f"rank (of {count(len(table), 'feeder')})")
    ax.set_ylabel(f"largest overload [{unit}]")
    ax.legend(fontsize=8.5)
