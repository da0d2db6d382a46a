"""Scenarios from trip diaries: days to synthesise from, or whole weeks as they were driven."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.grid import Grid
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.scenario import Scenario
from tidewatt.errors import Issue, ScenarioError
from tidewatt.io.importers.diary_formats import RawDiary, recognise
from tidewatt.io.importers.diary_rows import SoundRows, judge
from tidewatt.io.importers.driven_weeks import lay_driven
from tidewatt.io.importers.fleet import FleetSize, check_options, places_of, populate
from tidewatt.io.importers.report import ImportReport
from tidewatt.io.importers.tabular import read_table
from tidewatt.synthesis.diary import Diary
from tidewatt.synthesis.habits import Habits
from tidewatt.synthesis.places import FeederPlaces

__all__ = ["import_diary", "import_itineraries"]

_DAY_MIN = 1440.0
_ONE_DAY_MIN = 1800.0  # a diary day may end 6 h after midnight
_NIGHT_MIN = 180.0  # a day of travel begins at 3 h


def import_diary(
    file: Path | str, *, invalid: Literal["drop", "error"] = "drop", start: datetime | None = None
) -> tuple[Diary, ImportReport]:
    """Read a trip diary as day chains for the synthesis.

    Parameters
    ----------
    file : path
        CSV (also gzipped or xz) or Parquet, one row a trip, in tidewatt's own, VISTA's or NHTS's
        column names.
    invalid : {"drop", "error"}
        Leave impossible rows out and report them, or raise with all of them.
    start : datetime, optional
        Local time of minute 0 where the table covers several days; default: a Monday.

    Returns
    -------
    Diary, ImportReport

    Raises
    ------
    ScenarioError
        The file cannot be read or understood, or no row is usable.
    """
    path = Path(file)
    raw, sound = _read(path, invalid)
    diary = _chains(raw, sound.order, start)
    return diary, ImportReport(path.name, _counts(raw, sound, diary), _trips(sound))


def import_itineraries(
    file: Path | str,
    *,
    grid: Grid,
    horizon: Horizon,
    mode: Literal["auto", "days", "weeks"] = "auto",
    places: FeederPlaces | None = None,
    vehicles: int | None = None,
    represent: float | None = None,
    adoption: float = 1.0,
    invalid: Literal["drop", "error"] = "drop",
    seed: int = 0,
    habits: Habits | None = None,
    name: str | None = None,
) -> tuple[Scenario, ImportReport]:
    """Put the drivers of a trip diary on a grid.

    Parameters
    ----------
    file : path
        As for `import_diary`.
    grid, horizon : Grid, Horizon
        Where and when they charge.
    mode : {"auto", "days", "weeks"}
        ``"days"``: chains of the diary are drawn for `vehicles` synthetic vehicles. ``"weeks"``: every
        vehicle of the table drives exactly its rows, whose times are minutes since the start of the
        horizon. ``"auto"``: weeks where the table is in tidewatt's form and covers more than a day.
    places : FeederPlaces or None
        Weights of homes, workplaces and public places by feeder; None: homes by customers where the
        grid says them, else by rating, workplaces by rating.
    vehicles : int or None
        Vehicles to synthesise from days; None: as many as the diary has drivers.
    represent : float or None
        Real electric vehicles in all; None: the vehicles, or the sum of their weights.
    adoption : float
        Share of vehicles that are electric, recorded with the scenario.
    invalid, seed, habits, name
        As elsewhere.

    Returns
    -------
    Scenario, ImportReport

    Raises
    ------
    ScenarioError
        Everything wrong with options or rows, at once.
    """
    path, habits = Path(file), habits or Habits()
    issues = check_options(
        adoption=adoption, vehicles=vehicles, represent=represent, missing="drop", seed=seed
    )
    if mode not in ("auto", "days", "weeks"):
        issues.append(Issue("options", "mode", f"{mode!r} given", "Give auto, days or weeks"))
    if grid.headroom_kw.shape[1] != horizon.steps:
        issues.append(
            Issue(
                "options",
                "horizon",
                f"{horizon.steps} steps, the grid has {grid.headroom_kw.shape[1]}",
                "Give the horizon of the grid's headroom",
            )
        )
    try:
        raw, sound = _read(path, invalid)
    except ScenarioError as error:
        raise ScenarioError([*issues, *error.issues]) from error
    if issues:
        raise ScenarioError(issues)
    places = places or _places(grid, habits)
    own = raw.format == "tidewatt"
    long = bool(raw.arrive_min[sound.order].max() > _ONE_DAY_MIN)
    label = name or path.name.split(".")[0]
    if mode == "weeks" or (mode == "auto" and own and long):
        return _weeks(path, raw, sound, grid, horizon, places, represent, adoption, seed, habits, label)
    diary = _chains(raw, sound.order, horizon.start)
    drivers = vehicles or len(np.unique(raw.person[sound.order]))
    electric = represent or float(drivers)
    size = FleetSize(electric / adoption, electric, drivers, electric / drivers)
    scenario = populate(
        label,
        grid,
        horizon,
        places,
        size,
        seed=seed,
        habits=habits,
        diary=diary,
        sampling={"adoption": adoption, "method": "day chains drawn from a diary", "source": path.name},
    )
    counts = _counts(raw, sound, diary) | {"vehicles": drivers}
    sentence = "homes, workplaces, chargers and batteries are drawn; trips are drawn from the diary's days"
    return scenario, ImportReport(path.name, counts, _trips(sound), {}, (sentence,))


def _read(path: Path, invalid: Literal["drop", "error"]) -> tuple[RawDiary, SoundRows]:
    if invalid not in ("drop", "error"):
        raise ScenarioError([Issue("options", "invalid", f"{invalid!r} given", "Give drop or error")])
    raw = recognise(path, read_table(path))
    return raw, judge(path, raw, invalid)


def _chains(raw: RawDiary, order: Array, start: datetime | None) -> Diary:
    """Day chains; a table of several days is cut at 3 h in the night."""
    depart, arrive, person = raw.depart_min[order], raw.arrive_min[order], raw.person[order]
    weekend = raw.weekend[order]
    if raw.format == "tidewatt" and arrive.max() > _ONE_DAY_MIN:
        clock = 60.0 * start.hour + start.minute if start else 0.0
        day = np.floor((depart + clock - _NIGHT_MIN) / _DAY_MIN)
        depart, arrive = (t + clock - day * _DAY_MIN for t in (depart, arrive))
        person = np.asarray([f"{who}/{int(d)}" for who, d in zip(person, day)], object)
        if not raw.says_weekend:
            weekend = ((start.weekday() if start else 0) + day) % 7 >= 5
    return Diary(
        person, depart, arrive, raw.distance_km[order], raw.purpose[order], weekend, raw.weight[order]
    )


def _counts(raw: RawDiary, sound: SoundRows, diary: Diary) -> dict[str, float]:
    ends = np.append(diary.person[1:] != diary.person[:-1], True)
    return {
        "rows": len(raw.row) + raw.not_driven,
        "rows_not_by_a_driver": raw.not_driven,
        "driver_trips": len(raw.row),
        "trips": len(sound.order),
        "persons": len(np.unique(raw.person[sound.order])),
        "chains": int(ends.sum()),
        # Such a chain gets a way home in the synthesis.
        "chains_not_ending_at_home": int((diary.purpose[ends] != 0).sum()),
    }


def _trips(sound: SoundRows) -> dict[str, tuple[str, ...]]:
    return {f"trips {reason}": rows for reason, rows in sound.dropped.items()}


def _places(grid: Grid, habits: Habits) -> FeederPlaces:
    rating = np.where(np.isfinite(grid.rating_kw), grid.rating_kw, 0.0)
    customers = np.nan_to_num(np.asarray(grid.attributes.get("customers", np.zeros(grid.feeders)), float))
    even = np.ones(grid.feeders)
    homes = customers if customers.sum() > 0 else rating if rating.sum() > 0 else even
    return places_of(homes, rating if rating.sum() > 0 else homes, habits)


def _weeks(
    path: Path,
    raw: RawDiary,
    sound: SoundRows,
    grid: Grid,
    horizon: Horizon,
    places: FeederPlaces,
    represent: float | None,
    adoption: float,
    seed: int,
    habits: Habits,
    label: str,
) -> tuple[Scenario, ImportReport]:
    order = sound.order
    outside = (raw.depart_min[order] < 0) | (raw.arrive_min[order] > horizon.minutes)
    dropped = _trips(sound)
    if outside.any():
        dropped["trips outside the horizon"] = tuple(f"row {n}" for n in np.sort(raw.row[order[outside]]))
        order = order[~outside]
    if not len(order):
        raise ScenarioError(
            [
                Issue(
                    path.name,
                    "depart_min",
                    f"no trip lies within 0..{horizon.minutes:g} minutes",
                    "Give times in minutes since the start of the horizon",
                )
            ]
        )
    fleet, dwells, trips = lay_driven(raw, order, horizon, places, habits, seed, represent)
    electric = float(fleet.weight.sum())
    sampling = {
        "adoption": adoption,
        "vehicles_total": electric / adoption,
        "seed": seed,
        "source": path.name,
        "method": "every vehicle of the table drives its own trips",
    }
    counts = _counts(raw, sound, _chains(raw, order, horizon.start))
    counts |= {"trips": len(order), "vehicles": len(fleet)}
    sentence = "homes, workplaces, chargers and batteries are drawn; trips are the table's own"
    return (
        Scenario(label, horizon, fleet, dwells, trips, grid, sampling=sampling),
        ImportReport(path.name, counts, dropped, {}, (sentence,)),
    )
