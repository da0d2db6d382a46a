"""Commands on results: verify, report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from tidewatt.cli.console import print_json, say
from tidewatt.cli.flags import Json
from tidewatt.cli.folders import prepared
from tidewatt.errors import Issue, ScenarioError, TidewattError

if TYPE_CHECKING:
    from tidewatt.domain.roads import Roads

__all__ = ["report", "verify"]


def verify(
    result: Path,
    /,
    *,
    scenario: Path | None = None,
    json: Json = False,
) -> int:
    """Re-derive what a result claims, from its files alone.

    Of a coordination: what every vehicle needs and gets, the loads, the upgrade cost and the proved bound. Of
    a simulation: that charges obey prices, powers and queues, and that all series and figures follow from
    them. Of an equilibrium: flows, times and the gap. Of a configuration: limits, retrofit costs, and that
    costs, objective and intervals follow from the fresh days. Of tariffs: that the plan can be driven, worst
    cases keep all limits, and tariffs and the bound follow from the duals. By code that shares nothing with
    the studies. Exit status 0 where all agrees, else 2.

    Parameters
    ----------
    result
        Result folder, as `tidewatt coordinate`, `simulate`, `configure`, `tariff` or `assign` writes it.
    scenario
        Folder of the scenario [default: where the result says it was read from].
    """
    import tidewatt

    found = tidewatt.verify(result, scenario_folder=scenario)
    if json:
        figures: dict[str, Any] = {"result": result, "ok": found.ok}
        if not found.derived:
            figures |= {"upgrade_cost": found.upgrade_cost, "lower_bound_cost": found.lower_bound_cost}
        print_json(figures | {"text": found.text()})
    else:
        print(found.text())
    return 0 if found.ok else 2


def report(
    result: Path,
    /,
    *,
    out: Path,
    feeder: str | None = None,
    svg: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    json: Json = False,
) -> None:
    """Draw the figures of a result into a folder.

    Of a coordination: upgrade need by rung, map or ranking of feeders, one feeder's week, convergence, and
    what vehicles could still save; of a penetration sweep, cost by adoption. Of a simulation: load and queues
    over the day, map of stations, waits, what the fleet does, and speeds. Of a configuration: the search,
    queue and load before and after, and which stations change. Of tariffs: prices by site and step, lines
    with limits and margins, sites over the day, outcomes, and cost over gamma.

    Parameters
    ----------
    result
        Result folder, as `tidewatt coordinate`, `simulate`, `configure` or `tariff` writes it.
    out
        Folder for the pictures; made where it does not exist. Pictures of the same names are replaced.
    feeder
        Id of the feeder whose week is drawn, of a coordination [default: the one with the largest unmanaged
        overload].
    svg
        Write SVG besides PNG.
    """
    from tidewatt.io.replacement import settled

    if not settled(result).is_dir():
        raise ScenarioError([Issue("RESULT", "", f"{result} is not a folder", "Name a result folder.")])
    formats = ("png", "svg") if svg else ("png",)
    with prepared(out, ours=lambda folder: True, what="pictures"):
        written = _drawn(result, out, feeder, formats)
    if json:
        print_json({"result": result, "figures": written})
    else:
        for path in written:
            print(path)


def _drawn(result: Path, out: Path, feeder: str | None, formats: tuple[str, ...]) -> list[Path]:
    if (result / "sweep.csv").is_file():
        from tidewatt.cli.coordination import draw_sweep

        return draw_sweep(result / "sweep.csv", out, formats)
    from tidewatt.io.results import load
    from tidewatt.report.figures import write_figures

    loaded = load(result)
    roads = None
    if type(loaded).__name__ in ("Simulation", "Configuration"):
        roads = _roads_of(result, loaded.run.scenario_sha256)
    try:
        written = write_figures(
            loaded,
            out,
            formats=formats,
            feeder=feeder,
            roads=roads,
            told=lambda name: say(f"drawing {name}"),
        )
    except KeyError as error:
        raise ScenarioError(
            [Issue("--feeder", "", str(error.args[0]), f"Ids are in {result / 'feeders.parquet'}.")]
        ) from None
    if not written:
        problem = f"tidewatt draws no pictures of this kind of result ({type(loaded).__name__})"
        raise ScenarioError([Issue("RESULT", "", problem, f"Its figures are in {result / 'summary.json'}.")])
    return written


def _roads_of(result: Path, sha256: str) -> Roads | None:
    """Return the simulated roads, if they can still be found."""
    from tidewatt.io.results.folder import scenario_places
    from tidewatt.io.scenario.reading import read_scenario

    for place in scenario_places(result):
        if not (place / "scenario.toml").is_file():
            continue
        try:
            scenario = read_scenario(place)
        except TidewattError:
            continue
        if scenario.sha256() == sha256:
            return scenario.roads
    say("The scenario has moved or changed, so the figures are drawn without its roads.")
    return None
