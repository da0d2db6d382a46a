"""One run of a study for all commands: read, resume, report progress, save, draw and show."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidewatt.cli.console import print_files, print_json, say
from tidewatt.cli.progress import Measure, reporter
from tidewatt.errors import Interrupted, ScenarioWarning, SolveWarning

if TYPE_CHECKING:
    from tidewatt.domain.roads import Roads
    from tidewatt.domain.scenario import Scenario

__all__ = ["carry_out", "conclude", "draw", "earlier_result", "earlier_summary", "has_checkpoint", "read"]

# Often enough that little is lost, seldom enough that writing some hundred MiB does not show.
_CHECKPOINT_EVERY_S = 60.0


def read(folder: Path) -> Scenario:
    """Read a scenario, with progress."""
    from tidewatt.io.scenario.reading import read_scenario

    with reporter() as shown:
        shown.step("reading the scenario")
        return read_scenario(folder)


def has_checkpoint(out: Path) -> bool:
    """Tell whether a result folder holds the checkpoint of an unfinished run."""
    from tidewatt.io.results.specification import CHECKPOINT

    return (out / CHECKPOINT / "state.json").exists()


def earlier_summary(
    out: Path, scenario: Scenario, meets: Callable[[Mapping[str, Any]], bool]
) -> dict[str, Any] | None:
    """Return the summary of the result in a folder if nothing is left to do.

    Parameters
    ----------
    out : Path
        Result folder.
    scenario : Scenario
        The result has to be of it.
    meets : callable
        Whether a summary meets what is asked now. A key that it does not find means no.
    """
    from tidewatt.io.results.specification import CERTIFICATE, SUMMARY

    try:
        figures: dict[str, Any] = json.loads((out / SUMMARY).read_text("utf-8"))
        whole = (out / CERTIFICATE).is_file()
        same = whole and figures["scenario_sha256"] == scenario.sha256()
        return figures if same and meets(figures) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def earlier_result(out: Path, scenario: Scenario, meets: Callable[[Mapping[str, Any]], bool]) -> Any:
    """Return the result in a folder if nothing is left to do, else None; see `earlier_summary`."""
    from tidewatt.io.results import load

    if earlier_summary(out, scenario, meets) is None:
        return None
    say(f"{out}: already done, result kept")
    return load(out)


def carry_out(
    study: Callable[..., Any],
    scenario: Scenario,
    out: Path,
    measure: Measure,
    *,
    name: str,
    scenario_folder: Path | None,
    resume: bool | None = None,
    label: str = "",
    first: str = "",
    notes: bool = False,
    soc: bool = False,
) -> Any:
    """Run a study with progress and, if it supports one, a checkpoint; save the result and return it.

    Parameters
    ----------
    study : callable
        Takes ``progress``, and ``checkpoint`` and ``resume`` where `resume` is given.
    scenario : Scenario
        What is studied.
    out : Path
        Result folder; the checkpoint is kept below it until what was asked for is reached.
    measure : Measure
        What the reports of the study mean.
    name : str
        The study's command, which its checkpoint carries.
    scenario_folder : Path, optional
        Where `verify` finds the scenario.
    resume : bool, optional
        Whether to go on from the checkpoint; None: the study keeps none.
    label : str
        Goes before every line of progress.
    first : str
        What begins before the first report.
    notes : bool
        Whether to say what the study warns of, where its summary does not.
    soc : bool
        Write the state of charge too.

    Raises
    ------
    Interrupted
        With where the checkpoint is.
    """
    from tidewatt.io.checkpoint import FolderCheckpoint
    from tidewatt.io.results import save
    from tidewatt.io.results.specification import CHECKPOINT

    kept = FolderCheckpoint(
        out / CHECKPOINT, _CHECKPOINT_EVERY_S, scenario_sha256=scenario.sha256(), study=name
    )
    checkpoint: dict[str, Any] = {}
    if resume is not None:
        there = has_checkpoint(out)
        if resume and not there:
            say(f"{out} holds no checkpoint: starting from the beginning.")
        elif there and not resume:
            say(f"{out} holds a checkpoint: starting over without it (--resume would continue from it).")
        checkpoint = {"checkpoint": kept, "resume": resume and there}
    try:
        with _said_after(), reporter(measure, label) as shown:
            if first:
                shown.step(first)
            with warnings.catch_warnings():
                if not notes:
                    warnings.simplefilter("ignore", SolveWarning)
                result = study(progress=shown, **checkpoint)
            shown.step("saving")
            save(result, out, scenario_folder=scenario_folder, soc=soc)
    except KeyboardInterrupt:
        if resume is None:
            raise Interrupted("Nothing was written.") from None
        if has_checkpoint(out):
            raise Interrupted(f"The checkpoint in {kept.folder} is kept: add --resume to continue.") from None
        raise Interrupted("No checkpoint had been written yet.") from None
    if resume is not None and result.status.reached:
        kept.clear()
    return result


@contextmanager
def _said_after() -> Iterator[None]:
    """Hold warnings back while progress is shown, and print them afterwards."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", SolveWarning)
        yield
    for each in caught:
        if issubclass(each.category, (SolveWarning, ScenarioWarning)):
            say(f"Note: {each.message}")


def draw(result: Any, out: Path, roads: Roads | None = None) -> list[Path]:
    """Draw the figures of a result into its folder."""
    from tidewatt.report.figures import write_figures

    with reporter() as shown:
        shown.step("drawing")
        return write_figures(result, out / "figures", roads=roads)


def conclude(
    result: Any,
    out: Path,
    show: Callable[[], None],
    *,
    json: bool,
    figures: bool = False,
    roads: Roads | None = None,
    files: Iterable[Path] | None = None,
    hints: Iterable[str] = (),
) -> int:
    """Draw a result, print it, and return the exit status.

    Parameters
    ----------
    result : object
        Of any study.
    out : Path
        Its folder.
    show : callable
        Prints what came out in words.
    json : bool
        Whether to print the summary as JSON instead.
    figures : bool
        Whether to draw.
    roads : Roads, optional
        For maps.
    files : iterable of Path, optional
        What to name as the result; by default its folder.
    hints : iterable of str
        What to do next, a line each.
    """
    pictures = draw(result, out, roads) if figures else []
    if json:
        print_json(result.summary())
    else:
        show()
        print_files({"Result": out if files is None else files, "Pictures": pictures})
        for hint in hints:
            print(hint)
    return 0 if result.status.reached else 3
