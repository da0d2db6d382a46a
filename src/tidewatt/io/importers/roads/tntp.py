"""Make a scenario of roads and demand from the files of a TNTP folder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from tidewatt.domain.fleet import OFF_GRID
from tidewatt.domain.roads import ROAD_CLASSES, Demand, Roads
from tidewatt.domain.scenario import Scenario
from tidewatt.errors import Issue, ScenarioError
from tidewatt.io.importers.report import ImportReport
from tidewatt.io.importers.roads.parts import Repair, bare_scenario, nearest_weights, repaired, sound
from tidewatt.io.importers.roads.tntp_files import Net, Points, TntpTrips, read_net, read_points, read_trips
from tidewatt.io.importers.roads.units import LENGTHS_KM, TIMES_MIN, coordinate_unit, unit
from tidewatt.io.scenario.roads import default_classes

__all__ = ["coordinates_of", "files_of", "import_tntp"]


def files_of(folder: Path, issues: list[Issue]) -> dict[str, Path]:
    """Return network, trips, node and GeoJSON files of a folder, by kind."""
    if not folder.is_dir():
        what = "it is a file, not a folder" if folder.exists() else "there is no such folder"
        issues.append(Issue(str(folder), "", what, "Name the folder that holds the *_net.tntp file"))
        return {}
    there = [file for file in sorted(folder.iterdir()) if file.is_file() and not file.name.startswith(".")]
    found: dict[str, Path] = {}
    for kind, endings in (
        ("net", ("_net.tntp",)),
        ("trips", ("_trips.tntp",)),
        ("node", ("_node.tntp", "_nodes.tntp")),
    ):
        fitting = [file for file in there if file.name.lower().endswith(endings)]
        if len(fitting) > 1:
            names = ", ".join(file.name for file in fitting[:3])
            fix = "Put each network in a folder of its own"
            issues.append(
                Issue(str(folder), "", f"the folder holds several files *{endings[0]}: {names}", fix)
            )
        if fitting:
            found[kind] = fitting[0]
    if "net" not in found:
        names = ", ".join(file.name for file in there[:5]) or "nothing"
        fix = "Name the folder of a network in TNTP form"
        issues.append(Issue(str(folder), "", f"it holds no *_net.tntp (it holds {names})", fix))
    return found


def coordinates_of(
    folder: Path, files: dict[str, Path], given: str | None, assumptions: list[str], issues: list[Issue]
) -> tuple[Points | None, str, float]:
    """Return node coordinates, their reference system, and the factor to apply to them."""
    crs, scale = "", 1.0
    if given is not None:
        try:
            crs, scale = coordinate_unit(given, "--node-unit")
        except ScenarioError as error:
            issues += error.issues
    own = read_points(files["node"], issues) if "node" in files else None
    if own is not None and given is not None:
        return own, crs, scale
    if folder.is_dir():
        for file in sorted(folder.glob("*.geojson"), key=lambda file: "node" not in file.name.lower()):
            points = read_points(file, issues)
            if points is not None and (points.degrees or given is not None):
                files["points"] = file
                return points, crs or "EPSG:4326", scale
    if own is not None:
        del files["node"]
        assumptions.append("coordinates were left out, as their unit is not known (--node-unit gives it)")
    return None, "", 1.0


_CUT_OFF = 0.01
"""A trips file was cut off if its rows fall short of the header's total by more than this share."""
_UNITS: dict[str, tuple[str, str, Mapping[str, float]]] = {
    "--length-unit": ("length", "km", LENGTHS_KM),
    "--time-unit": ("time", "min", TIMES_MIN),
}
_CONNECTOR = ROAD_CLASSES.index("connector")
_DUMMY_CAPACITY = 99_999.0
"""Networks hold dummy links that take no time between nodes that are driven through, with such capacities."""
_DUMMIES = "road class connector: zero-time links with a capacity of 99,999 or more, not at a centroid"
_PLAUSIBLE_KMH = (5.0, 200.0)


