"""What all figures share: colours, names, scaled units, and saving to disk."""

from __future__ import annotations

import functools
import os
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from tidewatt.report.words import RUNG_NAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tidewatt.coordination.result import Coordination
    from tidewatt.domain.arrays import Array

__all__ = [
    "COLOURS",
    "FORMATS",
    "blank",
    "cost_axis",
    "cost_scale",
    "new_figure",
    "power_scale",
    "rungs_of",
    "save_figure",
    "styled",
]

P = ParamSpec("P")

# Okabe and Ito's palette: told apart with the common kinds of colour blindness and in grey print.
COLOURS = {
    "unmanaged": "#D55E00",
    "session": "#E69F00",
    "coordinated": "#0072B2",
    "base": "#BBBBBB",
    "limit": "#000000",
    "price": "#CC79A7",
    "bank": "#009E73",
}
"""Colour of each rung and of what stands beside them."""

FORMATS = ("png", "svg")
"""Picture formats that can be written."""

_STYLE: Any = {
    "font.size": 9.5,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "svg.hashsalt": "tidewatt",
}


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Let a drawing function use this module's style, whatever the caller's settings are."""

    @functools.wraps(draw)
    def within(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with rc_context(_STYLE):
            return draw(*args, **kwargs)

    return within


def new_figure(title: str, rows: int, columns: int, **layout: Any) -> tuple[Figure, Array]:
    """Return a figure with its finding as the title, and its axes as an array of shape (rows, columns)."""
    size = layout.pop("figsize", (4.6 * columns + 0.6, 3.6 * rows + 0.6))
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False, **layout)
    figure.suptitle(_wrapped(title, size[0]), fontsize=12, fontweight="bold", x=0.01, ha="left")
    return figure, axes


def _wrapped(title: str, width_in: float) -> str:
    return "\n".join(textwrap.wrap(title, int(width_in * 8.6)))


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Write a figure at 150 dpi; the file appears complete or not at all."""
    path = Path(path)
    kind = path.suffix.lstrip(".").lower()
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    metadata = {"Date": None} if kind == "svg" else None
    try:
        with rc_context(_STYLE):
            figure.savefig(part, format=kind, dpi=150, metadata=metadata)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def power_scale(values: Iterable[float] | Array) -> tuple[float, str]:
    """Return the factor and unit in which powers given in kW read best."""
    finite = np.abs(np.asarray(values, dtype=float).ravel())
    finite = finite[np.isfinite(finite)]
    largest = float(finite.max()) if finite.size else 0.0
    for factor, unit in ((1e-6, "GW"), (1e-3, "MW")):
        if largest * factor >= 2.0:
            return factor, unit
    return 1.0, "kW"


def cost_scale(values: Iterable[float] | Array, unit: str) -> tuple[float, str]:
    """Return the factor and axis label with which costs in `unit` read best."""
    if unit == "kW":
        factor, unit = power_scale(values)
        return factor, f"upgrade cost [{unit}]"
    finite = np.abs(np.asarray(values, dtype=float).ravel())
    finite = finite[np.isfinite(finite)]
    largest = float(finite.max()) if finite.size else 0.0
    of = unit or "the scenario's money"
    for factor, many in ((1e-9, "billions"), (1e-6, "millions")):
        if largest * factor >= 2.0:
            return factor, f"upgrade cost [{many} of {of}]"
    return 1.0, f"upgrade cost [{of}]"


def cost_axis(ax: Axes) -> None:
    """Write the numbers of a y axis in full, with separators."""
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:,.10g}"))


def rungs_of(result: Coordination) -> list[str]:
    """Return the rungs that a result holds, lowest first."""
    return [rung for rung in RUNG_NAMES if f"{rung}_overload_kw" in result.feeders.columns]


def blank(axes: Axes, sentence: str) -> None:
    """Say in the middle of axes why there is nothing to draw."""
    axes.grid(False)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.text(0.5, 0.5, sentence, transform=axes.transAxes, ha="center", va="center", color="#555555")
