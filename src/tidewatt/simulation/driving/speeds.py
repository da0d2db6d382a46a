"""How flow slows the roads: travel time of every link from its flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.roads import Roads

__all__ = ["SLOWEST_KMH", "Bpr", "SpeedFlow", "Urban", "speed_flow", "speeds_kmh"]

SLOWEST_KMH = 3.0
"""Vehicles creep at least at this speed (or the free one, where that is lower), however dense the flow."""


class SpeedFlow(Protocol):
    """What a speed-flow model has to offer."""

    def time_min(self, roads: Roads, flow_veh_h: Array) -> Array:
        """Travel time of every link [min], shape (links,), from the flow of every link, shape (links,)."""


@dataclass(frozen=True, slots=True)
class Bpr:
    """The Bureau of Public Roads' function with each link's own alpha and beta (sim-1)."""

    def time_min(self, roads: Roads, flow_veh_h: Array) -> Array:
        """Free time x (1 + alpha (q/C)^beta)."""
        ratio = flow_veh_h / roads.capacity_veh_h
        # The usual power of 4 by two products: `**` takes ten times as long.
        usual = (roads.bpr_beta == 4.0).all()
        power = np.square(np.square(ratio)) if usual else ratio**roads.bpr_beta
        time: Array = roads.free_time_min * (1.0 + roads.bpr_alpha * power)
        return time


@dataclass(frozen=True, slots=True)
class Urban:
    """Speed by saturation, v0 / (1 + (q/C)^b) with b = a + c (q/C)^n (sim-2).

    Attributes
    ----------
    arterial, branch : (float, float, float)
        a, c and n of expressways and arterials, and of branch roads. Common in the literature on
        Chinese cities; not verified against a primary source (+).
    most : float
        Saturation counts up to this.
    """

    arterial: tuple[float, float, float] = (1.726, 3.15, 3.0)
    branch: tuple[float, float, float] = (2.076, 2.87, 3.0)
    most: float = 2.0

    def time_min(self, roads: Roads, flow_veh_h: Array) -> Array:
        """Free time x (1 + (q/C)^b)."""
        ratio = np.minimum(flow_veh_h / roads.capacity_veh_h, self.most)
        large = roads.road_class <= 1
        a, c, n = (np.where(large, x, y) for x, y in zip(self.arterial, self.branch, strict=True))
        time: Array = roads.free_time_min * (1.0 + ratio ** (a + c * ratio**n))
        return np.where(roads.road_class == 3, roads.free_time_min, time)


def speed_flow(name: str) -> SpeedFlow:
    """The model of a name in the parameters."""
    return Bpr() if name == "bpr" else Urban()


def speeds_kmh(roads: Roads, time_min: Array) -> Array:
    """Mean speed on every link [km/h]; 0 where a link has no length, inf where it takes no time."""
    with np.errstate(divide="ignore", invalid="ignore"):
        speed: Array = np.where(roads.length_km > 0, roads.length_km * 60.0 / time_min, 0.0)
    return speed


def bounded(roads: Roads, time_min: Array) -> Array:
    """Travel times never below the free ones, nor above a crawl."""
    slowest = np.maximum(roads.length_km * (60.0 / SLOWEST_KMH), roads.free_time_min)
    return np.clip(time_min, roads.free_time_min, slowest)
