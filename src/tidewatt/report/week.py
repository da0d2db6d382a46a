"""One feeder over the horizon: load by rung against its limit, and its price."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tidewatt.report.feeders import NEGLIGIBLE_KW
from tidewatt.report.style import COLOURS, new_figure, power_scale, rungs_of, styled
from tidewatt.report.words import RUNG_NAMES, power

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tidewatt.coordination.result import Coordination
    from tidewatt.domain.arrays import Array

__all__ = ["default_feeder", "feeder_position", "feeder_week"]


def default_feeder(result: Coordination) -> int:
    """Position of the feeder with the largest unmanaged overload, else the largest unmanaged load."""
    overload = result.feeders["unmanaged_overload_kw"].to_numpy(float)
    if overload.max(initial=0.0) > NEGLIGIBLE_KW:
        return int(overload.argmax())
    return int(np.asarray(result.data["unmanaged_kw"].max("step")).argmax())


def feeder_position(result: Coordination, feeder: Any) -> int:
    """Position of a feeder by its id.

    Raises
    ------
    KeyError
        When the result knows no such feeder.
    """
    found = np.flatnonzero(np.asarray(result.data["feeder"].values).astype(str) == str(feeder))
    if not len(found):
        raise KeyError(f"no feeder {feeder!r} in this result")
    return int(found[0])


@styled
def feeder_week(result: Coordination, feeder: Any = None) -> Figure:
    """One feeder over the horizon: load by rung against its limit, and its price.

    Parameters
    ----------
    result : Coordination
        Fresh or loaded.
    feeder : id, optional
        Which one; by default the feeder with the largest unmanaged overload.

    Returns
    -------
    matplotlib.figure.Figure
        Load [kW] over the price [cost per kW]; beside them, where the horizon is longer than a day and a
        half, the day around the worst step: four axes, else two.

    Raises
    ------
    KeyError
        When the result knows no such feeder.
    """
    data = result.data
    ids = np.asarray(data["feeder"].values)
    at = default_feeder(result) if feeder is None else feeder_position(result, feeder)
    row = result.feeders.iloc[at]
    before, after = float(row["unmanaged_overload_kw"]), float(row["coordinated_overload_kw"])
    if before > NEGLIGIBLE_KW:
        title = f"Feeder {ids[at]}: {power(before)} over its limit when unmanaged, "
        title += (
            f"{power(after)} with mobility-aware charging"
            if after > NEGLIGIBLE_KW
            else "none with mobility-aware charging"
        )
    else:
        title = f"Feeder {ids[at]}: within its limit under every rung"
    time = _edges(np.asarray(data["time"].values))
    one, rungs = data.isel(feeder=at), rungs_of(result)
    closer = time[-1] - time[0] > np.timedelta64(36, "h")
    columns = 2 if closer else 1
    figure, axes = new_figure(
        title,
        2,
        columns,
        sharex="col",
        figsize=(12.4 if closer else 10.4, 6.0),
        height_ratios=[2.6, 1.0],
        width_ratios=[2.3, 1.0][:columns],
    )
    for column in range(columns):
        _loads(axes[0, column], one, rungs, time)
        _prices(axes[1, column], result, at, time)
        _date_axis(axes[1, column], time)
    axes[0, 0].legend(ncols=5, fontsize=8.5, loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.2)
    if axes[1, 0].get_legend_handles_labels()[0]:
        axes[1, 0].legend(
            fontsize=8.5, ncols=2, loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.2
        )
    if closer:
        _come_closer(axes[0, 1], one, rungs, time)
        axes[1, 1].set_ylabel("")
    return figure


def _edges(start: Array) -> Array:
    """Step edges from step starts, so that the last step is drawn in full."""
    step = start[1] - start[0] if len(start) > 1 else np.timedelta64(1, "h")
    return np.append(start, start[-1] + step)


def _held(values: Array) -> Array:
    return np.append(values, values[-1])


def _loads(ax: Axes, one: Any, rungs: list[str], time: Array) -> None:
    known, base, loads, limit = _totals(one, rungs)
    scale, unit = power_scale(np.concatenate([limit, *loads.values()]))
    if known:
        ax.fill_between(
            time,
            _held(base) * scale,
            step="post",
            color=COLOURS["base"],
            alpha=0.55,
            linewidth=0,
            label="load without charging",
        )
    ax.fill_between(
        time,
        _held(base) * scale,
        _held(loads["coordinated"]) * scale,
        step="post",
        color=COLOURS["coordinated"],
        alpha=0.45,
        linewidth=0,
        label=RUNG_NAMES["coordinated"],
    )
    for rung, line in (("unmanaged", "-"), ("session", (0, (4, 1.2)))):
        if rung in loads:
            ax.step(
                time,
                _held(loads[rung]) * scale,
                where="post",
                color=COLOURS[rung],
                linewidth=1.2,
                linestyle=line,
                label=RUNG_NAMES[rung],
            )
    if np.isfinite(limit).any():
        ax.step(
            time,
            _held(limit) * scale,
            where="post",
            color=COLOURS["limit"],
            linewidth=1.6,
            label="rating" if known else "headroom for charging",
        )
    ax.set_ylabel(f"load [{unit}]" if known else f"charging load [{unit}]")
    # The tallest curve decides; a rating far above it would squeeze the week into a stripe.
    top = max(float(load.max()) for load in loads.values()) * scale
    finite = limit[np.isfinite(limit)] * scale
    if finite.size and finite.min() > 3 * top > 0:
        ax.set_title(f"the limit, at least {finite.min():.3g} {unit}, is above the picture")
        ax.set_ylim(0, 1.15 * top)
    low = min(0.0, float(np.nanmin(limit)) * scale if finite.size else 0.0)
    ax.set_ylim(bottom=low)


def _come_closer(ax: Axes, one: Any, rungs: list[str], time: Array) -> None:
    """Show the 24 hours around the unmanaged load's worst step, with the load axis cut to what happens."""
    *_, loads, limit = _totals(one, rungs)
    over = np.where(np.isfinite(limit), loads["unmanaged"] - np.nan_to_num(limit), loads["unmanaged"])
    worst = time[int(over.argmax())]
    day = np.timedelta64(24, "h")
    start = min(max(worst - day // 2, time[0]), time[-1] - day)
    inside = (time[:-1] >= start) & (time[:-1] < start + day)
    scale = power_scale(np.concatenate([limit, *loads.values()]))[0]
    shown = np.concatenate([load[inside] for load in loads.values()] + [limit[inside]]) * scale
    shown = shown[np.isfinite(shown)]
    low, high = float(shown.min()), float(shown.max())
    if 0 < high < 3 * float(np.concatenate([load[inside] for load in loads.values()]).max()) * scale:
        ax.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
    ax.set_xlim(start, start + day)
    ax.set_ylabel("")
    note = "" if low <= 0 else " (axis cut)"
    ax.set_title(f"closer: around the worst step{note}")
    from matplotlib.dates import DateFormatter, HourLocator

    ax.xaxis.set_major_locator(HourLocator(byhour=range(0, 24, 6)))  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_formatter(DateFormatter("%a\n%H:%M"))  # type: ignore[no-untyped-call]


def _totals(one: Any, rungs: list[str]) -> tuple[bool, Array, dict[str, Array], Array]:
    """Whether base load is known; base load, total load by rung and limit [kW], each of shape (steps,)."""
    known = "base_load_kw" in one and bool(np.isfinite(one["base_load_kw"].values).all())
    headroom = np.asarray(one["headroom_kw"].values, float)
    base = np.asarray(one["base_load_kw"].values, float) if known else np.zeros(len(headroom))
    limit = np.where(np.isfinite(headroom), base + headroom, np.nan)
    drawn = [rung for rung in rungs if f"{rung}_kw" in one]
    return known, base, {rung: base + np.asarray(one[f"{rung}_kw"].values, float) for rung in drawn}, limit


def _prices(ax: Axes, result: Coordination, at: int, time: Array) -> None:
    data = result.data
    price = np.asarray(data["price"].isel(feeder=at).values, float)
    ax.fill_between(
        time, _held(price), step="post", color=COLOURS["price"], linewidth=0, label="feeder's own"
    )
    banked = "bank_id" in result.feeders and not bool(result.feeders["bank_id"].isna().iloc[at])
    bank = result.feeders["bank_id"].iloc[at] if banked else None
    peak = price.max(initial=0.0)
    if bank is not None and "bank_price" in data:
        # Ids are compared as they are: 3 equals 3.0 where a table without some banks turned to floats.
        found = [k for k, other in enumerate(data["bank"].values) if other == bank]
        if found:
            above = np.asarray(data["bank_price"].isel(bank=found[0]).values, float)
            ax.fill_between(
                time,
                _held(price),
                _held(price + above),
                step="post",
                color=COLOURS["bank"],
                linewidth=0,
                label=f"bank {data['bank'].values[found[0]]}'s",
            )
            peak = (price + above).max(initial=0.0)
    ax.set_ylabel("price\n[cost per kW]")
    ax.set_ylim(0, 1.08 * peak if peak > 0 else 1.0)
    if peak <= 0:
        ax.text(
            0.5,
            0.5,
            "no price: nothing here sets an upgrade",
            transform=ax.transAxes,
            ha="center",
            va="center",
            color="#555555",
        )


def _date_axis(ax: Axes, time: Array) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, DateFormatter, DayLocator

    days = (time[-1] - time[0]) / np.timedelta64(1, "D")
    if 2 <= days <= 10:
        ax.xaxis.set_major_locator(DayLocator())  # type: ignore[no-untyped-call]
        ax.xaxis.set_major_formatter(DateFormatter("%a %-d %b"))  # type: ignore[no-untyped-call]
    else:
        locator = AutoDateLocator()  # type: ignore[no-untyped-call]
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    ax.set_xlim(time[0], time[-1])
    ax.set_xlabel("local time")
