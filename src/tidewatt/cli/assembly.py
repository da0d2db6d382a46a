"""The command `assemble`: a tariff case made from a road network and a grid."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tidewatt.cli.flags import Json, Overwrite, Switch
from tidewatt.cli.folders import new_scenario
from tidewatt.cli.progress import reporter
from tidewatt.cli.scenarios import hand_over
from tidewatt.errors import Issue, ScenarioError

if TYPE_CHECKING:
    from tidewatt.domain.roads import Roads
    from tidewatt.domain.scenario import Scenario
    from tidewatt.domain.stations import Stations
    from tidewatt.io.importers.report import ImportReport

__all__ = ["assemble"]

_STEP_MIN, _DAY_MIN, _WHOLE = 15.0, 1440.0, 1e-9


def assemble(
    roads: Path,
    grid: Path | None = None,
    /,
    *,
    out: Path,
    stations: Path | None = None,
    step_min: float | None = None,
    vehicles: float | None = None,
    sites: int | None = None,
    chargers: int | None = None,
    levels_kw: Annotated[tuple[float, ...] | None, Parameter(negative="", consume_multiple=True)] = None,
    aggregators: int | None = None,
    low_share: float | None = None,
    soc_low: float | None = None,
    soc_high: float | None = None,
    soc_min: float | None = None,
    soc_final: float | None = None,
    battery_kwh: float | None = None,
    efficiency: float | None = None,
    kwh_per_km: float | None = None,
    road_share: float | None = None,
    road_fill: float | None = None,
    time_value_per_h: float | None = None,
    price_sensitivity: float | None = None,
    depart_from_h: float | None = None,
    depart_to_h: float | None = None,
    depart_every_min: float | None = None,
    most_groups: int | None = None,
    line_factor: float | None = None,
    line_allowance_kw: float | None = None,
    half_width: float | None = None,
    contract: Annotated[bool, Switch] = False,
    name: str | None = None,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Make a case for `tariff` from a road network and a grid, by stated rules.

    Neither knows of the other: sites stand at the nodes that most trips pass and hang on buses spread over
    the grid, vehicles travel between zones like all trips. Every rule is an option; the report and the
    table provenance say what was chosen.

    Parameters
    ----------
    roads
        Folder of a scenario with roads and zones (tidewatt import tntp, gmns or osm), or a result of
        simulate or configure.
    grid
        A grid: a MATPOWER case (.m), a pandapower network (.json), an OpenDSS circuit (.dss), or the folder
        of a scenario with buses, lines and injections [default: the one of ROADS].
    out
        Folder for the scenario.
    stations
        Take the sites from the stations of this scenario or result (simulate; configure: its plan), instead
        of placing them [default: place them; those of ROADS where it is a result].
    step_min
        Length of a step in minutes, where the grid is a file: roads take at least one step each
        [default: 15].
    vehicles
        Electric vehicles that set out on a day [default: 5,000].
    sites
        Number of sites to place [default: 8].
    chargers
        Chargers of each of them [default: 40].
    levels_kw
        Power levels of a charger in kW; negative ones discharge [default: 50 25].
    aggregators
        Aggregators that origins are dealt out to [default: 2].
    low_share
        Share of vehicles that set out with little charge, 0..1 [default: 0.3].
    soc_low
        Their state of charge, 0..1 [default: 0.22].
    soc_high
        That of the others, 0..1 [default: 0.5].
    soc_min
        Least state of charge under way, 0..1 [default: 0.1].
    soc_final
        Least state of charge on arrival, 0..1 [default: 0.2].
    battery_kwh
        Battery of a vehicle in kWh [default: 50].
    efficiency
        Of charging, and of discharging, 0..1 [default: 0.93].
    kwh_per_km
        Consumption of a vehicle in kWh per km [default: 0.2].
    road_share
        Share of every road's capacity that is left to these vehicles; 0.5 halves it [default: as road-fill
        says].
    road_fill
        By how much the busiest road would be full in the busiest hour if all took the fastest way: above 1,
        some wait or take another [default: 1.25].
    time_value_per_h
        Cost of a vehicle-hour [default: 6].
    price_sensitivity
        By how much a kW raises an aggregator's own price per kWh [default: 0.001].
    depart_from_h
        Hour of the day from which vehicles set out [default: 6].
    depart_to_h
        Hour until which they do [default: 20].
    depart_every_min
        They set out in groups so many minutes apart [default: 15].
    most_groups
        Most groups of vehicles (pair of places, departure, state of charge): where there would be more, the
        pairs with most trips are kept and have all vehicles [default: 60,000].
    line_factor
        Limit of a line without one: so many times its largest flow at the forecast ... [default: 1.25].
    line_allowance_kw
        ... and so many kW more [default: 300].
    half_width
        Share by which loads and plants may be off, where the grid does not say by how much, 0..1
        [default: 0.1].
    contract
        Replace the roads by direct links between origins, destinations and sites, without capacities, so
        that travel times round to steps from one of these to the next, not link by link.
    name
        Name of the scenario [default: from the two].
    """
    from tidewatt.domain.checks.scenario import check
    from tidewatt.synthesis.joined.case import join
    from tidewatt.synthesis.joined.rules import JoiningRules

    rules = JoiningRules.of(
        vehicles=vehicles,
        sites=sites,
        chargers=chargers,
        levels_kw=levels_kw or None,
        aggregators=aggregators,
        low_share=low_share,
        soc_low=soc_low,
        soc_high=soc_high,
        soc_min=soc_min,
        soc_final=soc_final,
        battery_kwh=battery_kwh,
        efficiency=efficiency,
        kwh_per_km=kwh_per_km,
        road_share=road_share,
        road_fill=road_fill,
        time_value_per_h=time_value_per_h,
        price_sensitivity=price_sensitivity,
        depart_from_h=depart_from_h,
        depart_to_h=depart_to_h,
        depart_every_min=depart_every_min,
        most_groups=most_groups,
        line_factor=line_factor,
        line_allowance_kw=line_allowance_kw,
        half_width=half_width,
        contract=contract or None,
    )
    with new_scenario(out, overwrite):
        with reporter() as shown:
            shown.step("reading the roads")
            base, is_result = _scenario_of(roads)
            shown.step("reading the grid")
            supplied, told = _grid_of(grid, base, step_min, rules.half_width)
            given = base.stations if is_result and base.stations is not None and len(base.stations) else None
            if stations is not None and base.roads is not None:
                given = _stations_on(base.roads, stations)
            shown.step("joining them")
            label = name or (base.name if grid is None else f"{base.name} with {supplied.name}")
            joined = join(base, supplied, rules, stations=given, name=label)
        scenario = joined.scenario
        if issues := check(scenario):
            raise ScenarioError(issues)
        assert scenario.step_roads is not None and scenario.travel is not None and scenario.sites is not None
        counts = {
            "links": scenario.step_roads.links,
            "groups of vehicles": len(scenario.travel),
            "sites": len(scenario.sites),
        }
        report = replace(
            told,
            source=label,
            counts=counts,
            assumptions=(*told.assumptions, *joined.notes),
            warnings=(*told.warnings, *joined.warnings),
        )
        hand_over(scenario, report, out, json, "tariff")


