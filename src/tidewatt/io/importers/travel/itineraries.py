"""Scenarios from trip diaries: days to synthesise from, or whole weeks as they were driven."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np

from tidewatt.domain.arrays import Array, offsets
from tidewatt.domain.fleet import OFF_GRID, Dwells, Fleet, Trips
from tidewatt.domain.grid import Grid
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.scenario import Scenario
from tidewatt.errors import Issue, ScenarioError
from tidewatt.io.importers.report import ImportReport
from tidewatt.io.importers.tables import read_table
from tidewatt.io.importers.travel.diaries import RawDiary, SoundRows, judge, recognise
from tidewatt.io.importers.vehicles import FleetSize, check_options, places_of, populate
from tidewatt.synthesis.diary import Diary
from tidewatt.synthesis.habits import Habits, pick
from tidewatt.synthesis.places import FeederPlaces

__all__ = ["import_diary", "import_itineraries", "lay_driven"]

_ON_BOARD_KW = 100.0


def lay_driven(
    raw: RawDiary,
    order: Array,
    horizon: Horizon,
    places: FeederPlaces,
    habits: Habits,
    seed: int,
    represent: float | None,
) -> tuple[Fleet, Dwells, Trips]:
    """Make fleet, dwells and trips from the rows in `order`, sorted by owner and departure.

    A vehicle begins at home, dwells after each trip at a place of its purpose, and stays at its last
    place until the horizon ends. Home and workplace are one feeder each, other places are drawn at
    each visit.

    Parameters
    ----------
    raw : RawDiary
        Times are minutes since the start of the horizon.
    order : array of int64
        Rows to use.
    horizon : Horizon
        Time axis.
    places, habits : FeederPlaces, Habits
        Where places are, and who finds a charger.
    seed : int
        Seed of what is drawn.
    represent : float or None
        Real vehicles in all, spread by the rows' weights.
    """
    vehicle_id, owner = np.unique(raw.person[order].astype(str), return_inverse=True)
    n, trips = len(vehicle_id), len(order)
    depart, arrive = raw.depart_min[order], raw.arrive_min[order]
    first = offsets(owner, n)
    where, what, plug = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(3))

    home = np.searchsorted(np.cumsum(places.homes) / places.homes.sum(), where.random(n), side="right")
    home = np.minimum(home, places.feeders - 1)
    work = _drawn(places.choice(places.workplaces, habits.work_distance_km), home, where.random(n))
    work[where.random(n) < places.off_grid_work] = OFF_GRID
    # The dwell before the first trip, then one after each.
    dwell = np.arange(trips) + owner + 1
    vehicle = np.empty(trips + n, np.int64)
    vehicle[dwell], vehicle[first[:-1] + np.arange(n)] = owner, np.arange(n)
    place = np.full(trips + n, "home", object)
    place[dwell] = raw.purpose[order]
    since, until = np.zeros(trips + n), np.full(trips + n, horizon.minutes)
    since[dwell], until[dwell - 1] = arrive, depart

    public = places.choice(places.public, habits.public_distance_km)
    feeder = _drawn(public, home[vehicle], where.random(trips + n))
    feeder[where.random(trips + n) < places.off_grid_public] = OFF_GRID
    at_home, at_work = place == "home", place == "work"
    feeder = np.where(at_home, home[vehicle], np.where(at_work, work[vehicle], feeder))

    has_home = plug.random(n) < habits.home_charging
    home_kw = np.array(habits.home_kw)[pick(habits.home_kw, plug.random(n)), 0] * has_home
    work_kw = np.array(habits.work_kw)[pick(habits.work_kw, plug.random(n)), 0]
    work_kw *= plug.random(n) < habits.work_charging
    share = np.where(has_home, habits.public_charging, habits.public_charging_without_home)[vehicle]
    public_kw = np.array(habits.public_kw)[pick(habits.public_kw, plug.random(trips + n)), 0]
    public_kw *= plug.random(trips + n) < share
    charger_kw = np.where(at_home, home_kw[vehicle], np.where(at_work, work_kw[vehicle], public_kw))

    battery = np.array(habits.battery)[pick(habits.battery, what.random(n))]
    per_km = battery[owner, 1] * np.exp(what.normal(0.0, habits.consumption_spread, trips))
    soc_range = np.where(has_home[:, None], habits.soc_initial, habits.soc_initial_without_home)
    initial = soc_range[:, 0] + (soc_range[:, 1] - soc_range[:, 0]) * what.random(n)
    weight = raw.weight[order][first[:-1]]
    if represent is not None:
        weight = weight * (represent / weight.sum())
    fleet = Fleet(
        vehicle_id=vehicle_id.astype(object),
        battery_kwh=battery[:, 0],
        soc_initial=initial,
        soc_min=np.full(n, habits.soc_min),
        soc_max=np.full(n, habits.soc_max),
        soc_final_min=initial,
        charge_efficiency=np.full(n, habits.charge_efficiency),
        max_charge_kw=np.full(n, _ON_BOARD_KW),
        weight=weight,
        discharge_efficiency=np.full(n, habits.charge_efficiency),
        max_discharge_kw=np.zeros(n),
    )
    km = raw.distance_km[order]
    return (
        fleet,
        Dwells(first + np.arange(n + 1), since, until, feeder, charger_kw, {"place": place}),
        Trips(first, depart, arrive, km * per_km, {"distance_km": km}),
    )


def _drawn(cumulative: Array, row: Array, uniform: Array) -> Array:
    """Return a feeder for each uniform draw, from the cumulative probabilities of its row."""
    row = row % len(cumulative)
    drawn = np.empty(len(row), np.int64)
    for r in np.unique(row):
        mine = row == r
        drawn[mine] = np.searchsorted(cumulative[r], uniform[mine], side="right")
    return np.asarray(np.minimum(drawn, cumulative.shape[1] - 1))


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
                f"the horizon has {horizon.steps} steps, but the grid has {grid.headroom_kw.shape[1]}",
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
    """Return day chains; a table of several days is cut at 3 am."""
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
