"""The command ``import``: one subcommand per source."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from tidewatt.cli.flags import Json, Overwrite
from tidewatt.cli.folders import new_scenario
from tidewatt.cli.importing_filings import itineraries, pge_gna, pge_ica
from tidewatt.cli.importing_grids import matpower, opendss, pandapower
from tidewatt.cli.importing_roads import gmns, osm, tntp
from tidewatt.cli.importing_stations import stations
from tidewatt.cli.progress import reporter
from tidewatt.cli.scenarios import hand_over
from tidewatt.errors import TidewattError
from tidewatt.plugins import IMPORTERS, Plugin, plugins

__all__ = ["add_importers", "importing"]

importing = App(
    name="import",
    help="Turn filings, trip diaries, road networks, station lists or distribution networks into a scenario.",
)
importing.command(pge_gna, name="pge-gna")
importing.command(pge_ica, name="pge-ica")
importing.command(itineraries)
importing.command(tntp)
importing.command(gmns)
importing.command(osm)
importing.command(stations)
importing.command(matpower)
importing.command(pandapower)
importing.command(opendss)

_BUILT_IN = frozenset(name for name in importing if not name.startswith("-"))
_ADDED: set[str] = set()


def add_importers(asked: str = "") -> None:
    """Give `import` a subcommand for each installed plugin.

    Parameters
    ----------
    asked : str
        The command that is about to run; where it is one of tidewatt's own, no plugin is imported.

    Raises
    ------
    TidewattError
        Two importers have the same name.
    """
    found = plugins(IMPORTERS, _BUILT_IN)
    for name in _ADDED:
        del importing[name]
    _ADDED.clear()
    if asked in _BUILT_IN:
        return
    for name, plugin in found.items():
        importing.command(_command(plugin), name=name)
        _ADDED.add(name)


def _command(plugin: Plugin) -> Callable[..., None]:
    """Return the command of a plugin; if the plugin cannot be loaded, its command says why when run."""
    try:
        read = plugin.load()
        signature = _signature(read)
    except TidewattError as error:
        reason = error
    except (TypeError, ValueError) as error:
        reason = plugin.failure("cannot be turned into a command", error)
    else:

        def run(*args: Any, out: Path, overwrite: bool = False, json: bool = False, **given: Any) -> None:
            with new_scenario(out, overwrite):
                with reporter() as shown:
                    shown.step(f"importing with {plugin.package}")
                    scenario, report = _read(plugin, read, args, given)
                hand_over(scenario, report, out, json, "coordinate" if scenario.roads is None else "simulate")

        run.__doc__ = inspect.getdoc(read)
        run.__signature__ = signature  # type: ignore[attr-defined]
        run.__annotations__ = {name: option.annotation for name, option in signature.parameters.items()}
        return run

    def refuse(*words: Annotated[str, Parameter(allow_leading_hyphen=True)]) -> None:
        raise reason

    refuse.__doc__ = f"Cannot be used: {reason}."
    return refuse


def _signature(read: Callable[..., Any]) -> inspect.Signature:
    """Return the signature of a plugin's function, extended by the options that every import has."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    folder = Annotated[Path, Parameter(help="Folder for the new scenario.")]
    every = [
        inspect.Parameter("out", keyword, annotation=folder),
        inspect.Parameter("overwrite", keyword, annotation=Overwrite, default=False),
        inspect.Parameter("json", keyword, annotation=Json, default=False),
    ]
    own = inspect.signature(read, eval_str=True)
    return inspect.Signature([*own.parameters.values(), *every])


def _read(plugin: Plugin, read: Callable[..., Any], args: tuple[Any, ...], given: dict[str, Any]) -> Any:
    """Run a plugin's function, and check that it returns a scenario and a report."""
    from tidewatt.domain.scenario import Scenario
    from tidewatt.io.importers.report import ImportReport

    try:
        scenario, report = read(*args, **given)
        if not (isinstance(scenario, Scenario) and isinstance(report, ImportReport)):
            raise TypeError("it must return a Scenario and an ImportReport")
    except (TidewattError, OSError):
        raise
    except Exception as error:  # whatever another package's code raises
        raise plugin.failure("failed", error) from error
    return scenario, report
