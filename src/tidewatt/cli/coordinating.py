"""The verb `coordinate`: the flexibility ladder with proof."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tidewatt.cli.console import print_json, say
from tidewatt.cli.finished import finished
from tidewatt.cli.flags import takes_options
from tidewatt.cli.folders import CHECKPOINT, holds_result, prepared
from tidewatt.cli.options import Json, Switch
from tidewatt.cli.progress import Gap, reporter
from tidewatt.cli.summary import print_files, print_ladder, print_sentences
from tidewatt.errors import Interrupted
from tidewatt.options.coordination import COORDINATION, CoordinationOptions

if TYPE_CHECKING:
    from tidewatt.coordination.result import Coordination
    from tidewatt.domain.scenario import Scenario

__all__ = ["coordinate", "draw", "show", "solve"]

_CHECKPOINT_EVERY_S = 60.0


@takes_options(COORDINATION)
def coordinate(
    scenario: Path,
    /,
    *,
    out: Path,
    options: CoordinationOptions | None = None,
    adoption: str | None = None,
    resume: Annotated[bool, Switch] = False,
    soc: Annotated[bool, Switch] = False,
    figures: Annotated[bool, Parameter(negative="--no-figures")] = True,
    json: Json = False,
) -> int:
    """Find the most that flexible charging can save in feeder upgrades, with proof.

    Climbs the flexibility ladder on one scenario: unmanaged, session-flexible, mobility-aware. The
    defaults of the options come from the scenario's [coordination] where it has them, else they are as
    given below.

    Parameters
    ----------
    scenario
        Folder of the scenario.
    out
        Folder for the result; made where it does not exist. A result in it is replaced; anything else is
        refused.
    adoption
        Penetration sweep FROM:TO:STEP as shares of vehicles that are electric, 0..1, for example
        0.1:0.9:0.1, or shares separated by commas: a result folder each, sweep.csv and a figure. The
        scenario has to say how its vehicles were sampled [default: no sweep].
    resume
        Go on from the checkpoint in the result folder; what is done is kept.
    soc
        Write soc.parquet too: the state of charge (0..1) at every arrival and departure.
    figures
        Draw the figures into RESULT/figures.
    """
    from tidewatt.io.scenario.reading import read_scenario

    options = options or {}
    COORDINATION.check(**options)
    shares = None
    if adoption is not None:
        from tidewatt.cli.sweep import parse_adoption

        shares = parse_adoption(adoption)
    with prepared(out, ours=holds_result, what="result"):
        with reporter() as shown:
            shown.step("reading the scenario")
            read = read_scenario(scenario)
        if shares is not None:
            from tidewatt.cli.sweep import run_sweep

            return run_sweep(read, out, shares, options, resume=resume, soc=soc, figures=figures, json=json)
        kept = _kept(read, out, options, soc=soc) if resume else None
        result = kept or solve(read, out, options, resume=resume, scenario_folder=scenario, soc=soc)
    pictures = draw(result, out) if figures else []
    if json:
        print_json(result.summary())
    else:
        show(result, COORDINATION.resolve(read.parameters, **options)["relative_gap"])
        print_files({"Result": out, "Pictures": pictures})
        print(f"To check the proof: tidewatt verify {out}")
    return 0 if result.status.reached else 3


def _kept(scenario: Scenario, out: Path, options: CoordinationOptions, *, soc: bool) -> Coordination | None:
    """The result in the folder, where nothing is left to do."""
    from tidewatt.io.results import load

    if finished(out, scenario, COORDINATION.resolve(scenario.parameters, **options)) is None:
        return None
    if soc and not (out / "soc.parquet").exists():
        return None
    say(f"{out}: done before, kept")
    loaded: Coordination = load(out)
    return loaded


def solve(
    scenario: Scenario,
    out: Path,
    options: CoordinationOptions,
    *,
    resume: bool = False,
    scenario_folder: Path | None = None,
    soc: bool = False,
    label: str = "",
) -> Coordination:
    """Coordinate with a checkpoint and progress, and save the result.

    Parameters
    ----------
    scenario : Scenario
        What to coordinate.
    out : Path
        Result folder; the checkpoint is kept below it until the asked gap is proved.
    options : CoordinationOptions
        Those of the call.
    resume : bool
        Go on from the checkpoint.
    scenario_folder : Path, optional
        Where `verify` finds the scenario.
    soc : bool
        Write the state of charge too.
    label : str
        Goes before every line of progress.

    Raises
    ------
    Interrupted
        With where the checkpoint is.
    """
    from tidewatt.coordination.study import coordinate as run
    from tidewatt.io.checkpoint import FolderCheckpoint
    from tidewatt.io.results import save

    target = COORDINATION.resolve(scenario.parameters, **options)["relative_gap"]
    kept = FolderCheckpoint(out / CHECKPOINT, _CHECKPOINT_EVERY_S, scenario_sha256=scenario.sha256())
    there = (kept.folder / "state.json").exists()
    if resume and not there:
        say(f"{out} holds no checkpoint: starting from the beginning.")
    elif there and not resume:
        say(f"{out} holds a checkpoint: starting anew without it (--resume would go on from it).")
    try:
        with reporter(Gap(target), label) as shown:
            result = run(scenario, **options, progress=shown, checkpoint=kept, resume=resume and there)
            shown.step("saving")
            save(result, out, scenario_folder=scenario_folder, soc=soc)
    except KeyboardInterrupt:
        if (kept.folder / "state.json").exists():
            raise Interrupted(f"The checkpoint in {kept.folder} is kept: add --resume to go on.") from None
        raise Interrupted("No checkpoint was there yet.") from None
    if result.status.reached:
        kept.clear()
    return result


def show(result: Coordination, relative_gap: float) -> None:
    """The ladder and what it means, on standard output."""
    print_ladder(result)
    print_sentences(result, relative_gap)


def draw(result: Coordination, out: Path) -> list[Path]:
    """Draw the figures of a result below its folder."""
    from tidewatt.report.figures import write_figures

    with reporter() as shown:
        shown.step("drawing")
        return write_figures(result, out / "figures")