def _scenario_of(folder: Path) -> tuple[Scenario, bool]:
    """Return a scenario, or the one that a result holds or names, and whether a result was given."""
    from tidewatt.io.results.folder import scenario_places
    from tidewatt.io.results.specification import CERTIFICATE
    from tidewatt.io.scenario.reading import read_scenario

    if not (folder / CERTIFICATE).is_file():
        return read_scenario(folder), False
    # A result of configure holds its plan's scenario.
    places = [folder / "scenario", *scenario_places(folder)]
    there = [place for place in places if (place / "scenario.toml").is_file()]
    if not there:
        problem = f"{folder}: the scenario of this result has been moved or removed"
        raise ScenarioError([Issue("scenario", "", problem, "Name the scenario's folder")])
    return read_scenario(there[0]), True


_READERS = {".m": "matpower", ".json": "pandapower", ".dss": "opendss"}


def _grid_of(
    path: Path | None, base: Scenario, step_min: float | None, half_width: float
) -> tuple[Scenario, ImportReport]:
    """Return a grid from another program's file, with the daily load shape of homes, or from a scenario."""
    from tidewatt.io.importers.report import ImportReport

    if path is None or path.is_dir():
        if step_min is not None:
            problem = "the grid comes from a scenario, whose own steps are used"
            raise ScenarioError([Issue("--step-min", "", problem, "Leave it out, or give a grid as a file")])
        return base if path is None else _scenario_of(path)[0], ImportReport("", {})
    kind = _READERS.get(path.suffix.lower())
    if kind is None or not path.is_file():
        what = "not a grid format that tidewatt reads" if path.exists() else "no such file or folder"
        problem = f"{path}: {what}"
        fix = "Give a MATPOWER case (.m), a pandapower network (.json), an OpenDSS circuit (.dss) or a folder"
        raise ScenarioError([Issue("grid", "", problem, fix)])
    from importlib import import_module

    from tidewatt.io.importers.grids.network_choices import NetworkChoices

    minutes = _STEP_MIN if step_min is None else step_min
    if not 0 < minutes <= _DAY_MIN or abs(_DAY_MIN / minutes - round(_DAY_MIN / minutes)) > _WHOLE:
        fix = "Give minutes that divide a day, such as 5, 15 or 60"
        raise ScenarioError([Issue("--step-min", "", f"found {minutes:g}", fix)])
    choices = NetworkChoices(
        steps=round(_DAY_MIN / minutes),
        step_min=minutes,
        load_shape="residential",
        half_width=half_width,
    )
    read = getattr(import_module(f"tidewatt.io.importers.grids.{kind}"), f"import_{kind}")
    scenario, report = read(path, choices=choices)
    # Options in brackets are those of `tidewatt import`.
    said = tuple(re.sub(r" \(--[^)]*\)", "", sentence) for sentence in report.assumptions)
    return scenario, replace(report, assumptions=said)


def _stations_on(roads: Roads, folder: Path) -> Stations:
    """Return the stations of another scenario or result, placed on `roads` by the ids of their nodes.

    Raises
    ------
    ScenarioError
        Where there are none, or they stand at nodes that `roads` do not have.
    """
    import numpy as np

    other, _ = _scenario_of(folder)
    if other.stations is None or other.roads is None or not len(other.stations):
        fix = "Name a scenario with stations, or a result of simulate or configure"
        raise ScenarioError([Issue("stations", "", f"{folder} has no stations", fix)])
    place = {str(node): i for i, node in enumerate(roads.node_id)}
    named = [str(node) for node in other.roads.node_id[other.stations.node]]
    strangers = sorted(set(named) - place.keys())
    if strangers:
        fix = "Give stations on the same roads (tidewatt import stations FILE --into ROADS)"
        problem = f"the roads have no such node: {', '.join(strangers[:3])}"
        raise ScenarioError([Issue("stations", "node_id", problem, fix, count=len(strangers))])
    return replace(other.stations, node=np.array([place[node] for node in named], np.int32))
