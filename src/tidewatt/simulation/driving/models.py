"""Replaceable driving models: speed by flow, consumption, and who charges on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.roads import Roads

__all__ = [
    "REFERENCE_KWH_PER_KM",
    "SLOWEST_KMH",
    "Bpr",
    "ChargingDecision",
    "SpeedFlow",
    "Threshold",
    "Urban",
    "kwh_per_km",
    "link_kwh",
    "speed_flow",
    "speeds_kmh",
    "temperature_factor",
]

SLOWEST_KMH = 3.0
"""Vehicles creep at least at this speed (or the free one, where that is lower), however dense the flow."""


class SpeedFlow(Protocol):
    """What a speed-flow model has to provide."""

    def time_min(self, roads: Roads, flow_veh_h: Array) -> Array:
        """Return the travel time of every link [min] from the flow of every link, both of shape (links,)."""


@dataclass(frozen=True, slots=True)
class Bpr:
    """The Bureau of Public Roads' function with each link's own alpha and beta (sim-1)."""

    def time_min(self, roads: Roads, flow_veh_h: Array) -> Array:
        """Return free-flow time x (1 + alpha (q/C)^beta)."""
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
        """Return free-flow time x (1 + (q/C)^b)."""
        ratio = np.minimum(flow_veh_h / roads.capacity_veh_h, self.most)
        large = roads.road_class <= 1
        a, c, n = (np.where(large, x, y) for x, y in zip(self.arterial, self.branch, strict=True))
        time: Array = roads.free_time_min * (1.0 + ratio ** (a + c * ratio**n))
        return np.where(roads.road_class == 3, roads.free_time_min, time)


def speed_flow(name: str) -> SpeedFlow:
    """Return the speed-flow model named in the parameters."""
    return Bpr() if name == "bpr" else Urban()


def speeds_kmh(roads: Roads, time_min: Array) -> Array:
    """Return the mean speed on every link [km/h]; 0 if a link has no length, inf if it takes no time."""
    with np.errstate(divide="ignore", invalid="ignore"):
        speed: Array = np.where(roads.length_km > 0, roads.length_km * 60.0 / time_min, 0.0)
    return speed


def bounded(roads: Roads, time_min: Array) -> Array:
    """Bound travel times: never below the free-flow time, nor slower than a crawl."""
    slowest = np.maximum(roads.length_km * (60.0 / SLOWEST_KMH), roads.free_time_min)
    return np.clip(time_min, roads.free_time_min, slowest)


REFERENCE_KWH_PER_KM = 0.16
"""Mean consumption of the vehicle that the speed formulas describe; other types scale from it."""

_LEAST_KMH = 5.0
# Constant, per km/h of 1/V, per V, per V squared: expressway, arterial, branch; connectors as branches. (+)
_TERMS = np.array(
    [
        [0.247, 1.520, -0.004, 2.992e-5],
        [-0.179, 5.492, 0.004, 0.0],
        [0.210, 1.531, -0.001, 0.0],
        [0.210, 1.531, -0.001, 0.0],
    ]
)


def kwh_per_km(road_class: Array, speed_kmh: Array) -> Array:
    """Return the reference vehicle's consumption at 20 degrees Celsius (sim-3) [kWh/km].

    The coefficients are common in the literature on Chinese cities and not verified against a primary
    source. Speeds count from 5 km/h on, and up to 130 km/h.
    """
    v = np.clip(speed_kmh, _LEAST_KMH, 130.0)
    constant, inverse, linear, square = _TERMS[road_class].T
    per_km: Array = constant + inverse / v + linear * v + square * v * v
    return np.maximum(per_km, 0.05)


def temperature_factor(temperature_c: float) -> float:
    """Return consumption relative to that at 20 degrees Celsius (sim-4).

    Heating adds 1.2 % a degree below 20, cooling 0.6 % above 24; neither is
    verified against a primary source.
    """
    return 1.0 + 0.012 * max(20.0 - temperature_c, 0.0) + 0.006 * max(temperature_c - 24.0, 0.0)


def link_kwh(roads: Roads, time_min: Array, temperature_c: float) -> Array:
    """Return the energy that the reference vehicle needs on each link [kWh], shape (links,)."""
    per_km = kwh_per_km(roads.road_class, speeds_kmh(roads, time_min))
    energy: Array = roads.length_km * per_km * temperature_factor(temperature_c)
    return energy


class ChargingDecision(Protocol):
    """What a model of the decision to charge has to offer."""

    def wants(self, soc: Array, soc_at_destination: Array, threshold_soc: Array) -> Array:
        """Return whether each driver looks for a station now.

        Parameters
        ----------
        soc : array, shape (drivers,)
            State of charge now, 0..1.
        soc_at_destination : array, shape (drivers,)
            What it would be at the destination; negative where it does not suffice.
        threshold_soc : array, shape (drivers,)
            Each driver's own threshold.

        Returns
        -------
        array of bool, shape (drivers,)
        """


@dataclass(frozen=True, slots=True)
class Threshold:
    """Charge where the battery would be below the driver's own threshold at the destination (sim-5)."""

    def wants(self, soc: Array, soc_at_destination: Array, threshold_soc: Array) -> Array:
        """Return whether the battery would end below the threshold; an insufficient charge always does."""
        below: Array = soc_at_destination < threshold_soc
        return below
