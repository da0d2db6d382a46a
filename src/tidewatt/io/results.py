"""Results of every study as folders of files, and back."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidewatt.errors import TidewattError
from tidewatt.io.result_files import CERTIFICATE, FORMAT, absent_files, read_json

if TYPE_CHECKING:
    from tidewatt.assignment.result import Equilibrium
    from tidewatt.configuration.result import Configuration
    from tidewatt.coordination.result import Coordination
    from tidewatt.simulation.result import Simulation
    from tidewatt.tariffs.result import Tariffs

    Result = Coordination | Simulation | Equilibrium | Configuration | Tariffs

__all__ = ["load", "save"]

# Which module here saves and loads a kind of result, by the name of its class in small letters; each offers
# ``save(result, folder, scenario_folder=..., **more)`` and ``load(folder, certificate)``. Certificates name
# their kind; those without one are of `coordinate`.
_ROOMS = {
    "coordination": "coordinations",
    "simulation": "simulations",
    "equilibrium": "equilibria",
    "configuration": "configurations",
    "tariffs": "tariffs",
}


def save(
    result: Result,
    folder: str | os.PathLike[str],
    *,
    scenario_folder: str | os.PathLike[str] | None = None,
    soc: bool = False,
) -> Path:
    """Write a result as a folder of files that `tidewatt verify` can check.

    A result that stands there already is replaced; until every new file is complete it stays as it
    is. ``certificate.json`` comes last: a folder without it was not saved to the end.

    Parameters
    ----------
    result : Coordination, Simulation, Equilibrium, Configuration or Tariffs
        What a study returned.
    folder : path
        Where to write; made where it is missing.
    scenario_folder : path, optional
        The scenario's own folder, so that `verify` finds it. Where there is none, the scenario is written
        below the result, into ``scenario``.
    soc : bool
        Whether to write ``soc.parquet`` of a coordination: the state of charge at every arrival and
        departure.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    OutputError
        Where the disk refuses.
    TidewattError
        Where the result lacks what the files need (a loaded result has no
        schedules or itineraries in memory: copy its folder instead).
    """
    kind = type(result).__name__.lower()
    if kind not in _ROOMS:
        raise TidewattError(f"{type(result).__name__} is no result of a study: give what a study returned.")
    more = {"soc": soc} if kind == "coordination" else {}
    written: Path = _room(kind).save(result, Path(folder), scenario_folder=scenario_folder, **more)
    return written


def load(folder: str | os.PathLike[str]) -> Any:
    """Read a result folder; what is large is read on demand.

    Nothing is proved by reading: `tidewatt verify` does that.

    Returns
    -------
    Coordination, Simulation, Equilibrium, Configuration or Tariffs

    Raises
    ------
    TidewattError
        Where files are missing, damaged or of another version; the text names them.
    """
    here = Path(folder)
    certificate = read_json(here / CERTIFICATE)
    kind = certificate.get("kind", "coordination")
    if certificate.get("format") != FORMAT or kind not in _ROOMS:
        what = "" if kind in _ROOMS else f" of kind {kind!r}"
        raise TidewattError(
            f"{here / CERTIFICATE}: format {certificate.get('format')!r}{what}; "
            f"this version reads format {FORMAT}. "
            "Run the study again, or use the version of tidewatt that wrote it."
        )
    try:
        absent = absent_files(here, certificate)
        if absent:
            raise TidewattError(f"{here}: {', '.join(absent)} missing. Run the study again.")
        return _room(kind).load(here, certificate)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TidewattError(
            f"{here}: damaged or of another version ({error}). Run `tidewatt verify` on it to see what "
            "does not match, or run the study again."
        ) from error


def _room(kind: str) -> Any:
    return import_module(f"tidewatt.io.{_ROOMS[kind]}")
