"""Figures of results: one function per figure, each returning a matplotlib Figure.

Every function takes a result, fresh or loaded from files; `write_figures` draws the usual set of its kind
into a folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidewatt.report.configuration.plans import (
    changes,
    load_before_after,
    pareto_front,
    queue_before_after,
    search_progress,
)
from tidewatt.report.coordination.feeders import feeder_position, feeder_ranking, feeder_week
from tidewatt.report.coordination.ladder import convergence, regret, sweep, upgrade_need
from tidewatt.report.simulation.days import fleet_day, load_and_queue, road_speeds, waits
from tidewatt.report.simulation.stations import station_map
from tidewatt.report.style import save_figure
from tidewatt.report.tariffs.limits import line_limits, line_outcomes, voltage_limits, voltages_bind
from tidewatt.report.tariffs.prices import cost_over_gamma, site_day, tariff_map

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tidewatt.configuration.result import Configuration
    from tidewatt.coordination.result import Coordination
    from tidewatt.domain.roads import Roads
    from tidewatt.simulation.result import Simulation
    from tidewatt.tariffs.result import Tariffs

__all__ = [
    "changes",
    "convergence",
    "cost_over_gamma",
    "feeder_ranking",
    "feeder_week",
    "fleet_day",
    "line_limits",
    "line_outcomes",
    "load_and_queue",
    "load_before_after",
    "pareto_front",
    "queue_before_after",
    "regret",
    "road_speeds",
    "save_figure",
    "search_progress",
    "site_day",
    "station_map",
    "sweep",
    "tariff_map",
    "upgrade_need",
    "waits",
    "write_figures",
]


def write_figures(
    result: Coordination | Simulation | Configuration | Tariffs,
    folder: str | Path,
    *,
    formats: Iterable[str] = ("png",),
    feeder: Any = None,
    roads: Roads | None = None,
    told: Callable[[str], None] | None = None,
) -> list[Path]:
    """Draw the figures of a result into a folder, which is created if it does not exist.

    Parameters
    ----------
    result : Coordination, Simulation, Configuration or Tariffs
        Fresh or loaded.
    folder : path
        Where to.
    formats : iterable of str
        Any of ``"png"``, ``"svg"``.
    feeder : id, optional
        Feeder of `feeder_week`; by default the one with the largest unmanaged overload.
    roads : Roads, optional
        Roads that were simulated, which a loaded result does not hold; a fresh one does.
    told : callable, optional
        Told the name of each figure before it is drawn.

    Returns
    -------
    list of Path
        The files, the one to open first at the front; none where results of this kind have no figures.
    """
    draw = _drawers(result, feeder, roads)
    folder = Path(folder)
    if draw:
        folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, make in draw.items():
        if told is not None:
            told(name)
        figure = make()
        written += [save_figure(figure, folder / f"{name}.{kind}") for kind in formats]
    return written


def _drawers(result: Any, feeder: Any, roads: Roads | None) -> Mapping[str, Callable[[], Figure]]:
    """Return the functions that draw the figures of a result, by file name."""
    kind = type(result).__name__
    if kind == "Coordination":
        if feeder is not None:
            feeder_position(result, feeder)  # found out before the first picture is written
        return {
            "upgrade_need": lambda: upgrade_need(result),
            "feeder_ranking": lambda: feeder_ranking(result),
            "feeder_week": lambda: feeder_week(result, feeder),
            "convergence": lambda: convergence(result),
            "regret": lambda: regret(result),
        }
    if kind == "Simulation":
        return {
            "load_and_queue": lambda: load_and_queue(result),
            "station_map": lambda: station_map(result, roads),
            "waits": lambda: waits(result),
            "fleet_day": lambda: fleet_day(result),
            "road_speeds": lambda: road_speeds(result, roads),
        }
    if kind == "Configuration":
        drawn = {
            "convergence": lambda: search_progress(result),
            "queue_before_after": lambda: queue_before_after(result),
            "load_before_after": lambda: load_before_after(result),
            "changes": lambda: changes(result, roads),
        }
        return drawn if result.front is None else drawn | {"front": lambda: pareto_front(result)}
    if kind == "Tariffs":
        drawn = {
            "tariff_map": lambda: tariff_map(result),
            "line_limits": lambda: line_limits(result),
            "site_day": lambda: site_day(result),
        }
        if voltages_bind(result):
            drawn["voltage_limits"] = lambda: voltage_limits(result)
        if len(result.outcomes):
            drawn["line_outcomes"] = lambda: line_outcomes(result)
        return drawn if result.gamma is None else drawn | {"cost_over_gamma": lambda: cost_over_gamma(result)}
    return {}
