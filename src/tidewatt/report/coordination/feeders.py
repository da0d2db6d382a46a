"""Draw which feeders need upgrading and where they are, and one feeder over the horizon."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from tidewatt.report.coordination.conclusions import named
from tidewatt.report.style import COLOURS, blank, new_figure, power_scale, rungs_of, styled
from tidewatt.report.words import RUNG_NAMES, count, power

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tidewatt.coordination.result import Coordination
    from tidewatt.domain.arrays import Array

__all__ = ["NEGLIGIBLE_KW", "default_feeder", "feeder_position", "feeder_ranking", "feeder_week"]

_NAMED = 20  # feeders that get a line with their name

# Below this share of a kW an overload is rounding of the solver, not a need.
NEGLIGIBLE_KW = 1e-3


@styled
def feeder_ranking(result: Coordination) -> Figure:
    """Draw which feeders are overloaded, and by how much, under each rung.

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
    if len(result.banks):
        over = [
            int((result.banks[f"{rung}_overload_kw"] > NEGLIGIBLE_KW).sum())
            for rung in ("unmanaged", "coordinated")
        ]
        title += f"; banks: {over[0]:,} of {len(result.banks):,}, then {over[1]:,}"
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
    both = pd.concat(
        [
            frame.assign(label=[named(row, kind) for row in frame.to_dict("records")])
            for kind, frame in (("feeder", result.feeders), ("bank", result.banks))
            if len(frame)
        ]
    ).sort_values("unmanaged_overload_kw", ascending=False, kind="stable")
    worst = both[both["unmanaged_overload_kw"] > NEGLIGIBLE_KW].head(_NAMED)
    height = 1.6 + 0.24 * max(len(worst), 12)
    figure, axes = new_figure(title, 1, 2, figsize=(10.4, height), width_ratios=[1.25, 1.0])
    scale, unit = power_scale(table["unmanaged_overload_kw"].to_numpy(float))
    if len(worst):
        _dumbbells(axes[0, 0], worst, rungs_of(result), scale, unit)
    else:
        blank(axes[0, 0], "nothing is overloaded")
    if 0 < len(worst) < len(both):
        axes[0, 0].set_title(f"the {len(worst)} worst")
    _curves(axes[0, 1], table, rungs_of(result), scale, unit)
    return figure


def _dumbbells(ax: Axes, worst: Any, rungs: list[str], scale: float, unit: str) -> None:
    rows = np.arange(len(worst))[::-1]
    values = np.array([worst[f"{rung}_overload_kw"].to_numpy(float) for rung in rungs]) * scale
    ax.hlines(rows, values.min(0), values.max(0), color=COLOURS["base"], linewidth=2.5)
    for rung, value, size in zip(rungs, values, (70, 42, 20)):
        ax.scatter(value, rows, s=size, color=COLOURS[rung], label=RUNG_NAMES[rung], zorder=3)
    names = [str(name) if len(str(name)) <= 24 else f"{str(name)[:23]}…" for name in worst["label"]]
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


def default_feeder(result: Coordination) -> int:
    """Return the index of the feeder with the largest unmanaged overload, else the largest unmanaged load."""
    overload = result.feeders["unmanaged_overload_kw"].to_numpy(float)
    if overload.max(initial=0.0) > NEGLIGIBLE_KW:
        return int(overload.argmax())
    return int(np.asarray(result.data["unmanaged_kw"].max("step")).argmax())


def feeder_position(result: Coordination, feeder: Any) -> int:
    """Return the index of a feeder from its id.

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
    """Draw one feeder over the horizon: load by rung against its limit, and its price.

    Parameters
    ----------
    result : Coordination
        Fresh or loaded.
    feeder : id, optional
        Which one; by default the feeder with the largest unmanaged overload.

    Returns
    -------
    matplotlib.figure.Figure
        Load [kW] over the price [cost per kW, in the currency where there is one]; beside them, where the
        horizon is longer than a day and a half, the day around the worst step: four axes, else two.

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
    name = named({"feeder_id": ids[at], "name": row.get("name")}, "feeder")
    name = name[:1].upper() + name[1:]
    if before > NEGLIGIBLE_KW:
        title = f"{name}: {power(before)} over its limit when unmanaged, "
        title += (
            f"{power(after)} with mobility-aware charging"
            if after > NEGLIGIBLE_KW
            else "none with mobility-aware charging"
        )
    elif all(float(row[f"{rung}_overload_kw"]) <= NEGLIGIBLE_KW for rung in rungs_of(result)):
        title = f"{name}: within its limit under every rung"
    else:  # load that was moved here from feeders that are worse off
        title = (
            f"{name}: within its limit when unmanaged, {power(after)} over it with mobility-aware charging"
        )
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
    """Return step edges from step starts, so that the last step is drawn in full."""
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
    """Zoom in on the 24 hours around the worst step of unmanaged load, and crop the load axis."""
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
    ax.set_title(f"close-up of the worst step{note}")
    from matplotlib.dates import DateFormatter, HourLocator

    ax.xaxis.set_major_locator(HourLocator(byhour=range(0, 24, 6)))  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_formatter(DateFormatter("%a\n%H:%M"))  # type: ignore[no-untyped-call]


def _totals(one: Any, rungs: list[str]) -> tuple[bool, Array, dict[str, Array], Array]:
    """Return whether base load is known; base load, total load by rung and limit [kW], each (steps,)."""
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
                label=f"bank {data['bank'].to_numpy()[found[0]]}'s",
            )
            peak = (price + above).max(initial=0.0)
    ax.set_ylabel(f"price\n[{data['price'].attrs.get('units', 'cost per kW')}]")
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


def _weekday(day: datetime) -> str:
    """Return a date like ``Mon 3 Mar``; Windows has no format code for a day without leading zero."""
    return f"{day:%a} {day.day} {day:%b}"


def _date_axis(ax: Axes, time: Array) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, DayLocator, num2date

    days = (time[-1] - time[0]) / np.timedelta64(1, "D")
    if 2 <= days <= 10:
        ax.xaxis.set_major_locator(DayLocator())  # type: ignore[no-untyped-call]
        ax.xaxis.set_major_formatter(lambda day, _: _weekday(num2date(day)))  # type: ignore[no-untyped-call]
    else:
        locator = AutoDateLocator()  # type: ignore[no-untyped-call]
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    ax.set_xlim(time[0], time[-1])
    ax.set_xlabel("local time")