def import_tntp(
    folder: Path | str,
    *,
    toll_weight: float = 0.0,
    distance_weight: float = 0.0,
    length_unit: str | None = None,
    time_unit: str | None = None,
    capacity_period_h: float = 1.0,
    node_unit: str | None = None,
    repair: Repair = "none",
    demand: bool = True,
    trips_per_day: float | None = None,
    name: str | None = None,
) -> tuple[Scenario, ImportReport]:
    """Import roads, zones and trips of a TNTP folder.

    Parameters
    ----------
    folder : path
        With one ``*_net.tntp``; ``*_trips.tntp`` and ``*_node.tntp`` or GeoJSON points where there are any.
    toll_weight, distance_weight : float
        What a unit of toll and of length add to a link's cost, in the network's own unit of time.
    length_unit : str, optional
        ``km``, ``m``, ``mi``, ``ft`` or a multiple such as ``0.1mi``; as the file's header says, else km.
    time_unit : str, optional
        ``min``, ``s``, ``h`` or a multiple such as ``0.01h``; as the header says, else min.
    capacity_period_h : float
        Hours that capacities and trips are counted over.
    node_unit : str, optional
        Unit of coordinates in ``*_node.tntp``; left out where neither given nor known from GeoJSON.
    repair : {"none", "drop", "connect"}
        What to do with stray pieces; see `tidewatt.io.importers.roads.parts.repaired`.
    demand : bool
        False: leave the trips file out.
    trips_per_day : float, optional
        All vehicle trips of a weekday, where there is no demand: goes to ``[simulation]``.
    name : str, optional
        Name of the scenario; by default that of the folder.

    Returns
    -------
    Scenario, ImportReport

    Raises
    ------
    ScenarioError
        With everything that is wrong with options and files, at once.
    """
    path = Path(folder)
    issues = _option_issues(toll_weight, distance_weight, capacity_period_h, repair, trips_per_day)
    files = files_of(path, issues)
    net = read_net(files["net"], issues) if "net" in files else None
    trips = read_trips(files["trips"], issues) if demand and "trips" in files else None
    assumptions: list[str] = []
    length_km = _unit(length_unit, "--length-unit", net, assumptions, issues)
    time_min = _unit(time_unit, "--time-unit", net, assumptions, issues)
    points, crs, scale = coordinates_of(path, files, node_unit, assumptions, issues)
    if net is not None:
        issues += _trip_issues(files.get("trips"), net, trips)
    if issues or net is None:
        raise ScenarioError(issues)
    assumptions.append(
        f"capacities and trips are counted over {capacity_period_h:g} h (--capacity-period-h changes it)"
    )
    roads = _roads(net, points, crs, scale, length_km, time_min, capacity_period_h)
    weight_km = distance_weight * time_min / length_km
    roads = replace(roads, toll_weight_min=toll_weight * time_min, distance_weight_min_per_km=weight_km)
    od = None if trips is None else _demand(trips)
    mended = repaired(roads, od, repair)
    roads, od = mended.roads, mended.demand
    imputed: dict[str, tuple[str, ...]] = {}
    dummies = (roads.free_time_min == 0) & (roads.road_class == _CONNECTOR)
    dummies &= roads.through[roads.tail] & roads.through[roads.head]
    if dummies.any():
        imputed[_DUMMIES] = tuple(map(str, roads.link_id[dummies]))
    if od is None:
        weights = nearest_weights(roads)
        roads = replace(roads, homes=weights, jobs=weights, other=weights)
        imputed["homes, jobs and other: road nodes nearest to the zone's"] = tuple(map(str, roads.zone_id))
        assumptions.append(_no_demand(trips_per_day))
    warnings = _remark_speeds(roads, assumptions)
    simulation = {"trips_per_day": float(trips_per_day)} if trips_per_day else None
    scenario = sound(bare_scenario(name or path.resolve().name, roads, od, simulation))
    counts = _counts(net, roads, od, points) | mended.counts
    read = [file.name for file in files.values()]
    report = ImportReport(
        ", ".join(read), counts, mended.dropped, imputed, (*assumptions, *mended.assumptions), warnings
    )
    return scenario, report


