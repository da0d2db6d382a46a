"""Verbs about results: verify, report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from tidewatt.cli.console import print_json, say
from tidewatt.cli.folders import prepared
from tidewatt.cli.options import Json
from tidewatt.errors import Issue, ScenarioError

__all__ = ["report", "verify"]


def verify(
    result: Path,
    /,
    *,
    scenario: Path | None = None,
    json: Json = False,
) -> int:
    """Derive the certificate of a result anew, from the files alone.

    Recomputes what every vehicle needs and gets, the loads, the upgrade cost and the proved bound, by
    code that shares nothing with the solver. Exit status 0 where all agrees, else 2.

    Parameters
    ----------
    result
        Result folder, as `tidewatt coordinate` writes it.
    scenario
        Folder of the scenario [default: where the result says it was read from].
    """
    from tidewatt.verification import verify as verify_files

    found = verify_files(result, scenario_folder=scenario)
    if json:
        figures: dict[str, Any] = {"result": result, "ok": found.ok}
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

    Upgrade need by rung, map or ranking of feeders, one feeder's week, convergence, and what vehicles
    could still save; of a penetration sweep, cost by adoption.

    Parameters
    ----------
    result
        Result folder, as `tidewatt coordinate` writes it.
    out
        Folder for the pictures; made where it does not exist. Pictures of the same names are replaced.
    feeder
        Id of the feeder whose week is drawn [default: the one with the largest unmanaged overload].
    svg
        Write SVG besides PNG.
    """
    if not result.is_dir():
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
        from tidewatt.cli.sweep import draw_sweep

        return draw_sweep(result / "sweep.csv", out, formats)
    from tidewatt.io.results import load
    from tidewatt.report.figures import write_figures

    loaded = load(result)
    try:
        return write_figures(
            loaded, out, formats=formats, feeder=feeder, told=lambda name: say(f"drawing {name}")
        )
    except KeyError as error:
        raise ScenarioError(
            [Issue("--feeder", "", str(error.args[0]), f"Ids are in {result / 'feeders.parquet'}.")]
        ) from None
