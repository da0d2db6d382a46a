"""The verb `simulate`: days of driving, deciding, queueing and charging."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from json import dumps
from json import loads as json_of
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from tidewatt.cli.console import say
from tidewatt.cli.flags import takes_options
from tidewatt.cli.folders import holds_result, prepared
from tidewatt.cli.options import Json, Switch
from tidewatt.cli.progress import Days
from tidewatt.cli.run import carry_out, conclude, earlier_result, has_checkpoint, read
from tidewatt.cli.simulated import print_days, print_findings
from tidewatt.options.simulation import SIMULATION, SimulationOptions, days_drawn

if TYPE_CHECKING:
    from tidewatt.domain.scenario import Scenario
    from tidewatt.simulation.result import Simulation
    from tidewatt.synthesis.diary import Diary

__all__ = ["run_simulation", "show_simulation", "simulate"]


@takes_options(SIMULATION)
def simulate(
    scenario: Path,
    /,
    *,
    out: Path,
    options: SimulationOptions | None = None,
    diary: Path | None = None,
    resume: Annotated[bool, Switch] = False,
    figures: Annotated[bool, Parameter(negative="--no-figures")] = True,
    json: Json = False,
) -> int:
    """Simulate days of electric vehicles: they drive, run low, choose a station, queue and charge.

    Replications of the day (or of several days) follow until one of two rules ends them. The defaults of
    the options come from the scenario's [simulation] where it has them, else they are as given below. Needs
    roads, vehicle types and stations.

    Parameters
    ----------
    scenario
        Folder of the scenario.
    out
        Folder for the result; made where it does not exist. A result in it is replaced; anything else is
        refused.
    diary
        Trip diary to draw day chains from, as `tidewatt import itineraries` reads it [default: embedded
        statistics].
    resume
        Go on from the checkpoint in the result folder.
    figures
        Draw the figures into RESULT/figures.
    """
    options = options or {}
    SIMULATION.check(**options)
    with prepared(out, ours=holds_result, what="result"):
        given = read(scenario)
        chains = _chains(diary, given)
        parameters = SIMULATION.resolve(given.parameters, **options)

        def enough(figures: Mapping[str, Any]) -> bool:
            return not has_checkpoint(out) and _meets(figures, parameters)

        kept = earlier_result(out, given, enough) if resume and chains is None else None
        result = kept or run_simulation(
            given, out, options, parameters, diary=chains, resume=resume, scenario_folder=scenario
        )
    return conclude(
        result,
        out,
        lambda: show_simulation(result, parameters),
        json=json,
        figures=figures,
        roads=given.roads,
        hints=[
            f"To check it: tidewatt verify {out}",
            f"To manage the charging: tidewatt coordinate {out / 'itineraries'} --out COORDINATED",
        ],
    )


def _meets(figures: Mapping[str, Any], parameters: SimulationOptions) -> bool:
    """Tell whether a summary is of the same days, and of enough of them."""
    days = days_drawn(parameters)
    same = figures["day_chains"] == "statistics" and figures["statistic"] == parameters["statistic"]
    same &= {name: figures["parameters"][name] for name in days} == json_of(dumps(days))
    if figures["replications"] >= parameters["replications"]:
        return bool(same)
    return bool(same and figures["stop_rule"] == "tolerance" and figures["beta"] <= parameters["tolerance"])


def _chains(file: Path | None, scenario: Scenario) -> Diary | None:
    """The diary's day chains, and what could not be used of it."""
    if file is None:
        return None
    from tidewatt.io.importers.travel.itineraries import import_diary

    diary, report = import_diary(file, start=scenario.horizon.start)
    for line in report.lines():
        say(line)
    return diary


def run_simulation(
    scenario: Scenario,
    out: Path,
    options: SimulationOptions,
    parameters: SimulationOptions,
    *,
    diary: Diary | None = None,
    resume: bool = False,
    scenario_folder: Path | None = None,
) -> Simulation:
    """Simulate with a checkpoint and progress, and save the result; see `carry_out`.

    Parameters
    ----------
    scenario : Scenario
    out : Path
    options : SimulationOptions
        Those of the call.
    parameters : SimulationOptions
        What comes of them and of the scenario.
    diary : Diary, optional
        Day chains.
    resume : bool
    scenario_folder : Path, optional
    """
    from tidewatt.simulation.study import simulate as study

    result: Simulation = carry_out(
        partial(study, scenario, diary=diary, **options),
        scenario,
        out,
        Days(parameters["replications"], parameters["tolerance"], parameters["time_limit_s"]),
        scenario_folder=scenario_folder,
        resume=resume,
    )
    return result


def show_simulation(result: Simulation, parameters: SimulationOptions) -> None:
    """What a day is like, which rule ended the run, and what was checked, on standard output."""
    print_days(result)
    print_findings(result, parameters)