def _option_issues(
    toll: float, distance: float, period_h: float, repair: str, trips_per_day: float | None
) -> list[Issue]:
    issues = []
    for option, value in (("--toll-weight", toll), ("--distance-weight", distance)):
        if not (value >= 0 and math.isfinite(value)):
            issues.append(Issue(option, "", f"{value:g} given", "Give 0 or more"))
    if not 0 < period_h <= 8784:
        fix = "Give the hours that capacities and trips are counted over: 1, or 24 for a day"
        issues.append(Issue("--capacity-period-h", "", f"{period_h:g} given", fix))
    if repair not in ("none", "drop", "connect"):
        issues.append(Issue("--repair", "", f"{repair!r} given", "Give none, drop or connect"))
    if trips_per_day is not None and not (trips_per_day > 0 and math.isfinite(trips_per_day)):
        fix = "Give the vehicle trips of a weekday, above 0"
        issues.append(Issue("--trips-per-day", "", f"{trips_per_day:g} given", fix))
    return issues


def _unit(
    given: str | None, option: str, net: Net | None, assumptions: list[str], issues: list[Issue]
) -> float:
    """Return a unit from the option, else from the file's header, else the default.

    Said where it was not given.
    """
    word, default, known = _UNITS[option]
    if given is not None:
        try:
            return unit(given, known, option)
        except ScenarioError as error:
            issues += error.issues
            return 1.0
    stated = next((what for column, what in (net.units if net else {}).items() if word in column), "")
    if stated in known:
        assumptions.append(f"the unit of {word} is {stated}, as the file's header says ({option} changes it)")
        return unit(stated, known, option)
    assumptions.append(f"the unit of {word} is {default}, as the file gives none ({option} changes it)")
    return 1.0


def _trip_issues(path: Path | None, net: Net, trips: TntpTrips | None) -> list[Issue]:
    """Return issues for trips that do not match the network or are incomplete."""
    if trips is None or path is None:
        return []
    issues = []
    if trips.zones and net.zones and trips.zones != net.zones:
        problem = f"the file has {trips.zones:,} zones, but the network has {net.zones:,}"
        issues.append(
            Issue(path.name, "<NUMBER OF ZONES>", problem, "Keep only the files of one network in the folder")
        )
    for field, zone in (("Origin", trips.origin), ("destination", trips.destination)):
        unknown = np.unique(zone[(zone < 1) | (zone > net.zones)])
        if len(unknown) and net.zones:
            fix = "Correct the trips, or the number of zones in both files"
            problem = f"there are trips of zone {unknown[0]}, but the zones are 1 to {net.zones:,}"
            shown = tuple(f"zone {z}" for z in unknown[:5])
            issues.append(Issue(path.name, field, problem, fix, shown, len(unknown)))
    total = float(trips.trips.sum())
    if total < (1.0 - _CUT_OFF) * trips.total:
        problem = f"the rows sum to {total:,.10g} trips, but <TOTAL OD FLOW> says {trips.total:,.10g}"
        fix = "Fetch the file again if it was cut off, or correct the line"
        issues.append(Issue(path.name, "<TOTAL OD FLOW>", problem, fix))
    negative = np.flatnonzero(trips.trips < 0)
    if len(negative):
        shown = tuple(f"{trips.origin[row]} to {trips.destination[row]}" for row in negative[:5])
        problem = f"{trips.trips[negative[0]]:g} trips"
        issues.append(Issue(path.name, "", problem, "Give 0 or more", shown, len(negative)))
    return issues


