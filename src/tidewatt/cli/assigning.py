"""The verb `assign`: the static user equilibrium of roads and trips."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from tidewatt.cli.console import print_json, say, wrapped
from tidewatt.cli.folders import holds_result, prepared
from tidewatt.cli.options import Json
from tidewatt.cli.progress import Gap, reporter
from tidewatt.cli.summary import print_files
from tidewatt.errors import Interrupted, SolveWarning
from tidewatt.report.words import amount, count

if TYPE_CHECKING:
    from tidewatt.assignment.result import Equilibrium
    from tidewatt.result import Progress

__all__ = ["assign"]

_FILES = ("summary.json", "links.parquet", "history.csv")


class _Rounds(Gap):
    """Reports of `assign`: the gap falls, by many decades, to the one asked."""

    def words(self, report: Progress, *, short: bool = False) -> tuple[str, str]:
        """Rounds of shortest paths; objective, gap and paths."""
        gap = f"gap {report.gap:.1e}"
        more = f", {report.note}" if report.note else ""
        rounds = f"round {report.iteration:,}" if report.iteration else ""
        return rounds, gap if short else f"objective {amount(report.primal, 8)}, {gap}{more}"


def assign(
    scenario: Path,
    /,
    *,
    out: Path,
    relative_gap: float = 1e-6,
    method: Literal["gradient-projection", "biconjugate-frank-wolfe"] = "gradient-projection",
    time_limit_s: float | None = None,
    max_iterations: int = 10_000,
    start_min: float | None = None,
    threads: Annotated[int, Parameter(show_default=False)] = 0,
    json: Json = False,
) -> int:
    """Find link flows under which no driver has a cheaper path: the static user equilibrium.

    Cost is travel time by flow plus toll and length as the scenario's [roads] weighs them. Needs roads and
    demand, such as `tidewatt import tntp` or `import gmns` write.

    Parameters
    ----------
    scenario
        Folder of the scenario.
    out
        Folder for the result; made where it does not exist. A result in it is replaced; anything else is
        refused.
    relative_gap
        Stop when what all drivers together could save on the cheapest paths is at most this fraction of
        their cost, 0..1.
    method
        gradient-projection (over paths, exact to rounding) or biconjugate-frank-wolfe (over links, little
        memory, slow below a gap of 1e-4).
    time_limit_s
        Stop after so many seconds [default: no limit].
    max_iterations
        Stop after so many rounds of shortest paths.
    start_min
        Take the trips whose window starts at this minute of the day [default: the trips without a window].
    threads
        Worker threads; they do not change the result [default: one a processor].
    """
    from tidewatt.assignment.study import assign as run
    from tidewatt.io.results import save
    from tidewatt.io.scenario.reading import read_scenario

    with prepared(out, ours=holds_result, what="result"):
        try:
            with reporter(_Rounds(relative_gap)) as shown, warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", SolveWarning)
                shown.step("reading the scenario")
                read = read_scenario(scenario)
                result = run(
                    read,
                    relative_gap=relative_gap,
                    max_iterations=max_iterations,
                    time_limit_s=math.inf if time_limit_s is None else time_limit_s,
                    method=method,
                    start_min=start_min,
                    threads=threads,
                    progress=shown,
                )
                shown.step("saving")
                save(result, out, scenario_folder=scenario)
        except KeyboardInterrupt:
            raise Interrupted("Nothing was written.") from None
    for each in caught:
        if issubclass(each.category, SolveWarning):
            say(f"Note: {each.message}")
    if json:
        print_json(result.summary())
    else:
        _show(result, relative_gap)
        print_files({"Result": [out / name for name in _FILES]})
        print(f"To check it: tidewatt verify {out}")
    return 0 if result.status.reached else 3


def _show(result: Equilibrium, relative_gap: float) -> None:
    """What came out, on standard output."""
    f = result.figures
    moved = f["demand_trips"] - f["intrazonal_trips"]
    said = [
        f"{f['scenario']}: {amount(moved, 6)} trips of {count(f['pairs'], 'OD pair')} on "
        f"{count(f['links'], 'link')}, {f['period_h']:g} h.",
        f"{'Equilibrium' if result.status.reached else 'Not reached'}: relative gap {f['relative_gap']:.2g} "
        f"(asked: {relative_gap:g}) after {count(f['iterations'], 'iteration')}; objective "
        f"{f['objective']:.12g}.",
        f"A trip takes {amount(f['mean_travel_time_min'], 4)} min over "
        f"{amount(f['mean_distance_km'], 4)} km on average.",
    ]
    if f["intrazonal_trips"] > 0:
        inside = amount(f["intrazonal_trips"], 6)
        said.append(f"{inside} further trips stay within their zone and use no link.")
    print()
    for sentence in said:
        print(wrapped(sentence))
