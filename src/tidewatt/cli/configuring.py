"""The verb `configure`: the right chargers at every station."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from json import dumps
from json import loads as json_of
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from tidewatt.cli.configured import print_comparison, print_verdict
from tidewatt.cli.flags import takes_options
from tidewatt.cli.folders import holds_result, prepared
from tidewatt.cli.options import Json, Switch
from tidewatt.cli.run import carry_out, conclude, earlier_result, has_checkpoint, read
from tidewatt.cli.searching import Plans
from tidewatt.options.configuration import CONFIGURATION, DAY_OPTIONS, ConfigurationOptions
from tidewatt.options.simulation import SIMULATION, SimulationOptions

if TYPE_CHECKING:
    from tidewatt.configuration.result import Configuration
    from tidewatt.configuration.validation import Asked
    from tidewatt.domain.scenario import Scenario

__all__ = ["configure", "run_configuration", "show_configuration"]


@takes_options(CONFIGURATION)
@takes_options(SIMULATION, "days", only=DAY_OPTIONS, group="The simulated days")
def configure(
    scenario: Path,
    /,
    *,
    out: Path,
    options: ConfigurationOptions | None = None,
    days: SimulationOptions | None = None,
    coordinated: Annotated[bool, Switch] = False,
    resume: Annotated[bool, Switch] = False,
    figures: Annotated[bool, Parameter(negative="--no-figures")] = True,
    json: Json = False,
) -> int:
    """Find how many fast and normal chargers every station should have, given how drivers react.

    Plans are judged on replayed days by what they cost stations, drivers, grid and traffic, within the limits
    of sites, feeders and budget; the best one is simulated in full on fresh days beside what is installed.
    The defaults of the options come from the scenario's [configuration] ([simulation] for the days), else
    they are as given below. Needs roads and stations with prices.

    Parameters
    ----------
    scenario
        Folder of the scenario.
    out
        Folder for the result; made where it does not exist. A result in it is replaced; anything else is
        refused.
    coordinated
        Judge both plans under coordinated charging too.
    resume
        Go on from the checkpoint in the result folder.
    figures
        Draw the figures into RESULT/figures.
    """
    options, days = options or {}, days or {}
    CONFIGURATION.check(**options)
    SIMULATION.check(**days)
    with prepared(out, ours=holds_result, what="result"):
        given = read(scenario)
        result = run_configuration(
            given, out, options, days, coordinated=coordinated, resume=resume, scenario_folder=scenario
        )
    return conclude(
        result,
        out,
        lambda: show_configuration(result),
        json=json,
        figures=figures,
        roads=given.roads,
        hints=[
            f"To check it: tidewatt verify {out}",
            f"To simulate days with the new plan: tidewatt simulate {out / 'scenario'} --out DAYS",
        ],
    )


def run_configuration(
    scenario: Scenario,
    out: Path,
    options: ConfigurationOptions,
    days: SimulationOptions,
    *,
    coordinated: bool = False,
    resume: bool = False,
    scenario_folder: Path | None = None,
) -> Configuration:
    """Configure with a checkpoint and progress, and save the result; see `carry_out`.

    Parameters
    ----------
    scenario : Scenario
    out : Path
    options : ConfigurationOptions
        Those of the call.
    days : SimulationOptions
        Those of the call for the simulated days.
    coordinated : bool
        Whether to coordinate the charges of both plans.
    resume : bool
        Keep a result that answers the same question, or go on from the checkpoint.
    scenario_folder : Path, optional
    """
    from tidewatt.configuration.study import configure as study
    from tidewatt.configuration.validation import validated

    question = validated(scenario, options, days)

    def enough(figures: Mapping[str, Any]) -> bool:
        return not has_checkpoint(out) and _meets(figures, question, coordinated=coordinated)

    result: Configuration | None = earlier_result(out, scenario, enough) if resume else None
    return result or carry_out(
        partial(study, scenario, coordinated=coordinated, simulation=days, **options),
        scenario,
        out,
        Plans(question.parameters),
        scenario_folder=scenario_folder,
        resume=resume,
    )


def _meets(figures: Mapping[str, Any], question: Asked, *, coordinated: bool) -> bool:
    """Tell whether a summary answers the same question."""
    same = figures["status"] == "evaluations" and (figures["coordinated"] is not None) == coordinated
    for name, asked in (("parameters", question.parameters), ("simulation", question.simulation)):
        found, wanted = figures[name], json_of(dumps(asked), parse_constant=lambda word: None)
        same &= all(found[key] == value for key, value in wanted.items() if key != "threads")
    return same


def show_configuration(result: Configuration) -> None:
    """Before and after, what changed, which limits bind, and what all rests on, on standard output."""
    print_comparison(result)
    print_verdict(result)
