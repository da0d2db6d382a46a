"""Figure of voltages under tariffs, beside their limits and margins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tidewatt.report.style import COLOURS, new_figure, styled
from tidewatt.report.tariffs import clock_axis, of_steps, step_edges_min
from tidewatt.report.words import count

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tidewatt.domain.arrays import Array
    from tidewatt.tariffs.result import Tariffs

__all__ = ["voltage_limits", "voltages_bind"]

_MOST_BUSES = 3
_BINDS = 1e-6
"""Duals below this share of the largest are what a solver leaves."""


def voltages_bind(result: Tariffs) -> bool:
    """Whether any limit of voltage sets a price: else there is nothing to draw."""
    return bool(_binding(result.voltages, int(result.figures["steps"]))[1].any())


@styled
def voltage_limits(result: Tariffs) -> Figure:
    """Voltage of the buses whose limits set prices, at the forecast and at worst.

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
    """Buses; by bus and step, whether a limit sets a price, and the duals."""
    import pandas as pd

    assert isinstance(table, pd.DataFrame)
    if not len(table):
        return [], np.zeros((0, steps), bool), np.zeros((0, steps))
    buses, high = of_steps(table, "bus_id", "dual_high", steps)
    dual = np.nan_to_num(high + of_steps(table, "bus_id", "dual_low", steps)[1])
    return buses, dual > _BINDS * max(float(dual.max(initial=0.0)), 1e-9), dual
