"""Imports of distribution networks: matpower, pandapower, opendss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from tidewatt.cli.flags import Json, Overwrite, Switch
from tidewatt.cli.folders import new_scenario
from tidewatt.cli.progress import reporter
from tidewatt.cli.scenarios import hand_over

if TYPE_CHECKING:
    from tidewatt.domain.scenario import Scenario
    from tidewatt.io.importers.grids.network_choices import NetworkChoices
    from tidewatt.io.importers.report import ImportReport

__all__ = ["matpower", "opendss", "pandapower"]


@dataclass(frozen=True, slots=True)
class Choices:
    """What network files do not say.

    Parameters
    ----------
    steps
        Number of steps, from a Monday at midnight.
    step_min
        Length of a step in minutes.
    load_shape
        Loads over the day: flat (the file's figure in every step) or residential (the file's figure is the
        peak of an embedded day shape).
    solar_shape
        Solar plants over the day: flat, or clear-sky (the file's figure is that of noon, daylight 6 to 18 h).
    plants
        Kind of the plants whose kind the file does not tell.
    half_width
        By which share of their power loads and plants may be off: 0.1 for 10 %.
    limit_kw
        Limit in kW of lines whose file gives none [default: they have none].
    voltage_min
        Least voltage in per unit at every bus but the slack [default: the file's, else 0.9].
    voltage_max
        Most voltage in per unit, likewise [default: the file's, else 1.1].
    rating_factor
        By which ratings in kVA become limits in kW: a power factor, or above 1 where overloads are allowed.
    """

    steps: int = 96
    step_min: float = 15.0
    load_shape: Literal["flat", "residential"] = "flat"
    solar_shape: Literal["flat", "clear-sky"] = "flat"
    plants: Literal["solar", "wind"] = "solar"
    half_width: float = 0.1
    limit_kw: float | None = None
    voltage_min: float | None = None
    voltage_max: float | None = None
    rating_factor: float = 1.0


Chosen = Annotated[Choices, Parameter(name="*")]


def matpower(
    file: Path,
    /,
    *,
    out: Path,
    per_phase: Annotated[bool, Switch] = False,
    choices: Chosen = Choices(),
    name: str | None = None,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Import buses, lines and injections of a MATPOWER case (.m, version 2).

    Statements at the file's end that convert units are applied; any that is not understood is an error.
    Branches out of service are left out, a rating of 0 is no limit.

    Parameters
    ----------
    file
        The case file.
    out
        Folder for the scenario.
    per_phase
        The file's powers and base voltages are those of one phase: take three times the powers and sqrt(3)
        times the voltages.
    name
        Name of the scenario [default: from the file].
    """
    from tidewatt.io.importers.grids.matpower import import_matpower

    def read(chosen: NetworkChoices) -> tuple[Scenario, ImportReport]:
        return import_matpower(file, choices=chosen, per_phase=per_phase, name=name)

    _import(file, out, choices, overwrite, json, read)


def pandapower(
    file: Path,
    /,
    *,
    out: Path,
    choices: Chosen = Choices(),
    name: str | None = None,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Import buses, lines and injections of a pandapower network (pandapower.to_json).

    Taps are held at their ratio. What an open switch cuts off is left out; line charging, shunts and iron
    losses are taken at 1 per unit.

    Parameters
    ----------
    file
        The JSON file.
    out
        Folder for the scenario.
    name
        Name of the scenario [default: from the file].
    """
    from tidewatt.io.importers.grids.pandapower import import_pandapower

    def read(chosen: NetworkChoices) -> tuple[Scenario, ImportReport]:
        return import_pandapower(file, choices=chosen, name=name)

    _import(file, out, choices, overwrite, json, read)


def opendss(
    file: Path,
    /,
    *,
    out: Path,
    choices: Chosen = Choices(),
    name: str | None = None,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Import buses, lines and injections of an OpenDSS circuit as a balanced positive-sequence network.

    Loads of all phases are added up; voltages are means over phases. Controls do not act: regulators stay at
    the taps of the file, neutral where it gives none. The report says what was approximated.

    Parameters
    ----------
    file
        The master file (.dss); what it redirects to is read as well.
    out
        Folder for the scenario.
    name
        Name of the scenario [default: from the file].
    """
    from tidewatt.io.importers.grids.opendss import import_opendss

    def read(chosen: NetworkChoices) -> tuple[Scenario, ImportReport]:
        return import_opendss(file, choices=chosen, name=name)

    _import(file, out, choices, overwrite, json, read)


def _import(
    file: Path,
    out: Path,
    choices: Choices,
    overwrite: bool,
    json: bool,
    read: Callable[[NetworkChoices], tuple[Scenario, ImportReport]],
) -> None:
    from tidewatt.io.importers.grids.network_choices import NetworkChoices

    given = asdict(choices)
    low, high = given.pop("voltage_min"), given.pop("voltage_max")
    chosen = NetworkChoices(**given, voltage_min_pu=low, voltage_max_pu=high)
    with new_scenario(out, overwrite):
        with reporter() as shown:
            shown.step(f"importing {file.name}")
            scenario, report = read(chosen)
        hand_over(scenario, report, out, json, "assemble")
