"""Links of a network in GMNS form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.roads import ROAD_CLASSES
from tidewatt.io.importers.frame_columns import FrameColumns
from tidewatt.io.importers.road_defaults import lane_capacity
from tidewatt.io.roadtables import default_classes

__all__ = ["Links", "read_links"]

_CARS = ("auto", "car", "all", "sov", "hov", "vehicle", "drive", "truck", "motor")
_CLASSES: Mapping[str, str] = {
    **dict.fromkeys(("freeway", "motorway", "expressway", "interstate", "highway", "trunk"), "expressway"),
    **dict.fromkeys(("arterial", "primary", "secondary", "principal"), "arterial"),
    **dict.fromkeys(("collector", "local", "residential", "tertiary", "branch", "ramp"), "branch"),
    **dict.fromkeys(("connector", "centroid"), "connector"),
}


@dataclass(frozen=True, slots=True)
class Links:
    """Directed links.

    Attributes
    ----------
    link_id : array of str, shape (links,)
    columns : mapping of str to array
        By attribute of `Roads`.
    geometry : array of str, shape (links,), or None
    two_way : int
        Links that were undirected, each of which became two.
    imputed, dropped : mapping of str to tuple of str
        For the report.
    """

    link_id: Array
    columns: dict[str, Any]
    geometry: Array | None
    two_way: int
    imputed: dict[str, tuple[str, ...]]
    dropped: dict[str, tuple[str, ...]]


def read_links(table: FrameColumns, node_ids: Array, length_km: float, speed_kmh: float) -> Links:
    """Links of motor traffic, lengths in km and capacities of all lanes; problems go to the table's issues.

    Undirected links become two. Lanes that are not given count as one, and capacities per lane that are not
    given follow the class of road.
    """
    ids = table.own_ids(table.need("ids of links", "link_id"))
    ends = [_end(table, name, node_ids) for name in ("from_node_id", "to_node_id")]
    length = _figure(table, "length", "lengths of links, in long_length units", low_open=False) * length_km
    speed = _figure(table, "free_speed", "free speeds, in speed units", low_open=True) * speed_kmh
    directed = table.flags(table.find("directed"), True)
    lanes = table.numbers(table.find("lanes"))
    per_lane = table.numbers(table.find("capacity"))
    bad = np.flatnonzero(per_lane <= 0)
    if len(bad):
        fix = "Give vehicles per hour and lane above 0, or leave the cell empty for a default"
        table.report("capacity", f"found {per_lane[bad[0]]:g}, allowed is above 0", fix, bad)
    free = 60.0 * length / np.where(speed > 0, speed, 1.0)
    kind = _classes(table, length, free)
    imputed = {}
    for what, lacking in (
        ("directed: true", np.full(len(table), table.find("directed") is None)),
        ("lanes: 1", ~(lanes > 0)),
        ("capacity per lane by class of road", np.isnan(per_lane)),
    ):
        if lacking.any():
            imputed[what] = tuple(map(str, ids[lacking]))
    capacity = np.where(np.isnan(per_lane), lane_capacity(kind), per_lane) * np.where(lanes > 0, lanes, 1.0)
    columns: dict[str, Array] = {
        "tail": ends[0],
        "head": ends[1],
        "length_km": length,
        "capacity_veh_h": capacity,
        "free_time_min": free,
        "road_class": kind,
        "bpr_alpha": _or(table.numbers(table.find("bpr_alpha", "vdf_alpha")), 0.15),
        "bpr_beta": _or(table.numbers(table.find("bpr_beta", "vdf_beta")), 4.0),
        "toll": _or(table.numbers(table.find("toll")), 0.0),
        "lanes": np.where(lanes > 0, lanes, np.nan),
    }
    kept = _for_cars(table)
    both = kept & ~directed
    rows = np.r_[np.flatnonzero(kept), np.flatnonzero(both)]
    back = np.r_[np.zeros(kept.sum(), bool), np.ones(both.sum(), bool)]
    taken = {name: values[rows] for name, values in columns.items()}
    taken["tail"], taken["head"] = (
        np.where(back, taken["head"], taken["tail"]),
        np.where(back, taken["tail"], taken["head"]),
    )
    names = np.asarray([*ids[kept], *_reverse_ids(ids, ids[both])], object)
    geometry = table.find("geometry")
    shapes = None if geometry is None else table.ids(geometry)[rows]
    if shapes is not None:
        shapes[back] = ""  # it runs the other way
    dropped = {"links not for motor traffic": tuple(map(str, ids[~kept]))} if not kept.all() else {}
    return Links(names, taken, shapes, int(both.sum()), imputed, dropped)


def _end(table: FrameColumns, column: str, node_ids: Array) -> Array:
    found = table.ids(table.need("a node", column))
    known = {str(name): k for k, name in enumerate(node_ids)}
    place = np.array([known.get(str(name), -1) for name in found], np.int64)
    unknown = np.flatnonzero(place < 0)
    if len(unknown) and table.find(column):
        shown = found[unknown[0]]
        problem = f"{shown!r} is not in the table node" if shown else "the cell is empty"
        table.report(column, problem, "Add the node, or correct the link", unknown)
    return np.maximum(place, 0)


def _figure(table: FrameColumns, name: str, meaning: str, *, low_open: bool) -> Array:
    """A column that every link needs."""
    values = table.numbers(table.need(meaning, name))
    if table.find(name) is None:
        return np.ones(len(table))
    table.report(name, "the cell is empty", f"Fill it: {meaning}", np.flatnonzero(np.isnan(values)))
    bad = np.flatnonzero((values <= 0) if low_open else (values < 0))
    if len(bad):
        bound = "above 0" if low_open else "0 or more"
        table.report(name, f"found {values[bad[0]]:g}, allowed is {bound}", "Correct the cell", bad)
    return np.where(values >= 0, values, 1.0)


def _classes(table: FrameColumns, length_km: Array, free_min: Array) -> Array:
    """Class of road: by the words of ``facility_type``, else by free speed."""
    kind = default_classes(length_km, free_min, np.zeros(len(table), bool))
    column = table.find("facility_type", "road_class", "link_type_name")
    if column is not None:
        for row, text in enumerate(table.ids(column)):
            words = str(text).lower().replace("_", " ").replace("-", " ").split()
            found = next((_CLASSES[word] for word in words if word in _CLASSES), None)
            if found is not None:
                kind[row] = ROAD_CLASSES.index(found)
    return kind


def _for_cars(table: FrameColumns) -> Array:
    """Links that motor traffic may use; all where the table does not say."""
    column = table.find("allowed_uses", "allowed_use")
    if column is None:
        return np.ones(len(table), bool)
    uses = [str(text).lower() for text in table.ids(column)]
    return np.asarray([not use or any(word in use for word in _CARS) for use in uses], bool)


def _reverse_ids(ids: Array, links: Array) -> list[str]:
    """Ids of the second direction: numbers go on where all are numbers, else texts get an ending."""
    if all(str(name).isdigit() for name in ids):
        last = max((int(name) for name in ids), default=0)
        return [str(last + 1 + k) for k in range(len(links))]
    return [f"{name}-reverse" for name in links]


def _or(values: Array, default: float) -> Array:
    return np.where(np.isnan(values), default, values)
