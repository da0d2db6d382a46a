"""The verb `simulate`: days of driving, deciding, queueing and charging."""

from __future__ import annotations

from json import dumps
from json import loads as json_of
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from tidewatt.cli.console import print_json, say
from tidewatt.cli.folders import CHECKPOINT, holds_result, prepared
from tidewatt.cli.options import Json, Switch
from tidewatt.cli.progress import Days, reporter
from tidewatt.cli.simulated import print_days, print_findings
from tidewatt.cli.summary import print_files
from tidewatt.errors import Interrupted

if TYPE_CHECKING:
    from tidewatt.domain.roads import Roads
    from tidewatt.domain.scenario import Scenario
    from tidewatt.simulation.parameters import Parameters
    from tidewatt.simulation.result import Simulation
    from tidewatt.synthesis.diary import Diary

__all__ = ["done_before", "draw_simulation", "run_simulation", "show_simulation", "simulate"]

_CHECKPOINT_EVERY_S = 60.0

Statistic = Literal["energy_kwh", "charges", "revenue", "peak_load_kw", "mean_wait_min", "mean_detour_min"]


def simulate(
    scenario: Path,
    /,
    *,
    out: Path,
    vehicles: int | None = None,
    days: int | None = None,
    replications: int | None = None,
    tolerance: float | None = None,
    statistic: Statistic | None = None,
    time_limit_s: float | None = None,
    step_min: float | None = None,
    renew_min: float | None = None,
    choice: Literal["cost", "logit", "regret"] | None = None,
    information: Literal["none", "arrived", "reserved"] | None = None,
    speed_flow: Literal["bpr", "urban"] | None = None,
    feedback: bool | None = None,
    background: float | None = None,
    temperature_c: float | None = None,
    router: Literal["builtin", "pyroutingkit", "dijkstra"] | None = None,
    diary: Path | None = None,
    taper_soc: float | None = None,
    resume: Annotated[bool, Switch] = False,
    threads: int | None = None,
    seed: int | None = None,
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
    vehicles
        Electric vehicles [default: 10,000].
    days
        Days in one replication [default: 1].
    replications
        Stop after so many [default: 1,000].
    tolerance
        Stop when beta, the standard error of the statistic's mean over that mean, is at most this, 0..1
        [default: 5e-4].
    statistic
        What beta watches: a day's value [default: energy_kwh, of charges on the way].
    time_limit_s
        Stop after so many seconds [default: no limit].
    step_min
        Time step, a divisor of --renew-min [default: 1 min].
    renew_min
        How often speeds and routes are renewed, a divisor of a day [default: 15 min].
    choice
        How a station is chosen: least generalised cost, multinomial logit or random regret [default: cost].
    information
        What drivers know of queues: nothing, who is at a station, or also who is on the way
        [default: arrived].
    speed_flow
        Speed from flow: BPR, or the urban model by road class [default: bpr].
    feedback
        Let the vehicles' own flow slow the roads [default: --feedback].
    background
        Scale of the other traffic, which comes from the demand table; 0: empty roads [default: 1].
    temperature_c
        Outside temperature, in degrees Celsius [default: 20].
    router
        Shortest paths; all give the same travel times [default: builtin].
    diary
        Trip diary to draw day chains from, as `tidewatt import itineraries` reads it [default: embedded
        statistics].
    taper_soc
        State of charge (0..1) above which charging power falls; 1: nowhere [default: 1].
    resume
        Go on from the checkpoint in the result folder.
    threads
        Worker threads; they do not change the result [default: one a processor].
    seed
        Seed of every random choice [default: 0].
    figures
        Draw the figures into RESULT/figures.
    """
    from tidewatt.io.scenario.reading import read_scenario
    from tidewatt.simulation.parameters import Parameters

    asked: dict[str, Any] = {
        "vehicles": vehicles,
        "days": days,
        "replications": replications,
        "tolerance": tolerance,
        "statistic": statistic,
        "time_limit_s": time_limit_s,
        "step_min": step_min,
        "renew_min": renew_min,
        "choice": choice,
        "information": information,
        "speed_flow": speed_flow,
        "feedback": feedback,
        "background": background,
        "temperature_c": temperature_c,
        "router": router,
        "taper_soc": taper_soc,
        "threads": threads,
        "seed": seed,
    }
    Parameters.of({}, **asked)
    with prepared(out, ours=holds_result, what="result"):
        with reporter() as shown:
            shown.step("reading the scenario")
            read = read_scenario(scenario)
            chains = _chains(diary, read)
        parameters = Parameters.of(read.parameters.get("simulation", {}), **asked)
        kept = done_before(out, read, parameters) if resume and chains is None else None
        result = kept or run_simulation(
            read, out, asked, parameters, diary=chains, resume=resume, scenario_folder=scenario
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


def done_before(out: Path, scenario: Scenario, parameters: Parameters) -> Simulation | None:
    """The result in the folder, where it is of the same days and nothing is left to do."""
    from tidewatt.io.results import load

    if (out / CHECKPOINT / "state.json").exists() or not (out / "certificate.json").is_file():
        return None
    try:
        figures = json_of((out / "summary.json").read_text("utf-8"))
        same = figures["scenario_sha256"] == scenario.sha256() and figures["day_chains"] == "statistics"
        asked = parameters.days_drawn()
        same &= {name: figures["parameters"][name] for name in asked} == json_of(dumps(asked))
        same &= figures["statistic"] == parameters.statistic
        few = figures["replications"] < parameters.replications
        enough = figures["stop_rule"] == "tolerance" and figures["beta"] <= parameters.tolerance
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
    asked: dict[str, Any],
    parameters: Parameters,
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
    asked : dict
        Parameters of `tidewatt.simulate`; None leaves one to the scenario or its default.
    parameters : Parameters
        What comes of both.
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
    measure = Days(parameters.replications, parameters.tolerance, parameters.time_limit_s)
    try:
        with reporter(measure, label) as shown:
            result = run(
                scenario, **asked, diary=diary, progress=shown, checkpoint=kept, resume=resume and there
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


def show_simulation(result: Simulation, parameters: Parameters) -> None:
    """What a day is like, which rule ended the run, and what was checked, on standard output."""
    print_days(result)
    print_findings(result, parameters)


def draw_simulation(result: Simulation, out: Path, roads: Roads | None = None) -> list[Path]:
    """Draw the figures of a result below its folder."""
    from tidewatt.report.figures import write_figures

    with reporter() as shown:
        shown.step("drawing")
        return write_figures(result, out / "figures", roads=roads)