def _roads(
    net: Net,
    points: Points | None,
    crs: str,
    scale: float,
    length_km: float,
    time_min: float,
    period_h: float,
) -> Roads:
    """Return the network in km, minutes and vehicles per hour."""
    columns = net.columns
    ends = columns["init_node"], columns["term_node"]
    nodes = np.union1d(np.concatenate(ends), np.arange(1, net.zones + 1))
    tail, head = (np.searchsorted(nodes, end) for end in ends)
    x, y = (np.full(len(nodes), np.nan) for _ in range(2))
    if points is not None:
        place = np.searchsorted(nodes, points.node)
        at = np.flatnonzero(nodes[np.minimum(place, len(nodes) - 1)] == points.node)
        x[place[at]], y[place[at]] = points.x[at] * scale, points.y[at] * scale
    through = nodes >= net.first_through
    length, free = columns["length"] * length_km, columns["free_flow_time"] * time_min
    centroid = ~through[tail] | ~through[head]
    centroid |= (free == 0) & (columns["capacity"] >= _DUMMY_CAPACITY)
    none = np.full(net.zones, np.nan)
    return Roads(
        node_id=nodes,
        x=x,
        y=y,
        through=through,
        link_id=np.arange(1, len(tail) + 1),
        tail=tail,
        head=head,
        length_km=length,
        capacity_veh_h=columns["capacity"] / period_h,
        free_time_min=free,
        road_class=default_classes(length, free, centroid),
        bpr_alpha=columns["b"],
        bpr_beta=columns["power"],
        toll=columns["toll"],
        lanes=np.full(len(tail), np.nan),
        zone_id=np.arange(1, net.zones + 1),
        zone_node=np.searchsorted(nodes, np.arange(1, net.zones + 1)),
        homes=none,
        jobs=none,
        other=none,
        zone_feeder=np.full(net.zones, OFF_GRID),
        crs=crs,
        period_h=period_h,
        time_unit_min=time_min,
    )


def _demand(trips: TntpTrips) -> Demand:
    """Return rows with trips, including those within a zone."""
    rows = np.flatnonzero(trips.trips > 0)
    unknown = np.full(len(rows), np.nan)
    return Demand(trips.origin[rows] - 1, trips.destination[rows] - 1, trips.trips[rows], unknown, unknown)


def _no_demand(trips_per_day: float | None) -> str:
    if trips_per_day:
        return f"no demand was read: a gravity model spreads {trips_per_day:,.10g} trips a day over the zones"
    return (
        "no demand was read: give --trips-per-day, or trips_per_day under [simulation], before simulating it"
    )


def _remark_speeds(roads: Roads, assumptions: list[str]) -> tuple[str, ...]:
    """Report the usual free-flow speed, which shows whether units were understood; warn if they were not."""
    moving = roads.through[roads.tail] & roads.through[roads.head] & (roads.free_time_min > 0)
    if not moving.any():
        return ()
    speed = float(np.median(60.0 * roads.length_km[moving] / roads.free_time_min[moving]))
    low, high = _PLAUSIBLE_KMH
    said = f"median free speed {speed:,.3g} km/h"
    if low <= speed <= high:
        assumptions.append(f"{said}, with these units")
        return ()
    return (f"{said}, which is implausible: set --length-unit and --time-unit",)


def _counts(net: Net, roads: Roads, demand: Demand | None, points: Points | None) -> dict[str, float]:
    counts: dict[str, float] = {"nodes": roads.nodes, "links": roads.links, "zones": roads.zones}
    if net.nodes:
        counts["nodes_without_links"] = net.nodes - len(
            np.union1d(net.columns["init_node"], net.columns["term_node"])
        )
    if points is not None:
        counts["nodes_without_coordinates"] = int(np.isnan(roads.x).sum())
    if demand is not None:
        counts |= {"pairs_with_trips": len(demand), "trips": float(demand.trips.sum())}
        counts["trips_within_zones"] = float(demand.trips[demand.origin == demand.destination].sum())
    return counts
