"""The verb `configure`: the right chargers at every station."""

from __future__ import annotations

from json import dumps
from json import loads as json_of
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tidewatt.cli.configured import print_comparison, print_verdict
from tidewatt.cli.console import print_json, say
from tidewatt.cli.flags import takes_options
from tidewatt.cli.folders import CHECKPOINT, holds_result, prepared
from tidewatt.cli.options import Json, Switch
from tidewatt.cli.progress import reporter
from tidewatt.cli.searching import Plans
from tidewatt.cli.summary import print_files
from tidewatt.errors import Interrupted
from tidewatt.options.configuration import CONFIGURATION, DAY_OPTIONS, ConfigurationOptions
from tidewatt.options.simulation import SIMULATION, SimulationOptions

if TYPE_CHECKING:
    from tidewatt.configuration.result import Configuration
    from tidewatt.configuration.validation import Asked
    from tidewatt.domain.roads import Roads
    from tidewatt.domain.scenario import Scenario

__all__ = [
    "Plans",
    "configure",
    "done_before",
    "draw_configuration",
    "run_configuration",
    "show_configuration",
]

_CHECKPOINT_EVERY_S = 60.0


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
    from tidewatt.io.scenario.reading import read_scenario

    options, days = options or {}, days or {}
    CONFIGURATION.check(**options)
    SIMULATION.check(**days)
    with prepared(out, ours=holds_result, what="result"):
        with reporter() as shown:
            shown.step("reading the scenario")
            read = read_scenario(scenario)
        result = run_configuration(
            read, out, options, days, coordinated=coordinated, resume=resume, scenario_folder=scenario
        )
    pictures = draw_configuration(result, out, read.roads) if figures else []
    if json:
        print_json(result.summary())
    else:
        show_configuration(result)
        print_files({"Result": out, "Pictures": pictures})
        print(f"To check it: tidewatt verify {out}")
        print(f"To simulate days with the new plan: tidewatt simulate {out / 'scenario'} --out DAYS")
    return 0 if result.status.reached else 3


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
    """Configure with a checkpoint and progress, and save the result.

    Parameters
    ----------
    scenario : Scenario
        What to configure.
    out : Path
        Result folder; the checkpoint of the search is kept below it until the result is whole.
    options : ConfigurationOptions
        Those of the call.
    days : SimulationOptions
        Those of the call for the simulated days.
    coordinated : bool
        Whether to coordinate the charges of both plans.
    resume : bool
        Go on from the checkpoint.
    scenario_folder : Path, optional
        Where `verify` finds the scenario.

    Raises
    ------
    Interrupted
        With where the checkpoint is.
    """
    from tidewatt.configuration.study import configure as run
    from tidewatt.configuration.validation import validated
    from tidewatt.io.checkpoint import FolderCheckpoint
    from tidewatt.io.results import save

    question = validated(scenario, options, days)
    if resume and (before := done_before(out, scenario, question, coordinated=coordinated)) is not None:
        return before
    kept = FolderCheckpoint(out / CHECKPOINT, _CHECKPOINT_EVERY_S, scenario_sha256=scenario.sha256())
    there = (kept.folder / "state.json").exists()
    if resume and not there:
        say(f"{out} holds no checkpoint: starting from the beginning.")
    elif there and not resume:
        say(f"{out} holds a checkpoint: starting anew without it (--resume would go on from it).")
    try:
        with reporter(Plans(question.parameters)) as shown:
            result = run(
                scenario,
                coordinated=coordinated,
                simulation=days,
                progress=shown,
                checkpoint=kept,
                resume=resume and there,
                **options,
            )
            shown.step("saving")
            save(result, out, scenario_folder=scenario_folder)
    except KeyboardInterrupt:
        if (kept.folder / "state.json").exists():
            raise Interrupted(f"The checkpoint in {kept.folder} is kept: add --resume to go on.") from None
        raise Interrupted("No checkpoint was there yet.") from None
    if result.status.reached:
        kept.clear()
    return result


def done_before(out: Path, scenario: Scenario, question: Asked, *, coordinated: bool) -> Configuration | None:
    """The result in the folder, where it answers the same question and nothing is left to do."""
    from tidewatt.io.results import load

    if (out / CHECKPOINT / "state.json").exists() or not (out / "certificate.json").is_file():
        return None
    try:
        figures = json_of((out / "summary.json").read_text("utf-8"))
        same = figures["scenario_sha256"] == scenario.sha256() and figures["status"] == "evaluations"
        same &= (figures["coordinated"] is not None) == coordinated
        for name, asked in (("parameters", question.parameters), ("simulation", question.simulation)):
            told, wanted = figures[name], json_of(dumps(asked), parse_constant=lambda word: None)
            same &= all(told[key] == value for key, value in wanted.items() if key != "threads")
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not same:
        return None
    say(f"{out}: done before, kept")
    kept: Configuration = load(out)
    return kept


def show_configuration(result: Configuration) -> None:
    """Before and after, what changed, which limits bind, and what all rests on, on standard output."""
    print_comparison(result)
    print_verdict(result)


def draw_configuration(result: Configuration, out: Path, roads: Roads | None = None) -> list[Path]:
    """Draw the figures of a result below its folder."""
    from tidewatt.report.figures import write_figures

    with reporter() as shown:
        shown.step("drawing")
        return write_figures(result, out / "figures", roads=roads)
