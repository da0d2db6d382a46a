"""The command `assign`: the static user equilibrium of roads and trips."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tidewatt.cli.console import wrapped
from tidewatt.cli.flags import Json, takes_options
from tidewatt.cli.folders import holds_result, prepared
from tidewatt.cli.progress import Gap
from tidewatt.cli.run import carry_out, conclude, read
from tidewatt.options.assignment import ASSIGNMENT, AssignmentOptions
from tidewatt.report.words import amount, count

if TYPE_CHECKING:
    from tidewatt.assignment.result import Equilibrium
    from tidewatt.result import Progress

__all__ = ["assign"]


class _Rounds(Gap):
    """Reports of `assign`: the gap falls, by several orders of magnitude, to the one asked for."""

    def words(self, report: Progress, *, short: bool = False) -> tuple[str, str]:
        """Return the rounds of shortest paths so far; objective, gap and number of paths."""
        gap = f"gap {report.gap:.1e}"
        more = f", {report.note}" if report.note else ""
        rounds = f"round {report.iteration:,}" if report.iteration else ""
        return rounds, gap if short else f"objective {amount(report.primal, 8)}, {gap}{more}"


@takes_options(ASSIGNMENT)
def assign(
    scenario: Path,
    /,
    *,
    out: Path,
    options: AssignmentOptions | None = None,
    json: Json = False,
) -> int:
    """Find link flows at which no driver has a cheaper path: the static user equilibrium.

    Cost is travel time by flow plus toll and length as the scenario's [roads] weighs them. The defaults of
    the options come from the scenario's [assign] where it has them, else they are as given below. Needs
    roads and demand, such as `tidewatt import tntp` or `import gmns` write.

    Parameters
    ----------
    scenario
        Folder of the scenario.
    out
        Folder for the result; made where it does not exist. A result of this study in it is replaced as a
        whole; anything else is refused.
    """
    from tidewatt.assignment.study import assign as study
    from tidewatt.io.results.folder import specification

    options = options or {}
    ASSIGNMENT.check(**options)
    with prepared(out, ours=holds_result, what="result", study="assign"):
        given = read(scenario)
        gap = ASSIGNMENT.resolve(given.parameters, **options)["relative_gap"]
        result = carry_out(
            partial(study, given, **options),
            given,
            out,
            _Rounds(gap),
            name="assign",
            scenario_folder=scenario,
            notes=True,
        )
        return conclude(
            result,
            out,
            lambda: _show(result, gap),
            json=json,
            files=[out / file.name for file in specification("equilibrium").files if file.attribute],
            hints=[f"To check it: tidewatt verify {out}"],
        )


def _show(result: Equilibrium, relative_gap: float) -> None:
    """Print the result."""
    f = result.figures
    moved = f["demand_trips"] - f["intrazonal_trips"]
    said = [
        f"{f['scenario']}: {amount(moved, 6)} trips of {count(f['pairs'], 'OD pair')} on "
        f"{count(f['links'], 'link')}, {f['period_h']:g} h.",
        f"{'Equilibrium' if result.status.reached else 'Not reached'}: relative gap {f['relative_gap']:.2g} "
        f"(target: {relative_gap:g}) after {count(f['iterations'], 'iteration')}; objective "
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
