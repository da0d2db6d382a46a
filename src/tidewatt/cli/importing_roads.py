"""Imports of road networks: tntp, gmns, osm."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from tidewatt.cli.flags import Json, Overwrite
from tidewatt.cli.folders import new_scenario
from tidewatt.cli.progress import reporter
from tidewatt.cli.scenarios import hand_over

__all__ = ["gmns", "osm", "tntp"]

Repair = Literal["none", "drop", "connect"]


def tntp(
    folder: Path,
    /,
    *,
    out: Path,
    toll_weight: float = 0.0,
    distance_weight: float = 0.0,
    length_unit: str | None = None,
    time_unit: str | None = None,
    capacity_period_h: float = 1.0,
    node_unit: str | None = None,
    repair: Repair = "none",
    demand: Annotated[bool, Parameter(negative="--no-demand")] = True,
    trips_per_day: float | None = None,
    name: str | None = None,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Import roads, zones and trips of a TNTP folder (*_net.tntp, *_trips.tntp, *_node.tntp or GeoJSON).

    Without trips, zones weigh as many homes, jobs and other destinations as road nodes are nearest to
    theirs, and gravity between them makes the demand. Every assumption is reported.

    Parameters
    ----------
    folder
        The folder with the files of one network.
    out
        Folder for the scenario.
    toll_weight
        What a unit of toll adds to a link's cost, in the network's own unit of time.
    distance_weight
        What a unit of length adds to it, likewise.
    length_unit
        km, m, mi, ft or a multiple such as 0.1mi [default: as the header of the file says, else km].
    time_unit
        min, s, h or a multiple such as 0.01h [default: as the header of the file says, else min].
    capacity_period_h
        Hours over which capacities and trips are counted: 24 for a day.
    node_unit
        Unit of the coordinates in *_node.tntp: degrees, km, m, mi, ft, a multiple such as 0.01mi, or a code
        such as EPSG:32618 [default: GeoJSON points, else no coordinates].
    repair
        What to do with pieces that do not hang together: none, drop (keep the largest), or connect (join
        each to the nearest node of the largest at 30 km/h).
    demand
        Whether to read the trips.
    trips_per_day
        All vehicle trips of a weekday, where no trips are read.
    name
        Name of the scenario [default: from the folder].
    """
    from tidewatt.io.importers.roads.tntp import import_tntp

    with new_scenario(out, overwrite):
        with reporter() as shown:
            shown.step(f"importing {folder.name}")
            scenario, report = import_tntp(
                folder,
                toll_weight=toll_weight,
                distance_weight=distance_weight,
                length_unit=length_unit,
                time_unit=time_unit,
                capacity_period_h=capacity_period_h,
                node_unit=node_unit,
                repair=repair,
                demand=demand,
                trips_per_day=trips_per_day,
                name=name,
            )
        hand_over(scenario, report, out, json, "simulate")


def gmns(
    folder: Path,
    /,
    *,
    out: Path,
    length_unit: str | None = None,
    speed_unit: str | None = None,
    node_unit: str | None = None,
    demand_period_h: float = 1.0,
    repair: Repair = "none",
    trips_per_day: float | None = None,
    name: str | None = None,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Import roads, zones and trips of a GMNS folder (node, link, zone, demand and config.csv).

    Capacities per lane become those of all lanes, links that are not directed become two, and lengths and
    speeds are converted from the units of config.csv.

    Parameters
    ----------
    folder
        The folder with node.csv and link.csv; the other tables are optional.
    out
        Folder for the scenario.
    length_unit
        km, m, mi, ft [default: long_length of config.csv].
    speed_unit
        km/h, mph, m/s [default: speed of config.csv].
    node_unit
        Unit of coordinates: degrees, km, m, mi, ft, or a code such as EPSG:32618
        [default: crs of config.csv].
    demand_period_h
        Hours over which trips are counted: 24 for a day.
    repair
        What to do with pieces that do not hang together: none, drop (keep the largest), or connect (join
        each to the nearest node of the largest at 30 km/h).
    trips_per_day
        All vehicle trips of a weekday, where there is no demand table.
    name
        Name of the scenario [default: from the folder].
    """
    from tidewatt.io.importers.roads.gmns import import_gmns

    with new_scenario(out, overwrite):
        with reporter() as shown:
            shown.step(f"importing {folder.name}")
            scenario, report = import_gmns(
                folder,
                length_unit=length_unit,
                speed_unit=speed_unit,
                node_unit=node_unit,
                demand_period_h=demand_period_h,
                repair=repair,
                trips_per_day=trips_per_day,
                name=name,
            )
        hand_over(scenario, report, out, json, "simulate")


def osm(
    file: Path,
    /,
    *,
    out: Path,
    zone_km: float = 1.0,
    trips_per_day: float | None = None,
    name: str | None = None,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Import the roads of an OpenStreetMap extract, with grid cells as zones; needs the extra gis.

    The largest piece that hangs together is kept. Speeds and lanes that tags do not give, and all
    capacities, follow the kind of road.

    Parameters
    ----------
    file
        The extract: .osm, .osm.gz, .osm.bz2 or .osm.pbf.
    out
        Folder for the scenario.
    zone_km
        Side of a zone's cell in km. Its homes, jobs and other destinations weigh as many as road nodes.
    trips_per_day
        All vehicle trips of a weekday.
    name
        Name of the scenario [default: from the file].
    """
    from tidewatt.io.importers.roads.osm import import_osm

    with new_scenario(out, overwrite):
        with reporter() as shown:
            shown.step(f"importing {file.name}")
            scenario, report = import_osm(file, zone_km=zone_km, trips_per_day=trips_per_day, name=name)
        hand_over(scenario, report, out, json, "simulate")
