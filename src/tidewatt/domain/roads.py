"""Roads, zones and the demand to travel between them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from tidewatt.domain.arrays import Array, freeze, identifiers
from tidewatt.domain.shown import Shown

__all__ = ["ROAD_CLASSES", "Demand", "FleetTypes", "Roads"]

ROAD_CLASSES = ("expressway", "arterial", "branch", "connector")
"""Classes of links; `Roads.road_class` is a position in it."""

_KM_PER_DEGREE = math.pi / 180.0 * 6371.0
_PLANAR_KM = {"km": 1.0, "m": 0.001, "mi": 1.609344, "ft": 0.0003048}
_DEGREES = ("EPSG:4326", "OGC:CRS84", "WGS84", "WGS 84", "EPSG:4269")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Roads(Shown):
    """Nodes, links and zones of a road network.

    Attributes
    ----------
    node_id : array of int64 or str, shape (nodes,)
    x, y : array, shape (nodes,)
        Coordinates in `crs`; nan where unknown.
    through : array of bool, shape (nodes,)
        Whether one may drive through; False at a zone's centroid, where trips only start and end.
    link_id : array of int64 or str, shape (links,)
    tail, head : array of int32, shape (links,)
        Node where each link starts and ends.
    length_km : array, shape (links,)
    capacity_veh_h : array, shape (links,)
        Of all lanes together, > 0.
    free_time_min : array, shape (links,)
        Travel time on the empty link, >= 0; 0 only at connectors.
    road_class : array of int8, shape (links,)
        Position in `ROAD_CLASSES`.
    bpr_alpha, bpr_beta : array, shape (links,)
        Of the link's cost function (sim-1).
    toll : array, shape (links,)
        In the scenario's money.
    lanes : array, shape (links,)
        nan where unknown.
    zone_id : array of int64 or str, shape (zones,)
    zone_node : array of int32, shape (zones,)
        Node where a zone's trips start and end.
    homes, jobs, other : array, shape (zones,)
        Relative or absolute numbers of homes, workplaces and other destinations, >= 0; nan where not given.
    zone_feeder : array of int32, shape (zones,)
        Feeder that supplies the zone's places, or `mobility.OFF_GRID`.
    crs : str
        ``"EPSG:4326"`` (degrees), ``"km"``, ``"m"``, ``"mi"``, ``"ft"``, another code (taken as metres), or
        empty where unknown (taken as km).
    period_h : float
        Hours for which demand and cost functions hold: 1 for an hour's trips, 24 for a day's.
    toll_weight_min, distance_weight_min_per_km : float
        What a unit of toll and a kilometre are worth in minutes to those who choose a route.
    time_unit_min : float
        The network's own unit of time [min]; the assignment's objective is reported in it.
    link_attributes : mapping of str to array, each of shape (links,)
        Columns carried along.
    """

    node_id: Array
    x: Array
    y: Array
    through: Array
    link_id: Array
    tail: Array
    head: Array
    length_km: Array
    capacity_veh_h: Array
    free_time_min: Array
    road_class: Array
    bpr_alpha: Array
    bpr_beta: Array
    toll: Array
    lanes: Array
    zone_id: Array
    zone_node: Array
    homes: Array
    jobs: Array
    other: Array
    zone_feeder: Array
    crs: str = ""
    period_h: float = 1.0
    toll_weight_min: float = 0.0
    distance_weight_min_per_km: float = 0.0
    time_unit_min: float = 1.0
    link_attributes: Mapping[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        kinds = {"through": np.bool_, "tail": np.int32, "head": np.int32, "road_class": np.int8}
        kinds |= {"zone_node": np.int32, "zone_feeder": np.int32}
        for name in self.__slots__:
            value = getattr(self, name)
            if name.endswith("_id"):
                object.__setattr__(self, name, identifiers(value))
            elif name not in _SCALARS:
                object.__setattr__(self, name, freeze(value, kinds.get(name, np.float64)))
            elif name not in ("crs", "link_attributes"):
                object.__setattr__(self, name, float(value))  # 24 and 24.0 are one scenario

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return len(self.node_id)

    @property
    def links(self) -> int:
        """Number of links."""
        return len(self.link_id)

    @property
    def zones(self) -> int:
        """Number of zones."""
        return len(self.zone_id)

    def xy_km(self) -> tuple[Array, Array]:
        """Return node coordinates on a plane [km]; nan where unknown."""
        return plane_km(self.x, self.y, self.crs, self.y)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Demand(Shown):
    """Trips between zones; all of shape (rows,).

    Attributes
    ----------
    origin, destination : array of int32
        Zones.
    trips : array
        Vehicle trips, >= 0.
    start_min, end_min : array
        When they start [minutes of the day]; nan: within the roads' period.
    """

    origin: Array
    destination: Array
    trips: Array
    start_min: Array
    end_min: Array

    def __post_init__(self) -> None:
        for name in self.__slots__:
            kind = np.int32 if name in ("origin", "destination") else np.float64
            object.__setattr__(self, name, freeze(getattr(self, name), kind))

    def __len__(self) -> int:
        return len(self.trips)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FleetTypes(Shown):
    """Types of electric vehicles and their shares; all of shape (types,).

    Attributes
    ----------
    type_id : array of int64 or str
    share : array
        Relative frequency, >= 0.
    battery_kwh : array
        Usable capacity, > 0.
    kwh_per_km : array
        Mean consumption in mild weather; scales the consumption by speed (sim-3).
    max_fast_kw, max_normal_kw : array
        What the vehicle takes at a fast and at a normal charger, > 0.
    """

    type_id: Array
    share: Array
    battery_kwh: Array
    kwh_per_km: Array
    max_fast_kw: Array
    max_normal_kw: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "type_id", identifiers(self.type_id))
        for name in self.__slots__:
            if name != "type_id":
                object.__setattr__(self, name, freeze(getattr(self, name)))

    def __len__(self) -> int:
        return len(self.type_id)


def plane_km(x: Array, y: Array, crs: str, reference_y: Array) -> tuple[Array, Array]:
    """Return `crs` coordinates on a plane [km]; degrees are scaled at the mean of `reference_y`."""
    if crs in _DEGREES:
        known = reference_y[np.isfinite(reference_y)]
        shrink = math.cos(math.radians(float(known.mean()))) if len(known) else 1.0
        return x * (_KM_PER_DEGREE * shrink), y * _KM_PER_DEGREE
    unit = _PLANAR_KM.get(crs, 0.001 if crs else 1.0)
    return x * unit, y * unit


_SCALARS = (
    *("crs", "period_h", "toll_weight_min", "distance_weight_min_per_km", "time_unit_min"),
    "link_attributes",
)
