"""Zones and demand of a network in GMNS form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tidewatt.domain.arrays import Array
from tidewatt.domain.roads import Demand
from tidewatt.errors import Issue
from tidewatt.io.importers.frame_columns import FrameColumns

__all__ = ["Zones", "read_demand", "read_zones"]

_NO_ZONE = ("", "0", "-1")
_HOMES = ("homes", "households", "dwellings", "population")
_JOBS = ("jobs", "employment", "workplaces")


@dataclass(frozen=True, slots=True)
class Zones:
    """Zones; arrays of shape (zones,).

    Attributes
    ----------
    zone_id : array of str
    node : array of int64
        Node where trips start and end.
    homes, jobs, other : array
        nan where not given.
    assumptions : tuple of str
    """

    zone_id: Array
    node: Array
    homes: Array
    jobs: Array
    other: Array
    assumptions: tuple[str, ...]


def read_zones(
    nodes: FrameColumns, frame: pd.DataFrame | None, node_ids: Array, x: Array, y: Array, issues: list[Issue]
) -> Zones:
    """Zones that nodes name, in the order of the zone table where there is one.

    Of several nodes of a zone, the one nearest to their middle stands for it. Nodes of zone 0 or -1 are of
    none, unless the zone table has such a zone.
    """
    of_node = nodes.ids(nodes.find("zone_id"))
    table = None if frame is None else FrameColumns("zone", frame, issues)
    listed = None if table is None else table.own_ids(table.need("ids of zones", "zone_id"))
    if listed is None:
        ids = list(dict.fromkeys(zone for zone in of_node if zone not in _NO_ZONE))
    else:
        ids = list(dict.fromkeys(zone for zone in listed if zone))
        known = set(ids)
        foreign = np.flatnonzero([zone not in known and zone not in _NO_ZONE for zone in of_node])
        if len(foreign):
            problem = f"{of_node[foreign[0]]!r} is not in the table zone"
            nodes.report("zone_id", problem, "Add the zone, or leave the cell empty", foreign)
    place = {zone: k for k, zone in enumerate(ids)}
    owner = np.array([place.get(zone, -1) for zone in of_node], np.int64)
    node, several = _standing(owner, len(ids), x, y)
    if table is not None and listed is not None:
        fix = "Give one of its nodes the zone_id, or remove the zone"
        empty = np.flatnonzero([bool(zone) and node[place[zone]] < 0 for zone in listed])
        table.report("zone_id", "no node is of the zone", fix, empty)
    said: tuple[str, ...] = ()
    if several:
        said = (
            f"of several nodes of a zone ({several:,} zones) the one nearest to their middle stands for it",
        )
    homes, jobs, other = (_weights(table, words, len(ids)) for words in (_HOMES, _JOBS, ("other",)))
    return Zones(np.asarray(ids, object), np.maximum(node, 0), homes, jobs, other, said)


def _standing(owner: Array, zones: int, x: Array, y: Array) -> tuple[Array, int]:
    """Node of each zone, -1 where it has none; and how many zones have several."""
    node = np.full(zones, -1, np.int64)
    rows = np.flatnonzero(owner >= 0)
    rows = rows[np.argsort(owner[rows], kind="stable")]
    several = 0
    for members in np.split(rows, np.flatnonzero(np.diff(owner[rows])) + 1):
        if not len(members):
            continue
        best = 0
        if len(members) > 1:
            several += 1
            gap = np.hypot(x[members] - x[members].mean(), y[members] - y[members].mean())
            best = int(np.nanargmin(gap)) if np.isfinite(gap).any() else 0
        node[owner[members[0]]] = members[best]
    return node, several


def _weights(table: FrameColumns | None, words: tuple[str, ...], zones: int) -> Array:
    values = np.full(0, np.nan) if table is None else table.numbers(table.find(*words))
    return values if len(values) == zones else np.full(zones, np.nan)


def read_demand(table: FrameColumns, zone_ids: Array) -> Demand:
    """Trips of a list of pairs; rows without trips are left out."""
    ends = []
    for meaning, words in (
        ("zones where trips start", ("o_zone_id", "from_zone_id", "origin_zone_id", "origin", "orig_taz")),
        (
            "zones where trips end",
            ("d_zone_id", "to_zone_id", "destination_zone_id", "destination", "dest_taz"),
        ),
    ):
        column = table.need(meaning, *words)
        found = table.ids(column)
        place = {str(zone): k for k, zone in enumerate(zone_ids)}
        at = np.array([place.get(zone, -1) for zone in found], np.int64)
        unknown = np.flatnonzero(at < 0)
        if len(unknown) and column is not None:
            problem = f"{found[unknown[0]]!r} is no zone of the network"
            table.report(column, problem, "Correct it, or give a node this zone_id", unknown)
        ends.append(np.maximum(at, 0))
    column = table.need("vehicle trips", "volume", "trips", "demand", "flow")
    trips = table.numbers(column)
    if column is not None:
        table.report(
            column, "the cell is empty", "Fill it, or remove the row", np.flatnonzero(np.isnan(trips))
        )
        bad = np.flatnonzero(trips < 0)
        if len(bad):
            table.report(column, f"found {trips[bad[0]]:g}, allowed is 0 or more", "Correct the cell", bad)
    rows = np.flatnonzero(trips > 0) if len(zone_ids) else np.zeros(0, np.int64)
    unknown_time = np.full(len(rows), np.nan)
    return Demand(ends[0][rows], ends[1][rows], trips[rows], unknown_time, unknown_time)
