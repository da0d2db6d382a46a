"""The verb `simulate`: days of driving, deciding, queueing and charging."""

from __future__ import annotations

from json import dumps
from json import loads as json_of
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tidewatt.cli.console import print_json, say
from tidewatt.cli.flags import takes_options
from tidewatt.cli.folders import CHECKPOINT, holds_result, prepared
from tidewatt.cli.options import Json, Switch
from tidewatt.cli.progress import Days, reporter
from tidewatt.cli.simulated import print_days, print_findings
from tidewatt.cli.summary import print_files
from tidewatt.errors import Interrupted
from tidewatt.options.simulation import SIMULATION, SimulationOptions, days_drawn

if TYPE_CHECKING:
    from tidewatt.domain.roads import Roads
    from tidewatt.domain.scenario import Scenario
    from tidewatt.simulation.result import Simulation
    from tidewatt.synthesis.diary import Diary

__all__ = ["done_before", "draw_simulation", "run_simulation", "show_simulation", "simulate"]

_CHECKPOINT_EVERY_S = 60.0


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
    from tidewatt.io.scenario.reading import read_scenario

    options = options or {}
    SIMULATION.check(**options)
    with prepared(out, ours=holds_result, what="result"):
        with reporter() as shown:
            shown.step("reading the scenario")
            read = read_scenario(scenario)
            chains = _chains(diary, read)
        parameters = SIMULATION.resolve(read.parameters, **options)
        kept = done_before(out, read, parameters) if resume and chains is None else None
        result = kept or run_simulation(
            read, out, options, parameters, diary=chains, resume=resume, scenario_folder=scenario
        )
    pictures = draw_simulation(result, out, read.roads) if figures else []
    if json:
        print_json(result.summary())
    else:
        show_simulation(result, parameters)
        print_files({"Result": out, "Pictures": pictures})
        print(f"To check it: tidewatt verify {out}")
        print(f"To manage the charging: tidewatt coordinate {out / 'itineraries'} --out COORDINATED")
    return 0 if result.status.reached else 3


def done_before(out: Path, scenario: Scenario, parameters: SimulationOptions) -> Simulation | None:
    """The result in the folder, where it is of the same days and nothing is left to do."""
    from tidewatt.io.results import load

    if (out / CHECKPOINT / "state.json").exists() or not (out / "certificate.json").is_file():
        return None
    try:
        figures = json_of((out / "summary.json").read_text("utf-8"))
        same = figures["scenario_sha256"] == scenario.sha256() and figures["day_chains"] == "statistics"
        days = days_drawn(parameters)
        same &= {name: figures["parameters"][name] for name in days} == json_of(dumps(days))
        same &= figures["statistic"] == parameters["statistic"]
        few = figures["replications"] < parameters["replications"]
        enough = figures["stop_rule"] == "tolerance" and figures["beta"] <= parameters["tolerance"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not same or (few and not enough):
        return None
    say(f"{out}: done before, kept")
    kept: Simulation = load(out)
    return kept


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
    label: str = "",
) -> Simulation:
    """Simulate with a checkpoint and progress, and save the result.

    Parameters
    ----------
    scenario : Scenario
        Where to simulate.
    out : Path
        Result folder; the checkpoint is kept below it until replications or tolerance end the run.
    options : SimulationOptions
        Those of the call.
    parameters : SimulationOptions
        What comes of them and of the scenario.
    diary : Diary, optional
        Day chains.
    resume : bool
        Go on from the checkpoint.
    scenario_folder : Path, optional
        Where `verify` finds the scenario.
    label : str
        Goes before every line of progress.

    Raises
    ------
    Interrupted
        With where the checkpoint is.
    """
    from tidewatt.io.checkpoint import FolderCheckpoint
    from tidewatt.io.results import save
    from tidewatt.simulation.study import simulate as run

    kept = FolderCheckpoint(out / CHECKPOINT, _CHECKPOINT_EVERY_S, scenario_sha256=scenario.sha256())
    there = (kept.folder / "state.json").exists()
    if resume and not there:
        say(f"{out} holds no checkpoint: starting from the beginning.")
    elif there and not resume:
        say(f"{out} holds a checkpoint: starting anew without it (--resume would go on from it).")
    measure = Days(parameters["replications"], parameters["tolerance"], parameters["time_limit_s"])
    try:
        with reporter(measure, label) as shown:
            result = run(
                scenario, **options, diary=diary, progress=shown, checkpoint=kept, resume=resume and there
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


def show_simulation(result: Simulation, parameters: SimulationOptions) -> None:
    """What a day is like, which rule ended the run, and what was checked, on standard output."""
    print_days(result)
    print_findings(result, parameters)


def draw_simulation(result: Simulation, out: Path, roads: Roads | None = None) -> list[Path]:
    """Draw the figures of a result below its folder."""
    from tidewatt.report.figures import write_figures

    with reporter() as shown:
        shown.step("drawing")
        return write_figures(result, out / "figures", roads=roads)
