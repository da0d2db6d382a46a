"""Imports from utility filings and trip diaries: pge-gna, pge-ica, itineraries."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from tidewatt.cli.console import say
from tidewatt.cli.flags import Json, Overwrite, Seed
from tidewatt.cli.folders import new_scenario
from tidewatt.cli.progress import reporter
from tidewatt.cli.scenarios import hand_over
from tidewatt.errors import Issue, ScenarioError

if TYPE_CHECKING:
    from tidewatt.synthesis.diary import Diary

__all__ = ["itineraries", "pge_gna", "pge_ica"]

Missing = Literal["drop", "impute"]
Several = Parameter(consume_multiple=True, negative="")


def pge_gna(
    file: Path,
    /,
    *,
    out: Path,
    year: int,
    adoption: float,
    divisions: Annotated[list[str] | None, Several] = None,
    vehicles: int | None = None,
    represent: float | None = None,
    missing: Missing = "drop",
    ica: Annotated[list[Path] | None, Several] = None,
    ica_month: int | None = None,
    diary: Path | None = None,
    step_min: float = 15.0,
    upgrade_cost_per_kw: str = "1",
    name: str | None = None,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Import the feeders and banks of PG&E's Grid Needs Assessment, with vehicles synthesised on them.

    Writes a week in January of the year. What the filing withholds, and what was assumed, is reported.

    Parameters
    ----------
    file
        The filing's xlsx, or its bank and feeder table as CSV.
    out
        Folder for the scenario.
    year
        Year of the forecast.
    adoption
        Share of vehicles that are electric, 0..1.
    divisions
        Divisions to keep, for example --divisions "San Francisco" "East Bay" [default: all].
    vehicles
        Vehicles to simulate, each standing for its share of the real ones [default: one each].
    represent
        Real electric vehicles on the kept feeders [default: estimated from customers and adoption].
    missing
        What to do with facilities whose figures are withheld or missing: drop them, or impute.
    ica
        Integration-capacity tables (Parquet or CSV) or folders of such: feeders in them take their load
        shape and customers [default: a stated default shape].
    ica_month
        Month of those shapes, 1..12 [default: each feeder's own peak month].
    diary
        Trip diary (CSV or Parquet) whose days vehicles drive [default: embedded statistics].
    step_min
        Length of a step in minutes.
    upgrade_cost_per_kw
        Cost of a kW of overload, or ddor: by size, from published unit costs.
    name
        Name of the scenario [default: from the file, divisions and year].
    """
    from tidewatt.io.importers.filings.gna import import_gna

    with new_scenario(out, overwrite):
        with reporter() as shown:
            shown.step(f"importing {file.name}")
            scenario, report = import_gna(
                file,
                divisions=divisions or None,
                year=year,
                adoption=adoption,
                vehicles=vehicles,
                represent=represent,
                missing=missing,
                ica=ica or (),
                ica_month=ica_month,
                diary=_day_chains(diary),
                step_min=step_min,
                upgrade_cost_per_kw="ddor" if upgrade_cost_per_kw == "ddor" else _cost(upgrade_cost_per_kw),
                name=name,
                seed=seed,
            )
        hand_over(scenario, report, out, json, "coordinate")


def pge_ica(
    files: Annotated[list[Path], Parameter(required=True)],
    /,
    *,
    out: Path,
    adoption: float,
    capacity: str = "B_md",
    month: int | None = None,
    vehicles: int | None = None,
    represent: float | None = None,
    missing: Missing = "drop",
    diary: Path | None = None,
    year: int = 2027,
    step_min: float = 15.0,
    upgrade_cost_per_kw: float = 1.0,
    name: str | None = None,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Import the feeders of PG&E's Integration Capacity Analysis, with vehicles synthesised on them.

    Headroom is the hosting capacity left, by month and hour; there are no banks and no ratings.

    Parameters
    ----------
    files
        Tables with a row a feeder, month and hour (Parquet or CSV), or folders of such.
    out
        Folder for the scenario.
    adoption
        Share of vehicles that are electric, 0..1.
    capacity
        Column taken as headroom.
    month
        Month of the capacity, 1..12 [default: each feeder's own month of the least mean capacity].
    vehicles
        Vehicles to simulate, each standing for its share of the real ones [default: one each].
    represent
        Real electric vehicles on the kept feeders [default: estimated from customers and adoption].
    missing
        What to do with feeders that lack a capacity in some hour: drop them, or impute.
    diary
        Trip diary (CSV or Parquet) whose days vehicles drive [default: embedded statistics].
    year
        Year of the week.
    step_min
        Length of a step in minutes.
    upgrade_cost_per_kw
        Cost of a kW of overload.
    name
        Name of the scenario [default: from the files].
    """
    from tidewatt.io.importers.filings.ica import import_ica

    with new_scenario(out, overwrite):
        with reporter() as shown:
            shown.step(f"importing {', '.join(file.name for file in files)}")
            scenario, report = import_ica(
                files,
                adoption=adoption,
                capacity=capacity,
                month=month,
                vehicles=vehicles,
                represent=represent,
                missing=missing,
                year=year,
                diary=_day_chains(diary),
                step_min=step_min,
                upgrade_cost_per_kw=upgrade_cost_per_kw,
                name=name,
                seed=seed,
            )
        hand_over(scenario, report, out, json, "coordinate")


def itineraries(
    file: Path,
    /,
    *,
    grid: Path,
    out: Path,
    mode: Literal["auto", "days", "weeks"] = "auto",
    vehicles: int | None = None,
    represent: float | None = None,
    adoption: float = 1.0,
    invalid: Literal["drop", "error"] = "drop",
    name: str | None = None,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Import trip diaries as itineraries on the feeders of an existing scenario.

    One row a trip, with vehicle or person, departure, arrival, distance and purpose; column names of VISTA
    and NHTS are understood.

    Parameters
    ----------
    file
        The diary, CSV or Parquet.
    grid
        Folder of the scenario whose feeders, banks, headroom and time axis are taken.
    out
        Folder for the scenario.
    mode
        days: chains of the diary are drawn for synthetic vehicles; weeks: every vehicle drives exactly its
        rows; auto: weeks where the table is in tidewatt's form and covers more than a day.
    vehicles
        Vehicles to synthesise from days [default: as many as the diary has drivers].
    represent
        Real electric vehicles in all [default: the vehicles, or the sum of their weights].
    adoption
        Share of vehicles that are electric, 0..1, recorded for the penetration sweep.
    invalid
        What to do with rows that cannot be: drop them and say so, or end with an error.
    name
        Name of the scenario [default: from the file].
    """
    from tidewatt.io.importers.travel.itineraries import import_itineraries
    from tidewatt.io.scenario.reading import read_scenario

    with new_scenario(out, overwrite):
        with reporter() as shown:
            shown.step("reading the grid")
            there = read_scenario(grid)
            shown.step(f"importing {file.name}")
            scenario, report = import_itineraries(
                file,
                grid=there.grid,
                horizon=there.horizon,
                mode=mode,
                vehicles=vehicles,
                represent=represent,
                adoption=adoption,
                invalid=invalid,
                name=name,
                seed=seed,
            )
        hand_over(scenario, report, out, json, "coordinate")


def _day_chains(file: Path | None) -> Diary | None:
    if file is None:
        return None
    from tidewatt.io.importers.travel.itineraries import import_diary

    diary, report = import_diary(file)
    for line in report.lines():
        say(line)
    return diary


def _cost(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        issue = Issue("--upgrade-cost-per-kw", "", f"{text!r} given", "Give a cost per kW, or ddor.")
        raise ScenarioError([issue]) from None
